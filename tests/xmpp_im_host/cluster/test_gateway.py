"""What a gateway performs, and when an entry leaves its queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count

import pytest
from attrs import define, field

from tests.xmpp_im_host.cluster.stage import CAPULET, JULIET, NOON, ROMEO, ROOMS, chat
from tests.xmpp_im_host.cluster.test_appending import Engine
from tests.xmpp_im_host.running import run, until
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.server import (
    AS_IT_STANDS,
    Deliver,
    EndSession,
    FanOut,
    ForAccount,
    Route,
    SessionEnded,
    SessionId,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.server.effects import EffectId
from xmpp_im_core.server.service.serving import IdentifiedEffect
from xmpp_im_core.stanza import IQ, Condition, Stanza
from xmpp_im_host.cluster.appending import SETTLING, Appender
from xmpp_im_host.cluster.committing import Committer
from xmpp_im_host.cluster.gateway import Gateway
from xmpp_im_host.cluster.outgoing import Domains, given_back, placed
from xmpp_im_host.cluster.queue_entries import (
    Fed,
    Forgotten,
    GatewayEntry,
    PartitionEntry,
    Perform,
    Replied,
    SessionGone,
    dump_entry,
    load_partition_entry,
)
from xmpp_im_host.cluster.queue_names import epoch_of, gateway_queue, partition_of_queue, queue_of
from xmpp_im_host.storage.records import Batch, node_lease, partition_of

NUMBER = 7
LEASE = node_lease(NUMBER)
QUEUE = gateway_queue(NUMBER, partition_of(JULIET))
BALCONY = SessionId("balcony", epoch_of(NUMBER, 1))
CHAMBER = SessionId("chamber", epoch_of(NUMBER, 2))
DOMAINS = Domains((CAPULET,), frozenset([ROOMS]))


@define(eq=False)
class Streams:
    """Streams that take what is written to them, unless they are gone."""

    got: list[tuple[str, str]] = field(factory=list)
    """The resource of the session, and the id of the stanza."""
    items: list[object] = field(factory=list)
    closed: list[tuple[SessionId, str]] = field(factory=list)
    gone: set[SessionId] = field(factory=set)
    broken: bool = False
    """Whether each call raises."""
    sent: list[str | None] = field(factory=list)
    refusal: Condition | None = None

    def deliver(self, account: str, session: SessionId, stanza: Stanza, item: object, /) -> bool:
        if self.broken:
            raise RuntimeError("a fault of the streams")
        if session in self.gone:
            return False
        self.got.append((session.resource, stanza.id or ""))
        self.items.append(item)
        return True

    def close(self, account: str, session: SessionId, condition: str, /) -> None:
        self.closed.append((session, condition))
        if self.broken:
            raise RuntimeError("a fault of the streams")

    def route(self, stanza: Stanza, /) -> Condition | None:
        if self.broken:
            raise RuntimeError("a fault of the streams")
        self.sent.append(stanza.id)
        return self.refusal

    def fan_out(self, stanza: Stanza, recipients: Sequence[str], /) -> Mapping[str, Condition]:
        self.sent.append(stanza.id)
        return {} if self.refusal is None else {recipients[-1]: self.refusal}

    def delegate(self, account: str, iq: IQ, /) -> Stanza | None:
        return None


@define(eq=False)
class Stage:
    """A gateway at work. The test plays the owner of the partition."""

    engine: Engine
    streams: Streams
    gateway: Gateway
    replies: list[Replied]
    fresh: asyncio.Event

    async def send(self, *entries: GatewayEntry | bytes) -> None:
        """Append entries as the owner of the partition does, and wait until they are read."""
        bodies = [each if isinstance(each, bytes) else dump_entry(each) for each in entries]
        for body in bodies:
            await self.engine.append(QUEUE, "", 0, body)
        last = max(self.engine._queues[QUEUE])
        self.gateway.wake([QUEUE])
        await until(lambda: self.gateway._cursors.get(QUEUE, 0) >= last or not self.fresh.is_set())

    def left(self) -> int:
        """Return how many entries are in the queue."""
        return len(self.engine._queues.get(QUEUE, {}))

    def told(self) -> list[object]:
        """Return what was told the accounts, in order."""
        appends = [each for batch in self.engine.batches for each in batch.appends]
        return [_event(load_partition_entry(each.body)) for each in appends]

    def batch_that_tells(self) -> Batch:
        """Return the only batch that has told an account anything."""
        [batch] = [batch for batch in self.engine.batches if batch.appends]
        return batch


def _event(entry: PartitionEntry) -> object:
    if isinstance(entry, SessionGone):
        return entry.ended.event
    assert isinstance(entry, Fed)
    return entry.event.event if isinstance(entry.event, ForAccount) else entry.event


@asynccontextmanager
async def a_stage() -> AsyncIterator[Stage]:
    engine, streams, numbers = Engine(), Streams(), count()
    committer = Committer(engine, "node 7")
    await committer.claim([LEASE])
    appender = Appender(committer, LEASE, lambda: None)
    replies: list[Replied] = []
    fresh = asyncio.Event()
    fresh.set()

    def ids() -> str:
        return f"seq{next(numbers)}"

    async def until_fresh() -> None:
        await fresh.wait()

    gateway = Gateway(
        engine,
        NUMBER,
        streams,
        appender,
        lambda event: placed(event, DOMAINS, ids),
        lambda account, effect, condition, lost: given_back(account, effect, condition, lost, DOMAINS, ids, NOON),
        lambda: (NOON, ids()),
        replies.append,
        until_fresh,
    )
    tasks = [asyncio.create_task(appender.run()), asyncio.create_task(gateway.run())]
    try:
        yield Stage(engine, streams, gateway, replies, fresh)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def delivery(id: str, *sessions: SessionId, here: Iterable[SessionId] | None = None) -> Perform:
    """Return a delivery to these sessions, some of which are at this gateway."""
    stanza = parse_stanza(chat(JULIET, id)).stamped(from_=parse_stanza(chat(ROMEO, id)).to)
    effect = Deliver(stanza, sessions or (BALCONY,), AS_IT_STANDS, rules.LOST)
    return Perform(IdentifiedEffect(JULIET, EffectId("e", 0), effect), None if here is None else tuple(here))


def perform(effect: EndSession | Route | FanOut, account: str = JULIET) -> Perform:
    return Perform(IdentifiedEffect(account, EffectId("e", 0), effect))


# --- deliveries -------------------------------------------------------------------------------------------------


def test_entries_are_performed_once_and_in_order_though_they_stay() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            for n in range(3):
                await stage.send(*[delivery(f"{n}{each}") for each in "abc"])
            assert stage.streams.got == [("balcony", f"{n}{each}") for n in range(3) for each in "abc"]
            assert stage.left() == 9

    run(play())


def test_an_entry_leaves_when_its_sessions_have_settled_it() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            await stage.send(delivery("1", BALCONY, CHAMBER))
            [one, other] = stage.streams.items
            stage.gateway.settled(JULIET, BALCONY, [one])
            stage.gateway.settled(JULIET, BALCONY, [one])
            await asyncio.sleep(2 * SETTLING)
            assert stage.left() == 1
            stage.gateway.settled(JULIET, CHAMBER, [other, None])
            await until(lambda: stage.left() == 0)
            assert stage.told() == []

    run(play())


def test_only_the_sessions_at_this_gateway_get_a_delivery() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            await stage.send(delivery("1", BALCONY, CHAMBER, here=[CHAMBER]))
            assert stage.streams.got == [("chamber", "1")]
            stage.gateway.settled(JULIET, CHAMBER, stage.streams.items)
            await until(lambda: stage.left() == 0)

    run(play())


def test_what_a_session_does_not_take_is_reported_in_the_commit_that_removes_it() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.streams.gone.add(BALCONY)
            await stage.send(delivery("1"))
            await until(lambda: stage.left() == 0)
            [event] = stage.told()
            assert isinstance(event, Undelivered)
            assert (event.sessions, event.effect.stanza.id) == ((BALCONY,), "1")
            batch = stage.batch_that_tells()
            assert len(batch.done) == 1
            assert [partition_of_queue(each.queue) for each in batch.appends] == [partition_of(JULIET)]

    run(play())


def test_what_one_session_takes_and_another_does_not_stays_until_the_first_has_it() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.streams.gone.add(CHAMBER)
            await stage.send(delivery("1", BALCONY, CHAMBER))
            await until(lambda: len(stage.told()) == 1)
            assert (stage.left(), stage.batch_that_tells().done) == (1, ())
            stage.gateway.settled(JULIET, BALCONY, stage.streams.items)
            await until(lambda: stage.left() == 0)

    run(play())


def test_a_session_that_ends_gives_back_what_it_has_not_received_in_one_commit() -> None:
    """XEP-0198 §4: what was acknowledged is not delivered again, and nothing else is lost."""

    async def play() -> None:
        async with a_stage() as stage:
            await stage.send(*[delivery(each) for each in ("1", "2", "3")])
            first, *others = stage.streams.items
            stage.gateway.settled(JULIET, BALCONY, [first])
            await until(lambda: stage.left() == 2)
            ended = asyncio.Event()
            stage.gateway.end_session(JULIET, BALCONY, others, ended.set)
            await ended.wait()
            [event] = stage.told()
            assert isinstance(event, SessionEnded)
            assert [each.stanza.id for each in event.undelivered] == ["2", "3"]
            assert stage.left() == 0
            assert len(stage.batch_that_tells().done) == 2

    run(play())


def test_a_session_that_ends_leaves_nothing_behind_that_it_does_not_give_back() -> None:
    """As when a client acknowledges on a stream that is replaced at this moment: nothing would settle it any more."""

    async def play() -> None:
        async with a_stage() as stage:
            await stage.send(delivery("1"))
            stage.gateway.end_session(JULIET, BALCONY, [], None)
            await until(lambda: stage.left() == 0)
            [event] = stage.told()
            assert isinstance(event, SessionEnded)
            assert event.undelivered == ()

    run(play())


def test_what_comes_for_a_session_that_has_ended_stays_until_its_partition_has_seen_it() -> None:
    """The partition gives it back together with the end of the session, so the stanzas stay in order."""

    async def play() -> None:
        async with a_stage() as stage:
            await stage.send(delivery("1"))
            stage.gateway.end_session(JULIET, BALCONY, stage.streams.items, None)
            await until(lambda: stage.left() == 0)
            await stage.send(delivery("2"), delivery("3", BALCONY, CHAMBER))
            assert stage.streams.got == [("balcony", "1"), ("chamber", "3")]
            stage.gateway.settled(JULIET, CHAMBER, stage.streams.items[1:])
            await asyncio.sleep(2 * SETTLING)
            assert stage.left() == 2
            await stage.send(Forgotten(JULIET, BALCONY))
            await until(lambda: stage.left() == 0)
            assert len(stage.told()) == 1

    run(play())


def test_streams_that_raise_have_not_taken_anything(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.streams.broken = True
            route = Route(parse_stanza(chat(ROOMS, "2")), rules.LOST)
            await stage.send(delivery("1"), perform(EndSession(BALCONY, "conflict", rules.LOST)), perform(route))
            await until(lambda: stage.left() == 0)
            undelivered, unroutable = stage.told()
            assert isinstance(undelivered, Undelivered)
            assert isinstance(unroutable, Unroutable)
            assert unroutable.condition is Condition.INTERNAL_SERVER_ERROR

    run(play())
    assert "a fault of the streams" in caplog.text


# --- other entries ----------------------------------------------------------------------------------------------


def test_a_session_is_closed_and_an_answer_handed_over() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            await stage.send(perform(EndSession(BALCONY, "conflict", rules.LOST)), Replied("call", True))
            await until(lambda: stage.left() == 0)
            assert stage.streams.closed == [(BALCONY, "conflict")]
            assert stage.replies == [Replied("call", True)]

    run(play())


def test_a_stanza_for_a_component_leaves_when_it_is_sent() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stanza = parse_stanza(chat(ROOMS, "1"))
            await stage.send(
                perform(Route(stanza, rules.LOST)), perform(FanOut(stanza, (f"a@{ROOMS}", f"b@{ROOMS}"), rules.LOST))
            )
            await until(lambda: stage.left() == 0)
            assert (stage.streams.sent, stage.told()) == (["1", "1"], [])

    run(play())


def test_a_stanza_that_a_component_does_not_get_is_reported_to_its_sender() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.streams.refusal = Condition.REMOTE_SERVER_TIMEOUT
            stanza = parse_stanza(chat(ROOMS, "1"))
            await stage.send(
                perform(Route(stanza, rules.LOST)), perform(FanOut(stanza, (f"a@{ROOMS}", f"b@{ROOMS}"), rules.LOST))
            )
            await until(lambda: stage.left() == 0)
            route, fan_out = stage.told()
            assert isinstance(route, Unroutable)
            assert isinstance(fan_out, Unroutable)
            assert route.condition is fan_out.condition is Condition.REMOTE_SERVER_TIMEOUT
            assert (route.recipients, fan_out.recipients) == ((), (f"b@{ROOMS}",))

    run(play())


def test_a_damaged_entry_costs_that_entry_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with a_stage() as stage:
            await stage.send(b"nonsense", delivery("1"))
            await until(lambda: stage.left() == 1)
            assert stage.streams.got == [("balcony", "1")]

    run(play())
    assert "entry damaged" in caplog.text


def test_a_gateway_reads_on_when_its_engine_works_again(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.engine.blind = True
            await until(lambda: "gateway cannot read" in caplog.text)
            await stage.engine.append(QUEUE, "", 0, dump_entry(delivery("1")))
            stage.engine.blind = False
            await until(lambda: stage.streams.got == [("balcony", "1")])

    run(play())
    assert caplog.text.count("gateway cannot read") == 1


def test_a_fault_in_writing_does_not_end_the_reading(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with a_stage() as stage:

            def fails() -> None:
                raise RuntimeError("a fault of the connections")

            stage.gateway.flush = fails
            await stage.send(delivery("1"))
            await stage.send(delivery("2"))
            assert len(stage.streams.got) == 2

    run(play())
    assert "a fault of the connections" in caplog.text


def test_nothing_is_performed_until_the_node_is_sure_that_it_lives() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.fresh.clear()
            await stage.send(delivery("1"))
            await asyncio.sleep(0.05)
            assert stage.streams.got == []
            stage.fresh.set()
            await until(lambda: stage.streams.got == [("balcony", "1")])

    run(play())


def test_the_queues_of_other_nodes_are_not_read() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            other = gateway_queue(NUMBER + 1, partition_of(JULIET))
            await stage.engine.append(other, "", 0, dump_entry(delivery("1")))
            stage.gateway.wake([other, queue_of(JULIET)])
            await stage.send(delivery("2"))
            assert stage.streams.got == [("balcony", "2")]

    run(play())
