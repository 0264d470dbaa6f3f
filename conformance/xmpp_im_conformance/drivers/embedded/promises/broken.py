"""The error of a broken promise, and what several modules compare: steps, and accounts that were loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import evolve, fields, frozen

from xmpp_im_core.jid import parse_jid
from xmpp_im_core.server import Account, Event, Served, Service, State
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.effects import Transition


class PromiseBroken(ValueError):
    """The core has not done what its documentation promises a host."""


def promise(kept: bool, says: str, *about: object) -> None:
    """See that a promise is kept.

    :param says: the promise.
    :param about: what breaks it.
    :raises PromiseBroken: if it is not.
    """
    if not kept:
        raise PromiseBroken("\n".join([says, *map(repr, about)]))


@frozen
class Step:
    """One step of a result, without the states of extensions."""

    jid: str
    event: Event
    before: State
    after: State
    transition: Transition[object]


def steps_of(before: Service[object], served: Served[object]) -> Iterator[Step]:
    """Yield the steps of a result, each with the state of its account before and after it."""
    states = {jid: before.accounts.get(jid) for jid in served.concerned()}
    for handled in served.steps:
        earlier = states[handled.jid]
        if earlier is None:
            earlier = before.machine.start(parse_jid(handled.jid))
        states[handled.jid] = handled.transition.state
        state, after = account_of(earlier), account_of(handled.transition.state)
        yield Step(handled.jid, handled.event, state, after, handled.transition)


_OTHERWISE: Final = frozenset({"unsaved", "processed", "wake_at", "jid"})
"""The fields that need not be the same: what is stored of them says less, or in another order."""


def check_same(account: Account, state: State, expected: Account) -> None:
    """See that an account that was loaded is the one that was expected.

    :param account: the account in memory: the items that the service shows in its roster are not stored.
    """
    promise(isinstance(state, Account), "the account is there", state)
    assert isinstance(state, Account)
    if account.roster.shared:
        state = evolve(state, roster=account.roster)
    for each in fields(Account):
        if each.eq and each.name not in _OTHERWISE:
            one, other = getattr(state, each.name), getattr(expected, each.name)
            promise(one == other, f"{each.name}: an account is the same when it is loaded again", one, other)
