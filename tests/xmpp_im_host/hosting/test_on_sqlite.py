"""The host on SQLite: a full disk, a slow one, a damaged record, and a copy of the files as a crash leaves them."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.host.stage import CAPULET, JULIET, MERCUTIO, NURSE, ROMEO, Tape, chat
from tests.xmpp_im_host.hosting.stage import add, answers, conditions, enter, says
from tests.xmpp_im_host.running import run, until
from tests.xmpp_im_host.storage.test_sqlite_engine import limit_pages
from xmpp_im_core.server import State, hosting
from xmpp_im_host.credentials import FEWEST_ITERATIONS
from xmpp_im_host.hosting.administration import Administration
from xmpp_im_host.hosting.async_host import AsyncHost
from xmpp_im_host.storage.errors import DatabaseRefused
from xmpp_im_host.storage.sqlite_engine import SQLiteEngine


@pytest.fixture(autouse=True)
def _propagated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pytest see the log, whatever another test has set up."""
    monkeypatch.setattr(logging.getLogger("xmpp_im_host"), "propagate", True)


@asynccontextmanager
async def a_server(path: Path, wire: Tape | None = None) -> AsyncIterator[tuple[AsyncHost[State], SQLiteEngine]]:
    async with (
        await SQLiteEngine.open(path) as engine,
        AsyncHost(hosting(CAPULET), engine, wire or Tape(), idle_accounts=1) as host,
    ):
        for jid in (ROMEO, JULIET, NURSE):
            await host.create_account(jid, None)
        yield host, engine


def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    async def play() -> None:
        path, wire = tmp_path / "server.sqlite", Tape()
        async with a_server(path) as (host, _):
            await Administration(host, FEWEST_ITERATIONS).set_password(ROMEO, "pencil")
            session = await enter(host, ROMEO, "orchard")
            await says(host, ROMEO, session, add(MERCUTIO))
            await says(host, ROMEO, session, chat(JULIET, "one"))
            await says(host, ROMEO, session, chat(JULIET, "two"))
        async with a_server(path, wire) as (host, _):
            assert await Administration(host).check_password(ROMEO, "pencil")
            await enter(host, JULIET, "balcony")
            await until(lambda: not host.busy)
            assert wire.bodies(f"{JULIET}/balcony") == ["one", "two"]
            romeo = await host.account(ROMEO)
            assert romeo is not None
            assert list(romeo.roster.contacts) == [MERCUTIO]

    run(play())


def test_a_full_disk_is_answered_with_wait_and_the_server_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async def play() -> None:
        wire = Tape()
        async with a_server(tmp_path / "server.sqlite", wire) as (host, engine):
            orchard, balcony = await enter(host, ROMEO, "orchard"), await enter(host, JULIET, "balcony")
            await limit_pages(engine, 1)
            large = chat(NURSE, "large").replace("<body>large", f"<body>{'x' * 30_000}")
            await says(host, ROMEO, orchard, large)
            assert [kind for kind, _ in conditions(wire, f"{ROMEO}/orchard", "large")] == ["wait"]
            await says(host, ROMEO, orchard, chat(JULIET, "stores nothing"))
            assert wire.bodies(f"{JULIET}/balcony") == ["stores nothing"]
            await limit_pages(engine, 1000)
            await says(host, JULIET, balcony, add(MERCUTIO))
            assert answers(wire, f"{JULIET}/balcony")[-1] == "result"
            await says(host, ROMEO, orchard, large)
            assert len(conditions(wire, f"{ROMEO}/orchard", "large")) == 1
            nurse = await host.account(NURSE)
            assert nurse is not None
            assert nurse.offline == 1

    run(play())


def test_a_slow_disk_delays_what_is_to_be_stored_and_nothing_else(tmp_path: Path) -> None:
    async def play() -> None:
        path, wire = tmp_path / "server.sqlite", Tape()
        async with a_server(path, wire) as (host, _):
            orchard, balcony = await enter(host, ROMEO, "orchard"), await enter(host, JULIET, "balcony")
            await until(lambda: not host.busy)
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")  # nobody else can write now
            adding = asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))
            await until(lambda: host.owned.waiting > 0)

            await says(host, JULIET, balcony, chat(JULIET, "Ay me!"))
            await enter(host, NURSE, "kitchen")  # read from the file meanwhile
            await says(host, JULIET, balcony, chat(NURSE, "Nurse?"))
            assert wire.bodies(f"{JULIET}/balcony") == ["Ay me!"]
            assert wire.bodies(f"{NURSE}/kitchen") == ["Nurse?"]
            assert not adding.done()

            other.execute("COMMIT")
            other.close()
            await adding
            assert answers(wire, f"{ROMEO}/orchard")[-1] == "result"

    run(play())


def test_a_damaged_record_is_unavailable_alone_and_the_log_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def play() -> None:
        path, wire = tmp_path / "server.sqlite", Tape()
        async with a_server(path) as (host, _):
            session = await enter(host, ROMEO, "orchard")
            for jid in (MERCUTIO, NURSE):
                await says(host, ROMEO, session, add(jid))
            for body in ("secret one", "secret two"):
                await says(host, ROMEO, session, chat(JULIET, body))
        with sqlite3.connect(path) as db:
            db.execute("UPDATE records SET text = '{' WHERE kind = 'contact' AND key = ?", (MERCUTIO,))
            db.execute("UPDATE records SET text = replace(text, '</body>', '') WHERE text LIKE '%secret one%'")
        db.close()
        async with a_server(path, wire) as (host, _):
            await enter(host, JULIET, "balcony")
            await enter(host, ROMEO, "orchard")
            await until(lambda: not host.busy)
            assert wire.bodies(f"{JULIET}/balcony") == ["secret two"]
            romeo = await host.account(ROMEO)
            assert romeo is not None
            assert list(romeo.roster.contacts) == [NURSE]

    run(play())
    fields = [record.__dict__["fields"] for record in caplog.records if record.message == "record damaged"]
    assert {(each["account"], each["kind"]) for each in fields} == {(ROMEO, "contact"), (JULIET, "offline")}
    assert MERCUTIO in [each["key"] for each in fields]
    assert "secret" not in str(fields)


def test_a_second_server_on_the_file_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async def play() -> None:
        path, wire = tmp_path / "server.sqlite", Tape()
        async with a_server(path, wire) as (host, _):
            session = await enter(host, ROMEO, "orchard")
            with pytest.raises(DatabaseRefused, match="in use by another server"):
                async with a_server(path):
                    pass
            await says(host, ROMEO, session, add(MERCUTIO))
            assert answers(wire, f"{ROMEO}/orchard")[-1] == "result"

    run(play())


def test_a_server_whose_lock_was_circumvented_is_fenced_by_the_later_one(tmp_path: Path) -> None:
    async def play() -> None:
        path, wire = tmp_path / "server.sqlite", Tape()
        async with a_server(path, wire) as (host, _):
            session = await enter(host, ROMEO, "orchard")
            (tmp_path / "server.sqlite-lock").unlink()  # as on a network file system that has no locks
            async with a_server(path) as (second, _):
                await says(host, ROMEO, session, add(MERCUTIO))
                assert [kind for kind, _ in conditions(wire, f"{ROMEO}/orchard")] == ["wait"]
                assert host.fenced.is_set()
                assert not second.fenced.is_set()
                romeo = await second.account(ROMEO)
                assert romeo is not None
                assert list(romeo.roster.contacts) == []

    run(play())


def test_what_was_acknowledged_is_in_the_files_at_any_moment(tmp_path: Path) -> None:
    """Copies of the files, made under load, are what a crash leaves: each has all that was acknowledged before it."""

    async def load(host: AsyncHost[State], account: str, acknowledged: list[str], enough: asyncio.Event) -> None:
        session, n = await enter(host, account, "x"), 0
        while not enough.is_set():
            n += 1
            jid = f"contact{n}@{CAPULET}"
            await says(host, account, session, add(jid, f"add{n}"))
            acknowledged.append(jid)

    async def play() -> None:
        path, copies = tmp_path / "server.sqlite", 5
        acknowledged: dict[str, list[str]] = {jid: [] for jid in (ROMEO, JULIET, NURSE)}
        before: list[dict[str, list[str]]] = []
        enough = asyncio.Event()
        async with a_server(path) as (host, _):
            tasks = [asyncio.create_task(load(host, jid, done, enough)) for jid, done in acknowledged.items()]
            for n in range(copies):
                least = 5 * (n + 1)
                await until(lambda least=least: all(len(each) >= least for each in acknowledged.values()))  # type: ignore[misc]
                before.append({jid: list(done) for jid, done in acknowledged.items()})
                (tmp_path / f"{n}").mkdir()
                for name in ("server.sqlite-wal", "server.sqlite"):  # with few pages, nothing moves between them
                    shutil.copy(tmp_path / name, tmp_path / f"{n}" / name)
            enough.set()
            await asyncio.gather(*tasks)
        for n in range(copies):
            async with a_server(tmp_path / f"{n}" / "server.sqlite") as (host, _):
                for jid, done in before[n].items():
                    account = await host.account(jid)
                    assert account is not None
                    assert set(done) <= set(account.roster.contacts)

    run(play())
