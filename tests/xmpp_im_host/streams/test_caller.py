"""What the server around a stream may do at any time, and what it must not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from tests.xmpp_im_host.streams.conversation import (
    BIND,
    CLEAR,
    EASY,
    GOODBYE,
    HEADER,
    PLAIN,
    SECURE,
    SETTINGS,
    Conversation,
    stanza_of,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import InvalidJID, parse_jid
from xmpp_im_core.stanza import Condition
from xmpp_im_host.streams import (
    BindRequested,
    ClientStream,
    CredentialsNeeded,
    PasswordReceived,
    RegistrationReceived,
    ResumptionRequested,
    StartTLS,
    StreamEnded,
    StreamManagement,
    StreamSettings,
)

SCRAM = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>biwsbj1qdWxpZXQscj14</auth>"
RESUME = "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>"
REGISTER = (
    "<iq id='1' type='set'><query xmlns='jabber:iq:register'><username>a</username><password>b</password></query></iq>"
)
SESSION = StreamManagement(parse_jid("juliet@im.example.com/x"), "x", 10, 10_000, 0)
LOGGED_IN = (HEADER, PLAIN, HEADER)
REGISTERING = evolve(EASY, registration=True)

ANSWERS: list[tuple[type[Any], tuple[str, ...], Callable[[ClientStream], object]]] = [
    (StartTLS, (HEADER, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), lambda s: s.secured(SECURE)),
    (CredentialsNeeded, (HEADER, SCRAM), lambda s: s.credentials(None)),
    (CredentialsNeeded, (HEADER, SCRAM), lambda s: s.credentials_unavailable()),
    (PasswordReceived, (HEADER, PLAIN), lambda s: s.password_checked(True)),
    (PasswordReceived, (HEADER, PLAIN), lambda s: s.credentials_unavailable("account-disabled")),
    (RegistrationReceived, (HEADER, REGISTER), lambda s: s.registered()),
    (RegistrationReceived, (HEADER, REGISTER), lambda s: s.refuse_registration(Condition.CONFLICT)),
    (BindRequested, (*LOGGED_IN, BIND), lambda s: s.bound()),
    (BindRequested, (*LOGGED_IN, BIND), lambda s: s.refuse_bind(Condition.CONFLICT)),
    (ResumptionRequested, (*LOGGED_IN, RESUME), lambda s: s.resume(SESSION)),
    (ResumptionRequested, (*LOGGED_IN, RESUME), lambda s: s.refuse_resumption()),
]


@pytest.mark.parametrize(("event", "texts", "answer"), ANSWERS)
def test_an_answer_may_come_after_the_end(
    event: type[Any], texts: tuple[str, ...], answer: Callable[[ClientStream], object]
) -> None:
    """The connection may break while the server looks something up."""
    talk = Conversation(REGISTERING, answers={event: lambda stream, asked: None})
    talk.says(*texts)
    assert isinstance(talk.events[-1], event)
    waited = talk.stream.waiting
    talk.stream.disconnected()
    assert (waited, talk.stream.waiting) == (True, False)
    assert not answer(talk.stream)
    assert talk.hears() == ""
    assert talk.last(StreamEnded) == StreamEnded(by_peer=True)
    assert talk.stream.jid is None


@pytest.mark.parametrize(("event", "texts", "answer"), ANSWERS)
def test_an_answer_is_given_once_and_to_its_event(
    event: type[Any], texts: tuple[str, ...], answer: Callable[[ClientStream], object]
) -> None:
    talk = Conversation(REGISTERING, answers={event: lambda stream, asked: None})
    for text in texts:
        if text is not texts[-1]:
            with pytest.raises(RuntimeError, match=f"{event.__name__}.* awaits an answer"):
                answer(talk.stream)
        talk.says(text)
    answer(talk.stream)
    with pytest.raises(RuntimeError, match="awaits an answer"):
        answer(talk.stream)


def test_nothing_is_sent_before_a_resource_is_bound() -> None:
    talk = Conversation()
    with pytest.raises(RuntimeError, match="no resource is bound"):
        talk.stream.send(stanza_of("<message/>"))
    talk.stream.disconnected()
    talk.stream.send(stanza_of("<message/>"))
    assert talk.hears() == ""


def test_after_the_end_nothing_is_sent() -> None:
    talk = Conversation().binds()
    talk.says(GOODBYE)
    talk.stream.send(stanza_of("<message/>"))
    assert talk.hears() == ""


def test_another_resource_has_to_be_one() -> None:
    talk = Conversation(answers={BindRequested: lambda stream, event: None})
    talk.says(*LOGGED_IN, BIND)
    with pytest.raises(InvalidJID):
        talk.stream.bound("")
    talk.stream.bound("x")
    assert "/x</jid>" in talk.hears()


def test_a_session_of_another_account_is_never_resumed() -> None:
    other = StreamManagement(parse_jid("romeo@im.example.com/x"), "x", 10, 10_000, 0)
    talk = Conversation(answers={ResumptionRequested: lambda stream, event: None})
    talk.says(*LOGGED_IN, RESUME)
    with pytest.raises(ValueError, match=r"it belongs to romeo@im.example.com, and the stream to juliet@im\.example"):
        talk.stream.resume(other)
    talk.stream.refuse_resumption()
    assert "item-not-found" in talk.hears()


def test_a_resting_stream_goes_on() -> None:
    talk = Conversation().binds()
    talk.stream.rest()
    assert talk.says("<iq type='get' id='1'/>", GOODBYE) == GOODBYE
    assert talk.stream.data_to_send() == b""


def test_a_header_of_the_new_stream_without_to_means_the_same_domain() -> None:
    talk = Conversation(evolve(EASY, domains=frozenset({"im.example.com", "example.org"})))
    talk.says(HEADER, PLAIN)
    assert 'from="im.example.com"' in talk.says(HEADER.replace("to='im.example.com'", ""))


def test_an_unknown_element_between_authentication_and_binding() -> None:
    talk = Conversation()
    talk.says(*LOGGED_IN)
    assert "unsupported-stanza-type" in talk.says("<x xmlns='urn:x'/>")


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        ("<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>", "undefined-condition"),
        ("<x xmlns='urn:x'/><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>", "reset"),
        ("", "undefined-condition"),
    ],
)
def test_the_condition_of_an_error_of_the_client(error: str, condition: str) -> None:
    talk = Conversation()
    talk.says(HEADER, f"<stream:error>{error}</stream:error>")
    assert talk.last(StreamEnded) == StreamEnded(condition, by_peer=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"domains": frozenset()}, "domains"),
        ({"domains": frozenset({"a b"})}, "domains: 'a b'"),
        ({"domains": frozenset({"Example.com"})}, "domains: 'Example.com' is not a prepared domain"),
        ({"domains": frozenset({"juliet@example.com"})}, "domains: .* is not a prepared domain"),
        ({"secret": b"short"}, "secret"),
        ({"mechanisms": ()}, "mechanisms"),
        ({"mechanisms": ("CRAM-MD5",)}, "mechanisms"),
        ({"attempts": 2}, "attempts"),
        ({"attempts": 7}, "attempts"),
        ({"bind_attempts": 12}, "bind_attempts"),
        ({"early_bytes": 100}, "early_bytes"),
        ({"resumption_seconds": -1}, "resumption_seconds"),
        ({"unacknowledged_stanzas": 0}, "unacknowledged_stanzas"),
        ({"ask_after": 0}, "ask_after"),
        ({"held_back": -1}, "held_back"),
        ({"iterations": 1000}, "iterations"),
        ({"features": (element("x", "jabber:client"),)}, "features"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evolve(SETTINGS, **change)


def test_settings_of_wrong_types() -> None:
    with pytest.raises(TypeError, match="require_tls"):
        evolve(SETTINGS, require_tls="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="domains"):
        StreamSettings(domains=["im.example.com"], secret=b"x" * 16)  # type: ignore[arg-type]


def test_two_streams_share_nothing() -> None:
    first, second = Conversation(EASY, CLEAR), Conversation(EASY, CLEAR)
    first.binds()
    assert second.stream.account is None
    assert "mechanisms" in second.says(HEADER)
