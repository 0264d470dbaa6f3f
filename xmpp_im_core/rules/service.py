"""The rules of a service: its domains, its addresses (RFC 6121 §8.4), and the accounts that it does not own."""

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

# --- accounts that another part of the service owns -------------------------------------------------------

FORWARDED: Final = rule(
    "owner:forwarded",
    "8.5",
    "The server passes a stanza for an account that another part of the service owns to that part.",
    "8.5-01",
    "RFC 6120 §10.5",
)
OWNER_UNREACHED: Final = rule(
    "owner:unreached",
    "RFC 6120 §8.3.3.6",
    "If the owner of an account cannot be reached, the sender of a message, request or IQ may try again.",
    "8.1-03",
)
OWNER_UNREACHED_IGNORED: Final = rule(
    "owner:unreached-ignored",
    "11",
    "If the owner of an account cannot be reached, the server ignores what needs no answer.",
    "4.7.1-03 11-06",
)
SENT_TO_NO_OWNER: Final = rule(
    "owner:not-here",
    "RFC 6120 §8.3.3.6",
    "A server that does not own a client's account answers its stanza with internal-server-error of type wait.",
    "8.1-03",
)
BOUND_TO_NO_OWNER: Final = rule(
    "owner:bound",
    "RFC 6120 §4.9.3.6",
    "A server that does not own an account closes a new session of it with internal-server-error.",
)
NOT_OWNED: Final = rule(
    "owner:not-owned",
    "8.5",
    "An event of an account that another part of the service owns changes nothing and tells nobody.",
    "8.5-01",
)
