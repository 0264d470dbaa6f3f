"""The limits of the policy, and a stanza that reaches each."""

from __future__ import annotations

from typing import Any, Final

from tests.rfc6121.conversation import (
    JULIET,
    ROMEO,
    account,
    child,
    outbound,
    presence,
    received_message,
)
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    Account,
    Event,
)
from xmpp_im_core.stanza import Presence

ORCHARD = f"{ROMEO}/orchard"


def connected(*contacts: str) -> Account:
    return account(JULIET, dict.fromkeys(contacts, "None"), connected=("balcony",))


def status_of(more: int) -> Presence:
    """Return a request that is so many bytes larger than one with an empty status."""
    return presence("subscribe", ROMEO, JULIET, child("status", "x" * more))


def body_of(more: int) -> Event:
    return received_message("chat", ORCHARD, JULIET, child("body", "x" * more))


MESSAGE_OF_NOTHING: Final = received_message("chat", ORCHARD, JULIET, child("body", "x")).stanza.size() - 1


def status_from_client(more: int) -> Event:
    return outbound("available", None, child("status", "x" * more), by="balcony")


def entity(n: int) -> str:
    return f"e{n:02}@chat.example.org"


def limited(field: str, n: int) -> Policy:
    """Return a policy with this limit alone set to another value."""
    values: dict[str, Any] = {field: n}
    return Policy(**values)
