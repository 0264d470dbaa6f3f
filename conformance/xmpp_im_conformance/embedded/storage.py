"""The storage of the embedded host: what accounts put, as text, and nothing that they only remember."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from attrs import define, field

from xmpp_im_conformance.items import Item
from xmpp_im_core.codec import parse_stanza, write_stanza
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server.effects import Clear, Kind, Put, StoreOperation
from xmpp_im_core.snapshot import dump_record, load_record
from xmpp_im_core.stanza import Message, Presence
from xmpp_im_core.subscription import subscription_state


class StorageFailed(Exception):
    """A load or a commit did not succeed; nothing has changed."""


@define
class Storage:
    """Records by account, kind and key, each as text, in the order in which they were last put."""

    records: dict[str, dict[tuple[Kind, str], str]] = field(factory=dict)
    failing: set[tuple[str, str]] = field(factory=set)
    """The accounts whose next "load" or "store" fails."""
    unreadable: set[str] = field(factory=set)
    """The accounts whose loading failed: until they are loaded anew, nothing can be read of them."""

    def commit(self, operations: Iterable[tuple[str, StoreOperation]]) -> None:
        """Perform all operations, or none.

        :raises StorageFailed: where the commit of an account was to fail, this once.
        """
        operations = list(operations)
        self._fail({(jid, "store") for jid, _ in operations})
        for jid, operation in operations:
            account = self.records.setdefault(jid, {})
            if isinstance(operation, Clear):
                self.records[jid] = {place: text for place, text in account.items() if place[0] is not operation.kind}
                continue
            account.pop((operation.kind, operation.key), None)
            if isinstance(operation, Put):
                account[operation.kind, operation.key] = dump_record(operation)

    def reopen(self, account: str) -> None:
        """Let an account be loaded anew: what could not be read can be, unless this load is to fail."""
        self.unreadable.discard(account)
        if (account, "load") in self.failing:
            self.failing.remove((account, "load"))
            self.unreadable.add(account)

    def load(self, account: str) -> tuple[Put, ...]:
        """Return all records of an account, but for its stored messages.

        :raises StorageFailed: where it is unreadable, or this load was to fail.
        """
        self._fail({(account, "load")})
        if account in self.unreadable:
            raise StorageFailed(account)
        return tuple([put for put in self._of(account) if put.kind is not Kind.OFFLINE])

    def offline(self, account: str) -> tuple[tuple[str, Message], ...]:
        """Return the stored messages of an account, in the order in which they came."""
        return tuple([(put.key, put.value) for put in self._of(account) if isinstance(put.value, Message)])

    def contacts(self, account: str) -> tuple[Contact, ...]:
        """Return the stored contacts of an account."""
        return tuple([put.value for put in self._of(account) if isinstance(put.value, Contact)])

    def _of(self, account: str) -> Iterator[Put]:
        for (kind, key), text in self.records.get(account, {}).items():
            yield load_record(kind, key, text)

    def _fail(self, attempted: set[tuple[str, str]]) -> None:
        failed = self.failing & attempted
        if failed:
            self.failing -= failed
            raise StorageFailed(failed)


def initial_records(items: Iterable[Item], at: datetime) -> Iterable[Put]:
    """Yield the records of an account as it is before a scenario.

    :param at: when its unanswered requests were sent.
    """
    version = 0
    for item in items:
        version += item.listed
        contact = _contact(item, at, version if item.listed else 0)
        yield Put(Kind.CONTACT, contact.jid, contact)
    yield Put(Kind.ROSTER, "", RosterHead("before", version, 0))


def _contact(item: Item, at: datetime, version: int) -> Contact:
    request: Presence | None = None
    if item.pending_in is not None:
        stanza = parse_stanza(item.pending_in)
        assert isinstance(stanza, Presence)
        request = stanza
    state = subscription_state(item.subscription, item.ask, request is not None)
    return Contact(
        jid=parse_jid(item.jid).bare,
        state=state,
        listed=item.listed,
        name=item.name,
        groups=item.groups,
        approved=item.approved,
        request=request if state.pending_in else None,
        asked=at if state.pending_out else None,
        version=version,
    )


def found_item(contact: Contact) -> Item | None:
    """Return a stored contact as an item of the format; None for a tombstone, which only remembers a removal."""
    if not contact.listed and contact.request is None:
        return None
    return Item(
        jid=contact.jid,
        subscription=contact.state.subscription,
        ask=contact.state.pending_out,
        pending_in=None if contact.request is None else write_stanza(contact.request).decode(),
        approved=contact.approved,
        name=contact.name,
        groups=contact.groups,
        listed=contact.listed,
    )
