"""The rules of RFC 6121 §4: exchanging presence information."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.rules.rule import rule

_BROADCAST: Final = (
    "4.1-03 3-01 11-06 11-08 8.2-01 8.2-03 8.3-01 8.3-02 4.6.3-04 4.6.3-06 4.6.3-07 4.2.2-03 "
    "4.7.2.3-06 4.7.2.3-07 4.7.2.3-08 4.7.2.3-09"
)
_TYPES: Final = "4.7.1-01 4.7.1-13 12-07"
_UNAVAILABLE_TYPE: Final = "4.7.1-02 12-20"

# --- broadcast (§4.2, §4.4, §4.5) -------------------------------------------------------------------------

INITIAL_PRESENCE: Final = rule(
    "presence:initial",
    "4.2.2",
    "Initial presence is sent to all subscribers, from the full JID.",
    _BROADCAST,
    _TYPES,
    "2.2-03 4.1-05 4.1-06 4.2.2-01 4.5.2-08 4.5.2-09 4.6.1-03",
)
INITIAL_PRESENCE_TO_OWN: Final = rule(
    "presence:initial-own",
    "4.2.2",
    "Initial presence is sent to all available resources of the user, the sender included.",
    _TYPES,
    "2.2-03 4.1-05 4.1-06 4.2.2-02 4.2.2-03 4.5.2-09 4.7.2.3-06 4.7.2.3-07 4.7.2.3-08 4.7.2.3-09",
)
OTHER_RESOURCES_TOLD: Final = rule(
    "presence:others-told",
    "4.2.2",
    "A resource that becomes available is sent the presence of the user's other resources.",
    "4.2.2-03 4.2.2-04",
)
SUBSEQUENT_PRESENCE: Final = rule(
    "presence:update",
    "4.4.2",
    "An update is sent in full to all subscribers, whether or not their servers have sent errors.",
    _BROADCAST,
    _TYPES,
    "4.4.2-01 4.4.2-02 4.6.1-03 4.6.1-02",
)
SUBSEQUENT_PRESENCE_TO_OWN: Final = rule(
    "presence:update-own",
    "4.4.2",
    "An update is sent to all available resources of the user, the sender included.",
    _TYPES,
    "4.2.2-03 4.4.2-04 4.7.2.3-06 4.7.2.3-07 4.7.2.3-08 4.7.2.3-09",
)
UNAVAILABLE_BROADCAST: Final = rule(
    "presence:unavailable",
    "4.5.2",
    "The end of a presence session, for whatever reason, is told to all subscribers.",
    _UNAVAILABLE_TYPE,
    "4.1-03 4.1-05 4.1-06 4.5.2-01 4.5.2-02 4.5.2-03 4.5.2-04 4.5.2-05 4.5.2-07 3-01 11-06 11-08 8.2-03 4.6.1-02",
)
UNAVAILABLE_TO_OWN: Final = rule(
    "presence:unavailable-own",
    "4.5.2",
    "The end of a presence session is told to the user's available resources and to the one that ends it.",
    _UNAVAILABLE_TYPE,
    "4.1-05 4.1-06 4.2.2-03 4.5.2-06 4.5.2-07",
)
UNAVAILABLE_TO_DIRECTED: Final = rule(
    "presence:unavailable-directed",
    "4.6.3",
    "A resource that becomes unavailable owes it to everybody whom it sent directed presence.",
    "4.6.1-05 4.6.3-01 4.6.3-08 11-08",
)
NEVER_AVAILABLE: Final = rule(
    "presence:never-available",
    "4.1",
    "A resource that was never available owes nobody unavailable presence.",
    "4.1-05 4.6.3-08 11-06",
)
INVALID_PRESENCE: Final = rule(
    "presence:invalid",
    "4.7.2",
    "Presence whose show, priority or status breaks the syntax is a bad request when it comes from a client.",
    "4.7.2-01 4.7.2.1-02 4.7.2.1-04 4.7.2.1-06 4.7.2.2-03 4.7.2.2-04 4.7.2.3-02 4.7.2.3-03 4.7.2.3-05",
)
PRESENCE_TOO_LARGE: Final = rule(
    "presence:too-large",
    "RFC 6120 §13.12",
    "Presence larger than the limit is a policy violation.",
    "8.1-03",
)
PRESENCES_TOO_LARGE: Final = rule(
    "presence:all-too-large",
    "RFC 6120 §13.12",
    "Presence is a policy violation if the presence of all resources would take more memory than the limit.",
    "8.1-03",
)

# --- inbound (§4.2.3, §4.4.3, §4.5.3, §8.5) ---------------------------------------------------------------

_TO_BARE: Final = "8.5-01 8.5.2-01 8.5.2.1-01 8.5.2.1.2-01 8.5.2.1.2-04 4.6.4-01 11-03"

AVAILABLE_DELIVERED: Final = rule(
    "presence:delivered",
    "8.5.2.1.2",
    "Available presence to the bare JID is delivered to all available resources, its 'to' as it stands.",
    _TO_BARE,
    _TYPES,
    "4.2.3-01 4.4.3-01 3.1.6-05",
)
UNAVAILABLE_DELIVERED: Final = rule(
    "presence:unavailable-delivered",
    "8.5.2.1.2",
    "Unavailable presence to the bare JID is delivered to all available resources, its 'to' as it stands.",
    _TO_BARE,
    _UNAVAILABLE_TYPE,
    "4.5.3-01 4.6.1-07 3.2.3-05 4.5.3-02",
)
PRESENCE_TO_NOBODY: Final = rule(
    "presence:nobody-available",
    "8.5.2.2.2",
    "Presence for a user without available resource is neither stored nor answered.",
    "8.5-01 8.5.2-01 8.5.2.2-01 8.5.2.2.2-01 4.5.3-02 4.6.1-07 2.2-03",
)
PRESENCE_TO_RESOURCE: Final = rule(
    "presence:to-resource",
    "8.5.3.1",
    "Presence to a full JID is delivered to the resource that matches.",
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-06 4.6.4-01 4.6.1-07",
)
PRESENCE_UNMATCHED: Final = rule(
    "presence:unmatched",
    "8.5.3.2.2",
    "Presence to a full JID that matches no resource is ignored.",
    "8.5-01 8.5.3-01 8.5.3.2-01 8.5.3.2.2-01 4.6.1-07 11-06",
)
PRESENCE_TO_NO_ACCOUNT: Final = rule(
    "presence:no-account",
    "8.5.1",
    "Presence to an account that does not exist is ignored.",
    "8.5-01 8.5.1-03 8.5.1-04 11-06",
)
UNKNOWN_TYPE: Final = rule(
    "presence:unknown-type",
    "4.7.1",
    "Presence of a type that is none of the seven is a bad request.",
    "4.7.1-12 4.7.1-13 4.7.1-14",
)
ERROR_DELIVERED: Final = rule(
    "presence:error-delivered",
    "8.5",
    "A presence error is delivered to the resource it names, or to all available ones, and never answered.",
    "4.4.2-02 4.5.2-03 3.1.2-07 3.3.2-04 8.5-01 8.5.2-01 8.5.3-01",
    "RFC 6120 §8.3.1",
)
ERROR_ROUTED: Final = rule(
    "presence:error-routed", "8.3", "A client's presence error is routed.", "8.3-01 8.3-02", "RFC 6120 §10.4"
)
ERROR_WITHOUT_TO: Final = rule(
    "presence:error-without-to",
    "RFC 6120 §8.3.1",
    "A presence error that names no recipient is ignored.",
    "8.2-01",
)

# --- probes (§4.3, §4.6.6) --------------------------------------------------------------------------------

_PROBED: Final = "4.3.2-01 8.5-01 8.5.2.1.2-03 8.5.2.2.2-03 8.5.3.1-08 8.5.3.2.2-04 12-08 4.6.6-03 4.6.4-01 11-03"

PROBE: Final = rule(
    "probe:sent",
    "4.3.1",
    "At initial presence all contacts to whom the user is subscribed are probed, bare to bare, and at no other time.",
    "4.2.2-04 4.3-01 4.3-02 4.3-03 4.3.1-01 4.3.1-02 4.3.1-03 4.3.1-04 4.3.1-05 4.3.1-06 4.5.2-09 4.7.1-04 4.7.1-07",
    "12-08",
)
CLIENT_PROBE_ROUTED: Final = rule(
    "probe:client", "4.3", "A client's own probe is routed, and no error answers it.", "4.3-06 4.3-07 4.3-04"
)
CLIENT_PROBE_WITHOUT_TO: Final = rule(
    "probe:client-without-to",
    "4.3",
    "A client's own probe without a recipient is ignored, and no error answers it.",
    "4.3-07",
)
PROBE_UNAUTHORISED: Final = rule(
    "probe:unauthorised",
    "4.3.2",
    "Whoever is not authorised is answered unsubscribed from the bare JID, online and offline alike.",
    _PROBED,
    "4.3.2-02 4.3.2-03 4.3.2-04 4.3.2-05 4.3.2-18 4.3.2.1-03 4.6.6-04 11-05 11-06 3-01 4.3.2-06",
)
PROBE_OF_NOBODY: Final = rule(
    "probe:no-account",
    "4.3.2",
    "A probe of an account that does not exist is answered unsubscribed, as one by a stranger is.",
    "4.3.2-02 4.3.2-05 4.3.2.1-03 8.5.1-05 8.5-01",
)
PROBE_MOVED: Final = rule(
    "probe:moved",
    "4.3.2",
    "An authorised prober of a user who has moved is told where to, by redirect or gone.",
    _PROBED,
    "4.3.2-07 4.3.2-18 4.3.2.1-04",
)
PROBE_ABSENT: Final = rule(
    "probe:absent",
    "4.3.2",
    "An authorised prober of a user without available resource is told so from the bare JID, and since when.",
    _PROBED,
    "4.3.2-08 4.3.2-09 4.3.2-11 4.3.2-12 4.3.2.1-02",
)
PROBE_ABSENT_IN_FULL: Final = rule(
    "probe:absent-in-full",
    "4.3.2",
    "An authorised prober of a user without available resource is sent the last unavailable presence, stamped.",
    _PROBED,
    "4.3.2-08 4.3.2-09 4.3.2-10 4.3.2-12",
)
PROBE_AVAILABLE: Final = rule(
    "probe:available",
    "4.3.2",
    "An authorised prober is sent the last broadcast presence of each available resource, in full.",
    _PROBED,
    "4.3.2-13 4.3.2-14 4.3.2-15 4.3.2-16 4.3.2.1-01",
)
PROBE_OF_RESOURCE: Final = rule(
    "probe:resource",
    "4.3.2",
    "An authorised probe of an available resource is answered that it is available, and nothing more.",
    _PROBED,
    "4.3.2-17 4.3.2-19 4.3.2-20 4.3.2.1-01",
)
PROBE_OF_ABSENT_RESOURCE: Final = rule(
    "probe:absent-resource",
    "4.3.2",
    "An authorised probe of a resource that is not available is answered unavailable from the full JID.",
    _PROBED,
    "4.3.2-17 4.3.2.1-02",
)
PROBE_OF_DIRECTED: Final = rule(
    "probe:directed",
    "4.6.6",
    "A prober who got directed presence is told of that resource's mere availability.",
    _PROBED,
    "4.6.6-04 4.6.6-05 4.6.6-06 4.3-04 4.3.2-17 4.6.6-01 4.6.6-02",
)

# --- directed presence (§4.6) -----------------------------------------------------------------------------

_DIRECTED: Final = "4.6.3-01 11-08 8.3-01 8.3-02"

DIRECTED_TO_SUBSCRIBER: Final = rule(
    "directed:subscriber",
    "4.6.3",
    "Directed presence to a subscriber is routed in full, and changes nothing of the broadcasts.",
    _DIRECTED,
    "4.6.3-02 4.6.3-03 4.6.3-04",
)
DIRECTED_TO_OTHER: Final = rule(
    "directed:other",
    "4.6.3",
    "Directed presence to anybody else is routed in full, and the entity noted as owed an unavailable.",
    _DIRECTED,
    "4.6.3-05 4.6.3-06 4.6.3-07 4.6.1-05",
)
DIRECTED_BEFORE_INITIAL: Final = rule(
    "directed:before-initial",
    "4.6.3",
    "Directed presence from a resource that is not available counts as to a non-subscriber.",
    _DIRECTED,
    "4.6.3-09 4.6.3-05",
)
DIRECTED_UNAVAILABLE: Final = rule(
    "directed:unavailable",
    "4.6.3",
    "Directed unavailable presence is routed in full, and strikes the entity from the list.",
    _DIRECTED,
    "4.6.1-06 4.6.3-02 4.6.3-03 4.6.3-05",
)
DIRECTED_TOO_LARGE: Final = rule(
    "directed:too-large",
    "RFC 6120 §13.12",
    "Directed presence is a policy violation if the recipients of the account would take more memory than the limit.",
    "8.1-03",
)
DIRECTED_LIST_FULL: Final = rule(
    "directed:list-full",
    "8.1",
    "One recipient of directed presence more than the limit is a policy violation.",
    "8.1-03",
)
