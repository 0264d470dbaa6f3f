"""Hypothesis strategies for the events of an account, hostile events included.

``events(state)`` draws the next event: a stanza from a session of the account or a session that does not exist, from a
contact or a stranger, to the user, to others or to a malformed address; a failed delivery; records that no storage
should hold. ``histories()`` draws a state and the events that follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final, TypeAlias

from hypothesis import strategies as st

from xmpp_im_core.copying import copied
from xmpp_im_core.event import Decision
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.rules import Rule
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import AS_IT_STANDS, FULL_JID, OF_ACCOUNTS, Deliver, FanOut, Kind, Put, Route
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountLoaded,
    AccountMoved,
    AccountRemoved,
    AdministratorRemovedItem,
    AdministratorSetItem,
    Event,
    Inbound,
    LoadFailed,
    OfflineLoaded,
    Outbound,
    OwnershipLost,
    SessionBound,
    SessionDetached,
    SessionEnded,
    SessionResumed,
    SharedItemsChanged,
    StoreFailed,
    TimePassed,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.server.state import LastUnavailable, Moved, NoAccount, SessionId, State
from xmpp_im_core.stanza import Condition, Message, Presence
from xmpp_im_core.subscription import Subscription
from xmpp_im_core.testing.draw import Draw, choose, several
from xmpp_im_core.testing.draw_stanzas import draw_arriving, draw_leaving
from xmpp_im_core.testing.state_strategies import (
    ENTITIES,
    JULIET,
    NOON,
    OTHER_USER,
    RESOURCES,
    draw_contact,
    draw_session,
    draw_shared,
    draw_time,
    states,
)

_MADE_UP: Final = Rule("test", "A delivery that a test makes up.", ("6121-8.5-01",))


# --- sessions, deliveries, records ------------------------------------------------------------------------


def _session_id(draw: Draw, state: State) -> SessionId:
    """A session of the account, or one that it does not have: replaced, ended, or never bound."""
    own: list[SessionId] = [] if isinstance(state, NoAccount) else [session.id for session in state.sessions]
    if own and choose(draw, range(8)) < 7:
        return choose(draw, own)
    return SessionId(choose(draw, (*RESOURCES, "nowhere")), choose(draw, (0, 1, 99)))


_BOUND: Final = (*RESOURCES, *RESOURCES, "", "\u0000", "x" * 1024, " ", "ﬁﬁ", "\ud800")


def _delivery(draw: Draw, state: State) -> Deliver:
    ids = {_session_id(draw, state) for _ in range(choose(draw, (1, 2, 3)))}
    address = choose(draw, (AS_IT_STANDS, AS_IT_STANDS, FULL_JID))
    return Deliver(draw_arriving(draw, state), tuple(sorted(ids)), address, _MADE_UP)


def _route(draw: Draw, state: State) -> Route | FanOut:
    stanza = draw_leaving(draw, state).stamped(from_=parse_address(f"{state.jid.bare}/{choose(draw, RESOURCES)}"))
    if choose(draw, (True, True, False)):
        return Route(stanza, _MADE_UP)
    return FanOut(stanza, tuple(sorted(several(draw, ENTITIES, 3))), _MADE_UP)


def _unsound(draw: Draw) -> Contact:
    """A contact with fields that contradict each other, as a faulty storage may have it."""
    return copied(
        draw_contact(draw),
        state=choose(draw, tuple(Subscription)),
        listed=choose(draw, (True, False)),
        version=choose(draw, (0, 1, 9, -1)),
    )


_STORED: Final = (
    Kind.CONTACT,
    Kind.SESSION,
    *[kind for kind in OF_ACCOUNTS if kind is not Kind.OFFLINE],
)  # stored messages are read separately


def _record(draw: Draw) -> Put:
    kind = choose(draw, _STORED)
    if kind is Kind.CONTACT:
        contact = _unsound(draw)
        return Put(kind, contact.jid, contact)
    if kind is Kind.ROSTER:
        version, horizon = choose(draw, (0, 3, 9, -2)), choose(draw, (0, 5, -1))
        return Put(kind, "", RosterHead(choose(draw, ("l1", "l2")), version, horizon))
    if kind is Kind.LAST_UNAVAILABLE:
        return Put(kind, "", LastUnavailable(Presence(type="unavailable"), draw_time(draw)))
    if kind is Kind.NOTICE:
        return Put(kind, choose(draw, ("n1", "n2")), Presence(type="subscribed"))
    if kind is Kind.SESSION:
        session = draw_session(draw, choose(draw, RESOURCES), choose(draw, (JULIET, JULIET, OTHER_USER)))
        return Put(kind, session.id.resource, session)
    if kind in (Kind.REPLACED, Kind.ENABLED):
        return Put(kind, f"carbons/{choose(draw, RESOURCES)}", SessionId(choose(draw, RESOURCES), choose(draw, (0, 1))))
    if kind is Kind.MOVED:
        return Put(kind, "", Moved("xmpp:juliet@verona.example", choose(draw, (True, False))))
    return Put(kind, choose(draw, ENTITIES), None)


def _records(draw: Draw) -> tuple[Put, ...]:
    head = Put(Kind.ROSTER, "", RosterHead("l1", 9, 0))
    some = [_record(draw) for _ in range(choose(draw, (0, 1, 2, 3, 5)))]
    return (head, *some) if choose(draw, (True, True, True, False)) else tuple(some)


@st.composite
def records(draw: st.DrawFn) -> tuple[Put, ...]:
    """The stored records of an account, impossible combinations included."""
    return _records(draw)


# --- events -----------------------------------------------------------------------------------------------


def _outbound(draw: Draw, state: State, seq: str) -> Event:
    return Outbound(draw_time(draw), seq, _session_id(draw, state), draw_leaving(draw, state))


def _inbound(draw: Draw, state: State, seq: str) -> Event:
    decision = choose(draw, (Decision.ASK, Decision.ASK, Decision.ASK, Decision.APPROVE, Decision.DENY))
    return Inbound(draw_time(draw), seq, draw_arriving(draw, state), decision)


def _bound(draw: Draw, state: State, seq: str) -> Event:
    id = SessionId(choose(draw, _BOUND), choose(draw, (0, 1, 2, 3)))
    return SessionBound(draw_time(draw), seq, id, choose(draw, (None, "en", "it")))


def _detached(draw: Draw, state: State, seq: str) -> Event:
    return SessionDetached(draw_time(draw), seq, _session_id(draw, state))


def _resumed(draw: Draw, state: State, seq: str) -> Event:
    return SessionResumed(draw_time(draw), seq, _session_id(draw, state))


def _ended(draw: Draw, state: State, seq: str) -> Event:
    id = _session_id(draw, state)
    lost = [_delivery(draw, state) for _ in range(choose(draw, (0, 0, 1, 2)))]
    own = [copied(each, sessions=tuple(sorted({id, *each.sessions[1:]}))) for each in lost]
    return SessionEnded(draw_time(draw), seq, id, tuple(own))


def _undelivered(draw: Draw, state: State, seq: str) -> Event:
    effect = _delivery(draw, state)
    which = effect.sessions if choose(draw, (True, True, False)) else (_session_id(draw, state),)
    return Undelivered(draw_time(draw), seq, effect, which)


def _unroutable(draw: Draw, state: State, seq: str) -> Event:
    condition = choose(draw, (Condition.REMOTE_SERVER_NOT_FOUND, *Condition))
    return Unroutable(draw_time(draw), seq, _route(draw, state), condition, tuple(several(draw, ENTITIES, 2)))


def _account_loaded(draw: Draw, state: State, seq: str) -> Event:
    return AccountLoaded(draw_time(draw), seq, _records(draw), choose(draw, (0, 1, 999, 1000)))


def _load_failed(draw: Draw, state: State, seq: str) -> Event:
    return LoadFailed(draw_time(draw), seq)


def _ownership_lost(draw: Draw, state: State, seq: str) -> Event:
    return OwnershipLost(draw_time(draw), seq)


def _store_failed(draw: Draw, state: State, seq: str) -> Event:
    return StoreFailed(draw_time(draw), seq, draw_event(draw, state, f"{seq}-failed"))


def _offline_loaded(draw: Draw, state: State, seq: str) -> Event:
    kept = [draw_arriving(draw, state) for _ in range(choose(draw, (0, 1, 2, 3)))]
    messages = [
        (
            f"m{n}",
            Message(to=s.to, from_=s.from_, id=s.id, lang=s.lang, payload=s.payload, attributes=s.attributes),
        )
        for n, s in enumerate(kept)
    ]
    return OfflineLoaded(draw_time(draw), seq, _session_id(draw, state), tuple(messages))


def _time_passed(draw: Draw, state: State, seq: str) -> Event:
    return TimePassed(draw_time(draw), seq)


def _account_created(draw: Draw, state: State, seq: str) -> Event:
    return AccountCreated(draw_time(draw), seq, choose(draw, ("l1", "l3")))


def _account_removed(draw: Draw, state: State, seq: str) -> Event:
    return AccountRemoved(draw_time(draw), seq)


def _account_moved(draw: Draw, state: State, seq: str) -> Event:
    return AccountMoved(draw_time(draw), seq, choose(draw, (Moved("xmpp:juliet@verona.example", True), None)))


def _administrator_set_item(draw: Draw, state: State, seq: str) -> Event:
    groups = tuple(several(draw, ("Friends", "Lovers"), 2))
    return AdministratorSetItem(draw_time(draw), seq, choose(draw, ENTITIES), choose(draw, ("", "Nurse")), groups)


def _administrator_removed_item(draw: Draw, state: State, seq: str) -> Event:
    return AdministratorRemovedItem(draw_time(draw), seq, choose(draw, ENTITIES))


def _shared_items_changed(draw: Draw, state: State, seq: str) -> Event:
    return SharedItemsChanged(draw_time(draw), seq, draw_shared(draw))


_Maker: TypeAlias = Callable[[Draw, State, str], Event]

MAKERS: Final = MappingProxyType(
    {
        Outbound: (_outbound, 16),
        Inbound: (_inbound, 16),
        SessionBound: (_bound, 4),
        SessionEnded: (_ended, 3),
        SessionDetached: (_detached, 1),
        SessionResumed: (_resumed, 1),
        Undelivered: (_undelivered, 3),
        Unroutable: (_unroutable, 3),
        StoreFailed: (_store_failed, 3),
        OfflineLoaded: (_offline_loaded, 2),
        TimePassed: (_time_passed, 1),
        AccountLoaded: (_account_loaded, 2),
        LoadFailed: (_load_failed, 1),
        OwnershipLost: (_ownership_lost, 1),
        AccountCreated: (_account_created, 1),
        AccountRemoved: (_account_removed, 1),
        AccountMoved: (_account_moved, 1),
        AdministratorSetItem: (_administrator_set_item, 1),
        AdministratorRemovedItem: (_administrator_removed_item, 1),
        SharedItemsChanged: (_shared_items_changed, 1),
    }
)
"""The function that draws each class of event, and its relative frequency."""

_WEIGHTED: Final[Sequence[_Maker]] = [maker for maker, weight in MAKERS.values() for _ in range(weight)]


def draw_event(draw: Draw, state: State, seq: str) -> Event:
    """Draw an event that may happen to an account in this state.

    :param seq: the ``seq`` of the event.
    """
    return choose(draw, _WEIGHTED)(draw, state, seq)


@st.composite
def events(draw: st.DrawFn, state: State, seq: str = "e") -> Event:
    """An event that may happen to an account in this state.

    :param seq: the ``seq`` of the event.
    """
    return draw_event(draw, state, seq)


@st.composite
def steps(draw: st.DrawFn) -> tuple[State, Event]:
    """A state, and an event that may happen in it."""
    state = draw(states())
    return state, draw_event(draw, state, "e")


@st.composite
def histories(draw: st.DrawFn, max_events: int = 12, policy: Policy = DEFAULT) -> tuple[State, tuple[Event, ...]]:
    """A state and the events that follow it, each drawn for the state that the previous events led to."""
    start = state = draw(states())
    happened: list[Event] = []
    for number in range(choose(draw, range(max_events + 1))):
        happened.append(draw_event(draw, state, f"e{number}"))
        state = reduce(state, happened[-1], policy).state
    return start, tuple(happened)


@st.composite
def floods(draw: st.DrawFn, state: State, size: int) -> tuple[Event, ...]:
    """``size`` stanzas, each from another stranger. No policy may let them fill the memory."""
    patterns = [draw_arriving(draw, state) for _ in range(choose(draw, (1, 2, 4, 8)))]
    domains = choose(draw, (1, 2, 40))
    happened: list[Event] = []
    for number in range(size):
        stranger = parse_address(f"stranger{number}@host{number % domains}.example/x{number}")
        stanza = patterns[number % len(patterns)].stamped(from_=stranger)
        happened.append(Inbound(NOON + timedelta(seconds=number), f"f{number}", stanza))
    return tuple(happened)
