"""A host in memory, as small as it can be: it keeps what is stored, and writes down what is sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from xmpp_im_core.element import Element, element
from xmpp_im_core.event import Decision
from xmpp_im_core.jid import Address, Malformed, parse_address
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server.effects import (
    Delegate,
    Delete,
    Deliver,
    Effect,
    FanOut,
    Kind,
    LoadOffline,
    Put,
    Route,
    StoreOperation,
)
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountLoaded,
    Event,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionEnded,
)
from xmpp_im_core.server.service import Arrived, ForAccount, Load, Served, Service, ServiceEvent, hosting, serve
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


class Playhouse:
    """Answers questions at once, unless it is ``slow``: then they wait in ``questions``."""

    def __init__(self, *accounts: str, policy: Policy = DEFAULT, slow: bool = False) -> None:
        self.service: Service[State] = hosting(MONTAGUE, CAPULET)
        self.policy = policy
        self.slow = False
        self.stored: dict[str, dict[tuple[Kind, str], object]] = {}
        self.sessions: dict[str, SessionId] = {}
        self.received: list[tuple[str, Stanza]] = []
        self.routed: list[Stanza] = []
        self.delegated: list[tuple[str, IQ]] = []
        self.questions: list[tuple[str, Effect | Load]] = []
        self.last: Served[State]
        self.count = 0
        for account in accounts:
            self.happens(account, AccountCreated(NOON, self.seq(), f"lineage-of-{account}"))
        self.slow = slow

    def seq(self) -> str:
        self.count += 1
        return f"{self.count:06}"

    # --- what happens -------------------------------------------------------------------------------------

    def happens(self, account: str, event: Event, decision: Decision = Decision.ASK) -> Served[State]:
        return self.feed(ForAccount(account, event, decision))

    def feed(self, event: ServiceEvent) -> Served[State]:
        first: Served[State] | None = None
        inbox = deque([event])
        while inbox:
            served = serve(self.service, inbox.popleft(), self.policy)
            first = first or served
            self.keep(served)
            for account, effect in served.send:
                inbox.extend(self.perform(account, effect))
            self.forget(served)
        assert first is not None
        self.last = first
        return first

    def binds(self, full: str) -> SessionId:
        account, _, resource = full.partition("/")
        session = SessionId(resource, self.count)
        self.sessions[full] = session
        self.happens(account, SessionBound(NOON, self.seq(), session))
        return session

    def ends(self, full: str) -> Served[State]:
        session = self.sessions.pop(full)
        return self.happens(full.partition("/")[0], SessionEnded(NOON, self.seq(), session))

    def sends(self, full: str, stanza: Stanza, decision: Decision = Decision.ASK) -> Served[State]:
        account = full.partition("/")[0]
        return self.happens(account, Outbound(NOON, self.seq(), self.sessions[full], stanza), decision)

    def enters(self, full: str) -> None:
        """Bind a resource, ask for the roster and send initial presence."""
        self.binds(full)
        self.sends(full, roster_get())
        self.sends(full, presence())

    def arrives(self, stanza: Stanza, decision: Decision = Decision.ASK) -> Served[State]:
        return self.feed(Arrived(NOON, self.seq(), stanza, decision))

    def befriend(self, one: str, other: str) -> None:
        """Let two accounts subscribe to each other, each from its session (both are full JIDs)."""
        for user, contact in ((one, other), (other, one)):
            self.sends(user, presence("subscribe", contact.partition("/")[0]))
            self.sends(contact, presence("subscribed", user.partition("/")[0]))

    # --- what the host does -------------------------------------------------------------------------------

    def keep(self, served: Served[State]) -> None:
        self._apply(served.store)
        self.service = served.state

    def forget(self, served: Served[State]) -> None:
        self._apply(served.forget)

    def _apply(self, operations: Iterable[tuple[str, StoreOperation]]) -> None:
        for account, operation in operations:
            shelf = self.stored.setdefault(account, {})
            if isinstance(operation, Put):
                shelf[operation.kind, operation.key] = operation.value
            elif isinstance(operation, Delete):
                shelf.pop((operation.kind, operation.key), None)
            else:
                for kind, key in [each for each in shelf if each[0] is operation.kind]:
                    del shelf[kind, key]

    def perform(self, account: str, effect: Effect | Load) -> list[ServiceEvent]:
        if isinstance(effect, Deliver):
            self.received += [(f"{account}/{session.resource}", effect.stanza) for session in effect.sessions]
        elif isinstance(effect, Route):
            self.routed.append(effect.stanza)
        elif isinstance(effect, FanOut):
            self.routed += [effect.stanza.stamped(to=to(recipient)) for recipient in effect.recipients]
        elif isinstance(effect, Delegate):
            self.delegated.append((account, effect.iq))
        elif isinstance(effect, Load | LoadOffline):
            if not self.slow:
                return [self.answer(account, effect)]
            self.questions.append((account, effect))
        return []

    def answer(self, account: str, question: Effect | Load) -> ForAccount:
        shelf = self.stored.get(account, {})
        if isinstance(question, Load):
            records = tuple([Put(kind, key, value) for (kind, key), value in shelf.items() if kind is not Kind.OFFLINE])
            return ForAccount(account, AccountLoaded(NOON, self.seq(), records, len(shelf) - len(records)))
        assert isinstance(question, LoadOffline)
        messages = tuple(
            [
                (key, value)
                for (kind, key), value in shelf.items()
                if kind is Kind.OFFLINE and isinstance(value, Message)
            ]
        )
        return ForAccount(account, OfflineLoaded(NOON, self.seq(), question.session, messages))

    def answers(self) -> None:
        """Answer every question that waits."""
        while self.questions:
            self.feed(self.answer(*self.questions.pop(0)))

    # --- what can be seen ---------------------------------------------------------------------------------

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
    for account, effect in served.send:
        if isinstance(effect, Deliver):
            lines.append(f"{said(effect.stanza)} -> {', '.join(f'{account}/{s.resource}' for s in effect.sessions)}")
        elif isinstance(effect, Route):
            lines.append(f"{said(effect.stanza)} -> {effect.stanza.to}")
        elif isinstance(effect, FanOut):
            lines.append(f"{said(effect.stanza)} -> {', '.join(effect.recipients)}")
        elif isinstance(effect, Delegate | Load | LoadOffline):
            lines.append(f"{type(effect).__name__} {account}")
    return lines
