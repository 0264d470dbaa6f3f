"""Streams on WebSocket (RFC 7395): the same negotiation, in frames."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.xmpp_im_host.streams.conversation import BIND, EASY, ENABLE, PLAIN, SECURE, SETTINGS, Conversation, stanza_of
from xmpp_im_core.codec import parse_element
from xmpp_im_core.element import XML_LANG
from xmpp_im_host.streams import PasswordReceived, StanzaReceived, StreamEnded

OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='im.example.com' version='1.0' xml:lang='de'/>"
CLOSE = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"
CLOSED = '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>'
BOUND = BIND.replace("<iq ", "<iq xmlns='jabber:client' ")


def opened(number: int) -> str:
    return (
        f'<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" from="im.example.com" id="token-{number}" '
        'version="1.0" xml:lang="en"/>'
    )


class Frames(Conversation):
    """A conversation in frames."""

    def __init__(self, **options: object) -> None:
        super().__init__(evolve(SETTINGS), SECURE, websocket=True, **options)  # type: ignore[arg-type]

    def shows(self, *frames: str) -> list[str]:
        """Let the client send frames, and return those of the server. Each is a whole document."""
        for frame in frames:
            self.stream.receive(frame.encode())
        self.pump()
        answered = [frame.decode() for frame in self.stream.frames_to_send()]
        for frame in answered:
            parse_element(frame)
        return answered


def bound() -> Frames:
    talk = Frames()
    talk.shows(OPEN, PLAIN, OPEN, BOUND)
    assert talk.stream.jid is not None
    return talk


def error(condition: str, text: str) -> str:
    return (
        f'<stream:error xmlns:stream="http://etherx.jabber.org/streams"><{condition} '
        'xmlns="urn:ietf:params:xml:ns:xmpp-streams"/><text xmlns="urn:ietf:params:xml:ns:xmpp-streams" '
        f'xml:lang="en">{text}</text></stream:error>'
    )


def test_the_conversation() -> None:
    talk = Frames()
    header, features = talk.shows(OPEN)
    assert header == opened(1)
    assert features.startswith('<stream:features xmlns:stream="http://etherx.jabber.org/streams"><mechanisms ')
    assert "starttls" not in features
    assert talk.shows(PLAIN) == ['<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>']
    header, features = talk.shows(OPEN)
    assert header == opened(2)
    assert "xmpp-bind" in features
    (result,) = talk.shows(BOUND)
    assert result.startswith('<iq xmlns="jabber:client" id="b" type="result"><bind ')
    assert talk.shows("<message xmlns='jabber:client'><body>hi</body></message>") == []
    stanza = talk.of(StanzaReceived)[0].stanza
    assert stanza.lang == "de"
    assert stanza.payload.first("body") is not None
    talk.stream.send(stanza_of("<message><body>x</body></message>"))
    assert talk.shows(CLOSE) == ['<message xmlns="jabber:client"><body>x</body></message>', CLOSED]
    assert talk.last(StreamEnded) == StreamEnded(by_peer=True)


def test_all_frames_may_come_at_once() -> None:
    talk = Frames()
    talk.shows(OPEN, PLAIN, OPEN, BOUND, "<message/>", ENABLE, "<presence xml:lang='fr'/>")
    assert [(event.stanza.KIND, event.stanza.lang) for event in talk.of(StanzaReceived)] == [
        ("message", "de"),
        ("presence", "fr"),
    ]


def test_extensions_are_the_same() -> None:
    talk = bound()
    (enabled,) = talk.shows(ENABLE)
    assert enabled.startswith('<enabled xmlns="urn:xmpp:sm:3" id=')
    assert talk.shows("<message/>", "<r xmlns='urn:xmpp:sm:3'/>") == ['<a xmlns="urn:xmpp:sm:3" h="0"/>']


@pytest.mark.parametrize(
    ("frame", "condition"),
    [
        (
            "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='im.example.com' version='1.0'>",
            "not-well-formed",
        ),
        (PLAIN, "bad-format"),
        ("<message/>", "bad-format"),
        (" " + OPEN, "bad-format"),
        (OPEN + OPEN, "not-well-formed"),
        (OPEN[:-2], "not-well-formed"),
        ("x", "bad-format"),
        (OPEN.replace("im.example.com", "example.org"), "host-unknown"),
        (OPEN.replace("1.0", "0.9"), "unsupported-version"),
        ("<!DOCTYPE x><x/>", "restricted-xml"),
    ],
)
def test_a_wrong_first_frame(frame: str, condition: str) -> None:
    """§3.5: "it SHALL first send an opening <open/> element ... prior to sending the error"."""
    talk = Frames()
    said = talk.shows(frame)
    assert parse_element(said[0]).name == "open"
    assert f"<{condition} " in said[1]
    assert said[2:] == [CLOSED]
    assert talk.events == [StreamEnded(condition)]


@pytest.mark.parametrize(
    ("frame", "condition"),
    [
        ("<message/><message/>", "not-well-formed"),
        ("<message>", "not-well-formed"),
        ("</message>", "not-well-formed"),
        ("</stream:stream>", "not-well-formed"),
        ("<stanza/>", "unsupported-stanza-type"),
        ("<message xmlns='jabber:server'/>", "invalid-namespace"),
        (OPEN, "unsupported-stanza-type"),
        ("<x xmlns='urn:x'/>", "unsupported-stanza-type"),
        ("<message>" + "x" * 270_000 + "</message>", "policy-violation"),
        ("x<message/>", "bad-format"),
    ],
)
def test_a_wrong_frame(frame: str, condition: str) -> None:
    talk = bound()
    said = talk.shows(frame)
    assert f"<{condition} " in said[0]
    assert said[1:] == [CLOSED]
    assert talk.last(StreamEnded) == StreamEnded(condition)


def test_a_frame_of_whitespace_is_a_keepalive() -> None:
    talk = bound()
    assert talk.shows(" ", "\n", "<message/>") == []
    assert len(talk.of(StanzaReceived)) == 1


def test_the_server_closes() -> None:
    talk = bound()
    talk.stream.close("system-shutdown", "bye")
    assert talk.shows() == [error("system-shutdown", "bye"), CLOSED]


def test_an_error_frame_of_the_client() -> None:
    talk = bound()
    assert talk.shows(error("conflict", "x")) == [CLOSED]
    assert talk.last(StreamEnded) == StreamEnded("conflict", by_peer=True)


def test_the_header_answers_the_client() -> None:
    talk = Frames()
    header = parse_element(talk.shows(OPEN.replace("to=", "from='juliet@im.example.com/x' to="))[0])
    assert header.get("to") == "juliet@im.example.com"
    assert header.get(XML_LANG) == "en"


def test_strangers_are_bounded() -> None:
    talk = Frames()
    said = talk.shows(OPEN, *["<r xmlns='urn:xmpp:sm:3'/>"] * 4000)
    assert "<policy-violation " in said[-2]
    large = Frames()
    assert "<policy-violation " in large.shows(OPEN, f"<auth>{'x' * 20_000}</auth>")[-2]
    assert EASY.early_bytes == SETTINGS.early_bytes


def test_little_is_kept_while_an_answer_is_awaited() -> None:
    talk = Frames(answers={PasswordReceived: lambda stream, event: None})
    said = talk.shows(OPEN, PLAIN, "<message/>", "x" * 10_001)
    assert "<policy-violation " in said[-2]
    assert talk.last(StreamEnded) == StreamEnded("policy-violation")
