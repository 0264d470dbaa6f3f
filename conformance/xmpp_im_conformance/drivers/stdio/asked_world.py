"""What a server and a client that a program plays have in common."""

from __future__ import annotations

from attrs import define

from xmpp_im_conformance.drivers.stdio.capabilities import Abilities
from xmpp_im_conformance.drivers.stdio.messages import ProtocolMessage
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.worlds import BaseWorld


@define
class AskedWorld(BaseWorld):
    """A program during one scenario."""

    program: Program
    can: Abilities

    def ask(self, op: str, form: str, **arguments: object) -> ProtocolMessage:
        """Ask the program for something.

        :param form: the name of the answer's form in the schema.
        :raises NotApplicable: if the program does not have the op.
        """
        self.can.need_op(op)
        return self.program.ask(op, form, **arguments)

    def obeyed(self) -> frozenset[str] | None:
        """Return the requirements that the program's rules cite; None if it knows nothing of the kind."""
        return frozenset(self.ask("obeyed", "obeyed")["requirements"]) if "obeyed" in self.can.ops else None
