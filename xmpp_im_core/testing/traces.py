"""Random traces of acts: what the users of a server, and users of another one, do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias

from hypothesis import strategies as st

from xmpp_im_core.record import record
from xmpp_im_core.testing.acts import (
    REMOTE,
    Act,
    Connects,
    Disconnects,
    GetsRoster,
    RemovesItem,
    SendsAvailable,
    SendsMessage,
    SendsPing,
    SendsProbe,
    SendsSubscribe,
    SendsSubscribed,
    SendsUnavailable,
    SendsUnsubscribe,
    SendsUnsubscribed,
    SetsItem,
)
from xmpp_im_core.testing.draw import Draw, choose

USERS: Final = ("juliet@capulet.example", "romeo@montague.example")
"""The default users of a trace, at the two domains of the conformance vectors."""

TRACE_RESOURCES: Final = ("balcony", "orchard")

_Maker: TypeAlias = Callable[[Draw, str, Sequence[str]], Act]


def _entity(draw: Draw, others: Sequence[str]) -> str:
    """Another user's bare JID, or the full JID of one of that user's resources, connected or not."""
    return choose(draw, others) + choose(draw, ("", *[f"/{resource}" for resource in TRACE_RESOURCES]))


def _set_item(draw: Draw, client: str, others: Sequence[str]) -> Act:
    groups = choose(draw, ((), ("Friends",), ("Friends", "Lovers")))
    return SetsItem(client, choose(draw, others), choose(draw, ("", "Nurse")), groups)


def _available(draw: Draw, client: str, others: Sequence[str]) -> Act:
    to = choose(draw, (None, None, None, _entity(draw, others)))
    return SendsAvailable(client, choose(draw, ("", "away")), choose(draw, (0, 1, -1)), to)


def _message(draw: Draw, client: str, others: Sequence[str]) -> Act:
    return SendsMessage(client, _entity(draw, others), choose(draw, ("chat", "normal", "groupchat", "headline")))


_MAKERS: Final[Mapping[type[Act], tuple[_Maker, int]]] = {
    SendsSubscribe: (lambda draw, client, others: SendsSubscribe(client, choose(draw, others)), 3),
    SendsSubscribed: (lambda draw, client, others: SendsSubscribed(client, choose(draw, others)), 3),
    SendsUnsubscribe: (lambda draw, client, others: SendsUnsubscribe(client, choose(draw, others)), 2),
    SendsUnsubscribed: (lambda draw, client, others: SendsUnsubscribed(client, choose(draw, others)), 2),
    SendsAvailable: (_available, 4),
    GetsRoster: (lambda draw, client, others: GetsRoster(client), 2),
    SetsItem: (_set_item, 2),
    RemovesItem: (lambda draw, client, others: RemovesItem(client, choose(draw, others)), 2),
    SendsUnavailable: (
        lambda draw, client, others: SendsUnavailable(client, choose(draw, (None, None, choose(draw, others)))),
        1,
    ),
    SendsMessage: (_message, 2),
    SendsPing: (
        lambda draw, client, others: SendsPing(client, f"{choose(draw, others)}/{choose(draw, TRACE_RESOURCES)}"),
        1,
    ),
    Disconnects: (lambda draw, client, others: Disconnects(client, choose(draw, (True, False))), 1),
}
"""The function that draws each class of act of a client, and its relative frequency."""

_PEER_MAKERS: Final[Mapping[type[Act], tuple[_Maker, int]]] = {
    kind: _MAKERS[kind] for kind in (SendsSubscribe, SendsSubscribed, SendsUnsubscribe, SendsUnsubscribed, SendsMessage)
} | {
    SendsAvailable: (lambda draw, peer, users: SendsAvailable(peer, to=choose(draw, users)), 1),
    SendsUnavailable: (lambda draw, peer, users: SendsUnavailable(peer, to=choose(draw, users)), 1),
    SendsProbe: (lambda draw, peer, users: SendsProbe(peer, choose(draw, users)), 1),
}
"""The same for users of another server."""

ACT_KINDS: Final = frozenset({*_MAKERS, *_PEER_MAKERS})
"""All classes of acts that may be in a trace, except ``Connects``, which is always allowed."""

SUBSCRIPTION_KINDS: Final = frozenset({SendsSubscribe, SendsSubscribed, SendsUnsubscribe, SendsUnsubscribed})
"""The acts that change a subscription state (§3), and no others."""


@cache
def _weighted(of_peers: bool, kinds: frozenset[type[Act]]) -> tuple[_Maker, ...]:
    makers = _PEER_MAKERS if of_peers else _MAKERS
    return tuple([make for kind, (make, weight) in makers.items() if kind in kinds for _ in range(weight)])


@record
class Cast:
    """The users of a trace, and the acts that they may do besides connecting."""

    users: Sequence[str] = USERS
    peers: Sequence[str] = ()
    kinds: frozenset[type[Act]] = ACT_KINDS

    def act(self, draw: Draw, connected: Sequence[str]) -> Act:
        """Draw the next act, with these clients connected."""
        free = [f"{u}/{r}" for r in TRACE_RESOURCES for u in self.users if f"{u}/{r}" not in connected]
        if free and (not connected or choose(draw, range(6)) == 5):
            return Connects(choose(draw, free))
        if self.peers and choose(draw, range(3)) == 2 and (makers := _weighted(True, self.kinds)):
            return choose(draw, makers)(draw, f"{choose(draw, self.peers)}/{TRACE_RESOURCES[0]}", self.users)
        client = choose(draw, connected)
        others = [user for user in (*self.users, *self.peers) if user != client.partition("/")[0]]
        return choose(draw, _weighted(False, self.kinds))(draw, client, others)

    def trace(self, draw: Draw, max_acts: int, start: Sequence[Act] = ()) -> tuple[Act, ...]:
        """Draw a trace.

        :param max_acts: the maximum number of acts after the start; the minimum is 1.
        :param start: the acts with which the trace begins.
        """
        done, connected = [*start], connected_after(start)
        for _ in range(choose(draw, range(1, max_acts + 1))):
            done.append(self.act(draw, connected))
            connected = _connected_after(connected, done[-1])
        return tuple(done)


def cast_of(users: Sequence[str], peers: Sequence[str], kinds: Collection[type[Act]]) -> Cast:
    """Return the cast of a trace.

    :raises ValueError: if there are not two users, a peer is not at ``REMOTE``, or no client can do anything.
    """
    if len({*users, *peers}) < 2 or not users:
        raise ValueError(f"users: a trace needs one, and somebody whom the user writes to, not {[*users, *peers]}")
    for peer in peers:
        if not peer.endswith(f"@{REMOTE}"):
            raise ValueError(f"peers: {peer!r} is not at {REMOTE}")
    unknown = {*kinds} - ACT_KINDS - {Connects}
    if unknown:
        raise ValueError(f"kinds: no trace has {', '.join(sorted(kind.__name__ for kind in unknown))}")
    if _MAKERS.keys().isdisjoint(kinds):
        raise ValueError("kinds: there is no act of a client")
    return Cast(users, peers, frozenset(kinds))


def _connected_after(connected: tuple[str, ...], act: Act) -> tuple[str, ...]:
    if isinstance(act, Connects):
        return (*connected, act.client)
    return tuple([c for c in connected if c != act.client]) if isinstance(act, Disconnects) else connected


def connected_after(acts: Sequence[Act]) -> tuple[str, ...]:
    """Return the clients that are connected after these acts, in the order in which they connected."""
    connected: tuple[str, ...] = ()
    for act in acts:
        connected = _connected_after(connected, act)
    return connected


@st.composite
def acts(
    draw: st.DrawFn,
    connected: Sequence[str] = (),
    users: Sequence[str] = USERS,
    peers: Sequence[str] = (),
    kinds: Collection[type[Act]] = ACT_KINDS,
) -> Act:
    """The next act, with these clients connected; the other parameters are those of :func:`traces`."""
    return cast_of(users, peers, kinds).act(draw, connected)


@st.composite
def traces(
    draw: st.DrawFn,
    users: Sequence[str] = USERS,
    max_acts: int = 20,
    peers: Sequence[str] = (),
    kinds: Collection[type[Act]] = ACT_KINDS,
) -> tuple[Act, ...]:
    """The acts of two or more users with up to two resources each. The trace begins with empty rosters and no sessions.

    :param max_acts: the maximum number of acts.
    :param peers: users of another server, ``REMOTE``. They also do what a correct server would not allow.
    :param kinds: the classes of acts, besides ``Connects``.
    """
    return cast_of(users, peers, kinds).trace(draw, max_acts)


def possible(trace: Sequence[Act]) -> bool:
    """Whether a trace is possible.

    Each act must be that of a connected client, a ``Connects`` of one that is not connected, or a stanza with 'to' from
    a user of another server.
    """
    connected: tuple[str, ...] = ()
    for act in trace:
        if act.is_remote:
            stanza = act.stanza()
            if stanza is None or stanza.to is None:
                return False
        elif (act.client in connected) is isinstance(act, Connects):
            return False
        connected = _connected_after(connected, act)
    return True
