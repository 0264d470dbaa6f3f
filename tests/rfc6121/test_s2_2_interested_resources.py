"""Retrieving the roster on login (RFC 6121 §2.2): connected, available and interested resources."""

from __future__ import annotations

import pytest

from tests.rfc6121.conversation import (
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    bound,
    ended,
    following,
    ignored,
    inbound,
    item,
    outbound,
    query,
    rfc6121,
    roster_get,
    roster_set,
    sent_iq,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy, RosterAccess
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server import reduce

ANOTHER_SETS = roster_set(item(NURSE), by="chamber")


@rfc6121("2.2", quote='it is referred to as an "interested resource"')
def test_a_connected_resource_that_asks_for_the_roster_gets_pushes_without_any_presence() -> None:
    juliet = following(account(JULIET, connected=("balcony", "chamber")), roster_get("balcony"))

    assert told(reduce(juliet, ANOTHER_SETS)) == [
        "empty result to chamber",
        "push nurse@example.com none to balcony",
    ]


@rfc6121("2.2", quote="If a connected resource or available resource requests the roster")
def test_an_available_resource_that_asks_for_the_roster_gets_pushes() -> None:
    juliet = following(account(JULIET, connected=("chamber",), available=("balcony",)), roster_get("balcony"))

    assert "push nurse@example.com none to balcony" in told(reduce(juliet, ANOTHER_SETS))


@rfc6121("2.2", quote="the client's request for the roster is not mandatory")
def test_an_available_resource_that_never_asked_gets_no_pushes() -> None:
    juliet = account(JULIET, connected=("chamber",), available=("balcony",))

    assert told(reduce(juliet, ANOTHER_SETS)) == ["empty result to chamber"]


@rfc6121("2.2", quote="The server MUST send roster pushes to all interested resources")
def test_interest_lasts_though_the_resource_becomes_unavailable() -> None:
    juliet = account(JULIET, connected=("chamber",), interested=("balcony",), available=("balcony",))

    juliet = following(juliet, outbound("unavailable", by="balcony"))

    assert "push nurse@example.com none to balcony" in told(reduce(juliet, ANOTHER_SETS))


@rfc6121("2.2", quote="Presence subscription requests are sent to available resources, whereas the roster pushes")
def test_requests_go_to_available_resources_and_pushes_to_interested_ones() -> None:
    juliet = account(JULIET, {NURSE: "Both"}, interested=("chamber",), available=("balcony",))

    assert told(reduce(juliet, inbound("subscribe", ROMEO, to=JULIET))) == [
        "deliver subscribe from romeo@example.net to balcony"
    ]
    assert told(reduce(juliet, roster_set(item(NURSE), by="balcony"))) == [
        "empty result to balcony",
        "push nurse@example.com both to chamber",
    ]


# --- the roster get that fails ------------------------------------------------------------------------------


@pytest.mark.parametrize("access", [RosterAccess.OPEN, RosterAccess.READ_ONLY])
@rfc6121("2.2", quote="A client requests the roster by sending a roster get over its stream")
def test_a_roster_can_be_read_though_it_may_not_be_changed(access: RosterAccess) -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, connected=("balcony",))

    step = reduce(juliet, roster_get("balcony"), Policy(roster_access=access))

    assert told(step) == ["roster [romeo@example.net both] to balcony"]


@rfc6121("2.2", quote="<service-unavailable/> if the roster namespace is not supported")
def test_a_service_without_rosters_answers_service_unavailable() -> None:
    juliet = account(JULIET, connected=("balcony",))
    policy = Policy(roster_access=RosterAccess.UNSUPPORTED)

    for request in (roster_get("balcony"), roster_set(item(NURSE), by="balcony")):
        step = reduce(juliet, request, policy)

        assert told(step) == ["error service-unavailable to balcony"]
        assert step.state is juliet


@rfc6121("2.2", quote="If the server cannot process the roster get, it MUST return an appropriate stanza error")
def test_something_else_in_the_roster_namespace_is_a_bad_request() -> None:
    juliet = account(JULIET, connected=("balcony",))

    for type in ("get", "set"):
        step = reduce(juliet, sent_iq(type, element("roster", ROSTER), by="balcony"))

        assert told(step) == ["error bad-request to balcony"]
        assert step.state is juliet


@rfc6121("2.2", quote="If the server cannot process the roster get, it MUST return an appropriate stanza error")
def test_a_roster_get_that_failed_makes_no_resource_interested() -> None:
    juliet = account(JULIET, connected=("balcony", "chamber"))

    juliet = following(juliet, sent_iq("get", query(item(NURSE)), by="balcony"))

    assert told(reduce(juliet, ANOTHER_SETS)) == ["empty result to chamber"]


# --- interest belongs to one session ------------------------------------------------------------------------


@rfc6121("2.2", quote="binding a resource (thus becoming a connected resource")
def test_a_resource_that_is_bound_again_has_to_ask_again() -> None:
    juliet = account(JULIET, connected=("chamber",), interested=("balcony",))

    juliet = following(juliet, bound("balcony", epoch=2))

    assert told(reduce(juliet, ANOTHER_SETS)) == ["empty result to chamber"]


@rfc6121("2.2", quote="binding a resource (thus becoming a connected resource")
def test_the_late_end_of_a_replaced_session_does_not_end_the_interest_of_the_new_one() -> None:
    juliet = account(JULIET, connected=("chamber",), interested=("balcony",))
    juliet = following(juliet, bound("balcony", epoch=2))
    juliet = following(juliet, roster_get("chamber"))

    late = reduce(juliet, ended("balcony", epoch=1))

    assert told(late) == []
    assert after(late).interested() == juliet.interested()
    assert ignored(after(late), ended("balcony", epoch=1))


@rfc6121("2.2", quote="The server MUST send roster pushes to all interested resources")
def test_a_push_names_the_session_by_its_epoch() -> None:
    juliet = account(JULIET, interested=("chamber",))
    juliet = following(juliet, bound("chamber", epoch=2))
    asked = roster_get("chamber")
    juliet = following(juliet, type(asked)(asked.at, asked.seq, asked.session._replace(epoch=2), asked.stanza))

    step = reduce(juliet, inbound("subscribed", ROMEO, to=JULIET))

    assert told(step) == []
    assert told(reduce(juliet, outbound("subscribe", ROMEO, by="chamber", epoch=2))) == [
        "route subscribe from juliet@example.com to romeo@example.net",
        "push romeo@example.net none ask to chamber#2",
    ]


@rfc6121("2.2", quote="binding a resource (thus becoming a connected resource")
def test_a_request_of_a_session_that_was_replaced_is_ignored() -> None:
    juliet = following(account(JULIET, interested=("balcony",)), bound("balcony", epoch=2))

    assert ignored(juliet, roster_get("balcony"))
    assert ignored(juliet, roster_set(item(NURSE), by="balcony"))
    assert ignored(juliet, outbound("subscribe", ROMEO, by="balcony", epoch=1))


@rfc6121("2.2", quote="The server MUST send roster pushes to all interested resources")
def test_a_session_that_ended_gets_no_more_pushes() -> None:
    juliet = account(JULIET, connected=("chamber",), interested=("balcony",))

    juliet = following(juliet, ended("balcony"))

    assert told(reduce(juliet, ANOTHER_SETS)) == ["empty result to chamber"]
