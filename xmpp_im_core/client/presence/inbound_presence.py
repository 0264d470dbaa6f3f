"""Inbound presence: of contacts, strangers and the user's own resources (RFC 6121 §4)."""

from __future__ import annotations

from xmpp_im_core.client.chat_locks import unlocked_by_presence
from xmpp_im_core.client.effects import Effect, Tell, Transition, refusal, silence
from xmpp_im_core.client.notifications import Available, PresenceChanged, PresenceFailed, Unavailable
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.presence.known_presence import all_forgotten, all_gone, full_jid, recorded
from xmpp_im_core.client.presence.rooms import (
    is_occupant,
    is_own_end,
    is_void,
    not_entered,
    noted,
    occupant_gone,
    room_ended,
)
from xmpp_im_core.client.presence.strangers import heard_stranger, reclassified
from xmpp_im_core.client.returned_errors import answered_presence, says_nobody_there
from xmpp_im_core.client.state import Client
from xmpp_im_core.copying import copied
from xmpp_im_core.jid import JID, address_of
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client_presence as rules
from xmpp_im_core.stanza import Condition, Presence


def inbound_presence(client: Client, presence: Presence, sender: JID, policy: ClientPolicy) -> Transition:
    """Process presence of any type except the four of subscriptions (§4.7.1). It never changes the roster."""
    type = presence.type
    if type is None:
        return available(client, presence, sender, policy)
    if type == "unavailable":
        return unavailable(client, presence, sender, policy)
    if type == "error":
        return presence_error(client, presence, sender, policy)
    if type == "probe":
        return silence(client, rules.PROBE_LEFT_TO_SERVER)
    named = presence.stamped(from_=presence.from_ or address_of(sender))  # an error without a 'to' would be a broadcast
    return Transition(client, (refusal(named, Condition.BAD_REQUEST, rules.PRESENCE_TYPE_REFUSED),))


def available(client: Client, presence: Presence, sender: JID, policy: ClientPolicy) -> Transition:
    """Record that a resource is available, with initial or subsequent presence (§4.2.4, §4.4.4, §4.6.5)."""
    if sender == client.jid:
        return silence(client, rules.OWN_ACCOUNT_HAS_NO_PRESENCE)
    if is_void(client, sender):
        return silence(client, rules.ROOM_LEFT)
    client = noted(client, presence, sender)
    heard = client.presences.get(sender.bare)
    before = heard.resource(sender.resource or "") if heard is not None else None
    after, forgot = recorded(client, sender, presence, policy)
    after, evicted = heard_stranger(unlocked_by_presence(after, sender), sender.bare, policy)
    if before is not None and before.available:
        told = Tell(PresenceChanged(sender, before.presence, presence), _rule(client, sender, rules.PRESENCE_CHANGED))
    else:
        told = Tell(Available(sender, presence), _rule(client, sender, rules.PRESENCE_AVAILABLE))
    return Transition(after, (told, *forgot, *evicted))


def _rule(client: Client, sender: JID, rule: Rule) -> Rule:
    return rules.STRANGERS_PRESENCE if client.is_stranger(sender.bare) else rule


def unavailable(client: Client, presence: Presence, sender: JID, policy: ClientPolicy) -> Transition:
    """Record that a resource is unavailable, or for a bare JID that all its resources are (§4.5.4).

    While the user's request is not answered, unavailable presence from the bare JID may only acknowledge it. Then it
    says nothing about the contact's presence (§3.1.3).
    """
    if sender.is_bare and client.subscription(sender.bare).pending_out:
        return silence(client, rules.ACKNOWLEDGEMENT)
    if client.leaving and client.bound is not None and sender == client.bound.jid:
        return own_session_over(client)
    client = noted(client, presence, sender)
    if is_own_end(client, presence, sender):
        after, told = room_ended(client, sender)
        return Transition(after, (Tell(Unavailable(sender, presence), rules.ROOM_LEFT), *told))
    if is_void(client, sender):
        return silence(client, rules.ROOM_LEFT)
    client = occupant_gone(client, presence, sender)
    if sender.is_bare:
        after, told = _all_resources_gone(client, presence, sender, rules.ALL_UNAVAILABLE)
    else:
        after, told = _resource_gone(client, presence, sender, policy, rules.PRESENCE_UNAVAILABLE)
    after, evicted = heard_stranger(unlocked_by_presence(after, sender), sender.bare, policy)
    return Transition(after, (*told, *evicted))


def own_session_over(client: Client) -> Transition:
    """Forget the presence that was on its way when this client went unavailable, even if it is available again.

    The client gets its own unavailable presence back: the server sends it "to the resource that generated the
    unavailable presence in the first place" (§4.5.2). Everything that the server sent in the old presence session
    arrives before it, and everything of the next session after it.
    """
    client = copied(client, leaving=client.leaving - 1)
    after, effects = all_forgotten(client, rules.PRESENCE_SESSION_OVER)
    return Transition(after, effects) if effects else silence(after, rules.PRESENCE_SESSION_OVER)


def presence_error(client: Client, presence: Presence, sender: JID, policy: ClientPolicy) -> Transition:
    """Tell the application that presence of this client has failed. An error is never answered (RFC 6120 §8.3.1).

    The error does not show whether its sender is available, unless it says that nobody can be reached there. An error
    from the user's own account means that the server has refused the presence; an error from an occupant of a room
    means that the room has.
    """
    error, answered = presence.error, answered_presence(client, presence, sender)
    failed = PresenceFailed(sender, error, answered)
    sent_to = sender if answered is None or answered.to_jid is None else answered.to_jid
    own = sender == client.jid or is_occupant(client, sender, presence) or not says_nobody_there(error, answered)
    client, forgot = reclassified(not_entered(client, sent_to), (sender.bare,), policy)
    if own:
        return Transition(client, (Tell(failed, rules.OWN_PRESENCE_FAILED), *forgot))
    step = _nobody_there(client, presence, sender, Tell(failed, rules.PRESENCE_ERROR), policy)
    return Transition(step.state, (*step.effects, *forgot))


def _nobody_there(client: Client, presence: Presence, sender: JID, failed: Tell, policy: ClientPolicy) -> Transition:
    """Record that a resource, or every resource of a bare JID, can no longer be reached."""
    heard = client.presences.get(sender.bare)
    if sender.is_bare and client.resources(sender.bare):
        after, told = _all_resources_gone(client, presence, sender, rules.PRESENCE_ERROR)
    elif heard is not None and (before := heard.resource(sender.resource or "")) and before.available:
        after, told = _resource_gone(client, presence, sender, policy, rules.PRESENCE_ERROR)
    else:
        return Transition(client, (failed,))
    return Transition(unlocked_by_presence(after, sender), (failed, *told))


def _resource_gone(
    client: Client, presence: Presence, sender: JID, policy: ClientPolicy, rule: Rule
) -> tuple[Client, tuple[Effect, ...]]:
    after, forgot = recorded(client, sender, presence, policy)
    return after, (Tell(Unavailable(sender, presence), rule), *forgot)


def _all_resources_gone(
    client: Client, presence: Presence, sender: JID, rule: Rule
) -> tuple[Client, tuple[Effect, ...]]:
    gone = client.resources(sender.bare)
    after = all_gone(client, sender.bare, presence)
    told = [Tell(Unavailable(full_jid(sender, r.name), presence), rule) for r in gone]
    if not told:
        return after, (Tell(Unavailable(sender, presence), rule),)
    return after, tuple(told)
