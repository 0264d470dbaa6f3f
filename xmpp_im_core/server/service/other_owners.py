"""Events of accounts that another part of the service owns: no state is known here, and nothing is told for them.

A service of several parts (processes, machines) gives each account one owner. ``hosting(..., owns=...)`` tells a part
which accounts are its own. The host feeds an event of an account to its owner only. But during a change of owner an
event may reach a part that is not the owner. It gets one of these answers:

* An inbound stanza leaves again as ``Route``: the host finds the owner.
* A stanza that a client missed is processed again where its account is: it leaves as ``Route`` too.
* A client's own stanza gets an error of type wait if the client has to know. A new session is closed.
* If the owner could not be reached, the sender of a message or request gets an error of type wait.
* Everything else changes nothing.

An account that is not owned is unknown here, and unknown is not none: nobody is told that the user is absent, and no
stanza changes the state of a peer.
"""

from __future__ import annotations

from xmpp_im_core.jid import JID, InvalidJID, address_of
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server.accounts.wait_errors import is_missed_by_client
from xmpp_im_core.server.answers import comes_for, error, error_to_sender
from xmpp_im_core.server.delivery.failures import missed
from xmpp_im_core.server.effects import Effect, EndSession, Ignored, Route
from xmpp_im_core.server.events import (
    Event,
    Inbound,
    Outbound,
    SessionBound,
    SessionEnded,
    StoreFailed,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.stanza import Condition, ErrorType, Presence


def of_another_owner(account: JID, event: Event) -> tuple[Effect, ...]:
    """Return the answers to an event of an account that another part of the service owns.

    :param account: the bare JID.
    """
    if isinstance(event, StoreFailed):
        return of_another_owner(account, event.event)  # the answers store nothing
    if isinstance(event, Inbound):
        return (_forwarded(account, event),)
    if isinstance(event, Outbound):
        return (_to_client(account, event),)
    if isinstance(event, SessionBound):
        return (EndSession(event.session, "internal-server-error", rules.BOUND_TO_NO_OWNER),)
    if isinstance(event, Undelivered | SessionEnded):
        again = tuple([Route(stanza, rules.FORWARDED) for stanza in missed(event, account.bare, ())])
        return again or (Ignored(rules.NOT_OWNED),)
    if isinstance(event, Unroutable):
        return (_unreached(account, event),)
    return (Ignored(rules.NOT_OWNED),)


def _forwarded(account: JID, event: Inbound) -> Effect:
    if not comes_for(event.stanza, account.bare):
        return Ignored(rules.NOT_OWNED)
    return Route(event.stanza, rules.FORWARDED)


def _to_client(account: JID, event: Outbound) -> Effect:
    """Answer a client's stanza with an error of type wait, if the client has to know that it was not processed."""
    if not is_missed_by_client(event.stanza):
        return Ignored(rules.NOT_OWNED)
    try:
        address = address_of(account.with_resource(event.session.resource))
    except InvalidJID:
        return Ignored(rules.NOT_OWNED)
    sent = event.stanza.stamped(from_=address)
    return error(sent, event.session, Condition.INTERNAL_SERVER_ERROR, rules.SENT_TO_NO_OWNER, ErrorType.WAIT)


def _unreached(account: JID, event: Unroutable) -> Effect:
    """Answer a stanza whose owner could not be reached. Its sender learns nothing of the parts of the service."""
    effect = event.effect
    if not isinstance(effect, Route) or not comes_for(effect.stanza, account.bare):
        return Ignored(rules.NOT_OWNED)
    stanza = effect.stanza
    if isinstance(stanza, Presence) and stanza.type != "subscribe":
        return Ignored(rules.OWNER_UNREACHED_IGNORED)
    return error_to_sender(stanza, Condition.INTERNAL_SERVER_ERROR, rules.OWNER_UNREACHED, ErrorType.WAIT)
