"""The host on asyncio: what waits for a commit and what does not, and what a fault costs. No test looks at a clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from datetime import timedelta

import pytest

from tests.host.stage import CAPULET, JULIET, MERCUTIO, NURSE, ROMEO, Tape, chat
from tests.xmpp_im_host.hosting.stage import FaultyEngine, a_host, add, answers, conditions, enter, says
from tests.xmpp_im_host.running import run, until
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Operations
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Deliver, SessionId, Unloaded, hosting
from xmpp_im_core.server.service import serving
from xmpp_im_core.snapshot import SnapshotError
from xmpp_im_core.stanza import IQ, Stanza
from xmpp_im_host.credentials import FEWEST_ITERATIONS, Credentials
from xmpp_im_host.hosting import async_loop, stored_records
from xmpp_im_host.hosting.async_host import AsyncHost
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import PARTITIONS, Batch, Change, Found, Lease, Row, Write, partition_of

KEYS = Credentials.of("pencil", FEWEST_ITERATIONS)


@pytest.fixture(autouse=True)
def _propagated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pytest see the log, whatever another test has set up."""
    monkeypatch.setattr(logging.getLogger("xmpp_im_host"), "propagate", True)


def accounts_of(batch: Batch) -> set[str]:
    return {change.account for change in batch.changes}


# --- commits ----------------------------------------------------------------------------------------------------


def test_nothing_leaves_before_its_commit_and_what_needs_none_goes_on() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            orchard, balcony = await enter(host, ROMEO, "orchard"), await enter(host, JULIET, "balcony")
            open_gate = engine.close(ROMEO)
            adding = asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))
            behind = asyncio.create_task(says(host, ROMEO, orchard, chat(MERCUTIO, "behind")))
            await until(lambda: host.owned.waiting > 0)

            kitchen = await enter(host, NURSE, "kitchen")
            await says(host, JULIET, balcony, chat(NURSE, "Nurse?"))
            await says(host, NURSE, kitchen, chat(JULIET, "Anon!"))
            assert wire.bodies(f"{NURSE}/kitchen") == ["Nurse?"]
            assert wire.bodies(f"{JULIET}/balcony") == ["Anon!"]
            assert answers(wire, f"{ROMEO}/orchard") == []
            assert wire.routed == []
            assert not adding.done()
            assert not behind.done()

            open_gate()
            await asyncio.gather(adding, behind)
            assert answers(wire, f"{ROMEO}/orchard") == ["result"]
            assert [each.id for each in wire.routed] == ["behind"]

    run(play())


def test_what_is_due_in_one_turn_of_the_loop_is_one_batch() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            sessions = [(jid, await enter(host, jid, "x")) for jid in (ROMEO, JULIET, NURSE)]
            engine.batches.clear()
            await asyncio.gather(*[says(host, jid, session, add(MERCUTIO)) for jid, session in sessions])
            assert [accounts_of(each) for each in engine.batches] == [{ROMEO, JULIET, NURSE}]
            figures = host.figures()
            assert figures.committed.commits == figures.committed.batches + 2

    run(play())


def test_what_is_asked_for_during_a_commit_is_the_next_batch() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            orchard, balcony = await enter(host, ROMEO, "orchard"), await enter(host, JULIET, "balcony")
            kitchen = await enter(host, NURSE, "kitchen")
            engine.batches.clear()
            open_gate = engine.close(ROMEO)
            tasks = [asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))]
            await until(lambda: accounts_of(engine.tried[-1]) == {ROMEO})
            for jid, session in ((JULIET, balcony), (NURSE, kitchen)):
                tasks.append(asyncio.create_task(says(host, jid, session, add(MERCUTIO))))
                await asyncio.sleep(0.001)
            open_gate()
            await asyncio.gather(*tasks)
            assert [accounts_of(each) for each in engine.batches] == [{ROMEO}, {JULIET, NURSE}]

    run(play())


def test_with_several_writers_a_slow_commit_delays_its_own_partition_alone() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(writers=2), Tape()
        assert partition_of(ROMEO) != partition_of(JULIET)
        async with a_host(engine, wire) as host:
            orchard, balcony = await enter(host, ROMEO, "orchard"), await enter(host, JULIET, "balcony")
            open_gate = engine.close(ROMEO)
            adding = asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))
            await until(lambda: host.owned.waiting > 0)
            await says(host, JULIET, balcony, add(MERCUTIO))
            assert not adding.done()
            open_gate()
            await adding

    run(play())


# --- failures ---------------------------------------------------------------------------------------------------


def test_only_the_cause_of_a_failed_batch_fails() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            balcony, kitchen = await enter(host, JULIET, "balcony"), await enter(host, NURSE, "kitchen")
            engine.broken.add(NURSE)
            await asyncio.gather(says(host, JULIET, balcony, add(MERCUTIO)), says(host, NURSE, kitchen, add(MERCUTIO)))
            assert conditions(wire, f"{JULIET}/balcony") == []
            assert [kind for kind, _ in conditions(wire, f"{NURSE}/kitchen")] == ["wait"]
            assert engine.committed(JULIET, "contact") == [MERCUTIO]
            assert engine.committed(NURSE, "contact") == []

    run(play())


def test_a_failing_storage_is_answered_with_wait_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            engine.failing = True
            for n in range(3):
                await says(host, ROMEO, orchard, add(MERCUTIO, f"a{n}"))
                assert [kind for kind, _ in conditions(wire, f"{ROMEO}/orchard", f"a{n}")] == ["wait"]
            await says(host, ROMEO, orchard, chat(ROMEO, "still here"))
            engine.failing = False
            await says(host, ROMEO, orchard, add(MERCUTIO))
            assert conditions(wire, f"{ROMEO}/orchard") == []
            assert engine.committed(ROMEO, "contact") == [MERCUTIO]
            assert host.figures().committed.failures == 3

    run(play())
    assert [each.message for each in caplog.records if "storage" in each.message] == [
        "storage fails",
        "storage works again",
    ]


@pytest.mark.parametrize("done", [True, False])
def test_a_commit_in_doubt_is_settled_by_renewing_the_lease(done: bool) -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            orchard, balcony = await enter(host, ROMEO, "orchard"), await enter(host, JULIET, "balcony")
            engine.doubts.append(done)
            await says(host, ROMEO, orchard, add(MERCUTIO))
            assert engine.committed(ROMEO, "contact") == ([MERCUTIO] if done else [])
            assert bool(conditions(wire, f"{ROMEO}/orchard")) is not done
            assert host.figures().committed.in_doubt == 1
            await says(host, ROMEO, orchard, add(JULIET, "next"))
            await says(host, JULIET, balcony, add(ROMEO, "next"))
            assert answers(wire, f"{ROMEO}/orchard", "next")[-1] == "result"
            assert answers(wire, f"{JULIET}/balcony", "next")[-1] == "result"
            assert not host.fenced.is_set()

    run(play())


def test_a_commit_in_doubt_waits_until_the_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xmpp_im_host.hosting.outages.FIRST_PAUSE", 0.001)

    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            engine.failing = True
            engine.doubts.append(True)
            adding = asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))
            await until(lambda: not engine.doubts)
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not adding.done()
            assert answers(wire, f"{ROMEO}/orchard") == []
            engine.failing = False
            await adding
            assert answers(wire, f"{ROMEO}/orchard")[-1] == "result"

    run(play())


def test_a_host_in_doubt_does_not_take_the_database_back() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            open_gate = engine.close(ROMEO)
            engine.doubts.append(False)
            adding = asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))
            await until(lambda: host.owned.waiting > 0)
            (lease,) = await engine.claim([partition_of(ROMEO)], "another")
            open_gate()
            await adding
            assert [kind for kind, _ in conditions(wire, f"{ROMEO}/orchard")] == ["wait"]
            assert host.fenced.is_set()
            assert isinstance(host.service.accounts[ROMEO], Unloaded)  # not the state before the commit
            await engine.commit([lease], Batch())  # the new owner still is the owner

    run(play())


def test_a_host_in_doubt_that_has_lost_the_database_does_not_say_that_nothing_has_changed() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        async with a_host(engine) as host:
            open_gate = engine.close("tybalt@" + CAPULET)
            engine.doubts.append(False)
            creating = asyncio.create_task(host.create_account("tybalt@" + CAPULET, None))
            await until(lambda: host.owned.waiting > 0)
            await engine.claim(range(PARTITIONS), "another")
            open_gate()
            with pytest.raises(EngineFailed, match="the connection broke"):
                await creating
            assert host.figures().committed.in_doubt == 1

    run(play())


@pytest.mark.parametrize("found_by", ["a commit", "a read"])
def test_a_host_that_has_lost_the_database_knows_nothing_of_its_accounts(found_by: str) -> None:
    """RFC 6121 §4.5.2, §8.5.3.2.1: it neither delivers by what it knew, nor tells contacts that a session has ended."""

    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            await enter(host, JULIET, "balcony")
            await says(host, ROMEO, orchard, f"<presence to='{JULIET}'/>")
            await engine.claim(range(PARTITIONS), "another")
            await says(host, ROMEO, orchard, chat(JULIET, "before it is found"))
            assert [at for at, each in wire.got if each.id == "before it is found"] == [f"{JULIET}/balcony"]
            if found_by == "a commit":
                await says(host, ROMEO, orchard, add(MERCUTIO))
            else:
                with pytest.raises(EngineFailed):
                    await host.credentials(NURSE)
            wire.got.clear()
            await says(host, ROMEO, orchard, chat(JULIET, "after"))
            assert conditions(wire, f"{ROMEO}/orchard", "after") == [("wait", ["internal-server-error"])]
            host.end(ROMEO, orchard)
            await until(lambda: not host.busy)
            assert [at for at, each in wire.got if at != f"{ROMEO}/orchard"] == []

    run(play())


def test_an_error_that_no_engine_should_raise_does_not_end_the_host(caplog: pytest.LogCaptureFixture) -> None:
    class Mad(FaultyEngine):
        async def _fail_if_broken(self, *accounts: str) -> None:
            if self.broken & set(accounts):
                raise ZeroDivisionError

    async def play() -> None:
        engine, wire = Mad(), Tape()
        async with a_host(engine, wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            engine.broken = {ROMEO, NURSE}
            await says(host, ROMEO, orchard, add(MERCUTIO))
            assert [kind for kind, _ in conditions(wire, f"{ROMEO}/orchard")] == ["wait"]
            host.unload(NURSE)
            await says(host, ROMEO, orchard, chat(NURSE, "unread"))
            assert [kind for kind, _ in conditions(wire, f"{ROMEO}/orchard", "unread")] == ["wait"]
            engine.broken = set()
            await says(host, ROMEO, orchard, add(MERCUTIO, "again"))
            assert answers(wire, f"{ROMEO}/orchard", "again")[-1] == "result"

    run(play())
    assert {each.message for each in caplog.records} >= {
        "engine raised an unexpected error",
        "account cannot be read",
    }


def test_a_host_whose_database_another_one_has_taken_says_so_and_changes_nothing() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            (lease,) = await engine.claim([partition_of(ROMEO)], "another")
            await says(host, ROMEO, orchard, add(MERCUTIO))
            assert [kind for kind, _ in conditions(wire, f"{ROMEO}/orchard")] == ["wait"]
            assert engine.committed(ROMEO, "contact") == []
            assert host.fenced.is_set()
            with pytest.raises(EngineFailed):
                await host.credentials(ROMEO)
            await engine.commit([lease], Batch())  # the new owner still is the owner

    run(play())


def test_what_is_read_while_leases_are_renewed_is_read_with_the_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xmpp_im_host.hosting.outages.FIRST_PAUSE", 0.001)

    class Losing(FaultyEngine):
        """The answers of renewals are lost until the test says otherwise, although they are done."""

        async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
            leases = await super().renew(partitions, node)
            if lost:
                raise Unknown("the connection broke")
            return leases

    lost = True

    async def play() -> None:
        nonlocal lost
        engine, wire = Losing(), Tape()
        async with a_host(engine, wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            engine.doubts.append(True)
            adding = asyncio.create_task(says(host, ROMEO, orchard, add(MERCUTIO)))
            await until(lambda: not engine.doubts)
            reading = asyncio.create_task(host.credentials(ROMEO))
            for _ in range(5):
                await asyncio.sleep(0.001)
            assert not reading.done()
            lost = False
            await adding
            assert await reading is None
            assert answers(wire, f"{ROMEO}/orchard")[-1] == "result"
            assert not host.fenced.is_set()

            await engine.claim(range(PARTITIONS), "another")
            with pytest.raises(EngineFailed):
                await host.credentials(ROMEO)
            assert host.fenced.is_set()

    run(play())


# --- faults of others -------------------------------------------------------------------------------------------


def test_neither_the_wire_nor_a_callback_ends_the_host(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Tape):
        def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
            if account == NURSE:
                raise ZeroDivisionError("wire")
            return super().deliver(account, session, stanza, effect)

    def faulty() -> None:
        raise ZeroDivisionError("flush or callback")

    async def play() -> None:
        wire = Broken()
        async with a_host(FaultyEngine(), wire, flush=faulty) as host:
            orchard = await enter(host, ROMEO, "orchard")
            await enter(host, NURSE, "kitchen")
            await says(host, ROMEO, orchard, chat(NURSE, "Nurse?"))
            host.receive(ROMEO, orchard, parse_stanza(chat(ROMEO, "self")), done=faulty)
            await says(host, ROMEO, orchard, add(MERCUTIO))
            assert answers(wire, f"{ROMEO}/orchard")[-1] == "result"

    run(play())
    assert {"wire or callback failed", "flush failed"} <= {each.message for each in caplog.records}


def test_a_fault_of_the_core_costs_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    serve = serving.serve

    def faulty(service: object, event: object, policy: object) -> object:
        if "poison" in repr(event):
            raise ZeroDivisionError
        return serve(service, event, policy)  # type: ignore[arg-type]

    monkeypatch.setattr("xmpp_im_core.host.deferred_host.serve", faulty)

    async def play() -> None:
        wire = Tape()
        async with a_host(FaultyEngine(), wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            await says(host, ROMEO, orchard, chat(NURSE, "poison"))
            await says(host, ROMEO, orchard, chat(ROMEO, "fine"))
            assert wire.bodies(f"{ROMEO}/orchard") == ["fine"]
            assert not host.busy

    run(play())


# --- memory -----------------------------------------------------------------------------------------------------


def test_idle_accounts_leave_memory_the_longest_unused_first() -> None:
    async def play() -> None:
        async with a_host(FaultyEngine(), None, ROMEO, JULIET, NURSE, idle_accounts=1) as host:
            session = await enter(host, ROMEO, "orchard")
            await says(host, ROMEO, session, chat(JULIET, "last"))
            host.unload_idle()
            assert set(host.service.accounts) == {ROMEO, JULIET}
            assert host.figures().idle == 1
            await says(host, ROMEO, session, chat(NURSE, "Nurse?"))
            host.unload_idle()
            assert set(host.service.accounts) == {ROMEO, NURSE}
            host.end(ROMEO, session)
            await until(lambda: not host.busy)
            host.unload_idle()
            assert set(host.service.accounts) == {ROMEO}

    run(play())


def test_strangers_cannot_fill_the_memory_between_two_sweeps() -> None:
    async def play() -> None:
        many = [f"user{n}@{CAPULET}" for n in range(60)]
        async with a_host(FaultyEngine(), None, *many, idle_accounts=5) as host:
            largest = 0
            for jid in many:
                await host.take_arrived(parse_stanza(f"<presence from='{MERCUTIO}' to='{jid}' type='probe'/>"))
                largest = max(largest, len(host.service.accounts))
            assert largest <= 7

    run(play())


def test_accounts_that_are_idle_for_long_leave_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(async_loop, "monotonic", lambda: now)

    async def play() -> None:
        nonlocal now
        async with a_host(FaultyEngine(), None, ROMEO, JULIET, idle_seconds=300) as host:
            await enter(host, ROMEO, "orchard")
            now += 299
            host.unload_idle()
            assert set(host.service.accounts) == {ROMEO, JULIET}
            now += 1
            host.unload_idle()
            assert set(host.service.accounts) == {ROMEO}
            assert host.figures().idle == 0

    run(play())


def test_an_account_that_is_being_committed_stays_in_memory() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            session = await enter(host, ROMEO, "orchard")
            open_gate = engine.close(ROMEO)
            adding = asyncio.create_task(says(host, ROMEO, session, add(MERCUTIO)))
            await until(lambda: host.owned.waiting > 0)
            assert not host.unload(ROMEO)
            open_gate()
            await adding

    run(play())


def test_an_account_that_left_memory_is_woken_at_its_time() -> None:
    async def play() -> None:
        wire = Tape()
        async with a_host(FaultyEngine(), wire) as host:
            session = await enter(host, ROMEO, "orchard")
            await says(host, ROMEO, session, f"<presence to='{MERCUTIO}' type='subscribe'/>")
            host.end(ROMEO, session)
            await until(lambda: not host.busy)
            assert host.unload(ROMEO)
            assert host.wake_at is not None
            later = host.wake_at + timedelta(seconds=1)
            host.clock = lambda: later
            host.wake()
            await until(lambda: not host.busy)
            assert [each.type for each in wire.routed if each.type == "subscribe"] == ["subscribe"] * 2

    run(play())


def test_an_account_is_woken_after_a_restart_without_an_event_that_loads_it() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine) as host:
            session = await enter(host, ROMEO, "orchard")
            await says(host, ROMEO, session, f"<presence to='{MERCUTIO}' type='subscribe'/>")
            host.end(ROMEO, session)
        async with AsyncHost(hosting(CAPULET), engine, wire) as host:
            assert host.wake_at is not None
            assert set(host.service.accounts) == set()
            later = host.wake_at + timedelta(seconds=1)
            host.clock = lambda: later
            host.wake()
            await until(lambda: not host.busy)
            assert [each.type for each in wire.routed] == ["subscribe"]
        async with AsyncHost(hosting(CAPULET), engine, Tape(), wakes=False) as host:
            assert host.wake_at is None

    run(play())


def test_sessions_that_a_crash_left_end_at_the_next_start() -> None:
    """RFC 6121 §4.5.2, §4.6.3: entities that got directed presence are told, and messages find no session that died."""

    async def play() -> None:
        engine, wire, kept = FaultyEngine(), Tape(), Policy(keep_sessions=True)
        async with a_host(engine, policy=kept) as host:
            session = await enter(host, ROMEO, "orchard")
            await says(host, ROMEO, session, f"<presence to='{MERCUTIO}'/>")
            host.bind(ROMEO, "orchard")  # the end of the session that this one replaces never comes
            await says(host, ROMEO, host.bind(ROMEO, "garden"), f"<presence to='{MERCUTIO}'/>")
            assert {kind for kind, _ in engine._rows[ROMEO]} >= {"session", "replaced"}
            host.abandon()
        async with AsyncHost(hosting(CAPULET), engine, wire, kept) as host:
            await until(lambda: not host.busy)
            romeo = await host.account(ROMEO)
            assert romeo is not None
            assert (romeo.sessions, romeo.replaced) == ((), ())
            assert [(each.type, str(each.from_)) for each in wire.routed] == [("unavailable", f"{ROMEO}/garden")]
            assert {kind for kind, _ in engine._rows[ROMEO]}.isdisjoint({"session", "replaced"})

    run(play())


# --- accounts and keys ------------------------------------------------------------------------------------------


def test_an_account_and_its_keys_are_stored_in_one_batch() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        async with AsyncHost(hosting(CAPULET), engine, Tape()) as host:
            assert await host.create_account(ROMEO, KEYS)
            (batch,) = engine.batches
            assert {each.row.kind for each in batch.changes if isinstance(each, Write)} == {"roster", "credentials"}
            assert await host.credentials(ROMEO) == KEYS

            other = Credentials.of("other", FEWEST_ITERATIONS)
            assert not await host.create_account(ROMEO, other)
            assert await host.credentials(ROMEO) == KEYS
            assert await host.credentials(JULIET) is None
            assert (await host.account(JULIET), (await host.account(ROMEO)) is not None) == (None, True)

            await host.remove_account(ROMEO)
            assert await host.credentials(ROMEO) is None
            assert await host.account(ROMEO) is None
            assert engine._rows == {}
            assert await host.create_account(ROMEO, None)
            assert await host.credentials(ROMEO) is None

    run(play())


def test_an_account_that_cannot_be_stored_is_not_created() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        async with AsyncHost(hosting(CAPULET), engine, Tape()) as host:
            await host.create_account(JULIET, KEYS)
            engine.failing = True
            with pytest.raises(EngineFailed):
                await host.create_account(ROMEO, KEYS)
            with pytest.raises(EngineFailed):
                await host.remove_account(JULIET)
            engine.failing = False
            assert await host.account(ROMEO) is None
            assert await host.credentials(ROMEO) is None
            assert await host.credentials(JULIET) == KEYS
            engine.broken = {ROMEO}  # it cannot be read
            with pytest.raises(EngineFailed):
                await host.create_account(ROMEO, KEYS)
            with pytest.raises(EngineFailed):
                await host.account(ROMEO)

    run(play())


def test_damaged_keys_are_unavailable_and_are_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        engine = FaultyEngine()
        async with a_host(engine) as host:
            leases = [host.owned._leases[partition_of(ROMEO)]]
            text = KEYS.to_text().replace('"iterations"', '"rounds"')
            await engine.commit(leases, Batch((Write(ROMEO, Row("credentials", "", text)),)))
            with pytest.raises(EngineFailed, match="damaged"):
                await host.credentials(ROMEO)

    run(play())
    assert KEYS.sha256.stored_key.hex() not in caplog.text
    assert "record damaged" in caplog.text


def test_the_session_that_asks_for_the_removal_gets_the_answer_before_it_ends() -> None:
    """XEP-0077 §3.2: the server answers the request; the removal ends the session that has sent it."""

    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            await enter(host, ROMEO, "orchard")
            await enter(host, ROMEO, "garden")
            answer = parse_stanza(f"<iq type='result' id='bye' from='{ROMEO}' to='{ROMEO}/orchard'/>")
            assert isinstance(answer, IQ)
            engine.failing = True
            with pytest.raises(EngineFailed):
                await host.remove_account(ROMEO, answer)
            engine.failing = False
            assert [at for at, each in wire.got if each.id == "bye"] == []
            assert await host.remove_account(ROMEO, answer)
            assert [at for at, each in wire.got if each.id == "bye"] == [f"{ROMEO}/orchard"]
            assert len(wire.closed) == 2
            assert not await host.remove_account(ROMEO, answer)

    run(play())


def test_a_removal_that_fails_leaves_no_farewell() -> None:
    """Its answer would say later that the account is removed, when the session ends for another reason."""

    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        async with a_host(engine, wire) as host:
            await enter(host, ROMEO, "orchard")
            answer = parse_stanza(f"<iq type='result' id='bye' from='{ROMEO}' to='{ROMEO}/orchard'/>")
            assert isinstance(answer, IQ)
            engine.broken.add(ROMEO)
            with pytest.raises(EngineFailed):
                await host.remove_account(ROMEO, answer)
            engine.broken.clear()
            assert await host.remove_account(ROMEO)
            assert [at for at, each in wire.got if each.id == "bye"] == []

    run(play())


def test_events_of_an_account_wait_while_its_rows_are_changed() -> None:
    async def play() -> None:
        wire = Tape()
        async with a_host(FaultyEngine(), wire) as host:
            session = await enter(host, ROMEO, "orchard")
            async with host.held(ROMEO):
                saying = asyncio.create_task(says(host, ROMEO, session, chat(MERCUTIO, "later")))
                await enter(host, NURSE, "kitchen")
                assert not saying.done()
                assert wire.routed == []
            await saying
            assert [each.id for each in wire.routed] == ["later"]

    run(play())


# --- beginning and end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outbox", [False, True])
def test_leaving_the_host_finishes_what_was_fed(outbox: bool) -> None:
    async def play() -> None:
        engine = FaultyEngine()
        async with a_host(engine, outbox=outbox) as host:
            session = await enter(host, ROMEO, "orchard")
            host.receive(ROMEO, session, parse_stanza(chat(JULIET, "last")))  # and nobody waits for it
        assert len(engine.committed(JULIET, "offline")) == 1
        assert await engine.scan(range(PARTITIONS), "outbox") == []

    run(play())


def test_leaving_the_host_does_not_wait_for_a_commit_that_never_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        engine = FaultyEngine()
        async with a_host(engine, drain_seconds=0.01) as host:
            session = await enter(host, ROMEO, "orchard")
            engine.close(ROMEO)
            host.receive(ROMEO, session, parse_stanza(add(MERCUTIO)))
        await asyncio.sleep(0)

    run(play())
    assert "stopped with unfinished events" in caplog.text


def test_the_outbox_of_an_earlier_process_is_sent() -> None:
    async def play() -> None:
        engine, wire = FaultyEngine(), Tape()
        crashed = Tape()
        async with a_host(engine, crashed, outbox=True) as host:
            session = await enter(host, ROMEO, "orchard")
            await until(lambda: not host.busy)
            before = len(engine.batches)
            engine.silent.add(ROMEO)
            sending = asyncio.create_task(says(host, ROMEO, session, chat(MERCUTIO, "owed")))
            await until(lambda: len(engine.batches) > before)
            host.abandon()  # between the commit and its answer
            sending.cancel()
            engine.silent.clear()
        assert crashed.routed == []
        async with a_host(engine, wire, outbox=True) as host:
            await until(lambda: not host.busy)
            assert [each.id for each in wire.routed] == ["owed"]
        assert await engine.scan(range(PARTITIONS), "outbox") == []

    run(play())


def test_an_outbox_that_is_switched_off_is_named_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        engine = MemoryEngine()
        leases = await engine.claim([partition_of(ROMEO)], "a")
        await engine.commit(leases, Batch((Write(ROMEO, Row("outbox", "1:000000", "damaged")),)))
        async with a_host(engine, outbox=True):
            pass
        assert "record damaged" in caplog.text
        async with a_host(engine):
            pass
        assert len(await engine.scan(range(PARTITIONS), "outbox")) == 1

    run(play())


def test_a_host_keeps_the_last_events_of_each_account_if_it_is_told_to() -> None:
    async def play() -> None:
        async with a_host(FaultyEngine(), event_log=2) as host:
            session = await enter(host, ROMEO, "orchard")
            await says(host, ROMEO, session, add(MERCUTIO))
            explained = host.explained(ROMEO)
            assert len(explained) == 2
            assert "orchard#" in explained[-1]
            assert MERCUTIO in explained[-1]
            host.end(ROMEO, session)
            await until(lambda: not host.busy)
            assert host.unload(ROMEO)
            assert host.explained(ROMEO) == ()
        async with a_host(FaultyEngine()) as host:
            await enter(host, ROMEO, "orchard")
            assert host.explained(ROMEO) == ()

    run(play())


def test_what_cannot_be_written_as_a_record_fails_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = stored_records.changes_of

    def faulty(operations: Operations) -> tuple[Change, ...]:
        if "poison" in repr(operations):
            raise SnapshotError("$", "cannot be written")
        return write(operations)

    monkeypatch.setattr(stored_records, "changes_of", faulty)

    async def play() -> None:
        wire = Tape()
        async with a_host(FaultyEngine(), wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            await says(host, ROMEO, orchard, add("poison@remote.example"))
            assert [kind for kind, _ in conditions(wire, f"{ROMEO}/orchard")] == ["wait"]
            await says(host, ROMEO, orchard, add(MERCUTIO, "next"))
            assert answers(wire, f"{ROMEO}/orchard", "next")[-1] == "result"

    run(play())
    assert "record cannot be written" in caplog.text


def test_stored_messages_that_cannot_be_read_stay_for_the_next_session() -> None:
    class Half(FaultyEngine):
        async def load(
            self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
        ) -> Found:
            if self.failing and "offline" in kinds:
                raise EngineFailed("so the test says")
            return await super().load(lease, account, kinds, counted)

        async def _fail_if_broken(self, *accounts: str) -> None:
            return None

    async def play() -> None:
        engine, wire = Half(), Tape()
        async with a_host(engine, wire) as host:
            orchard = await enter(host, ROMEO, "orchard")
            await says(host, ROMEO, orchard, chat(JULIET, "kept"))
            engine.failing = True
            first = await enter(host, JULIET, "balcony")
            await until(lambda: not host.busy)
            assert wire.bodies(f"{JULIET}/balcony") == []
            engine.failing = False
            host.end(JULIET, first)
            await enter(host, JULIET, "balcony")
            await until(lambda: not host.busy)
            assert wire.bodies(f"{JULIET}/balcony") == ["kept"]

    run(play())
