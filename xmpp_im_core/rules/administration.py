"""The rules of what an administrator does to an account (RFC 6121 §2.3.3, §2.6, §3.2, §3.3, §4.3.2)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.roster import pushed
from xmpp_im_core.rules.rule import rule

CREATED: Final = rule("account:created", "2", "A new account has an empty roster.", "2-01")
REMOVED: Final = rule("account:removed", "2", "Of a removed account nothing stays stored.", "2-01 11-06")
UNSUBSCRIBED_BY_REMOVAL: Final = rule(
    "account:removed-unsubscribes",
    "2.5.2",
    "The removal of an account ends its subscriptions: contacts are sent unsubscribe.",
    "2.5.2-04 3.3.2-05 3-04",
)
CANCELLED_BY_REMOVAL: Final = rule(
    "account:removed-cancels",
    "2.5.2",
    "The removal of an account cancels or denies its contacts' subscriptions: they are sent unsubscribed.",
    "2.5.2-05 3.2.2-10 3-04",
)
MOVED: Final = rule("account:moved", "4.3.2", "Contacts who probe are told where the user has moved to.", "4.3.2-07")
UNKNOWN_ITEM: Final = rule(
    "account:unknown-item", "2.5.3", "What is not in the roster cannot be removed from it.", "2.5.3-01"
)
SHARED_PUSHED: Final = pushed(
    "shared:push",
    "2.4.2",
    "A change of what the service shares is pushed like any other change of an item.",
    "2.4.2-02",
)
SHARED_GONE_PUSHED: Final = pushed(
    "shared:gone-push",
    "2.5.2",
    "What the service shares no longer is pushed as removed, or as the user's own item.",
    "2.5.2-02",
)
SHARED_UNCHANGED: Final = rule(
    "shared:unchanged", "2.6.3", "Sharing what is shared already changes nothing.", "2.6.3-07"
)
SHARED_PRESENCE: Final = rule(
    "shared:presence", "4.2.2", "Whom the service lets see the user's presence is sent it.", "3-01 4.2.2-01"
)
SHARED_UNAVAILABLE: Final = rule(
    "shared:unavailable",
    "3",
    "Whom the service lets see the user's presence no longer is sent unavailable.",
    "3-01 11-06",
)
SHARED_PROBE: Final = rule(
    "shared:probe", "4.3", "Whose presence the service lets the user see is probed.", "4.2.2-04 4.3-01"
)
SHARED_NOT_YOURS: Final = rule(
    "shared:not-yours",
    "2.3.3",
    "What the service shares is not allowed to be changed by the user.",
    "2.3.3-01 2.3.3-03",
)
SHARED_GRANTED: Final = rule(
    "shared:granted", "3.1.3", "A request that the service has granted is answered.", "3.1.3-05 3.1.3-07"
)
SHARED_NOT_THEIRS: Final = rule(
    "shared:not-theirs", "3.1.3", "What the service shares is not changed by the contact's stanzas.", "3.1.3-05"
)
