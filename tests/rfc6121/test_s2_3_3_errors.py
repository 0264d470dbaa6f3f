"""Error cases of roster sets (RFC 6121 §2.3.3), which apply to updating as well (§2.4.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    JULIET,
    NURSE,
    ROMEO,
    account,
    contact,
    following,
    item,
    query,
    rfc6121,
    roster,
    roster_set,
    sent_iq,
    told,
)
from xmpp_im_core.element import Element, element
from xmpp_im_core.policy import FullJIDItem, OwnItem, Policy, RosterAccess
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server import Account, reduce
from xmpp_im_core.server.contact_changes import has_no_room_for

LIMITS = Policy(name_length=5, group_length=8, groups_per_item=2, roster_items=3)


def given() -> Account:
    return account(JULIET, [contact(ROMEO, "Both", name="Romeo")], interested=("balcony", "chamber"))


def refused(*items: Element, policy: Policy = LIMITS, of: Account | None = None) -> list[str]:
    """Send a roster set that is to be refused; return the answer. Nothing else happens."""
    juliet = given() if of is None else of
    step = reduce(juliet, roster_set(*items, by="balcony"), policy)
    assert step.state is juliet
    assert (step.store, step.forget) == ((), ())
    return told(step)


def accepted(*items: Element, policy: Policy = LIMITS, of: Account | None = None) -> list[str]:
    """Send a roster set that is to be accepted; return the roster after it."""
    juliet = given() if of is None else of
    step = reduce(juliet, roster_set(*items, by="balcony"), policy)
    assert told(step)[0] == "empty result to balcony"
    return roster(step.state)


ROMEO_ITEM = "romeo@example.net both 'Romeo'"
BAD_REQUEST = ["error bad-request to balcony"]
NOT_ACCEPTABLE = ["error not-acceptable to balcony"]

# --- not-allowed, bad-request -------------------------------------------------------------------------------


@rfc6121("2.3.3", quote="if the server only allows roster modifications by means of a non-XMPP method")
def test_a_set_is_not_allowed_if_rosters_are_changed_elsewhere() -> None:
    read_only = Policy(roster_access=RosterAccess.READ_ONLY)

    assert refused(item(NURSE), policy=read_only) == ["error not-allowed to balcony"]
    assert refused(item(ROMEO, subscription="remove"), policy=read_only) == ["error not-allowed to balcony"]


@rfc6121("2.1.4", quote="If the roster does not exist")
def test_a_set_for_a_roster_that_does_not_exist_is_not_found() -> None:
    assert refused(item(NURSE), policy=Policy(roster_access=RosterAccess.MISSING)) == [
        "error item-not-found to balcony"
    ]


@rfc6121("2.3.3", quote="The <query/> element contains more than one <item/> child element")
def test_more_than_one_item_is_a_bad_request() -> None:
    assert refused(item(NURSE), item("mother@example.com")) == BAD_REQUEST
    assert refused(item(NURSE), item(NURSE)) == BAD_REQUEST


@rfc6121("2.1.5", quote="The <query/> element MUST contain one and only one <item/> element")
def test_no_item_is_a_bad_request() -> None:
    assert refused() == BAD_REQUEST


@rfc6121("2.1.5", quote="The <query/> element MUST contain one and only one <item/> element")
def test_children_of_other_namespaces_are_no_items() -> None:
    foreign = element("item", "urn:example:other", {"jid": "mother@example.com"})

    juliet = following(given(), sent_iq("set", query(item(NURSE), foreign), by="balcony"))

    assert roster(juliet) == ["nurse@example.com none", ROMEO_ITEM]


@rfc6121("2.3.3", quote="there are duplicate groups")
def test_duplicate_groups_are_a_bad_request() -> None:
    assert refused(item(NURSE, "Servants", "Servants")) == BAD_REQUEST


@rfc6121("2.3.3", quote="there are duplicate groups")
def test_groups_are_compared_exactly() -> None:
    assert accepted(item(NURSE, "Servants", "servants")) == ["nurse@example.com none (Servants, servants)", ROMEO_ITEM]


@rfc6121("2.1.2.3", quote="The 'jid' attribute is REQUIRED whenever a client or server adds")
def test_an_item_without_jid_is_a_bad_request() -> None:
    assert refused(item(None, name="Nurse")) == BAD_REQUEST


@rfc6121("2.1.2.3", quote="The 'jid' attribute is REQUIRED whenever a client or server adds")
@in_one_test("jid", ["", "@example.com", "nurse@", "nurse@example.com/", "nur se@example.com"])
def test_an_item_with_a_malformed_jid_gets_jid_malformed(jid: str) -> None:
    assert refused(item(jid)) == ["error jid-malformed to balcony"]
    assert refused(item(jid, subscription="remove")) == ["error jid-malformed to balcony"]


# --- not-acceptable: each limit at n and n + 1 --------------------------------------------------------------


@rfc6121("2.3.3", quote="attribute is greater than a server-configured limit")
def test_a_name_as_long_as_the_limit_is_accepted_and_one_longer_is_not_acceptable() -> None:
    assert accepted(item(NURSE, name="12345")) == ["nurse@example.com none '12345'", ROMEO_ITEM]
    assert refused(item(NURSE, name="123456")) == NOT_ACCEPTABLE


@rfc6121("2.3.3", quote="The XML character data of the <group/> element is of zero length")
@pytest.mark.parametrize("groups", [("",), ("Servants", "")])
def test_an_empty_group_is_not_acceptable(groups: tuple[str, ...]) -> None:
    assert refused(item(NURSE, *groups)) == NOT_ACCEPTABLE


@rfc6121("2.3.3", quote="The XML character data of the <group/> element is larger than a server-configured limit")
def test_a_group_as_long_as_the_limit_is_accepted_and_one_longer_is_not_acceptable() -> None:
    assert accepted(item(NURSE, "12345678")) == ["nurse@example.com none (12345678)", ROMEO_ITEM]
    assert refused(item(NURSE, "123456789")) == NOT_ACCEPTABLE
    assert refused(item(NURSE, "1", "123456789")) == NOT_ACCEPTABLE


@rfc6121("2.3.3", quote="Naturally, other stanza errors can occur")
def test_as_many_groups_as_the_limit_are_accepted_and_one_more_is_not_acceptable() -> None:
    assert accepted(item(NURSE, "1", "2")) == ["nurse@example.com none (1, 2)", ROMEO_ITEM]
    assert refused(item(NURSE, "1", "2", "3")) == NOT_ACCEPTABLE


@rfc6121("2.3.3", quote="Naturally, other stanza errors can occur")
def test_as_many_items_as_the_limit_are_accepted_and_one_more_is_a_policy_violation() -> None:
    two = account(JULIET, {ROMEO: "Both", "a@example.com": "None"}, connected=("balcony",))
    three = following(two, roster_set(item("b@example.com"), by="balcony"), policy=LIMITS)

    assert len(roster(three)) == 3
    assert refused(item(NURSE), of=three) == ["error policy-violation to balcony"]


@rfc6121("2.3.3", quote="Naturally, other stanza errors can occur")
def test_items_of_a_full_roster_can_be_updated_and_removed() -> None:
    full = account(JULIET, {ROMEO: "None", "a@example.com": "None", "b@example.com": "None"}, connected=("balcony",))

    assert accepted(item(ROMEO, name="R"), of=full)[-1] == "romeo@example.net none 'R'"
    assert len(accepted(item(ROMEO, subscription="remove"), of=full)) == 2


@rfc6121("2.3.3", quote="Naturally, other stanza errors can occur")
def test_a_request_without_item_and_a_tombstone_count_for_no_item() -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False)
    tombstone = contact("gone@example.com", listed=False, version=3)
    two = account(
        JULIET, [waiting, tombstone, contact("a@example.com"), contact("b@example.com")], connected=["balcony"]
    )

    assert len(accepted(item(NURSE), of=two)) == 3


@rfc6121("2.3.3", quote="Naturally, other stanza errors can occur")
def test_an_item_that_comes_back_may_take_the_room_of_its_tombstone() -> None:
    """The same room is not counted twice when an approval makes the contact an item again."""
    tombstone = contact(ROMEO, listed=False, version=3)
    juliet = account(JULIET, [tombstone, contact(NURSE)], connected=["balcony"])
    policy = Policy(roster_bytes=juliet.roster.item_bytes)

    assert not has_no_room_for(juliet.roster, tombstone, policy)
    assert has_no_room_for(juliet.roster, contact("tybalt@example.com", listed=False), policy)


# --- choices ------------------------------------------------------------------------------------------------


@rfc6121("2.3.3", quote="matches the bare JID <localpart@domainpart> of the user's account")
def test_an_item_for_the_own_jid_is_not_allowed_unless_the_service_accepts_it() -> None:
    for own in (JULIET, "Juliet@Example.COM", f"{JULIET}/balcony"):
        assert refused(item(own)) == ["error not-allowed to balcony"]

    assert accepted(item(JULIET), policy=Policy(own_item=OwnItem.ACCEPT)) == ["juliet@example.com none", ROMEO_ITEM]


@rfc6121("2.1.2.3", quote="uniquely identifies the roster item")
def test_a_full_jid_is_cut_unless_the_service_refuses_it() -> None:
    full = item("nurse@example.com/pantry")

    assert accepted(full) == ["nurse@example.com none", ROMEO_ITEM]
    strict = Policy(full_jid_item=FullJIDItem.REFUSE)
    assert refused(full, policy=strict) == BAD_REQUEST
    assert accepted(item("Nurse@Example.COM"), policy=strict) == ["nurse@example.com none", ROMEO_ITEM]


@rfc6121("2.4.3", quote="The error cases described under Section 2.3.3 also apply to updating a roster item")
@in_one_test(
    ("update", "answer"),
    [
        (item(ROMEO, name="123456"), NOT_ACCEPTABLE),
        (item(ROMEO, ""), NOT_ACCEPTABLE),
        (item(ROMEO, "123456789"), NOT_ACCEPTABLE),
        (item(ROMEO, "1", "2", "3"), NOT_ACCEPTABLE),
        (item(ROMEO, "1", "1"), BAD_REQUEST),
    ],
    ids=["name", "empty group", "long group", "many groups", "duplicate groups"],
)
def test_updating_is_refused_for_the_same_reasons(update: Element, answer: list[str]) -> None:
    assert refused(update) == answer


@rfc6121("2.3.3", quote="The XML character data of the <group/> element")
def test_the_character_data_of_a_group_is_its_name() -> None:
    group = element("group", ROSTER, {}, ["Ser", element("b", "urn:example:other"), "vants"])

    assert accepted(element("item", ROSTER, {"jid": NURSE}, [group])) == [
        "nurse@example.com none (Servants)",
        ROMEO_ITEM,
    ]
