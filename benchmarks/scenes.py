"""The initial states of the benchmarks. Events make all of them, so a host would have the same states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from attrs import evolve

from benchmarks import documents
from xmpp_im_core import client
from xmpp_im_core.codec import Limits, StreamParser, parse_stanza
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.roster import ROSTER, Contact, RosterHead
from xmpp_im_core.server import (
    Account,
    AccountLoaded,
    Event,
    ForAccount,
    Inbound,
    Kind,
    Load,
    LoadOffline,
    NoAccount,
    OfflineLoaded,
    Outbound,
    Put,
    Served,
    Service,
    SessionBound,
    SessionId,
    State,
    hosting,
    reduce,
    serve,
)
from xmpp_im_core.stanza import CLIENT, IQ, Message, Payload, Presence, Stanza, payload
from xmpp_im_core.subscription import BOTH

NOON: Final = datetime(2026, 7, 12, 12, tzinfo=UTC)
DOMAIN: Final = "capulet.example"
JULIET: Final = f"juliet@{DOMAIN}"
BALCONY: Final = SessionId("balcony", 1)
FULL: Final = f"{JULIET}/balcony"
FRIEND: Final = "friend0@montague.example"
NO_LIMITS: Final = Limits(stanza_bytes=10**9)


def opened(header: bytes = documents.HEADER) -> StreamParser:
    """Return the parser of a stream that has read the header."""
    parser = StreamParser(limits=NO_LIMITS)
    parser.feed(header)
    return parser


# --- stanzas and events -------------------------------------------------------------------------------------


def shown(status: str = "be right back") -> Payload:
    caps = {"hash": "sha-1", "node": "http://psi-im.org", "ver": "q07IKJEyjvHSyhy//CH0CxmKi8w="}
    return payload(
        element("show", CLIENT, {}, ["away"]),
        element("status", CLIENT, {}, [status]),
        element("priority", CLIENT, {}, ["1"]),
        element("c", "http://jabber.org/protocol/caps", caps),
    )


def chat(to: str, sender: str | None = f"{FRIEND}/orchard") -> Message:
    content = payload(
        element("body", CLIENT, {}, ["Art thou not Romeo, and a Montague?"]),
        element("thread", CLIENT, {}, ["e0ffe42b28561960c6b12b944a092794b9683a38"]),
        element("active", "http://jabber.org/protocol/chatstates"),
        element("request", "urn:xmpp:receipts"),
    )
    return Message(parse_address(to), None if sender is None else parse_address(sender), "m1", "chat", "en", content)


def update(status: str = "be right back") -> Presence:
    return Presence(None, None, "p2", None, "en", shown(status))


def directed(to: str) -> Presence:
    return update().stamped(to=parse_address(to))


def subscription(type: str, sender: str) -> Presence:
    return Presence(parse_address(JULIET), parse_address(sender), "s1", type)


def roster_get() -> IQ:
    return IQ(None, None, "g1", "get", None, payload(element("query", ROSTER)))


def roster_set(jid: str = "friend3@montague.example") -> IQ:
    item = element("item", ROSTER, {"jid": jid, "name": "Romeo"}, [element("group", ROSTER, {}, ["Friends"])])
    return IQ(None, None, "r1", "set", None, payload(element("query", ROSTER, {}, [item])))


def blocking(name: str, *jids: str) -> IQ:
    """Return a request to block or unblock."""
    items = [element("item", "urn:xmpp:blocking", {"jid": jid}) for jid in jids]
    return IQ(None, None, "b1", "set", None, payload(element(name, "urn:xmpp:blocking", {}, items)))


def inbound(stanza: Stanza) -> Inbound:
    return Inbound(NOON, "e1", stanza)


def outbound(stanza: Stanza, session: SessionId = BALCONY) -> Outbound:
    return Outbound(NOON, "e1", session, stanza)


# --- accounts -----------------------------------------------------------------------------------------------


def friends(size: int) -> list[Contact]:
    return [
        Contact(f"friend{n}@montague.example", BOTH, name=f"Friend {n}", groups=("Friends",), version=n + 1)
        for n in range(size)
    ]


def records(contacts: Iterable[Contact]) -> tuple[Put, ...]:
    """Return the records of a stored account."""
    stored = [Put(Kind.CONTACT, each.jid, each) for each in contacts]
    return (Put(Kind.ROSTER, "", RosterHead("lineage", len(stored), 0)), *stored)


def after(state: State, *events: Event) -> Account:
    """Return the account after these events. The steps that are measured have another ``seq``, as it should be."""
    for event in events:
        state = reduce(state, evolve(event, seq=f"{event.seq} before")).state
    assert isinstance(state, Account)
    return state


def account(contacts: Iterable[Contact], *, sessions: int = 1, available: bool = True) -> Account:
    """Return a loaded account whose resources have sent their first presence: the usual state."""
    state = after(NoAccount(parse_jid(JULIET)), AccountLoaded(NOON, "load", records(contacts)))
    for n in range(sessions):
        id = BALCONY if n == 0 else SessionId(f"r{n:02}", 1)
        state = after(
            state,
            SessionBound(NOON, f"bind{n}", id, "en"),
            Outbound(NOON, f"get{n}", id, roster_get()),
            *([Outbound(NOON, f"presence{n}", id, update("first"))] if available else []),
        )
    return state


# --- clients ------------------------------------------------------------------------------------------------


def client_after(state: client.Client, *events: client.Event) -> client.Client:
    for event in events:
        state = client.reduce(state, event).state
    return state


def client_of(size: int) -> client.Client:
    """Return a client that has received its roster, and the presence of one contact."""
    bound = client.Bound(parse_jid(FULL), lang="en")
    answer = parse_stanza(documents.roster(size), limits=NO_LIMITS)
    there = update().stamped(from_=parse_address("friend3@montague.example/x"))
    state = client_after(
        client.Client(parse_jid(JULIET)),
        client.SessionBound(NOON, "b", bound),
        client.GetRoster(NOON, "g"),
    )
    (question,) = state.questions
    asked = IQ(answer.to, answer.from_, question, "result", None, answer.payload)
    return client_after(state, client.Inbound(NOON, "i", asked), client.Inbound(NOON, "p", there))


# --- services -----------------------------------------------------------------------------------------------


class Town:
    """A host without I/O: it serves events, and answers requests to load an account at once."""

    def __init__(self, stored: Mapping[str, tuple[Put, ...]]) -> None:
        self.service: Service[State] = hosting(DOMAIN)
        self._stored = stored
        self._seq = 0

    def seq(self) -> str:
        self._seq += 1
        return f"{self._seq:09}"

    def feed(self, jid: str, event: Event) -> Served[State]:
        """Serve an event, and the answers to its requests. Return the result of the event itself."""
        first = served = serve(self.service, ForAccount(jid, event))
        self.service = served.state
        due = list(served.effects)
        while due:
            owner, effect = due.pop(0)
            if isinstance(effect, Load):
                answer: Event = AccountLoaded(NOON, self.seq(), self._stored.get(owner, ()))
            elif isinstance(effect, LoadOffline):
                answer = OfflineLoaded(NOON, self.seq(), effect.session, ())
            else:
                continue
            served = serve(self.service, ForAccount(owner, answer))
            self.service = served.state
            due += served.effects
        return first

    def login(self, jid: str, *, resource: str = "balcony", roster: bool = False, available: bool = True) -> None:
        id = SessionId(resource, 1)
        self.feed(jid, SessionBound(NOON, self.seq(), id, "en"))
        if roster:
            self.feed(jid, Outbound(NOON, self.seq(), id, roster_get()))
        if available:
            self.feed(jid, Outbound(NOON, self.seq(), id, update("first")))


def mutual(jids: Iterable[str]) -> tuple[Put, ...]:
    return records([Contact(jid, BOTH, name=jid.partition("@")[0], version=n + 1) for n, jid in enumerate(jids)])


def user(number: int) -> str:
    return f"u{number}@{DOMAIN}"


def star(followers: int) -> Town:
    """Return a town where juliet and all her contacts are online; each contact has only her in the roster."""
    users = [user(number) for number in range(followers)]
    town = Town({JULIET: mutual(users)} | {each: mutual([JULIET]) for each in users})
    for each in users:
        town.login(each)
    town.login(JULIET, roster=True)
    return town


def circle(users: int, contacts: int) -> Town:
    """Return a town where each user has the next users of a circle as contacts; no user is online yet."""
    half = contacts // 2
    stored = {}
    for n in range(users):
        near = {user((n + step) % users) for step in range(-half, half + 1)} - {user(n)}
        stored[user(n)] = mutual(sorted(near))
    return Town(stored)


def alone(*jids: str, contacts: int = 100) -> Town:
    """Return a town where these users are online. All their contacts are at another domain."""
    town = Town({jid: records(friends(contacts)) for jid in jids})
    for jid in jids:
        town.login(jid, roster=True)
    return town
