"""What is held for an account until its question is answered: so much, and no more (RFC 6120 §13.12)."""

from __future__ import annotations

from functools import partial

import pytest

from tests.client.counting import calls
from tests.one_test import in_one_test
from tests.server.playhouse import (
    BALCONY,
    GHOST,
    JULIET,
    MERCUTIO,
    NOON,
    ORCHARD,
    ROMEO,
    Playhouse,
    chat,
    condition,
    ping,
    presence,
    resting,
    told,
    waiting_for_stored_messages,
)
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.service import TOO_MUCH_HELD
from xmpp_im_core.server.effects import EndSession, Ignored
from xmpp_im_core.server.events import (
    AccountRemoved,
    Event,
    Inbound,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionDetached,
    SessionEnded,
    StoreFailed,
    TimePassed,
)
from xmpp_im_core.server.service.events import Arrived, ArrivedForMany, ForAccount, entering_each
from xmpp_im_core.server.service.serving import Served, Service, serve, unload
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting, held_size, refused
from xmpp_im_core.server.state import NoAccount, SessionId, State

FEW = Policy(held_events=3)


def overfull(house: Playhouse) -> Service[State]:
    """Fill the house with as many events of Juliet's as may be held, and return what it is then."""
    house.policy = FEW
    for n in range(3):
        house.arrives(chat(JULIET, f"{n}", MERCUTIO))
    assert len(house.service.held[JULIET].events) == 3
    assert house.routed == []
    return house.service


def rules_of(served: Served[State]) -> list[str]:
    return [effect.rule.name for step in served.steps for effect in step.transition.effects]


WHILE_WAITING = pytest.mark.parametrize("waits", ["for itself", "for its messages"])


def house_that_waits(waits: str) -> Playhouse:
    return resting(JULIET) if waits == "for itself" else waiting_for_stored_messages()


@WHILE_WAITING
@pytest.mark.parametrize("type", ["chat", "normal", "headline", "error"])
def test_a_strangers_message_beyond_the_limit_of_held_events_is_dropped_silently(waits: str, type: str) -> None:
    house = house_that_waits(waits)
    full = overfull(house)

    served = house.arrives(chat(JULIET, "one more", MERCUTIO, type))

    assert served.state == full
    assert (served.effects, served.store) == (((JULIET, served.steps[0].transition.effects[0]),), ())
    assert told(served) == []
    assert rules_of(served) == ["service:too-much-held"]


@WHILE_WAITING
@pytest.mark.parametrize("who", [JULIET, BALCONY])
def test_a_request_is_answered_as_one_to_nobody(waits: str, who: str) -> None:
    house = house_that_waits(waits)
    overfull(house)
    nobody = GHOST + who.removeprefix(JULIET)

    house.arrives(ping(who, MERCUTIO))
    house.slow = False
    house.arrives(ping(nobody, MERCUTIO))

    to_juliet, to_nobody = house.routed
    assert condition(to_juliet) == condition(to_nobody) == "service-unavailable"
    assert (to_juliet.type, to_juliet.error) == (to_nobody.type, to_nobody.error)


@WHILE_WAITING
@pytest.mark.parametrize("type", [None, "unavailable", "probe", "subscribe", "unsubscribed", "error"])
def test_presence_is_ignored_since_unknown_is_not_none(waits: str, type: str | None) -> None:
    house = house_that_waits(waits)
    full = overfull(house)

    served = house.arrives(presence(type, JULIET, MERCUTIO))

    assert (told(served), served.state) == ([], full)
    assert rules_of(served) == ["service:too-much-held"]


def test_a_sender_who_may_see_the_user_hears_that_the_limit_is_reached() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.befriend(ORCHARD, BALCONY)
    house.slow = True
    house.sends(BALCONY, presence("unavailable"))
    house.sends(BALCONY, presence())
    house.heard_by(ORCHARD)
    while len(house.service.held[JULIET].events) < 3:
        house.arrives(chat(JULIET, "filling", MERCUTIO))
    house.policy = FEW

    house.sends(ORCHARD, chat(JULIET, "one more"))

    [error] = house.heard_by(ORCHARD)
    assert error.error is not None
    assert (condition(error), error.error.type.value) == ("resource-constraint", "wait")


@WHILE_WAITING
def test_the_stream_of_a_client_that_sends_too_much_is_ended(waits: str) -> None:
    house = house_that_waits(waits)
    full = overfull(house)
    session = SessionId("balcony", 99)

    bound = house.happens(JULIET, SessionBound(NOON, "b", session))
    sent = house.happens(JULIET, Outbound(NOON, "o", session, presence()))

    for served in (bound, sent):
        assert [effect for _, effect in served.effects] == [EndSession(session, "resource-constraint", TOO_MUCH_HELD)]
        assert served.state == full


@WHILE_WAITING
def test_all_reports_of_the_host_are_held(waits: str) -> None:
    house = house_that_waits(waits)
    overfull(house)
    facts: list[Event] = [
        SessionEnded(NOON, "e", SessionId("hall", 1)),
        SessionDetached(NOON, "d", SessionId("hall", 1)),
        TimePassed(NOON, "t"),
        AccountRemoved(NOON, "r"),
    ]

    for fact in facts:
        house.happens(JULIET, fact)

    assert [each.due.event for each in house.service.held[JULIET].events.values()][-4:] == facts


def test_what_was_held_before_it_became_too_much_is_processed_and_there_is_room_again() -> None:
    house = resting(JULIET)
    overfull(house)
    house.arrives(chat(JULIET, "one more", MERCUTIO))

    house.answers()
    house.arrives(chat(JULIET, "after", MERCUTIO))

    bodies = [message.payload.first("body") for _, message in sorted(house.records.messages(JULIET), key=str)]
    assert [body.text for body in bodies if body is not None] == ["0", "1", "2", "after"]


def test_an_account_that_does_not_wait_takes_however_much_it_gets() -> None:
    house = Playhouse(ROMEO, JULIET, policy=Policy(held_events=1))
    house.enters(BALCONY)
    house.heard_by(BALCONY)

    for n in range(5):
        house.arrives(chat(JULIET, f"{n}", MERCUTIO))

    assert len(house.heard_by(BALCONY)) == 5


def test_a_held_event_counts_with_what_it_holds() -> None:
    session = SessionId("balcony", 1)
    message = chat(JULIET, "soft" * 1000, MERCUTIO)
    bare = held_size(TimePassed(NOON, "a"))

    assert bare == held_size(SessionBound(NOON, "a", session))
    for event in (Inbound(NOON, "a", message), Outbound(NOON, "a", session, message)):
        assert held_size(event) == bare + message.size()
        assert held_size(StoreFailed(NOON, "b", event)) == held_size(event) + bare
    assert held_size(SessionBound(NOON, "a", session, "en-" + "x" * 5000)) >= bare + 5000


def test_events_are_held_up_to_the_limit_in_bytes_and_none_beyond() -> None:
    message = Inbound(NOON, "a", chat(JULIET, "soft", MERCUTIO))
    size = held_size(message)
    waiting = Waiting(None).holding(Held(ForAccount(JULIET, message), "a"))

    assert waiting.bytes == size
    assert not waiting.is_full(size, Policy(held_bytes=2 * size))
    assert waiting.is_full(size + 1, Policy(held_bytes=2 * size))
    assert not waiting.is_full(size, Policy(held_events=2))
    assert waiting.is_full(size, Policy(held_events=1))


def for_juliet(times: int) -> ArrivedForMany:
    """Return one event of the service that is several events of Juliet's."""
    return ArrivedForMany(NOON, "many", chat(JULIET, "soft", MERCUTIO), (JULIET,) * times)


def test_one_event_asks_once_for_an_account_that_is_not_in_memory() -> None:
    result = serve(resting(JULIET).service, for_juliet(3))

    assert told(result) == [f"Load {JULIET}"]
    assert len(result.state.held[JULIET].events) == 3


@WHILE_WAITING
def test_what_one_event_makes_an_account_hold_is_held_as_if_it_came_one_by_one(waits: str) -> None:
    house = house_that_waits(waits)
    house.arrives(chat(JULIET, "before", MERCUTIO))
    expected = house.service.held[JULIET]
    for each in entering_each(for_juliet(12)):
        expected = expected.holding(Held(each, "many"))

    result = serve(house.service, for_juliet(12))

    assert result.state.held == house.service.held.set(JULIET, expected)
    assert result.holds == ((JULIET, "many"),) * 12


@WHILE_WAITING
@in_one_test("limit", ["events", "bytes"])
def test_the_limits_count_what_the_same_event_makes_an_account_hold(waits: str, limit: str) -> None:
    house = house_that_waits(waits)
    house.arrives(chat(JULIET, "before", MERCUTIO))
    held = house.service.held[JULIET].bytes
    more = held_size(entering_each(for_juliet(1))[0].event)
    policy = Policy(held_events=4) if limit == "events" else Policy(held_bytes=held + 3 * more)

    result = serve(house.service, for_juliet(5), policy)

    assert len(result.state.held[JULIET].events) == 4
    assert result.state.held[JULIET].bytes == held + 3 * more
    assert rules_of(result) == [TOO_MUCH_HELD.name] * 2


def test_the_map_of_those_who_wait_changes_once_however_much_is_newly_held() -> None:
    """A hundred contacts answer the probe of an account that waits for its stored messages."""
    service = waiting_for_stored_messages().service

    few, many = [calls(partial(serve, service, for_juliet(times)), FrozenMap.set) for times in (10, 30)]

    assert many == few


def test_released_events_are_not_looked_up_one_by_one() -> None:
    house = waiting_for_stored_messages()
    for n in range(10):
        house.arrives(chat(JULIET, f"{n}", MERCUTIO))
    answer = ForAccount(JULIET, OfflineLoaded(NOON, "answer", house.sessions[BALCONY], ()))

    assert calls(partial(serve, house.service, answer), FrozenMap.__getitem__) <= 3
    assert len(serve(house.service, answer).releases) == 10


def test_what_has_no_sender_or_is_for_nobody_here_is_ignored_beyond_the_limit() -> None:
    state = NoAccount(parse_jid(JULIET))

    for stanza in (chat(JULIET, "who"), ping(JULIET), ping(ROMEO, MERCUTIO)):
        assert refused(state, Inbound(NOON, "a", stanza), Policy()) == Ignored(TOO_MUCH_HELD)


# --- what held events cause ------------------------------------------------------------------------------------


def loading(house: Playhouse, jid: str, seq: str) -> ForAccount:
    return ForAccount(jid, house.records.account(jid).loaded(NOON, seq))


def test_what_a_held_event_causes_has_the_seq_that_it_would_have_without_waiting() -> None:
    house = resting(ROMEO, JULIET)
    asked = serve(house.service, Arrived(NOON, "asked", ping(ROMEO, BALCONY)))

    served = serve(asked.state, loading(house, ROMEO, "loaded"))

    assert served.holds == ((JULIET, "asked"),)
    assert [held.due.event.seq for held in served.state.held[JULIET].events.values()] == [f"asked.{JULIET}.0"]


def test_what_a_held_consequence_causes_has_another_seq_than_what_its_cause_has_caused() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.binds(ORCHARD)
    asked = serve(
        unload(house.service, JULIET), ForAccount(ROMEO, Outbound(NOON, "asked", house.sessions[ORCHARD], ping(JULIET)))
    )
    assert asked.holds == ((JULIET, "asked"),)

    served = serve(asked.state, loading(house, JULIET, "loaded"))

    assert served.releases == ("asked",)
    assert [(step.jid, step.event.seq) for step in served.steps][-1] == (ROMEO, f"loaded.{ROMEO}.0")
