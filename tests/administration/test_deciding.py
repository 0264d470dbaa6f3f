"""``authorised_by``: the service's own decision on a request, made before the step (RFC 6121 §3.1.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    STATES,
    account,
    child,
    ignored,
    inbound,
    iq,
    message,
    outbound,
    presence,
    rfc6121,
    state_of,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.server import (
    Account,
    Decision,
    Event,
    Inbound,
    NoAccount,
    State,
    TimePassed,
    Unloaded,
    authorised_by,
    reduce,
)
from xmpp_im_core.stanza import Presence

REQUEST = inbound("subscribe", ROMEO, child("status", "Let me in"), to=JULIET)


def deciding(decision: Decision) -> tuple[list[tuple[Presence, Account]], Event, Account]:
    """Return what the function was asked, the event that came of it, and the account it was asked of."""
    asked: list[tuple[Presence, Account]] = []

    def decide(request: Presence, of: Account) -> Decision:
        asked.append((request, of))
        return decision

    juliet = account(JULIET, interested=("hall",), available=("balcony",))
    return asked, authorised_by(decide)(juliet, REQUEST), juliet


@rfc6121("3.1.3", quote="accepted an agreement with its service provider that allows automatic approval")
@pytest.mark.parametrize("decision", Decision)
def test_the_decision_becomes_a_field_of_the_event_and_nothing_else_of_it_changes(decision: Decision) -> None:
    asked, event, juliet = deciding(decision)

    assert asked == [(REQUEST.stanza, juliet)]
    assert event == Inbound(REQUEST.at, REQUEST.seq, REQUEST.stanza, decision)


def test_an_approval_is_answered_pushed_and_followed_by_presence_and_nobody_is_asked() -> None:
    _, event, juliet = deciding(Decision.APPROVE)

    step = reduce(juliet, event)

    assert told(step) == [
        f"route subscribed from {JULIET} to {ROMEO}",
        f"push {ROMEO} from to hall",
        f"route presence from {JULIET}/balcony to {ROMEO}",
    ]
    assert state_of(step.state, ROMEO) == "From"


def test_a_denial_is_answered_and_leaves_no_trace() -> None:
    _, event, juliet = deciding(Decision.DENY)

    step = reduce(juliet, event)

    assert told(step) == [f"route unsubscribed from {JULIET} to {ROMEO}"]
    assert (step.state, step.store) == (juliet, ())


def test_asking_leaves_it_to_the_user() -> None:
    _, event, juliet = deciding(Decision.ASK)

    assert told(reduce(juliet, event)) == [f"deliver subscribe from {ROMEO} to balcony"]
    assert reduce(juliet, event) == reduce(juliet, REQUEST)


def never(request: Presence, of: Account) -> Decision:
    raise AssertionError("nobody asks for a decision here")


OTHER_EVENTS: list[Event] = [
    *[inbound(type, ROMEO, to=JULIET) for type in ("subscribed", "unsubscribe", "unsubscribed", "probe", "available")],
    Inbound(AT, "seq", message("chat", ROMEO, JULIET)),
    Inbound(AT, "seq", iq("get", element("query", "urn:example:x"), from_=ROMEO, to=JULIET)),
    outbound("subscribe", ROMEO, by="balcony"),
    TimePassed(AT, "time"),
]


@in_one_test("event", OTHER_EVENTS, ids=lambda event: type(event).__name__)
def test_the_host_is_asked_about_no_other_event(event: Event) -> None:
    assert authorised_by(never)(account(JULIET), event) is event


@pytest.mark.parametrize("state", [NoAccount(parse_jid(JULIET)), Unloaded(parse_jid(JULIET))])
def test_the_host_is_not_asked_about_an_unknown_account(state: State) -> None:
    assert authorised_by(never)(state, REQUEST) is REQUEST


@in_one_test("type", ["subscribed", "unsubscribe", "unsubscribed"])
@in_one_test("decision", [Decision.APPROVE, Decision.DENY])
def test_a_decision_on_a_stanza_that_is_not_a_request_has_no_effect(decision: Decision, type: str) -> None:
    juliet = account(JULIET, {ROMEO: "None"}, available=("balcony",))

    assert ignored(juliet, inbound(type, ROMEO, to=JULIET, decision=decision))


@in_one_test("decision", Decision)
@in_one_test("state", [name for name, state in STATES.items() if state.from_])
def test_a_subscriber_gets_subscribed_under_every_decision(state: str, decision: Decision) -> None:
    juliet = account(JULIET, {ROMEO: state}, available=("balcony",))

    step = reduce(juliet, inbound("subscribe", ROMEO, to=JULIET, decision=decision))

    assert told(step) == [f"route subscribed from {JULIET} to {ROMEO}"]
    assert step.state == juliet


def test_no_decision_is_made_for_a_blocked_sender() -> None:
    juliet = account(JULIET, available=("balcony",)).blocking((ROMEO,))

    for decision in Decision:
        assert ignored(juliet, inbound("subscribe", ROMEO, to=JULIET, decision=decision))


def test_the_request_that_is_decided_is_complete() -> None:
    asked, *_ = deciding(Decision.ASK)

    assert asked[0][0] == presence("subscribe", ROMEO, JULIET, child("status", "Let me in"))
