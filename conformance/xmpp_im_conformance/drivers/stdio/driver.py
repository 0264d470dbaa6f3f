"""The driver for a program in any language."""

from __future__ import annotations

from attrs import frozen

from xmpp_im_conformance.drivers.stdio.client import StdioClientWorld
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.drivers.stdio.server import StdioWorld
from xmpp_im_conformance.format.worlds import ClientSetup, ClientWorld, Driver, Setup, World


@frozen
class StdioDriver(Driver):
    """Runs scenarios on a program, which has all of them to itself, one after the other."""

    name = "stdio"
    program: Program

    def world(self, setup: Setup) -> World:
        """Let the program begin a scenario for a server."""
        return StdioWorld.begun(self.program, setup)

    def client(self, setup: ClientSetup) -> ClientWorld:
        """Let the program begin a scenario for a client."""
        return StdioClientWorld.begun(self.program, setup)

    @property
    def about(self) -> str:
        """What the program calls itself, and how it was started."""
        return self.program.about

    @property
    def software(self) -> str:
        """What the program calls itself."""
        return self.program.software

    def preflight(self) -> None:
        """Start the program, and ask what it can do.

        :raises ServerFailed: if it does not start, or does not answer.
        """
        self.program.ready()

    def close(self) -> None:
        """Let the program end."""
        self.program.close()
