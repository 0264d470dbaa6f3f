"""What was found when a vector failed, for reports that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from xmpp_im_conformance.format.comparing import Comparison, pair_off
from xmpp_im_conformance.format.matching import EXACT, FROM_CLIENT
from xmpp_im_conformance.format.placeholders import Bindings
from xmpp_im_core.element import Element

FROM_SERVER: Final = "server"
"""Where the stanzas of a client under test arrive; the name of the server in stories."""


@frozen
class Unmet:
    """An expectation that did not hold."""

    says: str
    """Why, in a line."""
    at: str = ""
    """Where it was looked for: at a full JID, the remote domain or ``FROM_SERVER``; empty if it was no stanza."""
    expected: tuple[Element, ...] = ()
    """The stanzas that had to come there and did not."""
    came: tuple[Element, ...] = ()
    """The stanzas that had come there, in order."""
    items: tuple[str, ...] = ()
    """Roster items that should be there (-), and those that are there instead (+)."""

    def compared(self, bindings: Bindings) -> list[Comparison]:
        """Compare what was expected with what came."""
        return pair_off(self.expected, self.came, bindings, FROM_CLIENT if self.at == FROM_SERVER else EXACT)

    def text(self, bindings: Bindings) -> str:
        """Return it for a terminal."""
        details = [str(each) for each in self.compared(bindings)] + [f"    {item}" for item in self.items]
        return "\n".join([self.says, *(["(- expected, + came)"] if details else []), *details])


class Mismatch(Exception):
    """A step does not hold. Of alternatives, there is an unmet expectation for each."""

    def __init__(self, *unmet: Unmet) -> None:
        super().__init__("; ".join([each.says for each in unmet]))
        self.unmet = unmet


@frozen
class Evidence:
    """Why a vector failed, and what had happened."""

    problem: str
    """What was expected and what came, for people."""
    happened: str = ""
    """All that had happened, a line each."""
    step: int | None = None
    """The index of the step that failed; the number of steps for the end; None if no step failed."""
    unmet: Sequence[Unmet] = ()
    """What did not hold; of alternatives what did not hold of each, in order."""
    untaken: Mapping[str, tuple[Element, ...]] = field(factory=dict)
    """All that had come and that no step had taken, by where it came."""
    told: tuple[Mapping[str, object], ...] = ()
    """The events that the application had been told and that no step had taken."""
    bindings: Bindings = field(factory=dict)

    def __str__(self) -> str:
        return f"{self.problem}\nwhat happened:\n{self.happened}" if self.happened else self.problem
