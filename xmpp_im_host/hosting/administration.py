"""Administration of accounts: what the commands, in-band registration and tests do with them.

Passwords are made into keys in a thread, because that takes milliseconds by design.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from xmpp_im_core.host import import_records
from xmpp_im_core.jid import InvalidJID, parse_jid
from xmpp_im_core.server import Account
from xmpp_im_core.stanza import IQ
from xmpp_im_host.credentials import ITERATIONS, Credentials
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.hosting.exporting import Data, exported
from xmpp_im_host.hosting.host import Host, Imported


class AdministrationError(Exception):
    """What was asked for cannot be done. The message says why, in a sentence for the user."""


class InvalidAccount(AdministrationError):
    """The address is no account of this server."""


class InvalidPassword(AdministrationError):
    """The password cannot be used."""


class InvalidData(AdministrationError):
    """The data to be imported is wrong; the message begins with the place in the data."""


class NoSuchAccount(AdministrationError):
    """The account does not exist."""


class AccountExists(AdministrationError):
    """The account exists, or has a roster already."""


class AccountInUse(AdministrationError):
    """A client is connected to the account."""


class Administration:
    """The accounts of a host. Every method may also raise EngineFailed: then nothing has changed."""

    def __init__(
        self,
        host: Host,
        iterations: int = ITERATIONS,
        keys_changed: Callable[[str], None] = lambda account: None,
    ) -> None:
        """Administer the accounts of a host.

        :param iterations: how many rounds derive the keys of new passwords.
        :param keys_changed: called when the former password of an account is no longer valid: it has another one, or
            is removed. Logins that have no session yet have to end.
        """
        self.host, self.iterations, self._keys_changed = host, iterations, keys_changed

    # --- accounts -----------------------------------------------------------------------------------------------

    async def create(self, account: str, password: str) -> str:
        """Create an account with this password, and return its prepared bare JID.

        :raises AccountExists: if it exists; its password does not change.
        """
        jid = self._prepared(account)
        if not await self.host.create_account(jid, await self._keys(password)):
            raise AccountExists(f"{jid} exists")
        return jid

    async def remove(self, account: str, farewell: IQ | None = None) -> None:
        """Remove an account with everything that is stored for it. Its sessions end, and its contacts are told.

        :param farewell: what one of its sessions gets before its stream is closed, at the full JID in its 'to'.
        """
        jid = self._prepared(account)
        if not await self.host.remove_account(jid, farewell):
            raise NoSuchAccount(f"{jid} does not exist")
        self._keys_changed(jid)

    async def accounts(self, domain: str | None = None) -> Sequence[str]:
        """Return the bare JIDs of all accounts, or of those at a domain, sorted."""
        found = {jid async for jid in self.host.accounts()}
        return sorted([jid for jid in found if domain is None or jid.endswith(f"@{domain}")])

    # --- passwords ----------------------------------------------------------------------------------------------

    async def set_password(self, account: str, password: str) -> None:
        """Give an account another password. Its sessions go on; logins that have no session yet end."""
        jid, keys = self._prepared(account), await self._keys(password)
        if not await self.host.set_credentials(jid, keys):
            raise NoSuchAccount(f"{jid} does not exist")
        self._keys_changed(jid)

    async def check_password(self, account: str, password: str) -> bool:
        """Whether the account exists and has this password."""
        keys = await self.host.credentials(self._prepared(account))
        return keys is not None and await asyncio.to_thread(keys.matches, password)

    async def _keys(self, password: str) -> Credentials:
        try:
            return await asyncio.to_thread(Credentials.of, password, self.iterations)
        except ValueError as error:
            raise InvalidPassword(str(error)) from None

    # --- export and import --------------------------------------------------------------------------------------

    async def export_accounts(self, *accounts: str) -> dict[str, Data]:
        """Return the data of these accounts, or of all, in the format of ``xmpp_im_core.host.importing``."""
        data: dict[str, Data] = {}
        for each in accounts or await self.accounts():
            jid = self._prepared(each)
            state = await self._state(jid)
            rows = await self.host.rows(jid, (stored_records.OFFLINE,))
            data[jid] = exported(state, await stored_records.messages(jid, rows))
        return data

    async def import_accounts(self, data: object, *, replace: bool = False) -> Sequence[str]:
        """Import accounts from plain data, in the format of ``xmpp_im_core.host.importing``.

        An account that does not exist is created without a password: nobody can log in until it gets one. One that
        exists keeps its password, and its stored messages in front of the imported ones.

        :param replace: whether the data replaces a roster and a block list that are not empty.
        :return: the accounts, prepared, in the order of the data. If an error is raised, the accounts before the one
            it names have been imported.
        :raises InvalidData: before anything is imported.
        :raises AccountExists: if an account has a roster or a block list, unless ``replace`` is set.
        :raises AccountInUse: if a client is connected to an account.
        """
        if not isinstance(data, Mapping):
            raise InvalidData("the data is not a mapping of accounts")
        try:
            records = import_records(data, datetime.now(UTC), lambda: uuid4().hex)
        except ValueError as error:
            raise InvalidData(str(error)) from None
        for jid in records:
            self._prepared(jid)
        for jid, puts in records.items():
            imported = await self.host.import_account(jid, puts, replace=replace)
            if imported is Imported.EXISTS:
                raise AccountExists(f"{jid} has a roster or a block list already")
            if imported is Imported.IN_USE:
                raise AccountInUse(f"a client is connected to {jid}")
        return list(records)

    # --- inspection ---------------------------------------------------------------------------------------------

    async def inspect(self, account: str) -> Data:
        """Return what the server knows of an account as JSON data, without its keys."""
        jid = self._prepared(account)
        found = await self.host.inspected(jid)
        if found is None:
            raise NoSuchAccount(f"{jid} does not exist")
        kinds = (*stored_records.ACCOUNT, stored_records.OFFLINE, stored_records.CREDENTIALS)
        rows = await self.host.rows(jid, kinds)
        password = any(row.kind == stored_records.CREDENTIALS for row in rows)
        return {**found, "password": password, "damaged": await stored_records.damaged(rows)}

    # --- addresses ----------------------------------------------------------------------------------------------

    def _prepared(self, account: str) -> str:
        try:
            jid = parse_jid(account)
        except InvalidJID as error:
            raise InvalidAccount(f"{account!r} is no address: {error}") from None
        if jid.local is None or jid.resource is not None:
            raise InvalidAccount(f"{account!r} is no bare JID, such as user@{self.host.domains[0]}")
        if jid.domain not in self.host.domains:
            raise InvalidAccount(f"{jid.bare}: this server has the domains {', '.join(self.host.domains)}")
        return jid.bare

    async def _state(self, jid: str) -> Account:
        state = await stored_records.account_of_rows(jid, await self.host.rows(jid, stored_records.ACCOUNT))
        if state is None:
            raise NoSuchAccount(f"{jid} does not exist")
        return state
