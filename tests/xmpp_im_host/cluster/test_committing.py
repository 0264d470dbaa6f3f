"""Commits under leases: what is reported when, and how doubt ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest

from tests.one_test import in_one_test
from tests.xmpp_im_host.running import run
from xmpp_im_host.cluster.committing import Committer, Outcome
from xmpp_im_host.hosting import outages
from xmpp_im_host.storage.errors import DatabaseFull, EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import Append, Batch, Lease, Row, Write, partition_of

JULIET = "juliet@capulet.example"
ROMEO = "romeo@montague.example"
FIRST, SECOND = partition_of(JULIET), partition_of(ROMEO)
CHANGES = [Write(JULIET, Row("roster", "", "1")), Write(ROMEO, Row("roster", "", "2"))]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "FIRST_PAUSE", 0.0)


class Doubtful(MemoryEngine):
    """An engine whose next commit ends with an error, done or not; its next renewals may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.is_done = True
        self.claimed_meanwhile: set[int] = set()
        """The partitions that another node claims before the commit is renewed."""
        self.failing_renewals = 0
        self.renewals: list[tuple[int, ...]] = []

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        if self.error is None:
            return await super().commit(leases, batch)
        error, self.error = self.error, None
        if self.is_done:
            await super().commit(leases, batch)
        if self.claimed_meanwhile:
            await super().claim(self.claimed_meanwhile, "another")
        raise error

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        self.renewals.append(tuple(partitions))
        if self.failing_renewals:
            self.failing_renewals -= 1
            raise Unknown("the connection broke") if self.failing_renewals % 2 else EngineFailed("away")
        return await super().renew(self.renewals[-1], node)


async def committer_on(engine: MemoryEngine) -> tuple[Committer, list[Collection[str]]]:
    told: list[Collection[str]] = []
    committer = Committer(engine, "one", told.append)
    await committer.claim([FIRST, SECOND])
    return committer, told


async def roster(engine: MemoryEngine, account: str) -> list[str]:
    return [row.text for row in (await engine.load(None, account, ["roster"])).rows]


def test_a_commit_is_durable_and_tells_where_it_has_appended() -> None:
    async def play() -> None:
        engine = MemoryEngine()
        committer, told = await committer_on(engine)
        await engine.append("a", "x", 1, b"old")
        (old,) = await engine.entries({"a": 0})
        appends = [Append("b", "", body=b"1"), Append("b", "", body=b"2"), Append("c", "", body=b"3")]

        assert await committer.commit([FIRST, SECOND], CHANGES, appends, [("a", old.position)]) == Outcome()

        assert told == [{"b", "c"}]
        assert [each.body for each in await engine.entries({"a": 0, "b": 0, "c": 0})] == [b"1", b"2", b"3"]
        assert await roster(engine, ROMEO) == ["2"]
        assert (await committer.commit([FIRST], CHANGES[:1])).done
        assert len(told) == 1
        assert (committer.counts.commits, committer.counts.failures, committer.counts.in_doubt) == (2, 0, 0)

    run(play())


@in_one_test("error", [EngineFailed("no"), DatabaseFull("no")])
def test_a_commit_that_fails_changes_nothing(error: EngineFailed) -> None:
    async def play() -> None:
        engine = Doubtful()
        committer, told = await committer_on(engine)
        engine.error, engine.is_done = error, False
        outcome = await committer.commit([FIRST, SECOND], CHANGES, [Append("b", "", body=b"1")])
        assert (outcome, outcome.done) == (Outcome(error), False)
        assert told == []
        assert engine.renewals == []  # there is no doubt
        assert (await committer.commit([FIRST, SECOND], CHANGES)).done

    run(play())


def test_a_partition_that_another_node_has_claimed_is_named() -> None:
    async def play() -> None:
        engine = MemoryEngine()
        committer, _ = await committer_on(engine)
        await engine.claim([SECOND], "another")

        outcome = await committer.commit([FIRST, SECOND], CHANGES)
        assert outcome.lost == {SECOND}
        assert isinstance(outcome.error, Fenced)
        assert await roster(engine, JULIET) == []

        committer.drop(outcome.lost)
        assert (await committer.commit([FIRST, SECOND], CHANGES)).lost == {SECOND}  # it asks nobody
        assert (await committer.commit([FIRST], CHANGES[:1])).done

    run(play())


@in_one_test("is_done", [True, False])
@in_one_test("error", [Unknown("broke"), OSError("a fault of the engine")])
@in_one_test("failing", [0, 3])
def test_doubt_ends_by_a_renewal(is_done: bool, error: Exception, failing: int) -> None:
    async def play() -> None:
        engine = Doubtful()
        committer, told = await committer_on(engine)
        engine.error, engine.is_done, engine.failing_renewals = error, is_done, failing

        outcome = await committer.commit([FIRST, SECOND], CHANGES, [Append("b", "", body=b"1")])

        assert outcome.done is is_done
        assert outcome.lost == frozenset()
        assert await roster(engine, JULIET) == (["1"] if is_done else [])
        assert told == ([{"b"}] if is_done else [])
        assert len(engine.renewals) == failing + 1
        assert committer.counts.in_doubt == 1
        assert (await committer.commit([FIRST, SECOND], CHANGES)).done  # under the new leases

    run(play())


@in_one_test("is_done", [True, False])
def test_one_lease_that_stands_tells_about_a_batch_of_several_partitions(is_done: bool) -> None:
    async def play() -> None:
        engine = Doubtful()
        committer, _ = await committer_on(engine)
        engine.error, engine.is_done, engine.claimed_meanwhile = Unknown("broke"), is_done, {FIRST}
        outcome = await committer.commit([FIRST, SECOND], CHANGES)
        assert (outcome.done, outcome.lost) == (is_done, frozenset({FIRST}))
        assert engine.renewals[-1] == (SECOND,)

    run(play())


def test_nobody_can_tell_if_all_leases_are_lost() -> None:
    async def play() -> None:
        engine = Doubtful()
        committer, told = await committer_on(engine)
        engine.error, engine.claimed_meanwhile = Unknown("broke"), {FIRST, SECOND}
        outcome = await committer.commit([FIRST, SECOND], CHANGES, [Append("b", "", body=b"1")])
        assert isinstance(outcome.error, Unknown)
        assert (outcome.done, outcome.lost) == (False, frozenset({FIRST, SECOND}))
        assert told == []

    run(play())


def test_a_claim_in_doubt_may_be_repeated() -> None:
    class Breaking(MemoryEngine):
        async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
            leases = await super().claim(partitions, node)
            if leases[0].epoch == 1:
                raise Unknown("broke")
            return leases

    async def play() -> None:
        committer = Committer(Breaking(), "one")
        with pytest.raises(EngineFailed, match="broke"):
            await committer.claim([FIRST])
        assert committer.leases == {}
        await committer.claim([FIRST])
        assert (await committer.commit([FIRST], CHANGES[:1])).done

    run(play())


def test_failures_are_logged_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xmpp_im_host.log.LOGGER.propagate", True)

    async def play() -> None:
        engine = Doubtful()
        committer, _ = await committer_on(engine)
        for _ in range(3):
            engine.error, engine.is_done = EngineFailed("no"), False
            await committer.commit([FIRST], CHANGES[:1])
        committer.outage.note(Fenced([FIRST]))  # the loss of a partition is no failure of the storage
        for _ in range(2):
            await committer.commit([FIRST], CHANGES[:1])

    run(play())
    assert caplog.messages == ["storage fails", "storage works again"]
