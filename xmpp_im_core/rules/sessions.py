"""The rules of sessions and of accounts as a whole (RFC 6121 §2.2, §3.2, §3.3, §4.5.2; RFC 6120 §7, §8.1.2.1)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- sessions ---------------------------------------------------------------------------------------------

BOUND: Final = rule(
    "session:bound",
    "RFC 6120 §7",
    "A bound resource is connected: neither available nor interested yet.",
    "4.1-07 2.6.1-01 3.4-03 3.4-04",
)
BOUND_ALREADY: Final = rule("session:bound-already", "RFC 6120 §7", "A session that is bound already changes nothing.")
RESOURCE_MALFORMED: Final = rule(
    "session:bad-resource",
    "RFC 6120 §7.7.2.1",
    "A resourcepart that is none, or not prepared, is refused.",
)
TOO_MANY_SESSIONS: Final = rule("session:too-many", "RFC 6120 §7.6.2.1", "One resource more than the limit is refused.")
SESSIONS_TOO_LARGE: Final = rule(
    "session:too-large",
    "RFC 6120 §13.12",
    "A resource is refused if the resources of the account would take more memory than the limit.",
    "RFC 6120 §7.6.2.1",
)
REPLACED: Final = rule(
    "session:replaced",
    "RFC 6120 §7.7.2.2",
    "The older session of a resource is closed with conflict.",
)
DETACHED: Final = rule("session:detached", "XEP-0198 §5", "A session that may be resumed stays as available as it was.")
RESUMED: Final = rule("session:resumed", "XEP-0198 §5", "A resumed session has missed nothing, and nobody is told.")
ENDED: Final = rule(
    "session:ended", "4.1", "The end of a session concerns nobody who was told nothing of it.", "4.1-05"
)
REPLACED_ENDED: Final = rule(
    "session:replaced-ended",
    "RFC 6120 §7.7.2.2",
    "Nobody is told of the end of a replaced session; the server processes again what it did not get.",
    "8.5-01",
)
UNKNOWN_SESSION: Final = rule(
    "session:unknown",
    "RFC 6120 §7.7.2.2",
    "An event of a session that is not there, or was replaced, is ignored.",
)

# --- accounts ---------------------------------------------------------------------------------------------

NO_ACCOUNT: Final = rule(
    "account:none", "8.5", "What happens to an account that does not exist has no effect.", "8.5-01"
)
ACCOUNT_GONE: Final = rule(
    "account:gone",
    "RFC 6120 §4.9.3.12",
    "Sessions of an account that does not exist are closed with not-authorized.",
)
