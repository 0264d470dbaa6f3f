"""The rules of RFC 6121 §2: managing the roster."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import Rule, rule

_STATES: Final = "A.1-01 A.1-02 A.1-03 A.1-04 A.1-06 A.1-07 A.1-08 A.1-13 A.1-14 A.1-15 A.1-16 A.1-17 A.1-18"
"""What the states of Appendix A look like in a roster item."""
_ITEM: Final = (
    "2.1-01 2.1.2-02 2.1.2.1-01 2.1.2.1-02 2.1.2.2-01 2.1.2.2-02 2.1.2.3-01 2.1.2.3-03 2.1.2.4-01 "
    "2.1.2.5-01 2.1.2.5-02 2.1.2.5-03 2.1.2.5-04 2.1.2.5-09 2.1.2.6-02 3-05 3.4.2-17"
)
"""What every item that a server writes obeys."""
_OWN: Final = "8.2-01 8.2-04 8.5.2.1.3-01 8.5.2.1.3-02 8.5.2.1.3-03"
"""What every answer to the owner of a roster obeys."""
_RESULT: Final = (
    f"2-01 2-03 2.1.1-01 2.1.1-04 2.1.3-03 2.1.4-01 2.2-04 2.6.3-01 2.6.3-14 12-22 12-28 {_OWN} {_ITEM} {_STATES} "
    "2.2-06 3.1-02 A.1-11"
)
_PUSH: Final = (
    f"2.1.1-01 2.1.1-04 2.1.6-01 2.1.6-02 2.2-05 2.2-06 2.6.3-07 2.6.3-11 2.6.3-12 2.6.3-13 2.6.3-14 12-26 12-28 "
    f"{_ITEM} {_STATES}"
)
"""What every push obeys, whatever causes it."""


def pushed(name: str, section: str, says: str, *cites: str) -> Rule:
    """Build the rule of a roster push (§2.1.6): what all pushes obey, and what this one does."""
    return rule(name, section, says, _PUSH, *cites)


# --- roster get (§2.1, §2.2, §2.6) ------------------------------------------------------------------------

ROSTER_RESULT: Final = rule(
    "roster:result", "2.1.4", "A roster get is answered with the roster exactly as it is stored.", _RESULT, "2.1.4-02"
)
EMPTY_ROSTER_RESULT: Final = rule(
    "roster:empty-result",
    "2.1.4",
    "A roster without items is answered with an empty query, never with an error.",
    _RESULT,
    "2.1.4-02 2.1.4-03 2.1.4-04",
)
UNCHANGED_ROSTER: Final = rule(
    "roster:unchanged",
    "2.6.3",
    "A client whose version is the present one gets an empty IQ result, and no push.",
    "2.1.3-03 2.2-04 2.6.3-01 2.6.3-02 2.6.3-03 2.6.3-05 12-22 12-28",
)
INTERIM_RESULT: Final = rule(
    "roster:interim-result",
    "2.6.3",
    "A client whose version is known gets an empty IQ result, and what has changed since as pushes.",
    "2.1.3-03 2.2-04 2.6.3-01 2.6.3-02 2.6.3-03 2.6.3-06 12-22 12-28",
)
INTERIM_PUSH: Final = pushed(
    "roster:interim-push",
    "2.6.3",
    "Each item modified since the client's version is pushed once, in its final state, in order of modification.",
    "2.6.3-02 2.6.3-06 2.6.3-08",
)
ROSTER_GET_WITH_ITEMS: Final = rule(
    "roster:get-with-items", "2.2", "A roster get that contains an item is a bad request.", "2.2-09"
)
ROSTER_QUERY_MALFORMED: Final = rule(
    "roster:no-query", "2.1", "A roster IQ whose child is no query is a bad request.", "2.1-01 2.2-09 2.3.3-01"
)
ROSTER_MISSING: Final = rule(
    "roster:missing", "2.1.4", "Where no roster exists, the item is not found.", "2.1.4-05 2.2-09"
)
ROSTER_UNSUPPORTED: Final = rule(
    "roster:unsupported", "2.2", "A service without rosters answers service-unavailable.", "2.2-09 2.2-10"
)
FOREIGN_GET: Final = rule(
    "roster:foreign-get",
    "2",
    "Nobody but the owner is answered a roster get.",
    "2-04 2.2-09 8.5.2.1.3-01 8.5.2.1.3-02 8.5.2.1.3-04 8.5.2.2.3-01 8.5.2.2.3-03",
)

# --- roster set: adding and updating (§2.3, §2.4) ---------------------------------------------------------

_SET: Final = f"2-01 2-02 2.1.2-01 2.1.2.4-03 2.1.2.5-08 2.1.2.6-04 2.1.2.6-07 2.1.5-03 2.4.1-03 3.1.1-06 12-24 {_OWN}"

ITEM_ADDED: Final = rule(
    "roster:added",
    "2.3.2",
    "A roster set for a new contact creates the item and is answered with a result.",
    _SET,
    "2.3.2-01 2.3.2-02 A.1-09 3-01",
)
ADDED_ITEM_PUSHED: Final = pushed(
    "roster:added-push",
    "2.3.2",
    "A new item is pushed to all interested resources, the sender's included.",
    "2.3.2-03",
)
ITEM_UPDATED: Final = rule(
    "roster:updated",
    "2.4.2",
    "A roster set for a contact of the roster replaces name and groups as a whole and is answered with a result.",
    _SET,
    "2.4.1-02 2.4.2-01 2.4.2-03 A.1-09",
)
UPDATED_ITEM_PUSHED: Final = pushed(
    "roster:updated-push", "2.4.2", "An updated item is pushed to all interested resources.", "2.4.2-02"
)
FOREIGN_SET: Final = rule(
    "roster:foreign-set",
    "2.3.3",
    "A roster set from anybody but the owner is forbidden.",
    "2-04 2.1.5-04 2.1.5-05 2.3.3-01 2.3.3-04 8.5.2.1.3-01 8.5.2.1.3-02",
)
ROSTER_READ_ONLY: Final = rule(
    "roster:read-only",
    "2.3.3",
    "Where rosters are changed by other means than XMPP, a roster set is not allowed.",
    "2.3.3-01 2.3.3-03",
)

_REFUSED: Final = "2.3.3-01 2.4.3-01"

SET_WITHOUT_ONE_ITEM: Final = rule(
    "roster:not-one-item",
    "2.3.3",
    "A roster set of more or fewer than one item is a bad request.",
    _REFUSED,
    "2.3.3-05",
)
DUPLICATE_GROUPS: Final = rule(
    "roster:duplicate-groups", "2.3.3", "An item with duplicate groups is a bad request.", _REFUSED, "2.3.3-06"
)
NAME_TOO_LONG: Final = rule(
    "roster:name-too-long", "2.3.3", "A name longer than the limit is not acceptable.", _REFUSED, "2.3.3-08"
)
EMPTY_GROUP: Final = rule(
    "roster:empty-group", "2.3.3", "A group without text is not acceptable.", _REFUSED, "2.3.3-09"
)
GROUP_TOO_LONG: Final = rule(
    "roster:group-too-long", "2.3.3", "A group name larger than the limit is not acceptable.", _REFUSED, "2.3.3-11"
)
ITEM_FOR_OWN_JID: Final = rule(
    "roster:own-jid", "2.3.3", "An item for the user's own bare JID is not allowed.", _REFUSED, "2.3.3-12"
)
ITEM_WITHOUT_JID: Final = rule("roster:without-jid", "2.3.3", "An item without a JID is a bad request.", _REFUSED)
ITEM_JID_MALFORMED: Final = rule(
    "roster:jid-malformed", "2.3.3", "An item whose JID is none is refused as jid-malformed.", _REFUSED
)
ITEM_FOR_FULL_JID: Final = rule("roster:full-jid", "2.3.3", "An item for a full JID is a bad request.", _REFUSED)
TOO_MANY_GROUPS: Final = rule(
    "roster:too-many-groups", "2.3.3", "An item of too many groups is not acceptable.", _REFUSED
)
ROSTER_FULL: Final = rule("roster:full", "2.3.3", "One item more than the limit is a policy violation.", _REFUSED)
ROSTER_TOO_LARGE: Final = rule(
    "roster:too-large",
    "RFC 6120 §13.12",
    "An item is a policy violation if the roster would take more memory than the limit.",
    _REFUSED,
)

# --- removing (§2.5) --------------------------------------------------------------------------------------

ITEM_REMOVED: Final = rule(
    "roster:removed",
    "2.5.2",
    "A removal deletes the item and is answered with a result.",
    "2.5.2-01 2.5.2-03 3.1.1-06 12-24 11-06",
)
REMOVED_ITEM_PUSHED: Final = pushed(
    "roster:removed-push",
    "2.5.2",
    "A removed item is pushed with subscription='remove' to all interested resources.",
    "2.5.2-02",
)
REMOVED_ITEM_NOT_FOUND: Final = rule(
    "roster:remove-unknown",
    "2.5.3",
    "A removal of what is not in the roster is answered item-not-found.",
    "2.5.3-01 2.3.3-01",
)
UNSUBSCRIBED_AT_REMOVAL: Final = rule(
    "roster:removal-unsubscribes",
    "2.5.2",
    "A removal ends the user's subscription: the contact is sent unsubscribe.",
    "2.5.2-04 2.5.2-06 3-04",
)
CANCELLED_AT_REMOVAL: Final = rule(
    "roster:removal-cancels",
    "2.5.2",
    "A removal cancels the contact's subscription: the contact is sent unsubscribed.",
    "2.5.2-05 3-04",
)
MUTUAL_CANCELLED_AT_REMOVAL: Final = rule(
    "roster:removal-cancels-mutual",
    "2.5.2",
    "A removal from Both sends the contact unsubscribe and unsubscribed.",
    "2.5.2-05 2.5.2-06 3-04",
)
REQUEST_WITHDRAWN_AT_REMOVAL: Final = rule(
    "roster:removal-withdraws",
    "2.5.2",
    "A removal withdraws the user's unanswered request: the contact is sent unsubscribe.",
    "2.5.2-01 3-04",
)
UNAVAILABLE_AT_REMOVAL: Final = rule(
    "roster:removal-unavailable",
    "3.2.2",
    "Before a removal cancels the contact's subscription, each available resource sends it unavailable presence.",
    "2.5.2-05 3.2.2-06 3.2.2-08 4.6.1-02 4.6.1-04",
)
