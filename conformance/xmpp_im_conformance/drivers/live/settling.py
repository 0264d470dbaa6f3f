"""Waiting until a step has taken full effect: by round trips, never by the clock.

A stream is in order: when the answer to a request has come, so has everything that the server wrote before it. A
client asks its own server, which goes through all that the server has for it; and it asks the other server, where
the scenario plays one, which goes through all that the server has for that. What came may have caused more, at
another client or another server, so this is repeated until nothing else comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.component import Component
from xmpp_im_conformance.drivers.live.stream import StreamEnded
from xmpp_im_conformance.format.worlds import ServerFailed

PING: Final = "<ping xmlns='urn:xmpp:ping'/>"
_QUIET: Final = 2
"""The rounds in a row in which nothing may come: what one client's server has done may still be on its way to
another one's when that is asked first."""
_MOST: Final = 200


async def settle(
    clients: Sequence[Channel], component: Component | None, remote: str, hosted: Sequence[str], quiet: int = _QUIET
) -> None:
    """Wait until nothing else comes.

    :param remote: the component's domain.
    :param hosted: what the server calls its domains.
    :raises ServerFailed: if there is no end of it.
    """
    still = 0
    for _ in range(_MOST):
        channels = [*clients, *([] if component is None else [component])]
        before = [channel.came for channel in channels]
        trips = [_own(client) for client in clients]
        if component is not None:
            trips += [_across(client, remote) for client in clients]
            trips += [_from_remote(component, remote, domain) for domain in hosted]
        await asyncio.gather(*trips)
        still = still + 1 if before == [channel.came for channel in channels] else 0
        if still == quiet:
            return
    raise ServerFailed(f"the server has not come to rest after {_MOST} round trips")


async def written(client: Channel, xml: str) -> None:
    """Write what a client sends, and wait until its server has read it."""
    await _trip(client, "", xml)


async def written_by_remote(component: Component, xml: str, remote: str, domain: str) -> None:
    """Write what the other server sends, and wait until the server has read it."""
    await _trip(component, _between(remote, domain), xml)


async def _own(client: Channel) -> None:
    """Go to the client's own server and back; any answer will do."""
    await _trip(client, "")


async def _across(client: Channel, remote: str) -> None:
    """Go to the other server and back; where its domain is blocked, the own server answers."""
    await _trip(client, f" to={quoteattr(remote)}")


async def _from_remote(component: Component, remote: str, domain: str) -> None:
    await _trip(component, _between(remote, domain))


def _between(remote: str, domain: str) -> str:
    return f" from={quoteattr(remote)} to={quoteattr(domain)}"


async def _trip(client: Channel, addresses: str, before: str = "") -> None:
    try:
        await client.request(PING, addresses=addresses, before=before)
    except StreamEnded:
        return  # then nothing else comes there; the caller judges whether the stream was allowed to end
