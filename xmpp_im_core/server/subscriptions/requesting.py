"""Requesting a subscription (RFC 6121 §3.1.2, §3.1.3; Tables A.2.1, A.3.1)."""

from __future__ import annotations

from xmpp_im_core.event import Decision
from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.roster import Contact
from xmpp_im_core.rules import subscriptions as rules
from xmpp_im_core.server.answers import refuse
from xmpp_im_core.server.contact_changes import has_no_room_for, modify, note, push
from xmpp_im_core.server.effects import Effect, Ignored, Route, Transition, deliver, silence
from xmpp_im_core.server.events import Inbound, Outbound
from xmpp_im_core.server.state import Account, Session
from xmpp_im_core.server.subscriptions.pre_approving import approved_beforehand, approved_by_service
from xmpp_im_core.server.subscriptions.resending import waking_for
from xmpp_im_core.stanza import Condition, Presence
from xmpp_im_core.subscription import (
    INBOUND_SUBSCRIBE,
    OUTBOUND_SUBSCRIBE,
    OUTBOUND_UNSUBSCRIBED,
    TableRow,
)


def outbound_subscribe(
    account: Account, event: Outbound, request: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Process the user's request to a contact (§3.1.2; Table A.2.1).

    It is routed in every state, which repairs rosters that disagree. Then the item is pushed.

    :param request: stamped with the user's bare JID, to the contact's bare JID.
    """
    row = OUTBOUND_SUBSCRIBE[contact.state]
    if has_no_room_for(account.roster, contact, policy):
        return refuse(account, event.stanza, event.session, Condition.POLICY_VIOLATION, rules.REQUEST_TO_FULL_ROSTER)
    routed = Route(request, row.rule, event.session)
    if not row.becomes.pending_out:
        return Transition(account, (routed,))  # already subscribed: the item does not change
    # A repeated request is pushed again: "the user's server MUST then send a roster push" has no exception (§3.1.2)
    asking = contact.becoming_item(row.becomes, approved=contact.approved, asked=event.at)
    after, asking, store = modify(account, asking, policy)
    pushed = push(after, asking, f"{event.seq}-push", policy, rules.REQUEST_PUSHED)
    return Transition(waking_for(after, event.at, policy), (routed, pushed), store)


def inbound_subscribe(
    account: Account, event: Inbound, request: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Process a contact's request (§3.1.3; Table A.3.1; §3.4.2 if it is pre-approved).

    If the contact is already subscribed or pre-approved, the server answers. Otherwise the request is delivered to the
    available resources and kept until the user decides; each resource that becomes available gets it again.

    :param request: to the user's bare JID.
    """
    row = INBOUND_SUBSCRIBE[contact.state]
    if contact.state.from_:
        return Transition(account, (_auto_reply(account, event, request, "subscribed", row),))
    if contact.approved and policy.pre_approval is not PreApproval.UNSUPPORTED and not contact.state.pending_in:
        return approved_beforehand(account, event, request, contact, policy)
    if event.decision is Decision.APPROVE:
        return approved_by_service(account, event, request, contact, policy)
    if event.decision is Decision.DENY:
        return _denied_by_service(account, event, request, contact)
    if not row.acts:
        return silence(account, row.rule)
    return _ask_user(account, event, request, contact, row, policy)


def _denied_by_service(account: Account, event: Inbound, request: Presence, contact: Contact) -> Transition[Account]:
    """Deny a request because the service has decided so. This also answers an earlier request that is pending."""
    denial = Presence(request.from_bare, account.address, f"{event.seq}-unsubscribed", "unsubscribed")
    denied = Route(denial, rules.REQUEST_DENIED_BY_SERVICE)
    if not contact.state.pending_in:
        return Transition(account, (denied,))
    after, store = note(account, contact.becoming(OUTBOUND_UNSUBSCRIBED[contact.state].becomes))
    return Transition(after, (denied,), store)


def _ask_user(
    account: Account, event: Inbound, request: Presence, contact: Contact, row: TableRow, policy: Policy
) -> Transition[Account]:
    """Keep the complete request, and deliver it to the available resources (§3.1.3, rules 3 and 4)."""
    if request.size() > policy.request_size:
        return silence(account, rules.REQUEST_TOO_LARGE)
    sender = request.from_jid
    assert sender is not None
    if len(account.roster.pending) >= policy.pending_requests:
        return silence(account, rules.TOO_MANY_REQUESTS)
    if account.roster.pending_from(sender.domain) >= policy.pending_requests_per_domain:
        return silence(account, rules.TOO_MANY_REQUESTS_OF_DOMAIN)
    after, store = note(account, contact.becoming(row.becomes, request))
    if after.roster.request_bytes > policy.pending_request_bytes:
        return silence(account, rules.REQUESTS_TOO_LARGE)
    available = account.available()
    if not available:
        return Transition(after, (Ignored(row.rule), Ignored(rules.REQUEST_RECORDED)), store)
    effects: tuple[Effect, ...] = (deliver(request, available, row.rule), Ignored(rules.REQUEST_RECORDED))
    if policy.acknowledge_requests:
        receipt = Presence(request.from_bare, account.address, f"{event.seq}-unavailable", "unavailable")
        effects = (*effects, Route(receipt, rules.REQUEST_ACKNOWLEDGED))
    return Transition(after, effects, store)


def _auto_reply(account: Account, event: Inbound, request: Presence, type: str, row: TableRow) -> Route:
    """Answer on the user's behalf, from bare JID to bare JID (§3.1.3)."""
    reply = Presence(request.from_bare, account.address, f"{event.seq}-{type}", type)
    return Route(reply, row.rule)


def redeliver_requests(account: Account, session: Session) -> tuple[Effect, ...]:
    """Deliver every pending request to a resource that has become available (§3.1.3)."""
    roster = account.roster
    requests = [roster.contacts[jid].request for jid in roster.pending if jid not in roster.shared]
    return tuple(
        [deliver(request, (session.id,), rules.REQUEST_REDELIVERED) for request in requests if request is not None]
    )
