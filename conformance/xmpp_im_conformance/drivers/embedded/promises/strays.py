"""Events that reach the wrong account, or the wrong part of a service: nothing is told in another's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.promises.broken import promise
from xmpp_im_conformance.drivers.embedded.promises.services import check_part
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.storage import PROCESSED
from xmpp_im_core.server import (
    Account,
    AddressedAs,
    Deliver,
    EndSession,
    Event,
    FanOut,
    Ignored,
    Inbound,
    NoAccount,
    Outbound,
    Route,
    Service,
    ServiceEvent,
    SessionBound,
    SessionEnded,
    SessionId,
    StoreFailed,
    Undelivered,
    Unloaded,
    Unroutable,
    hosting,
    serve,
)
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.service.events import ArrivedForMany, ForAccount, entering
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting
from xmpp_im_core.stanza import Condition, ErrorType, Message, Presence, Stanza, may_be_answered

_GONE: Final = SessionId("gone", 0)
_OTHER: Final = "nobody@other.example"


def check_strays(before: Service[object], event: ServiceEvent, policy: Policy, seen: set[object]) -> None:
    """See what comes of an event where it does not belong.

    :param before: the service to which it was fed.
    :param seen: what has been tried already in this scenario: each kind of event is tried once.
    """
    if isinstance(event, ArrivedForMany):
        return
    entered = entering(event)
    jid = parse_jid(entered.jid)
    if jid.local is None or jid.domain not in before.domains:
        return
    stanza = getattr(entered.event, "stanza", None)
    kind = (type(entered.event), type(stanza), getattr(stanza, "type", None), type(before.accounts.get(entered.jid)))
    if kind in seen:
        return
    seen.add(kind)
    _check_other_part(before, entered, policy)
    check_part(before, entered, policy)
    state = before.accounts.get(entered.jid)
    known = NoAccount(jid) if state is None else account_of(state)
    if isinstance(known, Account):
        known = evolve(known, unsaved=False)  # else any event makes it store its sessions
    if isinstance(entered.event, Inbound):
        _check_other_account(known, entered.event, policy)
        _check_full(before, entered, policy)
    _check_returned(known, entered.event, policy)


# --- another part of the service --------------------------------------------------------------------------


def _nobody(account: str) -> bool:
    return False


def _check_other_part(before: Service[object], entered: ForAccount, policy: Policy) -> None:
    part = hosting(*before.domains, machine=before.machine, owns=_nobody)
    for event in _variants(entered):
        expected = _at_other_part(entered.jid, event)
        for fed in (event, StoreFailed(event.at, event.seq, event)) if not isinstance(event, StoreFailed) else (event,):
            served = serve(part, ForAccount(entered.jid, fed), policy)
            found = [_seen(effect) for _, effect in served.effects]
            promise(found == expected, "a part of the service does for another owner what it can", fed, found, expected)
            kept = served.store or served.forget or served.state.accounts or served.state.held
            promise(not kept, "a part of the service keeps nothing of an account of another", fed)


def _variants(entered: ForAccount) -> Iterator[Event]:
    """Yield the event, and what a host reports of its stanza where that was not taken."""
    event = entered.event
    yield event
    if isinstance(event, Inbound):
        at, seq, stanza = event.at, event.seq, event.stanza
        yield evolve(event, stanza=stanza.stamped(to=parse_address(_OTHER)))
        yield evolve(event, stanza=evolve(stanza, from_=None))
        for effect in (Route(stanza, PROCESSED), Route(stanza.stamped(to=parse_address(_OTHER)), PROCESSED)):
            yield Unroutable(at, seq, effect)
        yield Unroutable(at, seq, FanOut(stanza, (entered.jid,), PROCESSED))
        for each in _returned(stanza):
            yield Undelivered(at, seq, each, each.sessions)
            yield SessionEnded(at, seq, _GONE, (each,))
    if isinstance(event, SessionBound):
        yield Outbound(event.at, event.seq, SessionId("", 1), Message(None, None, "x"))
        yield Outbound(event.at, event.seq, event.session, Presence(None, None, "x", "probe"))


def _returned(stanza: Stanza) -> Iterator[Deliver]:
    yield Deliver(stanza, (_GONE,), AddressedAs.AS_IT_STANDS, PROCESSED)
    yield Deliver(stanza, (_GONE,), AddressedAs.FULL_JID, PROCESSED)
    yield Deliver(stanza.stamped(to=parse_address(_OTHER)), (_GONE,), AddressedAs.AS_IT_STANDS, PROCESSED)
    yield Deliver(evolve(stanza, from_=None), (_GONE,), AddressedAs.AS_IT_STANDS, PROCESSED)
    yield Deliver(evolve(stanza, to=None), (_GONE,), AddressedAs.AS_IT_STANDS, PROCESSED)


def _seen(effect: object) -> tuple[object, ...]:
    """Return what a host sees of an effect: what it is to do, and the stanza or the error that it sends."""
    if isinstance(effect, Ignored):
        return ("ignored",)
    if isinstance(effect, Route):
        error = effect.stanza.error
        return ("routed", effect.stanza) if error is None else ("error", _written(effect.stanza.to), error.type)
    if isinstance(effect, Deliver):
        error = effect.stanza.error
        return ("told", effect.sessions, _written(effect.stanza.to), error and (error.type, error.condition))
    if isinstance(effect, EndSession):
        return ("closed", effect.session, effect.condition)
    return (effect,)


def _written(address: object) -> object:
    return getattr(address, "written", None)


def _at_other_part(account: str, event: Event) -> list[tuple[object, ...]]:
    """Return what a part does with an event of an account that it does not own, as a host sees it."""
    nothing: list[tuple[object, ...]] = [("ignored",)]
    if isinstance(event, StoreFailed):
        return _at_other_part(account, event.event)
    if isinstance(event, Inbound):
        return [_seen(Route(event.stanza, PROCESSED))] if _is_for(account, event.stanza) else nothing
    if isinstance(event, Outbound):
        stanza = event.stanza
        missed = not isinstance(stanza, Presence) or stanza.type not in ("unavailable", "probe")
        if not missed or not may_be_answered(stanza) or not event.session.resource:
            return nothing
        address = f"{account}/{event.session.resource}"
        return [("told", (event.session,), address, (ErrorType.WAIT, Condition.INTERNAL_SERVER_ERROR))]
    if isinstance(event, SessionBound):
        return [("closed", event.session, "internal-server-error")]
    if isinstance(event, Undelivered | SessionEnded):
        effects = (event.effect,) if isinstance(event, Undelivered) else event.undelivered
        return [_seen(Route(each.stanza, PROCESSED)) for each in effects if _is_missed(account, each)] or nothing
    if isinstance(event, Unroutable) and isinstance(event.effect, Route):
        stanza = event.effect.stanza
        told = not isinstance(stanza, Presence) or stanza.type == "subscribe"
        if told and _is_for(account, stanza) and may_be_answered(stanza):
            return [("error", _written(stanza.from_), ErrorType.WAIT)]
    return nothing


def _is_for(account: str, stanza: Stanza) -> bool:
    return stanza.from_jid is not None and stanza.to_jid is not None and stanza.to_jid.bare == account


def _is_missed(account: str, effect: Deliver) -> bool:
    as_it_stands = effect.address is AddressedAs.AS_IT_STANDS
    return as_it_stands and not isinstance(effect.stanza, Presence) and _is_for(account, effect.stanza)


# --- another account --------------------------------------------------------------------------------------


def _check_other_account(state: Account | NoAccount | Unloaded, event: Inbound, policy: Policy) -> None:
    """See that an account takes no stanza for another one, nor one without a sender."""
    stanza = event.stanza
    strays = (stanza.stamped(to=parse_address(_OTHER)), evolve(stanza, from_=None), evolve(stanza, to=None))
    for at in (state, NoAccount(state.jid), Unloaded(state.jid)):
        for stray in strays:
            _check_silence(at, evolve(event, stanza=stray), policy)
            _check_silence(at, StoreFailed(event.at, event.seq, evolve(event, stanza=stray)), policy)


def _check_returned(state: Account | NoAccount | Unloaded, event: Event, policy: Policy) -> None:
    """See that what was lost is processed again only if it was for the account, and as it stood."""
    if not isinstance(event, Inbound):
        return
    for at in (state, NoAccount(state.jid), Unloaded(state.jid)):
        for each in list(_returned(event.stanza))[1:]:
            _check_silence(at, Undelivered(event.at, event.seq, each, (_GONE,)), policy)


def _check_silence(state: Account | NoAccount | Unloaded, event: Event, policy: Policy) -> None:
    step = reduce(state, event, policy)
    silent = bool(step.effects) and all(isinstance(each, Ignored) for each in step.effects)
    promise(silent, "nothing is answered in another's name", state, event, step.effects)
    promise(step.state == state and not step.store and not step.forget, "what is for another changes nothing", event)


def _check_full(before: Service[object], entered: ForAccount, policy: Policy) -> None:
    """See what an account refuses that waits and is full: presence, and strays, have no answer."""
    event = entered.event
    assert isinstance(event, Inbound)
    waiting = Waiting(None).holding(Held(entered, entered.event.seq))
    full = Service(
        before.domains, before.machine, before.accounts.delete(entered.jid), before.held.set(entered.jid, waiting)
    )
    tight = evolve(policy, held_events=1)
    stanza = event.stanza
    presence = Presence(stanza.to, stanza.from_)
    for each in (stanza.stamped(to=parse_address(_OTHER)), evolve(stanza, from_=None), presence):
        served = serve(full, ForAccount(entered.jid, evolve(event, stanza=each)), tight)
        promise(_are_ignored([effect for _, effect in served.effects]), "nothing is answered in another's name", each)
    roomy = evolve(policy, held_events=2, held_bytes=2 * waiting.bytes)
    served = serve(full, entered, roomy)
    promise((entered.jid, event.seq) in served.holds, "what fits the limit is held", event)
    served = serve(full, entered, evolve(roomy, held_bytes=2 * waiting.bytes - 1))
    promise(entered.jid not in dict(served.holds), "what is beyond the limit is not held", event)


def _are_ignored(effects: list[object]) -> bool:
    return all(isinstance(each, Ignored) for each in effects)
