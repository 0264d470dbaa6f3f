"""The streams of components (XEP-0114): the conversation of its example, and what is refused."""

from __future__ import annotations

from hashlib import sha1
from itertools import count

import pytest

from tests.xmpp_im_host.streams.conversation import GOODBYE, stanza_of, stream_error
from xmpp_im_host.streams import (
    ComponentAuthenticated,
    ComponentSettings,
    ComponentStream,
    ComponentStreamEvent,
    StanzaReceived,
    StreamEnded,
)

HEADER = (
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
    "to='plays.shakespeare.lit'>"
)
SETTINGS = ComponentSettings(secrets={"plays.shakespeare.lit": "s3cret", "rooms.shakespeare.lit": "other"})
MESSAGE = "<message from='hamlet@plays.shakespeare.lit' to='juliet@im.example.com'/>"


def handshake(id: str = "token-1", secret: str = "s3cret") -> str:
    return f"<handshake>{sha1(f'{id}{secret}'.encode()).hexdigest()}</handshake>"


class Talk:
    """A component and its stream. Every component that authenticates is accepted."""

    def __init__(self, *, accept: bool = True, size: int | None = None) -> None:
        numbers = count(1)
        self.stream = ComponentStream(SETTINGS, token=lambda: f"token-{next(numbers)}")
        self.events: list[ComponentStreamEvent] = []
        self.accept = accept
        self.size = size

    def says(self, text: str) -> str:
        data = text.encode()
        size = self.size or max(len(data), 1)
        for at in range(0, len(data), size):
            self.stream.receive(data[at : at + size])
            self.pump()
        return self.hears()

    def pump(self) -> None:
        for event in self.stream.events():
            self.events.append(event)
            if isinstance(event, ComponentAuthenticated) and self.accept:
                self.stream.accept()

    def hears(self) -> str:
        self.pump()
        return self.stream.data_to_send().decode()


def connected() -> Talk:
    talk = Talk()
    assert talk.says(HEADER + handshake()).endswith("<handshake/>")
    return talk


def test_the_example_of_the_xep() -> None:
    talk = Talk()
    assert talk.says(HEADER) == (
        "<?xml version='1.0'?><stream:stream xmlns=\"jabber:component:accept\" "
        'xmlns:stream="http://etherx.jabber.org/streams" from="plays.shakespeare.lit" id="token-1" xml:lang="en">'
    )
    assert talk.says(handshake()) == "<handshake/>"
    assert talk.stream.domain == "plays.shakespeare.lit"
    assert talk.says(MESSAGE) == ""
    received = talk.events[-1]
    assert isinstance(received, StanzaReceived)
    assert received.number == 1
    assert received.stanza.from_jid is not None
    talk.stream.send(stanza_of("<message to='hamlet@plays.shakespeare.lit' from='juliet@im.example.com'/>"))
    assert talk.hears() == '<message to="hamlet@plays.shakespeare.lit" from="juliet@im.example.com"/>'
    assert talk.says(GOODBYE) == GOODBYE
    assert talk.events[-1] == StreamEnded(by_peer=True)


@pytest.mark.parametrize("size", [None, 1])
def test_stanzas_behind_the_handshake_wait_for_the_answer(size: int | None) -> None:
    talk = Talk(accept=False, size=size)
    talk.says(HEADER + handshake() + MESSAGE)
    assert talk.events == [ComponentAuthenticated("plays.shakespeare.lit")]
    assert talk.stream.waiting
    talk.stream.accept()
    assert talk.hears() == "<handshake/>"
    assert isinstance(talk.events[-1], StanzaReceived)


def test_the_digest_may_be_in_upper_case() -> None:
    digest = sha1(b"token-1s3cret").hexdigest().upper()
    assert "<handshake/>" in Talk().says(f"{HEADER}<handshake>{digest}</handshake>")


@pytest.mark.parametrize(
    "digest", ["", "x", "\N{SNOWMAN}", sha1(b"token-1other").hexdigest(), sha1(b"s3cret").hexdigest(), "0" * 40]
)
def test_a_wrong_handshake(digest: str) -> None:
    """XEP-0114 §3: "close the stream with <not-authorized/>"."""
    talk = Talk()
    assert stream_error("not-authorized") in talk.says(f"{HEADER}<handshake>{digest}</handshake>{MESSAGE}")
    assert talk.events == [StreamEnded("not-authorized")]


@pytest.mark.parametrize("to", ["other.shakespeare.lit", "hamlet@plays.shakespeare.lit", "", "shakespeare.lit"])
def test_an_unknown_domain(to: str) -> None:
    talk = Talk()
    said = talk.says(HEADER.replace("plays.shakespeare.lit", to) + handshake())
    assert stream_error("host-unknown") in said
    assert stream_error("host-unknown") in Talk().says(HEADER.replace("to='plays.shakespeare.lit'", ""))


def test_a_domain_that_has_a_stream_already() -> None:
    talk = Talk(accept=False)
    talk.says(HEADER + handshake())
    talk.stream.close("conflict")
    assert stream_error("conflict") in talk.hears()
    talk.stream.accept()  # too late
    assert talk.hears() == ""
    with pytest.raises(RuntimeError, match="no ComponentAuthenticated awaits"):
        Talk().stream.accept()


@pytest.mark.parametrize("early", [MESSAGE, "<presence/>", "<iq/>"])
def test_no_stanza_precedes_the_handshake(early: str) -> None:
    talk = Talk()
    assert stream_error("not-authorized") in talk.says(HEADER + early + handshake())
    assert talk.events == [StreamEnded("not-authorized")]


@pytest.mark.parametrize(
    ("from_", "condition"),
    [
        ("from='plays.shakespeare.lit'", None),
        ("from='PLAYS.shakespeare.lit/x'", None),
        ("from='a@plays.shakespeare.lit/x'", None),
        ("from='rooms.shakespeare.lit'", "invalid-from"),
        ("from='juliet@im.example.com'", "invalid-from"),
        ("from='x.plays.shakespeare.lit'", "invalid-from"),
        ("from='a b@plays.shakespeare.lit'", "invalid-from"),
        ("from=''", "invalid-from"),
        ("", "improper-addressing"),
    ],
)
def test_a_component_speaks_for_its_domain_alone(from_: str, condition: str | None) -> None:
    talk = connected()
    said = talk.says(f"<presence {from_} to='juliet@im.example.com'/>")
    if condition is None:
        assert isinstance(talk.events[-1], StanzaReceived)
    else:
        assert stream_error(condition) in said
        assert not [event for event in talk.events if isinstance(event, StanzaReceived)]


def test_a_stanza_of_a_component_has_a_recipient() -> None:
    assert stream_error("improper-addressing") in connected().says("<presence from='plays.shakespeare.lit'/>")


def test_after_an_error_the_first_one_counts() -> None:
    talk = connected()
    talk.stream.close("system-shutdown")
    talk.stream.close("conflict")
    talk.stream.disconnected()
    assert stream_error("conflict") not in talk.hears()
    assert [event for event in talk.events if isinstance(event, StreamEnded)] == [StreamEnded("system-shutdown")]


@pytest.mark.parametrize(
    ("bad", "condition"),
    [
        ("<handshake/>", "unsupported-stanza-type"),
        ("<x xmlns='urn:x'/>", "unsupported-stanza-type"),
        ("<message xmlns='jabber:client'/>", "invalid-namespace"),
        ("x", "bad-format"),
        ("<a></b>", "not-well-formed"),
    ],
)
def test_errors_by_name(bad: str, condition: str) -> None:
    assert stream_error(condition) in connected().says(bad)


def test_a_stranger_may_send_little() -> None:
    talk = Talk()
    assert stream_error("policy-violation") in talk.says(HEADER + " " * 20_000)
    waiting = Talk(accept=False)
    assert stream_error("policy-violation") in waiting.says(HEADER + handshake() + "x" * 600_000) + waiting.says("x")


def test_the_server_closes_and_the_component_answers() -> None:
    talk = connected()
    talk.stream.close()
    assert talk.hears() == GOODBYE
    talk.stream.send(stanza_of("<message/>"))
    assert talk.says(MESSAGE) == ""
    assert talk.says(GOODBYE) == ""
    assert talk.events[-1] == StreamEnded(by_peer=True)
    assert talk.stream.closed


def test_an_error_of_the_component_or_a_broken_connection_ends_the_stream() -> None:
    talk = connected()
    error = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    assert talk.says(error) == GOODBYE
    assert talk.events[-1] == StreamEnded("conflict", by_peer=True)
    broken = connected()
    broken.stream.rest()
    broken.stream.disconnected()
    assert broken.hears() == ""
    assert broken.events[-1] == StreamEnded(by_peer=True)
    assert broken.says(MESSAGE) == ""


def test_settings_name_the_field() -> None:
    with pytest.raises(ValueError, match="secrets: 'a b'"):
        ComponentSettings(secrets={"a b": "x"})
    with pytest.raises(ValueError, match="secrets: a secret must not be empty"):
        ComponentSettings(secrets={"example.com": ""})
    assert "s3cret" not in repr(SETTINGS)
