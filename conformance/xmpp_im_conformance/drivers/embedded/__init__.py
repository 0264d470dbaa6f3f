"""The driver for this implementation: a small, honest host around the pure core, in memory."""

from __future__ import annotations

from importlib.metadata import version

from attrs import frozen

from xmpp_im_conformance.drivers.embedded.client import EmbeddedClientWorld
from xmpp_im_conformance.drivers.embedded.world import EmbeddedWorld
from xmpp_im_conformance.format.worlds import ClientSetup, ClientWorld, Driver, Setup, World
from xmpp_im_core.policy import DEFAULT, Policy


@frozen
class Embedded(Driver):
    """Runs scenarios on ``xmpp_im_core`` itself."""

    name = "embedded"
    policy: Policy = DEFAULT
    """What holds for a server unless the features of a scenario ask for something else."""

    def world(self, setup: Setup) -> World:
        """Make a service that hosts the scenario's accounts."""
        return EmbeddedWorld.of(setup, self.policy)

    def client(self, setup: ClientSetup) -> ClientWorld:
        """Make a client whose resource is bound."""
        return EmbeddedClientWorld.of(setup)

    @property
    def about(self) -> str:
        """The version of the core."""
        return self.software

    @property
    def software(self) -> str:
        """The name and version of the core."""
        return f"xmpp_im_core {version('xmpp_im_core')}"
