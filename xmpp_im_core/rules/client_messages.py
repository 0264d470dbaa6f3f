"""The rules of a client for messages, sent and received (RFC 6121 §5)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- messages: what is sent (§5) --------------------------------------------------------------------------------------

_MESSAGE: Final = (
    "5.2.1-01 5.2.2-01 5.2.2-02 5.2.3-01 5.2.3-02 5.2.3-03 5.2.4-01 5.2.4-02 5.2.5-01 5.2.5-02 5.2.5-04 5.2.5-06 "
    "5.3-01 12-01 12-02 12-03"
)

MESSAGE_SENT: Final = rule(
    "client:message",
    "5.2.1",
    "The client sends a message outside a chat session to the bare JID.",
    _MESSAGE,
    "5.2.1-02",
)
MESSAGE_TO_RESOURCE: Final = rule(
    "client:message-to-resource",
    "5.2.1",
    "The client sends a message to the full JID that the application names.",
    _MESSAGE,
)
MESSAGE_AS_GIVEN: Final = rule(
    "client:message-as-given",
    "5.3",
    "The client sends a well-formed message unchanged, as the application made it.",
    _MESSAGE,
    "5.2.2-15",
)
CHAT_STARTED: Final = rule(
    "client:chat",
    "5.1",
    "The client begins a chat session with a message of type 'chat' to the bare JID, in a new thread.",
    _MESSAGE,
    "5.1-01 5.1-03 5.1-05 5.2.1-02 5.2.5-03 5.2.5-12",
)
CHAT_TO_BARE_JID: Final = rule(
    "client:chat-unlocked",
    "5.1",
    "While a chat session is not locked, the client sends its messages to the bare JID, in the same thread.",
    _MESSAGE,
    "5.1-01 5.1-06 5.1-09 5.1-10 5.2.5-03",
)
CHAT_LOCKED_IN: Final = rule(
    "client:chat-locked",
    "5.1",
    "While a chat session is locked, the client sends its messages to that full JID, in the same thread.",
    _MESSAGE,
    "5.1-01 5.1-08 5.2.5-03",
)
CHAT_PRESENCE_SHARED: Final = rule(
    "client:chat-presence",
    "5.1",
    "In a chat session without a subscription, the client sends directed presence if the policy allows it.",
    "5.1-11 5.1-12 4.1-04 4.6.1-01",
)
CHAT_PRESENCE_ENDED: Final = rule(
    "client:chat-presence-ended",
    "5.1",
    "When a chat session ends, the client ends the directed presence that it sent because of the session.",
    "5.1-13",
)
CHAT_ENDED: Final = rule(
    "client:chat-ended",
    "5.1",
    "When a chat session ends in which the client shared no presence, the client sends nothing.",
    "5.1-13",
)
REPLY_TO_SENDER: Final = rule(
    "client:reply",
    "5.2.1",
    "The client sends a reply with the type and thread of the message, to the full JID of its sender.",
    _MESSAGE,
    "5.1-02 5.1-04 5.1-07 5.2.1-03 5.2.2-16 5.2.5-03",
)
REPLY_TO_BARE_JID: Final = rule(
    "client:reply-to-bare",
    "5.2.1",
    "The client sends a reply to a room, or to a resource that it knows to be unavailable, to the bare JID.",
    _MESSAGE,
    "5.1-02 5.1-04 5.2.1-03 5.2.2-16 5.2.5-03",
)
TO_OCCUPANT: Final = rule(
    "client:to-occupant",
    "XEP-0045 §7.5",
    "The client sends a message to an occupant of a room to the full JID, in a separate chat session.",
    _MESSAGE,
    "5.1-02 5.1-04 5.1-07 5.2.1-03 5.2.2-16 5.2.5-03",
)
REPLY_TO_ERROR: Final = rule("client:reply-to-error", "RFC 6120 §8.3.1", "The client does not answer an error.")
MESSAGE_TYPE_UNKNOWN: Final = rule(
    "client:message-type", "5.2.2", "The client refuses to send a message of an unknown type.", "5.2.2-02"
)
BODY_MALFORMED: Final = rule(
    "client:body",
    "5.2.3",
    "The client refuses bodies with elements or other attributes than xml:lang, and two of one language.",
    "5.2.3-02 5.2.3-03 5.2.3-04",
)
SUBJECT_MALFORMED: Final = rule(
    "client:subject",
    "5.2.4",
    "The client refuses subjects with elements or other attributes than xml:lang, and two of one language.",
    "5.2.4-01 5.2.4-02 5.2.4-03",
)
THREAD_MALFORMED: Final = rule(
    "client:thread",
    "5.2.5",
    "The client refuses two threads, a thread that is empty or not plain text, and a parent equal to the thread.",
    "5.2.5-05 5.2.5-07 5.2.5-08 5.2.5-12 5.2.5-14",
)

# --- messages: what arrives (§5) --------------------------------------------------------------------------------------

_RECEIVED: Final = "5.2.5-10 5.2.5-11 5.3-02 12-01 12-02 12-03 12-04"

CHAT_RECEIVED: Final = rule(
    "client:chat-received",
    "5.1",
    "A chat message locks the session to the sender's full JID; one from another resource unlocks it.",
    _RECEIVED,
    "5.1-08 5.1-09",
)
MESSAGE_RECEIVED: Final = rule(
    "client:message-received", "5.3", "The client tells the application of a message with all its content.", _RECEIVED
)
UNTYPED_MESSAGE_RECEIVED: Final = rule(
    "client:untyped-message",
    "5.2.2",
    "The client treats a message without a type, or of an unknown type, as type 'normal'.",
    _RECEIVED,
    "5.2.2-12 5.2.2-14",
)
ERROR_MATCHED: Final = rule(
    "client:error",
    "RFC 6120 §8.3",
    "The client tells which message an error of type 'error' answers.",
    "12-04",
)
ERROR_UNMATCHED: Final = rule(
    "client:error-unmatched",
    "RFC 6120 §8.3",
    "The client also tells the application of an error that answers no message that it remembers.",
    "12-04",
)
CARBON_RECEIVED: Final = rule(
    "client:carbon",
    "XEP-0280 §7",
    "The client tells the application that a carbon copy from the user's bare JID is a copy.",
    "XEP-0280 §7, §8",
)
CARBON_FORGED: Final = rule(
    "client:carbon-forged", "XEP-0280 §11", "The client ignores a carbon copy from any other entity."
)
CARBON_EMPTY: Final = rule(
    "client:carbon-empty", "XEP-0280 §7", "The client ignores a carbon copy without a message.", "XEP-0280 §7, §8"
)
