"""An engine with faults, and a host on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any

from tests.host.stage import CAPULET, JULIET, NURSE, ROMEO, Tape
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.server import SessionId, State, hosting
from xmpp_im_host.hosting.async_host import AsyncHost
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import Batch, Found, Lease


class FaultyEngine(MemoryEngine):
    """Writes down each batch. A commit that concerns a closed account waits, and one of a broken account fails."""

    def __init__(self, writers: int = 1) -> None:
        super().__init__(writers)
        self.batches: list[Batch] = []
        """Those that were committed."""
        self.tried: list[Batch] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        """The accounts whose commits are done and never answered."""
        self.failing = False
        """Whether nothing can be committed, read or claimed."""
        self.doubts: list[bool] = []
        """For each of the next commits: in doubt, and whether it is done nevertheless."""

    def close(self, account: str) -> Callable[[], None]:
        """Let commits of an account take until the returned function is called."""
        self.gates[account] = asyncio.Event()
        return self.gates[account].set

    def open_all(self) -> None:
        for gate in self.gates.values():
            gate.set()

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        self.tried.append(batch)
        accounts = {change.account for change in batch.changes}
        for account in accounts & self.gates.keys():
            await self.gates[account].wait()
        if self.doubts:
            if self.doubts.pop(0):
                await super().commit(leases, batch)
                self.batches.append(batch)
            raise Unknown("the connection broke")
        await self._fail_if_broken(*accounts)
        renewed = await super().commit(leases, batch)
        self.batches.append(batch)
        if accounts & self.silent:
            await asyncio.Event().wait()
        return renewed

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        await self._fail_if_broken(account)
        return await super().load(lease, account, kinds, counted)

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        await self._fail_if_broken()
        return await super().claim(partitions, node)

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        await self._fail_if_broken()
        return await super().renew(partitions, node)

    async def _fail_if_broken(self, *accounts: str) -> None:
        await asyncio.sleep(0)
        if self.failing or self.broken & set(accounts):
            raise EngineFailed("the storage does not work")

    def committed(self, account: str, kind: str) -> list[str]:
        """Return the keys of the rows of an account."""
        return [key for (of, key) in self._rows.get(account, {}) if of == kind]


@asynccontextmanager
async def a_host(
    engine: MemoryEngine, wire: Tape | None = None, *accounts: str, **options: Any
) -> AsyncIterator[AsyncHost[State]]:
    """A host with the accounts of the stage."""
    async with AsyncHost(hosting(CAPULET), engine, wire or Tape(), **options) as host:
        for jid in accounts or (ROMEO, JULIET, NURSE):
            await host.create_account(jid, None)
        yield host


async def says(host: AsyncHost[State], account: str, session: SessionId, xml: str) -> None:
    await host.take(account, session, parse_stanza(xml))


async def enter(host: AsyncHost[State], account: str, resource: str) -> SessionId:
    session = host.bind(account, resource)
    await says(host, account, session, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
    await says(host, account, session, "<presence/>")
    return session


def add(jid: str, id: str = "add") -> str:
    return f"<iq type='set' id='{id}'><query xmlns='jabber:iq:roster'><item jid='{jid}'/></query></iq>"


def answers(wire: Tape, full: str, id: str = "add") -> list[str | None]:
    """Return the types of the answers with this id that a session got."""
    return [each.type for at, each in wire.got if at == full and each.id == id]


def conditions(wire: Tape, full: str, id: str = "add") -> list[tuple[str | None, list[str]]]:
    """Return the error types and conditions of the answers with this id."""
    found: list[tuple[str | None, list[str]]] = []
    for at, each in wire.got:
        error = each.payload.first("error")
        if at == full and each.id == id and error is not None:
            found.append((error.get("type"), [child.name for child in error.children if not isinstance(child, str)]))
    return found
