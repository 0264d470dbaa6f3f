"""Entries of queues as bytes.

An entry is written as its kind and a header in JSON, in one line, then the bytes of its stanza if it has one. The
stanzas of clients and of other partitions, which are nearly all entries, have a short form. Other events are written in
the form of :mod:`xmpp_im_core.snapshot`, and effects in that of :mod:`xmpp_im_core.snapshot.effect_wire`.

During a rolling upgrade, nodes of two releases read what the other ones write. So a release reads a new form before the
release after it writes that form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from xmpp_im_core.event import Decision
from xmpp_im_core.server import Arrived, ForAccount, Inbound, Outbound
from xmpp_im_core.server.service.events import ArrivedForMany
from xmpp_im_core.snapshot import SnapshotError, dump_effect, to_text
from xmpp_im_core.snapshot.errors import Refused
from xmpp_im_core.snapshot.values import json_text, write_stanza_bytes
from xmpp_im_host.cluster.entry_records import (
    Called,
    ComponentConnected,
    ComponentLost,
    Deposit,
    Fed,
    ForComponent,
    Forgotten,
    GatewayEnded,
    Missing,
    Park,
    Parked,
    Perform,
    QueueEntry,
    Replied,
    SessionGone,
    Taken,
    Wanted,
)


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


def _line(kind: str, *header: object, body: bytes = b"") -> bytes:
    return f"{kind} {_json(header)}\n".encode() + body


_json: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _dump_fed(entry: Fed) -> bytes:
    """Write an event. The usual headers are put together: that takes a third of the time of writing them as lists."""
    event = entry.event
    if type(event) is ForAccount:
        inner = event.event
        if type(inner) is Outbound:
            head, (resource, epoch) = _head("outbound", event, inner), inner.session
            header = f"{head},[{json_text(resource)},{epoch}],{_name(event.decision)}]\n"
            return header.encode() + write_stanza_bytes(inner.stanza)
        if type(inner) is Inbound:
            header = f"{_head('inbound', event, inner)},{_name(inner.decision)},{_name(event.decision)}]\n"
            return header.encode() + write_stanza_bytes(inner.stanza)
    elif type(event) is Arrived:
        body = write_stanza_bytes(event.stanza)
        return _line("arrived", event.at.isoformat(), event.seq, event.decision.name, body=body)
    elif type(event) is ArrivedForMany:
        at, body = event.at.isoformat(), write_stanza_bytes(event.stanza)
        return _line("arrived-for-many", at, event.seq, event.recipients, event.stored, body=body)
    return _line("event", body=to_text(event).encode())


def _head(kind: str, event: ForAccount, inner: Outbound | Inbound) -> str:
    return f'{kind} [{json_text(event.jid)},"{inner.at.isoformat()}",{json_text(inner.seq)}'


def _name(decision: Decision) -> str:
    return '"ASK"' if decision is _ASK else json_text(decision.name)


_ASK: Final = Decision.ASK


def _dump_for_component(entry: ForComponent) -> bytes:
    return _line("for-component", entry.domain) + dump_effect(entry.identified)


def _dump_called(entry: Called) -> bytes:
    at = entry.at.isoformat()
    return _line("called", entry.id, entry.gateway, at, entry.operation, entry.account, dict(entry.arguments))


def _dump_perform(entry: Perform) -> bytes:
    if entry.sessions is None:
        return b"perform [null]\n" + dump_effect(entry.identified)
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
        SessionGone: lambda entry: _line("session-gone", entry.gateway, entry.read, body=to_text(entry.ended).encode()),
        Forgotten: lambda entry: _line("forgotten", entry.account, entry.session),
        Park: _dump_park,
        Deposit: _dump_deposit,
        Missing: lambda entry: _line("missing", entry.account, entry.id, entry.gateway),
        Parked: lambda entry: _line("parked", entry.account, entry.session),
        Taken: _dump_taken,
        Wanted: lambda entry: _line("wanted", entry.account, entry.id),
    }
)
