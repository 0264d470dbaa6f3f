"""IQs, and who answers them (RFC 6121 §8.2, §8.5.2.1.3, §8.5.2.2.3, §8.5.3; RFC 6120 §8.2.3)."""

from __future__ import annotations

from xmpp_im_core.jid import JID
from xmpp_im_core.policy import Audience, ForeignRosterSet, Policy
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.rules import roster as roster_rules
from xmpp_im_core.server.answers import error_to_sender, refuse
from xmpp_im_core.server.blocking import BLOCKING, blocking_request
from xmpp_im_core.server.delivery.iq_syntax import malformed
from xmpp_im_core.server.effects import Delegate, Route, Transition, deliver, silence
from xmpp_im_core.server.events import Outbound
from xmpp_im_core.server.rosters.requests import roster_request
from xmpp_im_core.server.state import Account, Session
from xmpp_im_core.server.visibility import INVISIBLE, SELF, SUBSCRIBED, visibility
from xmpp_im_core.stanza import IQ, Condition


def outbound(account: Account, event: Outbound, iq: IQ, session: Session, policy: Policy) -> Transition[Account]:
    """Process an IQ that the user's client sent.

    The server handles an IQ without 'to', or to the user's bare JID, on the user's behalf (§8.2). It routes all others.

    :param iq: stamped with the full JID; its 'to' is absent or well-formed.
    """
    if malformed(iq):
        return refuse(account, iq, session.id, Condition.BAD_REQUEST, rules.IQ_MALFORMED)
    to = iq.to_jid
    if to is not None and to.full != account.jid.full:
        return Transition(account, (Route(iq, rules.IQ_ROUTED, session.id),))
    asked = iq.request
    if iq.type not in ("get", "set") or asked is None:
        return silence(account, rules.ANSWER_TO_SERVER)
    if asked.namespace == ROSTER:
        return roster_request(account, event, iq, asked, session, policy)
    if asked.namespace == BLOCKING and policy.blocking:
        return blocking_request(account, event, iq, asked, session, policy)
    if asked.namespace in policy.served:
        return Transition(account, (Delegate(iq, rules.IQ_DELEGATED),))
    return refuse(account, iq, session.id, Condition.SERVICE_UNAVAILABLE, rules.OWN_IQ_NOT_SERVED)


def inbound(account: Account, iq: IQ, sender: JID, to: JID, policy: Policy) -> Transition[Account]:
    """Process an inbound IQ: the server answers one to the bare JID, a resource one to its full JID (§8.5)."""
    if malformed(iq):
        return Transition(account, (error_to_sender(iq, Condition.BAD_REQUEST, rules.IQ_MALFORMED),))
    if to.resource is not None:
        return _to_resource(account, iq, sender, account.resource(to.resource))
    asked = iq.request
    if iq.type not in ("get", "set") or asked is None:
        return silence(account, rules.ANSWER_TO_SERVER)
    if asked.namespace == ROSTER:
        return _foreign_roster_request(account, iq, policy)
    if _may_ask(account, sender, policy.served.get(asked.namespace)):
        return Transition(account, (Delegate(iq, rules.IQ_DELEGATED),))
    return Transition(account, (error_to_sender(iq, Condition.SERVICE_UNAVAILABLE, rules.IQ_NOT_SERVED),))


def _may_ask(account: Account, sender: JID, audience: Audience | None) -> bool:
    """Whether the service answers this sender, given the audience of the namespace."""
    if audience is None:
        return False
    if audience in (Audience.ANYONE, Audience.EVERYWHERE):
        return True
    seen_by = visibility(account, sender, None)
    return seen_by is SELF or (audience is Audience.SUBSCRIBER and seen_by is SUBSCRIBED)


def _foreign_roster_request(account: Account, iq: IQ, policy: Policy) -> Transition[Account]:
    """Refuse a roster IQ from another account: only the owner may read and change a roster (§2.1.5, §2.3.3)."""
    if iq.type == "set" and policy.foreign_roster_set is ForeignRosterSet.FORBIDDEN:
        return Transition(account, (error_to_sender(iq, Condition.FORBIDDEN, roster_rules.FOREIGN_SET),))
    return Transition(account, (error_to_sender(iq, Condition.SERVICE_UNAVAILABLE, roster_rules.FOREIGN_GET),))


def _to_resource(account: Account, iq: IQ, sender: JID, session: Session | None) -> Transition[Account]:
    """Deliver an IQ to its resource; a request only if the sender may see the presence of the resource.

    The answer is the same if there is no such resource and if the sender may not see it (§8.5.3.1, §8.5.3.2.3).
    """
    request = iq.type in ("get", "set")
    if session is None:
        return _unavailable(account, iq, rules.IQ_UNMATCHED if request else rules.IQ_ANSWER_UNMATCHED)
    if request and visibility(account, sender, session) is INVISIBLE:
        return _unavailable(account, iq, rules.IQ_WITHHELD)
    rule = rules.IQ_DELIVERED if request else rules.IQ_ANSWER_DELIVERED
    return Transition(account, (deliver(iq, (session.id,), rule),))


def _unavailable(account: Account, iq: IQ, rule: Rule) -> Transition[Account]:
    return Transition(account, (error_to_sender(iq, Condition.SERVICE_UNAVAILABLE, rule),))
