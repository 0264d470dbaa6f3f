"""The traces that are drawn. What matters is in which state somebody does something, so a state is reached first.

By acts alone, drawn at random, the states far from the beginning are seldom reached, and hardly ever with somebody
there who would see what comes of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from random import Random
from typing import Final

from xmpp_im_conformance.differ.shrinking import Trace
from xmpp_im_core.subscription import PRE_APPROVED, Subscription
from xmpp_im_core.testing import USERS, Act, Connects, GetsRoster, SendsAvailable, SendsSubscribe, SendsSubscribed
from xmpp_im_core.testing.draw import choose
from xmpp_im_core.testing.traces import TRACE_RESOURCES, Cast

_FROM_NOTHING: Final = 20
"""The acts of a trace at most that begins with nobody connected."""
_FROM_A_STATE: Final = 8
"""The acts at most that follow a state which was reached before."""


STATES: Final = (*[(state, False) for state in Subscription], *[(state, True) for state in PRE_APPROVED])
"""In which states two may stand to each other (§A.1), and which of them a pre-approval joins (§3.4)."""


def drawn(random: Random, peers: Sequence[str], kinds: Collection[type[Act]]) -> Trace:
    """Draw a trace: in one of three all begins with nothing, else two users have come to stand in some way before.

    :param random: what draws; Hypothesis' own choices are not even, since they look for what fails.
    :param peers: users of another server who take part.
    :param kinds: what may happen in a trace.
    """
    if choose(random, range(3)) == 0:
        return Cast(USERS, peers, frozenset(kinds)).trace(random, _FROM_NOTHING)
    user = choose(random, USERS)
    other = choose(random, [each for each in (*USERS, *peers) if each != user])
    users = [each for each in (user, other) if each not in peers]
    start = [act for each in users for act in _present(random, each)]
    if {SendsSubscribe, SendsSubscribed} <= {*kinds}:
        state, approved = choose(random, STATES)
        start += leading_to(f"{user}/{TRACE_RESOURCES[0]}", f"{other}/{TRACE_RESOURCES[0]}", state, approved=approved)
    cast = Cast(users, [other] if other in peers else (), frozenset(kinds))
    return cast.trace(random, _FROM_A_STATE, start)


def _present(random: Random, user: str) -> Iterator[Act]:
    """Let a user be connected, in most cases so that the user hears of everything."""
    client = f"{user}/{TRACE_RESOURCES[0]}"
    yield Connects(client)
    if choose(random, (True, True, True, False)):
        yield GetsRoster(client)
    if choose(random, (True, True, True, False)):
        yield SendsAvailable(client, priority=choose(random, (0, 1, -1)))


def leading_to(client: str, other: str, state: Subscription, *, approved: bool) -> Iterator[Act]:
    """Yield what brings two to a state of the subscription, in which the first one holds the other.

    :param client: the full JID of the user's client.
    :param other: the full JID of the contact's, or of somebody on another server.
    :param approved: whether the user has pre-approved the contact.
    """
    user, contact = (jid.partition("/")[0] for jid in (client, other))
    if state.to or state.pending_out:
        yield SendsSubscribe(client, contact)
    if state.to:
        yield SendsSubscribed(other, user)
    if state.from_ or state.pending_in:
        yield SendsSubscribe(other, user)
    if state.from_ or approved:
        yield SendsSubscribed(client, contact)
