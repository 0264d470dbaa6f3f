"""What a type checker knows of the client's half. ``make check`` runs mypy over this file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, assert_type

import pytest

from xmpp_im_core.client import (
    Client,
    Decide,
    Decision,
    Effect,
    Event,
    Features,
    GetRoster,
    RosterCache,
    SetItem,
    Transition,
    authorised_by,
    read_features,
    reduce,
)
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import Subscription

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
JULIET: Final = Client("juliet@capulet.example")


def test_a_step_has_the_types_of_the_client() -> None:
    step = reduce(JULIET, GetRoster(NOON, "s1"))

    assert_type(step, Transition)
    assert_type(step.state, Client)
    assert_type(step.effects, tuple[Effect, ...])
    assert_type(step.state.roster, RosterCache)
    assert_type(step.state.subscription("romeo@montague.example"), Subscription)
    assert isinstance(step, Transition)


def test_a_decision_takes_a_request_and_the_client() -> None:
    def decide(request: Presence, client: Client) -> Decision:
        return Decision.APPROVE if request.from_jid == client.jid else Decision.ASK

    decider: Decide = decide
    decided = authorised_by(decider)

    assert_type(decided, Callable[[Client, Event], Event])
    assert decided(JULIET, GetRoster(NOON, "s1")) == GetRoster(NOON, "s1")


def test_stream_features_are_read_into_a_value() -> None:
    assert_type(read_features(()), Features)
    assert read_features(()) == Features()


def test_what_is_not_an_event_is_refused_before_it_runs_and_when_it_runs() -> None:
    with pytest.raises(TypeError, match="an event of a client is needed"):
        reduce(JULIET, "roster")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="jid"):
        SetItem(NOON, "s1", 7)  # type: ignore[arg-type]
