"""The rules of RFC 6121 §2: managing the roster."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import Rule, rule

_STATES: Final = "A.1-01 A.1-02 A.1-03 A.1-04 A.1-06 A.1-07 A.1-08 A.1-13 A.1-14 A.1-15 A.1-16 A.1-17 A.1-18"
"""How a roster item shows the states of Appendix A."""
_ITEM: Final = (
    "2.1-01 2.1.2-02 2.1.2.1-01 2.1.2.1-02 2.1.2.2-01 2.1.2.2-02 2.1.2.3-01 2.1.2.3-03 2.1.2.4-01 "
    "2.1.2.5-01 2.1.2.5-02 2.1.2.5-03 2.1.2.5-04 2.1.2.5-09 2.1.2.6-02 3-05 3.4.2-17"
)
"""The requirements on every item that a server writes."""
_OWN: Final = "8.2-01 8.2-04 8.5.2.1.3-01 8.5.2.1.3-02 8.5.2.1.3-03"
"""The requirements on every answer to the owner of a roster."""
_RESULT: Final = (
    f"2-01 2-03 2.1.1-01 2.1.1-04 2.1.3-03 2.1.4-01 2.2-04 2.6.3-01 2.6.3-14 12-22 12-28 {_OWN} {_ITEM} {_STATES} "
    "2.2-06 3.1-02 A.1-11"
)
_PUSH: Final = (
    f"2.1.1-01 2.1.1-04 2.1.6-01 2.1.6-02 2.2-05 2.2-06 2.6.3-07 2.6.3-11 2.6.3-12 2.6.3-13 2.6.3-14 12-26 12-28 "
    f"{_ITEM} {_STATES}"
)
"""The requirements on every push."""


def pushed(name: str, section: str, says: str, *cites: str) -> Rule:
    """Build the rule of a roster push (§2.1.6): it cites the requirements on all pushes, and those on this one."""
    return rule(name, section, says, _PUSH, *cites)


# --- roster get (§2.1, §2.2, §2.6) ------------------------------------------------------------------------

ROSTER_RESULT: Final = rule(
    "roster:result",
    "2.1.4",
    "The server answers a roster get with the roster exactly as it is stored.",
    _RESULT,
    "2.1.4-02",
)
EMPTY_ROSTER_RESULT: Final = rule(
    "roster:empty-result",
    "2.1.4",
    "The server answers a roster get with an empty query, not an error, if the roster has no items.",
    _RESULT,
    "2.1.4-03 2.1.4-04",
)
UNCHANGED_ROSTER: Final = rule(
    "roster:unchanged",
    "2.6.3",
    "A client with the current version gets an empty IQ result, and no push.",
    "2.1.3-03 2.2-04 2.6.3-01 2.6.3-02 2.6.3-03 2.6.3-05 12-22 12-28",
)
INTERIM_RESULT: Final = rule(
    "roster:interim-result",
    "2.6.3",
    "A client with a known version gets an empty IQ result, and then the changes since as pushes.",
    "2.1.3-03 2.2-04 2.6.3-01 2.6.3-02 2.6.3-03 2.6.3-06 12-22 12-28",
)
INTERIM_PUSH: Final = pushed(
    "roster:interim-push",
    "2.6.3",
    "The server pushes each item modified since that version once, as it is now, in order of modification.",
    "2.6.3-02 2.6.3-06 2.6.3-08",
)
ROSTER_GET_WITH_ITEMS: Final = rule(
    "roster:get-with-items", "2.2", "The server answers bad-request to a roster get with an item.", "2.2-09"
)
ROSTER_QUERY_MALFORMED: Final = rule(
    "roster:no-query",
    "2.1",
    "The server answers bad-request to a roster IQ whose child is not a query.",
    "2.1-01 2.2-09 2.3.3-01",
)
ROSTER_MISSING: Final = rule(
    "roster:missing", "2.1.4", "The server answers item-not-found if it has no roster.", "2.1.4-05 2.2-09"
)
ROSTER_UNSUPPORTED: Final = rule(
    "roster:unsupported",
    "2.2",
    "The server answers service-unavailable if it does not support rosters.",
    "2.2-09 2.2-10",
)
FOREIGN_GET: Final = rule(
    "roster:foreign-get",
    "2",
    "The server answers service-unavailable to a roster get from anybody but the owner.",
    "2-04 2.2-09 8.5.2.1.3-01 8.5.2.1.3-02 8.5.2.1.3-04 8.5.2.2.3-01 8.5.2.2.3-03",
)

# --- roster set: adding and updating (§2.3, §2.4) ---------------------------------------------------------

_SET: Final = f"2-01 2-02 2.1.2-01 2.1.2.4-03 2.1.2.5-08 2.1.2.6-04 2.1.2.6-07 2.1.5-03 2.4.1-03 3.1.1-06 12-24 {_OWN}"

ITEM_ADDED: Final = rule(
    "roster:added",
    "2.3.2",
    "The server creates the item of a roster set for a new contact, and answers with a result.",
    _SET,
    "2.3.2-01 2.3.2-02 A.1-09 3-01",
)
ADDED_ITEM_PUSHED: Final = pushed(
    "roster:added-push",
    "2.3.2",
    "The server pushes a new item to all interested resources, including the sender.",
    "2.3.2-03",
)
ITEM_UPDATED: Final = rule(
    "roster:updated",
    "2.4.2",
    "The server replaces name and groups of an existing item completely, and answers with a result.",
    _SET,
    "2.4.1-02 2.4.2-01 2.4.2-03 A.1-09",
)
UPDATED_ITEM_PUSHED: Final = pushed(
    "roster:updated-push", "2.4.2", "The server pushes an updated item to all interested resources.", "2.4.2-02"
)
FOREIGN_SET: Final = rule(
    "roster:foreign-set",
    "2.3.3",
    "The server answers forbidden to a roster set from anybody but the owner.",
    "2-04 2.1.5-04 2.1.5-05 2.3.3-01 2.3.3-04 8.5.2.1.3-01 8.5.2.1.3-02",
)
ROSTER_READ_ONLY: Final = rule(
    "roster:read-only",
    "2.3.3",
    "The server answers not-allowed to a roster set if rosters are not changed by XMPP.",
    "2.3.3-01 2.3.3-03",
)

_REFUSED: Final = "2.3.3-01 2.4.3-01"

SET_WITHOUT_ONE_ITEM: Final = rule(
    "roster:not-one-item",
    "2.3.3",
    "The server answers bad-request to a roster set without exactly one item.",
    _REFUSED,
    "2.3.3-05",
)
DUPLICATE_GROUPS: Final = rule(
    "roster:duplicate-groups",
    "2.3.3",
    "The server answers bad-request to an item with duplicate groups.",
    _REFUSED,
    "2.3.3-06",
)
NAME_TOO_LONG: Final = rule(
    "roster:name-too-long",
    "2.3.3",
    "The server answers not-acceptable to a name longer than the limit.",
    _REFUSED,
    "2.3.3-08",
)
EMPTY_GROUP: Final = rule(
    "roster:empty-group", "2.3.3", "The server answers not-acceptable to a group without text.", _REFUSED, "2.3.3-09"
)
GROUP_TOO_LONG: Final = rule(
    "roster:group-too-long",
    "2.3.3",
    "The server answers not-acceptable to a group name longer than the limit.",
    _REFUSED,
    "2.3.3-11",
)
ITEM_FOR_OWN_JID: Final = rule(
    "roster:own-jid",
    "2.3.3",
    "The server answers not-allowed to an item for the user's own bare JID.",
    _REFUSED,
    "2.3.3-12",
)
ITEM_WITHOUT_JID: Final = rule(
    "roster:without-jid", "2.3.3", "The server answers bad-request to an item without a JID.", _REFUSED
)
ITEM_JID_MALFORMED: Final = rule(
    "roster:jid-malformed", "2.3.3", "The server answers jid-malformed to an item whose 'jid' is not a JID.", _REFUSED
)
ITEM_FOR_FULL_JID: Final = rule(
    "roster:full-jid", "2.3.3", "The server answers bad-request to an item for a full JID.", _REFUSED
)
TOO_MANY_GROUPS: Final = rule(
    "roster:too-many-groups",
    "2.3.3",
    "The server answers not-acceptable to an item with more groups than the limit.",
    _REFUSED,
)
ROSTER_FULL: Final = rule(
    "roster:full",
    "2.3.3",
    "The server answers policy-violation if the roster would have more items than the limit.",
    _REFUSED,
)
ROSTER_TOO_LARGE: Final = rule(
    "roster:too-large",
    "RFC 6120 §13.12",
    "The server answers policy-violation if the roster would take more memory than the limit.",
    _REFUSED,
)

# --- removing (§2.5) --------------------------------------------------------------------------------------

ITEM_REMOVED: Final = rule(
    "roster:removed",
    "2.5.2",
    "The server deletes a removed item and answers with a result.",
    "2.5.2-01 2.5.2-03 3.1.1-06 12-24 11-06",
)
REMOVED_ITEM_PUSHED: Final = pushed(
    "roster:removed-push",
    "2.5.2",
    "The server pushes a removed item with subscription='remove' to all interested resources.",
    "2.5.2-02",
)
REMOVED_ITEM_NOT_FOUND: Final = rule(
    "roster:remove-unknown",
    "2.5.3",
    "The server answers item-not-found to the removal of an item that is not in the roster.",
    "2.5.3-01 2.3.3-01",
)
UNSUBSCRIBED_AT_REMOVAL: Final = rule(
    "roster:removal-unsubscribes",
    "2.5.2",
    "A removal ends the user's subscription: the server sends the contact unsubscribe.",
    "2.5.2-04 3-04",
)
CANCELLED_AT_REMOVAL: Final = rule(
    "roster:removal-cancels",
    "2.5.2",
    "A removal cancels the contact's subscription: the server sends the contact unsubscribed.",
    "2.5.2-05 3-04",
)
MUTUAL_CANCELLED_AT_REMOVAL: Final = rule(
    "roster:removal-cancels-mutual",
    "2.5.2",
    "A removal in the state Both sends the contact unsubscribe and unsubscribed.",
    "2.5.2-05 2.5.2-06 3-04",
)
REQUEST_WITHDRAWN_AT_REMOVAL: Final = rule(
    "roster:removal-withdraws",
    "2.5.2",
    "A removal withdraws the user's unanswered request: the server sends the contact unsubscribe.",
    "2.5.2-01 3-04",
)
UNAVAILABLE_AT_REMOVAL: Final = rule(
    "roster:removal-unavailable",
    "3.2.2",
    "Before a removal cancels a contact's subscription, each available resource sends unavailable presence.",
    "2.5.2-05 3.2.2-06 3.2.2-08 4.6.1-02 4.6.1-04",
)
