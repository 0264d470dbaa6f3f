"""Accounts of any size, and the events that the benchmarks put to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from timeit import timeit

from xmpp_im_core.element import element
from xmpp_im_core.jid import address_of, parse_address, parse_jid
from xmpp_im_core.roster import ROSTER, Contact, RosterHead, roster_of
from xmpp_im_core.server import Account, Event, Inbound, Outbound, Session, SessionId
from xmpp_im_core.stanza import CLIENT, IQ, Message, Payload, Presence, payload
from xmpp_im_core.subscription import BOTH, Subscription

JULIET = parse_jid("juliet@capulet.example")
BALCONY = SessionId("balcony", 1)
NOON = datetime(2026, 7, 12, 12, tzinfo=UTC)


def ratio(run: Callable[[], object], other: Callable[[], object], number: int = 50, rounds: int = 30) -> float:
    """How many times as long one takes as the other: both in turn, and of each the round that nothing disturbed."""
    times = [(timeit(run, number=number), timeit(other, number=number)) for _ in range(rounds)]
    return min([mine for mine, _ in times]) / min([theirs for _, theirs in times])


def contact(number: int, state: Subscription = BOTH) -> Contact:
    return Contact(f"friend{number}@montague.example", state, name=f"Friend {number}", version=number + 1)


def session(resource: str, content: Payload | None = None) -> Session:
    full = address_of(JULIET.with_resource(resource))
    presence = Presence(None, full, "p1", None, "en", rich_presence() if content is None else content)
    return Session(SessionId(resource, 1), full, "en", True, presence, presence.priority)


def rich_presence() -> Payload:
    return payload(
        element("show", CLIENT, {}, ["away"]),
        element("status", CLIENT, {}, ["be right back"]),
        element("priority", CLIENT, {}, ["1"]),
        element(
            "c",
            "http://jabber.org/protocol/caps",
            {"hash": "sha-1", "node": "http://psi-im.org", "ver": "q07IKJEyjvHSyhy//CH0CxmKi8w="},
        ),
    )


def account(contacts: int, sessions: Iterable[Session] = ()) -> Account:
    """Return an account with so many contacts, all of them "both", and one available and interested resource."""
    everybody = {each.jid: each for each in map(contact, range(contacts))}
    roster = roster_of(RosterHead("lineage", contacts, 0), everybody)
    return Account(JULIET, roster, tuple(sessions) or (session("balcony"),))


# --- events -----------------------------------------------------------------------------------------------


def message() -> Event:
    body = element("body", CLIENT, {}, ["Art thou not Romeo, and a Montague?"])
    sender = parse_address("friend0@montague.example/orchard")
    return Inbound(NOON, "e1", Message(address_of(JULIET), sender, "m1", "chat", None, payload(body)))


def subscribe(number: int = 0, domain: int = 0) -> Event:
    sender = parse_address(f"stranger{number}@verona{domain}.example")
    return Inbound(NOON, "e1", Presence(address_of(JULIET), sender, "s1", "subscribe"))


def roster_set(jid: str = "friend3@montague.example") -> Event:
    item = element("item", ROSTER, {"jid": jid, "name": "Romeo"}, [element("group", ROSTER, {}, ["Friends"])])
    request = IQ(None, None, "r1", "set", None, payload(element("query", ROSTER, {}, [item])))
    return Outbound(NOON, "e1", BALCONY, request)


def roster_removal(jid: str = "friend3@montague.example") -> Event:
    item = element("item", ROSTER, {"jid": jid, "subscription": "remove"})
    request = IQ(None, None, "r1", "set", None, payload(element("query", ROSTER, {}, [item])))
    return Outbound(NOON, "e1", BALCONY, request)


def update() -> Event:
    return Outbound(NOON, "e1", BALCONY, Presence(None, None, "p2", None, "en", rich_presence()))
