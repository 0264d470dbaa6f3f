"""Nodes that die, stop, or are ended by others, and an engine that is away."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.xmpp_im_host.cluster.servers import Cluster, NodeServer
from tests.xmpp_im_host.cluster.talking import DOMAIN, SM, become_contacts, chat, enter, log_in
from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_host.cluster.membership import end_node
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import Batch, Entry, Found, Lease, Node

Two = tuple[NodeServer, NodeServer]


class Away(MemoryEngine):
    """An engine that may be away: then every call fails, and nothing changes."""

    away: bool = False
    refuse_joins: bool = False
    """Whether no node can join."""

    joins_are_in_doubt: bool = False

    async def join(self, name: str) -> int:
        if self.joins_are_in_doubt:
            raise Unknown("the connection broke")
        if self.refuse_joins:
            raise EngineFailed("the engine is away")
        return await super().join(name)

    def _look(self) -> None:
        if self.away:
            raise EngineFailed("the engine is away")

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        self._look()
        return await super().commit(leases, batch)

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        self._look()
        return await super().entries(queues, limit)

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        self._look()
        return await super().load(lease, account, kinds, counted)

    async def beat(self, number: int, report: str) -> Sequence[Node]:
        self._look()
        return await super().beat(number, report)


@pytest.fixture
def away() -> Iterator[tuple[Away, Two]]:
    engine = Away()
    with Cluster(engine) as cluster:
        yield engine, cluster.two(dict.fromkeys(("romeo", "juliet"), "secret"))


@pytest.fixture
def two(shared: dict[str, Any]) -> Iterator[Two]:
    with Cluster(**shared) as cluster:
        yield cluster.two(dict.fromkeys(("romeo", "juliet"), "secret"))


# --- the end of a node ------------------------------------------------------------------------------------------


def test_the_contacts_of_a_dead_node_are_told_and_its_clients_come_back_elsewhere(two: Two) -> None:
    """RFC 6121 §4.5.2: the server sends unavailable presence for a session that ends in any way."""
    first, second = two
    with enter(first, "romeo", "orchard") as romeo, enter(second, "juliet") as juliet:
        become_contacts(romeo, juliet)
        first.crash()
        gone = juliet.stanza("presence", type="unavailable")
        assert gone.get("from") == f"romeo@{DOMAIN}/orchard"
        with enter(second, "romeo", "garden"):
            assert juliet.stanza("presence").get("from") == f"romeo@{DOMAIN}/garden"


def test_what_a_dead_node_had_not_delivered_is_delivered_to_the_next_session(two: Two) -> None:
    first, second = two
    with enter(second, "juliet") as juliet, enter(first, "romeo") as romeo:
        romeo.write(f"<enable xmlns='{SM}'/>")
        assert romeo.next().name == "enabled"
        juliet.write(chat("romeo", "before"))
        romeo.stanza("message", id="before")  # and it is not acknowledged
        first.crash()
        juliet.write(chat("romeo", "after"))
        juliet.settle()
        with log_in(second, "romeo") as again:
            again.write("<presence/>")
            assert [again.stanza("message").get("id") for _ in range(2)] == ["before", "after"]


def test_a_server_that_stops_ends_its_sessions_at_once(two: Two) -> None:
    first, second = two
    with enter(first, "romeo", "orchard") as romeo, enter(second, "juliet") as juliet:
        become_contacts(romeo, juliet)
        first.stop()
        assert romeo.error() == "system-shutdown"
        gone = juliet.stanza("presence", type="unavailable")
        assert gone.get("from") == f"romeo@{DOMAIN}/orchard"
        second.until(lambda: len(second.owns()) == 256)
        juliet.write(chat("romeo", "stored"))
        juliet.settle()
    with log_in(second, "romeo") as romeo:
        romeo.write("<presence/>")
        assert romeo.stanza("message").get("id") == "stored"


def test_a_node_that_others_have_ended_closes_its_streams_and_joins_again(two: Two) -> None:
    """As after SIGSTOP and SIGCONT. What its clients had not acknowledged is not lost, and comes once."""
    first, second = two
    before = first.number
    with enter(second, "juliet") as juliet, enter(first, "romeo") as romeo:
        romeo.write(f"<enable xmlns='{SM}' resume='true'/>")
        previous = romeo.next().get("id")
        juliet.write(chat("romeo", "1"))
        romeo.stanza("message", id="1")
        first.cluster.run(end_node(first.node.engine, before, "another", (datetime.now(UTC), "end")))
        assert romeo.error() == "system-shutdown"
        first.until(lambda: first.node.life is not None and first.number != before)
        with RawClient(first) as again:
            again.open()
            assert again.authenticate("romeo", "secret").name == "success"
            again.open()
            again.write(f"<resume xmlns='{SM}' previd='{previous}' h='0'/>")
            assert again.next().name == "failed"
            assert again.bind("balcony").get("type") == "result"
            again.write("<presence/>")
            assert again.stanza("message").get("id") == "1"
            juliet.write(chat("romeo", "2"))
            assert again.stanza("message").get("id") == "2"


def test_a_node_that_is_cut_off_is_not_healthy_and_takes_no_sessions(away: tuple[Away, Two]) -> None:
    """A proxy that asks for /health leads clients elsewhere. RFC 6120 §8.3.3.6 is the answer to a bind meanwhile."""
    engine, (first, second) = away
    assert first.server.serves()
    engine.refuse_joins = True
    first.cluster.run(end_node(engine, first.number, "another", (datetime.now(UTC), "end")))
    first.until(lambda: first.node.life is None)
    assert (first.server.serves(), second.server.serves()) == (False, True)
    with RawClient(first) as juliet:
        juliet.open()
        assert juliet.authenticate("juliet", "secret").name == "success"
        juliet.open()
        answer = juliet.bind()
        assert answer.first("error").elements[0].name == "internal-server-error"  # type: ignore[union-attr]
        engine.refuse_joins = False
        first.until(lambda: first.node.life is not None)
        assert juliet.bind().get("type") == "result"
    assert first.server.serves()


# --- the engine is away -----------------------------------------------------------------------------------------


def test_while_the_engine_is_away_requests_are_refused_and_the_rest_waits(away: tuple[Away, Two]) -> None:
    """RFC 6120 §8.3.2: the error has the type wait. Nothing is acknowledged that was not taken."""
    engine, two = away
    with enter(two[0], "romeo", "orchard") as romeo, enter(two[1], "juliet") as juliet:
        become_contacts(romeo, juliet)
        engine.away = True
        juliet.write("<presence><show>away</show></presence>")
        juliet.write(chat("romeo", "refused"))
        refused = juliet.stanza("message", id="refused")
        assert refused.get("type") == "error"
        assert refused.first("error").get("type") == "wait"  # type: ignore[union-attr]
        juliet.write("<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
        assert juliet.stanza("iq", id="ping").get("type") == "error"
        engine.away = False
        assert romeo.until(lambda each: each.first("show") is not None).get("from") == f"juliet@{DOMAIN}/balcony"
        juliet.write(chat("romeo", "taken"))
        assert [romeo.stanza("message").get("id")] == ["taken"]


def test_a_login_while_the_engine_is_away_may_be_tried_again(away: tuple[Away, Two]) -> None:
    """RFC 6120 §6.5.10: temporary-auth-failure."""
    engine, two = away
    engine.away = True
    with RawClient(two[0]) as romeo:
        romeo.open()
        failure = romeo.authenticate("romeo", "secret")
        assert [failure.name, failure.elements[0].name] == ["failure", "temporary-auth-failure"]
    engine.away = False
    with enter(two[0], "romeo"):
        pass


def test_a_resumption_while_the_engine_is_away_says_nothing_against_the_password(away: tuple[Away, Two]) -> None:
    """XEP-0198 §5: a resumption that fails leaves the stream open. RFC 6120 §4.9.3.12 is about authorization."""
    engine, two = away
    with RawClient(two[0]) as romeo:
        romeo.open()
        assert romeo.authenticate("romeo", "secret").name == "success"
        romeo.open()
        engine.away = True
        romeo.write(f"<resume xmlns='{SM}' previd='guessed' h='0'/>")
        assert romeo.next().name == "failed"
        engine.away = False
        assert romeo.bind("orchard").get("type") == "result"
