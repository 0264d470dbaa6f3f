"""What the servers of a cluster share in tests: an engine in memory, or a database of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.postgres import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL that runs until the tests end; the value says how to connect to it."""
    with postgres() as conninfo:
        yield conninfo


@pytest.fixture
def uri(postgres_server: str) -> Iterator[str]:
    """The URI of an empty database."""
    from psycopg.conninfo import conninfo_to_dict

    from tests.xmpp_im_host.storage.postgres_database import empty_database

    with empty_database(postgres_server) as conninfo:
        found = conninfo_to_dict(conninfo)
        yield f"postgresql://{found['user']}@/{found['dbname']}?host={found['host']}"


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def shared(request: Any, tmp_path: Path) -> dict[str, Any]:
    """Where two servers have their accounts: arguments of ``Cluster``."""
    if request.param == "memory":
        return {}
    return {"uri": request.getfixturevalue("uri"), "folder": str(tmp_path)}
