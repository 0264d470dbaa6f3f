"""Other messages and replies (RFC 6121 §5.2.1, §5.2.2)."""

from __future__ import annotations

import pytest

from tests.client.messages_stage import LOVER, chat_from, received, says
from tests.client.stage import (
    GARDEN,
    JULIET,
    NOON,
    NURSE,
    ORCHARD,
    ROMEO,
    Scene,
    as_stanza,
    elements,
    is_silent,
    message,
    roster_of,
    rules_of,
    sent,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    ClientPolicy,
    EndChat,
    Item,
    MessageType,
    Reply,
    SendMessage,
    SetPresence,
    Text,
    Thread,
)
from xmpp_im_core.client.notifications import MessageFailed
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.rules import client as session_rules
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import Condition, stanza_error
from xmpp_im_core.subscription import Subscription

# --- other messages and replies (§5.2.1, §5.2.2) ------------------------------------------------------------


@pytest.mark.parametrize("type", [MessageType.NORMAL, MessageType.HEADLINE, MessageType.GROUPCHAT])
def test_a_message_outside_a_chat_session_goes_to_the_bare_jid_with_its_type(type: MessageType) -> None:
    scene = Scene()

    step = scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("Hi"),), type, (Text("S", "en"),)))

    assert sent(step) == elements(
        f"<message to='{ROMEO}' type='{type.value}' id='s1-message'>"
        "<subject xml:lang='en'>S</subject><body>Hi</body></message>"
    )


@in_one_test("type", list(MessageType))
def test_a_message_that_names_a_resource_ignores_the_lock_of_a_chat_session(type: MessageType) -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD))
    locked = scene.client.chats

    step = scene.take(SendMessage(*scene.stamp(), GARDEN, (Text("For thine ear alone"),), type))

    assert as_stanza(step).to_jid == GARDEN
    assert rules_of(step) == [rules.MESSAGE_TO_RESOURCE]
    assert scene.client.chats == locked, "the session with Romeo goes on as it was"


@pytest.mark.parametrize("type", ["chat", "normal", "headline"])
def test_a_reply_keeps_type_and_thread_and_goes_to_the_full_jid(type: str) -> None:
    scene = Scene(roster_of(LOVER))
    got = received(scene, f"<message from='{ORCHARD}' type='{type}'><thread>t</thread></message>").message

    step = scene.take(Reply(*scene.stamp(), got, (Text("Ay me!"),)))

    assert sent(step) == elements(
        f"<message to='{ORCHARD}' type='{type}' id='s2-message'><body>Ay me!</body><thread>t</thread></message>"
    )


def test_a_reply_repeats_the_thread_with_its_parent() -> None:
    scene = Scene(roster_of(LOVER))
    got = received(scene, f"<message from='{ORCHARD}' type='chat'><thread parent='p'>t</thread></message>").message

    step = scene.take(Reply(*scene.stamp(), got))

    assert sent(step) == elements(
        f"<message to='{ORCHARD}' type='chat' id='s2-message'><thread parent='p'>t</thread></message>"
    )


def test_a_reply_to_a_chat_message_without_a_thread_is_in_the_thread_of_its_session() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD, "t1"))
    got = received(scene, chat_from(ORCHARD)).message

    thread = as_stanza(scene.take(Reply(*scene.stamp(), got))).payload.first("thread")

    assert thread is not None
    assert thread.text == "t1"


def test_a_reply_to_another_message_without_a_thread_has_none() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD, "t1"))
    got = received(scene, f"<message from='{ORCHARD}' type='normal'/>").message

    assert as_stanza(scene.take(Reply(*scene.stamp(), got))).payload.first("thread") is None


def test_a_reply_is_not_sent_to_what_is_no_jid() -> None:
    scene = Scene()

    step = scene.take(Reply(*scene.stamp(), message("<message from='@' type='chat'/>")))

    assert rules_of(step) == [session_rules.TO_MALFORMED]
    assert sent(step) == []


def test_a_reply_to_a_message_of_the_account_itself_goes_to_the_account() -> None:
    scene = Scene()

    assert as_stanza(scene.take(Reply(*scene.stamp(), message("<message type='normal'/>")))).to_jid == JULIET


def test_a_thread_has_an_id() -> None:
    with pytest.raises(ValueError, match="id: must not be empty"):
        Thread("")


@in_one_test(
    ("presences", "to"),
    [
        ([f"<presence from='{ORCHARD}'/>"], ORCHARD),
        ([f"<presence from='{ORCHARD}'/>", f"<presence from='{ORCHARD}' type='unavailable'/>"], ROMEO),
        ([f"<presence from='{ROMEO}' type='unavailable'/>"], ROMEO),
        ([f"<presence from='{GARDEN}' type='unavailable'/>"], ORCHARD),
        ([], ORCHARD),
    ],
)
def test_a_reply_goes_to_the_bare_jid_only_where_the_resource_is_known_to_be_gone(
    presences: list[str], to: JID
) -> None:
    scene = Scene(roster_of(LOVER))
    got = received(scene, f"<message from='{ORCHARD}' type='normal'/>").message
    for each in presences:
        scene.server(each)

    assert as_stanza(scene.take(Reply(*scene.stamp(), got))).to_jid == to


STORED = "<delay xmlns='urn:xmpp:delay' from='capulet.example' stamp='2025-12-31T00:00:00Z'/>"
STORED_AS_OF_OLD = "<x xmlns='jabber:x:delay' stamp='20251231T00:00:00'/>"


@in_one_test("stamp", [STORED, STORED_AS_OF_OLD])
@in_one_test(
    ("subscription", "present", "online", "to"),
    [
        (Subscription.BOTH, [GARDEN], True, ROMEO),
        (Subscription.BOTH, [], True, ROMEO),
        (Subscription.TO, [GARDEN], True, ROMEO),
        (Subscription.BOTH, [GARDEN, ORCHARD], True, ORCHARD),
        (Subscription.FROM, [GARDEN], True, ORCHARD),
        (Subscription.NONE, [], True, ORCHARD),
        (Subscription.BOTH, [], False, ORCHARD),
    ],
)
def test_a_reply_to_a_stored_message_goes_to_a_resource_only_if_it_is_there_or_nothing_is_known(
    stamp: str, subscription: Subscription, present: list[JID], online: bool, to: JID
) -> None:
    """ "unless the sender has knowledge (e.g., via presence)" (RFC 6121 §5.2.1)."""
    scene = Scene(roster_of(Item(ROMEO.full, subscription)))
    if online:
        scene.take(SetPresence(*scene.stamp()))
    for each in present:
        scene.server(f"<presence from='{each}'/>")
    stored = message(f"<message from='{ORCHARD}'><body>old</body>{stamp}</message>")

    assert as_stanza(scene.take(Reply(*scene.stamp(), stored, (Text("a"),)))).to_jid == to


def test_a_reply_to_a_message_that_was_not_stored_goes_to_where_it_came_from() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetPresence(*scene.stamp()))
    scene.server(f"<presence from='{GARDEN}'/>")

    step = scene.take(Reply(*scene.stamp(), message(f"<message from='{ORCHARD}'><body>a</body></message>")))

    assert as_stanza(step).to_jid == ORCHARD


@pytest.mark.parametrize("there", [True, False])
def test_a_stored_message_of_another_own_resource_is_answered_where_that_is(there: bool) -> None:
    """The server tells a client which of the user's own resources are available (RFC 6121 §4.2.2)."""
    scene = Scene()
    chamber = JULIET.with_resource("chamber")
    scene.take(SetPresence(*scene.stamp()))
    if there:
        scene.server(f"<presence from='{chamber}'/>")

    step = scene.take(Reply(*scene.stamp(), message(f"<message from='{chamber}'>{STORED}</message>")))

    assert as_stanza(step).to_jid == (chamber if there else JULIET)


@pytest.mark.parametrize(("present", "to"), [(GARDEN, ROMEO), (ORCHARD, ORCHARD)])
def test_a_stored_message_locks_a_session_only_to_a_resource_that_is_there(present: JID, to: JID) -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetPresence(*scene.stamp()))
    scene.server(f"<presence from='{present}'/>", chat_from(ORCHARD).replace("<body>", f"{STORED}<body>"))

    assert says(scene, "a").to_jid == to


def test_an_error_is_not_replied_to() -> None:
    error = message(f"<message from='{ORCHARD}' type='error'/>")

    assert rules_of(Scene().take(Reply(*Scene().stamp(), error))) == [rules.REPLY_TO_ERROR]


# --- errors -------------------------------------------------------------------------------------------------


ERROR = (
    "<message from='{}' type='error' id='{}'><error type='cancel'>"
    "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
)


@in_one_test(
    ("from_", "id", "matches"),
    [
        (ROMEO, "s1-message", True),
        (ORCHARD, "s1-message", True),
        (NURSE, "s1-message", False),
        (ROMEO, "other", False),
    ],
)
def test_an_error_is_matched_by_id_and_recipient_and_never_answered(from_: JID, id: str, matches: bool) -> None:
    scene = Scene(roster_of(LOVER))
    message_sent = says(scene, "one")

    step = scene.server(ERROR.format(from_, id))

    (failed,) = told(step)
    assert isinstance(failed, MessageFailed)
    assert failed.error == stanza_error(Condition.SERVICE_UNAVAILABLE)
    assert failed.sent == (message_sent if matches else None)
    assert sent(step) == []


def test_an_error_from_another_resource_than_the_recipient_is_not_matched() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD))
    says(scene, "one")

    (failed,) = told(scene.server(ERROR.format(GARDEN, "s2-message")))

    assert isinstance(failed, MessageFailed)
    assert failed.sent is None


def test_an_error_of_the_locked_resource_unlocks() -> None:
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD))
    says(scene, "one")
    scene.server(ERROR.format(ORCHARD, "s2-message"))

    assert says(scene, "two").to_jid == ROMEO


def test_an_error_from_the_bare_jid_about_what_was_sent_to_the_locked_resource_unlocks() -> None:
    """If any server returns it, the locked resource was not reached; the next message goes to the bare JID (§5.2.1)."""
    scene = Scene(roster_of(LOVER))
    scene.server(chat_from(ORCHARD))
    says(scene, "one")
    scene.server(ERROR.format(ROMEO, "s2-message"))

    assert says(scene, "two").to_jid == ROMEO


def test_an_error_about_what_was_sent_to_the_bare_jid_keeps_the_lock() -> None:
    scene = Scene(roster_of(LOVER))
    says(scene, "one")
    scene.server(chat_from(ORCHARD), ERROR.format(ORCHARD, "s1-message"))

    assert says(scene, "two").to_jid == ORCHARD


@in_one_test("type", ["chat", "normal"])
@in_one_test("sender", ["juliet@capulet.example/chamber", JULIET.full])
def test_the_answer_to_a_message_that_another_own_resource_has_sent_goes_to_whom_it_was_sent(
    sender: str, type: str
) -> None:
    own = message(f"<message from='{sender}' to='{ORCHARD}' type='{type}'><thread>T1</thread></message>")

    step = Scene(roster_of(LOVER)).take(Reply(NOON, "s", own, "Ay me!"))

    assert sent(step) == elements(
        f"<message to='{ROMEO}' id='s-message' type='{type}'><body>Ay me!</body><thread>T1</thread></message>"
    )


def test_the_answer_to_a_note_to_oneself_goes_to_oneself() -> None:
    note = message(f"<message from='juliet@capulet.example/chamber' to='{JULIET}'><body>Milk</body></message>")

    step = Scene().take(Reply(NOON, "s", note, "Bread"))

    assert as_stanza(step).to_jid == parse_jid("juliet@capulet.example/chamber")


def test_the_end_of_a_chat_session_does_not_hide_the_user_from_who_has_a_subscription_by_now() -> None:
    scene = Scene()
    scene.take(SetPresence(*scene.stamp()))
    scene.take(SendMessage(*scene.stamp(), ROMEO, "one"))
    shared = scene.client.chats[ROMEO.full].shared_with
    scene.server(
        f"<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='{ROMEO}' subscription='from'/></query></iq>"
    )

    step = scene.take(EndChat(*scene.stamp(), ROMEO))

    assert shared == ROMEO
    assert is_silent(step, rules.CHAT_ENDED)


def test_only_so_many_messages_are_remembered() -> None:
    scene = Scene(roster_of(LOVER), policy=ClientPolicy(sent_messages=2))
    for text in ("one", "two", "three"):
        says(scene, text)

    assert [each.id for each in scene.client.sent] == ["s2-message", "s3-message"]
