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
    """Route directed presence with its full XML, and keep account of who is owed an unavailable (§4.6.1, §4.6.3).

    It never changes who receives broadcasts. The list belongs to this session alone; entries are taken off
    exactly as they were addressed. An entry for a subscriber costs nothing: at the end it is told once.

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
    """Whether one of the user's own addresses has to be told the end of a resource in a particular way (§4.6.3).

    A connected resource has: it may be unavailable at that time. The bare JID has before initial presence; afterwards
    the available resources hear the end anyway (§4.5.2).
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
    """Strike an entity that has sent unavailable presence from the directed-presence lists (§4.6.1).

    Each list belongs to one resource: presence to a full JID strikes its sender from that resource's list alone.
    """
    struck = [
        session
        for session in account.sessions
        if to.resource in (None, session.id.resource) and holds(session.directed, sender.full)
    ]
    for session in struck:
        left = tuple([entry for entry in session.directed if entry != sender.full])
        account = account.with_session(session.with_directed(left))
    return account
