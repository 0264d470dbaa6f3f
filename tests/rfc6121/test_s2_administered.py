"""Rosters that others than the user change: an administrator, or the service that shares items (RFC 6121 §2.3.3).

"<not-allowed/> if the server only allows roster modifications by means of a non-XMPP method": what comes by
such a method is a modification like any other, and pushed.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    bound,
    contact,
    following,
    ignored,
    inbound,
    item,
    outbound,
    pushes,
    rfc6121,
    roster,
    roster_get,
    roster_set,
    told,
)
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy, RosterAccess
from xmpp_im_core.roster import RosterHead, SharedItem
from xmpp_im_core.server import (
    Account,
    AccountLoaded,
    AdministratorRemovedItem,
    AdministratorSetItem,
    Event,
    Kind,
    NoAccount,
    Put,
    SharedItemsChanged,
    reduce,
)
from xmpp_im_core.subscription import BOTH, FROM, NONE_OUT, TO

# --- items that an administrator sets and removes ---------------------------------------------------------------


@in_one_test(
    ("groups", "wrong"), [((), False), (("a", "b"), False), (("a", "a"), True), (("",), True), (("x", ""), True)]
)
def test_an_administrator_names_each_group_once_and_none_is_empty(groups: tuple[str, ...], wrong: bool) -> None:
    if not wrong:
        assert AdministratorSetItem(AT, "seq", NURSE, "Nurse", groups).groups == groups
        return
    with pytest.raises(ValueError, match=r"^groups: .*; a group is named once, and not empty"):
        AdministratorSetItem(AT, "seq", NURSE, "Nurse", groups)


@rfc6121("2.3.3", quote="if the server only allows roster modifications by means of a non-XMPP method")
@in_one_test("access", list(RosterAccess), ids=lambda access: access.value)
def test_an_item_set_by_an_administrator_is_stored_and_pushed(access: RosterAccess) -> None:
    juliet = account(JULIET, interested=("balcony", "chamber"))

    step = reduce(juliet, AdministratorSetItem(AT, "seq", NURSE, "Nurse", ("Servants",)), Policy(roster_access=access))

    assert told(step) == ["push nurse@example.com none 'Nurse' (Servants) to balcony, chamber"]
    assert pushes(step)[0][1] == "v:8"
    nurse = contact(NURSE, name="Nurse", groups=("Servants",), version=8)
    assert step.store == (Put(Kind.CONTACT, NURSE, nurse), Put(Kind.ROSTER, "", RosterHead("v", 8, 0)))


@rfc6121("2.4.1", quote="the item MUST be updated exactly as provided in the roster set")
def test_an_update_by_an_administrator_is_what_it_would_be_by_the_user() -> None:
    juliet = account(JULIET, [contact(NURSE, "Both", name="Nurse", groups=("Servants",))], interested=("balcony",))

    by_administrator = reduce(juliet, AdministratorSetItem(AT, "seq", NURSE, "Angelica"))
    by_user = reduce(juliet, roster_set(item(NURSE, name="Angelica"), by="balcony"))

    assert (after(by_administrator).roster, by_administrator.store) == (after(by_user).roster, by_user.store)
    assert by_administrator.effects == by_user.effects[1:]


@rfc6121("2.5.2", quote='MUST send both a presence stanza of type "unsubscribe" and a')
def test_a_removal_by_an_administrator_is_what_it_would_be_by_the_user() -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, interested=("balcony",), available=("balcony",))

    by_administrator = reduce(juliet, AdministratorRemovedItem(AT, "seq", ROMEO))
    by_user = reduce(juliet, roster_set(item(ROMEO, subscription="remove"), by="balcony"))

    assert (after(by_administrator).roster, by_administrator.store) == (after(by_user).roster, by_user.store)
    assert by_administrator.effects == by_user.effects[1:]


@rfc6121("2.5.3", quote="specifies an item that is not in the roster")
def test_what_is_not_in_the_roster_an_administrator_cannot_remove() -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False)

    assert ignored(account(JULIET, interested=("balcony",)), AdministratorRemovedItem(AT, "seq", NURSE))
    assert ignored(account(JULIET, [waiting], interested=("balcony",)), AdministratorRemovedItem(AT, "seq", ROMEO))


@rfc6121("2.3.3", quote="there are duplicate groups")
@pytest.mark.parametrize("groups", [("Servants", "Servants"), ("Servants", "Friends", "Servants")])
def test_an_administrator_names_a_group_once(groups: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"groups: .* a group is named once"):
        AdministratorSetItem(AT, "seq", NURSE, "Nurse", groups)
    with pytest.raises(ValueError, match=r"items: .* a group is named once"):
        SharedItemsChanged(AT, "seq", (SharedItem(NURSE, groups=groups),))


@rfc6121("2.3.3", quote="The XML character data of the <group/> element is of zero length")
@pytest.mark.parametrize("groups", [("",), ("Servants", "")])
def test_an_administrator_gives_each_group_a_name(groups: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="and not empty"):
        AdministratorSetItem(AT, "seq", NURSE, "Nurse", groups)
    with pytest.raises(ValueError, match="and not empty"):
        SharedItemsChanged(AT, "seq", (SharedItem(NURSE, groups=groups),))


@rfc6121("2.1.2.6", quote="it is opaque to the server")
def test_groups_that_are_only_alike_are_not_the_same() -> None:
    groups = ("Servants", "servants", " Servants")

    assert (
        after(reduce(account(JULIET), AdministratorSetItem(AT, "seq", NURSE, "", groups))).roster.contacts[NURSE].groups
        == groups
    )
    assert SharedItemsChanged(AT, "seq", (SharedItem(NURSE, groups=groups),)).items[0].groups == groups


def test_a_service_shows_one_item_for_a_jid() -> None:
    with pytest.raises(ValueError, match="two items for the same JID"):
        SharedItemsChanged(AT, "seq", (SharedItem(NURSE), SharedItem(NURSE, name="Angelica")))


@pytest.mark.parametrize("jid", ["NURSE@example.com", "nurse@example.com/pantry"])
def test_an_administrator_names_prepared_bare_jids(jid: str) -> None:
    with pytest.raises(ValueError, match="prepared bare JID"):
        AdministratorSetItem(AT, "seq", jid)
    with pytest.raises(ValueError, match="prepared bare JID"):
        AdministratorRemovedItem(AT, "seq", jid)
    with pytest.raises(ValueError, match="prepared bare JID"):
        SharedItemsChanged(AT, "seq", (SharedItem(jid),))


# --- items that the service shares ------------------------------------------------------------------------------

SHARED = SharedItemsChanged(AT, "share", (SharedItem(NURSE, BOTH, "Nurse", ("Household",)),))
UNSHARED = SharedItemsChanged(AT, "unshare")


def sharing(
    *others: str, connected: Iterable[str] = (), interested: Iterable[str] = (), available: Iterable[str] = ()
) -> Account:
    contacts = dict.fromkeys(others, "None")
    juliet = account(JULIET, contacts, connected=connected, interested=interested, available=available)
    return following(juliet, SHARED)


@rfc6121("2.1.6", quote="The <query/> element in a roster push MUST contain one and only one <item/> element")
@rfc6121("2.6.3", quote="the version contained in a roster push MUST be unique")
def test_each_shared_item_that_changes_is_pushed_with_a_new_version() -> None:
    juliet = following(
        account(JULIET, interested=("balcony",)),
        SharedItemsChanged(
            AT, "a", (SharedItem("a@example.com"), SharedItem("b@example.com"), SharedItem("c@example.com"))
        ),
    )
    changed = SharedItemsChanged(
        AT, "b", (SharedItem("b@example.com"), SharedItem("c@example.com", TO), SharedItem("d@example.com", FROM))
    )

    step = reduce(juliet, changed)

    assert pushes(step) == [
        ("a@example.com remove", "v:11"),
        ("c@example.com to", "v:12"),
        ("d@example.com from", "v:13"),
    ]
    assert roster(step.state) == ["b@example.com both", "c@example.com to", "d@example.com from"]


@rfc6121("2.6.3", quote="would result in a roster push to a connected client")
def test_what_is_shared_already_changes_nothing() -> None:
    juliet = sharing(interested=("balcony",), available=("balcony",))

    assert ignored(juliet, SHARED)
    assert ignored(account(JULIET, interested=("balcony",)), UNSHARED)


@rfc6121("2.1.4", quote="one <item/> element for each contact")
def test_a_shared_item_hides_the_users_own_item_until_the_shared_item_goes() -> None:
    mine = contact(NURSE, "To", name="Angelica")
    juliet = following(account(JULIET, [mine], interested=("balcony",)), SHARED)
    assert roster(juliet) == ["nurse@example.com both 'Nurse' (Household)"]

    step = reduce(juliet, UNSHARED)

    assert pushes(step) == [("nurse@example.com to 'Angelica'", "v:9")]
    assert roster(step.state) == ["nurse@example.com to 'Angelica'"]


@rfc6121("2.3.3", quote="<not-allowed/> if the server only allows roster modifications by means of a non-XMPP method")
@in_one_test(
    "request_",
    [
        roster_set(item(NURSE, name="Angelica"), by="balcony"),
        roster_set(item(NURSE, subscription="remove"), by="balcony"),
        *[outbound(type, NURSE, by="balcony") for type in ("subscribe", "subscribed", "unsubscribe", "unsubscribed")],
    ],
    ids=["set", "removal", "subscribe", "subscribed", "unsubscribe", "unsubscribed"],
)
def test_the_user_cannot_change_what_the_service_shares(request_: Event) -> None:
    juliet = sharing(interested=("balcony",), available=("balcony",))

    step = reduce(juliet, request_)

    (said,) = told(step)
    assert "error not-allowed" in said
    assert said.endswith("to balcony")
    assert (step.state, step.store) == (juliet, ())


@rfc6121("3.1.3", quote="accepted an agreement with its service provider that allows automatic approval")
def test_the_contact_cannot_change_it_either_and_a_request_is_answered() -> None:
    juliet = sharing(interested=("balcony",), available=("balcony",))

    asked = reduce(juliet, inbound("subscribe", NURSE, to=JULIET))

    assert told(asked) == ["route subscribed from juliet@example.com to nurse@example.com"]
    assert asked.state is juliet
    for type in ("subscribed", "unsubscribe", "unsubscribed"):
        assert ignored(juliet, inbound(type, NURSE, to=JULIET))


@rfc6121("3", quote="presence information is disclosed only to other entities that a user has approved")
def test_a_request_from_one_who_may_not_see_the_user_is_not_answered() -> None:
    seen_only = SharedItemsChanged(AT, "share", (SharedItem(NURSE, TO),))
    juliet = following(account(JULIET, available=("balcony",)), seen_only)

    assert ignored(juliet, inbound("subscribe", NURSE, to=JULIET))


@rfc6121("3.1.5", quote="send current presence to the user from each of the contact's available resources")
def test_new_viewers_are_sent_presence_and_newly_visible_contacts_are_probed() -> None:
    juliet = account(JULIET, interested=("hall",), available=("balcony", "chamber"))

    assert told(reduce(juliet, SHARED)) == [
        "push nurse@example.com both 'Nurse' (Household) to hall",
        "send presence from juliet@example.com/balcony to nurse@example.com",
        "send presence from juliet@example.com/chamber to nurse@example.com",
        "send probe from juliet@example.com to nurse@example.com",
    ]


@rfc6121("3.2.2", quote="from all of the contact's online resources to the user")
def test_an_entity_that_may_no_longer_see_the_user_gets_unavailable_from_each_resource() -> None:
    juliet = sharing(interested=("hall",), available=("balcony", "chamber"))

    assert told(reduce(juliet, UNSHARED)) == [
        "push nurse@example.com remove to hall",
        "send unavailable from juliet@example.com/balcony to nurse@example.com",
        "send unavailable from juliet@example.com/chamber to nurse@example.com",
    ]


@rfc6121("3", quote="presence information is disclosed only to other entities that a user has approved")
def test_an_entity_that_already_saw_the_user_is_told_nothing_new() -> None:
    juliet = account(JULIET, {NURSE: "Both"}, available=("balcony",))

    shared = reduce(juliet, SHARED)

    assert told(shared) == []
    assert told(reduce(shared.state, UNSHARED)) == []


@rfc6121("3", quote="presence information is disclosed only to other entities that a user has approved")
def test_a_shared_subscription_counts_for_broadcasts_and_probes_until_it_goes() -> None:
    juliet = sharing(connected=("balcony",))
    login = outbound("available", by="balcony")

    assert told(reduce(juliet, login)) == [
        "send presence from juliet@example.com/balcony to nurse@example.com",
        "deliver presence from juliet@example.com/balcony to balcony",
        "send probe from juliet@example.com to nurse@example.com",
        "load messages for balcony",
    ]
    assert told(reduce(following(juliet, UNSHARED), login)) == [
        "deliver presence from juliet@example.com/balcony to balcony",
        "load messages for balcony",
    ]


@rfc6121("2.6.3", quote="the server cannot associate the version ID with any previous version it has on file")
def test_a_version_from_before_the_change_leads_nowhere() -> None:
    juliet = sharing("a@example.com", "b@example.com", connected=("balcony",))

    assert told(reduce(juliet, roster_get("balcony", ver="v:7")))[0].startswith("roster [")
    assert told(reduce(juliet, roster_get("balcony", ver="v:8"))) == ["empty result to balcony"]


@rfc6121("2", quote="A user's roster is stored by the user's server on the user's behalf")
def test_a_shared_item_is_never_stored_but_the_version_is() -> None:
    step = reduce(account(JULIET), SHARED)

    assert step.store == (Put(Kind.ROSTER, "", RosterHead("v", 8, 8, sharing=True)),)
    assert after(step).roster.contacts == account(JULIET).roster.contacts


@rfc6121("2.6.3", quote="the server MUST either return the complete roster")
def test_what_was_shared_before_a_restart_and_no_longer_is_does_not_stay_in_a_cache() -> None:
    head = reduce(account(JULIET), SHARED).store[0]
    assert isinstance(head, Put)
    loaded = following(NoAccount(parse_jid(JULIET)), AccountLoaded(AT, "loaded", (head,)))

    cached = reduce(following(loaded, bound("balcony")), roster_get("balcony", ver="v:8"))
    again = reduce(following(loaded, bound("balcony")), roster_get("balcony", ver=loaded.roster.ver))

    assert told(cached) == ["roster [] to balcony"], "not: your cache is current"
    assert told(again) == ["empty result to balcony"]
    assert ignored(loaded, SharedItemsChanged(AT, "none")), "an application without shared items need not say so"


@rfc6121("2.6.3", quote="the server MUST either return the complete roster")
def test_a_version_that_was_given_out_after_a_restart_leads_nowhere_once_something_is_shared_again() -> None:
    head = reduce(account(JULIET), SHARED).store[0]
    assert isinstance(head, Put)
    loaded = following(NoAccount(parse_jid(JULIET)), AccountLoaded(AT, "loaded", (head,)))

    shared = following(loaded, SHARED, bound("balcony"))

    assert told(reduce(shared, roster_get("balcony", ver=loaded.roster.ver)))[0].startswith("roster [")


def test_what_was_never_shared_changes_no_version() -> None:
    assert ignored(account(JULIET), SharedItemsChanged(AT, "none"))


def test_nothing_that_is_pending_can_be_shared() -> None:
    with pytest.raises(ValueError, match="pending"):
        SharedItemsChanged(AT, "share", (SharedItem(NURSE, NONE_OUT),))


# --- a push never contradicts the roster ------------------------------------------------------------------------


@rfc6121("2.1.6", quote="is a newly created, updated, or deleted roster item")
@pytest.mark.parametrize(
    "event",
    [AdministratorSetItem(AT, "seq", NURSE, "Angelica"), AdministratorRemovedItem(AT, "seq", NURSE)],
    ids=["set", "removed"],
)
def test_a_change_beneath_a_shared_item_does_not_push_what_the_roster_does_not_show(event: Event) -> None:
    juliet = following(account(JULIET, [contact(NURSE, name="Nan")], interested=("balcony",)), SHARED)

    step = reduce(juliet, event)

    assert roster(step.state) == ["nurse@example.com both 'Nurse' (Household)"]
    assert [said for said, _ in pushes(step) if said not in roster(step.state)] == []
    returning = [said for said, _ in pushes(reduce(step.state, roster_get("balcony", ver=juliet.roster.ver)))]
    assert [said for said in returning if said not in roster(step.state)] == []


@rfc6121("2.5.2", quote="in order to cancel the contact's subscription")
def test_a_removal_beneath_a_shared_item_does_not_hide_the_user_from_one_who_may_still_see_her() -> None:
    juliet = account(JULIET, {NURSE: "Both"}, interested=("balcony",), available=("balcony",))
    juliet = following(juliet, SHARED)

    step = reduce(juliet, AdministratorRemovedItem(AT, "seq", NURSE))

    assert [said for said in told(step) if "unavailable" in said] == []


@rfc6121("3.1.3", quote="until the contact either approves or denies the request")
def test_a_request_that_the_service_granted_meanwhile_is_not_shown_to_the_user() -> None:
    waiting = contact(NURSE, "None + Pending In", listed=False)
    juliet = following(account(JULIET, [waiting], connected=("balcony",)), SHARED)

    step = reduce(juliet, outbound("available", by="balcony"))

    assert [said for said in told(step) if said.startswith("deliver subscribe")] == []
