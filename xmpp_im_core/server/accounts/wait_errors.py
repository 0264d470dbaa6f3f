"""Errors of type wait: the answers if a commit has failed or the account is not loaded (RFC 6120 §8.3.2)."""

from __future__ import annotations

from xmpp_im_core.rules import storage as rules
from xmpp_im_core.server.answers import comes_for, error, error_to_sender
from xmpp_im_core.server.effects import Effect, Ignored
from xmpp_im_core.server.events import Event, Inbound, Outbound
from xmpp_im_core.server.state import Account, Unloaded
from xmpp_im_core.server.visibility import Visibility, visibility
from xmpp_im_core.stanza import Condition, ErrorType, Message, Presence, Stanza, may_be_answered


def answer_later(state: Account | Unloaded, event: Event) -> Effect:
    """Answer an event that cannot be processed now: an error of type wait, if the sender expects an answer.

    A message has to be stored only if the user is absent, so an error would tell the sender that. It gets the error
    only if it may see the user's presence (§8.1). While the account is not loaded, every sender gets the error: the
    core does not know then whether the user is absent.
    """
    if not isinstance(event, Outbound | Inbound) or not may_be_answered(event.stanza):
        return Ignored(rules.NOT_NOW_IGNORED)
    stanza = event.stanza
    if isinstance(event, Outbound):
        session = next((each for each in state.sessions if each.id == event.session), None)
        if session is None or not is_missed_by_client(stanza):
            return Ignored(rules.NOT_NOW_IGNORED)
        answered = stanza.stamped(from_=session.address)
        return error(answered, session.id, Condition.INTERNAL_SERVER_ERROR, rules.NOT_NOW, ErrorType.WAIT)
    if not comes_for(stanza, state.jid.bare) or (isinstance(stanza, Presence) and stanza.type != "subscribe"):
        return Ignored(rules.NOT_NOW_IGNORED)
    if isinstance(stanza, Message) and isinstance(state, Account) and not _may_know(state, stanza):
        return Ignored(rules.NOT_NOW_HIDDEN)
    return error_to_sender(stanza, Condition.INTERNAL_SERVER_ERROR, rules.NOT_NOW, ErrorType.WAIT)


def _may_know(account: Account, message: Message) -> bool:
    sender = message.from_jid
    assert sender is not None  # it comes for the account
    return visibility(account, sender, None) is not Visibility.NONE


def is_missed_by_client(stanza: Stanza) -> bool:
    """Whether a client has to know that its stanza was not processed.

    Its available presence counts too: without an error the client would believe that it is available. Unavailable
    presence does not count: it takes effect if there is a presence session to end.
    """
    return not isinstance(stanza, Presence) or stanza.type not in ("unavailable", "probe")
