"""The interfaces that you implement for a host: a wire, a storage, a clock and a source of ids.

A host never calls one of them while another call of it is running. They must not block for long. If your storage is
slow, use a :class:`~xmpp_im_core.host.deferred_host.DeferredHost`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias, runtime_checkable

from attrs import field
from attrs.validators import ge

from xmpp_im_core.jid import parse_address
from xmpp_im_core.record import record
from xmpp_im_core.server.effects import Damaged, Deliver, Kind, Put, StoreOperation
from xmpp_im_core.server.events import AccountLoaded
from xmpp_im_core.server.state import SessionId
from xmpp_im_core.stanza import IQ, Condition, Message, Stanza, error_reply, may_be_answered, stanza_error

Clock: TypeAlias = Callable[[], datetime]
"""Returns the time, as an aware datetime: ``lambda: datetime.now(UTC)``."""
Ids: TypeAlias = Callable[[], str]
"""Returns a string without a dot that it never returns again, not even after a restart: ``lambda: uuid4().hex``.

The ids of stanzas that the server makes begin with it, so it should reveal nothing: a counter would show everybody how
busy the server is.
"""


class Wire(Protocol):
    """The streams to clients and to other servers.

    A class that inherits from this one must write ``deliver`` and ``close``. The other methods have defaults for a
    server without federation and without services.
    """

    @abstractmethod
    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        """Write a stanza to the stream of a session.

        :param account: the bare JID.
        :param stanza: the stanza to write; its 'to' is what this session is to see.
        :param effect: if the stream has acknowledgements (XEP-0198), keep it until the client acknowledges the stanza.
            If the session ends before that, pass it to :meth:`~xmpp_im_core.host.loop.Loop.end`.
        :return: whether the stream took the stanza. Return False if the stream is gone, and end the session.
        """

    @abstractmethod
    def close(self, account: str, session: SessionId, condition: str) -> None:
        """Close the stream of a session with this stream error condition (RFC 6120 §4.9.3), and end the session."""

    def route(self, stanza: Stanza) -> Condition | None:
        """Send a stanza to the server or component of the domain in its 'to'.

        If the service owns only some accounts of its domains, the 'to' may be an account of another part: take the
        stanza to that part, which calls :meth:`~xmpp_im_core.host.loop.Loop.arrive`.

        :return: None if the stanza was sent; ``REMOTE_SERVER_NOT_FOUND`` if the domain does not resolve;
            ``REMOTE_SERVER_TIMEOUT`` if no stream can be negotiated (RFC 6120 §10.4.3).
        """
        return Condition.REMOTE_SERVER_NOT_FOUND

    def fan_out(self, stanza: Stanza, recipients: Sequence[str]) -> Mapping[str, Condition]:
        """Send a stanza to each of these JIDs, with the JID as its 'to'.

        ``xmpp_im_core.codec.write_fan_out`` serialises the stanza once for all of them. Another part of the service
        takes it once for all its accounts: :meth:`~xmpp_im_core.host.loop.Loop.arrive_for_many`.

        :return: the recipients to whom the stanza could not be sent, each with the reason as in :meth:`route`.
        """
        found = {jid: self.route(stanza.stamped(to=parse_address(jid))) for jid in recipients}
        return {jid: condition for jid, condition in found.items() if condition is not None}

    def delegate(self, account: str, iq: IQ) -> Stanza | None:
        """Let a service of the program answer an IQ that is not for the core.

        :param account: the bare JID of the account, or the domain, to which the IQ is addressed.
        :param iq: a request, or the answer to a request that the program sent.
        :return: the answer, an IQ of type result or error; None if there is no answer, or if the program sends it later
            by :meth:`~xmpp_im_core.host.loop.Loop.send`. If this method raises or returns another value, the host
            answers a request with internal-server-error and raises the exception to its caller.
        """
        if iq.type not in ("get", "set"):
            return None
        asked = iq if iq.to is not None else iq.stamped(to=parse_address(account))
        return error_reply(asked, stanza_error(Condition.SERVICE_UNAVAILABLE))


def as_answer(asked: IQ, answer: Stanza) -> Stanza:
    """Return the answer of a service, with the address that was asked as its 'from'.

    Only answers to requests are allowed: otherwise two services could answer each other without end.

    :raises TypeError: if ``answer`` is not an IQ of type result or error, or ``asked`` is not a request.
    """
    if not isinstance(answer, IQ) or answer.type not in ("result", "error") or not may_be_answered(asked):
        raise TypeError(f"delegate: an IQ of type result or error, for a get or set, is needed, not {answer!r}")
    return answer.stamped(from_=asked.to)


class StorageFailed(Exception):
    """A :class:`Storage` raises this if it could not do what was asked and nothing has changed."""


class CommitInDoubt(Exception):
    """A :class:`Storage` raises this if it cannot know whether a commit was performed.

    The host forgets the accounts that the commit concerns and loads them again, so it goes on with what is stored.
    """


@record
class Stored:
    """The result of reading an account."""

    records: tuple[Put, ...] = ()
    """All records except those of the kinds ``OFFLINE`` and ``OUTBOX``; empty if the account does not exist."""
    offline: int = field(default=0, validator=ge(0))
    """How many records of kind ``OFFLINE`` there are."""
    offline_bytes: int = field(default=0, validator=ge(0))
    """The sum of ``Stanza.size`` of their messages, in bytes. Store the size with each record, to sum it up cheaply."""
    damaged: tuple[Damaged, ...] = ()
    """The stored records that cannot be read, of all kinds except ``OFFLINE`` and ``OUTBOX``. Tell the operator."""

    def loaded(self, at: datetime, seq: str) -> AccountLoaded:
        """Return the event that loads the account."""
        return AccountLoaded(at, seq, self.records, self.offline, self.offline_bytes, self.damaged)


Operations: TypeAlias = Sequence[tuple[str, StoreOperation]]
"""Records to store and to remove: each operation with the bare JID of its account."""
Messages: TypeAlias = tuple[tuple[str, Message], ...]
"""Stored messages, each with its key, in the order in which they were put."""


class Storage(Protocol):
    """A storage that answers at once: a database in this process, or a fast one."""

    def commit(self, operations: Operations) -> None:
        """Perform all operations in one transaction. They are durable when this returns.

        :raises StorageFailed: if none of the operations was performed.
        :raises CommitInDoubt: if all of them may have been performed, or none.
        """

    def account(self, jid: str) -> Stored:
        """Return what is stored for an account. ``Stored.damaged`` names the records that cannot be read.

        If records are stored as text, :func:`xmpp_im_core.snapshot.load_records` returns both.

        :raises StorageFailed: if the storage cannot be read.
        """

    def messages(self, jid: str) -> Messages:
        """Return the stored messages of an account, in the order in which they were put.

        Leave out the messages that cannot be read, and tell the operator: they stay stored, the others are delivered.

        :raises StorageFailed: if the storage cannot be read.
        """

    def owed(self) -> Iterable[tuple[str, Put]]:
        """Return the records of kind ``OUTBOX``, each with its account, in the order in which they were put.

        Only a host with an outbox calls this, once, when it starts.
        """


@runtime_checkable
class IndexedStorage(Storage, Protocol):
    """A storage that also finds the records of one kind, whatever their account. An index of kind and key helps."""

    def every(self, kind: Kind) -> Iterable[tuple[str, Put]]:
        """Return the records of this kind of all accounts, each with its account, sorted by key.

        ``Host`` calls this when it starts, for the kind ``WAKE``, and for ``SESSION`` and ``REPLACED`` if the policy
        keeps sessions. Without this method it wakes an account only after an event has loaded it.
        """
