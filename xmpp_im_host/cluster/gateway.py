"""What partitions send to the streams of a node: it is read in order, performed, and removed when it has arrived.

A queue from a partition to a gateway has one writer at a time, so the reader remembers up to where it has read. An
entry stays in the queue until the client has acknowledged it (XEP-0198), or until it is written if the client cannot
do that. What a stream does not take is reported to the account, in the commit that removes the entry. So whatever a
session has not received is in the queue: if this node dies, the owner of the account finds it there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from attrs import define, field

from xmpp_im_core.host.effect_performer import addressed
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server import (
    AS_IT_STANDS,
    Deliver,
    EndSession,
    FanOut,
    ForAccount,
    IdentifiedEffect,
    Route,
    SessionEnded,
    SessionId,
    Undelivered,
)
from xmpp_im_core.server.effects import EffectId
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_core.stanza import IQ, Condition, Stanza
from xmpp_im_host.cluster.appending import Appender, Place
from xmpp_im_host.cluster.moves import Moves, NoMoves
from xmpp_im_host.cluster.queue_entries import (
    DamagedEntry,
    Deposit,
    EntryReader,
    Forgotten,
    Missing,
    Park,
    Parked,
    Perform,
    Replied,
    SessionGone,
    Taken,
    Wanted,
    dump_entry,
)
from xmpp_im_host.cluster.queue_names import gateway_queue, gateway_queues, queue_of
from xmpp_im_host.cluster.turns import Turns
from xmpp_im_host.hosting.outages import FIRST_PAUSE, LONGEST_PAUSE
from xmpp_im_host.log import Outage, failure, log
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.records import Entry, partition_of

_MOST: Final = 256
"""How many entries are read at a time."""

Holder = tuple[str, SessionId]
"""A session with the bare JID of its account."""
Placed = Callable[[ServiceEvent], Sequence[tuple[str, bytes]]]
"""Returns an event as entries, each with its queue."""
GivenBack = Callable[[str, Route | FanOut, Condition, tuple[str, ...]], Sequence[tuple[str, bytes]]]
"""Returns the entries by which an account learns that a component has not got a stanza for some recipients."""


class Streams(Protocol):
    """The streams to clients and components, as :class:`xmpp_im_core.host.Wire` describes them."""

    def deliver(self, account: str, session: SessionId, stanza: Stanza, item: object, /) -> bool:
        """Write a stanza to the stream of a session, and return whether the stream took it.

        :param item: comes back by :meth:`Host.settled` or :meth:`Host.end_session`.
        """

    def close(self, account: str, session: SessionId, condition: str, /) -> None:
        """Close the stream of a session with this stream error, and end the session."""

    def route(self, stanza: Stanza, /) -> Condition | None:
        """Send a stanza to a component, or return why that cannot be done."""

    def fan_out(self, stanza: Stanza, recipients: Sequence[str], /) -> Mapping[str, Condition]:
        """Send a stanza to each of these addresses of a component; return those that it does not reach."""

    def delegate(self, account: str, iq: IQ, /) -> Stanza | None:
        """Let a service of the program answer an IQ, or return None if the answer comes later."""


@define(eq=False)
class Delivery:
    """An entry that is on its way to sessions. The wire hands it back when it has arrived, or has not."""

    place: Place
    identified: IdentifiedEffect
    effect: Deliver
    left: set[SessionId]
    """The sessions that may still lose it."""


@define(eq=False)
class Gateway:
    """The streams of a node, as partitions see them."""

    engine: Engine
    number: int
    """The number of the node."""
    streams: Streams
    appender: Appender
    placed: Placed
    given_back: GivenBack
    stamp: Callable[[], tuple[datetime, str]]
    replied: Callable[[Replied], None]
    """Takes the answers to the calls of this node."""
    until_fresh: Callable[[], Awaitable[None]]
    """Waits until it is certain that no other node has ended this one."""
    moves: Moves = field(factory=NoMoves)
    """The sessions that move between nodes."""
    flush: Callable[[], None] = lambda: None
    """Called after each burst of writes to the wire."""
    reader: EntryReader = field(factory=EntryReader)
    turns: Turns = field(factory=Turns)
    _cursors: dict[str, int] = field(factory=dict, init=False)
    _on_the_way: dict[Holder, dict[Place, Delivery]] = field(factory=dict, init=False)
    """The deliveries that each session may still lose, by their places."""
    _gone: set[Holder] = field(factory=set, init=False)
    """Sessions that have ended, until it is certain that nothing more comes for them."""
    _outage: Outage = field(factory=lambda: Outage("gateway cannot read", "gateway reads again"), init=False)

    # --- reading ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read and perform until this is cancelled."""
        self._cursors = dict.fromkeys(gateway_queues(self.number), 0)
        while True:
            self.turns.begin()
            entries = await self._read()
            if entries:
                await self.until_fresh()
                for entry in entries:
                    self._cursors[entry.queue] = entry.position
                    self._take(entry)
                self._flush()
                if len(entries) == _MOST:
                    continue
                await self.turns.end(len(entries))
            await self.turns.rest()

    async def _read(self) -> Sequence[Entry]:
        pause = FIRST_PAUSE
        while True:
            try:
                entries = await self.engine.entries(self._cursors, _MOST)
            except Exception as error:
                self._outage.note(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._outage.note(None)
                return entries

    def wake(self, queues: Iterable[str]) -> None:
        """Say that entries were appended to these queues. Queues that this gateway does not read do not matter."""
        if any(queue in self._cursors for queue in queues):
            self.turns.bell.set()

    # --- performing ---------------------------------------------------------------------------------------------

    def _take(self, entry: Entry) -> None:
        place = entry.queue, entry.position
        try:
            found = self.reader.gateway_entry(entry.body)
        except DamagedEntry as error:
            log(logging.ERROR, "entry damaged", queue=entry.queue, position=entry.position, reason=str(error))
            self.appender.settle(place)
            return
        if isinstance(found, Perform):
            self._perform(place, found)
            return
        if isinstance(found, Parked):
            self._hand_over(place, found)
            return
        if isinstance(found, Replied):
            self.replied(found)
        elif isinstance(found, Forgotten):
            self._gone.discard((found.account, found.session))
            self.settled(found.account, found.session, self._left_of(found.account, found.session))
        else:
            self._move(found)
        self.appender.settle(place)

    def _move(self, found: Taken | Wanted) -> None:
        try:
            if isinstance(found, Taken):
                self.moves.take(found.account, found.session, found.id, found.counts)
            elif not self.moves.want(found.account, found.id):
                missing = Missing(found.account, found.id, self.number)
                self.appender.append([(queue_of(found.account), dump_entry(missing))])
        except Exception as error:
            failure("session could not be moved", error, account=found.account)

    def _perform(self, place: Place, entry: Perform) -> None:
        account, effect = entry.identified.account, entry.identified.effect
        if isinstance(effect, Deliver):
            sessions = effect.sessions if entry.sessions is None else entry.sessions
            self._deliver(Delivery(place, entry.identified, effect, set(sessions)), account, sessions)
        elif isinstance(effect, Route | FanOut):
            self._send(place, account, effect)
        elif isinstance(effect, EndSession):
            try:
                self.streams.close(account, effect.session, effect.condition)
            except Exception as error:
                failure("session could not be closed", error, account=account)
            self.appender.settle(place)

    def _deliver(self, delivery: Delivery, account: str, sessions: Sequence[SessionId]) -> None:
        if self._gone:  # the partition gives back what these have not received, so it has to find it here
            gone = [id for id in sessions if (account, id) in self._gone]
            sessions = [id for id in sessions if id not in gone]
            for id in gone:
                self._on_the_way.setdefault((account, id), {})[delivery.place] = delivery
        lost = tuple([id for id in sessions if not self._written(account, id, delivery)])
        if lost:
            event = ForAccount(account, Undelivered(*self.stamp(), delivery.effect, lost))
            self.appender.append(self.placed(event), self._released(account, lost, delivery))

    def _written(self, account: str, session: SessionId, delivery: Delivery) -> bool:
        """Write a delivery to the stream of a session. The wire may say at once that the session has it."""
        effect = delivery.effect
        self._on_the_way.setdefault((account, session), {})[delivery.place] = delivery
        try:
            return self.streams.deliver(account, session, addressed(account, session, effect), delivery)
        except Exception as error:
            failure("stanza could not be delivered", error, account=account)
            return False

    def _send(self, place: Place, account: str, effect: Route | FanOut) -> None:
        """Send a stanza to a component; tell its sender if the component has gone."""
        lost: tuple[str, ...] = ()
        condition: Condition | None
        try:
            if isinstance(effect, FanOut):
                conditions = self.streams.fan_out(effect.stanza, effect.recipients)
                lost = tuple(conditions)
                condition = next(iter(conditions.values()), None)
            else:
                condition = self.streams.route(effect.stanza)
        except Exception as error:
            failure("stanza could not be sent", error, account=account)
            condition, lost = Condition.INTERNAL_SERVER_ERROR, effect.recipients if isinstance(effect, FanOut) else ()
        if condition is None:
            self.appender.settle(place)
        else:
            self.appender.append(self.given_back(account, effect, condition, lost), [place])

    def _flush(self) -> None:
        try:
            self.flush()
        except Exception as error:
            failure("flush failed", error)

    # --- what has become of deliveries --------------------------------------------------------------------------

    def settled(self, account: str, session: SessionId, items: Sequence[object]) -> None:
        """Note that a session cannot lose these deliveries any more."""
        for item in items:
            if isinstance(item, Delivery):
                for place in self._released(account, (session,), item):
                    self.appender.settle(place)

    def end_session(
        self, account: str, session: SessionId, items: Sequence[object], done: Callable[[], None] | None
    ) -> None:
        """Note that a session has ended, and give back what it has not received, in one commit.

        What is still to be read for it is given back by the partition, together with this.

        :param items: the deliveries that the client has not acknowledged, in order.
        """
        undelivered = tuple([item.effect for item in items if isinstance(item, Delivery) and session in item.left])
        removed: list[Place] = []
        for delivery in self._left_of(account, session):
            removed += self._released(account, (session,), delivery)
        ended = ForAccount(account, SessionEnded(*self.stamp(), session, undelivered))
        read = self._cursors.get(gateway_queue(self.number, partition_of(account)), 0)
        self._gone.add((account, session))
        entry = SessionGone(ended, self.number, read)
        self.appender.append([(queue_of(account), dump_entry(entry))], removed, done)

    # --- sessions that move to other nodes ----------------------------------------------------------------------

    def park(self, account: str, session: SessionId, id: str) -> None:
        """Give a session up. Its partition answers when nothing more comes for it."""
        self.appender.append([(queue_of(account), dump_entry(Park(account, session, self.number, id)))])

    def _hand_over(self, place: Place, parked: Parked) -> None:
        """Deposit what is left of a session, and remove what waited for it here, in one commit."""
        account, session = parked.account, parked.session
        left = self.moves.give_up(account, session)
        if left is None:  # its end is on the way
            self.appender.settle(place)
            return
        at, _ = self.stamp()
        performs = tuple([self._perform_again(account, session, *each) for each in left.unacknowledged])
        entry = Deposit(account, session, self.number, left.id, at + left.left, left.counts, performs)
        removed = [place]
        for delivery in self._left_of(account, session):
            removed += self._released(account, (session,), delivery)
        self.appender.append([(queue_of(account), dump_entry(entry))], removed)

    def _perform_again(self, account: str, session: SessionId, stanza: Stanza, item: object) -> bytes:
        """Return a stanza that the client has not acknowledged as an entry. Those of the server itself count too."""
        if isinstance(item, Delivery):
            return dump_entry(Perform(item.identified, (session,)))
        own = Deliver(stanza, (session,), AS_IT_STANDS, rules.FORWARDED)
        return dump_entry(Perform(IdentifiedEffect(account, EffectId(self.stamp()[1], 0), own)))

    def _left_of(self, account: str, session: SessionId) -> list[Delivery]:
        """Return the deliveries that a session may still lose, in order."""
        return list(self._on_the_way.get((account, session), {}).values())

    def _released(self, account: str, sessions: Sequence[SessionId], delivery: Delivery) -> list[Place]:
        """Note that these sessions do not need a delivery any longer; return its place if no other session needs it."""
        if not delivery.left:
            return []
        for session in sessions:
            delivery.left.discard(session)
            of_session = self._on_the_way.get((account, session))
            if of_session is not None:
                of_session.pop(delivery.place, None)
                if not of_session:
                    del self._on_the_way[account, session]
        return [] if delivery.left else [delivery.place]
