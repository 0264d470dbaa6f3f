"""The rules of RFC 6121 §8: processing XML stanzas. The rules of Table 1 are in ``server.delivery.message_table``."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- addresses (§8.2, §8.3) -------------------------------------------------------------------------------

TO_MALFORMED: Final = rule(
    "delivery:jid-malformed",
    "RFC 6120 §8.3.3.8",
    "The server answers jid-malformed to a client's stanza whose 'to' is not a JID.",
    "3.1.2-02 3.1.2-04 3.1.2-09 9-01",
)
WITHOUT_ADDRESSES: Final = rule(
    "delivery:no-addresses",
    "RFC 6120 §8.1.1.2",
    "The server ignores a stanza without a sender, or without this account as its recipient.",
    "9-01",
)

# --- messages (§5, §8.2, §8.5) ----------------------------------------------------------------------------

_OUT: Final = "5-01 5.3-02 8.3-01 8.3-02 11-03"

MESSAGE_ROUTED: Final = rule("message:routed", "5", "The server routes a client's message to its recipient.", _OUT)
NO_MESSAGING: Final = rule(
    "message:no-messaging", "1.3", "A presence-only service answers service-unavailable to messages.", "1.3-02"
)
MESSAGE_WITHOUT_TO: Final = rule(
    "message:without-to",
    "8.2",
    "The server treats a message without 'to' as sent to the sender's bare JID.",
    "8.2-01 8.2-02",
)
MESSAGE_TO_CONNECTED: Final = rule(
    "message:to-connected",
    "8.5.3.1",
    "The server delivers a message to a full JID to that resource, even if it is not available.",
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-05 4.1-07 5.3-02",
)
ERROR_MESSAGE_DELIVERED: Final = rule(
    "message:error-delivered",
    "8.5.3.1",
    "The server delivers a message of type error to a full JID to that resource.",
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-05 5.3-02 12-05",
)
ERROR_MESSAGE_IGNORED: Final = rule(
    "message:error-ignored",
    "8.5.2.1.1",
    "The server ignores a message of type error to a bare JID, or to a resource that does not exist.",
    "8.5-01 8.5.2.1.1-15 8.5.2.2.1-05 8.5.3.2-01 8.5.3.2.1-09 8.5.1-02",
)

# --- messages for absent users (§8.5.2.2.1; XEP-0160) -----------------------------------------------------

NOT_STORED: Final = rule(
    "message:not-stored",
    "XEP-0160 §3",
    "The server drops a message that asks not to be stored, or that would be useless later.",
    "8-01",
    "XEP-0334 §4",
)
TOO_LARGE_TO_STORE: Final = rule(
    "message:too-large", "8.1", "The server does not store a message larger than the limit.", "8.1-03"
)
TOO_MANY_STORED: Final = rule(
    "message:too-many",
    "XEP-0160 §2",
    "The server does not store a message if as many as the limit are stored already.",
    "8.1-03",
)
TOO_MUCH_STORED: Final = rule(
    "message:all-too-large",
    "XEP-0160 §2",
    "The server does not store a message if the stored messages would take more memory than the limit.",
    "8.1-03",
)
OFFLINE_FLUSHED: Final = rule(
    "message:flush",
    "8",
    "The server loads the stored messages when a resource becomes available with a non-negative priority.",
    "8-01 8.5.2.1.1-16",
    "XEP-0160 §2",
)
OFFLINE_DELIVERED: Final = rule(
    "message:offline",
    "8",
    "The server delivers the stored messages, each stamped with the time at which it came.",
    "8-01 5.3-02",
    "XEP-0203 §2",
)
OFFLINE_NOT_WANTED: Final = rule(
    "message:offline-stays",
    "8",
    "The server keeps the stored messages if the resource is no longer available with a non-negative priority.",
    "8-01",
)
NOTHING_STORED: Final = rule(
    "message:nothing-stored", "8", "The server delivers nothing if no message is stored.", "8-01"
)

# --- IQs (§6, §8.2, §8.5) ---------------------------------------------------------------------------------

_IQ: Final = "6-01 6-02"

IQ_MALFORMED: Final = rule(
    "iq:malformed",
    "RFC 6120 §8.2.3",
    "The server answers bad-request to an IQ without 'id', of unknown type, or a request without exactly one child.",
    _IQ,
)
IQ_ROUTED: Final = rule(
    "iq:routed", "8.3", "The server routes a client's IQ to its recipient.", _IQ, "8.3-01 8.3-02 11-03"
)
IQ_DELEGATED: Final = rule(
    "iq:delegated",
    "8.5.2.1.3",
    "The service answers an IQ on the user's behalf in a namespace that it serves.",
    _IQ,
    "8.2-01 8.2-04 8.5-01 8.5.2-01 8.5.2.1-01 8.5.2.1.3-01 8.5.2.1.3-02 8.5.2.1.3-03 8.5.2.2-01 8.5.2.2.3-01 "
    "8.5.2.2.3-02",
)
OWN_IQ_NOT_SERVED: Final = rule(
    "iq:own-not-served",
    "8.2",
    "The server answers service-unavailable to a client's IQ to its own account that is not served.",
    _IQ,
    "8.2-01 8.2-04 8.2-05 8.5.2.1.3-04 8.5.2.1.3-01 8.5.2.1.3-02",
)
IQ_NOT_SERVED: Final = rule(
    "iq:not-served",
    "8.5.2.1.3",
    "The server answers service-unavailable to an IQ to the bare JID that is not served for this sender.",
    _IQ,
    "8.5-01 8.5.2-01 8.5.2.1-01 8.5.2.1.3-01 8.5.2.1.3-02 8.5.2.1.3-04 8.5.2.2-01 8.5.2.2.3-01 8.5.2.2.3-03",
)
ANSWER_TO_SERVER: Final = rule(
    "iq:answer-ignored",
    "8.2",
    "The server ignores an IQ result or error to itself that answers a push, or nothing.",
    "2.1.6-09 8.2-01 8.2-06 8.5.2.1.3-02 8.5.2.2-01",
)
IQ_UNMATCHED: Final = rule(
    "iq:unmatched",
    "8.5.3.2.3",
    "The server answers service-unavailable to an IQ to a full JID without a resource.",
    _IQ,
    "8.5-01 8.5.3-01 8.5.3.2-01 8.5.3.2.3-01",
)
IQ_WITHHELD: Final = rule(
    "iq:withheld",
    "8.5.3.1",
    "The server answers an IQ request from an entity that may not see the resource as if it did not exist.",
    _IQ,
    "8.5-01 8.5.3-01 8.5.3.1-02 8.5.3.1-03 11-06 8.1-02",
)
IQ_DELIVERED: Final = rule(
    "iq:delivered",
    "8.5.3.1",
    "The server delivers an IQ request to a full JID if the resource's presence is shared with the sender.",
    _IQ,
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-02 4.1-07 4.2.2-03",
)
IQ_ANSWER_DELIVERED: Final = rule(
    "iq:answer-delivered",
    "8.5.3.1",
    "The server delivers an IQ result or error to a full JID to that resource, from any sender.",
    _IQ,
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-04 4.1-07",
)
IQ_ANSWER_UNMATCHED: Final = rule(
    "iq:answer-unmatched",
    "RFC 6120 §8.2.3",
    "The server ignores an IQ result or error to a full JID without a resource.",
    "8.5-01 8.5.3-01 8.5.3.2-01",
)
IQ_SERVED_EVERYWHERE: Final = rule(
    "iq:served-everywhere",
    "RFC 6120 §13.11",
    "In a namespace served everywhere, the service also answers for an address without an account.",
    "8.5.2.1.3-02",
)
IQ_TO_NOBODY: Final = rule(
    "iq:no-account",
    "8.5.1",
    "The server answers service-unavailable to an IQ to an account that does not exist.",
    _IQ,
    "8.5-01 8.5.1-01",
)

# --- failed deliveries (§8.3, §8.5) --------------------------------------------------------------------------

UNROUTABLE: Final = rule(
    "delivery:unroutable",
    "8.3",
    "The server returns an error to the client whose stanza could not be routed.",
    "8.3-01 8.3-03 8.3-04 8.3-05",
)
DELIVERED_TO_SOME: Final = rule(
    "delivery:to-some", "8.5.4", "A stanza counts as delivered if it has reached one of several resources.", "8.5.4-02"
)
PUSH_LOST: Final = rule(
    "delivery:push-lost",
    "2.6.3",
    "A push to an ended session is lost; the next roster get returns the change.",
    "2.6.3-06",
)
PRESENCE_LOST: Final = rule(
    "delivery:presence-lost",
    "4.4.2",
    "Broadcasts and stanzas that the server made are lost if they cannot be routed.",
    "4.4.2-02 4.5.2-03",
)
ANSWER_LOST: Final = rule(
    "delivery:answer-lost",
    "RFC 6120 §8.3.1",
    "An answer, or a stanza whose sender is gone, is lost if it cannot be routed.",
)
LOST: Final = rule("delivery:lost", "4.1", "A stanza for an ended session that needs no answer is lost.", "4.1-05")
