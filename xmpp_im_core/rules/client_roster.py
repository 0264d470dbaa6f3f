"""The rules of a client for the roster: what it sends, and what it accepts (RFC 6121 §2)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the roster: what is sent (§2.1.3, §2.1.5, §2.2 to §2.6) --------------------------------------------------------

_GET: Final = "2.1.3-01 2.1.3-02 2.2-08 12-21"
_SET: Final = "2.1.5-01 2.1.5-02 2.1.2.3-02 2.1.2.1-03 2.1.2.2-03 12-23"

GET_WITHOUT_VER: Final = rule(
    "client:get",
    "2.6.2",
    "The client sends no 'ver' if the server does not advertise versioning, or the policy turns it off.",
    _GET,
    "2.6.2-02 2.6.2-05",
)
GET_TO_BOOTSTRAP: Final = rule(
    "client:get-bootstrap",
    "2.6.2",
    "A client without a stored roster asks for versioning with an empty 'ver'.",
    _GET,
    "2.6.2-01 2.6.2-04 12-27",
)
GET_WITH_VER: Final = rule(
    "client:get-ver",
    "2.6.2",
    "The client sends the 'ver' of the last result or push exactly as it got it.",
    _GET,
    "2.1.1-02 2.6.2-01 2.6.2-03 2.6.3-10 12-27",
)
GET_WITH_ITEM: Final = rule(
    "client:get-with-item", "2.1.3", "The client refuses to send a roster get with an item.", "2.1.3-02"
)
GET_WITH_VER_NOT_ADVERTISED: Final = rule(
    "client:ver-not-advertised",
    "2.6.2",
    "The client refuses to send 'ver' to a server that does not advertise versioning.",
    "2.6.2-02",
)
ROSTER_ASKED_ALREADY: Final = rule(
    "client:roster-asked",
    "RFC 6120 §8.2.3",
    "The client sends no second roster get while one waits for its result.",
)
ITEM_ADDITION_SENT: Final = rule(
    "client:add",
    "2.3.1",
    "The client adds an item with a roster set of one item, at any time, with or without name and groups.",
    _SET,
    "2.1.2.4-05 2.1.2.6-06 2.3.1-01 3.1.1-04",
)
ITEM_UPDATE_SENT: Final = rule(
    "client:update",
    "2.4.1",
    "The client updates an item with a roster set; without groups, the item leaves all its groups.",
    _SET,
    "2.1.2.4-05 2.1.2.6-06 2.3.3-10 2.4.1-01 3.1.1-05",
)
ITEM_REMOVAL_SENT: Final = rule(
    "client:remove",
    "2.5.1",
    "The client removes an item, pre-approved or not, with subscription='remove', at any time.",
    _SET,
    "2.1.2.5-07 2.5.1-01 3.4.2-20",
)
SET_WITHOUT_ONE_ITEM: Final = rule(
    "client:set-items", "2.1.5", "The client refuses to send a roster set without exactly one item.", "2.1.5-02"
)
SET_WITHOUT_JID: Final = rule(
    "client:set-jid", "2.1.2.3", "The client refuses to send a roster set whose item has no JID.", "2.1.2.3-02"
)
SET_WITH_ASK: Final = rule(
    "client:set-ask",
    "2.1.2.2",
    "The client refuses to send 'ask': users make and withdraw requests by presence stanzas.",
    "2.1.2.2-03 2.1.2.2-04",
)
SET_WITH_APPROVED: Final = rule(
    "client:set-approved",
    "2.1.2.1",
    "The client refuses to send 'approved': users pre-approve by presence stanzas.",
    "2.1.2.1-03 2.1.2.1-04",
)
SET_WITH_SUBSCRIPTION: Final = rule(
    "client:set-subscription",
    "2.1.2.5",
    "The client refuses to send a roster set with another 'subscription' than 'remove'.",
    "2.1.2.5-07",
)
SET_WITH_BAD_GROUPS: Final = rule(
    "client:set-groups", "2.3.3", "The client refuses to send empty or duplicate groups.", "2.3.3-10", "RFC 6121 §2.3.3"
)

# --- the roster: what arrives (§2.1.4, §2.1.6, §2.6.3) --------------------------------------------------------------

_ITEMS: Final = "2.1.1-02 2.1.2.5-05 12-27"

ROSTER_RECEIVED: Final = rule(
    "client:roster",
    "2.1.4",
    "A roster result replaces the whole roster: the client removes all other items.",
    _ITEMS,
    "RFC 6121 §2.1.4",
)
EMPTY_ROSTER_RECEIVED: Final = rule(
    "client:empty-roster", "2.6.3", "A result with an empty query means that the roster is empty.", _ITEMS, "2.6.3-04"
)
ROSTER_UNCHANGED: Final = rule(
    "client:roster-unchanged",
    "2.6.3",
    "A result without a query means that the client's stored roster is current.",
    "2.6.3-04",
)
ROSTER_GET_FAILED: Final = rule(
    "client:get-failed", "2.1.4", "An error means that the server returns no roster.", "RFC 6121 §2.1.4"
)
ROSTER_RESULT_MALFORMED: Final = rule(
    "client:roster-malformed",
    "2.1.4",
    "The client keeps its roster if a result is neither empty nor one roster.",
    "RFC 6120 §8.2.3",
    "RFC 6121 §2.1.4, §2.6.3",
)
ROSTER_SET_DONE: Final = rule(
    "client:set-done",
    "2.1.5",
    "A result acknowledges a roster set; the push has the change.",
    "RFC 6121 §2.1.5",
)
ROSTER_SET_FAILED: Final = rule(
    "client:set-failed", "2.3.3", "An error means that the server changed nothing.", "RFC 6121 §2.3.3"
)
PUSH_ACKNOWLEDGED: Final = rule(
    "client:push",
    "2.1.6",
    "The client applies a push from the user's account, with its version, and acknowledges it.",
    "2.1.1-02 2.1.2.5-06 2.1.6-04 2.1.6-05 2.3.2-04 2.6.3-09 12-25 12-27",
)
MANAGERS_PUSH_ACKNOWLEDGED: Final = rule(
    "client:push-of-manager",
    "2.1.6",
    "The client applies a push from an authorized domain to JIDs at that domain, and to no others.",
    "2.1.6-04 2.1.6-05",
)
PUSH_IGNORED: Final = rule(
    "client:push-ignored",
    "2.1.6",
    "The client ignores a push from any other entity; an error would tell that the resource exists.",
    "2.1.6-03 2.1.6-05 2.1.6-06 2.1.6-07",
)
PUSH_REFUSED: Final = rule(
    "client:push-refused",
    "2.1.6",
    "The client does not apply a push from any other entity, and answers service-unavailable.",
    "2.1.6-03 2.1.6-05 2.1.6-06 2.1.6-07",
)
PUSH_MALFORMED: Final = rule(
    "client:push-malformed",
    "2.1.6",
    "The client does not apply a push without exactly one item that has a JID.",
    "2.1.6-04",
    "RFC 6121 §2.1.6",
)
ITEM_WITHOUT_JID: Final = rule(
    "client:item-without-jid",
    "2.1.2.3",
    "The client tells the application of a roster item without a JID, and does not keep the item.",
    "RFC 6121 §2.1.2.3",
)
ITEM_ADDED: Final = rule(
    "client:item-added", "2.3", "The client tells the application which items are new.", "RFC 6121 §2.3"
)
ITEM_UPDATED: Final = rule(
    "client:item-updated", "2.4", "The client tells the application which items have changed.", "RFC 6121 §2.4"
)
ITEM_REMOVED: Final = rule(
    "client:item-removed", "2.5", "The client tells the application which items are removed.", "RFC 6121 §2.5"
)
