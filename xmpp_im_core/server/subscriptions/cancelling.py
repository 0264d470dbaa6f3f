"""Cancelling a subscription, denying a request (RFC 6121 §3.2; Tables A.2.4, A.3.4)."""

from __future__ import annotations

from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact
from xmpp_im_core.rules import subscriptions as rules
from xmpp_im_core.server.contact_changes import modify, note, push
from xmpp_im_core.server.contact_presence import unavailable_from_all, without_directed_to
from xmpp_im_core.server.effects import Effect, Ignored, Route, Transition, silence
from xmpp_im_core.server.events import Inbound, Outbound
from xmpp_im_core.server.state import Account
from xmpp_im_core.server.subscriptions.decision_notices import notify
from xmpp_im_core.server.subscriptions.pre_approving import cancel_pre_approval
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import INBOUND_UNSUBSCRIBED, OUTBOUND_UNSUBSCRIBED


def outbound_unsubscribed(
    account: Account, event: Outbound, cancellation: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Process the user's cancellation or denial (§3.2.2; Table A.2.4).

    The server sends unavailable presence from each available resource "while the user is still subscribed", then routes
    the stanza, then pushes the item. A contact whose request is denied was never subscribed, and gets no unavailable
    presence: it would reveal the available resources.

    :param cancellation: stamped with the user's bare JID, to the contact's bare JID.
    """
    row = OUTBOUND_UNSUBSCRIBED[contact.state]
    if not row.acts:
        return cancel_pre_approval(account, event, contact, row, policy)
    cancelled = contact.becoming(row.becomes)
    routed = Route(cancellation, row.rule, event.session)
    if not contact.listed:  # a denied request had no item
        after, noted = note(account, cancelled)
        return Transition(after, (routed, Ignored(rules.DENIAL_WITHOUT_ITEM)), noted)
    unavailable: tuple[Effect, ...] = ()
    if contact.state.from_:
        unavailable = unavailable_from_all(account, cancellation.to, event.seq, rules.UNAVAILABLE_BEFORE_CANCELLATION)
        account = without_directed_to(account, contact.jid)
    after, cancelled, store = modify(account, cancelled.in_roster(approved=False), policy)
    pushed = push(after, cancelled, f"{event.seq}-push", policy, rules.CANCELLATION_PUSHED)
    return Transition(after, (*unavailable, routed, pushed), store)


def inbound_unsubscribed(
    account: Account, event: Inbound, cancellation: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Process a contact's cancellation or denial (§3.2.3; Table A.3.4).

    It is delivered to the interested resources, then the item is pushed. By Table A.3.4 a denial ends the pending
    request; by §3.2.3 alone ask='subscribe' would stay.
    """
    row = INBOUND_UNSUBSCRIBED[contact.state]
    if not row.acts:
        return silence(account, row.rule)
    after, contact, store = modify(account, contact.becoming(row.becomes), policy)
    after, told, kept = notify(after, event.seq, cancellation, row.rule, policy)
    pushed = push(after, contact, f"{event.seq}-push", policy, rules.CANCELLED_PUSHED)
    return Transition(after, (*told, pushed), (*store, *kept))
