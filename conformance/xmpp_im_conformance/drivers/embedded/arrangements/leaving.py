"""Accounts that leave memory while they have sessions, as when another process takes them over."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime

from xmpp_im_core.policy import Policy
from xmpp_im_core.server import OwnershipLost, Service
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import serve
from xmpp_im_core.server.state import Account


def without_accounts(
    service: Service[object], at: datetime, policy: Policy, staying: Container[str] = ()
) -> Service[object]:
    """Return the service after all accounts have left memory whose records say everything.

    :param staying: accounts that stay nevertheless: their storage does not answer, as a scenario wants it.
    :raises ValueError: if one stores something then, or stays.
    """
    for jid in _stored(service):
        if jid in staying:
            continue
        lost = serve(service, ForAccount(jid, OwnershipLost(at, f"lost {jid}")), policy)
        if lost.store or lost.forget or (policy.keep_sessions and jid in lost.state.accounts):
            raise ValueError(f"{jid} does not leave memory at once")
        service = lost.state
    return service


def _stored(service: Service[object]) -> list[str]:
    """Return the accounts whose records say everything.

    Items that the service shows are not stored: it would have to show them again.
    """
    known = [(jid, account_of(state)) for jid, state in service.accounts.items() if jid not in service.held]
    return [jid for jid, each in known if isinstance(each, Account) and not each.unsaved and not each.roster.shared]
