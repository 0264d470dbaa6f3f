"""Events that are remembered: one that comes again is known, and no other event is taken for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import attrs
from attrs import evolve

from xmpp_im_conformance.drivers.embedded.promises.broken import Step, promise
from xmpp_im_core.element import Element, element
from xmpp_im_core.event import Decision
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.storage import PROCESSED
from xmpp_im_core.server import (
    Account,
    AddressedAs,
    Clear,
    Delete,
    Deliver,
    Event,
    Inbound,
    Kind,
    Outbound,
    Put,
    SessionId,
)
from xmpp_im_core.server.accounts.processed_events import came_before
from xmpp_im_core.server.events import (
    AdministratorSetItem,
    OfflineLoaded,
    SessionBound,
    SessionEnded,
    Undelivered,
)
from xmpp_im_core.stanza import IQ, Message, Presence, Stanza, payload

_LATER: Final = timedelta(seconds=1)


def check_marks(step: Step, policy: Policy) -> None:
    """See that a step that stores something remembers its event, and that others are told apart from it."""
    before, after, event = step.before, step.after, step.event
    if not isinstance(before, Account) or not isinstance(after, Account) or not policy.remembered_events:
        return
    operations = (*step.transition.store, *step.transition.forget)
    kept = [each for each in operations if each.kind not in (Kind.PROCESSED, Kind.ENABLED)]
    extends = [each for each in operations if each.kind is Kind.ENABLED]
    if not kept or extends:
        promise(after.processed == before.processed or bool(extends), "what stores nothing is not remembered", event)
        return
    new = [mark for mark in after.processed if mark not in before.processed]
    known = (*before.processed, *new)[-policy.remembered_events :]
    promise(len(new) == 1 and after.processed == known, "the last events that store something are remembered", event)
    _check_stored(step, before, after, policy)
    promise(came_before(after, evolve(event, at=event.at + _LATER)), "an event is known when it comes again", event)
    for other in (*_without_what_is_left_out(event),):
        promise(came_before(after, other), "what an event of the host holds need not be the same", other)
    for other in _others(event):
        promise(not came_before(after, other), "no other event is taken for one that came before", event, other)


def _check_stored(step: Step, before: Account, after: Account, policy: Policy) -> None:
    """See that the record of an event is stored with what the event changes, and the oldest one removed."""
    operations = (*step.transition.store, *step.transition.forget)
    puts = {each.key for each in operations if isinstance(each, Put) and each.kind is Kind.PROCESSED}
    deletes = {each.key for each in operations if isinstance(each, Delete) and each.kind is Kind.PROCESSED}
    if not policy.store_remembered_events:
        promise(not puts and not deletes, "events that are only remembered are not stored", operations)
        return
    promise(puts == set(after.processed) - set(before.processed), "an event is stored with its changes", operations)
    promise(deletes == set(before.processed) - set(after.processed), "the oldest event is removed", operations)
    last = step.transition.store or step.transition.forget
    promise(
        any(each.kind is Kind.PROCESSED for each in last) and not any(isinstance(each, Clear) for each in last[-1:]),
        "an event is stored by the first commit that stores something of it",
        operations,
    )


def _without_what_is_left_out(event: Event) -> Iterator[Event]:
    """Yield events that differ in what a ``seq`` that comes again with the same class and session tells already."""
    if isinstance(event, SessionEnded):
        yield evolve(event, undelivered=() if event.undelivered else _DELIVERIES)
    if isinstance(event, Undelivered):
        yield evolve(event, effect=evolve(event.effect, stanza=evolve(event.effect.stanza, id="another")))
    if isinstance(event, OfflineLoaded):
        yield evolve(event, messages=event.messages[1:])


_NO_SESSION: Final = SessionId("x", 0)
_DELIVERIES: Final = (Deliver(Message(None, None, None, "chat"), (_NO_SESSION,), AddressedAs.AS_IT_STANDS, PROCESSED),)
_TYPES: Final[Mapping[type[Stanza], tuple[str | None, ...]]] = {
    Message: ("chat", None),
    Presence: ("subscribe", "unsubscribe"),
    IQ: ("get", "set"),
}


def _others(event: Event) -> Iterator[Event]:
    """Yield events with the same ``seq`` that differ in one thing each."""
    yield evolve(event, seq=f"{event.seq}0")
    yield evolve(event, seq=event.seq[1:] or "x")
    if isinstance(event, Inbound | Outbound):
        for stanza in _other_stanzas(event.stanza):
            yield evolve(event, stanza=stanza)
    if isinstance(event, Inbound):
        yield evolve(event, decision=Decision.DENY if event.decision is not Decision.DENY else Decision.ASK)
        yield Outbound(event.at, event.seq, SessionId("ASK", 1), event.stanza)
    if isinstance(event, Outbound):
        yield Inbound(event.at, event.seq, event.stanza)
    names = {each.name for each in attrs.fields(type(event))}
    if "session" in names:
        changed: Any = event
        resource, epoch = changed.session
        yield evolve(changed, session=SessionId(f"{resource}x", epoch))
        yield evolve(changed, session=SessionId(resource, epoch + 1))
    if isinstance(event, SessionBound):
        yield evolve(event, lang="x-other")
    if isinstance(event, AdministratorSetItem):
        yield evolve(event, name=f"{event.name}x")


def _other_stanzas(stanza: Stanza) -> Iterator[Stanza]:
    yield evolve(stanza, type=next(each for each in _TYPES[type(stanza)] if each != stanza.type))
    yield evolve(stanza, id=f"{stanza.id or ''}x")
    yield stanza.stamped(to=parse_address("other@other.example"))
    yield stanza.stamped(from_=parse_address("other@other.example"))
    for children in _other_children(stanza.payload.children):
        yield evolve(stanza, payload=payload(*children))


def _other_children(children: tuple[Element | str, ...]) -> Iterator[tuple[Element | str, ...]]:
    """Yield children that differ: one more, a text, a name, a namespace, an attribute, the order, the nesting."""
    first, second = element("first", "urn:one"), element("second", "urn:two")
    yield (*children, first)
    yield (*children, "text")
    for n, child in enumerate(children):
        if isinstance(child, str):
            yield (*children[:n], f"{child}x", *children[n + 1 :])
            continue
        for other in _other_elements(child):
            yield (*children[:n], other, *children[n + 1 :])
    if any(children[n] != children[-n - 1] for n in range(len(children))):
        yield children[::-1]
    last = children[-1] if children else None
    if isinstance(last, Element) and last.children:
        yield (*children[:-1], *last.children, evolve(last, children=()))
    elements = [child for child in children if isinstance(child, Element)]
    if elements and not elements[-1].children:
        inner = evolve(elements[0], children=(*elements[0].children, second))
        yield tuple([inner if child is elements[0] else child for child in children])


def _other_elements(child: Element) -> Iterator[Element]:
    yield evolve(child, name=f"{child.name}x")
    yield evolve(child, namespace=f"{child.namespace}x")
    yield evolve(child, attributes=(*child.attributes, ("zz", "1")))
    if child.attributes:
        (name, value), *rest = child.attributes
        yield evolve(child, attributes=((name, f"{value}x"), *rest))
    if child.children:
        yield evolve(child, children=())
        last = child.children[-1]
        if isinstance(last, str):
            yield evolve(child, children=(*child.children[:-1], f"{last}x"))
        elif not last.children:
            yield evolve(child, children=(*child.children[:-1], evolve(last, name=f"{last.name}x")))
