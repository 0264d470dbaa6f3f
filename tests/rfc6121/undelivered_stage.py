"""What the tests of undelivered stanzas share."""

from __future__ import annotations

from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    delivery,
)
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    Account,
    Deliver,
    Event,
    Kind,
    Put,
    SessionEnded,
    SessionId,
    Step,
    Undelivered,
    reduce,
)
from xmpp_im_core.stanza import Message, Stanza

ORCHARD = f"{ROMEO}/orchard"
FULL = f"{JULIET}/balcony"
BALCONY, CHAMBER, HALL = SessionId("balcony", 1), SessionId("chamber", 1), SessionId("hall", 1)


def ended(*lost: Stanza) -> SessionEnded:
    """The balcony has ended, and these are known not to have arrived; nobody else was to get them."""
    return SessionEnded(AT, "seq", BALCONY, tuple([delivery(each, BALCONY) for each in lost]))


def juliet(**priorities: int) -> Account:
    return account(JULIET, {ROMEO: "From"}, connected=("balcony",), available=priorities)


def lost(given: Account, event: Event, *sessions: SessionId, policy: Policy | None = None) -> Step:
    """Return what becomes of a delivery that failed for these sessions, or for all of its sessions."""
    (effect,) = reduce(given, event, policy or Policy()).effects
    assert isinstance(effect, Deliver)
    return reduce(given, Undelivered(AT, "again", effect, sessions or effect.sessions), policy or Policy())


def fate(step: Step, sent: Message) -> str:
    """Return in which one of four places a message has ended."""
    places = []
    for operation in step.store:
        if isinstance(operation, Put) and operation.kind is Kind.OFFLINE:
            assert isinstance(operation.value, Message)
            assert operation.value.payload.children[: len(sent.payload.children)] == sent.payload.children
            places.append("stored")
    for effect in step.effects:
        if not hasattr(effect, "stanza") or not isinstance(effect.stanza, Message):
            continue
        if isinstance(effect, Deliver):
            assert effect.stanza == sent
            places.append(f"deliver {sent.type} to {', '.join(each.resource for each in effect.sessions)}")
        else:
            assert effect.stanza.type == "error"
            places.append("bounced")
    assert len(places) <= 1
    return places[0] if places else "dropped"
