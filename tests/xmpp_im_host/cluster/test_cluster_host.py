"""The host of a node: calls for accounts, nodes in reserve, and what it does while it has no number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.xmpp_im_host.cluster.stage import CAPULET, JULIET, KEEPING, NURSE, ROMEO, chat
from tests.xmpp_im_host.cluster.test_gateway import Streams
from tests.xmpp_im_host.cluster.test_losing_nodes import Away
from tests.xmpp_im_host.running import run, until
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.server import hosting
from xmpp_im_core.snapshot import SnapshotError
from xmpp_im_core.stanza import Condition
from xmpp_im_host.cluster.cluster_host import ClusterHost
from xmpp_im_host.cluster.life import ClusterSettings
from xmpp_im_host.cluster.liveness import Pace
from xmpp_im_host.cluster.membership import end_node
from xmpp_im_host.cluster.queue_names import gateway_of
from xmpp_im_host.credentials import FEWEST_ITERATIONS
from xmpp_im_host.hosting.administration import (
    AccountExists,
    AccountInUse,
    Administration,
    NoSuchAccount,
)
from xmpp_im_host.storage.errors import EngineFailed

DATA: dict[str, object] = {"roster": [{"jid": NURSE, "subscription": "both"}]}


def settings(**given: Any) -> ClusterSettings:
    return ClusterSettings(
        service=hosting(CAPULET),
        policy=KEEPING,
        clock=lambda: datetime.now(UTC),
        ids=lambda: uuid4().hex,
        pace=Pace(beat_seconds=0.02, dead_seconds=0.2),
        **given,
    )


@asynccontextmanager
async def a_node(engine: Away, **given: Any) -> AsyncIterator[ClusterHost]:
    async with ClusterHost(engine, Streams(), settings(**given)) as host:
        yield host


@asynccontextmanager
async def nodes(number: int) -> AsyncIterator[tuple[Away, list[ClusterHost]]]:
    """Nodes that own some partitions each."""
    engine = Away()
    hosts = [ClusterHost(engine, Streams(), settings(name=f"n{n}")) for n in range(number)]
    try:
        for host in hosts:
            await host.__aenter__()
        await until(lambda: all(host.partitions() for host in hosts))
        yield engine, hosts
    finally:
        for host in hosts:
            await host.__aexit__(None, None, None)


# --- calls ------------------------------------------------------------------------------------------------------


def test_accounts_are_administered_on_any_node() -> None:
    async def play() -> None:
        async with nodes(2) as (_, hosts):
            one, other = [Administration(host, FEWEST_ITERATIONS) for host in hosts]
            for jid in (JULIET, NURSE):
                await one.create(jid, "pencil")
                with pytest.raises(AccountExists):
                    await other.create(jid, "pencil")
            assert await other.accounts() == [JULIET, NURSE]
            await other.set_password(JULIET, "crayon")
            assert await one.check_password(JULIET, "crayon")
            await one.remove(NURSE)
            with pytest.raises(NoSuchAccount):
                await other.remove(NURSE)
            with pytest.raises(NoSuchAccount):
                await other.set_password(NURSE, "crayon")
            assert await other.accounts() == [JULIET]

    run(play())


def test_rosters_are_imported_exported_and_inspected_on_any_node() -> None:
    async def play() -> None:
        async with nodes(2) as (_, hosts):
            one, other = [Administration(host, FEWEST_ITERATIONS) for host in hosts]
            await one.import_accounts({JULIET: DATA})
            assert await other.export_accounts() == {JULIET: DATA}
            with pytest.raises(AccountExists):
                await other.import_accounts({JULIET: DATA})
            session = hosts[1].bind(JULIET, hosts[1].session("balcony"))
            await until(lambda: bool(hosts[1].engine._rows[JULIET].get(("session", "balcony"))))  # type: ignore[attr-defined]
            with pytest.raises(AccountInUse):
                await other.import_accounts({JULIET: DATA}, replace=True)
            found = await one.inspect(JULIET)
            assert (found["account"], found["contacts"], found["password"]) == (JULIET, 1, False)
            assert found["sessions"] == [f"balcony#{session.epoch}"]

    run(play())


def test_a_call_that_nobody_answers_fails_and_says_what_to_do() -> None:
    async def play() -> None:
        async with nodes(1) as (_, [host]):
            life = host.life
            assert life is not None
            await life.owner.aclose()
            life.calls.patience = 0.05
            with pytest.raises(EngineFailed, match=rf"create {JULIET}: no node has answered .*xmpp-im-host nodes"):
                await host.create_account(JULIET, None)
            assert len(life.calls) == 0

    run(play())


def test_a_call_fails_when_its_node_ends() -> None:
    async def play() -> None:
        async with nodes(1) as (engine, [host]):
            life = host.life
            assert life is not None
            await life.owner.aclose()
            calling = asyncio.create_task(host.create_account(JULIET, None))
            await until(lambda: len(life.calls) == 1)
            await end_node(engine, life.number, "another", (datetime.now(UTC), "end"))
            with pytest.raises(EngineFailed, match="cut off"):
                await calling

    run(play())


# --- sessions ---------------------------------------------------------------------------------------------------


def test_a_session_names_the_node_that_has_made_it() -> None:
    async def play() -> None:
        async with nodes(2) as (_, hosts):
            for host in hosts:
                made = [host.session("balcony") for _ in range(3)]
                assert len(set(made)) == 3
                assert host.life is not None
                assert {gateway_of(each) for each in made} == {host.life.number}

    run(play())


@pytest.mark.parametrize("resource", ["", "x" * 1024])
def test_a_malformed_resource_is_a_bad_request(resource: str) -> None:
    """RFC 6120 §7.7.2.1."""

    async def play() -> None:
        async with nodes(1) as (_, [host]):
            assert await host.may_bind(JULIET, resource) is Condition.BAD_REQUEST
            assert await host.may_bind(JULIET, "balcony") is None

    run(play())


def test_a_stanza_that_cannot_be_written_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """RFC 6120 §8.3.2: the client learns that it was not processed, and nothing else waits for it."""

    async def play() -> None:
        async with nodes(1) as (_, [host]):
            streams = host.streams
            assert isinstance(streams, Streams)
            assert host.life is not None
            host.life.placed = fails  # type: ignore[method-assign]
            done: list[bool] = []
            session = host.session("balcony")
            host.receive(JULIET, session, parse_stanza(chat(ROMEO, "1")), done=lambda: done.append(True))
            host.receive(JULIET, session, parse_stanza("<presence type='unavailable'/>"))
            assert (done, streams.got) == ([True], [("balcony", "1")])

    def fails(event: object) -> list[tuple[str, bytes]]:
        raise SnapshotError("$", "it cannot be written")

    run(play())
    assert "event could not be written" in caplog.text


def test_a_stanza_to_a_domain_that_nobody_has_is_not_sent() -> None:
    async def play() -> None:
        async with nodes(1) as (_, [host]):
            stanza = parse_stanza(f"<message to='{ROMEO}' from='{JULIET}'/>")
            assert host.pass_on(stanza) is Condition.REMOTE_SERVER_NOT_FOUND
            host.send(stanza)

    run(play())


def test_a_call_that_the_owner_cannot_do_says_so() -> None:
    async def play() -> None:
        async with nodes(1) as (_, [host]):
            with pytest.raises(EngineFailed, match=f"secret {CAPULET}: the owner of the account could not do it"):
                await host._call("secret", CAPULET, {})

    run(play())


# --- without a number -------------------------------------------------------------------------------------------


def test_a_node_that_has_ended_joins_again_when_the_engine_answers() -> None:
    async def play() -> None:
        forgotten: list[bool] = []
        engine = Away()
        async with ClusterHost(engine, Streams(), settings(), lambda: forgotten.append(True)) as host:
            assert host.life is not None
            number = host.life.number
            old = host.session("balcony")
            await end_node(engine, number, "another", (datetime.now(UTC), "end"))
            engine.refuse_joins = True
            await until(lambda: host.life is None)
            assert forgotten == [True]
            with pytest.raises(EngineFailed):
                await host.may_bind(JULIET, "balcony")
            with pytest.raises(EngineFailed):
                host.session("balcony")
            with pytest.raises(EngineFailed, match="cut off"):
                await host.create_account(JULIET, None)
            host.receive(JULIET, old, parse_stanza("<presence/>"))
            host.settled(JULIET, old, [None])
            host.end_session(JULIET, old)
            assert host.figures().accounts == 0
            assert host.pass_on(parse_stanza(f"<message to='{JULIET}' from='{ROMEO}'/>")) is not None
            engine.refuse_joins = False
            await until(lambda: host.life is not None)
            assert host.life.number > number
            assert await host.create_account(JULIET, None)

    run(play())


def test_a_node_does_not_begin_without_its_engine() -> None:
    async def play() -> None:
        engine = Away()
        engine.refuse_joins = True
        with pytest.raises(EngineFailed):
            await ClusterHost(engine, Streams(), settings()).__aenter__()
        engine.joins_are_in_doubt = True
        with pytest.raises(EngineFailed):
            await ClusterHost(engine, Streams(), settings()).__aenter__()

    run(play())


# --- nodes in reserve -------------------------------------------------------------------------------------------


def test_a_node_in_reserve_owns_accounts_while_it_is_alone() -> None:
    async def play() -> None:
        engine = Away()
        async with a_node(engine, reserve=True) as host:
            assert await host.create_account(JULIET, None)
        async with a_node(engine, reserve=True) as host:
            assert [each async for each in host.accounts()] == [JULIET]
            assert not await host.create_account(JULIET, None)

    run(play())


def test_a_node_in_reserve_owns_nothing_while_another_node_lives() -> None:
    async def play() -> None:
        async with nodes(1) as (engine, [server]), a_node(engine, reserve=True) as host:
            assert await host.create_account(JULIET, None)
            assert host.partitions() == {}
            assert len(server.partitions()) == 256

    run(play())


def test_a_node_in_reserve_takes_over_from_one_that_has_died() -> None:
    async def play() -> None:
        engine = Away()
        dead = ClusterHost(engine, Streams(), settings())
        await dead.__aenter__()
        await until(lambda: len(dead.partitions()) == 256)
        dead.abandon()
        async with a_node(engine, reserve=True) as host:
            assert await host.create_account(JULIET, None)

    run(play())


def test_of_two_nodes_in_reserve_one_owns_the_accounts_of_both() -> None:
    async def play() -> None:
        engine = Away()
        async with a_node(engine, reserve=True) as one, a_node(engine, reserve=True) as other:
            created = await asyncio.gather(one.create_account(JULIET, None), other.create_account(JULIET, None))
            assert sorted(created) == [False, True]

    run(play())


def test_a_server_that_starts_owns_what_a_node_in_reserve_owned() -> None:
    async def play() -> None:
        engine = Away()
        async with a_node(engine, reserve=True) as host:
            assert await host.create_account(JULIET, None)
            async with a_node(engine) as server:
                await until(lambda: len(server.partitions()) == 256)
                assert not await host.create_account(JULIET, None)
                assert await server.create_account(NURSE, None)

    run(play())
