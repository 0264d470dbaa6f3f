"""The rules of RFC 6121 that bind a client: what it sends, what it refuses to send, what it believes."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the session ------------------------------------------------------------------------------------------------

SESSION_BOUND: Final = rule(
    "client:bound", "A new session knows nothing of an earlier one but the roster.", "RFC 6120 §7"
)
SESSION_ENDED: Final = rule(
    "client:ended", "With the session ends what was known of anybody's presence.", "RFC 6120 §4.4"
)
NO_SESSION: Final = rule("client:no-session", "Without a session nothing can arrive.", "RFC 6120 §7")
NOTHING_WITHOUT_SESSION: Final = rule(
    "client:not-bound", "Before a resource is bound no stanza can be sent.", "RFC 6120 §7.1"
)
UNANSWERED: Final = rule(
    "client:unanswered", "What was asked in a session that has ended is not answered any more.", "RFC 6120 §8.2.3"
)
FROM_MALFORMED: Final = rule("client:from-malformed", "A stanza from what is no JID is told.", "RFC 6120 §8.1.2")
FROM_FOREIGN: Final = rule("client:from-foreign", "A client sends in nobody's name but its own.", "RFC 6120 §8.1.2.1")
TO_MALFORMED: Final = rule("client:to-malformed", "A client sends nothing to what is no JID.", "RFC 6120 §8.1.1")

# --- the roster: what is sent (§2.1.3, §2.1.5, §2.2 to §2.6) --------------------------------------------------------

_GET: Final = "2.1.3-01 2.1.3-02 2.2-08 12-21"
_SET: Final = "2.1.5-01 2.1.5-02 2.1.2.3-02 2.1.2.1-03 2.1.2.2-03 12-23"

GET_WITHOUT_VER: Final = rule(
    "client:get",
    "A roster get has no version where the server does not advertise versioning, or the client does not want it.",
    _GET,
    "2.6.2-02 2.6.2-05",
)
GET_TO_BOOTSTRAP: Final = rule(
    "client:get-bootstrap",
    "A client that keeps no roster yet asks for versioning with an empty version.",
    _GET,
    "2.6.2-01 2.6.2-04 12-27",
)
GET_WITH_VER: Final = rule(
    "client:get-ver",
    "A client asks with the version of the last result or push, as it was, whatever it looks like.",
    _GET,
    "2.1.1-02 2.6.2-01 2.6.2-03 2.6.3-10 12-27",
)
GET_WITH_ITEM: Final = rule("client:get-with-item", "A roster get with an item is not sent.", "2.1.3-02")
GET_WITH_VER_NOT_ADVERTISED: Final = rule(
    "client:ver-not-advertised", "A version is not sent to a server that does not advertise versioning.", "2.6.2-02"
)
ROSTER_ASKED_ALREADY: Final = rule(
    "client:roster-asked", "While a roster get waits for its result no other one is sent.", "RFC 6120 §8.2.3"
)
ITEM_ADDITION_SENT: Final = rule(
    "client:add",
    "An item is added by a roster set of one item, at any time, with or without name and groups.",
    _SET,
    "2.1.2.4-05 2.1.2.6-06 2.3.1-01 3.1.1-04",
)
ITEM_UPDATE_SENT: Final = rule(
    "client:update",
    "An item is updated as one is added; no group at all takes it out of all groups.",
    _SET,
    "2.1.2.4-05 2.1.2.6-06 2.3.3-10 2.4.1-01 3.1.1-05",
)
ITEM_REMOVAL_SENT: Final = rule(
    "client:remove",
    "An item, pre-approved or not, is removed by a roster set with subscription='remove', at any time.",
    _SET,
    "2.1.2.5-07 2.5.1-01 3.4.2-20",
)
SET_WITHOUT_ONE_ITEM: Final = rule("client:set-items", "A roster set has exactly one item.", "2.1.5-02")
SET_WITHOUT_JID: Final = rule("client:set-jid", "The item of a roster set names a JID.", "2.1.2.3-02")
SET_WITH_ASK: Final = rule(
    "client:set-ask", "Requests are made and withdrawn by presence, never by a roster set.", "2.1.2.2-03 2.1.2.2-04"
)
SET_WITH_APPROVED: Final = rule(
    "client:set-approved",
    "Pre-approvals are given and cancelled by presence, never by a roster set.",
    "2.1.2.1-03 2.1.2.1-04",
)
SET_WITH_SUBSCRIPTION: Final = rule(
    "client:set-subscription", "The only 'subscription' that a roster set can ask for is 'remove'.", "2.1.2.5-07"
)
SET_WITH_BAD_GROUPS: Final = rule(
    "client:set-groups", "No group is empty, and none is named twice.", "2.3.3-10", "RFC 6121 §2.3.3"
)

# --- the roster: what arrives (§2.1.4, §2.1.6, §2.6.3) --------------------------------------------------------------

_ITEMS: Final = "2.1.1-02 2.1.2.5-05 12-27"

ROSTER_RECEIVED: Final = rule(
    "client:roster",
    "A roster result is the whole roster: items that it does not have are gone.",
    _ITEMS,
    "RFC 6121 §2.1.4",
)
EMPTY_ROSTER_RECEIVED: Final = rule(
    "client:empty-roster", "A result with an empty query means that the roster is empty.", _ITEMS, "2.6.3-04"
)
ROSTER_UNCHANGED: Final = rule(
    "client:roster-unchanged", "A result without a query means that the roster kept is current.", "2.6.3-04"
)
ROSTER_GET_FAILED: Final = rule(
    "client:get-failed", "An error tells that there is no roster to be had.", "RFC 6121 §2.1.4"
)
ROSTER_RESULT_MALFORMED: Final = rule(
    "client:roster-malformed",
    "A result that is neither empty nor one roster leaves the roster as it is known.",
    "RFC 6120 §8.2.3",
    "RFC 6121 §2.1.4, §2.6.3",
)
ROSTER_SET_DONE: Final = rule(
    "client:set-done", "A result acknowledges a roster set; what has changed is in the push.", "RFC 6121 §2.1.5"
)
ROSTER_SET_FAILED: Final = rule("client:set-failed", "An error tells that nothing was changed.", "RFC 6121 §2.3.3")
PUSH_ACKNOWLEDGED: Final = rule(
    "client:push",
    "A push from the user's account is applied, interim or not, with its version, and acknowledged.",
    "2.1.1-02 2.1.2.5-06 2.1.6-04 2.1.6-05 2.3.2-04 2.6.3-09 12-25 12-27",
)
MANAGERS_PUSH_ACKNOWLEDGED: Final = rule(
    "client:push-of-manager",
    "A push from a domain that the user has authorized is applied to JIDs at that domain, and to no other.",
    "2.1.6-04 2.1.6-05",
)
PUSH_IGNORED: Final = rule(
    "client:push-ignored",
    "A push from anybody else is ignored, and not even an error tells that the resource is there.",
    "2.1.6-03 2.1.6-05 2.1.6-06 2.1.6-07",
)
PUSH_REFUSED: Final = rule(
    "client:push-refused",
    "A push from anybody else changes nothing and earns service-unavailable.",
    "2.1.6-03 2.1.6-05 2.1.6-06 2.1.6-07",
)
PUSH_MALFORMED: Final = rule(
    "client:push-malformed",
    "A push without exactly one item that names a JID changes nothing.",
    "2.1.6-04",
    "RFC 6121 §2.1.6",
)
ITEM_WITHOUT_JID: Final = rule(
    "client:item-without-jid", "An item of a roster result that names nothing is told, not kept.", "RFC 6121 §2.1.2.3"
)
ITEM_ADDED: Final = rule("client:item-added", "What is new in the roster is told.", "RFC 6121 §2.3")
ITEM_UPDATED: Final = rule("client:item-updated", "What has changed in the roster is told.", "RFC 6121 §2.4")
ITEM_REMOVED: Final = rule("client:item-removed", "What is gone from the roster is told.", "RFC 6121 §2.5")

# --- subscriptions: what is sent (§3) -------------------------------------------------------------------------------

SUBSCRIBE_SENT: Final = rule(
    "client:subscribe",
    "A request is presence of type 'subscribe' to the bare JID, with an id, and with the user's own words if any.",
    "2.1.2.2-04 3.1-01 3.1.1-01 3.1.1-02 3.1.1-03 3.1.1-04 4.7.2.2-06 12-15",
)
UNSUBSCRIBE_SENT: Final = rule(
    "client:unsubscribe",
    "A subscription or request is ended by presence of type 'unsubscribe' to the bare JID.",
    "2.1.2.2-04 3.3.1-01 4.7.2.2-06 12-17",
)
SUBSCRIPTION_VOID: Final = rule(
    "client:void",
    "With the 'unsubscribe' or its push all that is known of the contact's presence is void.",
    "3.3.3-09 3.3.3-10",
)
APPROVAL_SENT: Final = rule(
    "client:approve",
    "A request is approved by presence of type 'subscribed' to the bare JID, with an id of its own.",
    "3.1.4-03 3.1.4-05 3.1.4-06 3.1.5-05 4.7.2.2-06 12-09",
)
DENIAL_SENT: Final = rule(
    "client:deny",
    "A request is denied by presence of type 'unsubscribed' to the bare JID, with an id of its own.",
    "3.1.4-04 3.1.4-05 3.1.4-06 3.2.1-01 4.7.2.2-06 12-11",
)
CANCELLATION_SENT: Final = rule(
    "client:cancel", "A contact's subscription is cancelled by presence of type 'unsubscribed'.", "3.2.1-01 12-11"
)
PRE_APPROVAL_SENT: Final = rule(
    "client:pre-approve",
    "A future request is approved by presence of type 'subscribed' where the server advertises that.",
    "2.1.2.1-04 3.4-01 3.4.1-01 12-13",
)
PRE_APPROVAL_CANCELLED: Final = rule(
    "client:cancel-pre-approval",
    "A pre-approval is cancelled by presence of type 'unsubscribed'.",
    "2.1.2.1-04 3.2.1-01 3.4.2-18",
)
PRE_APPROVAL_NOT_ADVERTISED: Final = rule(
    "client:pre-approval-not-advertised",
    "Nobody is pre-approved where the server does not advertise that it can be done.",
    "3.4.1-02",
)
ALREADY_APPROVED: Final = rule(
    "client:already-approved", "A contact with a subscription needs no approval.", "RFC 6121 §3.4.2"
)
ID_MIRRORED: Final = rule(
    "client:id-mirrored", "An approval or denial does not repeat the id of the request.", "3.1.4-06"
)
SUBSCRIPTION_WITHOUT_TO: Final = rule(
    "client:subscription-without-to", "A subscription stanza names the contact.", "3.1.1-02"
)

# --- subscriptions: what arrives (§3) -------------------------------------------------------------------------------

REQUEST_TOLD_TO_USER: Final = rule(
    "client:request",
    "A request is kept, complete, until the user decides; nothing answers it before.",
    "12-15",
    "RFC 6121 §3.1.4",
)
REQUEST_REPEATED: Final = rule(
    "client:request-repeated", "A request that waits already is not told again.", "RFC 6121 §3.1.3"
)
TOO_MANY_REQUESTS: Final = rule("client:requests-full", "Of too many requests no more are kept.", "RFC 6121 §3.1.3")
REQUEST_APPROVED: Final = rule(
    "client:request-approved",
    "A request is approved at once where the event says so, with an id of its own.",
    "3.1.4-03 3.1.4-05 3.1.4-06 12-09",
)
REQUEST_DENIED: Final = rule(
    "client:request-denied",
    "A request is denied at once where the event says so, with an id of its own.",
    "3.1.4-04 3.1.4-05 3.1.4-06 12-11",
)
SUBSCRIBED_TOLD: Final = rule(
    "client:subscribed", "An inbound 'subscribed' is the contact's approval; it changes no roster.", "12-09"
)
UNSUBSCRIBED_TOLD: Final = rule(
    "client:unsubscribed", "An inbound 'unsubscribed' is the contact's denial or cancellation.", "12-11"
)
SUBSCRIPTION_ENDED: Final = rule(
    "client:cancelled", "What a contact has cancelled shows no presence any more.", "12-11"
)
UNSUBSCRIBE_TOLD: Final = rule(
    "client:unsubscribed-from", "An inbound 'unsubscribe' ends the contact's subscription, or its request.", "12-17"
)
OWN_SUBSCRIPTION: Final = rule(
    "client:own-subscription", "A subscription stanza from the user's own account means nothing.", "RFC 6121 §3"
)

# --- the user's own presence (§2.2, §4.2, §4.4, §4.5, §4.6) -----------------------------------------------------------

_CHILDREN: Final = "4.7.2.1-01 4.7.2.1-03 4.7.2.2-01 4.7.2.2-02 4.7.2.2-04 4.7.2.3-01 4.7.2.3-04 4.7.3-01"

INITIAL_PRESENCE: Final = rule(
    "client:initial",
    "Initial presence has neither 'to' nor 'type'; a client that wants requests and pushes asks for the roster first.",
    _CHILDREN,
    "2.2-01 2.2-07 3.1-03 4.1-01 4.1-02 4.2.1-02 4.2.1-03 4.2.1-04",
)
INITIAL_PRESENCE_WITHOUT_ROSTER: Final = rule(
    "client:initial-without-roster",
    "A client may do without the roster.",
    _CHILDREN,
    "2.2-02 4.1-01 4.1-02 4.2.1-03 4.2.1-04",
)
SUBSEQUENT_PRESENCE: Final = rule(
    "client:subsequent",
    "An update of availability has neither 'to' nor 'type'.",
    _CHILDREN,
    "4.1-01 4.1-02 4.4.1-01 4.4.1-02",
)
UNAVAILABLE_SENT: Final = rule(
    "client:unavailable",
    "A presence session is ended by unavailable presence without 'to', with a reason if any.",
    "4.1-01 4.1-02 4.5.1-01 4.5.1-02 4.7.2.2-05",
)
PRESENCE_SESSION_OVER: Final = rule(
    "client:session-over",
    "With a presence session ends what was heard in it, up to the client's own unavailable presence that comes back.",
    "RFC 6121 §4.5.2",
)
DIRECTED_PRESENCE: Final = rule(
    "client:directed", "Directed presence goes to one bare or full JID, subscribed or not.", "4.1-04 4.6.1-01 4.6.2-01"
)
DIRECTED_UNAVAILABLE: Final = rule(
    "client:directed-unavailable",
    "Directed presence is ended by directed unavailable presence, which ends nothing else.",
    "4.6.2-01",
)
PROBE_REFUSED: Final = rule("client:probe", "Clients do not probe; servers do.", "4.3-05 4.7.1-05 4.7.1-07")
DIRECTED_PRESENCE_PROBED: Final = rule(
    "client:directed-probe",
    "Who has had directed presence may ask from that very JID whether its full JID is still there.",
    "4.6.6-01 4.6.6-02",
)
PRESENCE_TYPE_UNKNOWN: Final = rule(
    "client:presence-type", "Presence has one of seven types, or none.", "RFC 6121 §4.7.1"
)
PRESENCE_WITHOUT_TO: Final = rule(
    "client:presence-without-to", "A probe or an error names its recipient.", "RFC 6121 §4.7.1"
)
PRESENCE_ERROR_WITHOUT_ERROR: Final = rule(
    "client:presence-error-empty", "Presence of type 'error' says which error.", "4.7.1-06"
)
PRESENCE_ERROR_SENT: Final = rule(
    "client:presence-error-sent", "Presence of type 'error' says which error.", "4.7.1-06"
)
UNAVAILABLE_WITH_AVAILABILITY: Final = rule(
    "client:unavailable-children", "Unavailable presence has neither show nor priority.", "4.5.1-03 4.5.1-04"
)
SHOW_MALFORMED: Final = rule(
    "client:show",
    "There is at most one show; its text is one of four, and it has no attributes.",
    "4.7.2.1-02 4.7.2.1-03 4.7.2.1-04 4.7.2.1-06",
)
STATUS_MALFORMED: Final = rule(
    "client:status",
    "There is one status a language; it is plain text with no attribute but xml:lang.",
    "4.7.2.2-02 4.7.2.2-03 4.7.2.2-04",
)
PRIORITY_MALFORMED: Final = rule(
    "client:priority",
    "There is at most one priority, an integer from -128 to 127 without attributes.",
    "4.7.2.3-02 4.7.2.3-03 4.7.2.3-04 4.7.2.3-05",
)

# --- others' presence (§3.1.3, §4) ------------------------------------------------------------------------------------

_AVAILABLE: Final = "4.6.5-01 4.7.2.1-01 4.7.2.1-07 4.7.2.2-01 4.7.2.3-01 4.7.2.3-06 4.7.3-01 12-06"

PRESENCE_AVAILABLE: Final = rule(
    "client:available",
    "Presence without 'type', directed or not, means that the resource is available; without priority, at zero.",
    _AVAILABLE,
)
PRESENCE_CHANGED: Final = rule(
    "client:changed", "Subsequent presence is taken as initial presence is.", _AVAILABLE, "4.4.4-01"
)
STRANGERS_PRESENCE: Final = rule(
    "client:stranger-available",
    "Presence from outside the roster is kept, within bounds; what to show of it is the interface's to decide.",
    _AVAILABLE,
    "RFC 6121 §4.2.4",
)
STRANGER_FORGOTTEN: Final = rule(
    "client:stranger-forgotten", "Of too many strangers the one heard longest ago is forgotten.", "RFC 6121 §4.2.4"
)
RESOURCE_FORGOTTEN: Final = rule(
    "client:resource-forgotten", "Of too many resources the one heard longest ago is forgotten.", "RFC 6121 §4.2.4"
)
OWN_ACCOUNT_HAS_NO_PRESENCE: Final = rule(
    "client:own-bare", "Resources are available, the user's account is not.", "RFC 6121 §4.1"
)
PRESENCE_UNAVAILABLE: Final = rule(
    "client:gone", "Unavailable presence means that the resource is not available.", "4.5.4-01 12-19"
)
ALL_UNAVAILABLE: Final = rule(
    "client:all-gone",
    "Unavailable presence from a bare JID means that none of its resources is available.",
    "4.5.4-01 4.5.4-02 12-19",
)
ACKNOWLEDGEMENT: Final = rule(
    "client:acknowledged",
    "While a request is unanswered, unavailable presence from the bare JID says nothing of the contact.",
    "3.1.3-11",
)
PRESENCE_ERROR: Final = rule(
    "client:presence-error",
    "An error that says that nobody can be reached at a JID means that it is not available; it is not answered.",
    "RFC 6120 §8.3.1, §8.3.3",
)
OWN_PRESENCE_FAILED: Final = rule(
    "client:own-presence-failed",
    "An error about the client's own presence says nothing of the entity that it comes from; it is not answered.",
    "RFC 6120 §8.3.1, §8.3.3",
    "RFC 6121 §4.7.1",
)
ROOM_LEFT: Final = rule(
    "client:room-left",
    "With the client's stay in a room ends what is known of the room's occupants.",
    "XEP-0045 §7.14",
)
PROBE_LEFT_TO_SERVER: Final = rule("client:probed", "Servers answer probes; clients do not.", "RFC 6121 §4.3")
PRESENCE_TYPE_REFUSED: Final = rule(
    "client:presence-type-refused", "Presence of a type that nobody has defined is a bad request.", "4.7.1-12"
)

# --- messages: what is sent (§5) --------------------------------------------------------------------------------------

_MESSAGE: Final = (
    "5.2.1-01 5.2.2-01 5.2.2-02 5.2.3-01 5.2.3-02 5.2.3-03 5.2.4-01 5.2.4-02 5.2.5-01 5.2.5-02 5.2.5-04 5.2.5-06 "
    "5.3-01 12-01 12-02 12-03"
)

MESSAGE_SENT: Final = rule(
    "client:message", "A message outside any chat session goes to the bare JID.", _MESSAGE, "5.2.1-02"
)
MESSAGE_TO_RESOURCE: Final = rule(
    "client:message-to-resource",
    "A message that the application addresses to a full JID goes there and nowhere else.",
    _MESSAGE,
)
MESSAGE_AS_GIVEN: Final = rule(
    "client:message-as-given", "A message that breaks no rule is sent as the application made it.", _MESSAGE, "5.2.2-15"
)
CHAT_STARTED: Final = rule(
    "client:chat",
    "A chat session begins with a message of type 'chat' to the bare JID, in a thread of its own.",
    _MESSAGE,
    "5.1-01 5.1-03 5.1-05 5.2.1-02 5.2.5-03 5.2.5-12",
)
CHAT_TO_BARE_JID: Final = rule(
    "client:chat-unlocked",
    "Without a lock the messages of a chat session go to the bare JID, in its thread.",
    _MESSAGE,
    "5.1-01 5.1-06 5.1-09 5.1-10 5.2.5-03",
)
CHAT_LOCKED_IN: Final = rule(
    "client:chat-locked",
    "A locked chat session goes on with the full JID, in its thread.",
    _MESSAGE,
    "5.1-01 5.1-08 5.2.5-03",
)
CHAT_PRESENCE_SHARED: Final = rule(
    "client:chat-presence",
    "In a chat session without a subscription, directed presence is sent where the user's policy lets it.",
    "5.1-11 5.1-12 4.1-04 4.6.1-01",
)
CHAT_PRESENCE_ENDED: Final = rule(
    "client:chat-presence-ended", "The end of a chat session ends the presence that was sent because of it.", "5.1-13"
)
CHAT_ENDED: Final = rule("client:chat-ended", "The end of a chat session that shared no presence is silent.", "5.1-13")
REPLY_TO_SENDER: Final = rule(
    "client:reply",
    "A reply has the type and thread of the message, and goes to the full JID that it came from.",
    _MESSAGE,
    "5.1-02 5.1-04 5.1-07 5.2.1-03 5.2.2-16 5.2.5-03",
)
REPLY_TO_BARE_JID: Final = rule(
    "client:reply-to-bare",
    "A reply to a resource that is known to be unavailable, as to a room, goes to the bare JID.",
    _MESSAGE,
    "5.1-02 5.1-04 5.2.1-03 5.2.2-16 5.2.5-03",
)
TO_OCCUPANT: Final = rule(
    "client:to-occupant",
    "A message to an occupant of a room goes to the full JID, in a chat session with that occupant alone.",
    _MESSAGE,
    "5.1-02 5.1-04 5.1-07 5.2.1-03 5.2.2-16 5.2.5-03",
    "XEP-0045 §7.5",
)
REPLY_TO_ERROR: Final = rule("client:reply-to-error", "An error is not answered.", "RFC 6120 §8.3.1")
MESSAGE_TYPE_UNKNOWN: Final = rule("client:message-type", "A message has one of five types, or none.", "5.2.2-02")
BODY_MALFORMED: Final = rule(
    "client:body",
    "There is one body a language; it is plain text with no attribute but xml:lang.",
    "5.2.3-02 5.2.3-03 5.2.3-04",
)
SUBJECT_MALFORMED: Final = rule(
    "client:subject",
    "There is one subject a language; it is plain text with no attribute but xml:lang.",
    "5.2.4-01 5.2.4-02 5.2.4-03",
)
THREAD_MALFORMED: Final = rule(
    "client:thread",
    "There is at most one thread, plain text and not empty, and its parent is another thread.",
    "5.2.5-05 5.2.5-07 5.2.5-08 5.2.5-12 5.2.5-14",
)

# --- messages: what arrives (§5) --------------------------------------------------------------------------------------

_RECEIVED: Final = "5.2.5-10 5.2.5-11 5.3-02 12-01 12-02 12-03 12-04"

CHAT_RECEIVED: Final = rule(
    "client:chat-received",
    "A chat message locks the session to its full JID, or unlocks it where another resource speaks.",
    _RECEIVED,
    "5.1-08 5.1-09",
)
MESSAGE_RECEIVED: Final = rule("client:message-received", "A message is told with all that it carries.", _RECEIVED)
UNTYPED_MESSAGE_RECEIVED: Final = rule(
    "client:untyped-message",
    "A message without a type, or of one that nobody has defined, is a normal one.",
    _RECEIVED,
    "5.2.2-12 5.2.2-14",
)
ERROR_MATCHED: Final = rule(
    "client:error", "A message of type 'error' is matched to the message that it answers.", "12-04", "RFC 6120 §8.3"
)
ERROR_UNMATCHED: Final = rule(
    "client:error-unmatched", "An error that answers no message known is told all the same.", "12-04", "RFC 6120 §8.3"
)
CARBON_RECEIVED: Final = rule(
    "client:carbon", "A copy from the user's bare JID is told as what it is.", "XEP-0280 §7, §8"
)
CARBON_FORGED: Final = rule("client:carbon-forged", "A copy from anybody else is ignored.", "XEP-0280 §11")
CARBON_EMPTY: Final = rule("client:carbon-empty", "A copy of nothing is ignored.", "XEP-0280 §7, §8")

# --- IQs (§6; RFC 6120 §8.2.3) ----------------------------------------------------------------------------------------

IQ_SENT: Final = rule("client:iq", "An IQ may carry a request of any extension.", "6-03", "RFC 6120 §8.2.3")
IQ_ANSWER_SENT: Final = rule("client:iq-answer", "Whoever is asked answers.", "6-03", "RFC 6120 §8.2.3")
IQ_MALFORMED_OUT: Final = rule(
    "client:iq-malformed",
    "An IQ has an id and one of four types; a get or set has exactly one child.",
    "RFC 6120 §8.2.3",
)
ID_IN_USE: Final = rule("client:id-in-use", "No two requests that wait have the same id.", "RFC 6120 §8.1.3")
TOO_MANY_QUESTIONS: Final = rule(
    "client:questions-full", "Only so many requests may wait for their answers.", "RFC 6120 §8.2.3"
)
GIVEN_UP: Final = rule(
    "client:given-up",
    "What the application has given up on waits no longer, and an answer that still comes is ignored.",
    "RFC 6120 §8.2.3",
)
NOTHING_TO_GIVE_UP: Final = rule(
    "client:nothing-to-give-up", "Nobody can give up on what does not wait, or no longer.", "RFC 6120 §8.2.3"
)
ANSWER_TOLD: Final = rule(
    "client:answer",
    "An answer is an IQ with the id of the request, from whom it was sent to.",
    "6-03",
    "RFC 6120 §8.1.2.1",
)
ANSWER_UNASKED: Final = rule("client:answer-unasked", "An answer to nothing is ignored.", "RFC 6120 §8.2.3")
ANSWER_FORGED: Final = rule(
    "client:answer-forged", "An answer from anybody but the one that was asked is ignored.", "RFC 6120 §8.1.2.1"
)
REQUEST_TOLD: Final = rule(
    "client:request-told",
    "A request that the application serves is told; it owes the answer.",
    "6-03",
    "RFC 6120 §8.2.3",
)
REQUEST_NOT_SERVED: Final = rule(
    "client:not-served", "A request that nobody serves earns service-unavailable.", "RFC 6120 §8.4"
)
IQ_MALFORMED_IN: Final = rule("client:iq-refused", "A request that is none earns bad-request.", "RFC 6120 §8.2.3")
