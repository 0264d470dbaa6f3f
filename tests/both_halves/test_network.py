"""The network itself: what it does with streams that close, break or lead nowhere, and that its example runs."""

from __future__ import annotations

import doctest

from tests.both_halves.stage import BALCONY, JULIET, ORCHARD, VERONA, available, befriend, told
from tests.one_test import in_one_test
from xmpp_im_core.client import Asking, GetRoster, SendIQ, SetPresence, Subscribe, notifications
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.stanza import Condition
from xmpp_im_core.testing import network as module
from xmpp_im_core.testing.network import Network

PING = element("ping", "urn:xmpp:ping")


def test_the_example_in_the_text_runs() -> None:
    tried = doctest.testmod(module)

    assert tried.failed == 0
    assert tried.attempted > 0


def test_nothing_arrives_before_it_is_let() -> None:
    network = Network(*VERONA)
    romeo = network.connect(ORCHARD.full)

    romeo.wants(GetRoster)

    assert [(pipe.source, pipe.target) for pipe in network.under_way()] == [(ORCHARD.full, "montague.example")]
    network.move(romeo.out)
    assert told(romeo, notifications.RosterReceived) == []
    network.move(romeo.into)
    assert told(romeo, notifications.RosterReceived) == [notifications.RosterReceived()]
    assert network.under_way() == ()


def test_a_resource_that_is_bound_again_ends_the_session_before() -> None:
    network = Network(*VERONA)
    old = network.enter(ORCHARD.full)

    new = network.enter(ORCHARD.full)

    assert (old.open, old.client.bound) == (False, None)
    assert new.open
    assert [session.id for session in network.account(ORCHARD.bare).sessions] == [new.session]


def test_what_is_on_a_stream_that_breaks_is_lost_with_it() -> None:
    network = Network(*VERONA)
    romeo, juliet = network.enter(ORCHARD.full), network.enter(BALCONY.full)
    befriend(network, romeo, juliet)
    romeo.wants(Subscribe, parse_jid("nurse@capulet.example"))

    network.lose(romeo)
    network.settle()

    assert romeo.client.bound is None
    assert available(juliet, ORCHARD) == []
    assert "nurse@capulet.example" not in network.account(ORCHARD.bare).roster.contacts


@in_one_test(
    ("to", "condition"),
    [
        ("mercutio@verona.example", Condition.REMOTE_SERVER_NOT_FOUND),
        ("capulet.example", Condition.SERVICE_UNAVAILABLE),
        ("montague.example", Condition.SERVICE_UNAVAILABLE),
        ("rosaline@capulet.example", Condition.SERVICE_UNAVAILABLE),
    ],
)
def test_what_nobody_answers_is_answered_with_an_error(to: str, condition: Condition) -> None:
    network = Network(*VERONA)
    romeo = network.enter(ORCHARD.full)

    romeo.wants(SendIQ, Asking.GET, PING, parse_jid(to))
    network.settle()

    (answered,) = told(romeo, notifications.Answered)
    assert answered.answer.error is not None
    assert answered.answer.error.condition is condition


def test_a_client_that_has_closed_its_stream_sends_nothing() -> None:
    network = Network(*VERONA)
    juliet = network.enter(BALCONY.full)
    juliet.close()

    juliet.wants(SetPresence)
    network.settle()

    assert juliet.client.bound is None
    assert network.account(JULIET.bare).sessions == ()
