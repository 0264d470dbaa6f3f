"""Chat sessions: the resource that they lock in on, and presence in them (RFC 6121 §5.1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.client.messages_stage import LOVER, chat_from, says
from tests.client.stage import (
    BALCONY,
    GARDEN,
    NURSE,
    ORCHARD,
    ROMEO,
    Scene,
    as_stanza,
    elements,
    is_silent,
    roster_of,
    rules_of,
    sent,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    Bound,
    ChatPresence,
    ClientPolicy,
    EndChat,
    GoUnavailable,
    Item,
    SendMessage,
    SessionBound,
    SetPresence,
    Show,
    Text,
    Thread,
)
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.subscription import Subscription

# --- chat sessions (§5.1) -----------------------------------------------------------------------------------


def test_the_first_message_goes_to_the_bare_jid_with_a_thread_whatever_resources_are_known() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(f"<presence from='{ORCHARD}'/>", f"<presence from='{GARDEN}'/>")

    step = scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("Art thou not Romeo?"),)))

    assert sent(step) == elements(
        "<message to='romeo@montague.example' type='chat' id='s3-message'>"
        "<body>Art thou not Romeo?</body><thread>s3-thread</thread></message>"
    )
    assert rules_of(step) == [rules.CHAT_STARTED]


def test_all_messages_go_to_the_bare_jid_in_one_thread_until_a_reply() -> None:
    scene = Scene(roster_of(LOVER))
    says(scene, "one")

    second = says(scene, "two")

    assert second.to_jid == ROMEO
    assert second.payload.first("thread") == says(scene, "three").payload.first("thread")


def test_a_reply_locks_in_on_its_full_jid() -> None:
    scene = Scene(roster_of(LOVER))
    says(scene, "one")
    scene.server(chat_from(ORCHARD))

    step = scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("two"),)))

    assert as_stanza(step).to_jid == ORCHARD
    assert rules_of(step) == [rules.CHAT_LOCKED_IN]


UNLOCKING = {
    "presence of the locked resource": f"<presence from='{ORCHARD}'/>",
    "its unavailable presence": f"<presence from='{ORCHARD}' type='unavailable'/>",
    "unavailable presence of all": f"<presence from='{ROMEO}' type='unavailable'/>",
    "presence of another resource": f"<presence from='{GARDEN}'/>",
    "a chat message of another resource": chat_from(GARDEN),
    "another message of another resource": f"<message from='{GARDEN}' type='headline'/>",
}


@in_one_test("xml", UNLOCKING.values(), ids=UNLOCKING.keys())
def test_the_lock_ends_with(xml: str) -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD))
    assert says(scene, "one").to_jid == ORCHARD

    scene.server(xml)

    assert says(scene, "two").to_jid == ROMEO


KEEPING = {
    "a message of the locked resource": f"<message from='{ORCHARD}'/>",
    "its chat message": chat_from(ORCHARD),
    "presence of somebody else": f"<presence from='{NURSE}/kitchen'/>",
    "a carbon": (
        "<message from='juliet@capulet.example'><received xmlns='urn:xmpp:carbons:2'>"
        f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{GARDEN}' type='chat'/>"
        "</forwarded></received></message>"
    ),
}


@in_one_test("xml", KEEPING.values(), ids=KEEPING.keys())
def test_the_lock_does_not_end_with(xml: str) -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD), xml)

    assert says(scene, "two").to_jid == ORCHARD


def test_after_unlocking_the_next_message_from_a_full_jid_locks_again() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD), chat_from(GARDEN), chat_from(GARDEN))

    assert says(scene, "two").to_jid == GARDEN


def test_the_received_thread_is_kept_for_the_life_of_the_session() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD, "t1"))

    assert says(scene, "one").payload.first("thread") == says(scene, "two").payload.first("thread")
    assert scene.client.chats[ROMEO.bare].thread == "t1"


def test_two_sessions_have_two_threads_and_a_host_may_choose_its_own() -> None:
    scene = Scene(roster_of(LOVER))
    first = says(scene, "one").payload.first("thread")
    other = says(scene, "one", NURSE).payload.first("thread")
    scene.take(EndChat(*scene.stamp(), ROMEO))
    chosen = scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("x"),), thread=Thread("uuid", "parent")))

    thread = as_stanza(chosen).payload.first("thread")
    assert first != other
    assert thread is not None
    assert (thread.text, thread.get("parent")) == ("uuid", "parent")


def test_the_longest_idle_of_too_many_chat_sessions_is_forgotten() -> None:
    scene = Scene(roster_of(LOVER), policy=ClientPolicy(chats=1))
    says(scene, "one", NURSE)
    says(scene, "one")

    assert list(scene.client.chats) == [ROMEO.bare]


# --- presence in chat sessions (§5.1) -----------------------------------------------------------------------


def chatting(policy: ClientPolicy, *items: Item) -> Scene:
    scene = Scene(roster_of(*items), policy=policy)
    scene.take(SetPresence(*scene.stamp(), Show.CHAT))
    return scene


def test_presence_is_shared_once_with_a_stranger_and_ended_with_the_session() -> None:
    scene = chatting(ClientPolicy())
    scene.server(chat_from(ORCHARD))

    step = scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("one"),)))

    assert sent(step)[0] == elements(f"<presence to='{ORCHARD}' id='s1-presence'><show>chat</show></presence>")[0]
    assert step.state.directed == (ORCHARD.full,)
    assert [effect.name for effect in sent(scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("two"),))))] == [
        "message"
    ]
    ended = scene.take(EndChat(*scene.stamp(), ROMEO))
    assert sent(ended) == elements(f"<presence to='{ORCHARD}' type='unavailable' id='s5-presence'/>")
    assert ended.state.directed == ()


@in_one_test(
    ("policy", "items"),
    [
        (ClientPolicy(chat_presence=ChatPresence.NOBODY), ()),
        (ClientPolicy(chat_presence=ChatPresence.LISTED), ()),
        (ClientPolicy(chat_presence=ChatPresence.LISTED, share_presence_with=frozenset({NURSE.bare})), ()),
        (ClientPolicy(), (LOVER,)),
        (ClientPolicy(), (Item(ROMEO.full, Subscription.FROM),)),
    ],
)
def test_presence_is_not_shared_against_the_users_will_or_where_a_subscription_does(
    policy: ClientPolicy, items: tuple[Item, ...]
) -> None:
    scene = chatting(policy, *items)

    assert says(scene, "one").to_jid == ROMEO
    assert is_silent(scene.take(EndChat(*scene.stamp(), ROMEO)), rules.CHAT_ENDED)


def test_presence_is_shared_with_whom_the_user_lists() -> None:
    scene = chatting(ClientPolicy(chat_presence=ChatPresence.LISTED, share_presence_with=frozenset({ROMEO.bare})))

    step = scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("one"),)))

    assert [effect.name for effect in sent(step)] == ["presence", "message"]


def test_a_user_who_is_not_available_shares_nothing() -> None:
    assert says(Scene(), "one").to_jid == ROMEO


FAREWELL = f"<presence to='{ORCHARD}' type='unavailable' id='s{{}}-presence'/>"


def sharing(policy: ClientPolicy = ClientPolicy()) -> Scene:  # noqa: B008  # a frozen value
    """Juliet is available, and has answered Romeo, who is no contact of hers."""
    scene = chatting(policy)
    scene.server(chat_from(ORCHARD))
    scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("one"),)))
    assert scene.client.directed == (ORCHARD.full,)
    return scene


def test_a_chat_session_replaced_by_the_users_next_one_is_over_for_the_other_side_too() -> None:
    scene = sharing(ClientPolicy(chats=1))

    step = scene.take(SendMessage(*scene.stamp(), NURSE, (Text("Nurse?"),)))

    assert sent(step) == elements(
        f"<presence to='{NURSE}' id='s1-presence'><show>chat</show></presence>",
        f"<message to='{NURSE}' type='chat' id='s4-message'><body>Nurse?</body><thread>s4-thread</thread></message>",
        FAREWELL.format(4),
    )
    assert rules_of(step) == [rules.CHAT_PRESENCE_SHARED, rules.CHAT_STARTED, rules.CHAT_PRESENCE_ENDED]
    assert step.state.directed == (NURSE.full,)


def test_a_chat_session_replaced_by_another_contacts_is_over_for_the_other_side_too() -> None:
    scene = sharing(ClientPolicy(chats=1))

    step = scene.server(chat_from(NURSE))

    assert sent(step) == elements(FAREWELL.format(4))
    assert (step.state.directed, list(step.state.chats)) == ((), [NURSE.bare])


def test_a_chat_session_that_shared_no_presence_is_dropped_silently() -> None:
    scene = sharing(ClientPolicy(chats=1))
    scene.take(GoUnavailable(*scene.stamp(), to=ORCHARD))

    assert sent(scene.server(chat_from(NURSE))) == []


def test_only_what_is_said_counts_as_activity_and_a_new_session_with_the_server_changes_nothing() -> None:
    scene = Scene(roster_of(LOVER), policy=ClientPolicy(chats=2))
    says(scene, "one")
    says(scene, "one", NURSE)
    scene.server(f"<presence from='{ORCHARD}'/>", f"<message from='{GARDEN}' type='headline'/>")
    scene.take(SessionBound(*scene.stamp(), Bound(BALCONY)))

    scene.server(chat_from(parse_jid("mercutio@verona.example/x")))

    assert list(scene.client.idle) == [NURSE.bare, "mercutio@verona.example"]
    assert sorted(scene.client.chats) == ["mercutio@verona.example", NURSE.bare]


def juliet_leaves_and_returns(scene: Scene) -> None:
    scene.take(GoUnavailable(*scene.stamp()))
    scene.take(SetPresence(*scene.stamp()))


def romeo_leaves(scene: Scene) -> None:
    scene.server(f"<presence from='{ORCHARD}' type='unavailable'/>")


@pytest.mark.parametrize("what_ends", [juliet_leaves_and_returns, romeo_leaves])
def test_presence_is_shared_again_after_the_shared_presence_is_void(what_ends: Callable[[Scene], None]) -> None:
    scene = sharing()
    what_ends(scene)
    assert scene.client.directed == ()

    assert [each.name for each in sent(scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("two"),))))] == [
        "presence",
        "message",
    ]
    ended = scene.take(EndChat(*scene.stamp(), ROMEO))
    assert rules_of(ended) == [rules.CHAT_PRESENCE_ENDED]


def test_presence_that_the_user_has_withdrawn_is_not_shared_again_in_that_session() -> None:
    scene = sharing()
    scene.take(GoUnavailable(*scene.stamp(), to=ORCHARD))

    assert [each.name for each in sent(scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("two"),))))] == ["message"]
    assert is_silent(scene.take(EndChat(*scene.stamp(), ROMEO)), rules.CHAT_ENDED)
