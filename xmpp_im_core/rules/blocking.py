"""The rules of blocking (RFC 6121 §8.1, Appendix B; XEP-0191)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the user's commands ----------------------------------------------------------------------------------

LISTED: Final = rule("blocking:list", "XEP-0191 §3.2", "The server returns the block list, which may be empty.")
BLOCKED: Final = rule(
    "blocking:block",
    "XEP-0191 §3.3",
    "The server blocks the JIDs that the user blocks, until the user unblocks them.",
    "B-01",
)
UNBLOCKED: Final = rule(
    "blocking:unblock", "XEP-0191 §3.4", "The server unblocks the JIDs that the user names, or all.", "XEP-0191 §3.5"
)
PUSHED: Final = rule(
    "blocking:push",
    "XEP-0191 §3.3",
    "The server pushes each change of the block list to resources that have asked for the list.",
)
UNAVAILABLE: Final = rule(
    "blocking:unavailable",
    "XEP-0191 §3.3",
    "The server sends unavailable presence to a blocked entity that could see the user's presence.",
    "8.1-03 11-06 4.6.3-08",
)
AVAILABLE: Final = rule(
    "blocking:available",
    "XEP-0191 §3.4",
    "The server sends the user's presence to an unblocked entity that may see it.",
    "8.1-03",
)
MALFORMED: Final = rule(
    "blocking:malformed",
    "XEP-0191 §3.3",
    "The server answers bad-request to a malformed command, and to one that blocks nothing.",
)
JID_MALFORMED: Final = rule(
    "blocking:jid-malformed",
    "XEP-0191 §3.3",
    "The server answers jid-malformed to a command that blocks something that is not a JID.",
)
LIST_FULL: Final = rule(
    "blocking:full",
    "8.1",
    "The server answers policy-violation if the user would block more JIDs than the limit.",
    "8.1-03",
)
LIST_TOO_LARGE: Final = rule(
    "blocking:too-large",
    "RFC 6120 §13.12",
    "The server answers policy-violation if the block list would take more memory than the limit.",
    "8.1-03",
)

# --- stanzas from and to blocked entities -----------------------------------------------------------------

PRESENCE_IGNORED: Final = rule(
    "blocking:presence-ignored",
    "XEP-0191 §3.3",
    "The server ignores presence from a blocked entity, subscription stanzas and probes included.",
    "8.1-03 11-05 11-06",
)
PRESENCE_WITHHELD: Final = rule(
    "blocking:presence-withheld",
    "XEP-0191 §3.3",
    "While the user blocks one resource of a contact, the server sends the contact no presence.",
    "8.1-03 11-05 11-06",
    "XEP-0191 §6",
)
MESSAGE_AS_TO_NOBODY: Final = rule(
    "blocking:message-as-to-nobody",
    "RFC 6120 §13.11",
    "The server treats a message from a blocked entity like one to an account that does not exist.",
    "8.1-03 11-06",
)
MESSAGE_REFUSED: Final = rule(
    "blocking:message-refused",
    "XEP-0191 §3.3",
    "The server answers service-unavailable to a message from a blocked entity.",
    "8.1-03 11-06",
)
IQ_REFUSED: Final = rule(
    "blocking:iq-refused",
    "XEP-0191 §3.3",
    "The server answers service-unavailable to an IQ request from a blocked entity, and ignores its other IQs.",
    "8.1-03 11-06",
)
REMOVAL_NOT_TOLD: Final = rule(
    "blocking:removal-not-told",
    "XEP-0191 §3.3",
    "The server does not tell a blocked contact that its item is removed, because it routes nothing there.",
    "8.1-03 11-06",
)
OUTBOUND_REFUSED: Final = rule(
    "blocking:outbound-refused",
    "XEP-0191 §3.3",
    "The server does not route the user's stanza to a blocked entity, but answers not-acceptable.",
    "8.1-03 3.1.2-09",
)
