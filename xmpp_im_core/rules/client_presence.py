"""The rules that bind a client in presence: its own, and that of others (RFC 6121 §4)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

# --- the user's own presence (§2.2, §4.2, §4.4, §4.5, §4.6) -----------------------------------------------------------

_CHILDREN: Final = "4.7.2.1-01 4.7.2.1-03 4.7.2.2-01 4.7.2.2-02 4.7.2.2-04 4.7.2.3-01 4.7.2.3-04 4.7.3-01"

INITIAL_PRESENCE: Final = rule(
    "client:initial",
    "4.2.1",
    "Initial presence has neither 'to' nor 'type'; a client that wants requests and pushes asks for the roster first.",
    _CHILDREN,
    "2.2-01 2.2-07 3.1-03 4.1-01 4.1-02 4.2.1-02 4.2.1-03 4.2.1-04",
)
INITIAL_PRESENCE_WITHOUT_ROSTER: Final = rule(
    "client:initial-without-roster",
    "2.2",
    "A client may do without the roster.",
    _CHILDREN,
    "2.2-02 4.1-01 4.1-02 4.2.1-03 4.2.1-04",
)
SUBSEQUENT_PRESENCE: Final = rule(
    "client:subsequent",
    "4.4.1",
    "An update of availability has neither 'to' nor 'type'.",
    _CHILDREN,
    "4.1-01 4.1-02 4.4.1-01 4.4.1-02",
)
UNAVAILABLE_SENT: Final = rule(
    "client:unavailable",
    "4.5.1",
    "A presence session is ended by unavailable presence without 'to', with a reason if any.",
    "4.1-01 4.1-02 4.5.1-01 4.5.1-02 4.7.2.2-05",
)
PRESENCE_SESSION_OVER: Final = rule(
    "client:session-over",
    "4.5.2",
    "With a presence session ends what was heard in it, up to the client's own unavailable presence that comes back.",
    "RFC 6121 §4.5.2",
)
DIRECTED_PRESENCE: Final = rule(
    "client:directed",
    "4.6.2",
    "Directed presence goes to one bare or full JID, subscribed or not.",
    "4.1-04 4.6.1-01 4.6.2-01",
)
DIRECTED_UNAVAILABLE: Final = rule(
    "client:directed-unavailable",
    "4.6.2",
    "Directed presence is ended by directed unavailable presence, which ends nothing else.",
    "4.6.2-01",
)
PROBE_REFUSED: Final = rule("client:probe", "4.3", "Clients do not probe; servers do.", "4.3-05 4.7.1-05 4.7.1-07")
DIRECTED_PRESENCE_PROBED: Final = rule(
    "client:directed-probe",
    "4.6.6",
    "Who has had directed presence may ask from that very JID whether its full JID is still there.",
    "4.6.6-01 4.6.6-02",
)
PRESENCE_TYPE_UNKNOWN: Final = rule(
    "client:presence-type", "4.7.1", "Presence has one of seven types, or none.", "RFC 6121 §4.7.1"
)
PRESENCE_WITHOUT_TO: Final = rule(
    "client:presence-without-to", "4.7.1", "A probe or an error names its recipient.", "RFC 6121 §4.7.1"
)
PRESENCE_ERROR_WITHOUT_ERROR: Final = rule(
    "client:presence-error-empty", "4.7.1", "Presence of type 'error' says which error.", "4.7.1-06"
)
PRESENCE_ERROR_SENT: Final = rule(
    "client:presence-error-sent", "4.7.1", "Presence of type 'error' says which error.", "4.7.1-06"
)
UNAVAILABLE_WITH_AVAILABILITY: Final = rule(
    "client:unavailable-children", "4.5.1", "Unavailable presence has neither show nor priority.", "4.5.1-03 4.5.1-04"
)
SHOW_MALFORMED: Final = rule(
    "client:show",
    "4.7.2.1",
    "There is at most one show; its text is one of four, and it has no attributes.",
    "4.7.2.1-02 4.7.2.1-03 4.7.2.1-04 4.7.2.1-06",
)
STATUS_MALFORMED: Final = rule(
    "client:status",
    "4.7.2.2",
    "There is one status a language; it is plain text with no attribute but xml:lang.",
    "4.7.2.2-02 4.7.2.2-03 4.7.2.2-04",
)
PRIORITY_MALFORMED: Final = rule(
    "client:priority",
    "4.7.2.3",
    "There is at most one priority, an integer from -128 to 127 without attributes.",
    "4.7.2.3-02 4.7.2.3-03 4.7.2.3-04 4.7.2.3-05",
)

# --- others' presence (§3.1.3, §4) ------------------------------------------------------------------------------------

_AVAILABLE: Final = "4.6.5-01 4.7.2.1-01 4.7.2.1-07 4.7.2.2-01 4.7.2.3-01 4.7.2.3-06 4.7.3-01 12-06"

PRESENCE_AVAILABLE: Final = rule(
    "client:available",
    "12",
    "Presence without 'type', directed or not, means that the resource is available; without priority, at zero.",
    _AVAILABLE,
)
PRESENCE_CHANGED: Final = rule(
    "client:changed", "4.4.4", "Subsequent presence is taken as initial presence is.", _AVAILABLE, "4.4.4-01"
)
STRANGERS_PRESENCE: Final = rule(
    "client:stranger-available",
    "4.2.4",
    "Presence from outside the roster is kept, within bounds; what to show of it is the interface's to decide.",
    _AVAILABLE,
    "RFC 6121 §4.2.4",
)
STRANGER_FORGOTTEN: Final = rule(
    "client:stranger-forgotten",
    "4.2.4",
    "Of too many strangers the one heard longest ago is forgotten.",
    "RFC 6121 §4.2.4",
)
RESOURCE_FORGOTTEN: Final = rule(
    "client:resource-forgotten",
    "4.2.4",
    "Of too many resources the one heard longest ago is forgotten.",
    "RFC 6121 §4.2.4",
)
OWN_ACCOUNT_HAS_NO_PRESENCE: Final = rule(
    "client:own-bare", "4.1", "Resources are available, the user's account is not.", "RFC 6121 §4.1"
)
PRESENCE_UNAVAILABLE: Final = rule(
    "client:gone", "4.5.4", "Unavailable presence means that the resource is not available.", "4.5.4-01 12-19"
)
ALL_UNAVAILABLE: Final = rule(
    "client:all-gone",
    "4.5.4",
    "Unavailable presence from a bare JID means that none of its resources is available.",
    "4.5.4-01 4.5.4-02 12-19",
)
ACKNOWLEDGEMENT: Final = rule(
    "client:acknowledged",
    "3.1.3",
    "While a request is unanswered, unavailable presence from the bare JID says nothing of the contact.",
    "3.1.3-11",
)
PRESENCE_ERROR: Final = rule(
    "client:presence-error",
    "RFC 6120 §8.3.3",
    "A JID is not available if an error says that nobody can be reached there; the error is not answered.",
    "RFC 6120 §8.3.1, §8.3.3",
)
OWN_PRESENCE_FAILED: Final = rule(
    "client:own-presence-failed",
    "4.7.1",
    "An error about the client's own presence does not show whether its sender is there; it is not answered.",
    "RFC 6120 §8.3.1, §8.3.3",
    "RFC 6121 §4.7.1",
)
ROOM_LEFT: Final = rule(
    "client:room-left",
    "XEP-0045 §7.14",
    "A client that is no longer in a room forgets the presence of the room's occupants.",
)
PROBE_LEFT_TO_SERVER: Final = rule("client:probed", "4.3", "Servers answer probes; clients do not.", "RFC 6121 §4.3")
PRESENCE_TYPE_REFUSED: Final = rule(
    "client:presence-type-refused", "4.7.1", "Presence of a type that nobody has defined is a bad request.", "4.7.1-12"
)
