"""What the steps of a vector need of an implementation under test.

A driver makes a world for each scenario. It subclasses :class:`World` for a server, :class:`ClientWorld` for a client,
and overrides what it can do: everything else raises :class:`NotApplicable`, and the vector that needs it counts as not
applicable, with the reason.

Each call has taken full effect before it returns: nothing that it causes arrives later. Stanzas go in as text and come
out as elements in ``jabber:client``, read by the runner's own parser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, NoReturn, TypeVar

from attrs import field, frozen

from xmpp_im_conformance.format.forgiving import Forgiven
from xmpp_im_conformance.format.items import RosterItem, SharedRosterItem
from xmpp_im_core.element import Element

HOSTED: Final = ("capulet.example", "montague.example")
"""The domains that the system under test hosts."""
REMOTE: Final = "remote.example"
"""The domain on another server, which the scenario plays."""


class NotApplicable(Exception):
    """The driver cannot do, or show, what the vector asks for; the message says what."""


class ServerFailed(Exception):
    """The system under test hung, hung up, or gave an answer that is not one; the message says what."""


class Disturbed(ServerFailed):
    """Another scenario, side by side with this one, may have caused what happened here."""


class ServerGone(ServerFailed):
    """A part of the system under test is gone, and waiting for it has not helped: nothing else can be run.

    :param part: the part, such as "the client port".
    """

    def __init__(self, part: str, why: str) -> None:
        super().__init__(f"{part} does not work: {why}")
        self.part = part
        self.why = why


@frozen
class RemoteUsers:
    """Users with accounts, who play the other server by what they can send and see."""

    sessions: tuple[str, ...]
    """One for each account, by full JID."""
    available: bool
    """Whether they have to be available, to see what the scenario looks at; else they must not be."""


def _unknown() -> RemoteUsers:
    raise NotApplicable(f"it is not known which users could play {REMOTE}")


@frozen
class Setup:
    """The state of a server when a scenario begins."""

    accounts: Mapping[str, tuple[RosterItem, ...]]
    """Each account's roster, by bare JID."""
    features: frozenset[str] = frozenset()
    """What the system under test must support and have switched on."""
    time: datetime | None = None
    """The time at which the scenario begins; None if it does not say."""
    remote: bool = True
    """Whether the scenario needs somebody who plays the other server."""
    closes: frozenset[str] = frozenset()
    """The clients whose streams the scenario expects the server to close, by full JID."""
    mentioned: frozenset[str] | None = None
    """The XML namespaces that the scenario names, in what is sent and what is expected; None if that is not known."""
    servers: frozenset[str] = frozenset()
    """The hosted domains whose servers the scenario names: it has an address there without a localpart."""
    users: frozenset[str] = frozenset(HOSTED[:1])
    """The hosted domains at which the scenario has users."""
    remote_users: Callable[[], RemoteUsers] = field(default=_unknown, eq=False)
    """Returns the users who can play the other server; raises NotApplicable if none can."""

    @property
    def tells_domains_apart(self) -> bool:
        """Whether the scenario is about two hosted domains: for one of its users, a server is not the user's own."""
        return any(user != server for user in self.users for server in self.servers)


@frozen
class ClientSetup:
    """The state of a client when a scenario begins: the resource is bound, and nothing has been sent."""

    account: str
    resource: str
    stream_features: tuple[Element, ...] = ()
    cache: tuple[str, tuple[RosterItem, ...]] | None = None
    """The version and the items that the client kept from an earlier session."""
    features: frozenset[str] = frozenset()


@frozen
class KnownResource:
    """An available resource of somebody, as the client knows it."""

    name: str
    show: str = ""
    status: str = ""
    priority: int = 0


_Kept = TypeVar("_Kept", list[Any], dict[str, Any])


def taken(kept: _Kept) -> _Kept:
    """Return all that is kept there, which is left empty."""
    found = kept.copy()
    kept.clear()
    return found


class BaseWorld:
    """What a server and a client under test have in common, during one scenario."""

    name: ClassVar[str] = "this driver"
    forgiving: Sequence[Forgiven] = ()
    """The differences that are forgiven to what is tested."""

    def cannot(self, what: str) -> NoReturn:
        """Refuse what this driver cannot do.

        :raises NotApplicable: always.
        """
        raise NotApplicable(f"{self.name} cannot {what}")

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        """Return what has come since the last call, in order: at each full JID, at ``REMOTE`` or at ``FROM_SERVER``."""
        return {}

    def closed(self) -> Mapping[str, Sequence[str]] | None:
        """Return which clients' streams the server has closed since the last call, each with the stream error.

        It is the condition (RFC 6120 §4.9.3), or empty if there was no stream error. None if this driver cannot see it.
        """
        return None

    def events(self) -> Sequence[Mapping[str, object]]:
        """Return what a client's application was told since the last call: ``type``, ``jid`` and what else is known."""
        return ()

    def obeyed(self) -> frozenset[str] | None:
        """Return the requirements cited by the rules that were applied; None if rules cannot be seen."""
        return None

    def close(self) -> None:
        """End the scenario and release what it holds."""


class World(BaseWorld):
    """A server during one scenario."""

    def connect(self, jid: str) -> None:
        """Bind a session with this full JID; its client sends nothing yet."""
        self.cannot("bind a session")

    def send(self, jid: str, xml: str) -> None:
        """Let the client with this full JID send a stanza, exactly."""
        self.cannot("let a client send a stanza")

    def remote_send(self, xml: str) -> None:
        """Let a stanza arrive from another server."""
        self.cannot("play another server")

    def disconnect(self, jid: str, clean: bool) -> None:
        """End the stream of a client, with or without a closing tag."""
        self.cannot("end a stream")

    def replace(self, jid: str) -> None:
        """Bind the same resource again; the old session ends afterwards, late."""
        self.cannot("bind a resource again")

    def detach(self, jid: str) -> None:
        """Lose the stream of a session that may be resumed."""
        self.cannot("lose a stream that may be resumed")

    def resume(self, jid: str) -> None:
        """Resume the session."""
        self.cannot("resume a session")

    def expire(self, jid: str) -> None:
        """Let the time for resuming the session pass."""
        self.cannot("let the time for resuming a session pass")

    def restart(self, account: str) -> None:
        """Take an account out of memory, and load it again from what was stored."""
        self.cannot("restart an account")

    def fail_storage(self, account: str, what: str) -> None:
        """Let the next ``"load"`` of an account fail, or the next ``"store"``."""
        self.cannot("let the storage fail")

    def delay_storage(self, account: str) -> None:
        """Let the storage keep back what the server reads of an account."""
        self.cannot("let the storage wait")

    def answer_storage(self, account: str) -> None:
        """Let the storage answer what it has kept back, in order, and all that is read later at once."""
        self.cannot("let the storage wait")

    def set_time(self, at: datetime) -> None:
        """Set the clock."""
        self.cannot("set the clock")

    def create_account(self, account: str) -> None:
        """Create an account, as an administrator does."""
        self.cannot("create an account")

    def remove_account(self, account: str) -> None:
        """Remove an account, as an administrator does."""
        self.cannot("remove an account")

    def move_account(self, account: str, to: str | None, permanently: bool) -> None:
        """Note that the user has moved to an XMPP URI, as an administrator does, or (None) is back."""
        self.cannot("move an account")

    def share_items(self, account: str, items: Sequence[SharedRosterItem]) -> None:
        """Show these items in an account's roster, read-only for its user, in place of those shown before."""
        self.cannot("show items of the service in a roster")

    def take_again(self, sender: str) -> None:
        """Let the server take the last stanza of this sender once more, as from a queue."""
        self.cannot("let the server take a stanza twice")

    def decide(self, account: str, request_from: str, decision: str) -> None:
        """Let the service's own policy ``"approve"`` or ``"deny"`` the next request of this sender."""
        self.cannot("decide on a request in the service's place")

    def stream_features(self, jid: str) -> Sequence[Element]:
        """Return the stream features that a session was offered before it was bound."""
        self.cannot("show the stream features")

    def binding_refused(self, jid: str) -> str | None:
        """Return the stanza error that answers a request to bind this resource now; None if it may be bound.

        The client does not go on: there is no new session, also if it may be bound.
        """
        self.cannot("ask whether a resource may be bound")

    def roster(self, account: str) -> Sequence[RosterItem]:
        """Return all contacts of an account as they are stored."""
        self.cannot("show a stored roster")

    def sees_remote(self) -> bool:
        """Whether somebody plays the other server, and sees what is sent there."""
        return True

    def sees_requests(self) -> bool:
        """Whether ``roster`` shows pending requests and unlisted contacts, which no client sees."""
        return False


class ClientWorld(BaseWorld):
    """A client during one scenario. ``arrived`` returns what it has sent, at ``FROM_SERVER``."""

    name: ClassVar[str] = "the client"

    def do(self, action: str, arguments: Mapping[str, object]) -> None:
        """Let the application ask for an action of the format (``get_roster``, ``set_item`` and so on)."""
        self.cannot(f"do {action!r}")

    def send(self, xml: str) -> None:
        """Let the application hand over this very stanza for sending."""
        self.cannot("send a stanza of the application")

    def receive(self, xml: str) -> None:
        """Let a stanza arrive from the server."""
        self.cannot("receive a stanza")

    def knows_event(self, type: str) -> bool:
        """Whether the application can be told events of this type at all."""
        return False

    def tells_detail(self, name: str) -> bool:
        """Whether the client's events say this of what happened."""
        return True

    def refuses(self) -> bool:
        """Whether the client refuses stanzas that its application may not send."""
        return True

    def roster(self) -> Sequence[RosterItem]:
        """Return the roster as the client knows it."""
        self.cannot("show its roster")

    def ver(self) -> str | None:
        """Return the version that the client would ask with next; None: it would not ask with one."""
        self.cannot("show the version of its roster")

    def resources(self, jid: str) -> Sequence[KnownResource]:
        """Return the available resources of a bare JID, the best first."""
        self.cannot("show the presence of a contact")


class Driver:
    """A way to run scenarios. A driver overrides what its implementation plays: a server, a client or both."""

    name: ClassVar[str]
    """Its name on the command line."""
    side_by_side: ClassVar[bool] = False
    """Whether several scenarios may run at the same time, each in a thread."""

    def world(self, setup: Setup) -> World:
        """Make a fresh server.

        :raises NotApplicable: if a feature is not supported, or the set-up cannot be made.
        :raises ServerFailed: if the server does not get that far.
        :raises ServerGone: if no scenario can be run any longer.
        """
        raise NotApplicable(f"the driver {self.name!r} plays no server")

    def client(self, setup: ClientSetup) -> ClientWorld:
        """Make a fresh client.

        :raises NotApplicable: if a feature is not supported, or the set-up cannot be made.
        :raises ServerFailed: if the client does not get that far.
        """
        raise NotApplicable(f"the driver {self.name!r} plays no client")

    def ways(self, id: str, setup: Setup | ClientSetup) -> Sequence[Driver]:
        """Return a driver for each way in which the vector of this id is played; it has to pass in each."""
        return (self,)

    @property
    def way(self) -> str:
        """How this driver plays a vector, if that is not the usual way: a failure tells it."""
        return ""

    def preflight(self) -> None:
        """See that scenarios can be run at all, without waiting for a system under test that is not there.

        :raises ServerFailed: naming the part that is missing, or what it failed to do.
        """

    @property
    def about(self) -> str:
        """What is tested and where, as far as it is known by now."""
        return ""

    @property
    def software(self) -> str:
        """The name and version that what is tested gives itself, as far as they are known by now."""
        return ""

    @property
    def remarks(self) -> Mapping[str, int]:
        """What the system under test does otherwise, and is read all the same: what, and how often by now."""
        return {}

    def close(self) -> None:
        """Release what it holds, after all scenarios."""
