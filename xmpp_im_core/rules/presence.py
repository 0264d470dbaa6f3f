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
    "The server sends initial presence to all subscribers, from the full JID.",
    _BROADCAST,
    _TYPES,
    "2.2-03 4.1-05 4.1-06 4.2.2-01 4.5.2-08 4.5.2-09 4.6.1-03",
)
INITIAL_PRESENCE_TO_OWN: Final = rule(
    "presence:initial-own",
    "4.2.2",
    "The server sends initial presence to all available resources of the user, the sender included.",
    _TYPES,
    "2.2-03 4.1-05 4.1-06 4.2.2-02 4.2.2-03 4.5.2-09 4.7.2.3-06 4.7.2.3-07 4.7.2.3-08 4.7.2.3-09",
)
OTHER_RESOURCES_TOLD: Final = rule(
    "presence:others-told",
    "4.2.2",
    "The server sends the presence of the user's other resources to a resource that becomes available.",
    "4.2.2-03 4.2.2-04",
)
SUBSEQUENT_PRESENCE: Final = rule(
    "presence:update",
    "4.4.2",
    "The server sends an update in full to all subscribers, even if their servers have returned errors.",
    _BROADCAST,
    _TYPES,
    "4.4.2-01 4.4.2-02 4.6.1-03 4.6.1-02",
)
SUBSEQUENT_PRESENCE_TO_OWN: Final = rule(
    "presence:update-own",
    "4.4.2",
    "The server sends an update to all available resources of the user, the sender included.",
    _TYPES,
    "4.2.2-03 4.4.2-04 4.7.2.3-06 4.7.2.3-07 4.7.2.3-08 4.7.2.3-09",
)
UNAVAILABLE_BROADCAST: Final = rule(
    "presence:unavailable",
    "4.5.2",
    "When a presence session ends, for any reason, the server sends unavailable presence to all subscribers.",
    _UNAVAILABLE_TYPE,
    "4.1-03 4.1-05 4.1-06 4.5.2-01 4.5.2-02 4.5.2-03 4.5.2-04 4.5.2-05 4.5.2-07 3-01 11-06 11-08 8.2-03 4.6.1-02",
)
UNAVAILABLE_TO_OWN: Final = rule(
    "presence:unavailable-own",
    "4.5.2",
    "When a presence session ends, the server tells the available resources and the one that ends it.",
    _UNAVAILABLE_TYPE,
    "4.1-05 4.1-06 4.2.2-03 4.5.2-06 4.5.2-07",
)
UNAVAILABLE_TO_DIRECTED: Final = rule(
    "presence:unavailable-directed",
    "4.6.3",
    "When a resource becomes unavailable, the server tells all entities that got its directed presence.",
    "4.6.1-05 4.6.3-01 4.6.3-08 11-08",
)
NEVER_AVAILABLE: Final = rule(
    "presence:never-available",
    "4.1",
    "The server sends no unavailable presence for a resource that was never available.",
    "4.1-05 4.6.3-08 11-06",
)
INVALID_PRESENCE: Final = rule(
    "presence:invalid",
    "4.7.2",
    "The server answers bad-request to a client's presence with a malformed show, priority or status.",
    "4.7.2-01 4.7.2.1-02 4.7.2.1-04 4.7.2.1-06 4.7.2.2-03 4.7.2.2-04 4.7.2.3-02 4.7.2.3-03 4.7.2.3-05",
)
PRESENCE_TOO_LARGE: Final = rule(
    "presence:too-large",
    "RFC 6120 §13.12",
    "The server answers policy-violation to presence larger than the limit.",
    "8.1-03",
)
PRESENCES_TOO_LARGE: Final = rule(
    "presence:all-too-large",
    "RFC 6120 §13.12",
    "The server answers policy-violation if the presence of all resources would take more memory than the limit.",
    "8.1-03",
)

# --- inbound (§4.2.3, §4.4.3, §4.5.3, §8.5) ---------------------------------------------------------------

_TO_BARE: Final = "8.5-01 8.5.2-01 8.5.2.1-01 8.5.2.1.2-01 8.5.2.1.2-04 4.6.4-01 11-03"

AVAILABLE_DELIVERED: Final = rule(
    "presence:delivered",
    "8.5.2.1.2",
    "The server delivers available presence to the bare JID to all available resources, 'to' unchanged.",
    _TO_BARE,
    _TYPES,
    "4.2.3-01 4.4.3-01 3.1.6-05",
)
UNAVAILABLE_DELIVERED: Final = rule(
    "presence:unavailable-delivered",
    "8.5.2.1.2",
    "The server delivers unavailable presence to the bare JID to all available resources, 'to' unchanged.",
    _TO_BARE,
    _UNAVAILABLE_TYPE,
    "4.5.3-01 4.6.1-07 3.2.3-05 4.5.3-02",
)
PRESENCE_TO_NOBODY: Final = rule(
    "presence:nobody-available",
    "8.5.2.2.2",
    "The server neither stores nor answers presence for a user without an available resource.",
    "8.5-01 8.5.2-01 8.5.2.2-01 8.5.2.2.2-01 4.5.3-02 4.6.1-07 2.2-03",
)
PRESENCE_TO_RESOURCE: Final = rule(
    "presence:to-resource",
    "8.5.3.1",
    "The server delivers presence to a full JID to that resource.",
    "8.5-01 8.5.3-01 8.5.3.1-01 8.5.3.1-06 4.6.4-01 4.6.1-07",
)
PRESENCE_UNMATCHED: Final = rule(
    "presence:unmatched",
    "8.5.3.2.2",
    "The server ignores presence to a full JID without a resource.",
    "8.5-01 8.5.3-01 8.5.3.2-01 8.5.3.2.2-01 4.6.1-07 11-06",
)
PRESENCE_TO_NO_ACCOUNT: Final = rule(
    "presence:no-account",
    "8.5.1",
    "The server ignores presence to an account that does not exist.",
    "8.5-01 8.5.1-03 8.5.1-04 11-06",
)
UNKNOWN_TYPE: Final = rule(
    "presence:unknown-type",
    "4.7.1",
    "The server answers bad-request to presence of an unknown type.",
    "4.7.1-12 4.7.1-13 4.7.1-14",
)
ERROR_DELIVERED: Final = rule(
    "presence:error-delivered",
    "8.5",
    "The server delivers a presence error to the resource in 'to', or to all available ones, and never answers.",
    "4.4.2-02 4.5.2-03 3.1.2-07 3.3.2-04 8.5-01 8.5.2-01 8.5.3-01",
    "RFC 6120 §8.3.1",
)
ERROR_ROUTED: Final = rule(
    "presence:error-routed", "8.3", "The server routes a client's presence error.", "8.3-01 8.3-02", "RFC 6120 §10.4"
)
ERROR_WITHOUT_TO: Final = rule(
    "presence:error-without-to",
    "RFC 6120 §8.3.1",
    "The server ignores a presence error without 'to'.",
    "8.2-01",
)

# --- probes (§4.3, §4.6.6) --------------------------------------------------------------------------------

_PROBED: Final = "4.3.2-01 8.5-01 8.5.2.1.2-03 8.5.2.2.2-03 8.5.3.1-08 8.5.3.2.2-04 12-08 4.6.6-03 4.6.4-01 11-03"

PROBE: Final = rule(
    "probe:sent",
    "4.3.1",
    "The server probes all contacts to whom the user is subscribed, bare to bare, only at initial presence.",
    "4.2.2-04 4.3-01 4.3-02 4.3-03 4.3.1-01 4.3.1-02 4.3.1-03 4.3.1-04 4.3.1-05 4.3.1-06 4.5.2-09 4.7.1-04 4.7.1-07",
    "12-08",
)
CLIENT_PROBE_ROUTED: Final = rule(
    "probe:client",
    "4.3",
    "The server routes a client's probe, and does not answer it with an error.",
    "4.3-06 4.3-07 4.3-04",
)
CLIENT_PROBE_WITHOUT_TO: Final = rule(
    "probe:client-without-to",
    "4.3",
    "The server ignores a client's probe without 'to', and does not answer it with an error.",
    "4.3-07",
)
PROBE_UNAUTHORISED: Final = rule(
    "probe:unauthorised",
    "4.3.2",
    "The server answers unsubscribed from the bare JID to an unauthorised probe, whether the user is online or not.",
    _PROBED,
    "4.3.2-02 4.3.2-03 4.3.2-04 4.3.2-05 4.3.2-18 4.3.2.1-03 4.6.6-04 11-05 11-06 3-01 4.3.2-06",
)
PROBE_OF_NOBODY: Final = rule(
    "probe:no-account",
    "4.3.2",
    "The server answers unsubscribed to a probe of an unknown account, as it does to a stranger's probe.",
    "4.3.2-02 4.3.2-05 4.3.2.1-03 8.5.1-05 8.5-01",
)
PROBE_MOVED: Final = rule(
    "probe:moved",
    "4.3.2",
    "If the user has moved, the server answers an authorised probe with redirect or gone.",
    _PROBED,
    "4.3.2-07 4.3.2-18 4.3.2.1-04",
)
PROBE_ABSENT: Final = rule(
    "probe:absent",
    "4.3.2",
    "The server answers an authorised probe of an absent user from the bare JID, and says since when.",
    _PROBED,
    "4.3.2-08 4.3.2-09 4.3.2-11 4.3.2-12 4.3.2.1-02",
)
PROBE_ABSENT_IN_FULL: Final = rule(
    "probe:absent-in-full",
    "4.3.2",
    "The server answers an authorised probe of an absent user with the last unavailable presence, stamped.",
    _PROBED,
    "4.3.2-08 4.3.2-09 4.3.2-10 4.3.2-12",
)
PROBE_AVAILABLE: Final = rule(
    "probe:available",
    "4.3.2",
    "The server answers an authorised probe with the last broadcast presence of each available resource.",
    _PROBED,
    "4.3.2-13 4.3.2-14 4.3.2-15 4.3.2-16 4.3.2.1-01",
)
PROBE_OF_RESOURCE: Final = rule(
    "probe:resource",
    "4.3.2",
    "The server answers an authorised probe of an available resource only that it is available.",
    _PROBED,
    "4.3.2-17 4.3.2-19 4.3.2-20 4.3.2.1-01",
)
PROBE_OF_ABSENT_RESOURCE: Final = rule(
    "probe:absent-resource",
    "4.3.2",
    "The server answers an authorised probe of an absent resource with unavailable, from the full JID.",
    _PROBED,
    "4.3.2-17 4.3.2.1-02",
)
PROBE_OF_DIRECTED: Final = rule(
    "probe:directed",
    "4.6.6",
    "The server tells a prober who got a resource's directed presence only that the resource is available.",
    _PROBED,
    "4.6.6-04 4.6.6-05 4.6.6-06 4.3-04 4.3.2-17 4.6.6-01 4.6.6-02",
)

# --- directed presence (§4.6) -----------------------------------------------------------------------------

_DIRECTED: Final = "4.6.3-01 11-08 8.3-01 8.3-02"

DIRECTED_TO_SUBSCRIBER: Final = rule(
    "directed:subscriber",
    "4.6.3",
    "The server routes directed presence to a subscriber in full, and does not change the broadcasts.",
    _DIRECTED,
    "4.6.3-02 4.6.3-03 4.6.3-04",
)
DIRECTED_TO_OTHER: Final = rule(
    "directed:other",
    "4.6.3",
    "The server routes directed presence to any other entity in full, and notes that it owes it an unavailable.",
    _DIRECTED,
    "4.6.3-05 4.6.3-06 4.6.3-07 4.6.1-05",
)
DIRECTED_BEFORE_INITIAL: Final = rule(
    "directed:before-initial",
    "4.6.3",
    "Before initial presence, the server treats directed presence as if to a non-subscriber.",
    _DIRECTED,
    "4.6.3-09 4.6.3-05",
)
DIRECTED_UNAVAILABLE: Final = rule(
    "directed:unavailable",
    "4.6.3",
    "The server routes directed unavailable presence in full, and removes the entity from the list.",
    _DIRECTED,
    "4.6.1-06 4.6.3-02 4.6.3-03 4.6.3-05",
)
DIRECTED_TOO_LARGE: Final = rule(
    "directed:too-large",
    "RFC 6120 §13.12",
    "The server answers policy-violation if the recipients of directed presence would exceed the memory limit.",
    "8.1-03",
)
DIRECTED_LIST_FULL: Final = rule(
    "directed:list-full",
    "8.1",
    "The server answers policy-violation if a resource directs presence to more entities than the limit.",
    "8.1-03",
)
