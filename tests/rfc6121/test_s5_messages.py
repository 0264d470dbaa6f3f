"""Exchanging messages, as far as a server sees them (RFC 6121 §5.2, §5.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    child,
    received_message,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.element import XML_LANG, element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import MessagesToSeveral, Policy
from xmpp_im_core.server import Account, Inbound, Outbound, SessionId, reduce
from xmpp_im_core.stanza import CLIENT, Message, payload

FULL = f"{JULIET}/balcony"
ORCHARD = f"{ROMEO}/orchard"

WHOLE = payload(
    child("subject", "I implore you!"),
    element("subject", CLIENT, {XML_LANG: "cs"}, ["Úpěnlivě prosím!"]),
    child("body", "Wherefore art thou, Romeo?"),
    element("body", CLIENT, {XML_LANG: "cs"}, ["Pročež jsi ty, Romeo?"]),
    element(
        "thread", CLIENT, {"parent": "e0ffe42b28561960c6b12b944a092794b9683a38"}, ["0e3141cd80894871a68e6fe6b1ec56fa"]
    ),
    element("html", "http://jabber.org/protocol/xhtml-im", {}, [element("body", "http://www.w3.org/1999/xhtml")]),
    "text between",
)
"""A message with everything that §5.2 knows, and what it does not."""


def juliet() -> Account:
    return account(JULIET, {ROMEO: "Both"}, available={"balcony": 1, "chamber": 0, "hall": -1})


@rfc6121("5.2.5", quote="is not human-readable and MUST be treated as opaque")
@rfc6121("5.3", quote="an XML stanza MAY contain any child element that is qualified by a namespace other than")
@in_one_test("type", ["normal", "chat", "groupchat", "headline", None, "bogus"])
def test_a_message_on_its_way_out_is_routed_with_all_that_is_in_it(type: str | None) -> None:
    sent = Message(parse_address(ROMEO), None, "z94nb37h", type, "en", WHOLE, (("{urn:example:z}z", "z"),))

    step = reduce(juliet(), Outbound(AT, "seq", SessionId("balcony", 1), sent))

    assert stanzas(step) == [sent.stamped(from_=parse_address(FULL))]
    assert told(step) == [f"route {type or 'message'} from {FULL} to {ROMEO}"]
    assert (step.state, step.store) == (juliet(), ())


@rfc6121("5.2.5", quote="MUST be treated as opaque")
@in_one_test("to", [JULIET, FULL])
@in_one_test("type", ["normal", "chat", None, "bogus"])
def test_a_message_that_arrives_is_delivered_with_all_that_is_in_it(type: str | None, to: str) -> None:
    sent = Message(
        parse_address(to), parse_address(ORCHARD), "z94nb37h", type, "en", WHOLE, (("{urn:example:z}z", "z"),)
    )

    step = reduce(juliet(), Inbound(AT, "seq", sent))

    assert stanzas(step) == [sent]
    assert told(step) == [f"deliver {type or 'message'} from {ORCHARD} to balcony"]


@rfc6121("5.2.2", quote="SHOULD deliver the message to all of the recipient's available resources with non-negative")
@rfc6121("5.2.2", quote="MUST deliver the message to at least one of those resources")
@pytest.mark.parametrize("policy", [Policy(), Policy(normal_to_several=MessagesToSeveral.ALL)])
def test_a_headline_to_the_bare_jid_reaches_all_that_are_not_negative(policy: Policy) -> None:
    step = reduce(juliet(), received_message("headline", ORCHARD, JULIET), policy)

    assert told(step) == [f"deliver headline from {ORCHARD} to balcony, chamber"]


@rfc6121("5.2.2", quote="a full JID and there is a matching resource, the server MUST deliver the message to that")
@pytest.mark.parametrize("resource", ["balcony", "chamber", "hall"])
def test_a_headline_to_a_full_jid_reaches_that_resource_whatever_its_priority(resource: str) -> None:
    step = reduce(juliet(), received_message("headline", ORCHARD, f"{JULIET}/{resource}"))

    assert told(step) == [f"deliver headline from {ORCHARD} to {resource}"]


@rfc6121("5.2.2", quote="otherwise the server MUST either silently ignore the message or return an error")
def test_a_headline_to_nobody_is_ignored_or_bounced_and_never_stored() -> None:
    nobody = account(JULIET, {ROMEO: "Both"})

    bare = reduce(nobody, received_message("headline", ORCHARD, JULIET))
    full = reduce(nobody, received_message("headline", ORCHARD, FULL))

    assert (told(bare), bare.store) == ([], ())
    assert (told(full), full.store) == ([f"route error service-unavailable from {FULL} to {ORCHARD}"], ())


@rfc6121("5.2.2", quote="does not understand the value of the 'type' attribute")
@in_one_test("type", [None, "", "CHAT", "error ", "subscribe"])
def test_a_type_that_nobody_understands_counts_as_normal_and_stays_as_it_was_written(type: str | None) -> None:
    to_all = Policy(normal_to_several=MessagesToSeveral.ALL)
    event = received_message(type, ORCHARD, JULIET)

    step = reduce(juliet(), event, to_all)

    assert stanzas(step) == [event.stanza]
    assert told(step)[0].endswith("to balcony, chamber")
