"""The rules of the extensions in this package: carbons (XEP-0280) and last activity (XEP-0012)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

CARBONS_ENABLED: Final = rule(
    "carbons:enabled", "XEP-0280 §4", "The server sends carbon copies to a resource that enables them."
)
CARBONS_DISABLED: Final = rule(
    "carbons:disabled", "XEP-0280 §5", "The server sends no carbon copies to a resource that disables them."
)
CARBONS_MALFORMED: Final = rule(
    "carbons:malformed",
    "XEP-0280 §4",
    "The server answers bad-request to a carbons request that neither enables nor disables.",
)
CARBON_RECEIVED: Final = rule(
    "carbons:received",
    "XEP-0280 §7",
    "A resource with carbons gets a copy of each message that the server delivers to other resources only.",
)
CARBON_SENT: Final = rule(
    "carbons:sent",
    "XEP-0280 §8",
    "A resource with carbons gets a copy of each message that another resource of the user sends.",
)

LAST_ACTIVITY: Final = rule(
    "last-activity:told",
    "XEP-0012 §4",
    "The server tells an entity that may see the user's presence since when no resource is available.",
    "8.5.2.1.3-03 8.5.2.2.3-02",
)
LAST_ACTIVITY_WITHHELD: Final = rule(
    "last-activity:withheld",
    "11",
    "An entity that may not see the user's presence gets the answer of an account that does not exist.",
    "11-06 8.1-01",
    "RFC 6120 §13.11",
)
LAST_ACTIVITY_MALFORMED: Final = rule(
    "last-activity:malformed",
    "XEP-0012 §3",
    "The server answers bad-request to a set: nobody can set the last activity.",
)
LAST_ACTIVITY_NONE: Final = rule(
    "last-activity:none",
    "XEP-0012 §4",
    "A user who was never available has no last activity.",
    "8.5.2.2.3-03",
)
