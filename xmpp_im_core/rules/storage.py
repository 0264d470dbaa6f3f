"""The rules of storage: what is not known is not the same as none (RFC 6121 §2.2, §2.3.3, §3.1.2)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

LOADED: Final = rule("storage:loaded", "2", "An account is what was stored of it.", "2-01 3-02 3.1.3-14")
NOTHING_LOADED: Final = rule("storage:nothing", "8.5", "Where nothing is stored, there is no account.", "8.5-01")
LOAD_FAILED: Final = rule(
    "storage:load-failed", "2.2", "An account that could not be loaded is not taken for none.", "2.2-11"
)
ACCOUNT_THERE: Final = rule(
    "storage:there", "2", "An account that is there already is not loaded or created again.", "2-01"
)
BOUND_UNLOADED: Final = rule(
    "storage:bound", "2.2", "A session is noted though its account could not be loaded.", "2.2-11"
)
ENDED_UNLOADED: Final = rule(
    "storage:ended",
    "2.2",
    "A session ends though its account could not be loaded; nobody is told, who knew nothing.",
    "2.2-11",
)
NOT_NOW: Final = rule(
    "storage:not-now",
    "2.2",
    "While storage fails, whoever waits for an answer gets an internal-server-error of type wait.",
    "2.2-09 2.2-11 2.3.3-01 2.3.3-02 3.1.2-09",
)
NOT_NOW_HIDDEN: Final = rule(
    "storage:not-now-hidden",
    "8.1",
    "A message that cannot be stored is dropped if its sender may not know whether the user is there.",
    "8.1-02 11-06",
)
NOT_NOW_IGNORED: Final = rule(
    "storage:not-now-ignored", "11", "While storage fails, what nobody waits for is ignored.", "4.7.1-03 11-06"
)
