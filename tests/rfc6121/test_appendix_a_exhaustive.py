"""Two accounts that trade the four subscription stanzas (RFC 6121 Appendix A): every state they can reach.

In lock-step, each exchange over before the next begins, the two never disagree: of the 81 pairs of states
exactly the nine are reached in which each side has what the other has, seen from its own side. Stanzas that
are lost or cross can leave them in others; a repeated request, or a probe, heals those.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import product
from typing import Final, TypeAlias

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    STATES,
    account,
    item,
    outbound,
    rfc6121,
    roster_set,
    state_of,
)
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import DEFAULT, Policy, PreApproval
from xmpp_im_core.server import Account, Event, FanOut, Inbound, Outbound, Route, Step, reduce
from xmpp_im_core.stanza import Stanza

Pair: TypeAlias = tuple[Account, Account]
"""Romeo's account and Juliet's."""
Joint: TypeAlias = tuple[str, str]
"""The state of Juliet in Romeo's roster, and that of Romeo in Juliet's."""

MIRRORED: Final = {
    ("None", "None"),
    ("None + Pending Out", "None + Pending In"),
    ("None + Pending In", "None + Pending Out"),
    ("None + Pending Out+In", "None + Pending Out+In"),
    ("To", "From"),
    ("To + Pending In", "From + Pending Out"),
    ("From", "To"),
    ("From + Pending Out", "To + Pending In"),
    ("Both", "Both"),
}
"""What is "to" or pending out on one side is "from" or pending in on the other."""

TYPES: Final = ("subscribe", "subscribed", "unsubscribe", "unsubscribed")
AT_MOST: Final = 12
"""How many stanzas an exchange may take: the auto-replies of two servers must come to an end."""


def pair(romeo_has: str, juliet_has: str) -> Pair:
    return account(ROMEO, {JULIET: romeo_has}, connected=("foo",)), account(
        JULIET, {ROMEO: juliet_has}, connected=("foo",)
    )


def joint(both: Pair) -> Joint:
    return state_of(both[0], JULIET), state_of(both[1], ROMEO)


def exchange(both: Pair, speaker: int, event: Event, policy: Policy = DEFAULT) -> Pair:
    """Let something happen to one account (0: Romeo's), and carry all stanzas to and fro until both are silent."""
    accounts = list(both)
    waiting: deque[tuple[int, Event]] = deque([(speaker, event)])
    for _ in range(AT_MOST):
        if not waiting:
            break
        place, happening = waiting.popleft()
        step = reduce(accounts[place], happening, policy)
        assert isinstance(step.state, Account)
        accounts[place] = step.state
        waiting.extend((1 - place, Inbound(AT, "seq", stanza)) for stanza in leaving(step))
    assert not waiting, "the servers go on answering one another"
    return accounts[0], accounts[1]


def leaving(step: Step) -> Iterable[Stanza]:
    for effect in step.effects:
        if isinstance(effect, Route):
            yield effect.stanza
        elif isinstance(effect, FanOut):
            yield from [effect.stanza.stamped(to=parse_address(each)) for each in effect.recipients]


def peer(speaker: int) -> str:
    return (JULIET, ROMEO)[speaker]


def stanzas(speaker: int) -> list[Outbound]:
    return [outbound(type, peer(speaker)) for type in TYPES]


def everything(speaker: int) -> list[Outbound]:
    """Return the stanzas, and what else a user can do about the other: log in and out, add, remove."""
    return [
        *stanzas(speaker),
        outbound("available"),
        outbound("unavailable"),
        roster_set(item(peer(speaker))),
        roster_set(item(peer(speaker), subscription="remove")),
    ]


def closure(start: Pair, moves: Callable[[int], list[Outbound]], policy: Policy) -> set[Joint]:
    """Return every joint state that is reached from a pair of accounts in lock-step."""
    seen, reached = {essence(start)}, {joint(start)}
    waiting = [start]
    while waiting:
        both = waiting.pop()
        for speaker in (0, 1):
            for move in moves(speaker):
                after = exchange(both, speaker, move, policy)
                if essence(after) not in seen:
                    seen.add(essence(after))
                    reached.add(joint(after))
                    waiting.append(after)
    return reached


def essence(both: Pair) -> tuple[object, ...]:
    """Return what of two accounts bears on what they do next: without versions, which grow without end."""
    return tuple(
        (
            tuple((each.jid, each.state, each.listed, each.approved) for each in side.roster.contacts.values()),
            tuple((each.available, each.directed) for each in side.sessions),
        )
        for side in both
    )


@rfc6121("A.1", quote="described from the perspective of the user, not the contact")
@in_one_test("pre_approval", list(PreApproval), ids=lambda choice: choice.value)
@in_one_test("acknowledged", [False, True], ids=["", "acknowledged"])
def test_in_lock_step_exactly_the_nine_mirrored_pairs_are_reached(
    pre_approval: PreApproval, acknowledged: bool
) -> None:
    policy = Policy(pre_approval=pre_approval, acknowledge_requests=acknowledged)

    assert closure(pair("None", "None"), stanzas, policy) == MIRRORED


@rfc6121("2.5.2", quote="in order to cancel the contact's subscription")
@pytest.mark.parametrize("pre_approval", list(PreApproval), ids=lambda choice: choice.value)
def test_other_acts_of_the_users_keep_the_pairs_mirrored(pre_approval: PreApproval) -> None:
    assert closure(pair("None", "None"), everything, Policy(pre_approval=pre_approval)) == MIRRORED


@in_one_test(("romeo_has", "juliet_has"), list(product(STATES, STATES)))
def test_from_any_pair_of_states_every_exchange_ends(romeo_has: str, juliet_has: str) -> None:
    for speaker in (0, 1):
        for move in everything(speaker):
            exchange(pair(romeo_has, juliet_has), speaker, move)


# --- what heals two rosters that disagree ------------------------------------------------------------------------

DISAGREEING: Final = [each for each in product(STATES, STATES) if each not in MIRRORED]
"""The 72 pairs that lost or crossing stanzas, or a restored backup, may leave."""


def healed(both: Pair, *conversation: tuple[int, str]) -> Joint:
    for speaker, type in conversation:
        both = exchange(both, speaker, outbound(type, peer(speaker)))
    return joint(both)


@in_one_test(("romeo_has", "juliet_has"), DISAGREEING)
def test_ending_everything_on_both_sides_repairs_every_pair(romeo_has: str, juliet_has: str) -> None:
    farewells = [(speaker, type) for speaker in (0, 1) for type in ("unsubscribe", "unsubscribed")]

    assert healed(pair(romeo_has, juliet_has), *farewells) in MIRRORED


@rfc6121("3.1.2", quote="this helps to recover from transient, silent errors")
@in_one_test("juliet_has", ["From", "From + Pending Out", "Both"])
@in_one_test(
    ("romeo_has", "becomes"),
    [("None", "To"), ("None + Pending Out", "To"), ("From", "Both"), ("From + Pending Out", "Both")],
)
def test_a_repeated_request_brings_back_an_approval_that_was_lost(
    romeo_has: str, becomes: str, juliet_has: str
) -> None:
    after = healed(pair(romeo_has, juliet_has), (0, "subscribe"))

    assert after == (becomes, juliet_has)


@rfc6121("3.1.2", quote="this helps to recover from transient, silent errors")
@in_one_test("romeo_has", ["None + Pending Out", "From + Pending Out", "To", "Both"])
def test_a_repeated_request_brings_back_a_request_that_was_lost(romeo_has: str) -> None:
    assert healed(pair(romeo_has, "None"), (0, "subscribe"))[1] == "None + Pending In"


@rfc6121("4.3.2", quote="this will trigger a protocol flow for canceling the user's subscription")
@in_one_test("juliet_has", ["None", "None + Pending Out", "To"])
@in_one_test(("romeo_has", "becomes"), [("To", "None"), ("Both", "From")])
def test_a_probe_at_login_tells_of_a_cancellation_that_was_lost(romeo_has: str, becomes: str, juliet_has: str) -> None:
    after = joint(exchange(pair(romeo_has, juliet_has), 0, outbound("available")))

    assert after[0] == becomes


@rfc6121("3.3.3", quote="MUST silently ignore the unsubscribe stanza")
def test_a_second_unsubscribe_replaces_a_lost_one() -> None:
    assert healed(pair("None", "From"), (0, "unsubscribe")) == ("None", "None")


@rfc6121("A.1", quote="includes the case of the contact not being in the user's roster at all")
def test_the_closure_is_the_same_where_nobody_is_in_any_roster() -> None:
    strangers = account(ROMEO, connected=("foo",)), account(JULIET, connected=("foo",))

    assert closure(strangers, stanzas, DEFAULT) == MIRRORED
