"""The rules that bind a client in each session, and in IQs (RFC 6121 §6; RFC 6120)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the session ------------------------------------------------------------------------------------------------

SESSION_BOUND: Final = rule(
    "client:bound", "A new session knows nothing of an earlier one but the roster.", "RFC 6120 §7"
)
SESSION_ENDED: Final = rule(
    "client:ended", "With the session ends what was known of anybody's presence.", "RFC 6120 §4.4"
)
NO_SESSION: Final = rule("client:no-session", "Without a session nothing can arrive.", "RFC 6120 §7")
NOTHING_WITHOUT_SESSION: Final = rule(
    "client:not-bound", "Before a resource is bound no stanza can be sent.", "RFC 6120 §7.1"
)
UNANSWERED: Final = rule(
    "client:unanswered", "What was asked in a session that has ended is not answered any more.", "RFC 6120 §8.2.3"
)
FROM_MALFORMED: Final = rule(
    "client:from-malformed", "The application is told of a stanza whose 'from' is not a JID.", "RFC 6120 §8.1.2"
)
FROM_FOREIGN: Final = rule("client:from-foreign", "A client sends in nobody's name but its own.", "RFC 6120 §8.1.2.1")
TO_MALFORMED: Final = rule(
    "client:to-malformed", "A client sends nothing to an address that is not a JID.", "RFC 6120 §8.1.1"
)

# --- IQs (§6; RFC 6120 §8.2.3) ----------------------------------------------------------------------------------------

IQ_SENT: Final = rule("client:iq", "An IQ may carry a request of any extension.", "6-03", "RFC 6120 §8.2.3")
IQ_ANSWER_SENT: Final = rule("client:iq-answer", "Whoever is asked answers.", "6-03", "RFC 6120 §8.2.3")
IQ_MALFORMED_OUT: Final = rule(
    "client:iq-malformed",
    "An IQ has an id and one of four types; a get or set has exactly one child.",
    "RFC 6120 §8.2.3",
)
ID_IN_USE: Final = rule("client:id-in-use", "No two requests that wait have the same id.", "RFC 6120 §8.1.3")
TOO_MANY_QUESTIONS: Final = rule(
    "client:questions-full", "Only so many requests may wait for their answers.", "RFC 6120 §8.2.3"
)
GIVEN_UP: Final = rule(
    "client:given-up",
    "What the application has given up on waits no longer, and an answer that still comes is ignored.",
    "RFC 6120 §8.2.3",
)
NOTHING_TO_GIVE_UP: Final = rule(
    "client:nothing-to-give-up", "Nobody can give up on what does not wait, or no longer.", "RFC 6120 §8.2.3"
)
ANSWER_TOLD: Final = rule(
    "client:answer",
    "An answer is an IQ with the id of the request, from whom it was sent to.",
    "6-03",
    "RFC 6120 §8.1.2.1",
)
ANSWER_UNASKED: Final = rule("client:answer-unasked", "An answer to nothing is ignored.", "RFC 6120 §8.2.3")
ANSWER_FORGED: Final = rule(
    "client:answer-forged", "An answer from anybody but the one that was asked is ignored.", "RFC 6120 §8.1.2.1"
)
REQUEST_TOLD: Final = rule(
    "client:request-told",
    "A request that the application serves is told; it owes the answer.",
    "6-03",
    "RFC 6120 §8.2.3",
)
REQUEST_NOT_SERVED: Final = rule(
    "client:not-served", "A request that no service takes is answered with service-unavailable.", "RFC 6120 §8.4"
)
IQ_MALFORMED_IN: Final = rule(
    "client:iq-refused", "A malformed request is answered with bad-request.", "RFC 6120 §8.2.3"
)
