"""The namespaces of stream negotiation (RFC 6120 §14) and of the extensions that streams implement."""

from __future__ import annotations

from typing import Final

TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
SESSION: Final = "urn:ietf:params:xml:ns:xmpp-session"
"""The session of RFC 3921 §3, which does nothing now; old clients ask for one."""
CHANNEL_BINDING: Final = "urn:xmpp:sasl-cb:0"
MANAGEMENT: Final = "urn:xmpp:sm:3"
CLIENT_STATE: Final = "urn:xmpp:csi:0"
REGISTER: Final = "jabber:iq:register"
REGISTER_FEATURE: Final = "http://jabber.org/features/iq-register"
FRAMING: Final = "urn:ietf:params:xml:ns:xmpp-framing"
