"""The rules for actions of an administrator (RFC 6121 §2.3.3, §2.6, §3.2, §3.3, §4.3.2)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.roster import pushed
from xmpp_im_core.rules.rule import rule

CREATED: Final = rule("account:created", "2", "The server creates an account with an empty roster.", "2-01")
REMOVED: Final = rule("account:removed", "2", "The server deletes all records of a removed account.", "2-01 11-06")
UNSUBSCRIBED_BY_REMOVAL: Final = rule(
    "account:removed-unsubscribes",
    "2.5.2",
    "The server ends the subscriptions of a removed account: it sends the contacts unsubscribe.",
    "2.5.2-04 3.3.2-05 3-04",
)
CANCELLED_BY_REMOVAL: Final = rule(
    "account:removed-cancels",
    "2.5.2",
    "The server cancels or denies subscriptions to a removed account: it sends unsubscribed.",
    "2.5.2-05 3.2.2-10 3-04",
)
MOVED: Final = rule(
    "account:moved", "4.3.2", "The server tells contacts who probe where the user has moved to.", "4.3.2-07"
)
UNKNOWN_ITEM: Final = rule(
    "account:unknown-item", "2.5.3", "An administrator cannot remove an item that is not in the roster.", "2.5.3-01"
)
SHARED_PUSHED: Final = pushed(
    "shared:push",
    "2.4.2",
    "When the service changes a shared item, the server pushes it like any other changed item.",
    "2.4.2-02",
)
SHARED_GONE_PUSHED: Final = pushed(
    "shared:gone-push",
    "2.5.2",
    "When the service no longer shares an item, the server pushes its removal, or the user's own item.",
    "2.5.2-02",
)
SHARED_UNCHANGED: Final = rule(
    "shared:unchanged", "2.6.3", "The server does nothing if the service shares the same items as before.", "2.6.3-07"
)
SHARED_PRESENCE: Final = rule(
    "shared:presence",
    "4.2.2",
    "The server sends the user's presence to contacts whom the service now lets see it.",
    "3-01 4.2.2-01",
)
SHARED_UNAVAILABLE: Final = rule(
    "shared:unavailable",
    "3",
    "The server sends unavailable presence to contacts whom the service no longer lets see the user's presence.",
    "3-01 11-06",
)
SHARED_PROBE: Final = rule(
    "shared:probe",
    "4.3",
    "The server probes contacts whose presence the service now lets the user see.",
    "4.2.2-04 4.3-01",
)
SHARED_NOT_YOURS: Final = rule(
    "shared:not-yours",
    "2.3.3",
    "The user cannot change a shared item: the server answers not-allowed.",
    "2.3.3-01 2.3.3-03",
)
SHARED_GRANTED: Final = rule(
    "shared:granted",
    "3.1.3",
    "The server answers subscribed to a request that the service has granted by sharing the item.",
    "3.1.3-05 3.1.3-07",
)
SHARED_NOT_THEIRS: Final = rule(
    "shared:not-theirs", "3.1.3", "A contact's stanzas do not change a shared item.", "3.1.3-05"
)
