"""One client: ``reduce(client, event, policy) -> Transition``. This module only dispatches (RFC 6121).

The same inputs always give the same outputs: every event gets an answer in every state. The earlier state stays valid.
"""

from __future__ import annotations

from typing import Final, assert_never, get_args

from xmpp_im_core.client import events, iqs, outbound_syntax, returned_errors, senders, session, subscriptions
from xmpp_im_core.client.effects import Tell, Transition, refuse_to_send, silence
from xmpp_im_core.client.events import Inbound, Outbound, SessionBound, SessionEnded
from xmpp_im_core.client.messages import inbound_messages, outbound_messages
from xmpp_im_core.client.notifications import Unaddressed
from xmpp_im_core.client.policy import DEFAULT, ClientPolicy
from xmpp_im_core.client.presence import inbound_presence, own_presence
from xmpp_im_core.client.rosters import get_and_set
from xmpp_im_core.client.state import Client
from xmpp_im_core.rules import client as rules
from xmpp_im_core.stanza import IQ, SUBSCRIPTION_TYPES, Message, Presence

_EVENTS: Final = frozenset(get_args(events.Event))


def reduce(client: Client, event: events.Event, policy: ClientPolicy = DEFAULT) -> Transition:
    """Take one event of a client.

    :param client: its state; at first ``Client(jid)``, or ``Client(jid, roster)`` with a roster that was kept.
    :param event: what its server did, or what its user wants.
    :param policy: the choices of the client.
    :return: the new state, and what to send and to tell, in order.
    :raises TypeError: for what is not an event of a client.
    """
    if type(event) not in _EVENTS:
        raise TypeError(f"event: an event of a client is needed, not {event!r}")
    if client.bound is None and not isinstance(event, SessionBound):
        ignored = isinstance(event, Inbound | SessionEnded)
        return silence(client, rules.NO_SESSION) if ignored else refuse_to_send(client, rules.NOTHING_WITHOUT_SESSION)
    return returned_errors.remembered(_reduced(client, event, policy), policy)


def _reduced(client: Client, event: events.Event, policy: ClientPolicy) -> Transition:
    match event:
        case events.Inbound():
            return inbound(client, event, policy)
        case events.Outbound():
            return outbound(client, event, policy)
        case events.SessionBound():
            return session.session_bound(client, event)
        case events.SessionEnded():
            return session.session_ended(client)
        case events.GetRoster():
            return get_and_set.get_roster(client, event, policy)
        case events.SetItem():
            return get_and_set.set_item(client, event, policy)
        case events.RemoveItem():
            return get_and_set.remove_item(client, event, policy)
        case events.Subscribe() | events.Unsubscribe() | events.Approve() | events.Deny():
            return subscriptions.want_subscription(client, event)
        case events.SetPresence():
            return own_presence.set_presence(client, event, policy)
        case events.GoUnavailable():
            return own_presence.go_unavailable(client, event, policy)
        case events.SendMessage():
            return outbound_messages.send_message(client, event, policy)
        case events.Reply():
            return outbound_messages.reply(client, event, policy)
        case events.EndChat():
            return outbound_messages.end_chat(client, event, policy)
        case events.SendIQ():
            return iqs.send_iq(client, event, policy)
        case events.GiveUp():
            return iqs.give_up(client, event)
        case _:
            assert_never(event)


def inbound(client: Client, event: Inbound, policy: ClientPolicy) -> Transition:
    """Process a stanza that the server sent."""
    stanza = event.stanza
    sender = senders.sender_of(client, stanza)
    if isinstance(stanza, Message):
        return inbound_messages.inbound_message(client, event, stanza, sender, policy)
    if sender is None:
        return Transition(client, (Tell(Unaddressed(stanza), rules.FROM_MALFORMED),))
    if isinstance(stanza, Presence):
        if stanza.type in SUBSCRIPTION_TYPES:
            return subscriptions.inbound_subscription(client, event, stanza, sender, policy)
        return inbound_presence.inbound_presence(client, stanza, sender, policy)
    assert isinstance(stanza, IQ)
    return iqs.inbound_iq(client, stanza, sender, policy)


def outbound(client: Client, event: Outbound, policy: ClientPolicy) -> Transition:
    """Send a stanza of the application, unless it breaks a rule for clients."""
    stanza = event.stanza
    broken = outbound_syntax.fault(client, stanza)
    if broken is not None:
        return refuse_to_send(client, broken, stanza)
    if isinstance(stanza, Message):
        return outbound_messages.outbound_message(client, stanza)
    if isinstance(stanza, Presence):
        if stanza.type in SUBSCRIPTION_TYPES:
            return subscriptions.outbound_subscription(client, event, stanza)
        return own_presence.outbound_presence(client, stanza, policy)
    assert isinstance(stanza, IQ)
    return iqs.outbound_iq(client, event, stanza, policy)
