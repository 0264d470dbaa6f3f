"""What a host is given: a wire to write to, a storage, a clock and a source of ids. The user implements these.

A host calls them in order and never from two places at once. None of them may block for long: what takes long is
asked of a :class:`~xmpp_im_core.host.deferred_host.DeferredHost`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from attrs import field, frozen
from attrs.validators import ge

from xmpp_im_core.jid import parse_address
from xmpp_im_core.server.effects import Damaged, Deliver, Put, StoreOperation
from xmpp_im_core.server.events import AccountLoaded
from xmpp_im_core.server.state import SessionId
from xmpp_im_core.stanza import IQ, Condition, Message, Stanza, error_reply, may_be_answered, stanza_error

Clock: TypeAlias = Callable[[], datetime]
"""Returns the time, as an aware datetime: ``lambda: datetime.now(UTC)``."""
Ids: TypeAlias = Callable[[], str]
"""Returns a string without a dot that it never returns again, not even after a restart: ``lambda: uuid4().hex``.

The ids of stanzas that the server makes begin with it, so it should tell nothing: a counter tells everybody how much
there is to do.
"""


class Wire(Protocol):
    """The streams to clients and to other servers.

    A class that inherits from this one has to write ``deliver`` and ``close``. The other methods are then those of a
    server without federation and without services.
    """

    @abstractmethod
    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        """Write a stanza to the stream of a session.

        :param account: the bare JID.
        :param stanza: what to write, with the 'to' that this session is to see.
        :param effect: where the stream has acknowledgements (XEP-0198), keep it until the stanza is acknowledged, and
            hand it to :meth:`~xmpp_im_core.host.loop.Loop.end` if it never is.
        :return: whether the stream took the stanza. False means that the stream is gone; end the session then, too.
        """

    @abstractmethod
    def close(self, account: str, session: SessionId, condition: str) -> None:
        """Close the stream of a session with this stream error condition (RFC 6120 §4.9.3), and end the session."""

    def route(self, stanza: Stanza) -> Condition | None:
        """Send a stanza to the server or component that its 'to' names.

        :return: None, or why there is no way there: ``REMOTE_SERVER_NOT_FOUND`` if the domain does not resolve,
            ``REMOTE_SERVER_TIMEOUT`` if no stream can be negotiated (RFC 6120 §10.4.3).
        """
        return Condition.REMOTE_SERVER_NOT_FOUND

    def fan_out(self, stanza: Stanza, recipients: Sequence[str]) -> Mapping[str, Condition]:
        """Send a stanza to each of these JIDs, with the JID as its 'to'.

        A wire that writes bytes writes the stanza once for all of them: ``xmpp_im_core.codec.write_fan_out``.

        :return: the recipients that there is no way to, and why.
        """
        found = {jid: self.route(stanza.stamped(to=parse_address(jid))) for jid in recipients}
        return {jid: condition for jid, condition in found.items() if condition is not None}

    def delegate(self, account: str, iq: IQ) -> Stanza | None:
        """Let a service of the program answer an IQ that is not for the core.

        :param account: the bare JID of the account, or the domain, that was asked.
        :param iq: a request, or the answer to one that the program sent.
        :return: the answer, an IQ of type result or error; None if there is none, or if it follows later by
            :meth:`~xmpp_im_core.host.loop.Loop.send`. If this raises, or returns something else, a request is answered
            with internal-server-error, and the caller of the host gets the exception.
        """
        if iq.type not in ("get", "set"):
            return None
        asked = iq if iq.to is not None else iq.stamped(to=parse_address(account))
        return error_reply(asked, stanza_error(Condition.SERVICE_UNAVAILABLE))


def as_answer(asked: IQ, answer: Stanza) -> Stanza:
    """Return what a service answers, from whom was asked.

    Two services that answered each other with requests, or answers with answers, would never come to an end.

    :raises TypeError: if it is no answer to a request.
    """
    if not isinstance(answer, IQ) or answer.type not in ("result", "error") or not may_be_answered(asked):
        raise TypeError(f"delegate: an IQ of type result or error, for a get or set, is needed, not {answer!r}")
    return answer.stamped(from_=asked.to)


class StorageFailed(Exception):
    """A storage could not do what it was asked, and nothing has changed: raised by a :class:`Storage`."""


@frozen
class Stored:
    """What is stored for an account."""

    records: tuple[Put, ...] = ()
    """All records except those of the kinds ``OFFLINE`` and ``OUTBOX``; empty if there is no such account."""
    offline: int = field(default=0, validator=ge(0))
    """How many records of kind ``OFFLINE`` there are."""
    offline_bytes: int = field(default=0, validator=ge(0))
    """The sum of ``Stanza.size`` of their messages; store it with each record, so that it need not be counted."""
    damaged: tuple[Damaged, ...] = ()
    """The records that are stored and cannot be read, of any kind but ``OFFLINE`` and ``OUTBOX``: tell the operator."""

    def loaded(self, at: datetime, seq: str) -> AccountLoaded:
        """Return the event that tells the account what is stored for it."""
        return AccountLoaded(at, seq, self.records, self.offline, self.offline_bytes, self.damaged)


Operations: TypeAlias = Sequence[tuple[str, StoreOperation]]
"""What to store and to remove, each operation with the bare JID of its account."""
Messages: TypeAlias = tuple[tuple[str, Message], ...]
"""Stored messages, each with the key that it was put under, in the order in which they were put."""


class Storage(Protocol):
    """A storage that answers at once: a database in this process, or a quick one."""

    def commit(self, operations: Operations) -> None:
        """Perform all operations in one transaction; on return they are durable.

        :raises StorageFailed: if nothing was done.
        """

    def account(self, jid: str) -> Stored:
        """Return what is stored for an account; a record that cannot be read is named in ``Stored.damaged``.

        :func:`xmpp_im_core.snapshot.load_records` reads texts so.

        :raises StorageFailed: if that cannot be told.
        """

    def messages(self, jid: str) -> Messages:
        """Return the stored messages of an account, in the order in which they were put.

        Leave out those that cannot be read, and tell the operator: they stay stored, and the others are delivered.

        :raises StorageFailed: if that cannot be told.
        """

    def owed(self) -> Iterable[tuple[str, Put]]:
        """Return the records of kind ``OUTBOX`` of all accounts, in the order in which they were put.

        Only a host with an outbox asks for them, once, after a start.
        """
