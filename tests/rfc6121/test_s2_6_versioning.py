"""Roster versioning (RFC 6121 §2.6)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    MERCUTIO,
    NURSE,
    ROMEO,
    account,
    after,
    bound,
    contact,
    following,
    inbound,
    iq,
    item,
    outbound,
    pushes,
    query,
    rfc6121,
    roster_get,
    roster_set,
    told,
)
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.server import (
    Account,
    AccountCreated,
    AddressedAs,
    Delete,
    Deliver,
    Kind,
    NoAccount,
    Put,
    SessionId,
    TimePassed,
    reduce,
)

FRIENDS = {f"friend{n}@example.org": "None" for n in range(8)}
"""Enough items that their pushes would be more to send than what has changed."""


def changed() -> Account:
    """Romeo's roster after the changes of the RFC's example; his resource "home" was away since version 14."""
    romeo = account(ROMEO, {"tybalt@example.org": "None", **FRIENDS}, connected=("home", "work"), version=14)
    return following(
        romeo,
        roster_set(item("tybalt@example.org", subscription="remove"), by="work"),
        outbound("subscribe", "bill@example.org", by="work"),
        inbound("subscribe", "bill@example.org"),
        outbound("subscribed", "bill@example.org", by="work"),
        inbound("subscribed", "bill@example.org"),
        roster_set(item("nurse@example.org", "Servants", name="Nurse"), by="work"),
        roster_set(item("bill@example.org", name="Bill"), by="work"),
    )


# --- the client's version is the present one ------------------------------------------------------------------


@rfc6121("2.6.3", quote="the server will simply not send any roster pushes to the client")
def test_a_client_with_the_present_version_gets_an_empty_result_and_no_push() -> None:
    romeo = account(ROMEO, {JULIET: "Both"}, connected=("home",), version=14)

    (result,) = reduce(romeo, roster_get("home", ver="v:14", to=ROMEO)).effects

    assert isinstance(result, Deliver)
    assert result.stanza == iq("result", from_=ROMEO, to=f"{ROMEO}/home")


@rfc6121("2.6.3", quote="This empty IQ-result is different from an empty <query/> element")
def test_an_unchanged_empty_roster_is_still_an_empty_result() -> None:
    romeo = account(ROMEO, connected=("home",), version=14)

    assert told(reduce(romeo, roster_get("home", ver="v:14"))) == ["empty result to home"]
    assert told(reduce(romeo, roster_get("home"))) == ["roster [] to home"]


@rfc6121("2.2", quote='it is referred to as an "interested resource"')
def test_a_client_that_gets_an_empty_result_is_interested_as_well() -> None:
    romeo = following(account(ROMEO, connected=("home", "work"), version=14), roster_get("home", ver="v:14"))

    assert pushes(reduce(romeo, roster_set(item(NURSE), by="work"))) == [("nurse@example.com none", "v:15")]


# --- interim pushes ---------------------------------------------------------------------------------------------


@rfc6121("2.6.3", quote="send one roster push to the client for each roster item that has been modified")
@rfc6121("2.6.3", quote="only the final result of all modifications applied to each item")
@rfc6121("2.6.3", quote="Roster pushes MUST occur in order of modification")
def test_each_item_is_pushed_once_in_its_final_state_in_order_of_modification() -> None:
    step = reduce(changed(), roster_get("home", ver="v:14"))

    assert told(step) == [
        "empty result to home",
        "push tybalt@example.org remove to home",
        "push nurse@example.org none 'Nurse' (Servants) to home",
        "push bill@example.org both 'Bill' to home",
    ]
    assert [ver for _, ver in pushes(step)] == ["v:15", "v:19", "v:20"]


@rfc6121("2.6.3", quote="the version contained in a roster push MUST be unique")
def test_the_last_interim_push_has_the_present_version() -> None:
    romeo = changed()

    assert pushes(reduce(romeo, roster_get("home", ver="v:14")))[-1][1] == romeo.roster.ver


@rfc6121("2.6.3", quote="for each roster item that has been modified since the version ID enumerated")
@in_one_test(
    ("ver", "pushed"),
    [
        ("v:15", ["nurse@example.org", "bill@example.org"]),
        ("v:18", ["nurse@example.org", "bill@example.org"]),
        ("v:19", ["bill@example.org"]),
        ("v:20", []),
    ],
)
def test_what_the_client_knows_already_is_not_pushed(ver: str, pushed: list[str]) -> None:
    step = reduce(changed(), roster_get("home", ver=ver))

    assert [said.split()[0] for said, _ in pushes(step)] == pushed


@rfc6121("2.6.3", quote="a roster push that is sent for purposes of roster version synchronization")
def test_interim_pushes_go_to_the_resource_that_asks_and_have_different_ids() -> None:
    romeo = following(changed(), roster_get("work"))

    step = reduce(romeo, roster_get("home", ver="v:14"))

    interim = [each for each in step.effects[1:] if isinstance(each, Deliver)]
    assert {each.sessions for each in interim} == {(SessionId("home", 1),)}
    assert {each.address for each in interim} == {AddressedAs.FULL_JID}
    assert [each.stanza.id for each in interim] == ["seq-push-0", "seq-push-1", "seq-push-2"]


@rfc6121("2.6.3", quote="returning the complete roster would (1) use less bandwidth")
def test_where_more_has_changed_than_the_roster_has_items_the_roster_is_returned() -> None:
    romeo = account(ROMEO, {JULIET: "None", NURSE: "None", MERCUTIO: "None"}, connected=("home",), version=14)
    romeo = following(
        romeo,
        roster_set(item(NURSE, subscription="remove"), by="home"),
        roster_set(item(MERCUTIO, subscription="remove"), by="home"),
    )

    assert told(reduce(romeo, roster_get("home", ver="v:14"))) == ["roster [juliet@example.com none] to home"]
    assert told(reduce(romeo, roster_get("home", ver="v:15"))) == [
        "empty result to home",
        "push mercutio@example.net remove to home",
    ]


# --- versions that the server cannot place ----------------------------------------------------------------------


@rfc6121("2.6.2", quote="it MUST set the 'ver' attribute to the empty string")
@rfc6121("2.6.3", quote="the server cannot associate the version ID with any previous version it has on file")
@in_one_test(
    "ver",
    [
        pytest.param("", id="bootstrap"),
        pytest.param("w:14", id="another lineage"),
        pytest.param("v:21", id="the future"),
        pytest.param("v:99999999999999999999999999", id="the far future"),
        pytest.param("ver14", id="nonsense"),
        pytest.param("v:", id="no number"),
        pytest.param(":14", id="no lineage"),
        pytest.param("14", id="no colon"),
        pytest.param("v:-1", id="negative"),
        pytest.param("v:+20", id="a sign"),
        pytest.param("v:020", id="leading zero"),
        pytest.param("v: 20", id="a space"),
        pytest.param("v:20 ", id="a trailing space"),
        pytest.param("v:٢٠", id="other digits"),
        pytest.param("v:2_0", id="an underscore"),
        pytest.param("V:20", id="capital"),
    ],
)
def test_a_version_that_says_nothing_gets_the_whole_roster(ver: str) -> None:
    romeo = changed()

    step = reduce(romeo, roster_get("home", ver=ver))

    assert len(step.effects) == 1
    assert told(step) == told(reduce(romeo, roster_get("home")))


@rfc6121("2.6.3", quote="including a 'ver' attribute that signals the latest version")
def test_the_whole_roster_has_the_latest_version() -> None:
    (result,) = reduce(changed(), roster_get("home", ver="w:3")).effects

    assert isinstance(result, Deliver)
    (asked,) = result.stanza.payload.elements
    assert asked.get("ver") == "v:20"


@rfc6121("2.6.3", quote="the server cannot associate the version ID")
def test_a_recreated_account_does_not_accept_old_versions() -> None:
    old = account(ROMEO, {JULIET: "Both"}, connected=("home",), version=0)
    new = following(NoAccount(old.jid), AccountCreated(AT, "new", "w"), bound("home"))

    assert told(reduce(new, roster_get("home", ver=old.roster.ver))) == ["roster [] to home"]


# --- what is a modification -------------------------------------------------------------------------------------


@rfc6121("2.6.3", quote="do not necessitate a change to the version")
def test_a_request_that_waits_for_the_user_does_not_advance_the_version() -> None:
    romeo = account(ROMEO, {JULIET: "To"}, available=("home",), version=14)

    for event in (inbound("subscribe", JULIET), inbound("subscribe", "stranger@example.org")):
        assert after(reduce(romeo, event)).roster.ver == "v:14"


@rfc6121("2.6.3", quote="do not necessitate a change to the version")
def test_a_request_that_is_withdrawn_or_sent_again_does_not_advance_the_version() -> None:
    romeo = account(ROMEO, {JULIET: "None + Pending In", NURSE: "None + Pending Out"}, version=14)

    romeo = following(romeo, inbound("unsubscribe", JULIET), TimePassed(AT.replace(year=2012), "time"))

    assert romeo.roster.ver == "v:14"


@rfc6121("2.6.3", quote="the server MUST include the updated roster version with each roster push")
@pytest.mark.parametrize("state", ["None", "From"])
def test_each_change_has_a_new_version(state: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("home",), available=("home",), version=14)
    seen: list[str | None] = []
    for event in (
        outbound("subscribe", JULIET, by="home"),
        inbound("subscribed", JULIET),
        roster_set(item(JULIET, name="Juliet"), by="home"),
        outbound("unsubscribe", JULIET, by="home"),
        roster_set(item(JULIET, subscription="remove"), by="home"),
    ):
        step = reduce(romeo, event)
        romeo = after(step)
        seen += [ver for _, ver in pushes(step)]

    assert seen == ["v:15", "v:16", "v:17", "v:18", "v:19"]


# --- tombstones and the horizon ---------------------------------------------------------------------------------


def removing(count: int, tombstones: int) -> Account:
    """Return an account with eight items left after the removal of as many as ``count``, versions 15 and on."""
    doomed = {f"gone{n}@example.org": "None" for n in range(count)}
    romeo = account(ROMEO, {**FRIENDS, **doomed}, connected=("home",), version=14)
    removals = [roster_set(item(jid, subscription="remove"), by="home") for jid in doomed]
    return following(romeo, *removals, policy=Policy(tombstones=tombstones))


@rfc6121("2.6.3", quote="the server cannot associate the version ID with any previous version it has on file")
@in_one_test("count", range(1, 8))
@in_one_test("tombstones", [0, 1, 2, 3])
def test_at_least_as_many_removals_are_remembered_as_the_policy_says(tombstones: int, count: int) -> None:
    romeo = removing(count, tombstones)
    policy = Policy(tombstones=tombstones)
    known = min(tombstones, count)

    step = reduce(romeo, roster_get("home", ver=f"v:{14 + count - known}"), policy)

    assert told(step)[0] == "empty result to home"
    assert [said for said, _ in pushes(step)] == [f"gone{n}@example.org remove" for n in range(count - known, count)]


@rfc6121("2.6.3", quote="the server cannot associate the version ID with any previous version it has on file")
@in_one_test("tombstones", [0, 1, 2, 3])
def test_a_client_behind_the_horizon_gets_the_whole_roster(tombstones: int) -> None:
    romeo = removing(2 * tombstones + 1, tombstones)
    horizon = romeo.roster.horizon
    assert horizon == 14 + tombstones + 1

    before = reduce(romeo, roster_get("home", ver=f"v:{horizon - 1}"))
    at = reduce(romeo, roster_get("home", ver=f"v:{horizon}"))

    assert told(before)[0].startswith("roster [friend0@example.org none, ")
    assert told(at)[0] == "empty result to home"
    assert len(pushes(at)) == tombstones


@rfc6121("2.6.3", quote="the server cannot associate the version ID with any previous version it has on file")
def test_what_is_forgotten_is_deleted_from_the_storage_and_the_horizon_stored() -> None:
    romeo = account(ROMEO, {"gone@example.org": "None"}, connected=("home",), version=14)

    step = reduce(romeo, roster_set(item("gone@example.org", subscription="remove"), by="home"), Policy(tombstones=0))

    assert step.store[1:] == (
        Delete(Kind.CONTACT, "gone@example.org"),
        Put(Kind.ROSTER, "", RosterHead("v", version=15, horizon=15)),
    )


@rfc6121("2.6.3", quote="the server cannot associate the version ID with any previous version it has on file")
def test_nothing_is_forgotten_up_to_twice_as_many_removals() -> None:
    romeo = removing(4, tombstones=2)

    assert romeo.roster.horizon == 0
    assert len(pushes(reduce(romeo, roster_get("home", ver="v:14")))) == 4


@rfc6121("3.1.3", quote="MUST keep a record of the complete presence stanza")
def test_a_removed_contact_whose_request_waits_is_never_forgotten() -> None:
    romeo = account(ROMEO, [contact(JULIET, "None + Pending In"), contact(NURSE)], connected=("home",))
    policy = Policy(tombstones=0)

    romeo = following(
        romeo,
        roster_set(item(JULIET, subscription="remove"), by="home"),
        roster_set(item(NURSE, subscription="remove"), by="home"),
        policy=policy,
    )

    assert list(romeo.roster.contacts) == [JULIET]
    assert tuple(romeo.roster.pending) == (JULIET,)


@rfc6121("2.6.3", quote="has been modified since the version ID enumerated by the client")
def test_an_item_that_was_removed_and_added_again_is_pushed_as_it_is() -> None:
    romeo = removing(1, tombstones=2)
    romeo = following(romeo, roster_set(item("gone0@example.org", name="Back"), by="home"))

    step = reduce(romeo, roster_get("home", ver="v:14"))

    assert pushes(step) == [("gone0@example.org none 'Back'", "v:16")]


# --- a service without versioning -------------------------------------------------------------------------------


@rfc6121("2.6.1", quote="If a server supports roster versioning")
def test_no_stanza_has_ver_without_versioning() -> None:
    romeo = account(ROMEO, {JULIET: "Both"}, interested=("home",), version=14)
    policy = Policy(roster_versioning=False)

    (result,) = reduce(romeo, roster_get("home", ver="v:14"), policy).effects

    assert isinstance(result, Deliver)
    assert result.stanza.payload.elements == (query(item(JULIET, subscription="both")),)
    assert pushes(reduce(romeo, roster_set(item(NURSE), by="home"), policy)) == [("nurse@example.com none", None)]


@rfc6121("2.6.3", quote="Even if the client has not included the 'ver' attribute")
def test_a_client_without_support_for_versions_still_gets_them() -> None:
    romeo = account(ROMEO, {JULIET: "Both"}, connected=("home",), version=14)

    step = reduce(romeo, roster_get("home"))

    (result,) = step.effects
    assert isinstance(result, Deliver)
    assert result.stanza.payload.elements[0].get("ver") == "v:14"
    assert pushes(reduce(step.state, roster_set(item(NURSE), by="home"))) == [("nurse@example.com none", "v:15")]
