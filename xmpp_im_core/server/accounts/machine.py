"""A reducer with the state it begins in: what a host or a service runs, extended or not.

An extension is a reducer around the reducer. It takes a machine and returns another one, whose state is the
extension's own ``Beside`` that of the machine inside; so extensions nest, and the account knows nothing of
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from attrs import frozen

from xmpp_im_core.jid import JID
from xmpp_im_core.policy import Policy
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import Transition
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.state import Account, NoAccount, State, Unloaded

S = TypeVar("S")
X = TypeVar("X", covariant=True)
T = TypeVar("T", covariant=True)

Reducer: TypeAlias = Callable[[S, Event, Policy], Transition[S]]


@frozen
class Machine(Generic[S]):
    """A reducer, and the state of an account that is not known yet."""

    start: Callable[[JID], S]
    reduce: Reducer[S]
    features: tuple[str, ...] = ()
    """What service discovery says of the extensions (XEP-0030): an extension adds its namespaces."""


PLAIN: Final[Machine[State]] = Machine(NoAccount, reduce)
"""RFC 6121 without extensions."""


@frozen
class Beside(Generic[X, T]):
    """An extension's own state beside the state of what it extends."""

    name: str
    """The extension's name, unique among those in use: snapshots keep its state under it."""
    own: X
    inner: T


def account_of(state: object) -> State:
    """Return the account's own state, however many extensions stand around it.

    :raises TypeError: for what is no state of a machine.
    """
    while isinstance(state, Beside):
        state = state.inner
    if not isinstance(state, Account | NoAccount | Unloaded):
        raise TypeError(f"{state!r} is no state of an account")
    return state
