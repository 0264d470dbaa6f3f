"""The stream features of RFC 6121 (§2.6.1, §3.4): offered where the policy has what they promise."""

from __future__ import annotations

import pytest

from tests.rfc6121.conversation import rfc6121
from xmpp_im_core.client import Features, read_features
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy, PreApproval, RosterAccess
from xmpp_im_core.server import stream_features

VER = element("ver", "urn:xmpp:features:rosterver")
SUB = element("sub", "urn:xmpp:features:pre-approval")


@rfc6121("2.6.1", quote="If a server supports roster versioning, then it MUST advertise the following stream feature")
@rfc6121("3.4", quote="then it MUST advertise the following stream feature during stream negotiation")
def test_both_are_offered_by_default() -> None:
    assert stream_features(Policy()) == (VER, SUB)


@pytest.mark.parametrize("access", list(RosterAccess))
@pytest.mark.parametrize("versioning", [True, False])
def test_versions_are_offered_where_there_are_rosters_that_have_them(access: RosterAccess, versioning: bool) -> None:
    offered = stream_features(Policy(roster_access=access, roster_versioning=versioning))

    there = access in (RosterAccess.OPEN, RosterAccess.READ_ONLY)
    assert (VER in offered) is (versioning and there)
    assert SUB in offered


@pytest.mark.parametrize("pre_approval", list(PreApproval))
def test_pre_approval_is_offered_where_it_is_supported(pre_approval: PreApproval) -> None:
    offered = stream_features(Policy(pre_approval=pre_approval))

    assert (SUB in offered) is (pre_approval is not PreApproval.UNSUPPORTED)
    assert VER in offered


@pytest.mark.parametrize("versioning", [True, False])
@pytest.mark.parametrize("pre_approval", [PreApproval.ONCE, PreApproval.UNSUPPORTED])
def test_a_client_reads_what_a_server_offers(versioning: bool, pre_approval: PreApproval) -> None:
    offered = stream_features(Policy(roster_versioning=versioning, pre_approval=pre_approval))

    assert read_features(offered) == Features(versioning, pre_approval is PreApproval.ONCE)
