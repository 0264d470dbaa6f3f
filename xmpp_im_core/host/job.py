"""A job: one event on its way through a host, from the moment it is fed until everything that it caused is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from xmpp_im_core.server.service.events import ForAccount, ServiceEvent
from xmpp_im_core.server.service.serving import Served, Service


class Job:
    """An event and its progress.

    The host makes one job for each event, and most jobs need only the three fields that ``__init__`` sets. The others
    are class attributes until they are set, which halves the cost of making a job.
    """

    open: int = 1
    """How many parts are unfinished: the event itself, each event that reports the failure of one of its effects, and
    each event that an account holds because of it."""
    completes: tuple[Job, ...] = ()
    """The earlier jobs of which this job finishes a part: it reports their failure, or released what they held."""
    number: tuple[int, ...] = ()
    """Its place in the order of the events: the lowest is the oldest. Empty: not numbered yet. A job that another one
    has caused has the number of that one, and one more part: so it comes before the jobs that came later."""
    accounts: frozenset[str] = frozenset()
    """The accounts that it concerns, while it waits for one of them or is being committed."""
    before: Service[Any] | None = None
    """The service from which ``served`` was computed."""
    served: Served[Any] | None = None
    """The result of the event, while its store operations are being committed."""
    failed: bool = False
    """Whether its first commit failed. The job then answers the event with an error."""

    def __init__(
        self,
        event: ServiceEvent | None,
        settles: tuple[str, str] | None = None,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Begin with an event.

        :param event: None if only records of the outbox are to be removed.
        :param settles: the account and the key of the outbox record that this event replaces.
        :param done: called when no part of the job is unfinished.
        """
        self.event, self.settles, self.done = event, settles, done

    @property
    def seq(self) -> str:
        """The ``seq`` of its event."""
        event = self.event
        assert event is not None
        return event.event.seq if isinstance(event, ForAccount) else event.seq


class OpenJobs:
    """The jobs of which an account holds an event, by the ``seq`` of the job's event."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}

    def note(self, job: Job, served: Served[Any]) -> None:
        """Note which jobs the accounts hold events of now, and which held events this job has released."""
        seq = job.seq
        for _, cause in served.holds:
            owner = job if cause == seq else self.jobs.get(cause)
            if owner is not None:  # None: the program began with a service that held an event
                owner.open += 1
                self.jobs[cause] = owner
        job.completes += tuple([self.jobs[cause] for cause in served.releases if cause in self.jobs])

    def finish(self, job: Job) -> Iterator[Job]:
        """Finish one part of this job and of each job that it completes; yield those of which no part is left."""
        for each in (job, *job.completes):
            each.open -= 1
            if not each.open:
                self.jobs.pop(each.seq, None)
                yield each
