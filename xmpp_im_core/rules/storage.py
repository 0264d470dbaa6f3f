"""The rules of storage: unknown data is not treated as empty data (RFC 6121 §2.2, §2.3.3, §3.1.2)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

LOADED: Final = rule(
    "storage:loaded", "2", "A loaded account has the state of its stored records.", "2-01 3-02 3.1.3-14"
)
NOTHING_LOADED: Final = rule("storage:nothing", "8.5", "Without stored records there is no account.", "8.5-01")
LOAD_FAILED: Final = rule(
    "storage:load-failed",
    "2.2",
    "The server does not treat an account that could not be loaded as one that does not exist.",
    "2.2-11",
)
OWNERSHIP_LOST: Final = rule(
    "storage:ownership-lost",
    "2.2",
    "The server tells nobody that an account is no longer certain, and loads it again at its next event.",
    "2.2-11",
)
ENDED_MEANWHILE: Final = rule(
    "storage:ended-meanwhile",
    "4.5.2",
    "When an account is loaded, the server tells of the sessions that ended while it could not be loaded.",
    "4.5.2-01",
)
IN_USE_UNLOADED: Final = rule(
    "storage:in-use",
    "RFC 6120 §4.9.3.6",
    "While an account cannot be loaded, the server closes a new session of a resource that others may see.",
    "2.2-11",
)
PROCESSED: Final = rule(
    "storage:processed", "2", "The server stores the changes of an event once, even if the event comes twice.", "2-01"
)
ACCOUNT_THERE: Final = rule(
    "storage:there", "2", "The server neither loads nor creates an account that is loaded already.", "2-01"
)
BOUND_UNLOADED: Final = rule(
    "storage:bound", "2.2", "The server notes a new session although the account could not be loaded.", "2.2-11"
)
ENDED_UNLOADED: Final = rule(
    "storage:ended",
    "2.2",
    "The server ends a session although the account could not be loaded, and tells nobody.",
    "2.2-11",
)
NOT_NOW: Final = rule(
    "storage:not-now",
    "2.2",
    "While storage fails, an entity that waits for an answer gets internal-server-error of type wait.",
    "2.2-09 2.2-11 2.3.3-01 2.3.3-02 3.1.2-09",
)
NOT_NOW_HIDDEN: Final = rule(
    "storage:not-now-hidden",
    "8.1",
    "The server drops a message that cannot be stored if its sender may not see the user's presence.",
    "8.1-02 11-06",
)
NOT_NOW_IGNORED: Final = rule(
    "storage:not-now-ignored", "11", "While storage fails, the server ignores what needs no answer.", "4.7.1-03 11-06"
)
