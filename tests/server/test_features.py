"""The stream features of RFC 6121 (§2.6.1, §3.4) and those of XEP-0030: offered where what they promise is there."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import rfc6121
from xmpp_im_core.client import Features, read_features
from xmpp_im_core.element import element
from xmpp_im_core.extensions import carbons, last_activity
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Audience, Policy, PreApproval, RosterAccess
from xmpp_im_core.server import PLAIN, features, stream_features

VER = element("ver", "urn:xmpp:features:rosterver")
SUB = element("sub", "urn:xmpp:features:pre-approval")


@rfc6121("2.6.1", quote="If a server supports roster versioning, then it MUST advertise the following stream feature")
@rfc6121("3.4", quote="then it MUST advertise the following stream feature during stream negotiation")
def test_both_are_offered_by_default() -> None:
    assert stream_features(Policy()) == (VER, SUB)


@in_one_test("access", list(RosterAccess))
@in_one_test("versioning", [True, False])
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


@in_one_test("versioning", [True, False])
@in_one_test("pre_approval", [PreApproval.ONCE, PreApproval.UNSUPPORTED])
def test_a_client_reads_what_a_server_offers(versioning: bool, pre_approval: PreApproval) -> None:
    offered = stream_features(Policy(roster_versioning=versioning, pre_approval=pre_approval))

    assert read_features(offered) == Features(versioning, pre_approval is PreApproval.ONCE)


# --- service discovery --------------------------------------------------------------------------------------


def test_what_is_there_by_default_is_said() -> None:
    assert features(Policy(), PLAIN) == ("jabber:iq:roster", "msgoffline", "urn:xmpp:blocking")


@in_one_test("access", list(RosterAccess))
def test_rosters_are_said_to_be_there_where_they_are(access: RosterAccess) -> None:
    found = features(Policy(roster_access=access), PLAIN)

    assert ("jabber:iq:roster" in found) is (access in (RosterAccess.OPEN, RosterAccess.READ_ONLY))


@pytest.mark.parametrize("blocking", [True, False])
def test_the_block_list_is_said_to_be_there_where_it_is(blocking: bool) -> None:
    """XEP-0191 §3.1: "it MUST return a feature of "urn:xmpp:blocking""."""
    assert ("urn:xmpp:blocking" in features(Policy(blocking=blocking), PLAIN)) is blocking


@in_one_test("messaging", [True, False])
@in_one_test("offline", [True, False])
def test_messages_are_said_to_be_stored_where_they_are(messaging: bool, offline: bool) -> None:
    """XEP-0160 §4: "it SHOULD return a "msgoffline" feature"."""
    found = features(Policy(messaging=messaging, offline_messages=offline), PLAIN)

    assert ("msgoffline" in found) is (messaging and offline)


def test_what_the_program_serves_is_said() -> None:
    served = FrozenMap({"urn:xmpp:ping": Audience.ANYONE, "vcard-temp": Audience.OWNER})

    assert {"urn:xmpp:ping", "vcard-temp"} <= set(features(Policy(served=served), PLAIN))


def test_extensions_list_what_they_add_in_every_order() -> None:
    """XEP-0280 §3, XEP-0012 §6: each has to be in the answer to disco#info."""
    plain = set(features(Policy(), PLAIN))

    for machine in (carbons(last_activity(PLAIN)), last_activity(carbons(PLAIN))):
        found = features(Policy(), machine)
        assert set(found) - plain == {"urn:xmpp:carbons:2", "jabber:iq:last"}
        assert list(found) == sorted(set(found))


def test_an_extension_that_is_listed_twice_counts_once() -> None:
    assert features(Policy(), last_activity(last_activity(PLAIN))).count("jabber:iq:last") == 1
