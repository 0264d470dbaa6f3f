"""Adding a roster item (RFC 6121 §2.3.1, §2.3.2)."""

from __future__ import annotations

import pytest

from tests.rfc6121.conversation import (
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    contact,
    iq,
    item,
    pushes,
    rfc6121,
    roster,
    roster_set,
    state_of,
    told,
)
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.server import Deliver, Kind, Put, reduce

NEW = item(NURSE, "Servants", name="Nurse")


@rfc6121("2.3.2", quote="it MUST create the item in the user's roster")
def test_the_new_item_is_created_and_stored() -> None:
    juliet = account(JULIET, connected=("balcony",), version=12)

    step = reduce(juliet, roster_set(NEW, by="balcony"))

    nurse = contact(NURSE, name="Nurse", groups=("Servants",), version=13)
    assert after(step).roster.items() == (nurse,)
    assert step.store == (Put(Kind.CONTACT, NURSE, nurse), Put(Kind.ROSTER, "", RosterHead("v", 13, 0)))


@rfc6121("2.3.2", quote="to the connected resource that sent the roster set")
def test_the_result_goes_to_the_sender_and_is_empty() -> None:
    juliet = account(JULIET, connected=("balcony",), interested=("chamber",))

    result = reduce(juliet, roster_set(NEW, by="balcony")).effects[0]

    assert isinstance(result, Deliver)
    assert result.stanza == iq("result", to="juliet@example.com/balcony")


@rfc6121("2.3.2", quote="including the resource that generated the roster set")
def test_the_result_comes_first_and_then_the_push_to_all_interested_resources() -> None:
    juliet = account(JULIET, connected=("garden",), interested=("balcony", "chamber"))

    step = reduce(juliet, roster_set(NEW, by="balcony"))

    assert told(step) == [
        "empty result to balcony",
        "push nurse@example.com none 'Nurse' (Servants) to balcony, chamber",
    ]


@rfc6121("2.3.2", quote="to all of the user's interested resources")
def test_a_sender_that_is_not_interested_gets_the_result_alone() -> None:
    juliet = account(JULIET, connected=("balcony",), available=("balcony",))

    assert told(reduce(juliet, roster_set(NEW, by="balcony"))) == ["empty result to balcony"]


@rfc6121("2.3.2", quote="ver='ver13'")
def test_two_resources_are_pushed_the_same_version_of_one_change() -> None:
    juliet = account(JULIET, interested=("balcony", "chamber"), version=12)

    step = reduce(juliet, roster_set(NEW, by="balcony"))

    assert pushes(step) == [("nurse@example.com none 'Nurse' (Servants)", "v:13")]


@rfc6121(
    "A.1", quote="if the user has created a roster item for the contact then the server MUST maintain that roster item"
)
def test_an_item_made_for_a_pending_requester_shows_none_and_the_request_stays() -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False)
    juliet = account(JULIET, [waiting], interested=("balcony",))
    request = juliet.roster.contacts[ROMEO].request

    step = reduce(juliet, roster_set(item(ROMEO, name="Romeo"), by="balcony"))

    assert pushes(step) == [("romeo@example.net none 'Romeo'", "v:8")]
    assert state_of(step.state, ROMEO) == "None + Pending In"
    assert after(step).roster.contacts[ROMEO].request == request
    assert tuple(after(step).roster.pending) == (ROMEO,)


@rfc6121("2.3.2", quote="it MUST create the item in the user's roster")
def test_a_removed_item_can_be_added_again() -> None:
    juliet = account(JULIET, connected=("balcony",))
    juliet = after(reduce(juliet, roster_set(NEW, by="balcony")))
    juliet = after(reduce(juliet, roster_set(item(NURSE, subscription="remove"), by="balcony")))

    juliet = after(reduce(juliet, roster_set(item(NURSE), by="balcony")))

    assert roster(juliet) == ["nurse@example.com none"]


@rfc6121("3.1.1", quote="A server MUST process a roster set and outbound presence subscription request in either order")
@pytest.mark.parametrize("state", ["None + Pending Out", "From + Pending Out"])
def test_a_roster_set_after_the_request_keeps_ask(state: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("balcony",))
    asked = juliet.roster.contacts[ROMEO].asked

    step = reduce(juliet, roster_set(item(ROMEO, "Friends", name="Romeo"), by="balcony"))

    assert state_of(step.state, ROMEO) == state
    assert after(step).roster.contacts[ROMEO].asked == asked
