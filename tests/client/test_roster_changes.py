"""Roster pushes, and the changes that the user wants (RFC 6121 §2.1.5, §2.1.6, §2.3, §2.4, §2.5)."""

from __future__ import annotations

import pytest

from tests.client.stage import (
    BALCONY,
    BOTH_FEATURES,
    NURSE,
    ROMEO,
    Scene,
    changed_nothing,
    elements,
    is_silent,
    roster_of,
    rules_of,
    sent,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    AccountSender,
    ClientPolicy,
    GetRoster,
    GiveUp,
    Item,
    ItemChange,
    RemoveItem,
    SetItem,
    Transition,
    UnauthorizedPush,
    notifications,
)
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.rules import client as session_rules
from xmpp_im_core.rules import client_roster as rules
from xmpp_im_core.stanza import Condition, stanza_error
from xmpp_im_core.subscription import Subscription

LOVER = Item(ROMEO.full, Subscription.BOTH, "Romeo", ("Lovers",))


def push(*items: str, from_: str | None = None, ver: str | None = None) -> str:
    sender = "" if from_ is None else f"from='{from_}'"
    version = "" if ver is None else f"ver='{ver}'"
    return f"<iq type='set' id='p1' {sender}><query xmlns='jabber:iq:roster' {version}>{''.join(items)}</query></iq>"


ROMEOS_ITEM = "<item jid='romeo@montague.example' subscription='to'/>"

# --- who may push (§2.1.6) ----------------------------------------------------------------------------------


@pytest.mark.parametrize("from_", [None, "juliet@capulet.example", "Juliet@CAPULET.example."])
def test_a_push_of_the_account_is_applied_told_and_acknowledged(from_: str | None) -> None:
    scene = Scene(roster_of(ver="v1"))

    step = scene.server(push(ROMEOS_ITEM, from_=from_, ver="v2"))

    to = "" if from_ is None else f"to='{from_}'"
    assert sent(step) == elements(f"<iq type='result' id='p1' {to}/>")
    assert told(step) == [notifications.ItemAdded(Item(ROMEO.full, Subscription.TO))]
    assert step.state.roster == roster_of(Item(ROMEO.full, Subscription.TO), ver="v2")


STRANGERS = [
    "juliet@capulet.example/balcony",
    "juliet@capulet.example/chamber",
    "capulet.example",
    "tybalt@capulet.example",
    "jul\u0456et@capulet.example",  # a Cyrillic letter
    "juliet@capulet.example.evil.example",
    "romeo@montague.example",
    "icq.example",
]


@in_one_test("from_", STRANGERS)
def test_a_push_from_anybody_else_changes_nothing_and_is_not_answered(from_: str) -> None:
    scene = Scene(roster_of(LOVER, ver="v1"))
    before = scene.client

    step = scene.server(push(ROMEOS_ITEM, from_=from_, ver="v2"))

    assert sent(step) == []
    assert told(step) == []
    assert rules_of(step) != []
    assert changed_nothing(before, step)


def test_a_foreign_push_can_be_refused_instead() -> None:
    scene = Scene(policy=ClientPolicy(unauthorized_push=UnauthorizedPush.ERROR))
    before = scene.client

    step = scene.server(push(ROMEOS_ITEM, from_="tybalt@capulet.example"))

    assert sent(step) == elements(
        "<iq type='error' id='p1' to='tybalt@capulet.example'><error type='cancel'>"
        "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
    assert changed_nothing(before, step)


@pytest.mark.parametrize(
    ("from_", "believed"), [(BALCONY.full, True), ("juliet@capulet.example/chamber", False), ("capulet.example", False)]
)
def test_own_full_ok_believes_only_the_full_jid_of_this_resource(from_: str, believed: bool) -> None:
    scene = Scene(policy=ClientPolicy(account_sender=AccountSender.OWN_FULL_OK))

    step = scene.server(push(ROMEOS_ITEM, from_=from_))

    assert (ROMEO.full in step.state.roster.items) is believed


GATEWAY = ClientPolicy(roster_managers=frozenset({"icq.example"}))


def test_a_trusted_gateway_may_push_jids_at_its_own_domain() -> None:
    scene = Scene(roster_of(ver="v1"), policy=GATEWAY)

    step = scene.server(push("<item jid='123@icq.example' subscription='both'/>", from_="icq.example", ver="g1"))

    assert step.state.roster == roster_of(Item("123@icq.example", Subscription.BOTH), ver="v1")
    assert sent(step) == elements("<iq type='result' id='p1' to='icq.example'/>")


@in_one_test(
    ("from_", "item"),
    [
        ("icq.example", ROMEOS_ITEM),
        ("icq.example", "<item jid='123@sub.icq.example'/>"),
        ("admin@icq.example", "<item jid='123@icq.example'/>"),
        ("icq.example/bridge", "<item jid='123@icq.example'/>"),
        ("aim.example", "<item jid='123@aim.example'/>"),
    ],
)
def test_a_gateway_may_touch_nothing_else_and_nobody_else_may(from_: str, item: str) -> None:
    scene = Scene(roster_of(LOVER, ver="v1"), policy=GATEWAY)
    before = scene.client

    step = scene.server(push(item, from_=from_))

    assert is_silent(step, rules.PUSH_IGNORED)
    assert changed_nothing(before, step)


# --- what a push says ---------------------------------------------------------------------------------------


@in_one_test("items", [[], [ROMEOS_ITEM, "<item jid='nurse@capulet.example'/>"], ["<item/>"], ["<item jid=''/>"]])
def test_a_push_without_exactly_one_item_changes_nothing(items: list[str]) -> None:
    scene = Scene(roster_of(LOVER, ver="v1"))
    before = scene.client

    step = scene.server(push(*items, ver="v2"))

    assert sent(step) == elements(
        "<iq type='error' id='p1'><error type='modify'>"
        "<bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
    assert changed_nothing(before, step)


def test_a_removal_removes_the_item() -> None:
    scene = Scene(roster_of(LOVER, ver="v1"))

    step = scene.server(push("<item jid='romeo@montague.example' subscription='remove'/>", ver="v2"))

    assert told(step) == [notifications.ItemRemoved(LOVER)]
    assert step.state.roster == roster_of(ver="v2")


@pytest.mark.parametrize("value", ["foo", "", "REMOVE"])
def test_an_unknown_subscription_leaves_the_stored_one(value: str) -> None:
    scene = Scene(roster_of(LOVER, ver="v1"))

    step = scene.server(push(f"<item jid='romeo@montague.example' subscription='{value}' name='R'/>", ver="v2"))

    assert step.state.roster == roster_of(Item(ROMEO.full, Subscription.BOTH, "R"), ver="v2")


def test_a_push_that_changes_nothing_is_acknowledged_and_not_told() -> None:
    scene = Scene(roster_of(LOVER, ver="v1"))

    step = scene.server(
        push("<item jid='romeo@montague.example' subscription='both' name='Romeo'><group>Lovers</group></item>")
    )

    assert rules_of(step) == [rules.PUSH_ACKNOWLEDGED]


def test_extensions_of_an_item_are_kept() -> None:
    scene = Scene()

    step = scene.server(push("<item jid='room@muc.example'><channel xmlns='urn:xmpp:mix:roster:0'/></item>"))

    (extension,) = step.state.roster.items["room@muc.example"].extensions
    assert (extension.name, extension.namespace) == ("channel", "urn:xmpp:mix:roster:0")


# --- what the user wants ------------------------------------------------------------------------------------


def item_sent(step: Transition) -> str:
    (iq,) = sent(step)
    (query,) = iq.elements
    (item,) = query.elements
    attributes = " ".join(f"{name}={value}" for name, value in item.attributes)
    return f"{attributes} {[group.text for group in item.all('group')]}"


def test_an_item_is_added_by_a_set_of_one_item_before_anything_else_was_sent() -> None:
    scene = Scene()

    step = scene.take(SetItem(*scene.stamp(), NURSE, "Nurse", ("Servants",)))

    assert sent(step) == elements(
        "<iq type='set' id='s1-set'><query xmlns='jabber:iq:roster'>"
        "<item jid='nurse@capulet.example' name='Nurse'><group>Servants</group></item></query></iq>"
    )
    assert step.state.roster == Scene().client.roster


def test_a_rename_keeps_the_groups_and_never_echoes_what_is_not_the_clients_to_set() -> None:
    asked = Item(ROMEO.full, Subscription.NONE_OUT, "Romeo", ("Lovers", "Montagues"), approved=True)
    scene = Scene(roster_of(asked))

    step = scene.take(SetItem(*scene.stamp(), ROMEO, name="R."))

    assert item_sent(step) == "jid=romeo@montague.example name=R. ['Lovers', 'Montagues']"


def test_other_groups_keep_the_name_and_no_group_is_no_element() -> None:
    scene = Scene(roster_of(LOVER))

    assert item_sent(scene.take(SetItem(*scene.stamp(), ROMEO, groups=()))) == (
        "jid=romeo@montague.example name=Romeo []"
    )


def test_a_rename_right_after_a_regrouping_keeps_the_new_groups() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetItem(*scene.stamp(), ROMEO, groups=("Banished",)))

    step = scene.take(SetItem(*scene.stamp(), ROMEO, name="R."))

    assert item_sent(step) == "jid=romeo@montague.example name=R. ['Banished']"


def test_a_rename_between_result_and_push_keeps_the_new_groups() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetItem(*scene.stamp(), ROMEO, groups=("Banished",)))
    scene.server("<iq type='result' id='s1-set'/>")

    assert item_sent(scene.take(SetItem(*scene.stamp(), ROMEO, name="R."))) == (
        "jid=romeo@montague.example name=R. ['Banished']"
    )


def test_the_push_is_what_the_next_change_starts_from() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetItem(*scene.stamp(), ROMEO, groups=("Banished",)))
    scene.server(
        "<iq type='result' id='s1-set'/>",
        push("<item jid='romeo@montague.example' subscription='both' name='Romeo'><group>Exiles</group></item>"),
    )

    assert item_sent(scene.take(SetItem(*scene.stamp(), ROMEO, name="R."))) == (
        "jid=romeo@montague.example name=R. ['Exiles']"
    )


def test_a_refused_change_is_told_and_forgotten() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetItem(*scene.stamp(), ROMEO, groups=("Banished",)))

    step = scene.server(
        "<iq type='error' id='s1-set'><error type='modify'>"
        "<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )

    wanted = ItemChange(ROMEO.full, "Romeo", ("Banished",))
    assert told(step) == [notifications.RosterFailed(stanza_error(Condition.NOT_ACCEPTABLE), wanted)]
    assert item_sent(scene.take(SetItem(*scene.stamp(), ROMEO, name="R."))) == (
        "jid=romeo@montague.example name=R. ['Lovers']"
    )


def test_a_change_that_was_given_up_on_is_told_and_forgotten() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetItem(*scene.stamp(), ROMEO, groups=("Banished",)))

    step = scene.take(GiveUp(*scene.stamp(), "s1-set"))

    (unanswered,) = told(step)
    assert isinstance(unanswered, notifications.Unanswered)
    assert unanswered.question.change == ItemChange(ROMEO.full, "Romeo", ("Banished",))
    assert item_sent(scene.take(SetItem(*scene.stamp(), ROMEO, name="R."))) == (
        "jid=romeo@montague.example name=R. ['Lovers']"
    )


def test_a_set_that_was_accepted_is_told() -> None:
    scene = Scene()
    scene.take(SetItem(*scene.stamp(), NURSE))

    assert told(scene.server("<iq type='result' id='s1-set'/>")) == [
        notifications.RosterSetAccepted(ItemChange(NURSE.full))
    ]


@pytest.mark.parametrize("groups", [("",), ("A", "A")])
def test_groups_that_no_server_takes_are_not_sent(groups: tuple[str, ...]) -> None:
    scene = Scene()

    step = scene.take(SetItem(*scene.stamp(), ROMEO, groups=groups))

    assert told(step) == [notifications.OrderRefused(None)]
    assert rules_of(step) == [rules.SET_WITH_BAD_GROUPS]


def test_an_item_is_removed_by_its_bare_jid_at_any_time() -> None:
    scene = Scene()

    step = scene.take(RemoveItem(*scene.stamp(), parse_jid("romeo@montague.example/orchard")))

    assert sent(step) == elements(
        "<iq type='set' id='s1-remove'><query xmlns='jabber:iq:roster'>"
        "<item jid='romeo@montague.example' subscription='remove'/></query></iq>"
    )


def test_an_item_with_a_full_jid_can_be_removed_as_what_it_is() -> None:
    ugly = parse_jid("room@muc.example/Nick")
    scene = Scene(roster_of(Item(ugly.full)))

    assert item_sent(scene.take(RemoveItem(*scene.stamp(), ugly))) == (
        "jid=room@muc.example/Nick subscription=remove []"
    )


def test_what_is_pushed_while_the_roster_is_asked_for_overrules_its_result() -> None:
    scene = Scene(roster_of(ver="v1"), BOTH_FEATURES)
    scene.take(GetRoster(*scene.stamp()))
    scene.server(push("<item jid='nurse@capulet.example' subscription='remove'/>", ver="v3"))

    step = scene.server(
        "<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster' ver='v2'>"
        "<item jid='nurse@capulet.example'/></query></iq>"
    )

    assert step.state.roster == roster_of(ver="v3")


def test_a_push_of_something_else_does_not_undo_a_change_that_is_under_way() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetItem(*scene.stamp(), ROMEO, groups=("Banished",)))
    scene.server(push("<item jid='romeo@montague.example' subscription='both' name='Romeo' approved='true'/>"))

    assert item_sent(scene.take(SetItem(*scene.stamp(), ROMEO, name="R."))) == (
        "jid=romeo@montague.example name=R. ['Banished']"
    )


def test_the_refusal_of_an_older_change_leaves_the_newer_one() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetItem(*scene.stamp(), ROMEO, groups=("A",)))
    scene.take(SetItem(*scene.stamp(), ROMEO, groups=("B",)))
    scene.server("<iq type='error' id='s1-set'><error type='wait'/></iq>")

    assert item_sent(scene.take(SetItem(*scene.stamp(), ROMEO, name="R."))) == (
        "jid=romeo@montague.example name=R. ['B']"
    )


def test_a_roster_result_is_newer_than_any_change_that_was_accepted() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetItem(*scene.stamp(), ROMEO, groups=("Banished",)))
    scene.server("<iq type='result' id='s1-set'/>")
    scene.take(GetRoster(*scene.stamp()))
    scene.server(
        "<iq type='result' id='s3-roster'><query xmlns='jabber:iq:roster'>"
        "<item jid='romeo@montague.example' subscription='both' name='Romeo'><group>Exiles</group></item></query></iq>"
    )

    assert item_sent(scene.take(SetItem(*scene.stamp(), ROMEO, name="R."))) == (
        "jid=romeo@montague.example name=R. ['Exiles']"
    )


def test_a_roster_iq_too_many_is_not_sent_and_leaves_nothing_behind() -> None:
    scene = Scene(policy=ClientPolicy(questions=1))
    scene.take(SetItem(*scene.stamp(), NURSE))
    before = scene.client

    for event in (GetRoster(*scene.stamp()), SetItem(*scene.stamp(), ROMEO)):
        step = scene.take(event)
        assert rules_of(step) == [session_rules.TOO_MANY_QUESTIONS]
        assert changed_nothing(before, step)
