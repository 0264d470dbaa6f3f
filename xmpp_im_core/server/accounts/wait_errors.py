"""Errors of type wait: the answers if a commit has failed or the account is not loaded (RFC 6120 §8.3.2)."""

from __future__ import annotations

from xmpp_im_core.rules import storage as rules
from xmpp_im_core.server.answers import comes_for, error, error_to_sender
from xmpp_im_core.server.effects import Effect, Ignored
from xmpp_im_core.server.events import Event, Inbound, Outbound
from xmpp_im_core.server.state import Account, Unloaded
from xmpp_im_core.server.visibility import Visibility, visibility
from xmpp_im_core.stanza import IQ, Condition, ErrorType, Message, Presence, Stanza


def answer_later(state: Account | Unloaded, event: Event) -> Effect:
    """Answer an event that cannot be processed now: an error of type wait, if the sender expects an answer.

    A message has to be stored only if the user is absent, so an error would tell the sender that. It gets the error
    only if it may see the user's presence (§8.1). While the account is not loaded, every sender gets the error: the
    core does not know then whether the user is absent.
    """
    if isinstance(event, Outbound):
        session = next((each for each in state.sessions if each.id == event.session), None)
        if session is None or not _is_missed_by_client(event.stanza):
            return Ignored(rules.NOT_NOW_IGNORED)
        stanza = event.stanza.stamped(from_=session.address)
        return error(stanza, session.id, Condition.INTERNAL_SERVER_ERROR, rules.NOT_NOW, ErrorType.WAIT)
    if isinstance(event, Inbound) and _expects_answer(event.stanza) and comes_for(event.stanza, state.jid.bare):
        stanza = event.stanza
        if isinstance(stanza, Presence) and stanza.type != "subscribe":
            return Ignored(rules.NOT_NOW_IGNORED)
        if isinstance(stanza, Message) and isinstance(state, Account) and not _may_know(state, stanza):
            return Ignored(rules.NOT_NOW_HIDDEN)
        return error_to_sender(stanza, Condition.INTERNAL_SERVER_ERROR, rules.NOT_NOW, ErrorType.WAIT)
    return Ignored(rules.NOT_NOW_IGNORED)


def _may_know(account: Account, stanza: Stanza) -> bool:
    sender = stanza.from_jid
    return sender is not None and visibility(account, sender, None) is not Visibility.NONE


def _is_missed_by_client(stanza: Stanza) -> bool:
    """Whether a client has to know that its stanza was not processed.

    Its available presence counts too: without an error the client would believe that it is available. Unavailable
    presence does not count: it takes effect if there is a presence session to end.
    """
    if isinstance(stanza, Presence):
        return stanza.type not in ("unavailable", "probe", "error")
    return _expects_answer(stanza)


def _expects_answer(stanza: Stanza) -> bool:
    if isinstance(stanza, Presence):
        return stanza.type in ("subscribe", "subscribed", "unsubscribe", "unsubscribed")
    if isinstance(stanza, Message):
        return stanza.type != "error"
    return isinstance(stanza, IQ) and stanza.type not in ("result", "error")
