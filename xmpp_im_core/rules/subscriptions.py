"""The rules of RFC 6121 §3: managing presence subscriptions. The rules of Appendix A are in ``subscription``."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.roster import pushed
from xmpp_im_core.rules.rule import rule

# --- requesting (§3.1) ------------------------------------------------------------------------------------

REQUEST_PUSHED: Final = pushed(
    "subscribe:push",
    "3.1.2",
    "After routing a request, the server pushes the item with ask='subscribe'.",
    "3.1.2-10 3.1.2-11",
)
NO_CONTACT_NAMED: Final = rule(
    "subscribe:no-to",
    "3.1.2",
    "The server answers bad-request to a subscription stanza without 'to'.",
    "3.1.2-01 3.1.2-02 3.1.2-09",
)
REQUEST_TO_FULL_ROSTER: Final = rule(
    "subscribe:roster-full",
    "3.1.2",
    "The server answers policy-violation to a request whose item would exceed the limit on items or memory.",
    "3.1.2-09",
)
REQUEST_UNROUTABLE: Final = rule(
    "subscribe:unroutable",
    "3.1.2",
    "The server tells the user by an error that a request could not be routed; the request stays pending.",
    "3.1.2-07 3.1.2-09 8.3-03 8.3-04 8.3-05",
)
REQUEST_TO_NOBODY: Final = rule(
    "subscribe:no-account",
    "3.1.2",
    "The server tells the user by an error that a local contact does not exist; the request stays pending.",
    "3.1.2-09",
)
UNSUBSCRIBE_UNROUTABLE: Final = rule(
    "unsubscribe:unroutable",
    "3.3.2",
    "The server tells the user by an error that an unsubscribe could not be routed.",
    "3.3.2-04 8.3-03 8.3-04 8.3-05",
)
ANSWER_UNROUTABLE: Final = rule(
    "subscribed:unroutable",
    "8.3",
    "The server tells the user by an error that an approval, denial or cancellation could not be routed.",
    "8.3-03 8.3-04 8.3-05",
)
REQUEST_RESENT: Final = rule(
    "subscribe:resent",
    "3.1.2",
    "The server sends a request again that is unanswered for the configured time, with an 'id'.",
    "3.1.2-11 3.1.2-12 3-04",
)
NOTHING_TO_RESEND: Final = rule(
    "subscribe:not-due", "3.1.2", "The server sends no request again before the configured time is over.", "3.1.2-11"
)
OWN_JID: Final = rule(
    "subscribe:own-jid",
    "4.2.2",
    "The server ignores a subscription stanza to the user's own JID: users see their own presence anyway.",
    "4.2.2-03",
)

# --- being requested (§3.1.3) -----------------------------------------------------------------------------

REQUEST_RECORDED: Final = rule(
    "subscribe:recorded",
    "3.1.3",
    "The server keeps the complete request until the user decides, and makes no roster item for it.",
    "3.1.3-12 3.1.3-18 A.1-09 A.1-10 A.1-11 A.1-12 2.6.3-07 11-06 3-01 3.1.3-10",
)
REQUEST_REDELIVERED: Final = rule(
    "subscribe:redelivered",
    "3.1.3",
    "The server delivers a kept request to each resource that becomes available, until the user decides.",
    "3.1.3-12 3.1.3-13 3.1.3-14 3.1.3-15 3.1.3-17",
)
REQUEST_ACKNOWLEDGED: Final = rule(
    "subscribe:acknowledged",
    "3.1.3",
    "The server acknowledges a delivered request with unavailable presence from the bare JID.",
    "3.1.3-10",
)
REQUEST_APPROVED_BY_SERVICE: Final = rule(
    "subscribe:service-approves", "3.1.3", "The service approves a request on the user's behalf.", "3.1.3-05 3-04"
)
REQUEST_DENIED_BY_SERVICE: Final = rule(
    "subscribe:service-denies",
    "3.1.3",
    "The service denies a request on the user's behalf.",
    "3.1.3-05 3-04 11-06",
)
SERVICE_APPROVAL_TO_FULL_ROSTER: Final = rule(
    "subscribe:service-roster-full",
    "8.1",
    "The service does not approve a request whose item would exceed the limit on items or memory.",
    "3.1.3-05 8.1-03",
)
REQUEST_TOO_LARGE: Final = rule(
    "subscribe:too-large", "3.1.3", "The server ignores a request larger than the limit.", "3.1.3-18 8.1-03"
)
REQUESTS_TOO_LARGE: Final = rule(
    "subscribe:all-too-large",
    "3.1.3",
    "The server ignores a request if the waiting requests would take more memory than the limit.",
    "3.1.3-18 8.1-03",
    "RFC 6120 §13.12",
)
TOO_MANY_REQUESTS: Final = rule(
    "subscribe:too-many",
    "3.1.3",
    "The server ignores a request if as many as the limit wait already.",
    "3.1.3-18 8.1-03",
)
TOO_MANY_REQUESTS_OF_DOMAIN: Final = rule(
    "subscribe:too-many-of-domain",
    "3.1.3",
    "The server ignores a request if as many as the limit from its domain wait already.",
    "3.1.3-18 8.1-03",
)
UNMATCHED_FULL_JID: Final = rule(
    "subscriptions:unmatched",
    "8.5.3.2.2",
    "The server ignores subscribed, unsubscribe, unsubscribed to a resource that is absent or hidden from the sender.",
    "8.5.3.2.2-03 8.5.3.2-01 3.3.3-07 11-06",
)

# --- approving (§3.1.5, §3.1.6) ---------------------------------------------------------------------------

APPROVAL_PUSHED: Final = pushed(
    "subscribed:push", "3.1.5", "After routing an approval, the server pushes the item.", "3.1.5-03 3.4.2-05"
)
PRESENCE_AFTER_APPROVAL: Final = rule(
    "subscribed:presence",
    "3.1.5",
    "After the push, the server sends the new subscriber the presence of each available resource.",
    "3.1.5-04 3-01 4.6.1-03 A.1-03 11-06",
)
APPROVED_PUSHED: Final = pushed(
    "subscribed:inbound-push", "3.1.6", "After delivering an approval, the server pushes the item.", "3.1.6-04"
)

# --- cancelling and denying (§3.2) ------------------------------------------------------------------------

UNAVAILABLE_BEFORE_CANCELLATION: Final = rule(
    "unsubscribed:unavailable",
    "3.2.2",
    "Before a cancellation, each available resource sends the subscriber unavailable presence.",
    "3.2.2-06 3.2.2-08 4.6.1-02 4.6.1-04",
)
CANCELLATION_PUSHED: Final = pushed(
    "unsubscribed:push",
    "3.2.2",
    "After routing a cancellation or denial, the server pushes the item.",
    "3.2.2-07 3.2.2-11",
)
DENIAL_WITHOUT_ITEM: Final = rule(
    "unsubscribed:no-item",
    "A.1",
    "After denying a request from a contact who is not in the roster, the server has nothing to push.",
    "A.1-10 A.1-11 11-06",
)
CANCELLED_PUSHED: Final = pushed(
    "unsubscribed:inbound-push",
    "3.2.3",
    "After delivering a cancellation or denial, the server pushes the item.",
    "3.2.3-04",
)

# --- unsubscribing (§3.3) ---------------------------------------------------------------------------------

UNSUBSCRIBE_PUSHED: Final = pushed(
    "unsubscribe:push", "3.3.2", "After routing an unsubscribe, the server pushes the changed item.", "3.3.2-06"
)
UNSUBSCRIBED_PUSHED: Final = pushed(
    "unsubscribe:inbound-push", "3.3.3", "After delivering an unsubscribe, the server pushes the item.", "3.3.3-04"
)
UNAVAILABLE_AFTER_UNSUBSCRIBE: Final = rule(
    "unsubscribe:unavailable",
    "3.3.3",
    "After the push, each available resource sends the former subscriber unavailable presence.",
    "3.3.3-05 4.6.1-02",
)
REQUEST_WITHDRAWN: Final = rule(
    "unsubscribe:withdrawn",
    "3.3.3",
    "An unsubscribe removes the record of a request; no roster item ever showed the request.",
    "3.3.3-08 2.6.3-07 11-06",
)
UNSUBSCRIBE_ANSWERED: Final = rule(
    "unsubscribe:answered",
    "A.3.2",
    "The server answers unsubscribed to an unsubscribe that changes the state.",
    "A.3.2-03 A.3.2-24 3-04 11-06",
)

# --- notices to a user who is not there (§3.1.6, §3.2.3, §3.3.3) ------------------------------------------

_MAY_KEEP: Final = "3.1.6-06 3.2.3-06 3.3.3-06"

NOTICE_KEPT: Final = rule(
    "notice:kept",
    "3.1.6",
    "If no resource is interested, the server keeps a contact's decision for the next available resource.",
    _MAY_KEEP,
)
NOTICE_DROPPED: Final = rule(
    "notice:dropped",
    "3.1.6",
    "If no resource is interested and the server keeps no notice, only the roster shows a contact's decision.",
    _MAY_KEEP,
)
NOTICE_DELIVERED: Final = rule(
    "notice:delivered",
    "3.1.6",
    "The server delivers a kept decision of a contact to the next available resource.",
    _MAY_KEEP,
)

# --- pre-approval (§3.4) ----------------------------------------------------------------------------------

PRE_APPROVAL_PUSHED: Final = pushed(
    "pre-approval:push", "3.4.2", "The server pushes a pre-approved item with approved='true'.", "3.4-03 3.4.2-08"
)
PRE_APPROVED_ITEM_PUSHED: Final = pushed(
    "pre-approval:new-item-push",
    "3.4.2",
    "The server pushes an item that a pre-approval creates.",
    "3.4-03 3.4.2-08 3.4.2-11",
)
PRE_APPROVAL_USED: Final = pushed(
    "pre-approval:used",
    "3.4.2",
    "A pre-approval ends with the request that it answers, and the server no longer shows it.",
    "3.1.5-03 3.4.2-15 3.4.2-16",
)
PRE_APPROVAL_KEPT: Final = pushed(
    "pre-approval:kept",
    "3.4.2",
    "The server keeps and shows a pre-approval until the user cancels it or removes the item.",
    "3.1.5-03 3.4.2-15",
)
APPROVED_BY_SERVICE_PUSHED: Final = pushed(
    "subscribe:service-approves-push",
    "3.1.5",
    "After the service has approved a request on the user's behalf, the server pushes the item.",
    "3.1.5-03",
)
PRE_APPROVAL_CANCELLED: Final = pushed(
    "pre-approval:cancelled",
    "3.4.2",
    "The server pushes the item without the cancelled pre-approval.",
    "3.2.2-04 3.2.2-05 3.4.2-19",
)
APPROVED_ALREADY: Final = rule(
    "pre-approval:already", "3.4.2", "A second pre-approval changes nothing.", "3.4.2-07 3.4.2-09"
)
PRE_APPROVAL_UNSUPPORTED: Final = rule(
    "pre-approval:unsupported",
    "A.2.3",
    "Without support for pre-approval, the server ignores an approval that answers no request.",
    "3.4-03 A.2.3-01 A.2.3-03 A.2.3-09",
)
