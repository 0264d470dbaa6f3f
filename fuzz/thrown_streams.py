"""Throw mutated streams at a running server, over real sockets.

    python -m fuzz.thrown_streams [--seconds 120] [--seed N] [--at-once 20]

A server with a database in memory runs in this process. Clients and components from many addresses of loopback send
mutated conversations in pieces, read or do not read, and end as they like: in order, half-closed, or by a reset. The
server has failed if it logs an error or a traceback, if a connection, session or task is left when all have gone, or if
an ordinary client cannot log in then. The exit status is 1 then.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from contextlib import suppress
from random import Random
from typing import Final

from attrs import define, field
from rich.console import Console

from fuzz import stream_target
from fuzz.mutation import mutated
from xmpp_im_host.pytest_plugin import RunningServer, running

_DOMAIN: Final = "im.example.com"
_COMPONENT: Final = "rooms.example.com"
_LOGIN: Final = stream_target.LOGIN + stream_target.BIND
_COMPONENT_HEADER: Final = (
    f"<stream:stream xmlns='jabber:component:accept' to='{_COMPONENT}' xmlns:stream='http://etherx.jabber.org/streams'>"
)
_COMPONENT_STREAMS: Final = (
    f"{_COMPONENT_HEADER}<handshake>aaaee1</handshake>",
    f"{_COMPONENT_HEADER}<message from='a@{_COMPONENT}' to='juliet@{_DOMAIN}'/>",
)
_CONVERSATIONS: Final = [text.encode() for text in stream_target.CONVERSATIONS]
_STANZAS: Final = [
    text.encode()
    for text in (
        *stream_target.CONVERSATIONS,
        "<presence/><iq id='r' type='get'><query xmlns='jabber:iq:roster'/></iq>",
        f"<presence to='romeo@{_DOMAIN}' type='subscribe'/><presence type='unavailable'/>",
        f"<message to='romeo@{_DOMAIN}' type='chat'><body>&lt;hi&gt;</body></message>",
        "<iq id='s' type='set'><query xmlns='jabber:iq:roster'><item jid='a@b.example'/></query></iq>",
        "<iq id='b' type='set'><block xmlns='urn:xmpp:blocking'><item jid='a@b.example'/></block></iq>",
    )
]


class Errors(logging.Handler):
    """Keeps what the server and asyncio log as an error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record that tells of a fault."""
        if record.levelno >= logging.ERROR or record.exc_info:
            self.texts.append(logging.Formatter().format(record))


@define
class Figures:
    """What was thrown, and what is wrong."""

    streams: int = 0
    bytes_sent: int = 0
    bytes_read: int = 0
    wrong: list[str] = field(factory=list)


class Thrower:
    """Throws one stream after the other."""

    def __init__(self, seed: int, server: RunningServer, figures: Figures) -> None:
        self.random = Random(seed)
        self.figures = figures
        self.clients = server.port
        self.components = server.server.address("components").port

    async def throw(self) -> None:
        """Throw one stream."""
        random = self.random
        component = random.random() < 0.1
        port = self.components if component else self.clients
        # Failed logins slow down their address, so each stream has another one.
        source = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        except OSError:
            return
        try:
            await self._talk(reader, writer, self._text(component))
        except (ConnectionError, TimeoutError):
            pass
        finally:
            await self._leave(writer)
        self.figures.streams += 1

    def _text(self, component: bool) -> bytes:
        """Return what to send: now and then nothing that a server would accept."""
        random = self.random
        if component:
            return mutated(random, [text.encode() for text in _COMPONENT_STREAMS])
        match random.randrange(4):
            case 0:
                return random.randbytes(random.randrange(200))
            case 1:
                return stream_target.HEADER.encode() + mutated(random, _CONVERSATIONS)
            case _:
                return _LOGIN.encode() + mutated(random, _STANZAS) + mutated(random, _STANZAS)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
        random, figures = self.random, self.figures
        size = random.choice((1, 7, 100, 10_000)) if len(data) < 1000 else random.choice((50, 10_000))
        for at in range(0, len(data), size):
            writer.write(data[at : at + size])
            if random.random() < 0.1:
                await writer.drain()
        figures.bytes_sent += len(data)
        if random.random() < 0.2:  # do not read
            return
        if random.random() < 0.3:
            writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(random.choice((0.02, 0.1, 0.3))):
                while read := await reader.read(65_536):
                    figures.bytes_read += len(read)

    async def _leave(self, writer: asyncio.StreamWriter) -> None:
        if self.random.random() < 0.5:
            writer.transport.abort()
        writer.close()
        with suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1)


def throw(seconds: float, seed: int, at_once: int) -> Figures:
    """Throw streams for a time, and return the figures."""
    figures, errors = Figures(), Errors()
    logging.getLogger().addHandler(errors)
    try:
        _throw(seconds, seed, at_once, figures)
    finally:
        logging.getLogger().removeHandler(errors)
    figures.wrong += errors.texts
    return figures


def _throw(seconds: float, seed: int, at_once: int, figures: Figures) -> None:
    settings = {
        "domains": [_DOMAIN],
        "components": {_COMPONENT: "a secret of rooms"},
        "listen": {"tcp": ["127.0.0.1:0"], "components": ["127.0.0.1:0"]},
        "limits": {"login_seconds": 1.0, "sessions": 1000},
        "resumption_seconds": 1,
        "registration": True,
        "log_level": "warning",
    }
    with running({"juliet": "x", "romeo": "y"}, **settings) as server:
        before = _left(server)
        throwers = [Thrower(seed + n, server, figures) for n in range(at_once)]
        asyncio.run(_throw_together(throwers, time.monotonic() + seconds))
        _check_left(server, before, figures)
        asyncio.run(_log_in(server, figures))


async def _throw_together(throwers: list[Thrower], until: float) -> None:
    async def repeatedly(thrower: Thrower) -> None:
        while time.monotonic() < until:
            await thrower.throw()

    await asyncio.gather(*[repeatedly(thrower) for thrower in throwers])


def _left(server: RunningServer) -> dict[str, int]:
    """Return how many connections, sessions and tasks the server has."""

    async def count() -> dict[str, int]:
        network = server.server.network
        tasks = len(asyncio.all_tasks()) - 1
        return {"connections": len(network.links.all), "sessions": len(network.sessions), "tasks": tasks}

    return server.run(count())


def _check_left(server: RunningServer, before: dict[str, int], figures: Figures) -> None:
    """Wait until nothing is left; after 30 seconds, say what is."""
    until = time.monotonic() + 30
    while (left := _left(server)) != before and time.monotonic() < until:
        time.sleep(0.1)
    figures.wrong += [f"{left[name]} {name} are left; there were {n}" for name, n in before.items() if left[name] > n]


async def _log_in(server: RunningServer, figures: Figures) -> None:
    """Log in as an ordinary client does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        closing = "</stream:stream>"
        for text, wanted in ((stream_target.LOGIN, "<bind"), (stream_target.BIND, "<jid>"), (closing, closing)):
            writer.write(text.encode())
            await asyncio.wait_for(reader.readuntil(wanted.encode()), 10)
    except (TimeoutError, asyncio.IncompleteReadError) as error:
        figures.wrong.append(f"an ordinary client cannot log in: {error!r}")
    finally:
        writer.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=20, help="connections at a time (default: %(default)s)")
    options = parser.parse_args()
    figures = throw(options.seconds, options.seed, options.at_once)
    console = Console(highlight=False)
    console.print(
        f"{figures.streams:,} streams, {figures.bytes_sent:,} bytes sent, {figures.bytes_read:,} bytes read, "
        f"{len(figures.wrong)} faults"
    )
    for text in figures.wrong[:20]:
        console.print(text, markup=False)
    return 1 if figures.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
