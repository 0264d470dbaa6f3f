"""The streams of clients and components, without I/O: bytes go in; events and bytes come out.

* :class:`ClientStream`: RFC 6120 with STARTTLS, SASL, resource binding, stream management (XEP-0198) and client state
  (XEP-0352), on TCP or, with a :class:`WebSocketFraming`, on WebSocket (RFC 7395);
* :class:`ComponentStream`: XEP-0114.

The streams read no clock and open nothing. They draw random texts through the parameter ``token``.
"""

from __future__ import annotations

from xmpp_im_host.streams.client_stream import ClientStream
from xmpp_im_host.streams.component_stream import ComponentStream
from xmpp_im_host.streams.events import (
    Acknowledged,
    Active,
    Authenticated,
    AuthenticationFailed,
    BindRequested,
    ClientStreamEvent,
    ComponentAuthenticated,
    ComponentStreamEvent,
    CredentialsNeeded,
    Inactive,
    ManagementEnabled,
    PasswordReceived,
    RegistrationReceived,
    ResumptionRequested,
    StanzaReceived,
    StartTLS,
    StreamEnded,
)
from xmpp_im_host.streams.sasl import decoy_credentials
from xmpp_im_host.streams.settings import MECHANISMS, ChannelBinding, ComponentSettings, StreamSettings, Transport
from xmpp_im_host.streams.stream_management import StreamManagement
from xmpp_im_host.streams.websocket_framing import WebSocketFraming

__all__ = [
    "MECHANISMS",
    "Acknowledged",
    "Active",
    "Authenticated",
    "AuthenticationFailed",
    "BindRequested",
    "ChannelBinding",
    "ClientStream",
    "ClientStreamEvent",
    "ComponentAuthenticated",
    "ComponentSettings",
    "ComponentStream",
    "ComponentStreamEvent",
    "CredentialsNeeded",
    "Inactive",
    "ManagementEnabled",
    "PasswordReceived",
    "RegistrationReceived",
    "ResumptionRequested",
    "StanzaReceived",
    "StartTLS",
    "StreamEnded",
    "StreamManagement",
    "StreamSettings",
    "Transport",
    "WebSocketFraming",
    "decoy_credentials",
]
