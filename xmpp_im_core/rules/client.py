"""The rules of a client for sessions and IQs (RFC 6121 §6; RFC 6120)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the session ------------------------------------------------------------------------------------------------

SESSION_BOUND: Final = rule(
    "client:bound", "RFC 6120 §7", "In a new session the client knows only the roster from an earlier session."
)
SESSION_ENDED: Final = rule(
    "client:ended", "RFC 6120 §4.4", "When the session ends, the client forgets all presence that it knew."
)
NO_SESSION: Final = rule(
    "client:no-session", "RFC 6120 §7", "The client ignores a stanza that comes without a session."
)
NOTHING_WITHOUT_SESSION: Final = rule(
    "client:not-bound", "RFC 6120 §7.1", "The client cannot send a stanza before a resource is bound."
)
UNANSWERED: Final = rule(
    "client:unanswered",
    "RFC 6120 §8.2.3",
    "A request gets no answer after its session has ended, so the client tells the application.",
)
FROM_MALFORMED: Final = rule(
    "client:from-malformed",
    "RFC 6120 §8.1.2",
    "The client tells the application of a stanza whose 'from' is not a JID.",
)
FROM_FOREIGN: Final = rule(
    "client:from-foreign", "RFC 6120 §8.1.2.1", "The client refuses to send a stanza with another entity's 'from'."
)
TO_MALFORMED: Final = rule(
    "client:to-malformed",
    "RFC 6120 §8.1.1",
    "The client refuses to send a stanza to an address that is not a JID.",
)

# --- IQs (§6; RFC 6120 §8.2.3) ----------------------------------------------------------------------------------------

IQ_SENT: Final = rule("client:iq", "6", "The client sends IQ requests of any extension.", "6-03", "RFC 6120 §8.2.3")
IQ_ANSWER_SENT: Final = rule(
    "client:iq-answer", "RFC 6120 §8.2.3", "The client sends the application's answer to a request.", "6-03"
)
IQ_MALFORMED_OUT: Final = rule(
    "client:iq-malformed",
    "RFC 6120 §8.2.3",
    "The client refuses to send an IQ without id, of an unknown type, or a get or set without exactly one child.",
)
ID_IN_USE: Final = rule(
    "client:id-in-use",
    "RFC 6120 §8.1.3",
    "The client refuses to send a request with the id of another request that waits for its answer.",
)
TOO_MANY_QUESTIONS: Final = rule(
    "client:questions-full",
    "RFC 6120 §8.2.3",
    "The client refuses to send a request if as many as the limit wait for their answers.",
)
GIVEN_UP: Final = rule(
    "client:given-up",
    "RFC 6120 §8.2.3",
    "When the application gives up on a request, the client stops waiting and ignores a later answer.",
)
NOTHING_TO_GIVE_UP: Final = rule(
    "client:nothing-to-give-up",
    "RFC 6120 §8.2.3",
    "The client does nothing if the application gives up on a request that does not wait.",
)
ANSWER_TOLD: Final = rule(
    "client:answer",
    "RFC 6120 §8.1.2.1",
    "The client accepts an IQ as the answer if it has the request's id and comes from the request's recipient.",
    "6-03",
)
ANSWER_UNASKED: Final = rule(
    "client:answer-unasked", "RFC 6120 §8.2.3", "The client ignores an answer to a request that it has not sent."
)
ANSWER_FORGED: Final = rule(
    "client:answer-forged",
    "RFC 6120 §8.1.2.1",
    "The client ignores an answer from an entity other than the request's recipient.",
)
REQUEST_TOLD: Final = rule(
    "client:request-told",
    "RFC 6120 §8.2.3",
    "The client tells the application of a request in a namespace that it serves; the application must answer.",
    "6-03",
)
REQUEST_NOT_SERVED: Final = rule(
    "client:not-served",
    "RFC 6120 §8.4",
    "The client answers service-unavailable to a request in a namespace that the application does not serve.",
)
IQ_MALFORMED_IN: Final = rule(
    "client:iq-refused", "RFC 6120 §8.2.3", "The client answers bad-request to a malformed request."
)
