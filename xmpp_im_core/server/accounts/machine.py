"""A reducer and its initial state: what a host or a service runs, with or without extensions.

An extension is a reducer around a reducer. It takes a machine and returns another one. The state of the new machine is
a ``Beside`` of the extension's state and the state of the inner machine. So extensions nest, and the account does not
know about them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from xmpp_im_core.jid import JID
from xmpp_im_core.policy import Policy
from xmpp_im_core.record import record
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import Transition
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.state import NoAccount, State

S = TypeVar("S")
X = TypeVar("X", covariant=True)
T = TypeVar("T", covariant=True)

Reducer: TypeAlias = Callable[[S, Event, Policy], Transition[S]]


@record
class Machine(Generic[S]):
    """A reducer, and a function that returns the state of an account that is not known yet."""

    start: Callable[[JID], S]
    reduce: Reducer[S]
    features: tuple[str, ...] = ()
    """The namespaces of the extensions, for service discovery (XEP-0030)."""


PLAIN: Final[Machine[State]] = Machine(NoAccount, reduce)
"""RFC 6121 without extensions."""


@record
class Beside(Generic[X, T]):
    """The state of an extension, and the state of the machine that it extends."""

    name: str
    """The name of the extension, unique among those in use. Snapshots identify the state by it."""
    own: X
    inner: T


def account_of(state: object) -> State:
    """Return the state of the account inside the states of any number of extensions.

    :raises TypeError: if it is not the state of a machine.
    """
    while isinstance(state, Beside):
        state = state.inner
    if not isinstance(state, State):
        raise TypeError(f"{state!r} is no state of an account")
    return state
