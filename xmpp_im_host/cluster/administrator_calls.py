"""The calls of administrators, as the owner of the account performs them.

==============  ====================================  ================================================================
Operation       Arguments                             Value of the answer
==============  ====================================  ================================================================
``create``      ``keys``: text or null                Whether it was created; false if the account exists; ``later``
                                                      if sessions of a removed account of this address have not ended.
``remove``      ``farewell``: a stanza, or absent     Whether it was removed; false if there is no such account. The
                                                      farewell goes to one session before it ends.
``set-keys``    ``keys``: text or null                Whether they were set; false if there is no such account.
``import``      ``rows``: [kind, key, text, size],    True. Refused as ``exists`` if the account has a roster or a
                ``replace``: true or false            block list, and ``in-use`` if it has a session, or a removed
                                                      account of this address has one.
``inspect``                                           The state of it; null if there is no such account.
``secret``      ``proposed``: text                    The secret that all nodes share: the first one that was proposed.
                                                      It stands with a hosted domain in place of an account.
==============  ====================================  ================================================================

What a call changes, and its answer, are in one commit. A call that cannot be done is refused as ``failed``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

from xmpp_im_core.codec import CodecError, parse_stanza
from xmpp_im_core.record import record
from xmpp_im_core.server import AccountCreated, AccountRemoved, ForAccount
from xmpp_im_core.server.effects import EffectId
from xmpp_im_core.server.service.serving import Service, unload
from xmpp_im_core.snapshot import JSON
from xmpp_im_core.stanza import IQ
from xmpp_im_host.cluster import former_sessions
from xmpp_im_host.cluster.queue_entries import Called
from xmpp_im_host.cluster.step import Step
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.hosting.account_changes import described, farewell_of, import_changes, is_empty
from xmpp_im_host.hosting.host import Imported
from xmpp_im_host.storage.records import Change, RemoveKind, Row, Write

SECRET: Final = "secret"
"""The kind of the row with the secret that all nodes share."""


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


async def _create(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    if await step.state(called.account) is not None:
        return False
    if not await former_sessions.is_free(step, called.account):
        return "later"
    await step.feed(ForAccount(called.account, AccountCreated(step.at, step.ids(), step.ids())))
    if await step.state(called.account) is None:
        raise CallRefused("failed")
    step.pending.change(_key_changes(called))
    return True


async def _remove(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    state = await step.state(called.account)
    if state is None:
        return False
    former_sessions.note(step, state)
    farewell = _farewell(called)
    for session in state.sessions:
        if (said := farewell_of(called.account, session.id, farewell)) is not None:
            step.out.deliver(step.pending, called.account, EffectId(step.ids(), 0), said)
    await step.feed(ForAccount(called.account, AccountRemoved(step.at, step.ids())))
    return True


def _farewell(called: Called) -> IQ | None:
    text = called.arguments.get("farewell")
    if text is None:
        return None
    try:
        stanza = parse_stanza(text) if isinstance(text, str) else None
    except CodecError:
        stanza = None
    if not isinstance(stanza, IQ):
        raise CallRefused("arguments")
    return stanza


async def _set_keys(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    if await step.state(called.account) is None:
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
    state = await step.state(account)
    if not called.arguments.get("replace") and not is_empty(state):
        raise CallRefused(Imported.EXISTS.value)
    if state is None and not await former_sessions.is_free(step, account):
        raise CallRefused(Imported.IN_USE.value)
    left: Service[Any] = unload(step.service, account)
    if account in left.accounts:
        raise CallRefused(Imported.IN_USE.value)
    step.service = left  # its next event loads what is stored then
    step.pending.change(import_changes(account, rows))
    return True


def _rows(called: Called) -> list[Row]:
    try:
        return [Row(kind, key, text, int(size)) for kind, key, text, size in cast(Any, called.arguments["rows"])]
    except (KeyError, TypeError, ValueError):
        raise CallRefused("arguments") from None


async def _inspect(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    known = explained(called.account)
    state = await step.state(called.account)
    if state is None:
        return None
    with_extensions = step.service.accounts[called.account]
    return cast(JSON, described(state, with_extensions, in_memory=known.in_memory, events=known.events))


async def _secret(step: Step[Any], called: Called, explained: Callable[[str], Explained]) -> JSON:
    proposed = called.arguments.get("proposed")
    if not isinstance(proposed, str) or called.account not in step.service.domains:
        raise CallRefused("arguments")
    found = (await step.load(called.account, (SECRET,))).rows
    if found:
        return found[0].text
    step.pending.change([Write(called.account, Row(SECRET, "", proposed))])
    return proposed


_Operation: TypeAlias = Callable[[Step[Any], Called, Callable[[str], Explained]], Awaitable[JSON]]
_OPERATIONS: Final[Mapping[str, _Operation]] = MappingProxyType(
    {
        "create": _create,
        "remove": _remove,
        "set-keys": _set_keys,
        "import": _import,
        "inspect": _inspect,
        "secret": _secret,
    }
)
