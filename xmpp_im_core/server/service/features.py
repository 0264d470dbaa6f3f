"""The features that a server announces: stream features (RFC 6121 §2.6.1, §3.4), service discovery (XEP-0030)."""

from __future__ import annotations

from typing import Any, Final

from xmpp_im_core.element import Element
from xmpp_im_core.policy import Policy, PreApproval, RosterAccess
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server.accounts.machine import Machine
from xmpp_im_core.server.blocking import BLOCKING
from xmpp_im_core.stream_features import PRE_APPROVAL_FEATURE, ROSTER_VERSIONING_FEATURE

_OFFLINE: Final = "msgoffline"


def stream_features(policy: Policy) -> tuple[Element, ...]:
    """Return the stream features of this policy, for the ``<stream:features/>`` of a client that has logged in.

    A client uses roster versions (§2.6.1) and pre-approval (§3.4) only if they are offered.
    """
    offered: list[Element] = []
    if _has_rosters(policy) and policy.roster_versioning:
        offered.append(ROSTER_VERSIONING_FEATURE)
    if policy.pre_approval is not PreApproval.UNSUPPORTED:
        offered.append(PRE_APPROVAL_FEATURE)
    return tuple(offered)


def features(policy: Policy, machine: Machine[Any]) -> tuple[str, ...]:
    """Return the features of this policy and of the machine's extensions, sorted: for the answer of disco#info.

    The server and each account have the same features: the namespaces in ``policy.served``, rosters, the block list
    (XEP-0191 §3.1), stored messages (XEP-0160 §4), and the namespaces of the extensions.
    """
    found = {*policy.served, *machine.features}
    if _has_rosters(policy):
        found.add(ROSTER)
    if policy.blocking:
        found.add(BLOCKING)
    if policy.messaging and policy.offline_messages:
        found.add(_OFFLINE)
    return tuple(sorted(found))


def _has_rosters(policy: Policy) -> bool:
    return policy.roster_access in (RosterAccess.OPEN, RosterAccess.READ_ONLY)
