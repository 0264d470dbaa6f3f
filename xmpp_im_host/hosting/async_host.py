"""The host on asyncio, with its accounts: their state, their keys, and how they come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from xmpp_im_core.host.job import Job
from xmpp_im_core.server import (
    Account,
    AccountCreated,
    AccountRemoved,
    Deliver,
    ForAccount,
    Put,
    SessionDetached,
    SessionEnded,
    SessionId,
    State,
    account_of,
    may_bind,
)
from xmpp_im_core.stanza import IQ, Condition, Stanza
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.hosting.account_changes import (
    described,
    import_changes,
    is_empty,
    is_in_use,
    key_changes,
    keys_of,
)
from xmpp_im_host.hosting.async_loop import AsyncLoop, Companion
from xmpp_im_host.hosting.exporting import Data
from xmpp_im_host.hosting.host import Imported
from xmpp_im_host.hosting.waiting import Waiter
from xmpp_im_host.storage.errors import EngineFailed
from xmpp_im_host.storage.records import Row

S = TypeVar("S")

_PAUSE: Final = 0.005
"""How long to wait before asking again whether an account is free, in seconds."""
_NOBODY: Final = SessionId("nobody", 0)
"""A session that no account has. Its events load an account and change nothing."""
_TRIES: Final = 3
"""How often to load an account that has left the memory before anybody could look at it."""


class AsyncHost(AsyncLoop[S]):
    """The loop of :class:`~xmpp_im_host.hosting.async_loop.AsyncLoop` with what a server asks about accounts.

    It is a :class:`~xmpp_im_host.hosting.host.Host` that owns all accounts itself.
    """

    @property
    def domains(self) -> tuple[str, ...]:
        """The hosted domains, prepared."""
        return self.service.domains

    @property
    def shared(self) -> bool:
        """No other process changes accounts."""
        return False

    # --- sessions and components --------------------------------------------------------------------------------

    async def may_bind(self, account: str, resource: str) -> Condition | None:
        """See :meth:`Host.may_bind`."""
        return may_bind(self.service, account, resource, self.policy)

    def settled(self, account: str, session: SessionId, items: Sequence[object]) -> None:
        """Do nothing: what a session has got is nowhere else."""

    def end_session(
        self,
        account: str,
        session: SessionId,
        items: Sequence[object] = (),
        done: Callable[[], None] | None = None,
    ) -> None:
        """Note that a session ended; see :meth:`Host.end_session`."""
        undelivered = tuple([item for item in items if isinstance(item, Deliver)])
        self.feed(ForAccount(account, SessionEnded(*self.stamp(), session, undelivered)), done)

    def component_connected(self, domain: str, done: Callable[[], None]) -> None:
        """Do nothing: the wire finds the component."""
        done()

    def component_lost(self, domain: str) -> None:
        """Do nothing: the wire does not find the component."""

    def pass_on(self, stanza: Stanza) -> Condition | None:
        """Send a stanza from a component to another domain; see :meth:`Host.pass_on`."""
        return self.wire.route(stanza)

    # --- accounts -----------------------------------------------------------------------------------------------

    async def account(self, account: str) -> Account | None:
        """Return the state of an account, or None if it does not exist. It is loaded for that.

        :raises EngineFailed: if it cannot be loaded.
        """
        for _ in range(_TRIES):
            if account not in self.service.accounts:
                waiter = Waiter()
                self.feed(ForAccount(account, SessionDetached(*self.stamp(), _NOBODY)), waiter.finish)
                await waiter.finished()
            state = self._state(account)
            if isinstance(state, Account):
                return state
            if not (await self.owned.load(account, (stored_records.ROSTER,))).rows:
                return None
        raise EngineFailed(f"{account} could not be loaded")

    def _state(self, account: str) -> State | None:
        """Return the state of an account in memory."""
        found = self.service.accounts.get(account)
        return None if found is None else account_of(found)

    async def rows(self, account: str, kinds: Collection[str]) -> tuple[Row, ...]:
        """Return what is stored for an account, of these kinds.

        :raises EngineFailed: if it cannot be read.
        """
        return (await self.owned.load(account, kinds)).rows

    async def take_over(self, account: str, previous: str) -> bool:
        """See :meth:`Host.take_over`. There is no other node."""
        return False

    def park(self, account: str, session: SessionId, id: str) -> None:
        """See :meth:`Host.park`. There is no other node, so the session stays here."""

    async def credentials(self, account: str) -> Credentials | None:
        """Return the keys of an account, or None if it has none, or does not exist.

        :raises EngineFailed: if they cannot be read.
        """
        return keys_of(account, await self.rows(account, (stored_records.CREDENTIALS,)))

    async def accounts(self) -> AsyncIterator[str]:
        """Yield all accounts, in any order."""
        async for each in self.owned.scan(stored_records.ROSTER):
            yield each.account

    async def create_account(self, account: str, credentials: Credentials | None) -> bool:
        """Create an account and store its keys in the same transaction.

        :return: False if the account exists. Nothing has changed then.
        :raises EngineFailed: if it could not be stored.
        """
        at, seq = self.stamp()
        keys = self._companions[seq] = Companion(key_changes(account, credentials))
        waiter = Waiter()
        try:
            self.feed(ForAccount(account, AccountCreated(at, seq, self.ids())), waiter.finish)
            await waiter.finished()
        finally:
            del self._companions[seq]
        if keys.error is not None:
            raise EngineFailed(str(keys.error)) from keys.error
        if not keys.asked and await self.account(account) is None:
            raise EngineFailed(f"{account} could not be loaded")
        return keys.asked

    async def remove_account(self, account: str, farewell: IQ | None = None) -> bool:
        """Remove an account, its keys and everything that is stored for it, and tell its contacts.

        :param farewell: see :meth:`Host.remove_account`.
        :return: whether it existed.
        :raises EngineFailed: if that could not be stored.
        """
        if await self.account(account) is None:
            return False
        at, seq = self.stamp()
        if farewell is not None:
            self._farewells[seq] = farewell
        waiter = Waiter()
        try:
            self.feed(ForAccount(account, AccountRemoved(at, seq)), waiter.finish)
            await waiter.finished()
        finally:
            self._farewells.pop(seq, None)
        if await self.account(account) is not None:
            raise EngineFailed(f"the removal of {account} could not be stored")
        return True

    async def set_credentials(self, account: str, credentials: Credentials) -> bool:
        """Give an account other keys. Return False if it does not exist.

        :raises EngineFailed: if they could not be stored.
        """
        async with self.held(account):  # the account cannot be removed meanwhile
            if not await self.rows(account, (stored_records.ROSTER,)):
                return False
            await self.owned.commit(key_changes(account, credentials))
            return True

    async def import_account(self, account: str, puts: Sequence[Put], *, replace: bool) -> Imported:
        """Store these records of an account; see :meth:`Host.import_account`.

        :raises EngineFailed: if they could not be stored.
        """
        if not replace and not is_empty(await self.account(account)):
            return Imported.EXISTS
        rows = await asyncio.to_thread(stored_records.rows_of, puts)
        try:
            async with self.held_out_of_memory(account):
                await self.owned.commit(import_changes(account, rows))
        except AccountBusy:
            return Imported.IN_USE
        return Imported.DONE

    async def inspected(self, account: str) -> Data | None:
        """Describe the state of an account as JSON data; None if it does not exist."""
        in_memory = account in self.service.accounts
        state = await self.account(account)
        if state is None:
            return None
        known = self.service.accounts.get(account, state)
        return described(state, known, in_memory=in_memory, events=self.explained(account))

    @asynccontextmanager
    async def held(self, account: str) -> AsyncIterator[None]:
        """Let the events of an account wait, so that its rows may be changed meanwhile."""
        while account in self._locks.locked or account in self._locks.waiting:
            await asyncio.sleep(_PAUSE)
        lock = Job(None)
        self._locks.take(lock, frozenset([account]))
        try:
            yield
        finally:
            self._freed.extend(self._locks.give_back(lock))
            self.run()

    @asynccontextmanager
    async def held_out_of_memory(self, account: str) -> AsyncIterator[None]:
        """Keep an account out of memory, so that its next event loads what is stored then. Its events wait meanwhile.

        :raises AccountBusy: if it has a session.
        """
        while True:
            async with self.held(account):
                if self._take_out(account):
                    yield
                    return
                if is_in_use(self._state(account)):
                    raise AccountBusy(f"{account} has a session")
            await asyncio.sleep(_PAUSE)  # it is being loaded, or the end of a replaced session has not come

    def explained(self, account: str) -> tuple[str, ...]:
        """Explain the last events of an account, if an event log is kept."""
        return () if self._log is None else self._log.explained(account)


class AccountBusy(Exception):
    """The account has a session, so its rows cannot be replaced."""
