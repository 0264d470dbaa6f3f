"""The schemas of the client half: its state, events, effects, policy and notifications."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, get_args

from xmpp_im_core.client.effects import Effect
from xmpp_im_core.client.events import Event
from xmpp_im_core.client.notifications import (
    ContactUnsubscribed,
    Notification,
    OrderRefused,
    PresenceChanged,
    RosterSetAccepted,
)
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.state import Client
from xmpp_im_core.snapshot import invariants
from xmpp_im_core.snapshot.schema import Schema

CLIENT_SCHEMA: Final = Schema(
    "client",
    (Client, *get_args(Event), *get_args(Effect), ClientPolicy),
    checks=MappingProxyType({Client: invariants.check_client}),
)
"""The classes of ``xmpp_im_core.client`` that may be in a snapshot or a log."""

NOTIFICATIONS_SCHEMA: Final = Schema(
    "notification",
    get_args(Notification),
    earlier=MappingProxyType(
        {
            "Changed": PresenceChanged,
            "ItemStored": RosterSetAccepted,
            "Refused": OrderRefused,
            "Unsubscribe": ContactUnsubscribed,
        }
    ),
)
"""The notifications of a client to its application."""
