"""Owners and gateways on one engine in memory, driven by hand: no sockets, no clock, no tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from attrs import define, evolve, field

from xmpp_im_core.codec import parse_stanza, write_stanza
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server import (
    Deliver,
    EndSession,
    FanOut,
    ForAccount,
    Outbound,
    Route,
    SessionBound,
    SessionEnded,
    SessionId,
    hosting,
)
from xmpp_im_core.server.service.events import Arrived, ServiceEvent
from xmpp_im_core.stanza import IQ, Condition, Stanza, error_reply, stanza_error
from xmpp_im_host.cluster.committing import Committer
from xmpp_im_host.cluster.membership import end_node
from xmpp_im_host.cluster.outgoing import Domains, placed
from xmpp_im_host.cluster.owner import Owner
from xmpp_im_host.cluster.partition_worker import Cycle
from xmpp_im_host.cluster.queue_entries import (
    Called,
    ComponentConnected,
    ComponentLost,
    Forgotten,
    GatewayEntry,
    Parked,
    PartitionEntry,
    Replied,
    SessionGone,
    Taken,
    Wanted,
    dump_entry,
    load_gateway_entry,
)
from xmpp_im_host.cluster.queue_names import epoch_of, gateway_queues, queue_of
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import PARTITIONS, Append, Batch, Entry, Found, Lease, node_lease, partition_of
from xmpp_im_host.storage.sharded_engine import ShardedEngine

CAPULET: Final = "capulet.example"
MONTAGUE: Final = "montague.example"
ROOMS: Final = "rooms.capulet.example"
JULIET: Final = f"juliet@{CAPULET}"
NURSE: Final = f"nurse@{CAPULET}"
TYBALT: Final = f"tybalt@{CAPULET}"
ROMEO: Final = f"romeo@{MONTAGUE}"
NOON: Final = datetime(2026, 7, 12, 12, 0, tzinfo=UTC)
ALL: Final = frozenset(range(PARTITIONS))
KEEPING: Final[Policy] = evolve(DEFAULT, keep_sessions=True)
AVAILABLE: Final = "<presence/>"
UNAVAILABLE: Final = '<presence type="unavailable"/>'

assert len({partition_of(each) for each in (JULIET, NURSE, TYBALT, ROMEO, ROOMS)}) == 5


def chat(to: str, body: str) -> str:
    return f'<message to="{to}" type="chat" id="{body}"><body>{body}</body></message>'


def subscription(type: str, to: str) -> str:
    return f'<presence to="{to}" type="{type}"/>'


def refusing(account: str, iq: IQ) -> Stanza | None:
    """Answer requests with an error, as a server without services does."""
    if iq.type not in ("get", "set"):
        return None
    return error_reply(iq, stanza_error(Condition.SERVICE_UNAVAILABLE))


@define(eq=False)
class Gateway:
    """A node as the holder of streams. It reads its queues only when it is told to."""

    stage: Stage
    number: int
    committer: Committer
    got: list[tuple[str, str, str]] = field(factory=list)
    """What sessions got, in order: the bare JID, the resource, and the stanza."""
    closed: list[tuple[str, str, str]] = field(factory=list)
    """The sessions that were closed: the bare JID, the resource and the condition."""
    routed: list[str] = field(factory=list)
    """What components got."""
    replies: dict[str, Replied] = field(factory=dict)
    moves: list[Parked | Taken | Wanted] = field(factory=list)
    """What was said about sessions that move between nodes, in order."""
    _sessions: Any = field(factory=lambda: count(1))

    async def append(self, *entries: tuple[str, PartitionEntry]) -> None:
        """Append entries, each for an account or a domain."""
        await self.append_bodies(*[(queue_of(account), dump_entry(entry)) for account, entry in entries])

    async def append_bodies(self, *bodies: tuple[str, bytes]) -> None:
        lease = node_lease(self.number)
        outcome = await self.committer.commit([lease], appends=[Append(queue, "", body=body) for queue, body in bodies])
        assert outcome.done

    async def feed(self, *events: ServiceEvent) -> None:
        await self.append_bodies(
            *[each for event in events for each in placed(event, self.stage.domains, self.stage.id)]
        )

    async def bind(self, account: str, resource: str, *stanzas: str) -> SessionId:
        """Bind a session, and let it send stanzas."""
        session = SessionId(resource, epoch_of(self.number, next(self._sessions)))
        await self.feed(ForAccount(account, SessionBound(NOON, self.stage.id(), session)))
        for stanza in stanzas:
            await self.says(account, session, stanza)
        return session

    async def says(self, account: str, session: SessionId, stanza: str) -> None:
        await self.feed(ForAccount(account, Outbound(NOON, self.stage.id(), session, parse_stanza(stanza))))

    async def arrive(self, stanza: str) -> None:
        await self.feed(Arrived(NOON, self.stage.id(), parse_stanza(stanza)))

    async def end(self, account: str, session: SessionId) -> None:
        """End a session. What this gateway has read is settled, so everything that waits was not taken."""
        ended = ForAccount(account, SessionEnded(NOON, self.stage.id(), session))
        await self.append((account, SessionGone(ended, self.number, read=0)))

    async def connect(self, domain: str) -> None:
        await self.append((domain, ComponentConnected(domain, self.number)))

    async def disconnect(self, domain: str) -> None:
        await self.append((domain, ComponentLost(domain, self.number)))

    async def call(self, operation: str, account: str, **arguments: Any) -> Replied:
        """Call the owner of an account, and wait for the answer."""
        id = await self.ask(operation, account, **arguments)
        await self.stage.run()
        await self.read()
        return self.replies[id]

    async def ask(self, operation: str, account: str, **arguments: Any) -> str:
        """Call the owner of an account, and return the id of the call."""
        id = self.stage.id()
        await self.append((account, Called(id, self.number, NOON, operation, account, arguments)))
        return id

    async def waiting(self) -> list[Entry]:
        """Return what waits in the queues of this gateway."""
        return list(await self.stage.engine.entries(dict.fromkeys(gateway_queues(self.number), 0), 1_000_000))

    async def read(self) -> None:
        """Perform what waits, and settle it."""
        done: list[tuple[str, int]] = []
        for entry in await self.waiting():
            self._perform(load_gateway_entry(entry.body))
            done.append((entry.queue, entry.position))
        assert (await self.committer.commit([node_lease(self.number)], done=done)).done

    def _perform(self, entry: GatewayEntry) -> None:
        if isinstance(entry, Replied):
            assert entry.id not in self.replies
            self.replies[entry.id] = entry
            return
        if isinstance(entry, Forgotten):
            return
        if isinstance(entry, Parked | Taken | Wanted):
            self.moves.append(entry)
            return
        account, effect = entry.identified.account, entry.identified.effect
        if isinstance(effect, Deliver):
            own = effect.sessions if entry.sessions is None else entry.sessions
            self.got += [(account, id.resource, write_stanza(effect.stanza).decode()) for id in own]
        elif isinstance(effect, EndSession):
            self.closed.append((account, effect.session.resource, effect.condition))
        else:
            assert isinstance(effect, Route | FanOut)
            self.routed.append(write_stanza(effect.stanza).decode())

    def stanzas(self, account: str, resource: str | None = None) -> list[str]:
        """Return what the sessions of an account have got."""
        return [text for jid, own, text in self.got if jid == account and resource in (None, own)]

    def bodies(self, account: str, resource: str | None = None) -> list[str]:
        """Return the bodies of the messages that the sessions of an account have got."""
        found = [parse_stanza(text) for text in self.stanzas(account, resource)]
        bodies = [each.payload.first("body", "jabber:client") for each in found if each.type != "error"]
        return [each.text for each in bodies if each is not None]

    def presence(self, account: str) -> list[tuple[str, str]]:
        """Return who was shown to the sessions of an account, and as what."""
        found = [parse_stanza(text) for text in self.stanzas(account) if text.startswith("<presence")]
        return [(str(each.from_jid), each.type or "available") for each in found]

    def conditions(self, account: str) -> list[str]:
        """Return the conditions of the errors that the sessions of an account have got."""
        found = [parse_stanza(text) for text in self.stanzas(account)]
        errors = [each.payload.first("error", "jabber:client") for each in found if each.type == "error"]
        return [each.elements[0].name for each in errors if each is not None]


class Stage:
    """An engine, with gateways and owners that are added one by one."""

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        components: Collection[str] = (),
        policy: Policy = KEEPING,
        delegated: Any = refusing,
    ) -> None:
        self.engine: Engine = MemoryEngine() if engine is None else engine
        self.policy, self.delegated = policy, delegated
        self.domains = Domains((CAPULET, MONTAGUE), frozenset(components))
        self.owners: list[Owner[Any]] = []
        self.now = NOON
        self._ids = count(1)

    def id(self) -> str:
        return f"i{next(self._ids)}"

    async def gateway(self) -> Gateway:
        """Add a gateway."""
        number = await self.engine.join("test")
        committer = Committer(self.engine, f"gateway-{number}")
        await committer.claim([node_lease(number)])
        return Gateway(self, number, committer)

    async def owner(self, partitions: Iterable[int] = ALL, workers: int = 2, **options: Any) -> Owner[Any]:
        """Add an owner that claims partitions. Its workers have the same number of them, give or take one."""
        owner = Owner(
            self.engine,
            f"owner-{self.id()}",
            hosting(*self.domains.hosted),
            self.policy,
            self.delegated,
            self.domains.components,
            lambda: self.now,
            self.id,
            workers=workers,
            wake_seconds=0.0,
            **options,
        )
        owner.set_wanted(frozenset(partitions))
        await owner.claim_missing()
        self.owners.append(owner)
        return owner

    async def run(self) -> None:
        """Let all owners work until nothing is left to do."""
        while True:
            moving = isinstance(self.engine, ShardedEngine) and await self.engine.unmoved()
            if not await self._work() and not moving:
                return
            if isinstance(self.engine, ShardedEngine):
                await asyncio.sleep(0.001)

    async def _work(self) -> bool:
        """Let all owners work until they have nothing to do; return whether they had something."""
        for n in range(10_000):
            cycles = [await worker.cycle() for owner in self.owners for worker in owner.workers]
            if all(each is Cycle.IDLE for each in cycles):
                return n > 0
        raise AssertionError("the owners do not come to rest")

    async def end(self, gateway: Gateway) -> None:
        """Declare a gateway dead, as another node does; perhaps not the first one."""
        await end_node(self.engine, gateway.number, f"judge-{self.id()}", (self.now, self.id()))

    async def rows(self, account: str, *kinds: str) -> list[tuple[str, str]]:
        """Return the kinds and keys of what is stored for an account."""
        return [(row.kind, row.key) for row in (await self.engine.load(None, account, kinds)).rows]

    def queued(self, account: str) -> int:
        """Return how many entries wait for the partition of an account."""
        assert isinstance(self.engine, MemoryEngine)
        return len(self.engine._queues.get(queue_of(account), {}))


async def chatting(*accounts: str, owners: Iterable[Iterable[int]] = (ALL,), **options: Any) -> tuple[Stage, Gateway]:
    """Return a stage with these accounts, its owners and one gateway."""
    stage = Stage(**options)
    for partitions in owners:
        await stage.owner(partitions)
    gateway = await stage.gateway()
    for account in accounts:
        assert (await gateway.call("create", account, keys=None)).value is True
    return stage, gateway


async def befriend(stage: Stage, gateway: Gateway, one: str, other: str) -> None:
    """Let two accounts subscribe to each other's presence, with sessions that end."""
    first, second = await gateway.bind(one, "first"), await gateway.bind(other, "second")
    for account, session, peer in ((one, first, other), (other, second, one)):
        await gateway.says(account, session, subscription("subscribe", peer))
        await stage.run()
    for account, session, peer in ((one, first, other), (other, second, one)):
        await gateway.says(account, session, subscription("subscribed", peer))
        await stage.run()
    await gateway.end(one, first)
    await gateway.end(other, second)
    await stage.run()
    await gateway.read()
    gateway.got.clear()


class FaultyEngine(MemoryEngine):
    """Fails as it is told to. What gateways commit never fails."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        """What becomes of the next commits of owners: "failed", "lost" and "done" are in doubt except the first."""
        self.refused = ""
        """No batch with this text can be committed."""
        self.refusal: type[EngineFailed] = EngineFailed
        self.unreadable = ""
        """The account whose rows cannot be read."""
        self.away = False
        """Whether nothing can be committed, read, renewed or claimed."""
        self.batches: list[Batch] = []
        """What owners have committed."""

    def _answer(self) -> None:
        if self.away:
            raise EngineFailed("the database is away")

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        self._answer()
        return await super().claim(partitions, node)

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        self._answer()
        return await super().renew(partitions, node)

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        self._answer()
        if account == self.unreadable:
            raise EngineFailed("a block of the disk cannot be read")
        return await super().load(lease, account, kinds, counted)

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        self._answer()
        return await super().entries(queues, limit)

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        if any(lease.partition >= PARTITIONS for lease in leases):
            return await super().commit(leases, batch)
        self._answer()
        fault = self.faults.pop(0) if self.faults and (batch.done or batch.changes or batch.appends) else ""
        if fault == "failed":
            raise EngineFailed("the transaction was aborted")
        if fault == "lost":
            raise Unknown("the connection broke")
        if self.refused and self.refused in repr((batch.changes, [append.body for append in batch.appends])):
            raise self.refusal("this cannot be stored")
        renewed = await super().commit(leases, batch)
        self.batches.append(batch)
        if fault == "done":
            raise Unknown("the connection broke")
        return renewed
