"""Unsubscribing (RFC 6121 §3.3; Tables A.2.2, A.3.2)."""

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
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import INBOUND_UNSUBSCRIBE, OUTBOUND_UNSUBSCRIBE


def outbound_unsubscribe(
    account: Account, event: Outbound, farewell: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Process the end of the user's own subscription or request (§3.3.2; Table A.2.2).

    Routed in every state; then the item is pushed, where it has changed.

    :param farewell: stamped with the user's bare JID, to the contact's bare JID.
    """
    row = OUTBOUND_UNSUBSCRIBE[contact.state]
    routed = Route(farewell, row.rule, event.session)
    if row.becomes is contact.state:
        return Transition(account, (routed,))
    after, contact, store = modify(account, contact.becoming(row.becomes), policy)
    pushed = push(after, contact, f"{event.seq}-push", policy, rules.UNSUBSCRIBE_PUSHED)
    return Transition(after, (routed, pushed), store)


def inbound_unsubscribe(
    account: Account, event: Inbound, farewell: Presence, contact: Contact, policy: Policy, *, answer: bool
) -> Transition[Account]:
    """Process the end of a contact's subscription or request (§3.3.3; Table A.3.2).

    In this order: delivered to the interested resources; the push; unavailable presence from each available
    resource, to whoever was subscribed; and last the auto-reply "unsubscribed" that Table A.3.2 asks for. It
    is harmless, since the contact's server is in a state that ignores it.

    :param answer: False where the stanza was addressed to a full JID: an answer that depends on a resource
        being there would tell whether it is.
    """
    row = INBOUND_UNSUBSCRIBE[contact.state]
    if not row.acts:
        return silence(account, row.rule)
    ended = contact.becoming(row.becomes)
    caused: tuple[Effect, ...] = (Ignored(rules.REQUEST_WITHDRAWN),)  # no roster item ever showed the request
    if contact.state.from_:
        after, ended, store = modify(without_directed_to(account, contact.jid), ended, policy)
        caused = (
            push(after, ended, f"{event.seq}-push", policy, rules.UNSUBSCRIBED_PUSHED),
            *unavailable_from_all(account, farewell.from_bare, event.seq, rules.UNAVAILABLE_AFTER_UNSUBSCRIBE),
        )
    else:
        after, store = note(account, ended)
    if answer:
        reply = Presence(farewell.from_bare, account.address, f"{event.seq}-unsubscribed", "unsubscribed")
        caused = (*caused, Route(reply, rules.UNSUBSCRIBE_ANSWERED))
    after, told, kept = notify(after, event.seq, farewell, row.rule, policy)
    return Transition(after, (*told, *caused), (*store, *kept))
