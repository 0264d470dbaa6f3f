"""What changes the rows of an account besides its events, and what is told about an account."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

from xmpp_im_core.jid import parse_jid
from xmpp_im_core.rules import sessions as rules
from xmpp_im_core.server import Account, Deliver, Kind, SessionId, State, Unloaded
from xmpp_im_core.server.effects import AS_IT_STANDS
from xmpp_im_core.snapshot import dump
from xmpp_im_core.stanza import IQ
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.hosting.exporting import Data
from xmpp_im_host.log import log
from xmpp_im_host.storage.errors import EngineFailed
from xmpp_im_host.storage.records import Change, RemoveKind, Row, Write

_REPLACED: Final = (Kind.ROSTER, Kind.CONTACT, Kind.BLOCKED)
"""The kinds of record that an import replaces."""


def key_changes(account: str, credentials: Credentials | None) -> tuple[Change, ...]:
    """Return the changes that give an account these keys, or none."""
    if credentials is None:
        return (RemoveKind(account, stored_records.CREDENTIALS),)
    return (Write(account, Row(stored_records.CREDENTIALS, "", credentials.to_text())),)


def keys_of(account: str, rows: Sequence[Row]) -> Credentials | None:
    """Return the keys in the row of an account, if there is one.

    :raises EngineFailed: if they are damaged.
    """
    try:
        return Credentials.from_text(rows[0].text) if rows else None
    except ValueError:  # the message may quote the keys
        log(logging.ERROR, "record damaged", account=account, kind=stored_records.CREDENTIALS, key="")
        raise EngineFailed(f"the keys of {account} are damaged") from None


def import_changes(account: str, rows: Iterable[Row]) -> tuple[Change, ...]:
    """Return the changes that replace the roster and the block list of an account, and add its stored messages."""
    return (*[RemoveKind(account, kind.value) for kind in _REPLACED], *[Write(account, row) for row in rows])


def is_empty(state: State | None) -> bool:
    """Whether an import replaces nothing: the account does not exist, or has no roster and no block list."""
    return not isinstance(state, Account) or not (state.roster.contacts or state.blocked)


def is_in_use(state: State | None) -> bool:
    """Whether a client is connected to an account."""
    return isinstance(state, Account | Unloaded) and bool(state.sessions)


def farewell_of(account: str, session: SessionId, farewell: IQ | None) -> Deliver | None:
    """Return the delivery that precedes the end of a session, if it is the session to which the farewell is sent."""
    if farewell is None or farewell.to_jid != parse_jid(account).with_resource(session.resource):
        return None
    return Deliver(farewell, (session,), AS_IT_STANDS, rules.ACCOUNT_GONE)


def described(state: Account, known: Any, *, in_memory: bool, events: Sequence[str]) -> Data:
    """Describe an account as JSON data.

    :param known: its state with the extensions.
    :param events: the explanations of its last events.
    """
    return {
        "account": state.jid.full,
        "in_memory": in_memory,
        "sessions": [f"{session.id.resource}#{session.id.epoch}" for session in state.sessions],
        "contacts": len(state.roster.contacts),
        "offline": state.offline,
        "state": dump(known),
        "events": list(events),
    }
