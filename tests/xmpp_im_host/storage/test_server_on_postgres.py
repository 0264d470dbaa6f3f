"""A whole server on PostgreSQL: what it stored outlives it, and the database may go away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_host.pytest_plugin import RunningServer, running

psycopg = pytest.importorskip("psycopg")

pytestmark = pytest.mark.postgres

ROSTER = "jabber:iq:roster"
SET = f"<iq type='set' id='set'><query xmlns='{ROSTER}'><item jid='%s'/></query></iq>"
GET = f"<iq type='get' id='get'><query xmlns='{ROSTER}'/></iq>"

Start = Callable[..., RunningServer]


def uri_of(database: str) -> str:
    parameters = psycopg.conninfo.conninfo_to_dict(database)
    return f"postgresql://{parameters['user']}@/{parameters['dbname']}?host={parameters['host']}"


@pytest.fixture
def server(database: str, tmp_path: Path) -> Start:
    """Return what starts a server on the database; accounts are created by the first one only."""
    uri = uri_of(database)

    def start(name: str, accounts: dict[str, str] | None = None) -> RunningServer:
        return running(accounts, engine=uri, database=str(tmp_path / f"{name}.sqlite"))

    return start


def contacts(client: RawClient) -> list[str | None]:
    client.write(GET)
    while True:
        stanza = client.next()
        if stanza.get("id") == "get":
            return [item.get("jid") for item in stanza.children[0].children]  # type: ignore[union-attr]


def test_what_is_stored_outlives_the_server(server: Start) -> None:
    with server("first", {"romeo": "rosaline"}) as first, RawClient(first) as romeo:
        romeo.log_in("romeo", "rosaline").write(SET % "nurse@localhost")
        assert contacts(romeo) == ["nurse@localhost"]

    with server("second") as second, RawClient(second) as romeo:
        romeo.log_in("romeo", "rosaline")
        assert contacts(romeo) == ["nurse@localhost"]


def test_while_the_database_is_away_nothing_is_acknowledged_and_the_server_comes_back(
    server: Start, database: str, cluster: str
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with server("first", {"romeo": "rosaline"}) as first, RawClient(first) as romeo:
        romeo.log_in("romeo", "rosaline")
        with psycopg.connect(cluster, autocommit=True) as db:
            db.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            # Each connection has ended before the client writes, so its request is not in doubt.
            db.execute("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s", (name,))
            romeo.write(SET % "nurse@localhost")
            refusal = romeo.next()
            assert (refusal.get("id"), refusal.get("type")) == ("set", "error")
            [error] = [child for child in refusal.children if not isinstance(child, str) and child.name == "error"]
            assert error.get("type") == "wait"
            db.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        romeo.write(SET % "tybalt@localhost")
        assert contacts(romeo) == ["tybalt@localhost"]
