"""A payload keeps its written text and its size: the work is done once, and nothing else shows it."""

from __future__ import annotations

import copy
import pickle
from typing import Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.client.counting import calls
from tests.one_test import in_one_test
from xmpp_im_core import stanza as stanza_module
from xmpp_im_core.codec import COMPONENT, SERVER, stanza_writer, write_element, write_fan_out, write_stanza
from xmpp_im_core.element import XML, Element, element, size
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.payload_cache import CACHED_TEXT_BYTES
from xmpp_im_core.stanza import CLIENT, Message, Payload, Presence, payload
from xmpp_im_core.testing.value_strategies import NAMESPACES, elements, texts

CONTENT: Final = [CLIENT, SERVER, COMPONENT]
SHOWN: Final = (
    element("show", CLIENT, {}, ["away"]),
    element("c", "http://jabber.org/protocol/caps", {"hash": "sha-1", "ver": "x"}),
)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Element]:
    """The elements that the writer has written."""
    found: list[Element] = []
    write_tree = stanza_writer.write_tree

    def counting(parts: list[str], tree: Element, scope: str | None) -> None:
        found.append(tree)
        write_tree(parts, tree, scope)

    monkeypatch.setattr(stanza_writer, "write_tree", counting)
    return found


def test_a_payload_that_goes_to_a_hundred_is_written_once(written: list[Element]) -> None:
    presence = Presence(payload=payload(*SHOWN))

    for number in range(100):
        write_stanza(presence.stamped(to=parse_address(f"user{number}@example.net")), CONTENT[number % 3])
    list(write_fan_out(presence, ["romeo@example.net"]))

    assert written == [*SHOWN]


def test_the_header_of_a_presence_that_goes_to_a_hundred_is_written_once() -> None:
    presence = Presence(None, parse_address("juliet@example.com/balcony"), "p1", None, "en", payload(*SHOWN))
    to_each = presence.to_each([address_to(number) for number in range(100)])

    def write() -> None:
        assert len({write_stanza(stanza) for stanza in to_each}) == 100

    assert calls(write, stanza_writer._rest) == 1


def address_to(number: int) -> Address:
    address = parse_address(f"user{number}@example.net")
    assert isinstance(address, Address)
    return address


JULIET_HERE = parse_address("juliet@example.com/balcony")
SENT = Presence(None, JULIET_HERE, "p1", None, "en", payload(*SHOWN), ())


@in_one_test(
    "other",
    [
        evolve(SENT, from_=parse_address("Juliet@example.com/balcony")),
        evolve(SENT, from_=None),
        evolve(SENT, id="<"),
        evolve(SENT, type="unavailable"),
        evolve(SENT, lang=None),
        evolve(SENT, attributes=(("a", "1"),)),
        Message(None, JULIET_HERE, "p1", None, "en", SENT.payload, ()),
    ],
)
@in_one_test("namespace", CONTENT)
def test_what_is_kept_of_a_stanza_is_not_used_for_another_one(other: Presence | Message, namespace: str) -> None:
    """The stanzas share a payload, and differ in one other thing."""
    fresh = write_stanza(evolve(other, payload=payload(*SHOWN)), namespace)

    write_stanza(SENT)

    assert write_stanza(other, namespace) == fresh


def test_what_is_kept_of_a_presence_is_not_used_for_another_content_namespace() -> None:
    presence, fresh = [evolve(SENT, payload=payload(element("x", SERVER))) for _ in range(2)]

    assert write_stanza(presence, CLIENT) != write_stanza(presence, SERVER) == write_stanza(fresh, SERVER)


def test_a_long_text_is_not_kept(written: list[Element]) -> None:
    long, short = [Message(payload=payload(element("body", CLIENT, {}, ["x" * n]))) for n in (CACHED_TEXT_BYTES, 4000)]

    for message in (long, short):
        assert write_stanza(message) == write_stanza(message)

    assert len(written) == 3


@in_one_test("namespace", [SERVER, COMPONENT])
@in_one_test(
    "child",
    [
        element("body", SERVER),
        element("body", COMPONENT),
        element("x", "urn:x", {}, [element("y", SERVER), element("y", COMPONENT), element("y", CLIENT)]),
        element("x", XML, {}, [element("y", CLIENT)]),
        element("x", "urn:x", {f"{{{SERVER}}}a": "1"}),
        element("body", CLIENT, {}, [f"What is {SERVER}?"]),
    ],
    ids=str,
)
def test_the_kept_text_is_not_used_where_another_content_namespace_changes_it(child: Element, namespace: str) -> None:
    """RFC 6120 §4.8.3: elements in the content namespace, and only they, are re-scoped."""
    message = Message(payload=payload(child))
    write_stanza(message)

    assert write_stanza(message, namespace) == whole(message.payload, namespace)


@given(
    st.lists(elements((*NAMESPACES, XML)) | texts(), max_size=3),
    st.lists(st.sampled_from(CONTENT), min_size=1, max_size=4),
)
def test_what_was_written_before_changes_nothing_that_is_written(
    children: list[Element | str], namespaces: list[str]
) -> None:
    message = Message(payload=payload(*children))

    for namespace in namespaces:
        assert write_stanza(message, namespace) == whole(message.payload, namespace)


def whole(content: Payload, namespace: str) -> bytes:
    """Write a message with this payload as an element, for which nothing is kept."""
    return write_element(element("message", CLIENT, {}, content.children), namespace)


def test_what_is_kept_is_not_observable() -> None:
    kept, fresh = payload(*SHOWN), payload(*SHOWN)

    write_stanza(Presence(payload=kept))
    kept.size()

    assert kept.cached_text is not None
    assert kept.cached_rest is not None
    assert kept.cached_size is not None
    assert kept == fresh
    assert hash(kept) == hash(fresh)
    assert repr(kept) == repr(fresh)
    assert pickle.dumps(kept) == pickle.dumps(fresh)
    for another in (copy.copy(kept), copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert another == kept
        assert another.cached_text is None
        assert another.cached_rest is None
        assert another.cached_size is None


def test_only_its_own_slots_are_empty() -> None:
    with pytest.raises(AttributeError, match="heard"):
        _ = payload().heard  # type: ignore[attr-defined]


def test_a_payload_that_goes_to_a_hundred_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Element | str] = []

    def counting(child: Element | str) -> int:
        measured.append(child)
        return size(child)

    monkeypatch.setattr(stanza_module, "size", counting)
    presence = Presence(payload=payload(*SHOWN))
    sizes = {presence.stamped(to=parse_address(f"user{number}@example.net")).size() for number in range(10, 100)}

    assert len(sizes) == 1
    assert measured == [*SHOWN]
