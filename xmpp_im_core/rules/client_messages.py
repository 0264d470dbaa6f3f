"""The rules that bind a client in messages: where they go, and what arrives (RFC 6121 §5)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- messages: what is sent (§5) --------------------------------------------------------------------------------------

_MESSAGE: Final = (
    "5.2.1-01 5.2.2-01 5.2.2-02 5.2.3-01 5.2.3-02 5.2.3-03 5.2.4-01 5.2.4-02 5.2.5-01 5.2.5-02 5.2.5-04 5.2.5-06 "
    "5.3-01 12-01 12-02 12-03"
)

MESSAGE_SENT: Final = rule(
    "client:message", "5.2.1", "A message outside any chat session goes to the bare JID.", _MESSAGE, "5.2.1-02"
)
MESSAGE_TO_RESOURCE: Final = rule(
    "client:message-to-resource",
    "5.2.1",
    "A message that the application addresses to a full JID goes there and nowhere else.",
    _MESSAGE,
)
MESSAGE_AS_GIVEN: Final = rule(
    "client:message-as-given",
    "5.3",
    "A message that breaks no rule is sent as the application made it.",
    _MESSAGE,
    "5.2.2-15",
)
CHAT_STARTED: Final = rule(
    "client:chat",
    "5.1",
    "A chat session begins with a message of type 'chat' to the bare JID, in a thread of its own.",
    _MESSAGE,
    "5.1-01 5.1-03 5.1-05 5.2.1-02 5.2.5-03 5.2.5-12",
)
CHAT_TO_BARE_JID: Final = rule(
    "client:chat-unlocked",
    "5.1",
    "Without a lock the messages of a chat session go to the bare JID, in its thread.",
    _MESSAGE,
    "5.1-01 5.1-06 5.1-09 5.1-10 5.2.5-03",
)
CHAT_LOCKED_IN: Final = rule(
    "client:chat-locked",
    "5.1",
    "A locked chat session goes on with the full JID, in its thread.",
    _MESSAGE,
    "5.1-01 5.1-08 5.2.5-03",
)
CHAT_PRESENCE_SHARED: Final = rule(
    "client:chat-presence",
    "5.1",
    "In a chat session without a subscription, directed presence is sent where the user's policy lets it.",
    "5.1-11 5.1-12 4.1-04 4.6.1-01",
)
CHAT_PRESENCE_ENDED: Final = rule(
    "client:chat-presence-ended",
    "5.1",
    "The end of a chat session ends the presence that was sent because of it.",
    "5.1-13",
)
CHAT_ENDED: Final = rule(
    "client:chat-ended", "5.1", "The end of a chat session that shared no presence is silent.", "5.1-13"
)
REPLY_TO_SENDER: Final = rule(
    "client:reply",
    "5.2.1",
    "A reply has the type and thread of the message, and goes to the full JID that it came from.",
    _MESSAGE,
    "5.1-02 5.1-04 5.1-07 5.2.1-03 5.2.2-16 5.2.5-03",
)
REPLY_TO_BARE_JID: Final = rule(
    "client:reply-to-bare",
    "5.2.1",
    "A reply to a room, or to a resource that is known to be unavailable, goes to the bare JID.",
    _MESSAGE,
    "5.1-02 5.1-04 5.2.1-03 5.2.2-16 5.2.5-03",
)
TO_OCCUPANT: Final = rule(
    "client:to-occupant",
    "XEP-0045 §7.5",
    "A message to an occupant of a room goes to the full JID, in a chat session with that occupant.",
    _MESSAGE,
    "5.1-02 5.1-04 5.1-07 5.2.1-03 5.2.2-16 5.2.5-03",
)
REPLY_TO_ERROR: Final = rule("client:reply-to-error", "RFC 6120 §8.3.1", "An error is not answered.")
MESSAGE_TYPE_UNKNOWN: Final = rule(
    "client:message-type", "5.2.2", "A message has one of five types, or none.", "5.2.2-02"
)
BODY_MALFORMED: Final = rule(
    "client:body",
    "5.2.3",
    "There is one body a language; it is plain text with no attribute but xml:lang.",
    "5.2.3-02 5.2.3-03 5.2.3-04",
)
SUBJECT_MALFORMED: Final = rule(
    "client:subject",
    "5.2.4",
    "There is one subject a language; it is plain text with no attribute but xml:lang.",
    "5.2.4-01 5.2.4-02 5.2.4-03",
)
THREAD_MALFORMED: Final = rule(
    "client:thread",
    "5.2.5",
    "There is at most one thread, plain text and not empty, and its parent is another thread.",
    "5.2.5-05 5.2.5-07 5.2.5-08 5.2.5-12 5.2.5-14",
)

# --- messages: what arrives (§5) --------------------------------------------------------------------------------------

_RECEIVED: Final = "5.2.5-10 5.2.5-11 5.3-02 12-01 12-02 12-03 12-04"

CHAT_RECEIVED: Final = rule(
    "client:chat-received",
    "5.1",
    "A chat message locks the session to its full JID, or unlocks it where another resource speaks.",
    _RECEIVED,
    "5.1-08 5.1-09",
)
MESSAGE_RECEIVED: Final = rule(
    "client:message-received", "5.3", "A message is told with all that it carries.", _RECEIVED
)
UNTYPED_MESSAGE_RECEIVED: Final = rule(
    "client:untyped-message",
    "5.2.2",
    "A message without a type, or of one that nobody has defined, is a normal one.",
    _RECEIVED,
    "5.2.2-12 5.2.2-14",
)
ERROR_MATCHED: Final = rule(
    "client:error",
    "RFC 6120 §8.3",
    "A message of type 'error' is matched to the message that it answers.",
    "12-04",
)
ERROR_UNMATCHED: Final = rule(
    "client:error-unmatched",
    "RFC 6120 §8.3",
    "An error that answers no message known is told all the same.",
    "12-04",
)
CARBON_RECEIVED: Final = rule(
    "client:carbon", "XEP-0280 §7", "A copy from the user's bare JID is told as what it is.", "XEP-0280 §7, §8"
)
CARBON_FORGED: Final = rule("client:carbon-forged", "XEP-0280 §11", "A copy from anybody else is ignored.")
CARBON_EMPTY: Final = rule("client:carbon-empty", "XEP-0280 §7", "A copy of nothing is ignored.", "XEP-0280 §7, §8")
