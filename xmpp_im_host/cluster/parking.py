"""Sessions that move from one node to another, as the partition of their account sees it.

=============  =========================================================================================================
``Park``       A node gives a session up: its client has no stream. From now on what is sent to the session is kept in
               rows of the account. The node is told (``Parked``); everything before that has reached it.
``Deposit``    The node hands over what its client has not acknowledged. It precedes in the rows what came since.
``take``       Another node takes the session, because its client resumes it there: it gets ``Taken``, then the rows as
               deliveries, then the answer to its call. So when it reads the answer, the session is whole.
=============  =========================================================================================================

A session that no node takes in time ends with what its client has not acknowledged. So does one whose node dies before
it has deposited the rest. All of it is stored with the account, so the next owner of the partition goes on.

Rows of these kinds belong to an account. The key of a session is ``EPOCH/RESOURCE``.

==============  ===================  ===================================================================================
``gateway``     of the session       The node at which it is, if that is not the one that made it; or who gives it up.
``resumption``  of the session       What was deposited besides the deliveries.
``kept``        and a unique part    A delivery to the session, as bytes of ``Perform``. They are in order.
==============  ===================  ===================================================================================
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from xmpp_im_core.server import Account, Deliver, ForAccount, SessionEnded, SessionId, State, Undelivered, Unloaded
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.snapshot import JSON
from xmpp_im_host.cluster import former_sessions
from xmpp_im_host.cluster.administrator_calls import CallRefused
from xmpp_im_host.cluster.outgoing import KEPT, ParkedSession, SessionQueues, key_of
from xmpp_im_host.cluster.queue_entries import (
    Called,
    Counts,
    DamagedEntry,
    Deposit,
    Missing,
    Park,
    Parked,
    Perform,
    Taken,
    Wanted,
    dump_entry,
    load_gateway_entry,
)
from xmpp_im_host.cluster.queue_names import gateway_of, gateway_queue
from xmpp_im_host.cluster.step import Step
from xmpp_im_host.log import log
from xmpp_im_host.storage.records import Listed, Remove, Row, Write

GATEWAY: Final = "gateway"
RESUMPTION: Final = "resumption"
MOST_KEPT: Final = 5_000
"""If more deliveries than this are kept for a session, it ends."""

_MOST_MISSING: Final = 1_000
"""So many sessions that clients look for are remembered; then they are asked for again."""

Holder = tuple[str, SessionId]


# --- entries ------------------------------------------------------------------------------------------------------


async def park(step: Step[Any], entry: Park) -> None:
    """Keep from now on what is sent to a session. A session that has ended meanwhile is left to its node."""
    account, session, queues = entry.account, entry.session, step.out.queues
    queue = gateway_queue(entry.gateway, queues.partition)
    if queues.of(account, session) != queue or queues.parked_session(account, session) is not None:
        return
    if not _connected(await step.state(account), session):
        return
    _note(step, account, session, {"by": entry.gateway, "id": entry.id})
    step.pending.append(queue, dump_entry(Parked(account, session)))
    queues.park(account, session, ParkedSession(entry.gateway, entry.id))


async def deposit(step: Step[Any], entry: Deposit) -> None:
    """Put what the client has not acknowledged before what came since."""
    account, session, queues = entry.account, entry.session, step.out.queues
    parked, key = queues.parked_session(account, session), key_of(session)
    if parked is None or parked.by != entry.gateway:
        await _end(step, account, session, [effect for each in entry.performs if (effect := _delivery(each))])
        await former_sessions.note_end(step, account, session)
        return
    since = await _kept(step, account, session)
    first = [Row(KEPT, f"{key}/{step.ids()}", body.decode()) for body in entry.performs]
    step.pending.change([Write(account, row) for row in (*first, *since)])
    stored = {"until": entry.until.isoformat(), "counts": attrs.astuple(entry.counts)}
    step.pending.change([Write(account, Row(RESUMPTION, key, json.dumps(stored)))])
    queues.park(account, session, attrs.evolve(parked, until=entry.until, kept=len(first) + len(since)))


async def take(step: Step[Any], called: Called) -> JSON:
    """Hand a session to the node that has called.

    :return: ``taken``; ``later`` if the node that has the session is to give it up first; otherwise ``unknown``.
    """
    account, id, queues = called.account, called.arguments.get("id"), step.out.queues
    state = await step.state(account)
    for session, parked in list(queues.parked.get(account, {}).items()):
        if parked.id == id and parked.until is None:
            return "later"
        if parked.id == id and _connected(state, session):
            await _hand(step, account, session, parked.id, called.gateway)
            return "taken"
    return _ask_others(step, account, state, str(id), called.gateway)


async def _hand(step: Step[Any], account: str, session: SessionId, id: str, gateway: int) -> None:
    queues, pending, key = step.out.queues, step.pending, key_of(session)
    counts = await _counts(step, account, key)
    queue = gateway_queue(gateway, queues.partition)
    pending.append(queue, dump_entry(Taken(account, session, id, counts)))
    for row in await _kept(step, account, session):
        pending.append(queue, row.text.encode())
        pending.change([Remove(account, KEPT, row.key)])
    pending.change([Remove(account, RESUMPTION, key)])
    if gateway == gateway_of(session):
        pending.change([Remove(account, GATEWAY, key)])
    else:
        _note(step, account, session, {"at": gateway})
    queues.move(account, session, queue)


async def _counts(step: Step[Any], account: str, key: str) -> Counts:
    rows = (await step.load(account, (RESUMPTION,))).rows
    for row in rows:
        if row.key == key:
            try:
                return Counts(*json.loads(row.text)["counts"])
            except (ValueError, TypeError, KeyError):
                log(logging.ERROR, "record damaged", account=account, kind=RESUMPTION, key=key)
    raise CallRefused("damaged")


def _ask_others(step: Step[Any], account: str, state: State | None, id: str, gateway: int) -> JSON:
    """Ask the other nodes that have sessions of the account to give this one up.

    The ids of parked sessions are known, and the node of one that is deposited may have ended.
    """
    queues = step.out.queues
    sessions = [session.id for session in state.sessions] if isinstance(state, Account) else []
    found = {queues.of(account, each) for each in sessions if queues.parked_session(account, each) is None}
    absent = {gateway, *queues.missing.get((account, id), ())}
    others = sorted(found - {gateway_queue(each, queues.partition) for each in absent})
    for queue in others:
        step.pending.append(queue, dump_entry(Wanted(account, id)))
    return "later" if others else "unknown"


def note_missing(step: Step[Any], entry: Missing) -> None:
    """Do not ask a node again that does not have a session."""
    missing = step.out.queues.missing
    if len(missing) >= _MOST_MISSING:
        missing.clear()
    missing.setdefault((entry.account, entry.id), set()).add(entry.gateway)


# --- ends ---------------------------------------------------------------------------------------------------------


async def end_parked(step: Step[Any], holders: Iterable[Holder]) -> None:
    """End sessions that no node has, with everything that is kept for them."""
    for account, session in holders:
        rows = await _kept(step, account, session)
        _forget(step, account, session)
        step.pending.change([Remove(account, KEPT, row.key) for row in rows])
        await _end(step, account, session, [effect for row in rows if (effect := _delivery(row.text.encode()))])


async def _end(step: Step[Any], account: str, session: SessionId, lost: Sequence[Deliver]) -> None:
    """End a session with what it has not received; if it has ended before, only give that back."""
    state = await step.state(account)
    if _connected(state, session) or (isinstance(state, Account) and session in state.replaced):
        await step.take(ForAccount(account, SessionEnded(step.at, step.ids(), session, tuple(lost))))
        return
    for effect in lost:
        await step.take(ForAccount(account, Undelivered(step.at, step.ids(), effect, (session,))))


async def follow(step: Step[Any]) -> None:
    """Forget where sessions are that a step has ended, and end those that are replaced and wait for nobody else."""
    queues = step.out.queues
    if not (queues.parked or queues.moved):
        return
    over: list[Holder] = []
    for account in {each.jid for served in step.served for each in served.steps}:
        sessions = {**queues.parked.get(account, {}), **queues.moved.get(account, {})}
        known = step.service.accounts.get(account) if sessions else None
        state = None if known is None else account_of(known)
        for session in () if isinstance(state, Unloaded) else sessions:
            replaced = isinstance(state, Account) and session in state.replaced
            parked = queues.parked_session(account, session)
            if _connected(state, session) or (replaced and (parked is None or parked.until is None)):
                continue  # it has not ended, or its node still has to say so
            if parked is not None:
                over.append((account, session))
            else:
                _forget(step, account, session)
    await end_parked(step, over)


def overdue(queues: SessionQueues, now: datetime) -> list[Holder]:
    """Return the sessions that no node has taken in time, and those for which too much is kept."""
    return [
        (account, session)
        for account, sessions in queues.parked.items()
        for session, parked in sessions.items()
        if parked.until is not None and (parked.until <= now or parked.kept > MOST_KEPT)
    ]


def not_deposited(queues: SessionQueues, queue: str) -> list[Holder]:
    """Return the sessions that a node was giving up when it ended.

    :param queue: the queue from the partition to the node.
    """
    return [
        (account, session)
        for account, sessions in queues.parked.items()
        for session, parked in sessions.items()
        if parked.until is None and gateway_queue(parked.by, queues.partition) == queue
    ]


# --- what is stored -----------------------------------------------------------------------------------------------


def restore(queues: SessionQueues, listed: Listed) -> None:
    """Note what is stored about a session; rows of the kind ``gateway`` come before those of ``resumption``."""
    account, row = listed.account, listed.row
    try:
        epoch, _, resource = row.key.partition("/")
        session, stored = SessionId(resource, int(epoch)), json.loads(row.text)
        if row.kind == RESUMPTION:
            until = datetime.fromisoformat(stored["until"])
            if (parked := queues.parked_session(account, session)) is not None:
                queues.park(account, session, attrs.evolve(parked, until=until))
        elif "at" in stored:
            queues.move(account, session, gateway_queue(int(stored["at"]), queues.partition))
        else:
            queues.park(account, session, ParkedSession(int(stored["by"]), str(stored["id"])))
    except (ValueError, TypeError, KeyError):
        log(logging.ERROR, "record damaged", account=account, kind=row.kind, key=row.key)


def _note(step: Step[Any], account: str, session: SessionId, stored: dict[str, object]) -> None:
    step.pending.change([Write(account, Row(GATEWAY, key_of(session), json.dumps(stored)))])


def _forget(step: Step[Any], account: str, session: SessionId) -> None:
    key = key_of(session)
    step.pending.change([Remove(account, GATEWAY, key), Remove(account, RESUMPTION, key)])
    step.out.queues.forget(account, session)


async def _kept(step: Step[Any], account: str, session: SessionId) -> Sequence[Row]:
    rows = (await step.load(account, (KEPT,))).rows
    return [row for row in rows if row.key.rpartition("/")[0] == key_of(session)]


def _delivery(body: bytes) -> Deliver | None:
    try:
        entry = load_gateway_entry(body)
    except DamagedEntry as error:
        log(logging.ERROR, "entry damaged", reason=str(error))
        return None
    effect = entry.identified.effect if isinstance(entry, Perform) else None
    return effect if isinstance(effect, Deliver) else None


def _connected(state: State | None, session: SessionId) -> bool:
    return isinstance(state, Account) and session in _ids(state)


def _ids(state: Account) -> Collection[SessionId]:
    return [session.id for session in state.sessions]
