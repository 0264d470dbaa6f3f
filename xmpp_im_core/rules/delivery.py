"""The rules of RFC 6121 §8: processing XML stanzas. Those of Table 1 stand in it."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- addresses (§8.2, §8.3) -------------------------------------------------------------------------------

TO_MALFORMED: Final = rule(
    "delivery:jid-malformed",
    "RFC 6120 §8.3.3.8",
    "A client's stanza to what is no JID is answered jid-malformed.",
    "3.1.2-02 3.1.2-04 3.1.2-09 9-01",
)
WITHOUT_ADDRESSES: Final = rule(
    "delivery:no-addresses",
    "RFC 6120 §8.1.1.2",
    "A stanza that names no sender, or not this account, is ignored.",
    "9-01",
)

# --- messages (§5, §8.2, §8.5) ----------------------------------------------------------------------------

_OUT: Final = "5-01 5.3-02 8.3-01 8.3-02 11-03"

MESSAGE_ROUTED: Final = rule("message:routed", "5", "A client's message is routed to its recipient.", _OUT)
NO_MESSAGING: Final = rule(
    "message:no-messaging", "1.3", "A service of presence alone answers messages service-unavailable.", "1.3-02"
)
MESSAGE_WITHOUT_TO: Final = rule(
    "message:without-to", "8.2", "A message without 'to' is treated as if to the sender's bare JID.", "8.2-01 8.2-02"
)
MESSAGE_TO_CONNECTED: Final = rule(
    "message:to-connected",
    "8.5.3.1",
    "A message to a full JID is delivered to the resource that matches, also where it is not available.",
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-05 4.1-07 5.3-02",
)
ERROR_MESSAGE_DELIVERED: Final = rule(
    "message:error-delivered",
    "8.5.3.1",
    "A message of type error is delivered to the resource that its full JID matches.",
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-05 5.3-02 12-05",
)
ERROR_MESSAGE_IGNORED: Final = rule(
    "message:error-ignored",
    "8.5.2.1.1",
    "A message of type error to a bare JID, or to no resource that is there, is ignored.",
    "8.5-01 8.5.2.1.1-15 8.5.2.2.1-05 8.5.3.2-01 8.5.3.2.1-09 8.5.1-02",
)

# --- messages for absent users (§8.5.2.2.1; XEP-0160) -----------------------------------------------------

NOT_STORED: Final = rule(
    "message:not-stored",
    "XEP-0160 §3",
    "A message that asks not to be stored, or would be of no use later, is dropped.",
    "8-01",
    "XEP-0334 §4",
)
TOO_LARGE_TO_STORE: Final = rule("message:too-large", "8.1", "A message larger than the limit is not stored.", "8.1-03")
TOO_MANY_STORED: Final = rule(
    "message:too-many",
    "XEP-0160 §2",
    "Where as many messages wait as may, one more is not stored.",
    "8.1-03",
)
TOO_MUCH_STORED: Final = rule(
    "message:all-too-large",
    "XEP-0160 §2",
    "A message is not stored if the stored messages together would take more memory than the limit.",
    "8.1-03",
)
OFFLINE_FLUSHED: Final = rule(
    "message:flush",
    "8",
    "Stored messages are asked for when a resource becomes available with a non-negative priority.",
    "8-01 8.5.2.1.1-16",
    "XEP-0160 §2",
)
OFFLINE_DELIVERED: Final = rule(
    "message:offline",
    "8",
    "Stored messages are delivered, stamped with the time at which they came.",
    "8-01 5.3-02",
    "XEP-0203 §2",
)
OFFLINE_NOT_WANTED: Final = rule(
    "message:offline-stays",
    "8",
    "Stored messages stay stored where the resource is not reachable any more.",
    "8-01",
)
NOTHING_STORED: Final = rule("message:nothing-stored", "8", "Where nothing is stored, nothing is delivered.", "8-01")

# --- IQs (§6, §8.2, §8.5) ---------------------------------------------------------------------------------

_IQ: Final = "6-01 6-02"

IQ_MALFORMED: Final = rule(
    "iq:malformed",
    "RFC 6120 §8.2.3",
    "An IQ without 'id', of an unknown type, or a request of other than one child, is a bad request.",
    _IQ,
)
IQ_ROUTED: Final = rule("iq:routed", "8.3", "A client's IQ is routed to its recipient.", _IQ, "8.3-01 8.3-02 11-03")
IQ_DELEGATED: Final = rule(
    "iq:delegated",
    "8.5.2.1.3",
    "An IQ in a namespace that the service knows is answered by it on the user's behalf.",
    _IQ,
    "8.2-01 8.2-04 8.5-01 8.5.2-01 8.5.2.1-01 8.5.2.1.3-01 8.5.2.1.3-02 8.5.2.1.3-03 8.5.2.2-01 8.5.2.2.3-01 "
    "8.5.2.2.3-02",
)
OWN_IQ_NOT_SERVED: Final = rule(
    "iq:own-not-served",
    "8.2",
    "A client's IQ to its own account in a namespace that nobody knows is answered service-unavailable.",
    _IQ,
    "8.2-01 8.2-04 8.2-05 8.5.2.1.3-04 8.5.2.1.3-01 8.5.2.1.3-02",
)
IQ_NOT_SERVED: Final = rule(
    "iq:not-served",
    "8.5.2.1.3",
    "An IQ to the bare JID in a namespace that nobody knows, or not for this sender, is answered "
    "service-unavailable, and never delivered.",
    _IQ,
    "8.5-01 8.5.2-01 8.5.2.1-01 8.5.2.1.3-01 8.5.2.1.3-02 8.5.2.1.3-04 8.5.2.2-01 8.5.2.2.3-01 8.5.2.2.3-03",
)
ANSWER_TO_SERVER: Final = rule(
    "iq:answer-ignored",
    "8.2",
    "An IQ result or error to the server itself is ignored where it answers nothing, and where it answers a push.",
    "2.1.6-09 8.2-01 8.2-06 8.5.2.1.3-02 8.5.2.2-01",
)
IQ_UNMATCHED: Final = rule(
    "iq:unmatched",
    "8.5.3.2.3",
    "An IQ to a full JID that matches no resource is answered service-unavailable.",
    _IQ,
    "8.5-01 8.5.3-01 8.5.3.2-01 8.5.3.2.3-01",
)
IQ_WITHHELD: Final = rule(
    "iq:withheld",
    "8.5.3.1",
    "An IQ request from whoever may not see the resource's presence is answered as if it were not there.",
    _IQ,
    "8.5-01 8.5.3-01 8.5.3.1-02 8.5.3.1-03 11-06 8.1-02",
)
IQ_DELIVERED: Final = rule(
    "iq:delivered",
    "8.5.3.1",
    "An IQ request to a full JID is delivered to the resource, if its presence is shared with the sender.",
    _IQ,
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-02 4.1-07 4.2.2-03",
)
IQ_ANSWER_DELIVERED: Final = rule(
    "iq:answer-delivered",
    "8.5.3.1",
    "An IQ result or error to a full JID is delivered to the resource, whoever sends it.",
    _IQ,
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-04 4.1-07",
)
IQ_ANSWER_UNMATCHED: Final = rule(
    "iq:answer-unmatched",
    "RFC 6120 §8.2.3",
    "An IQ result or error to a full JID that matches no resource is ignored.",
    "8.5-01 8.5.3-01 8.5.3.2-01",
)
IQ_SERVED_EVERYWHERE: Final = rule(
    "iq:served-everywhere",
    "RFC 6120 §13.11",
    "A request in a namespace that is served everywhere is also answered for an address without an account.",
    "8.5.2.1.3-02",
)
IQ_TO_NOBODY: Final = rule(
    "iq:no-account",
    "8.5.1",
    "An IQ to an account that does not exist is answered service-unavailable.",
    _IQ,
    "8.5-01 8.5.1-01",
)

# --- what came back (§8.3, §8.5) --------------------------------------------------------------------------

UNROUTABLE: Final = rule(
    "delivery:unroutable",
    "8.3",
    "What a client sent and could not be routed is answered to it with an error.",
    "8.3-01 8.3-03 8.3-04 8.3-05",
)
DELIVERED_TO_SOME: Final = rule(
    "delivery:to-some", "8.5.4", "What has reached one of several resources has been delivered.", "8.5.4-02"
)
PUSH_LOST: Final = rule(
    "delivery:push-lost", "2.6.3", "A push to a session that is gone is lost; the next roster get tells.", "2.6.3-06"
)
PRESENCE_LOST: Final = rule(
    "delivery:presence-lost",
    "4.4.2",
    "Broadcast presence and stanzas of the server itself are lost if they cannot be routed.",
    "4.4.2-02 4.5.2-03",
)
ANSWER_LOST: Final = rule(
    "delivery:answer-lost",
    "RFC 6120 §8.3.1",
    "What answers something, or comes from nobody who is there, is lost.",
)
LOST: Final = rule("delivery:lost", "4.1", "What was made for a session that is gone is lost with it.", "4.1-05")
