"""What was handed to a stream and did not arrive: processed again by §8.5, and each message ends in one place."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    after,
    bound,
    broken,
    child,
    delivery,
    fails_in_silence,
    following,
    ignored,
    inbound,
    iq,
    message,
    outbound,
    presence,
    received_message,
    rfc6121,
    roster_get,
    stanzas,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.rules.delivery import PUSH_LOST
from xmpp_im_core.server import (
    Account,
    AddressedAs,
    AdministratorSetItem,
    Deliver,
    Event,
    Inbound,
    Kind,
    Put,
    SessionDetached,
    SessionEnded,
    SessionId,
    SessionResumed,
    Step,
    StoreFailed,
    Undelivered,
    reduce,
)
from xmpp_im_core.stanza import IQ, Condition, ErrorType, Message, Presence, Stanza, stanza_error

ORCHARD = f"{ROMEO}/orchard"
FULL = f"{JULIET}/balcony"
BALCONY, CHAMBER, HALL = SessionId("balcony", 1), SessionId("chamber", 1), SessionId("hall", 1)
ASKED = element("query", "urn:example:x")


def ended(*lost: Stanza) -> SessionEnded:
    """The balcony has ended, and these are known not to have arrived; nobody else was to get them."""
    return SessionEnded(AT, "seq", BALCONY, tuple([delivery(each, BALCONY) for each in lost]))


def juliet(**priorities: int) -> Account:
    return account(JULIET, {ROMEO: "From"}, connected=("balcony",), available=priorities)


def lost(given: Account, event: Event, *sessions: SessionId, policy: Policy | None = None) -> Step:
    """Return what becomes of a delivery that failed for these sessions, or for all of its own."""
    (effect,) = reduce(given, event, policy or Policy()).effects
    assert isinstance(effect, Deliver)
    return reduce(given, Undelivered(AT, "again", effect, sessions or effect.sessions), policy or Policy())


# --- a delivery that failed (Undelivered) -----------------------------------------------------------------------------


@rfc6121("8.5.4", quote="delivering the message to all resources with")
@pytest.mark.parametrize("failed", [(BALCONY,), (CHAMBER,)])
def test_what_has_reached_one_of_several_resources_is_delivered(failed: tuple[SessionId, ...]) -> None:
    given = juliet(balcony=0, chamber=0)
    (effect,) = reduce(given, received_message("headline", ORCHARD, JULIET)).effects
    assert isinstance(effect, Deliver)

    assert fails_in_silence(given, Undelivered(AT, "again", effect, failed))


@rfc6121("8.5.2.1.1", quote='deliver the message to the "most available" resource or resources')
def test_what_has_reached_none_goes_to_the_next() -> None:
    given = juliet(balcony=5, chamber=5, hall=0)

    step = lost(given, received_message("chat", ORCHARD, JULIET))

    assert told(step) == [f"deliver chat from {ORCHARD} to hall"]
    assert step.state == broken(given, BALCONY, CHAMBER)


FATES = [
    ("chat", JULIET, {"chamber": 1}, "deliver chat to chamber"),
    ("chat", JULIET, {"chamber": -1}, "stored"),
    ("chat", JULIET, {}, "stored"),
    ("normal", JULIET, {"chamber": 1}, "deliver normal to chamber"),
    ("normal", JULIET, {}, "stored"),
    ("headline", JULIET, {"chamber": 1}, "deliver headline to chamber"),
    ("headline", JULIET, {}, "dropped"),
    ("chat", FULL, {"chamber": 1}, "deliver chat to chamber"),
    ("chat", FULL, {}, "stored"),
    ("normal", FULL, {"chamber": 1}, "bounced"),
    ("normal", FULL, {}, "bounced"),
    ("groupchat", FULL, {"chamber": 1}, "bounced"),
    ("headline", FULL, {"chamber": 1}, "bounced"),
    ("error", FULL, {"chamber": 1}, "dropped"),
]


def fate(step: Step, sent: Message) -> str:
    """Return in which one of four places a message has ended."""
    places = []
    for operation in step.store:
        if isinstance(operation, Put) and operation.kind is Kind.OFFLINE:
            assert isinstance(operation.value, Message)
            assert operation.value.payload.children[: len(sent.payload.children)] == sent.payload.children
            places.append("stored")
    for effect in step.effects:
        if not hasattr(effect, "stanza") or not isinstance(effect.stanza, Message):
            continue
        if isinstance(effect, Deliver):
            assert effect.stanza == sent
            places.append(f"deliver {sent.type} to {', '.join(each.resource for each in effect.sessions)}")
        else:
            assert effect.stanza.type == "error"
            places.append("bounced")
    assert len(places) <= 1
    return places[0] if places else "dropped"


@rfc6121("8.5", quote="the server MUST proceed as follows")
@pytest.mark.parametrize(("type", "to", "others", "expected"), FATES)
@pytest.mark.parametrize("how", ["undelivered", "ended", "replaced"])
def test_each_message_ends_in_exactly_one_place(
    how: str, type: str, to: str, others: dict[str, int], expected: str
) -> None:
    sent = message(type, ORCHARD, to, child("body", "Adieu!"))
    given = juliet(**{"balcony": 9, **others})
    if how == "undelivered":
        step = reduce(given, Undelivered(AT, "seq", delivery(sent, BALCONY), (BALCONY,)))
    elif how == "ended":
        step = reduce(given, ended(sent))
    else:  # the old session ends after it was replaced by one that is not available yet
        replaced = following(given, bound("balcony", epoch=2))
        if to == FULL:  # then the new session is what the full JID names
            expected = f"deliver {type} to balcony"
        step = reduce(replaced, Undelivered(AT, "seq", delivery(sent, BALCONY), (BALCONY,)))

    assert fate(step, sent) == expected


@pytest.mark.parametrize(("type", "to"), [(type, to) for type, to, others, _ in FATES if not others])
def test_where_nothing_is_stored_it_is_bounced_or_dropped(type: str, to: str) -> None:
    sent = message(type, "tybalt@example.org", to, child("body", "Adieu!"))

    step = reduce(juliet(balcony=9), ended(sent), Policy(offline_messages=False))

    bounced = type == "chat" or (type == "normal" and to == JULIET)  # the cells O/E; to a stranger S/E is silence
    assert fate(step, sent) == ("bounced" if bounced else "dropped")


# --- the end of a session (SessionEnded) ------------------------------------------------------------------------------


@rfc6121("4.5.2", quote="If an available resource becomes unavailable for any reason")
def test_first_the_session_is_unavailable_then_its_stanzas_go_on_in_order() -> None:
    sent = [message("chat", ORCHARD, FULL, child("body", str(n))) for n in range(3)]

    step = reduce(juliet(balcony=9, chamber=0), ended(*sent))

    assert told(step) == [
        f"send unavailable from {FULL} to {ROMEO}",
        f"deliver unavailable from {FULL} to chamber",
        *[f"deliver chat from {ORCHARD} to chamber"] * 3,
    ]
    assert stanzas(step)[2:] == sent


def test_what_is_stored_of_several_has_a_key_each_that_sorts_as_they_came() -> None:
    sent = tuple(message("chat", ORCHARD, JULIET, child("body", str(n))) for n in range(12))

    step = reduce(juliet(balcony=9), ended(*sent))

    stored = [put for put in step.store if isinstance(put, Put) and put.kind is Kind.OFFLINE]
    assert [put.key for put in stored] == sorted({put.key for put in stored})
    assert [put.value.payload.children[0] for put in stored if isinstance(put.value, Message)] == [
        child("body", str(n)) for n in range(12)
    ]
    assert all(put.key.startswith("seq-") for put in stored)


def test_a_message_that_comes_from_storage_keeps_the_stamp_of_when_it_first_came() -> None:
    old = element("delay", "urn:xmpp:delay", {"from": "example.com", "stamp": "2002-09-10T23:41:07Z"})
    sent = message("chat", ORCHARD, JULIET, child("body", "Adieu!"), old)

    step = reduce(juliet(balcony=9), ended(sent))

    (stored,) = [put.value for put in step.store if isinstance(put, Put) and put.kind is Kind.OFFLINE]
    assert stored == sent


def test_a_session_that_never_was_available_has_its_messages_go_on_too() -> None:
    sent = message("chat", ORCHARD, FULL)

    step = reduce(account(JULIET, connected=("balcony",), available=("chamber",)), ended(sent))

    assert told(step) == [f"deliver chat from {ORCHARD} to chamber"]


def test_what_a_replaced_session_did_not_get_is_processed_again() -> None:
    message_ = message("chat", ORCHARD, JULIET)
    replaced = following(account(JULIET, available=("balcony",)), bound("balcony", epoch=2))

    late = reduce(replaced, ended(message_))

    assert [type(each).__name__ for each in late.store] == ["Put"], "nobody is available: it is kept"


def test_an_end_that_comes_twice_brings_nothing_twice() -> None:
    over = ended(message("chat", ORCHARD, FULL))

    assert ignored(after(reduce(juliet(balcony=0, chamber=0), over)), over)


# --- several sessions that fail one after another -----------------------------------------------------------------


CHAT = message("chat", ORCHARD, JULIET, child("body", "Adieu!"))
BOTH = delivery(CHAT, BALCONY, CHAMBER)


@rfc6121("8.5.4", quote="delivering the message to all resources with")
@pytest.mark.parametrize("attached", [True, False], ids=["attached", "detached"])
def test_what_another_session_was_handed_as_well_is_not_delivered_again_when_one_ends(attached: bool) -> None:
    given = juliet(balcony=0, chamber=0, hall=0)
    if not attached:  # its stream may be resumed, and then brings what it has not got yet
        given = following(given, SessionDetached(AT, "detached", CHAMBER))

    step = reduce(given, SessionEnded(AT, "seq", BALCONY, (BOTH,)))

    assert [each for each in told(step) if "chat" in each] == []
    assert fate(step, CHAT) == "dropped"


@pytest.mark.parametrize(("first", "last"), [(BALCONY, CHAMBER), (CHAMBER, BALCONY)])
def test_of_two_that_end_without_it_the_last_gives_it_back(first: SessionId, last: SessionId) -> None:
    given = after(reduce(juliet(balcony=0, chamber=0, hall=-1), SessionEnded(AT, "first", first, (BOTH,))))

    step = reduce(given, SessionEnded(AT, "last", last, (BOTH,)))

    assert fate(step, CHAT) == "stored"


def test_so_it_does_where_the_other_could_not_even_be_written_to() -> None:
    given = juliet(balcony=0, chamber=0)

    first = reduce(given, Undelivered(AT, "first", BOTH, (BALCONY,)))
    second = reduce(following(given, ended()), SessionEnded(AT, "second", CHAMBER, (BOTH,)))
    afterwards = reduce(
        following(given, SessionEnded(AT, "e", CHAMBER, (BOTH,))), Undelivered(AT, "u", BOTH, (BALCONY,))
    )

    assert fate(first, CHAT) == "dropped"
    assert (fate(second, CHAT), fate(afterwards, CHAT)) == ("stored", "stored")


def test_a_session_of_the_same_resource_that_came_later_has_not_got_it() -> None:
    given = following(juliet(balcony=0, chamber=0), bound("chamber", epoch=2))

    step = reduce(given, SessionEnded(AT, "seq", BALCONY, (BOTH,)))

    assert fate(step, CHAT) == "stored"


def test_what_nobody_is_left_to_have_got_is_better_repeated_than_lost() -> None:
    given = following(juliet(balcony=0, chamber=0), SessionEnded(AT, "first", CHAMBER))

    step = reduce(given, SessionEnded(AT, "last", BALCONY, (BOTH,)))

    assert fate(step, CHAT) == "stored"


def test_where_storage_fails_what_another_session_has_is_not_bounced() -> None:
    over = SessionEnded(AT, "seq", BALCONY, (BOTH,))

    step = reduce(juliet(balcony=0, chamber=0), StoreFailed(AT, "failed", over))

    assert fate(step, CHAT) == "dropped"


def test_a_push_that_came_back_with_the_session_is_lost_with_it() -> None:
    push = evolve(delivery(message("chat", ORCHARD, FULL), BALCONY), address=AddressedAs.FULL_JID)

    step = reduce(juliet(balcony=0, chamber=0), SessionEnded(AT, "seq", BALCONY, (push,)))

    assert PUSH_LOST in [effect.rule for effect in step.effects]
    assert fate(step, CHAT) == "dropped"


@rfc6121("8.5.2.1.1", quote='deliver the message to the "most available" resource or resources')
@pytest.mark.parametrize("priorities", [{"balcony": 1, "chamber": 0}, {"balcony": 0, "chamber": 0}])
def test_a_session_that_could_not_be_delivered_to_is_not_tried_again(priorities: dict[str, int]) -> None:
    """Neither end is known yet: the message must not go back and forth between the two."""
    first = reduce(juliet(**priorities), Inbound(AT, "seq", CHAT))
    tried: list[SessionId] = []
    deliveries = [effect for effect in first.effects if isinstance(effect, Deliver)]
    step = first
    while deliveries:
        (effect,) = deliveries
        assert not set(effect.sessions) & set(tried)
        tried += effect.sessions
        step = reduce(step.state, Undelivered(AT, f"again{len(tried)}", effect, effect.sessions))
        deliveries = [each for each in step.effects if isinstance(each, Deliver)]

    assert sorted(tried) == [BALCONY, CHAMBER]
    assert fate(step, CHAT) == "stored"


def test_a_session_that_cannot_be_written_to_does_not_count_as_one_that_has_it() -> None:
    """The balcony's failed delivery was reported; its end is still to come when the chamber gives the message back."""
    given = following(juliet(balcony=0, chamber=0), Undelivered(AT, "first", BOTH, (BALCONY,)))

    step = reduce(given, SessionEnded(AT, "second", CHAMBER, (BOTH,)))

    assert fate(step, CHAT) == "stored"


@pytest.mark.parametrize("back", [True, False], ids=["resumed", "still broken"])
def test_a_session_that_was_resumed_takes_deliveries_again(back: bool) -> None:
    given = juliet(balcony=0, chamber=5)
    given = following(given, Undelivered(AT, "first", delivery(CHAT, BALCONY), (BALCONY,)))
    if back:
        given = following(given, SessionResumed(AT, "back", BALCONY))

    step = lost(given, Inbound(AT, "seq", CHAT), CHAMBER)

    assert fate(step, CHAT) == ("deliver chat to balcony" if back else "stored")


@pytest.mark.parametrize("lost_by", ["late end", "late end after the new one's"])
def test_the_late_end_of_a_replaced_session_gives_back_what_it_did_not_get(lost_by: str) -> None:
    """RFC 6120 7.7.2.2: the old session is replaced; what it did not acknowledge is still undelivered."""
    given = following(juliet(balcony=0), bound("balcony", epoch=2))
    if lost_by != "late end":
        given = following(given, SessionEnded(AT, "new", SessionId("balcony", 2)))

    step = reduce(given, SessionEnded(AT, "late", BALCONY, (delivery(CHAT, BALCONY),)))

    assert fate(step, CHAT) == "stored"
    assert ignored(after(step), SessionEnded(AT, "twice", BALCONY, (delivery(CHAT, BALCONY),)))


def test_so_many_replaced_sessions_are_remembered_as_an_account_may_have_sessions() -> None:
    given, few = juliet(), Policy(sessions=3)
    for epoch in range(2, 12):
        given = after(reduce(given, bound("balcony", epoch=epoch), few))

    assert given.replaced == tuple([SessionId("balcony", epoch) for epoch in (8, 9, 10)])


# --- IQs, presence and pushes -----------------------------------------------------------------------------------------


def ending(*stanzas_: Message | Presence | IQ) -> Step:
    return reduce(account(JULIET, connected=("balcony",)), ended(*stanzas_))


@rfc6121("8.5.3.2.3", quote="For an IQ stanza, the server MUST return a <service-unavailable/> stanza error to the")
@pytest.mark.parametrize("type", ["get", "set"])
def test_a_request_is_answered_as_one_to_a_resource_that_is_not_there(type: str) -> None:
    step = ending(iq(type, ASKED, from_=ORCHARD, to=FULL))

    assert told(step) == [f"route error service-unavailable from {FULL} to {ORCHARD}"]


@pytest.mark.parametrize(
    "stanza",
    [
        iq("result", from_=ORCHARD, to=FULL),
        iq("error", child("error"), from_=ORCHARD, to=FULL),
        presence("available", ORCHARD, JULIET),
        presence("unavailable", ORCHARD, FULL),
        presence("subscribe", ROMEO, JULIET),
        presence("error", ROMEO, FULL),
    ],
    ids=lambda each: f"{each.KIND}-{each.type}",
)
def test_answers_and_presence_are_lost_with_the_session(stanza: Presence | IQ) -> None:
    assert told(ending(stanza)) == []
    assert fails_in_silence(juliet(balcony=0), Undelivered(AT, "seq", delivery(stanza, BALCONY), (BALCONY,)))


@pytest.mark.parametrize(
    "stanza",
    [
        iq("result", from_=None, to=FULL),
        iq("set", element("query", ROSTER), to=FULL),
        message("chat", None, FULL),
        message("chat", ORCHARD, "nurse@example.com"),
    ],
    ids=["result", "push", "no sender", "no recipient"],
)
def test_what_the_server_itself_had_made_for_the_session_is_lost_too(stanza: Message | IQ) -> None:
    assert told(ending(stanza)) == []


def test_a_roster_push_that_fails_is_lost_and_the_next_roster_get_tells() -> None:
    given = following(juliet(balcony=0), roster_get("balcony"))
    changed = reduce(given, AdministratorSetItem(AT, "seq", "nurse@example.com"))
    (push,) = changed.effects
    assert isinstance(push, Deliver)

    assert fails_in_silence(after(changed), Undelivered(AT, "again", push, (BALCONY,)))
    assert "nurse@example.com none" in told(reduce(changed.state, roster_get("balcony")))[0]


def test_a_request_for_a_subscription_that_fails_is_kept_and_delivered_again() -> None:
    asked = reduce(juliet(balcony=0), inbound("subscribe", "nurse@example.com", to=JULIET))
    (delivery,) = [effect for effect in asked.effects if isinstance(effect, Deliver)]

    failed = reduce(asked.state, Undelivered(AT, "again", delivery, (BALCONY,)))
    again = reduce(following(after(failed), outbound("unavailable", by="balcony")), outbound("available", by="balcony"))

    assert "deliver subscribe from nurse@example.com to balcony" in told(again)
    assert failed.state == broken(after(asked), BALCONY)


# --- when nothing can be stored -------------------------------------------------------------------------------------


@rfc6121("4.5.2", quote="If an available resource becomes unavailable for any reason")
def test_when_the_end_of_a_session_cannot_be_stored_its_messages_are_bounced_to_be_sent_again() -> None:
    over = ended(message("chat", ORCHARD, JULIET), message("error", ORCHARD, FULL))

    step = reduce(juliet(balcony=0), StoreFailed(AT, "failed", over))

    assert told(step) == [
        f"send unavailable from {FULL} to {ROMEO}",
        f"route error internal-server-error from {JULIET} to {ORCHARD}",
    ]
    assert after(step).sessions == ()
    assert step.store == ()


def test_so_is_one_that_failed_and_was_to_be_stored_but_not_one_that_reached_somebody() -> None:
    sent = message("chat", ORCHARD, JULIET)
    effect = delivery(sent, BALCONY, CHAMBER)
    given = juliet(balcony=0, chamber=0)

    nowhere = StoreFailed(AT, "failed", Undelivered(AT, "seq", effect, (BALCONY, CHAMBER)))
    somewhere = StoreFailed(AT, "failed", Undelivered(AT, "seq", effect, (BALCONY,)))

    assert told(reduce(given, nowhere)) == [f"route error internal-server-error from {JULIET} to {ORCHARD}"]
    assert reduce(given, nowhere).state == broken(given, BALCONY, CHAMBER)
    assert told(reduce(given, somewhere)) == []
    assert reduce(given, somewhere).state == broken(given, BALCONY)


@rfc6121("8.1", quote="a server SHOULD return an error if the originating entity is")
@pytest.mark.parametrize("type", ["normal", "chat"])
def test_a_message_that_could_not_be_stored_is_bounced_with_an_error_to_wait(type: str) -> None:
    event = StoreFailed(AT, "failed", received_message(type, ORCHARD, JULIET))
    step = reduce(account(JULIET, {ROMEO: "From"}), event)

    (refusal,) = stanzas(step)
    assert told(reduce(account(JULIET, {ROMEO: "To"}), event)) == []
    assert refusal.error == stanza_error(Condition.INTERNAL_SERVER_ERROR, ErrorType.WAIT)
    assert step.store == ()


# --- never an error to an error ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [Policy(), Policy(offline_messages=False), Policy(messaging=False)])
def test_an_error_that_could_not_be_delivered_is_not_answered_with_another(policy: Policy) -> None:
    for stanza in (
        message("error", ORCHARD, FULL),
        message("error", ORCHARD, JULIET),
        iq("error", child("error"), from_=ORCHARD, to=FULL),
        presence("error", ORCHARD, FULL),
    ):
        step = reduce(account(JULIET, connected=("balcony",)), ended(stanza), policy)

        assert (told(step), step.store) == ([], ())


def test_an_error_from_the_one_session_is_not_given_to_another() -> None:
    step = lost(juliet(balcony=0, chamber=0), received_message("error", ORCHARD, FULL))

    assert told(step) == []


@rfc6121("8.1", quote="a server SHOULD return an error if the originating entity is")
@pytest.mark.parametrize("state", ["To", "From"])
def test_where_storage_fails_only_who_may_see_the_user_hears_that_a_message_was_not_stored(state: str) -> None:
    """To a user who is there it would have been delivered, so an error would tell a stranger that nobody is."""
    lost = ended(message("normal", ORCHARD, JULIET))

    failed = reduce(account(JULIET, {ROMEO: state}, available=("balcony",)), StoreFailed(AT, "failed", lost))

    errors = [each for each in told(failed) if "error" in each]
    expected = [f"route error internal-server-error from {JULIET} to {ORCHARD}"] if state == "From" else []
    assert errors == expected
