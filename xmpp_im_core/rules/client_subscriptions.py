"""The rules that bind a client in presence subscriptions: what it sends, and what it believes (RFC 6121 §3)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- subscriptions: what is sent (§3) -------------------------------------------------------------------------------

SUBSCRIBE_SENT: Final = rule(
    "client:subscribe",
    "3.1.1",
    "A request is presence of type 'subscribe' to the bare JID, with an id, and with the user's own words if any.",
    "2.1.2.2-04 3.1-01 3.1.1-01 3.1.1-02 3.1.1-03 3.1.1-04 4.7.2.2-06 12-15",
)
UNSUBSCRIBE_SENT: Final = rule(
    "client:unsubscribe",
    "3.3.1",
    "A subscription or request is ended by presence of type 'unsubscribe' to the bare JID.",
    "2.1.2.2-04 3.3.1-01 4.7.2.2-06 12-17",
)
SUBSCRIPTION_VOID: Final = rule(
    "client:void",
    "3.3.3",
    "With the 'unsubscribe' or its push all that is known of the contact's presence is void.",
    "3.3.3-09 3.3.3-10",
)
APPROVAL_SENT: Final = rule(
    "client:approve",
    "3.1.4",
    "A request is approved by presence of type 'subscribed' to the bare JID, with an id of its own.",
    "3.1.4-03 3.1.4-05 3.1.4-06 3.1.5-05 4.7.2.2-06 12-09",
)
DENIAL_SENT: Final = rule(
    "client:deny",
    "3.1.4",
    "A request is denied by presence of type 'unsubscribed' to the bare JID, with an id of its own.",
    "3.1.4-04 3.1.4-05 3.1.4-06 3.2.1-01 4.7.2.2-06 12-11",
)
CANCELLATION_SENT: Final = rule(
    "client:cancel",
    "3.2.1",
    "A contact's subscription is cancelled by presence of type 'unsubscribed'.",
    "3.2.1-01 12-11",
)
PRE_APPROVAL_SENT: Final = rule(
    "client:pre-approve",
    "3.4.1",
    "A future request is approved by presence of type 'subscribed' where the server advertises that.",
    "2.1.2.1-04 3.4-01 3.4.1-01 12-13",
)
PRE_APPROVAL_CANCELLED: Final = rule(
    "client:cancel-pre-approval",
    "3.4.2",
    "A pre-approval is cancelled by presence of type 'unsubscribed'.",
    "2.1.2.1-04 3.2.1-01 3.4.2-18",
)
PRE_APPROVAL_NOT_ADVERTISED: Final = rule(
    "client:pre-approval-not-advertised",
    "3.4.1",
    "Nobody is pre-approved where the server does not advertise that it can be done.",
    "3.4.1-02",
)
ALREADY_APPROVED: Final = rule(
    "client:already-approved", "3.4.2", "A contact with a subscription needs no approval.", "RFC 6121 §3.4.2"
)
ID_MIRRORED: Final = rule(
    "client:id-mirrored", "3.1.4", "An approval or denial does not repeat the id of the request.", "3.1.4-06"
)
SUBSCRIPTION_WITHOUT_TO: Final = rule(
    "client:subscription-without-to", "3.1.1", "A subscription stanza names the contact.", "3.1.1-02"
)

# --- subscriptions: what arrives (§3) -------------------------------------------------------------------------------

REQUEST_TOLD_TO_USER: Final = rule(
    "client:request",
    "3.1.4",
    "A request is kept, complete, until the user decides; nothing answers it before.",
    "12-15",
    "RFC 6121 §3.1.4",
)
REQUEST_REPEATED: Final = rule(
    "client:request-repeated", "3.1.3", "A request that waits already is not told again.", "RFC 6121 §3.1.3"
)
TOO_MANY_REQUESTS: Final = rule(
    "client:requests-full", "3.1.3", "Of too many requests no more are kept.", "RFC 6121 §3.1.3"
)
REQUEST_APPROVED: Final = rule(
    "client:request-approved",
    "3.1.4",
    "A request is approved at once where the event says so, with an id of its own.",
    "3.1.4-03 3.1.4-05 3.1.4-06 12-09",
)
REQUEST_DENIED: Final = rule(
    "client:request-denied",
    "3.1.4",
    "A request is denied at once where the event says so, with an id of its own.",
    "3.1.4-04 3.1.4-05 3.1.4-06 12-11",
)
SUBSCRIBED_TOLD: Final = rule(
    "client:subscribed", "12", "An inbound 'subscribed' is the contact's approval; it changes no roster.", "12-09"
)
UNSUBSCRIBED_TOLD: Final = rule(
    "client:unsubscribed", "12", "An inbound 'unsubscribed' is the contact's denial or cancellation.", "12-11"
)
SUBSCRIPTION_ENDED: Final = rule(
    "client:cancelled", "12", "What a contact has cancelled shows no presence any more.", "12-11"
)
UNSUBSCRIBE_TOLD: Final = rule(
    "client:unsubscribed-from",
    "12",
    "An inbound 'unsubscribe' ends the contact's subscription, or its request.",
    "12-17",
)
OWN_SUBSCRIPTION: Final = rule(
    "client:own-subscription", "3", "A subscription stanza from the user's own account means nothing.", "RFC 6121 §3"
)
