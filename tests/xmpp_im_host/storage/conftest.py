"""The engines that every contract test runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.sqlite_engine import SQLiteEngine

Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[Engine]]
"""Opens the engine of a test; after it has been closed, opens it again with what was stored."""


def in_memory(_: Path) -> Opening:
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


ENGINES: dict[str, Callable[[Path], Opening]] = {"memory": in_memory, "sqlite": on_sqlite}


@pytest.fixture(params=ENGINES)
def opening(request: Any, tmp_path: Path) -> Opening:
    return ENGINES[request.param](tmp_path)
