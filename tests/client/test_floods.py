"""A flood of presence: each step costs what it changes, however much came before it (RFC 6121 §4.2.4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.client.counting import Looked, looks, work
from tests.client.stage import NOON, Scene, roster_of
from xmpp_im_core.client import (
    Client,
    ClientPolicy,
    GetRoster,
    GoUnavailable,
    Inbound,
    SetItem,
    SetPresence,
    Subscribe,
    Unsubscribe,
    reduce,
)
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.copying import copied
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.text_set import text_set

FEW, MANY = 30, 900
FIRST, MIDDLE = "s0@evil.example/x", f"s{FEW // 2}@evil.example/x"


def flooded(size: int, roster_has_come: bool) -> Scene:
    """Return a client whose bound is reached: one stranger more, and another one has to give way."""
    policy = ClientPolicy(strangers=size, presence_before_roster=size)
    scene = Scene(roster_of(), policy=policy) if roster_has_come else Scene(policy=policy)
    scene.take(SetPresence(*scene.stamp()))
    scene.server(*[f"<presence from='s{number}@evil.example/x'/>" for number in range(size)])
    assert len(scene.client.strangers) == size
    return scene


flooded_once = cache(flooded)
"""A scene that nothing more happens to: only what its client would do is looked at."""


def step(scene: Scene, xml: str) -> int:
    event = Inbound(*scene.stamp(), parse_stanza(xml))
    return work(lambda: reduce(scene.client, event, scene.policy))


ARRIVALS = {
    "one stranger more": "<presence from='one@more.example/x'/>",
    "the one that was heard longest ago": f"<presence from='{FIRST}'/>",
    "one from the middle": f"<presence from='{MIDDLE}'/>",
    "one that goes": f"<presence from='{FIRST}' type='unavailable'/>",
    "one that never was there": "<presence from='one@more.example' type='unavailable'/>",
    "one that fails": f"<presence from='{FIRST}' type='error'/>",
}


@pytest.mark.parametrize("roster_has_come", [True, False], ids=["roster", "no roster yet"])
@pytest.mark.parametrize("xml", ARRIVALS.values(), ids=ARRIVALS.keys())
def test_presence_of_a_stranger_costs_the_same_among_many_as_among_few(xml: str, roster_has_come: bool) -> None:
    few, many = flooded_once(FEW, roster_has_come), flooded_once(MANY, roster_has_come)

    assert step(many, xml) <= 1.5 * step(few, xml)


def going_unavailable(scene: Scene) -> Callable[[], object]:
    event = GoUnavailable(*scene.stamp())
    return lambda: reduce(scene.client, event, scene.policy)


def roster_arriving(scene: Scene) -> Callable[[], object]:
    """The roster comes, and it turns out that all were strangers, of whom none is to be remembered."""
    scene.take(GetRoster(*scene.stamp()))
    (id,) = scene.client.questions
    event = Inbound(*scene.stamp(), parse_stanza(f"<iq type='result' id='{id}'><query xmlns='jabber:iq:roster'/></iq>"))
    return lambda: reduce(scene.client, event, ClientPolicy(strangers=0))


@pytest.mark.parametrize("event", [going_unavailable, roster_arriving])
def test_what_ends_a_flood_costs_the_same_for_each_of_many_as_for_each_of_few(
    event: Callable[[Scene], Callable[[], object]],
) -> None:
    few, many = flooded(FEW, roster_has_come=False), flooded(MANY, roster_has_come=False)

    assert work(event(many)) / MANY <= 1.5 * work(event(few)) / FEW


def test_presence_costs_the_same_however_many_were_sent_directed_presence() -> None:
    def addressed(size: int) -> Client:
        scene = Scene(roster_of())
        for number in range(size):
            scene.take(SetPresence(*scene.stamp(), to=parse_jid(f"hall{number}@muc.example/Juliet")))
        return scene.client

    few, many = addressed(FEW), addressed(300)
    for xml in (ARRIVALS["one stranger more"], "<presence from='one@more.example/x' type='unavailable'/>"):
        event = Inbound(NOON, "e", parse_stanza(xml))
        assert work(lambda: reduce(many, event)) <= 1.5 * work(lambda: reduce(few, event))  # noqa: B023  # called here


def test_a_chat_message_costs_the_same_among_many_sessions_as_among_few() -> None:
    def chatting(size: int) -> tuple[Client, ClientPolicy]:
        scene = Scene(policy=ClientPolicy(chats=size))
        scene.server(*[f"<message from='s{number}@evil.example/x' type='chat'/>" for number in range(size)])
        return scene.client, scene.policy

    few, many = chatting(FEW), chatting(MANY)
    event = Inbound(NOON, "e", parse_stanza("<message from='one@more.example/x' type='chat'/>"))

    assert work(lambda: reduce(many[0], event, many[1])) <= 1.5 * work(lambda: reduce(few[0], event, few[1]))


def test_a_subscription_costs_the_same_however_many_requests_wait() -> None:
    scene = Scene(roster_of())
    waiting = copied(scene.client, asked=text_set([Looked(f"c{number}@evil.example") for number in range(MANY)]))
    romeo = parse_jid("romeo@montague.example")
    answer = parse_stanza(f"<presence from='c{MANY - 1}@evil.example' type='subscribed'/>")

    for event in (Subscribe(*scene.stamp(), romeo), Unsubscribe(*scene.stamp(), romeo), Inbound(NOON, "e", answer)):
        assert looks(lambda: reduce(waiting, event)) <= 5  # noqa: B023  # called here


def test_a_push_costs_the_same_however_many_sets_for_other_items_wait() -> None:
    def waiting(size: int) -> Callable[[], object]:
        scene = Scene(roster_of())
        for number in range(size):
            scene.take(SetItem(*scene.stamp(), parse_jid(f"contact{number}@example.org"), name="Name"))
        push = "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='romeo@montague.example'/></query></iq>"
        event = Inbound(*scene.stamp(), parse_stanza(push))
        return lambda: reduce(scene.client, event)

    assert work(waiting(300)) <= 1.5 * work(waiting(FEW))


def test_the_same_flood_leaves_the_same_strangers() -> None:
    """Which of them give way follows from what was heard, in which order, and from nothing else."""
    once, again = flooded(FEW, roster_has_come=True), flooded(FEW, roster_has_come=True)
    for scene in (once, again):
        scene.server(*[f"<presence from='t{number % 7}@evil.example/{number % 3}'/>" for number in range(20)])

    heard_before = [f"s{number}@evil.example" for number in range(7, FEW)]
    heard_last = [f"t{number % 7}@evil.example" for number in range(13, 20)]
    assert list(once.client.strangers) == [*heard_before, *heard_last]
    assert once.client == again.client
    assert sorted(once.client.strangers) == sorted(once.client.presences)


def test_what_is_forgotten_costs_the_same_whatever_the_addresses_look_like() -> None:
    """They were prepared when the presence came; to prepare a name that is not ASCII takes a hundred times as long."""

    def known(name: str) -> Callable[[], object]:
        scene = Scene(roster_of())
        scene.take(SetPresence(*scene.stamp()))
        scene.server(*[f"<presence from='{name}{number}@evil.example/x'/>" for number in range(FEW)])
        return going_unavailable(scene)

    assert work(known("nurse")) * 1.5 >= work(known("n\u00fcrse"))
