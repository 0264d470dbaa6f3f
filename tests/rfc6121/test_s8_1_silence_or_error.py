"""Silence, or an error: who may know that a resource is not there (RFC 6121 §8.1)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    JULIET,
    MERCUTIO,
    ROMEO,
    STATES,
    account,
    after,
    ended,
    following,
    ignored,
    outbound,
    received_iq,
    received_message,
    rfc6121,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Account, Event, reduce

ORCHARD = f"{ROMEO}/orchard"
NOWHERE = f"{JULIET}/nowhere"
TYPES = in_one_test("type", ["normal", "groupchat", "headline"])
ASKED = element("query", "urn:example:x")


def juliet(state: str = "None") -> Account:
    return account(JULIET, {ROMEO: state}, available=("balcony",))


def bounced(to: str = NOWHERE, sender: str = ORCHARD) -> list[str]:
    return [f"route error service-unavailable from {to} to {sender}"]


@rfc6121("8.1", quote="a server SHOULD return an error if the originating entity is in the user's roster")
@rfc6121("8.5.3.2.1", quote="the server MUST either (a) silently ignore the stanza or (b) return an error stanza")
@TYPES
@in_one_test("state", STATES)
def test_a_subscriber_is_told_that_the_resource_is_not_there_and_others_are_not(state: str, type: str) -> None:
    step = reduce(juliet(state), received_message(type, ORCHARD, NOWHERE))

    assert told(step) == (bounced() if STATES[state].from_ else [])
    assert (step.state, step.store) == (juliet(state), ())


@rfc6121("8.1", quote="has received directed presence from the user (when the error would")
@TYPES
@in_one_test("directed", [ROMEO, ORCHARD, f"{ROMEO}/hall"])
def test_a_recipient_of_directed_presence_is_told(directed: str, type: str) -> None:
    chatting = following(juliet(), outbound("available", directed, by="balcony"))

    assert told(reduce(chatting, received_message(type, ORCHARD, NOWHERE))) == bounced()
    assert ignored(chatting, received_message(type, f"{MERCUTIO}/square", NOWHERE))


@rfc6121("8.1", quote="has received directed presence from the user (when the error would")
@TYPES
@in_one_test("over", [outbound("unavailable", ORCHARD, by="balcony"), ended("balcony")])
def test_the_sender_gets_no_error_once_its_authorisation_is_over(over: Event, type: str) -> None:
    chatting = following(juliet(), outbound("available", ORCHARD, by="balcony"))

    assert ignored(after(reduce(chatting, over)), received_message(type, ORCHARD, NOWHERE))


@TYPES
def test_the_user_herself_is_told(type: str) -> None:
    step = reduce(juliet(), received_message(type, f"{JULIET}/balcony", NOWHERE))

    assert told(step) == bounced(sender=f"{JULIET}/balcony")


@rfc6121("8.1", quote="alternative of (a) silently ignoring a stanza or (b) returning an")
@in_one_test("type", ["normal", "chat"])
@in_one_test("state", STATES)
def test_everybody_gets_the_error_if_the_rfc_allows_no_silence(state: str, type: str) -> None:
    offline = account(JULIET, {ROMEO: state})

    step = reduce(offline, received_message(type, ORCHARD, JULIET), Policy(offline_messages=False))

    assert told(step) == bounced(JULIET)


@rfc6121("8.5.3.1", quote="This policy helps to prevent presence leaks")
@pytest.mark.parametrize("type", ["get", "set"])
def test_an_iq_gets_the_same_error_whether_the_resource_is_there_or_not(type: str) -> None:
    stranger = juliet("To")

    there = reduce(stranger, received_iq(type, ASKED, from_=ORCHARD, to=f"{JULIET}/balcony"))
    not_there = reduce(stranger, received_iq(type, ASKED, from_=ORCHARD, to=NOWHERE))

    assert told(there) == bounced(f"{JULIET}/balcony")
    assert told(not_there) == bounced()
