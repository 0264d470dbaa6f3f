"""The features that scenarios ask for: the policy that switches them on, and what the host answers itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from xmpp_im_conformance.format.worlds import NotApplicable
from xmpp_im_core.element import Element, element
from xmpp_im_core.extensions import carbons, last_activity
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import (
    DEFAULT,
    Audience,
    BlockedMessages,
    ForeignRosterSet,
    FullJIDItem,
    MessagesToSeveral,
    OwnItem,
    Policy,
    PreApproval,
    RosterAccess,
    UnknownContact,
    UnmatchedFullJID,
)
from xmpp_im_core.server.accounts.machine import PLAIN, Machine
from xmpp_im_core.server.service.features import features
from xmpp_im_core.stanza import IQ

PING: Final = "urn:xmpp:ping"
DISCO_INFO: Final = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS: Final = "http://jabber.org/protocol/disco#items"

# What each feature sets in the policy: fields of several types, which the type of a mapping cannot say.
_SETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "rosterver": {"roster_versioning": True},
    "preapproval": {"pre_approval": PreApproval.ONCE},
    "offline": {"offline_messages": True},
    "no-offline": {"offline_messages": False},
    "blocking": {"blocking": True},
    "no-blocking": {"blocking": False},
    "roster-read-only": {"roster_access": RosterAccess.READ_ONLY},
    "roster-missing": {"roster_access": RosterAccess.MISSING},
    "roster-unsupported": {"roster_access": RosterAccess.UNSUPPORTED},
    "last-unavailable": {"last_unavailable_in_full": True},
    "presence-only": {"messaging": False},
    "notices": {"notices": 100},
    "small-roster": {"roster_items": 2},
    "small-block-list": {"block_list": 2},
    "small-directed-list": {"directed_entries": 2},
    "few-requests": {"pending_requests": 2},
    "few-requests-of-domain": {"pending_requests_per_domain": 1},
    "few-stored-messages": {"offline_message_count": 2},
    "small-stored-messages": {"offline_message_size": 4_000},
    "little-stored": {"offline_bytes": 16_000},
    "few-sessions": {"sessions": 2},
    "small-sessions": {"session_bytes": 17_000},
    "few-held": {"held_events": 2},
    "few-remembered": {"remembered_events": 2},
    "stanzas-remembered": {"store_remembered_events": True},
    "little-held": {"held_bytes": 12_000},
    "no-resumption": {},
    "acknowledged-requests": {"acknowledge_requests": True},
    "preapproval-kept": {"pre_approval": PreApproval.KEPT},
    "preapproval-once": {"pre_approval": PreApproval.ONCE},
    "no-preapproval": {"pre_approval": PreApproval.UNSUPPORTED},
    "few-notices": {"notices": 1},
    "little-notices": {"notices": 100, "notice_bytes": 15_000},
    "small-requests": {"request_size": 4_000},
    "little-requests": {"pending_request_bytes": 16_000},
    "little-roster": {"roster_bytes": 3_000},
    "little-block-list": {"block_list_bytes": 2_200},
    "little-directed-list": {"directed_bytes": 2_200},
    "small-presence": {"presence_size": 4_000},
    "requests-not-resent": {"resend_requests_after": None},
    "removals-forgotten": {"tombstones": 0},
    "no-versions": {"roster_versioning": False},
    "short-names": {"name_length": 10, "group_length": 10, "groups_per_item": 2},
    "own-item": {"own_item": OwnItem.ACCEPT},
    "no-full-jid-items": {"full_jid_item": FullJIDItem.REFUSE},
    "unknown-contact-error": {"unknown_contact": UnknownContact.ERROR},
    "foreign-rosters-hidden": {"foreign_roster_set": ForeignRosterSet.HIDDEN},
    "blocked-messages-refused": {"blocked_messages": BlockedMessages.ERROR},
    "chat-to-all": {"chat_to_several": MessagesToSeveral.ALL, "normal_to_several": MessagesToSeveral.MOST_AVAILABLE},
    "lenient-full-jid": {"unmatched_full_jid": UnmatchedFullJID.LENIENT},
    "priority-override": {"lowest_priority": 0, "highest_priority": 0},
    "priority-bounds": {"lowest_priority": -1, "highest_priority": 10},
    "ping": {},
    "ping-everywhere": {},
    "ping-of-user": {},
    "disco": {},
    "carbons": {},
    "last-activity": {},
}

FEATURES: Final = frozenset(_SETS)
"""The features that can be switched on."""

_SERVED: Final[Mapping[str, Mapping[str, Audience]]] = {
    "ping": {PING: Audience.ANYONE},
    "ping-everywhere": {PING: Audience.EVERYWHERE},
    "ping-of-user": {PING: Audience.OWNER},
    "disco": {DISCO_INFO: Audience.SUBSCRIBER, DISCO_ITEMS: Audience.SUBSCRIBER},
}


def policy_for(features: frozenset[str], otherwise: Policy = DEFAULT) -> Policy:
    """Return the policy that has these features switched on.

    :param otherwise: what holds besides.

    :raises NotApplicable: for a feature that is not there, and for two that exclude one another.
    """
    served = {namespace: audience for feature in features for namespace, audience in _SERVED.get(feature, {}).items()}
    return evolve(otherwise, **settings(features, _SETS), served=FrozenMap(served))


def settings(features: frozenset[str], sets: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the fields of a policy that these features set.

    :param sets: what each feature that there is sets.
    :raises NotApplicable: for a feature that is not there, and for two that exclude one another.
    """
    changes: dict[str, Any] = {}
    for feature in sorted(features):
        if feature not in sets:
            raise NotApplicable(f"the feature {feature!r} is not supported")
        for name, value in sets[feature].items():
            if changes.setdefault(name, value) != value:
                raise NotApplicable(f"the features {', '.join(sorted(features))} exclude one another")
    return changes


def machine_for(features: frozenset[str]) -> Machine[Any]:
    """Return what accounts run: RFC 6121, and the extensions that these features need."""
    machine: Machine[Any] = PLAIN
    if "last-activity" in features:
        machine = last_activity(machine)
    if "carbons" in features:
        machine = carbons(machine)
    return machine


def answer(iq: IQ, policy: Policy, machine: Machine[Any]) -> tuple[Element, ...] | None:
    """Return the payload of the result with which a service of the host answers a request; None: it does not."""
    asked = iq.request
    if asked is None or asked.namespace not in policy.served:
        return None
    if asked.namespace == PING:
        return ()
    of_account = iq.to_jid is None or iq.to_jid.local is not None
    if asked.namespace == DISCO_ITEMS:
        return (element("query", DISCO_ITEMS),)
    identity = {"category": "account", "type": "registered"} if of_account else {"category": "server", "type": "im"}
    return (
        element(
            "query",
            DISCO_INFO,
            {},
            [
                element("identity", DISCO_INFO, identity),
                *[element("feature", DISCO_INFO, {"var": var}) for var in features(policy, machine)],
            ],
        ),
    )
