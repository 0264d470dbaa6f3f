"""Reading the entries of queues, which :mod:`.entry_writing` has written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast, get_args

from xmpp_im_core.event import Decision
from xmpp_im_core.server import Arrived, ForAccount, Inbound, Outbound, SessionId
from xmpp_im_core.server.service.events import ArrivedForMany, ServiceEvent
from xmpp_im_core.snapshot import from_text, load_effect
from xmpp_im_core.snapshot.errors import Refused
from xmpp_im_core.snapshot.values import expect
from xmpp_im_core.stanza import Stanza
from xmpp_im_host.cluster.entry_records import (
    Called,
    ComponentConnected,
    ComponentLost,
    Counts,
    Deposit,
    Fed,
    ForComponent,
    Forgotten,
    GatewayEnded,
    GatewayEntry,
    Missing,
    Park,
    Parked,
    PartitionEntry,
    Perform,
    QueueEntry,
    Replied,
    SessionGone,
    Taken,
    Wanted,
)
from xmpp_im_host.cluster.own_entries import OwnEntries
from xmpp_im_host.cluster.stanza_reader import StanzaReader

ReadStanza: TypeAlias = Callable[[bytes | str], Stanza]


class DamagedEntry(ValueError):
    """The bytes are not an entry. The message says why."""


class EntryReader:
    """Reads many entries; this is much faster than a reader for each."""

    def __init__(self, own: OwnEntries | None = None) -> None:
        """Begin.

        :param own: the entries that need not be parsed, because this node has written them.
        """
        self._own = OwnEntries() if own is None else own
        self._stanzas = StanzaReader()

    def any_entry(self, data: bytes) -> QueueEntry:
        """Read what :func:`dump_entry` wrote.

        :raises DamagedEntry: if the data is anything else.
        """
        own = self._own.take(data)
        if own is not None:
            return own
        line, found, body = data.partition(b"\n")
        kind, _, header = line.partition(b" ")
        reader = _READERS.get(kind)
        if reader is None or not found:
            raise DamagedEntry(f"no entry begins like this: {line[:40]!r}")
        try:
            fields = [None] if header == b"[null]" else _from_json(header.decode())  # the header of most deliveries
            expect(list, fields, "a list")
            return reader(self._stanzas.read, body, *fields)
        except (ValueError, TypeError, RecursionError) as error:
            raise DamagedEntry(f"{kind.decode()}: {error}") from None

    def partition_entry(self, data: bytes) -> PartitionEntry:
        """Read an entry of the queue of a partition.

        :raises DamagedEntry: if the data is anything else.
        """
        entry = self.any_entry(data)
        if type(entry) in _OF_GATEWAYS:
            raise DamagedEntry(f"{type(entry).__name__} does not belong into the queue of a partition")
        return cast(PartitionEntry, entry)

    def gateway_entry(self, data: bytes) -> GatewayEntry:
        """Read an entry of the queue of a gateway.

        :raises DamagedEntry: if the data is anything else.
        """
        entry = self.any_entry(data)
        if type(entry) not in _OF_GATEWAYS:
            raise DamagedEntry(f"{type(entry).__name__} does not belong into the queue of a gateway")
        return cast(GatewayEntry, entry)


_OF_GATEWAYS: Final = frozenset(get_args(GatewayEntry))


def load_entry(data: bytes) -> QueueEntry:
    """Read one entry; see :meth:`EntryReader.any_entry`."""
    return EntryReader().any_entry(data)


def load_partition_entry(data: bytes) -> PartitionEntry:
    """Read one entry; see :meth:`EntryReader.partition_entry`."""
    return EntryReader().partition_entry(data)


def load_gateway_entry(data: bytes) -> GatewayEntry:
    """Read one entry; see :meth:`EntryReader.gateway_entry`."""
    return EntryReader().gateway_entry(data)


_from_json: Final = json.JSONDecoder().decode


# --- the kinds ----------------------------------------------------------------------------------------------------


def _texts(*values: Any) -> None:
    for value in values:
        expect(str, value, "a string")


def _session(value: Any) -> SessionId:
    resource, epoch = value
    expect(str, resource, "a resource")
    expect(int, epoch, "an epoch")
    return SessionId(resource, epoch)


def _outbound(read: ReadStanza, body: bytes, jid: Any, at: Any, seq: Any, session: Any, decision: Any) -> Fed:
    _texts(jid, seq)
    event = Outbound(datetime.fromisoformat(at), seq, _session(session), read(body))
    return Fed(ForAccount(jid, event, _decision(decision)))


def _inbound(read: ReadStanza, body: bytes, jid: Any, at: Any, seq: Any, own: Any, decision: Any) -> Fed:
    _texts(jid, seq)
    event = Inbound(datetime.fromisoformat(at), seq, read(body), _decision(own))
    return Fed(ForAccount(jid, event, _decision(decision)))


def _arrived(read: ReadStanza, body: bytes, at: Any, seq: Any, decision: Any) -> Fed:
    _texts(seq)
    return Fed(Arrived(datetime.fromisoformat(at), seq, read(body), _decision(decision)))


def _arrived_for_many(read: ReadStanza, body: bytes, at: Any, seq: Any, recipients: Any, stored: Any) -> Fed:
    _texts(seq)
    return Fed(ArrivedForMany(datetime.fromisoformat(at), seq, read(body), tuple(recipients), stored))


def _event(read: ReadStanza, body: bytes) -> Fed:
    event = from_text(body.decode())
    if not isinstance(event, get_args(ServiceEvent)):
        raise Refused(f"{type(event).__name__} is not an event of a service")
    return Fed(event)


def _decision(name: Any) -> Decision:
    decision = _DECISIONS.get(name)
    if decision is None:
        raise Refused(f"{name!r} is not a decision")
    return decision


_DECISIONS: Final = MappingProxyType(Decision.__members__)


def _component(kind: type[Any]) -> Callable[[ReadStanza, bytes, Any, Any], Any]:
    def component(read: ReadStanza, body: bytes, domain: Any, gateway: Any) -> Any:
        _texts(domain)
        expect(int, gateway, "a number")
        return kind(domain, gateway)

    return component


def _for_component(read: ReadStanza, body: bytes, domain: Any) -> ForComponent:
    _texts(domain)
    return ForComponent(domain, load_effect(body, read))


def _gateway_ended(read: ReadStanza, body: bytes, number: Any, at: Any, seq: Any) -> GatewayEnded:
    expect(int, number, "a number")
    _texts(seq)
    return GatewayEnded(number, _time(at), seq)


def _time(text: Any) -> datetime:
    at = datetime.fromisoformat(text)
    if at.utcoffset() is None:
        raise Refused(f"{text!r} is a time without an offset from UTC")
    return at


def _called(
    read: ReadStanza, body: bytes, id: Any, gateway: Any, at: Any, operation: Any, account: Any, arguments: Any
) -> Called:
    _texts(id, operation, account)
    expect(int, gateway, "a number")
    expect(dict, arguments, "an object")
    return Called(id, gateway, _time(at), operation, account, arguments)


def _perform(read: ReadStanza, body: bytes, sessions: Any) -> Perform:
    return Perform(load_effect(body, read), None if sessions is None else tuple([_session(each) for each in sessions]))


def _replied(read: ReadStanza, body: bytes, id: Any, value: Any, error: Any) -> Replied:
    _texts(id)
    if error is not None:
        _texts(error)
    return Replied(id, value, error)


def _session_gone(read: ReadStanza, body: bytes, gateway: Any, position: Any) -> SessionGone:
    expect(int, gateway, "a number")
    expect(int, position, "a number")
    ended = from_text(body.decode())
    if not isinstance(ended, ForAccount):
        raise Refused(f"{type(ended).__name__} is not an event of an account")
    return SessionGone(ended, gateway, position)


def _park(read: ReadStanza, body: bytes, account: Any, session: Any, gateway: Any, id: Any) -> Park:
    _texts(account, id)
    expect(int, gateway, "a number")
    return Park(account, _session(session), gateway, id)


def _deposit(
    read: ReadStanza,
    body: bytes,
    account: Any,
    session: Any,
    gateway: Any,
    id: Any,
    until: Any,
    counts: Any,
    performs: Any,
) -> Deposit:
    _texts(account, id, *performs)
    expect(int, gateway, "a number")
    entries = tuple([each.encode() for each in performs])
    return Deposit(account, _session(session), gateway, id, _time(until), _counts(counts), entries)


def _of_session(kind: type[Any]) -> Callable[[ReadStanza, bytes, Any, Any], Any]:
    def of_session(read: ReadStanza, body: bytes, account: Any, session: Any) -> Any:
        _texts(account)
        return kind(account, _session(session))

    return of_session


def _missing(read: ReadStanza, body: bytes, account: Any, id: Any, gateway: Any) -> Missing:
    _texts(account, id)
    expect(int, gateway, "a number")
    return Missing(account, id, gateway)


def _taken(read: ReadStanza, body: bytes, account: Any, session: Any, id: Any, counts: Any) -> Taken:
    _texts(account, id)
    return Taken(account, _session(session), id, _counts(counts))


def _wanted(read: ReadStanza, body: bytes, account: Any, id: Any) -> Wanted:
    _texts(account, id)
    return Wanted(account, id)


def _counts(value: Any) -> Counts:
    for each in value:
        expect(int, each, "a number")
    return Counts(*value)


_READERS: Final[Mapping[bytes, Callable[..., QueueEntry]]] = MappingProxyType(
    {
        b"outbound": _outbound,
        b"inbound": _inbound,
        b"arrived": _arrived,
        b"arrived-for-many": _arrived_for_many,
        b"event": _event,
        b"for-component": _for_component,
        b"component-connected": _component(ComponentConnected),
        b"component-lost": _component(ComponentLost),
        b"gateway-ended": _gateway_ended,
        b"called": _called,
        b"perform": _perform,
        b"replied": _replied,
        b"session-gone": _session_gone,
        b"forgotten": _of_session(Forgotten),
        b"park": _park,
        b"deposit": _deposit,
        b"missing": _missing,
        b"parked": _of_session(Parked),
        b"taken": _taken,
        b"wanted": _wanted,
    }
)
