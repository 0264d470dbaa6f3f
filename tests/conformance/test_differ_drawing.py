"""The traces that are drawn: every state of a subscription is reached, and nothing happens that was not asked for."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import cast

import pytest
from attrs import define, field

from tests.conformance.wrong_servers import Around
from tests.one_test import in_one_test
from xmpp_im_conformance.differ.drawing import STATES, drawn, leading_to
from xmpp_im_conformance.differ.kinds import kinds_of
from xmpp_im_conformance.differ.playing import PEERS, playing_on
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.worlds import Driver, Setup, World
from xmpp_im_core.server.state import Account
from xmpp_im_core.subscription import Subscription
from xmpp_im_core.testing import (
    USERS,
    Connects,
    CoreSystem,
    Disconnects,
    GetsRoster,
    SendsPing,
    SendsSubscribe,
    SendsSubscribed,
    SendsUnsubscribe,
    SetsItem,
    observation,
    possible,
)

JULIET, ROMEO = USERS
BALCONY = f"{JULIET}/balcony"
(NURSE,) = PEERS


def held(system: CoreSystem, contact: str) -> tuple[Subscription, bool]:
    """In which state Juliet holds somebody, and whether that is with a pre-approval."""
    account = system.host.service.accounts[JULIET]
    assert isinstance(account, Account)
    contacts = account.roster.contacts
    return account.roster.state_of(contact), contact in contacts and contacts[contact].approved


@in_one_test("state", STATES)
@in_one_test("other", [f"{ROMEO}/balcony", f"{NURSE}/balcony"])
def test_each_state_is_reached(state: tuple[Subscription, bool], other: str) -> None:
    system = CoreSystem(*USERS)
    for act in (Connects(BALCONY), Connects(other), *leading_to(BALCONY, other, state[0], approved=state[1])):
        if not (isinstance(act, Connects) and act.is_remote):
            system.feed(act)

    assert held(system, other.partition("/")[0]) == state


def test_acts_follow_in_every_state() -> None:
    reached: set[tuple[Subscription, bool]] = set()
    for number in range(300):
        system = CoreSystem(*USERS)
        for act in drawn(Random(number), PEERS, kinds_of(["subscriptions"])):
            reached.add(held(system, NURSE))
            system.feed(act)

    assert reached == {*STATES}


@pytest.mark.parametrize("chapters", [[], ["subscriptions"], ["messages"], ["presence", "rosters"]])
@pytest.mark.parametrize("peers", [(), PEERS])
def test_only_requested_and_possible_acts_happen(chapters: list[str], peers: tuple[str, ...]) -> None:
    kinds = kinds_of(chapters)
    for number in range(100):
        trace = drawn(Random(number), peers, kinds)
        assert possible(trace)
        assert {type(act) for act in trace} <= {Connects, *kinds}
        assert {act.user for act in trace} <= {*USERS, *peers}


def test_the_same_chance_draws_the_same() -> None:
    one, again, other = [drawn(Random(seed), PEERS, kinds_of([])) for seed in (1, 1, 2)]

    assert one == again != other


# --- playing ----------------------------------------------------------------------------------------------


@define
class Noted(Around):
    """A world that notes whose roster is looked at."""

    looked_at: list[str]

    def roster(self, account: str) -> Sequence[RosterItem]:
        self.looked_at.append(account)
        return self.inner.roster(account)


@define
class Noting(Driver):
    """The core, and what it was asked for."""

    name = "noting"
    accounts: list[str] = field(factory=list)
    looked_at: list[str] = field(factory=list)

    def world(self, setup: Setup) -> World:
        self.accounts += setup.accounts
        return cast(World, Noted(Embedded().world(setup), self.looked_at))


def test_only_those_take_part_whom_an_act_names() -> None:
    one, two = Noting(), Noting()

    (*_, last) = playing_on(one, peers=True)([Connects(BALCONY), SendsSubscribe(BALCONY, NURSE)])
    playing_on(two, peers=True)([Connects(BALCONY), SendsPing(BALCONY, f"{ROMEO}/orchard")])

    assert (one.accounts, two.accounts) == ([JULIET], [JULIET, ROMEO])
    assert {*last.rosters} == {JULIET}


def test_a_client_that_is_there_asks_for_the_roster_in_the_end() -> None:
    acts = [Connects(BALCONY), GetsRoster(BALCONY), SetsItem(BALCONY, ROMEO, "Nurse"), SendsSubscribe(BALCONY, ROMEO)]
    driver, without = Noting(), Noting()

    seen = playing_on(driver)(acts)[-1].rosters[JULIET]
    left = playing_on(without)([*acts, Disconnects(BALCONY)])[-1].rosters[JULIET]

    assert seen == left
    assert driver.looked_at == [ROMEO]  # who has no client
    assert without.looked_at == [JULIET, ROMEO]


def test_the_drivers_final_requests_are_not_mistaken_for_received_stanzas() -> None:
    seen = playing_on(Embedded())([Connects(BALCONY)])

    assert seen[-1] == observation({}, {JULIET: []})


def test_what_somebody_on_another_server_does_is_played() -> None:
    acts = [
        Connects(BALCONY),
        SendsSubscribe(f"{NURSE}/balcony", JULIET),
        SendsSubscribed(BALCONY, NURSE),
        SendsUnsubscribe(BALCONY, NURSE),
    ]

    assert len(playing_on(Embedded(), peers=True)(acts)) == 4
