"""What may happen in a trace, by the chapters of the RFC."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from xmpp_im_core.testing import (
    KINDS,
    Act,
    Available,
    Disconnect,
    GetRoster,
    Ping,
    Probe,
    RemoveItem,
    SendMessage,
    SetItem,
    Subscribe,
    Subscribed,
    Unavailable,
    Unsubscribe,
    Unsubscribed,
)

CHAPTERS: Final[Mapping[str, frozenset[type[Act]]]] = {
    "rosters": frozenset({SetItem, RemoveItem}),
    "subscriptions": frozenset({Subscribe, Subscribed, Unsubscribe, Unsubscribed}),
    "presence": frozenset({Unavailable, Disconnect, Probe}),
    "messages": frozenset({SendMessage, Ping}),
}

_ALWAYS: Final[frozenset[type[Act]]] = frozenset({GetRoster, Available})
"""Without these nobody would be told of anything."""


def kinds_of(chapters: Collection[str]) -> frozenset[type[Act]]:
    """Return the acts of these chapters; of all, where none is named."""
    return frozenset().union(*[CHAPTERS[name] for name in chapters], _ALWAYS) if chapters else KINDS
