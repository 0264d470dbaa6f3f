"""What the type checker knows of the public reducers: mypy reads this file, and checks each ``assert_type``.

That every event has its reducer needs no test: ``assert_never`` in each reducer is an error of the type checker if an
event is missed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, assert_type

from xmpp_im_core import client
from xmpp_im_core.client import Client
from xmpp_im_core.client.state import Bound
from xmpp_im_core.extensions import carbons, last_activity
from xmpp_im_core.extensions.carbons import Carbons
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    PLAIN,
    Account,
    AccountCreated,
    Beside,
    Event,
    ForAccount,
    Machine,
    NoAccount,
    Served,
    Service,
    State,
    Transition,
    hosting,
    reduce,
    serve,
)
from xmpp_im_core.server.accounts import administration, failed_commits, sessions, stanzas
from xmpp_im_core.server.events import Inbound, Outbound, SessionBound, StoreFailed
from xmpp_im_core.server.service.serving import Handled
from xmpp_im_core.snapshot import replay, replayed

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
JULIET: Final = parse_jid("juliet@capulet.example")
CREATED: Final = AccountCreated(NOON, "e1", "lineage")


def test_the_reducer_of_an_account_takes_any_state_and_returns_any_state() -> None:
    nobody: State = NoAccount(JULIET)
    step = reduce(nobody, CREATED)

    assert_type(step, Transition[State])
    assert_type(step.state, State)
    assert type(step.state) is Account


def test_what_is_done_to_an_account_that_is_there_leaves_an_account() -> None:
    inbound: Callable[[Account, Inbound, Policy], Transition[Account]] = stanzas.inbound
    outbound: Callable[[Account, Outbound, Policy], Transition[Account]] = stanzas.outbound
    bound: Callable[[Account, SessionBound, Policy], Transition[Account]] = sessions.bound
    failed: Callable[[Account, StoreFailed, Policy], Transition[Account]] = failed_commits.store_failed
    created: Callable[[NoAccount, AccountCreated], Transition[State]] = administration.account_created

    assert all(callable(each) for each in (inbound, outbound, bound, failed, created))


def test_a_service_keeps_the_state_of_its_machine() -> None:
    plain = serve(hosting("capulet.example"), ForAccount(JULIET.bare, CREATED))
    assert_type(plain, Served[State])
    assert_type(plain.state, Service[State])
    assert_type(plain.steps, tuple[Handled[State], ...])

    machine = last_activity(carbons(PLAIN))
    assert_type(machine, Machine[Beside[Carbons, State]])
    extended = serve(hosting("capulet.example", machine=machine), ForAccount(JULIET.bare, CREATED))
    assert_type(extended, Served[Beside[Carbons, State]])
    assert plain.effects == extended.effects


def test_a_client_stays_a_client() -> None:
    step = client.reduce(Client(JULIET), client.SessionBound(NOON, "e1", Bound(JULIET.with_resource("balcony"))))

    assert_type(step, client.Transition)
    assert_type(step.state, Client)
    assert step.state.jid == JULIET


def test_a_replay_returns_what_its_reducer_returns() -> None:
    events: list[Event] = [CREATED]

    assert_type(replayed(NoAccount(JULIET), events), State)
    assert_type(replay(NoAccount(JULIET), events), tuple[Transition[State], ...])
    assert replayed(NoAccount(JULIET), events) == reduce(NoAccount(JULIET), CREATED).state
