"""The rules that bind a client in each session, and in IQs (RFC 6121 §6; RFC 6120)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the session ------------------------------------------------------------------------------------------------

SESSION_BOUND: Final = rule(
    "client:bound", "RFC 6120 §7", "A new session knows nothing of an earlier one but the roster."
)
SESSION_ENDED: Final = rule(
    "client:ended", "RFC 6120 §4.4", "With the session ends what was known of anybody's presence."
)
NO_SESSION: Final = rule("client:no-session", "RFC 6120 §7", "Without a session nothing can arrive.")
NOTHING_WITHOUT_SESSION: Final = rule(
    "client:not-bound", "RFC 6120 §7.1", "Before a resource is bound no stanza can be sent."
)
UNANSWERED: Final = rule(
    "client:unanswered",
    "RFC 6120 §8.2.3",
    "What was asked in a session that has ended is not answered any more.",
)
FROM_MALFORMED: Final = rule(
    "client:from-malformed",
    "RFC 6120 §8.1.2",
    "The application is told of a stanza whose 'from' is not a JID.",
)
FROM_FOREIGN: Final = rule("client:from-foreign", "RFC 6120 §8.1.2.1", "A client sends in nobody's name but its own.")
TO_MALFORMED: Final = rule(
    "client:to-malformed",
    "RFC 6120 §8.1.1",
    "A client sends nothing to an address that is not a JID.",
)

# --- IQs (§6; RFC 6120 §8.2.3) ----------------------------------------------------------------------------------------

IQ_SENT: Final = rule("client:iq", "6", "An IQ may carry a request of any extension.", "6-03", "RFC 6120 §8.2.3")
IQ_ANSWER_SENT: Final = rule("client:iq-answer", "RFC 6120 §8.2.3", "Whoever is asked answers.", "6-03")
IQ_MALFORMED_OUT: Final = rule(
    "client:iq-malformed",
    "RFC 6120 §8.2.3",
    "An IQ has an id and one of four types; a get or set has exactly one child.",
)
ID_IN_USE: Final = rule("client:id-in-use", "RFC 6120 §8.1.3", "No two requests that wait have the same id.")
TOO_MANY_QUESTIONS: Final = rule(
    "client:questions-full", "RFC 6120 §8.2.3", "Only so many requests may wait for their answers."
)
GIVEN_UP: Final = rule(
    "client:given-up",
    "RFC 6120 §8.2.3",
    "What the application has given up on waits no longer, and an answer that still comes is ignored.",
)
NOTHING_TO_GIVE_UP: Final = rule(
    "client:nothing-to-give-up",
    "RFC 6120 §8.2.3",
    "Nobody can give up on what does not wait, or no longer.",
)
ANSWER_TOLD: Final = rule(
    "client:answer",
    "RFC 6120 §8.1.2.1",
    "An answer is an IQ with the id of the request, from whom it was sent to.",
    "6-03",
)
ANSWER_UNASKED: Final = rule("client:answer-unasked", "RFC 6120 §8.2.3", "An answer to nothing is ignored.")
ANSWER_FORGED: Final = rule(
    "client:answer-forged",
    "RFC 6120 §8.1.2.1",
    "An answer from anybody but the one that was asked is ignored.",
)
REQUEST_TOLD: Final = rule(
    "client:request-told",
    "RFC 6120 §8.2.3",
    "A request that the application serves is told; it owes the answer.",
    "6-03",
)
REQUEST_NOT_SERVED: Final = rule(
    "client:not-served",
    "RFC 6120 §8.4",
    "A request that no service takes is answered with service-unavailable.",
)
IQ_MALFORMED_IN: Final = rule(
    "client:iq-refused", "RFC 6120 §8.2.3", "A malformed request is answered with bad-request."
)
