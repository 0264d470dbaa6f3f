"""The reads of one batch, as far as possible before the first step needs them, and together.

Accounts that are not in memory are read at the same time. When a node ends, all partitions have to know what it had:
that is read at once for all partitions of the batch, unless it is much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.server import Arrived, ForAccount
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_host.cluster.actor import PartitionActor
from xmpp_im_host.cluster.committing import Committer
from xmpp_im_host.cluster.paging import PAGE, listed, waiting
from xmpp_im_host.cluster.queue_entries import Fed, GatewayEnded, PartitionEntry, SessionGone
from xmpp_im_host.cluster.queue_names import gateway_queue
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.storage.errors import EngineFailed, Fenced
from xmpp_im_host.storage.records import Entry, Found, Listed, partition_of

_KINDS: Final = stored_records.ACCOUNT
_COUNTED: Final = (stored_records.OFFLINE,)


class BatchRows:
    """Reads rows under the leases of a node. What was read before a batch is not read again in it."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._found: dict[str, Found] = {}
        self._listed: dict[tuple[int, str], list[Listed]] = {}
        self._waiting: dict[str, list[Entry]] = {}

    async def __call__(self, account: str, kinds: Collection[str], counted: Collection[str]) -> Found:
        """See :class:`~xmpp_im_host.cluster.step.Rows`.

        What was read before counts only if no step of the batch has changed the account. The step asks for other
        kinds otherwise.
        """
        if kinds is _KINDS and (found := self._found.get(account)) is not None:
            return found
        return await self._load(account, kinds, counted)

    async def _load(self, account: str, kinds: Collection[str], counted: Collection[str]) -> Found:
        lease = self._committer.leases.get(partition_of(account))
        if lease is None:
            raise Fenced([partition_of(account)])
        return await self._committer.engine.load(lease, account, kinds, counted)

    async def listed(self, partition: int, kind: str) -> Sequence[Listed]:
        """See :meth:`Rows.listed`."""
        known = self._listed.get((partition, kind))
        return await listed(self._committer.engine, partition, kind) if known is None else known

    async def waiting(self, queue: str) -> Sequence[Entry]:
        """See :meth:`Rows.waiting`."""
        known = self._waiting.get(queue)
        return await waiting(self._committer.engine, queue) if known is None else known

    async def living(self) -> Collection[str]:
        """See :meth:`Rows.living`."""
        return {str(node.number) for node in await self._committer.engine.beat(0, "")}

    async def prefetch(self, entries: Sequence[tuple[PartitionActor[Any], PartitionEntry]]) -> None:
        """Read what these entries need: accounts that are not in memory, and what nodes had that have ended."""
        await self._prefetch_accounts(entries)
        ended = {
            gateway_queue(entry.number, actor.partition): actor.partition
            for actor, entry in entries
            if isinstance(entry, GatewayEnded)
        }
        if len(ended) > 1:
            with suppress(EngineFailed):
                await self._prefetch_ended(ended)

    async def _prefetch_ended(self, queues: Mapping[str, int]) -> None:
        """Read what waits in the queues of ended nodes, and the sessions of their partitions, if one page has it."""
        engine, partitions = self._committer.engine, frozenset(queues.values())
        found = await engine.entries(dict.fromkeys(queues, 0), PAGE)
        if len(found) < PAGE:
            self._waiting = {queue: [] for queue in queues}
            for entry in found:
                self._waiting[entry.queue].append(entry)
        for kind in (stored_records.REPLACED, stored_records.SESSION):
            rows = await engine.scan(sorted(partitions), kind, 0, PAGE)
            if len(rows) < PAGE:
                self._listed |= {(partition, kind): [] for partition in partitions}
                for row in rows:
                    self._listed[partition_of(row.account), kind].append(row)

    async def _prefetch_accounts(self, entries: Iterable[tuple[PartitionActor[Any], PartitionEntry]]) -> None:
        wanted: dict[str, None] = {}
        for actor, entry in entries:
            event = entry.event if isinstance(entry, Fed) else entry.ended if isinstance(entry, SessionGone) else None
            if event is None or (isinstance(event, ForAccount) and event.jid in actor.service.accounts):
                continue
            for account in _accounts_of(event):
                if account not in actor.service.accounts and partition_of(account) == actor.partition:
                    wanted[account] = None
        if len(wanted) > 1:
            await asyncio.gather(*[self._prefetch(account) for account in wanted])

    async def _prefetch(self, account: str) -> None:
        with suppress(EngineFailed):  # the step that needs it tries again
            self._found[account] = await self._load(account, _KINDS, _COUNTED)


def _accounts_of(event: ServiceEvent) -> Iterable[str]:
    """Return the accounts that an event is for. A domain is none."""
    if isinstance(event, ForAccount):
        return (event.jid,) if "@" in event.jid else ()
    if isinstance(event, Arrived):
        to = event.stanza.to_jid
        return () if to is None or to.local is None else (to.bare,)
    found = [parse_address(each) for each in event.recipients]
    return [each.jid.bare for each in found if isinstance(each, Address) and each.jid.local is not None]
