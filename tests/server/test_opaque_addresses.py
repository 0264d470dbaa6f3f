"""Stanzas from a resourcepart that OpaqueString refuses, or that is malformed: a nickname never ends a stream."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.one_test import in_one_test
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import DEFAULT
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.server import (
    Account,
    AccountCreated,
    Arrived,
    Deliver,
    EndSession,
    NoAccount,
    SessionBound,
    SessionId,
    hosting,
    reduce,
    serve,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JULIET = "juliet@capulet.example"


def account() -> Account:
    created = reduce(NoAccount(parse_jid(JULIET)), AccountCreated(NOON, "1", "first"), DEFAULT)
    bound = reduce(created.state, SessionBound(NOON, "2", SessionId("balcony", 1)), DEFAULT)
    assert isinstance(bound.state, Account)
    return bound.state


@in_one_test("nickname", ["\u2665\ufe0f", "e\u0301\u200d", "\u2028", "plain"])
def test_a_stanza_from_any_nickname_is_delivered_as_it_was_written(nickname: str) -> None:
    stanza = parse_stanza(f"<message from='room@muc.example/{nickname}' to='{JULIET}/balcony' type='groupchat'/>")
    service = hosting("capulet.example")
    service = type(service)(service.domains, service.machine, service.accounts.set(JULIET, account()))

    served = serve(service, Arrived(NOON, "3", stanza))

    (delivered,) = [effect for _, effect in served.effects if isinstance(effect, Deliver)]
    assert delivered.stanza.from_ is not None
    assert delivered.stanza.from_.written == f"room@muc.example/{nickname}"


@in_one_test("nickname", ["", "\x7f", "x" * 1024])
@in_one_test("to", [f"{JULIET}/balcony", "capulet.example", "a@b@c"])
def test_a_stanza_from_what_is_no_nickname_has_no_effect(nickname: str, to: str) -> None:
    """RFC 6120 §8.1.2.2 asks for a valid 'from'; its bare JID has proved that the stream may carry it."""
    stanza = parse_stanza(f"<message from='room@muc.example/{nickname}' to='{to}' type='groupchat'/>")
    service = hosting("capulet.example")
    service = type(service)(service.domains, service.machine, service.accounts.set(JULIET, account()))

    served = serve(service, Arrived(NOON, "3", stanza))

    assert [getattr(effect, "rule", None) for _, effect in served.effects] == [rules.WITHOUT_ADDRESSES]


@pytest.mark.parametrize("sender", ["a@b@c/x", "/x", "room@muc_.example/x"])
def test_a_stanza_from_an_address_without_a_bare_jid_is_refused(sender: str) -> None:
    stanza = parse_stanza(f"<message from='{sender}' to='{JULIET}'/>")

    with pytest.raises(ValueError, match="from"):
        Arrived(NOON, "3", stanza)


def test_nobody_binds_such_a_resource() -> None:
    session = SessionId("balcony\ufe0f", 2)

    step = reduce(account(), SessionBound(NOON, "3", session), DEFAULT)

    assert [type(effect) for effect in step.effects] == [EndSession]
    assert isinstance(step.state, Account)
    assert [each.id.resource for each in step.state.sessions] == ["balcony"]
