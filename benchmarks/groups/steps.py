"""Single steps of both reducers, each against its floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from benchmarks import documents
from benchmarks.bench import Bench
from benchmarks.scenes import (
    FRIEND,
    FULL,
    JULIET,
    NOON,
    account,
    blocking,
    chat,
    client_after,
    client_of,
    friends,
    inbound,
    outbound,
    roster_get,
    roster_set,
    shown,
    subscription,
    update,
)
from xmpp_im_core import client
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.roster import Contact
from xmpp_im_core.server import Event, State, reduce
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import NONE_OUT


class Step(NamedTuple):
    """A step to measure: its arguments, and the maximum of its time in floors."""

    reducer: Callable[..., object]
    state: object
    event: object
    goal: float = 2


def server_steps(*, large: bool = True) -> Mapping[str, Step]:
    """Return the steps of a server, in an account with a hundred contacts unless the name says otherwise.

    :param large: whether to include the steps in large accounts, which take long to build.
    """

    def step(state: State, event: Event, goal: float = 2) -> Step:
        return Step(reduce, state, event, goal)

    hundred = account(friends(100))
    asking = account([*friends(100), Contact("romeo@verona.example", NONE_OUT, asked=NOON, version=101)])
    from_contact = update().stamped(to=parse_address(JULIET), from_=parse_address(f"{FRIEND}/x"))
    steps = {
        "chat in, to the bare JID": step(hundred, inbound(chat(JULIET))),
        "chat in, to the full JID": step(hundred, inbound(chat(FULL))),
        "chat in, 2 resources": step(account(friends(100), sessions=2), inbound(chat(JULIET)), 2.5),
        "chat out": step(hundred, outbound(chat(FRIEND, None))),
        "presence of a contact in": step(hundred, inbound(from_contact)),
        "subscribe in, from a stranger": step(hundred, inbound(subscription("subscribe", "romeo@verona.example"))),
        "subscribed in": step(asking, inbound(subscription("subscribed", "romeo@verona.example"))),
        "probe answered": step(hundred, inbound(subscription("probe", FRIEND))),
        "presence update to 100": step(hundred, outbound(update())),
        "roster set among 100": step(hundred, outbound(roster_set())),
        "roster get of 100": step(hundred, outbound(roster_get())),
        "block of a stranger": step(hundred, outbound(blocking("block", "spam@verona.example"))),
    }
    if not large:
        return steps
    return steps | {
        "chat in, 64 resources": step(account(friends(100), sessions=64), inbound(chat(JULIET)), 2.5),
        "presence update to 1,000": step(account(friends(1_000)), outbound(update())),
        "roster set among 10": step(account(friends(10)), outbound(roster_set())),
        "roster set among 10,000": step(account(friends(10_000)), outbound(roster_set())),
    }


def client_steps() -> Mapping[str, Step]:
    """Return the steps of a client with a hundred contacts."""

    def step(state: client.Client, event: client.Event, goal: float = 2) -> Step:
        return Step(client.reduce, state, event, goal)

    hundred = client_of(100)
    friend = "friend3@montague.example"
    chatting = client_after(hundred, client.Inbound(NOON, "c", chat(FULL, f"{friend}/x")))
    presence = Presence(None, parse_address(f"{friend}/x"), "p3", None, "en", shown("back"))
    hello = client.SendMessage(NOON, "e1", parse_jid(friend), bodies=(client.Text("Hi"),))
    return {
        "roster push": step(hundred, client.Inbound(NOON, "e1", parse_stanza(documents.push(101, "Romeo")))),
        "chat in": step(chatting, client.Inbound(NOON, "e1", chat(FULL, f"{friend}/x"))),
        "presence in": step(hundred, client.Inbound(NOON, "e1", presence)),
        "chat out": step(chatting, hello),
    }


def measure(bench: Bench) -> None:
    """Add the steps."""
    for group, steps in (("server: a step", server_steps()), ("client: a step", client_steps())):
        for name, step in steps.items():
            bench.against_floor(group, name, step.reducer, step.state, step.event, goal=step.goal)
