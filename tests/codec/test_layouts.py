"""The order of attributes in a tag is remembered for the next tags, and nothing shows that but the time."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from tests.codec.readers import feed, header
from xmpp_im_core.codec import StreamParser, parse_stanza
from xmpp_im_core.codec.layouts import ElementLayouts, HeaderLayouts
from xmpp_im_core.codec.parser_common import Names
from xmpp_im_core.element import Element
from xmpp_im_core.jid import cached_address, parse_address
from xmpp_im_core.stanza import Stanza

ATTRIBUTES: Final = ["a", "b", "to", "from", "id", "type", "xml:lang", "xml:id", "n:a", "n:to", "m:a", "lang"]


@st.composite
def tags(draw: st.DrawFn, name: str) -> str:
    """The inside of an opening tag: some attributes in any order."""
    names = draw(st.permutations(ATTRIBUTES))[: draw(st.integers(0, 6))]
    values = [draw(st.sampled_from(["", "x", "urn:y", "a@b/c"])) for _ in names]
    prefixes = draw(st.sampled_from([" xmlns:n='urn:n' xmlns:m='urn:m'", " xmlns:n='urn:o' xmlns:m='urn:n'"]))
    attributes = "".join([f" {name}='{value}'" for name, value in zip(names, values, strict=True)])
    return f"{name}{attributes}{prefixes}"


@given(st.lists(st.tuples(tags("message"), st.lists(tags("x"), max_size=3)), min_size=1, max_size=4))
def test_what_other_tags_have_had_changes_no_attribute(drawn: list[tuple[str, list[str]]]) -> None:
    """RFC 6120 §8.1; XML 1.0 §3.1: the order of attributes in a tag has no meaning."""
    texts = [f"<{root}>{''.join([f'<{child}/>' for child in inside])}</message>".encode() for root, inside in drawn]
    parser = StreamParser()
    parser.feed(header())

    for _ in range(2):  # the layouts are new in the first round, and known in the second
        assert feed(parser, texts) == [parse_stanza(text) for text in texts]


def test_the_last_attribute_does_not_stand_for_one_that_is_absent() -> None:
    """RFC 6120 §8.1: each of these attributes may be absent."""
    parser = StreamParser()
    parser.feed(header())

    for attribute in ("to", "from", "id", "type", "xml:lang", "x"):
        (stanza,) = parser.feed(f"<message {attribute}='a'/>".encode())
        assert isinstance(stanza, Stanza)
        assert stanza == parse_stanza(f"<message {attribute}='a'/>")
        assert [stanza.to, stanza.from_, stanza.id, stanza.type, stanza.lang].count(None) == (
            5 if attribute == "x" else 4
        )


def test_only_so_many_layouts_are_kept_as_a_well_meaning_peer_uses() -> None:
    """RFC 6120 §13.12: what a peer makes an entity keep is bounded."""
    elements, headers = ElementLayouts(Names(lambda raw: ("", raw))), HeaderLayouts("lang")

    for layouts in (elements, headers):
        for number in range(1_000):
            _ = layouts[f"a{number}", "b"]
        for long in (("a" * 200,), tuple([f"a{number}" for number in range(20)])):
            _ = layouts[long]
            assert long not in layouts

        assert len(layouts) == 128
        assert sum([len(name) for layout in layouts for name in layout]) < 128 * 128


def test_attributes_are_sorted_in_whatever_order_they_come() -> None:
    """XML 1.0 §3.1: the order of attributes in a tag has no meaning, so equal elements have them in one order."""
    parser = StreamParser()
    parser.feed(header())
    read: list[Element | str] = []
    for order in ("a='1' b='2' c='3'", "c='3' a='1' b='2'", "b='2' c='3' a='1'", "c='3' a='1' b='2'"):
        (stanza,) = parser.feed(f"<message><x {order}/></message>".encode())
        assert isinstance(stanza, Stanza)
        read += stanza.payload.children

    assert read == 4 * [Element("x", "jabber:client", (("a", "1"), ("b", "2"), ("c", "3")))]


def test_a_long_address_is_read_and_not_remembered() -> None:
    """RFC 6120 §13.12: a flood of long addresses must not fill the memory."""
    long = f"juliet@capulet.example/{'b' * 300}"
    parser = StreamParser()
    parser.feed(header())
    (before, _) = parser.feed(b"<message to='a@b.example' from='c@d.example'/>" * 2)
    kept = cached_address.cache_info().currsize

    (stanza,) = parser.feed(f"<message to='{long}' from='{long}x'/>".encode())

    assert isinstance(before, Stanza)
    assert isinstance(stanza, Stanza)
    assert (stanza.to, stanza.from_) == (parse_address(long), parse_address(f"{long}x"))
    assert cached_address.cache_info().currsize == kept
    assert before.to is cached_address("a@b.example")
