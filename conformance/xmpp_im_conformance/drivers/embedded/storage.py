"""The storage of the embedded host: what accounts put, as text, and nothing that they only remember."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from xmpp_im_conformance.format.items import ANY_REQUEST, RosterItem
from xmpp_im_conformance.format.steps.rows import TableState
from xmpp_im_core.codec import parse_stanza, write_stanza
from xmpp_im_core.host import MemoryStorage, Operations, StorageFailed, Stored
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server import Clear, Delete, Kind, Put
from xmpp_im_core.server.effects import wake_key
from xmpp_im_core.snapshot import dump_record, load_record
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import subscription_state

_ONE_FOR_EACH_ACCOUNT: Final = frozenset({Kind.ROSTER, Kind.LAST_UNAVAILABLE, Kind.MOVED})


class FailingStorage(MemoryStorage):
    """Records that have been text in between, of accounts whose storage may fail."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.failing: set[tuple[str, str]] = set()
        """The accounts whose next "load" or "store" fails."""
        self.failed: set[str] = set()
        """The accounts of which a commit has failed: they try again later, and the record says only when it was due."""
        self.unreadable: set[str] = set()
        """The accounts whose loading failed: until they are loaded again, nothing can be read of them."""

    def commit(self, operations: Operations) -> None:
        """Perform all operations, or none.

        :raises StorageFailed: if the commit of an account was to fail, this once.
        :raises ValueError: for a key that a storage with one such record for each account would not find again.
        """
        self._fail({(jid, "store") for jid, _ in operations})
        for _, each in operations:
            if isinstance(each, Put | Delete) and each.kind in _ONE_FOR_EACH_ACCOUNT and each.key:
                raise ValueError(f"the key of a record {each.kind.value!r} is empty, not {each.key!r}")
        super().commit([(jid, _reread(each) if isinstance(each, Put) else each) for jid, each in operations])

    def reopen(self, account: str) -> None:
        """Let an account be loaded again. Its records can then be read, unless this load is to fail."""
        self.unreadable.discard(account)
        if (account, "load") in self.failing:
            self.failing.remove((account, "load"))
            self.unreadable.add(account)

    def account(self, jid: str) -> Stored:
        """Return what is stored for an account.

        :raises StorageFailed: if it is unreadable, or this load was to fail.
        """
        self._fail({(jid, "load")})
        if jid in self.unreadable:
            raise StorageFailed(jid)
        return super().account(jid)

    def kept(self, account: str) -> Stored:
        """Return what is stored for an account, whether or not its storage fails at present."""
        return super().account(account)

    def forget_sessions(self, account: str) -> None:
        """Drop the records of an account's sessions: they have ended, and nobody is told."""
        super().commit([(account, Clear(kind)) for kind in (Kind.SESSION, Kind.REPLACED, Kind.ENABLED)])

    def contacts(self, account: str) -> tuple[Contact, ...]:
        """Return the stored contacts of an account."""
        stored = super().account(account).records
        return tuple([put.value for put in stored if isinstance(put.value, Contact)])

    def _fail(self, attempted: set[tuple[str, str]]) -> None:
        failed = self.failing & attempted
        if failed:
            self.failing -= failed
            self.failed |= {jid for jid, what in failed if what == "store"}
            raise StorageFailed(failed)


def _reread(put: Put) -> Put:
    return load_record(put.kind, put.key, dump_record(put))


def initial_records(items: Sequence[RosterItem], at: datetime, policy: Policy) -> Iterable[Put]:
    """Yield the records of an account as it is before a scenario.

    :param at: when its unanswered requests were sent.
    """
    version = 0
    if policy.resend_requests_after is not None and any(item.ask for item in items):
        yield Put(Kind.WAKE, wake_key(at + policy.resend_requests_after), None)
    for item in items:
        version += item.listed
        contact = _contact(item, at, version if item.listed else 0)
        yield Put(Kind.CONTACT, contact.jid, contact)
    yield Put(Kind.ROSTER, "", RosterHead("before", version, 0))


def _contact(item: RosterItem, at: datetime, version: int) -> Contact:
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


def found_item(contact: Contact) -> RosterItem | None:
    """Return a stored contact as an item of the format; None for a tombstone, which only remembers a removal.

    The state decides whether a request is pending: without its stanza it still keeps the contact from asking again.

    :raises ValueError: if the state has not the name that Appendix A of RFC 6121 gives it.
    """
    state = contact.state
    if state.title != str(TableState(state.subscription, state.pending_out, state.pending_in)):
        raise ValueError(f"no state of Appendix A is called {state.title!r}")
    pending = contact.state.pending_in
    if not contact.listed and not pending:
        return None
    kept = ANY_REQUEST if contact.request is None else write_stanza(contact.request).decode()
    return RosterItem(
        jid=contact.jid,
        subscription=contact.state.subscription,
        ask=contact.state.pending_out,
        pending_in=kept if pending else None,
        approved=contact.approved,
        name=contact.name,
        groups=contact.groups,
        listed=contact.listed,
    )
