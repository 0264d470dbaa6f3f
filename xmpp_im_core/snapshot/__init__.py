"""States, events, effects and stored records of servers and clients, as files.

``dump`` and ``load`` turn them into JSON data and back, ``to_text`` and ``from_text`` into one line of text;
``dump_record`` and ``load_record`` serve hosts that keep the records of ``Put`` in a storage of their own;
``write_log`` and ``read_log`` are the event log, a line an event; ``replay`` takes a log again.

Nothing is lost: what is loaded equals what was dumped. Nonsense is refused by ``SnapshotError``, which says
where it stands. Stanzas are XML text.

Each file and each record begins with ``"format": 1``. What one release has written, each later release reads, and as
the same value: you need not convert your storage when you upgrade. The reverse does not hold: a release may write
fields that an earlier one refuses.

The classes come from schemas, one for each package. A package of your own (an extension with its state) gets
one too: ``Format((*FORMAT.schemas, Schema("mine", (MyState, MyEvent))))`` has the same methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar, cast, overload

from xmpp_im_core.extensions.carbons import Carbons
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.server.accounts.machine import Machine
from xmpp_im_core.server.effects import Kind, Put
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.service.serving import Service
from xmpp_im_core.server.state import State
from xmpp_im_core.snapshot.client_schema import CLIENT, NOTIFICATIONS
from xmpp_im_core.snapshot.errors import Refused, SnapshotError
from xmpp_im_core.snapshot.format import JSON, VERSION, Format, Loaded
from xmpp_im_core.snapshot.invariants import check_extensions
from xmpp_im_core.snapshot.replaying import replay, replayed
from xmpp_im_core.snapshot.schema import Schema
from xmpp_im_core.snapshot.server_schema import SERVER

S = TypeVar("S")
T = TypeVar("T")

EXTENSIONS: Final = Schema("extensions", (Carbons,))
"""The states of the extensions that come with the core."""

FORMAT: Final = Format((SERVER, EXTENSIONS, CLIENT, NOTIFICATIONS))
"""The format of this package's own classes."""


def dump(value: object) -> dict[str, JSON]:
    """Write a state, event, effect, record or policy as JSON data.

    :raises SnapshotError: for a value of any other class.
    """
    return FORMAT.dump(value)


@overload
def load(data: object) -> object: ...
@overload
def load(data: object, expected: type[T]) -> T: ...
def load(data: object, expected: type[Any] = object) -> Any:
    """Read what :func:`dump` wrote.

    :param expected: the class of the value; without it, a value of any class is returned.
    :raises SnapshotError: for anything else.
    """
    return FORMAT.load(data, expected)


def load_state(data: object) -> State:
    """Read the state of an account.

    :raises SnapshotError: for anything else.
    """
    value = FORMAT.load(data)
    if not isinstance(value, State):
        raise SnapshotError("$", f"{type(value).__name__} is no state of an account")
    return value


def load_extended(data: object, machine: Machine[S]) -> S:
    """Read the state of an account with the extensions of this machine.

    :raises SnapshotError: for anything else, a state with other extensions included.
    """
    return _checked(FORMAT.load(data), machine)


def load_service(data: object, machine: Machine[S]) -> Service[S]:
    """Read a service, and let it run this machine: being code, that is not in the snapshot.

    :raises SnapshotError: for anything else, a service of accounts with other extensions included.
    """
    service = FORMAT.load(data)
    if not isinstance(service, Service):
        raise SnapshotError("$", f"{type(service).__name__} is no service")
    accounts = FrozenMap({jid: _checked(state, machine) for jid, state in service.accounts.items()})
    return Service(service.domains, machine, accounts, service.held)


def _checked(state: object, machine: Machine[S]) -> S:
    try:
        check_extensions(state, machine)
    except Refused as refused:
        raise SnapshotError("$", str(refused)) from None
    return cast(S, state)


def load_event(data: object) -> Event:
    """Read an event of an account.

    :raises SnapshotError: for anything else.
    """
    value = FORMAT.load(data)
    if not isinstance(value, Event):
        raise SnapshotError("$", f"{type(value).__name__} is no event of an account")
    return value


def to_text(value: object) -> str:
    """Write a value as one line of JSON.

    :raises SnapshotError: as :func:`dump`.
    """
    return FORMAT.to_text(value)


@overload
def from_text(text: str) -> object: ...
@overload
def from_text(text: str, expected: type[T]) -> T: ...
def from_text(text: str, expected: type[Any] = object) -> Any:
    """Read what :func:`to_text` wrote: ``from_text(text, Client)`` returns a ``Client``.

    :param expected: as in :func:`load`.
    :raises SnapshotError: for anything else.
    """
    return FORMAT.from_text(text, expected)


def write_log(events: Iterable[object]) -> Iterator[str]:
    """Write events as JSON lines, each with its newline: what a host appends to its log.

    :raises SnapshotError: as :func:`dump`.
    """
    return FORMAT.write_log(events)


def read_log(lines: Iterable[str]) -> Iterator[Event]:
    """Read the events of an account's log, line by line; ``FORMAT.read_log`` reads those of anything else.

    :raises SnapshotError: at the first line that holds no event; the path begins with its number.
    """
    for number, value in FORMAT.numbered(lines):
        if not isinstance(value, Event):
            raise SnapshotError(f"line {number}: $", f"{type(value).__name__} is no event of an account")
        yield value


def dump_record(put: Put) -> str:
    """Write the value of a record as text, to be stored under the record's kind and key.

    :raises SnapshotError: where the value is not of the kind's type.
    """
    return FORMAT.dump_record(put)


def load_record(kind: Kind, key: str, text: str) -> Put:
    """Read a record that was stored: what ``AccountLoaded`` takes.

    :raises SnapshotError: where the text is none, or belongs under another key.
    """
    return FORMAT.load_record(kind, key, text)


def load_records(stored: Iterable[tuple[Kind, str, str]]) -> Loaded:
    """Read records, each given by its kind, its key and its text: the good ones, and the names of those damaged.

    One damaged record stops none of the others: an account is loaded with the good ones, and stored messages are
    delivered without the damaged ones. Tell the operator their names.
    """
    return FORMAT.load_records(stored)


__all__ = [
    "CLIENT",
    "EXTENSIONS",
    "FORMAT",
    "JSON",
    "NOTIFICATIONS",
    "SERVER",
    "VERSION",
    "Format",
    "Loaded",
    "Refused",
    "Schema",
    "SnapshotError",
    "dump",
    "dump_record",
    "from_text",
    "load",
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
