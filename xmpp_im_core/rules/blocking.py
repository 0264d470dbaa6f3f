"""The rules of blocking (RFC 6121 §8.1, Appendix B; XEP-0191)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the user's commands ----------------------------------------------------------------------------------

LISTED: Final = rule("blocking:list", "XEP-0191 §3.2", "The user is shown the block list, empty or not.")
BLOCKED: Final = rule(
    "blocking:block",
    "XEP-0191 §3.3",
    "What the user blocks is blocked until the user unblocks it.",
    "B-01",
)
UNBLOCKED: Final = rule("blocking:unblock", "XEP-0191 §3.4", "The user unblocks some JIDs, or all.", "XEP-0191 §3.5")
PUSHED: Final = rule(
    "blocking:push",
    "XEP-0191 §3.3",
    "Resources that have asked for the block list are told of each change.",
)
UNAVAILABLE: Final = rule(
    "blocking:unavailable",
    "XEP-0191 §3.3",
    "Whoever could see the user's presence is sent unavailable presence when it is blocked.",
    "8.1-03 11-06 4.6.3-08",
)
AVAILABLE: Final = rule(
    "blocking:available",
    "XEP-0191 §3.4",
    "Whoever may see the user's presence is sent it when it is unblocked.",
    "8.1-03",
)
MALFORMED: Final = rule(
    "blocking:malformed",
    "XEP-0191 §3.3",
    "A command that is none, or blocks nothing, is a bad request.",
)
JID_MALFORMED: Final = rule("blocking:jid-malformed", "XEP-0191 §3.3", "What is no JID cannot be blocked.")
LIST_FULL: Final = rule("blocking:full", "8.1", "One blocked JID more than the limit is a policy violation.", "8.1-03")
LIST_TOO_LARGE: Final = rule(
    "blocking:too-large",
    "RFC 6120 §13.12",
    "A block list that would take more memory than the limit is a policy violation.",
    "8.1-03",
)

# --- stanzas from and to whom the user blocks -------------------------------------------------------------

PRESENCE_IGNORED: Final = rule(
    "blocking:presence-ignored",
    "XEP-0191 §3.3",
    "Presence from a blocked entity, subscriptions and probes included, is never answered.",
    "8.1-03 11-05 11-06",
)
PRESENCE_WITHHELD: Final = rule(
    "blocking:presence-withheld",
    "XEP-0191 §3.3",
    "While one resource of a contact is blocked, the contact gets no presence: the bare JID would pass it on.",
    "8.1-03 11-05 11-06",
    "XEP-0191 §6",
)
MESSAGE_AS_TO_NOBODY: Final = rule(
    "blocking:message-as-to-nobody",
    "RFC 6120 §13.11",
    "A message from a blocked entity fares as one to an account that does not exist.",
    "8.1-03 11-06",
)
MESSAGE_REFUSED: Final = rule(
    "blocking:message-refused",
    "XEP-0191 §3.3",
    "A message from a blocked entity is answered service-unavailable.",
    "8.1-03 11-06",
)
IQ_REFUSED: Final = rule(
    "blocking:iq-refused",
    "XEP-0191 §3.3",
    "An IQ request from a blocked entity is answered service-unavailable, anything else ignored.",
    "8.1-03 11-06",
)
REMOVAL_NOT_TOLD: Final = rule(
    "blocking:removal-not-told",
    "XEP-0191 §3.3",
    "The server does not tell a blocked contact that its item is removed: it routes nothing of the user there.",
    "8.1-03 11-06",
)
OUTBOUND_REFUSED: Final = rule(
    "blocking:outbound-refused",
    "XEP-0191 §3.3",
    "The user's own stanza to a blocked entity is not routed, but answered not-acceptable.",
    "8.1-03 3.1.2-09",
)
