"""Messages through both halves: locking in, carbons, blocking, and what is lost on the way (RFC 6121 §5.1, §8.5)."""

from __future__ import annotations

from typing import TypeVar

import pytest

from tests.both_halves.stage import (
    BALCONY,
    CHAMBER,
    JULIET,
    NURSE,
    ORCHARD,
    ROMEO,
    VERONA,
    available,
    befriend,
    told,
)
from xmpp_im_core.carbon_copies import CARBONS
from xmpp_im_core.client import (
    Asking,
    ClientPolicy,
    EndChat,
    GoUnavailable,
    SendIQ,
    SendMessage,
    SetPresence,
    Show,
    Text,
    notifications,
)
from xmpp_im_core.client.notifications import Carbon
from xmpp_im_core.element import Element, element
from xmpp_im_core.extensions.carbons import carbons
from xmpp_im_core.jid import JID
from xmpp_im_core.policy import BlockedMessages, Policy
from xmpp_im_core.server.accounts.machine import PLAIN
from xmpp_im_core.stanza import Condition
from xmpp_im_core.testing.network import Network
from xmpp_im_core.testing.network_hosts import NetworkClient

BLOCKING = "urn:xmpp:blocking"

S = TypeVar("S")


def say(client: NetworkClient, to: JID, words: str) -> None:
    client.wants(SendMessage, to, (Text(words),))


def heard(client: NetworkClient) -> list[tuple[str, str | None]]:
    """Return the messages that a client has told of: from whom, and the body."""
    return [
        (str(each.message.from_), each.content.body())
        for each in told(client, notifications.MessageReceived)
        if each.carbon is None
    ]


def copies(client: NetworkClient) -> list[tuple[Carbon, str | None]]:
    received = told(client, notifications.MessageReceived)
    return [(each.carbon, each.content.body()) for each in received if each.carbon is not None]


# --- chat sessions (§5.1) -----------------------------------------------------------------------------------


def test_both_sides_lock_in_on_the_resource_that_speaks() -> None:
    network = Network(*VERONA)
    romeo, balcony, chamber = [network.enter(jid.full) for jid in (ORCHARD, BALCONY, CHAMBER)]
    befriend(network, romeo, balcony)
    chamber.wants(SetPresence, priority=-1)
    network.settle()

    say(romeo, JULIET, "My dear?")
    network.settle()
    say(balcony, ROMEO, "At what o'clock to-morrow shall I send to thee?")
    network.settle()
    chamber.wants(SetPresence, priority=1)  # from now on the best resource for the bare JID
    assert romeo.client.chats[JULIET.bare].locked == BALCONY
    network.settle()

    assert heard(balcony) == [(ORCHARD.full, "My dear?")]
    assert heard(romeo) == [(BALCONY.full, "At what o'clock to-morrow shall I send to thee?")]
    assert romeo.client.chats[JULIET.bare].locked is None  # "or a <presence/> stanza from any other resource"
    assert romeo.client.chats[JULIET.bare].thread == balcony.client.chats[ROMEO.bare].thread


def test_a_locked_session_goes_on_where_it_was() -> None:
    network = Network(*VERONA)
    romeo, chamber, balcony = [network.enter(jid.full) for jid in (ORCHARD, CHAMBER, BALCONY)]
    befriend(network, romeo, balcony)
    chamber.wants(SetPresence, priority=1)
    network.settle()

    say(balcony, ROMEO, "Romeo!")
    network.settle()
    say(romeo, JULIET, "My dear?")
    network.settle()

    assert heard(balcony) == [(ORCHARD.full, "My dear?")]
    assert heard(chamber) == []


def test_after_the_resource_has_gone_the_message_goes_to_the_other_one() -> None:
    network = Network(*VERONA)
    romeo, chamber, balcony = [network.enter(jid.full) for jid in (ORCHARD, CHAMBER, BALCONY)]
    befriend(network, romeo, balcony)
    say(balcony, ROMEO, "I hear some noise within; dear love, adieu!")
    network.settle()

    balcony.wants(GoUnavailable)
    network.settle()
    say(romeo, JULIET, "O blessed, blessed night!")
    network.settle()

    assert heard(chamber) == [(ORCHARD.full, "O blessed, blessed night!")]
    assert heard(balcony) == []


def test_strangers_who_chat_see_each_other_until_the_chat_ends() -> None:
    network = Network(*VERONA)
    romeo, nurse = network.enter(ORCHARD.full), network.enter("nurse@capulet.example/kitchen")

    say(romeo, NURSE, "Commend me to thy lady and mistress.")
    network.settle()
    say(nurse, ROMEO, "Good heart, and, i' faith, I will tell her as much.")
    network.settle()

    assert available(nurse, ROMEO) == ["orchard"]
    assert available(romeo, NURSE) == ["kitchen"]

    romeo.wants(EndChat, NURSE)
    network.settle()

    assert available(nurse, ROMEO) == []
    assert available(romeo, NURSE) == ["kitchen"]


# --- what does not arrive -----------------------------------------------------------------------------------


def test_messages_for_somebody_absent_wait_in_their_order() -> None:
    network = Network(*VERONA)
    network.create(JULIET.bare)
    romeo = network.enter(ORCHARD.full)
    say(romeo, JULIET, "She speaks:")
    say(romeo, JULIET, "O, speak again, bright angel!")
    network.settle()

    juliet = network.enter(BALCONY.full)

    assert [body for _, body in heard(juliet)] == ["She speaks:", "O, speak again, bright angel!"]


def test_a_message_on_a_stream_that_breaks_comes_with_the_next_one() -> None:
    network = Network(*VERONA)
    romeo, juliet = network.enter(ORCHARD.full), network.enter(BALCONY.full)
    befriend(network, romeo, juliet)
    say(romeo, JULIET, "Wilt thou leave me so unsatisfied?")
    for pipe in (romeo.out, *[pipe for pipe in network.under_way() if pipe.target == "capulet.example"]):
        while pipe.waiting:
            network.move(pipe)
    while network.under_way() and not juliet.into.waiting:
        for pipe in network.under_way():
            network.move(pipe)

    assert juliet.into.waiting
    network.lose(juliet)
    network.settle()
    assert available(romeo, JULIET) == []
    again = network.enter(BALCONY.full)

    assert heard(juliet) == []
    assert [body for _, body in heard(again)] == ["Wilt thou leave me so unsatisfied?"]


def test_a_message_to_nobody_comes_back_to_the_one_who_sent_it() -> None:
    network = Network(*VERONA, policy=Policy(offline_messages=False))
    romeo = network.enter(ORCHARD.full)

    say(romeo, JULIET, "Juliet?")
    network.settle()

    (failed,) = told(romeo, notifications.MessageFailed)
    assert failed.error is not None
    assert failed.error.condition is Condition.SERVICE_UNAVAILABLE
    assert failed.sent is not None
    assert failed.sent.payload.first("body") == element("body", "jabber:client", {}, ["Juliet?"])


# --- carbons (XEP-0280) -------------------------------------------------------------------------------------


def enable_carbons(network: Network[S], *clients: NetworkClient) -> None:
    for client in clients:
        client.wants(SendIQ, Asking.SET, element("enable", CARBONS))
    network.settle()


def test_each_resource_sees_both_sides_of_the_conversation() -> None:
    network = Network(*VERONA, machine=carbons(PLAIN))
    romeo, balcony, chamber = [network.enter(jid.full) for jid in (ORCHARD, BALCONY, CHAMBER)]
    befriend(network, romeo, balcony)
    enable_carbons(network, balcony, chamber)

    say(balcony, ROMEO, "Romeo!")
    network.settle()
    say(romeo, JULIET, "My dear?")
    network.settle()

    assert copies(chamber) == [(Carbon.SENT, "Romeo!"), (Carbon.RECEIVED, "My dear?")]
    assert heard(chamber) == []
    assert heard(balcony) == [(ORCHARD.full, "My dear?")]
    assert copies(balcony) == []
    assert chamber.client.chats == balcony.client.chats.delete(ROMEO.bare)


def test_a_resource_that_did_not_ask_for_carbons_gets_none() -> None:
    network = Network(*VERONA, machine=carbons(PLAIN))
    romeo, balcony, chamber = [network.enter(jid.full) for jid in (ORCHARD, BALCONY, CHAMBER)]
    befriend(network, romeo, balcony)
    enable_carbons(network, balcony)

    say(balcony, ROMEO, "Romeo!")
    network.settle()

    assert copies(chamber) == []


# --- blocking (XEP-0191) ------------------------------------------------------------------------------------


def block(name: str, jid: JID) -> Element:
    return element(name, BLOCKING, {}, [element("item", BLOCKING, {"jid": jid.bare})])


@pytest.mark.parametrize("answer", list(BlockedMessages))
def test_a_blocked_entity_sees_nothing_and_is_not_heard(answer: BlockedMessages) -> None:
    network = Network(*VERONA, policy=Policy(blocked_messages=answer))
    romeo, juliet = network.enter(ORCHARD.full), network.enter(BALCONY.full)
    befriend(network, romeo, juliet)

    juliet.wants(SendIQ, Asking.SET, block("block", ROMEO))
    network.settle()

    assert available(romeo, JULIET) == []
    assert romeo.client.subscription(JULIET.bare) is juliet.client.subscription(ROMEO.bare)

    juliet.wants(SetPresence, Show.DND)
    say(romeo, JULIET, "Wilt thou leave me so unsatisfied?")
    network.settle()

    assert available(romeo, JULIET) == []
    assert heard(juliet) == []
    conditions = [each.error.condition for each in told(romeo, notifications.MessageFailed) if each.error]
    assert conditions == ([Condition.SERVICE_UNAVAILABLE] if answer is BlockedMessages.ERROR else [])

    juliet.wants(SendIQ, Asking.SET, block("unblock", ROMEO))
    network.settle()

    assert available(romeo, JULIET) == ["balcony"]


# --- bounds of a client -------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, 2])
def test_a_client_keeps_at_most_the_configured_number_of_strangers(most: int) -> None:
    network = Network(*VERONA)
    juliet = network.enter(BALCONY.full, policy=ClientPolicy(strangers=most))

    for name in ("tybalt", "paris", "abram"):
        stranger = network.enter(f"{name}@montague.example/street")
        stranger.wants(SetPresence, to=JULIET)
        network.settle()

    assert list(juliet.client.strangers) == ["paris@montague.example", "abram@montague.example"][2 - most :]
