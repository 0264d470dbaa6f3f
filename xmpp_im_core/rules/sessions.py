"""The rules of sessions and of accounts as a whole (RFC 6121 §2.2, §3.2, §3.3, §4.5.2; RFC 6120 §7, §8.1.2.1)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- sessions ---------------------------------------------------------------------------------------------

BOUND: Final = rule(
    "session:bound",
    "A bound resource is connected: neither available nor interested yet.",
    "4.1-07 2.6.1-01 3.4-03 3.4-04",
    "RFC 6120 §7",
)
BOUND_ALREADY: Final = rule("session:bound-already", "A session that is bound already changes nothing.", "RFC 6120 §7")
RESOURCE_MALFORMED: Final = rule(
    "session:bad-resource", "A resourcepart that is none, or not prepared, is refused.", "RFC 6120 §7.7.2.1"
)
TOO_MANY_SESSIONS: Final = rule("session:too-many", "One resource more than the limit is refused.", "RFC 6120 §7.6.2.1")
SESSIONS_TOO_LARGE: Final = rule(
    "session:too-large",
    "A resource is refused if the resources of the account would take more memory than the limit.",
    "RFC 6120 §7.6.2.1",
    "RFC 6120 §13.12",
)
REPLACED: Final = rule(
    "session:replaced", "The older session of a resource is closed with conflict.", "RFC 6120 §7.7.2.2"
)
DETACHED: Final = rule("session:detached", "A session that may be resumed stays as available as it was.", "XEP-0198 §5")
RESUMED: Final = rule("session:resumed", "A resumed session has missed nothing, and nobody is told.", "XEP-0198 §5")
ENDED: Final = rule("session:ended", "The end of a session concerns nobody who was told nothing of it.", "4.1-05")
REPLACED_ENDED: Final = rule(
    "session:replaced-ended",
    "Nobody is told of the end of a replaced session; the server processes again what it did not get.",
    "8.5-01",
    "RFC 6120 §7.7.2.2",
)
UNKNOWN_SESSION: Final = rule(
    "session:unknown",
    "An event of a session that is not there, or was replaced, is ignored.",
    "RFC 6120 §7.7.2.2",
)

# --- accounts ---------------------------------------------------------------------------------------------

NO_ACCOUNT: Final = rule("account:none", "What happens to an account that does not exist has no effect.", "8.5-01")
ACCOUNT_GONE: Final = rule(
    "account:gone",
    "Sessions of an account that does not exist are closed with not-authorized.",
    "RFC 6120 §4.9.3.12",
)
