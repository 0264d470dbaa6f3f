"""The world itself: what it does with streams that close, break or lead nowhere, and that its example runs."""

from __future__ import annotations

import doctest

import pytest

from tests.both_halves.stage import BALCONY, JULIET, ORCHARD, VERONA, available, befriend, told
from xmpp_im_core.client import Asking, GetRoster, SendIQ, SetPresence, Subscribe, notifications
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.stanza import Condition
from xmpp_im_core.testing import world as module
from xmpp_im_core.testing.world import World

PING = element("ping", "urn:xmpp:ping")


def test_the_example_in_the_text_runs() -> None:
    tried = doctest.testmod(module)

    assert tried.failed == 0
    assert tried.attempted > 0


def test_nothing_arrives_before_it_is_let() -> None:
    world = World(*VERONA)
    romeo = world.connect(ORCHARD.full)

    romeo.wants(GetRoster)

    assert [(link.source, link.target) for link in world.under_way()] == [(ORCHARD.full, "montague.example")]
    world.move(romeo.out)
    assert told(romeo, notifications.RosterReceived) == []
    world.move(romeo.into)
    assert told(romeo, notifications.RosterReceived) == [notifications.RosterReceived()]
    assert world.under_way() == ()


def test_a_resource_that_is_bound_again_ends_the_session_before() -> None:
    world = World(*VERONA)
    old = world.enter(ORCHARD.full)

    new = world.enter(ORCHARD.full)

    assert (old.open, old.client.bound) == (False, None)
    assert new.open
    assert [session.id for session in world.account(ORCHARD.bare).sessions] == [new.session]


def test_what_is_on_a_stream_that_breaks_is_lost_with_it() -> None:
    world = World(*VERONA)
    romeo, juliet = world.enter(ORCHARD.full), world.enter(BALCONY.full)
    befriend(world, romeo, juliet)
    romeo.wants(Subscribe, parse_jid("nurse@capulet.example"))

    world.lose(romeo)
    world.settle()

    assert romeo.client.bound is None
    assert available(juliet, ORCHARD) == []
    assert "nurse@capulet.example" not in world.account(ORCHARD.bare).roster.contacts


@pytest.mark.parametrize(
    ("to", "condition"),
    [
        ("mercutio@verona.example", Condition.REMOTE_SERVER_NOT_FOUND),
        ("capulet.example", Condition.SERVICE_UNAVAILABLE),
        ("montague.example", Condition.SERVICE_UNAVAILABLE),
        ("rosaline@capulet.example", Condition.SERVICE_UNAVAILABLE),
    ],
)
def test_what_nobody_answers_is_answered_with_an_error(to: str, condition: Condition) -> None:
    world = World(*VERONA)
    romeo = world.enter(ORCHARD.full)

    romeo.wants(SendIQ, Asking.GET, PING, parse_jid(to))
    world.settle()

    (answered,) = told(romeo, notifications.Answered)
    assert answered.answer.error is not None
    assert answered.answer.error.condition is condition


def test_a_client_that_has_closed_its_stream_sends_no_more() -> None:
    world = World(*VERONA)
    juliet = world.enter(BALCONY.full)
    juliet.close()

    juliet.wants(SetPresence)
    world.settle()

    assert juliet.client.bound is None
    assert world.account(JULIET.bare).sessions == ()
