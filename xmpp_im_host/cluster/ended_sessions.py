"""The end of a session: everything that it has not received is given back in one step.

When a session ends at its gateway, deliveries to it may still be in the queue of the gateway, or come into it until the
partition learns of the end. If the gateway gave them back one after the other, a later stanza could be stored or
delivered to another session before them. So the gateway leaves them where they are, the partition reads them here, and
the gateway removes them after that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import attrs

from xmpp_im_core.server import Deliver, SessionEnded
from xmpp_im_host.cluster import former_sessions
from xmpp_im_host.cluster.paging import waiting
from xmpp_im_host.cluster.pending import Pending
from xmpp_im_host.cluster.queue_entries import (
    DamagedEntry,
    EntryReader,
    Forgotten,
    Perform,
    SessionGone,
    dump_entry,
)
from xmpp_im_host.cluster.queue_names import gateway_queue
from xmpp_im_host.cluster.step import Step
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed


async def end_session(step: Step[Any], engine: Engine, partition: int, entry: SessionGone) -> None:
    """End a session with all that it has not received, and tell its gateway that nothing more comes for it.

    :raises EngineFailed: if the queue of the gateway cannot be read.
    """
    account, event = entry.ended.jid, cast(SessionEnded, entry.ended.event)
    queue = gateway_queue(entry.gateway, partition)
    try:
        stored = [each.body for each in await waiting(engine, queue, entry.read)]
    except EngineFailed:
        if not step.last_resort:
            raise
        stored = []
    reader = EntryReader()
    later = [
        effect
        for body in [*stored, *_appended(step.pending, queue)]
        if (effect := _delivery(reader, body, account, event)) is not None
    ]
    ended = attrs.evolve(event, undelivered=(*event.undelivered, *later))
    await step.take(attrs.evolve(entry.ended, event=ended))
    await former_sessions.note_end(step, account, event.session)
    step.pending.append(queue, dump_entry(Forgotten(account, event.session)))


def _appended(pending: Pending | None, queue: str) -> Iterator[bytes]:
    """Yield what was appended to a queue and is not committed yet."""
    if pending is not None:
        yield from _appended(pending.below, queue)
        yield from [each.body for each in pending.appends if each.queue == queue]


def _delivery(reader: EntryReader, body: bytes, account: str, event: SessionEnded) -> Deliver | None:
    """Return the delivery of an entry if it is for the session that has ended."""
    try:
        perform = reader.gateway_entry(body)
    except DamagedEntry:  # the gateway removes it, and logs it
        return None
    if not isinstance(perform, Perform) or perform.identified.account != account:
        return None
    effect = perform.identified.effect
    if not isinstance(effect, Deliver):
        return None
    sessions = effect.sessions if perform.sessions is None else perform.sessions
    return effect if event.session in sessions else None
