"""Clients of nodes that are processes: each connects to any node, chats, and goes to another one when it is cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

from attrs import define, field

from tests.xmpp_im_host.cluster.ledger import Ledger
from tests.xmpp_im_host.cluster.processes import PATIENCE, NodeProcess
from tests.xmpp_im_host.cluster.talker import Talker
from tests.xmpp_im_host.cluster.views import false_presence, wrong_rosters
from xmpp_im_host.cluster.queue_names import partition_queue
from xmpp_im_host.storage.postgres_engine import PostgresEngine
from xmpp_im_host.storage.records import PARTITIONS

_MOST_UNDER_WAY: Final = 40
"""A client waits if so much of what it has said is not counted."""


@define(eq=False)
class LiveClient:
    """A client on a socket."""

    talker: Talker
    nodes: Sequence[NodeProcess]
    chance: Random
    silence: float = 4.0
    """After so many seconds without an answer, it tries another node."""
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
        async with asyncio.timeout(self.silence):
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
                if silent >= self.silence:
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

    async def act(self, users: Sequence[str], others: Sequence[str], directed: set[tuple[str, str]]) -> None:
        """Do what users do, without pause, until this is cancelled.

        :param others: the full JIDs of the clients.
        """
        while True:
            await asyncio.sleep(self.chance.uniform(0.005, 0.05))
            if self.talker.ready and self.talker.under_way < _MOST_UNDER_WAY:
                self._do_something(self.chance.choice(users), self.chance.choice(others), directed)
                self.flush()

    async def act_as_a_contact(self, users: Sequence[str], others: Sequence[str]) -> None:
        """Become a contact of everybody, and then do what does not end that, until this is cancelled."""
        while True:
            await asyncio.sleep(self.chance.uniform(0.005, 0.05))
            if self.talker.ready and self.talker.under_way < _MOST_UNDER_WAY:
                self._do_something_as_a_contact(self.chance.choice(users), self.chance.choice(others))
                self.flush()

    def _do_something_as_a_contact(self, user: str, other: str) -> None:
        talker = self.talker
        match self.chance.randrange(10):
            case 0:
                talker.set_contact()
            case 1:
                talker.show()
            case 2 | 3 if talker.may_ask(user):
                talker.subscribe(user)
            case 4 if other != talker.full:
                talker.ask(other)
            case 5 if self.chance.random() < 0.5:
                talker.drop_contact()
            case _:
                talker.chat(user)

    def _do_something(self, user: str, other: str, directed: set[tuple[str, str]]) -> None:
        talker = self.talker
        match self.chance.randrange(14):
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
            case 5 if other != talker.full:
                talker.ask(other)
            case 6 if self.chance.random() < 0.5:
                talker.drop_contact()
            case _:
                talker.chat(user)


@define(eq=False)
class Load:
    """All clients, from their first login until nothing is under way."""

    engine: str
    clients: Sequence[LiveClient]
    ledger: Ledger
    directed: set[tuple[str, str]] = field(factory=set)
    """The sessions that have sent directed presence, and the users to whom."""
    _living: list[asyncio.Task[None]] = field(factory=list, init=False)
    _acting: list[asyncio.Task[None]] = field(factory=list, init=False)

    @property
    def others(self) -> list[str]:
        """The full JIDs of all clients."""
        return [client.talker.full for client in self.clients]

    async def begin(self, act: Callable[[LiveClient], Coroutine[Any, Any, None]]) -> None:
        """Let all clients log in and act; return when they are there."""
        self._living = [asyncio.create_task(client.live()) for client in self.clients]
        self._acting = [asyncio.create_task(act(client)) for client in self.clients]
        async with asyncio.timeout(PATIENCE):
            while not all(client.talker.ready for client in self.clients):
                await asyncio.sleep(0.05)

    async def end(self) -> list[str]:
        """Let the clients be quiet, wait until all is well, and log out; return what is not well after long."""
        for task in self._acting:
            task.cancel()
        faults = await self._settled()
        for client in self.clients:
            client.over = True
        await asyncio.gather(*self._living)
        return faults

    async def _settled(self) -> list[str]:
        until, faults = time.monotonic() + PATIENCE, ["nothing has settled"]
        async with await PostgresEngine.open(self.engine) as engine:
            while faults and time.monotonic() < until:
                await asyncio.sleep(1.0)
                for client in self.clients:
                    client.talker.acknowledge()
                    client.flush()
                faults = await self._faults(engine)
        return faults

    async def _faults(self, engine: PostgresEngine) -> list[str]:
        talkers = [client.talker for client in self.clients]
        busy = [f"{each.full} waits for answers" for each in talkers if not each.idle]
        waiting = await engine.entries({partition_queue(each): 0 for each in range(PARTITIONS)}, 10)
        return [
            *busy,
            *[f"{entry.queue} has {entry.body[:80]!r}" for entry in waiting],
            *self.ledger.faults(),
            *self.ledger.requests.faults([each.session for each in talkers], self.ledger.unsettled, self.ledger.unread),
            *false_presence(talkers, [True] * len(talkers), self.directed),
            *wrong_rosters(talkers),
        ]
