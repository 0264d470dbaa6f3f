"""Waiting until a step has taken full effect: by round trips, never by the clock.

A stream is in order: when the answer to a request has come, so has everything that the server wrote before it. A
client asks its own server, which goes through all that the server has for it. Where the scenario plays another server,
the client asks that one instead, through its own: the request and the answer go through all that the two have for each
other and for the client. What came may have caused more, at another client or another server, so this is repeated until
nothing else comes.

An orderly server does all that follows from a stanza before it reads the next one of anybody. Nothing is repeated
there: the client that has spoken asks first, and when it has its answer, the others ask. What the server had to say to
them was written before their answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.stream import StreamEnded
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.element import Element

_T = TypeVar("_T")

_PING: Final = "<ping xmlns='urn:xmpp:ping'/>"
QUIET: Final = 2
"""The rounds in a row in which nothing may come: what one client's server has done may still be on its way to
another one's when that is asked first."""
QUIET_AFTER_END: Final = 5
"""The same after the end of a stream: the server may go through what follows from it while it is not connected to
anything that could be asked."""
_MOST: Final = 200


class OtherServer(Protocol):
    """What a scenario sees of the other server that it plays."""

    @property
    def came(self) -> int:
        """How many stanzas have come there."""

    @property
    def is_played(self) -> bool:
        """Whether somebody plays it."""

    @property
    def domain(self) -> str:
        """What the server under test calls it."""

    async def ask(self, number: int, *, asked: bool) -> None:
        """Ask the domains of the server, as far as no client has asked the other server in this round."""


async def settle(clients: Sequence[Channel], remote: OtherServer, quiet: int = QUIET) -> None:
    """Wait until nothing else comes.

    :param quiet: the rounds in a row in which nothing may come.
    :raises ServerFailed: if there is no end of it.
    """
    still = 0
    for number in range(_MOST):
        before = [remote.came, *[client.came for client in clients]]
        to = remote.domain if remote.is_played else ""
        answers = await _together([round_trip(client, to=to) for client in clients])
        asked = any(map(_is_of_other_server, answers))
        if remote.is_played:
            await remote.ask(number, asked=asked)
        still = still + 1 if before == [remote.came, *[client.came for client in clients]] else 0
        if still == quiet:
            return
    raise ServerFailed(f"the server has not come to rest after {_MOST} round trips")


async def ask_once(clients: Sequence[Channel], remote: OtherServer, said: Mapping[Channel, str]) -> None:
    """Wait until an orderly server has nothing else to say.

    :param clients: all that may get something.
    :param said: what those of them say who are asked first; it is written with their requests. Empty: all are asked at
        once, since what they have said was written before, and does not concern the others.
    """
    to = remote.domain if remote.is_played else ""
    first = [*said] or clients
    answers = await _together([round_trip(client, to=to, before=said.get(client, "")) for client in first])
    asked = any(map(_is_of_other_server, answers))
    await _together([round_trip(client) for client in clients if client not in first])
    if remote.is_played:
        await remote.ask(0, asked=asked)


async def _together(doing: Sequence[Coroutine[None, None, _T]]) -> list[_T]:
    """Do several things side by side; one needs no task."""
    return [await each for each in doing] if len(doing) <= 1 else await asyncio.gather(*doing)


def _is_of_other_server(answer: Element | None) -> bool:
    """Whether an answer comes from the other server.

    Where a client has blocked the domain of that, its own server answers, with an error.
    """
    return answer is not None and answer.get("type") == "result"


async def round_trip(channel: Channel, *, to: str = "", sender: str = "", before: str = "") -> Element | None:
    """Send a request, and return the answer: then the server has read all that was sent before it.

    Any answer will do. If the stream ends instead (None), nothing else comes there; the caller judges whether it may.

    :param before: what the scenario sends.
    """
    with suppress(StreamEnded):
        return await channel.request(_PING, to=to, sender=sender, before=before)
    return None
