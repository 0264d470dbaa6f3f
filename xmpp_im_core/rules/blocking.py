"""The rules of blocking (RFC 6121 §8.1, Appendix B; XEP-0191)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the user's commands ----------------------------------------------------------------------------------

LISTED: Final = rule("blocking:list", "The user is shown the block list, empty or not.", "XEP-0191 §3.2")
BLOCKED: Final = rule(
    "blocking:block", "What the user blocks is blocked until the user unblocks it.", "B-01", "XEP-0191 §3.3"
)
UNBLOCKED: Final = rule("blocking:unblock", "The user unblocks some JIDs, or all.", "XEP-0191 §3.4", "XEP-0191 §3.5")
PUSHED: Final = rule(
    "blocking:push", "Resources that have asked for the block list are told of each change.", "XEP-0191 §3.3"
)
UNAVAILABLE: Final = rule(
    "blocking:unavailable",
    "Whoever could see the user's presence is sent unavailable presence when it is blocked.",
    "8.1-03 11-06 4.6.3-08",
    "XEP-0191 §3.3",
)
AVAILABLE: Final = rule(
    "blocking:available",
    "Whoever may see the user's presence is sent it when it is unblocked.",
    "8.1-03",
    "XEP-0191 §3.4",
)
MALFORMED: Final = rule(
    "blocking:malformed", "A command that is none, or blocks nothing, is a bad request.", "XEP-0191 §3.3"
)
JID_MALFORMED: Final = rule("blocking:jid-malformed", "What is no JID cannot be blocked.", "XEP-0191 §3.3")
LIST_FULL: Final = rule("blocking:full", "One blocked JID more than the limit is a policy violation.", "8.1-03")
LIST_TOO_LARGE: Final = rule(
    "blocking:too-large",
    "A block list that would take more memory than the limit is a policy violation.",
    "8.1-03",
    "RFC 6120 §13.12",
)

# --- stanzas from and to whom the user blocks -------------------------------------------------------------

PRESENCE_IGNORED: Final = rule(
    "blocking:presence-ignored",
    "Presence from a blocked entity, subscriptions and probes included, is never answered.",
    "8.1-03 11-05 11-06",
    "XEP-0191 §3.3",
)
PRESENCE_WITHHELD: Final = rule(
    "blocking:presence-withheld",
    "While one resource of a contact is blocked, the contact gets no presence: the bare JID would pass it on.",
    "8.1-03 11-05 11-06",
    "XEP-0191 §3.3",
    "XEP-0191 §6",
)
MESSAGE_AS_TO_NOBODY: Final = rule(
    "blocking:message-as-to-nobody",
    "A message from a blocked entity fares as one to an account that does not exist.",
    "8.1-03 11-06",
    "RFC 6120 §13.11",
)
MESSAGE_REFUSED: Final = rule(
    "blocking:message-refused",
    "A message from a blocked entity is answered service-unavailable.",
    "8.1-03 11-06",
    "XEP-0191 §3.3",
)
IQ_REFUSED: Final = rule(
    "blocking:iq-refused",
    "An IQ request from a blocked entity is answered service-unavailable, anything else ignored.",
    "8.1-03 11-06",
    "XEP-0191 §3.3",
)
REMOVAL_NOT_TOLD: Final = rule(
    "blocking:removal-not-told",
    "The server does not tell a blocked contact that its item is removed: it routes nothing of the user there.",
    "8.1-03 11-06",
    "XEP-0191 §3.3",
)
OUTBOUND_REFUSED: Final = rule(
    "blocking:outbound-refused",
    "The user's own stanza to a blocked entity is not routed, but answered not-acceptable.",
    "8.1-03 3.1.2-09",
    "XEP-0191 §3.3",
)
