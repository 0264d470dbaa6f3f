"""Write states, events, effects and stored records of servers and clients as JSON, and read them.

* ``dump`` and ``load`` convert values to JSON data and back; ``to_text`` and ``from_text`` to one line of text and
  back.
* ``dump_record`` and ``load_record`` are for hosts that keep the records of ``Put`` in a storage.
* ``dump_effect`` and ``load_effect`` are the short form of effects, for other processes.
* ``write_log`` and ``read_log`` are for an event log, one line for each event; ``replay`` repeats the steps of a log.

A loaded value equals the dumped one. Data that is not a snapshot raises ``SnapshotError``, which says where and why.
Stanzas are written as XML text.

Each file and each record begins with ``"format": 1``. Each release reads what earlier releases wrote, as the same
value, so you need not convert your storage when you upgrade. The reverse does not hold: a release may write fields that
an earlier one refuses.

Each package has a schema that lists its classes. Add one for your own package, such as an extension with its state:
``Format((*FORMAT.schemas, Schema("mine", (MyState, MyEvent))))`` has the same methods as this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar, cast, overload

from xmpp_im_core.extensions.carbons import Carbons
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.server.accounts.machine import Machine
from xmpp_im_core.server.effects import Kind, Put
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.service.serving import Owns, Service
from xmpp_im_core.server.state import State
from xmpp_im_core.snapshot.client_schema import CLIENT_SCHEMA, NOTIFICATIONS_SCHEMA
from xmpp_im_core.snapshot.effect_wire import dump_effect, load_effect
from xmpp_im_core.snapshot.errors import Refused, SnapshotError
from xmpp_im_core.snapshot.format import JSON, VERSION, Format, Loaded
from xmpp_im_core.snapshot.invariants import check_extensions
from xmpp_im_core.snapshot.log_replay import replay, replayed
from xmpp_im_core.snapshot.schema import Schema
from xmpp_im_core.snapshot.server_schema import SERVER_SCHEMA

S = TypeVar("S")
T = TypeVar("T")

EXTENSIONS_SCHEMA: Final = Schema("extensions", (Carbons,))
"""The states of the extensions that come with the core."""

FORMAT: Final = Format((SERVER_SCHEMA, EXTENSIONS_SCHEMA, CLIENT_SCHEMA, NOTIFICATIONS_SCHEMA))
"""The format of this package's own classes."""


def dump(value: object) -> dict[str, JSON]:
    """Convert a state, event, effect, record or policy to JSON data.

    :raises SnapshotError: if the value, or a part of it, is of a class that no schema lists, or a stanza in it cannot
        be written.
    """
    return FORMAT.dump(value)


@overload
def load(data: object) -> object: ...
@overload
def load(data: object, expected: type[T]) -> T: ...
def load(data: object, expected: type[Any] = object) -> Any:
    """Read what :func:`dump` wrote.

    :param expected: the class of the value. By default the value may be of any class.
    :raises SnapshotError: if the data is not what :func:`dump` writes, or the value is not of the expected class.
    """
    return FORMAT.load(data, expected)


def load_state(data: object) -> State:
    """Read the state of an account without extensions.

    :raises SnapshotError: if the data is not such a state.
    """
    value = FORMAT.load(data)
    if not isinstance(value, State):
        raise SnapshotError("$", f"{type(value).__name__} is not a state of an account")
    return value


def load_extended(data: object, machine: Machine[S]) -> S:
    """Read the state of an account with the extensions of this machine.

    :raises SnapshotError: if the data is not a state of an account, or the state has other extensions.
    """
    return _checked(FORMAT.load(data), machine)


def load_service(data: object, machine: Machine[S], owns: Owns | None = None) -> Service[S]:
    """Read a service. The machine and ``owns`` are code, so they are not in the snapshot: pass them.

    :raises SnapshotError: if the data is not a service, or an account in it has other extensions than the machine.
    """
    service = FORMAT.load(data)
    if not isinstance(service, Service):
        raise SnapshotError("$", f"{type(service).__name__} is not a service")
    accounts = FrozenMap({jid: _checked(state, machine) for jid, state in service.accounts.items()})
    return Service(service.domains, machine, accounts, service.held, owns)


def _checked(state: object, machine: Machine[S]) -> S:
    try:
        check_extensions(state, machine)
    except Refused as refused:
        raise SnapshotError("$", str(refused)) from None
    return cast(S, state)


def load_event(data: object) -> Event:
    """Read an event of an account.

    :raises SnapshotError: if the data is not such an event.
    """
    value = FORMAT.load(data)
    if not isinstance(value, Event):
        raise SnapshotError("$", f"{type(value).__name__} is not an event of an account")
    return value


def to_text(value: object) -> str:
    """Write a value as one line of JSON, in ASCII.

    :raises SnapshotError: as :func:`dump` does.
    """
    return FORMAT.to_text(value)


@overload
def from_text(text: str) -> object: ...
@overload
def from_text(text: str, expected: type[T]) -> T: ...
def from_text(text: str, expected: type[Any] = object) -> Any:
    """Read what :func:`to_text` wrote: ``from_text(text, Client)`` returns a ``Client``.

    :param expected: as in :func:`load`.
    :raises SnapshotError: as :func:`load` does, and if the text is not JSON.
    """
    return FORMAT.from_text(text, expected)


def write_log(events: Iterable[object]) -> Iterator[str]:
    """Yield events as JSON lines, each with its newline, for a host to append to its log.

    :raises SnapshotError: as :func:`dump` does.
    """
    return FORMAT.write_log(events)


def read_log(lines: Iterable[str]) -> Iterator[Event]:
    """Read the events of an account's log, line by line. ``FORMAT.read_log`` reads a log of any other values.

    :raises SnapshotError: at the first line that is not an event; its path begins with the number of the line.
    """
    for number, value in FORMAT.numbered(lines):
        if not isinstance(value, Event):
            raise SnapshotError(f"line {number}: $", f"{type(value).__name__} is not an event of an account")
        yield value


def dump_record(put: Put) -> str:
    """Write the value of a record as text, to be stored under the record's kind and key.

    :raises SnapshotError: if the value does not have the type of its kind.
    """
    return FORMAT.dump_record(put)


def load_record(kind: Kind, key: str, text: str) -> Put:
    """Read a stored record, for ``AccountLoaded``.

    :raises SnapshotError: if the text is not what :func:`dump_record` writes, or belongs to another key.
    """
    return FORMAT.load_record(kind, key, text)


def load_records(stored: Iterable[tuple[Kind, str, str]]) -> Loaded:
    """Read records. A damaged record does not prevent the others from being read.

    An account is loaded with the good records, and stored messages are delivered without the damaged ones. Tell the
    operator the names of the damaged records.

    :param stored: the kind, the key and the text of each record.
    """
    return FORMAT.load_records(stored)


__all__ = [
    "CLIENT_SCHEMA",
    "EXTENSIONS_SCHEMA",
    "FORMAT",
    "JSON",
    "NOTIFICATIONS_SCHEMA",
    "SERVER_SCHEMA",
    "VERSION",
    "Format",
    "Loaded",
    "Refused",
    "Schema",
    "SnapshotError",
    "dump",
    "dump_effect",
    "dump_record",
    "from_text",
    "load",
    "load_effect",
    "load_event",
    "load_extended",
    "load_record",
    "load_records",
    "load_service",
    "load_state",
    "read_log",
    "replay",
    "replayed",
    "to_text",
    "write_log",
]
