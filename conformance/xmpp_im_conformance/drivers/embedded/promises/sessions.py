"""What follows from the sessions of an account: who is reached, who gets stored messages, and in which language."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.promises.broken import Step, promise
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Account, Deliver, LoadOffline, Outbound, Route, SessionId
from xmpp_im_core.server.events import AccountLoaded, SessionDetached, SessionResumed
from xmpp_im_core.server.state import Session, reach_of
from xmpp_im_core.stanza import Presence

_PRESENCE: Final = Presence(None, None, "presence")


def check_sessions(step: Step, policy: Policy) -> None:
    """See that what a step leaves of the sessions agrees with them."""
    if not isinstance(step.after, Account):
        return
    if not isinstance(step.before, Account) or step.before.sessions is not step.after.sessions:
        _check_summary(step.after)
    asked = [each.session for each in step.transition.effects if isinstance(each, LoadOffline)]
    wanted = _wanted(step, policy)
    promise(asked == wanted, "stored messages are asked for when a resource can receive them, and not again", asked)
    if isinstance(step.event, SessionDetached | SessionResumed):
        session = step.after.session(step.event.session)
        attached = isinstance(step.event, SessionResumed)
        takes = session is None or (session.attached is attached and not session.broken)
        promise(takes, "a session that is detached or resumed takes deliveries again", session)
    if isinstance(step.event, Outbound) and isinstance(step.before, Account):
        _check_language(step, step.event, step.before)


def _check_summary(account: Account) -> None:
    """See that what is kept of the sessions, to be found sooner, is what is computed anew."""
    anew = evolve(account, sessions=tuple([evolve(each, counted=None) for each in account.sessions]), summed=None)
    for each, fresh in zip(account.sessions, anew.sessions, strict=True):
        promise(each.taken == fresh.taken, "the size of a session is that of its content", each)
        longer = evolve(fresh, lang=f"{fresh.lang or ''}-x-longer")
        promise(longer.taken.own > fresh.taken.own, "the language of a session counts", longer)
        silent = evolve(fresh, lang=None)
        promise(silent.taken.own == evolve(fresh, lang="").taken.own, "a session may have no language", silent)
    same = (account.available(), account.reach, account.session_bytes, account.directed_bytes) == (
        anew.available(),
        anew.reach,
        anew.session_bytes,
        anew.directed_bytes,
    )
    promise(same, "what follows from the sessions is computed from these sessions", account.sessions)
    for each in account.sessions:
        changed = each.with_stream(not each.attached)
        afterwards = [base.with_session(changed).reach for base in (account, evolve(account, summed=None))]
        expected = reach_of(account.with_session(changed).sessions)
        promise(afterwards == [expected, expected], "who is reached follows from the sessions", afterwards, expected)
        grown = each.showing(_PRESENCE).taken.own - each.showing(None).taken.own
        promise(grown == _PRESENCE.size(), "the presence of a session counts", grown)
        promise(account.session(each.id) == each, "a session is found by its id", each.id)
        promise(account.resource(each.id.resource) == each, "a session is found by its resource", each.id)


def _wanted(step: Step, policy: Policy) -> list[SessionId]:
    """Return for whom stored messages are loaded: the first to receive them, or the one that becomes reachable."""
    before, after = step.before, step.after
    assert isinstance(after, Account)
    if not policy.offline_messages:
        return []
    if isinstance(step.event, AccountLoaded) and not isinstance(before, Account):
        reached = [each.id for each in after.sessions if _is_reached(each) and not each.broken]
        return reached[:1] if after.offline else []
    if not isinstance(before, Account) or not isinstance(step.event, Outbound):
        return []
    session, earlier = after.session(step.event.session), before.session(step.event.session)
    if session is None or earlier is None or not _is_reached(session) or _is_reached(earlier):
        return []
    return [session.id]


def _is_reached(session: Session) -> bool:
    return session.presence is not None and session.priority >= 0


def _check_language(step: Step, event: Outbound, account: Account) -> None:
    """See that a client's stanza without a language gets that of its stream (RFC 6120 §8.1.5)."""
    session = account.session(event.session)
    if session is None:
        return
    lang = event.stanza.lang if event.stanza.lang is not None else session.lang
    for effect in step.transition.effects:
        if isinstance(effect, Route) and effect.session == session.id:
            promise(effect.stanza.lang == lang, "a stanza has the language of its stream", effect.stanza)
        if isinstance(effect, Deliver) and effect.stanza.from_ is session.address:
            promise(effect.stanza.lang == lang, "a stanza has the language of its stream", effect.stanza)
