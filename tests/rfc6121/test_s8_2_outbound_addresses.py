"""Stanzas of the user's own clients: no 'to' address, and addresses of others (RFC 6121 §8.2, §8.3; RFC 6120 §8.1)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    bound,
    child,
    contact,
    ignored,
    iq,
    message,
    outbound,
    presence,
    received_message,
    rfc6121,
    sent_iq,
    sent_message,
    stanzas,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Audience, Policy
from xmpp_im_core.server import (
    Account,
    Deliver,
    FanOut,
    Inbound,
    Outbound,
    Route,
    SessionBound,
    SessionId,
    Unroutable,
    reduce,
)
from xmpp_im_core.stanza import (
    IQ,
    Condition,
    Message,
    Presence,
    Stanza,
    StanzaError,
    error_reply,
    payload,
    stanza_error,
)

FULL = f"{JULIET}/balcony"
ASKED = element("query", "urn:example:x")
MESSAGE_TYPES = ["normal", "chat", "groupchat", "headline", None, "bogus"]


def juliet() -> Account:
    return account(JULIET, {ROMEO: "Both"}, available=("balcony", "chamber"))


def sending(stanza: Stanza, by: str = "balcony") -> Outbound:
    return Outbound(AT, "seq", SessionId(by, 1), stanza)


# --- no 'to' (§8.2) -------------------------------------------------------------------------------------------------


@rfc6121("8.2", quote="If the stanza possesses no 'to' attribute, the rules defined in [XMPP-CORE] apply")
@in_one_test("type", MESSAGE_TYPES)
def test_a_message_without_to_is_treated_as_to_the_users_own_bare_jid(type: str | None) -> None:
    step = reduce(juliet(), sent_message(type, None, by="balcony"))

    assert stanzas(step) == [message(type, FULL, JULIET)]
    assert isinstance(step.effects[0], Route)
    assert step.state == juliet()


def test_a_message_to_oneself_comes_back_and_is_delivered_as_usual() -> None:
    (routed,) = stanzas(reduce(juliet(), sent_message("chat", None, by="balcony")))
    assert isinstance(routed, Message)

    assert told(reduce(juliet(), Inbound(AT, "seq", routed))) == [f"deliver chat from {FULL} to balcony, chamber"]


@rfc6121("8.2", quote="If the stanza possesses no 'to' attribute")
@in_one_test("to", [None, JULIET])
@in_one_test("type", ["get", "set"])
def test_an_iq_without_to_is_handled_by_the_server_on_the_users_behalf(type: str, to: str | None) -> None:
    served = Policy(served=FrozenMap({"urn:example:x": Audience.OWNER}))
    event = sent_iq(type, ASKED, by="balcony", to=to)

    assert told(reduce(juliet(), event, served)) == [f"delegate {type} from {FULL}"]
    (refusal,) = stanzas(reduce(juliet(), event))
    assert refusal == error_reply(iq(type, ASKED, from_=FULL, to=to), stanza_error(Condition.SERVICE_UNAVAILABLE))


@rfc6121("8.2", quote="If the stanza possesses no 'to' attribute")
@in_one_test("to", [None, JULIET])
@in_one_test("type", ["result", "error"])
def test_an_answer_to_the_server_is_not_answered(type: str, to: str | None) -> None:
    assert ignored(juliet(), sent_iq(type, by="balcony", to=to))


# --- addresses of others (§8.3) ---------------------------------------------------------------------------------------


@rfc6121("8.3", quote="does not match a configured domain of the server")
@in_one_test("to", [ROMEO, f"{ROMEO}/orchard", "example.net", f"{JULIET}/chamber", NURSE])
@in_one_test("kind", ["message", "iq", "result", "error"])
def test_everything_else_is_routed_with_the_full_jid_of_its_sender_and_nothing_else_changed(kind: str, to: str) -> None:
    body = payload("x", child("body", "Good night"), element("y", "urn:example:y", {"a": "b"}))
    address = parse_address(to)
    sent = {
        "message": Message(address, None, "m1", "chat", "en", body, (("{urn:example:z}z", "z"),)),
        "iq": IQ(address, None, "iq1", "get", "en", payload(ASKED)),
        "result": IQ(address, None, "iq1", "result"),
        "error": IQ(address, None, "iq1", "error", None, payload(child("error"))),
    }[kind]

    step = reduce(juliet(), sending(sent))

    (effect,) = step.effects
    assert isinstance(effect, Route)
    assert effect.stanza == sent.stamped(from_=parse_address(FULL))
    assert step.state == juliet()


@in_one_test("claimed", [ROMEO, JULIET, f"{JULIET}/chamber", FULL, "@@"])
@in_one_test("kind", [Message, IQ])
def test_a_claimed_sender_is_overridden(kind: type[Message] | type[IQ], claimed: str) -> None:
    sent = kind(parse_address(ROMEO), parse_address(claimed), "1", "get", None, payload(ASKED))

    assert stanzas(reduce(juliet(), sending(sent))) == [sent.stamped(from_=parse_address(FULL))]


def test_a_stanza_has_the_language_of_its_stream_unless_it_says_another() -> None:
    state = reduce(account(JULIET), SessionBound(AT, "seq", SessionId("balcony", 1), "en")).state
    silent, danish = Message(parse_address(ROMEO)), Message(parse_address(ROMEO), lang="da")

    assert [each.lang for each in stanzas(reduce(state, sending(silent)))] == ["en"]
    assert [each.lang for each in stanzas(reduce(state, sending(danish)))] == ["da"]


def test_the_statement_that_a_stanza_is_in_no_language_is_not_overwritten() -> None:
    """ "A server MUST NOT modify or delete 'xml:lang' attributes on stanzas" (RFC 6120 §8.1.5); it may be empty."""
    state = reduce(account(JULIET), SessionBound(AT, "seq", SessionId("balcony", 1), "en")).state

    assert [each.lang for each in stanzas(reduce(state, sending(Message(parse_address(ROMEO), lang=""))))] == [""]


@pytest.mark.parametrize(
    "sent",
    [message("chat", None, "a@b@c/ "), iq("get", ASKED, to="@example.net"), presence("available", None, "x@")],
    ids=["message", "iq", "presence"],
)
def test_a_malformed_address_gets_jid_malformed(sent: Message | Presence | IQ) -> None:
    step = reduce(juliet(), sending(sent))

    (refusal,) = stanzas(step)
    assert refusal.error == stanza_error(Condition.JID_MALFORMED)
    assert (str(refusal.to), refusal.from_, refusal.id) == (FULL, None, sent.id)
    assert step.state == juliet()


def test_a_malformed_address_of_an_error_gets_no_error() -> None:
    assert ignored(juliet(), sending(message("error", None, "@example.net")))


@in_one_test("resource", ["", "bal\ncony", "x" * 1024, "\u2126"])
def test_a_resource_that_is_no_prepared_resourcepart_is_refused_as_badly_formed(resource: str) -> None:
    step = reduce(juliet(), bound(resource))

    assert told(step) == [f"end {resource} with bad-format"]
    assert (step.state, step.store) == (juliet(), ())


def test_a_session_that_is_not_there_sends_nothing() -> None:
    for sent in (message("chat", None, ROMEO), iq("get", ASKED, to=ROMEO), presence("available", None, ROMEO)):
        assert ignored(juliet(), sending(sent, by="attic"))
    replaced = after(reduce(juliet(), bound("balcony", epoch=2)))
    assert ignored(replaced, sending(message("chat", None, ROMEO)))


@in_one_test(("from_", "to"), [(None, JULIET), (ROMEO, None), ("@@", JULIET), (ROMEO, NURSE), (ROMEO, "@")])
@in_one_test("kind", ["message", "presence", "iq"])
def test_what_arrives_without_sender_or_for_somebody_else_is_ignored(
    kind: str, from_: str | None, to: str | None
) -> None:
    stanza = {
        "message": message("chat", from_, to),
        "presence": presence("subscribe", from_, to),
        "iq": iq("get", ASKED, from_=from_, to=to),
    }[kind]

    assert ignored(juliet(), Inbound(AT, "seq", stanza))


# --- what could not be routed (§8.3; RFC 6120 §10.4) ------------------------------------------------------------------


@rfc6121("8.3", quote="then the rules provided in Section 10.4 of [XMPP-CORE] apply")
@in_one_test(
    "condition", [Condition.REMOTE_SERVER_NOT_FOUND, Condition.REMOTE_SERVER_TIMEOUT, Condition.SERVICE_UNAVAILABLE]
)
@in_one_test(
    "sent",
    [
        *[message(type, None, f"{ROMEO}/orchard") for type in ("normal", "chat", "groupchat", "headline")],
        *[iq(type, ASKED, to=ROMEO) for type in ("get", "set")],
        *[presence(type, None, to) for type in ("available", "unavailable") for to in (ROMEO, f"{ROMEO}/orchard")],
    ],
    ids=lambda each: f"{each.KIND}-{each.type}",
)
def test_a_message_request_or_directed_presence_that_could_not_be_routed_is_answered_to_its_sender_alone(
    sent: Message | IQ | Presence, condition: Condition
) -> None:
    given = reduce(juliet(), sending(sent))
    (routed,) = given.effects
    assert isinstance(routed, Route)

    step = reduce(given.state, Unroutable(AT, "u", routed, condition))

    (report,) = step.effects
    assert isinstance(report, Deliver)
    assert report.sessions == (SessionId("balcony", 1),)
    assert report.stanza == error_reply(routed.stanza, stanza_error(condition))
    assert step.state == given.state


@in_one_test(
    "sent",
    [
        message("error", None, ROMEO),
        iq("result", to=ROMEO),
        iq("error", child("error"), to=ROMEO),
        presence("probe", None, ROMEO),
        presence("error", None, ROMEO),
    ],
    ids=lambda each: f"{each.KIND}-{each.type}",
)
def test_no_error_is_sent_for_an_answer_or_a_probe(sent: Message | Presence | IQ) -> None:
    step = reduce(juliet(), sending(sent))
    (routed,) = step.effects
    assert isinstance(routed, Route)

    assert told(reduce(step.state, Unroutable(AT, "u", routed))) == []


def test_no_error_is_sent_for_a_broadcast_or_the_servers_own_answer() -> None:
    update = reduce(juliet(), outbound("available", None, child("show", "away"), by="balcony"))
    broadcast = update.effects[0]
    assert isinstance(broadcast, FanOut)
    asked = Inbound(AT, "seq", iq("get", ASKED, from_=f"{ROMEO}/orchard", to=JULIET))
    (answer,) = reduce(juliet(), asked).effects
    assert isinstance(answer, Route)

    assert ignored(juliet(), Unroutable(AT, "u", broadcast, recipients=(ROMEO,)))
    assert ignored(juliet(), Unroutable(AT, "u", answer))


def test_no_error_is_sent_for_the_presence_that_follows_an_approval() -> None:
    waiting = account(JULIET, [contact(ROMEO, "None + Pending In", listed=False)], available=("balcony",))
    approved = reduce(waiting, outbound("subscribed", ROMEO, by="balcony"))
    shown = approved.effects[-1]
    assert isinstance(shown, Route)
    assert str(shown.stanza.from_) == FULL

    assert ignored(after(approved), Unroutable(AT, "u", shown))


@pytest.mark.parametrize("sent", [message("chat", None, ROMEO), iq("get", ASKED, to=ROMEO)], ids=["message", "iq"])
def test_when_the_sender_has_gone_meanwhile_nobody_is_told(sent: Message | IQ) -> None:
    (routed,) = reduce(juliet(), sending(sent)).effects
    assert isinstance(routed, Route)
    gone = account(JULIET, {ROMEO: "Both"}, available=("chamber",))

    assert ignored(gone, Unroutable(AT, "u", routed))


def test_an_error_that_comes_from_elsewhere_is_delivered_to_the_sender_by_its_full_jid() -> None:
    error = error_reply(
        message("chat", FULL, ROMEO), StanzaError(Condition.GONE, stanza_error(Condition.GONE).type, address="xmpp:x@y")
    )
    assert isinstance(error, Message)

    step = reduce(juliet(), Inbound(AT, "seq", error))

    assert told(step) == [f"deliver error gone from {ROMEO} to balcony"]
    assert told(reduce(juliet(), received_message("error", ROMEO, JULIET))) == []
