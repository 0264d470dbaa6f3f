"""Find an IQ request in the namespace of an extension, as most extensions begin."""

from __future__ import annotations

from xmpp_im_core.server.events import Event, Inbound, Outbound
from xmpp_im_core.server.state import Account, State
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import IQ, Stanza


def own_request(account: State, event: Event, namespace: str) -> IQ | None:
    """Return the IQ get or set in this namespace that one of the user's own clients sent to the account, or None.

    The 'to' is absent or the user's bare JID (RFC 6121 §8.2). None also if the account would refuse the IQ: if the
    session does not exist, or the IQ is malformed.
    """
    if not isinstance(event, Outbound) or not isinstance(event.stanza, IQ) or not isinstance(account, Account):
        return None  # nearly all events: no look at the account is needed
    stanza = event.stanza
    if account.session(event.session) is None or (stanza.to is not None and not _is_account(account, stanza)):
        return None
    return _request(stanza, namespace)


def inbound_request(account: State, event: Event, namespace: str) -> IQ | None:
    """Return the IQ get or set in this namespace that arrived for the user's bare JID, or None.

    None also if the user blocks the sender. Before it answers, the extension must ask
    :func:`~xmpp_im_core.server.visibility.visibility` (RFC 6121 §8.5.2.1.3).
    """
    if not isinstance(event, Inbound) or not isinstance(event.stanza, IQ) or not isinstance(account, Account):
        return None
    sender = event.stanza.from_jid
    if sender is None or is_blocked(account, sender) or not _is_account(account, event.stanza):
        return None
    return _request(event.stanza, namespace)


def _is_account(account: Account, stanza: Stanza) -> bool:
    return stanza.to_jid is not None and stanza.to_jid.full == account.jid.full


def _request(stanza: IQ, namespace: str) -> IQ | None:
    if stanza.id is None or stanza.type not in ("get", "set"):
        return None
    asked = stanza.request
    return stanza if asked is not None and asked.namespace == namespace else None
