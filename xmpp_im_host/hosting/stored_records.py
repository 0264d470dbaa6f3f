"""The core's records as rows of the engine, and back. A damaged row costs that row alone, and the log names it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from xmpp_im_core.host import Messages, Operations, Stored
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import DEFAULT
from xmpp_im_core.server import PLAIN, Account, Clear, Delete, Kind, Put, StoreOperation
from xmpp_im_core.snapshot import Loaded, dump_record, load_records
from xmpp_im_core.stanza import Message
from xmpp_im_host.log import log
from xmpp_im_host.storage.records import Change, Found, Remove, RemoveKind, Row, Write

ACCOUNT: Final = tuple([kind.value for kind in Kind if kind not in (Kind.OFFLINE, Kind.OUTBOX)])
"""The kinds of row that are read when an account is loaded."""
OFFLINE: Final = Kind.OFFLINE.value
OUTBOX: Final = Kind.OUTBOX.value
ROSTER: Final = Kind.ROSTER.value
"""Each account has exactly one row of this kind."""
WAKE: Final = Kind.WAKE.value
SESSION: Final = Kind.SESSION.value
REPLACED: Final = Kind.REPLACED.value
CREDENTIALS: Final = "credentials"
"""The kind of the row with the keys of an account; the core knows nothing of it."""

_MANY: Final = 200
"""With more rows than this, reading them is left to a thread, so that the event loop goes on."""
_WITH_STANZAS: Final = frozenset({Kind.OFFLINE, Kind.OUTBOX, Kind.NOTICE})
"""The kinds whose errors may quote a stanza. The log does not repeat them."""


def changes_of(operations: Operations) -> tuple[Change, ...]:
    """Return the operations of the core as changes of rows.

    :raises SnapshotError: if a value cannot be written.
    """
    return tuple([_change(account, operation) for account, operation in operations])


def rows_of(puts: Iterable[Put]) -> tuple[Row, ...]:
    """Return records as rows.

    :raises SnapshotError: if a value cannot be written.
    """
    return tuple([_row(put) for put in puts])


def _row(put: Put) -> Row:
    return Row(put.kind.value, put.key, dump_record(put), _size(put))


def _change(account: str, operation: StoreOperation) -> Change:
    kind = operation.kind.value
    if isinstance(operation, Put):
        return Write(account, _row(operation))
    if isinstance(operation, Delete):
        return Remove(account, kind, operation.key)
    assert isinstance(operation, Clear)
    return RemoveKind(account, kind)


def _size(put: Put) -> int:
    return put.value.size() if put.kind is Kind.OFFLINE and isinstance(put.value, Message) else 0


async def stored(account: str, found: Found) -> Stored:
    """Return the result of loading :data:`ACCOUNT` and counting :data:`OFFLINE`."""
    loaded = await _loaded(account, found.rows)
    offline = found.sums[OFFLINE]
    return Stored(loaded.records, offline.rows, offline.size, loaded.damaged)


async def account_of_rows(account: str, rows: Sequence[Row]) -> Account | None:
    """Return the account that rows of the kinds :data:`ACCOUNT` make, without its sessions; None if there is none."""
    if not rows:
        return None
    loaded = await _loaded(account, rows)
    stored = Stored(loaded.records, damaged=loaded.damaged).loaded(datetime.now(UTC), uuid4().hex)
    state = PLAIN.reduce(PLAIN.start(parse_jid(account)), stored, DEFAULT).state
    return state if isinstance(state, Account) else None


async def messages(account: str, rows: Sequence[Row]) -> Messages:
    """Return the stored messages among these rows, each with its key."""
    loaded = await _loaded(account, rows)
    return tuple([(put.key, put.value) for put in loaded.records if isinstance(put.value, Message)])


async def puts(account: str, rows: Sequence[Row]) -> tuple[Put, ...]:
    """Return the records of these rows, without the damaged ones."""
    return (await _loaded(account, rows)).records


async def damaged(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return the names of the damaged rows among these, and why they cannot be read."""
    read = [(Kind(row.kind), row.key, row.text) for row in rows if row.kind != CREDENTIALS]
    found = await asyncio.to_thread(load_records, read)
    return [{"kind": each.kind.value, "key": each.key, "reason": each.reason} for each in found.damaged]


async def _loaded(account: str, rows: Sequence[Row]) -> Loaded:
    read = [(Kind(row.kind), row.key, row.text) for row in rows]
    loaded = load_records(read) if len(read) <= _MANY else await asyncio.to_thread(load_records, read)
    for each in loaded.damaged:
        reason = {} if each.kind in _WITH_STANZAS else {"reason": each.reason}
        log(logging.ERROR, "record damaged", account=account, kind=each.kind.value, key=each.key, **reason)
    return loaded


def accounts_of(changes: Iterable[Change]) -> frozenset[str]:
    """Return the accounts whose rows are changed."""
    return frozenset([change.account for change in changes])
