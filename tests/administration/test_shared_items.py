"""What the service shares, where it meets what else goes on (RFC 6121 §2, §3, §4)."""

from __future__ import annotations

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    ended,
    following,
    inbound,
    item,
    outbound,
    pushes,
    received_iq,
    received_message,
    rfc6121,
    roster,
    roster_get,
    roster_set,
    stanzas,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import RosterHead, SharedItem
from xmpp_im_core.server import (
    Account,
    AccountLoaded,
    AdministratorRemovedItem,
    AdministratorSetItem,
    Kind,
    NoAccount,
    Put,
    SharedItemsChanged,
    reduce,
)
from xmpp_im_core.subscription import BOTH, FROM, NONE, TO, Subscription

BENVOLIO = "benvolio@example.net"


def shared(*items: SharedItem, seq: str = "share") -> SharedItemsChanged:
    return SharedItemsChanged(AT, seq, items)


def juliet_before() -> Account:
    return account(JULIET, {}, interested=("hall",), version=7)


def juliet(state: Subscription = BOTH, mine: str | None = None) -> Account:
    """Juliet, with whom the service shares her nurse in this state."""
    given = account(
        JULIET, {} if mine is None else {NURSE: mine}, interested=("hall",), available=("balcony",), connected=("x",)
    )
    return following(given, shared(SharedItem(NURSE, state)))


@rfc6121("3", quote="presence information is disclosed only to other entities that a user has approved")
@in_one_test("mine", ["None", "From", "To", "Both"])
@in_one_test("state", [NONE, FROM, TO, BOTH], ids=lambda state: state.title)
def test_the_shared_state_is_the_one_that_counts_for_presence_and_probes(state: Subscription, mine: str) -> None:
    given = juliet(state, mine)

    update = told(reduce(given, outbound("available", by="balcony")))
    login = told(reduce(given, outbound("available", by="x")))
    probed = stanzas(reduce(given, inbound("probe", NURSE, to=JULIET)))

    assert (f"send presence from {JULIET}/balcony to {NURSE}" in update) is state.from_
    assert (f"send probe from {JULIET} to {NURSE}" in login) is state.to
    assert [answer.type for answer in probed] == ([None] if state.from_ else ["unsubscribed"])


@in_one_test("state", [NONE, FROM, TO, BOTH], ids=lambda state: state.title)
def test_the_shared_state_opens_the_gate_of_iqs_and_the_end_of_a_session_is_told(state: Subscription) -> None:
    asked = received_iq("get", element("query", "urn:example:x"), from_=f"{NURSE}/pantry", to=f"{JULIET}/balcony")
    given = juliet(state)

    assert told(reduce(given, asked))[0].startswith("get to balcony" if state.from_ else "route error")
    assert any(NURSE in said for said in told(reduce(given, ended("balcony")))) is state.from_


@in_one_test(
    ("before", "now", "expected"),
    [
        (NONE, FROM, [f"send presence from {JULIET}/balcony to {NURSE}"]),
        (FROM, NONE, [f"send unavailable from {JULIET}/balcony to {NURSE}"]),
        (TO, BOTH, [f"send presence from {JULIET}/balcony to {NURSE}"]),
        (BOTH, TO, [f"send unavailable from {JULIET}/balcony to {NURSE}"]),
        (NONE, TO, [f"send probe from {JULIET} to {NURSE}"]),
        (FROM, BOTH, [f"send probe from {JULIET} to {NURSE}"]),
        (TO, NONE, []),
        (BOTH, FROM, []),
    ],
    ids=lambda each: each.title if isinstance(each, Subscription) else "",
)
def test_a_change_of_the_shared_state_tells_exactly_what_is_new(
    before: Subscription, now: Subscription, expected: list[str]
) -> None:
    step = reduce(juliet(before), shared(SharedItem(NURSE, now), seq="change"))

    assert told(step) == [f"push {NURSE} {now.subscription} to hall", *expected]


def test_a_new_name_or_group_is_pushed_and_tells_nobody_else() -> None:
    step = reduce(juliet(), shared(SharedItem(NURSE, BOTH, "Angelica", ("Household",)), seq="change"))

    assert told(step) == [f"push {NURSE} both 'Angelica' (Household) to hall"]


def test_a_user_without_available_resource_tells_and_probes_nobody() -> None:
    given = account(JULIET, interested=("hall",))

    assert told(reduce(given, shared(SharedItem(NURSE)))) == [f"push {NURSE} both to hall"]


def test_several_gained_and_lost_are_told_in_one_fan_out_each() -> None:
    given = following(account(JULIET, available=("balcony", "chamber")), shared(SharedItem("a@x.example")))

    step = reduce(given, shared(SharedItem("b@x.example"), SharedItem("c@x.example", FROM), seq="change"))

    assert told(step) == [
        f"send presence from {JULIET}/balcony to b@x.example, c@x.example",
        f"send unavailable from {JULIET}/balcony to a@x.example",
        f"send presence from {JULIET}/chamber to b@x.example, c@x.example",
        f"send unavailable from {JULIET}/chamber to a@x.example",
        f"send probe from {JULIET} to b@x.example",
    ]


@rfc6121("2.6.3", quote="the version contained in a roster push MUST be unique")
def test_a_later_modification_by_the_user_has_a_higher_version() -> None:
    step = reduce(juliet(), roster_set(item(ROMEO), by="hall"))

    assert pushes(step) == [(f"{ROMEO} none", "v:9")]


def test_what_is_shared_needs_no_place_in_a_full_roster_and_takes_none() -> None:
    full = Policy(roster_items=1)
    given = account(JULIET, {ROMEO: "None"}, connected=("hall",))
    step = reduce(given, shared(SharedItem(NURSE), SharedItem(BENVOLIO)), full)

    assert roster(step.state) == [f"{BENVOLIO} both", f"{NURSE} both", f"{ROMEO} none"]
    removed = reduce(step.state, roster_set(item(ROMEO, subscription="remove"), by="hall"), full)
    added = reduce(removed.state, roster_set(item("tybalt@example.com"), by="hall"), full)
    assert told(added)[0] == "empty result to hall"


def test_after_a_new_load_it_is_gone_until_the_host_gives_it_again() -> None:
    step = reduce(juliet(), shared(seq="none"))
    stored = (Put(Kind.ROSTER, "", RosterHead("v", 8, 8)),)

    loaded = after(reduce(NoAccount(parse_jid(JULIET)), AccountLoaded(AT, "loaded", stored)))

    assert roster(loaded) == roster(step.state) == []
    assert roster(following(loaded, shared(SharedItem(NURSE)))) == [f"{NURSE} both"]


@rfc6121("3.1.6", quote="MUST silently ignore the subscription approval notification")
@in_one_test("type", ["subscribed", "unsubscribed", "unsubscribe"])
@in_one_test("mine", ["None + Pending Out", "Both", "None + Pending In"])
def test_the_users_own_state_stays_unchanged_under_a_shared_item(mine: str, type: str) -> None:
    given = juliet(BOTH, mine)

    step = reduce(given, inbound(type, NURSE, to=JULIET))

    assert (told(step), step.state, step.store) == ([], given, ())


@rfc6121("8.1", quote="is authorized to receive presence from the user")
def test_an_entity_permitted_by_the_service_is_told_that_a_resource_is_not_there() -> None:
    unmatched = received_message("normal", f"{NURSE}/pantry", f"{JULIET}/nowhere")

    assert told(reduce(juliet(BOTH), unmatched)) == [
        f"route error service-unavailable from {JULIET}/nowhere to {NURSE}/pantry"
    ]
    assert told(reduce(juliet(TO), unmatched)) == []


# --- what an administrator sets binds no limits ---------------------------------------------------------------------


def test_no_limit_of_users_binds_an_administrator() -> None:
    small = Policy(roster_items=0, name_length=1, group_length=1, groups_per_item=1)
    given = account(JULIET, interested=("hall",))

    step = reduce(given, AdministratorSetItem(AT, "seq", NURSE, "Angelica", ("Household", "Servants")), small)

    assert told(step) == [f"push {NURSE} none 'Angelica' (Household, Servants) to hall"]


def test_what_an_administrator_has_removed_comes_back_as_new() -> None:
    given = account(JULIET, {NURSE: "Both"}, interested=("hall",))

    step = reduce(
        following(given, AdministratorRemovedItem(AT, "a", NURSE)), AdministratorSetItem(AT, "b", NURSE, "Angelica")
    )

    assert told(step) == [f"push {NURSE} none 'Angelica' to hall"]
    assert told(reduce(step.state, roster_get("hall")))[0] == f"roster [{NURSE} none 'Angelica'] to hall"


# --- what is stored ---------------------------------------------------------------------------------------


def test_shared_items_store_only_the_roster_version_and_a_flag() -> None:
    step = reduce(juliet_before(), shared(SharedItem(NURSE, BOTH)))

    assert step.store == (Put(Kind.ROSTER, "", RosterHead("v", 8, 8, sharing=True)),)


def test_what_is_shared_already_stores_and_tells_nothing() -> None:
    romeo = after(reduce(juliet_before(), shared(SharedItem(NURSE, BOTH))))

    step = reduce(romeo, shared(SharedItem(NURSE, BOTH)))

    assert (step.state, step.store, told(step)) == (romeo, (), [])
