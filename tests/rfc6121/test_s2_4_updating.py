"""Updating a roster item (RFC 6121 §2.4)."""

from __future__ import annotations

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    JULIET,
    ROMEO,
    account,
    after,
    contact,
    item,
    pushes,
    rfc6121,
    roster,
    roster_set,
    told,
)
from xmpp_im_core.element import Element
from xmpp_im_core.server import reduce
from xmpp_im_core.subscription import Subscription


@rfc6121("2.4.1", quote="the item MUST be updated exactly as provided in the roster set")
@in_one_test(
    ("provided", "is_then"),
    [
        (item(ROMEO, "Friends", "Lovers", name="Romeo"), "romeo@example.net both 'Romeo' (Friends, Lovers)"),
        (item(ROMEO, "Lovers", name="Romeo"), "romeo@example.net both 'Romeo' (Lovers)"),
        (item(ROMEO), "romeo@example.net both"),
        (item(ROMEO, name="MyRomeo"), "romeo@example.net both 'MyRomeo'"),
        (item(ROMEO, "Friends", name=""), "romeo@example.net both (Friends)"),
    ],
    ids=["add a group", "leave a group", "leave all groups", "change the handle", "remove the handle"],
)
def test_name_and_groups_are_replaced_as_a_whole(provided: Element, is_then: str) -> None:
    juliet = account(JULIET, [contact(ROMEO, "Both", name="Romeo", groups=("Friends",))], connected=("balcony",))

    assert roster(reduce(juliet, roster_set(provided, by="balcony")).state) == [is_then]


@rfc6121("2.4.1", quote="Including an empty 'name' attribute is equivalent to including no 'name' attribute")
def test_an_empty_name_is_no_name() -> None:
    juliet = account(JULIET, [contact(ROMEO, name="Romeo")], connected=("balcony",))

    empty = reduce(juliet, roster_set(item(ROMEO, name=""), by="balcony"))
    none = reduce(juliet, roster_set(item(ROMEO), by="balcony"))

    assert after(empty).roster == after(none).roster
    assert (empty.effects, empty.store) == (none.effects, none.store)


@rfc6121("2.4.2", quote="send a roster push to all of the user's interested resources, and send an IQ result")
def test_the_result_comes_first_and_then_the_push_to_all_interested_resources() -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, interested=("balcony", "chamber"), connected=("garden",))

    step = reduce(juliet, roster_set(item(ROMEO, "Lovers"), by="garden"))

    assert told(step) == ["empty result to garden", "push romeo@example.net both (Lovers) to balcony, chamber"]
    assert pushes(step) == [("romeo@example.net both (Lovers)", "v:8")]


@rfc6121("2.1.2.5", quote="in a roster set the server MUST ignore")
@in_one_test("state", list(Subscription), ids=lambda state: state.title)
@in_one_test("approved", [True, False], ids=["approved", ""])
def test_an_update_keeps_all_that_is_not_the_clients_to_set(state: Subscription, approved: bool) -> None:
    given = contact(ROMEO, state.title, approved=approved, name="Romeo", groups=("Friends",))
    juliet = account(JULIET, [given], connected=("balcony",))
    before = juliet.roster.contacts[ROMEO]

    juliet = after(reduce(juliet, roster_set(item(ROMEO, "Lovers", name="R", ask="no", approved="0"), by="balcony")))

    now = juliet.roster.contacts[ROMEO]
    assert now == contact(
        ROMEO, state.title, approved=approved, name="R", groups=("Lovers",), request=before.request, version=8
    )
    assert tuple(juliet.roster.pending) == ((ROMEO,) if state.pending_in else ())


@rfc6121("2.4.1", quote="the item MUST be updated exactly as provided in the roster set")
def test_an_update_of_one_item_leaves_the_others_alone() -> None:
    juliet = account(JULIET, {ROMEO: "Both", "nurse@example.com": "From"}, connected=("balcony",))

    after_ = after(reduce(juliet, roster_set(item(ROMEO, name="R"), by="balcony")))

    assert after_.roster.contacts["nurse@example.com"] is juliet.roster.contacts["nurse@example.com"]
