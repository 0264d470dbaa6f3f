"""Streams: header, stanzas, malformed input, and the end; cut anywhere; dead after an error."""

from __future__ import annotations

from functools import partial
from typing import Any
from xml.parsers.expat import ParserCreate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.counting import calls
from tests.codec.readers import bytewise, feed, header
from tests.one_test import in_one_test
from xmpp_im_core.codec import (
    COMPONENT,
    SERVER,
    BadFormat,
    CodecError,
    InvalidNamespace,
    Limits,
    NonStanza,
    NotWellFormed,
    RestrictedXML,
    StreamClosed,
    StreamEvent,
    StreamOpened,
    StreamParser,
    TooLarge,
    stream_parser,
    write_element,
    write_stanza,
)
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.stanza import CLIENT, IQ, Message, Presence, Stanza, payload
from xmpp_im_core.testing.value_strategies import elements, stanzas

BODY = element("body", CLIENT, {}, ["Wherefore art thou, Romeo?"])
CLOSE = b"</stream:stream>"


def opened(*pieces: bytes, namespace: str = CLIENT) -> list[StreamEvent]:
    return feed(StreamParser(namespace), pieces)


# --- the header (RFC 6120 §4.7, §4.8) -----------------------------------------------------------------------


def test_the_header_opens_the_stream() -> None:
    data = (
        b"<?xml version='1.0'?>"
        b"<stream:stream from='juliet@im.example.com' to='im.example.com' version='1.0' id='++TR84Sm6A' xml:lang='en'"
        b" xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    )

    assert opened(data) == [
        StreamOpened(parse_address("im.example.com"), parse_address("juliet@im.example.com"), "++TR84Sm6A", "1.0", "en")
    ]


def test_a_header_may_say_nothing() -> None:
    assert opened(header()) == [StreamOpened()]


def test_a_malformed_address_in_the_header_is_kept() -> None:
    assert opened(header(attributes="from='juliet@@im.example.com'")) == [
        StreamOpened(None, parse_address("juliet@@im.example.com"))
    ]


def test_prefix_free_canonicalization_means_the_same() -> None:
    data = (
        b"<stream xmlns='http://etherx.jabber.org/streams' xml:lang='en'>"
        b"<message xmlns='jabber:client'><body>Wherefore art thou, Romeo?</body></message></stream>"
    )

    assert opened(data) == [
        StreamOpened(lang="en"),
        Message(lang="en", payload=payload(BODY)),
        StreamClosed(),
    ]


def test_other_prefixes_mean_the_same() -> None:
    data = (
        b"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>"
        b"<c:message><c:body>Wherefore art thou, Romeo?</c:body></c:message></s:stream>"
    )

    assert opened(data) == [StreamOpened(), Message(payload=payload(BODY)), StreamClosed()]


@in_one_test(
    ("data", "error"),
    [
        (b"<stream xmlns='http://wrong.namespace.example.org/'>", InvalidNamespace),
        (b"<s:stream xmlns='jabber:client' xmlns:s='http://wrong.namespace.example.org/'>", InvalidNamespace),
        (b"<stream>", InvalidNamespace),
        (b"<stream xmlns='jabber:client'>", InvalidNamespace),
        (header("jabber:server"), InvalidNamespace),
        (header("jabber:wrong"), InvalidNamespace),
        (header().replace(b"stream:stream", b"stream:features"), BadFormat),
        (b"<message xmlns='jabber:client'/>", InvalidNamespace),
    ],
)
def test_a_header_of_another_stream_is_refused(data: bytes, error: type[CodecError]) -> None:
    with pytest.raises(CodecError) as caught:
        opened(data)

    assert type(caught.value) is error


# --- what comes in a stream ---------------------------------------------------------------------------------

CONVERSATION = (
    header(attributes="xml:lang='en' to='im.example.com'")
    + "<message to='romeo@example.net' xml:lang='cs'><body>Proč jsi ty, Romeo? &amp; 🌹</body></message>".encode()
    + b"\n \t<presence><show>dnd</show><priority>1</priority></presence> "
    + b"<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>"
    + b"<r xmlns='urn:xmpp:sm:3'/><stream:features/>"
    + CLOSE
    + b"\n"
)
EVENTS: list[StreamEvent] = [
    StreamOpened(parse_address("im.example.com"), lang="en"),
    Message(
        parse_address("romeo@example.net"),
        lang="cs",
        payload=payload(element("body", CLIENT, {}, ["Proč jsi ty, Romeo? & 🌹"])),
    ),
    Presence(
        lang="en",
        payload=payload(element("show", CLIENT, {}, ["dnd"]), element("priority", CLIENT, {}, ["1"])),
    ),
    IQ(None, None, "1", "get", "en", payload(element("query", "jabber:iq:roster"))),
    NonStanza(element("r", "urn:xmpp:sm:3")),
    NonStanza(element("features", "http://etherx.jabber.org/streams")),
    StreamClosed(),
]


def test_a_conversation() -> None:
    assert opened(CONVERSATION) == EVENTS


@in_one_test("size", [1, 2, 3, 7, 64])
def test_pieces_of_any_size_bring_the_same(size: int) -> None:
    pieces = [CONVERSATION[at : at + size] for at in range(0, len(CONVERSATION), size)]

    assert opened(*pieces) == EVENTS


def test_a_cut_at_any_byte_brings_the_same() -> None:
    for at in range(len(CONVERSATION) + 1):
        assert opened(CONVERSATION[:at], CONVERSATION[at:]) == EVENTS


def test_each_stanza_is_there_with_its_last_byte() -> None:
    # Newer versions of expat put a tag off that comes in two pieces, unless they are told not to.
    parser = StreamParser()
    when = [at for at, byte in enumerate(bytewise(CONVERSATION), 1) if parser.feed(byte)]

    ends = [
        b"'im.example.com'>",
        b"</message>",
        b"</presence>",
        b"</iq>",
        b"sm:3'/>",
        b"<stream:features/>",
        CLOSE,
    ]
    assert when == [CONVERSATION.index(end) + len(end) for end in ends]


def test_a_parser_that_rests_wherever_it_can_brings_the_same() -> None:
    parser = StreamParser()
    events: list[StreamEvent] = []
    rested = set()
    for at, byte in enumerate(bytewise(CONVERSATION), 1):
        events += parser.feed(byte)
        if parser.rest():
            rested.add(CONVERSATION[:at].rpartition(b"<")[2])

    assert events == EVENTS
    assert {
        b"stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
        b"xml:lang='en' to='im.example.com'>",
        b"/message>",
        b"/message>\n \t",
        b"/presence>",
        b"/iq>",
        b"r xmlns='urn:xmpp:sm:3'/>",
        b"stream:features/>",
    } <= rested


@in_one_test("fed", [b"", b"<stream:stream ", header() + b"<message>", header() + b"<", header() + CLOSE], ids=repr)
def test_a_parser_rests_between_stanzas_only(fed: bytes) -> None:
    parser = StreamParser()
    parser.feed(fed)

    assert not parser.rest()


def test_a_parser_does_not_rest_after_an_error() -> None:
    parser = StreamParser()
    with pytest.raises(BadFormat):
        parser.feed(header() + b"<presence/>O Romeo")

    assert not parser.rest()


def test_a_resting_parser_refuses_what_another_one_refuses() -> None:
    parser = StreamParser()
    parser.feed(header())

    assert parser.rest()
    assert parser.rest()
    assert parser.feed(b"") == ()
    with pytest.raises(NotWellFormed):
        parser.feed(b"</message>")


@in_one_test(
    "fed, between",
    [
        (b"", True),
        (b"<presence/>", True),
        (b"<presence/> <message/>\n", True),
        (b"<presence/><mess", False),
        (b"<presence>", False),
        (b"<message><body>\xe2\x99", False),
        (b"<presence/>\xe2", False),
        (b"<message a='" + b"x" * 2000, False),
        (b"</stream:stream>", False),
    ],
)
def test_a_parser_tells_whether_the_bytes_end_between_stanzas(fed: bytes, between: bool) -> None:
    parser = StreamParser()
    assert parser.between is False
    parser.feed(header())
    parser.feed(fed)
    assert parser.between is between


def test_after_an_error_a_parser_is_nowhere() -> None:
    parser = StreamParser()
    parser.feed(header())
    with pytest.raises(CodecError):
        parser.feed(b"<presence/>x")
    assert parser.between is False


def test_empty_input_gives_no_event() -> None:
    assert StreamParser().feed(b"") == ()
    assert opened(header(), b"", b" ", b"\n") == [StreamOpened()]


@given(st.lists(stanzas() | elements(["urn:a", ""]), max_size=4), st.integers(1, 40))
def test_what_was_written_is_read_in_any_pieces(sent: list[Stanza | Element], size: int) -> None:
    data = header() + b"".join(
        [write_element(each) if isinstance(each, Element) else write_stanza(each) for each in sent]
    )

    events = opened(*[data[at : at + size] for at in range(0, len(data), size)])

    assert events[1:] == [NonStanza(each) if isinstance(each, Element) else each for each in sent]


# --- xml:lang (RFC 6120 §8.1.5) -----------------------------------------------------------------------------


@in_one_test(
    ("stream", "stanza", "language"),
    [
        ("xml:lang='en'", "", "en"),
        ("xml:lang='en'", "xml:lang='cs'", "cs"),
        ("xml:lang='en'", "xml:lang=''", ""),
        ("", "", None),
        ("", "xml:lang='cs'", "cs"),
        ("lang='en'", "", None),
    ],
)
@in_one_test("kind", ["message", "presence", "iq"])
def test_a_stanza_without_a_language_gets_that_of_its_stream(
    kind: str, stream: str, stanza: str, language: str | None
) -> None:
    _, read = opened(header(attributes=stream), f"<{kind} {stanza}/>".encode())

    assert isinstance(read, Stanza)
    assert read.lang == language


def test_children_keep_their_own_language_or_none() -> None:
    data = b"<presence><status>Wooing Juliet</status><status xml:lang='cs'>Miluji</status></presence>"

    _, read = opened(header(attributes="xml:lang='en'"), data)

    assert isinstance(read, Presence)
    assert [status.get("{http://www.w3.org/XML/1998/namespace}lang") for status in read.payload.elements] == [
        None,
        "cs",
    ]


# --- what is no stanza (RFC 6120 §4.8.4) --------------------------------------------------------------------


def test_a_message_in_a_foreign_namespace_is_no_message() -> None:
    data = b"<ns2:message xmlns:ns2='http://example.org/ns2' to='juliet@example.com'><body>hi</body></ns2:message>"

    assert opened(header(), data)[1:] == [
        NonStanza(
            element(
                "message",
                "http://example.org/ns2",
                {"to": "juliet@example.com"},
                [element("body", CLIENT, {}, ["hi"])],
            )
        )
    ]


def test_a_message_in_no_namespace_is_no_message() -> None:
    assert opened(header(), b"<message xmlns=''/>")[1:] == [NonStanza(element("message", ""))]


@pytest.mark.parametrize(("stream", "stanza"), [(CLIENT, SERVER), (SERVER, CLIENT), (CLIENT, COMPONENT)])
def test_a_stanza_of_another_kind_of_stream_closes_this_one(stream: str, stanza: str) -> None:
    parser = StreamParser(stream)
    parser.feed(header(stream))

    with pytest.raises(InvalidNamespace):
        parser.feed(f"<message xmlns='{stanza}'>".encode())


def test_a_component_shakes_hands_in_its_content_namespace() -> None:
    assert opened(header(COMPONENT), b"<handshake/>", namespace=COMPONENT)[1:] == [
        NonStanza(element("handshake", CLIENT))
    ]


@in_one_test("text", [b"O Romeo", b" \n.", b"&#160;", b"<![CDATA[a]]>", b"\xef\xbb\xbf"])
@in_one_test("behind", [b"", b"<presence/>", CLOSE])
def test_between_stanzas_only_whitespace_may_stand(text: bytes, behind: bytes) -> None:
    parser = StreamParser()
    parser.feed(header() + b"<presence/> ")

    with pytest.raises(BadFormat):
        parser.feed(text + behind)


@in_one_test("more", [b"<presence/>", b"O Romeo", header(), b"\0"])
def test_nothing_may_follow_the_end_of_a_stream(more: bytes) -> None:
    parser = StreamParser()
    parser.feed(header() + CLOSE + b" \n")

    with pytest.raises(NotWellFormed):
        parser.feed(more)


# --- after an error -----------------------------------------------------------------------------------------


def test_an_error_is_raised_at_once_with_what_came_before_it() -> None:
    parser = StreamParser()

    with pytest.raises(RestrictedXML) as caught:
        parser.feed(header() + b"<presence/><message><!-- O Romeo -->")

    assert caught.value.before == (StreamOpened(), Presence())


def test_what_an_earlier_call_returned_is_not_before_the_error_again() -> None:
    parser = StreamParser()
    parser.feed(header() + b"<presence/>")

    parser.feed(b"<iq/><!--")
    with pytest.raises(RestrictedXML) as caught:
        parser.feed(b" -->")

    assert caught.value.before == ()


@in_one_test(
    ("attack", "error"),
    [
        (b"<!-- O Romeo -->", RestrictedXML),
        (b"</message>", NotWellFormed),
        (b"O Romeo", BadFormat),
        (b"<message xmlns='jabber:server'>", InvalidNamespace),
        (b"<message id='" + b"a" * 1000, TooLarge),
    ],
)
@in_one_test("after", [b"", b"<presence/>", CLOSE, b"-->"])
def test_the_parser_is_dead_after_an_error(attack: bytes, error: type[CodecError], after: bytes) -> None:
    parser = StreamParser(limits=Limits(stanza_bytes=500))
    parser.feed(header())
    with pytest.raises(error) as first:
        parser.feed(b"<presence/>" + attack)

    for _ in range(2):
        with pytest.raises(error) as again:
            parser.feed(after)

        assert str(again.value) == str(first.value)
        assert again.value.before == ()
    assert first.value.before == (Presence(),)


def test_parsers_know_nothing_of_each_other() -> None:
    dead, alive = StreamParser(), StreamParser()
    alive.feed(header() + b"<message><bo")
    with pytest.raises(NotWellFormed):
        dead.feed(header() + b"</a>")

    assert alive.feed(b"dy>Wherefore art thou, Romeo?</body></message>") == (Message(payload=payload(BODY)),)


class Deferring:
    """An expat of 2.6 or newer: it can be told not to defer, and is like any other apart from that."""

    def __init__(self, parser: Any, told: list[bool]) -> None:
        self.__dict__.update(parser=parser, told=told)

    def SetReparseDeferralEnabled(self, enabled: bool) -> None:
        self.told.append(enabled)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["parser"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["parser"], name, value)


def test_an_expat_that_defers_is_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a stanza that comes in pieces is reported with the one after it."""
    told: list[bool] = []
    make = ParserCreate
    monkeypatch.setattr(stream_parser, "ParserCreate", lambda *args: Deferring(make(*args), told))

    StreamParser()

    assert told == [False]


# --- the short way ------------------------------------------------------------------------------------------


def test_whole_stanzas_that_follow_whole_stanzas_are_fed_without_care() -> None:
    parser, stanza = StreamParser(limits=Limits(stanza_bytes=300)), b"<message><body>Soft!</body></message>"

    def care(data: bytes) -> int:
        return calls(partial(parser.feed, data), vars(StreamParser)["_feed_with_care"])

    assert care(header()) == 1
    assert [care(data) for data in (stanza, b" ", b"", stanza * 2, stanza)] == [0, 0, 0, 0, 0]
    for first, rest in (
        (b"<mess", b"age/>"),
        (b"<message>", b"</message>"),
        (b"<presence/><iq", b"/>"),
        (b"<message><body>\xe2", b"\x98\x81</body></message>"),
    ):
        assert care(first) == (not first.isascii())
        assert [care(data) for data in (rest, stanza)] == [1, 0]
    assert care(b" " * 301) == 1
    assert parser.rest()
    assert [care(data) for data in (stanza, stanza)] == [1, 0]
