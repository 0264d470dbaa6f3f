"""The rules of the extensions that come along: carbons (XEP-0280) and last activity (XEP-0012)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

CARBONS_ENABLED: Final = rule("carbons:enabled", "XEP-0280 §4", "A resource asks to be sent copies of messages.")
CARBONS_DISABLED: Final = rule("carbons:disabled", "XEP-0280 §5", "A resource asks to be sent no more copies.")
CARBONS_MALFORMED: Final = rule(
    "carbons:malformed", "XEP-0280 §4", "A request that neither enables nor disables is a bad request."
)
CARBON_RECEIVED: Final = rule(
    "carbons:received",
    "XEP-0280 §7",
    "Whoever has asked for copies is sent one of each message for the user that it did not get itself.",
)
CARBON_SENT: Final = rule(
    "carbons:sent",
    "XEP-0280 §8",
    "Whoever has asked for copies is sent one of each message that another resource of the user sends.",
)

LAST_ACTIVITY: Final = rule(
    "last-activity:told",
    "XEP-0012 §4",
    "Whoever may see the user's presence is told since when no resource is available.",
    "8.5.2.1.3-03 8.5.2.2.3-02",
)
LAST_ACTIVITY_WITHHELD: Final = rule(
    "last-activity:withheld",
    "11",
    "An entity that may not see the user's presence gets the answer of an account that does not exist.",
    "11-06 8.1-01",
    "RFC 6120 §13.11",
)
LAST_ACTIVITY_MALFORMED: Final = rule("last-activity:malformed", "XEP-0012 §3", "Last activity cannot be set.")
LAST_ACTIVITY_NONE: Final = rule(
    "last-activity:none",
    "XEP-0012 §4",
    "A user who never was available has no last activity.",
    "8.5.2.2.3-03",
)
