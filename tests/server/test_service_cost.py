"""What ``serve`` does for each recipient of a stanza. Calls are counted, not timed."""

from __future__ import annotations

from functools import partial

from attrs import evolve

from tests.client.counting import calls
from tests.rfc6121.conversation import AT, JULIET, account, message, outbound
from xmpp_im_core.event import Timed
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.rules import service as service_rules
from xmpp_im_core.server import (
    ForAccount,
    Inbound,
    Outbound,
    Route,
    Served,
    Service,
    SessionId,
    State,
    hosting,
    owning,
    serve,
)
from xmpp_im_core.server.service.serving import _process_any
from xmpp_im_core.stanza import Condition

DOMAIN = parse_jid(JULIET).domain


def service(users: int) -> Service[State]:
    """Return a service where juliet and this many others, who are all her contacts, are online."""
    others = [f"user{number}@{DOMAIN}" for number in range(users)]
    states: dict[str, State] = {each: account(each, {JULIET: "Both"}, available=("r",)) for each in others}
    states[JULIET] = account(JULIET, dict.fromkeys(others, "Both"), available=("balcony",))
    return evolve(hosting(DOMAIN), accounts=FrozenMap(states))


def served(users: int, event: Timed) -> partial[Served[State]]:
    assert isinstance(event, Outbound)
    return partial(serve, service(users), ForAccount(JULIET, event))


def test_an_account_that_gets_presence_is_looked_up_once() -> None:
    """Nothing waits for an answer here, so what waits is not searched either."""
    update = outbound(None, by="balcony")

    few, many = [calls(served(users, update), FrozenMap.get) for users in (10, 30)]

    assert many - few == 20


def test_a_stanza_for_an_account_in_memory_takes_the_short_way() -> None:
    chat = Outbound(AT, "seq", SessionId("balcony", 1), message("chat", None, f"user0@{DOMAIN}"))
    assert calls(served(1, chat), _process_any) == 0

    absent = Outbound(AT, "seq", chat.session, message("chat", None, f"absent@{DOMAIN}"))
    assert calls(served(1, absent), _process_any) == 1


# --- what does not take the short way -----------------------------------------------------------------------------


def test_a_stanza_to_no_jid_is_answered_also_if_it_is_given_to_an_account_in_memory() -> None:
    """RFC 6120 §8.3.3.8: the 'to' is not a JID, so the service answers, whatever account the event names."""
    to_nobody = message("chat", "romeo@montague.example/orchard", None).stamped(to=parse_address("@"))

    result = serve(service(1), ForAccount(JULIET, Inbound(AT, "seq", to_nobody)))

    ((_, effect),) = result.effects
    assert isinstance(effect, Route)
    assert effect.rule is service_rules.TO_MALFORMED
    assert effect.stanza.error is not None
    assert effect.stanza.error.condition is Condition.JID_MALFORMED


def test_an_account_in_memory_that_another_part_owns_now_processes_nothing() -> None:
    """The state in memory is not certain any more: the owner has another one."""
    given_away = owning(service(1), lambda jid: jid != JULIET)
    chat = message("chat", "romeo@montague.example/orchard", JULIET)

    result = serve(given_away, ForAccount(JULIET, Inbound(AT, "seq", chat)))

    ((_, effect),) = result.effects
    assert isinstance(effect, Route)
    assert effect.stanza == chat
