"""The reference of the twin: the core alone takes what the nodes have taken, in their order, without any fault.

Each account of it is always in memory and never moves. Rosters and subscription states have to be the same as those
that the nodes have stored, however often they crashed, forgot everything and began again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from attrs import define, field

from tests.xmpp_im_host.cluster.virtual_loop import immediately
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import AccountCreated, AccountRemoved, ForAccount, OfflineLoaded, Service, serve
from xmpp_im_core.server.effects import LoadOffline
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_core.server.service.serving import Load, owning
from xmpp_im_host.cluster.queue_entries import Called, EntryReader, Fed, SessionGone
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.storage.records import Change, Found, Remove, RemoveKind, Row, Sums, Write, partition_of

CONTACT: Final = "contact"
_NOTHING: Final = Found(sums={stored_records.OFFLINE: Sums()})
Contacts: TypeAlias = Mapping[str, Mapping[str, str]]
"""By account: the contacts as they are stored, by their JIDs."""


@define(eq=False)
class Reference:
    """The accounts of one partition."""

    service: Service[Any]
    policy: Policy
    contacts: dict[str, dict[str, str]] = field(factory=dict)

    def take(self, body: bytes) -> None:
        """Take an entry of the queue of the partition."""
        entry = EntryReader().partition_entry(body)
        if isinstance(entry, Fed):
            self._serve(entry.event)
        elif isinstance(entry, SessionGone):
            self._serve(entry.ended)
        elif isinstance(entry, Called) and entry.operation == "create":
            self._serve(ForAccount(entry.account, AccountCreated(entry.at, entry.id, entry.id)))
        elif isinstance(entry, Called) and entry.operation == "remove":
            self._serve(ForAccount(entry.account, AccountRemoved(entry.at, entry.id)))
        # The end of a node ends sessions. That changes no roster, and none of them sends anything any more.

    def _serve(self, event: ServiceEvent) -> None:
        todo = [event]
        while todo:
            served = serve(self.service, todo.pop(0), self.policy)
            self.service = served.state
            self._store(stored_records.changes_of((*served.store, *served.forget)))
            todo[:0] = [
                answer for account, effect in served.effects if (answer := _answer(event, account, effect)) is not None
            ]

    def _store(self, changes: Iterable[Change]) -> None:
        for change in changes:
            rows = self.contacts.setdefault(change.account, {})
            match change:
                case Write(_, Row(kind=kind, key=key, text=text)) if kind == CONTACT:
                    rows[key] = text
                case Remove(_, kind, key) if kind == CONTACT:
                    rows.pop(key, None)
                case RemoveKind(_, kind) if kind == CONTACT:
                    rows.clear()


def _answer(event: ServiceEvent, account: str, effect: object) -> ServiceEvent | None:
    """Answer what the core asks for: nothing is stored that is not in memory, and messages change no roster."""
    at = event.event.at if isinstance(event, ForAccount) else event.at
    if isinstance(effect, Load):
        return ForAccount(account, immediately(stored_records.stored(account, _NOTHING)).loaded(at, "loaded"))
    if isinstance(effect, LoadOffline):
        return ForAccount(account, OfflineLoaded(at, "loaded", effect.session, ()))
    return None


def contacts_of(taken: Mapping[int, Iterable[bytes]], service: Service[Any], policy: Policy) -> Contacts:
    """Return the contacts of all accounts after these entries.

    :param taken: by partition: what was taken from its queue, in order.
    """
    found: dict[str, Mapping[str, str]] = {}
    for partition, bodies in taken.items():
        own = owning(service, lambda account, partition=partition: partition_of(account) == partition)  # type: ignore[misc]
        reference = Reference(own, policy)
        for body in bodies:
            reference.take(body)
        found |= reference.contacts
    return {account: rows for account, rows in found.items() if rows}
