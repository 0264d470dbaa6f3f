"""What a server tells a client that it can do, beside what RFC 6120 wants there (RFC 6121 §2.6.1, §3.4)."""

from __future__ import annotations

from xmpp_im_core.element import Element, element
from xmpp_im_core.policy import Policy, PreApproval, RosterAccess


def stream_features(policy: Policy) -> tuple[Element, ...]:
    """Return the stream features of this policy, for the ``<stream:features/>`` of a client that has logged in.

    A client uses roster versions (§2.6.1) and pre-approval (§3.4) only where they are offered.
    """
    offered: list[Element] = []
    rosters = policy.roster_access in (RosterAccess.OPEN, RosterAccess.READ_ONLY)
    if rosters and policy.roster_versioning:
        offered.append(element("ver", "urn:xmpp:features:rosterver"))
    if policy.pre_approval is not PreApproval.UNSUPPORTED:
        offered.append(element("sub", "urn:xmpp:features:pre-approval"))
    return tuple(offered)
