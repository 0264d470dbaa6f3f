"""One client: ``reduce(client, event, policy) -> Transition``, and nothing but dispatch (RFC 6121).

Every event gets an answer in every state, and no event raises. The same arguments give the same result, for
ever; the state before stays valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from attrs import evolve

from xmpp_im_core.client.effects import Effect, Ignored, Tell, Transition, refuse, silence
from xmpp_im_core.client.events import (
    Approve,
    Deny,
    EndChat,
    Event,
    GetRoster,
    GiveUp,
    GoUnavailable,
    Inbound,
    Outbound,
    RemoveItem,
    Reply,
    SendIQ,
    SendMessage,
    SessionBound,
    SessionEnded,
    SetItem,
    SetPresence,
    Subscribe,
    Unsubscribe,
)
from xmpp_im_core.client.iqs import give_up, inbound_iq, outbound_iq, send_iq
from xmpp_im_core.client.messages import inbound_message
from xmpp_im_core.client.notifications import Unanswered
from xmpp_im_core.client.own_presence import go_unavailable, outbound_presence, set_presence
from xmpp_im_core.client.policy import DEFAULT, ClientPolicy
from xmpp_im_core.client.presence import inbound_presence
from xmpp_im_core.client.returned import remembered
from xmpp_im_core.client.rosters import get_roster, remove_item, set_item
from xmpp_im_core.client.state import Client
from xmpp_im_core.client.subscriptions import want_subscription
from xmpp_im_core.client.syntax import fault
from xmpp_im_core.client.talking import end_chat, outbound_message, reply, send_message
from xmpp_im_core.rules import client as rules
from xmpp_im_core.stanza import IQ, Message, Presence


def reduce(client: Client, event: Event, policy: ClientPolicy = DEFAULT) -> Transition:
    """Take one event of a client.

    :param client: its state; in the beginning ``Client(jid)``, or ``Client(jid, roster)`` with a roster kept.
    :param event: what its server did, or its user wants.
    :param policy: the choices of the client.
    :return: the new state, and what to send and to tell, in order.
    :raises TypeError: for what is no event of a client.
    """
    reducer = _REDUCERS.get(type(event))
    if reducer is None:
        raise TypeError(f"event: an event of a client is needed, not {event!r}")
    if client.bound is None and not isinstance(event, SessionBound):
        ignored = isinstance(event, Inbound | SessionEnded)
        return silence(client, rules.NO_SESSION) if ignored else refuse(client, rules.NOTHING_WITHOUT_SESSION)
    return remembered(reducer(client, event, policy), policy)


def session_bound(client: Client, event: SessionBound, policy: ClientPolicy) -> Transition:
    """Begin a session: what an earlier one knew is void, but for the roster and the threads of chat sessions.

    Where the server has bound another account than was meant, nothing of the one before is kept.
    """
    account = event.bound.jid.to_bare()
    before = client.without_session() if account == client.jid else Client(account)
    return Transition(evolve(before, bound=event.bound), (*_unanswered(client), Ignored(rules.SESSION_BOUND)))


def session_ended(client: Client, event: SessionEnded, policy: ClientPolicy) -> Transition:
    """End a session: nothing is known of anybody's presence, and what was asked stays without an answer."""
    return Transition(client.without_session(), (*_unanswered(client), Ignored(rules.SESSION_ENDED)))


def _unanswered(client: Client) -> tuple[Effect, ...]:
    return tuple([Tell(Unanswered(id, asked), rules.UNANSWERED) for id, asked in client.questions.items()])


def inbound(client: Client, event: Inbound, policy: ClientPolicy) -> Transition:
    """Process a stanza that the server sent."""
    stanza = event.stanza
    if isinstance(stanza, Message):
        return inbound_message(client, event, stanza, policy)
    if isinstance(stanza, Presence):
        return inbound_presence(client, event, stanza, policy)
    assert isinstance(stanza, IQ)
    return inbound_iq(client, event, stanza, policy)


def outbound(client: Client, event: Outbound, policy: ClientPolicy) -> Transition:
    """Send a stanza that the application has made, unless it breaks a rule that binds a client."""
    stanza = event.stanza
    broken = fault(client, stanza)
    if broken is not None:
        return refuse(client, broken, stanza)
    if isinstance(stanza, Message):
        return outbound_message(client, event, stanza, policy)
    if isinstance(stanza, Presence):
        return outbound_presence(client, event, stanza, policy)
    assert isinstance(stanza, IQ)
    return outbound_iq(client, event, stanza, policy)


def _subscription(client: Client, event: Any, policy: ClientPolicy) -> Transition:
    return want_subscription(client, event)


# The events' classes and their reducers correspond one to one, which the type of a mapping cannot say.
_Reducer: TypeAlias = Callable[[Client, Any, ClientPolicy], Transition]

_REDUCERS: Final[Mapping[type, _Reducer]] = MappingProxyType(
    {
        SessionBound: session_bound,
        SessionEnded: session_ended,
        Inbound: inbound,
        Outbound: outbound,
        GetRoster: get_roster,
        SetItem: set_item,
        RemoveItem: remove_item,
        Subscribe: _subscription,
        Unsubscribe: _subscription,
        Approve: _subscription,
        Deny: _subscription,
        SetPresence: set_presence,
        GoUnavailable: go_unavailable,
        SendMessage: send_message,
        Reply: reply,
        EndChat: end_chat,
        SendIQ: send_iq,
        GiveUp: give_up,
    }
)
