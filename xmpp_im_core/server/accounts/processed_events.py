"""Events that come twice: what an event stores is stored once.

A host may take its events from a queue that delivers an event again if a crash has hidden whether it was processed. So
the account remembers the last events that changed what is stored (``Policy.remembered_events``), and ignores such an
event if it comes again. With ``Policy.store_remembered_events`` they are also stored, in the commit of their step, and
are known after a restart.

An event that stores nothing is not remembered: if it comes again, its stanzas are sent again. An event is known by its
``seq`` and a checksum of its content. So a host that repeats a ``seq`` by mistake loses no event.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import attrs

from xmpp_im_core.element import Element
from xmpp_im_core.event import Decision
from xmpp_im_core.policy import Policy
from xmpp_im_core.server.effects import Delete, Kind, Put, StoreOperation, Transition
from xmpp_im_core.server.events import Event, Inbound, Outbound
from xmpp_im_core.server.state import Account, State
from xmpp_im_core.stanza import Stanza

ASK: Final = Decision.ASK


def came_before(account: Account, event: Event) -> bool:
    """Whether the account remembers this event. Nearly always no mark has its ``seq``, and the event is not read."""
    return f"{event.seq}#" in "".join(account.processed) and mark_of(event) in account.processed


def remembering(before: Account, event: Event, step: Transition[State], policy: Policy) -> Transition[State]:
    """Return a step that changes what is stored, with its event remembered.

    :param before: the account before the event.
    """
    after = step.state
    if not isinstance(after, Account) or not policy.remembered_events:
        return step
    mark = mark_of(event)
    marks = (*before.processed, mark)
    remembered = after.remembering(marks[-policy.remembered_events :])
    if not policy.store_remembered_events:
        return Transition(remembered, step.effects, step.store, step.forget)
    operations: list[StoreOperation] = [Put(Kind.PROCESSED, mark, None)]
    operations += [Delete(Kind.PROCESSED, old) for old in marks[: -policy.remembered_events]]
    if step.store:
        return Transition(remembered, step.effects, (*step.store, *operations), step.forget)
    return Transition(remembered, step.effects, (), (*step.forget, *operations))


def mark_of(event: Event) -> str:
    """Return the text by which an event is remembered: its ``seq``, and a checksum of its content.

    The time of an event does not count: a host may take it anew when a queue delivers the event again.
    """
    if type(event) is Inbound:
        decision = "" if event.decision is ASK else event.decision.value
        content = _of_stanza(["Inbound", decision], event.stanza)
    elif type(event) is Outbound:
        content = _of_stanza(["Outbound", event.session.resource, str(event.session.epoch)], event.stanza)
    else:
        fields = [getattr(event, each.name) for each in attrs.fields(type(event)) if each.name not in _LEFT_OUT]
        content = f"{type(event).__name__} {fields!r}"
    return f"{event.seq}#{crc32(content.encode('utf-8', 'surrogatepass')):08x}"


_LEFT_OUT: Final = frozenset({"at", "seq", "undelivered", "effect", "event", "records", "messages"})
"""The fields of events that do not count, or that hold stanzas or records: a ``seq`` that repeats with the same class,
session and account is enough there."""


def _of_stanza(parts: list[str], stanza: Stanza) -> str:
    """Return everything about a stanza that counts, as one text. One checksum of it is faster than one of each part.

    The parts are separated by a character that XML cannot contain. The number of its children ends an element. It may
    be nested as deeply as it likes, so this is a loop.

    :param parts: what counts about the event. This function appends to it.
    """
    from_, to = stanza.from_, stanza.to
    parts += (
        stanza.KIND,
        stanza.type or "",
        stanza.id or "",
        "" if from_ is None else from_.written,
        "" if to is None else to.written,
    )
    left: list[Element | str] = [*stanza.payload.children]
    while left:
        part = left.pop()
        if isinstance(part, str):
            parts.append(part)
            continue
        children = part.children
        parts += (part.name, part.namespace)
        for pair in part.attributes:
            parts += pair
        parts.append(str(len(children)))
        left += children
    return "\0".join(parts)
