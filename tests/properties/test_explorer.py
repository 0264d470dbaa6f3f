"""All that two accounts can make of one another: every stanza, every order, every crossing in flight.

What is proved here of the joint states that can be reached holds for the tables of Appendix A as the reducer
performs them: the table that is searched is made by the reducer, and shown to be exact.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xmpp_im_core.jid import parse_jid
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.events import Event, SessionBound
from xmpp_im_core.server.state import Account, SessionId
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.subscription import Subscription
from xmpp_im_core.testing.explorer import (
    APPEAR,
    CARRIED,
    MOVES,
    NOTHING,
    Consequence,
    Exploration,
    Holds,
    Pair,
    Queue,
    StepTable,
    after_move,
    arrived,
    deliveries,
    disagreements,
    explore,
    held,
    holding,
    moved,
    sent,
    settled,
    tabulate,
)
from xmpp_im_core.testing.state_strategies import ENTITIES, NOON, accounts

S = Subscription
MIRROR: Final = {
    S.NONE: S.NONE,
    S.NONE_OUT: S.NONE_IN,
    S.NONE_IN: S.NONE_OUT,
    S.NONE_OUT_IN: S.NONE_OUT_IN,
    S.TO: S.FROM,
    S.TO_IN: S.FROM_OUT,
    S.FROM: S.TO,
    S.FROM_OUT: S.TO_IN,
    S.BOTH: S.BOTH,
}
"""What the other side holds where both agree (Appendix A.1)."""

ANSWERS: Final = ("subscribed", "unsubscribed")


@cache
def table() -> StepTable:
    return tabulate()


@cache
def reachable(in_flight: int, *also: str) -> Exploration:
    return explore(table(), in_flight, (*MOVES, *also))


@cache
def quiet_ends() -> frozenset[Pair]:
    """Where the reachable joint states come to rest when nobody does anything more."""
    return frozenset({settled(table(), pair) for pair in reachable(2, APPEAR).pairs})


def differences(pair: Pair) -> set[str]:
    return {*disagreements(pair.one, pair.other), *disagreements(pair.other, pair.one)}


# --- the table --------------------------------------------------------------------------------------------


def test_a_contact_is_in_one_of_the_nine_states_and_in_no_other_combination() -> None:
    in_the_roster = {Holds(state, listed=True) for state in S}
    pre_approved = {Holds(state, True, True) for state in (S.NONE, S.NONE_OUT, S.TO)}
    in_no_roster = {NOTHING, Holds(S.NONE_IN)}

    assert set(table().moves) == set(table().arrivals) == in_the_roster | pre_approved | in_no_roster


RESOURCE: Final = SessionId("explorer", 1)


def without_directed(account: Account, peer: str) -> Account:
    return account.with_sessions(
        tuple(
            [
                each.with_directed(tuple([jid for jid in each.directed if parse_jid(jid).bare != peer]))
                for each in account.sessions
            ]
        )
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Account, str, Holds]:
    """Any account with this about somebody: whatever else it holds, and whatever the item is called.

    But for directed presence to this somebody: it makes a probe be answered otherwise (§4.6.6).
    """
    account, peer = draw(accounts()), draw(st.sampled_from(ENTITIES))
    account = without_directed(account, peer)
    assume(peer not in account.roster.shared)
    assume(not is_blocked(account, parse_jid(peer)))
    return account, peer, draw(st.sampled_from(sorted(table().moves, key=repr)))


@given(situations(), st.sampled_from((*[(move, False) for move in (*MOVES, APPEAR)], *[(t, True) for t in CARRIED])))
def test_the_table_says_what_the_reducer_does_in_any_account(
    situation: tuple[Account, str, Holds], happens: tuple[str, bool]
) -> None:
    account, peer, holds = situation
    what, arrives = happens
    jid = parse_jid(peer)
    account = holding(with_resource(account), jid, holds)
    event: Event = arrived(account, jid, what) if arrives else moved(jid, what, RESOURCE)

    step = reduce(account, event)

    assert isinstance(step.state, Account)
    assert (held(step.state, jid), sent(step.effects, jid)) == row(table(), holds, what, arrives)


def with_resource(account: Account) -> Account:
    step = reduce(account, SessionBound(NOON, "bound", RESOURCE))
    assert isinstance(step.state, Account)
    return step.state


def row(table: StepTable, holds: Holds, what: str, arrives: bool) -> Consequence:
    return (table.arrivals if arrives else table.moves)[holds][what]


# --- quiescence -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("in_flight", "pairs", "depth"), [(1, 1_264, 18), (2, 17_297, 24)])
def test_the_joint_states_are_finitely_many(in_flight: int, pairs: int, depth: int) -> None:
    found = reachable(in_flight)

    assert (len(found.pairs), found.depth) == (pairs, depth)


def test_an_answer_is_never_answered() -> None:
    for arrivals in table().arrivals.values():
        assert [arrivals[type][1] for type in ANSWERS] == [(), ()]


def test_a_subscription_stanza_causes_at_most_one_answer() -> None:
    replies: set[Queue] = {arrivals[type][1] for arrivals in table().arrivals.values() for type in CARRIED}

    assert replies == {(), ("subscribed",), ("unsubscribed",)}


def test_when_nobody_does_anything_more_everything_comes_to_rest() -> None:
    """Each stanza under way arrives, and causes at most one more, which causes none."""
    for pair in reachable(2, APPEAR).pairs:
        under_way = len(pair.to_other) + len(pair.to_one)
        assert settled(table(), pair, 2 * under_way + 1).quiet


def test_the_order_of_arrival_on_the_two_links_makes_no_difference() -> None:
    for pair in reachable(2, APPEAR).pairs:
        if pair.to_other and pair.to_one:
            there, here = deliveries(table(), pair)
            *_, there_then_here = deliveries(table(), there)
            assert there_then_here == next(deliveries(table(), here))


# --- agreement --------------------------------------------------------------------------------------------


def test_all_nine_ways_to_agree_are_reached_and_no_others() -> None:
    agreed = {(end.one.state, end.other.state) for end in quiet_ends() if not differences(end)}

    assert agreed == set(MIRROR.items())


def test_without_crossing_stanzas_and_stale_requests_the_two_sides_agree() -> None:
    """Each user acts only when everything has arrived, and answers only what was asked."""
    seen, ahead = {Pair()}, [Pair()]
    while ahead:
        pair = ahead.pop()
        asked = pair.one.state.pending_in
        for move in MOVES:
            if move == "subscribed" and not asked:
                continue  # a pre-approval
            after = after_move(table(), pair, move)
            turned = Pair(after.other, after.one)
            ahead += [each for each in (after, turned) if each not in seen]
            seen |= {after, turned}

    assert {frozenset(differences(pair)) for pair in seen} == {frozenset()}


def test_stanzas_that_cross_leave_two_kinds_of_disagreement_and_both_on_the_side_that_is_asked() -> None:
    """The subscribed side may go on sending presence, or asking its user; never is anybody told of a
    subscription, or left to wait for an answer, of which the other side knows nothing.
    """
    assert {name for end in quiet_ends() for name in differences(end)} == {
        "from, not to",
        "pending in, not pending out",
    }


# --- healing ----------------------------------------------------------------------------------------------


def drifted() -> list[Pair]:
    """Any two accounts at all: stanzas were lost, or one of the two was restored from yesterday."""
    return [Pair(one, other) for one, other in product(sorted(table().moves, key=repr), repeat=2)]


def test_a_repeated_request_repairs_every_disagreement_of_the_two_sides() -> None:
    """It is routed in every state (StepTable A.2.1), and a contact with a subscription is answered so (§3.1.3)."""
    for pair in drifted():
        after = after_move(table(), pair, "subscribe")

        assert after.one.state.to or after.one.state.pending_out, pair
        assert after.other.state.from_ or after.other.state.pending_in, pair
        if not pair.one.state.to:
            assert disagreements(after.one, after.other) == (), pair


def test_an_unsubscribe_repairs_every_disagreement_of_the_two_sides() -> None:
    for pair in drifted():
        after = after_move(table(), pair, "unsubscribe")

        assert (after.one.state.to, after.one.state.pending_out) == (False, False), pair
        assert disagreements(after.one, after.other) == (), pair


def test_a_probe_ends_a_subscription_that_the_contacts_server_knows_nothing_of() -> None:
    """An entity without a subscription is answered "unsubscribed" (§4.3.2, rule 1), which ends what the prober held."""
    for pair in drifted():
        after = after_move(table(), pair, APPEAR)

        assert "to, not from" not in disagreements(after.one, after.other), pair
        if "to, not from" not in disagreements(pair.one, pair.other):
            assert after == pair


def test_nothing_that_a_probe_causes_cancels_a_pre_approval() -> None:
    """ "this MUST NOT result in cancellation of a subscription pre-approval" (§4.3.2)"""
    for pair in drifted():
        after = after_move(table(), pair, APPEAR)

        assert (after.one.approved, after.other.approved) == (pair.one.approved, pair.other.approved), pair
