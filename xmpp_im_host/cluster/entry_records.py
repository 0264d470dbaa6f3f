"""The entries of the queues of partitions and gateways, as records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs
from attrs import field

from xmpp_im_core.record import record
from xmpp_im_core.server import ForAccount, Route, SessionEnded, SessionId
from xmpp_im_core.server.effects import Deliver, EndSession, FanOut
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_core.server.service.serving import IdentifiedEffect
from xmpp_im_core.snapshot import JSON


def _of(*kinds: type) -> Callable[[object, attrs.Attribute[Any], Any], None]:
    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, IdentifiedEffect) or not isinstance(value.effect, kinds):
            raise TypeError(f"{attribute.name}: one of {', '.join([each.__name__ for each in kinds])} is needed")

    return check


@record
class Counts:
    """What stream management (XEP-0198) has counted when nothing is under way between the client and its account."""

    received: int
    """How many stanzas came from the client since the session began."""
    h: int
    """How many of them count as handled, modulo 2 to the power of 32."""
    acknowledged: int
    """How many stanzas the client has acknowledged, modulo 2 to the power of 32."""


# --- entries of a partition ---------------------------------------------------------------------------------------


@record
class Fed:
    """An event of an account of the partition. Its ``at`` and ``seq`` were stamped when the entry was appended."""

    event: ServiceEvent


@record
class ForComponent:
    """A stanza on its way to a component, in the partition of the component's domain."""

    domain: str
    identified: IdentifiedEffect = field(validator=_of(Route, FanOut))
    """The effect with the account that gets ``Unroutable`` if the component is not connected. All recipients of a
    fan-out are at the domain."""


@record
class ComponentConnected:
    """A component has connected to a gateway. The newest connection gets the stanzas."""

    domain: str
    gateway: int


@record
class ComponentLost:
    """A component has lost its connection to a gateway."""

    domain: str
    gateway: int


@record
class GatewayEnded:
    """A node has ended. Every entry that it has appended precedes this one, and no other will come."""

    number: int
    at: datetime
    seq: str


@record
class Called:
    """An administrator's call for an account. The answer is a :class:`Replied` with the same id."""

    id: str
    gateway: int
    """The node that gets the answer."""
    at: datetime
    operation: str
    account: str
    arguments: Mapping[str, JSON] = field(factory=dict)


@record
class SessionGone:
    """A session has ended at its gateway."""

    ended: ForAccount = field()
    """The end of the session. It has what the gateway had taken from its queue and the session has not received."""
    gateway: int
    read: int
    """Up to this position the gateway has taken what its queue has. What comes for the session after it is undelivered
    too: the partition finds it in the queue, where the gateway leaves it until :class:`Forgotten`. So all of it is
    given back at once, in order."""

    @ended.validator
    def _check_ended(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, ForAccount) or not isinstance(value.event, SessionEnded):
            raise TypeError(f"{attribute.name}: the end of a session is needed")


@record
class Park:
    """A node gives up a session, whose client has no stream now. What is sent to it from now on is kept for it."""

    account: str
    session: SessionId
    gateway: int
    """The node that gives it up."""
    id: str
    """The id by which its client resumes it (XEP-0198)."""


@record
class Deposit:
    """The rest of a session that a node has given up. From now on another node can take it."""

    account: str
    session: SessionId
    gateway: int
    id: str
    until: datetime
    """If no node has taken it by then, it ends."""
    counts: Counts
    performs: tuple[bytes, ...] = ()
    """What its client has not acknowledged, in order: each is a :class:`Perform` as bytes."""


@record
class Missing:
    """A node that was asked for a session does not have it; see :class:`Wanted`."""

    account: str
    id: str
    gateway: int


PartitionEntry: TypeAlias = (
    Fed
    | ForComponent
    | ComponentConnected
    | ComponentLost
    | GatewayEnded
    | Called
    | SessionGone
    | Park
    | Deposit
    | Missing
)

# --- entries of a gateway -----------------------------------------------------------------------------------------


@record
class Perform:
    """An effect for streams of this gateway: a delivery, the end of a session, or a stanza for a component."""

    identified: IdentifiedEffect = field(validator=_of(Deliver, EndSession, Route, FanOut))
    sessions: tuple[SessionId, ...] | None = None
    """The sessions of a delivery that are at this gateway; None if all are.

    The effect has all of its sessions, also those at other gateways: if it is reported as undelivered, the core does
    not deliver it again while another one of them is connected.
    """


@record
class Replied:
    """The answer to an administrator's call."""

    id: str
    value: JSON = None
    error: str | None = None
    """Why the call was refused, in one word; None if it was done."""


@record
class Forgotten:
    """Nothing more comes for a session that has ended, and what was in the queue for it is given back."""

    account: str
    session: SessionId


@record
class Parked:
    """Nothing more comes for a session that this gateway gives up: it may deposit the rest now."""

    account: str
    session: SessionId


@record
class Taken:
    """A session that another node has given up. What its client has not acknowledged follows, and then what is new."""

    account: str
    session: SessionId
    id: str
    counts: Counts


@record
class Wanted:
    """Another node wants a session, because its client resumes it there. If it is here, it is to be given up;
    otherwise the answer is :class:`Missing`."""

    account: str
    id: str


GatewayEntry: TypeAlias = Perform | Replied | Forgotten | Parked | Taken | Wanted
QueueEntry: TypeAlias = PartitionEntry | GatewayEntry
