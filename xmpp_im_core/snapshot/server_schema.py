"""The schema of the server half: states, events, effects, and the records that a host stores."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar, get_args

from cattrs import Converter

from xmpp_im_core.copying import copied
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Policy
from xmpp_im_core.record import record
from xmpp_im_core.roster import Contact, Roster, RosterHead, SharedItem, roster_of
from xmpp_im_core.server.accounts.machine import PLAIN, Beside
from xmpp_im_core.server.effects import Effect, Kind, Put, StoreOperation, Undeliverable
from xmpp_im_core.server.events import AdministratorRemovedItem, AdministratorSetItem, Event, SharedItemsChanged
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_core.server.service.serving import Load, Service
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting
from xmpp_im_core.server.state import Account, LastUnavailable, Moved, Session, SessionId, State, Unloaded
from xmpp_im_core.snapshot import invariants
from xmpp_im_core.snapshot.errors import Refused
from xmpp_im_core.snapshot.schema import Schema
from xmpp_im_core.snapshot.values import expect
from xmpp_im_core.stanza import Message, Presence

V = TypeVar("V")


@record
class _Roster:
    """The written form of a roster. Counts that follow from the contacts are left out."""

    lineage: str
    version: int = 0
    horizon: int = 0
    contacts: tuple[Contact, ...] = ()
    shared: tuple[SharedItem, ...] = ()
    sharing: bool = False


@record
class _Put(Generic[V]):
    """The written form of a record. Its kind decides the type of its value."""

    kind: Kind
    key: str
    value: V


_PUTS: Final[Mapping[Kind, Any]] = MappingProxyType(
    {
        Kind.ROSTER: _Put[RosterHead],
        Kind.CONTACT: _Put[Contact],
        Kind.LAST_UNAVAILABLE: _Put[LastUnavailable],
        Kind.MOVED: _Put[Moved],
        Kind.BLOCKED: _Put[None],
        Kind.OFFLINE: _Put[Message],
        Kind.NOTICE: _Put[Presence],
        Kind.SESSION: _Put[Session],
        Kind.REPLACED: _Put[SessionId],
        Kind.ENABLED: _Put[SessionId],
        Kind.WAKE: _Put[None],
        Kind.PROCESSED: _Put[None],
        Kind.OUTBOX: _Put[Undeliverable],
    }
)
"""The written form of each kind of record."""


@record
class _Beside:
    """The written form of an extension's state: the extension's name, its own state, and the state that it extends."""

    name: str
    own: object
    inner: object


@record
class _Waiting:
    """The written form of an account that waits: the held events are a list, in the order in which they came."""

    session: SessionId | None
    events: tuple[Held, ...] = ()


@record
class _Service:
    """The written form of a service. Its machine is code; ``load_service`` adds it."""

    domains: tuple[str, ...]
    accounts: FrozenMap[object] = FrozenMap()
    held: FrozenMap[Waiting] = FrozenMap()


def _register(converter: Converter) -> None:
    _register_rosters(converter)
    _register_records(converter)
    _register_compositions(converter)


def _register_rosters(converter: Converter) -> None:
    def write_roster(roster: Roster) -> Any:
        contacts, shared = tuple(roster.contacts.values()), tuple(roster.shared.values())
        written = _Roster(roster.lineage, roster.version, roster.horizon, contacts, shared, bool(shared))
        return converter.unstructure(written)

    def read_roster(value: Any, _: Any) -> Roster:
        written = converter.structure(value, _Roster)
        invariants.check_contacts(written.contacts, written.version)
        invariants.sorted_once([item.jid for item in written.shared], "shared")
        head = RosterHead(written.lineage, written.version, written.horizon, written.sharing)
        roster = roster_of(head, {contact.jid: contact for contact in written.contacts})
        return copied(roster, shared=FrozenMap({item.jid: item for item in written.shared}))

    converter.register_unstructure_hook(Roster, write_roster)
    converter.register_structure_hook(Roster, read_roster)


def _register_records(converter: Converter) -> None:
    def write_put(put: Put) -> Any:
        return converter.unstructure(_Put(put.kind, put.key, put.value), unstructure_as=_put_type(put))

    def read_put(value: Any, _: Any) -> Put:
        expect(dict, value, "an object")
        kind = converter.structure(value.get("kind"), Kind)
        written = converter.structure(value, _PUTS[kind])
        return Put(kind, written.key, written.value)

    converter.register_unstructure_hook(Put, write_put)
    converter.register_structure_hook(Put, read_put)


def _register_compositions(converter: Converter) -> None:
    def write_beside(state: Beside[object, object]) -> Any:
        return converter.unstructure(_Beside(state.name, state.own, state.inner))

    def read_beside(value: Any, _: Any) -> Beside[object, object]:
        written = converter.structure(value, _Beside)
        return Beside(written.name, written.own, written.inner)

    def write_service(service: Service[object]) -> Any:
        return converter.unstructure(_Service(service.domains, service.accounts, service.held))

    def read_service(value: Any, _: Any) -> Service[Any]:
        written = converter.structure(value, _Service)
        invariants.check_service(written.domains, written.accounts)
        return Service(written.domains, PLAIN, written.accounts, written.held)

    def write_waiting(waiting: Waiting) -> Any:
        return converter.unstructure(_Waiting(waiting.session, tuple(waiting.events.values())))

    def read_waiting(value: Any, _: Any) -> Waiting:
        written = converter.structure(value, _Waiting)
        waiting = Waiting(written.session)
        for event in written.events:
            waiting = waiting.holding(event)
        return waiting

    converter.register_unstructure_hook(Waiting, write_waiting)
    converter.register_structure_hook(Waiting, read_waiting)
    converter.register_unstructure_hook(Beside, write_beside)
    converter.register_structure_hook(Beside, read_beside)
    converter.register_unstructure_hook(Service, write_service)
    converter.register_structure_hook(Service, read_service)


def _put_type(put: Put) -> Any:
    (kind,) = get_args(_PUTS[put.kind])
    if type(put.value) not in (get_args(kind) or (kind,)):
        raise Refused(f"a record of kind {put.kind.name} holds {_named(kind)}, not {type(put.value).__name__}")
    return _PUTS[put.kind]


def _named(kind: Any) -> str:
    return " or ".join([each.__name__ for each in get_args(kind) or (kind,)])


SERVER_SCHEMA: Final = Schema(
    "server",
    (
        *get_args(State),
        *get_args(Event),
        *get_args(Effect),
        *get_args(StoreOperation),
        Beside,
        Service,
        *get_args(ServiceEvent),
        Load,
        Policy,
    ),
    _register,
    MappingProxyType(
        {
            Contact: invariants.check_jid,
            SharedItem: invariants.check_jid,
            Session: invariants.check_session,
            Account: invariants.check_account,
            Unloaded: invariants.check_unloaded,
        }
    ),
    MappingProxyType(
        {
            "ItemSet": AdministratorSetItem,
            "ItemRemoved": AdministratorRemovedItem,
            "OverlayChanged": SharedItemsChanged,
        }
    ),
)
"""The classes of ``xmpp_im_core.server`` that may be in a snapshot, a log or a storage."""
