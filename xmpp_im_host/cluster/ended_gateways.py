"""The end of a node that held streams of clients: its sessions end, and what it had not handed over is given back.

The node that has ended the lease of another one says so to every partition
(:func:`~xmpp_im_host.cluster.membership.end_node`). All entries of the ended node precede that entry, and no partition
has a session of the node after it: so nothing is appended for the node after it, and the queues to the node are empty.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Any

from xmpp_im_core.server import Account, ForAccount, SessionEnded, SessionId, Unloaded
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.effects import Deliver, FanOut, Route
from xmpp_im_core.server.events import Undelivered
from xmpp_im_core.server.state import Session
from xmpp_im_core.stanza import Condition
from xmpp_im_host.cluster import former_sessions, parking
from xmpp_im_host.cluster.outgoing import given_back
from xmpp_im_host.cluster.queue_entries import DamagedEntry, EntryReader, Perform
from xmpp_im_host.cluster.step import Step
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.log import log
from xmpp_im_host.storage.records import Entry

Holder = tuple[str, SessionId]
"""A session with the bare JID of its account."""


async def end_gateway(step: Step[Any], partition: int, queue: str) -> None:
    """Give back what waits in the queue of a node, and end the sessions of the node in a partition.

    The deliveries are given back before the sessions end, in the order in which they were appended: so the stanzas
    between two entities stay in order, whichever session each of them was for.

    Nothing that concerns the partition may be decided and not committed yet.

    :param queue: the queue from the partition to the node.
    :raises EngineFailed: if that cannot be read.
    """
    step.out.ended = queue
    sessions = await _sessions(step, partition)
    reader = EntryReader()
    for entry in await step.rows.waiting(queue):
        step.pending.done.append((queue, entry.position))
        await _take_back(step, entry, reader, sessions)
    for account, session in _at_gateway(step, sessions, queue):
        await step.take(ForAccount(account, SessionEnded(step.at, step.ids(), session)))
    await parking.end_parked(step, parking.not_deposited(step.out.queues, queue))


async def _take_back(step: Step[Any], entry: Entry, reader: EntryReader, known: Collection[Holder]) -> None:
    """Give an entry back. The end of a session needs no performing, and the answer to a call has no reader.

    :param known: the sessions that have not ended. What was for others is given back already.
    """
    try:
        perform = reader.gateway_entry(entry.body)
    except DamagedEntry as error:
        log(logging.ERROR, "entry damaged", queue=entry.queue, position=entry.position, reason=str(error))
        return
    if not isinstance(perform, Perform):
        return
    account, effect = perform.identified.account, perform.identified.effect
    if isinstance(effect, Deliver):
        of_gateway = effect.sessions if perform.sessions is None else perform.sessions
        sessions = tuple([session for session in of_gateway if (account, session) in known])
        sessions = sessions or await former_sessions.of_removed(step, account, of_gateway)
        if sessions:
            await step.take(ForAccount(account, Undelivered(step.at, step.ids(), effect, sessions)))
    elif isinstance(effect, Route | FanOut):
        give_back(step, account, effect, Condition.REMOTE_SERVER_TIMEOUT)


def give_back(step: Step[Any], account: str, effect: Route | FanOut, condition: Condition) -> None:
    """Tell an account, perhaps of another partition, that a component has not got a stanza."""
    recipients = effect.recipients if isinstance(effect, FanOut) else ()
    entries = given_back(account, effect, condition, recipients, step.out.domains, step.ids, step.at)
    for queue, body in entries:
        step.pending.append(queue, body)


# --- the sessions of a node ---------------------------------------------------------------------------------------


async def _sessions(step: Step[Any], partition: int) -> dict[Holder, None]:
    """Return the sessions that have not ended, stored or only in memory."""
    found = dict.fromkeys(_in_memory(step))
    for kind in (stored_records.REPLACED, stored_records.SESSION):
        for listed in await step.rows.listed(partition, kind):
            for put in await stored_records.puts(listed.account, [listed.row]):
                id = put.value.id if isinstance(put.value, Session) else put.value
                if isinstance(id, SessionId):
                    found[listed.account, id] = None
    return found


def _at_gateway(step: Step[Any], sessions: Iterable[Holder], queue: str) -> list[Holder]:
    """Return the sessions that get what is for them through a queue."""
    queues = step.out.queues
    return [holder for holder in sessions if queues.of(*holder) == queue and queues.parked_session(*holder) is None]


def _in_memory(step: Step[Any]) -> Iterable[Holder]:
    """Yield the sessions in memory: after a failed commit, a session may be nowhere else."""
    for jid, extended in step.service.accounts.items():
        state = account_of(extended)
        if isinstance(state, Account | Unloaded):
            yield from [(jid, session.id) for session in state.sessions]
        if isinstance(state, Account):
            yield from [(jid, id) for id in state.replaced]
