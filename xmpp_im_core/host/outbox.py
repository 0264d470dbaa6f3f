"""The outbox: what is to be sent is stored together with what is to be kept, and struck out once it has been sent.

Each delivery, route and fan-out of an event is a record of kind ``OUTBOX``. If it fails, the event that reports the
failure takes the record's place: the commit of that event strikes it out. So at no time is a stanza in memory alone.

If that commit fails, the report is processed without storing anything: the sender hears an error of type wait, where
the sender may know. The record stays, and is taken up after the next start. So a message may come after its sender has
heard an error: twice is better than never, for the sender may not have been told, and nothing can be struck out while
storing fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, field

from xmpp_im_core.host.interfaces import Operations
from xmpp_im_core.host.job import Job
from xmpp_im_core.server.effects import Delete, Deliver, Effect, FanOut, Kind, Put, Route
from xmpp_im_core.server.service.serving import Load, Served

_OWED: Final = (Deliver, Route, FanOut)

Place = tuple[str, str]
"""An account and the key of a record of its outbox."""


@define(eq=False)
class Outbox:
    """What an outbox adds to the commits of a host."""

    unsettled: dict[str, Place] = field(factory=dict)
    """The records whose failures have been reported to accounts that hold the report now, by its ``seq``."""

    def first_commit(self, job: Job, served: Served[Any]) -> Operations:
        """Return what is committed before anything is sent.

        What is handed over is forgotten in the same commit, since the outbox knows what is owed. The errors that
        answer a failed commit are not stored: they are sent because storing does not work.
        """
        if job.failed:
            return served.store
        seq = job.seq
        owed = [
            (account, Put(Kind.OUTBOX, _key(seq, n), effect))
            for n, (account, effect) in enumerate(served.effects)
            if isinstance(effect, _OWED)
        ]
        struck = [strike(place) for place in self._settled(job, served)]
        return (*served.store, *served.forget, *owed, *struck)

    def _settled(self, job: Job, served: Served[Any]) -> list[Place]:
        """Return the records whose failures are being processed; while an account holds a report, its record stays."""
        if job.settles is None and not self.unsettled:
            return []
        found: list[Place] = []
        for step in served.steps:
            seq = step.event.seq
            place = job.settles if job.settles is not None and seq == job.seq else self.unsettled.get(seq)
            if place is not None:
                found.append(place)
        return found

    def note(self, job: Job, served: Served[Any]) -> None:
        """Note which reports are held now, and which are not any longer: the event has happened.

        An event whose commit has failed may have released others than it does now, so nothing is noted before.
        """
        if job.settles is not None and not job.failed:
            self.unsettled[job.seq] = job.settles
        if self.unsettled:
            for step in served.steps:
                self.unsettled.pop(step.event.seq, None)

    def last_commit(self, job: Job, served: Served[Any], caused: Iterable[Job]) -> Operations:
        """Return what is committed after all has been sent: nothing is owed any longer but what failed."""
        if job.failed:
            return served.forget
        replaced = {each.settles for each in caused}
        sent = [place(job, n, account, effect) for n, (account, effect) in enumerate(served.effects)]
        return tuple([strike(each) for each in sent if each is not None and each not in replaced])


def place(job: Job, n: int, account: str, effect: Effect | Load) -> Place | None:
    """Return where an effect of an event is recorded, or None if it is not."""
    if job.failed or not isinstance(effect, _OWED):
        return None
    return account, _key(job.seq, n)


def strike(place: Place) -> tuple[str, Delete]:
    """Return the removal of a record, with its account."""
    account, key = place
    return account, Delete(Kind.OUTBOX, key)


def _key(seq: str, n: int) -> str:
    return f"{seq}:{n:06}"
