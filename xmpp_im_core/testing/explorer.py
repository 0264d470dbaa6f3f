"""Every joint state of two accounts that trade subscription stanzas, crossing ones included.

What an account does with a subscription stanza depends on what it :class:`Holds` about the other side, and
on nothing else. (So does the answer to a probe, where no directed presence has been sent, RFC 6121 §4.6.6.)
So the real reducer is asked once for each such state and each thing that may happen to it; the answers are a
*table*, and the search runs over the table.

Two accounts are joined by two links, on which stanzas arrive in the order in which they were sent. Both
users may do anything at any time. With ``in_flight`` stanzas at most under way in each direction the joint
states are finitely many, and :func:`explore` visits all of them. Three parties need no search: an event
about one contact changes nothing that is held about another.

The table of another implementation can be explored too: ``explore(tabulate(step), 2)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from attrs import evolve, frozen

from xmpp_im_core.element import element
from xmpp_im_core.jid import JID, address_of, parse_jid
from xmpp_im_core.roster import ROSTER, Contact, Roster
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import Effect, FanOut, Route
from xmpp_im_core.server.events import Event, Inbound, Outbound
from xmpp_im_core.server.state import Account, Session, SessionId
from xmpp_im_core.stanza import IQ, SUBSCRIPTION_TYPES, Presence, payload
from xmpp_im_core.subscription import NONE, Subscription
from xmpp_im_core.testing.state_strategies import JULIET, NOON


class Holds(NamedTuple):
    """What an account holds about the other one, as far as it decides anything."""

    state: Subscription = NONE
    listed: bool = False
    approved: bool = False


NOTHING: Final = Holds()
"""What is held about somebody never heard of."""

MOVES: Final = ("subscribe", "subscribed", "unsubscribe", "unsubscribed", "remove")
"""What a user may do: send one of the four subscription stanzas, or remove the roster item."""
APPEAR: Final = "appear"
"""One more move: the user's next resource becomes available, so the server probes (RFC 6121 §4.3.1)."""
CARRIED: Final = (*sorted(SUBSCRIPTION_TYPES), "probe")
"""The presence types that are followed on the links; notifications change nobody's state."""

Queue: TypeAlias = tuple[str, ...]
"""What is under way in one direction, the oldest first."""
Moved: TypeAlias = tuple[Holds, Queue]
"""What is held afterwards, and what has been sent to the other side."""
Step: TypeAlias = Callable[[Holds, str, bool], Moved]
"""Takes what is held, a move or the type of a stanza, and whether that stanza arrives; else the user moves."""


@frozen
class StepTable:
    """All that can happen to an account, by what it holds."""

    moves: Mapping[Holds, Mapping[str, Moved]]
    arrivals: Mapping[Holds, Mapping[str, Moved]]


class Pair(NamedTuple):
    """A joint state: what each of the two accounts holds about the other, and what is under way."""

    one: Holds = NOTHING
    other: Holds = NOTHING
    to_other: Queue = ()
    to_one: Queue = ()

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way."""
        return not self.to_other and not self.to_one


@frozen
class Exploration:
    """What a search has found."""

    pairs: frozenset[Pair]
    """Every joint state that can be reached."""
    steps: int
    """How many steps were looked at, those included which the bound on the links forbids."""
    depth: int
    """After how many steps nothing new was found."""


# --- the table --------------------------------------------------------------------------------------------

_PEER: Final = parse_jid("romeo@montague.example")
_BALCONY: Final = SessionId("balcony", 0)
_GARDEN: Final = SessionId("garden", 0)


def reducer_step(holds: Holds, what: str, arrives: bool) -> Moved:
    """Take a step of the real reducer: an account with an available resource, and one that is not yet."""
    balcony, garden = [address_of(JULIET.with_resource(id.resource)) for id in (_BALCONY, _GARDEN)]
    sessions = (Session(_BALCONY, balcony, None, True, Presence(None, balcony)), Session(_GARDEN, garden))
    account = holding(Account(JULIET, Roster("explored"), sessions), _PEER, holds)
    happened = arrived(account, _PEER, what) if arrives else moved(_PEER, what, _GARDEN)
    step = reduce(account, happened)
    assert isinstance(step.state, Account)
    return held(step.state, _PEER), sent(step.effects, _PEER)


def tabulate(step: Step = reducer_step) -> StepTable:
    """Ask for everything that can happen, beginning with two who have never heard of each other."""
    moves: dict[Holds, Mapping[str, Moved]] = {}
    arrivals: dict[Holds, Mapping[str, Moved]] = {}
    ahead = [NOTHING]
    while ahead:
        holds = ahead.pop()
        if holds in moves:
            continue
        moves[holds] = {move: step(holds, move, False) for move in (*MOVES, APPEAR)}
        arrivals[holds] = {type: step(holds, type, True) for type in CARRIED}
        ahead += [after for row in (moves[holds], arrivals[holds]) for after, _ in row.values()]
    return StepTable(moves, arrivals)


def holding(account: Account, peer: JID, holds: Holds) -> Account:
    """Return the account with this about the peer: one who is neither listed nor asks is a contact no more."""
    state = holds.state
    request = Presence(account.address, address_of(peer), None, "subscribe") if state.pending_in else None
    asked = NOON if state.pending_out else None
    before = account.roster.contacts.get(peer.bare) or Contact(peer.bare)
    contact = evolve(before, state=state, listed=holds.listed, approved=holds.approved, request=request, asked=asked)
    return account.with_roster(account.roster.noted(contact))


def held(account: Account, peer: JID) -> Holds:
    """Return what an account holds about the peer."""
    contact = account.roster.contacts.get(peer.bare)
    return NOTHING if contact is None else Holds(contact.state, contact.listed, contact.approved)


def sent(effects: tuple[Effect, ...], peer: JID) -> Queue:
    """Return the types of the presence that is sent to the peer and followed on the links."""
    types: list[str] = []
    for effect in effects:
        if isinstance(effect, Route) and effect.stanza.to_jid is not None:
            recipients: tuple[str, ...] = (effect.stanza.to_jid.bare,)
        elif isinstance(effect, FanOut):
            recipients = effect.recipients
        else:
            continue
        if isinstance(effect.stanza, Presence) and effect.stanza.type in CARRIED and peer.bare in recipients:
            types.append(effect.stanza.type)
    return tuple(types)


def moved(peer: JID, move: str, session: SessionId) -> Event:
    """Return the event that a user's move is, made from a session that is not available."""
    if move == APPEAR:
        return Outbound(NOON, "explored", session, Presence())
    if move == "remove":
        item = element("item", ROSTER, {"jid": peer.bare, "subscription": "remove"})
        request = IQ(None, None, "remove", "set", None, payload(element("query", ROSTER, {}, [item])))
        return Outbound(NOON, "explored", session, request)
    return Outbound(NOON, "explored", session, Presence(address_of(peer), type=move))


def arrived(account: Account, peer: JID, type: str) -> Event:
    """Return the event that a stanza of this type is when it arrives from the peer."""
    return Inbound(NOON, "explored", Presence(account.address, address_of(peer), None, type))


# --- the search -------------------------------------------------------------------------------------------


def explore(table: StepTable, in_flight: int, moves: tuple[str, ...] = MOVES) -> Exploration:
    """Visit every joint state that can be reached from nothing, breadth first.

    :param in_flight: how many stanzas may be under way in each direction; a step that would need more room
        is put off until there is some.
    :param moves: what users do.
    """
    seen = {Pair()}
    front = [Pair()]
    steps = depth = 0
    while front:
        found: list[Pair] = []
        for pair in front:
            for after in (*_moves(table, pair, moves), *deliveries(table, pair)):
                steps += 1
                if after in seen or len(after.to_other) > in_flight or len(after.to_one) > in_flight:
                    continue
                seen.add(after)
                found.append(after)
        depth += bool(found)
        front = found
    return Exploration(frozenset(seen), steps, depth)


def _moves(table: StepTable, pair: Pair, moves: tuple[str, ...]) -> Iterator[Pair]:
    one, other, to_other, to_one = pair
    for move in moves:
        after, sent = table.moves[one][move]
        yield Pair(after, other, to_other + sent, to_one)
        after, sent = table.moves[other][move]
        yield Pair(one, after, to_other, to_one + sent)


def deliveries(table: StepTable, pair: Pair) -> Iterator[Pair]:
    """Yield what the arrival of the oldest stanza makes of a joint state, in either direction."""
    one, other, to_other, to_one = pair
    if to_other:
        after, sent = table.arrivals[other][to_other[0]]
        yield Pair(one, after, to_other[1:], to_one + sent)
    if to_one:
        after, sent = table.arrivals[one][to_one[0]]
        yield Pair(after, other, to_other + sent, to_one[1:])


def settled(table: StepTable, pair: Pair, arrivals: int = 1000) -> Pair:
    """Let everything arrive that is under way, and all that it causes; nobody does anything more.

    :raises RuntimeError: where this has not come to an end after so many arrivals.
    """
    for _ in range(arrivals):
        if pair.quiet:
            return pair
        pair = next(deliveries(table, pair))
    raise RuntimeError(f"the two go on answering each other: {pair}")


def after_move(table: StepTable, pair: Pair, move: str) -> Pair:
    """Return what becomes of a joint state when the first of the two makes a move and everything arrives."""
    one, sent = table.moves[pair.one][move]
    return settled(table, Pair(one, pair.other, pair.to_other + sent, pair.to_one))


# --- what the two make of it ------------------------------------------------------------------------------


def disagreements(subscriber: Holds, subscribed: Holds) -> tuple[str, ...]:
    """Return in what two sides differ about one's subscription to the other's presence; nothing if they agree.

    Each is named by what the subscriber holds and what the other one does: "to, not from" is a subscription
    that only the subscriber knows of.
    """
    mine, theirs = subscriber.state, subscribed.state
    differing = (
        (mine.to and not theirs.from_, "to, not from"),
        (theirs.from_ and not mine.to, "from, not to"),
        (mine.pending_out and not theirs.pending_in, "pending out, not pending in"),
        (theirs.pending_in and not mine.pending_out, "pending in, not pending out"),
    )
    return tuple([name for differs, name in differing if differs])
