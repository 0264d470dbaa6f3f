"""The state of a service: the accounts in memory, and those that wait for an answer of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar, overload

from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.record import record
from xmpp_im_core.server.accounts.machine import PLAIN, Machine, account_of
from xmpp_im_core.server.service.waiting_accounts import Waiting
from xmpp_im_core.server.state import Account, NoAccount, State, Unloaded

S = TypeVar("S")

Owns: TypeAlias = Callable[[str], bool]
"""Says of the bare JID of an account whether this part of the service owns it."""


@record
class Service(Generic[S]):
    """The accounts in memory, and those that wait. :func:`hosting` returns the first one."""

    domains: tuple[str, ...]
    """The hosted domains, prepared."""
    machine: Machine[S]
    """The machine of each account: RFC 6121, with or without extensions."""
    accounts: FrozenMap[S] = FrozenMap()
    """By bare JID. An account that is not here is not in memory, and may or may not exist."""
    held: FrozenMap[Waiting] = FrozenMap()
    """The accounts that wait for an answer to ``Load`` or ``LoadOffline``, by bare JID."""
    owns: Owns | None = None
    """Whether this part of the service owns an account, by bare JID; None if it owns all accounts of its domains."""


@overload
def hosting(*domains: str, owns: Owns | None = None) -> Service[State]: ...
@overload
def hosting(*domains: str, machine: Machine[S], owns: Owns | None = None) -> Service[S]: ...
def hosting(*domains: str, machine: Machine[Any] = PLAIN, owns: Owns | None = None) -> Service[Any]:
    """Return the service that hosts these domains, with no account in memory.

    :param machine: the machine of each account, if it has extensions.
    :param owns: for one of several parts of a service: says of the bare JID of an account whether this part owns it.
        The answer for a JID must not change; :func:`owning` sets another function.
    :raises InvalidJID: if one of them is not a JID.
    :raises ValueError: if there is none, or one of them is more than a domainpart.
    """
    prepared = [parse_jid(domain) for domain in domains]
    if not prepared or any(each.local is not None or each.resource is not None for each in prepared):
        raise ValueError(f"domains: {domains!r}; one domainpart or more is needed, and nothing else")
    return Service(tuple([each.domain for each in prepared]), machine, owns=owns)


def owning(service: Service[S], owns: Owns | None) -> Service[S]:
    """Return the service as the owner of other accounts.

    Accounts in memory that it owns no longer stay until ``OwnershipLost`` is fed for each of them.

    :param owns: as for :func:`hosting`.
    """
    return Service(service.domains, service.machine, service.accounts, service.held, owns)


def unload(service: Service[S], jid: str) -> Service[S]:
    """Remove an account from memory. Its next event loads it again.

    An account that has sessions or waits for an answer stays, and the same service is returned. An account that still
    expects the end of a replaced session stays too: the undelivered stanzas of that session would be lost. The host has
    to remember the ``wake_at`` of the account.
    """
    if jid in service.held or jid not in service.accounts:
        return service
    state = account_of(service.accounts[jid])
    # A state that is no account is kept only because something is still to come (see :func:`is_worth_keeping`).
    if not isinstance(state, Account) or state.sessions or state.replaced or state.unsaved:
        return service
    return Service(service.domains, service.machine, service.accounts.delete(jid), service.held, service.owns)


def is_worth_keeping(state: State) -> bool:
    """Whether a state holds information. Other states are dropped: otherwise strangers could fill the memory."""
    if isinstance(state, NoAccount):
        return bool(state.ending)
    return not isinstance(state, Unloaded) or bool(state.sessions or state.ended)
