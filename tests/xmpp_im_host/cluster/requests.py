"""The requests of users and components to each other, and what must hold of their answers (RFC 6120 §8.2.3).

A request gets one answer: that of the session to which it is addressed, or an error of the server. No server can avoid
these exceptions:

* The session that has asked is over. An answer may come to its successor, which has the same address.
* The session that was to answer is over, and had got the request: what it has said may be lost with it.
* The request was written to a client that had not acknowledged it when its connection broke, or waited at a gateway
  that died: then an error may come besides the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from attrs import define, field, frozen


@frozen
class Request:
    """An IQ stanza of type get to somebody else."""

    id: str
    session: str
    """The session that has asked."""
    asker: str
    """Its full JID."""
    to: str


@define(eq=False)
class Requests:
    """What was asked, and what was answered."""

    asked: dict[str, Request] = field(factory=dict)
    answers: list[tuple[str, str]] = field(factory=list)
    """The session that has got an answer, and the id of the request, in order."""
    kinds: Counter[str] = field(factory=Counter)
    """How many results and errors have come."""
    arrived: Counter[str] = field(factory=Counter)
    """How often each request has come to somebody."""
    excused: set[str] = field(factory=set)
    """The requests whose answer may be missing: it was said, and may be lost with the session that has said it."""
    wrong: list[str] = field(factory=list)
    """What must not have happened."""

    def ask(self, id: str, session: str, asker: str, to: str) -> None:
        self.asked[id] = Request(id, session, asker, to)

    def arrive(self, id: str, at: str, from_: str) -> None:
        """Note that a request has come to somebody."""
        request = self.asked[id]
        if at != request.to or from_ != request.asker:
            self.wrong.append(f"the request {id} of {request.asker} to {request.to} comes from {from_} to {at}")
        self.arrived[id] += 1

    def answer(self, id: str, session: str, at: str, from_: str, kind: str) -> None:
        """Note that an answer has come to somebody."""
        request = self.asked[id]
        if at != request.asker or from_ != request.to:
            self.wrong.append(f"the answer to {id} of {request.asker} to {request.to} comes from {from_} to {at}")
        if kind == "result" and not self.arrived[id]:
            self.wrong.append(f"{id} has a result, and has come to nobody")
        self.kinds[kind] += 1
        self.answers.append((session, id))

    def faults(self, open: Collection[str], unsettled: Collection[str], unread: Collection[str]) -> list[str]:
        """Return everything that must not be, when nothing is under way.

        :param open: the sessions that have not ended.
        :param unsettled: what may come again.
        :param unread: what may be lost with a connection.
        """
        got = Counter([id for _, id in self.answers])
        here = Counter(self.answers)
        lost = [
            each
            for each in self.asked.values()
            if each.session in open and not here[each.session, each.id] and each.id not in self.excused | set(unread)
        ]
        return [
            *self.wrong,
            *[f"{each.id} of {each.session} to {each.to} has no answer" for each in lost],
            *[f"{id} has {number} answers" for id, number in got.items() if number > 1 and id not in unsettled],
            *[f"{id} has come {n} times" for id, n in self.arrived.items() if n > 1 and id not in unsettled],
        ]
