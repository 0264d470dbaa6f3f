"""The driver for this implementation: a small, honest host around the pure core, in memory."""

from __future__ import annotations

from attrs import frozen

from xmpp_im_conformance.drivers.embedded.world import EmbeddedWorld
from xmpp_im_conformance.format.worlds import Setup, World
from xmpp_im_core.policy import DEFAULT, Policy


@frozen
class Embedded:
    """Runs scenarios on ``xmpp_im_core`` itself."""

    name: str = "embedded"
    policy: Policy = DEFAULT
    """What holds unless the features of a scenario ask for something else."""

    def world(self, setup: Setup) -> World:
        """Make a service that hosts the scenario's accounts.

        :raises NotApplicable: if a feature is not supported.
        """
        return EmbeddedWorld.of(setup, self.policy)
