"""Events, effects and records in words, one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from xmpp_im_core.event import Decision
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server import effects, events
from xmpp_im_core.server.effects import FULL_JID, Clear, Delete, Effect, Put, StoreOperation
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.state import LastUnavailable, Moved, SessionId
from xmpp_im_core.stanza import IQ, Stanza

_LONGEST: Final = 80


def printable(text: str) -> str:
    """Return a text that came from a peer on one line, cut if it is long, and without control characters."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 3]}..."
    return text if text.isprintable() else repr(text)


def some(names: Sequence[str], named: int = 3) -> str:
    """Return the first names of a list, and the number of the others."""
    listed = ", ".join([printable(name) for name in names[:named]])
    return listed if len(names) <= named else f"{listed} and {len(names) - named:,} more"


def session_name(id: SessionId) -> str:
    """Return a session's resource and epoch as ``balcony#1``."""
    return f"{id.resource}#{id.epoch}"


def stanza_in_words(stanza: Stanza) -> str:
    """Return the kind, type, sender and recipient of a stanza in words."""
    kind = "IQ" if isinstance(stanza, IQ) else stanza.KIND
    words = [kind if stanza.type is None else f'{kind} of type "{printable(stanza.type)}"']
    if isinstance(stanza, IQ) and stanza.request is not None:
        words.append(f"({printable(stanza.request.name)} in {printable(stanza.request.namespace)})")
    if stanza.from_ is not None:
        words.append(f"from {printable(stanza.from_.written)}")
    if stanza.to is not None:
        words.append(f"to {printable(stanza.to.written)}")
    return " ".join(words)


# --- events -----------------------------------------------------------------------------------------------


def event_in_words(event: Event) -> str:
    """Return an event in words."""
    return EVENT_WORDS[type(event)](event)


def _inbound(event: events.Inbound) -> str:
    arrived = f"arrived: {stanza_in_words(event.stanza)}"
    if event.decision is Decision.ASK:
        return arrived
    return f"{arrived}; the service's decision is to {event.decision.value}"


def _ended(event: events.SessionEnded) -> str:
    ended = f"session {printable(session_name(event.session))} ended"
    return f"{ended}, with {len(event.undelivered)} stanzas undelivered" if event.undelivered else ended


def _session(event: Any, what: str) -> str:
    return f"session {printable(session_name(event.session))} {what}"


def _unroutable(event: events.Unroutable) -> str:
    words = f"could not be routed ({event.condition.value}): {stanza_in_words(event.effect.stanza)}"
    return f"{words}, for {some(event.recipients)}" if event.recipients else words


# Each function takes the class of its key; the type of a mapping cannot say that.
EVENT_WORDS: Final[Mapping[type, Callable[[Any], str]]] = MappingProxyType(
    {
        events.SessionBound: lambda event: _session(event, "was bound"),
        events.SessionDetached: lambda event: _session(event, "lost its stream"),
        events.SessionResumed: lambda event: _session(event, "was resumed"),
        events.SessionEnded: _ended,
        events.Outbound: lambda event: (
            f"{printable(session_name(event.session))} sent: {stanza_in_words(event.stanza)}"
        ),
        events.Inbound: _inbound,
        events.Undelivered: lambda event: (
            f"could not be delivered to {some([session_name(each) for each in event.sessions])}: "
            f"{stanza_in_words(event.effect.stanza)}"
        ),
        events.Unroutable: _unroutable,
        events.AccountLoaded: lambda event: f"the account was loaded: {len(event.records):,} records",
        events.LoadFailed: lambda event: "the account could not be loaded",
        events.OwnershipLost: lambda event: "what is known of the account is not certain any more",
        events.StoreFailed: lambda event: f"nothing could be stored when {event_in_words(event.event)}",
        events.OfflineLoaded: lambda event: _session(event, f"has {len(event.messages):,} stored messages waiting"),
        events.TimePassed: lambda event: "time passed",
        events.AccountCreated: lambda event: f"the account was created (lineage {printable(event.lineage)})",
        events.AccountRemoved: lambda event: "the account was removed",
        events.AccountMoved: lambda event: (
            "the user is back" if event.to is None else f"the user has moved to {printable(event.to.address)}"
        ),
        events.AdministratorSetItem: lambda event: f"an administrator set the item {printable(event.jid)}",
        events.AdministratorRemovedItem: lambda event: f"an administrator removed the item {printable(event.jid)}",
        events.SharedItemsChanged: lambda event: (
            f"the service shares {len(event.items):,} items: {some([item.jid for item in event.items])}"
            if event.items
            else "the service shares no items"
        ),
    }
)


# --- effects ----------------------------------------------------------------------------------------------


def effect_in_words(effect: Effect) -> str:
    """Return an effect in words, without its recipients."""
    return EFFECT_WORDS[type(effect)](effect)


def _deliver(effect: effects.Deliver) -> str:
    how = ", addressed to each full JID" if effect.address is FULL_JID else ""
    return f"deliver {stanza_in_words(effect.stanza)}{how}"


EFFECT_WORDS: Final[Mapping[type, Callable[[Any], str]]] = MappingProxyType(
    {
        effects.Deliver: _deliver,
        effects.Route: lambda effect: f"route {stanza_in_words(effect.stanza)}",
        effects.FanOut: lambda effect: f"fan out {stanza_in_words(effect.stanza)}",
        effects.EndSession: lambda effect: f"close the stream with <{effect.condition}/>",
        effects.Delegate: lambda effect: f"let a service answer {stanza_in_words(effect.iq)}",
        effects.LoadOffline: lambda effect: "load the stored messages",
        effects.Ignored: lambda effect: "send nothing",
    }
)


def recipients_of(effect: Effect) -> tuple[str, ...]:
    """Return the recipients of an effect: sessions as ``balcony#1``, others by their address."""
    if isinstance(effect, effects.Deliver):
        return tuple([session_name(each) for each in effect.sessions])
    if isinstance(effect, effects.EndSession | effects.LoadOffline):
        return (session_name(effect.session),)
    if isinstance(effect, effects.FanOut):
        return effect.recipients
    if isinstance(effect, effects.Route):
        return (effect.stanza.to.written,) if effect.stanza.to is not None else ()
    return ()


# --- records ----------------------------------------------------------------------------------------------


def operation_in_words(operation: StoreOperation) -> str:
    """Return what is stored or removed in words."""
    if isinstance(operation, Clear):
        return f"delete everything of kind {operation.kind.value}"
    what = f"{operation.kind.value} {printable(operation.key)}".rstrip()
    if isinstance(operation, Delete):
        return f"delete {what}"
    assert isinstance(operation, Put)
    value = operation.value
    words = _VALUES[type(value)](value) if type(value) in _VALUES else ""
    return f"put {what}: {words}" if words else f"put {what}"


def contact_in_words(contact: Contact) -> str:
    """Return a contact's subscription state in words, and whether it is in the roster."""
    words = [contact.state.title]
    if contact.approved:
        words.append("pre-approved")
    if not contact.listed:
        words.append("not in the roster")
    return ", ".join(words)


_VALUES: Final[Mapping[type, Callable[[Any], str]]] = MappingProxyType(
    {
        Contact: contact_in_words,
        RosterHead: lambda head: f"version {head.version} of lineage {printable(head.lineage)}",
        LastUnavailable: lambda last: stanza_in_words(last.presence),
        Moved: lambda moved: printable(moved.address),
    }
)
