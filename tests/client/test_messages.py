"""Messages: types, languages, threads, chat sessions, errors and carbons (RFC 6121 §5; XEP-0280)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.client.stage import (
    BALCONY,
    GARDEN,
    JULIET,
    NOON,
    NURSE,
    ORCHARD,
    ROMEO,
    Scene,
    as_stanza,
    changed_nothing,
    elements,
    is_silent,
    message,
    roster_of,
    rules_of,
    sent,
    told,
)
from xmpp_im_core.client import (
    Bound,
    ChatPresence,
    ClientPolicy,
    Content,
    EndChat,
    GoUnavailable,
    Item,
    MessageType,
    Reply,
    SendMessage,
    SessionBound,
    SetPresence,
    Show,
    Text,
    Thread,
)
from xmpp_im_core.client.notifications import Carbon, MessageFailed, MessageReceived
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.rules import client as session_rules
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import Condition, Message, stanza_error
from xmpp_im_core.subscription import Subscription

LOVER = Item(ROMEO.full, Subscription.BOTH)


def received(scene: Scene, xml: str) -> MessageReceived:
    (notification,) = told(scene.server(xml))
    assert isinstance(notification, MessageReceived)
    return notification


def says(scene: Scene, body: str, to: JID = ROMEO) -> Message:
    step = scene.take(SendMessage(*scene.stamp(), to, (Text(body),)))
    stanza = as_stanza(step)
    assert isinstance(stanza, Message)
    return stanza


def chat_from(jid: JID, thread: str | None = None) -> str:
    child = "" if thread is None else f"<thread>{thread}</thread>"
    return f"<message from='{jid}' type='chat' id='m'><body>Neither, fair saint</body>{child}</message>"


# --- what messages say (§5.2) -------------------------------------------------------------------------------


@pytest.mark.parametrize("type", ["normal", "chat", "groupchat", "headline"])
def test_a_message_of_each_type_is_told_with_its_content(type: str) -> None:
    xml = (
        f"<message from='{ORCHARD}' type='{type}' xml:lang='en'><subject>I implore you!</subject>"
        "<subject xml:lang='cs'>Úpěnlivě prosím!</subject><body>Wherefore art thou?</body>"
        "<body xml:lang='cs'>Pročež jsi ty?</body><thread parent='e0ffe42b'>0e3141cd</thread>"
        "<x xmlns='urn:x'/></message>"
    )

    notification = received(Scene(), xml)

    assert notification.content == Content(
        type,
        (Text("Wherefore art thou?", "en"), Text("Pročež jsi ty?", "cs")),
        (Text("I implore you!", "en"), Text("Úpěnlivě prosím!", "cs")),
        Thread("0e3141cd", "e0ffe42b"),
        "en",
    )
    assert notification.message == message(xml)
    assert notification.content.body("cs", "en") == "Pročež jsi ty?"
    assert notification.content.body("de") == "Wherefore art thou?"
    assert notification.content.subject("CS") == "Úpěnlivě prosím!"


@pytest.mark.parametrize("type", ["", "type='foo'", "type='Chat'"])
def test_a_message_without_a_type_or_of_an_unknown_one_is_normal(type: str) -> None:
    scene = Scene()

    step = scene.server(f"<message from='{ORCHARD}' {type}><body>Hi</body></message>")

    (notification,) = told(step)
    assert isinstance(notification, MessageReceived)
    assert notification.content.type == "normal"
    assert rules_of(step) == [rules.UNTYPED_MESSAGE_RECEIVED]


def test_a_body_without_a_language_has_that_of_the_stanza_else_of_the_stream() -> None:
    scene = Scene(lang="it")

    assert received(scene, f"<message from='{ROMEO}'><body>Ciao</body></message>").content.bodies == (
        Text("Ciao", "it"),
    )
    assert received(scene, f"<message from='{ROMEO}' xml:lang='en'><body>Hi</body></message>").content.bodies == (
        Text("Hi", "en"),
    )


@pytest.mark.parametrize(
    ("stanza", "stream", "bodies", "shown"),
    [
        ("xml:lang='en'", None, "<body xml:lang='fr'>a</body><body>b</body>", "b"),
        ("xml:lang='EN'", None, "<body xml:lang='fr'>a</body><body xml:lang='en'>b</body>", "b"),
        ("", "en", "<body xml:lang='fr'>a</body><body>b</body>", "b"),
        ("", None, "<body xml:lang='fr'>a</body><body>b</body>", "b"),
        ("xml:lang=''", "en", "<body xml:lang='en'>a</body><body>b</body>", "b"),
        ("xml:lang='en'", None, "<body xml:lang='fr'>a</body><body xml:lang='cs'>b</body>", "a"),
    ],
)
def test_the_body_shown_by_default_is_in_the_language_of_the_stanza_else_the_first(
    stanza: str, stream: str | None, bodies: str, shown: str
) -> None:
    """ "The value of the 'xml:lang' attribute specifies the default language" (RFC 6120 §8.1.5)."""
    content = received(Scene(lang=stream), f"<message from='{ROMEO}' {stanza}>{bodies}</message>").content

    assert content.body() == shown
    assert content.body("de") == shown


@pytest.mark.parametrize("stream", [None, "en"])
def test_the_statement_that_a_text_is_in_no_language_is_kept(stream: str | None) -> None:
    """It "is considered that there is no language information available" (XML 1.0 §2.12)."""
    body = f"<message from='{ROMEO}' xml:lang='en'><body xml:lang=''>a</body><body>b</body></message>"
    whole = f"<message from='{ROMEO}' xml:lang=''><body>a</body></message>"

    assert received(Scene(lang=stream), body).content.bodies == (Text("a", ""), Text("b", "en"))
    assert received(Scene(lang=stream), whole).content.bodies == (Text("a", ""),)


def test_a_text_in_no_language_is_sent_with_that_statement() -> None:
    step = Scene().take(SendMessage(NOON, "s", ROMEO, (Text("a", ""), Text("b", "en")), MessageType.NORMAL))

    assert sent(step) == elements(
        f"<message to='{ROMEO}' id='s-message' type='normal'><body xml:lang=''>a</body>"
        "<body xml:lang='en'>b</body></message>"
    )


def test_of_two_bodies_in_one_language_the_first_counts() -> None:
    content = received(Scene(), f"<message from='{ROMEO}'><body>a</body><body>b</body></message>").content

    assert content.bodies == (Text("a"),)


@pytest.mark.parametrize("thread", ["A b", " a b ", "\u2665", "a"])
def test_threads_are_opaque_and_compared_exactly(thread: str) -> None:
    content = received(Scene(), f"<message from='{ROMEO}'><thread>{thread}</thread></message>").content

    assert content.thread == Thread(thread)
    assert content.thread != Thread(thread.swapcase() + " ")


@pytest.mark.parametrize("parent", ["t", "", "a b"])
def test_a_parent_that_is_no_other_thread_is_none(parent: str) -> None:
    content = received(Scene(), f"<message from='{ROMEO}'><thread parent='{parent}'>t</thread></message>").content

    assert content.thread == Thread("t")
    with pytest.raises(ValueError, match="no other thread"):
        Thread("t", parent)


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


def test_until_a_reply_all_messages_go_to_the_bare_jid_in_the_same_thread() -> None:
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


@pytest.mark.parametrize("xml", UNLOCKING.values(), ids=UNLOCKING.keys())
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


@pytest.mark.parametrize("xml", KEEPING.values(), ids=KEEPING.keys())
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


def test_of_too_many_chat_sessions_the_one_idle_longest_is_forgotten() -> None:
    scene = Scene(roster_of(LOVER), policy=ClientPolicy(chats=1))
    says(scene, "one", NURSE)
    says(scene, "one")

    assert list(scene.client.chats) == [ROMEO.bare]


# --- presence in chat sessions (§5.1) -----------------------------------------------------------------------


def chatting(policy: ClientPolicy, *items: Item) -> Scene:
    scene = Scene(roster_of(*items), policy=policy)
    scene.take(SetPresence(*scene.stamp(), Show.CHAT))
    return scene


def test_with_a_stranger_presence_is_shared_once_and_ended_with_the_session() -> None:
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


@pytest.mark.parametrize(
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


def test_a_session_that_gives_way_to_the_users_next_one_is_over_for_the_other_side_too() -> None:
    scene = sharing(ClientPolicy(chats=1))

    step = scene.take(SendMessage(*scene.stamp(), NURSE, (Text("Nurse?"),)))

    assert sent(step) == elements(
        f"<presence to='{NURSE}' id='s1-presence'><show>chat</show></presence>",
        f"<message to='{NURSE}' type='chat' id='s4-message'><body>Nurse?</body><thread>s4-thread</thread></message>",
        FAREWELL.format(4),
    )
    assert rules_of(step) == [rules.CHAT_PRESENCE_SHARED, rules.CHAT_STARTED, rules.CHAT_PRESENCE_ENDED]
    assert step.state.directed == (NURSE.full,)


def test_a_session_that_gives_way_to_somebody_elses_is_over_for_the_other_side_too() -> None:
    scene = sharing(ClientPolicy(chats=1))

    step = scene.server(chat_from(NURSE))

    assert sent(step) == elements(FAREWELL.format(4))
    assert (step.state.directed, list(step.state.chats)) == ((), [NURSE.bare])


def test_a_session_that_shared_no_presence_gives_way_silently() -> None:
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
def test_presence_is_shared_anew_once_what_was_shared_is_void(what_ends: Callable[[Scene], None]) -> None:
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


# --- other messages and replies (§5.2.1, §5.2.2) ------------------------------------------------------------


@pytest.mark.parametrize("type", [MessageType.NORMAL, MessageType.HEADLINE, MessageType.GROUPCHAT])
def test_a_message_outside_a_chat_session_goes_to_the_bare_jid_with_its_type(type: MessageType) -> None:
    scene = Scene()

    step = scene.take(SendMessage(*scene.stamp(), ROMEO, (Text("Hi"),), type, (Text("S", "en"),)))

    assert sent(step) == elements(
        f"<message to='{ROMEO}' type='{type.value}' id='s1-message'>"
        "<subject xml:lang='en'>S</subject><body>Hi</body></message>"
    )


@pytest.mark.parametrize("type", list(MessageType))
def test_a_message_that_names_a_resource_goes_there_whatever_a_chat_session_is_locked_to(type: MessageType) -> None:
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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize("stamp", [STORED, STORED_AS_OF_OLD])
@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


def test_an_error_of_another_resource_than_was_written_to_is_not_matched() -> None:
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
    """Whoever returns it, the locked resource was not reached; the next message goes to the bare JID (§5.2.1)."""
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


@pytest.mark.parametrize("type", ["chat", "normal"])
@pytest.mark.parametrize("sender", ["juliet@capulet.example/chamber", JULIET.full])
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


# --- carbons (XEP-0280) -------------------------------------------------------------------------------------


def carbon(outer: str | None, name: str = "received", inner: str = ORCHARD.full) -> str:
    sender = "" if outer is None else f"from='{outer}'"
    return (
        f"<message {sender} to='juliet@capulet.example/balcony'><{name} xmlns='urn:xmpp:carbons:2'>"
        f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{inner}' type='chat'>"
        f"<body>Hi</body></message></forwarded></{name}></message>"
    )


@pytest.mark.parametrize("outer", [None, "juliet@capulet.example", "JULIET@Capulet.Example"])
@pytest.mark.parametrize(("name", "kind"), [("received", Carbon.RECEIVED), ("sent", Carbon.SENT)])
@pytest.mark.parametrize("inner", [ORCHARD.full, "juliet@capulet.example/chamber", "evil@evil.example"])
def test_a_copy_from_the_own_bare_jid_is_told_whoever_it_names(
    outer: str | None, name: str, kind: Carbon, inner: str
) -> None:
    notification = received(Scene(), carbon(outer, name, inner))

    copied = message(f"<message from='{inner}' type='chat'><body>Hi</body></message>")
    assert notification == MessageReceived(copied, Content("chat", (Text("Hi"),)), kind)


@pytest.mark.parametrize(
    "outer",
    [
        "juliet@capulet.example/balcony",
        "juliet@capulet.example/chamber",
        "capulet.example",
        ORCHARD.full,
        "evil@evil.example",
        "jul\u0456et@capulet.example",
    ],
)
@pytest.mark.parametrize("name", ["received", "sent"])
def test_a_copy_from_anybody_else_is_dropped(outer: str, name: str) -> None:
    scene = Scene()
    before = scene.client

    step = scene.server(carbon(outer, name, "juliet@capulet.example/chamber"))

    assert is_silent(step, rules.CARBON_FORGED)
    assert changed_nothing(before, step)


COPY_OF_ERROR = (
    "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='romeo@montague.example' to='juliet@capulet.example/chamber' type='error'>"
    "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    "</forwarded></received>"
)


def test_the_copy_of_an_error_tells_who_returned_what_to_whom() -> None:
    """ "The wrapping message SHOULD maintain the same 'type' attribute value" (XEP-0280 §7)."""
    notification = received(Scene(), f"<message from='{JULIET}' type='error'>{COPY_OF_ERROR}</message>")

    assert notification.carbon is Carbon.RECEIVED
    assert notification.content.type == "error"
    assert notification.message.error == stanza_error(Condition.SERVICE_UNAVAILABLE)
    assert notification.message.from_jid == ROMEO
    assert str(notification.message.to) == "juliet@capulet.example/chamber"


def test_the_copy_of_an_error_from_anybody_else_is_dropped() -> None:
    step = Scene().server(f"<message from='{ORCHARD}' type='error'>{COPY_OF_ERROR}</message>")

    assert is_silent(step, rules.CARBON_FORGED)


@pytest.mark.parametrize("sender", [JULIET, ORCHARD])
def test_an_error_that_repeats_what_it_answers_is_no_copy(sender: JID) -> None:
    """It "MAY include the original XML sent" (RFC 6120 §8.3.1), whatever that was."""
    xml = (
        f"<message from='{sender}' type='error'>{COPY_OF_ERROR}"
        "<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    )

    (notification,) = told(Scene().server(xml))

    assert isinstance(notification, MessageFailed)
    assert notification.error == stanza_error(Condition.CONFLICT)


def test_a_private_message_is_no_copy() -> None:
    xml = f"<message from='{ORCHARD}' type='chat'><body>Hi</body><private xmlns='urn:xmpp:carbons:2'/></message>"

    assert received(Scene(), xml).carbon is None


@pytest.mark.parametrize(
    "content",
    ["", "<forwarded xmlns='urn:xmpp:forward:0'/>", "<forwarded xmlns='urn:xmpp:forward:0'><message/></forwarded>"],
)
def test_a_copy_of_nothing_is_ignored(content: str) -> None:
    xml = f"<message from='juliet@capulet.example'><received xmlns='urn:xmpp:carbons:2'>{content}</received></message>"

    assert is_silent(Scene().server(xml), rules.CARBON_EMPTY)
