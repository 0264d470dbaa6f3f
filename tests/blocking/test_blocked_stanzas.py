"""Stanzas from and to whom the user blocks (XEP-0191 §3.3, §6): the user appears offline to them."""

from __future__ import annotations

import itertools

import pytest

from tests.blocking.commands import after_blocking, blocking, unblock
from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    STATES,
    account,
    child,
    delivery,
    ended,
    following,
    ignored,
    inbound,
    iq,
    message,
    outbound,
    presence,
    received_iq,
    received_message,
    rfc6121,
    sent_iq,
    sent_message,
    stanzas,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.policy import Audience, BlockedMessages, Policy
from xmpp_im_core.roster import SharedItem
from xmpp_im_core.rules import blocking as rules
from xmpp_im_core.server import (
    Account,
    Delete,
    Event,
    Ignored,
    Inbound,
    Kind,
    NoAccount,
    OfflineLoaded,
    Outbound,
    SessionEnded,
    SessionId,
    SharedItemsChanged,
    Visibility,
    reduce,
    visibility,
)
from xmpp_im_core.server.visibility import INVISIBLE, SUBSCRIBED
from xmpp_im_core.stanza import IQ, Condition, Message, Presence, Stanza, StanzaError, error_reply
from xmpp_im_core.stanza import ErrorType as Kinds

ORCHARD = f"{ROMEO}/orchard"
ASKED = element("query", "urn:example:x")
PRESENCE_TYPES = ["available", "unavailable", "probe", "subscribe", "subscribed", "unsubscribe", "unsubscribed"]
MESSAGE_TYPES = ["normal", "chat", "groupchat", "headline"]
ADDRESSES = [JULIET, f"{JULIET}/balcony", f"{JULIET}/cellar", f"{JULIET}/nowhere"]


def juliet(state: str = "Both", *, online: bool = True) -> Account:
    """Juliet, who blocks Romeo."""
    given = account(JULIET, {ROMEO: state}, connected=("cellar",) if online else (), available=("balcony",) * online)
    return blocking(given, ROMEO)


# --- inbound --------------------------------------------------------------------------------------------------------


@in_one_test("to", ADDRESSES)
@in_one_test("type", [*PRESENCE_TYPES, "error"])
@in_one_test("state", STATES)
def test_presence_is_never_answered_nor_delivered(state: str, type: str, to: str) -> None:
    sender = ORCHARD if type in ("available", "unavailable") else ROMEO

    assert ignored(juliet(state), inbound(type, sender, to=to))


@rfc6121("4.7.1", quote="SHOULD return a stanza error of <bad-request/>")
@in_one_test("to", ADDRESSES)
@in_one_test("broken", [presence("bogus", ORCHARD, None), iq("get", from_=ORCHARD), iq("bogus", ASKED, from_=ORCHARD)])
def test_what_breaks_the_syntax_is_refused_as_by_an_account_that_does_not_exist(broken: Stanza, to: str) -> None:
    event = Inbound(AT, "seq", broken.stamped(to=parse_address(to)))

    refused = reduce(juliet(), event)

    assert told(refused) == told(reduce(NoAccount(parse_jid(JULIET)), event))
    assert told(refused) == [f"route error bad-request from {to} to {ORCHARD}"]


@in_one_test("to", ADDRESSES)
@in_one_test("type", ["get", "set"])
def test_every_iq_request_is_answered_with_service_unavailable(type: str, to: str) -> None:
    served = Policy(served=FrozenMap({"urn:example:x": Audience.ANYONE}))

    step = reduce(juliet(), received_iq(type, ASKED, from_=ORCHARD, to=to), served)

    assert told(step) == [f"route error service-unavailable from {to} to {ORCHARD}"]
    assert step.state == juliet()


@in_one_test("to", ADDRESSES)
@in_one_test("type", ["result", "error"])
def test_other_iqs_are_silently_dropped(type: str, to: str) -> None:
    assert ignored(juliet(), received_iq(type, from_=ORCHARD, to=to))


@in_one_test("offline", [True, False])
@in_one_test("to", ADDRESSES)
@in_one_test("type", [*MESSAGE_TYPES, "error"])
def test_a_blocked_message_is_treated_as_a_message_to_nobody(type: str, to: str, offline: bool) -> None:
    policy = Policy(offline_messages=offline)
    event = received_message(type, ORCHARD, to)

    step = reduce(juliet(), event, policy)

    assert stanzas(step) == stanzas(reduce(NoAccount(parse_jid(JULIET)), event, policy))
    assert (step.state, step.store) == (juliet(), ())
    assert Ignored(rules.MESSAGE_AS_TO_NOBODY) in step.effects


@in_one_test("to", ADDRESSES)
@in_one_test("type", MESSAGE_TYPES)
def test_by_policy_a_message_is_answered_service_unavailable(type: str, to: str) -> None:
    step = reduce(juliet(), received_message(type, ORCHARD, to), Policy(blocked_messages=BlockedMessages.ERROR))

    assert told(step) == [f"route error service-unavailable from {to} to {ORCHARD}"]


def test_no_policy_answers_an_error() -> None:
    for choice in BlockedMessages:
        policy = Policy(blocked_messages=choice)
        assert told(reduce(juliet(), received_message("error", ORCHARD, f"{JULIET}/balcony"), policy)) == []


def _everything() -> list[Stanza]:
    sent: list[Stanza] = []
    for to in ADDRESSES:
        sent += [presence(type, ORCHARD, to) for type in PRESENCE_TYPES if type != "probe"]
        sent += [message(type, ORCHARD, to) for type in MESSAGE_TYPES]
        sent += [iq(type, ASKED, from_=ORCHARD, to=to) for type in ("get", "set", "result")]
    return sent


@in_one_test("sent", _everything(), ids=lambda each: f"{each.KIND}-{each.type}-{each.to}")
def test_a_blocked_entity_cannot_tell_online_offline_and_no_account_apart(sent: Message | Presence | IQ) -> None:
    event = Inbound(AT, "seq", sent)

    answers = [
        stanzas(reduce(state, event))
        for state in (juliet(), juliet("None"), juliet(online=False), NoAccount(parse_jid(JULIET)))
    ]

    assert answers[1:] == answers[:-1]


def test_a_stanza_sent_before_the_block_does_not_reach_the_user() -> None:
    balcony = SessionId("balcony", 1)
    lost = delivery(message("chat", ORCHARD, f"{JULIET}/balcony"), balcony)
    online = account(JULIET, {ROMEO: "Both"}, available=("balcony", "chamber"))
    before = after_blocking(online, ROMEO)

    step = reduce(before, SessionEnded(AT, "seq", balcony, (lost,)))

    assert not any("chat" in said for said in told(step))
    assert step.store == ()
    unblocked = reduce(online, SessionEnded(AT, "seq", balcony, (lost,)))
    assert told(unblocked)[-1] == f"deliver chat from {ORCHARD} to chamber"


def test_a_stored_message_from_a_blocked_sender_is_forgotten() -> None:
    stored = (("1", message("chat", ORCHARD, JULIET)), ("2", message("chat", NURSE, JULIET)))

    step = reduce(juliet(), OfflineLoaded(AT, "seq", SessionId("balcony", 1), stored))

    assert told(step) == [f"deliver chat from {NURSE} to balcony"]
    assert step.forget == (Delete(Kind.OFFLINE, "1"), Delete(Kind.OFFLINE, "2"))


def test_a_kept_notice_from_a_blocked_sender_is_not_delivered() -> None:
    keeping = Policy(notices=2)
    absent = account(JULIET, {ROMEO: "To", NURSE: "To"})
    kept = absent
    for seq, sender in (("1", ROMEO), ("2", NURSE)):
        cancelled = Inbound(AT, seq, presence("unsubscribed", sender, JULIET))
        kept = following(kept, cancelled, policy=keeping)
    back = following(blocking(kept, ROMEO).with_sessions(account(JULIET, connected=("hall",)).sessions))

    step = reduce(back, outbound("available", by="hall"), keeping)

    assert [said for said in told(step) if "unsubscribed" in said] == [f"deliver unsubscribed from {NURSE} to hall"]
    assert step.forget == (Delete(Kind.NOTICE, "000000-1"), Delete(Kind.NOTICE, "000001-2"))


@pytest.mark.parametrize("event", [inbound("subscribe", ROMEO, to=JULIET), received_message("chat", ORCHARD, JULIET)])
def test_after_unblocking_subsequent_stanzas_are_delivered(event: Event) -> None:
    unblocked = following(juliet("None"), unblock(ROMEO))

    assert told(reduce(juliet("None"), event)) == []
    assert told(reduce(unblocked, event))[0].startswith("deliver ")


# --- outbound -------------------------------------------------------------------------------------------------------


def sending(stanza: Message | Presence | IQ) -> Outbound:
    return Outbound(AT, "seq", SessionId("balcony", 1), stanza)


@in_one_test("to", [ROMEO, ORCHARD])
@in_one_test(
    "sent",
    [
        *[presence(type, None, ROMEO) for type in PRESENCE_TYPES],
        *[message(type, None, ROMEO) for type in MESSAGE_TYPES],
        *[iq(type, ASKED, to=ROMEO) for type in ("get", "set")],
    ],
    ids=lambda each: f"{each.KIND}-{each.type}",
)
@in_one_test("state", ["None", "To + Pending In", "Both"])
def test_the_users_own_stanza_is_not_routed_but_answered_not_acceptable(
    state: str, sent: Message | Presence | IQ, to: str
) -> None:
    addressed = sent.stamped(to=parse_address(to))

    step = reduce(juliet(state), sending(addressed))

    blocked = (element("blocked", "urn:xmpp:blocking:errors"),)
    error = StanzaError(Condition.NOT_ACCEPTABLE, Kinds.CANCEL, application=blocked)
    stamped = addressed.stamped(from_=parse_address(f"{JULIET}/balcony"))
    assert stanzas(step) == [error_reply(stamped, error)]
    assert [said.endswith(" to balcony") for said in told(step)] == [True]
    assert (step.state, step.store) == (juliet(state), ())


@in_one_test(
    "sent",
    [
        presence("error", None, ROMEO),
        message("error", None, ROMEO),
        iq("result", to=ROMEO),
        iq("error", child("error"), to=ROMEO),
    ],
    ids=["presence", "message", "result", "error"],
)
def test_an_answer_to_a_blocked_entity_is_dropped_without_an_error(sent: Message | Presence | IQ) -> None:
    assert ignored(juliet(), sending(sent))


# --- broadcasts and probes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["From", "To", "Both"])
def test_the_blocked_get_no_broadcast_and_no_probe(state: str) -> None:
    given = blocking(account(JULIET, {ROMEO: state, NURSE: "Both"}, connected=("balcony",)), ROMEO)
    chatting = following(given, outbound("available", by="balcony"))

    for begun, event in (
        (given, outbound("available", by="balcony")),
        (chatting, outbound("available", None, child("show", "away"), by="balcony")),
        (chatting, outbound("unavailable", by="balcony")),
        (chatting, ended("balcony")),
    ):
        assert not any(ROMEO in said for said in told(reduce(begun, event)))
        assert any(NURSE in said for said in told(reduce(begun, event)))


def test_blocking_beats_what_the_service_shares() -> None:
    step = reduce(juliet("None"), SharedItemsChanged(AT, "share", (SharedItem(ROMEO),)))

    assert told(step) == []


# --- whom an entry matches (§5) -------------------------------------------------------------------------------------

ENTITIES = [ROMEO, ORCHARD, f"{ROMEO}/hall", "example.net", "example.net/orchard", "mercutio@example.net/orchard"]
MATCHED = {
    ORCHARD: {ORCHARD},
    ROMEO: {ROMEO, ORCHARD, f"{ROMEO}/hall"},
    "example.net/orchard": {"example.net/orchard"},
    "example.net": set(ENTITIES),
    "ample.net": set(),
    "net": set(),
    "omeo@example.net": set(),
    "romeo@example.net.example.org": set(),
}


@in_one_test(("entry", "entity"), list(itertools.product(MATCHED, ENTITIES)))
def test_an_entry_matches_by_full_jid_bare_jid_or_domain(entry: str, entity: str) -> None:
    given = blocking(account(JULIET, available=("balcony",)), entry)

    step = reduce(given, received_message("chat", entity, JULIET))

    assert (told(step) == []) is (entity in MATCHED[entry])


def test_several_entries_are_each_looked_up() -> None:
    given = blocking(account(JULIET, available=("balcony",)), "a@example.org", NURSE, ROMEO, "z.example.org")

    for sender in ("a@example.org", NURSE, ROMEO, "z.example.org", "b@z.example.org/c"):
        assert told(reduce(given, received_message("chat", sender, JULIET))) == []
    for sender in ("b@example.org", "example.org", "mercutio@example.net"):
        assert told(reduce(given, received_message("chat", sender, JULIET))) != []


@pytest.mark.parametrize("entry", [JULIET, f"{JULIET}/chamber", "example.com"])
def test_one_of_the_users_own_resources_is_never_blocked(entry: str) -> None:
    given = blocking(account(JULIET, available=("balcony", "chamber")), entry)

    received = reduce(given, received_message("chat", f"{JULIET}/chamber", f"{JULIET}/balcony"))
    sent = reduce(given, sent_message("chat", f"{JULIET}/chamber", by="balcony"))

    assert told(received) == [f"deliver chat from {JULIET}/chamber to balcony"]
    assert told(sent) == [f"route chat from {JULIET}/balcony to {JULIET}/chamber"]
    assert visibility(given, parse_jid(f"{JULIET}/chamber"), None) is Visibility.SELF


def test_a_domain_that_hosts_the_user_still_serves_her() -> None:
    given = blocking(account(JULIET, available=("balcony",)), "example.com")

    assert told(reduce(given, sent_iq("get", element("query", "jabber:iq:roster"), by="balcony"))) == [
        "roster [] to balcony"
    ]


def test_blocking_the_own_domain_blocks_its_other_users_and_services() -> None:
    given = blocking(account(JULIET, {NURSE: "Both"}, available=("balcony",)), "example.com")

    for other in (NURSE, "example.com", "example.com/announce"):
        assert told(reduce(given, received_message("chat", other, JULIET))) == []
        assert told(reduce(given, sent_message("chat", other, by="balcony"))) == [
            f"deliver error not-acceptable from {other} to balcony"
        ]


@pytest.mark.parametrize("entity", [ROMEO, f"{ROMEO}/orchard"])
def test_a_blocked_contact_sees_no_resource(entity: str) -> None:
    given = account(JULIET, {ROMEO: "Both"}, available=("balcony",))
    jid = parse_jid(entity)

    assert visibility(given, jid, None) is SUBSCRIBED
    assert visibility(after_blocking(given, ROMEO), jid, None) is INVISIBLE
