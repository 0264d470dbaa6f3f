"""What the steps of a vector need of an implementation under test: a driver makes a world for each scenario.

A driver need not be able to do everything. If it cannot do something it raises :class:`NotApplicable`; the vector then
counts as not applicable, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from attrs import frozen

from xmpp_im_conformance.format.items import Item, SharedItem
from xmpp_im_core.element import Element

HOSTED: Final = ("capulet.example", "montague.example")
"""The domains that the system under test hosts."""
REMOTE: Final = "remote.example"
"""The domain on another server, which the scenario plays itself."""


class NotApplicable(Exception):
    """The driver cannot do, or show, what the vector asks for; the message says what."""


class ServerFailed(Exception):
    """The server under test hung, hung up, or answered what is no answer; the message says what."""


@frozen
class Setup:
    """What there is when a scenario begins."""

    accounts: Mapping[str, tuple[Item, ...]]
    """Each account's roster, by bare JID."""
    features: frozenset[str] = frozenset()
    """What the system under test must support and have switched on."""
    time: datetime | None = None
    """The time at which the scenario begins, where it says so."""
    remote: bool = True
    """Whether the scenario plays the other server, or looks at what is sent to it."""


class World(Protocol):
    """The system under test during one scenario.

    Each call has taken full effect before it returns: nothing that it causes arrives any later. Stanzas go
    in as text and come out as elements in ``jabber:client``, read by the runner's own parser.
    """

    def connect(self, jid: str) -> None:
        """Bind a session with this full JID; its client sends nothing yet."""

    def send(self, jid: str, xml: str) -> None:
        """Let the client with this full JID send a stanza, exactly."""

    def remote_send(self, xml: str) -> None:
        """Let a stanza arrive from another server."""

    def disconnect(self, jid: str, clean: bool) -> None:
        """End the stream of a client, with or without a closing tag."""

    def replace(self, jid: str) -> None:
        """Bind the same resource again; the old session ends afterwards, late."""

    def detach(self, jid: str) -> None:
        """Lose the stream of a session that may be resumed."""

    def resume(self, jid: str) -> None:
        """Resume the session."""

    def expire(self, jid: str) -> None:
        """Let the time for resuming the session pass."""

    def restart(self, account: str) -> None:
        """Take an account out of memory, and load it again from what was stored."""

    def fail_storage(self, account: str, what: str) -> None:
        """Let the next ``"load"`` of an account fail, or the next ``"store"``."""

    def set_time(self, at: datetime) -> None:
        """Let it be this time."""

    def create_account(self, account: str) -> None:
        """Create an account, as an administrator does."""

    def remove_account(self, account: str) -> None:
        """Remove an account, as an administrator does."""

    def move_account(self, account: str, to: str, permanently: bool) -> None:
        """Note that the user has moved, as an administrator does; ``to`` is an XMPP URI."""

    def share_items(self, account: str, items: Sequence[SharedItem]) -> None:
        """Show these items in an account's roster, read-only for its user, and no others of the service's own."""

    def decide(self, account: str, request_from: str, decision: str) -> None:
        """Let the service's own policy ``"approve"`` or ``"deny"`` the next request of this sender."""

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        """Return what has come since the last call, in order, by full JID and ``REMOTE``."""

    def stream_features(self, jid: str) -> Sequence[Element]:
        """Return the stream features that a session was offered before it was bound."""

    def roster(self, account: str) -> Sequence[Item]:
        """Return all contacts of an account as they are stored."""

    def sees_requests(self) -> bool:
        """Whether ``roster`` shows requests that wait, and contacts that are not listed, which no client sees."""

    def obeyed(self) -> frozenset[str] | None:
        """Return the requirements that the rules cite which fired so far; None where rules cannot be seen."""

    def close(self) -> None:
        """End the scenario and release what it holds."""


class Driver(Protocol):
    """A way to run scenarios against a server."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""

    def world(self, setup: Setup) -> World:
        """Make a fresh world.

        :raises NotApplicable: where a feature is not supported, or the set-up cannot be made.
        :raises ServerFailed: where the server does not get that far.
        """


# --- the client under test ----------------------------------------------------------------------------------


@frozen
class ClientSetup:
    """What there is when a client scenario begins: the resource is bound, and nothing has been sent."""

    account: str
    resource: str
    stream_features: tuple[Element, ...] = ()
    cache: tuple[str, tuple[Item, ...]] | None = None
    """The version and the items that the client kept from an earlier session."""
    features: frozenset[str] = frozenset()


@frozen
class Resource:
    """An available resource of somebody, as the client knows it."""

    name: str
    show: str = ""
    status: str = ""
    priority: int = 0


class ClientWorld(Protocol):
    """The client under test during one scenario; each call has taken full effect before it returns."""

    def do(self, action: str, arguments: Mapping[str, object]) -> None:
        """Let the application ask for an action of the format (``get_roster``, ``set_item`` and so on)."""

    def send(self, xml: str) -> None:
        """Let the application hand over this very stanza for sending."""

    def receive(self, xml: str) -> None:
        """Let a stanza arrive from the server."""

    def sent(self) -> Sequence[Element]:
        """Return what the client has sent since the last call, in ``jabber:client``."""

    def events(self) -> Sequence[Mapping[str, object]]:
        """Return what the application has been told since the last call: ``type``, ``jid`` and what else is known."""

    def knows_event(self, type: str) -> bool:
        """Whether the application can be told events of this type at all."""

    def roster(self) -> Sequence[Item]:
        """Return the roster as the client knows it."""

    def ver(self) -> str | None:
        """Return the version that the client would ask with next; None: it would not ask with one."""

    def resources(self, jid: str) -> Sequence[Resource]:
        """Return the available resources of a bare JID, the best first."""

    def obeyed(self) -> frozenset[str] | None:
        """Return the requirements that the rules cite which fired so far; None where rules cannot be seen."""


class ClientDriver(Protocol):
    """A way to run client scenarios."""

    def client(self, setup: ClientSetup) -> ClientWorld:
        """Make a client.

        :raises NotApplicable: where the set-up cannot be made.
        :raises ServerFailed: where the client does not get that far.
        """
