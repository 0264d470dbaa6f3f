"""A roster result that is written from the contacts, and the same result that is written from its elements."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_core.codec import parse_stanza, write_stanza
from xmpp_im_core.codec.namespaces import COMPONENT, SERVER
from xmpp_im_core.element import element
from xmpp_im_core.roster import ROSTER, Contact
from xmpp_im_core.roster_query import RosterQuery, roster_content
from xmpp_im_core.stanza import CLIENT, IQ, payload
from xmpp_im_core.subscription import Subscription

TEXTS: Final = st.text(st.sampled_from("ab&<>\"'\t\r\n \x00é🌹"), max_size=6)
CONTACTS: Final = st.builds(
    Contact,
    jid=TEXTS.map(lambda text: f"{text}@capulet.example"),
    state=st.sampled_from(Subscription),
    listed=st.booleans(),
    name=TEXTS,
    groups=st.lists(TEXTS, max_size=3).map(tuple),
    approved=st.booleans(),
)
ITEMS: Final = st.lists(CONTACTS, max_size=4).map(tuple)


@given(ITEMS, st.none() | TEXTS, st.sampled_from([CLIENT, SERVER, COMPONENT, ROSTER]))
def test_contacts_are_written_as_their_elements_are(
    items: tuple[Contact, ...], ver: str | None, namespace: str
) -> None:
    """RFC 6121 §2.1.2: the attributes and the groups of an item."""
    query = element("query", ROSTER, {} if ver is None else {"ver": ver}, [contact.item() for contact in items])
    built = IQ(None, None, "1", "result", None, payload(query))
    unbuilt = IQ(None, None, "1", "result", None, roster_content(items, ver))

    assert write_stanza(unbuilt, namespace) == write_stanza(built, namespace)
    assert unbuilt.payload.size() == built.payload.size()
    assert unbuilt == built


def test_a_result_is_written_without_building_its_elements() -> None:
    result = IQ(None, None, "1", "result", None, roster_content((Contact("romeo@montague.example"),), "r:1"))

    assert write_stanza(result) == (
        b'<iq id="1" type="result"><query xmlns="jabber:iq:roster" ver="r:1">'
        b'<item jid="romeo@montague.example" subscription="none"/></query></iq>'
    )
    assert isinstance(result.payload.unread, RosterQuery)


def test_a_roster_that_was_never_read_has_no_text() -> None:
    content = roster_content((Contact("romeo@montague.example"),), None)

    assert isinstance(content.unread, RosterQuery)
    assert content.unread.text() is None  # type: ignore[func-returns-value]  # that is the point


@pytest.mark.parametrize(
    ("name", "namespace"), [("query", "jabber:iq:last"), ("item", ROSTER), ("query", CLIENT)], ids=str
)
def test_a_result_has_nothing_but_the_query(name: str, namespace: str) -> None:
    content = roster_content((Contact("romeo@montague.example"),), None)

    assert content.first(name, namespace) is None
    assert not content.has(name, namespace)
    assert content.text_of(name, namespace) is None
    assert content.has("query", ROSTER)
    assert content.text_of("query", ROSTER) == ""
    assert content.namespaces() == {ROSTER}
    assert isinstance(content.unread, RosterQuery)
    assert content.first("query", ROSTER) == parse_stanza(write_stanza(IQ(payload=content))).payload.children[0]
