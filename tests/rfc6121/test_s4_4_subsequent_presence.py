"""Server processing of subsequent presence (RFC 6121 §4.4.2), and of priorities that it overrides (§4.7.2.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    STATES,
    account,
    after,
    broken,
    child,
    contact,
    following,
    inbound,
    outbound,
    presence,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Account, Outbound, SessionId, Undelivered, Unroutable, reduce
from xmpp_im_core.server.effects import Deliver, FanOut
from xmpp_im_core.stanza import Condition, Presence, payload, stanza_error, write_error

BENVOLIO = "benvolio@example.net"
FULL = f"{JULIET}/balcony"
AWAY = outbound("available", None, child("show", "away"), by="balcony", id="p2")

BROADCAST = [
    "send presence from juliet@example.com/balcony to benvolio@example.net, romeo@example.net",
    "deliver presence from juliet@example.com/balcony to balcony, chamber",
]


def juliet(**priorities: int) -> Account:
    contacts = {ROMEO: "Both", NURSE: "To", BENVOLIO: "From"}
    return account(JULIET, contacts, connected=("cellar",), available=priorities or {"balcony": 0, "chamber": 0})


@rfc6121("4.4.2", quote="MUST broadcast the full XML of that presence stanza to the contacts who are in the user's")
@rfc6121("4.4.2", quote="the resource that generated the presence notification in the first place")
def test_an_update_goes_to_subscribers_and_to_the_user_and_brings_nothing_else() -> None:
    step = reduce(juliet(), AWAY)

    assert told(step) == BROADCAST
    assert stanzas(step) == [
        presence("available", FULL, None, child("show", "away"), id="p2"),
        presence("available", FULL, JULIET, child("show", "away"), id="p2"),
    ]
    assert (step.store, step.forget) == ((), ())


@rfc6121("4.4.2", quote="MUST broadcast the full XML of that presence stanza")
def test_an_update_is_broadcast_with_everything_in_it_and_kept_for_probes() -> None:
    whole = Presence(
        id="pres2",
        lang="en",
        payload=payload("text", child("status", "Thinking"), element("x", "urn:example:x", {"a": "b"}, ["y"])),
        attributes=(("{urn:example:mood}is", "foul"),),
    )

    step = reduce(juliet(), Outbound(AT, "seq", SessionId("balcony", 1), whole))

    stamped = whole.stamped(from_=parse_address(FULL))
    assert stanzas(step) == [stamped, stamped.stamped(to=parse_address(JULIET))]
    assert after(step).sessions[0].presence == stamped


@rfc6121("4.4.2", quote='a subscription type of "from" or "both"')
@in_one_test("state", STATES)
def test_each_of_the_nine_states_decides_who_hears_of_an_update(state: str) -> None:
    step = reduce(account(JULIET, {ROMEO: state}, available=("balcony",)), AWAY)

    broadcast = [f"send presence from {FULL} to {ROMEO}"] if STATES[state].from_ else []
    assert told(step) == [*broadcast, f"deliver presence from {FULL} to balcony"]


@rfc6121("4.4.2", quote="That rule has been removed")
@pytest.mark.parametrize("type", ["error", "unavailable"])
def test_neither_a_presence_error_nor_an_offline_contact_stops_an_update(type: str) -> None:
    error = write_error(stanza_error(Condition.REMOTE_SERVER_TIMEOUT))
    refused = inbound(type, ROMEO, *([error] if type == "error" else []), to=FULL)

    assert told(reduce(following(juliet(), refused), AWAY)) == BROADCAST


@rfc6121("4.4.2", quote="That rule has been removed")
def test_a_broadcast_that_could_not_be_routed_does_not_stop_an_update() -> None:
    first = reduce(juliet(), AWAY)
    fan_out, own = first.effects
    assert isinstance(fan_out, FanOut)
    assert isinstance(own, Deliver)

    lost = following(
        after(first),
        Unroutable(AT, "lost", fan_out, recipients=(ROMEO,)),
        Undelivered(AT, "late", own, (SessionId("chamber", 1),)),
    )

    assert lost == broken(after(first), SessionId("chamber", 1))
    assert told(reduce(lost, AWAY)) == BROADCAST


@rfc6121("3.1.3", quote="until the contact either approves or denies the request")
def test_an_update_does_not_deliver_waiting_requests_again() -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False)

    step = reduce(account(JULIET, [waiting], available=("balcony",)), AWAY)

    assert told(step) == [f"deliver presence from {FULL} to balcony"]


# --- priorities that the server overrides (§4.7.2.3) -----------------------------------------------------------


def prioritised(text: str | None) -> Outbound:
    children = [child("show", "away"), *([] if text is None else [child("priority", text)])]
    return outbound("available", None, *children, by="balcony", id="p2")


@rfc6121("4.7.2.3", quote="it MUST communicate the modified priority value when it echoes the client's presence back")
@in_one_test(
    ("lowest", "highest", "asked", "shown"),
    [
        (0, 0, "127", None),
        (0, 0, "-128", None),
        (0, 0, None, None),
        (-1, 10, "11", "10"),
        (-1, 10, "10", "10"),
        (-1, 10, "-2", "-1"),
        (-1, 10, "-1", "-1"),
        (1, 10, None, "1"),
        (1, 10, "0", "1"),
    ],
)
def test_a_priority_out_of_bounds_is_overridden_in_echo_and_broadcast_and_for_delivery(
    lowest: int, highest: int, asked: str | None, shown: str | None
) -> None:
    step = reduce(juliet(), prioritised(asked), Policy(lowest_priority=lowest, highest_priority=highest))

    (broadcast, echo) = stanzas(step)
    for stanza in (broadcast, echo):
        assert [each.text for each in stanza.payload.all("priority")] == ([] if shown is None else [shown])
        assert [each.text for each in stanza.payload.all("show")] == ["away"]
    assert after(step).sessions[0].priority == int(shown or "0")
    assert after(step).sessions[0].presence == broadcast


@rfc6121("4.7.2.3", quote="The client's server MAY override the priority value provided by the client")
@in_one_test("text", ["-128", "-1", "0", "00", "+5", "127", None])
def test_without_such_a_policy_presence_stays_as_it_was_written(text: str | None) -> None:
    event = prioritised(text)

    (broadcast, _) = stanzas(reduce(juliet(), event))

    assert broadcast == event.stanza.stamped(from_=parse_address(FULL))


@rfc6121("4.7.2.3", quote="it MUST communicate the modified priority value")
def test_initial_presence_is_overridden_as_well_and_so_counts_as_reachable() -> None:
    offline = account(JULIET, {ROMEO: "Both"}, connected=("balcony",))

    step = reduce(offline, prioritised("-5"), Policy(lowest_priority=0))

    assert told(step)[-1] == "load messages for balcony"
    assert stanzas(step)[0] == presence("available", FULL, None, child("show", "away"), id="p2")
