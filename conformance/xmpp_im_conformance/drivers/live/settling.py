"""Waiting until a step has taken full effect: by round trips, never by the clock.

A stream is in order: when the answer to a request has come, so has everything that the server wrote before it. A
client asks its own server, which goes through all that the server has for it. Where the scenario plays another server,
the client asks that one instead, through its own: the request and the answer go through all that the two have for each
other and for the client. What came may have caused more, at another client or another server, so this is repeated until
nothing else comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.stream import StreamEnded
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.element import Element

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
        answers = await asyncio.gather(*[round_trip(client, to=to) for client in clients])
        # Where a client has blocked the other server's domain, its own server answers, with an error.
        asked = any(answer is not None and answer.get("type") == "result" for answer in answers)
        if remote.is_played:
            await remote.ask(number, asked=asked)
        still = still + 1 if before == [remote.came, *[client.came for client in clients]] else 0
        if still == quiet:
            return
    raise ServerFailed(f"the server has not come to rest after {_MOST} round trips")


async def round_trip(channel: Channel, *, to: str = "", sender: str = "", before: str = "") -> Element | None:
    """Send a request, and return the answer: then the server has read all that was sent before it.

    Any answer will do. If the stream ends instead (None), nothing else comes there; the caller judges whether it may.

    :param before: what the scenario sends.
    """
    with suppress(StreamEnded):
        return await channel.request(_PING, to=to, sender=sender, before=before)
    return None
