"""Answers to the user's own client: results, and the stanza errors that the RFC names (RFC 6120 §8.3)."""

from __future__ import annotations

from xmpp_im_core.element import Element
from xmpp_im_core.rules import Rule
from xmpp_im_core.server.effects import AS_IT_STANDS, Deliver, Effect, Ignored, Route, Transition
from xmpp_im_core.server.state import Account, SessionId
from xmpp_im_core.stanza import (
    IQ,
    Condition,
    ErrorType,
    Stanza,
    error_reply,
    may_be_answered,
    result_reply,
    stanza_error,
)


def result(request: IQ, session: SessionId, rule: Rule, *children: Element) -> Deliver:
    """Answer an own client's get or set."""
    return Deliver(result_reply(request, *children), (session,), AS_IT_STANDS, rule)


def error(
    stanza: Stanza, session: SessionId, condition: Condition, rule: Rule, type: ErrorType | None = None
) -> Effect:
    """Answer an own client's stanza with an error; what must not be answered is ignored (RFC 6120 §8.3.1)."""
    if not may_be_answered(stanza):
        return Ignored(rule)
    return Deliver(error_reply(stanza, stanza_error(condition, type)), (session,), AS_IT_STANDS, rule)


def refuse(
    account: Account, stanza: Stanza, session: SessionId, condition: Condition, rule: Rule
) -> Transition[Account]:
    """Refuse an own client's stanza: an error, and nothing changes."""
    return Transition(account, (error(stanza, session, condition, rule),))


def comes_for(stanza: Stanza, bare: str) -> bool:
    """Whether a stanza that came is for this bare JID, or one of its resources, and names who sent it.

    Any other is neither obeyed nor answered: an answer would be in the name of somebody else, or for nobody.
    """
    to = stanza.to_jid
    return to is not None and to.bare == bare and stanza.from_jid is not None


def error_to_sender(stanza: Stanza, condition: Condition, rule: Rule, type: ErrorType | None = None) -> Effect:
    """Answer an inbound stanza with an error; what must not be answered is ignored (RFC 6120 §8.3.1)."""
    if not may_be_answered(stanza):
        return Ignored(rule)
    return Route(error_reply(stanza, stanza_error(condition, type)), rule)
