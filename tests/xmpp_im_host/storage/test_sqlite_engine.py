"""The engine on SQLite: what it refuses to open, what shares a transaction, and files that are full or damaged."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.xmpp_im_host.running import run
from xmpp_im_host.configuration import read_configuration
from xmpp_im_host.server import open_engine
from xmpp_im_host.storage import sqlite_transactions
from xmpp_im_host.storage.errors import DatabaseFull, DatabaseRefused, EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.migrations import APPLICATION, MIGRATIONS, migrate
from xmpp_im_host.storage.records import PARTITIONS, Batch, Lease, Row, Write, partition_of
from xmpp_im_host.storage.sqlite_engine import SQLiteEngine
from xmpp_im_host.storage.worker_thread import Job

ROMEO, JULIET = "romeo@montague.example", "juliet@capulet.example"


def write(account: str, key: str, text: str = "{}", size: int = 0) -> Write:
    return Write(account, Row("contact", key, text, size))


async def owned(engine: SQLiteEngine) -> dict[int, Lease]:
    return {each.partition: each for each in await engine.claim(range(PARTITIONS), "a")}


# --- opening ----------------------------------------------------------------------------------------------------


def test_a_file_that_another_process_uses_is_refused_until_that_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "server.sqlite"
    holding = (
        "import sys\n"
        "from xmpp_im_host.storage.sqlite_engine import SQLiteEngine\n"
        "engine = SQLiteEngine(sys.argv[1])\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(DatabaseRefused) as refused:
            SQLiteEngine(path)
        assert str(refused.value) == f"{path} is in use by another server, process {process.pid}"
        process.kill()
        process.wait()
    run(SQLiteEngine(path).aclose())


def test_a_file_is_used_by_one_engine_of_a_process(tmp_path: Path) -> None:
    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "a.sqlite"):
            with pytest.raises(DatabaseRefused, match=f"process {os.getpid()}"):
                await SQLiteEngine.open(tmp_path / "a.sqlite")
        await (await SQLiteEngine.open(tmp_path / "a.sqlite")).aclose()

    run(play())


def text_file(path: Path) -> None:
    path.write_text("this is no database " * 100)


def of_a_later_release(path: Path) -> None:
    run(SQLiteEngine(path).aclose())
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()


def of_another_program(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE records (id INTEGER)")
    db.close()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (text_file, "cannot be used: file is not a database"),
        (of_a_later_release, f"has schema {len(MIGRATIONS) + 1}, and this release of xmpp-im-host knows schema"),
        (of_another_program, "is a database of another program"),
        (Path.mkdir, "cannot be opened: Is a directory"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_by_name_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], why: str
) -> None:
    path = tmp_path / "server.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    for _ in range(2):  # the first refusal has released the lock
        with pytest.raises(DatabaseRefused) as refused:
            SQLiteEngine(path)
        assert str(refused.value).startswith(f"{path} {why}")
    assert not path.is_file() or path.read_bytes() == before


def test_a_file_in_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseRefused, match="No such file or directory"):
        SQLiteEngine(tmp_path / "none" / "server.sqlite")


def test_only_the_user_of_the_server_can_read_its_files(tmp_path: Path) -> None:
    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as engine:
            await engine.append("q", "s", 1, b"")
            assert {each.name for each in tmp_path.iterdir()} >= {"server.sqlite", "server.sqlite-wal"}
            assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}

    run(play())


@pytest.mark.parametrize(("power_safe", "synchronous"), [(True, 2), (False, 1)])  # 2 is FULL, 1 is NORMAL
def test_a_commit_survives_a_loss_of_power_unless_it_need_not(
    tmp_path: Path, power_safe: bool, synchronous: int
) -> None:
    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite", power_safe=power_safe) as engine:
            pragmas = await engine._writer.do(
                lambda db: [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
            )
            assert pragmas == ["wal", synchronous]

    run(play())


@pytest.mark.parametrize("power_safe", [True, False])
def test_the_configuration_says_whether_a_commit_waits_for_the_disk(tmp_path: Path, power_safe: bool) -> None:
    async def play() -> None:
        settings = {"database": str(tmp_path / "server.sqlite"), "power_safe": power_safe}
        engine = await open_engine(read_configuration(settings))
        assert isinstance(engine, SQLiteEngine)
        assert engine.power_safe is power_safe
        await engine.aclose()

    run(play())


# --- migrations -------------------------------------------------------------------------------------------------


def tables(db: sqlite3.Connection) -> list[str]:
    return [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]


def test_a_file_of_each_release_is_opened(tmp_path: Path) -> None:
    # One file for each number of migrations, from the first release on, with a row that has to be found.
    for number in range(1, len(MIGRATIONS) + 1):
        path = tmp_path / f"{number}.sqlite"
        db = sqlite3.connect(path, isolation_level=None)
        migrate(db, str(path), MIGRATIONS[:number])
        assert db.execute("PRAGMA user_version").fetchone() == (number,)
        db.execute(
            "INSERT INTO records (partition, account, kind, key, text, size) VALUES (?, ?, 'contact', 'x', '{}', 3)",
            (partition_of(ROMEO), ROMEO),
        )
        db.close()

        async def play(path: Path) -> None:
            async with await SQLiteEngine.open(path) as engine:
                leases = await owned(engine)
                found = await engine.load(leases[partition_of(ROMEO)], ROMEO, ["contact"])
                assert found.rows == (Row("contact", "x", "{}", 3),)

        run(play(path))
        with sqlite3.connect(path) as upgraded:
            assert upgraded.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
            assert upgraded.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        upgraded.close()


def test_a_migration_that_fails_changes_nothing_and_is_repeated(tmp_path: Path) -> None:
    def halfway(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (x)")
        raise sqlite3.OperationalError("no room")

    def whole(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (x)")
        db.execute("CREATE TABLE whole (x)")

    db = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="no room"):
        migrate(db, "x.sqlite", (*MIGRATIONS, halfway))
    assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert "half" not in tables(db)
    migrate(db, "x.sqlite", (*MIGRATIONS, whole))
    assert {"half", "whole"} <= set(tables(db))
    migrate(db, "x.sqlite", (*MIGRATIONS, whole))  # and nothing more
    db.close()


# --- groups -----------------------------------------------------------------------------------------------------


def test_what_waits_for_the_writer_shares_a_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    perform = sqlite_transactions.write_together

    def counted(db: sqlite3.Connection, jobs: Sequence[Job[object]]) -> None:
        groups.append(len(jobs))
        perform(db, jobs)

    monkeypatch.setattr("xmpp_im_host.storage.sqlite_engine.write_together", counted)

    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as engine:
            leases = await owned(engine)
            groups.clear()
            other = sqlite3.connect(tmp_path / "server.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")  # the writer has to wait
            first = asyncio.create_task(engine.append("q", "s", 1, b""))
            while not groups:
                await asyncio.sleep(0.001)
            tasks = [
                asyncio.create_task(engine.commit([leases[partition_of(jid)]], Batch((write(jid, "x"),))))
                for jid in (ROMEO, JULIET)
            ]
            tasks.append(asyncio.create_task(engine.commit([Lease(0, 0)], Batch())))  # and this one is fenced
            await asyncio.sleep(0)
            other.execute("COMMIT")
            other.close()
            await first
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert groups == [1, 3]
            assert [isinstance(each, Fenced) for each in results] == [False, False, True]
            for jid in (ROMEO, JULIET):
                assert len((await engine.load(leases[partition_of(jid)], jid, ["contact"])).rows) == 1

    run(play())


def test_reads_go_on_while_a_commit_waits(tmp_path: Path) -> None:
    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as engine:
            leases = await owned(engine)
            lease = leases[partition_of(ROMEO)]
            (lease,) = await engine.commit([lease], Batch((write(ROMEO, "a"),)))
            other = sqlite3.connect(tmp_path / "server.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(engine.commit([lease], Batch((write(ROMEO, "b"),))))
            assert [row.key for row in (await engine.load(lease, ROMEO, ["contact"])).rows] == ["a"]
            assert not waiting.done()
            other.execute("COMMIT")
            other.close()
            await waiting
            assert [row.key for row in (await engine.load(lease, ROMEO, ["contact"])).rows] == ["a", "b"]

    run(play())


def test_closing_finishes_what_was_called(tmp_path: Path) -> None:
    async def play() -> None:
        engine = await SQLiteEngine.open(tmp_path / "server.sqlite")
        tasks = [asyncio.create_task(engine.append("q", f"s{n}", 1, b"")) for n in range(20)]
        await asyncio.sleep(0)
        await engine.aclose()
        await asyncio.gather(*tasks)
        with pytest.raises(RuntimeError, match="closed"):
            await engine.append("q", "s", 1, b"")
        assert not (tmp_path / "server.sqlite-wal").exists()
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as again:
            assert len(await again.entries({"q": 0})) == 20

    run(play())


# --- a file that is full, and damage ----------------------------------------------------------------------------


async def limit_pages(engine: SQLiteEngine, more: int) -> None:
    """Let the file grow by this many pages at most."""

    def limit(db: sqlite3.Connection) -> None:
        ((pages,),) = db.execute("PRAGMA page_count")
        db.execute(f"PRAGMA max_page_count = {pages + more}").fetchall()

    await engine._writer.do(limit)


def test_a_full_disk_fails_what_has_no_room_and_nothing_else(tmp_path: Path) -> None:
    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as engine:
            leases = await owned(engine)
            big, small = leases[partition_of(ROMEO)], leases[partition_of(JULIET)]
            await limit_pages(engine, 4)
            results = await asyncio.gather(
                engine.commit([small], Batch((write(JULIET, "a"),))),
                engine.commit([big], Batch((write(ROMEO, "a", "x" * 100_000),))),
                engine.commit([small], Batch((write(JULIET, "b"),))),
                return_exceptions=True,
            )
            assert [type(each) for each in results] == [tuple, DatabaseFull, tuple]
            assert [row.key for row in (await engine.load(small, JULIET, ["contact"])).rows] == ["a", "b"]
            assert (await engine.load(big, ROMEO, ["contact"])).rows == ()
            await limit_pages(engine, 1000)
            await engine.commit([big], Batch((write(ROMEO, "a", "x" * 100_000),)))

    run(play())


def test_an_error_of_the_disk_during_commit_leaves_it_in_doubt() -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    assert isinstance(sqlite_transactions.in_doubt(error), Unknown)
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    assert isinstance(sqlite_transactions.in_doubt(error), EngineFailed)


@pytest.mark.parametrize(
    ("damage", "text"),
    [("x'ff7b7d'", "\ufffd{}"), ("CAST(x'ff7b7d' AS TEXT)", "\ufffd{}"), ("17", "17"), ("'{'", "{")],
)
def test_a_damaged_text_is_one_row_and_the_others_are_read(tmp_path: Path, damage: str, text: str) -> None:
    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as engine:
            leases = await owned(engine)
            lease = leases[partition_of(ROMEO)]
            rows = [write(ROMEO, key, '{"k": "ü"}') for key in ("good", "bad", "fine")]
            await engine.commit([lease], Batch(tuple(rows)))
            await engine._writer.do(
                lambda db: db.execute(f"UPDATE records SET text = {damage} WHERE key = 'bad'").fetchall()
            )
            found = {row.key: row.text for row in (await engine.load(lease, ROMEO, ["contact"])).rows}
            assert found["good"] == found["fine"] == '{"k": "ü"}'
            assert found["bad"] in (text, "b'\\xff{}'")

    run(play())


def test_an_error_that_is_no_error_of_sqlite_reaches_its_caller_and_the_thread_goes_on(tmp_path: Path) -> None:
    def faulty(_: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as engine:
            for thread in (engine._writer, engine._reader):
                with pytest.raises(ZeroDivisionError):
                    await thread.do(faulty)
            await engine.append("q", "s", 1, b"body")
            assert len(await engine.entries({"q": 0})) == 1

    run(play())


def test_a_file_that_another_program_keeps_locked_fails_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xmpp_im_host.storage.sqlite_engine._BUSY_SECONDS", 0.01)

    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as engine:
            other = sqlite3.connect(tmp_path / "server.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            tries = [engine.append("q", f"s{n}", 1, b"") for n in range(3)]
            results = await asyncio.gather(*tries, return_exceptions=True)
            assert [type(each) for each in results] == [EngineFailed] * 3
            other.execute("COMMIT")
            other.close()
            await engine.append("q", "s0", 1, b"")
            assert len(await engine.entries({"q": 0})) == 1

    run(play())


def test_a_table_that_cannot_be_read_fails_its_reads_and_no_others(tmp_path: Path) -> None:
    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as engine:
            leases = await owned(engine)
            await engine._writer.do(lambda db: db.execute("ALTER TABLE entries RENAME TO away").fetchall())
            read, loaded = await asyncio.gather(
                engine.entries({"q": 0}),
                engine.load(leases[partition_of(ROMEO)], ROMEO, ["contact"]),
                return_exceptions=True,
            )
            assert isinstance(read, EngineFailed)
            assert not isinstance(loaded, BaseException)
            assert loaded.rows == ()

    run(play())


def test_a_caller_that_has_been_cancelled_is_not_told(tmp_path: Path) -> None:
    async def play() -> None:
        async with await SQLiteEngine.open(tmp_path / "server.sqlite") as engine:
            impatient = asyncio.create_task(engine.append("q", "s", 1, b"body"))
            await asyncio.sleep(0)
            impatient.cancel()
            await engine.append("q", "s", 2, b"next")
            assert [each.body for each in await engine.entries({"q": 0})] == [b"body", b"next"]  # a call is not undone

    run(play())
