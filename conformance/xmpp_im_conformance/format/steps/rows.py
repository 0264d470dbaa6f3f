"""The steps that only the rows of tables have: which state follows, and what becomes of a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import evolve, frozen

from xmpp_im_conformance.format.comparing import is_among
from xmpp_im_conformance.format.evidence import FROM_SERVER, Mismatch, Unmet
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.matching import PART
from xmpp_im_conformance.format.steps.acts import ConnectStep, SendStep
from xmpp_im_conformance.format.steps.base import Play, ScenarioStep
from xmpp_im_conformance.format.story import Line, MarkKind, Stage
from xmpp_im_conformance.format.worlds import REMOTE

JULIET: Final = "juliet@capulet.example"
CONTACT: Final = f"romeo@{REMOTE}"
STRANGER: Final = f"tybalt@{REMOTE}/piazza"
_LATER: Final = f"{JULIET}/later"


@frozen
class TableState:
    """A state of the tables of Appendix A; None if the row does not state it."""

    subscription: str
    pending_out: bool | None = None
    pending_in: bool | None = None
    approved: bool | None = None

    def __str__(self) -> str:
        pending = {(True, False): " + Pending Out", (False, True): " + Pending In", (True, True): " + Pending Out+In"}
        name = self.subscription.capitalize() + pending.get((bool(self.pending_out), bool(self.pending_in)), "")
        return f"{name}, approved" if self.approved else name

    @classmethod
    def of(cls, found: list[RosterItem]) -> TableState:
        """Return the state of a stored contact; None if there is no such contact."""
        if not found:
            return cls("none", False, False, False)
        item = found[0]
        return cls(item.subscription, item.ask, item.pending_in is not None, item.approved)

    def holds(self, found: TableState) -> bool:
        """Whether a state is this one, in what this one states."""
        return (
            self.subscription == found.subscription
            and self.pending_out in (None, found.pending_out)
            and self.pending_in in (None, found.pending_in)
            and self.approved in (None, found.approved)
        )

    def item(self) -> RosterItem:
        """Return the contact in this state. A request alone does not put it into the roster (§3.1.3)."""
        request = f"<presence from='{CONTACT}' id='request' to='{JULIET}' type='subscribe'/>"
        only_request = self.subscription == "none" and self.pending_in and not self.pending_out and not self.approved
        return RosterItem(
            jid=CONTACT,
            subscription=self.subscription,
            ask=bool(self.pending_out),
            pending_in=request if self.pending_in else None,
            approved=bool(self.approved),
            listed=not only_request,
        )


@frozen
class NewStateStep(ScenarioStep):
    """The contact is in this state."""

    key = "new state"
    state: TableState

    def take(self, play: Play) -> None:
        found = TableState.of([item for item in play.world.roster(JULIET) if item.jid == CONTACT])
        if not play.world.sees_requests():
            found = evolve(found, pending_in=self.state.pending_in)
        if not self.state.holds(found):
            raise Mismatch(Unmet(f"the new state must be {self.state}, but is {found}"))

    def show(self, stage: Stage) -> Line:
        return Line(f"The new state is {self.state}.", marks=stage.sign(MarkKind.CHECK, FROM_SERVER, str(self.state)))


_OUTCOMES: Final = {
    "silence": "It is silently ignored.",
    "error": "The sender gets an error.",
    "stored": "It is stored, and delivered to a resource that becomes available later.",
    "delivered": "It is delivered to the resource.",
    "most-available": "It is delivered to the most available resource.",
    "all": "It is delivered to all resources of non-negative priority.",
}


@frozen
class OutcomeStep(ScenarioStep):
    """Of the message becomes one of these outcomes."""

    key = "outcome"
    outcomes: tuple[str, ...]
    resources: Mapping[str, int]
    """Juliet's available resources with their priorities."""
    to_resource: bool
    """Whether it was sent to the first of them."""
    may_come_later: bool
    """Whether there is an account in which it can be stored."""

    def take(self, play: Play) -> None:
        happened = set(self._happened(play))
        if not happened & set(self.outcomes):
            came = " or ".join(sorted(happened)) or "something that no outcome of the format describes"
            raise Mismatch(Unmet(f"must be {' or '.join(self.outcomes)}, but was {came}"))

    def _happened(self, play: Play) -> Iterator[str]:
        """Yield the outcomes that describe what happened."""
        got = {jid for jid in self.resources if _has_message(play, jid)}
        failed = _count(play, REMOTE, "<message type='error'/>")
        if failed:
            if failed == 1 and not got:
                yield "error"
            return
        if not got:
            yield "stored" if self.may_come_later and _comes_later(play) else "silence"
            return
        reachable = {jid for jid, priority in self.resources.items() if priority >= 0}
        addressed = {next(iter(self.resources))} if self.to_resource else set(self.resources)
        if got == addressed and len(got) == 1:
            yield "delivered"
        # The server's own algorithm chooses among them; priority is only the example of §8.5.2.1.1.
        if not self.to_resource and got < reachable:
            yield "most-available"
        if len(self.resources) > 1 and got == reachable:
            yield "all"

    def show(self, stage: Stage) -> Line:
        told = [
            Line(_OUTCOMES[name], marks=stage.sign(MarkKind.CHECK, FROM_SERVER, name.replace("-", " ")))
            for name in self.outcomes
        ]
        return told[0] if len(told) == 1 else Line("One of these happens", branches=tuple([(each,) for each in told]))


def _comes_later(play: Play) -> bool:
    """Whether the message is delivered to a resource that becomes available later."""
    for step in (ConnectStep(_LATER), SendStep(_LATER, "<presence><priority>9</priority></presence>")):
        step.take(play)
    return _has_message(play, _LATER)


def _has_message(play: Play, jid: str) -> bool:
    return _count(play, jid, f"<message from='{STRANGER}' id='row'/>") == 1


def _count(play: Play, at: str, part: str) -> int:
    return sum([is_among(read_xml(part), [each], play.bindings, PART) for each in play.at(at)])
