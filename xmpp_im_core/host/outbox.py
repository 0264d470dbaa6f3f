"""The outbox: stanzas to be sent are stored together with the changes of an event, and removed after they were sent.

Each delivery, route and fan-out of an event is a record of kind ``OUTBOX``. If it fails, an event reports the failure,
and the commit of that event removes the record. So a stanza is never in memory only.

If that commit fails, the host processes the report without storing anything: the sender gets an error of type wait, if
the sender may know. The record stays, and the host sends it after the next start. So a message may arrive although its
sender got an error. This is better than a loss: the error may not have reached the sender, and no record can be removed
while the storage fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, field

from xmpp_im_core.host.interfaces import Operations
from xmpp_im_core.host.job import Job
from xmpp_im_core.server.effects import Delete, Deliver, Effect, EffectId, FanOut, Kind, Put, Route
from xmpp_im_core.server.service.serving import Load, Served

_OWED: Final = (Deliver, Route, FanOut)

Place = tuple[str, str]
"""An account and the key of a record of its outbox."""


@define(eq=False)
class Outbox:
    """The operations that an outbox adds to the commits of a host."""

    unsettled: dict[str, Place] = field(factory=dict)
    """The records whose failure was reported to an account that holds the report while it loads; by ``seq`` of the
    report."""

    def first_commit(self, job: Job, served: Served[Any]) -> Operations:
        """Return the operations to commit before anything is sent.

        They include ``forget``, because the outbox keeps what has not been sent. If the job's first commit failed, its
        error answers are not stored: the storage does not work.
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
        """Return the records whose failure reports are processed now. While an account holds a report, its record
        stays.
        """
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
        """Note which failure reports an account holds after this event. Call this after the event's first commit.

        Calling it earlier would be wrong: if the commit fails, the job's new result may release other events.
        """
        if job.settles is not None and not job.failed:
            self.unsettled[job.seq] = job.settles
        if self.unsettled:
            for step in served.steps:
                self.unsettled.pop(step.event.seq, None)

    def last_commit(self, job: Job, served: Served[Any], caused: Iterable[Job]) -> Operations:
        """Return the operations to commit after everything was sent: they remove each record that did not fail.

        :param caused: the jobs that report failures.
        """
        if job.failed:
            return served.forget
        replaced = {each.settles for each in caused}
        sent = [place(job, n, account, effect) for n, (account, effect) in enumerate(served.effects)]
        return tuple([strike(each) for each in sent if each is not None and each not in replaced])


def place(job: Job, n: int, account: str, effect: Effect | Load) -> Place | None:
    """Return the place of the record of an effect, or None if it has no record.

    :param n: the index of the effect in the result of its event.
    """
    if job.failed or not isinstance(effect, _OWED):
        return None
    return account, _key(job.seq, n)


def strike(place: Place) -> tuple[str, Delete]:
    """Return the removal of a record, with its account."""
    account, key = place
    return account, Delete(Kind.OUTBOX, key)


def _key(seq: str, n: int) -> str:
    return str(EffectId(seq, n))
