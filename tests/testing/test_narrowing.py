"""A comparison is narrowed: to some acts, with users of another server, and by what the RFC leaves open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.testing.subscription_states import SubscriptionStates
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.testing import (
    EXPLANATIONS,
    REMOTE,
    SUBSCRIPTION_KINDS,
    USERS,
    Act,
    Connects,
    CoreSystem,
    GetsRoster,
    Observation,
    RostersOnly,
    SendsProbe,
    SendsSubscribe,
    SendsSubscribed,
    SetsItem,
    System,
    comparing,
    differences,
    smallest_difference,
)

JULIET, ROMEO = USERS
BALCONY = f"{JULIET}/balcony"
NURSE = f"nurse@{REMOTE}"

IDLE = [each for each in EXPLANATIONS if each.says == "pushes differently if nothing changes"]


def core() -> CoreSystem:
    return CoreSystem(*USERS)


def model() -> System:
    return RostersOnly(core())


def states() -> System:
    return RostersOnly(SubscriptionStates(USERS))


def losing(type: str) -> Callable[[], System]:
    return lambda: RostersOnly(SubscriptionStates(USERS, frozenset({type})))


class Sparing(CoreSystem):
    """Pushes an item only if it changed it, and (if told so) not even then."""

    def __init__(self, *, deaf: bool = False) -> None:
        super().__init__(*USERS)
        self.deaf = deaf
        self.before = super().observe().rosters

    def observe(self) -> Observation:
        seen = super().observe()
        changed = {user for user in USERS if seen.rosters[user] != self.before[user]}
        self.before = seen.rosters
        left = {
            at: tuple(
                [
                    each
                    for each in stanzas
                    if each.get("type") != "set"
                    or each.first("query", ROSTER) is None
                    or (at.partition("/")[0] in changed and not self.deaf)
                ]
            )
            for at, stanzas in seen.received.items()
        }
        return Observation(FrozenMap({at: stanzas for at, stanzas in left.items() if stanzas}), seen.rosters)


# --- some acts, and users of another server ---------------------------------------------------------------


@pytest.mark.parametrize("peers", [(), (NURSE,)])
def test_an_implementation_with_subscription_states_only_is_compared(peers: tuple[str, ...]) -> None:
    assert smallest_difference(model, states, kinds=SUBSCRIPTION_KINDS, peers=peers, examples=100) is None


def test_its_bug_is_found_by_these_acts_alone() -> None:
    found = smallest_difference(model, losing("subscribe"), kinds={SendsSubscribe, SendsSubscribed})

    assert found is not None
    assert sorted([type(act).__name__ for act in found.acts]) == [
        "Connects",
        "Connects",
        "SendsSubscribe",
        "SendsSubscribed",
    ]


def test_a_difference_that_only_another_server_shows_is_found_with_its_users() -> None:
    class Trusting(SubscriptionStates):
        """Takes an approval that the user has not asked for."""

        def arrives(self, type: str, sender: str, user: str) -> None:
            if type == "subscribed" and user in self.users:
                state = self.state(user, sender)
                state.to = state.listed = True
            super().arrives(type, sender, user)

    def trusting() -> System:
        return RostersOnly(Trusting(USERS))

    found = smallest_difference(model, trusting, kinds={SendsSubscribed, SendsSubscribe}, peers=[NURSE])

    assert found is not None
    assert [(type(act), act.user) for act in found.acts] == [(SendsSubscribed, NURSE)]


def test_a_machine_is_narrowed_too() -> None:
    drawn: list[Act] = []

    class Watched(RostersOnly):
        def feed(self, act: Act) -> None:
            drawn.append(act)
            super().feed(act)

    case = comparing(
        model, lambda: Watched(SubscriptionStates(USERS)), kinds=SUBSCRIPTION_KINDS, peers=[NURSE]
    ).TestCase
    case.settings = settings(max_examples=5, stateful_step_count=20, deadline=None, phases=[Phase.generate])
    case("runTest").runTest()

    assert {type(act) for act in drawn} <= {Connects, *SUBSCRIPTION_KINDS}
    assert any(act.is_remote for act in drawn)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"kinds": {SendsProbe}, "peers": [NURSE]}, "kinds: there is no act of a client"),
        ({"kinds": set()}, "kinds: there is no act of a client"),
        ({"kinds": {SendsSubscribe, Act}}, "kinds: no trace has Act"),
        ({"peers": ["nurse@elsewhere.example"]}, "peers: 'nurse@elsewhere.example' is not at remote.example"),
        ({"users": [JULIET]}, "users: a trace needs one, and somebody"),
        ({"users": [], "peers": [NURSE, f"other@{REMOTE}"]}, "users: a trace needs one, and somebody"),
    ],
)
def test_what_allows_no_trace_is_refused_at_once(arguments: dict[str, Any], told: str) -> None:
    for search in (smallest_difference, comparing):
        with pytest.raises(ValueError, match=told):
            search(model, states, **arguments)


def test_one_user_may_meet_users_of_another_server_only() -> None:
    def alone() -> System:
        return RostersOnly(CoreSystem(JULIET))

    found = smallest_difference(alone, alone, users=[JULIET], peers=[NURSE], kinds=SUBSCRIPTION_KINDS, examples=20)

    assert found is None


# --- explanations -----------------------------------------------------------------------------------------

SET_TWICE = [Connects(BALCONY), GetsRoster(BALCONY), SetsItem(BALCONY, ROMEO), SetsItem(BALCONY, ROMEO)]


def test_a_push_where_nothing_changes_is_a_difference_unless_it_is_explained() -> None:
    (difference,) = differences(core(), Sparing(), SET_TWICE)

    assert difference.number == 3
    assert differences(core(), Sparing(), SET_TWICE, explanations=IDLE) == ()
    assert differences(Sparing(), core(), SET_TWICE, explanations=IDLE) == ()


def test_a_missing_push_where_something_changes_is_never_explained() -> None:
    (difference,) = differences(core(), Sparing(deaf=True), SET_TWICE, explanations=EXPLANATIONS)

    assert (difference.number, difference.where) == (2, BALCONY)


def test_no_push_is_idle_to_a_model_that_shows_no_rosters() -> None:
    class Blind(CoreSystem):
        def observe(self) -> Observation:
            return Observation(super().observe().received, FrozenMap())

    assert differences(Blind(*USERS), Sparing(deaf=True), SET_TWICE, explanations=IDLE)


def test_the_search_and_the_machine_take_explanations() -> None:
    kinds = {GetsRoster, SetsItem}

    assert smallest_difference(core, Sparing, kinds=kinds, explanations=IDLE, examples=30) is None

    explained = comparing(core, Sparing, kinds=kinds, explanations=IDLE).TestCase
    explained.settings = settings(max_examples=10, stateful_step_count=20, deadline=None, phases=[Phase.generate])
    explained("runTest").runTest()
    strict = comparing(core, Sparing, kinds=kinds).TestCase
    strict.settings = settings(max_examples=20, stateful_step_count=20, deadline=None, phases=[Phase.generate])
    with pytest.raises(AssertionError, match=r"act \d+"):
        strict("runTest").runTest()
