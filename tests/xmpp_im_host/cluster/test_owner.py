"""The owner of partitions: whatever fails, nothing is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from tests.one_test import in_one_test
from tests.xmpp_im_host.cluster.stage import (
    ALL,
    AVAILABLE,
    CAPULET,
    JULIET,
    KEEPING,
    MONTAGUE,
    NURSE,
    ROMEO,
    ROOMS,
    TYBALT,
    FaultyEngine,
    Gateway,
    Stage,
    befriend,
    chat,
    chatting,
    refusing,
    subscription,
)
from tests.xmpp_im_host.running import run, until
from xmpp_im_core.policy import DEFAULT
from xmpp_im_core.server import ForAccount, Outbound, SessionId, hosting
from xmpp_im_core.server.service import serving
from xmpp_im_host.cluster import step
from xmpp_im_host.cluster.owner import Owner
from xmpp_im_host.cluster.partition_worker import Cycle
from xmpp_im_host.cluster.queue_names import queue_of
from xmpp_im_host.hosting import outages, stored_records
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import DatabaseFull, EngineFailed
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import partition_of
from xmpp_im_host.storage.sharded_engine import ShardedEngine

EVEN = frozenset([each for each in ALL if each % 2 == 0])
ODD = ALL - EVEN
NEIGHBOUR = next(jid for n in count() if partition_of(jid := f"servant{n}@{CAPULET}") == partition_of(JULIET))
assert partition_of(JULIET) in EVEN
assert partition_of(ROMEO) in ODD


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "FIRST_PAUSE", 0.0)


async def conversation(**options: Any) -> tuple[Stage, Gateway, SessionId]:
    """Return a stage on which Juliet and Romeo are available, and Juliet's session."""
    stage, gateway = await chatting(JULIET, ROMEO, **options)
    balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
    await gateway.bind(ROMEO, "orchard", AVAILABLE)
    await stage.run()
    return stage, gateway, balcony


async def say(gateway: Gateway, balcony: SessionId, first: int, end: int, to: str = ROMEO) -> None:
    for n in range(first, end):
        await gateway.says(JULIET, balcony, chat(to, f"m{n}"))


# --- construction -------------------------------------------------------------------------------------------------


def an_owner(engine: Engine, **options: Any) -> Owner[Any]:
    ids = count()
    return Owner(
        engine,
        options.pop("node", "one"),
        hosting(CAPULET, MONTAGUE),
        options.pop("policy", KEEPING),
        refusing,
        (),
        lambda: Stage().now,
        lambda: f"o{next(ids)}",
        **options,
    )


def test_an_owner_needs_sessions_that_outlive_it_and_workers() -> None:
    with pytest.raises(ValueError, match="keep_sessions"):
        an_owner(MemoryEngine(), policy=DEFAULT)
    with pytest.raises(ValueError, match="workers"):
        an_owner(MemoryEngine(), workers=0)
    with pytest.raises(ValueError, match="256"):
        an_owner(MemoryEngine()).set_wanted([7, 256])


# --- claims -------------------------------------------------------------------------------------------------------


def test_an_owner_keeps_what_it_holds_until_another_one_claims_it() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, ROMEO)
        (first,) = stage.owners
        first.set_wanted(EVEN)
        await first.claim_missing()
        assert first.held == ALL

        second = await stage.owner(ODD)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await gateway.bind(ROMEO, "orchard", AVAILABLE)
        await say(gateway, balcony, 0, 3)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m0", "m1", "m2"]
        assert partition_of(ROMEO) not in first.held
        assert partition_of(JULIET) in first.held
        assert second.held == ODD

        first.set_wanted(ALL)  # the placement has changed its mind
        await first.claim_missing()
        await say(gateway, balcony, 3, 6)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(6)]
        assert partition_of(ROMEO) in first.held

    run(play())


def test_an_owner_finds_out_what_it_has_lost_although_nothing_happens() -> None:
    """Operators see what each node owns, and a node that leaves waits until it owns nothing."""

    async def play() -> None:
        stage, _ = await chatting(JULIET)
        (first,) = stage.owners
        first.set_wanted(EVEN)
        await first.drop_lost()
        assert first.held == ALL, "nobody else has claimed anything"
        second = await stage.owner(ODD)
        first.set_wanted(EVEN)
        for n in range(1, 5):
            await first.drop_lost(32)
            assert len(ODD & first.held) == 128 - 32 * n
        assert second.held == ODD

    run(play())


def test_what_is_placed_on_an_owner_again_is_claimed_although_it_has_not_noticed_the_loss() -> None:
    async def play() -> None:
        stage, _ = await chatting(JULIET)
        (first,) = stage.owners
        first.set_wanted(EVEN)
        second = await stage.owner(ODD)
        first.set_wanted(ALL)
        second.set_wanted(frozenset())
        await first.drop_lost()
        assert first.held == EVEN
        await first.claim_missing()
        assert first.held == ALL
        await second.drop_lost()
        assert second.held == frozenset()

    run(play())


def test_claims_are_repeated_until_the_engine_answers() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        engine.away = True
        owner = an_owner(engine)
        owner.set_wanted(ALL)
        with pytest.raises(EngineFailed):
            await owner.claim_missing()
        owner.start()
        await asyncio.sleep(0)
        assert owner.held == frozenset()
        engine.away = False
        await until(lambda: owner.held == ALL)
        await owner.aclose()

    run(play())


# --- in tasks -----------------------------------------------------------------------------------------------------


def test_the_workers_go_on_by_themselves() -> None:
    async def play() -> None:
        stage = Stage()
        told: set[str] = set()
        owner = an_owner(stage.engine, appended=told.update)
        owner.start()
        owner.set_wanted(ALL)
        gateway = await stage.gateway()
        created = [await gateway.ask("create", account, keys=None) for account in (JULIET, ROMEO)]
        owner.wake([queue_of(JULIET), queue_of(ROMEO), "gateway/7/7", "anything"])
        while not gateway.replies.keys() >= set(created):
            await asyncio.sleep(0.001)
            await gateway.read()
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await gateway.bind(ROMEO, "orchard", AVAILABLE)
        await say(gateway, balcony, 0, 50)
        while len(gateway.bodies(ROMEO)) < 50:
            await asyncio.sleep(0.001)
            await gateway.read()
        await owner.aclose()
        assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(50)]
        assert {queue_of(ROMEO), f"gateway/{gateway.number}/{partition_of(ROMEO)}"} <= told
        figures = owner.figures()[partition_of(ROMEO)]
        assert figures.entries == 53
        assert figures.steps >= 53
        assert 1 <= figures.commits <= 53
        assert figures.accounts == 1
        assert figures.refused == 0
        assert owner.counts.commits >= figures.commits

        await say(gateway, balcony, 50, 51)
        await asyncio.sleep(0.1)
        assert stage.queued(JULIET) == 1  # it has stopped

    run(play())


def test_an_abandoned_owner_stops_at_once() -> None:
    async def play() -> None:
        stage, gateway, balcony = await conversation()
        owner = an_owner(stage.engine)
        owner.start()
        owner.set_wanted(ALL)
        await until(lambda: owner.held == ALL)
        owner.abandon()
        await asyncio.sleep(0)
        await say(gateway, balcony, 0, 1)
        await asyncio.sleep(0.1)
        assert stage.queued(JULIET) == 1

    run(play())


# --- several databases --------------------------------------------------------------------------------------------


def test_a_batch_concerns_one_database() -> None:
    async def play() -> None:
        async with ShardedEngine([MemoryEngine() for _ in range(4)], patience=0.001) as engine:
            stage, gateway, balcony = await conversation(engine=engine)
            (owner,) = stage.owners
            assert owner.held == ALL
            assert len(owner.workers) == 4
            for worker in owner.workers:
                assert len({partition % 4 for partition in worker.actors}) == 1
            assert len({partition_of(each) % 4 for each in (JULIET, ROMEO)}) == 2
            await say(gateway, balcony, 0, 20)
            await stage.run()
            await stage.owner()
            await say(gateway, balcony, 20, 30)
            await stage.run()
            await gateway.read()
            assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(30)]

            living = await stage.gateway()
            await stage.end(gateway)
            await stage.run()
            assert await gateway.waiting() == []
            await living.bind(ROMEO, "tomb", AVAILABLE)
            await stage.run()
            await living.read()
            assert [key for _, key in await stage.rows(ROMEO, "session")] == ["tomb"]

    run(play())


# --- faults -------------------------------------------------------------------------------------------------------


@in_one_test("fault", ["failed", "lost", "done"])
@in_one_test("at", range(6))
def test_a_commit_that_fails_or_is_in_doubt_costs_nothing(fault: str, at: int) -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        await say(gateway, balcony, 0, 5)
        engine.faults = [""] * at + [fault] + [""] + [fault]
        await stage.run()
        await say(gateway, balcony, 5, 10)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(10)]
        assert gateway.conditions(JULIET) == []
        assert stage.queued(JULIET) == stage.queued(ROMEO) == 0

    run(play())


@in_one_test("turn", range(12))
def test_nothing_is_lost_doubled_or_reordered_by_a_change_of_owner(turn: int) -> None:
    async def play() -> None:
        stage, gateway, balcony = await conversation(owners=[EVEN, ODD])
        for n in range(6):
            await say(gateway, balcony, 2 * n, 2 * n + 2)
            for k in range(4):
                if 4 * n + k == 2 * turn:  # in the middle of what the others are doing
                    await stage.owner(ODD if turn % 2 else EVEN)
                for owner in list(stage.owners):
                    for worker in owner.workers:
                        await worker.cycle()
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(12)]
        assert sorted(gateway.presence(ROMEO)) == [(f"{ROMEO}/orchard", "available")]
        assert gateway.closed == []
        assert len(stage.owners[-1].held) == 128

    run(play())


def test_an_owner_that_is_stopped_in_the_middle_of_a_batch_does_nothing_more() -> None:
    """It has read and processed entries. Before its commit another owner does the same."""

    async def play() -> None:
        stage, gateway, balcony = await conversation()
        (first,) = stage.owners
        await say(gateway, balcony, 0, 5)
        committed = first.committer.commit
        waits = asyncio.Event()

        async def late(*arguments: Any, **named: Any) -> Any:
            await waits.wait()
            return await committed(*arguments, **named)

        first.committer.commit = late  # type: ignore[method-assign]  # the owner stops there
        (worker,) = [each for each in first.workers if partition_of(JULIET) in each.actors]
        stopped = asyncio.create_task(worker.cycle())
        await asyncio.sleep(0)
        stage.owners.clear()
        await stage.owner()
        await stage.run()
        waits.set()
        assert await stopped is Cycle.WORKED
        assert partition_of(JULIET) not in first.held
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(5)]

    run(play())


@in_one_test("again", [False, True])
def test_a_partition_that_is_lost_during_a_batch_is_not_committed(again: bool) -> None:
    """The owner drops it, and perhaps claims it again, while a worker still processes what it has read before."""

    async def play() -> None:
        stage, gateway, balcony = await conversation()
        (first,) = stage.owners
        partition = partition_of(JULIET)
        await say(gateway, balcony, 0, 5)
        (worker,) = [each for each in first.workers if partition in each.actors]
        process, waits = worker.actors[partition].process, asyncio.Event()

        async def late(*arguments: Any, **named: Any) -> Any:
            await waits.wait()
            return await process(*arguments, **named)

        worker.actors[partition].process = late  # type: ignore[method-assign]  # the worker stops there
        stopped = asyncio.create_task(worker.cycle())
        await asyncio.sleep(0)
        second = await stage.owner([partition])
        stage.owners.remove(first)
        await stage.run()
        first.set_wanted(ALL - {partition})
        await first.drop_lost()
        assert partition not in first.held
        if again:
            first.set_wanted(ALL)
            await first.claim_missing()
        waits.set()
        assert await stopped is Cycle.WORKED
        stage.owners.append(first)
        await say(gateway, balcony, 5, 7)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(7)]
        assert (partition in first.held) is again
        assert partition in second.held or again

    run(play())


def test_the_loss_of_one_partition_leaves_the_others() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, NURSE)
        (first,) = stage.owners
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        kitchen = await gateway.bind(NURSE, "kitchen", AVAILABLE)
        await stage.run()
        second = await stage.owner([partition_of(NURSE)])
        await gateway.says(JULIET, balcony, chat(NURSE, "Nurse?"))  # one batch of the first owner, and it is fenced
        await gateway.says(NURSE, kitchen, chat(JULIET, "Anon!"))
        await stage.run()
        await gateway.read()
        assert gateway.bodies(NURSE) == ["Nurse?"]
        assert gateway.bodies(JULIET) == ["Anon!"]
        assert first.held == ALL - {partition_of(NURSE)}
        assert second.held == {partition_of(NURSE)}

    run(play())


def test_while_the_engine_is_away_nothing_happens_and_then_everything() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        (owner,) = stage.owners
        await say(gateway, balcony, 0, 5)
        engine.away = True
        for _ in range(10):
            assert {await worker.cycle() for worker in owner.workers} == {Cycle.FAILED}
        engine.away = False
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(5)]
        assert gateway.conditions(JULIET) == []
        assert owner.held == ALL

    run(play())


def test_a_worker_that_has_lost_a_bad_entry_with_its_partition_comes_to_rest() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        engine.refused = "m0"
        await say(gateway, balcony, 0, 1)
        (owner,) = stage.owners
        (worker,) = [each for each in owner.workers if partition_of(JULIET) in each.actors]
        for _ in range(6):
            await worker.cycle()
        engine.refused = ""
        await stage.owner([partition_of(JULIET)])
        await stage.run()
        assert await worker.cycle() is Cycle.IDLE
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m0"]

    run(play())


def test_a_failover_of_the_database_does_not_make_the_batches_small() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        await say(gateway, balcony, 0, 200)
        engine.faults = ["lost"]
        engine.batches.clear()
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(200)]
        assert len([batch for batch in engine.batches if batch.done]) <= 9

    run(play())


# --- bad entries --------------------------------------------------------------------------------------------------


def test_an_entry_that_cannot_be_read_is_removed(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        stage, gateway, balcony = await conversation()
        await say(gateway, balcony, 0, 1)
        await gateway.append_bodies((queue_of(JULIET), b"\x00damaged"))
        await say(gateway, balcony, 1, 2)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m0", "m1"]
        assert stage.queued(JULIET) == 0
        assert stage.owners[0].figures()[partition_of(JULIET)].refused == 1

    run(play())


@contextmanager
def raising_for(monkeypatch: pytest.MonkeyPatch, is_bad: Callable[[Any], bool]) -> Iterator[None]:
    """Let the core raise for some events."""

    def serve(service: Any, event: Any, policy: Any) -> Any:
        if is_bad(event):
            raise ZeroDivisionError
        return serving.serve(service, event, policy)

    with monkeypatch.context() as patched:
        patched.setattr(step, "serve", serve)
        yield


def _says_m1(event: Any) -> bool:
    return isinstance(event, ForAccount) and isinstance(event.event, Outbound) and event.event.stanza.id == "m1"


@in_one_test("always", [False, True])
def test_a_step_that_the_core_cannot_do_is_answered(always: bool) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:

        def is_bad(event: Any) -> bool:
            return _says_m1(event) or (always and "StoreFailed" in repr(event))

        async def play() -> None:
            stage, gateway, balcony = await conversation()
            await say(gateway, balcony, 0, 3)
            with raising_for(monkeypatch, is_bad):
                await stage.run()
            await gateway.read()
            assert gateway.bodies(ROMEO) == ["m0", "m2"]
            assert gateway.conditions(JULIET) == ([] if always else ["internal-server-error"])
            assert stage.queued(JULIET) == 0

        run(play())


def test_a_step_of_which_no_record_can_be_written_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        stage, gateway, balcony = await conversation()
        monkeypatch.setattr(stored_records, "changes_of", _raising)
        await gateway.says(JULIET, balcony, subscription("subscribe", ROMEO))
        await say(gateway, balcony, 0, 1)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m0"]
        assert gateway.conditions(JULIET) == ["internal-server-error"]

    def _raising(operations: Any) -> Any:
        raise ZeroDivisionError

    run(play())


@in_one_test("error", [EngineFailed, DatabaseFull])
def test_an_entry_that_alone_makes_its_commit_fail_is_answered(error: type[EngineFailed]) -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway = await chatting(JULIET, NEIGHBOUR, ROMEO, engine=engine)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await gateway.bind(ROMEO, "orchard", AVAILABLE)
        await stage.run()
        engine.refused, engine.refusal = "m1</body>", error
        await say(gateway, balcony, 0, 3, NEIGHBOUR)  # they are stored, except one
        await say(gateway, balcony, 3, 5)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m3", "m4"]
        assert len(await stage.rows(NEIGHBOUR, "offline")) == 2
        assert stage.queued(JULIET) == 0
        figures = stage.owners[0].figures()[partition_of(JULIET)]
        assert figures.refused == 1

    run(play())


def test_the_answer_to_a_refused_entry_is_an_error_of_type_wait() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        engine.refused = "Verona"
        await gateway.says(
            JULIET,
            balcony,
            f'<iq type="set" id="r"><query xmlns="jabber:iq:roster"><item jid="{ROMEO}" name="Verona"/></query></iq>',
        )
        await say(gateway, balcony, 0, 1)
        await stage.run()
        await gateway.read()
        (answer,) = [text for text in gateway.stanzas(JULIET) if text.startswith("<iq")]
        assert 'type="wait"' in answer
        assert gateway.bodies(ROMEO) == ["m0"]
        assert await stage.rows(JULIET, "contact") == []

    run(play())


def test_an_entry_that_cannot_even_be_refused_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        await say(gateway, balcony, 0, 3)
        engine.refused = "m1"  # the error that answers the message has its id
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m0", "m2"]
        assert stage.queued(JULIET) == 0

    run(play())


def test_a_full_database_drops_nothing() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        (owner,) = stage.owners
        await say(gateway, balcony, 0, 3)
        engine.refused, engine.refusal = "m", DatabaseFull
        cycles = [await worker.cycle() for _ in range(30) for worker in owner.workers]
        assert Cycle.FAILED in cycles
        assert stage.queued(JULIET) == 3
        engine.refused = ""
        await stage.run()
        await gateway.read()
        refused = 3 - len(gateway.bodies(ROMEO))  # the first one, if its turn to be refused had come
        assert gateway.bodies(ROMEO) == ["m0", "m1", "m2"][refused:]
        assert gateway.conditions(JULIET) == ["internal-server-error"] * refused

    run(play())


def test_an_account_that_cannot_be_read_holds_up_nobody() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        assert (await gateway.call("create", TYBALT, keys=None)).value is True
        await stage.owner()
        engine.unreadable = TYBALT
        await gateway.says(JULIET, balcony, f'<iq to="{TYBALT}" type="get" id="t"><x xmlns="urn:x"/></iq>')
        await say(gateway, balcony, 0, 2)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m0", "m1"]
        assert stage.queued(TYBALT) == 0
        assert [text.count('type="wait"') for text in gateway.stanzas(JULIET) if text.startswith("<iq")] == [1]

    run(play())


@in_one_test("entry", ["call", "component", "end"])
def test_entries_of_other_kinds_are_refused_as_well(entry: str) -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway = await chatting(JULIET, ROMEO, engine=engine, components=[ROOMS])
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await gateway.bind(ROMEO, "orchard", AVAILABLE)
        await stage.run()
        await gateway.read()
        if entry == "call":
            engine.refused = "secret"
            assert (await gateway.call("set-keys", JULIET, keys="secret")).error == "failed"
        elif entry == "component":
            await gateway.connect(ROOMS)
            await stage.run()
            engine.refused = 'perform [null]\\n["route"'
            await gateway.says(JULIET, balcony, chat(f"garden@{ROOMS}", "hm"))
            await stage.run()
            await gateway.read()
            assert gateway.conditions(JULIET) == ["internal-server-error"]
        else:
            dying = await stage.gateway()
            await dying.bind(ROMEO, "tomb", AVAILABLE)
            await stage.run()
            engine.refused = "last-unavailable"
            await stage.end(dying)
            await stage.run()
            assert stage.queued(ROMEO) == 0
        engine.refused = ""
        await say(gateway, balcony, 0, 1)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m0"]

    run(play())


@in_one_test("wake_seconds", [0.0, 3600.0])
def test_a_wake_that_cannot_be_committed_holds_up_nobody(wake_seconds: float) -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        for worker in stage.owners[0].workers:
            worker.wake_seconds, worker.clock = wake_seconds, lambda: 0.0
        await gateway.says(JULIET, balcony, subscription("subscribe", ROMEO))
        await stage.run()
        stage.now += timedelta(days=30)
        engine.refused = "wake"
        await say(gateway, balcony, 0, 2)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m0", "m1"]

    run(play())


def test_a_fault_of_the_owner_itself_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway, balcony = await conversation(engine=engine)
        await say(gateway, balcony, 0, 2)
        entries = engine.entries
        engine.entries = None  # type: ignore[assignment, method-assign]  # whatever raises there
        (owner,) = stage.owners
        assert {await worker.cycle() for worker in owner.workers} == {Cycle.FAILED}
        engine.entries = entries  # type: ignore[method-assign]
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["m0", "m1"]

    run(play())


def test_a_session_outlives_its_owner() -> None:
    """RFC 6121 §4.3.2: a probe gets the presence of a session that another owner has noted."""

    async def play() -> None:
        stage, gateway = await chatting(JULIET, ROMEO)
        await befriend(stage, gateway, JULIET, ROMEO)
        await gateway.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await gateway.read()
        gateway.got.clear()
        stage.owners.clear()
        await stage.owner()
        await gateway.bind(ROMEO, "orchard", AVAILABLE)
        await stage.run()
        await gateway.read()
        assert (f"{JULIET}/balcony", "available") in gateway.presence(ROMEO)

    run(play())
