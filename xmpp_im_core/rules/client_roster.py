"""The rules that bind a client in its roster: what it sends, and what it believes (RFC 6121 §2)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the roster: what is sent (§2.1.3, §2.1.5, §2.2 to §2.6) --------------------------------------------------------

_GET: Final = "2.1.3-01 2.1.3-02 2.2-08 12-21"
_SET: Final = "2.1.5-01 2.1.5-02 2.1.2.3-02 2.1.2.1-03 2.1.2.2-03 12-23"

GET_WITHOUT_VER: Final = rule(
    "client:get",
    "2.6.2",
    "A roster get has no version where the server does not advertise versioning, or the client does not want it.",
    _GET,
    "2.6.2-02 2.6.2-05",
)
GET_TO_BOOTSTRAP: Final = rule(
    "client:get-bootstrap",
    "2.6.2",
    "A client that keeps no roster yet asks for versioning with an empty version.",
    _GET,
    "2.6.2-01 2.6.2-04 12-27",
)
GET_WITH_VER: Final = rule(
    "client:get-ver",
    "2.6.2",
    "A client asks with the version of the last result or push, as it was, whatever it looks like.",
    _GET,
    "2.1.1-02 2.6.2-01 2.6.2-03 2.6.3-10 12-27",
)
GET_WITH_ITEM: Final = rule("client:get-with-item", "2.1.3", "A roster get with an item is not sent.", "2.1.3-02")
GET_WITH_VER_NOT_ADVERTISED: Final = rule(
    "client:ver-not-advertised",
    "2.6.2",
    "A version is not sent to a server that does not advertise versioning.",
    "2.6.2-02",
)
ROSTER_ASKED_ALREADY: Final = rule(
    "client:roster-asked",
    "RFC 6120 §8.2.3",
    "While a roster get waits for its result no other one is sent.",
)
ITEM_ADDITION_SENT: Final = rule(
    "client:add",
    "2.3.1",
    "An item is added by a roster set of one item, at any time, with or without name and groups.",
    _SET,
    "2.1.2.4-05 2.1.2.6-06 2.3.1-01 3.1.1-04",
)
ITEM_UPDATE_SENT: Final = rule(
    "client:update",
    "2.4.1",
    "An item is updated as one is added; no group at all takes it out of all groups.",
    _SET,
    "2.1.2.4-05 2.1.2.6-06 2.3.3-10 2.4.1-01 3.1.1-05",
)
ITEM_REMOVAL_SENT: Final = rule(
    "client:remove",
    "2.5.1",
    "An item, pre-approved or not, is removed by a roster set with subscription='remove', at any time.",
    _SET,
    "2.1.2.5-07 2.5.1-01 3.4.2-20",
)
SET_WITHOUT_ONE_ITEM: Final = rule("client:set-items", "2.1.5", "A roster set has exactly one item.", "2.1.5-02")
SET_WITHOUT_JID: Final = rule("client:set-jid", "2.1.2.3", "The item of a roster set names a JID.", "2.1.2.3-02")
SET_WITH_ASK: Final = rule(
    "client:set-ask",
    "2.1.2.2",
    "Requests are made and withdrawn by presence, never by a roster set.",
    "2.1.2.2-03 2.1.2.2-04",
)
SET_WITH_APPROVED: Final = rule(
    "client:set-approved",
    "2.1.2.1",
    "Pre-approvals are given and cancelled by presence, never by a roster set.",
    "2.1.2.1-03 2.1.2.1-04",
)
SET_WITH_SUBSCRIPTION: Final = rule(
    "client:set-subscription",
    "2.1.2.5",
    "The only 'subscription' that a roster set can ask for is 'remove'.",
    "2.1.2.5-07",
)
SET_WITH_BAD_GROUPS: Final = rule(
    "client:set-groups", "2.3.3", "No group is empty, and none is named twice.", "2.3.3-10", "RFC 6121 §2.3.3"
)

# --- the roster: what arrives (§2.1.4, §2.1.6, §2.6.3) --------------------------------------------------------------

_ITEMS: Final = "2.1.1-02 2.1.2.5-05 12-27"

ROSTER_RECEIVED: Final = rule(
    "client:roster",
    "2.1.4",
    "A roster result is the whole roster: items that it does not have are gone.",
    _ITEMS,
    "RFC 6121 §2.1.4",
)
EMPTY_ROSTER_RECEIVED: Final = rule(
    "client:empty-roster", "2.6.3", "A result with an empty query means that the roster is empty.", _ITEMS, "2.6.3-04"
)
ROSTER_UNCHANGED: Final = rule(
    "client:roster-unchanged", "2.6.3", "A result without a query means that the roster kept is current.", "2.6.3-04"
)
ROSTER_GET_FAILED: Final = rule(
    "client:get-failed", "2.1.4", "An error tells that there is no roster to be had.", "RFC 6121 §2.1.4"
)
ROSTER_RESULT_MALFORMED: Final = rule(
    "client:roster-malformed",
    "2.1.4",
    "A result that is neither empty nor one roster leaves the roster as it is known.",
    "RFC 6120 §8.2.3",
    "RFC 6121 §2.1.4, §2.6.3",
)
ROSTER_SET_DONE: Final = rule(
    "client:set-done",
    "2.1.5",
    "A result acknowledges a roster set; what has changed is in the push.",
    "RFC 6121 §2.1.5",
)
ROSTER_SET_FAILED: Final = rule(
    "client:set-failed", "2.3.3", "An error tells that nothing was changed.", "RFC 6121 §2.3.3"
)
PUSH_ACKNOWLEDGED: Final = rule(
    "client:push",
    "2.1.6",
    "A push from the user's account is applied, interim or not, with its version, and acknowledged.",
    "2.1.1-02 2.1.2.5-06 2.1.6-04 2.1.6-05 2.3.2-04 2.6.3-09 12-25 12-27",
)
MANAGERS_PUSH_ACKNOWLEDGED: Final = rule(
    "client:push-of-manager",
    "2.1.6",
    "A push from a domain that the user has authorized is applied to JIDs at that domain, and to no other.",
    "2.1.6-04 2.1.6-05",
)
PUSH_IGNORED: Final = rule(
    "client:push-ignored",
    "2.1.6",
    "A push from anybody else is ignored, and not even an error tells that the resource is there.",
    "2.1.6-03 2.1.6-05 2.1.6-06 2.1.6-07",
)
PUSH_REFUSED: Final = rule(
    "client:push-refused",
    "2.1.6",
    "A push from any other entity changes nothing and is answered with service-unavailable.",
    "2.1.6-03 2.1.6-05 2.1.6-06 2.1.6-07",
)
PUSH_MALFORMED: Final = rule(
    "client:push-malformed",
    "2.1.6",
    "A push without exactly one item that names a JID changes nothing.",
    "2.1.6-04",
    "RFC 6121 §2.1.6",
)
ITEM_WITHOUT_JID: Final = rule(
    "client:item-without-jid",
    "2.1.2.3",
    "The application is told of a roster item without a JID; the client does not keep the item.",
    "RFC 6121 §2.1.2.3",
)
ITEM_ADDED: Final = rule("client:item-added", "2.3", "What is new in the roster is told.", "RFC 6121 §2.3")
ITEM_UPDATED: Final = rule("client:item-updated", "2.4", "What has changed in the roster is told.", "RFC 6121 §2.4")
ITEM_REMOVED: Final = rule("client:item-removed", "2.5", "What is gone from the roster is told.", "RFC 6121 §2.5")
