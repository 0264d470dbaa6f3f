"""IQs to bare and full JIDs (RFC 6121 §8.5.2.1.3, §8.5.2.2.3, §8.5.3; RFC 6120 §8.2.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    MERCUTIO,
    ROMEO,
    STATES,
    account,
    child,
    ended,
    following,
    ignored,
    inbound,
    iq,
    outbound,
    received_iq,
    rfc6121,
    sent_iq,
    stanzas,
    told,
)
from xmpp_im_core.element import Element, element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Audience, Policy
from xmpp_im_core.server import Account, AddressedAs, Delegate, Deliver, Event, Inbound, Outbound, SessionId, reduce
from xmpp_im_core.stanza import IQ, Condition, error_reply, payload, stanza_error

ORCHARD = f"{ROMEO}/orchard"
FULL = f"{JULIET}/balcony"
ASKED = element("query", "urn:example:x")
REQUESTS = in_one_test("type", ["get", "set"])
ANSWERS = in_one_test("type", ["result", "error"])
PRESENT = {"online": ("balcony", "chamber"), "offline": ()}


def juliet(state: str = "None", *, available: tuple[str, ...] = ("balcony",)) -> Account:
    return account(JULIET, {ROMEO: state}, connected=("cellar",), available=available)


def refused(to: str, sender: str = ORCHARD, condition: str = "service-unavailable") -> list[str]:
    return [f"route error {condition} from {to} to {sender}"]


# --- to the bare JID ------------------------------------------------------------------------------------------------


@rfc6121("8.5.2.1.3", quote="MUST NOT deliver the IQ stanza to any of the user's available resources")
@rfc6121("8.5.2.2.3", quote="if not, then the server MUST reply with a")
@REQUESTS
@in_one_test("available", PRESENT.values(), ids=PRESENT)
@in_one_test("state", STATES)
def test_a_request_in_a_namespace_that_nobody_knows_is_answered_by_the_server(
    state: str, available: tuple[str, ...], type: str
) -> None:
    given = juliet(state, available=available)
    asked = received_iq(type, ASKED, from_=ORCHARD, to=JULIET)

    step = reduce(given, asked)

    assert stanzas(step) == [error_reply(asked.stanza, stanza_error(Condition.SERVICE_UNAVAILABLE))]
    assert told(step) == refused(JULIET)
    assert step.state == given


AUDIENCES = {
    Audience.OWNER: {"the user"},
    Audience.SUBSCRIBER: {"the user", "a subscriber"},
    Audience.ANYONE: {"the user", "a subscriber", "whom the user sees", "whom the user told", "a stranger"},
    Audience.EVERYWHERE: {"the user", "a subscriber", "whom the user sees", "whom the user told", "a stranger"},
}
ASKING = {
    "the user": f"{JULIET}/cellar",
    "a subscriber": ORCHARD,
    "whom the user sees": "nurse@example.com/pantry",
    "whom the user told": f"{MERCUTIO}/square",
    "a stranger": "tybalt@example.org/square",
}


@rfc6121("8.5.2.1.3", quote="then the server MUST reply to the stanza on behalf of the user by returning either an IQ")
@REQUESTS
@in_one_test("asking", ASKING)
@in_one_test("audience", Audience)
def test_a_namespace_that_the_service_answers_is_answered_to_its_audience_alone(
    audience: Audience, asking: str, type: str
) -> None:
    given = account(JULIET, {ROMEO: "From", "nurse@example.com": "To"}, available=("balcony",))
    given = following(given, outbound("available", f"{MERCUTIO}/square", by="balcony"))
    served = Policy(served=FrozenMap({"urn:example:x": audience}))
    asked = received_iq(type, ASKED, from_=ASKING[asking], to=JULIET)

    step = reduce(given, asked, served)

    if asking in AUDIENCES[audience]:
        (effect,) = step.effects
        assert isinstance(effect, Delegate)
        assert effect.iq == asked.stanza
    else:
        assert told(step) == refused(JULIET, ASKING[asking])
    assert step.state == given


@REQUESTS
def test_a_served_namespace_serves_no_other(type: str) -> None:
    served = Policy(served=FrozenMap({"urn:example:x": Audience.ANYONE}))

    step = reduce(juliet(), received_iq(type, element("query", "urn:example:y"), from_=ORCHARD, to=JULIET), served)

    assert told(step) == refused(JULIET)


@REQUESTS
def test_a_resource_answers_a_request_to_its_full_jid_even_in_a_served_namespace(type: str) -> None:
    served = Policy(served=FrozenMap({"urn:example:x": Audience.ANYONE}))

    assert delivered(juliet("From"), received_iq(type, ASKED, from_=ORCHARD, to=FULL), served)
    assert not delivered(juliet("To"), received_iq(type, ASKED, from_=ORCHARD, to=FULL), served)


@ANSWERS
@in_one_test("available", PRESENT.values(), ids=PRESENT)
def test_an_answer_to_the_bare_jid_is_neither_delivered_nor_answered(available: tuple[str, ...], type: str) -> None:
    assert ignored(juliet("Both", available=available), received_iq(type, from_=ORCHARD, to=JULIET))


# --- to a full JID --------------------------------------------------------------------------------------------------


def delivered(given: Account, event: Inbound, policy: Policy | None = None) -> bool:
    """Whether an IQ is delivered as it stands to the resource that it names; else it is refused."""
    step = reduce(given, event, policy or Policy())
    assert step.state == given
    (effect,) = step.effects
    if isinstance(effect, Deliver):
        assert (effect.stanza, effect.address) == (event.stanza, AddressedAs.AS_IT_STANDS)
        assert [str(given.jid.with_resource(each.resource)) for each in effect.sessions] == [str(event.stanza.to)]
        return True
    assert stanzas(step) == [error_reply(event.stanza, stanza_error(Condition.SERVICE_UNAVAILABLE))]
    return False


@rfc6121("8.5.3.1", quote="if the intended recipient does not share presence with the requesting entity")
@REQUESTS
@in_one_test("resource", ["balcony", "cellar"])
@in_one_test("state", STATES)
def test_a_request_is_delivered_only_if_its_sender_may_see_the_presence(state: str, resource: str, type: str) -> None:
    asked = received_iq(type, ASKED, from_=ORCHARD, to=f"{JULIET}/{resource}")

    assert delivered(juliet(state), asked) is STATES[state].from_


@rfc6121("8.5.3.1", quote="or by means of directed presence")
@REQUESTS
@in_one_test("sender", [ORCHARD, ROMEO, f"{ROMEO}/hall"])
@in_one_test("directed", [ORCHARD, ROMEO])
def test_directed_presence_shares_it_with_that_entity_and_for_that_resource_alone(
    directed: str, sender: str, type: str
) -> None:
    chatting = following(juliet(available=("balcony", "chamber")), outbound("available", directed, by="balcony"))

    assert delivered(chatting, received_iq(type, ASKED, from_=sender, to=FULL))
    assert not delivered(chatting, received_iq(type, ASKED, from_=sender, to=f"{JULIET}/chamber"))
    assert not delivered(chatting, received_iq(type, ASKED, from_=MERCUTIO, to=FULL))


@rfc6121("8.5.3.1", quote="or by means of directed presence")
@pytest.mark.parametrize(
    "over",
    [
        outbound("unavailable", ORCHARD, by="balcony"),
        outbound("unavailable", by="balcony"),
        inbound("unavailable", ORCHARD, to=JULIET),
    ],
    ids=["directed unavailable", "unavailable", "the other has left"],
)
def test_until_it_is_over(over: Event) -> None:
    chatting = following(juliet(), outbound("available", ORCHARD, by="balcony"))

    assert delivered(chatting, received_iq("get", ASKED, from_=ORCHARD, to=FULL))
    assert not delivered(following(chatting, over), received_iq("get", ASKED, from_=ORCHARD, to=FULL))


@rfc6121("4.2.2", quote="an entity is implicitly subscribed to its own presence")
@REQUESTS
def test_the_users_own_other_resources_share_it(type: str) -> None:
    assert delivered(juliet(), received_iq(type, ASKED, from_=f"{JULIET}/cellar", to=FULL))


@rfc6121(
    "8.5.3.1", quote='For an IQ stanza of type "result" or "error", the server MUST deliver the stanza to the resource'
)
@ANSWERS
@in_one_test("sender", [ORCHARD, "tybalt@example.org", "example.org"])
@in_one_test("resource", ["balcony", "cellar"])
def test_an_answer_is_delivered_from_every_sender(resource: str, sender: str, type: str) -> None:
    assert delivered(juliet(), received_iq(type, from_=sender, to=f"{JULIET}/{resource}"))


@rfc6121(
    "8.5.3.2.3", quote="For an IQ stanza, the server MUST return a <service-unavailable/> stanza error to the sender"
)
@REQUESTS
@in_one_test("state", STATES)
@in_one_test("resource", ["nowhere", "BALCONY"])
def test_a_request_that_matches_no_resource_gets_service_unavailable(resource: str, state: str, type: str) -> None:
    assert not delivered(juliet(state), received_iq(type, ASKED, from_=ORCHARD, to=f"{JULIET}/{resource}"))


@ANSWERS
def test_an_answer_that_matches_no_resource_is_ignored(type: str) -> None:
    assert ignored(juliet("Both"), received_iq(type, from_=ORCHARD, to=f"{JULIET}/nowhere"))


@REQUESTS
def test_an_ended_session_is_a_resource_that_is_not_there(type: str) -> None:
    gone = following(juliet("Both"), ended("balcony"))

    assert not delivered(gone, received_iq(type, ASKED, from_=ORCHARD, to=FULL))


# --- the form of an IQ (RFC 6120 §8.2.3) -----------------------------------------------------------------------------


def of(type: str | None, *children: Element, id: str | None = "iq1") -> IQ:
    return IQ(None, None, id, type, None, payload(*children))


BROKEN = {
    "no id": of("get", ASKED, id=None),
    "no type": of(None, ASKED),
    "an unknown type": of("fetch", ASKED),
    "a get of nothing": of("get"),
    "a set of nothing": of("set"),
    "a get of two": of("get", ASKED, ASKED),
    "a set of two": of("set", ASKED, element("query", "urn:example:y")),
}
EACH_BROKEN = in_one_test("broken", BROKEN.values(), ids=BROKEN)


@EACH_BROKEN
@in_one_test("to", [JULIET, FULL, f"{JULIET}/nowhere"])
def test_a_request_that_breaks_the_rules_is_a_bad_request_for_every_recipient(to: str, broken: IQ) -> None:
    sent = broken.stamped(to=parse_address(to), from_=parse_address(ORCHARD))

    step = reduce(juliet("Both"), Inbound(AT, "seq", sent))

    assert stanzas(step) == [error_reply(sent, stanza_error(Condition.BAD_REQUEST))]
    assert stanzas(step)[0].id == (broken.id or "")


@EACH_BROKEN
@in_one_test("to", [None, JULIET, ROMEO, f"{JULIET}/cellar"])
def test_a_malformed_iq_from_a_client_is_a_bad_request_and_is_not_routed(to: str | None, broken: IQ) -> None:
    sent = broken if to is None else broken.stamped(to=parse_address(to))

    step = reduce(juliet("Both"), Outbound(AT, "seq", SessionId("balcony", 1), sent))

    stamped = sent.stamped(from_=parse_address(FULL))
    assert stanzas(step) == [error_reply(stamped, stanza_error(Condition.BAD_REQUEST))]
    assert step.state == juliet("Both")


@in_one_test("to", [JULIET, FULL, f"{JULIET}/nowhere"])
@ANSWERS
def test_an_answer_without_id_is_not_answered_either(type: str, to: str) -> None:
    answer = of(type, child("error"), id=None)

    assert ignored(juliet(), Inbound(AT, "seq", answer.stamped(to=parse_address(to), from_=parse_address(ORCHARD))))
    assert ignored(juliet(), Outbound(AT, "seq", SessionId("balcony", 1), answer.stamped(to=parse_address(ROMEO))))


def test_a_result_may_have_no_child_or_one() -> None:
    for children in ((), (ASKED,)):
        assert delivered(juliet(), received_iq("result", *children, from_=ORCHARD, to=FULL))


# --- the user's own requests ----------------------------------------------------------------------------------------


@rfc6121("8.5.2.1.3", quote="if not, then the server MUST reply with a")
def test_nobody_may_ask_for_the_roster_of_another_user() -> None:
    roster = element("query", "jabber:iq:roster")
    served = Policy(served=FrozenMap({"jabber:iq:roster": Audience.ANYONE}))

    assert told(reduce(juliet("Both"), received_iq("get", roster, from_=ORCHARD, to=JULIET), served)) == refused(JULIET)


@pytest.mark.parametrize("to", [f"{JULIET}/cellar", FULL])
def test_a_request_to_ones_own_full_jid_is_routed_and_comes_back(to: str) -> None:
    (routed,) = stanzas(reduce(juliet(), sent_iq("get", ASKED, by="balcony", to=to)))
    assert routed == iq("get", ASKED, from_=FULL, to=to)
    assert isinstance(routed, IQ)

    assert delivered(juliet(), Inbound(AT, "seq", routed))
