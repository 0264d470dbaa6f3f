"""Presence of contacts, of the user's other resources and of strangers (RFC 6121 §4.2.4, §4.4.4, §4.5.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.presence_stage import LOVER, available, gone, names
from tests.client.stage import (
    BALCONY,
    BOTH_FEATURES,
    GARDEN,
    JULIET,
    ORCHARD,
    ROMEO,
    Scene,
    changed_nothing,
    elements,
    is_silent,
    presence,
    roster_of,
    rules_of,
    sent,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    ClientPolicy,
    GetRoster,
    Item,
    SessionEnded,
    SetPresence,
    notifications,
)
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.rules import client_presence as rules
from xmpp_im_core.stanza import Condition, ErrorType
from xmpp_im_core.subscription import Subscription


def bounced(jid: str) -> str:
    return (
        f"<presence from='{jid}' type='error'><error type='cancel'>"
        "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    )


# --- contacts (§4.2.4, §4.4.4, §4.5.4) ----------------------------------------------------------------------


def test_presence_without_type_means_available_and_other_presence_of_the_resource_is_a_change() -> None:
    scene = Scene(roster_of(LOVER))
    first, second = available(ORCHARD.full), available(ORCHARD.full, 5)

    assert told(scene.server(first)) == [notifications.Available(ORCHARD, presence(first))]
    assert told(scene.server(second)) == [notifications.PresenceChanged(ORCHARD, presence(first), presence(second))]


def test_unavailable_presence_is_about_that_resource_alone() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(available(ORCHARD.full), available(GARDEN.full))

    step = scene.server(gone(ORCHARD.full))

    assert told(step) == [notifications.Unavailable(ORCHARD, presence(gone(ORCHARD.full)))]
    assert names(scene) == ["garden"]


def test_unavailable_from_the_bare_jid_clears_all_resources() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(available(ORCHARD.full), available(GARDEN.full, 3))

    step = scene.server(gone(ROMEO.full))

    assert names(scene) == []
    assert [each.jid for each in told(step) if isinstance(each, notifications.Unavailable)] == [GARDEN, ORCHARD]


def test_unavailable_from_the_bare_jid_of_nobody_known_is_told_once() -> None:
    scene = Scene(roster_of(LOVER))

    assert told(scene.server(gone(ROMEO.full))) == [notifications.Unavailable(ROMEO, presence(gone(ROMEO.full)))]


@pytest.mark.parametrize(("from_", "left"), [(ORCHARD.full, ["garden"]), (ROMEO.full, [])])
def test_error_presence_means_gone_and_is_not_answered(from_: str, left: list[str]) -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(available(ORCHARD.full), available(GARDEN.full))

    step = scene.server(bounced(from_))

    assert sent(step) == []
    assert isinstance(told(step)[0], notifications.PresenceFailed)
    assert names(scene) == left


NOBODY_THERE = {
    Condition.GONE,
    Condition.ITEM_NOT_FOUND,
    Condition.RECIPIENT_UNAVAILABLE,
    Condition.REMOTE_SERVER_NOT_FOUND,
    Condition.REMOTE_SERVER_TIMEOUT,
}


def error_of(jid: JID, condition: Condition, type: ErrorType, id: str) -> str:
    return (
        f"<presence from='{jid}' type='error' id='{id}'><error type='{type.value}'>"
        f"<{condition.value} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    )


@in_one_test("type", ErrorType)
@in_one_test("condition", Condition)
@in_one_test("sender", [ROMEO, ORCHARD])
def test_only_an_error_that_says_that_nobody_is_there_is_news_of_the_other(
    sender: JID, condition: Condition, type: ErrorType
) -> None:
    """The other conditions say why this client's own presence was not accepted (RFC 6120 §8.3.3)."""
    scene = Scene(roster_of(LOVER))
    scene.take(SetPresence(*scene.stamp()))
    scene.server(available(ORCHARD.full), available(GARDEN.full))
    hidden = condition is Condition.SERVICE_UNAVAILABLE and type is not ErrorType.WAIT

    step = scene.server(error_of(sender, condition, type, "s1-presence"))

    gone_now = {ROMEO: set(), ORCHARD: {"garden"}}[sender] if condition in NOBODY_THERE or hidden else None
    assert set(names(scene)) == ({"orchard", "garden"} if gone_now is None else gone_now)
    assert len(told(step)) == 1 + 2 - len(names(scene))
    assert sent(step) == []


@in_one_test("type", ["subscribe", "unsubscribe", "subscribed", "unsubscribed"])
def test_an_error_that_answers_a_subscription_stanza_is_no_news_of_anybodys_presence(type: str) -> None:
    scene = Scene(roster_of(Item(ROMEO.full, Subscription.NONE)), features=BOTH_FEATURES)
    scene.server(available(ORCHARD.full))
    scene.hands_over(f"<presence to='{ROMEO}' type='{type}' id='a'/>")
    scene.server(available(ORCHARD.full))

    (notification,) = told(scene.server(error_of(ROMEO, Condition.ITEM_NOT_FOUND, ErrorType.CANCEL, "a")))

    assert isinstance(notification, notifications.PresenceFailed)
    assert notification.sent == presence(f"<presence to='{ROMEO}' type='{type}' id='a'/>")
    assert names(scene) == ["orchard"]


@in_one_test(
    ("sender", "id", "matched"),
    [(ROMEO, "b", True), (ORCHARD, "b", True), (ORCHARD, "d", True), (GARDEN, "d", False), (ORCHARD, "x", False)],
)
def test_an_error_is_matched_to_the_presence_that_it_answers(sender: JID, id: str, matched: bool) -> None:
    scene = Scene(roster_of(LOVER))
    scene.hands_over("<presence id='b'/>")
    scene.hands_over(f"<presence to='{ORCHARD}' id='d'/>")

    (notification,) = told(scene.server(error_of(sender, Condition.FORBIDDEN, ErrorType.AUTH, id)))

    assert isinstance(notification, notifications.PresenceFailed)
    assert (notification.sent is not None and notification.sent.id) == (id if matched else False)


def test_only_so_much_presence_is_remembered_and_none_of_an_earlier_session() -> None:
    scene = Scene(policy=ClientPolicy(sent_messages=2))
    for id in "abc":
        scene.hands_over(f"<presence id='{id}'/>")
    kept = [each.id for each in scene.client.sent_presences]
    scene.take(SessionEnded(*scene.stamp()))

    assert kept == ["b", "c"]
    assert scene.client.sent_presences == ()


def test_an_error_without_an_error_says_nothing_of_the_other() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(available(ORCHARD.full))

    step = scene.server(f"<presence from='{ROMEO}' type='error'/>")

    assert rules_of(step) == [rules.OWN_PRESENCE_FAILED]
    assert names(scene) == ["orchard"]


def test_an_error_about_own_presence_keeps_a_chat_session_locked() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(available(ORCHARD.full), f"<message from='{ORCHARD}' type='chat'><body>Ay</body></message>")
    scene.server(error_of(ORCHARD, Condition.RESOURCE_CONSTRAINT, ErrorType.WAIT, "s1-presence"))

    assert scene.client.chats[ROMEO.full].locked == ORCHARD


def test_an_error_from_nobody_known_is_told_and_changes_nothing() -> None:
    scene = Scene(roster_of(LOVER))
    before = scene.client

    step = scene.server(bounced(ORCHARD.full))

    assert [type(each) for each in told(step)] == [notifications.PresenceFailed]
    assert changed_nothing(before, step)


def test_the_best_resource_has_the_highest_priority_and_of_several_is_the_latest() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(
        available(f"{ROMEO}/a", 5), available(f"{ROMEO}/b", 5), available(f"{ROMEO}/c"), available(f"{ROMEO}/d", -1)
    )

    assert names(scene) == ["b", "a", "c", "d"]
    scene.server(gone(f"{ROMEO}/b"))
    assert names(scene) == ["a", "c", "d"]
    scene.server(available(f"{ROMEO}/c", 5))
    assert scene.client.best(ROMEO.bare) is not None
    assert names(scene)[0] == "c"


@in_one_test("priority", ["<priority/>", "<priority>128</priority>", "<priority>x</priority>", ""])
def test_a_missing_or_malformed_priority_is_zero(priority: str) -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(available(GARDEN.full, 1), f"<presence from='{ORCHARD}'>{priority}</presence>")

    assert [(r.name, r.presence.priority) for r in scene.client.resources(ROMEO.bare)] == [
        ("garden", 1),
        ("orchard", 0),
    ]


def test_an_entity_may_speak_from_its_bare_jid() -> None:
    scene = Scene(roster_of(Item("icq.example", Subscription.BOTH)))
    scene.server(available("icq.example"))

    assert names(scene, "icq.example") == [""]
    step = scene.server(gone("icq.example"))
    assert told(step) == [notifications.Unavailable(parse_jid("icq.example"), presence(gone("icq.example")))]


def test_an_unknown_type_is_a_bad_request() -> None:
    scene = Scene()
    before = scene.client

    step = scene.server(f"<presence from='{ORCHARD}' type='available' id='a'/>")

    assert sent(step) == elements(
        f"<presence to='{ORCHARD}' type='error' id='a'><error type='modify'>"
        "<bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    )
    assert changed_nothing(before, step)


def test_what_answers_presence_of_an_unknown_type_without_a_sender_is_no_broadcast() -> None:
    step = Scene().server("<presence type='available' id='a'/>")

    assert sent(step) == elements(
        f"<presence to='{JULIET}' type='error' id='a'><error type='modify'>"
        "<bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    )


@pytest.mark.parametrize("from_", ["", f"from='{JULIET}'"])
def test_presence_that_the_server_refuses_says_nothing_of_the_users_other_resources(from_: str) -> None:
    scene = Scene()
    scene.server(available("juliet@capulet.example/chamber"))
    before = scene.client

    step = scene.server(f"<presence {from_} type='error'/>")

    assert told(step) == [notifications.PresenceFailed(JULIET, None)]
    assert changed_nothing(before, step)


def test_a_probe_is_left_to_the_server() -> None:
    assert is_silent(Scene().server(f"<presence from='{ROMEO}' type='probe'/>"), rules.PROBE_LEFT_TO_SERVER)


# --- the user's own resources -------------------------------------------------------------------------------


def test_the_users_other_resources_are_known_besides_this_one() -> None:
    scene = Scene()
    scene.server(available(BALCONY.full), available("juliet@capulet.example/chamber", 2))

    assert names(scene, JULIET.bare) == ["chamber", "balcony"]
    assert [resource.name for resource in scene.client.other_resources()] == ["chamber"]


@pytest.mark.parametrize("from_", ["", "from='juliet@capulet.example'"])
def test_the_account_itself_is_no_resource_and_no_contact(from_: str) -> None:
    scene = Scene()
    before = scene.client

    step = scene.server(f"<presence {from_}/>")

    assert is_silent(step, rules.OWN_ACCOUNT_HAS_NO_PRESENCE)
    assert changed_nothing(before, step)


# --- strangers ----------------------------------------------------------------------------------------------


def test_the_stranger_silent_for_longest_is_forgotten_beyond_the_limit() -> None:
    scene = Scene(roster_of(LOVER), policy=ClientPolicy(strangers=2))
    scene.server(available(ORCHARD.full))
    scene.server(*[available(f"spam{n}@evil.example/x") for n in (1, 2)], available("spam1@evil.example/x"))

    step = scene.server(available("spam3@evil.example/x"))

    assert list(scene.client.strangers) == ["spam1@evil.example", "spam3@evil.example"]
    assert notifications.Unavailable(parse_jid("spam2@evil.example/x")) in told(step)
    assert names(scene) == ["orchard"]


def test_an_unavailable_one_of_too_many_resources_is_forgotten_first() -> None:
    scene = Scene(roster_of(LOVER), policy=ClientPolicy(resources=2))
    scene.server(available(f"{ROMEO}/a"), available(f"{ROMEO}/b"), gone(f"{ROMEO}/b"))

    scene.server(available(f"{ROMEO}/c"))
    assert names(scene) == ["c", "a"]
    step = scene.server(available(f"{ROMEO}/d"))
    assert names(scene) == ["d", "c"]
    assert notifications.Unavailable(parse_jid(f"{ROMEO}/a")) in told(step)


def test_a_stranger_has_fewer_remembered_resources_than_a_contact() -> None:
    scene = Scene(roster_of(LOVER), policy=ClientPolicy(strangers_resources=2))
    scene.server(*[available(f"{jid}/{name}") for jid in (ROMEO, "spam@evil.example") for name in "abc"])

    assert names(scene) == ["c", "b", "a"]
    assert names(scene, "spam@evil.example") == ["c", "b"]


def test_a_contact_that_becomes_a_stranger_keeps_as_few_resources_as_a_stranger() -> None:
    scene = Scene(roster_of(Item(ROMEO.full)), policy=ClientPolicy(strangers_resources=2))
    scene.server(*[available(f"{ROMEO}/{name}") for name in "abc"])
    scene.server(
        "<iq type='set' id='p'><query xmlns='jabber:iq:roster'>"
        "<item jid='romeo@montague.example' subscription='remove'/></query></iq>"
    )

    step = scene.server(available(f"{ROMEO}/d"))

    assert names(scene) == ["d", "c"]
    assert [each for each in told(step) if isinstance(each, notifications.Unavailable)] == [
        notifications.Unavailable(parse_jid(f"{ROMEO}/{name}")) for name in "ab"
    ]


def test_no_stranger_is_forgotten_before_the_roster_comes() -> None:
    scene = Scene(policy=ClientPolicy(strangers=0))
    scene.take(GetRoster(*scene.stamp()))
    scene.server(available(ORCHARD.full), available("spam@evil.example/x"))
    assert names(scene) == ["orchard"]

    scene.server(
        "<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster'>"
        "<item jid='romeo@montague.example' subscription='both'/></query></iq>"
    )

    assert names(scene) == ["orchard"]
    assert names(scene, "spam@evil.example") == []


def test_an_entity_that_the_user_has_sent_presence_is_not_a_stranger() -> None:
    scene = Scene(roster_of(), policy=ClientPolicy(strangers=1))
    scene.take(SetPresence(*scene.stamp(), to=parse_jid("hall@muc.example/Juliet")))
    scene.server(*[available(f"hall@muc.example/{n}") for n in range(5)], available("spam@evil.example/x"))

    assert len(names(scene, "hall@muc.example")) == 5
    assert list(scene.client.strangers) == ["spam@evil.example"]


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["", "unavailable", "error"])), max_size=40))
def test_what_is_kept_of_strangers_is_bounded_for_every_input(heard: list[tuple[int, str]]) -> None:
    scene = Scene(roster_of(LOVER), policy=ClientPolicy(strangers=3, resources=2))
    scene.server(available(ORCHARD.full))

    for number, type in heard:
        kind = f"type='{type}'" if type else ""
        scene.server(f"<presence from='spam{number % 5}@evil.example/{number}' {kind}/>")

    assert set(scene.client.presences) - {ROMEO.bare} == set(scene.client.strangers)
    assert len(scene.client.strangers) <= 3
    assert all(len(each.resources) <= 2 for each in scene.client.presences.values())
    assert names(scene) == ["orchard"]
