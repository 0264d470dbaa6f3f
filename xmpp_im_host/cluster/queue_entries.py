"""The entries of queues as bytes; the records themselves are in :mod:`.entry_records`, and may be imported from here.

An entry is written as its kind and a header in JSON, in one line, then the bytes of its stanza if it has one. The
stanzas of clients and of other partitions, which are nearly all entries, have a short form. Other events are written in
the form of :mod:`xmpp_im_core.snapshot`, and effects in that of :mod:`xmpp_im_core.snapshot.effect_wire`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, get_args

import attrs

from xmpp_im_core.event import Decision
from xmpp_im_core.server import Arrived, ForAccount, Inbound, Outbound, SessionId
from xmpp_im_core.server.service.events import ArrivedForMany, ServiceEvent
from xmpp_im_core.snapshot import SnapshotError, dump_effect, from_text, load_effect, to_text
from xmpp_im_core.snapshot.errors import Refused
from xmpp_im_core.snapshot.values import expect, read_stanza_text, write_stanza_text
from xmpp_im_core.stanza import Stanza
from xmpp_im_host.cluster.entry_records import (
    Called,
    ComponentConnected,
    ComponentLost,
    Counts,
    Deposit,
    Fed,
    ForComponent,
    GatewayEnded,
    GatewayEntry,
    Park,
    Parked,
    PartitionEntry,
    Perform,
    QueueEntry,
    Replied,
    Taken,
    Wanted,
)

__all__ = [
    "Called",
    "ComponentConnected",
    "ComponentLost",
    "Counts",
    "DamagedEntry",
    "Deposit",
    "Fed",
    "ForComponent",
    "GatewayEnded",
    "GatewayEntry",
    "Park",
    "Parked",
    "PartitionEntry",
    "Perform",
    "QueueEntry",
    "Replied",
    "Taken",
    "Wanted",
    "dump_entry",
    "load_entry",
    "load_gateway_entry",
    "load_partition_entry",
]


class DamagedEntry(ValueError):
    """The bytes are not an entry. The message says why."""


# --- writing ------------------------------------------------------------------------------------------------------


def dump_entry(entry: QueueEntry) -> bytes:
    """Write an entry.

    :raises SnapshotError: if it has a stanza that cannot be written, or a value that is not JSON.
    """
    try:
        return _DUMPS[type(entry)](entry)
    except Refused as refused:
        raise SnapshotError("$", str(refused)) from None
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, SnapshotError):
            raise
        raise SnapshotError("$", f"{type(entry).__name__} cannot be written: {error}") from None


def _line(kind: str, *header: object, body: str = "") -> bytes:
    return f"{kind} {_json(header)}\n{body}".encode()


_json: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _dump_fed(entry: Fed) -> bytes:
    event = entry.event
    if type(event) is ForAccount:
        inner, jid, decision = event.event, event.jid, event.decision.name
        if type(inner) is Outbound:
            resource, epoch = inner.session
            at, body = inner.at.isoformat(), write_stanza_text(inner.stanza)
            return _line("outbound", jid, at, inner.seq, resource, epoch, decision, body=body)
        if type(inner) is Inbound:
            at, body = inner.at.isoformat(), write_stanza_text(inner.stanza)
            return _line("inbound", jid, at, inner.seq, inner.decision.name, decision, body=body)
    elif type(event) is Arrived:
        at, body = event.at.isoformat(), write_stanza_text(event.stanza)
        return _line("arrived", at, event.seq, event.decision.name, body=body)
    elif type(event) is ArrivedForMany:
        at, body = event.at.isoformat(), write_stanza_text(event.stanza)
        return _line("arrived-for-many", at, event.seq, event.recipients, event.stored, body=body)
    return _line("event", body=to_text(event))


def _dump_for_component(entry: ForComponent) -> bytes:
    return _line("for-component", entry.domain) + dump_effect(entry.identified)


def _dump_called(entry: Called) -> bytes:
    at = entry.at.isoformat()
    return _line("called", entry.id, entry.gateway, at, entry.operation, entry.account, dict(entry.arguments))


def _dump_perform(entry: Perform) -> bytes:
    return _line("perform", entry.sessions) + dump_effect(entry.identified)


def _dump_park(entry: Park) -> bytes:
    return _line("park", entry.account, entry.session, entry.gateway, entry.id)


def _dump_deposit(entry: Deposit) -> bytes:
    performs = [each.decode() for each in entry.performs]
    header = (entry.account, entry.session, entry.gateway, entry.id, entry.until.isoformat())
    return _line("deposit", *header, attrs.astuple(entry.counts), performs)


def _dump_taken(entry: Taken) -> bytes:
    return _line("taken", entry.account, entry.session, entry.id, attrs.astuple(entry.counts))


_DUMPS: Final[Mapping[type, Callable[[Any], bytes]]] = MappingProxyType(
    {
        Fed: _dump_fed,
        ForComponent: _dump_for_component,
        ComponentConnected: lambda entry: _line("component-connected", entry.domain, entry.gateway),
        ComponentLost: lambda entry: _line("component-lost", entry.domain, entry.gateway),
        GatewayEnded: lambda entry: _line("gateway-ended", entry.number, entry.at.isoformat(), entry.seq),
        Called: _dump_called,
        Perform: _dump_perform,
        Replied: lambda entry: _line("replied", entry.id, entry.value, entry.error),
        Park: _dump_park,
        Deposit: _dump_deposit,
        Parked: lambda entry: _line("parked", entry.account, entry.session),
        Taken: _dump_taken,
        Wanted: lambda entry: _line("wanted", entry.account, entry.id),
    }
)

# --- reading ------------------------------------------------------------------------------------------------------


def load_entry(data: bytes) -> QueueEntry:
    """Read what :func:`dump_entry` wrote.

    :raises DamagedEntry: if the data is anything else.
    """
    line, found, body = data.partition(b"\n")
    kind, _, header = line.partition(b" ")
    reader = _READERS.get(kind)
    if reader is None or not found:
        raise DamagedEntry(f"no entry begins like this: {line[:40]!r}")
    try:
        fields = json.loads(header)
        expect(list, fields, "a list")
        return reader(body, *fields)
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedEntry(f"{kind.decode()}: {error}") from None


def load_partition_entry(data: bytes) -> PartitionEntry:
    """Read an entry of the queue of a partition.

    :raises DamagedEntry: if the data is anything else.
    """
    entry = load_entry(data)
    if isinstance(entry, GatewayEntry):
        raise DamagedEntry(f"{type(entry).__name__} does not belong into the queue of a partition")
    return entry


def load_gateway_entry(data: bytes) -> GatewayEntry:
    """Read an entry of the queue of a gateway.

    :raises DamagedEntry: if the data is anything else.
    """
    entry = load_entry(data)
    if not isinstance(entry, GatewayEntry):
        raise DamagedEntry(f"{type(entry).__name__} does not belong into the queue of a gateway")
    return entry


def _stanza(body: bytes) -> Stanza:
    return read_stanza_text(body.decode(), Stanza)


def _texts(*values: Any) -> None:
    for value in values:
        expect(str, value, "a string")


def _session(value: Any) -> SessionId:
    resource, epoch = value
    expect(str, resource, "a resource")
    expect(int, epoch, "an epoch")
    return SessionId(resource, epoch)


def _outbound(body: bytes, jid: Any, at: Any, seq: Any, resource: Any, epoch: Any, decision: Any) -> Fed:
    _texts(jid, seq)
    event = Outbound(datetime.fromisoformat(at), seq, _session((resource, epoch)), _stanza(body))
    return Fed(ForAccount(jid, event, _decision(decision)))


def _inbound(body: bytes, jid: Any, at: Any, seq: Any, own: Any, decision: Any) -> Fed:
    _texts(jid, seq)
    event = Inbound(datetime.fromisoformat(at), seq, _stanza(body), _decision(own))
    return Fed(ForAccount(jid, event, _decision(decision)))


def _arrived(body: bytes, at: Any, seq: Any, decision: Any) -> Fed:
    _texts(seq)
    return Fed(Arrived(datetime.fromisoformat(at), seq, _stanza(body), _decision(decision)))


def _arrived_for_many(body: bytes, at: Any, seq: Any, recipients: Any, stored: Any) -> Fed:
    _texts(seq)
    return Fed(ArrivedForMany(datetime.fromisoformat(at), seq, _stanza(body), tuple(recipients), stored))


def _event(body: bytes) -> Fed:
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


def _component(kind: type[Any]) -> Callable[[bytes, Any, Any], Any]:
    def read(body: bytes, domain: Any, gateway: Any) -> Any:
        _texts(domain)
        expect(int, gateway, "a number")
        return kind(domain, gateway)

    return read


def _for_component(body: bytes, domain: Any) -> ForComponent:
    _texts(domain)
    return ForComponent(domain, load_effect(body))


def _gateway_ended(body: bytes, number: Any, at: Any, seq: Any) -> GatewayEnded:
    expect(int, number, "a number")
    _texts(seq)
    return GatewayEnded(number, _time(at), seq)


def _time(text: Any) -> datetime:
    at = datetime.fromisoformat(text)
    if at.utcoffset() is None:
        raise Refused(f"{text!r} is a time without an offset from UTC")
    return at


def _called(body: bytes, id: Any, gateway: Any, at: Any, operation: Any, account: Any, arguments: Any) -> Called:
    _texts(id, operation, account)
    expect(int, gateway, "a number")
    expect(dict, arguments, "an object")
    return Called(id, gateway, _time(at), operation, account, arguments)


def _perform(body: bytes, sessions: Any) -> Perform:
    return Perform(load_effect(body), None if sessions is None else tuple([_session(each) for each in sessions]))


def _replied(body: bytes, id: Any, value: Any, error: Any) -> Replied:
    _texts(id)
    if error is not None:
        _texts(error)
    return Replied(id, value, error)


def _park(body: bytes, account: Any, session: Any, gateway: Any, id: Any) -> Park:
    _texts(account, id)
    expect(int, gateway, "a number")
    return Park(account, _session(session), gateway, id)


def _deposit(
    body: bytes, account: Any, session: Any, gateway: Any, id: Any, until: Any, counts: Any, performs: Any
) -> Deposit:
    _texts(account, id, *performs)
    expect(int, gateway, "a number")
    entries = tuple([each.encode() for each in performs])
    return Deposit(account, _session(session), gateway, id, _time(until), _counts(counts), entries)


def _parked(body: bytes, account: Any, session: Any) -> Parked:
    _texts(account)
    return Parked(account, _session(session))


def _taken(body: bytes, account: Any, session: Any, id: Any, counts: Any) -> Taken:
    _texts(account, id)
    return Taken(account, _session(session), id, _counts(counts))


def _wanted(body: bytes, account: Any, id: Any) -> Wanted:
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
        b"park": _park,
        b"deposit": _deposit,
        b"parked": _parked,
        b"taken": _taken,
        b"wanted": _wanted,
    }
)
