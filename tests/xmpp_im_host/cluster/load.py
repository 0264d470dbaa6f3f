"""Clients of nodes that are processes: each connects to any node, chats, and goes to another one when it is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Final

from attrs import define, field

from tests.xmpp_im_host.cluster.processes import NodeProcess
from tests.xmpp_im_host.cluster.talker import Talker

_SILENCE: Final = 4.0
"""After so many seconds without an answer, a client tries another node."""
_MOST_UNDER_WAY: Final = 40
"""A client waits if so much of what it has said is not counted."""


@define(eq=False)
class LiveClient:
    """A client on a socket."""

    talker: Talker
    nodes: Sequence[NodeProcess]
    chance: Random
    over: bool = field(default=False, init=False)
    connections: int = field(default=0, init=False)
    _writer: asyncio.StreamWriter | None = field(default=None, init=False)

    async def live(self) -> None:
        """Connect, and connect again, until it is over."""
        while not self.over:
            running = [each for each in self.nodes if each.runs]
            if running:
                with suppress(OSError, TimeoutError):
                    await self._connect(self.chance.choice(running))
            await asyncio.sleep(0.1)

    async def _connect(self, node: NodeProcess) -> None:
        async with asyncio.timeout(_SILENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        self._writer = writer
        self.connections += 1
        try:
            self.talker.connected()
            self.flush()
            await self._read(reader)
        finally:
            self._writer = None
            self.talker.lost()
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        silent = 0.0
        while not (self.over or self.talker.broken):
            try:
                async with asyncio.timeout(0.5):
                    data = await reader.read(65_536)
            except TimeoutError:
                silent = 0.0 if self.talker.idle else silent + 0.5
                if silent >= _SILENCE:
                    return
                continue
            if not data:
                return
            silent = 0.0
            self.talker.receive(data)
            self.flush()

    def flush(self) -> None:
        """Send what the client has to say."""
        data = self.talker.data_to_send()
        if data and self._writer is not None:
            self._writer.write(data.encode())
            self.talker.arrived(data)

    async def act(self, users: Sequence[str], directed: set[tuple[str, str]]) -> None:
        """Do what users do, without pause, until this is cancelled."""
        while True:
            await asyncio.sleep(self.chance.uniform(0.005, 0.05))
            if self.talker.ready and self.talker.under_way < _MOST_UNDER_WAY:
                self._do_something(self.chance.choice(users), directed)
                self.flush()

    def _do_something(self, user: str, directed: set[tuple[str, str]]) -> None:
        talker = self.talker
        match self.chance.randrange(12):
            case 0:
                talker.set_contact()
            case 1:
                talker.show()
            case 2 if talker.may_ask(user):
                talker.subscribe(user)
            case 3 if talker.gives(user) and self.chance.random() < 0.2:
                talker.cancel(user)
            case 4 if user != talker.user and self.chance.random() < 0.2:
                directed.add((talker.session, user))
                talker.show_to(user)
            case _:
                talker.chat(user)
