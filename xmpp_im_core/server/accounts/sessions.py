"""Connected resources: bound, replaced, detached, resumed, ended (RFC 6121 §2.2, §4.5.2; RFC 6120 §7)."""

from __future__ import annotations

from xmpp_im_core.jid import InvalidJID, address_of
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import sessions as rules
from xmpp_im_core.server.delivery.failures import given_back
from xmpp_im_core.server.effects import EndSession, Transition, silence
from xmpp_im_core.server.events import SessionBound, SessionDetached, SessionEnded, SessionResumed
from xmpp_im_core.server.presence.broadcasting import session_gone
from xmpp_im_core.server.state import Account, Session, SessionId


def bound(account: Account, event: SessionBound, policy: Policy) -> Transition[Account]:
    """Add a connected resource, which is neither available nor interested yet (§2.2).

    If the resourcepart is in use, the new session replaces the older one: the older session becomes unavailable now,
    and its stream is closed with <conflict/> (RFC 6120 §7.7.2.2). When its ``SessionEnded`` comes, only its undelivered
    stanzas are processed.
    """
    replaced = account.resource(event.session.resource)
    if replaced is not None and replaced.id.epoch == event.session.epoch:
        return silence(account, rules.BOUND_ALREADY)
    session = new_session(account, event)
    if session is None:
        return Transition(account, (EndSession(event.session, "bad-format", rules.RESOURCE_MALFORMED),))
    taken = account.session_bytes - (0 if replaced is None else replaced.taken.own)
    if taken + session.taken.own > policy.session_bytes:
        return Transition(account, (EndSession(event.session, "policy-violation", rules.SESSIONS_TOO_LARGE),))
    if replaced is None:
        if len(account.sessions) >= policy.sessions:
            return Transition(account, (EndSession(event.session, "policy-violation", rules.TOO_MANY_SESSIONS),))
        return silence(account.with_session(session), rules.BOUND)
    gone = session_gone(account, replaced, event.seq, event.at)
    ended = EndSession(replaced.id, "conflict", rules.REPLACED)
    replaced_before = gone.state.replaced[-policy.sessions + 1 :] if policy.sessions > 1 else ()
    state = gone.state.replacing((*replaced_before, replaced.id)).with_session(session)
    return Transition(state, (*gone.effects, ended), gone.store)


def new_session(account: Account, event: SessionBound) -> Session | None:
    """Return the session that was bound, or None if its resourcepart is not valid."""
    try:
        address = address_of(account.jid.with_resource(event.session.resource))
    except InvalidJID:
        return None
    if address.jid.resource != event.session.resource:
        return None  # the host binds prepared resourceparts; otherwise two sessions could have the same address
    return Session(event.session, address, event.lang)


def detached(account: Account, event: SessionDetached) -> Transition[Account]:
    """Record that a session has lost its stream and may be resumed. Its availability does not change."""
    return _with_stream(account, event.session, False)


def resumed(account: Account, event: SessionResumed) -> Transition[Account]:
    """Record that a detached session has a stream again. Its availability does not change."""
    return _with_stream(account, event.session, True)


def _with_stream(account: Account, id: SessionId, attached: bool) -> Transition[Account]:
    session = account.session(id)
    if session is None:
        return silence(account, rules.UNKNOWN_SESSION)
    rule = rules.RESUMED if attached else rules.DETACHED
    return silence(account.with_session(session.with_stream(attached)), rule)


def ended(account: Account, event: SessionEnded, policy: Policy) -> Transition[Account]:
    """Remove a session, send its unavailable presence, and process its undelivered stanzas again (§4.5.2, §8.5).

    The end of a replaced session may come late, even after the end of the session that replaced it. Its unavailable
    presence was sent when it was replaced, so only its undelivered stanzas are processed again. Any other unknown
    session has ended before.
    """
    session = account.session(event.session)
    if session is not None:
        gone = session_gone(account, session, event.seq, event.at)
    elif event.session in account.replaced:
        left = tuple([id for id in account.replaced if id != event.session])
        gone = silence(account.replacing(left), rules.REPLACED_ENDED)
    else:
        return silence(account, rules.UNKNOWN_SESSION)
    again = given_back(gone.state, event, event.undelivered, policy)
    return Transition(again.state, (*gone.effects, *again.effects), (*gone.store, *again.store))
