"""What users were promised, what came to them, and what must hold of that in the end.

A message is acknowledged when the server has counted it (XEP-0198). An acknowledged message comes to its recipient, or
an error comes back. It comes once to somebody who acknowledges, with these exceptions, which no server can avoid:

* what was written to a client whose acknowledgement had not arrived when its connection broke;
* what was in the queue of a gateway when that gateway died: the acknowledgement may have died with it.

What was written to a client without stream management may be lost with its connection.

Messages of one user to another come in the order in which they were sent, as far as one session gets them. What was on
its way to an earlier session that did not end in order may come later than what is sent after that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import count, pairwise
from typing import Any

from attrs import define, field, frozen


@frozen
class Chat:
    """A message of one user to another."""

    id: str
    sender: str
    session: str
    """The sender's session."""
    recipient: str
    sent: int
    """When it was sent, as a number of the ledger."""


@frozen
class Receipt:
    """A message that has come to a session."""

    session: str
    user: str
    chat: Chat
    at: int


@define(eq=False)
class Ledger:
    """What was promised and what came."""

    chats: dict[str, Chat] = field(factory=dict)
    acknowledged: dict[str, int] = field(factory=dict)
    """When the server counted each message, by id."""
    refused: set[str] = field(factory=set)
    receipts: list[Receipt] = field(factory=list)
    unread: set[str] = field(factory=set)
    """Messages that may be lost: they were written to a client without stream management whose connection broke."""
    unsettled: set[str] = field(factory=set)
    """Messages that may come again, as the module says."""
    late: set[str] = field(factory=set)
    """Messages that may have been on their way to a session that did not end in order."""
    contacts: dict[tuple[str, str], int] = field(factory=dict)
    """The last change of a contact that was answered, by user and contact."""
    asked: dict[tuple[str, str], set[int]] = field(factory=lambda: defaultdict(set))
    """The changes of contacts without an answer."""
    authorised: set[tuple[str, str]] = field(factory=set)
    """Who has ever allowed whom to get their presence, or has sent it to them."""
    wrong: list[str] = field(factory=list)
    """What must not have happened."""
    _numbers: Any = field(factory=count)

    def now(self) -> int:
        """Return a number that grows: it orders what users do and see."""
        return int(next(self._numbers))

    def send(self, sender: str, session: str, recipient: str) -> Chat:
        at = self.now()
        chat = self.chats[f"chat-{at}"] = Chat(f"chat-{at}", sender, session, recipient, at)
        return chat

    def acknowledge(self, id: str) -> None:
        self.acknowledged.setdefault(id, self.now())

    def refuse(self, user: str, id: str) -> None:
        if self.chats[id].sender != user:
            self.wrong.append(f"the error for {id} comes to {user}, who has not sent it")
        self.refused.add(id)

    def come(self, user: str, session: str, id: str) -> None:
        chat = self.chats[id]
        if chat.recipient != user:
            self.wrong.append(f"{id} for {chat.recipient} comes to {user}")
        self.receipts.append(Receipt(session, user, chat, self.now()))

    def replace(self, user: str) -> None:
        """Note that a session of a user has replaced one that did not end in order."""
        came = {each.chat.id for each in self.receipts if each.user == user}
        self.late.update([id for id, chat in self.chats.items() if chat.recipient == user and id not in came])

    def see(self, user: str, of: str) -> None:
        """Note that a user gets presence of another one."""
        if user != of and (of, user) not in self.authorised:
            self.wrong.append(f"{user} gets presence of {of} without being authorised")

    # --- what must hold -----------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """Return everything that must not be, when all have come back and nothing is under way."""
        return [*self.wrong, *self._lost(), *self._doubled(), *self._out_of_order()]

    def _lost(self) -> list[str]:
        came = {each.chat.id for each in self.receipts}
        lost = [id for id in self.acknowledged if id not in came | self.refused | self.unread]
        return [f"{id} of {self.chats[id].sender} to {self.chats[id].recipient} is lost" for id in lost]

    def _doubled(self) -> list[str]:
        within = Counter((each.session, each.chat.id) for each in self.receipts)
        overall = Counter((each.user, each.chat.id) for each in self.receipts)
        return [
            *[
                f"{id} has come {times} times to the session {session}"
                for (session, id), times in within.items()
                if times > 1
            ],
            *[
                f"{id} has come {times} times to {user}"
                for (user, id), times in overall.items()
                if times > 1 and id not in self.unsettled
            ],
            *[
                f"{each.chat.id} has come, and an error as well"
                for each in self.receipts
                if each.chat.id in self.refused
            ],
        ]

    def _out_of_order(self) -> Iterable[str]:
        """Look at what comes from one user to one session, without what had come to an earlier session."""
        given_back = self.late | self.unsettled
        seen: set[tuple[str, str]] = set()
        flows: dict[tuple[str, str], list[Chat]] = defaultdict(list)
        for each in self.receipts:
            if (each.user, each.chat.id) not in seen and each.chat.id not in given_back:
                seen.add((each.user, each.chat.id))
                flows[each.chat.sender, each.session].append(each.chat)
        for (_, session), chats in flows.items():
            for before, after in pairwise(chats):
                if self._precedes(after, before):
                    yield f"{before.id} comes before {after.id} to {session}"

    def _precedes(self, first: Chat, second: Chat) -> bool:
        """Whether one message had to come first: both were sent on one stream, or the first was acknowledged before."""
        if first.sent > second.sent:
            return False
        return first.session == second.session or self.acknowledged.get(first.id, second.sent) < second.sent

    def contact_faults(self, user: str, jid: str, found: int | None) -> list[str]:
        """Compare a contact that a user finds in the end with the changes that were answered."""
        number = self.contacts.get((user, jid))
        if number is None or found == number or found in self.asked[user, jid]:
            return []
        return [f"the contact {jid} of {user} is at {found}, and the change {number} was answered"]
