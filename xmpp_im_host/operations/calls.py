"""The calls of the commands: the same for a running server, through its control socket, and for a closed database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from xmpp_im_core.jid import InvalidJID, parse_jid
from xmpp_im_host.hosting.administration import Administration, AdministrationError
from xmpp_im_host.operations.control import CallFailed
from xmpp_im_host.storage.errors import EngineFailed


class Calls:
    """Performs the calls of commands."""

    def __init__(self, administration: Administration) -> None:
        self.administration = administration

    async def __call__(self, name: str, arguments: dict[str, Any]) -> Any:
        """Perform a call, and return plain data.

        :raises CallFailed: if it is refused.
        """
        perform = _CALLS.get(name)
        if perform is None:
            raise CallFailed(f"there is no call {name!r}")
        try:
            return await perform(self, **arguments)
        except AdministrationError as error:
            raise CallFailed(str(error)) from None
        except EngineFailed as error:
            raise CallFailed(f"the database failed: {error}") from None

    async def users(self, domain: str | None = None) -> list[str]:
        """Return the accounts, sorted."""
        return sorted(await self.administration.accounts(domain))

    async def add(self, account: str, password: str) -> str:
        """Create an account; return its prepared JID."""
        jid = _bare(account)
        await self.administration.create(jid, password)
        return jid

    async def remove(self, account: str) -> str:
        """Remove an account."""
        jid = _bare(account)
        await self.administration.remove(jid)
        return jid

    async def password(self, account: str, password: str) -> str:
        """Set the password of an account."""
        jid = _bare(account)
        await self.administration.set_password(jid, password)
        return jid

    async def export(self, accounts: list[str]) -> dict[str, Any]:
        """Return the stored data of accounts, by default of all."""
        names = [_bare(each) for each in accounts] or await self.users()
        return dict(await self.administration.export_accounts(*names))

    async def import_(self, data: dict[str, Any]) -> list[str]:
        """Create accounts with this data."""
        await self.administration.import_accounts(data)
        return sorted(data)

    async def inspect(self, account: str) -> dict[str, Any]:
        """Return the state of an account, and what it was told last."""
        return dict(await self.administration.inspect(_bare(account)))


_CALLS: Final[Mapping[str, Callable[..., Awaitable[Any]]]] = MappingProxyType(
    {
        "users": Calls.users,
        "add": Calls.add,
        "remove": Calls.remove,
        "password": Calls.password,
        "export": Calls.export,
        "import": Calls.import_,
        "inspect": Calls.inspect,
    }
)


def _bare(account: str) -> str:
    try:
        jid = parse_jid(account)
    except InvalidJID as error:
        raise CallFailed(f"{account}: {error}") from None
    if jid.local is None or jid.resource is not None:
        raise CallFailed(f"{account}: an account is written as user@domain")
    return jid.full
