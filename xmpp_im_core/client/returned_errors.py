"""Errors that come back: the stanza that an error answers, and what it says about the recipient (RFC 6120 §8.3)."""

from __future__ import annotations

from typing import Final, TypeVar

from xmpp_im_core.client.effects import Send, Transition
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.state import Client
from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import Condition, ErrorType, Message, Presence, Stanza, StanzaError

S = TypeVar("S", bound=Stanza)

_NOBODY_THERE: Final = frozenset(
    {
        Condition.GONE,
        Condition.ITEM_NOT_FOUND,
        Condition.RECIPIENT_UNAVAILABLE,
        Condition.REMOTE_SERVER_NOT_FOUND,
        Condition.REMOTE_SERVER_TIMEOUT,
    }
)


def remembered(step: Transition, policy: ClientPolicy) -> Transition:
    """Remember the messages and the presence that a step sends, for errors that may come back.

    A stanza without an id is not remembered, because an error could not be matched to it.
    """
    sent = [effect.stanza for effect in step.effects if isinstance(effect, Send) and effect.stanza.id is not None]
    if not sent:
        return step
    messages = [stanza for stanza in sent if isinstance(stanza, Message)]
    presences = [stanza for stanza in sent if isinstance(stanza, Presence) and stanza.type != "error"]
    if not messages and not presences:
        return step
    client = step.state
    client = client.with_sent(
        _last(client.sent, messages, policy),
        _last(client.sent_presences, presences, policy),
    )
    return Transition(client, step.effects)


def _last(kept: tuple[S, ...], new: list[S], policy: ClientPolicy) -> tuple[S, ...]:
    if not new:
        return kept
    together: tuple[S, ...] = (*kept, *new)
    return together[max(len(together) - policy.sent_messages, 0) :]


def answered_message(client: Client, error: Message, sender: JID) -> Message | None:
    """Return the message that an error answers, by its id and recipient; None if the client does not know it."""
    return next((m for m in reversed(client.sent) if m.id == error.id and _returned_by(client, m, sender)), None)


def answered_presence(client: Client, error: Presence, sender: JID) -> Presence | None:
    """Return the presence that an error answers, or None. Any recipient of a broadcast may return it."""
    return next(
        (
            presence
            for presence in reversed(client.sent_presences)
            if presence.id == error.id and (presence.to is None or _returned_by(client, presence, sender))
        ),
        None,
    )


def _returned_by(client: Client, sent: Stanza, sender: JID) -> bool:
    """Whether this JID may return a stanza: it is the recipient, as a bare or a full JID."""
    to = sent.to_jid or client.jid
    return sender.bare == to.bare and (sender.is_bare or to.is_bare or sender == to)


def says_nobody_there(error: StanzaError | None, answered: Presence | None) -> bool:
    """Whether an error that answers presence says that nobody can be reached at the address.

    Most conditions say why this client's own presence was not accepted (a nickname conflict, for example), and do not
    show whether their sender is there. The same holds for every answer to a subscription stanza.
    ``<service-unavailable/>`` stands for ``<item-not-found/>`` where that would tell too much (RFC 6120 §8.3.3.7),
    unless its type is "wait".
    """
    if error is None or (answered is not None and answered.type not in (None, "unavailable")):
        return False
    if error.condition is Condition.SERVICE_UNAVAILABLE:
        return error.type is not ErrorType.WAIT
    return error.condition in _NOBODY_THERE
