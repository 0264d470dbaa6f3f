"""The storages of the examples: what a Storage has to do, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from async_host import AsyncHost, AsyncStorage
from storage_sqlite import ThreadedSQLite

from tests.examples.postgres import postgres
from tests.examples.test_async_host import add, answered, enter, says, until
from tests.host.stage import CAPULET, JULIET, MERCUTIO, NURSE, ROMEO, Tape, chat
from tests.snapshot.test_old_files import RECORDS
from xmpp_im_core.host import StorageFailed, import_records
from xmpp_im_core.server import Clear, Damaged, Delete, Kind, Put, hosting
from xmpp_im_core.stanza import Message

OF_ACCOUNT = [put for put in RECORDS.values() if put.kind not in (Kind.OFFLINE, Kind.OUTBOX)]
Damage: TypeAlias = list[tuple[str, Kind, str]]


class Stage:
    """A storage, and a way to write to its table behind its back."""

    def __init__(self, name: str, where: str) -> None:
        self.name, self.where = name, where
        self.damage: Damage = []

    def report(self, account: str, record: Damaged) -> None:
        self.damage.append((account, record.kind, record.key))

    def plays(self, play: Callable[[AsyncStorage], Coroutine[Any, Any, None]]) -> None:
        asyncio.run(self._playing(play))

    async def _playing(self, play: Callable[[AsyncStorage], Coroutine[Any, Any, None]]) -> None:
        if self.name == "sqlite":
            storage = ThreadedSQLite(self.where, self.report)
            try:
                await asyncio.wait_for(play(storage), 60)
            finally:
                storage.close()
            return
        from storage_postgres import PostgresStorage

        database = PostgresStorage(self.where, self.report)
        await database.open()
        try:
            await asyncio.wait_for(play(database), 60)
        finally:
            await database.close()

    def spoil(self, kind: Kind, key: str) -> None:
        """Damage a record."""
        spoilt = "UPDATE records SET value = '{' WHERE kind = ? AND key = ?"
        if self.name == "sqlite":
            with sqlite3.connect(self.where) as db:
                assert db.execute(spoilt, (kind.value, key)).rowcount == 1
            db.close()
            return
        import psycopg

        with psycopg.connect(self.where) as postgresql:
            assert postgresql.execute(spoilt.replace("?", "%s"), (kind.value, key)).rowcount == 1


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[str]:
    with postgres() as conninfo:
        yield conninfo


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    if request.param == "sqlite":
        return Stage("sqlite", str(tmp_path / "server.sqlite"))
    conninfo = request.getfixturevalue("cluster")
    import psycopg

    with psycopg.connect(conninfo) as db:
        db.execute("DROP TABLE IF EXISTS records")
    return Stage("postgres", conninfo)


def offline(key: str) -> Put:
    return Put(Kind.OFFLINE, key, Message(id=key))


def test_each_account_has_exactly_the_records_put_for_it(stage: Stage) -> None:
    async def play(storage: AsyncStorage) -> None:
        await storage.commit([(JULIET, put) for put in RECORDS.values()])
        await storage.commit([(ROMEO, RECORDS["roster"])])

        stored = await storage.account(JULIET)
        assert {(put.kind, put.key): put for put in stored.records} == {(put.kind, put.key): put for put in OF_ACCOUNT}
        assert (stored.offline, stored.offline_bytes) == (1, RECORDS["offline"].value.size())  # type: ignore[attr-defined]
        assert (await storage.account(ROMEO)).records == (RECORDS["roster"],)
        assert (await storage.account(NURSE)).records == ()
        assert [put for _, put in await storage.owed()] == [put for put in RECORDS.values() if put.kind is Kind.OUTBOX]

    stage.plays(play)
    assert stage.damage == []


def test_the_records_of_a_kind_are_found_whatever_their_account(stage: Stage) -> None:
    later, earlier = [Put(Kind.WAKE, f"{year}-01-01T12:00:00.000000+00:00", None) for year in (2027, 2026)]

    async def play(storage: AsyncStorage) -> None:
        await storage.commit([(JULIET, later), (JULIET, RECORDS["roster"]), (ROMEO, earlier)])

        assert await storage.every(Kind.WAKE) == [(ROMEO, earlier), (JULIET, later)]
        assert await storage.every(Kind.NOTICE) == []

    stage.plays(play)


def test_messages_come_in_the_order_in_which_they_were_put_last(stage: Stage) -> None:
    async def play(storage: AsyncStorage) -> None:
        await storage.commit([(JULIET, offline("b")), (JULIET, offline("a")), (JULIET, offline("c"))])
        await storage.commit([(JULIET, offline("b"))])

        assert [key for key, _ in await storage.messages(JULIET)] == ["a", "c", "b"]

    stage.plays(play)


def test_what_is_deleted_or_cleared_is_gone_and_nothing_else(stage: Stage) -> None:
    async def play(storage: AsyncStorage) -> None:
        await storage.commit([(jid, offline(key)) for jid in (JULIET, ROMEO) for key in ("a", "b")])
        await storage.commit([(JULIET, Delete(Kind.OFFLINE, "a")), (JULIET, Delete(Kind.OFFLINE, "never"))])
        assert [key for key, _ in await storage.messages(JULIET)] == ["b"]
        await storage.commit([(JULIET, Put(Kind.BLOCKED, "x.example", None)), (JULIET, Clear(Kind.OFFLINE))])

        assert await storage.messages(JULIET) == ()
        assert [put.key for put in (await storage.account(JULIET)).records] == ["x.example"]
        assert [key for key, _ in await storage.messages(ROMEO)] == ["a", "b"]

    stage.plays(play)


def test_a_transaction_is_all_or_nothing(stage: Stage) -> None:
    async def play(storage: AsyncStorage) -> None:
        unstorable = Put(Kind.BLOCKED, "nul\0" if stage.name == "postgres" else "\ud800", None)
        with pytest.raises((StorageFailed, UnicodeError)):
            await storage.commit([(JULIET, offline("a")), (JULIET, unstorable)])

        assert await storage.messages(JULIET) == ()
        await storage.commit([(JULIET, offline("b"))])
        assert [key for key, _ in await storage.messages(JULIET)] == ["b"]

    stage.plays(play)


def test_a_damaged_record_is_reported_and_kept_and_the_others_are_served(stage: Stage) -> None:
    async def play(storage: AsyncStorage) -> None:
        await storage.commit([(JULIET, put) for put in RECORDS.values()])
        await storage.commit([(JULIET, offline("good"))])
        for name in ("contact", "offline", "outbox-route"):
            stage.spoil(RECORDS[name].kind, RECORDS[name].key)

        for _ in range(2):
            stored = await storage.account(JULIET)
            assert {(put.kind, put.key) for put in OF_ACCOUNT} - {(put.kind, put.key) for put in stored.records} == {
                (Kind.CONTACT, RECORDS["contact"].key)
            }
            assert [(each.kind, each.key) for each in stored.damaged] == [(Kind.CONTACT, RECORDS["contact"].key)]
            assert [key for key, _ in await storage.messages(JULIET)] == ["good"]
            assert len(await storage.owed()) == 3

    stage.plays(play)
    named = [(JULIET, RECORDS[name].kind, RECORDS[name].key) for name in ("contact", "offline", "outbox-route")]
    assert stage.damage == named * 2


def test_a_host_finds_what_an_earlier_one_has_stored_and_what_was_imported(stage: Stage) -> None:
    moving = {NURSE: {"roster": [{"jid": JULIET, "subscription": "to"}]}}
    records = import_records(moving, datetime(2026, 1, 1, tzinfo=UTC), lambda: "moved")

    async def first(storage: AsyncStorage) -> None:
        await storage.commit([(jid, put) for jid, puts in records.items() for put in puts])
        async with AsyncHost(hosting(CAPULET), storage, Tape(), outbox=True) as host:
            host.create(JULIET)
            await says(host, NURSE, await enter(host, NURSE, "kitchen"), chat(JULIET, "Madam!"))

    async def second(storage: AsyncStorage) -> None:
        wire = Tape()
        async with AsyncHost(hosting(CAPULET), storage, wire, outbox=True) as host:
            await enter(host, JULIET, "balcony")
            await until(lambda: wire.bodies(f"{JULIET}/balcony") == ["Madam!"])
            await enter(host, NURSE, "kitchen")
        (roster,) = [each for at, each in wire.got if at == f"{NURSE}/kitchen" and each.id == "r"]
        query = roster.payload.first("query", "jabber:iq:roster")
        assert query is not None
        assert [item.get("jid") for item in query.all("item")] == [JULIET]

    stage.plays(first)
    stage.plays(second)


# --- PostgreSQL alone ---------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_locked_row_holds_up_its_account_and_no_other(cluster: str) -> None:
    import psycopg
    from storage_postgres import PostgresStorage

    async def play(storage: AsyncStorage) -> None:
        wire = Tape()
        async with AsyncHost(hosting(CAPULET), storage, wire) as host:
            for jid in (ROMEO, JULIET):
                host.create(jid)
            orchard, balcony = await enter(host, ROMEO, "orchard"), await enter(host, JULIET, "balcony")
            await until(lambda: host.under_way == 0)
            async with await psycopg.AsyncConnection.connect(cluster) as other:
                await other.execute("SELECT * FROM records WHERE account = %s FOR UPDATE", (ROMEO,))
                adding = asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))
                await until(lambda: host.under_way > 0)

                await says(host, JULIET, balcony, add(MERCUTIO))

                assert answered(wire, f"{JULIET}/balcony", "add")
                assert not adding.done()
            await adding
            assert answered(wire, f"{ROMEO}/orchard", "add")

    assert PostgresStorage.__name__
    stage = Stage("postgres", cluster)
    with psycopg.connect(cluster) as db:
        db.execute("DROP TABLE IF EXISTS records")
    stage.plays(play)


@pytest.mark.postgres
@pytest.mark.parametrize("ends", ["COMMIT", "ROLLBACK"])
def test_whether_a_commit_was_done_can_be_asked_for(cluster: str, ends: str) -> None:
    import psycopg
    from storage_postgres import PostgresStorage

    with psycopg.connect(cluster, autocommit=True) as db:
        db.execute("BEGIN")
        row = db.execute("SELECT pg_current_xact_id()::text").fetchone()
        db.execute(ends)
    assert row is not None

    async def ask() -> bool:
        storage = PostgresStorage(cluster, Stage("postgres", cluster).report)
        await storage.open()
        try:
            return await storage.was_committed(row[0])
        finally:
            await storage.close()

    assert asyncio.run(ask()) is (ends == "COMMIT")
