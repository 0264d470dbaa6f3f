"""The rules of a service: its domains, and its addresses (RFC 6121 §8.4)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

NOT_HOSTED: Final = rule(
    "service:not-hosted",
    "RFC 6120 §8.1.1.2",
    "The server does not accept a stanza for a domain that it does not host, and never relays one.",
    "RFC 6120 §10.4",
)

TOO_MUCH_HELD: Final = rule(
    "service:too-much-held",
    "RFC 6120 §13.12",
    "While an account loads, the server holds events up to the limits, and refuses more.",
    "8.1-03",
)

TO_MALFORMED: Final = rule(
    "service:jid-malformed",
    "RFC 6120 §8.3.3.8",
    "The server answers jid-malformed to another server's stanza whose 'to' is not a JID.",
    "3.1.3-01 3.1.3-03 9-01",
)

_DOMAIN: Final = "8.4-01 8.4-02 8.4-03"

DOMAIN_IQ: Final = rule(
    "domain:iq", "8.4", "The host answers an IQ to the domain of the service.", _DOMAIN, "RFC 6120 §10.5.1"
)
DOMAIN_IQ_MALFORMED: Final = rule(
    "domain:iq-malformed",
    "RFC 6120 §8.2.3",
    "The server answers bad-request to a malformed IQ to the domain of the service.",
    _DOMAIN,
)
DOMAIN_MESSAGE: Final = rule(
    "domain:message",
    "8.4",
    "The server answers service-unavailable to a message to the domain of the service: nobody reads it.",
    _DOMAIN,
    "RFC 6120 §10.5.1",
)
DOMAIN_DENIES: Final = rule(
    "domain:denies",
    "8.4",
    "The server answers unsubscribed to requests and probes to the domain of the service: it has no presence.",
    _DOMAIN,
    "RFC 6120 §10.5.1",
)
DOMAIN_PRESENCE: Final = rule(
    "domain:presence",
    "8.4",
    "The server ignores other presence to the domain of the service.",
    _DOMAIN,
    "RFC 6120 §10.5.1",
)
DOMAIN_PRESENCE_UNKNOWN: Final = rule(
    "domain:presence-unknown",
    "4.7.1",
    "The server answers bad-request to presence of an unknown type.",
    f"{_DOMAIN} 4.7.1-12",
)
DOMAIN_EVENT: Final = rule(
    "domain:event", "8.4", "An event of an account has no effect on the domain of the service.", "8.4-01"
)
