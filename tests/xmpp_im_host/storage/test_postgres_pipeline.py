"""How the engine on PostgreSQL talks to it: values arrive as they were, and a call takes one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

psycopg = pytest.importorskip("psycopg")  # only those who need PostgreSQL install it


from tests.xmpp_im_host.running import run  # noqa: E402
from xmpp_im_host.storage import postgres_statements as statements  # noqa: E402
from xmpp_im_host.storage.errors import EngineFailed  # noqa: E402
from xmpp_im_host.storage.postgres_connections import Connector  # noqa: E402
from xmpp_im_host.storage.postgres_engine import PostgresEngine  # noqa: E402
from xmpp_im_host.storage.postgres_pipeline import Bound, Pipeline  # noqa: E402
from xmpp_im_host.storage.records import Append, Batch, Lease, Row, Sums, Write, partition_of  # noqa: E402

ROMEO = "romeo@montague.example"
PARTITION = partition_of(ROMEO)
QUEUES = {f"partition/{number}": 0 for number in range(256)}
BATCH = Batch(
    (Write(ROMEO, Row("session", "orchard", "")),),
    (Append("gateway/1/7", "", body=b"x"), Append("partition/8", "", body=b"y")),
    (("partition/7", 1),),
    "token",
)


@asynccontextmanager
async def a_pipeline(database: str) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(await Connector(database, 5.0).connect())
    try:
        yield pipeline
    finally:
        pipeline.close()


# --- values -----------------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("type", "values"),
    [
        ("text", ["", "Montague", "\u00e9\U0001f339 {\"a\\\\',NULL}", None]),
        ("bigint", [0, -1, 2**63 - 1, -(2**63)]),
        ("integer", [0, -1, 2**31 - 1, -(2**31)]),
        ("bytea", [b"", bytes(range(256))]),
        ("double precision", [0.5, -1e300]),
        ("boolean", [True, False]),
        ("text[]", [[], [""], ["a", "{\"b,'", "\u00e9", "NULL"]]),
        ("bytea[]", [[], [b""], [b"\0\\x", bytes(range(256))]]),
        ("bigint[]", [[], [0], [1, -(2**63), 2**63 - 1]]),
    ],
)
def test_a_value_comes_back_as_it_was_sent(database: str, type: str, values: list[Any]) -> None:
    async def play() -> None:
        async with a_pipeline(database) as pipeline:
            for value in values:
                if isinstance(value, list):
                    sql = f"SELECT each FROM unnest($1::{type}) WITH ORDINALITY AS u (each, n) ORDER BY n"
                    (rows,) = await pipeline.perform([(sql, (value,))])
                    assert [each for (each,) in rows] == value
                else:
                    (rows,) = await pipeline.perform([(f"SELECT $1::{type}", (value,))])
                    assert rows == [(value,)]

    run(play())


@pytest.mark.postgres
def test_more_is_sent_and_answered_at_once_than_sockets_hold(database: str) -> None:
    """Each side has to read while it writes, or both wait for each other."""

    async def play() -> None:
        async with a_pipeline(database) as pipeline:
            large = [bytes([number]) * 3_000_000 for number in range(4)]
            found = await pipeline.perform([("SELECT $1::bytea", (each,)) for each in large])
            assert [rows[0][0] for rows in found] == large

    run(play())


@pytest.mark.postgres
def test_what_is_sent_before_the_first_answer_is_answered_in_order(database: str) -> None:
    async def play() -> None:
        async with a_pipeline(database) as pipeline:
            asked = [pipeline.perform([("SELECT $1::bigint", (n,)), ("SELECT 1 WHERE false", ())]) for n in range(50)]
            assert await asyncio.gather(*asked) == [[[(n,)], []] for n in range(50)]
            failing = pipeline.perform([("SELECT 1 / $1::bigint", (0,)), ("SELECT 1", ())])
            before, failed, after = await asyncio.gather(
                pipeline.perform([("SELECT 1", ())]),
                failing,
                pipeline.perform([("SELECT 2", ())]),
                return_exceptions=True,
            )
            assert (before, after) == ([[(1,)]], [[(2,)]])
            assert isinstance(failed, psycopg.errors.DivisionByZero)

    run(play())


# --- round trips ------------------------------------------------------------------------------------------------


def test_a_usual_commit_is_four_statements_and_a_look_is_one() -> None:
    """What a transaction costs a node depends more on that than on how much it carries."""
    assert len(statements.commit([Lease(PARTITION, 1)], BATCH).statements) == 4
    assert len(statements.load(Lease(PARTITION, 1), ROMEO, ["session"], ["offline"]).statements) == 1


@pytest.mark.postgres
def test_a_call_takes_one_round_trip_and_reads_share_it(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    send = Pipeline.send

    def counted(self: Pipeline, statements: Sequence[Bound], answered: Any) -> None:
        sent.append(len(statements))
        send(self, statements, answered)

    async def play() -> None:
        async with await PostgresEngine.open(database) as engine:
            leases = await engine.claim([PARTITION], "node")
            await engine.entries(QUEUES)
            monkeypatch.setattr(Pipeline, "send", counted)
            await engine.commit(leases, BATCH)
            assert sent == [6]  # with BEGIN and COMMIT
            sent.clear()
            await engine.append("q", "", 0, b"")
            assert sent == [1]
            sent.clear()
            looks = [engine.entries(QUEUES, 256) for _ in range(3)]
            loads = [engine.load(leases[0], f"user{n}@capulet.example", ["roster"]) for n in range(20)]
            await asyncio.gather(*looks, *loads)
            assert sent == [23]

    run(play())


# --- the connection for reads -----------------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_read_that_is_cancelled_disturbs_no_other_one(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as engine:
            await engine.append("q", "", 0, b"body")
            await engine.entries({"q": 0})
            db = engine._reading._db
            cancelled, other = [asyncio.ensure_future(engine.entries({"q": 0})) for _ in range(2)]
            await asyncio.sleep(0)
            cancelled.cancel()
            assert [each.body for each in await other] == [b"body"]
            late = asyncio.ensure_future(engine.entries({"q": 0}))
            for _ in range(3):
                await asyncio.sleep(0)  # it is sent
            late.cancel()
            assert [each.body for each in await engine.entries({"q": 0})] == [b"body"]
            assert engine._reading._db is db

    run(play())


@pytest.mark.postgres
def test_a_read_that_fails_lets_those_with_it_fail_and_later_ones_succeed(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as engine:
            leases = await engine.claim([PARTITION], "node")
            results = await asyncio.gather(
                engine.load(None, "a\0b", ["roster"]),
                engine.entries({"q": 0}),
                engine.load(None, "\ud800", ["roster"]),  # it is not even sent
                return_exceptions=True,
            )
            assert [type(each) for each in results] == [EngineFailed] * 3
            found = await engine.load(leases[0], ROMEO, ["roster"], ["offline"])
            assert (found.rows, found.sums) == ((), {"offline": Sums()})

    run(play())
