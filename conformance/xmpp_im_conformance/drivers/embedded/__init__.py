"""The driver for this implementation: a small, honest host around the pure core, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from attrs import evolve, frozen

from xmpp_im_conformance.drivers.embedded.arrangements import ARRANGEMENTS, IN_MEMORY
from xmpp_im_conformance.drivers.embedded.arrangements.unplayed import is_played
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
    arrangements: Sequence[str] = (IN_MEMORY,)
    """How the host keeps the accounts of a server; each vector is played in each of these arrangements."""

    def world(self, setup: Setup) -> World:
        """Make a service that hosts the scenario's accounts."""
        return EmbeddedWorld.of(setup, self.policy, ARRANGEMENTS[self.arrangements[0]])

    def client(self, setup: ClientSetup) -> ClientWorld:
        """Make a client whose resource is bound."""
        return EmbeddedClientWorld.of(setup)

    def ways(self, id: str, setup: Setup | ClientSetup) -> Sequence[Driver]:
        """Return a driver for each arrangement; a client has no accounts to arrange."""
        if isinstance(setup, ClientSetup):
            return (self,)
        played = [each for each in self.arrangements if is_played(id, each)]
        return [evolve(self, arrangements=(each,)) for each in played]

    @property
    def way(self) -> str:
        """The arrangement, if it is not the usual one."""
        return "" if self.arrangements[0] == IN_MEMORY else f"in the arrangement {self.arrangements[0]!r}"

    @property
    def about(self) -> str:
        """The version of the core."""
        return self.software

    @property
    def software(self) -> str:
        """The name and version of the core."""
        return f"xmpp_im_core {version('xmpp_im_core')}"
