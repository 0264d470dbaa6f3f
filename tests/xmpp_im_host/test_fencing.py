"""A server whose database another one has taken, as it can happen on a file system without locks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.xmpp_im_host.raw_client import RawClient
from tests.xmpp_im_host.running import run, until
from xmpp_im_host.pytest_plugin import running
from xmpp_im_host.storage.records import PARTITIONS
from xmpp_im_host.storage.sqlite_engine import SQLiteEngine

SM = "urn:xmpp:sm:3"
ROSTER = "jabber:iq:roster"


def test_the_server_ends_its_sessions_and_stops(tmp_path: Path) -> None:
    """RFC 6120 §4.9.3.21: system-shutdown. A session that waits for its client ends too: nobody could resume it."""
    database = tmp_path / "server.sqlite"
    with running({"romeo": "rosaline", "juliet": "balcony"}, database=str(database)) as server:
        network = server.server.network
        with RawClient(server) as waits, RawClient(server) as romeo:
            waits.log_in("juliet", "balcony").write(f"<enable xmlns='{SM}' resume='true'/>")
            assert waits.next().name == "enabled"
            romeo.log_in("romeo", "rosaline").settle()
            waits.close()
            run(until(lambda: network.sessions.detached == 1))
            run(_taken(database))
            romeo.write(f"<iq type='set' id='1'><query xmlns='{ROSTER}'><item jid='nurse@localhost'/></query></iq>")

            assert romeo.error() == "system-shutdown"
        run(until(lambda: len(network.sessions) == 0))
        with pytest.raises(ConnectionRefusedError), RawClient(server):
            pass
        assert server.server.stopped.is_set()


async def _taken(database: Path) -> None:
    database.with_name(f"{database.name}-lock").unlink()
    engine = await SQLiteEngine.open(database)
    await engine.claim(range(PARTITIONS), "another")
    await engine.aclose()
