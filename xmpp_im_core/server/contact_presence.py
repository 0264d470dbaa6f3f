"""Presence sent to one contact: available on approval, unavailable on cancellation (RFC 6121 §3.1.5, §3.2.2)."""

from __future__ import annotations

from xmpp_im_core.jid import Address, prepared_jid
from xmpp_im_core.rules import Rule
from xmpp_im_core.server.effects import Effect, Route
from xmpp_im_core.server.state import Account, Session
from xmpp_im_core.server.visibility import is_withheld
from xmpp_im_core.stanza import AddressLike, Presence


def presence_from_all(account: Account, to: AddressLike, rule: Rule) -> tuple[Effect, ...]:
    """Send the full presence of each available resource to an entity (§3.1.5), unless presence is withheld from it."""
    if _withheld(account, to):
        return ()
    return tuple([Route(presence.stamped(to=to), rule) for presence in account.presences()])


def unavailable_from_all(account: Account, to: AddressLike, seq: str, rule: Rule) -> tuple[Effect, ...]:
    """Send unavailable presence from each available resource (§3.2.2), unless presence is withheld from the entity."""
    if _withheld(account, to):
        return ()
    return tuple(
        [
            Route(Presence(to, session.address, f"{seq}-unavailable-{session.id.resource}", "unavailable"), rule)
            for session in account.sessions
            if session.presence is not None
        ]
    )


def _withheld(account: Account, to: AddressLike) -> bool:
    return isinstance(to, Address) and is_withheld(account, to.jid)


def without_directed_to(account: Account, bare: str) -> Account:
    """Remove a bare JID, and every full JID of it, from the directed-presence lists of the available resources.

    Each of these resources has just sent it unavailable presence, and would send it again when it ends (§4.6.1,
    §4.6.3). The list of a resource that is not available does not change. If presence is withheld from the entity, no
    list changes, since nothing was sent.
    """
    if is_withheld(account, prepared_jid(bare)):
        return account
    return account.with_sessions(
        tuple([session if session.presence is None else _struck(session, bare) for session in account.sessions])
    )


def _is_of(entry: str, bare: str) -> bool:
    return entry == bare or entry.startswith(f"{bare}/")


def _struck(session: Session, bare: str) -> Session:
    return session.with_directed(tuple([entry for entry in session.directed if not _is_of(entry, bare)]))
