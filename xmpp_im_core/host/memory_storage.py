"""A storage in memory: for tests, demonstrations, and servers whose accounts need not survive a restart."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from xmpp_im_core.host.interfaces import Messages, Operations, Stored
from xmpp_im_core.server.effects import Clear, Delete, Kind, Put, StoreOperation
from xmpp_im_core.stanza import Message


@define(eq=False)
class MemoryStorage:
    """Records by account, kind and key, in the order in which they were last put. It implements ``IndexedStorage``."""

    accounts: dict[str, dict[tuple[Kind, str], Put]] = field(factory=dict)
    outbox: dict[tuple[str, str], Put] = field(factory=dict)
    """By account and key."""

    def commit(self, operations: Operations) -> None:
        """Perform all operations."""
        for jid, operation in operations:
            if operation.kind is Kind.OUTBOX:
                self._owe(jid, operation)
                continue
            kept = self.accounts.setdefault(jid, {})
            if isinstance(operation, Clear):
                for place in [place for place in kept if place[0] is operation.kind]:
                    del kept[place]
            else:
                kept.pop((operation.kind, operation.key), None)
            if isinstance(operation, Put):
                kept[operation.kind, operation.key] = operation
            elif not kept:
                del self.accounts[jid]

    def account(self, jid: str) -> Stored:
        """Return what is stored for an account."""
        kept = self.accounts.get(jid, {}).values()
        records = tuple([put for put in kept if put.kind is not Kind.OFFLINE])
        messages = [put.value for put in kept if isinstance(put.value, Message)]
        return Stored(records, len(messages), sum([message.size() for message in messages]))

    def messages(self, jid: str) -> Messages:
        """Return the stored messages of an account, in the order in which they were put."""
        kept = self.accounts.get(jid, {}).values()
        return tuple([(put.key, put.value) for put in kept if isinstance(put.value, Message)])

    def owed(self) -> Iterator[tuple[str, Put]]:
        """Yield the records of the outbox, in the order in which they were put."""
        yield from [(jid, put) for (jid, _), put in self.outbox.items()]

    def every(self, kind: Kind) -> Iterator[tuple[str, Put]]:
        """Yield the records of this kind of all accounts, sorted by key."""
        found = [(jid, put) for jid, kept in self.accounts.items() for put in kept.values() if put.kind is kind]
        yield from sorted(found, key=_key)

    def _owe(self, jid: str, operation: StoreOperation) -> None:
        if isinstance(operation, Put):
            self.outbox[jid, operation.key] = operation
        else:
            assert isinstance(operation, Delete)  # an outbox is never cleared
            self.outbox.pop((jid, operation.key), None)


def _key(found: tuple[str, Put]) -> str:
    return found[1].key
