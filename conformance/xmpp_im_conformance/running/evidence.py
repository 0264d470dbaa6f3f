"""What there was when a vector failed: for reports that show it, and not only say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from xmpp_im_conformance.format.placeholders import Bindings
from xmpp_im_core.element import Element

AT_SERVER: Final = "server"
"""Where stanzas are looked for that the client under test has sent."""


@frozen
class Unmet:
    """An expectation that did not hold."""

    says: str
    """Why, in a line."""
    at: str = ""
    """Where it was looked for: at a full JID, the remote domain or ``AT_SERVER``; empty where it was no stanza."""
    expected: tuple[Element, ...] = ()
    """What had to come there, and did not."""
    came: tuple[Element, ...] = ()
    """What had come there, in order."""
    items: tuple[str, ...] = ()
    """Roster items that should be there (-), and those that are there instead (+)."""


@frozen
class Evidence:
    """Why a vector failed, and what had happened."""

    problem: str
    """What was expected and what came, for people."""
    happened: str = ""
    """All that had happened, a line each."""
    step: int | None = None
    """The step that failed, from 0, and as many as there are for the end; None where it is no step's fault."""
    unmet: tuple[Unmet, ...] = ()
    """What did not hold: of alternatives what did not hold of each, in order."""
    untaken: Mapping[str, tuple[Element, ...]] = field(factory=dict)
    """All that had come and that no step had taken, by where it came."""
    told: tuple[Mapping[str, object], ...] = ()
    """What the application had been told, and no step had taken."""
    bindings: Bindings = field(factory=dict)

    def __str__(self) -> str:
        return f"{self.problem}\nwhat happened:\n{self.happened}" if self.happened else self.problem
