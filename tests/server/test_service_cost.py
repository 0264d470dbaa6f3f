"""What ``serve`` does for each recipient of a stanza. Calls are counted, not timed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

from attrs import evolve

from tests.client.counting import calls
from tests.one_test import in_one_test
from tests.rfc6121.conversation import AT, JULIET, account, message, outbound
from xmpp_im_core.event import Timed
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import Address, parse_address, parse_jid
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
from xmpp_im_core.server.service.serving import _are_elsewhere, _state_before
from xmpp_im_core.stanza import Condition, Presence

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


UPDATE = outbound(None, by="balcony")


def test_an_account_that_gets_presence_is_looked_up_once() -> None:
    """Nothing waits for an answer here, so what waits is not searched either."""
    few, many = [calls(served(users, UPDATE), FrozenMap.get) for users in (10, 30)]

    assert many - few == 20


@in_one_test(
    "function",
    [FrozenMap.__len__, ForAccount.__init__, Presence.__copied__],
    ids=["is anybody waiting", "due", "copied"],
)
def test_what_is_not_done_again_for_each_account_that_gets_presence(function: Callable[..., Any]) -> None:
    """Whether somebody waits is known; no record is made that only ``serve`` sees; a copy changes 'to' alone."""
    few, many = [calls(served(users, UPDATE), function) for users in (10, 30)]

    assert many == few


def test_a_stanza_for_an_account_in_memory_takes_the_short_way() -> None:
    chat = Outbound(AT, "seq", SessionId("balcony", 1), message("chat", None, f"user0@{DOMAIN}"))
    assert calls(served(1, chat), _state_before) == 0

    absent = Outbound(AT, "seq", chat.session, message("chat", None, f"absent@{DOMAIN}"))
    assert calls(served(1, absent), _state_before) == 1


def test_recipients_at_other_domains_are_not_read_one_by_one() -> None:
    friends = [f"friend{number}@montague.example" for number in range(30)]
    there = evolve(
        hosting(DOMAIN),
        accounts=FrozenMap({JULIET: account(JULIET, dict.fromkeys(friends, "Both"), available=("balcony",))}),
    )

    assert calls(partial(serve, there, ForAccount(JULIET, UPDATE)), parse_address) == calls(
        served(0, UPDATE), parse_address
    )


HOSTED = ("capulet.example", "bücher.example", "[::1]")
DOMAINS = [
    *HOSTED,
    "CAPULET.example",
    "capulet.example.",
    "capulet\u3002example",
    "\uff43apulet.example",
    "xn--bcher-kva.example",
    "XN--BCHER-KVA.example",
    "montague.example",
    "-.example",
]


def test_recipients_that_are_plainly_elsewhere_are_elsewhere() -> None:
    """RFC 7622 §3.2: domainparts are compared as they are prepared, however they are written."""
    assert _are_elsewhere(("romeo@montague.example", "tybalt@verona.example/x"), HOSTED)
    for parts in product(["", "juliet@", "capulet.example@", "JULI\u00c9T@"], DOMAINS, ["", "/balcony", "/[::1]", "/"]):
        recipient = "".join(parts)
        address = parse_address(recipient)
        if isinstance(address, Address) and address.jid.domain in HOSTED:
            assert not _are_elsewhere(("romeo@montague.example", recipient), HOSTED)


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
