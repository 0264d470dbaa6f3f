"""A host in memory, as small as it can be: it keeps what is stored, and writes down what is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from xmpp_im_core.element import Element, element
from xmpp_im_core.event import Decision
from xmpp_im_core.host import Commit, DeferredHost, MemoryStorage, ReadAccount, ReadMessages, StorageRequest, Wire
from xmpp_im_core.jid import Address, Malformed, parse_address
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server.effects import Delegate, Deliver, FanOut, Kind, LoadOffline, Put, Route
from xmpp_im_core.server.events import AccountCreated, Event, OfflineLoaded
from xmpp_im_core.server.service.events import ForAccount, ServiceEvent
from xmpp_im_core.server.service.serving import Load, Served, hosting
from xmpp_im_core.server.state import Account, SessionId, State
from xmpp_im_core.stanza import CLIENT, IQ, Message, Presence, Stanza, payload

MONTAGUE: Final = "montague.example"
CAPULET: Final = "capulet.example"
ROMEO: Final = f"romeo@{MONTAGUE}"
BENVOLIO: Final = f"benvolio@{MONTAGUE}"
JULIET: Final = f"juliet@{CAPULET}"
ORCHARD: Final = f"{ROMEO}/orchard"
BALCONY: Final = f"{JULIET}/balcony"
CHAMBER: Final = f"{JULIET}/chamber"
GHOST: Final = f"rosaline@{CAPULET}"
"""Nobody has ever created this account."""
MERCUTIO: Final = "mercutio@remote.example"
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


def to(text: str | None) -> Address | Malformed | None:
    return None if text is None else parse_address(text)


def chat(recipient: str | None, text: str, sender: str | None = None, type: str = "chat") -> Message:
    return Message(to(recipient), to(sender), text, type, None, payload(element("body", CLIENT, {}, [text])))


def presence(
    type: str | None = None, recipient: str | None = None, sender: str | None = None, priority: int | None = None
) -> Presence:
    children = [] if priority is None else [element("priority", CLIENT, {}, [str(priority)])]
    return Presence(to(recipient), to(sender), None, type, None, payload(*children))


def ping(recipient: str | None, sender: str | None = None) -> IQ:
    return IQ(to(recipient), to(sender), "ping", "get", None, payload(element("ping", "urn:xmpp:ping")))


def roster_get() -> IQ:
    return IQ(None, None, "roster", "get", None, payload(element("query", ROSTER)))


def condition(stanza: Stanza) -> str | None:
    return stanza.error.condition.value if stanza.error is not None else None


class Playhouse(DeferredHost[State], Wire):
    """Answers questions at once, unless it is ``slow``: then they wait in ``questions``."""

    def __init__(self, *accounts: str, policy: Policy = DEFAULT, slow: bool = False) -> None:
        self.count = 0
        super().__init__(hosting(MONTAGUE, CAPULET), self, lambda: NOON, self.seq, policy)
        self.records = MemoryStorage()
        self.slow = False
        self.sessions: dict[str, SessionId] = {}
        self.received: list[tuple[str, Stanza]] = []
        self.routed: list[Stanza] = []
        self.delegated: list[tuple[str, IQ]] = []
        self.questions: list[ReadAccount | ReadMessages] = []
        self.served: list[Served[State]] = []
        """What came of the event that was fed last, and of what that caused."""
        for account in accounts:
            self.happened(account, AccountCreated, f"lineage-of-{account}")
        self.slow = slow

    def seq(self) -> str:
        self.count += 1
        return f"{self.count:06}"

    # --- what happens -------------------------------------------------------------------------------------

    def happens(self, account: str, event: Event, decision: Decision = Decision.ASK) -> Served[State]:
        return self.feeds(ForAccount(account, event, decision))

    def feeds(self, event: ServiceEvent) -> Served[State]:
        """Take an event, and return what came of it."""
        self.feed(event)
        return self.served[0]

    def feed(self, event: ServiceEvent, done: Callable[[], None] | None = None) -> None:
        self.served = []
        super().feed(event, done)
        while requests := self.requests():
            for request in requests:
                self.attend_to(request)

    def attend_to(self, request: StorageRequest) -> None:
        if isinstance(request, Commit):
            self.records.commit(request.operations)
            self.committed(request)
        elif self.slow:
            self.questions.append(request)
        else:
            super().feed(self.answer(request))

    def binds(self, full: str) -> SessionId:
        account, _, resource = full.partition("/")
        self.sessions[full] = self.session(resource)
        return self.bind(account, self.sessions[full])

    def ends(self, full: str) -> Served[State]:
        self.end(full.partition("/")[0], self.sessions.pop(full))
        return self.served[0]

    def sends(self, full: str, stanza: Stanza, decision: Decision = Decision.ASK) -> Served[State]:
        self.receive(full.partition("/")[0], self.sessions[full], stanza, decision)
        return self.served[0]

    def enters(self, full: str) -> None:
        """Bind a resource, ask for the roster and send initial presence."""
        self.binds(full)
        self.sends(full, roster_get())
        self.sends(full, presence())

    def arrives(self, stanza: Stanza, decision: Decision = Decision.ASK) -> Served[State]:
        self.arrive(stanza, decision)
        return self.served[0]

    def befriend(self, one: str, other: str) -> None:
        """Let two accounts subscribe to each other, each from its session (both are full JIDs)."""
        for user, contact in ((one, other), (other, one)):
            self.sends(user, presence("subscribe", contact.partition("/")[0]))
            self.sends(contact, presence("subscribed", user.partition("/")[0]))

    # --- what the host does -------------------------------------------------------------------------------

    def observe(self, served: Served[State]) -> None:
        self.served.append(served)

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        self.received.append((f"{account}/{session.resource}", effect.stanza))
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        pass

    def route(self, stanza: Stanza) -> None:
        self.routed.append(stanza)

    def delegate(self, account: str, iq: IQ) -> None:
        self.delegated.append((account, iq))

    def answer(self, question: ReadAccount | ReadMessages) -> ForAccount:
        if isinstance(question, ReadAccount):
            stored = self.records.account(question.account)
            return ForAccount(question.account, stored.loaded(*self.stamp()))
        messages = self.records.messages(question.account)
        return ForAccount(question.account, OfflineLoaded(*self.stamp(), question.session, messages))

    def answers(self) -> None:
        """Answer every question that waits."""
        while self.questions:
            self.feed(self.answer(self.questions.pop(0)))

    # --- what can be seen ---------------------------------------------------------------------------------

    @property
    def stored(self) -> dict[str, dict[tuple[Kind, str], Put]]:
        return self.records.accounts

    def account(self, jid: str) -> Account:
        state = self.service.accounts[jid]
        assert isinstance(state, Account)
        return state

    def heard_by(self, full: str) -> list[Stanza]:
        """Return what a session received since this was asked last."""
        heard = [stanza for session, stanza in self.received if session == full]
        self.received = [(session, stanza) for session, stanza in self.received if session != full]
        return heard


def resting(*accounts: str) -> Playhouse:
    """Return a house in which these accounts exist, none of them in memory, and which is slow to answer."""
    house = Playhouse(*accounts, slow=True)
    house.service = hosting(MONTAGUE, CAPULET)
    return house


def waiting_for_stored_messages() -> Playhouse:
    """Juliet's balcony has become available, and one stored message is being loaded for it."""
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.sends(ORCHARD, chat(JULIET, "first"))
    house.binds(BALCONY)
    house.binds(CHAMBER)
    house.slow = True
    house.sends(BALCONY, presence())
    house.received.clear()
    return house


def pushed(stanza: Stanza) -> Element | None:
    """Return the item of a roster push, or None where the stanza is none."""
    query = stanza.payload.first("query", ROSTER)
    return query.first("item") if query is not None and stanza.type == "set" else None


def said(stanza: Stanza) -> str:
    """Return a stanza in a few words, for comparing."""
    item = pushed(stanza)
    if item is not None:
        ask = " ask" if item.get("ask") else ""
        return f"push {item.get('jid')} {item.get('subscription')}{ask}"
    sender = stanza.from_jid.full if stanza.from_jid is not None else "server"
    body = stanza.payload.first("body")
    if body is not None:
        return f"{sender}: {body.text}"
    return f"{stanza.KIND} {stanza.type or 'available'} from {sender}"


def told(served: Served[State]) -> list[str]:
    """Return what a result has the host send, in order, in a few words."""
    lines: list[str] = []
    for account, effect in served.effects:
        if isinstance(effect, Deliver):
            lines.append(f"{said(effect.stanza)} -> {', '.join(f'{account}/{s.resource}' for s in effect.sessions)}")
        elif isinstance(effect, Route):
            lines.append(f"{said(effect.stanza)} -> {effect.stanza.to}")
        elif isinstance(effect, FanOut):
            lines.append(f"{said(effect.stanza)} -> {', '.join(effect.recipients)}")
        elif isinstance(effect, Delegate | Load | LoadOffline):
            lines.append(f"{type(effect).__name__} {account}")
    return lines
