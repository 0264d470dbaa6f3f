"""What may happen in a trace, by the chapters of the RFC."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from xmpp_im_core.testing import (
    ACT_KINDS,
    Act,
    Disconnects,
    GetsRoster,
    RemovesItem,
    SendsAvailable,
    SendsMessage,
    SendsPing,
    SendsProbe,
    SendsSubscribe,
    SendsSubscribed,
    SendsUnavailable,
    SendsUnsubscribe,
    SendsUnsubscribed,
    SetsItem,
)

ACTS_OF_CHAPTERS: Final[Mapping[str, frozenset[type[Act]]]] = {
    "rosters": frozenset({SetsItem, RemovesItem}),
    "subscriptions": frozenset({SendsSubscribe, SendsSubscribed, SendsUnsubscribe, SendsUnsubscribed}),
    "presence": frozenset({SendsUnavailable, Disconnects, SendsProbe}),
    "messages": frozenset({SendsMessage, SendsPing}),
}

_ALWAYS: Final[frozenset[type[Act]]] = frozenset({GetsRoster, SendsAvailable})
"""Without these nobody would be told of anything."""


def kinds_of(chapters: Collection[str]) -> frozenset[type[Act]]:
    """Return the acts of these chapters; of all, where none is named."""
    return frozenset().union(*[ACTS_OF_CHAPTERS[name] for name in chapters], _ALWAYS) if chapters else ACT_KINDS
