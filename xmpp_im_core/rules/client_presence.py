"""The rules of a client for its own presence and the presence of others (RFC 6121 §4)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the user's own presence (§2.2, §4.2, §4.4, §4.5, §4.6) -----------------------------------------------------------

_CHILDREN: Final = "4.7.2.1-01 4.7.2.1-03 4.7.2.2-01 4.7.2.2-02 4.7.2.2-04 4.7.2.3-01 4.7.2.3-04 4.7.3-01"

INITIAL_PRESENCE: Final = rule(
    "client:initial",
    "4.2.1",
    "The client sends initial presence without 'to' and 'type', after the roster get if it wants a roster.",
    _CHILDREN,
    "2.2-01 2.2-07 3.1-03 4.1-01 4.1-02 4.2.1-02 4.2.1-03 4.2.1-04",
)
INITIAL_PRESENCE_WITHOUT_ROSTER: Final = rule(
    "client:initial-without-roster",
    "2.2",
    "The client may send initial presence without having asked for the roster.",
    _CHILDREN,
    "2.2-02 4.1-01 4.1-02 4.2.1-03 4.2.1-04",
)
SUBSEQUENT_PRESENCE: Final = rule(
    "client:subsequent",
    "4.4.1",
    "The client sends an update of its presence without 'to' and 'type'.",
    _CHILDREN,
    "4.1-01 4.1-02 4.4.1-01 4.4.1-02",
)
UNAVAILABLE_SENT: Final = rule(
    "client:unavailable",
    "4.5.1",
    "The client ends its presence session with unavailable presence without 'to', with a status if given.",
    "4.1-01 4.1-02 4.5.1-01 4.5.1-02 4.7.2.2-05",
)
PRESENCE_SESSION_OVER: Final = rule(
    "client:session-over",
    "4.5.2",
    "The client forgets the presence of a presence session when its own unavailable presence comes back.",
    "RFC 6121 §4.5.2",
)
DIRECTED_PRESENCE: Final = rule(
    "client:directed",
    "4.6.2",
    "The client sends directed presence to one bare or full JID, with or without a subscription.",
    "4.1-04 4.6.1-01 4.6.2-01",
)
DIRECTED_UNAVAILABLE: Final = rule(
    "client:directed-unavailable",
    "4.6.2",
    "The client ends directed presence with directed unavailable presence, and changes nothing else.",
    "4.6.2-01",
)
PROBE_REFUSED: Final = rule(
    "client:probe", "4.3", "The client refuses to send a probe: servers send probes.", "4.3-05 4.7.1-05 4.7.1-07"
)
DIRECTED_PRESENCE_PROBED: Final = rule(
    "client:directed-probe",
    "4.6.6",
    "A client that got directed presence may probe the sender's full JID, from the JID that got it.",
    "4.6.6-01 4.6.6-02",
)
PRESENCE_TYPE_UNKNOWN: Final = rule(
    "client:presence-type", "4.7.1", "The client refuses to send presence of an unknown type.", "RFC 6121 §4.7.1"
)
PRESENCE_WITHOUT_TO: Final = rule(
    "client:presence-without-to",
    "4.7.1",
    "The client refuses to send a probe or a presence error without 'to'.",
    "RFC 6121 §4.7.1",
)
PRESENCE_ERROR_WITHOUT_ERROR: Final = rule(
    "client:presence-error-empty",
    "4.7.1",
    "The client refuses to send presence of type 'error' without an error.",
    "4.7.1-06",
)
PRESENCE_ERROR_SENT: Final = rule(
    "client:presence-error-sent", "4.7.1", "The client sends presence of type 'error' with its error.", "4.7.1-06"
)
UNAVAILABLE_WITH_AVAILABILITY: Final = rule(
    "client:unavailable-children",
    "4.5.1",
    "The client refuses to send unavailable presence with show or priority.",
    "4.5.1-03 4.5.1-04",
)
SHOW_MALFORMED: Final = rule(
    "client:show",
    "4.7.2.1",
    "The client refuses two shows, a show with attributes, and a text that is not one of the four.",
    "4.7.2.1-02 4.7.2.1-03 4.7.2.1-04 4.7.2.1-06",
)
STATUS_MALFORMED: Final = rule(
    "client:status",
    "4.7.2.2",
    "The client refuses statuses with elements or other attributes than xml:lang, and two of one language.",
    "4.7.2.2-02 4.7.2.2-03 4.7.2.2-04",
)
PRIORITY_MALFORMED: Final = rule(
    "client:priority",
    "4.7.2.3",
    "The client refuses two priorities, one with attributes, and one that is no integer from -128 to 127.",
    "4.7.2.3-02 4.7.2.3-03 4.7.2.3-04 4.7.2.3-05",
)

# --- others' presence (§3.1.3, §4) ------------------------------------------------------------------------------------

_AVAILABLE: Final = "4.6.5-01 4.7.2.1-01 4.7.2.1-07 4.7.2.2-01 4.7.2.3-01 4.7.2.3-06 4.7.3-01 12-06"

PRESENCE_AVAILABLE: Final = rule(
    "client:available",
    "12",
    "Presence without 'type' makes the resource available; without a priority its priority is zero.",
    _AVAILABLE,
)
PRESENCE_CHANGED: Final = rule(
    "client:changed", "4.4.4", "The client processes subsequent presence like initial presence.", _AVAILABLE, "4.4.4-01"
)
STRANGERS_PRESENCE: Final = rule(
    "client:stranger-available",
    "4.2.4",
    "The client keeps a stranger's presence within bounds; the application decides what to show.",
    _AVAILABLE,
    "RFC 6121 §4.2.4",
)
STRANGER_FORGOTTEN: Final = rule(
    "client:stranger-forgotten",
    "4.2.4",
    "Beyond the limit, the client forgets the stranger that it heard from longest ago.",
    "RFC 6121 §4.2.4",
)
RESOURCE_FORGOTTEN: Final = rule(
    "client:resource-forgotten",
    "4.2.4",
    "Beyond the limit, the client forgets the resource that it heard from longest ago.",
    "RFC 6121 §4.2.4",
)
OWN_ACCOUNT_HAS_NO_PRESENCE: Final = rule(
    "client:own-bare",
    "4.1",
    "The client ignores presence of the user's own bare JID: only resources are available.",
    "RFC 6121 §4.1",
)
PRESENCE_UNAVAILABLE: Final = rule(
    "client:gone", "4.5.4", "Unavailable presence makes the resource unavailable.", "4.5.4-01 12-19"
)
ALL_UNAVAILABLE: Final = rule(
    "client:all-gone",
    "4.5.4",
    "Unavailable presence from a bare JID makes all its resources unavailable.",
    "4.5.4-01 4.5.4-02 12-19",
)
ACKNOWLEDGEMENT: Final = rule(
    "client:acknowledged",
    "3.1.3",
    "While a request is unanswered, unavailable presence from the contact's bare JID changes nothing.",
    "3.1.3-11",
)
PRESENCE_ERROR: Final = rule(
    "client:presence-error",
    "RFC 6120 §8.3.3",
    "A JID is unavailable if an error says that nobody can be reached there. The client does not answer it.",
    "RFC 6120 §8.3.1, §8.3.3",
)
OWN_PRESENCE_FAILED: Final = rule(
    "client:own-presence-failed",
    "4.7.1",
    "An error about the client's own presence does not change the sender's. The client does not answer it.",
    "RFC 6120 §8.3.1, §8.3.3",
    "RFC 6121 §4.7.1",
)
ROOM_LEFT: Final = rule(
    "client:room-left",
    "XEP-0045 §7.14",
    "When the client is no longer in a room, it forgets the presence of the room's occupants.",
)
PROBE_LEFT_TO_SERVER: Final = rule(
    "client:probed", "4.3", "The client does not answer a probe: servers answer probes.", "RFC 6121 §4.3"
)
PRESENCE_TYPE_REFUSED: Final = rule(
    "client:presence-type-refused",
    "4.7.1",
    "The client answers bad-request to presence of an unknown type.",
    "4.7.1-12",
)
