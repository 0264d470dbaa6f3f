"""Answers to clients of the account and to other senders: results and stanza errors (RFC 6120 §8.3)."""

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
    """Answer a get or set of one of the account's clients."""
    return Deliver(result_reply(request, *children), (session,), AS_IT_STANDS, rule)


def error(
    stanza: Stanza, session: SessionId, condition: Condition, rule: Rule, type: ErrorType | None = None
) -> Effect:
    """Answer a stanza of one of the account's clients with an error, if it may be answered (RFC 6120 §8.3.1)."""
    if not may_be_answered(stanza):
        return Ignored(rule)
    return Deliver(error_reply(stanza, stanza_error(condition, type)), (session,), AS_IT_STANDS, rule)


def refuse(
    account: Account, stanza: Stanza, session: SessionId, condition: Condition, rule: Rule
) -> Transition[Account]:
    """Refuse a stanza of one of the account's clients: it gets an error, and nothing changes."""
    return Transition(account, (error(stanza, session, condition, rule),))


def comes_for(stanza: Stanza, bare: str) -> bool:
    """Whether an inbound stanza is to this bare JID, or to one of its resources, and has a sender.

    Any other stanza is ignored: an answer would have the wrong sender, or no recipient.
    """
    to = stanza.to_jid
    return to is not None and to.bare == bare and stanza.from_jid is not None


def error_to_sender(stanza: Stanza, condition: Condition, rule: Rule, type: ErrorType | None = None) -> Effect:
    """Answer an inbound stanza with an error, if it may be answered (RFC 6120 §8.3.1)."""
    if not may_be_answered(stanza):
        return Ignored(rule)
    return Route(error_reply(stanza, stanza_error(condition, type)), rule)
