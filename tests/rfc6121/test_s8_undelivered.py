"""What was handed to a stream and did not arrive is processed again by §8.5, and ends in one place."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
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
from tests.rfc6121.undelivered_stage import BALCONY, CHAMBER, FULL, ORCHARD, ended, fate, juliet, lost
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server import (
    AdministratorSetItem,
    Deliver,
    Kind,
    Put,
    SessionId,
    Step,
    StoreFailed,
    Undelivered,
    reduce,
)
from xmpp_im_core.stanza import IQ, Condition, ErrorType, Message, Presence, stanza_error

ASKED = element("query", "urn:example:x")

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


@rfc6121("8.5", quote="the server MUST proceed as follows")
@in_one_test(("type", "to", "others", "expected"), FATES)
@in_one_test("how", ["undelivered", "ended", "replaced"])
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


@in_one_test(("type", "to"), [(type, to) for type, to, others, _ in FATES if not others])
def test_it_is_bounced_or_dropped_if_nothing_is_stored(type: str, to: str) -> None:
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


# --- IQs, presence and pushes -----------------------------------------------------------------------------------------


def ending(*stanzas_: Message | Presence | IQ) -> Step:
    return reduce(account(JULIET, connected=("balcony",)), ended(*stanzas_))


@rfc6121("8.5.3.2.3", quote="For an IQ stanza, the server MUST return a <service-unavailable/> stanza error to the")
@pytest.mark.parametrize("type", ["get", "set"])
def test_a_request_is_answered_as_one_to_a_resource_that_is_not_there(type: str) -> None:
    step = ending(iq(type, ASKED, from_=ORCHARD, to=FULL))

    assert told(step) == [f"route error service-unavailable from {FULL} to {ORCHARD}"]


@in_one_test(
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


@in_one_test(
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


def test_a_failed_message_is_bounced_if_it_reached_nobody() -> None:
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
