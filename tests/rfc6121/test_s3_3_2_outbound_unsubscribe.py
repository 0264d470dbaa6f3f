"""Server processing of outbound unsubscribes (RFC 6121 §3.3.2)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    JULIET,
    ROMEO,
    account,
    after,
    contact,
    outbound,
    presence,
    pushes,
    rfc6121,
    roster,
    state_of,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.server import Kind, Put, Route, reduce
from xmpp_im_core.stanza import CLIENT

UNSUBSCRIBE = outbound("unsubscribe", JULIET, id="ul4bs71n")
ROUTED = "route unsubscribe from romeo@example.net to juliet@example.com"


@rfc6121("3.3.2", quote="The user's server then MUST send a roster push with the updated roster item")
@in_one_test(
    ("state", "becomes", "shows"),
    [
        ("None + Pending Out", "None", "none"),
        ("None + Pending Out+In", "None + Pending In", "none"),
        ("To", "None", "none"),
        ("To + Pending In", "None + Pending In", "none"),
        ("From + Pending Out", "From", "from"),
        ("Both", "From", "from"),
    ],
)
def test_the_unsubscribe_is_routed_before_the_push_to_all_interested_resources(
    state: str, becomes: str, shows: str
) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo", "bar"), available=("foo", "baz"))

    step = reduce(romeo, UNSUBSCRIBE)

    assert told(step) == [ROUTED, f"push juliet@example.com {shows} to bar, foo"]
    assert state_of(step.state, JULIET) == becomes
    assert after(step).roster.contacts[JULIET].asked is None


@rfc6121("3.3.2", quote="MUST stamp the stanza with the bare JID <user@domainpart> of the user")
def test_it_is_stamped_with_the_bare_jid_and_keeps_its_id_and_content() -> None:
    romeo = account(ROMEO, {JULIET: "To"}, connected=("foo",))
    adieu = element("status", CLIENT, {}, ["Adieu"])

    routed = reduce(romeo, outbound("unsubscribe", f"{JULIET}/balcony", adieu, id="ul4bs71n")).effects[0]

    assert isinstance(routed, Route)
    assert routed.stanza == presence("unsubscribe", ROMEO, JULIET, adieu, id="ul4bs71n")


@rfc6121("3.3.2", quote='where the subscription state is now either "none" or "from"')
def test_the_item_stays_and_keeps_the_rest() -> None:
    mine = contact(JULIET, "Both", name="Juliet", groups=("Lovers",), approved=True)
    romeo = account(ROMEO, [mine], interested=("foo",))

    step = reduce(romeo, UNSUBSCRIBE)

    assert pushes(step) == [("juliet@example.com from approved 'Juliet' (Lovers)", "v:8")]
    now = contact(JULIET, "From", name="Juliet", groups=("Lovers",), approved=True, version=8)
    assert step.store == (Put(Kind.CONTACT, JULIET, now), Put(Kind.ROSTER, "", RosterHead("v", 8, 0)))


@rfc6121("3.3.2", quote="the user's server MUST then route the stanza to that remote domain")
@pytest.mark.parametrize("state", ["None", "None + Pending In", "From"])
def test_it_is_routed_without_a_push_if_nothing_changes(state: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo",), available=("foo",))

    step = reduce(romeo, UNSUBSCRIBE)

    assert told(step) == [ROUTED]
    assert (step.state, step.store) == (romeo, ())


@rfc6121("3.3.2", quote="the user's server MUST then route the stanza to that remote domain")
def test_it_is_routed_to_an_entity_outside_the_roster_and_makes_no_item() -> None:
    romeo = account(ROMEO, interested=("foo",))

    step = reduce(romeo, UNSUBSCRIBE)

    assert told(step) == [ROUTED]
    assert roster(step.state) == []
    assert step.state is romeo


@rfc6121("3.3.2", quote="The user's server then MUST send a roster push")
def test_the_contacts_own_request_goes_on_waiting() -> None:
    romeo = account(ROMEO, {JULIET: "To + Pending In"}, interested=("foo",))

    step = reduce(romeo, UNSUBSCRIBE)

    assert after(step).roster.contacts[JULIET].request == romeo.roster.contacts[JULIET].request
    assert tuple(after(step).roster.pending) == (JULIET,)


@rfc6121("3.3.2", quote="The user's server then MUST send a roster push")
def test_the_users_own_presence_is_still_the_contacts_to_see() -> None:
    romeo = account(ROMEO, {JULIET: "Both"}, available=("foo",))

    step = reduce(romeo, UNSUBSCRIBE)

    assert told(step) == [ROUTED]
    assert told(reduce(step.state, outbound("unavailable"))) == [
        "send unavailable from romeo@example.net/foo to juliet@example.com",
        "deliver unavailable from romeo@example.net/foo to foo",
    ]
