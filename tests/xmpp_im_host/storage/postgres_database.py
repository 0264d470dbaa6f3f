"""An empty database on PostgreSQL, for one test. Only tests with the marker ``postgres`` import this."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier


@contextmanager
def empty_database(cluster: str) -> Iterator[str]:
    """Create a database; yield how to connect to it; drop it afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(cluster, autocommit=True) as db:
        db.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    yield make_conninfo(cluster, dbname=name)
    with psycopg.connect(cluster, autocommit=True) as db:
        db.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
