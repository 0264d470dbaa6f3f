"""What a program says of itself before it is asked for anything else."""

from __future__ import annotations

from attrs import frozen

from xmpp_im_conformance.drivers.stdio.messages import ProtocolMessage
from xmpp_im_conformance.format.worlds import NotApplicable


@frozen
class ServerCapabilities:
    """What a program can do as a server."""

    ops: frozenset[str]
    features: frozenset[str]
    sees_requests: bool
    """Whether its ``roster`` shows requests that wait, and contacts that are not listed."""
    tells_closing: bool = False
    """Whether its answers say which streams it has closed."""


@frozen
class ClientCapabilities:
    """What a program can do as a client."""

    ops: frozenset[str]
    events: frozenset[str]
    """The types of events that it can tell."""
    features: frozenset[str]


@frozen
class Capabilities:
    """What a program is, and which sides it plays."""

    name: str
    version: str
    server: ServerCapabilities | None
    client: ClientCapabilities | None

    def as_server(self) -> ServerCapabilities:
        """Return what the program can do as a server.

        :raises NotApplicable: if it plays none.
        """
        if self.server is None:
            raise NotApplicable(f"{self.name} plays no server")
        return self.server

    def as_client(self) -> ClientCapabilities:
        """Return what the program can do as a client.

        :raises NotApplicable: if it plays none.
        """
        if self.client is None:
            raise NotApplicable(f"{self.name} plays no client")
        return self.client


def read_capabilities(hello: ProtocolMessage) -> Capabilities:
    """Read a program's answer to ``hello``."""
    server, client = hello.get("server"), hello.get("client")
    return Capabilities(
        hello["name"],
        hello.get("version", ""),
        None
        if server is None
        else ServerCapabilities(
            frozenset(server["ops"]),
            frozenset(server["features"]),
            server.get("sees_requests", False),
            server.get("tells_closing", False),
        ),
        None
        if client is None
        else ClientCapabilities(
            frozenset(client["ops"]), frozenset(client["events"]), frozenset(client.get("features", ()))
        ),
    )
