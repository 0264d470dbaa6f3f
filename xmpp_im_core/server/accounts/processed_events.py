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
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import storage as rules
from xmpp_im_core.server.effects import Delete, Kind, Put, StoreOperation, Transition, silence
from xmpp_im_core.server.events import Event, Inbound, Outbound
from xmpp_im_core.server.state import Account, State
from xmpp_im_core.stanza import Stanza


def once(before: Account, event: Event, step: Transition[State], policy: Policy) -> Transition[State]:
    """Return a step that changes what is stored, with its event remembered; or a silence if it was processed before.

    :param before: the account before the event.
    """
    mark = mark_of(event)
    if mark in before.processed:
        return silence(before, rules.PROCESSED)
    after = step.state
    if not isinstance(after, Account) or not policy.remembered_events:
        return step
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
    if isinstance(event, Inbound):
        checksum = _of_stanza(f"Inbound {event.decision.value}", event.stanza)
    elif isinstance(event, Outbound):
        checksum = _of_stanza(f"Outbound {event.session.resource} {event.session.epoch}", event.stanza)
    else:
        fields = [getattr(event, each.name) for each in attrs.fields(type(event)) if each.name not in _LEFT_OUT]
        checksum = _with(0, f"{type(event).__name__} {fields!r}")
    return f"{event.seq}#{checksum:08x}"


_LEFT_OUT: Final = frozenset({"at", "seq", "undelivered", "effect", "event", "records", "messages"})
"""The fields of events that do not count, or that hold stanzas or records: a ``seq`` that repeats with the same class,
session and account is enough there."""


def _of_stanza(event: str, stanza: Stanza) -> int:
    """Return the checksum of a stanza and of the text about its event.

    It may be nested as deeply as it likes, so this is a loop.
    """
    from_ = "" if stanza.from_ is None else stanza.from_.written
    to = "" if stanza.to is None else stanza.to.written
    checksum = _with(0, f"{event} {stanza.KIND} {stanza.type} {stanza.id} {from_} {to}")
    left: list[Element | str] = [*stanza.payload.children]
    while left:
        part = left.pop()
        if isinstance(part, str):
            checksum = _with(checksum, part)
        else:
            checksum = _with(checksum, f"{part.name} {part.namespace} {part.attributes} {len(part.children)}")
            left += part.children
    return checksum


def _with(checksum: int, text: str) -> int:
    return crc32(text.encode(errors="surrogatepass"), checksum)
