"""What a step of a client returns: the new state, and the effects in order.

Each effect names the rule that it obeys. A silence is the effect ``Ignored``, so that every step has a rule.
"""

from __future__ import annotations

from typing import TypeAlias

from xmpp_im_core.client.notifications import Notification, OrderRefused
from xmpp_im_core.client.state import Client
from xmpp_im_core.record import record
from xmpp_im_core.rules import Rule
from xmpp_im_core.stanza import Condition, Stanza, error_reply, stanza_error


@record
class Send:
    """Write this stanza to the stream."""

    stanza: Stanza
    rule: Rule


@record
class Tell:
    """Give this notification to the application."""

    notification: Notification
    rule: Rule


@record
class Ignored:
    """Nothing is sent and the application is told nothing, by this rule."""

    rule: Rule


Effect: TypeAlias = Send | Tell | Ignored


@record
class Transition:
    """The result of a step."""

    state: Client
    effects: tuple[Effect, ...] = ()
    """What the host performs, in this order."""


def silence(client: Client, rule: Rule) -> Transition:
    """Return a transition that does nothing, by this rule."""
    return Transition(client, (Ignored(rule),))


def refuse_to_send(client: Client, rule: Rule, stanza: Stanza | None = None) -> Transition:
    """Return a transition that sends nothing and tells the application why.

    :param stanza: the stanza that is not sent, if there is one.
    """
    return Transition(client, (Tell(OrderRefused(stanza), rule),))


def refusal(stanza: Stanza, condition: Condition, rule: Rule) -> Send:
    """Return the error that answers a stanza, from this client's full JID, which the server stamps.

    :param stanza: neither an error nor an IQ result, which are never answered (RFC 6120 §8.2.3, §8.3.1).
    """
    reply = error_reply(stanza, stanza_error(condition))
    return Send(type(reply)(reply.to, None, reply.id, reply.type, reply.lang, reply.payload), rule)
