"""Vectors as the runner holds them: read, checked, and ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Final, TypeAlias

from attrs import frozen

from xmpp_im_conformance.format.items import Item, SharedItem
from xmpp_im_core.element import Element


class Side(Enum):
    """Whom a vector tests."""

    SERVER = "server"
    CLIENT = "client"


# --- steps that look, and change nothing ------------------------------------------------------------------


@frozen
class Receive:
    """The next that came is this stanza; ``at`` is a full JID, or the remote domain."""

    at: str
    expected: tuple[Element, ...]
    any_order: bool = False
    anywhere: bool = False
    optional: bool = False


@frozen
class Silent:
    """Nothing is left untaken at these."""

    at: tuple[str, ...]


@frozen
class Flush:
    """Whatever is left untaken at these is dropped."""

    at: tuple[str, ...]


@frozen
class Absent:
    """Nothing untaken matches this pattern, which is a part."""

    at: str
    expected: Element


@frozen
class RosterIs:
    """The account's stored roster is this."""

    of: str
    items: tuple[Item, ...]


@frozen
class OneOf:
    """The first branch all of whose steps hold is taken."""

    branches: tuple[tuple[Observation, ...], ...]


@frozen
class StreamFeature:
    """This feature was offered before the session was bound, or was not."""

    at: str
    expected: Element
    absent: bool = False


Observation: TypeAlias = Receive | Silent | Flush | Absent | RosterIs | OneOf | StreamFeature


# --- steps that act ---------------------------------------------------------------------------------------


@frozen
class Act:
    """Something happens to a session or an account, and its JID is all there is to say."""

    what: str
    """The step's key: ``connect``, ``replace``, ``detach``, ``resume``, ``expire``, ``restart``,
    ``account_created`` or ``account_removed``."""
    jid: str


@frozen
class Send:
    """A client sends this stanza, exactly."""

    jid: str
    xml: str


@frozen
class RemoteSend:
    """This stanza arrives from the other server."""

    xml: str


@frozen
class Disconnect:
    """A client's stream ends."""

    jid: str
    clean: bool


@frozen
class StorageFails:
    """The next load, or commit, of an account fails."""

    of: str
    what: str


@frozen
class Time:
    """It is now this time."""

    at: datetime


@frozen
class Decide:
    """The service's own policy answers the next request of a sender."""

    at: str
    request_from: str
    decision: str


@frozen
class AccountMoves:
    """The administrator notes that a user has moved to another address, for good or for a time."""

    of: str
    to: str
    permanently: bool


@frozen
class ItemsShared:
    """The service shows these items in an account's roster, in place of those that it showed before."""

    of: str
    items: tuple[SharedItem, ...]


Action: TypeAlias = Act | Send | RemoteSend | Disconnect | StorageFails | Time | Decide | AccountMoves | ItemsShared


@frozen
class Step:
    """One step of a scenario."""

    key: str
    does: Action | Observation


# --- what a vector is -------------------------------------------------------------------------------------


@frozen
class Scenario:
    """What a server does: accounts, and steps."""

    accounts: Mapping[str, tuple[Item, ...]]
    steps: tuple[Step, ...]
    lenient: bool | frozenset[str] = False

    @property
    def starts_at(self) -> datetime | None:
        """The time at which it begins, where its first step says so."""
        first = self.steps[0].does
        return first.at if isinstance(first, Time) else None


@frozen
class TableState:
    """A state of the tables of Appendix A; None where the row does not state it."""

    subscription: str
    pending_out: bool | None = None
    pending_in: bool | None = None
    approved: bool | None = None

    def __str__(self) -> str:
        pending = {(True, False): " + Pending Out", (False, True): " + Pending In", (True, True): " + Pending Out+In"}
        name = self.subscription.capitalize() + pending.get((bool(self.pending_out), bool(self.pending_in)), "")
        return f"{name}, approved" if self.approved else name


@frozen
class SubscriptionRow:
    """A row of a table of Appendix A."""

    outbound: bool
    stanza: str
    before: TableState
    after: TableState
    delivered_or_routed: bool

    @property
    def name(self) -> str:
        """What the row is called in its table."""
        return f"{'outbound' if self.outbound else 'inbound'} {self.stanza}: {self.before}"


@frozen
class MessageRow:
    """A cell of the table of §8.5.4."""

    situation: str
    target: str
    type: str
    outcomes: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the cell is called in its table."""
        return f"{self.situation}, {self.target}, {self.type}"


@frozen
class ClientStep:
    """One step of a client scenario: its key, and what the schema has accepted under it."""

    key: str
    value: object
    expected: tuple[Element, ...] = ()
    """The patterns of ``expect_sent``."""
    items: tuple[Item, ...] = ()
    """The items of ``expect_roster``."""


@frozen
class ClientScenario:
    """What a client does."""

    account: str
    resource: str
    stream_features: tuple[Element, ...]
    cache: tuple[str, tuple[Item, ...]] | None
    """The version and the items that the client kept."""
    steps: tuple[ClientStep, ...]


Body: TypeAlias = Scenario | SubscriptionRow | MessageRow | ClientScenario


@frozen(kw_only=True)
class Vector:
    """One case, whatever its kind."""

    id: str
    file: str
    title: str
    body: Body
    requirements: tuple[str, ...] = ()
    rfc: tuple[str, ...] = ()
    level: str = "MUST"
    features: frozenset[str] = frozenset()
    note: str = ""
    """What there is to say of it: what was left out, a doubtful point."""

    @property
    def side(self) -> Side:
        """Whom it tests."""
        return Side.CLIENT if isinstance(self.body, ClientScenario) else Side.SERVER


@frozen(kw_only=True)
class Malformed:
    """A file, or a row of one, that is not a vector, and why."""

    id: str
    file: str
    why: str
    requirements: tuple[str, ...] = ()
    rfc: tuple[str, ...] = ()
    side: Side = Side.SERVER


RFC: Final = "6121"


def sections(vector: Vector | Malformed) -> tuple[str, ...]:
    """Return the sections of RFC 6121 that a vector names, by ``rfc`` and by its requirements, without repetition."""
    named = [entry.partition(" ")[2] for entry in vector.rfc if entry.partition(" ")[0] == RFC]
    named += [id.split("-")[1] for id in vector.requirements if id.startswith(f"{RFC}-") and id.count("-") == 2]
    return tuple(dict.fromkeys([section for section in named if section]))


def in_section(vector: Vector | Malformed, section: str) -> bool:
    """Whether a vector belongs to a section or to one below it."""
    return any(each == section or each.startswith(f"{section}.") for each in sections(vector))
