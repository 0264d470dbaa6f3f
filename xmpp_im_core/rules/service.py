"""The rules of a service as a whole: which domains it answers for, and its own addresses (RFC 6121 §8.4)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

NOT_HOSTED: Final = rule(
    "service:not-hosted",
    "RFC 6120 §8.1.1.2",
    "What is addressed to a domain of somebody else's is not accepted, and never relayed.",
    "RFC 6120 §10.4",
)

TOO_MUCH_HELD: Final = rule(
    "service:too-much-held",
    "RFC 6120 §13.12",
    "Of what comes while an account is being loaded so much is held and no more.",
    "8.1-03",
)

TO_MALFORMED: Final = rule(
    "service:jid-malformed",
    "RFC 6120 §8.3.3.8",
    "A stanza from elsewhere to what is no JID is answered jid-malformed.",
    "3.1.3-01 3.1.3-03 9-01",
)

_DOMAIN: Final = "8.4-01 8.4-02 8.4-03"

DOMAIN_IQ: Final = rule(
    "domain:iq", "8.4", "An IQ to the service itself is handled by the host.", _DOMAIN, "RFC 6120 §10.5.1"
)
DOMAIN_IQ_MALFORMED: Final = rule(
    "domain:iq-malformed",
    "RFC 6120 §8.2.3",
    "A malformed IQ to the service itself is a bad request.",
    _DOMAIN,
)
DOMAIN_MESSAGE: Final = rule(
    "domain:message",
    "8.4",
    "Nobody reads messages to the service itself: they are answered service-unavailable.",
    _DOMAIN,
    "RFC 6120 §10.5.1",
)
DOMAIN_DENIES: Final = rule(
    "domain:denies",
    "8.4",
    "The service itself has no presence to show: requests and probes are answered unsubscribed.",
    _DOMAIN,
    "RFC 6120 §10.5.1",
)
DOMAIN_PRESENCE: Final = rule(
    "domain:presence",
    "8.4",
    "Presence that the service itself is sent is taken note of by nobody.",
    _DOMAIN,
    "RFC 6120 §10.5.1",
)
DOMAIN_PRESENCE_UNKNOWN: Final = rule(
    "domain:presence-unknown", "4.7.1", "Presence of an unknown type is a bad request.", f"{_DOMAIN} 4.7.1-12"
)
DOMAIN_EVENT: Final = rule(
    "domain:event", "8.4", "What happens to an account has no meaning for the service itself.", "8.4-01"
)
