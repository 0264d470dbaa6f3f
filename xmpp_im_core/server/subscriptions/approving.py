"""Approving a subscription request (RFC 6121 §3.1.5, §3.1.6; Tables A.2.3, A.3.3)."""

from __future__ import annotations

from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact
from xmpp_im_core.rules import subscriptions as rules
from xmpp_im_core.server.answers import refuse
from xmpp_im_core.server.contact_changes import has_no_room_for, modify, push
from xmpp_im_core.server.contact_presence import presence_from_all
from xmpp_im_core.server.effects import Route, Transition, silence
from xmpp_im_core.server.events import Inbound, Outbound
from xmpp_im_core.server.state import Account
from xmpp_im_core.server.subscriptions.decision_notices import notify
from xmpp_im_core.server.subscriptions.pre_approving import pre_approve
from xmpp_im_core.stanza import Condition, Presence
from xmpp_im_core.subscription import (
    INBOUND_SUBSCRIBED,
    OUTBOUND_SUBSCRIBED,
)


def outbound_subscribed(
    account: Account, event: Outbound, approval: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Process the user's approval of a request (§3.1.5; Table A.2.3), or pre-approve one (§3.4.2).

    The server routes the approval, then pushes the item, then sends the presence of each available resource.

    :param approval: stamped with the user's bare JID, to the contact's bare JID.
    """
    row = OUTBOUND_SUBSCRIBED[contact.state]
    if row.pre_approves:
        return pre_approve(account, event, contact, row, policy)
    if not row.acts:
        return silence(account, row.rule)
    if has_no_room_for(account.roster, contact, policy):
        return refuse(account, event.stanza, event.session, Condition.POLICY_VIOLATION, rules.REQUEST_TO_FULL_ROSTER)
    approved = contact.becoming_item(row.becomes, approved=contact.approved)
    after, approved, store = modify(account, approved, policy)
    effects = (
        Route(approval, row.rule, event.session),
        push(after, approved, f"{event.seq}-push", policy, rules.APPROVAL_PUSHED),
        *presence_from_all(after, approval.to, rules.PRESENCE_AFTER_APPROVAL),
    )
    return Transition(after, effects, store)


def inbound_subscribed(
    account: Account, event: Inbound, approval: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Process a contact's approval (§3.1.6; Table A.3.3).

    It is delivered to the interested resources: "This MUST occur before sending the roster push". An approval that the
    user did not request is ignored.
    """
    row = INBOUND_SUBSCRIBED[contact.state]
    if not row.acts:
        return silence(account, row.rule)
    after, contact, store = modify(account, contact.becoming(row.becomes), policy)
    after, told, kept = notify(after, event.seq, approval, row.rule, policy)
    pushed = push(after, contact, f"{event.seq}-push", policy, rules.APPROVED_PUSHED)
    return Transition(after, (*told, pushed), (*store, *kept))
