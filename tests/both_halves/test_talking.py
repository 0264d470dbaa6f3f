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
from xmpp_im_core.client.messages.received_carbons import CARBONS
from xmpp_im_core.client.notifications import Carbon
from xmpp_im_core.element import Element, element
from xmpp_im_core.extensions.carbons import carbons
from xmpp_im_core.jid import JID
from xmpp_im_core.policy import BlockedMessages, Policy
from xmpp_im_core.server.accounts.machine import PLAIN
from xmpp_im_core.stanza import Condition
from xmpp_im_core.testing.hosts import ClientHost
from xmpp_im_core.testing.world import World

BLOCKING = "urn:xmpp:blocking"

S = TypeVar("S")


def say(client: ClientHost, to: JID, words: str) -> None:
    client.wants(SendMessage, to, (Text(words),))


def heard(client: ClientHost) -> list[tuple[str, str | None]]:
    """Return the messages that a client has told of: from whom, and the body."""
    return [
        (str(each.message.from_), each.content.body())
        for each in told(client, notifications.MessageReceived)
        if each.carbon is None
    ]


def copies(client: ClientHost) -> list[tuple[Carbon, str | None]]:
    received = told(client, notifications.MessageReceived)
    return [(each.carbon, each.content.body()) for each in received if each.carbon is not None]


# --- chat sessions (§5.1) -----------------------------------------------------------------------------------


def test_both_sides_lock_in_on_the_resource_that_speaks() -> None:
    world = World(*VERONA)
    romeo, balcony, chamber = [world.enter(jid.full) for jid in (ORCHARD, BALCONY, CHAMBER)]
    befriend(world, romeo, balcony)
    chamber.wants(SetPresence, priority=-1)
    world.settle()

    say(romeo, JULIET, "My dear?")
    world.settle()
    say(balcony, ROMEO, "At what o'clock to-morrow shall I send to thee?")
    world.settle()
    chamber.wants(SetPresence, priority=1)  # from now on the best resource for the bare JID
    assert romeo.client.chats[JULIET.bare].locked == BALCONY
    world.settle()

    assert heard(balcony) == [(ORCHARD.full, "My dear?")]
    assert heard(romeo) == [(BALCONY.full, "At what o'clock to-morrow shall I send to thee?")]
    assert romeo.client.chats[JULIET.bare].locked is None  # "or a <presence/> stanza from any other resource"
    assert romeo.client.chats[JULIET.bare].thread == balcony.client.chats[ROMEO.bare].thread


def test_a_locked_session_goes_on_where_it_was() -> None:
    world = World(*VERONA)
    romeo, chamber, balcony = [world.enter(jid.full) for jid in (ORCHARD, CHAMBER, BALCONY)]
    befriend(world, romeo, balcony)
    chamber.wants(SetPresence, priority=1)
    world.settle()

    say(balcony, ROMEO, "Romeo!")
    world.settle()
    say(romeo, JULIET, "My dear?")
    world.settle()

    assert heard(balcony) == [(ORCHARD.full, "My dear?")]
    assert heard(chamber) == []


def test_after_the_resource_has_gone_the_message_goes_to_the_other_one() -> None:
    world = World(*VERONA)
    romeo, chamber, balcony = [world.enter(jid.full) for jid in (ORCHARD, CHAMBER, BALCONY)]
    befriend(world, romeo, balcony)
    say(balcony, ROMEO, "I hear some noise within; dear love, adieu!")
    world.settle()

    balcony.wants(GoUnavailable)
    world.settle()
    say(romeo, JULIET, "O blessed, blessed night!")
    world.settle()

    assert heard(chamber) == [(ORCHARD.full, "O blessed, blessed night!")]
    assert heard(balcony) == []


def test_strangers_who_chat_see_each_other_until_the_chat_ends() -> None:
    world = World(*VERONA)
    romeo, nurse = world.enter(ORCHARD.full), world.enter("nurse@capulet.example/kitchen")

    say(romeo, NURSE, "Commend me to thy lady and mistress.")
    world.settle()
    say(nurse, ROMEO, "Good heart, and, i' faith, I will tell her as much.")
    world.settle()

    assert available(nurse, ROMEO) == ["orchard"]
    assert available(romeo, NURSE) == ["kitchen"]

    romeo.wants(EndChat, NURSE)
    world.settle()

    assert available(nurse, ROMEO) == []
    assert available(romeo, NURSE) == ["kitchen"]


# --- what does not arrive -----------------------------------------------------------------------------------


def test_messages_for_somebody_absent_wait_in_their_order() -> None:
    world = World(*VERONA)
    world.create(JULIET.bare)
    romeo = world.enter(ORCHARD.full)
    say(romeo, JULIET, "She speaks:")
    say(romeo, JULIET, "O, speak again, bright angel!")
    world.settle()

    juliet = world.enter(BALCONY.full)

    assert [body for _, body in heard(juliet)] == ["She speaks:", "O, speak again, bright angel!"]


def test_a_message_on_a_stream_that_breaks_comes_with_the_next_one() -> None:
    world = World(*VERONA)
    romeo, juliet = world.enter(ORCHARD.full), world.enter(BALCONY.full)
    befriend(world, romeo, juliet)
    say(romeo, JULIET, "Wilt thou leave me so unsatisfied?")
    for link in (romeo.out, *[link for link in world.under_way() if link.target == "capulet.example"]):
        while link.waiting:
            world.move(link)
    while world.under_way() and not juliet.into.waiting:
        for link in world.under_way():
            world.move(link)

    assert juliet.into.waiting
    world.lose(juliet)
    world.settle()
    assert available(romeo, JULIET) == []
    again = world.enter(BALCONY.full)

    assert heard(juliet) == []
    assert [body for _, body in heard(again)] == ["Wilt thou leave me so unsatisfied?"]


def test_a_message_to_nobody_comes_back_to_the_one_who_sent_it() -> None:
    world = World(*VERONA, policy=Policy(offline_messages=False))
    romeo = world.enter(ORCHARD.full)

    say(romeo, JULIET, "Juliet?")
    world.settle()

    (failed,) = told(romeo, notifications.MessageFailed)
    assert failed.error is not None
    assert failed.error.condition is Condition.SERVICE_UNAVAILABLE
    assert failed.sent is not None
    assert failed.sent.payload.first("body") == element("body", "jabber:client", {}, ["Juliet?"])


# --- carbons (XEP-0280) -------------------------------------------------------------------------------------


def enable_carbons(world: World[S], *clients: ClientHost) -> None:
    for client in clients:
        client.wants(SendIQ, Asking.SET, element("enable", CARBONS))
    world.settle()


def test_each_resource_sees_both_sides_of_the_conversation() -> None:
    world = World(*VERONA, machine=carbons(PLAIN))
    romeo, balcony, chamber = [world.enter(jid.full) for jid in (ORCHARD, BALCONY, CHAMBER)]
    befriend(world, romeo, balcony)
    enable_carbons(world, balcony, chamber)

    say(balcony, ROMEO, "Romeo!")
    world.settle()
    say(romeo, JULIET, "My dear?")
    world.settle()

    assert copies(chamber) == [(Carbon.SENT, "Romeo!"), (Carbon.RECEIVED, "My dear?")]
    assert heard(chamber) == []
    assert heard(balcony) == [(ORCHARD.full, "My dear?")]
    assert copies(balcony) == []
    assert chamber.client.chats == balcony.client.chats.delete(ROMEO.bare)


def test_who_did_not_ask_for_carbons_gets_none() -> None:
    world = World(*VERONA, machine=carbons(PLAIN))
    romeo, balcony, chamber = [world.enter(jid.full) for jid in (ORCHARD, BALCONY, CHAMBER)]
    befriend(world, romeo, balcony)
    enable_carbons(world, balcony)

    say(balcony, ROMEO, "Romeo!")
    world.settle()

    assert copies(chamber) == []


# --- blocking (XEP-0191) ------------------------------------------------------------------------------------


def block(name: str, jid: JID) -> Element:
    return element(name, BLOCKING, {}, [element("item", BLOCKING, {"jid": jid.bare})])


@pytest.mark.parametrize("answer", list(BlockedMessages))
def test_who_is_blocked_sees_nothing_and_is_not_heard(answer: BlockedMessages) -> None:
    world = World(*VERONA, policy=Policy(blocked_messages=answer))
    romeo, juliet = world.enter(ORCHARD.full), world.enter(BALCONY.full)
    befriend(world, romeo, juliet)

    juliet.wants(SendIQ, Asking.SET, block("block", ROMEO))
    world.settle()

    assert available(romeo, JULIET) == []
    assert romeo.client.subscription(JULIET.bare) is juliet.client.subscription(ROMEO.bare)

    juliet.wants(SetPresence, Show.DND)
    say(romeo, JULIET, "Wilt thou leave me so unsatisfied?")
    world.settle()

    assert available(romeo, JULIET) == []
    assert heard(juliet) == []
    conditions = [each.error.condition for each in told(romeo, notifications.MessageFailed) if each.error]
    assert conditions == ([Condition.SERVICE_UNAVAILABLE] if answer is BlockedMessages.ERROR else [])

    juliet.wants(SendIQ, Asking.SET, block("unblock", ROMEO))
    world.settle()

    assert available(romeo, JULIET) == ["balcony"]


# --- bounds of a client -------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, 2])
def test_a_client_keeps_no_more_strangers_than_it_is_told_to(most: int) -> None:
    world = World(*VERONA)
    juliet = world.enter(BALCONY.full, policy=ClientPolicy(strangers=most))

    for name in ("tybalt", "paris", "abram"):
        stranger = world.enter(f"{name}@montague.example/street")
        stranger.wants(SetPresence, to=JULIET)
        world.settle()

    assert list(juliet.client.strangers) == ["paris@montague.example", "abram@montague.example"][2 - most :]
