"""Server processing of outbound initial presence (RFC 6121 §4.2.2), and the probes that it brings (§4.3.1)."""

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
    child,
    contact,
    ended,
    following,
    outbound,
    presence,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.element import XML_LANG, element
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.server import Account, FanOut, Outbound, SessionId, reduce
from xmpp_im_core.stanza import CLIENT, Presence, payload

BENVOLIO = "benvolio@example.net"
LOGIN = outbound("available", by="balcony")

RICH = Presence(
    id="pres1",
    lang="en",
    payload=payload(
        child("show", "dnd"),
        child("status", "Wooing Romeo"),
        element("status", CLIENT, {XML_LANG: "cs"}, ["Dvořím se Romeovi"]),
        child("priority", "1"),
        element("c", "http://jabber.org/protocol/caps", {"node": "http://psi-im.org"}),
    ),
    attributes=(("{urn:example:mood}is", "fair"),),
)
"""Presence with everything in it."""

FULL = f"{JULIET}/balcony"


def juliet(*connected: str, available: tuple[str, ...] = ()) -> Account:
    """Juliet of the RFC's examples: her contacts are those to whom her presence goes."""
    contacts = {ROMEO: "Both", NURSE: "To", BENVOLIO: "From"}
    return account(JULIET, contacts, connected=connected, available=available)


@rfc6121("4.2.2", quote="In the absence of presence information about the user's contacts")
@rfc6121("4.2.2", quote="send the initial presence stanza from the full JID")
def test_initial_presence_goes_to_subscribers_then_to_the_user_and_then_come_the_probes() -> None:
    step = reduce(juliet("balcony", available=("chamber",)), LOGIN)

    assert told(step) == [
        "send presence from juliet@example.com/balcony to benvolio@example.net, romeo@example.net",
        "deliver presence from juliet@example.com/balcony to balcony, chamber",
        "send probe from juliet@example.com to nurse@example.com, romeo@example.net",
        "deliver presence from juliet@example.com/chamber to balcony",
        "load messages for balcony",
    ]
    assert (step.store, step.forget) == ((), ())


@rfc6121("4.2.2", quote='attribute set to a value of "from" or "both"')
@rfc6121("4.3", quote="which the user is subscribed, since presence subscriptions")
@in_one_test("state", STATES)
def test_each_of_the_nine_states_decides_who_is_told_and_who_is_probed(state: str) -> None:
    romeo_is = STATES[state]

    step = reduce(account(JULIET, {ROMEO: state}, connected=("balcony",)), LOGIN)

    told_to_romeo = [f"send presence from {FULL} to {ROMEO}"] if romeo_is.from_ else []
    probing_romeo = [f"send probe from {JULIET} to {ROMEO}"] if romeo_is.to else []
    asking = [f"deliver subscribe from {ROMEO} to balcony"] if romeo_is.pending_in else []
    own = f"deliver presence from {FULL} to balcony"
    assert told(step) == [*told_to_romeo, own, *probing_romeo, *asking, "load messages for balcony"]


@rfc6121("4.4.2", quote="MUST broadcast the full XML of that presence stanza")
def test_presence_goes_out_with_everything_that_the_client_put_in_it() -> None:
    step = reduce(juliet("balcony"), Outbound(AT, "seq", SessionId("balcony", 1), RICH))

    broadcast, own, *_ = stanzas(step)
    assert broadcast == RICH.stamped(from_=parse_address(FULL))
    assert own == RICH.stamped(from_=parse_address(FULL), to=parse_address(JULIET))
    assert after(step).sessions[0].presence == broadcast
    assert after(step).sessions[0].priority == 1


@rfc6121("4.2.2", quote="an entity is implicitly subscribed to its own presence")
def test_each_resource_is_told_once_and_its_own_sender_too() -> None:
    step = reduce(juliet("balcony", "cellar", available=("attic", "chamber", "hall")), LOGIN)

    own = [said for said in told(step) if said.startswith(f"deliver presence from {FULL}")]
    assert own == ["deliver presence from juliet@example.com/balcony to attic, balcony, chamber, hall"]


@rfc6121("4.2.2", quote="to all of the user's available resources, including the resource that generated the")
def test_a_connected_resource_that_is_not_available_is_not_told() -> None:
    step = reduce(juliet("balcony", "cellar"), LOGIN)

    assert "deliver presence from juliet@example.com/balcony to balcony" in told(step)
    assert not any("cellar" in said for said in told(step))


@rfc6121("4.2.2", quote="broadcast initial presence from the user's newly available resource")
def test_the_newly_available_resource_learns_of_the_others_as_they_last_showed_themselves() -> None:
    chamber = Outbound(AT, "first", SessionId("chamber", 1), RICH)
    before = following(juliet("balcony", "chamber", available=("attic",)), chamber)

    step = reduce(before, LOGIN)

    others = [stanza for stanza in stanzas(step) if stanza.from_jid != parse_jid(FULL) and stanza.type is None]
    assert others == [
        presence("available", f"{JULIET}/attic", JULIET, id="attic-presence"),
        RICH.stamped(from_=parse_address(f"{JULIET}/chamber"), to=parse_address(JULIET)),
    ]
    assert "deliver presence from juliet@example.com/chamber to balcony" in told(step)


@rfc6121("4.3.1", quote="it sends a presence probe from the bare JID <user@domainpart> of the")
def test_probes_go_from_bare_jid_to_bare_jid_all_in_one_fan_out_with_an_id() -> None:
    step = reduce(juliet("balcony"), LOGIN)

    (probes,) = [effect for effect in step.effects if isinstance(effect, FanOut) and effect.stanza.type == "probe"]
    assert probes.stanza == Presence(None, parse_address(JULIET), "seq-probe", "probe")
    assert probes.recipients == (NURSE, ROMEO)


@rfc6121("4.5.2", quote="MUST be treated as equivalent to initial presence for a new presence session")
@pytest.mark.parametrize("leaving", ["unavailable", None], ids=["unavailable", "end of stream"])
def test_presence_after_unavailable_is_initial_again(leaving: str | None) -> None:
    waiting = contact("tybalt@example.com", "None + Pending In", listed=False)
    first = reduce(account(JULIET, [contact(ROMEO, "Both"), waiting], connected=("balcony",)), LOGIN)
    left = (
        following(after(first), outbound(leaving, by="balcony"))
        if leaving is not None
        else following(after(first), ended("balcony")).with_session(account(JULIET, connected=("balcony",)).sessions[0])
    )

    again = reduce(left, LOGIN)

    assert told(again) == told(first)
    assert "send probe from juliet@example.com to romeo@example.net" in told(again)
    assert "deliver subscribe from tybalt@example.com to balcony" in told(again)


@rfc6121("4.3.1", quote="whenever the user starts a new presence session by sending initial presence")
@pytest.mark.parametrize("type", ["available", "unavailable"])
def test_no_other_presence_probes_contacts(type: str) -> None:
    available = following(juliet("balcony", available=("chamber",)), LOGIN)

    step = reduce(available, outbound(type, by="balcony"))

    assert not any("probe" in said for said in told(step))


@rfc6121("4.2.2", quote="to all contacts that are subscribed to the user's presence")
def test_a_user_without_contacts_tells_nobody_but_herself() -> None:
    step = reduce(account(JULIET, connected=("balcony",)), LOGIN)

    assert told(step) == ["deliver presence from juliet@example.com/balcony to balcony", "load messages for balcony"]


@rfc6121("4.2.2", quote="to all contacts that are subscribed to the user's presence")
def test_a_change_of_subscriptions_between_two_broadcasts_counts_for_the_second() -> None:
    known = following(juliet("balcony"), LOGIN)

    denied = following(known, outbound("unsubscribed", ROMEO, by="balcony"))

    assert told(reduce(denied, LOGIN))[0] == f"send presence from {FULL} to {BENVOLIO}"


def test_presence_of_a_session_that_was_replaced_is_ignored() -> None:
    step = reduce(juliet("balcony"), outbound("available", by="balcony", epoch=2))

    assert told(step) == []
    assert step.state == juliet("balcony")
