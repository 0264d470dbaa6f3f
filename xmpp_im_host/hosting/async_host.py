"""The host on asyncio, with its accounts: their state, their keys, and how they come and go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from xmpp_im_core.host.job import Job
from xmpp_im_core.server import (
    Account,
    AccountCreated,
    AccountRemoved,
    ForAccount,
    SessionDetached,
    SessionId,
    State,
    Unloaded,
    account_of,
)
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.hosting.async_loop import AsyncLoop, Companion
from xmpp_im_host.hosting.waiting import Waiter
from xmpp_im_host.log import log
from xmpp_im_host.storage.errors import EngineFailed
from xmpp_im_host.storage.records import Change, RemoveKind, Row, Write

S = TypeVar("S")

_PAUSE: Final = 0.005
"""How long to wait before asking again whether an account is free, in seconds."""
_NOBODY: Final = SessionId("nobody", 0)
"""A session that no account has. Its events load an account and change nothing."""
_TRIES: Final = 3
"""How often to load an account that has left the memory before anybody could look at it."""


class AsyncHost(AsyncLoop[S]):
    """The loop of :class:`~xmpp_im_host.hosting.async_loop.AsyncLoop` with what a server asks about accounts."""

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

    async def credentials(self, account: str) -> Credentials | None:
        """Return the keys of an account, or None if it has none, or does not exist.

        :raises EngineFailed: if they cannot be read.
        """
        rows = (await self.owned.load(account, (stored_records.CREDENTIALS,))).rows
        try:
            return Credentials.from_text(rows[0].text) if rows else None
        except ValueError:  # the message may quote the keys
            log(logging.ERROR, "record damaged", account=account, kind=stored_records.CREDENTIALS, key="")
            raise EngineFailed(f"the keys of {account} are damaged") from None

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

    async def remove_account(self, account: str) -> None:
        """Remove an account, its keys and everything that is stored for it, and tell its contacts.

        :raises EngineFailed: if that could not be stored.
        """
        waiter = Waiter()
        self.feed(ForAccount(account, AccountRemoved(*self.stamp())), waiter.finish)
        await waiter.finished()
        if await self.account(account) is not None:
            raise EngineFailed(f"the removal of {account} could not be stored")

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
                state = self._state(account)
                if isinstance(state, Account | Unloaded) and state.sessions:
                    raise AccountBusy(f"{account} has a session")
            await asyncio.sleep(_PAUSE)  # it is being loaded, or the end of a replaced session has not come

    def explained(self, account: str) -> tuple[str, ...]:
        """Explain the last events of an account, if an event log is kept."""
        return () if self._log is None else self._log.explained(account)


class AccountBusy(Exception):
    """The account has a session, so its rows cannot be replaced."""


def key_changes(account: str, credentials: Credentials | None) -> tuple[Change, ...]:
    """Return the changes that give an account these keys, or none."""
    if credentials is None:
        return (RemoveKind(account, stored_records.CREDENTIALS),)
    return (Write(account, Row(stored_records.CREDENTIALS, "", credentials.to_text())),)
