"""Given, when, then: accounts, what happens to them, and what is then told to whom.

The names are the RFC's: Romeo of example.net is the user of §3, Juliet of example.com the contact, and the
user of §2, §4 and §8. An account is built as it stands, without the reducers that are tested.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from attrs import evolve

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import address_of, parse_address, parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.roster import ROSTER, Contact, RosterHead, roster_of
from xmpp_im_core.rules.delivery import MESSAGE_TO_CONNECTED
from xmpp_im_core.server import (
    Account,
    AddressedAs,
    Decision,
    Delegate,
    Deliver,
    Effect,
    EndSession,
    Event,
    FanOut,
    Ignored,
    Inbound,
    LoadOffline,
    Outbound,
    Route,
    Session,
    SessionBound,
    SessionEnded,
    SessionId,
    State,
    Step,
    Undelivered,
    reduce,
)
from xmpp_im_core.stanza import CLIENT, IQ, Message, Payload, Presence, Stanza, payload
from xmpp_im_core.subscription import Subscription

ROMEO: Final = "romeo@example.net"
JULIET: Final = "juliet@example.com"
NURSE: Final = "nurse@example.com"
MERCUTIO: Final = "mercutio@example.net"

AT: Final = datetime(2011, 3, 1, 12, 0, tzinfo=UTC)

STATES: Final = {state.title: state for state in Subscription}

_REQUIREMENTS = Path(__file__).parents[2] / "conformance" / "requirements.json"
_SECTIONS: Final = {each["section"] for each in json.loads(_REQUIREMENTS.read_text(encoding="utf-8"))}


def rfc6121(section: str, quote: str) -> pytest.MarkDecorator:
    """Name the sentence that a test holds the code to; where it fails, the sentence stands in the report."""
    assert section in _SECTIONS, f"RFC 6121 has no requirement in section {section}"
    return pytest.mark.rfc6121(section, quote)


# --- given ------------------------------------------------------------------------------------------------


def contact(
    jid: str,
    state: str = "None",
    *,
    listed: bool = True,
    name: str = "",
    groups: Iterable[str] = (),
    approved: bool = False,
    request: Presence | None = None,
    version: int | None = None,
) -> Contact:
    """Return a contact in a state of Appendix A; ``listed=False`` is one who is not in the roster."""
    return Contact(
        jid,
        STATES[state],
        listed,
        name,
        tuple(groups),
        approved,
        request,
        AT if STATES[state].pending_out else None,
        int(listed) if version is None else version,
    )


def account(
    jid: str,
    contacts: Mapping[str, str] | Iterable[Contact] = (),
    *,
    connected: Iterable[str] = (),
    interested: Iterable[str] = (),
    available: Iterable[str] | Mapping[str, int] = (),
    version: int = 7,
) -> Account:
    """Return an account with these contacts, and the resources that are connected, interested or available.

    Available resources have the priority 0 unless they are mapped to another.
    """
    if isinstance(contacts, Mapping):
        contacts = [contact(each, state) for each, state in contacts.items()]
    kept = {each.jid: _with_request(each, jid) for each in contacts}
    interested = set(interested)
    priorities = available if isinstance(available, Mapping) else dict.fromkeys(available, 0)
    resources = sorted({*connected, *interested, *priorities})
    sessions = [
        session(jid, each, each in interested, each in priorities, priority=priorities.get(each, 0))
        for each in resources
    ]
    return Account(parse_jid(jid), roster_of(RosterHead("v", version, 0), kept), tuple(sessions))


def _with_request(given: Contact, user: str) -> Contact:
    if not given.state.pending_in or given.request is not None:
        return given
    return given.becoming(given.state, presence("subscribe", given.jid, user, id="request"))


def session(
    jid: str, resource: str, interested: bool = False, available: bool = False, epoch: int = 1, priority: int = 0
) -> Session:
    address = address_of(parse_jid(jid).with_resource(resource))
    content = payload(child("priority", str(priority))) if priority else payload()
    shown = Presence(None, address, f"{resource}-presence", None, None, content) if available else None
    return Session(SessionId(resource, epoch), address, None, interested, shown, priority)


def presence(
    type: str | None, from_: str | None, to: str | None, *children: Element, id: str | None = "p1"
) -> Presence:
    """Return presence; ``"available"``, which is no type, stands for none."""
    return Presence(
        None if to is None else parse_address(to),
        None if from_ is None else parse_address(from_),
        id,
        None if type == "available" else type,
        None,
        payload(*children),
    )


def message(type: str | None, from_: str | None, to: str | None, *children: Element, id: str = "m1") -> Message:
    """Return a message; it has a body unless it is given other children."""
    return Message(
        None if to is None else parse_address(to),
        None if from_ is None else parse_address(from_),
        id,
        type,
        None,
        payload(*children or (child("body", "Wherefore art thou?"),)),
    )


def child(name: str, text: str = "", namespace: str = CLIENT) -> Element:
    """Return a child element of a stanza, with this text alone."""
    return element(name, namespace, {}, [text])


def item(jid: str | None, *groups: str, **attributes: str) -> Element:
    """Return a roster item as it stands in a roster set, push or result."""
    if jid is not None:
        attributes["jid"] = jid
    return element("item", ROSTER, attributes, [element("group", ROSTER, {}, [group]) for group in groups])


def query(*items: Element, ver: str | None = None) -> Element:
    return element("query", ROSTER, {} if ver is None else {"ver": ver}, items)


# --- when -------------------------------------------------------------------------------------------------


def inbound(
    type: str, from_: str, *children: Element, to: str = ROMEO, id: str = "p1", decision: Decision = Decision.ASK
) -> Inbound:
    """Presence from another entity has arrived."""
    return Inbound(AT, "seq", presence(type, from_, to, *children, id=id), decision)


def outbound(
    type: str | None,
    to: str | None = None,
    *children: Element,
    by: str = "foo",
    epoch: int = 1,
    id: str = "p1",
    at: datetime = AT,
    seq: str = "seq",
) -> Outbound:
    """A resource of the account has sent presence."""
    return Outbound(at, seq, SessionId(by, epoch), presence(type, None, to, *children, id=id))


def roster_get(by: str = "foo", ver: str | None = None, *, to: str | None = None) -> Outbound:
    """A resource has asked for the roster."""
    return sent_iq("get", query(ver=ver), by=by, to=to)


def roster_set(*items: Element, by: str = "foo", to: str | None = None, seq: str = "seq") -> Outbound:
    """A resource has sent a roster set with these items."""
    return sent_iq("set", query(*items), by=by, to=to, seq=seq)


def sent_iq(type: str, *children: Element, by: str = "foo", to: str | None = None, seq: str = "seq") -> Outbound:
    return Outbound(AT, seq, SessionId(by, 1), iq(type, *children, to=to))


def received_iq(type: str, *children: Element, from_: str, to: str) -> Inbound:
    return Inbound(AT, "seq", iq(type, *children, from_=from_, to=to))


def sent_message(type: str | None, to: str | None, *children: Element, by: str = "foo") -> Outbound:
    return Outbound(AT, "seq", SessionId(by, 1), message(type, None, to, *children))


def received_message(type: str | None, from_: str, to: str, *children: Element, seq: str = "seq") -> Inbound:
    return Inbound(AT, seq, message(type, from_, to, *children))


def iq(type: str, *children: Element, from_: str | None = None, to: str | None = None, id: str = "iq1") -> IQ:
    return IQ(
        None if to is None else parse_address(to),
        None if from_ is None else parse_address(from_),
        id,
        type,
        None,
        payload(*children),
    )


def bound(resource: str, epoch: int = 1) -> SessionBound:
    return SessionBound(AT, "seq", SessionId(resource, epoch))


def ended(resource: str, epoch: int = 1) -> SessionEnded:
    return SessionEnded(AT, "seq", SessionId(resource, epoch))


def delivery(stanza: Stanza, *sessions: SessionId) -> Deliver:
    """A stanza was to be delivered to these sessions, as it stands."""
    return Deliver(stanza, sessions, AddressedAs.AS_IT_STANDS, MESSAGE_TO_CONNECTED)


def after(step: Step) -> Account:
    """Return the account that a step leaves."""
    assert isinstance(step.state, Account)
    return step.state


def following(state: State, *events: Event, policy: Policy = DEFAULT) -> Account:
    """Return the account after these events."""
    for event in events:
        state = reduce(state, event, policy).state
    assert isinstance(state, Account)
    return state


# --- then -------------------------------------------------------------------------------------------------


def told(step: Step) -> list[str]:
    """Return what a step tells to whom, a line for each effect, in order; silences say nothing."""
    return [line(effect) for effect in step.effects if not isinstance(effect, Ignored)]


def line(effect: Effect) -> str:
    """Return an effect in words, such as "deliver subscribed from juliet@example.com to bar, foo"."""
    if isinstance(effect, Deliver):
        stanza, to = effect.stanza, ", ".join(_name(each) for each in effect.sessions)
        pushed = isinstance(stanza, IQ) and stanza.type == "set"
        words = _push(stanza) if pushed else _answer(stanza) if isinstance(stanza, IQ) else f"deliver {_what(stanza)}"
        rightly = AddressedAs.FULL_JID if pushed else AddressedAs.AS_IT_STANDS
        return f"{words} to {to}" + ("" if effect.address is rightly else f", addressed {effect.address.value}")
    if isinstance(effect, Route):
        return f"route {_what(effect.stanza)} to {effect.stanza.to}"
    if isinstance(effect, FanOut):
        return f"send {_what(effect.stanza)} to {', '.join(effect.recipients)}"
    if isinstance(effect, EndSession):
        return f"end {_name(effect.session)} with {effect.condition}"
    if isinstance(effect, LoadOffline):
        return f"load messages for {_name(effect.session)}"
    assert isinstance(effect, Delegate)
    return f"delegate {_what(effect.iq)}"


def _name(id: SessionId) -> str:
    return id.resource if id.epoch == 1 else f"{id.resource}#{id.epoch}"


def _what(stanza: Stanza) -> str:
    return f"{_kind(stanza)} from {stanza.from_}"


def _kind(stanza: Stanza) -> str:
    if stanza.error is not None:
        return f"error {stanza.error.condition.value}"
    return stanza.type or stanza.KIND


def _answer(stanza: Stanza) -> str:
    if stanza.type != "result":
        return _kind(stanza)
    (asked,) = stanza.payload.elements or (None,)
    if asked is None:
        return "empty result"
    return f"roster [{', '.join(shown(each) for each in asked.elements)}]"


def _push(stanza: Stanza) -> str:
    (pushed,) = stanza.payload.elements
    (content,) = pushed.elements
    return f"push {shown(content)}"


def shown(content: Element) -> str:
    """Return an item in words, such as "juliet@example.com none ask approved 'Juliet' (Friends, Lovers)"."""
    words = [content.get("jid") or "?", content.get("subscription") or "?"]
    words += ["ask"] if content.get("ask") == "subscribe" else []
    words += ["approved"] if content.get("approved") == "true" else []
    words += [f"'{content.get('name')}'"] if content.get("name") is not None else []
    groups = [group.text for group in content.all("group")]
    return " ".join([*words, f"({', '.join(groups)})"] if groups else words)


def pushes(step: Step) -> list[tuple[str, str | None]]:
    """Return the items that a step pushes, in words, each with the 'ver' of its push."""
    found: list[tuple[str, str | None]] = []
    for effect in step.effects:
        if isinstance(effect, Deliver) and isinstance(effect.stanza, IQ) and effect.stanza.type == "set":
            (pushed,) = effect.stanza.payload.elements
            (content,) = pushed.elements
            found.append((shown(content), pushed.get("ver")))
    return found


def state_of(state: State, jid: str) -> str:
    """Return the state of a contact as Appendix A names it; "None" for an unknown contact (§A.1)."""
    assert isinstance(state, Account)
    known = state.roster.contacts.get(jid)
    return "None" if known is None else known.state.title


def roster(state: State) -> list[str]:
    """Return the items of the roster, in words, as a new resource would be shown them."""
    assert isinstance(state, Account)
    return [shown(each.item()) for each in state.roster.items()]


def stanzas(step: Step) -> list[Stanza]:
    """Return what a step sends, in order; a fan-out counts once."""
    return [effect.stanza for effect in step.effects if isinstance(effect, Deliver | Route | FanOut)]


def content(step: Step) -> list[Payload]:
    """Return the payloads of what a step sends, in order."""
    return [stanza.payload for stanza in stanzas(step)]


def broken(given: Account, *sessions: SessionId) -> Account:
    """Return the account after deliveries to these sessions have failed: their ends are due, nothing else changed."""
    for id in sessions:
        session = given.session(id)
        given = given if session is None else given.with_session(evolve(session, broken=True))
    return given


def fails_in_silence(given: Account, event: Undelivered) -> bool:
    """Whether a failed delivery has no consequence, but that its sessions take no other delivery."""
    step = reduce(given, event)
    assert told(step) == []
    assert (step.store, step.forget) == ((), ())
    assert step.effects, "a silence names its rule"
    assert step.state == broken(given, *event.sessions)
    return True


def ignored(state: State, event: Event, policy: Policy = DEFAULT) -> bool:
    """Whether an event is silently ignored: nothing changes, is stored or sent, and a rule says why."""
    step = reduce(state, event, policy)
    assert told(step) == []
    assert (step.store, step.forget) == ((), ())
    assert step.effects, "a silence names its rule"
    assert step.state is state
    return True
