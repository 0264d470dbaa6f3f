"""Each entity that has seen a resource arrive sees it leave, and no other does (RFC 6121 §4.5.2, §4.6; XEP-0191 §3.3).

The account runs as a host runs it: stanzas to itself come back. The test keeps a list of the last presence of each
resource that each address has received: by a broadcast, directed presence, a cancellation, or a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_core.element import element
from xmpp_im_core.jid import Address, parse_address, parse_jid
from xmpp_im_core.roster import ROSTER, Contact, RosterHead, SharedItem, roster_of
from xmpp_im_core.server.accounts import reducer as machine
from xmpp_im_core.server.blocking import BLOCKING
from xmpp_im_core.server.effects import Deliver, Effect, FanOut, Route
from xmpp_im_core.server.events import Event, Inbound, Outbound, SessionBound, SessionEnded, SharedItemsChanged
from xmpp_im_core.server.state import Account, SessionId
from xmpp_im_core.server.visibility import is_blocked, is_withheld
from xmpp_im_core.stanza import IQ, Presence, Stanza, payload
from xmpp_im_core.subscription import BOTH, FROM, NONE, TO, Subscription
from xmpp_im_core.testing.draw import choose
from xmpp_im_core.testing.state_strategies import JULIET, NOON

ROMEO: Final = "romeo@montague.example"
ROOM: Final = "lobby@chat.example"
OTHERS: Final = (ROMEO, f"{ROMEO}/orchard", f"{ROMEO}/hall", ROOM, f"{ROOM}/Juliet", f"{ROOM}/Tybalt")
RESOURCES: Final = ("balcony", "chamber")
OWN: Final = (JULIET.bare, *[f"{JULIET.bare}/{resource}" for resource in RESOURCES])
BLOCKABLE: Final = (*OTHERS, "montague.example", "chat.example")


DIRECTED: Final = (None, "unavailable")


def address(text: str) -> Address:
    parsed = parse_address(text)
    assert isinstance(parsed, Address)
    return parsed


@define
class Stage:
    """An account, and what everybody has heard last of each of its resources."""

    account: Account
    epoch: int = 0
    heard: dict[tuple[str, str | SessionId], str] = field(factory=dict)
    """By resource, and by address or own session: "available" or "unavailable"."""

    def happens(self, event: Event) -> None:
        """Take an event, and what comes back of it, and note who hears what."""
        step = machine.reduce(self.account, event)
        before, after = self.account, step.state
        assert isinstance(after, Account)
        self.account = after
        back: list[Stanza] = []
        for effect in step.effects:
            for to, stanza in told(effect):
                self.note(before, event, to, stanza)
                if isinstance(to, str) and parse_jid(to).bare == JULIET.bare:
                    back.append(stanza.stamped(to=address(to)))
        for session in before.sessions:
            now = after.session(session.id)
            if session.available and now is not None and not now.available:  # it wants to hear of nobody any more
                self.heard = {key: said for key, said in self.heard.items() if key[1] != session.id}
        if isinstance(event, Inbound) and event.stanza.type == "unavailable":
            self.left(str(event.stanza.from_), str(event.stanza.to))
        for number, stanza in enumerate(back):
            self.happens(Inbound(event.at, f"{event.seq}.{number}", stanza))

    def note(self, before: Account, event: Event, to: str | SessionId, stanza: Stanza) -> None:
        sender = stanza.from_jid
        if not isinstance(stanza, Presence) or stanza.type not in (None, "unavailable") or sender is None:
            return
        if sender.bare != JULIET.bare or sender.resource is None:
            return
        if isinstance(to, SessionId) and to.resource == sender.resource:
            return  # what a resource has said itself it knows
        said = "unavailable" if stanza.type else "available"
        if isinstance(to, str) and parse_jid(to).bare == JULIET.bare:
            return  # it comes back, and is delivered to sessions
        self.heard[sender.resource, to], before_it = said, self.heard.get((sender.resource, to))
        if isinstance(to, SessionId) or is_directed(event):
            return
        self.check(before, to, said, before_it)
        if stanza.type and before.roster.state_of(to).from_:  # told once, by the bare JID
            for resource, entity in self.heard:
                if resource == sender.resource and isinstance(entity, str) and entity.startswith(f"{to}/"):
                    self.heard[resource, entity] = said

    def check(self, before: Account, to: str, said: str, heard: str | None) -> None:
        """What the server says by itself, it says to those who may hear it, and the end only after the beginning."""
        entity = parse_jid(to)
        if said == "available":
            assert not is_withheld(self.account, entity), f"{to} sees the user, who blocks it, arrive"
        else:
            assert not is_blocked(before, entity), f"{to} sees the user, who blocks it, leave"
            subscribed = before.roster.state_of(entity.bare).from_
            assert subscribed or heard == "available", f"{to} hears of the end of what it has never heard of"

    def left(self, sender: str, to: str) -> None:
        """An entity has said that it leaves: nothing is owed to it by the resources that it has said it to."""
        entity = parse_jid(sender)
        own = self.account.resource(entity.resource) if entity.bare == JULIET.bare else None
        for resource in RESOURCES:
            if parse_jid(to).resource in (None, resource):
                self.heard.pop((resource, sender if own is None else own.id), None)

    def everybody_knows_who_has_left(self) -> None:
        for (resource, to), said in self.heard.items():
            session = self.account.resource(resource)
            if said == "available" and (session is None or (not session.available and not session.directed)):
                gone = isinstance(to, SessionId) and self.account.session(to) is None
                assert gone, f"{to} takes {resource} for available"


def is_directed(event: Event) -> bool:
    """Whether the user's own client directs presence to somebody."""
    stanza = event.stanza if isinstance(event, Outbound) else None
    return isinstance(stanza, Presence) and stanza.to is not None and stanza.type in DIRECTED


def told(effect: Effect) -> Iterator[tuple[str | SessionId, Stanza]]:
    if isinstance(effect, Route):
        to = effect.stanza.to_jid
        if to is not None:
            yield to.full, effect.stanza
    elif isinstance(effect, FanOut):
        for recipient in effect.recipients:
            yield recipient, effect.stanza
    elif isinstance(effect, Deliver):
        for session in effect.sessions:
            yield session, effect.stanza


def sent(stage: Stage, number: int, resource: str, stanza: Stanza) -> Event | None:
    session = stage.account.resource(resource)
    return None if session is None else Outbound(NOON + timedelta(seconds=number), f"e{number}", session.id, stanza)


def command(name: str, jid: str) -> IQ:
    asked = element(name, BLOCKING, {}, [element("item", BLOCKING, {"jid": jid})])
    return IQ(None, None, "b", "set", None, payload(asked))


def removal(jid: str) -> IQ:
    item = element("item", ROSTER, {"jid": jid, "subscription": "remove"})
    return IQ(None, None, "r", "set", None, payload(element("query", ROSTER, {}, [item])))


def draw_event(draw: st.DrawFn, stage: Stage, number: int) -> Event | None:
    """Something that changes who is there, who has heard of it, or who may."""
    at, seq, resource = NOON + timedelta(seconds=number), f"e{number}", choose(draw, RESOURCES)
    kind = choose(draw, ("bind", "end", "show", "show", "direct", "direct", "left", "block", "subscription", "share"))
    if kind == "bind":
        return SessionBound(at, seq, SessionId(resource, number + 1))
    if kind == "end":
        session = stage.account.resource(resource)
        return None if session is None else SessionEnded(at, seq, session.id)
    if kind == "left":
        to = choose(draw, OWN)
        return Inbound(at, seq, Presence(address(to), address(choose(draw, OTHERS)), None, "unavailable"))
    if kind == "share":
        state = choose(draw, (None, FROM, TO))
        return SharedItemsChanged(at, seq, () if state is None else (SharedItem(ROMEO, state),))
    contact = choose(draw, (ROMEO, ROOM))
    if kind == "subscription" and choose(draw, (True, False)):
        asked = choose(draw, ("subscribe", "unsubscribe"))
        return Inbound(at, seq, Presence(address(JULIET.bare), address(contact), "s", asked))
    stanzas: dict[str, tuple[Stanza, ...]] = {
        "show": (Presence(), Presence(), Presence(type="unavailable")),
        "direct": tuple(Presence(address(to), None, "d", each) for to in (*OTHERS, *OWN) for each in DIRECTED),
        "block": tuple(command(name, jid) for jid in BLOCKABLE for name in ("block", "unblock")),
        "subscription": (
            *[Presence(address(contact), None, "s", type) for type in ("subscribed", "unsubscribed")],
            removal(contact),
        ),
    }
    return sent(stage, number, resource, choose(draw, stanzas[kind]))


def opening(draw: st.DrawFn) -> Stage:
    states = {jid: choose(draw, (NONE, FROM, BOTH, TO)) for jid in (ROMEO, ROOM)}
    contacts = {jid: Contact(jid, state, version=1) for jid, state in states.items() if state is not Subscription.NONE}
    return Stage(Account(JULIET, roster_of(RosterHead("l", 1, 0), contacts)))


@st.composite
def stages(draw: st.DrawFn) -> Stage:
    """Play up to 25 events, and look after each of them."""
    stage = opening(draw)
    for resource in RESOURCES:
        stage.happens(SessionBound(NOON, f"bind-{resource}", SessionId(resource, 0)))
    for number in range(draw(st.integers(1, 25))):
        event = draw_event(draw, stage, number)
        if event is None:
            continue
        stage.happens(event)
        stage.everybody_knows_who_has_left()
    return stage


@given(stages())
def test_exactly_those_who_saw_a_resource_arrive_see_it_leave(stage: Stage) -> None:
    for resource in RESOURCES:
        session = stage.account.resource(resource)
        if session is not None:
            stage.happens(SessionEnded(NOON, f"end-{resource}", session.id))
    stage.everybody_knows_who_has_left()
