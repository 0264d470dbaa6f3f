"""A host for a storage that answers at once: each call returns when all is done."""

from __future__ import annotations

from typing import TypeVar

from xmpp_im_core.host.interfaces import (
    Clock,
    CommitInDoubt,
    Ids,
    IndexedStorage,
    Operations,
    Storage,
    StorageFailed,
    Wire,
)
from xmpp_im_core.host.job import Job
from xmpp_im_core.host.loop import Loop
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.effects import Kind, LoadOffline
from xmpp_im_core.server.events import LoadFailed, OfflineLoaded
from xmpp_im_core.server.service.events import ForAccount, ServiceEvent
from xmpp_im_core.server.service.serving import Load, Service

S = TypeVar("S")


class Host(Loop[S]):
    """A server without I/O, with a storage that answers at once."""

    def __init__(
        self,
        service: Service[S],
        storage: Storage,
        wire: Wire,
        clock: Clock,
        ids: Ids,
        policy: Policy = DEFAULT,
        *,
        outbox: bool = False,
        at_once: int = 1000,
    ) -> None:
        """Begin with a service, a storage and a wire; see :class:`~xmpp_im_core.host.loop.Loop` for the parameters.

        If the storage is an :class:`~xmpp_im_core.host.interfaces.IndexedStorage`, the host knows at once which
        accounts to wake. If the policy keeps sessions, those of an earlier process end now. With an outbox, this sends
        what an earlier process left in it. All of that is done before this returns, up to ``at_once`` events.

        :raises ValueError: if the policy keeps sessions and the storage has no ``every``.
        """
        super().__init__(service, wire, clock, ids, policy, outbox=outbox, at_once=at_once)
        self.storage = storage
        if isinstance(storage, IndexedStorage):
            self.expect_wakes(storage.every(Kind.WAKE))
            if policy.keep_sessions:
                self.end_kept([*storage.every(Kind.SESSION), *storage.every(Kind.REPLACED)])
        elif policy.keep_sessions:
            raise ValueError("storage: a policy that keeps sessions needs a storage with the method every")
        if outbox:
            self.recover(storage.owed())

    def _commit(self, job: Job, operations: Operations) -> None:
        try:
            self.storage.commit(operations)
        except StorageFailed:
            self._failed(job)
        except CommitInDoubt:
            self._lose(job)
            self._failed(job)
        except Exception as error:
            self._errors.append(error)
            self._failed(job)
        else:
            self._committed(job)

    def _forget(self, job: Job, operations: Operations) -> None:
        try:  # if this fails, the stanzas are sent again after a restart: a duplicate is better than a loss
            self.storage.commit(operations)
        except (StorageFailed, CommitInDoubt):
            pass
        except Exception as error:
            self._errors.append(error)
        self._finished(job)

    def _load(self, account: str, effect: Load | LoadOffline) -> ServiceEvent | None:
        if isinstance(effect, Load):
            try:
                stored = self.storage.account(account)
            except StorageFailed:
                return ForAccount(account, LoadFailed(*self.stamp()))
            return ForAccount(account, stored.loaded(*self.stamp()))
        try:
            messages = self.storage.messages(account)
        except StorageFailed:
            messages = ()  # they stay stored, and the next session gets them
        return ForAccount(account, OfflineLoaded(*self.stamp(), effect.session, messages))
