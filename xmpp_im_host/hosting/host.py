"""The host as the network, the services and the administration see it.

:class:`~xmpp_im_host.hosting.async_host.AsyncHost` owns all accounts itself. With several nodes, the host of a node
hands what happens to the nodes that own the accounts, and its answers may come from them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from enum import Enum
from typing import Protocol

from attrs import frozen

from xmpp_im_core.server import Put, SessionId
from xmpp_im_core.stanza import IQ, Condition, Stanza
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.hosting.exporting import Data
from xmpp_im_host.hosting.owned_engine import CommitCounts
from xmpp_im_host.storage.records import Row

Done = Callable[[], None]


class Imported(Enum):
    """The result of an import."""

    DONE = "done"
    EXISTS = "exists"
    """The account has a roster or a block list, which was not to be replaced. Nothing has changed."""
    IN_USE = "in-use"
    """A client is connected to the account. Nothing has changed."""


@frozen
class Figures:
    """What a host has at the moment, and what it has done since the start."""

    accounts: int
    """Accounts in memory."""
    idle: int
    """Accounts in memory without a session."""
    waiting: int
    """Events that are not processed yet."""
    reads: int
    """Reads that are under way."""
    commits_waiting: int
    """Commits that are asked for or under way."""
    committed: CommitCounts


class Host(Protocol):
    """What a server asks of its host. Accounts are named by their prepared bare JIDs."""

    @property
    def domains(self) -> tuple[str, ...]:
        """The hosted domains, prepared."""

    @property
    def shared(self) -> bool:
        """Whether other processes may change accounts too."""

    # --- sessions of clients --------------------------------------------------------------------------------

    async def may_bind(self, account: str, resource: str) -> Condition | None:
        """Return None if a client may bind this resource, or the condition of the error that refuses its request.

        :raises EngineFailed: if nobody can tell now.
        """

    def session(self, resource: str) -> SessionId:
        """Return a new session for :meth:`bind`; no stream has had it before."""

    def bind(self, account: str, session: SessionId, lang: str | None = None, done: Done | None = None) -> SessionId:
        """Note that a client bound a resource."""

    def receive(self, account: str, session: SessionId, stanza: Stanza, *, done: Done | None = None) -> None:
        """Take a stanza that a client sent.

        :param done: called when the stanza cannot be lost any more: acknowledge it then (XEP-0198).
        """

    def detach(self, account: str, session: SessionId) -> None:
        """Note that the stream of a session was lost and may be resumed."""

    def resume(self, account: str, session: SessionId) -> None:
        """Note that a session has a stream again."""

    def settled(self, account: str, session: SessionId, items: Sequence[object]) -> None:
        """Note that a session does not need these deliveries any longer: its client has them, or cannot say so.

        :param items: what ``Wire.deliver`` got with each of the stanzas.
        """

    def end_session(
        self, account: str, session: SessionId, items: Sequence[object] = (), done: Done | None = None
    ) -> None:
        """Note that a session ended.

        :param items: what ``Wire.deliver`` got with each stanza that the client has not acknowledged, in order.
        :param done: as for :meth:`receive`.
        """

    async def take_over(self, account: str, previous: str) -> bool:
        """Take a session from another node, because its client resumes it here. Return whether it is here now.

        :param previous: the id of its stream management (XEP-0198).
        :raises EngineFailed: if nobody can tell now.
        """

    def park(self, account: str, session: SessionId, id: str) -> None:
        """Give a session up to other nodes: it has no stream, and everything that its client sent is processed.

        :param id: the id of its stream management (XEP-0198).
        """

    # --- components and services ----------------------------------------------------------------------------

    def component_connected(self, domain: str, done: Done) -> None:
        """Note that the component of this domain has a stream here.

        :param done: called when stanzas that are sent from now on find the component.
        """

    def component_lost(self, domain: str) -> None:
        """Note that the component of this domain has its stream here no longer."""

    def arrive(self, stanza: Stanza, *, done: Done | None = None) -> None:
        """Take a stanza from a component to a hosted domain.

        :param done: as for :meth:`receive`.
        :raises ValueError: if its addresses are missing or malformed; see :meth:`xmpp_im_core.host.Inputs.arrive`.
        """

    def pass_on(self, stanza: Stanza) -> Condition | None:
        """Send a stanza from a component to another domain.

        :return: why it cannot be sent, if that is known at once. If it turns out later, the host sends the error.
        """

    def send(self, stanza: Stanza) -> None:
        """Send a stanza of a service of the program, such as a later answer to ``Wire.delegate``."""

    # --- accounts -------------------------------------------------------------------------------------------
    # Each method may raise EngineFailed: then nothing has changed, unless its message says that this is not known.

    async def credentials(self, account: str) -> Credentials | None:
        """Return the keys of an account, or None if it has none, or does not exist."""

    async def create_account(self, account: str, credentials: Credentials | None) -> bool:
        """Create an account with these keys. Return False if it exists."""

    async def remove_account(self, account: str, farewell: IQ | None = None) -> bool:
        """Remove an account with everything that is stored for it, and tell its contacts. Return whether it existed.

        :param farewell: what one of its sessions gets before its stream is closed, at the full JID in its 'to'.
        """

    async def set_credentials(self, account: str, credentials: Credentials) -> bool:
        """Give an account other keys. Return False if it does not exist."""

    async def import_account(self, account: str, puts: Sequence[Put], *, replace: bool) -> Imported:
        """Store these records of an account, which is created if it does not exist."""

    async def inspected(self, account: str) -> Data | None:
        """Describe the state of an account as JSON data; None if it does not exist."""

    async def rows(self, account: str, kinds: Collection[str]) -> tuple[Row, ...]:
        """Return what is stored for an account, of these kinds."""

    def accounts(self) -> AsyncIterator[str]:
        """Yield all accounts, in any order."""

    def figures(self) -> Figures:
        """Return what the host has at the moment, for metrics."""
