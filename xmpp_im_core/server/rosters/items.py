"""Adding, updating and removing a roster item (RFC 6121 §2.3, §2.4, §2.5)."""

from __future__ import annotations

from xmpp_im_core.jid import parse_address, prepared_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact
from xmpp_im_core.rules import blocking as blocking_rules
from xmpp_im_core.rules import roster as rules
from xmpp_im_core.server.contact_changes import modify, push
from xmpp_im_core.server.contact_presence import unavailable_from_all, without_directed_to
from xmpp_im_core.server.effects import Effect, Ignored, Route, Transition
from xmpp_im_core.server.state import Account
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import Subscription, subscription_state


def put_item(
    account: Account, jid: str, name: str, groups: tuple[str, ...], seq: str, policy: Policy
) -> Transition[Account]:
    """Add or update an item (§2.3.2, §2.4.2): "the item MUST be updated exactly as provided" (§2.4.1).

    The name and all groups are replaced. The subscription, 'ask', 'approved' and a pending request stay.
    """
    before = account.roster.contacts.get(jid)
    after, contact, store = modify(account, (before or Contact(jid)).updated(name, groups), policy)
    pushed = rules.UPDATED_ITEM_PUSHED if before is not None and before.listed else rules.ADDED_ITEM_PUSHED
    return Transition(after, (push(after, contact, f"{seq}-push", policy, pushed),), store)


def remove_item(account: Account, contact: Contact, seq: str, policy: Policy) -> Transition[Account]:
    """Remove an item, and end the subscriptions of both sides (§2.5.2).

    The contact's subscription is cancelled as in §3.2.2, with unavailable presence first. The contact's pending request
    stays pending, since the user has not answered it.
    """
    state = contact.state
    after, removed, store = modify(
        account,
        Contact(
            contact.jid,
            subscription_state("none", pending_in=state.pending_in),
            listed=False,
            request=contact.request,
        ),
        policy,
    )
    pushed = push(after, removed, f"{seq}-push", policy, rules.REMOVED_ITEM_PUSHED)
    withdrawal = withdrawal_at_removal(account, contact.jid, state, seq)
    if state.from_:
        after = without_directed_to(after, contact.jid)
    return Transition(after, (*withdrawal, pushed), store)


def withdrawal_at_removal(account: Account, contact: str, state: Subscription, seq: str) -> tuple[Effect, ...]:
    """Return the presence that the removal of an item sends to the contact (§2.5.2); a blocked contact gets none.

    The user's pending request is withdrawn too, which §2.5.2 does not demand. Otherwise the contact's server would keep
    the request pending, though the user no longer wants the subscription.
    """
    if is_blocked(account, prepared_jid(contact)):
        return (Ignored(blocking_rules.REMOVAL_NOT_TOLD),)
    to = parse_address(contact)
    effects: tuple[Effect, ...] = ()
    if state.to or state.pending_out:
        stanza = Presence(to, account.address, f"{seq}-unsubscribe", "unsubscribe")
        rule = rules.UNSUBSCRIBED_AT_REMOVAL if state.to else rules.REQUEST_WITHDRAWN_AT_REMOVAL
        effects = (Route(stanza, rule),)
    if state.from_:
        stanza = Presence(to, account.address, f"{seq}-unsubscribed", "unsubscribed")
        rule = rules.MUTUAL_CANCELLED_AT_REMOVAL if state.to else rules.CANCELLED_AT_REMOVAL
        unavailable: tuple[Effect, ...] = ()
        shared = account.roster.shared.get(contact)
        if shared is None or not shared.state.from_:  # a shared item still lets the contact see the user
            unavailable = unavailable_from_all(account, to, seq, rules.UNAVAILABLE_AT_REMOVAL)
        effects = (*unavailable, *effects, Route(stanza, rule))
    return effects
