"""The engines that every contract test runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.examples.postgres import postgres
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.layout import check_layout
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.sharded_engine import ShardedEngine
from xmpp_im_host.storage.sqlite_engine import SQLiteEngine

Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[Engine]]
"""Opens the engine of a test; after it has been closed, opens it again with what was stored."""


def in_memory() -> Opening:
    engine = MemoryEngine()

    @asynccontextmanager
    async def opening() -> AsyncIterator[Engine]:
        yield engine

    return opening


def on_sqlite(folder: Path) -> Opening:
    @asynccontextmanager
    async def opening() -> AsyncIterator[Engine]:
        async with await SQLiteEngine.open(folder / "server.sqlite") as engine:
            yield engine

    return opening


def in_memory_shards() -> Opening:
    engines = MemoryEngine(), MemoryEngine()

    @asynccontextmanager
    async def opening() -> AsyncIterator[Engine]:
        await check_layout(engines)
        async with ShardedEngine(engines, patience=0.01) as engine:
            yield engine

    return opening


def on_postgres_shards(databases: Sequence[str]) -> Opening:
    from xmpp_im_host.storage.postgres_engine import PostgresEngine

    @asynccontextmanager
    async def opening() -> AsyncIterator[Engine]:
        engines = [await PostgresEngine.open(each) for each in databases]
        await check_layout(engines)
        async with ShardedEngine(engines, patience=0.01) as engine:
            yield engine

    return opening


def on_postgres(conninfo: str) -> Opening:
    from xmpp_im_host.storage.postgres_engine import PostgresEngine

    @asynccontextmanager
    async def opening() -> AsyncIterator[Engine]:
        async with await PostgresEngine.open(conninfo) as engine:
            yield engine

    return opening


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """A PostgreSQL that runs until the tests end; the value says how to connect to it."""
    with postgres() as conninfo:
        yield conninfo


@pytest.fixture
def database(cluster: str) -> Iterator[str]:
    """An empty database; the value says how to connect to it."""
    from tests.xmpp_im_host.storage.postgres_database import empty_database

    with empty_database(cluster) as conninfo:
        yield conninfo


@pytest.fixture
def databases(cluster: str) -> Iterator[tuple[str, str]]:
    """Two empty databases."""
    from tests.xmpp_im_host.storage.postgres_database import empty_database

    with empty_database(cluster) as first, empty_database(cluster) as second:
        yield first, second


ON_POSTGRES = [
    pytest.param("postgres", marks=pytest.mark.postgres),
    pytest.param("postgres-shards", marks=[pytest.mark.postgres, pytest.mark.long]),
]


@pytest.fixture(params=["memory", "memory-shards", "sqlite", *ON_POSTGRES])
def opening(request: Any, tmp_path: Path) -> Opening:
    if request.param == "memory":
        return in_memory()
    if request.param == "memory-shards":
        return in_memory_shards()
    if request.param == "sqlite":
        return on_sqlite(tmp_path)
    if request.param == "postgres-shards":
        return on_postgres_shards(request.getfixturevalue("databases"))
    return on_postgres(request.getfixturevalue("database"))
