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
    "client:message", "A message outside any chat session goes to the bare JID.", _MESSAGE, "5.2.1-02"
)
MESSAGE_TO_RESOURCE: Final = rule(
    "client:message-to-resource",
    "A message that the application addresses to a full JID goes there and nowhere else.",
    _MESSAGE,
)
MESSAGE_AS_GIVEN: Final = rule(
    "client:message-as-given", "A message that breaks no rule is sent as the application made it.", _MESSAGE, "5.2.2-15"
)
CHAT_STARTED: Final = rule(
    "client:chat",
    "A chat session begins with a message of type 'chat' to the bare JID, in a thread of its own.",
    _MESSAGE,
    "5.1-01 5.1-03 5.1-05 5.2.1-02 5.2.5-03 5.2.5-12",
)
CHAT_TO_BARE_JID: Final = rule(
    "client:chat-unlocked",
    "Without a lock the messages of a chat session go to the bare JID, in its thread.",
    _MESSAGE,
    "5.1-01 5.1-06 5.1-09 5.1-10 5.2.5-03",
)
CHAT_LOCKED_IN: Final = rule(
    "client:chat-locked",
    "A locked chat session goes on with the full JID, in its thread.",
    _MESSAGE,
    "5.1-01 5.1-08 5.2.5-03",
)
CHAT_PRESENCE_SHARED: Final = rule(
    "client:chat-presence",
    "In a chat session without a subscription, directed presence is sent where the user's policy lets it.",
    "5.1-11 5.1-12 4.1-04 4.6.1-01",
)
CHAT_PRESENCE_ENDED: Final = rule(
    "client:chat-presence-ended", "The end of a chat session ends the presence that was sent because of it.", "5.1-13"
)
CHAT_ENDED: Final = rule("client:chat-ended", "The end of a chat session that shared no presence is silent.", "5.1-13")
REPLY_TO_SENDER: Final = rule(
    "client:reply",
    "A reply has the type and thread of the message, and goes to the full JID that it came from.",
    _MESSAGE,
    "5.1-02 5.1-04 5.1-07 5.2.1-03 5.2.2-16 5.2.5-03",
)
REPLY_TO_BARE_JID: Final = rule(
    "client:reply-to-bare",
    "A reply to a room, or to a resource that is known to be unavailable, goes to the bare JID.",
    _MESSAGE,
    "5.1-02 5.1-04 5.2.1-03 5.2.2-16 5.2.5-03",
)
TO_OCCUPANT: Final = rule(
    "client:to-occupant",
    "A message to an occupant of a room goes to the full JID, in a chat session with that occupant.",
    _MESSAGE,
    "5.1-02 5.1-04 5.1-07 5.2.1-03 5.2.2-16 5.2.5-03",
    "XEP-0045 §7.5",
)
REPLY_TO_ERROR: Final = rule("client:reply-to-error", "An error is not answered.", "RFC 6120 §8.3.1")
MESSAGE_TYPE_UNKNOWN: Final = rule("client:message-type", "A message has one of five types, or none.", "5.2.2-02")
BODY_MALFORMED: Final = rule(
    "client:body",
    "There is one body a language; it is plain text with no attribute but xml:lang.",
    "5.2.3-02 5.2.3-03 5.2.3-04",
)
SUBJECT_MALFORMED: Final = rule(
    "client:subject",
    "There is one subject a language; it is plain text with no attribute but xml:lang.",
    "5.2.4-01 5.2.4-02 5.2.4-03",
)
THREAD_MALFORMED: Final = rule(
    "client:thread",
    "There is at most one thread, plain text and not empty, and its parent is another thread.",
    "5.2.5-05 5.2.5-07 5.2.5-08 5.2.5-12 5.2.5-14",
)

# --- messages: what arrives (§5) --------------------------------------------------------------------------------------

_RECEIVED: Final = "5.2.5-10 5.2.5-11 5.3-02 12-01 12-02 12-03 12-04"

CHAT_RECEIVED: Final = rule(
    "client:chat-received",
    "A chat message locks the session to its full JID, or unlocks it where another resource speaks.",
    _RECEIVED,
    "5.1-08 5.1-09",
)
MESSAGE_RECEIVED: Final = rule("client:message-received", "A message is told with all that it carries.", _RECEIVED)
UNTYPED_MESSAGE_RECEIVED: Final = rule(
    "client:untyped-message",
    "A message without a type, or of one that nobody has defined, is a normal one.",
    _RECEIVED,
    "5.2.2-12 5.2.2-14",
)
ERROR_MATCHED: Final = rule(
    "client:error", "A message of type 'error' is matched to the message that it answers.", "12-04", "RFC 6120 §8.3"
)
ERROR_UNMATCHED: Final = rule(
    "client:error-unmatched", "An error that answers no message known is told all the same.", "12-04", "RFC 6120 §8.3"
)
CARBON_RECEIVED: Final = rule(
    "client:carbon", "A copy from the user's bare JID is told as what it is.", "XEP-0280 §7, §8"
)
CARBON_FORGED: Final = rule("client:carbon-forged", "A copy from anybody else is ignored.", "XEP-0280 §11")
CARBON_EMPTY: Final = rule("client:carbon-empty", "A copy of nothing is ignored.", "XEP-0280 §7, §8")
