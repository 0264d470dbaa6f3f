"""What a command or a stranger's stanza costs does not grow with what it does not concern (RFC 6120 §13.12).

Costs are counted: calls of the function that prepares addresses, and instructions of Python's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from tests.blocking.commands import after_blocking, block, unblock
from tests.client.counting import work
from tests.one_test import in_one_test
from tests.rfc6121.conversation import JULIET, ROMEO, account, following, inbound, outbound, told
from xmpp_im_core.jid import cached_address, parse_jid, prepared_jid, received_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import blocking as rules
from xmpp_im_core.server import Account, Event, reduce
from xmpp_im_core.testing.state_strategies import ENTITIES

PREPARING = (parse_jid.__code__, received_jid.__code__)


def contacts(number: int) -> dict[str, Any]:
    return {f"contact{n:04}@d{n % 7}.example": "Both" for n in range(number)}


def juliet(number: int) -> Account:
    """An account with so many contacts, a broadcast behind it, and one contact by the name of Romeo."""
    return following(
        account(JULIET, {**contacts(number), ROMEO: "Both"}, connected=("balcony",)), outbound(None, by="balcony")
    )


def prepared(call: Callable[[], object]) -> int:
    """Return how many addresses a call prepares."""
    count = 0

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_code in PREPARING

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def step(state: Account, event: Event, policy: Policy = Policy()) -> Callable[[], object]:  # noqa: B008  # a frozen value
    return lambda: reduce(state, event, policy)


# --- blocking -----------------------------------------------------------------------------------------------


def test_calls_are_counted() -> None:
    assert prepared(lambda: [parse_jid(ROMEO), received_jid(JULIET)]) == 2


@pytest.mark.parametrize("jid", [ROMEO, f"{ROMEO}/orchard", "d3.example", "nobody@example.org"])
def test_blocking_and_unblocking_prepare_what_they_name_and_nothing_else(jid: str) -> None:
    given = juliet(2000)
    blocked = after_blocking(given, jid)

    for state, command, names in ((given, block(jid), 1), (blocked, unblock(jid), 1), (blocked, unblock(), 0)):
        cached_address.cache_clear()
        assert prepared(step(state, command)) == names


def test_blocking_the_sender_of_a_stanza_prepares_nothing() -> None:
    given = juliet(20)
    cached_address.cache_clear()
    inbound("subscribe", "spam@example.org", to=JULIET)  # this prepares the addresses

    assert prepared(step(given, block("spam@example.org"))) == 0


def test_a_broadcast_after_blocking_prepares_nothing() -> None:
    blocked = after_blocking(juliet(2000), ROMEO)

    assert prepared(step(blocked, outbound(None, by="balcony"))) == 0
    assert prepared(step(blocked, outbound("unavailable", by="balcony"))) == 0


@pytest.mark.parametrize("jid", [ROMEO, f"{ROMEO}/orchard", "nobody@example.org"])
def test_the_work_of_blocking_somebody_does_not_grow_with_the_roster(jid: str) -> None:
    few, many = juliet(20), juliet(2000)

    assert work(step(many, block(jid))) < 2 * work(step(few, block(jid)))


def test_the_work_of_unblocking_a_contact_does_not_grow_with_the_roster() -> None:
    """Whose request is to be sent again next is known without a search of all contacts."""
    few, many = [after_blocking(juliet(number), ROMEO) for number in (20, 2000)]

    assert work(step(many, unblock(ROMEO))) < 2 * work(step(few, unblock(ROMEO)))


def test_the_work_of_blocking_many_is_linear() -> None:
    """Each name twice as often costs no more than a bit over twice as much: the list is not searched for each."""
    given = juliet(20)
    some, twice = [block(*[f"{size}e{n:04}@example.org" for n in range(size)]) for size in (200, 400)]  # none is known

    assert work(step(given, twice)) < 3 * work(step(given, some))


def many_names(number: int) -> Iterator[str]:
    return (f"ñ{n}@example.org" for n in range(number))


@pytest.mark.parametrize("command", [block, unblock])
def test_more_names_than_the_list_can_hold_are_refused_before_any_is_prepared(
    command: Callable[..., Event],
) -> None:
    given = juliet(20)
    policy = Policy(block_list=100)
    large = command(*many_names(101))

    refused = reduce(given, large, policy)

    assert told(refused) == ["error policy-violation to balcony"]
    assert [effect.rule for effect in refused.effects] == [rules.LIST_FULL]
    assert (refused.state, refused.store) == (given, ())
    cached_address.cache_clear()
    assert prepared(step(given, large, policy)) == 0


@pytest.mark.parametrize("command", [block, unblock])
def test_as_many_names_as_the_list_can_hold_are_taken(command: Callable[..., Event]) -> None:
    taken = reduce(juliet(20), command(*many_names(100)), Policy(block_list=100))

    assert rules.LIST_FULL not in [effect.rule for effect in taken.effects]


# --- requests -----------------------------------------------------------------------------------------------


def requested(number: int) -> Account:
    """An account in which so many requests wait, from a few domains."""
    return account(JULIET, {f"s{n}@d{n % 7}.example": "None + Pending In" for n in range(number)}, connected=("foo",))


def test_the_work_of_a_request_does_not_grow_with_the_requests_that_wait() -> None:
    request = inbound("subscribe", "one@d3.example", to=JULIET)
    few, many = requested(20), requested(400)

    assert work(step(many, request)) < 1.5 * work(step(few, request))
    assert following(many, request).roster.pending_from("d3.example") == 58


def test_requests_are_counted_by_domain_until_they_are_answered() -> None:
    few = requested(20)
    answered = following(few, outbound("subscribed", "s3@d3.example"), outbound("unsubscribed", "s10@d3.example"))

    assert few.roster.pending_from("d3.example") == 3
    assert answered.roster.pending_from("d3.example") == 1
    assert answered.roster.pending_from("3.example") == 0


# --- strangers ----------------------------------------------------------------------------------------------


def sharing(number: int) -> Account:
    """An account that has sent directed presence to so many entities."""
    given = account(JULIET, {}, available=("balcony",))
    directed = tuple(sorted(f"room{n:04}@chat.example/juliet" for n in range(number)))
    return given.with_session(given.sessions[0].with_directed(directed))


@in_one_test("type", ["probe", "unavailable", "unsubscribe", "subscribed"])
def test_the_work_of_a_strangers_presence_does_not_grow_with_the_directed_list(type: str) -> None:
    few, many = sharing(9), sharing(900)
    stanza = inbound(type, "stranger@example.org", to=JULIET)

    assert work(step(many, stanza)) < 2 * work(step(few, stanza))


@pytest.mark.parametrize("prober", ["room0450@chat.example", "room0450@chat.example/juliet"])
def test_an_entity_in_the_middle_of_the_directed_list_is_found(prober: str) -> None:
    answered = told(reduce(sharing(900), inbound("probe", prober, to=JULIET)))

    assert answered == [f"route presence from {JULIET}/balcony to {prober}"]


# --- addresses that are prepared already --------------------------------------------------------------------


@in_one_test(
    "text",
    [
        *ENTITIES,
        ROMEO,
        f"{ROMEO}/a@b/c",
        "example.org",
        "example.org/a@b",
        "[::1]",
        "romeo@[fe80::1%25eth0]/x",
        "ñ@münchen.example/♥",
    ],
)
def test_a_prepared_address_is_taken_apart_as_the_parser_does(text: str) -> None:
    parsed, split = parse_jid(text), prepared_jid(text)

    assert parsed.full == text
    assert (split, split.bare, split.local, split.domain, split.resource) == (
        parsed,
        parsed.bare,
        parsed.local,
        parsed.domain,
        parsed.resource,
    )
