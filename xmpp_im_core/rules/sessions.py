"""The rules of sessions and of accounts as a whole (RFC 6121 §2.2, §3.2, §3.3, §4.5.2; RFC 6120 §7, §8.1.2.1)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- sessions ---------------------------------------------------------------------------------------------

BOUND: Final = rule(
    "session:bound",
    "RFC 6120 §7",
    "A bound resource is connected, but neither available nor interested yet.",
    "4.1-07 2.6.1-01 3.4-03 3.4-04",
)
BOUND_ALREADY: Final = rule("session:bound-already", "RFC 6120 §7", "Binding a session again changes nothing.")
RESOURCE_MALFORMED: Final = rule(
    "session:bad-resource",
    "RFC 6120 §7.7.2.1",
    "The server closes a session whose resourcepart is empty, malformed or not prepared.",
)
TOO_MANY_SESSIONS: Final = rule(
    "session:too-many",
    "RFC 6120 §7.6.2.1",
    "The server closes a new session if the account would have more resources than the limit.",
)
SESSIONS_TOO_LARGE: Final = rule(
    "session:too-large",
    "RFC 6120 §13.12",
    "The server closes a new session if the account's resources would take more memory than the limit.",
    "RFC 6120 §7.6.2.1",
)
REPLACED: Final = rule(
    "session:replaced",
    "RFC 6120 §7.7.2.2",
    "The server closes the older session of a resource with conflict.",
)
DETACHED: Final = rule("session:detached", "XEP-0198 §5", "A session that may be resumed stays available as before.")
RESUMED: Final = rule(
    "session:resumed",
    "XEP-0198 §5",
    "The server tells nobody that a session is resumed: the session has missed nothing.",
)
REPLACED_ENDED: Final = rule(
    "session:replaced-ended",
    "RFC 6120 §7.7.2.2",
    "The server tells nobody of the end of a replaced session, and processes again what it did not get.",
    "8.5-01",
)
UNKNOWN_SESSION: Final = rule(
    "session:unknown",
    "RFC 6120 §7.7.2.2",
    "The server ignores an event of a session that has ended or was replaced.",
)

# --- accounts ---------------------------------------------------------------------------------------------

NO_ACCOUNT: Final = rule("account:none", "8.5", "An event of an account that does not exist has no effect.", "8.5-01")
ACCOUNT_GONE: Final = rule(
    "account:gone",
    "RFC 6120 §4.9.3.12",
    "The server closes sessions of an unknown account with not-authorized.",
)
