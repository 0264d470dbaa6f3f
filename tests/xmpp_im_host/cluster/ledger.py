"""What users were promised, what came to them, and what must hold of that in the end.

A message is acknowledged when the server has counted it (XEP-0198). An acknowledged message comes to its recipient, or
an error comes back. It comes once to somebody who acknowledges, with these exceptions, which no server can avoid:

* what was written to a client whose acknowledgement had not arrived when its connection broke;
* what was in the queue of a gateway when that gateway died: the acknowledgement may have died with it.

What was written to a client without stream management may be lost with its connection.

Messages of one user to another come in the order in which they were sent, as far as one session gets them. What was on
its way to an earlier session that did not end in order may come later than what is sent after that.

An account may be removed, and created again for somebody else. What had come to the first one never comes to the
second, and nothing that is sent later comes to a login of the first one. What was under way meanwhile may be lost.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import count, pairwise
from typing import Any, Final

from attrs import define, field, frozen

from tests.xmpp_im_host.cluster.requests import Requests

NO_CONTACT: Final = 0
"""What a contact is that was removed."""


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
    """The last change of a contact that was answered, by user and contact: its number, or :data:`NO_CONTACT`."""
    asked: dict[tuple[str, str], set[int]] = field(factory=lambda: defaultdict(set))
    """The changes of contacts without an answer."""
    requests: Requests = field(factory=Requests)
    generations: Counter[str] = field(factory=Counter)
    """How often each account was removed, by user."""
    logins: dict[str, int] = field(factory=dict)
    """By session: the generation of the account whose password it has."""
    over: set[str] = field(factory=set)
    """The sessions that have ended, as their clients know."""
    taken: dict[str, int] = field(factory=dict)
    """Messages that had come to an account before it was removed, and the generation of its successor."""
    begun: dict[tuple[str, int], int] = field(factory=dict)
    """When each removal began, by user and by the generation that follows."""
    removed: dict[str, int] = field(factory=dict)
    """When the last removal of each account was done, by user."""
    stored: set[str] = field(factory=set)
    """The users for whom messages are stored while they are away; a component is none of them."""
    void: set[str] = field(factory=set)
    """Messages that may be lost, because the account of their sender or recipient was removed."""
    authorised: set[tuple[str, str]] = field(factory=set)
    """Who has ever allowed whom to get their presence, or has sent it to them."""
    wrong: list[str] = field(factory=list)
    """What must not have happened."""
    _numbers: Any = field(factory=lambda: count(1))

    def now(self) -> int:
        """Return a number that grows: it orders what users do and see."""
        return int(next(self._numbers))

    def send(self, sender: str, session: str, recipient: str) -> Chat:
        at = self.now()
        chat = self.chats[f"chat-{at}"] = Chat(f"chat-{at}", sender, session, recipient, at)
        if self.is_outdated(session, sender):
            self.void.add(chat.id)
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
        if self.is_outdated(session, user) and chat.sent > self.removed[user]:
            self.wrong.append(f"{id} comes to {session}, whose account was removed before it was sent")
        if self.logins.get(session, 0) >= self.taken.get(id, self.generations[user] + 1):
            self.wrong.append(f"{id} was for an account that is removed, and comes to its successor")
        self.receipts.append(Receipt(session, user, chat, self.now()))

    def replace(self, user: str) -> None:
        """Note that a session of a user has replaced one that did not end in order."""
        came = {each.chat.id for each in self.receipts if each.user == user}
        self.late.update([id for id, chat in self.chats.items() if chat.recipient == user and id not in came])

    def see(self, user: str, of: str, number: int | None) -> None:
        """Note that a user gets presence of another one.

        :param number: that of the status. What others saw of an account that was removed they may still see.
        """
        if user == of or (of, user) in self.authorised:
            return
        removed = self.removed.get(of)
        if removed is None or (number is not None and number > removed):
            self.wrong.append(f"{user} gets presence of {of} without being authorised")

    # --- removals -----------------------------------------------------------------------------------------------

    def is_outdated(self, session: str, user: str) -> bool:
        """Whether a session belongs to an account that is removed, and has a successor."""
        return self.logins.get(session, self.generations[user]) < self.generations[user]

    def begin_removal(self, user: str) -> None:
        """Note that an account is to be removed."""
        self.begun[user, self.generations[user] + 1] = self.now()

    def note_removed(self, user: str, taken: Iterable[str]) -> int:
        """Note that an account is removed, and will be created again; return the generation of its successor.

        :param taken: the messages that the owner of the account has processed.
        """
        self.generations[user] += 1
        for id in taken:
            if id in self.chats and self.chats[id].recipient == user:
                self.taken.setdefault(id, self.generations[user])
        self.removed[user] = self.now()
        for key in [key for key in (*self.contacts, *self.asked) if key[0] == user]:
            self.contacts.pop(key, None)
            self.asked.pop(key, None)
        self.authorised = {pair for pair in self.authorised if pair[0] != user}
        return self.generations[user]

    def note_created(self, user: str) -> None:
        """Note that the account is there again. What was under way to it or from it may be lost."""
        began = self.begun[user, self.generations[user]]
        came = {each.chat.id for each in self.receipts}
        for id, chat in self.chats.items():
            safe = chat.recipient != user and self.acknowledged.get(id, began) < began
            if user in (chat.sender, chat.recipient) and id not in came and not safe:
                self.void.add(id)

    # --- what must hold -----------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """Return everything that must not be, when all have come back and nothing is under way."""
        return [*self.wrong, *self._lost(), *self._doubled(), *self._out_of_order()]

    def _lost(self) -> list[str]:
        came = {each.chat.id for each in self.receipts}
        excused = self.refused | self.unread | self.void
        lost = [id for id in self.acknowledged if id not in came | excused and not self._error_lost(self.chats[id])]
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
                if each.chat.id in self.refused and not self._may_be_refused(each.chat)
            ],
        ]

    def _error_lost(self, chat: Chat) -> bool:
        """Whether an error may have come for a session that was over: nobody gets it then (RFC 6121 §8.5.3.2.1)."""
        return chat.session in self.over and chat.recipient not in self.stored

    def _may_be_refused(self, chat: Chat) -> bool:
        """Whether an error may come for a message that has come: nobody stores it, and its arrival may be unknown."""
        return chat.id in self.unsettled and (chat.recipient not in self.stored or chat.recipient in self.removed)

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
        number, under_way = self.contacts.get((user, jid), NO_CONTACT), self.asked[user, jid]
        if (found or NO_CONTACT) in (number, *under_way):
            return []
        return [f"the contact {jid} of {user} is at {found}, and the change {number} was answered"]
