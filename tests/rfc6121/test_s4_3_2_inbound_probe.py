"""Server processing of inbound presence probes (RFC 6121 §4.3.2, §4.3.2.1, §4.6.6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    STATES,
    account,
    after,
    bound,
    child,
    ended,
    following,
    inbound,
    outbound,
    presence,
    rfc6121,
    session,
    stanzas,
    state_of,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import address_of, parse_address, parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    Account,
    AccountMoved,
    Event,
    Inbound,
    Kind,
    LastUnavailable,
    Moved,
    NoAccount,
    Put,
    Route,
    Session,
    SessionEnded,
    SessionId,
    reduce,
)
from xmpp_im_core.stanza import Condition, ErrorType, Presence, StanzaError, error_reply

FULL = f"{ROMEO}/bar"
ROOM = "lobby@chat.example.com/Romeo"
AUTHORISED = [name for name, state in STATES.items() if state.from_]
UNAUTHORISED = [name for name, state in STATES.items() if not state.from_]

HERE = presence("available", f"{ROMEO}/bar", None, child("show", "away"), child("priority", "3"), id="ps6t1fu3")


def probe(from_: str = JULIET, to: str = ROMEO, at: datetime = AT) -> Inbound:
    return Inbound(at, "seq", presence("probe", from_, to, id="probe1"))


def romeo(state: str = "Both", *, available: bool = True) -> Account:
    """Romeo, whose resource "bar" is away, and whose resource "baz" is connected only."""
    given = account(ROMEO, {JULIET: state}, connected=("bar", "baz"))
    if not available:
        return given
    bar = Session(SessionId("bar", 1), address_of(parse_jid(FULL)), presence=HERE, priority=3)
    return given.with_session(bar)


def answers(given: Account, asked: Inbound, policy: Policy | None = None) -> list[Presence]:
    """Return what answers a probe, which changes nothing at all."""
    step = reduce(given, asked, policy or Policy())
    assert (step.state, step.store, step.forget) == (given, (), ())
    assert all(isinstance(effect, Route) for effect in step.effects)
    return [stanza for stanza in stanzas(step) if isinstance(stanza, Presence)]


# --- rule 1: the prober is not authorised ---------------------------------------------------------------------


@rfc6121("4.3.2", quote='the contact\'s server SHOULD return a presence stanza of type "unsubscribed"')
@rfc6121("4.3.2", quote="address MUST be the bare JID of the contact, since specifying a")
@rfc6121("4.3.2.1", quote="mirror the 'id' of the user's presence probe")
@rfc6121("11", quote="MUST NOT reveal the user's presence if the sender is an entity that is not authorized")
@in_one_test("to", [ROMEO, FULL, f"{ROMEO}/baz", f"{ROMEO}/nowhere"])
@in_one_test("available", [True, False], ids=["online", "offline"])
@in_one_test("state", UNAUTHORISED)
def test_an_unauthorised_prober_gets_unsubscribed_from_the_bare_jid(state: str, available: bool, to: str) -> None:
    assert answers(romeo(state, available=available), probe(to=to)) == [
        presence("unsubscribed", ROMEO, JULIET, id="probe1")
    ]


@rfc6121("4.3.2", quote="If the contact account does not exist")
@pytest.mark.parametrize("to", [ROMEO, FULL])
def test_an_account_that_does_not_exist_answers_as_one_that_does(to: str) -> None:
    nobody = NoAccount(parse_jid(ROMEO))

    assert stanzas(reduce(nobody, probe(to=to))) == stanzas(reduce(romeo("None"), probe(to=to)))


@rfc6121("4.3.2", quote="this MUST NOT result in cancellation of a subscription pre-approval")
def test_a_pre_approval_outlives_the_answer() -> None:
    approved = following(romeo("None"), outbound("subscribed", JULIET, by="bar"))
    assert approved.roster.contacts[JULIET].approved

    assert answers(approved, probe()) == [presence("unsubscribed", ROMEO, JULIET, id="probe1")]
    assert told(reduce(approved, inbound("subscribe", JULIET)))[0] == f"route subscribed from {ROMEO} to {JULIET}"


def test_a_stranger_is_told_the_same() -> None:
    assert answers(romeo(), probe("tybalt@example.com")) == [
        presence("unsubscribed", ROMEO, "tybalt@example.com", id="probe1")
    ]


# --- rule 2: the contact has moved ----------------------------------------------------------------------------


@rfc6121("4.3.2", quote="with a stanza error condition of <redirect/>")
@in_one_test("to", [ROMEO, FULL])
@in_one_test("available", [True, False], ids=["online", "offline"])
@in_one_test(("permanently", "condition"), [(False, Condition.REDIRECT), (True, Condition.GONE)])
def test_a_contact_who_has_moved_is_told_where_to(
    permanently: bool, condition: Condition, available: bool, to: str
) -> None:
    new = Moved("xmpp:la-mer@example.com", permanently)
    moved = following(romeo(available=available), AccountMoved(AT, "moved", new))

    (answer,) = answers(moved, probe(to=to))

    kind = ErrorType.CANCEL if permanently else ErrorType.MODIFY
    error = StanzaError(condition, kind, address="xmpp:la-mer@example.com")
    asked = presence("probe", JULIET, ROMEO, id="probe1")
    assert answer == error_reply(asked, error)
    assert answer.error == error


@rfc6121("4.3.2", quote="Else, if the contact has moved temporarily or permanently to another address")
def test_a_stranger_is_not_told_where_to_since_rule_1_comes_first() -> None:
    new = Moved("xmpp:la-mer@example.com", True)
    moved = following(romeo("To"), AccountMoved(AT, "moved", new))

    assert answers(moved, probe()) == [presence("unsubscribed", ROMEO, JULIET, id="probe1")]


def test_a_user_who_is_back_answers_for_himself() -> None:
    moved = following(romeo(), AccountMoved(AT, "moved", Moved("xmpp:la-mer@example.com", False)))

    assert answers(following(moved, AccountMoved(AT, "back", None)), probe()) == answers(romeo(), probe())


# --- rule 3: no available resource ----------------------------------------------------------------------------

DELAY = "urn:xmpp:delay"


@rfc6121("4.3.2", quote='sending to the user a presence stanza of type "unavailable"')
@rfc6121("4.3.2", quote="the bare JID because there is no available resource associated")
@pytest.mark.parametrize("state", AUTHORISED)
def test_for_an_absent_user_the_bare_jid_answers_unavailable_with_the_id_of_the_probe(state: str) -> None:
    assert answers(romeo(state, available=False), probe()) == [presence("unavailable", ROMEO, JULIET, id="probe1")]


VERONA = datetime(2002, 9, 11, 1, 41, 7, tzinfo=timezone(timedelta(hours=2)))
LEAVING = [
    pytest.param(outbound("unavailable", None, child("status", "To Mantua"), by="bar", at=VERONA), id="said so"),
    pytest.param(SessionEnded(VERONA, "seq", SessionId("bar", 1)), id="stream ended"),
]


@rfc6121("4.3.2", quote="information about the time when the last unavailable presence stanza was generated")
@pytest.mark.parametrize("leaving", LEAVING)
def test_the_answer_says_since_when_in_utc_and_nothing_of_what_was_said_then(leaving: Event) -> None:
    gone = following(romeo(), leaving)

    (answer,) = answers(gone, probe())

    stamp = element("delay", DELAY, {"from": ROMEO, "stamp": "2002-09-10T23:41:07Z"})
    assert answer == presence("unavailable", ROMEO, JULIET, stamp, id="probe1")


@rfc6121("4.3.2", quote="this presence notification MAY include the full XML of the last unavailable presence stanza")
def test_by_policy_the_last_unavailable_presence_is_shown_in_full_with_its_own_id() -> None:
    farewell = outbound("unavailable", None, child("status", "To Mantua"), by="bar", id="oy6sb241")
    gone = following(romeo(), farewell)

    (answer,) = answers(gone, probe(), Policy(last_unavailable_in_full=True))

    stamp = element("delay", DELAY, {"from": ROMEO, "stamp": "2011-03-01T12:00:00Z"})
    assert answer == presence("unavailable", ROMEO, JULIET, child("status", "To Mantua"), stamp, id="oy6sb241")


def test_under_that_policy_a_user_who_never_was_available_is_just_unavailable() -> None:
    asked = answers(romeo(available=False), probe(), Policy(last_unavailable_in_full=True))

    assert asked == [presence("unavailable", ROMEO, JULIET, id="probe1")]


@rfc6121("4.3.2", quote="Else, if the contact has no available resources")
def test_only_the_last_resource_that_leaves_makes_the_user_absent() -> None:
    both = romeo().with_session(session(ROMEO, "foo", available=True))

    one_left = reduce(both, outbound("unavailable", by="foo", at=AT))
    none_left = reduce(after(one_left), outbound("unavailable", by="bar", at=AT + timedelta(hours=1), id="bye"))

    assert one_left.store == ()
    last = LastUnavailable(presence("unavailable", FULL, None, id="bye"), AT + timedelta(hours=1))
    assert none_left.store == (Put(Kind.LAST_UNAVAILABLE, "", last),)
    assert after(none_left).last_unavailable == last


# --- rule 4: available resources ------------------------------------------------------------------------------


@rfc6121("4.3.2", quote="the full XML of the last presence stanza with no 'to' attribute received by the server")
@rfc6121("4.3.2.1", quote="SHOULD preserve the 'id' attribute of the contact's original presence stanza")
@in_one_test("state", AUTHORISED)
@in_one_test("prober", [JULIET, f"{JULIET}/balcony"])
def test_each_available_resource_answers_in_full_with_its_own_id(state: str, prober: str) -> None:
    both = romeo(state).with_session(session(ROMEO, "foo", available=True))

    assert answers(both, probe(prober)) == [
        HERE.stamped(to=parse_address(prober)),
        presence("available", f"{ROMEO}/foo", prober, id="foo-presence"),
    ]


@rfc6121("4.3.2", quote="the last presence stanza with no 'to' attribute")
def test_the_last_presence_is_never_one_that_was_directed_to_somebody() -> None:
    directed = outbound("available", "tybalt@example.com", child("show", "dnd"), by="bar", id="secret")

    assert answers(following(romeo(), directed), probe()) == answers(romeo(), probe())


def test_the_last_presence_is_the_last() -> None:
    updated = outbound("available", None, child("show", "xa"), by="bar", id="later")

    assert answers(following(romeo(), updated), probe()) == [
        presence("available", FULL, JULIET, child("show", "xa"), id="later")
    ]


@rfc6121("4.2.2", quote="an entity is implicitly subscribed to its own presence")
def test_the_user_may_probe_himself() -> None:
    assert answers(romeo("None"), probe(f"{ROMEO}/baz")) == [HERE.stamped(to=parse_address(f"{ROMEO}/baz"))]


# --- a full JID -----------------------------------------------------------------------------------------------


@rfc6121("4.3.2", quote="MUST NOT return presence information about any resource except the resource specified")
@rfc6121("4.3.2", quote="only the fact that the resource is available")
@pytest.mark.parametrize("state", AUTHORISED)
def test_a_probe_of_a_full_jid_is_told_of_that_resource_alone_and_that_it_is_there(state: str) -> None:
    both = romeo(state).with_session(session(ROMEO, "foo", available=True))

    assert answers(both, probe(to=FULL)) == [presence("available", FULL, JULIET, id="ps6t1fu3")]


@rfc6121("4.3.2", quote="MUST NOT return presence information about any resource except the resource specified")
@pytest.mark.parametrize("resource", ["baz", "nowhere"])
def test_a_probe_of_a_full_jid_that_is_not_available_is_told_so_by_that_jid(resource: str) -> None:
    assert answers(romeo(), probe(to=f"{ROMEO}/{resource}")) == [
        presence("unavailable", f"{ROMEO}/{resource}", JULIET, id="probe1")
    ]


# --- directed presence (§4.6.6) -------------------------------------------------------------------------------


def chatting(*, available: bool = True, state: str = "None", to: str = ROOM) -> Account:
    """Romeo, whose resource "bar" has sent directed presence."""
    return following(romeo(state, available=available), outbound("available", to, child("show", "dnd"), by="bar"))


@rfc6121("4.6.6", quote="answer the probe with only mere presence of type")
@in_one_test("prober", [ROOM, "lobby@chat.example.com"])
@in_one_test("to", [FULL, ROMEO])
def test_a_room_that_got_directed_presence_learns_only_that_the_resource_is_available(prober: str, to: str) -> None:
    others = chatting().with_session(session(ROMEO, "foo", available=True))

    assert answers(others, probe(prober, to)) == [presence("available", FULL, prober, id="ps6t1fu3")]


@rfc6121("4.6.6", quote="only for that full JID (i.e., not for any other resources")
@pytest.mark.parametrize("to", [f"{ROMEO}/foo", f"{ROMEO}/baz", f"{ROMEO}/nowhere"])
def test_it_learns_of_no_other_resource(to: str) -> None:
    others = chatting().with_session(session(ROMEO, "foo", available=True))

    assert answers(others, probe(ROOM, to)) == [presence("unsubscribed", ROMEO, ROOM, id="probe1")]


@rfc6121("4.6.3", quote="If the user sends directed presence without first sending initial presence")
def test_a_resource_that_never_was_available_is_visible_to_those_it_sent_directed_presence() -> None:
    assert answers(chatting(available=False), probe(ROOM, FULL)) == [presence("available", FULL, ROOM, id="probe1")]


@rfc6121("4.6.6", quote="check if the user has sent directed presence to the entity during its current session")
@in_one_test(
    "ending",
    [
        outbound("unavailable", ROOM, by="bar"),
        outbound("unavailable", by="bar"),
        inbound("unavailable", ROOM, to=FULL),
        ended("bar"),
        bound("bar", epoch=2),
    ],
    ids=["directed unavailable", "unavailable", "the room has left", "end of stream", "replaced"],
)
def test_when_it_is_over_the_room_is_a_stranger_again(ending: Event) -> None:
    over = following(chatting(), ending)

    assert answers(over, probe(ROOM, FULL)) == [presence("unsubscribed", ROMEO, ROOM, id="probe1")]


@rfc6121("4.6.6", quote="it MUST first apply any logic associated with presence subscriptions")
def test_a_subscriber_who_got_directed_presence_is_answered_as_a_subscriber() -> None:
    assert answers(chatting(state="From", to=JULIET), probe()) == answers(romeo("From"), probe())


def test_a_namesake_of_the_room_is_a_stranger() -> None:
    for stranger in ("lobby@chat.example.com.evil.example", "obby@chat.example.com", "chat.example.com"):
        assert answers(chatting(), probe(stranger, FULL)) == [presence("unsubscribed", ROMEO, stranger, id="probe1")]


# --- what the answer says of the states -----------------------------------------------------------------------


@rfc6121("4.3.2", quote="this will trigger a protocol flow for canceling the user's subscription")
@in_one_test("state", UNAUTHORISED)
def test_the_answer_changes_nothing_in_the_roster_of_the_one_who_was_probed(state: str) -> None:
    given = romeo(state)

    assert state_of(reduce(given, probe()).state, JULIET) == state


def test_the_stamp_is_of_the_time_of_leaving_not_of_asking() -> None:
    gone = following(romeo(), outbound("unavailable", by="bar"))

    late = answers(gone, probe(at=datetime(2026, 1, 1, tzinfo=UTC)))

    assert late == answers(gone, probe())
