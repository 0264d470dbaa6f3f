"""The sender of a stanza, as a client must read it (RFC 6120 §8.1.2.1)."""

from __future__ import annotations

from xmpp_im_core.client.policy import AccountSender, ClientPolicy
from xmpp_im_core.client.state import Client
from xmpp_im_core.jid import JID, Address
from xmpp_im_core.stanza import Stanza


def sender_of(client: Client, stanza: Stanza) -> JID | None:
    """Return the sender: without a 'from', the user's account. None if the 'from' is malformed."""
    from_ = stanza.from_
    if from_ is None:
        return client.jid
    return from_.jid if isinstance(from_, Address) else None


def is_own_account(client: Client, sender: JID, policy: ClientPolicy) -> bool:
    """Whether a sender speaks for the user's account: the bare JID, or another JID that the policy allows."""
    if sender == client.jid:
        return True
    return (
        policy.account_sender is AccountSender.OWN_FULL_OK and client.bound is not None and sender == client.bound.jid
    )
