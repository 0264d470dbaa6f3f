"""The rules of a client for presence subscriptions: what it sends, and what it accepts (RFC 6121 §3)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- subscriptions: what is sent (§3) -------------------------------------------------------------------------------

SUBSCRIBE_SENT: Final = rule(
    "client:subscribe",
    "3.1.1",
    "The client sends a request: presence of type 'subscribe' to the bare JID, with an id and the user's text.",
    "2.1.2.2-04 3.1-01 3.1.1-01 3.1.1-02 3.1.1-03 3.1.1-04 4.7.2.2-06 12-15",
)
UNSUBSCRIBE_SENT: Final = rule(
    "client:unsubscribe",
    "3.3.1",
    "The client ends a subscription or request with presence of type 'unsubscribe' to the bare JID.",
    "2.1.2.2-04 3.3.1-01 4.7.2.2-06 12-17",
)
SUBSCRIPTION_VOID: Final = rule(
    "client:void",
    "3.3.3",
    "After 'unsubscribe', or its push, the client forgets the contact's presence.",
    "3.3.3-09 3.3.3-10",
)
APPROVAL_SENT: Final = rule(
    "client:approve",
    "3.1.4",
    "The client approves a request with presence of type 'subscribed' to the bare JID, with a new id.",
    "3.1.4-03 3.1.4-05 3.1.4-06 3.1.5-05 4.7.2.2-06 12-09",
)
DENIAL_SENT: Final = rule(
    "client:deny",
    "3.1.4",
    "The client denies a request with presence of type 'unsubscribed' to the bare JID, with a new id.",
    "3.1.4-04 3.1.4-05 3.1.4-06 3.2.1-01 4.7.2.2-06 12-11",
)
CANCELLATION_SENT: Final = rule(
    "client:cancel",
    "3.2.1",
    "The client cancels a contact's subscription with presence of type 'unsubscribed'.",
    "3.2.1-01 12-11",
)
PRE_APPROVAL_SENT: Final = rule(
    "client:pre-approve",
    "3.4.1",
    "The client approves a future request with presence of type 'subscribed', if the server advertises it.",
    "2.1.2.1-04 3.4-01 3.4.1-01 12-13",
)
PRE_APPROVAL_CANCELLED: Final = rule(
    "client:cancel-pre-approval",
    "3.4.2",
    "The client cancels a pre-approval with presence of type 'unsubscribed'.",
    "2.1.2.1-04 3.2.1-01 3.4.2-18",
)
PRE_APPROVAL_NOT_ADVERTISED: Final = rule(
    "client:pre-approval-not-advertised",
    "3.4.1",
    "The client refuses to pre-approve if the server does not advertise pre-approval.",
    "3.4.1-02",
)
ALREADY_APPROVED: Final = rule(
    "client:already-approved",
    "3.4.2",
    "The client refuses to approve a contact who already has a subscription.",
    "RFC 6121 §3.4.2",
)
ID_MIRRORED: Final = rule(
    "client:id-mirrored",
    "3.1.4",
    "The client refuses to send an approval or denial with the id of the request.",
    "3.1.4-06",
)
SUBSCRIPTION_WITHOUT_TO: Final = rule(
    "client:subscription-without-to",
    "3.1.1",
    "The client refuses to send a subscription stanza without 'to'.",
    "3.1.1-02",
)

# --- subscriptions: what arrives (§3) -------------------------------------------------------------------------------

REQUEST_TOLD_TO_USER: Final = rule(
    "client:request",
    "3.1.4",
    "The client keeps the complete request until the user decides, and does not answer it before.",
    "12-15",
    "RFC 6121 §3.1.4",
)
REQUEST_REPEATED: Final = rule(
    "client:request-repeated",
    "3.1.3",
    "The client does not tell the application again of a request that waits already.",
    "RFC 6121 §3.1.3",
)
TOO_MANY_REQUESTS: Final = rule(
    "client:requests-full",
    "3.1.3",
    "The client ignores a request if as many as the limit wait already.",
    "RFC 6121 §3.1.3",
)
REQUEST_APPROVED: Final = rule(
    "client:request-approved",
    "3.1.4",
    "The client approves a request at once if the event has that decision, with a new id.",
    "3.1.4-03 3.1.4-05 3.1.4-06 12-09",
)
REQUEST_DENIED: Final = rule(
    "client:request-denied",
    "3.1.4",
    "The client denies a request at once if the event has that decision, with a new id.",
    "3.1.4-04 3.1.4-05 3.1.4-06 12-11",
)
SUBSCRIBED_TOLD: Final = rule(
    "client:subscribed",
    "12",
    "An inbound 'subscribed' is the contact's approval; the client does not change the roster.",
    "12-09",
)
UNSUBSCRIBED_TOLD: Final = rule(
    "client:unsubscribed", "12", "An inbound 'unsubscribed' is the contact's denial or cancellation.", "12-11"
)
SUBSCRIPTION_ENDED: Final = rule(
    "client:cancelled",
    "12",
    "When a contact cancels the user's subscription, the client forgets the contact's presence.",
    "12-11",
)
UNSUBSCRIBE_TOLD: Final = rule(
    "client:unsubscribed-from",
    "12",
    "An inbound 'unsubscribe' ends the contact's subscription, or its request.",
    "12-17",
)
OWN_SUBSCRIPTION: Final = rule(
    "client:own-subscription",
    "3",
    "The client ignores a subscription stanza from the user's own account.",
    "RFC 6121 §3",
)
