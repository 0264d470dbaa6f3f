"""The calls of administrators, as the owner of the account performs them.

==============  ====================================  ================================================================
Operation       Arguments                             Value of the answer
==============  ====================================  ================================================================
``create``      ``keys``: text or null                Whether it was created; false if the account exists.
``remove``                                            Whether it was removed; false if there is no such account.
``set-keys``    ``keys``: text or null                Whether they were set; false if there is no such account.
``import``      ``rows``: [kind, key, text, size],    True. Refused as ``exists`` if the account has a roster or a
                ``replace``: true or false            block list, and ``in-use`` if it has a session.
``export``                                            The data of ``xmpp_im_core.host.importing``; null if there is no
                                                      such account.
``inspect``                                           What the server knows of it; null if there is no such account.
==============  ====================================  ================================================================

What a call changes, and its answer, are in one commit. A call that cannot be done is refused as ``failed``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

from xmpp_im_core.record import record
from xmpp_im_core.server import Account, AccountCreated, AccountRemoved, ForAccount, Kind, SessionDetached, SessionId
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.service.serving import Service, unload
from xmpp_im_core.snapshot import JSON, dump
from xmpp_im_host.cluster.queue_entries import Called
from xmpp_im_host.cluster.step import Step
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.hosting.exporting import exported
from xmpp_im_host.storage.records import Change, RemoveKind, Row, Write

REPLACED_BY_IMPORT: Final = (Kind.ROSTER, Kind.CONTACT, Kind.BLOCKED)
_NOBODY: Final = SessionId("nobody", 0)
"""A session that no account has. Its events load an account and change nothing."""


class CallRefused(Exception):
    """A call cannot be done. The message is one word for the program that has called."""


@record
class Explained:
    """What the owner knows of an account besides its state."""

    in_memory: bool
    events: tuple[str, ...]


async def answer(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    """Perform a call, and return its value.

    :raises CallRefused: if it cannot be done.
    :raises EngineFailed: if what it needs cannot be read.
    """
    operation = _OPERATIONS.get(called.operation)
    if operation is None:
        raise CallRefused("unknown")
    return await operation(step, called, explained)


async def _state(step: Step[Any], account: str) -> Account | None:
    """Return an account, loaded if need be; None if it does not exist."""
    if account not in step.service.accounts:
        await step.feed(ForAccount(account, SessionDetached(step.at, step.ids(), _NOBODY)))
    found = step.service.accounts.get(account)
    state = None if found is None else account_of(found)
    return state if isinstance(state, Account) else None


async def _create(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    if await _state(step, called.account) is not None:
        return False
    await step.feed(ForAccount(called.account, AccountCreated(step.at, step.ids(), step.ids())))
    if await _state(step, called.account) is None:
        raise CallRefused("failed")
    step.pending.change(_key_changes(called))
    return True


async def _remove(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    if await _state(step, called.account) is None:
        return False
    await step.feed(ForAccount(called.account, AccountRemoved(step.at, step.ids())))
    return True


async def _set_keys(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    if await _state(step, called.account) is None:
        return False
    step.pending.change(_key_changes(called))
    return True


def _key_changes(called: Called) -> tuple[Change, ...]:
    keys = called.arguments.get("keys")
    if keys is None:
        return (RemoveKind(called.account, stored_records.CREDENTIALS),)
    if not isinstance(keys, str):
        raise CallRefused("arguments")
    return (Write(called.account, Row(stored_records.CREDENTIALS, "", keys)),)


async def _import(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    account, rows = called.account, _rows(called)
    state = await _state(step, account)
    if state is not None:
        if not called.arguments.get("replace") and (state.roster.contacts or state.blocked):
            raise CallRefused("exists")
        left: Service[Any] = unload(step.service, account)
        if account in left.accounts:
            raise CallRefused("in-use")
        step.service = left  # its next event loads what is stored then
    step.pending.change([RemoveKind(account, kind.value) for kind in REPLACED_BY_IMPORT])
    step.pending.change([Write(account, row) for row in rows])
    return True


def _rows(called: Called) -> list[Row]:
    try:
        return [Row(kind, key, text, int(size)) for kind, key, text, size in cast(Any, called.arguments["rows"])]
    except (KeyError, TypeError, ValueError):
        raise CallRefused("arguments") from None


async def _export(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    state = await _state(step, called.account)
    if state is None:
        return None
    rows = (await step.load(called.account, (stored_records.OFFLINE,))).rows
    return cast(JSON, exported(state, await stored_records.messages(called.account, rows)))


async def _inspect(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    account, known = called.account, explained(called.account)
    state = await _state(step, account)
    if state is None:
        return None
    kinds = (*stored_records.ACCOUNT, stored_records.OFFLINE, stored_records.CREDENTIALS)
    rows = (await step.load(account, kinds)).rows
    data = {
        "account": account,
        "in_memory": known.in_memory,
        "password": any(row.kind == stored_records.CREDENTIALS for row in rows),
        "sessions": [f"{session.id.resource}#{session.id.epoch}" for session in state.sessions],
        "contacts": len(state.roster.contacts),
        "offline": state.offline,
        "damaged": await stored_records.damaged(rows),
        "state": dump(step.service.accounts[account]),
        "events": list(known.events),
    }
    return cast(JSON, data)


_Operation: TypeAlias = Callable[[Step[Any], Called, Callable[[str], Explained]], Awaitable[JSON]]
_OPERATIONS: Final[Mapping[str, _Operation]] = MappingProxyType(
    {
        "create": _create,
        "remove": _remove,
        "set-keys": _set_keys,
        "import": _import,
        "export": _export,
        "inspect": _inspect,
    }
)
