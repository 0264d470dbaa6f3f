"""What a client under test is, to the runner: a driver makes a client for each scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import frozen

from xmpp_im_conformance.items import Item
from xmpp_im_core.element import Element


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
