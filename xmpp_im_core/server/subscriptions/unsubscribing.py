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
    account: Account, event: Outbound, unsubscribe: Presence, contact: Contact, policy: Policy
) -> Transition[Account]:
    """Process the end of the user's own subscription or request (§3.3.2; Table A.2.2).

    It is routed in every state. Then the item is pushed, if it has changed.

    :param unsubscribe: stamped with the user's bare JID, to the contact's bare JID.
    """
    row = OUTBOUND_UNSUBSCRIBE[contact.state]
    routed = Route(unsubscribe, row.rule, event.session)
    if row.becomes is contact.state:
        return Transition(account, (routed,))
    after, contact, store = modify(account, contact.becoming(row.becomes), policy)
    pushed = push(after, contact, f"{event.seq}-push", policy, rules.UNSUBSCRIBE_PUSHED)
    return Transition(after, (routed, pushed), store)


def inbound_unsubscribe(
    account: Account, event: Inbound, unsubscribe: Presence, contact: Contact, policy: Policy, *, answer: bool
) -> Transition[Account]:
    """Process the end of a contact's subscription or request (§3.3.3; Table A.3.2).

    It is delivered to the interested resources, then the item is pushed. If the contact was subscribed, it gets
    unavailable presence from each available resource. Last comes the auto-reply "unsubscribed" that Table A.3.2
    demands. It is harmless, since the contact's server is in a state that ignores it.

    :param answer: False if the stanza was sent to a full JID: an answer that is sent only if the resource is connected
        would reveal that.
    """
    row = INBOUND_UNSUBSCRIBE[contact.state]
    if not row.acts:
        return silence(account, row.rule)
    ended = contact.becoming(row.becomes)
    caused: tuple[Effect, ...] = (Ignored(rules.REQUEST_WITHDRAWN),)  # the roster item did not show the request
    if contact.state.from_:
        after, ended, store = modify(without_directed_to(account, contact.jid), ended, policy)
        caused = (
            push(after, ended, f"{event.seq}-push", policy, rules.UNSUBSCRIBED_PUSHED),
            *unavailable_from_all(account, unsubscribe.from_bare, event.seq, rules.UNAVAILABLE_AFTER_UNSUBSCRIBE),
        )
    else:
        after, store = note(account, ended)
    if answer:
        reply = Presence(unsubscribe.from_bare, account.address, f"{event.seq}-unsubscribed", "unsubscribed")
        caused = (*caused, Route(reply, rules.UNSUBSCRIBE_ANSWERED))
    after, told, kept = notify(after, event.seq, unsubscribe, row.rule, policy)
    return Transition(after, (*told, *caused), (*store, *kept))
