"""The loop around ``serve``: what every host does, whether its storage answers at once or later.

For each event that is fed, the loop

1. runs ``serve``, and has ``store`` committed; if that fails, the event has not happened: the entity that waits for an
   answer gets an error of type wait;
2. performs ``send``, in order, on the wire;
3. feeds what resulted (a failed delivery, a stanza that could not be routed, an answer) before any other event;
4. has ``forget`` committed.

With an outbox, what is to be sent is committed together with ``store``. It is deleted after the wire has taken it and
the results have been committed. So nothing is lost when the process dies; see :meth:`Loop.recover`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar

from xmpp_im_core.event import Decision
from xmpp_im_core.host.interfaces import Clock, Ids, Operations, Wire, as_answer
from xmpp_im_core.host.job import Job
from xmpp_im_core.host.outbox import Outbox, place, strike
from xmpp_im_core.host.wake_times import WakeTimes
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.effects import (
    AS_IT_STANDS,
    Delegate,
    Deliver,
    Effect,
    EndSession,
    FanOut,
    Ignored,
    LoadOffline,
    Put,
    Route,
)
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountRemoved,
    Event,
    LoadFailed,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionDetached,
    SessionEnded,
    SessionResumed,
    TimePassed,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.server.service import (
    Arrived,
    ForAccount,
    Load,
    Served,
    Service,
    ServiceEvent,
    merged,
    not_stored,
    serve,
    unload,
)
from xmpp_im_core.server.state import SessionId
from xmpp_im_core.stanza import Condition, Stanza, error_reply, may_be_answered, stanza_error

S = TypeVar("S")
P = ParamSpec("P")


class Loop(Generic[S]):
    """The loop that ``Host`` and ``DeferredHost`` share."""

    def __init__(
        self,
        service: Service[S],
        wire: Wire,
        clock: Clock,
        ids: Ids,
        policy: Policy = DEFAULT,
        *,
        outbox: bool = False,
        at_once: int = 1000,
    ) -> None:
        """Begin with a service, usually one without accounts in memory: ``hosting("capulet.example")``.

        :param outbox: whether what is to be sent is stored until it has been handed to the wire.
        :param at_once: so many events, fed ones and what comes of them, are processed in one call at the most; the rest
            waits for the next call of any method, or of :meth:`run`.
        :raises ValueError: if ``at_once`` is less than 1.
        """
        if at_once < 1:
            raise ValueError(f"at_once: {at_once}; at least 1 is needed")
        self.service = service
        self.wire, self.clock, self.ids, self.policy = wire, clock, ids, policy
        self.outbox = Outbox() if outbox else None
        self.at_once = at_once
        self._inbox: deque[Job] = deque()
        self._wake_times = WakeTimes()
        self._open: dict[str, Job] = {}
        self._errors: list[Exception] = []
        self._running = False
        self._epoch = 0

    # --- what happens -------------------------------------------------------------------------------------

    def session(self, resource: str) -> SessionId:
        """Return a session for :meth:`bind` that no stream has had before.

        A session may be refused while it is bound (there are too many, or the account does not exist). The wire is
        told to close it then, so it has to know whose it is.

        :param resource: a prepared resourcepart; the session is refused if it is not.
        """
        self._epoch += 1
        return SessionId(resource, self._epoch)

    def bind(self, account: str, session: SessionId | str, lang: str | None = None) -> SessionId:
        """Note that a client has bound a resource (RFC 6120 §7), and return the session.

        :param account: the account's bare JID, prepared.
        :param session: what :meth:`session` returned, or a prepared resourcepart where nothing has to know it before.
        :param lang: the language of the stream.
        """
        bound = self.session(session) if isinstance(session, str) else session
        self.happened(account, SessionBound, bound, lang)
        return bound

    def receive(
        self,
        account: str,
        session: SessionId,
        stanza: Stanza,
        decision: Decision = Decision.ASK,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Take a stanza that a client has sent.

        :param decision: the service's own answer, if it is a subscription request to one of its accounts (§3.1.3).
        :param done: as for :meth:`feed`.
        """
        self.feed(ForAccount(account, Outbound(*self.stamp(), session, stanza), decision), done)

    def arrive(self, stanza: Stanza, decision: Decision = Decision.ASK, done: Callable[[], None] | None = None) -> None:
        """Take a stanza from another server or a component, which has proved the domain of its 'from'.

        :param decision: as for :meth:`receive`.
        :param done: as for :meth:`feed`.
        :raises ValueError: if 'to' is absent, or 'from' is absent or has no well-formed bare JID: the stream then
            ends with <improper-addressing/> (RFC 6120 §8.1.1.2, §8.1.2.2).
        """
        self.feed(Arrived(*self.stamp(), stanza, decision), done)

    def detach(self, account: str, session: SessionId) -> None:
        """Note that the stream of a session was lost and may be resumed (XEP-0198)."""
        self.happened(account, SessionDetached, session)

    def resume(self, account: str, session: SessionId) -> None:
        """Note that a session has a stream again."""
        self.happened(account, SessionResumed, session)

    def end(self, account: str, session: SessionId, undelivered: tuple[Deliver, ...] = ()) -> None:
        """Note that a session is over.

        :param undelivered: the deliveries that its stream took and its client did not acknowledge, in their order.
        """
        self.happened(account, SessionEnded, session, undelivered)

    def create(self, account: str) -> None:
        """Create an account. Nothing happens if it exists already."""
        self.happened(account, AccountCreated, self.ids())

    def remove(self, account: str) -> None:
        """Remove an account: tell its contacts, end its sessions, and delete everything that is stored for it."""
        self.happened(account, AccountRemoved)

    def send(self, stanza: Stanza) -> None:
        """Send a stanza of a service of the program, as the answer to ``Wire.delegate``.

        :raises ValueError: if 'to' or 'from' is absent or malformed.
        """
        to = stanza.to_jid
        if to is None or stanza.from_jid is None:
            raise ValueError("stanza: 'to' and 'from' must be there, and well-formed")
        if to.domain in self.service.domains:
            self.feed(Arrived(*self.stamp(), stanza))
        else:
            self.wire.route(stanza)

    def happened(
        self,
        account: str,
        event: Callable[Concatenate[datetime, str, P], Event],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> None:
        """Take any event of an account: ``host.happened(jid, ItemSet, "romeo@montague.example", "Romeo")``.

        :param event: the class of the event; what it takes besides ``at`` and ``seq`` follows.
        """
        self.feed(ForAccount(account, event(*self.stamp(), *arguments, **named)))

    def feed(self, event: ServiceEvent, done: Callable[[], None] | None = None) -> None:
        """Take an event that you have stamped yourself; see :meth:`stamp`.

        :param done: called when the event has been processed: what it wanted stored is durable, and what it sends has
            been handed to the wire. Acknowledge what a client sent only then (XEP-0198).
        """
        self._inbox.append(Job(event, None, done))
        self.run()

    def stamp(self) -> tuple[datetime, str]:
        """Return the ``at`` and the ``seq`` of the next event."""
        return self.clock(), self.ids()

    # --- time and memory ----------------------------------------------------------------------------------

    @property
    def wake_at(self) -> datetime | None:
        """When :meth:`wake` is to be called next; None: no account wants to be woken."""
        return self._wake_times.first

    def wake(self) -> None:
        """Wake each account whose time has come (§3.1.2: requests without an answer are sent again)."""
        for jid in self._wake_times.due(self.clock()):
            self.happened(jid, TimePassed)

    def unload(self, account: str) -> bool:
        """Take an account out of memory, if it has no session and waits for nothing; its ``wake_at`` is kept.

        :return: whether it is out of memory now.
        """
        self.service = unload(self.service, account)
        return account not in self.service.accounts and account not in self.service.held

    @property
    def waiting(self) -> int:
        """How many events have been fed and not been processed. Read less from the streams while this is large."""
        return len(self._inbox)

    @property
    def ready(self) -> bool:
        """Whether :meth:`run` has something to do: one call has come to an end at ``at_once`` before all was done."""
        return bool(self._inbox)

    # --- the loop -----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Go on with what waits. Every method that feeds an event does this too.

        A wire may feed events while it is called: they are processed afterwards. What a wire or a callback raises is
        raised here after everything else has been done: a stanza then counts as not taken, and other events go on.
        """
        if self._running:
            return
        self._running = True
        try:
            for _ in range(self.at_once):
                if not self._step():
                    break
        finally:
            self._running = False
        if self._errors:
            errors, self._errors = self._errors, []
            raise errors[0] if len(errors) == 1 else ExceptionGroup("several calls of the host's ports failed", errors)

    def _step(self) -> bool:
        """Process one thing that waits; return whether there was one."""
        if not self._inbox:
            return False
        self._take(self._inbox.popleft())
        return True

    def _take(self, job: Job) -> None:
        assert job.event is not None
        self._begin(job, serve(self.service, job.event, self.policy))

    def _begin(self, job: Job, served: Served[S]) -> None:
        """Have committed what an event wants stored; what is to be sent follows when that is done."""
        operations = served.store if self.outbox is None else self.outbox.first_commit(job, served)
        if operations:
            job.before, job.served = self.service, served
            self._commit(job, operations)
        else:
            self.service = served.state
            self._perform(job, served)

    def _committed(self, job: Job) -> None:
        """Go on with an event: what it wanted stored is durable now."""
        served = job.served
        assert served is not None
        self.service = served.state if job.before is self.service else merged(self.service, served)
        self._perform(job, served)

    def _perform(self, job: Job, served: Served[S]) -> None:
        """Perform the effects of an event, and take up what came of them."""
        self._wake_times.note(served)
        if served.holds or served.releases:
            self._note_held(job, served)
        if self.outbox is not None:
            self.outbox.note(job, served)
        try:
            self.observe(served)
        except Exception as error:
            self._errors.append(error)
        caused: list[Job] = []
        for n, (account, effect) in enumerate(served.send):
            try:
                came = _PERFORM[type(effect)](self, account, effect)
            except Exception as error:
                self._errors.append(error)
                came = self._broken(account, effect)
            if came is not None:
                caused.append(Job(came, None if self.outbox is None else place(job, n, account, effect)))
        if caused:
            job.open += len(caused)
            for each in caused:
                each.completes = (job,)
            self._inbox.extendleft(reversed(caused))
        last = served.forget if self.outbox is None else self.outbox.last_commit(job, served, caused)
        if last:
            job.served = served
            self._forget(job, last)
        else:
            self._finished(job)

    def _note_held(self, job: Job, served: Served[S]) -> None:
        """Note which events have something held."""
        seq = job.seq
        for _, cause in served.holds:
            owner = job if cause == seq else self._open.get(cause)
            if owner is not None:  # else the program has begun with a service that held something
                owner.open += 1
                self._open[cause] = owner
        job.completes += tuple([self._open[cause] for cause in served.releases if cause in self._open])

    def _failed(self, job: Job) -> None:
        """Answer with an error: what the event wanted stored could not be. What comes of that wants nothing stored."""
        if job.failed:
            self._finished(job)
            return
        assert job.event is not None
        job.failed = True
        job.event = not_stored(*self.stamp(), job.event)
        self._take(job)

    def observe(self, served: Served[S]) -> None:
        """Override this to see what each event came to: its steps and their rules, for a log or a test.

        It is called before ``send`` is performed; what the event wanted stored is durable by then.
        """

    def _finished(self, job: Job) -> None:
        """Note that all commits of an event have ended, and say so if nothing of it is under way or held."""
        if job.open == 1 and not job.completes:  # as nearly always
            self._say_done(job)
            return
        for each in (job, *job.completes):
            each.open -= 1
            if not each.open:
                if each.event is not None:
                    self._open.pop(each.seq, None)
                self._say_done(each)

    def _say_done(self, job: Job) -> None:
        if job.done is not None:
            try:
                job.done()
            except Exception as error:
                self._errors.append(error)

    @abstractmethod
    def _commit(self, job: Job, operations: Operations) -> None:
        """Commit; ``_committed`` or ``_failed`` follows."""

    @abstractmethod
    def _forget(self, job: Job, operations: Operations) -> None:
        """Commit the removal of what has been handed over; ``_finished`` follows either way."""

    @abstractmethod
    def _load(self, account: str, effect: Load | LoadOffline) -> ServiceEvent | None:
        """Read from the storage: return the answer, or None if it is fed later."""

    # --- after a crash ------------------------------------------------------------------------------------

    def recover(self, owed: Iterable[tuple[str, Put]]) -> None:
        """Do what the outbox still holds: call this once, after a start and before anything else is fed.

        A stanza for another server is routed, again perhaps. No session has survived, so a delivery counts as one
        that failed for all of its sessions: a message is stored, or answered with an error.

        :param owed: the records of kind ``OUTBOX``, in the order in which they were put.
        """
        for account, put in owed:
            effect, settles = put.value, (account, put.key)
            came: ServiceEvent | None = None
            if isinstance(effect, Deliver):
                came = ForAccount(account, Undelivered(*self.stamp(), effect, effect.sessions))
            elif isinstance(effect, Route):
                came = self._route(account, effect)
            elif isinstance(effect, FanOut):
                came = self._fan_out(account, effect)
            if came is None:
                self._forget(Job(None), (strike(settles),))
            else:
                self._inbox.append(Job(came, settles))
        self.run()

    # --- performing effects -------------------------------------------------------------------------------

    def _deliver(self, account: str, effect: Deliver) -> ServiceEvent | None:
        lost: list[SessionId] = []
        for id in effect.sessions:
            try:
                if not self.wire.deliver(account, id, _addressed(account, id, effect), effect):
                    lost.append(id)
            except Exception as error:
                self._errors.append(error)
                lost.append(id)
        if not lost:
            return None
        return ForAccount(account, Undelivered(*self.stamp(), effect, tuple(lost)))

    def _route(self, account: str, effect: Route) -> ServiceEvent | None:
        condition = self.wire.route(effect.stanza)
        if condition is None:
            return None
        return ForAccount(account, Unroutable(*self.stamp(), effect, condition))

    def _fan_out(self, account: str, effect: FanOut) -> ServiceEvent | None:
        lost = self.wire.fan_out(effect.stanza, effect.recipients)
        if not lost:
            return None
        condition = next(iter(lost.values()))
        return ForAccount(account, Unroutable(*self.stamp(), effect, condition, tuple(lost)))

    def _broken(self, account: str, effect: Effect | Load) -> ServiceEvent | None:
        """Return what comes of an effect whose port has raised: it may come twice, but is not lost."""
        if isinstance(effect, Route | FanOut):
            recipients = effect.recipients if isinstance(effect, FanOut) else ()
            return ForAccount(account, Unroutable(*self.stamp(), effect, Condition.INTERNAL_SERVER_ERROR, recipients))
        if isinstance(effect, Load):
            return ForAccount(account, LoadFailed(*self.stamp()))
        if isinstance(effect, LoadOffline):
            return ForAccount(account, OfflineLoaded(*self.stamp(), effect.session, ()))
        return None

    def _close(self, account: str, effect: EndSession) -> None:
        self.wire.close(account, effect.session, effect.condition)

    def _delegate(self, account: str, effect: Delegate) -> ServiceEvent | None:
        iq = effect.iq if effect.iq.to is not None else effect.iq.stamped(to=parse_address(account))
        try:
            answer = self.wire.delegate(account, effect.iq)
            if answer is not None:
                self.send(as_answer(iq, answer))
        except Exception as error:
            self._errors.append(error)
            if may_be_answered(iq):  # each of these is answered, whatever a service stumbles over (RFC 6120 §8.2.3)
                self.send(error_reply(iq, stanza_error(Condition.INTERNAL_SERVER_ERROR)))
        return None

    def _ask(self, account: str, effect: Load | LoadOffline) -> ServiceEvent | None:
        return self._load(account, effect)

    def _nothing(self, account: str, effect: Ignored) -> None:
        return None


def _addressed(account: str, session: SessionId, effect: Deliver) -> Stanza:
    if effect.address is AS_IT_STANDS:
        return effect.stanza
    return effect.stanza.stamped(to=parse_address(f"{account}/{session.resource}"))


# The effects' classes and their methods correspond one to one, which the type of a mapping cannot say.
_PERFORM: Final[Mapping[type, Callable[[Any, str, Any], ServiceEvent | None]]] = MappingProxyType(
    {
        Deliver: Loop._deliver,
        Route: Loop._route,
        FanOut: Loop._fan_out,
        EndSession: Loop._close,
        Delegate: Loop._delegate,
        Load: Loop._ask,
        LoadOffline: Loop._ask,
        Ignored: Loop._nothing,
    }
)
