"""Rooms: each occupant is a separate entity, and what is known of them ends with the stay (XEP-0045)."""

from __future__ import annotations

import pytest

from tests.client.stage import (
    BALCONY,
    JULIET,
    ROMEO,
    Scene,
    as_stanza,
    is_silent,
    message,
    of_kind,
    rules_of,
    sent,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    Bound,
    EndChat,
    GoUnavailable,
    Reply,
    SendMessage,
    SessionBound,
    SessionEnded,
    SetPresence,
    Text,
)
from xmpp_im_core.client.notifications import Available, PresenceFailed, Unavailable
from xmpp_im_core.client.state import Room
from xmpp_im_core.element import element
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.rules import client_presence as rules
from xmpp_im_core.stanza import Message

ROOM = parse_jid("room@muc.example")
JJ = parse_jid("room@muc.example/jj")
TYBALT = parse_jid("room@muc.example/tybalt")
MERCUTIO = parse_jid("room@muc.example/mercutio")
MUC = element("x", "http://jabber.org/protocol/muc")
USER = "http://jabber.org/protocol/muc#user"


def occupant(jid: JID, *codes: int, type: str = "", nick: str = "") -> str:
    item = f"<item nick='{nick}'/>" if nick else ""
    statuses = "".join([f"<status code='{code}'/>" for code in codes])
    stated = f"type='{type}'" if type else ""
    return f"<presence from='{jid}' {stated}><x xmlns='{USER}'>{item}{statuses}</x></presence>"


def failed(jid: JID, condition: str, id: str = "", type: str = "cancel") -> str:
    return (
        f"<presence from='{jid}' type='error' id='{id}'><error type='{type}'>"
        f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    )


def private(jid: JID, thread: str = "", type: str = "chat") -> str:
    child = f"<thread>{thread}</thread>" if thread else ""
    return f"<message from='{jid}' type='{type}'><body>psst</body>{child}</message>"


def entering(scene: Scene, to: JID = JJ) -> None:
    scene.take(SetPresence(*scene.stamp(), to=to, extensions=(MUC,)))


def leaving(scene: Scene, to: JID = JJ) -> None:
    scene.take(GoUnavailable(*scene.stamp(), to=to))


def inside() -> Scene:
    """Juliet is in the room as "jj", where Tybalt is."""
    scene = Scene()
    entering(scene)
    scene.server(occupant(TYBALT), occupant(JJ, 110))
    return scene


def there(scene: Scene) -> list[str]:
    return sorted(resource.name for resource in scene.client.resources(ROOM.full))


def replied(scene: Scene, answered: str) -> Message:
    stanza = as_stanza(scene.take(Reply(*scene.stamp(), message(answered), (Text("yes"),))))
    assert isinstance(stanza, Message)
    return stanza


def thread_of(stanza: Message) -> str | None:
    child = stanza.payload.first("thread")
    return None if child is None else child.text


# --- what is a room -----------------------------------------------------------------------------------------


def test_a_room_is_known_by_the_presence_that_enters_it() -> None:
    scene = Scene()
    entering(scene)

    assert dict(scene.client.rooms) == {ROOM.full: Room()}


@pytest.mark.parametrize(
    "arrives",
    [occupant(TYBALT), f"<message from='{TYBALT}' type='groupchat'><body>Hi</body></message>", occupant(JJ, 110)],
)
def test_a_room_entered_by_plain_presence_is_known_by_what_comes_from_it(arrives: str) -> None:
    scene = Scene()
    scene.take(SetPresence(*scene.stamp(), to=JJ))
    scene.server(arrives)

    assert list(scene.client.rooms) == [ROOM.full]


@in_one_test(
    "arrives",
    [
        occupant(TYBALT),
        f"<message from='{TYBALT}' type='groupchat'><body>Hi</body></message>",
        f"<message from='{TYBALT}' type='chat'><x xmlns='{USER}'/></message>",
        occupant(TYBALT, 110),
    ],
)
def test_an_entity_that_got_no_presence_does_not_become_a_room(arrives: str) -> None:
    scene = Scene()
    scene.server(arrives)

    assert not scene.client.rooms


@pytest.mark.parametrize("arrives", [private(TYBALT), f"<presence from='{TYBALT}'/>", f"<presence from='{ROOM}'/>"])
def test_directed_presence_alone_does_not_make_a_room(arrives: str) -> None:
    scene = Scene()
    scene.take(SetPresence(*scene.stamp(), to=JJ))
    scene.server(arrives)

    assert not scene.client.rooms


def test_the_users_own_account_is_no_room() -> None:
    scene = Scene()
    scene.take(SetPresence(*scene.stamp(), to=JULIET.with_resource("chamber")))
    scene.server(occupant(JULIET.with_resource("chamber")))

    assert not scene.client.rooms


# --- private messages (XEP-0045 §7.5) -----------------------------------------------------------------------


def test_each_occupant_has_its_own_thread() -> None:
    scene = inside()
    scene.server(private(TYBALT, "T1"), private(MERCUTIO))

    assert thread_of(replied(scene, private(MERCUTIO))) is None
    assert thread_of(replied(scene, private(TYBALT))) == "T1"
    assert list(scene.client.chats) == [MERCUTIO.full, TYBALT.full]


@pytest.mark.parametrize("known", [True, False])
def test_a_private_message_that_says_so_is_an_occupants_wherever_it_comes_from(known: bool) -> None:
    scene = inside() if known else Scene()
    xml = f"<message from='{TYBALT}' type='chat'><body>a</body><thread>T1</thread><x xmlns='{USER}'/></message>"
    scene.server(xml)

    assert list(scene.client.chats) == [TYBALT.full]
    assert replied(scene, xml).to_jid == TYBALT


def test_what_is_said_to_an_occupant_first_begins_a_session_with_that_one() -> None:
    scene = inside()
    first = as_stanza(scene.take(SendMessage(*scene.stamp(), TYBALT, (Text("Tybalt?"),))))
    second = as_stanza(scene.take(SendMessage(*scene.stamp(), MERCUTIO, (Text("Mercutio?"),))))
    third = as_stanza(scene.take(SendMessage(*scene.stamp(), TYBALT, (Text("Tybalt!"),))))

    assert [str(each.to) for each in (first, second, third)] == [TYBALT.full, MERCUTIO.full, TYBALT.full]
    threads = [thread_of(each) for each in (first, second, third) if isinstance(each, Message)]
    assert threads[0] == threads[2] != threads[1]


def test_a_chat_sends_no_presence_to_an_occupant() -> None:
    scene = Scene()
    scene.take(SetPresence(*scene.stamp()))
    step = scene.take(
        Reply(*scene.stamp(), message(private(TYBALT).replace("<body>", f"<x xmlns='{USER}'/><body>")), (Text("a"),))
    )

    assert [each.name for each in sent(step)] == ["message"]


@pytest.mark.parametrize("type", ["chat", "normal"])
def test_the_reply_to_an_occupant_who_has_left_goes_nowhere_else(type: str) -> None:
    scene = inside()
    scene.server(private(TYBALT, "T1", type), occupant(TYBALT, type="unavailable"))

    assert replied(scene, private(TYBALT, "T1", type)).to_jid == TYBALT
    assert not scene.client.chats


def test_the_session_with_an_occupant_ends_when_the_user_ends_it() -> None:
    scene = inside()
    scene.server(private(TYBALT, "T1"), private(MERCUTIO, "T2"))

    scene.take(EndChat(*scene.stamp(), TYBALT))

    assert list(scene.client.chats) == [MERCUTIO.full]


@pytest.mark.parametrize("codes", [(), (303,), (307,)])
def test_the_session_with_an_occupant_ends_when_that_one_leaves(codes: tuple[int, ...]) -> None:
    scene = inside()
    scene.server(private(TYBALT, "T1"), private(MERCUTIO, "T2"), occupant(TYBALT, *codes, type="unavailable"))

    assert list(scene.client.chats) == list(scene.client.idle) == [MERCUTIO.full]


@pytest.mark.parametrize("ending", ["ended", "bound"])
def test_sessions_with_occupants_end_with_the_clients_session_and_others_do_not(ending: str) -> None:
    scene = inside()
    scene.server(private(TYBALT, "T1"), private(parse_jid(f"{ROMEO}/orchard"), "T2"))

    event = SessionEnded(*scene.stamp()) if ending == "ended" else SessionBound(*scene.stamp(), Bound(BALCONY))
    scene.take(event)

    assert list(scene.client.chats) == list(scene.client.idle) == [ROMEO.full]
    assert not scene.client.rooms


# --- leaving ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [JJ, ROOM, TYBALT])
def test_what_is_known_of_occupants_is_void_when_the_client_leaves(to: JID) -> None:
    scene = inside()
    scene.server(private(TYBALT, "T1"))

    step = scene.take(GoUnavailable(*scene.stamp(), to=to))

    assert {each.jid for each in of_kind(Unavailable, told(step))} == {JJ, TYBALT}
    assert there(scene) == []
    assert not scene.client.chats
    assert not scene.client.directed


def test_leaving_one_room_voids_nothing_of_another() -> None:
    scene = inside()
    other = parse_jid("other@muc.example/jj")
    entering(scene, other)
    scene.server(occupant(other, 110), private(parse_jid("other@muc.example/nurse"), "T3"))

    leaving(scene)

    assert [resource.name for resource in scene.client.resources("other@muc.example")] == ["jj"]
    assert list(scene.client.chats) == ["other@muc.example/nurse"]
    assert scene.client.directed == (other.full,)


def test_directed_unavailable_presence_to_somebody_else_voids_nothing() -> None:
    scene = Scene()
    orchard = parse_jid(f"{ROMEO}/orchard")
    scene.take(SetPresence(*scene.stamp(), to=orchard))
    scene.server(f"<presence from='{orchard}'/>")

    step = scene.take(GoUnavailable(*scene.stamp(), to=orchard))

    assert told(step) == []
    assert [resource.name for resource in scene.client.resources(ROMEO.full)] == ["orchard"]


def test_presence_on_its_way_when_the_client_left_is_void() -> None:
    scene = inside()
    leaving(scene)

    assert is_silent(scene.server(occupant(MERCUTIO)), rules.ROOM_LEFT)
    assert is_silent(scene.server(occupant(TYBALT, type="unavailable")), rules.ROOM_LEFT)
    assert there(scene) == []


def test_the_rooms_answer_to_the_leaving_is_told_and_the_room_is_forgotten() -> None:
    scene = inside()
    leaving(scene)

    step = scene.server(occupant(JJ, 110, type="unavailable"))

    assert [each.jid for each in of_kind(Unavailable, told(step))] == [JJ]
    assert not scene.client.rooms


def test_messages_that_were_on_their_way_are_told() -> None:
    scene = inside()
    leaving(scene)

    assert len(told(scene.server(private(TYBALT), f"<message from='{TYBALT}' type='groupchat'/>"))) == 1


def test_a_client_that_enters_again_before_the_answer_is_in_the_room() -> None:
    scene = inside()
    leaving(scene)
    entering(scene)
    scene.server(occupant(MERCUTIO), occupant(JJ, 110, type="unavailable"))

    assert there(scene) == []
    assert dict(scene.client.rooms) == {ROOM.full: Room()}
    assert scene.client.directed == (JJ.full,)
    assert len(list(of_kind(Available, told(scene.server(occupant(JJ, 110)))))) == 1


def test_each_leaving_has_its_answer() -> None:
    scene = inside()
    for _ in range(2):
        leaving(scene)
        entering(scene)
    leaving(scene)

    leavings = []
    while ROOM.full in scene.client.rooms:
        leavings.append(scene.client.rooms[ROOM.full].leaving)
        scene.server(occupant(JJ, 110, type="unavailable"))

    assert leavings == [3, 2, 1]


@in_one_test("code", [301, 307, 321, 322, 332])
def test_a_removed_client_forgets_the_occupants(code: int) -> None:
    scene = inside()

    step = scene.server(occupant(JJ, 110, code, type="unavailable"))

    gone = list(of_kind(Unavailable, told(step)))
    assert [each.jid for each in gone] == [JJ, TYBALT]
    assert gone[0].presence is not None
    assert not scene.client.rooms
    assert not scene.client.directed
    assert there(scene) == []


def test_the_broadcast_of_unavailable_presence_leaves_every_room() -> None:
    scene = inside()
    scene.take(SetPresence(*scene.stamp()))
    scene.server(private(TYBALT, "T1"))

    scene.take(GoUnavailable(*scene.stamp()))

    assert dict(scene.client.rooms) == {ROOM.full: Room(1)}
    assert not scene.client.chats
    assert is_silent(scene.server(occupant(MERCUTIO)), rules.ROOM_LEFT)


# --- nicknames ----------------------------------------------------------------------------------------------


def test_after_a_new_nickname_the_client_owes_it_the_unavailable_presence() -> None:
    scene = inside()
    scene.server(occupant(JJ, 110, 303, type="unavailable", nick="juliet"))

    assert scene.client.directed == (f"{ROOM}/juliet",)
    assert there(scene) == ["tybalt"]


@in_one_test(
    "presence",
    [
        occupant(TYBALT, 303, type="unavailable", nick="juliet"),
        occupant(TYBALT, 110, 303, type="unavailable", nick="juliet"),
        occupant(JJ, 110, 303, type="unavailable"),
        occupant(JJ, 303, type="unavailable", nick="x" * 2000),
    ],
)
def test_no_other_entity_changes_the_address_to_which_the_client_owes_presence(presence: str) -> None:
    scene = inside()
    scene.server(presence)

    assert set(scene.client.directed) <= {JJ.full}


@in_one_test("condition", ["conflict", "not-acceptable", "item-not-found", "service-unavailable", "gone"])
def test_an_error_about_a_nickname_says_nothing_of_the_occupant_who_has_it(condition: str) -> None:
    scene = inside()
    scene.take(SetPresence(*scene.stamp(), to=TYBALT))
    id = scene.client.sent_presences[-1].id

    step = scene.server(failed(TYBALT, condition, id or ""))

    (notification,) = told(step)
    assert isinstance(notification, PresenceFailed)
    assert notification.sent == scene.client.sent_presences[-1]
    assert rules_of(step) == [rules.OWN_PRESENCE_FAILED]
    assert there(scene) == ["jj", "tybalt"]
    assert scene.client.directed == (JJ.full,)
    assert list(scene.client.rooms) == [ROOM.full]


def test_the_client_owes_nothing_to_a_room_that_it_did_not_enter() -> None:
    scene = Scene()
    entering(scene)
    scene.server(failed(JJ, "registration-required", type="auth"))

    assert not scene.client.rooms
    assert not scene.client.directed


def test_an_error_about_an_update_takes_nobody_out_of_the_room() -> None:
    scene = inside()
    scene.take(SetPresence(*scene.stamp(), to=JJ))
    scene.server(failed(JJ, "policy-violation", type="wait"))

    assert there(scene) == ["jj", "tybalt"]
    assert scene.client.directed == (JJ.full,)


def test_an_error_from_the_room_itself_may_say_that_nobody_is_there() -> None:
    scene = inside()
    scene.server(failed(ROOM, "remote-server-not-found"))

    assert there(scene) == []


def test_an_old_room_is_left_when_the_only_owed_jid_goes_unavailable() -> None:
    scene = Scene()
    entering(scene)
    scene.server(occupant(TYBALT), occupant(JJ))

    scene.server(f"<presence from='{JJ}' type='unavailable'/>")

    assert there(scene) == []
    assert not scene.client.rooms
    assert not scene.client.directed


def test_a_room_that_was_not_entered_is_a_stranger_among_others() -> None:
    scene = Scene()
    entering(scene)
    scene.server(occupant(TYBALT), failed(JJ, "conflict"))

    assert list(scene.client.strangers) == [ROOM.full]


def test_what_was_sent_to_a_room_for_the_sake_of_a_chat_is_not_ended_with_the_chat_once_the_client_enters() -> None:
    scene = Scene()
    scene.take(SetPresence(*scene.stamp()))
    scene.take(Reply(*scene.stamp(), message(private(TYBALT)), (Text("a"),)))
    shared = scene.client.directed
    entering(scene)

    step = scene.take(EndChat(*scene.stamp(), ROOM))

    assert shared == (TYBALT.full,)
    assert sent(step) == []
    assert ROOM.full in scene.client.rooms


def test_presence_shared_for_the_sake_of_a_chat_makes_nobody_a_room() -> None:
    scene = Scene()
    scene.take(SetPresence(*scene.stamp()))
    scene.take(SendMessage(*scene.stamp(), ROMEO, "Hi"))
    scene.server(occupant(parse_jid(f"{ROMEO}/orchard")))

    assert not scene.client.rooms


def test_what_is_said_to_the_room_goes_to_no_occupant_who_spoke_before_the_room_was_known() -> None:
    scene = Scene()
    scene.take(SetPresence(*scene.stamp(), to=JJ))
    scene.server(private(TYBALT, "T1"), occupant(JJ, 110))

    assert as_stanza(scene.take(SendMessage(*scene.stamp(), ROOM, "Hi"))).to_jid == ROOM


def test_the_answer_to_the_copy_of_a_private_message_goes_to_the_occupant() -> None:
    own = f"<message from='{JULIET}/chamber' to='{TYBALT}' type='chat'><body>a</body><x xmlns='{USER}'/></message>"

    assert replied(inside(), own).to_jid == TYBALT


def test_the_client_owes_nothing_to_a_room_that_refused_it_by_either_form_of_its_jid() -> None:
    scene = Scene()
    entering(scene)
    scene.server(failed(ROOM, "conflict", scene.client.sent_presences[-1].id or ""))

    assert not scene.client.rooms
    assert not scene.client.directed
