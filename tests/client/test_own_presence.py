"""The user's presence (RFC 6121 §4.2, §4.4, §4.5)."""

from __future__ import annotations

import pytest

from tests.client.presence_stage import LOVER, available, gone, names
from tests.client.stage import (
    BALCONY,
    GARDEN,
    JULIET,
    ORCHARD,
    ROMEO,
    Scene,
    elements,
    roster_of,
    rules_of,
    sent,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    GetRoster,
    GoUnavailable,
    SetPresence,
    Show,
    Text,
    notifications,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.rules import client_presence as rules

# --- the user's presence (§4.2, §4.4, §4.5) -----------------------------------------------------------------


def test_initial_presence_has_neither_to_nor_type() -> None:
    scene = Scene()
    scene.take(GetRoster(*scene.stamp()))

    step = scene.take(
        SetPresence(*scene.stamp(), Show.AWAY, (Text("asleep", "en"),), -1, (element("c", "urn:example"),))
    )

    assert sent(step) == elements(
        "<presence id='s2-presence'><show>away</show><status xml:lang='en'>asleep</status><priority>-1</priority>"
        "<c xmlns='urn:example'/></presence>"
    )
    assert rules_of(step) == [rules.INITIAL_PRESENCE]


def test_a_client_may_do_without_the_roster_and_later_presence_is_an_update() -> None:
    scene = Scene()

    assert rules_of(scene.take(SetPresence(*scene.stamp()))) == [rules.INITIAL_PRESENCE_WITHOUT_ROSTER]
    assert rules_of(scene.take(SetPresence(*scene.stamp(), Show.DND))) == [rules.SUBSEQUENT_PRESENCE]


def test_after_unavailable_the_next_presence_is_initial_again() -> None:
    scene = Scene()
    scene.take(SetPresence(*scene.stamp()))
    scene.take(GoUnavailable(*scene.stamp()))

    assert rules_of(scene.take(SetPresence(*scene.stamp()))) == [rules.INITIAL_PRESENCE_WITHOUT_ROSTER]


def test_broadcast_unavailable_ends_all_that_is_known_and_owed() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetPresence(*scene.stamp()))
    scene.take(SetPresence(*scene.stamp(), to=parse_jid("hall@muc.example/Juliet")))
    scene.server(available(ORCHARD.full))

    step = scene.take(GoUnavailable(*scene.stamp(), (Text("Good night"),)))

    assert sent(step) == elements(
        "<presence type='unavailable' id='s4-presence'><status>Good night</status></presence>"
    )
    assert told(step) == [notifications.Unavailable(ORCHARD)]
    assert (step.state.presence, step.state.directed, len(step.state.presences)) == (None, (), 0)


def test_what_was_on_its_way_is_void_once_the_own_unavailable_presence_comes_back() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetPresence(*scene.stamp()))
    scene.take(GoUnavailable(*scene.stamp()))
    scene.server(available(ORCHARD.full))
    assert names(scene) == ["orchard"]

    step = scene.server(gone(BALCONY.full))

    assert told(step) == [notifications.Unavailable(ORCHARD)]
    assert rules_of(step) == [rules.PRESENCE_SESSION_OVER]
    assert len(step.state.presences) == 0


def test_what_was_on_its_way_is_void_even_where_the_client_is_available_again_by_then() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetPresence(*scene.stamp()))
    scene.take(GoUnavailable(*scene.stamp()))
    scene.take(SetPresence(*scene.stamp()))
    scene.server(available(ORCHARD.full))

    step = scene.server(gone(BALCONY.full))

    assert told(step) == [notifications.Unavailable(ORCHARD)]
    assert step.state.presence is not None
    scene.server(available(BALCONY.full), available(GARDEN.full))
    assert names(scene) == ["garden"]
    assert names(scene, JULIET.bare) == ["balcony"]


def test_each_unavailable_presence_that_comes_back_voids_what_came_before_it() -> None:
    scene = Scene(roster_of(LOVER))
    for _ in range(2):
        scene.take(SetPresence(*scene.stamp()))
        scene.take(GoUnavailable(*scene.stamp()))
    scene.take(SetPresence(*scene.stamp()))

    scene.server(available(ORCHARD.full), gone(BALCONY.full))
    assert names(scene) == []
    scene.server(available(GARDEN.full), gone(BALCONY.full))
    assert names(scene) == []
    scene.server(available(GARDEN.full))
    scene.server(gone(BALCONY.full))
    assert names(scene) == ["garden"], "nothing more was to come back"


def test_only_who_was_available_waits_for_its_unavailable_presence() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(GoUnavailable(*scene.stamp()))
    scene.take(SetPresence(*scene.stamp()))
    scene.server(available(ORCHARD.full), gone(BALCONY.full))

    assert names(scene) == ["orchard"]


def test_own_unavailable_presence_voids_nothing_of_a_presence_session_under_way() -> None:
    scene = Scene(roster_of(LOVER))
    scene.take(SetPresence(*scene.stamp()))
    scene.server(available(ORCHARD.full))

    scene.server(gone(BALCONY.full))

    assert names(scene) == ["orchard"]


def test_leaving_a_room_ends_nothing_else() -> None:
    room = parse_jid("hall@muc.example/Juliet")
    scene = Scene(roster_of(LOVER))
    scene.take(SetPresence(*scene.stamp()))
    scene.take(SetPresence(*scene.stamp(), to=room))
    scene.server(available(ORCHARD.full))
    assert scene.client.directed == (room.full,)

    step = scene.take(GoUnavailable(*scene.stamp(), to=room))

    assert sent(step) == elements("<presence type='unavailable' to='hall@muc.example/Juliet' id='s4-presence'/>")
    assert step.state.directed == ()
    assert names(scene) == ["orchard"]
    assert step.state.presence is not None


def test_the_client_owes_nothing_to_an_entity_that_went_unavailable() -> None:
    scene = Scene(roster_of())
    scene.take(SetPresence(*scene.stamp(), to=ORCHARD))

    assert scene.server(gone(ORCHARD.full)).state.directed == ()


def test_the_client_owes_nothing_to_a_bare_jid_that_went_unavailable() -> None:
    scene = Scene(roster_of())
    scene.take(SetPresence(*scene.stamp(), to=parse_jid("icq.example")))
    scene.take(SetPresence(*scene.stamp(), to=ORCHARD))

    assert scene.server(gone("icq.example")).state.directed == (ORCHARD.full,)


def test_a_directed_presence_to_a_bare_jid_stays_owed_when_one_resource_goes() -> None:
    scene = Scene(roster_of())
    scene.take(SetPresence(*scene.stamp(), to=ROMEO))

    assert scene.server(gone(ORCHARD.full)).state.directed == (ROMEO.full,)


@in_one_test(
    "wrong",
    [
        {"priority": 128},
        {"priority": -129},
        {"status": (Text("a", "en"), Text("b", "EN"))},
        {"extensions": (element("show", "jabber:client", {}, ["away"]),)},
    ],
)
def test_a_client_cannot_request_presence_that_it_may_not_send(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="RFC 6121"):
        SetPresence(*Scene().stamp(), **wrong)  # type: ignore[arg-type]  # wrong on purpose
