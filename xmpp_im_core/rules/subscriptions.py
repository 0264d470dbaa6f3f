"""The rules of RFC 6121 §3: managing presence subscriptions. Those of Appendix A stand in its tables."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.roster import pushed
from xmpp_im_core.rules.rule import rule

# --- requesting (§3.1) ------------------------------------------------------------------------------------

REQUEST_PUSHED: Final = pushed(
    "subscribe:push",
    "3.1.2",
    "After a request was routed, the item is pushed with ask='subscribe'.",
    "3.1.2-10 3.1.2-11",
)
NO_CONTACT_NAMED: Final = rule(
    "subscribe:no-to",
    "3.1.2",
    "A subscription stanza that names no contact is a bad request.",
    "3.1.2-01 3.1.2-02 3.1.2-09",
)
REQUEST_TO_FULL_ROSTER: Final = rule(
    "subscribe:roster-full",
    "3.1.2",
    "A request is a policy violation if its item would exceed the limit on items or on memory.",
    "3.1.2-09",
)
REQUEST_UNROUTABLE: Final = rule(
    "subscribe:unroutable",
    "3.1.2",
    "A request that could not be routed is reported to the user as an error; it stays pending.",
    "3.1.2-07 3.1.2-09 8.3-03 8.3-04 8.3-05",
)
REQUEST_TO_NOBODY: Final = rule(
    "subscribe:no-account",
    "3.1.2",
    "A request to a local contact who does not exist is reported to the user as an error; it stays pending.",
    "3.1.2-09",
)
UNSUBSCRIBE_UNROUTABLE: Final = rule(
    "unsubscribe:unroutable",
    "3.3.2",
    "An unsubscribe that could not be routed is reported to the user as an error.",
    "3.3.2-04 8.3-03 8.3-04 8.3-05",
)
ANSWER_UNROUTABLE: Final = rule(
    "subscribed:unroutable",
    "8.3",
    "The user gets an error if the user's approval, denial or cancellation could not be routed.",
    "8.3-03 8.3-04 8.3-05",
)
REQUEST_RESENT: Final = rule(
    "subscribe:resent",
    "3.1.2",
    "A request that is unanswered for the configured time is sent again, with an 'id'.",
    "3.1.2-11 3.1.2-12 3-04",
)
NOTHING_TO_RESEND: Final = rule("subscribe:not-due", "3.1.2", "Before its time, no request is sent again.", "3.1.2-11")
OWN_JID: Final = rule(
    "subscribe:own-jid",
    "4.2.2",
    "A subscription stanza to the user's own JID is ignored: a user sees the own presence anyhow.",
    "4.2.2-03",
)

# --- being requested (§3.1.3) -----------------------------------------------------------------------------

REQUEST_RECORDED: Final = rule(
    "subscribe:recorded",
    "3.1.3",
    "The complete request is kept until the user decides; no roster item is made for it.",
    "3.1.3-12 3.1.3-18 A.1-09 A.1-10 A.1-11 A.1-12 2.6.3-07 11-06 3-01 3.1.3-10",
)
REQUEST_REDELIVERED: Final = rule(
    "subscribe:redelivered",
    "3.1.3",
    "A kept request is delivered to each resource that becomes available, until the user decides.",
    "3.1.3-12 3.1.3-13 3.1.3-14 3.1.3-15 3.1.3-17",
)
REQUEST_ACKNOWLEDGED: Final = rule(
    "subscribe:acknowledged",
    "3.1.3",
    "A delivered request is acknowledged by unavailable presence from the bare JID.",
    "3.1.3-10",
)
REQUEST_APPROVED_BY_SERVICE: Final = rule(
    "subscribe:service-approves", "3.1.3", "A request is approved on the user's behalf as configured.", "3.1.3-05 3-04"
)
REQUEST_DENIED_BY_SERVICE: Final = rule(
    "subscribe:service-denies",
    "3.1.3",
    "A request is denied on the user's behalf as configured.",
    "3.1.3-05 3-04 11-06",
)
SERVICE_APPROVAL_TO_FULL_ROSTER: Final = rule(
    "subscribe:service-roster-full",
    "8.1",
    "A request to approve on the user's behalf is ignored if its item would exceed the limit on items or on memory.",
    "3.1.3-05 8.1-03",
)
REQUEST_TOO_LARGE: Final = rule(
    "subscribe:too-large", "3.1.3", "A request larger than the limit is ignored.", "3.1.3-18 8.1-03"
)
REQUESTS_TOO_LARGE: Final = rule(
    "subscribe:all-too-large",
    "3.1.3",
    "A request is ignored if the waiting requests together would take more memory than the limit.",
    "3.1.3-18 8.1-03",
    "RFC 6120 §13.12",
)
TOO_MANY_REQUESTS: Final = rule(
    "subscribe:too-many", "3.1.3", "One waiting request more than the limit is ignored.", "3.1.3-18 8.1-03"
)
TOO_MANY_REQUESTS_OF_DOMAIN: Final = rule(
    "subscribe:too-many-of-domain",
    "3.1.3",
    "One waiting request more than the limit for its domain is ignored.",
    "3.1.3-18 8.1-03",
)
UNMATCHED_FULL_JID: Final = rule(
    "subscriptions:unmatched",
    "8.5.3.2.2",
    "Subscribed, unsubscribe and unsubscribed to a full JID that matches no resource, or none that the sender may "
    "see, are ignored.",
    "8.5.3.2.2-03 8.5.3.2-01 3.3.3-07 11-06",
)

# --- approving (§3.1.5, §3.1.6) ---------------------------------------------------------------------------

APPROVAL_PUSHED: Final = pushed(
    "subscribed:push", "3.1.5", "After an approval was routed, the item is pushed.", "3.1.5-03 3.4.2-05"
)
PRESENCE_AFTER_APPROVAL: Final = rule(
    "subscribed:presence",
    "3.1.5",
    "After the push, the new subscriber is sent the current presence of each available resource.",
    "3.1.5-04 3-01 4.6.1-03 A.1-03 11-06",
)
APPROVED_PUSHED: Final = pushed(
    "subscribed:inbound-push", "3.1.6", "After an approval was delivered, the item is pushed.", "3.1.6-04"
)

# --- cancelling and denying (§3.2) ------------------------------------------------------------------------

UNAVAILABLE_BEFORE_CANCELLATION: Final = rule(
    "unsubscribed:unavailable",
    "3.2.2",
    "Before a cancellation, each available resource sends the subscriber unavailable presence.",
    "3.2.2-06 3.2.2-08 4.6.1-02 4.6.1-04",
)
CANCELLATION_PUSHED: Final = pushed(
    "unsubscribed:push", "3.2.2", "After a cancellation or denial was routed, the item is pushed.", "3.2.2-07 3.2.2-11"
)
DENIAL_WITHOUT_ITEM: Final = rule(
    "unsubscribed:no-item",
    "A.1",
    "The denial of a request from somebody who is not in the roster leaves nothing to push.",
    "A.1-10 A.1-11 11-06",
)
CANCELLED_PUSHED: Final = pushed(
    "unsubscribed:inbound-push",
    "3.2.3",
    "After a cancellation or denial was delivered, the item is pushed.",
    "3.2.3-04",
)

# --- unsubscribing (§3.3) ---------------------------------------------------------------------------------

UNSUBSCRIBE_PUSHED: Final = pushed(
    "unsubscribe:push", "3.3.2", "After an unsubscribe was routed, the changed item is pushed.", "3.3.2-06"
)
UNSUBSCRIBED_PUSHED: Final = pushed(
    "unsubscribe:inbound-push", "3.3.3", "After an unsubscribe was delivered, the item is pushed.", "3.3.3-04"
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
    "An unsubscribe removes the record of a request; no roster item ever showed it.",
    "3.3.3-08 2.6.3-07 11-06",
)
UNSUBSCRIBE_ANSWERED: Final = rule(
    "unsubscribe:answered",
    "A.3.2",
    "An unsubscribe that changes the state is answered with unsubscribed.",
    "A.3.2-03 A.3.2-24 3-04 11-06",
)

# --- notices to a user who is not there (§3.1.6, §3.2.3, §3.3.3) ------------------------------------------

_MAY_KEEP: Final = "3.1.6-06 3.2.3-06 3.3.3-06"

NOTICE_KEPT: Final = rule(
    "notice:kept",
    "3.1.6",
    "A contact's decision is kept for the next available resource where nobody is interested.",
    _MAY_KEEP,
)
NOTICE_DROPPED: Final = rule(
    "notice:dropped", "3.1.6", "A contact's decision that nobody is there to hear shows in the roster alone.", _MAY_KEEP
)
NOTICE_DELIVERED: Final = rule(
    "notice:delivered",
    "3.1.6",
    "A contact's decision that was kept is delivered to the next available resource.",
    _MAY_KEEP,
)

# --- pre-approval (§3.4) ----------------------------------------------------------------------------------

PRE_APPROVAL_PUSHED: Final = pushed(
    "pre-approval:push", "3.4.2", "A pre-approved item is pushed with its flag.", "3.4-03 3.4.2-08"
)
PRE_APPROVED_ITEM_PUSHED: Final = pushed(
    "pre-approval:new-item-push", "3.4.2", "An item made by a pre-approval is pushed.", "3.4-03 3.4.2-08 3.4.2-11"
)
PRE_APPROVAL_USED: Final = pushed(
    "pre-approval:used",
    "3.4.2",
    "A pre-approval is used up by the request that it answers, and shown no longer.",
    "3.1.5-03 3.4.2-15 3.4.2-16",
)
PRE_APPROVAL_KEPT: Final = pushed(
    "pre-approval:kept",
    "3.4.2",
    "A pre-approval stands, and is shown, until the user takes it back or removes the item.",
    "3.1.5-03 3.4.2-15",
)
APPROVED_BY_SERVICE_PUSHED: Final = pushed(
    "subscribe:service-approves-push",
    "3.1.5",
    "After a request was approved on the user's behalf, the item is pushed.",
    "3.1.5-03",
)
PRE_APPROVAL_CANCELLED: Final = pushed(
    "pre-approval:cancelled",
    "3.4.2",
    "The item is pushed without the flag that was taken back.",
    "3.2.2-04 3.2.2-05 3.4.2-19",
)
APPROVED_ALREADY: Final = rule(
    "pre-approval:already", "3.4.2", "A pre-approval that stands already changes nothing.", "3.4.2-07 3.4.2-09"
)
PRE_APPROVAL_UNSUPPORTED: Final = rule(
    "pre-approval:unsupported",
    "A.2.3",
    "Without support for pre-approval, an approval that answers no request is ignored.",
    "3.4-03 A.2.3-01 A.2.3-03 A.2.3-09",
)
