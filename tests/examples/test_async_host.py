"""The asyncio host: a commit that takes long holds up those it concerns, and nobody else. No test looks at a clock."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from async_host import AsyncHost
from storage_sqlite import ThreadedSQLite

from tests.host.stage import CAPULET, JULIET, MERCUTIO, NURSE, ROMEO, Tape, chat
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import MemoryStorage, Messages, Operations, StorageFailed, Stored
from xmpp_im_core.server import Damaged, Kind, Put, SessionId, State, hosting

T = TypeVar("T")


class Gate:
    """Records for asyncio. A commit that concerns a closed account waits; one for a broken account fails."""

    def __init__(self, writers: int) -> None:
        self.writers = writers
        self.records = MemoryStorage()
        self.transactions: list[frozenset[str]] = []
        self.closed: dict[str, asyncio.Event] = {}
        self.broken: set[str] = set()

    async def commit(self, operations: Operations) -> None:
        accounts = frozenset([jid for jid, _ in operations])
        for jid in accounts & self.closed.keys():
            await self.closed[jid].wait()
        if accounts & self.broken:
            raise StorageFailed
        self.transactions.append(accounts)
        self.records.commit(operations)

    async def account(self, jid: str) -> Stored:
        return self.records.account(jid)

    async def messages(self, jid: str) -> Messages:
        return self.records.messages(jid)

    async def owed(self) -> Sequence[tuple[str, Put]]:
        return list(self.records.owed())

    async def every(self, kind: Kind) -> Sequence[tuple[str, Put]]:
        return list(self.records.every(kind))

    def close(self, jid: str) -> Callable[[], None]:
        """Let commits for an account take until the returned function is called."""
        self.closed[jid] = asyncio.Event()
        return self.closed[jid].set


def run(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(play(), 60)  # only a fault makes a test wait so long

    asyncio.run(bounded())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.001)


async def says(host: AsyncHost[State], account: str, session: SessionId, xml: str) -> None:
    await host.take(account, session, parse_stanza(xml))


async def enter(host: AsyncHost[State], account: str, resource: str) -> SessionId:
    session = host.bind(account, resource)
    await says(host, account, session, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
    await says(host, account, session, "<presence/>")
    return session


def add(jid: str) -> str:
    return f"<iq type='set' id='add'><query xmlns='jabber:iq:roster'><item jid='{jid}'/></query></iq>"


def answered(wire: Tape, full: str, id: str) -> bool:
    return any(at == full and each.id == id for at, each in wire.got)


Play = Callable[[AsyncHost[State], Tape, Gate], Awaitable[None]]


def on(storage: Gate, play: Play, outbox: bool = False) -> None:
    async def whole() -> None:
        wire = Tape()
        async with AsyncHost(hosting(CAPULET), storage, wire, outbox=outbox) as host:
            for jid in (ROMEO, JULIET, NURSE):
                host.create(jid)
            try:
                await play(host, wire, storage)
            finally:
                for gate in storage.closed.values():
                    gate.set()  # the host is left when all is committed

    run(whole)


def test_other_accounts_go_on_during_a_long_commit() -> None:
    async def play(host: AsyncHost[State], wire: Tape, storage: Gate) -> None:
        orchard, balcony, kitchen = [
            await enter(host, jid, resource)
            for jid, resource in ((ROMEO, "orchard"), (JULIET, "balcony"), (NURSE, "kitchen"))
        ]
        await until(lambda: host.under_way == 0)
        open_gate = storage.close(ROMEO)
        first = asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))
        await until(lambda: host.under_way > 0)
        second = asyncio.create_task(says(host, ROMEO, orchard, chat(MERCUTIO, "behind")))

        await says(host, JULIET, balcony, chat(NURSE, "Nurse?"))  # wants nothing stored
        await says(host, JULIET, balcony, add(NURSE))  # does
        await says(host, NURSE, kitchen, chat(JULIET, "Anon!"))

        assert wire.bodies(f"{NURSE}/kitchen") == ["Nurse?"]
        assert wire.bodies(f"{JULIET}/balcony") == ["Anon!"]
        assert answered(wire, f"{JULIET}/balcony", "add")
        assert not answered(wire, f"{ROMEO}/orchard", "add")
        assert not first.done()
        assert not second.done()
        assert host.waiting == 1
        open_gate()
        await first
        await second
        assert answered(wire, f"{ROMEO}/orchard", "add")
        assert "behind" in [each.id for each in wire.routed]
        assert host.waiting == 0

    on(Gate(writers=2), play)


def test_what_is_asked_for_meanwhile_is_one_transaction() -> None:
    async def play(host: AsyncHost[State], wire: Tape, storage: Gate) -> None:
        orchard = await enter(host, ROMEO, "orchard")
        balcony, kitchen = await enter(host, JULIET, "balcony"), await enter(host, NURSE, "kitchen")
        await until(lambda: host.under_way == 0)
        before = len(storage.transactions)
        open_gate = storage.close(ROMEO)
        tasks = [asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))]
        await until(lambda: host.under_way == 1 and not host.commits)
        tasks += [
            asyncio.create_task(says(host, jid, session, add(MERCUTIO)))
            for jid, session in ((JULIET, balcony), (NURSE, kitchen))
        ]
        await until(lambda: len(host.commits) == 2)
        open_gate()
        await asyncio.gather(*tasks)

        assert storage.transactions[before:] == [{ROMEO}, {JULIET, NURSE}]

    on(Gate(writers=1), play)


def test_only_the_event_that_caused_the_failure_of_a_group_fails() -> None:
    async def play(host: AsyncHost[State], wire: Tape, storage: Gate) -> None:
        balcony, kitchen = await enter(host, JULIET, "balcony"), await enter(host, NURSE, "kitchen")
        storage.broken.add(NURSE)
        await asyncio.gather(says(host, JULIET, balcony, add(MERCUTIO)), says(host, NURSE, kitchen, add(MERCUTIO)))

        kinds = {at: each.type for at, each in wire.got if each.id == "add"}
        assert kinds == {f"{JULIET}/balcony": "result", f"{NURSE}/kitchen": "error"}
        assert [put.key for put in storage.records.account(JULIET).records if put.kind is Kind.CONTACT] == [MERCUTIO]
        assert [put for put in storage.records.account(NURSE).records if put.kind is Kind.CONTACT] == []

    on(Gate(writers=1), play)


@pytest.mark.parametrize("outbox", [False, True])
def test_the_host_finishes_all_requested_work_before_it_is_left(outbox: bool) -> None:
    storage = Gate(writers=1)

    async def play(host: AsyncHost[State], wire: Tape, storage: Gate) -> None:
        orchard = await enter(host, ROMEO, "orchard")
        host.receive(ROMEO, orchard, parse_stanza(chat(JULIET, "last")))  # and nobody waits for it

    on(storage, play, outbox)
    assert [message.id for _, message in storage.records.messages(JULIET)] == ["last"]
    assert list(storage.records.owed()) == []


def test_an_error_that_no_storage_should_raise_ends_the_host() -> None:
    class Mad(Gate):
        async def commit(self, operations: Operations) -> None:
            raise ZeroDivisionError

    async def play(host: AsyncHost[State], wire: Tape, storage: Gate) -> None:
        pass

    with pytest.raises(ZeroDivisionError):
        on(Mad(writers=1), play)


def test_sqlite_that_is_locked_holds_up_who_wants_something_stored_and_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "server.sqlite"

    async def play() -> None:
        damaged: list[Damaged] = []
        storage = ThreadedSQLite(str(path), lambda _, record: damaged.append(record))
        wire = Tape()
        async with AsyncHost(hosting(CAPULET), storage, wire) as host:
            for jid in (ROMEO, JULIET, NURSE):
                host.create(jid)
            orchard, balcony = await enter(host, ROMEO, "orchard"), await enter(host, JULIET, "balcony")
            await until(lambda: host.under_way == 0)
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")  # nobody else can write now
            adding = asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))
            await until(lambda: host.under_way > 0)

            await says(host, JULIET, balcony, chat(JULIET, "Ay me!"))
            kitchen = await enter(host, NURSE, "kitchen")  # read from the file meanwhile
            await says(host, JULIET, balcony, chat(NURSE, "Nurse?"))

            assert wire.bodies(f"{JULIET}/balcony") == ["Ay me!"]
            assert wire.bodies(f"{NURSE}/{kitchen.resource}") == ["Nurse?"]
            assert not adding.done()
            other.execute("COMMIT")
            other.close()
            await adding
            assert answered(wire, f"{ROMEO}/orchard", "add")
        storage.close()
        assert damaged == []

    run(play)
