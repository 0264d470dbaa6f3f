"""Performing effects: a host writes to its wire, and gets the event that reports a failure or an answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from xmpp_im_core.host.inputs import Inputs
from xmpp_im_core.host.interfaces import Clock, Ids, Wire, as_answer
from xmpp_im_core.jid import parse_address
from xmpp_im_core.server.effects import (
    AS_IT_STANDS,
    Delegate,
    Deliver,
    Effect,
    EndSession,
    FanOut,
    Ignored,
    LoadOffline,
    Route,
)
from xmpp_im_core.server.events import LoadFailed, OfflineLoaded, Undelivered, Unroutable
from xmpp_im_core.server.service.events import Arrived, ForAccount, ServiceEvent
from xmpp_im_core.server.service.serving import Load, Service
from xmpp_im_core.server.state import SessionId
from xmpp_im_core.stanza import Condition, Stanza, error_reply, may_be_answered, stanza_error

S = TypeVar("S")


class EffectPerformer(Inputs, Generic[S]):
    """The part of a host that performs effects. Each method returns the event that results, or None."""

    def __init__(self, service: Service[S], wire: Wire, clock: Clock, ids: Ids) -> None:
        super().__init__(clock, ids)
        self.service, self.wire = service, wire
        self._errors: list[Exception] = []

    def send(self, stanza: Stanza) -> None:
        """Send a stanza of a service of the program, such as a later answer to ``Wire.delegate``.

        :raises ValueError: if 'to' or 'from' is absent or malformed.
        """
        to = stanza.to_jid
        if to is None or stanza.from_jid is None:
            raise ValueError("stanza: 'to' and 'from' are needed, and must be well-formed")
        if to.domain in self.service.domains:
            self.feed(Arrived(*self.stamp(), stanza))
        else:
            self.wire.route(stanza)

    def _result_of_raising(self, account: str, effect: Effect | Load) -> ServiceEvent | None:
        """Return the event that reports an effect whose method raised: a stanza may be sent twice, but is not lost."""
        if isinstance(effect, Route | FanOut):
            recipients = effect.recipients if isinstance(effect, FanOut) else ()
            return ForAccount(account, Unroutable(*self.stamp(), effect, Condition.INTERNAL_SERVER_ERROR, recipients))
        if isinstance(effect, Load):
            return ForAccount(account, LoadFailed(*self.stamp()))
        if isinstance(effect, LoadOffline):
            return ForAccount(account, OfflineLoaded(*self.stamp(), effect.session, ()))
        return None

    def _deliver(self, account: str, effect: Deliver) -> ServiceEvent | None:
        """Write a stanza to the streams of sessions; report the sessions whose stream did not take it."""
        lost: list[SessionId] = []
        for id in effect.sessions:
            try:
                if not self.wire.deliver(account, id, addressed(account, id, effect), effect):
                    lost.append(id)
            except Exception as error:
                self._errors.append(error)
                lost.append(id)
        if not lost:
            return None
        return ForAccount(account, Undelivered(*self.stamp(), effect, tuple(lost)))

    def _route(self, account: str, effect: Route) -> ServiceEvent | None:
        """Send a stanza to another server; report the reason if it could not be sent."""
        condition = self.wire.route(effect.stanza)
        if condition is None:
            return None
        return ForAccount(account, Unroutable(*self.stamp(), effect, condition))

    def _fan_out(self, account: str, effect: FanOut) -> ServiceEvent | None:
        """Send a stanza to many recipients; report those to whom it could not be sent."""
        lost = self.wire.fan_out(effect.stanza, effect.recipients)
        if not lost:
            return None
        condition = next(iter(lost.values()))
        return ForAccount(account, Unroutable(*self.stamp(), effect, condition, tuple(lost)))

    def _close(self, account: str, effect: EndSession) -> None:
        """Close the stream of a session."""
        self.wire.close(account, effect.session, effect.condition)

    def _delegate(self, account: str, effect: Delegate) -> ServiceEvent | None:
        """Let a service of the program answer an IQ. Answer with an error if the service raises (RFC 6120 §8.2.3)."""
        iq = effect.iq if effect.iq.to is not None else effect.iq.stamped(to=parse_address(account))
        try:
            answer = self.wire.delegate(account, effect.iq)
            if answer is not None:
                self.send(as_answer(iq, answer))
        except Exception as error:
            self._errors.append(error)
            if may_be_answered(iq):
                self.send(error_reply(iq, stanza_error(Condition.INTERNAL_SERVER_ERROR)))
        return None

    def _read(self, account: str, effect: Load | LoadOffline) -> ServiceEvent | None:
        return self._load(account, effect)

    @abstractmethod
    def _load(self, account: str, effect: Load | LoadOffline) -> ServiceEvent | None:
        """Read from the storage: return the answer, or None if it is fed later."""

    def _ignore(self, account: str, effect: Ignored) -> None:
        """Do nothing: the effect says that the core ignored a stanza."""


def addressed(account: str, session: SessionId, effect: Deliver) -> Stanza:
    """Return the stanza of a delivery as this session is to see it."""
    if effect.address is AS_IT_STANDS:
        return effect.stanza
    return effect.stanza.stamped(to=parse_address(f"{account}/{session.resource}"))


# Each class of effect has the method that takes it; the type of a mapping cannot express that.
PERFORM: Final[Mapping[type, Callable[[Any, str, Any], ServiceEvent | None]]] = MappingProxyType(
    {
        Deliver: EffectPerformer._deliver,
        Route: EffectPerformer._route,
        FanOut: EffectPerformer._fan_out,
        EndSession: EffectPerformer._close,
        Delegate: EffectPerformer._delegate,
        Load: EffectPerformer._read,
        LoadOffline: EffectPerformer._read,
        Ignored: EffectPerformer._ignore,
    }
)
"""The method of :class:`EffectPerformer` that performs each class of effect."""
