"""What could not be delivered, when nothing is known of its account any longer: somebody still hears of it (§8.5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.host.stage import CAPULET, JULIET, MERCUTIO, ROMEO, Tape, chat, enters, host_on, noon, says
from tests.one_test import in_one_test
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Host, MemoryStorage, StorageFailed, Stored
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.server import (
    AS_IT_STANDS,
    Deliver,
    Event,
    Ignored,
    NoAccount,
    Route,
    SessionEnded,
    SessionId,
    State,
    StoreFailed,
    Undelivered,
    Unloaded,
    Unroutable,
    hosting,
    reduce,
)
from xmpp_im_core.stanza import Condition, Stanza


class Unreadable(MemoryStorage):
    """Cannot read accounts while it is damaged."""

    damaged = False

    def account(self, jid: str) -> Stored:
        if self.damaged:
            raise StorageFailed
        return super().account(jid)


class Killed(BaseException):
    """The process is gone."""


class Deadly(Tape):
    """Kills the process at a delivery to Juliet."""

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        if account == JULIET and stanza.type == "chat":
            raise Killed
        return super().deliver(account, session, stanza, effect)


def test_a_message_in_the_outbox_whose_account_cannot_be_read_is_answered_with_an_error() -> None:
    storage = Unreadable()
    host = host_on(storage, Deadly(), outbox=True)
    for user in (ROMEO, JULIET):
        host.create(user)
    orchard = enters(host, ROMEO, "orchard")
    enters(host, JULIET, "balcony")
    message = parse_stanza(f"<message from='{MERCUTIO}' to='{JULIET}' type='chat' id='m'><body>soft</body></message>")
    with pytest.raises(Killed):
        host.arrive(message)
    with pytest.raises(Killed):
        says(host, ROMEO, orchard, chat(JULIET, "soft"))
    storage.damaged = True

    wire, ids = Tape(), iter(range(100))
    Host(hosting(CAPULET), storage, wire, noon, lambda: f"again{next(ids)}", outbox=True)

    (answer,) = [each for each in wire.routed if each.id == "m"]
    assert answer.error is not None
    assert answer.error.condition is Condition.INTERNAL_SERVER_ERROR


BALCONY = SessionId("balcony", 1)
JULIET_JID = parse_jid(JULIET)


BOUNCING = Policy(offline_messages=False)
"""Who writes to an account that does not exist hears an error: else accounts could be found by trying."""


def delivery(xml: str) -> Deliver:
    return Deliver(parse_stanza(xml), (BALCONY,), AS_IT_STANDS, rules.LOST)


MESSAGE = delivery(f"<message from='{MERCUTIO}' to='{JULIET}' type='chat' id='m'><body>soft</body></message>")
REQUEST = delivery(
    f"<iq from='{MERCUTIO}/a' to='{JULIET}/balcony' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>"
)
PRESENCE = delivery(f"<presence from='{MERCUTIO}' to='{JULIET}' type='subscribe'/>")
ANSWER = delivery(f"<iq from='{MERCUTIO}/a' to='{JULIET}/balcony' type='result' id='q'/>")
PUSH = delivery("<iq type='set' id='p'><query xmlns='jabber:iq:roster'/></iq>")


def reports(effect: Deliver) -> list[Event]:
    """Return the events that tell of a delivery that has failed, and the same in a commit that has."""
    plain: list[Event] = [
        Undelivered(noon(), "s", effect, (BALCONY,)),
        SessionEnded(noon(), "s", BALCONY, (effect,)),
    ]
    return [*plain, *[StoreFailed(noon(), "t", event) for event in plain]]


@in_one_test("state", [NoAccount(JULIET_JID), Unloaded(JULIET_JID)], ids=["none", "unloaded"])
@in_one_test("effect", [MESSAGE, REQUEST], ids=["message", "request"])
def test_a_sender_gets_an_error_for_an_undelivered_stanza_if_no_account_is_known(state: State, effect: Deliver) -> None:
    for event in reports(effect):
        routed = [each for each in reduce(state, event, BOUNCING).effects if isinstance(each, Route)]
        assert [(each.stanza.type, each.stanza.id) for each in routed] == [("error", effect.stanza.id)]


@in_one_test("state", [NoAccount(JULIET_JID), Unloaded(JULIET_JID)], ids=["none", "unloaded"])
@in_one_test("effect", [PRESENCE, ANSWER, PUSH], ids=["presence", "answer", "push"])
def test_what_nobody_waits_for_is_not_answered(state: State, effect: Deliver) -> None:
    for event in reports(effect):
        assert all(isinstance(each, Ignored) for each in reduce(state, event).effects)


def test_an_account_stays_in_memory_until_the_end_of_a_session_that_was_replaced() -> None:
    """What that session did not get is stored when its end comes, though the new one has ended before."""
    storage, wire = MemoryStorage(), Tape()
    host = host_on(storage, wire)
    for user in (ROMEO, JULIET):
        host.create(user)
    orchard, old = enters(host, ROMEO, "orchard"), enters(host, JULIET, "balcony")
    says(host, ROMEO, orchard, chat(JULIET, "soft"))
    host.end(JULIET, host.bind(JULIET, "balcony"))
    assert not host.unload(JULIET)

    host.end(JULIET, old, tuple(wire.effects[old][-1:]))

    assert [message.id for _, message in storage.messages(JULIET)] == ["soft"]
    assert host.unload(JULIET)


@pytest.mark.parametrize("stanza", ["x", None, 5])
def test_an_effect_without_a_stanza_is_refused_where_its_failure_is_reported(stanza: Any) -> None:
    with pytest.raises(TypeError, match="effect"):
        Undelivered(noon(), "s", Deliver(stanza, (BALCONY,), AS_IT_STANDS, rules.LOST), (BALCONY,))
    with pytest.raises(TypeError, match="effect"):
        Unroutable(noon(), "s", Route(stanza, rules.LOST))
