"""Stanzas that a node reads from queues: the text of their content is kept, and it is what the writer would write."""

from __future__ import annotations

import pytest
from hypothesis import given

from xmpp_im_core.codec import Unwritable, parse_stanza, write_stanza
from xmpp_im_core.snapshot.errors import Refused
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.testing.value_strategies import stanzas
from xmpp_im_host.cluster.stanza_reader import StanzaReader

READER = StanzaReader()


@given(stanzas())
def test_the_content_is_written_as_if_it_had_been_built(stanza: Stanza) -> None:
    try:
        text = write_stanza(stanza)
    except Unwritable:
        return
    found = READER.read(text)
    assert write_stanza(found) == text
    assert write_stanza(found, "jabber:server") == write_stanza(parse_stanza(text), "jabber:server")
    assert found.payload.children == parse_stanza(text).payload.children


KEPT = (
    '<message to="a@b" id="m1"><body>art thou not Romeo?</body></message>',
    '<message to="a@b"><body>&gt; &lt;/message&gt; "\'</body><x xmlns="urn:x" a="&quot;>"/></message>',
    '<presence from="a@b/&amp;&gt;c"><show>away</show>text</presence>',
)
OTHERS = (
    '<message to="a@b" id="1>2 &quot;"><body>x</body></message>',
    "<message id='1>\"2'><body>x</body></message>",
    "<message id='m1'><body>x</body></message>",
)
"""Texts in which the end of the opening tag is not found at the first look."""


@pytest.mark.parametrize("text", [*KEPT, *OTHERS])
def test_only_the_text_behind_the_opening_tag_is_kept(text: str) -> None:
    found = StanzaReader().read(text)
    assert found.payload.unread is not None
    kept = found.payload.cached_text
    assert (kept is not None) is (text in KEPT)
    assert kept in (None, found.payload.unread.text())
    assert write_stanza(found) == write_stanza(parse_stanza(text))


@pytest.mark.parametrize("text", ["<presence/>", '<presence id="1"></presence>', "<message xml:lang='en'/>"])
def test_a_stanza_without_content_stays_without(text: str) -> None:
    assert write_stanza(READER.read(text)) == write_stanza(parse_stanza(text))


def test_a_reader_goes_on_after_a_text_that_is_no_stanza() -> None:
    reader = StanzaReader()
    for bad in ("<message>", "<message/><message/>", "", "\ud800", '<message id="1'):
        with pytest.raises(Refused):
            reader.read(bad)
        assert write_stanza(reader.read(KEPT[0])).decode() == KEPT[0]
