"""Content namespaces: jabber:client inside, the stream's outside (RFC 6120 §4.8.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codec.readers import Reader, every_reader
from tests.one_test import in_one_test
from xmpp_im_core.codec import (
    COMPONENT,
    SERVER,
    STREAMS,
    InvalidNamespace,
    NonStanza,
    StreamParser,
    parse_element,
    parse_stanza,
    write_element,
    write_stanza,
)
from xmpp_im_core.codec.namespaces import rescope
from xmpp_im_core.element import Element, element
from xmpp_im_core.stanza import CLIENT, IQ, STANZAS, Message, Presence, Stanza, payload
from xmpp_im_core.testing.value_strategies import elements, stanzas

BODY = element("body", CLIENT, {}, ["hi"])
FORWARD = "urn:xmpp:forward:0"


@every_reader
@in_one_test("namespace", [CLIENT, SERVER, COMPONENT])
def test_a_stanza_is_read_into_jabber_client(read: Reader, namespace: str) -> None:
    assert read(b"<message><body>hi</body></message>", namespace) == Message(payload=payload(BODY))


@every_reader
def test_a_prefix_changes_nothing(read: Reader) -> None:
    data = b"<s:message xmlns:s='jabber:server'><s:body>hi</s:body></s:message>"

    assert read(data, SERVER) == Message(payload=payload(BODY))


@every_reader
def test_the_chain_goes_down_as_far_as_the_content_namespace_does(read: Reader) -> None:
    data = f"<message type='error'><error><gone xmlns='{STANZAS}'/><x><y/></x></error></message>".encode()

    assert read(data, SERVER).payload == payload(
        element(
            "error",
            CLIENT,
            {},
            [element("gone", STANZAS), element("x", CLIENT, {}, [element("y", CLIENT)])],
        )
    )


@every_reader
@in_one_test("inner", [CLIENT, SERVER])
def test_the_rule_does_not_apply_below_another_namespace(read: Reader, inner: str) -> None:
    forwarded = f"<forwarded xmlns='{FORWARD}'><message xmlns='{inner}'><body>hi</body></message></forwarded>"

    assert read(f"<message>{forwarded}</message>".encode(), SERVER).payload == payload(
        element("forwarded", FORWARD, {}, [element("message", inner, {}, [element("body", inner, {}, ["hi"])])])
    )


def test_content_below_another_namespace_is_written_unchanged() -> None:
    forwarded = element("forwarded", FORWARD, {}, [element("message", CLIENT, {}, [BODY])])

    assert write_stanza(Message(payload=payload(forwarded)), SERVER) == (
        b'<message><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client"><body>hi</body></message>'
        b"</forwarded></message>"
    )


@every_reader
def test_a_child_in_the_namespace_of_another_kind_of_stream_is_not_content(read: Reader) -> None:
    stanza = read(b"<message><body xmlns='jabber:server'>hi</body></message>")

    assert stanza.payload.first("body") is None
    assert stanza.payload == payload(element("body", SERVER, {}, ["hi"]))


@pytest.mark.parametrize("namespace", [SERVER, COMPONENT])
def test_such_a_child_is_not_content_in_a_stream_of_that_kind_either(namespace: str) -> None:
    smuggled = parse_stanza(f"<message><body xmlns='{namespace}'>hi</body></message>")

    written = write_stanza(smuggled, namespace)

    assert written == b'<message><body xmlns="jabber:client">hi</body></message>'
    assert parse_stanza(written, namespace) == smuggled


@every_reader
def test_a_child_in_jabber_client_from_a_server_is_not_content(read: Reader) -> None:
    stanza = read(b"<message><body xmlns='jabber:client'>hi</body></message>", SERVER)

    assert stanza.payload.first("body") is None


@every_reader
def test_a_child_in_no_namespace_does_not_belong_to_the_stream(read: Reader) -> None:
    stanza = read(b"<message><body xmlns=''>hi<x/></body></message>", SERVER)

    assert stanza.payload == payload(element("body", "", {}, ["hi", element("x", "")]))


def test_an_element_that_declares_nothing_is_in_the_namespace_of_the_stream() -> None:
    assert parse_element("<a><b/></a>") == element("a", CLIENT, {}, [element("b", CLIENT)])
    assert parse_element("<a xmlns=''><b/></a>") == element("a", "", {}, [element("b", "")])
    assert parse_element("<x:a xmlns:x='urn:x'><b/></x:a>") == element("a", "urn:x", {}, [element("b", CLIENT)])
    assert parse_element("<a xmlns='urn:x'><b xmlns=''/></a>") == element("a", "urn:x", {}, [element("b", "")])
    assert parse_element("<a><b xmlns='urn:x'/><c/></a>") == element(
        "a", CLIENT, {}, [element("b", "urn:x"), element("c", CLIENT)]
    )


@given(elements(), st.sampled_from([SERVER, COMPONENT]))
def test_rescoping_back_gives_the_same_element(tree: Element, namespace: str) -> None:
    assert rescope(rescope(tree, CLIENT, namespace), namespace, CLIENT) == tree


@given(stanzas(), st.permutations([CLIENT, SERVER, COMPONENT]))
def test_a_stanza_that_passes_through_every_kind_of_stream_is_the_same(stanza: Stanza, streams: list[str]) -> None:
    passed = stanza
    for namespace in streams:
        passed = parse_stanza(write_stanza(passed, namespace), namespace)

    assert passed == stanza


@given(elements())
def test_nothing_but_namespaces_is_changed(tree: Element) -> None:
    def bare(element_: Element) -> object:
        children = [child if isinstance(child, str) else bare(child) for child in element_.children]
        return element_.name, element_.attributes, children

    assert bare(rescope(tree, CLIENT, SERVER)) == bare(tree)
    assert bare(parse_element(write_element(tree, SERVER), SERVER)) == bare(tree)


def parsed(namespace: str, also: tuple[str, ...], *stanzas: str) -> tuple[list[object], int]:
    """Read stanzas on a stream; return them, and how many were in other namespaces."""
    parser = StreamParser(namespace, also=also)
    header = f"<stream:stream xmlns='{namespace}' xmlns:stream='{STREAMS}'>"
    events = [event for text in (header, *stanzas) for event in parser.feed(text.encode())]
    return list(events[1:]), parser.in_others


@in_one_test("other", [CLIENT, SERVER])
def test_a_component_may_read_stanzas_in_other_namespaces_too(other: str) -> None:
    error = f"<error type='cancel'><gone xmlns='{STANZAS}'/></error>"
    texts = [f"<message xmlns='{other}'><body>hi</body></message>", "<presence/>", f"<iq xmlns='{other}'>{error}</iq>"]

    events, number = parsed(COMPONENT, (CLIENT, SERVER), *texts)

    gone = element("gone", STANZAS)
    assert events == [
        Message(payload=payload(BODY)),
        Presence(),
        IQ(payload=payload(element("error", CLIENT, {"type": "cancel"}, [gone]))),
    ]
    assert number == 2


def test_a_namespace_that_is_not_allowed_stays_refused() -> None:
    with pytest.raises(InvalidNamespace):
        parsed(COMPONENT, (CLIENT,), "<message xmlns='jabber:server'/>")
    with pytest.raises(InvalidNamespace):
        parsed(COMPONENT, (), "<message xmlns='jabber:client'/>")


def test_an_element_in_another_namespace_that_is_no_stanza_is_read() -> None:
    events, number = parsed(COMPONENT, (CLIENT,), "<handshake xmlns='jabber:client'/>", "<message/>")

    assert events == [NonStanza(element("handshake", CLIENT)), Message()]
    assert number == 1
