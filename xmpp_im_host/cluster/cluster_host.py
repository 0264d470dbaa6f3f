"""The host of a node: it holds streams of clients and components, and owns some of the partitions.

What happens to an account becomes an entry of the queue of its partition. When the entry is durable, it counts as
processed: its owner, this node or another one, does so exactly once, and what is for sessions comes back through the
queues of the gateway. Calls for accounts take the same way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Final, Self, cast

from xmpp_im_core.codec import write_stanza
from xmpp_im_core.event import Decision
from xmpp_im_core.host.effect_performer import addressed
from xmpp_im_core.host.inputs import Inputs
from xmpp_im_core.record import unchecked
from xmpp_im_core.server import Deliver, ForAccount, Outbound, Put, SessionId, hosting, serve
from xmpp_im_core.server.service.binding import may_bind_beside
from xmpp_im_core.server.service.events import ServiceEvent, for_account
from xmpp_im_core.snapshot import JSON
from xmpp_im_core.stanza import IQ, Condition, Presence, Stanza, may_be_answered
from xmpp_im_host.cluster.administrator_calls import SECRET
from xmpp_im_host.cluster.calls import CallRefused
from xmpp_im_host.cluster.gateway import Streams
from xmpp_im_host.cluster.interfaces import PartitionFigures
from xmpp_im_host.cluster.life import ClusterSettings, Life
from xmpp_im_host.cluster.moves import Moves
from xmpp_im_host.cluster.outgoing import placed_stanza
from xmpp_im_host.cluster.queue_entries import Called, ComponentConnected, ComponentLost, QueueEntry, dump_entry
from xmpp_im_host.cluster.queue_names import epoch_of, queue_of
from xmpp_im_host.cluster.reports import State
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.hosting.account_changes import keys_of
from xmpp_im_host.hosting.exporting import Data
from xmpp_im_host.hosting.host import Figures, Imported
from xmpp_im_host.hosting.outages import FIRST_PAUSE, LONGEST_PAUSE
from xmpp_im_host.hosting.owned_engine import CommitCounts, scan
from xmpp_im_host.hosting.waiting import Tasks
from xmpp_im_host.log import failure, log
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.records import Row

_AWAY: Final = "this server is cut off from the others, and begins again as soon as the database answers"

_LONGEST_TAKE_PAUSE: Final = 0.5

Done = Callable[[], None]


class ClusterHost(Inputs):
    """Enter it with ``async with``. It is a :class:`~xmpp_im_host.hosting.host.Host`."""

    def __init__(
        self,
        engine: Engine,
        streams: Streams,
        settings: ClusterSettings,
        forget: Done = lambda: None,
        *,
        sessions: Callable[[], int] = lambda: 0,
        moves: Moves | None = None,
        flush: Done = lambda: None,
        directed: Callable[[bool], None] = lambda draining: None,
        state: Callable[[], State] = lambda: State.SERVING,
        drain_seconds: float = 30.0,
    ) -> None:
        """Begin with an open engine.

        :param forget: called when other nodes have ended this one: close all streams, and tell the host nothing of
            their sessions, which have ended already.
        :param sessions: returns the number of sessions, for operators.
        :param moves: the sessions that move between nodes.
        :param flush: called after each burst of writes to the streams.
        :param directed: called when an operator wants this node to give up its sessions, or wants it no longer.
        :param state: says whether this node serves clients, as far as its streams decide.
        :param drain_seconds: how long leaving the host waits for what is under way.
        """
        super().__init__(settings.clock, settings.ids)
        self.engine, self.streams, self.settings = engine, streams, settings
        self.drain_seconds = drain_seconds
        self.life: Life | None = None
        """None while the node has no number."""
        self.counts = CommitCounts()
        self._forget, self._sessions, self._flush = forget, sessions, flush
        self._directed, self._state = directed, state
        self._draining = False
        self._moves = moves
        self._stranger = hosting(*settings.service.domains, owns=lambda account: False)
        """A service that owns no account: it answers what cannot be processed now."""
        self._tasks = Tasks()
        self._closing = False

    @property
    def domains(self) -> tuple[str, ...]:
        """The hosted domains, prepared."""
        return self.settings.service.domains

    @property
    def shared(self) -> bool:
        """Other nodes change accounts too."""
        return True

    # --- beginning and end --------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Join the other nodes.

        :raises EngineFailed: if the database does not answer.
        """
        try:
            await self._begin()
        except Unknown as error:
            raise EngineFailed(str(error)) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._closing = True
        self._tasks.cancel()
        life, self.life = self.life, None
        if life is not None:
            await life.end(self.drain_seconds)

    async def retire(self, seconds: float) -> None:
        """Let the other nodes own what this node owns, before it leaves them: so no account is without an owner.

        :param seconds: how long to wait for them at most.
        """
        self._draining = True
        if self.life is not None:
            with suppress(TimeoutError, EngineFailed, Unknown):
                async with asyncio.timeout(seconds):
                    await self.life.retire()

    def abandon(self) -> None:
        """Stop at once, as a crash would."""
        self._closing = True
        self._tasks.cancel()
        life, self.life = self.life, None
        if life is not None:
            life.abandon()

    async def _begin(self) -> None:
        life = Life(
            self.engine,
            self.streams,
            self.settings,
            self._ended,
            counts=self.counts,
            sessions=self._sessions,
            moves=self._moves,
            flush=self._flush,
            directed=self._direct,
            draining=self._draining,
            state=self._state,
        )
        await life.begin()
        self._epoch = 0
        self.life = life

    def _direct(self, draining: bool) -> None:
        self._draining = draining
        self._directed(draining)

    def _ended(self, life: Life) -> None:
        """Forget everything, and begin again with another number."""
        log(logging.ERROR, "other nodes have ended this one; it begins again", node=life.number)
        self.life = None
        life.abandon()
        self._forget()
        if not self._closing:
            self._tasks.start(self._begin_again())

    async def _begin_again(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._begin()
            except (EngineFailed, Unknown) as error:
                log(logging.WARNING, "node cannot join", reason=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    # --- events -------------------------------------------------------------------------------------------------

    def feed(self, event: ServiceEvent, done: Done | None = None) -> None:
        """Append an event to the queue of its partition; see :meth:`Inputs.feed`.

        :param done: called when the entry is durable; or when the sender has got an error, because the database has
            not taken it for long. It is not called if this node ends before.
        """
        life = self.life
        if life is None:  # all streams are closed
            return
        refuse = partial(self._refuse, event, done)
        try:
            entries = life.placed(event)
        except Exception as error:
            failure("event could not be written", error)
            refuse()
            return
        life.appender.append(entries, done=done, refuse=refuse if _is_request(event) else None)

    def receive(
        self,
        account: str,
        session: SessionId,
        stanza: Stanza,
        decision: Decision = Decision.ASK,
        done: Done | None = None,
    ) -> None:
        """See :meth:`Inputs.receive`. The account was checked when the session began, and the stanza was parsed."""
        self.feed(for_account(account, _outbound(self.clock(), self.ids(), session, stanza), decision), done)

    def _refuse(self, event: ServiceEvent, done: Done | None) -> None:
        """Answer a client's stanza with an error of type wait, because its account cannot be reached."""
        for account, effect in serve(self._stranger, event, self.settings.policy).effects:
            if isinstance(effect, Deliver):
                for session in effect.sessions:
                    self.streams.deliver(account, session, addressed(account, session, effect), None)
        if done is not None:
            done()

    def _append(self, queue: str, entry: QueueEntry, done: Done | None = None) -> None:
        if self.life is not None:
            self.life.appender.append([(queue, dump_entry(entry))], done=done)

    # --- sessions of clients ------------------------------------------------------------------------------------

    async def may_bind(self, account: str, resource: str) -> Condition | None:
        """See :meth:`Host.may_bind`. The owner of the account decides again when the session comes."""
        if self.life is None:
            raise EngineFailed(_AWAY)
        connected = [row.key for row in await self.rows(account, (stored_records.SESSION,))]
        if self.life is None:
            raise EngineFailed(_AWAY)
        return may_bind_beside(connected, account, resource, self.settings.policy)

    def session(self, resource: str) -> SessionId:
        """Return a new session; its epoch names this node.

        :raises EngineFailed: if this node has no number. Ask :meth:`may_bind` before.
        """
        if self.life is None:
            raise EngineFailed(_AWAY)
        self._epoch += 1
        return SessionId(resource, epoch_of(self.life.number, self._epoch))

    def settled(self, account: str, session: SessionId, items: Sequence[object]) -> None:
        """See :meth:`Host.settled`."""
        if self.life is not None:
            self.life.gateway.settled(account, session, items)

    def end_session(
        self, account: str, session: SessionId, items: Sequence[object] = (), done: Done | None = None
    ) -> None:
        """See :meth:`Host.end_session`."""
        if self.life is not None:
            self.life.gateway.end_session(account, session, items, done)
        elif done is not None:
            done()

    async def take_over(self, account: str, previous: str) -> bool:
        """See :meth:`Host.take_over`. The node that has the session may need a moment to give it up."""
        return await self._repeated("take", account, {"id": previous}) == "taken"

    def park(self, account: str, session: SessionId, id: str) -> None:
        """See :meth:`Host.park`."""
        if self.life is not None:
            self.life.gateway.park(account, session, id)

    # --- components and services --------------------------------------------------------------------------------

    def component_connected(self, domain: str, done: Done) -> None:
        """See :meth:`Host.component_connected`."""
        if self.life is not None:
            self._append(queue_of(domain), ComponentConnected(domain, self.life.number), done)

    def component_lost(self, domain: str) -> None:
        """See :meth:`Host.component_lost`."""
        if self.life is not None:
            self._append(queue_of(domain), ComponentLost(domain, self.life.number))

    def pass_on(self, stanza: Stanza) -> Condition | None:
        """See :meth:`Host.pass_on`."""
        if self.life is None:
            return Condition.INTERNAL_SERVER_ERROR
        found = placed_stanza(stanza, self.life.domains, self.ids, self.clock())
        if found is None:
            return Condition.REMOTE_SERVER_NOT_FOUND
        self.life.appender.append([found])
        return None

    def send(self, stanza: Stanza) -> None:
        """See :meth:`Host.send`.

        :raises ValueError: if 'to' or 'from' is absent or malformed.
        """
        self.pass_on(stanza)

    # --- accounts -----------------------------------------------------------------------------------------------

    async def rows(self, account: str, kinds: Collection[str]) -> tuple[Row, ...]:
        """See :meth:`Host.rows`."""
        return (await self.engine.load(None, account, kinds)).rows

    async def credentials(self, account: str) -> Credentials | None:
        """See :meth:`Host.credentials`."""
        return keys_of(account, await self.rows(account, (stored_records.CREDENTIALS,)))

    async def accounts(self) -> AsyncIterator[str]:
        """See :meth:`Host.accounts`."""
        async for each in scan(self.engine, stored_records.ROSTER):
            yield each.account

    async def shared_secret(self, proposed: str) -> str:
        """Return the secret that all nodes share. It is the proposed one if there was none.

        :raises EngineFailed: if nobody can tell now.
        """
        domain = self.domains[0]
        found = await self.rows(domain, (SECRET,))
        return found[0].text if found else str(await self._call("secret", domain, {"proposed": proposed}))

    async def create_account(self, account: str, credentials: Credentials | None) -> bool:
        """See :meth:`Host.create_account`."""
        keys = None if credentials is None else credentials.to_text()
        answer = await self._repeated("create", account, {"keys": keys})
        if answer == "later":
            raise EngineFailed(
                f"create {account}: a client of the account that was removed is still connected; try again"
            )
        return bool(answer)

    async def remove_account(self, account: str, farewell: IQ | None = None) -> bool:
        """See :meth:`Host.remove_account`."""
        said = {} if farewell is None else {"farewell": write_stanza(farewell).decode()}
        return bool(await self._call("remove", account, said))

    async def set_credentials(self, account: str, credentials: Credentials) -> bool:
        """See :meth:`Host.set_credentials`."""
        return bool(await self._call("set-keys", account, {"keys": credentials.to_text()}))

    async def import_account(self, account: str, puts: Sequence[Put], *, replace: bool) -> Imported:
        """See :meth:`Host.import_account`."""
        rows = await asyncio.to_thread(stored_records.rows_of, puts)
        written: list[JSON] = [[row.kind, row.key, row.text, row.size] for row in rows]
        try:
            await self._call("import", account, {"rows": written, "replace": replace}, _REFUSALS)
        except CallRefused as refused:
            return Imported(refused.reason)
        return Imported.DONE

    async def inspected(self, account: str) -> Data | None:
        """See :meth:`Host.inspected`."""
        return cast(Data | None, await self._call("inspect", account, {}))

    async def _repeated(self, operation: str, account: str, arguments: Mapping[str, JSON]) -> JSON:
        """Call again for some seconds if the answer is ``later``."""
        until, pause = monotonic() + self.settings.take_seconds, FIRST_PAUSE
        while (answer := await self._call(operation, account, arguments)) == "later" and monotonic() < until:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_TAKE_PAUSE)
        return answer

    async def _call(
        self, operation: str, account: str, arguments: Mapping[str, JSON], refusals: Collection[str] = ()
    ) -> JSON:
        """Let the owner of an account perform a call, and return its value.

        :param refusals: the reasons for which the caller expects that the call may be refused.
        :raises CallRefused: for one of these reasons.
        :raises EngineFailed: if it was not done, or nobody has answered.
        """
        life = self.life
        if life is None:
            raise EngineFailed(_AWAY)
        id = self.ids()
        entry = Called(id, life.number, self.clock(), operation, account, arguments)
        try:
            return await life.calls.call(id, f"{operation} {account}", lambda: self._append(queue_of(account), entry))
        except CallRefused as refused:
            if refused.reason in refusals:
                raise
            raise EngineFailed(f"{operation} {account}: the owner of the account could not do it") from None

    def figures(self) -> Figures:
        """See :meth:`Host.figures`."""
        life = self.life
        if life is None:
            return Figures(0, 0, 0, 0, 0, self.counts)
        accounts = sum([each.accounts for each in self.partitions().values()])
        waiting = life.appender.waiting
        return Figures(accounts, 0, waiting, 0, waiting, self.counts)

    def partitions(self) -> Mapping[int, PartitionFigures]:
        """Return the figures of the partitions that this node owns."""
        return {} if self.life is None else self.life.figures()


_outbound: Final = unchecked(Outbound)

_REFUSALS: Final = frozenset([each.value for each in Imported])


def _is_request(event: ServiceEvent) -> bool:
    """Whether an event is a client's stanza whose sender waits for an answer, or would miss an error."""
    if not isinstance(event, ForAccount) or not isinstance(event.event, Outbound):
        return False
    stanza = event.event.stanza
    return not isinstance(stanza, Presence) and may_be_answered(stanza)
