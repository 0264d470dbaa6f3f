"""Two servers on two databases: the accounts of the users are in different ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.xmpp_im_host.cluster.servers import Cluster, NodeServer
from tests.xmpp_im_host.cluster.talking import DOMAIN, SM, become_contacts, chat, enter, log_in
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import partition_of
from xmpp_im_host.storage.sharded_engine import ShardedEngine

Two = tuple[NodeServer, NodeServer]


@pytest.fixture
def two() -> Iterator[Two]:
    engine = ShardedEngine([MemoryEngine(), MemoryEngine()], patience=0.02)
    with Cluster(engine) as cluster:

        async def start() -> None:
            engine.start()

        cluster.run(start())
        yield cluster.two(dict.fromkeys(("romeo", "juliet"), "secret"))
        for server in list(cluster.servers):
            server.stop()
        cluster.run(engine.aclose())


def test_the_accounts_of_these_tests_are_in_different_databases() -> None:
    assert {partition_of(f"{name}@{DOMAIN}") % 2 for name in ("romeo", "juliet")} == {0, 1}


def test_users_chat_in_order(two: Two) -> None:
    with enter(two[0], "romeo") as romeo, enter(two[1], "juliet") as juliet:
        for n in range(20):
            romeo.write(chat("juliet", str(n)))
            juliet.write(chat("romeo", str(n)))
        for reader in (romeo, juliet):
            assert [reader.stanza("message").get("id") for _ in range(20)] == [str(n) for n in range(20)]


def test_the_contacts_of_a_dead_node_are_told_and_what_it_had_not_delivered_is_delivered_once(two: Two) -> None:
    """RFC 6121 §4.5.2; XEP-0198 §4."""
    first, second = two
    with enter(first, "romeo", "orchard") as romeo, enter(second, "juliet") as juliet:
        become_contacts(romeo, juliet)
        romeo.write(f"<enable xmlns='{SM}'/>")
        assert romeo.until(lambda each: each.name == "enabled").namespace == SM
        for id in ("1", "2"):
            juliet.write(chat("romeo", id))
            romeo.stanza("message", id=id)
        romeo.write(f"<a xmlns='{SM}' h='1'/>")
        romeo.settle()
        first.crash()
        assert juliet.stanza("presence", type="unavailable").get("from") == f"romeo@{DOMAIN}/orchard"
        juliet.write(chat("romeo", "3"))
        juliet.settle()
        with log_in(second, "romeo") as again:
            again.write("<presence/>")
            assert [again.stanza("message").get("id") for _ in range(2)] == ["2", "3"]
