"""What a step changed in an account's state, in words."""

from __future__ import annotations

from collections.abc import Iterator

from xmpp_im_core.explain.words import contact_in_words, printable, session_name
from xmpp_im_core.server.state import Account, NoAccount, Session, State, Unloaded


def changes(before: State, after: State) -> tuple[str, ...]:
    """Return one line for each difference between two states of an account."""
    if after is before:
        return ()
    return (*_existence(before, after), *_sessions(before, after), *_contacts(before, after))


def _existence(before: State, after: State) -> Iterator[str]:
    if type(before) is type(after):
        return
    if isinstance(after, Account):
        yield "the account is there"
    else:
        yield "there is no account" if isinstance(after, NoAccount) else "what the account holds is unknown"


def _sessions(before: State, after: State) -> Iterator[str]:
    old = _by_resource(before)
    new = _by_resource(after)
    for resource in sorted({*old, *new}):
        was, now = old.get(resource), new.get(resource)
        if was is not None and (now is None or now.id != was.id):
            yield f"session {printable(session_name(was.id))} is gone"
        if now is not None and now != was:
            yield f"session {printable(session_name(now.id))} is {_condition(now)}"


def _by_resource(state: State) -> dict[str, Session]:
    sessions = state.sessions if isinstance(state, Account | Unloaded) else ()
    return {session.id.resource: session for session in sessions}


def _condition(session: Session) -> str:
    words = [f"available with priority {session.priority}" if session.available else "not available"]
    if session.interested:
        words.append("interested")
    if not session.attached:
        words.append("detached")
    if session.directed:
        words.append(f"known to {len(session.directed)} by directed presence")
    return ", ".join(words)


def _contacts(before: State, after: State) -> Iterator[str]:
    if not isinstance(before, Account) or not isinstance(after, Account) or before.roster is after.roster:
        return
    old, new = before.roster.contacts, after.roster.contacts
    for jid in sorted({*old, *new}):
        was, now = old.get(jid), new.get(jid)
        if was is now or was == now:
            continue
        then = "unknown" if was is None else contact_in_words(was)
        becomes = "unknown" if now is None else contact_in_words(now)
        yield (
            f"{printable(jid)}: {then} becomes {becomes}" if then != becomes else f"{printable(jid)}: {then}, modified"
        )
    if before.roster.version != after.roster.version:
        yield f"the roster's version {before.roster.version} becomes {after.roster.version}"
