"""Directed presence: to one entity, subscribed or not (RFC 6121 §4.6)."""

from __future__ import annotations

from xmpp_im_core.jid import JID
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import presence as rules
from xmpp_im_core.server.answers import refuse
from xmpp_im_core.server.effects import Route, Transition
from xmpp_im_core.server.events import Outbound
from xmpp_im_core.server.state import Account, Session, entry_size
from xmpp_im_core.server.visibility import holds
from xmpp_im_core.stanza import Condition, Presence


def outbound_directed(
    account: Account, event: Outbound, presence: Presence, to: JID, session: Session, policy: Policy
) -> Transition[Account]:
    """Route directed presence with its full XML, and keep the list of its recipients (§4.6.1, §4.6.3).

    It does not change who receives broadcasts. Each session has its own list. Unavailable presence removes only the
    entry with exactly the same address. A subscriber may be in the list too: it gets unavailable presence only once.

    :param presence: available or unavailable, stamped with the full JID.
    """
    if presence.type == "unavailable":
        left = session.with_directed(tuple([entry for entry in session.directed if entry != to.full]))
        return Transition(account.with_session(left), (Route(presence, rules.DIRECTED_UNAVAILABLE, session.id),))
    routed = Route(presence, _rule(account, to, session), session.id)
    own = to.bare == account.jid.bare
    if holds(session.directed, to.full) or (own and not _is_owed(account, to, session)):
        return Transition(account, (routed,))
    if not own and len(session.directed) >= policy.directed_entries:
        return refuse(account, presence, session.id, Condition.POLICY_VIOLATION, rules.DIRECTED_LIST_FULL)
    if not own and account.directed_bytes + entry_size(to.full) > policy.directed_bytes:
        return refuse(account, presence, session.id, Condition.POLICY_VIOLATION, rules.DIRECTED_TOO_LARGE)
    return Transition(account.with_session(session.directing_to(to.full)), (routed,))


def _is_owed(account: Account, own: JID, session: Session) -> bool:
    """Whether one of the user's own addresses belongs in the list, so that it gets the end of the resource (§4.6.3).

    Another connected resource does, since it may be unavailable at that time. The bare JID does only before initial
    presence: later the available resources get the broadcast of the end (§4.5.2).
    """
    if own.resource is None:
        return not session.available
    return own.resource != session.id.resource and account.resource(own.resource) is not None


def _rule(account: Account, to: JID, session: Session) -> Rule:
    if not session.available:
        return rules.DIRECTED_BEFORE_INITIAL
    if account.roster.state_of(to.bare).from_:
        return rules.DIRECTED_TO_SUBSCRIBER
    return rules.DIRECTED_TO_OTHER


def heard_unavailable(account: Account, sender: JID, to: JID) -> Account:
    """Remove an entity that has sent unavailable presence from the directed-presence lists (§4.6.1).

    Each list belongs to one resource: presence to a full JID removes its sender only from that resource's list.
    """
    struck = [
        session
        for session in account.sessions
        if session.directed and to.resource in (None, session.id.resource) and holds(session.directed, sender.full)
    ]
    for session in struck:
        left = tuple([entry for entry in session.directed if entry != sender.full])
        account = account.with_session(session.with_directed(left))
    return account
