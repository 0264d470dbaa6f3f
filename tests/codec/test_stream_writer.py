"""What a stream has besides its stanzas: header, features, errors, closing tag (RFC 6120 §4.2 to §4.9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from xmpp_im_core.codec import (
    CLOSING,
    COMPONENT,
    SERVER,
    STREAM_CONDITIONS,
    STREAM_ERRORS,
    STREAMS,
    NonStanza,
    StreamClosed,
    StreamEvent,
    StreamOpened,
    StreamParser,
    Unwritable,
    write_features,
    write_stanza,
    write_stream_error,
    write_stream_header,
)
from xmpp_im_core.element import XML_LANG, Element, element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import DEFAULT
from xmpp_im_core.server import stream_features
from xmpp_im_core.stanza import CLIENT, Presence

NAMESPACES = [CLIENT, SERVER, COMPONENT]


def read(*pieces: bytes, namespace: str = CLIENT) -> list[StreamEvent]:
    parser = StreamParser(namespace)
    return [event for piece in pieces for event in parser.feed(piece)]


def first_level(written: bytes, namespace: str = CLIENT) -> Element:
    _, event = read(write_stream_header(namespace), written, namespace=namespace)
    assert isinstance(event, NonStanza)
    return event.element


# --- the header ---------------------------------------------------------------------------------------------


def test_a_header_as_it_stands() -> None:
    written = write_stream_header(from_="montague.example", to="romeo@montague.example", id="i1", lang="en")

    assert written == (
        b"<?xml version='1.0'?>"
        b'<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams"'
        b' from="montague.example" to="romeo@montague.example" id="i1" xml:lang="en" version="1.0">'
    )


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_whole_stream_is_read_as_it_was_written(namespace: str) -> None:
    header = write_stream_header(namespace, from_="a.example", id="i1", lang="it")

    events = read(header, write_stanza(Presence(), namespace), CLOSING, namespace=namespace)

    assert events == [
        StreamOpened(None, parse_address("a.example"), "i1", "1.0", "it"),
        Presence(lang="it"),
        StreamClosed(),
    ]


def test_what_is_not_given_is_not_written() -> None:
    assert read(write_stream_header(COMPONENT, version=None), namespace=COMPONENT) == [StreamOpened()]


@given(st.text(st.characters(codec="utf-8", min_codepoint=32, exclude_characters="\ufffe\uffff")))
def test_every_text_survives_in_an_attribute(text: str) -> None:
    (opened,) = read(write_stream_header(id=text))

    assert isinstance(opened, StreamOpened)
    assert opened.id == text


def test_no_attribute_ends_its_tag() -> None:
    odd = '"\'><x a="&amp;\t\r\n'

    (opened,) = read(write_stream_header(from_=odd, to=odd, id=odd, lang=odd))

    assert isinstance(opened, StreamOpened)
    assert (opened.id, opened.lang) == (odd, odd)


@in_one_test("namespace", ["", STREAMS, "urn:x", "jabber:client' x='"])
def test_a_stream_of_another_namespace_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        write_stream_header(namespace)


# --- features -----------------------------------------------------------------------------------------------


def test_features_as_they_stand() -> None:
    assert write_features(stream_features(DEFAULT)) == (
        b'<stream:features><ver xmlns="urn:xmpp:features:rosterver"/>'
        b'<sub xmlns="urn:xmpp:features:pre-approval"/></stream:features>'
    )


@in_one_test("namespace", NAMESPACES)
@in_one_test("features", [(), stream_features(DEFAULT), (element("x", CLIENT, {"a": '"'}, ["<"]),)])
def test_features_are_read_as_they_were_written(features: tuple[Element, ...], namespace: str) -> None:
    assert first_level(write_features(features, namespace), namespace) == element("features", STREAMS, {}, features)


# --- errors -------------------------------------------------------------------------------------------------


def test_an_error_as_it_stands() -> None:
    assert write_stream_error("conflict") == (
        b'<stream:error><conflict xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error>'
    )


@in_one_test("condition", sorted(STREAM_CONDITIONS - {"see-other-host"}))
def test_every_condition_is_written_with_its_text_and_that_of_the_application(condition: str) -> None:
    own = element("too-many", "urn:x", {}, ["3 < 4"])

    error = first_level(write_stream_error(condition, text="Fie & fie!", lang="en-GB", application=own))

    assert error == element(
        "error",
        STREAMS,
        {},
        [element(condition, STREAM_ERRORS), element("text", STREAM_ERRORS, {XML_LANG: "en-GB"}, ["Fie & fie!"]), own],
    )


def test_another_host_is_named_where_the_client_is_sent_there() -> None:
    error = first_level(write_stream_error("see-other-host", host="[2001:41D0:1:A49b::1]:9222"))

    assert error.elements == (element("see-other-host", STREAM_ERRORS, {}, ["[2001:41D0:1:A49b::1]:9222"]),)


@in_one_test("condition", ["", "item-not-found", "Conflict", "conflict/><x", "text"])
def test_a_condition_that_is_not_defined_is_refused(condition: str) -> None:
    with pytest.raises(ValueError, match="condition"):
        write_stream_error(condition)


@pytest.mark.parametrize(("condition", "host"), [("see-other-host", None), ("conflict", "a.example")])
def test_a_host_belongs_to_one_condition(condition: str, host: str | None) -> None:
    with pytest.raises(ValueError, match="host"):
        write_stream_error(condition, host=host)


def test_a_condition_of_an_application_is_in_its_own_namespace() -> None:
    with pytest.raises(ValueError, match="application"):
        write_stream_error("conflict", application=element("own", STREAM_ERRORS))
    with pytest.raises(Unwritable):
        write_stream_error("conflict", application=element("no name", "urn:x"))
