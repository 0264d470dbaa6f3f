"""Pre-approval: the user approves a request before it comes (RFC 6121 §3.4; Table A.2.3)."""

from __future__ import annotations

from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.roster import Contact
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import subscriptions as rules
from xmpp_im_core.server.answers import refuse
from xmpp_im_core.server.contact_changes import has_no_room_for, modify, push
from xmpp_im_core.server.contact_presence import presence_from_all
from xmpp_im_core.server.effects import Ignored, Route, Transition, silence
from xmpp_im_core.server.events import Inbound, Outbound
from xmpp_im_core.server.state import Account
from xmpp_im_core.stanza import Condition, Presence
from xmpp_im_core.subscription import OUTBOUND_SUBSCRIBED, PRE_APPROVED, TableRow


def pre_approve(
    account: Account, event: Outbound, contact: Contact, row: TableRow, policy: Policy
) -> Transition[Account]:
    """Record that the user approves the contact's next request (§3.4.2).

    The item gets the 'approved' flag and is pushed. If there is none, it is created. Nothing is routed.
    """
    if policy.pre_approval is PreApproval.UNSUPPORTED:
        return silence(account, rules.PRE_APPROVAL_UNSUPPORTED)
    if contact.approved:
        return Transition(account, (Ignored(row.rule), Ignored(rules.APPROVED_ALREADY)))
    if has_no_room_for(account.roster, contact, policy):
        return refuse(account, event.stanza, event.session, Condition.POLICY_VIOLATION, rules.REQUEST_TO_FULL_ROSTER)
    pushed_by = rules.PRE_APPROVAL_PUSHED if contact.listed else rules.PRE_APPROVED_ITEM_PUSHED
    after, contact, store = modify(account, contact.in_roster(approved=True), policy)
    return Transition(after, (Ignored(row.rule), push(after, contact, f"{event.seq}-push", policy, pushed_by)), store)


def approved_beforehand(
    account: Account, event: Inbound, request: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Answer a request that the user has pre-approved (§3.4.2, §3.1.3)."""
    row = PRE_APPROVED[contact.state]
    kept = policy.pre_approval is PreApproval.KEPT
    pushed_by = rules.PRE_APPROVAL_KEPT if kept else rules.PRE_APPROVAL_USED
    approved = contact.becoming_item(row.becomes, approved=kept)
    return _approve(account, event, request, approved, policy, row.rule, pushed_by)


def approved_by_service(
    account: Account, event: Inbound, request: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Approve a request because the service has decided so on the user's behalf (§3.1.3)."""
    if has_no_room_for(account.roster, contact, policy):
        return silence(account, rules.SERVICE_APPROVAL_TO_FULL_ROSTER)
    table = OUTBOUND_SUBSCRIBED if contact.state.pending_in else PRE_APPROVED
    approved = contact.becoming_item(table[contact.state].becomes, approved=contact.approved)
    rule, pushed_by = rules.REQUEST_APPROVED_BY_SERVICE, rules.APPROVED_BY_SERVICE_PUSHED
    return _approve(account, event, request, approved, policy, rule, pushed_by)


def _approve(
    account: Account,
    event: Inbound,
    request: Presence,
    approved: Contact,
    policy: Policy,
    rule: Rule,
    pushed_by: Rule,
) -> Transition[Account]:
    """Approve without asking the user: the answer, then the push, then presence, as in §3.1.5."""
    after, approved, store = modify(account, approved, policy)
    to = request.from_bare
    effects = (
        Route(Presence(to, account.address, f"{event.seq}-subscribed", "subscribed"), rule),
        push(after, approved, f"{event.seq}-push", policy, pushed_by),
        *presence_from_all(after, to, rules.PRESENCE_AFTER_APPROVAL),
    )
    return Transition(after, effects, store)


def cancel_pre_approval(
    account: Account, event: Outbound, contact: Contact, row: TableRow, policy: Policy
) -> Transition[Account]:
    """Cancel a pre-approval (§3.2.2, rule 2). Nothing is routed, and the item stays."""
    if not contact.approved:
        return silence(account, row.rule)
    after, contact, store = modify(account, contact.in_roster(approved=False), policy)
    pushed = push(after, contact, f"{event.seq}-push", policy, rules.PRE_APPROVAL_CANCELLED)
    return Transition(after, (Ignored(row.rule), pushed), store)
