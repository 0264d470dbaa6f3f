"""The reads of one batch: accounts that are not in memory are read together, before the first step needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any, Final

from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.server import Arrived, ForAccount
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_host.cluster.actor import PartitionActor
from xmpp_im_host.cluster.committing import Committer
from xmpp_im_host.cluster.queue_entries import Fed, PartitionEntry, SessionGone
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.storage.errors import EngineFailed, Fenced
from xmpp_im_host.storage.records import Found, partition_of

_KINDS: Final = stored_records.ACCOUNT
_COUNTED: Final = (stored_records.OFFLINE,)


class BatchRows:
    """Reads rows under the leases of a node. What was read before a batch is not read again in it."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._found: dict[str, Found] = {}

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

    async def prefetch(self, entries: Iterable[tuple[PartitionActor[Any], PartitionEntry]]) -> None:
        """Read the accounts of these entries that are not in memory."""
        wanted: dict[str, None] = {}
        for actor, entry in entries:
            if isinstance(entry, Fed | SessionGone):
                for account in _accounts_of(entry.event if isinstance(entry, Fed) else entry.ended):
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
