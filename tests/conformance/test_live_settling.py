"""When a step is over: after rounds of requests in which nothing comes, and more of them where a stream has ended."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from attrs import define

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.settling import QUIET, QUIET_AFTER_END, ask_once, settle
from xmpp_im_core.element import Element, element
from xmpp_im_core.stanza import CLIENT


@define
class Client:
    """A client whose server sends it one stanza late: while it answers this request."""

    late: int
    came: int = 0
    asked: int = 0

    async def request(self, content: str, **keywords: object) -> Element:
        self.asked += 1
        self.came += self.asked == self.late
        return element("iq", CLIENT, {"type": "result"})


@define
class Nobody:
    came: int = 0
    is_played: bool = False
    domain: str = "remote.example"

    async def ask(self, number: int, *, asked: bool) -> None:
        raise AssertionError("nobody can ask")


@pytest.mark.parametrize("quiet", [QUIET, QUIET_AFTER_END])
def test_what_comes_in_the_last_quiet_round_is_waited_for(quiet: int) -> None:
    waited, missed = Client(late=quiet), Client(late=quiet + 1)
    for client in (waited, missed):
        asyncio.run(settle([cast("Channel", client)], Nobody(), quiet))

    assert (waited.came, missed.came) == (1, 0)
    assert (waited.asked, missed.asked) == (2 * quiet, quiet)


def test_the_end_of_a_stream_has_more_of_them() -> None:
    assert QUIET_AFTER_END > 2 * QUIET


# --- an orderly server ------------------------------------------------------------------------------------


@define(eq=False)
class Noted:
    """A client, or the other server, that notes when it begins to ask and when it has its answer."""

    name: str
    events: list[str]
    type: str = "result"
    came: int = 0
    is_played: bool = True
    domain: str = "remote.example"

    async def request(self, content: str, *, to: str = "", before: str = "", **keywords: object) -> Element:
        self.events.append(" ".join([each for each in (self.name, "asks", to, before) if each]))
        await asyncio.sleep(0)
        self.events.append(f"{self.name} is answered")
        return element("iq", CLIENT, {"type": self.type})

    async def ask(self, number: int, *, asked: bool) -> None:
        self.events.append("the other server was asked" if asked else "the other server asks")


def asked_once(*clients: str, said: str = "", type: str = "result") -> list[str]:
    events: list[str] = []
    channels = [cast("Channel", Noted(name, events, type)) for name in clients]
    asyncio.run(ask_once(channels, Noted("remote", events), {channels[0]: said} if said else {}))
    return events


def test_of_an_orderly_server_the_others_ask_when_the_speaker_has_the_answer() -> None:
    assert asked_once("juliet", "romeo", "nurse", said="<message/>") == [
        "juliet asks remote.example <message/>",
        "juliet is answered",
        "romeo asks",
        "nurse asks",
        "romeo is answered",
        "nurse is answered",
        "the other server was asked",
    ]


def test_where_nobody_speaks_all_ask_at_once() -> None:
    assert asked_once("juliet", "romeo") == [
        "juliet asks remote.example",
        "romeo asks remote.example",
        "juliet is answered",
        "romeo is answered",
        "the other server was asked",
    ]


def test_the_other_server_asks_where_no_client_can_ask_it() -> None:
    """The client has blocked its domain, or the stream has ended; or there is no client."""
    assert asked_once("juliet", said="<message/>", type="error")[-1] == "the other server asks"
    assert asked_once() == ["the other server asks"]
