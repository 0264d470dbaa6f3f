"""An account that is made on the stream (XEP-0077 §3.1), where the server allows it."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.xmpp_im_host.streams.conversation import EASY, HEADER, SETTINGS, Conversation, stream_error
from xmpp_im_core.stanza import Condition
from xmpp_im_host.streams import Authenticated, RegistrationReceived

OPEN = evolve(EASY, registration=True)
GET = "<iq id='1' type='get'><query xmlns='jabber:iq:register'/></iq>"


def form(username: str | None = "tybalt", password: str | None = "prince of cats", more: str = "") -> str:
    fields = [("username", username), ("password", password)]
    inner = "".join([f"<{name}>{value}</{name}>" for name, value in fields if value is not None])
    return f"<iq id='2' type='set'><query xmlns='jabber:iq:register'>{inner}{more}</query></iq>"


def refusal(condition: str, type: str = "modify") -> str:
    return (
        f'<iq id="2" type="error"><error type="{type}"><{condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>'
        "</error></iq>"
    )


def test_a_stranger_registers_and_logs_in() -> None:
    talk = Conversation(OPEN)
    assert '<register xmlns="http://jabber.org/features/iq-register"/>' in talk.says(HEADER)
    assert talk.says(GET) == (
        '<iq id="1" type="result"><query xmlns="jabber:iq:register"><instructions>Choose a user name and a password.'
        "</instructions><username/><password/></query></iq>"
    )
    assert talk.says(form("Tybalt")) == '<iq id="2" type="result"/>'
    event = talk.last(RegistrationReceived)
    assert (event.account.full, event.password) == ("tybalt@im.example.com", "prince of cats")
    assert "prince" not in repr(event)
    plain = "AHR5YmFsdABwcmluY2Ugb2YgY2F0cw=="
    talk.says(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
    assert talk.last(Authenticated).account.full == "tybalt@im.example.com"


def test_one_stream_makes_one_account() -> None:
    talk = Conversation(OPEN)
    talk.says(HEADER, form("tybalt"))
    assert talk.says(form("benvolio")) == refusal("not-allowed", "cancel")
    assert len(talk.of(RegistrationReceived)) == 1


def test_a_name_that_is_taken() -> None:
    answers = {RegistrationReceived: lambda stream, event: stream.refuse_registration(Condition.CONFLICT)}
    talk = Conversation(OPEN, answers=answers)
    talk.says(HEADER)
    assert talk.says(form(), form()) == refusal("conflict", "cancel") * 2


@pytest.mark.parametrize(
    ("request_", "condition", "type"),
    [
        (form(None), "not-acceptable", "modify"),
        (form(password=None), "not-acceptable", "modify"),
        (form(""), "not-acceptable", "modify"),
        (form(password=""), "not-acceptable", "modify"),
        (form("a b"), "jid-malformed", "modify"),
        (form("tybalt@example.org"), "jid-malformed", "modify"),
        (form("tybalt/x"), "jid-malformed", "modify"),
        (form(more="<remove/>"), "unexpected-request", "wait"),
    ],
)
def test_a_wrong_form(request_: str, condition: str, type: str) -> None:
    talk = Conversation(OPEN)
    talk.says(HEADER)
    assert talk.says(request_) == refusal(condition, type)
    assert not talk.of(RegistrationReceived)


@pytest.mark.parametrize("request_", [GET, form()])
def test_where_it_is_not_allowed_it_is_an_early_stanza(request_: str) -> None:
    for settings in (EASY, evolve(SETTINGS, registration=True)):  # the second one requires TLS first
        talk = Conversation(settings)
        assert "iq-register" not in talk.says(HEADER)
        assert stream_error("not-authorized") in talk.says(request_)
        assert not talk.of(RegistrationReceived)


@pytest.mark.parametrize("other", [GET.replace("'get'", "'result'"), "<message/>", GET.replace("register", "auth")])
def test_every_other_stanza_is_an_early_one(other: str) -> None:
    talk = Conversation(OPEN)
    talk.says(HEADER)
    assert stream_error("not-authorized") in talk.says(other)


def test_after_authentication_the_stream_passes_it_on() -> None:
    talk = Conversation(OPEN).binds()
    assert talk.says(GET) == ""
    assert not talk.of(RegistrationReceived)
