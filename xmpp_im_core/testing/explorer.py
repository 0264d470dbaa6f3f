"""Visit every joint state of two accounts that exchange subscription stanzas, including stanzas that cross.

What an account does with a subscription stanza depends only on what it :class:`Holds` about the other account. The same
is true of the answer to a probe, if no directed presence was sent (RFC 6121 §4.6.6). So the explorer calls the real
reducer once for each such state and each possible event, keeps the answers in a *table*, and searches the table.

Two queues join the two accounts; stanzas arrive in the order in which they were sent. Both users may do anything at any
time. If at most ``in_flight`` stanzas are on their way in each direction, the number of joint states is finite, and
:func:`explore` visits all of them. Three parties need no search, because an event about one contact changes nothing
that the account holds about another contact.

You can also explore another implementation: ``explore(tabulate(step), 2)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from xmpp_im_core.copying import copied
from xmpp_im_core.element import element
from xmpp_im_core.jid import JID, address_of, parse_jid
from xmpp_im_core.record import record
from xmpp_im_core.roster import ROSTER, Contact, Roster
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import Effect, FanOut, Route
from xmpp_im_core.server.events import Event, Inbound, Outbound
from xmpp_im_core.server.state import Account, Session, SessionId
from xmpp_im_core.stanza import IQ, SUBSCRIPTION_TYPES, Presence, payload
from xmpp_im_core.subscription import NONE, Subscription
from xmpp_im_core.testing.state_strategies import JULIET, NOON


class Holds(NamedTuple):
    """The part of what an account holds about the other account that decides its steps."""

    state: Subscription = NONE
    listed: bool = False
    approved: bool = False


NOTHING: Final = Holds()
"""What an account holds about an unknown entity."""

MOVES: Final = ("subscribe", "subscribed", "unsubscribe", "unsubscribed", "remove")
"""The moves of a user: send one of the four subscription stanzas, or remove the roster item."""
APPEAR: Final = "appear"
"""One more move: another resource of the user becomes available, so the server sends probes (RFC 6121 §4.3.1)."""
CARRIED: Final = (*sorted(SUBSCRIPTION_TYPES), "probe")
"""The presence types that the queues carry. Other presence changes no state."""

Queue: TypeAlias = tuple[str, ...]
"""The types of the stanzas on their way in one direction, the oldest first."""
Consequence: TypeAlias = tuple[Holds, Queue]
"""The result of a step: what the account holds then, and the types of the stanzas that it sent to the other side."""
TakeStep: TypeAlias = Callable[[Holds, str, bool], Consequence]
"""A function of what the account holds, a move or the type of a stanza, and whether it is an arriving stanza."""


@record
class StepTable:
    """The result of every possible step of an account, by what it holds and by move or type of stanza."""

    moves: Mapping[Holds, Mapping[str, Consequence]]
    arrivals: Mapping[Holds, Mapping[str, Consequence]]


class Pair(NamedTuple):
    """A joint state: what each of the two accounts holds about the other, and the stanzas on their way."""

    one: Holds = NOTHING
    other: Holds = NOTHING
    to_other: Queue = ()
    to_one: Queue = ()

    @property
    def quiet(self) -> bool:
        """Whether no stanza is on its way."""
        return not self.to_other and not self.to_one


@record
class Exploration:
    """The result of a search."""

    pairs: frozenset[Pair]
    """Every joint state that can be reached."""
    steps: int
    """How many steps were examined, including those that the bound on the queues forbids."""
    depth: int
    """The greatest number of steps that are needed to reach a joint state."""


# --- the table --------------------------------------------------------------------------------------------

_PEER: Final = parse_jid("romeo@montague.example")
_BALCONY: Final = SessionId("balcony", 0)
_GARDEN: Final = SessionId("garden", 0)


def reducer_step(holds: Holds, what: str, arrives: bool) -> Consequence:
    """Perform a step of the real reducer, for an account with one available and one unavailable resource."""
    balcony, garden = [address_of(JULIET.with_resource(id.resource)) for id in (_BALCONY, _GARDEN)]
    sessions = (Session(_BALCONY, balcony, None, True, Presence(None, balcony)), Session(_GARDEN, garden))
    account = holding(Account(JULIET, Roster("explored"), sessions), _PEER, holds)
    happened = arrived(account, _PEER, what) if arrives else moved(_PEER, what, _GARDEN)
    step = reduce(account, happened)
    assert isinstance(step.state, Account)
    return held(step.state, _PEER), sent(step.effects, _PEER)


def tabulate(step: TakeStep = reducer_step) -> StepTable:
    """Call ``step`` for everything that can happen, beginning with an account that holds nothing."""
    moves: dict[Holds, Mapping[str, Consequence]] = {}
    arrivals: dict[Holds, Mapping[str, Consequence]] = {}
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
    """Return the account holding this about the peer. A peer that is not listed and has no request is not a contact."""
    state = holds.state
    request = Presence(account.address, address_of(peer), None, "subscribe") if state.pending_in else None
    asked = NOON if state.pending_out else None
    before = account.roster.contacts.get(peer.bare) or Contact(peer.bare)
    contact = copied(before, state=state, listed=holds.listed, approved=holds.approved, request=request, asked=asked)
    return account.with_roster(account.roster.noted(contact))


def held(account: Account, peer: JID) -> Holds:
    """Return what the account holds about the peer."""
    contact = account.roster.contacts.get(peer.bare)
    return NOTHING if contact is None else Holds(contact.state, contact.listed, contact.approved)


def sent(effects: tuple[Effect, ...], peer: JID) -> Queue:
    """Return the types of the presence that these effects send to the peer and that the queues carry."""
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
    """Return the event of a user's move.

    :param session: the unavailable session that makes the move.
    """
    if move == APPEAR:
        return Outbound(NOON, "explored", session, Presence())
    if move == "remove":
        item = element("item", ROSTER, {"jid": peer.bare, "subscription": "remove"})
        request = IQ(None, None, "remove", "set", None, payload(element("query", ROSTER, {}, [item])))
        return Outbound(NOON, "explored", session, request)
    return Outbound(NOON, "explored", session, Presence(address_of(peer), type=move))


def arrived(account: Account, peer: JID, type: str) -> Event:
    """Return the event that a stanza of this type arrives from the peer."""
    return Inbound(NOON, "explored", Presence(account.address, address_of(peer), None, type))


# --- the search -------------------------------------------------------------------------------------------


def explore(table: StepTable, in_flight: int, moves: tuple[str, ...] = MOVES) -> Exploration:
    """Visit every joint state that can be reached when both accounts begin with nothing, breadth first.

    :param in_flight: how many stanzas may be on their way in each direction. A step that would exceed this is not
        taken in that joint state.
    :param moves: the moves that the users may make.
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
    """Yield the joint states that follow when the oldest stanza arrives, for each direction that has one."""
    one, other, to_other, to_one = pair
    if to_other:
        after, sent = table.arrivals[other][to_other[0]]
        yield Pair(one, after, to_other[1:], to_one + sent)
    if to_one:
        after, sent = table.arrivals[one][to_one[0]]
        yield Pair(after, other, to_other + sent, to_one[1:])


def settled(table: StepTable, pair: Pair, arrivals: int = 1000) -> Pair:
    """Let all stanzas arrive, including those that result, without further moves; return the joint state then.

    :raises RuntimeError: if stanzas are still on their way after this many arrivals.
    """
    for _ in range(arrivals):
        if pair.quiet:
            return pair
        pair = next(deliveries(table, pair))
    raise RuntimeError(f"after {arrivals} arrivals the two accounts still answer each other: {pair}")


def after_move(table: StepTable, pair: Pair, move: str) -> Pair:
    """Return the joint state after the first account's user makes a move and everything has arrived."""
    one, sent = table.moves[pair.one][move]
    return settled(table, Pair(one, pair.other, pair.to_other + sent, pair.to_one))


# --- agreement ------------------------------------------------------------------------------------------


def disagreements(subscriber: Holds, subscribed: Holds) -> tuple[str, ...]:
    """Return how two accounts disagree about the subscription of one to the presence of the other.

    Each text says what the first account holds and the second does not, or the reverse: "to, not from" is a
    subscription that only the subscriber's account holds.

    :param subscriber: what the subscriber's account holds.
    :param subscribed: what the other account holds.
    """
    mine, theirs = subscriber.state, subscribed.state
    differing = (
        (mine.to and not theirs.from_, "to, not from"),
        (theirs.from_ and not mine.to, "from, not to"),
        (mine.pending_out and not theirs.pending_in, "pending out, not pending in"),
        (theirs.pending_in and not mine.pending_out, "pending in, not pending out"),
    )
    return tuple([name for differs, name in differing if differs])
