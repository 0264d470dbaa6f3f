"""Many accounts at several domains (RFC 6121 §3.1.2, §8.3 to §8.5; RFC 6120 §10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.playhouse import (
    BALCONY,
    BENVOLIO,
    CAPULET,
    CHAMBER,
    GHOST,
    JULIET,
    MERCUTIO,
    MONTAGUE,
    NOON,
    ORCHARD,
    ROMEO,
    Playhouse,
    chat,
    condition,
    ping,
    presence,
    resting,
    said,
    to,
    told,
    waiting_for_stored_messages,
)
from xmpp_im_core.element import element
from xmpp_im_core.event import Decision
from xmpp_im_core.extensions.carbons import carbons
from xmpp_im_core.host import ReadAccount
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server.accounts.machine import PLAIN
from xmpp_im_core.server.effects import Deliver, FanOut, Ignored, Kind, LoadOffline, Put, Route
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountLoaded,
    AccountRemoved,
    Event,
    Inbound,
    LoadFailed,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionEnded,
    StoreFailed,
    TimePassed,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.server.service.events import Arrived, ForAccount, ServiceEvent, not_stored
from xmpp_im_core.server.service.serving import Handled, Served, Service, hosting, serve, unload
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting, released
from xmpp_im_core.server.state import NoAccount, SessionId, State, Unloaded
from xmpp_im_core.stanza import IQ, Condition, Message, Stanza, payload
from xmpp_im_core.subscription import BOTH, FROM, NONE_IN, NONE_OUT, TO

# --- both halves of an exchange (§3.1.2, §8.5) ------------------------------------------------------------


def test_a_request_between_local_users_runs_the_outbound_half_and_then_the_inbound_half() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)

    served = house.sends(ORCHARD, presence("subscribe", JULIET))

    assert told(served) == [
        f"push {JULIET} none ask -> {ORCHARD}",
        f"presence subscribe from {ROMEO} -> {BALCONY}",
    ]
    assert house.account(ROMEO).roster.contacts[JULIET].state is NONE_OUT
    assert house.account(JULIET).roster.contacts[ROMEO].state is NONE_IN


def test_both_halves_are_stored_in_one_transaction() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)

    served = house.sends(ORCHARD, presence("subscribe", JULIET))

    assert [(jid, put.kind, put.key) for jid, put in served.store if isinstance(put, Put)] == [
        (ROMEO, Kind.CONTACT, JULIET),
        (ROMEO, Kind.ROSTER, ""),
        (JULIET, Kind.CONTACT, ROMEO),
    ]


def test_an_approval_is_delivered_before_the_push_and_presence_comes_last() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.sends(ORCHARD, presence("subscribe", JULIET))

    served = house.sends(BALCONY, presence("subscribed", ROMEO))

    assert told(served) == [
        f"push {ROMEO} from -> {BALCONY}",
        f"presence subscribed from {JULIET} -> {ORCHARD}",
        f"push {JULIET} to -> {ORCHARD}",
        f"presence available from {BALCONY} -> {ORCHARD}",
    ]
    assert house.account(ROMEO).roster.contacts[JULIET].state is TO
    assert house.account(JULIET).roster.contacts[ROMEO].state is FROM


def test_a_request_of_a_subscribed_contact_is_answered_by_the_contacts_server_itself() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.befriend(ORCHARD, BALCONY)

    served = house.sends(ORCHARD, presence("subscribe", JULIET))

    assert [(step.jid, said(step.event.stanza)) for step in served.steps if isinstance(step.event, Inbound)] == [
        (JULIET, f"presence subscribe from {ROMEO}"),
        (ROMEO, f"presence subscribed from {JULIET}"),
    ]
    assert told(served) == []  # Juliet is not asked again, and Romeo's state does not change


def test_all_effects_of_a_step_leave_before_any_that_it_causes() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.befriend(ORCHARD, BALCONY)

    served = house.sends(ORCHARD, presence())

    assert told(served) == [
        f"presence available from {ORCHARD} -> {ORCHARD}",
        f"presence available from {ORCHARD} -> {BALCONY}",
    ]


def test_a_message_to_the_users_own_bare_jid_comes_back_to_the_user() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)

    served = house.sends(ORCHARD, chat(None, "note to self"))

    assert told(served) == [f"{ORCHARD}: note to self -> {ORCHARD}"]


def test_the_services_own_decision_answers_a_local_request() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)

    house.sends(ORCHARD, presence("subscribe", JULIET), Decision.APPROVE)

    assert house.account(ROMEO).roster.contacts[JULIET].state is TO
    assert house.account(JULIET).roster.contacts[ROMEO].state is FROM


def test_without_a_decision_a_local_request_waits_for_the_user() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)

    house.sends(ORCHARD, presence("subscribe", JULIET))

    assert house.account(JULIET).roster.contacts[ROMEO].state is NONE_IN


def test_what_one_step_sends_to_an_account_gets_numbers_of_its_own() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.sends(ORCHARD, presence("subscribe", JULIET))

    served = house.sends(BALCONY, presence("subscribed", ROMEO))

    root = served.steps[0].event.seq
    assert [step.event.seq for step in served.steps] == [root, f"{root}.{ROMEO}.0", f"{root}.{ROMEO}.1"]


def test_no_number_tells_an_account_how_many_others_heard_of_the_same_event() -> None:
    alone, among_many = Playhouse(ROMEO, JULIET), Playhouse(ROMEO, BENVOLIO, JULIET)
    for house in (alone, among_many):
        house.count = 100
        house.enters(ORCHARD)
        house.enters(BALCONY)
        house.befriend(ORCHARD, BALCONY)
    among_many.binds(f"{BENVOLIO}/square")
    among_many.befriend(ORCHARD, f"{BENVOLIO}/square")
    for house in (alone, among_many):
        house.heard_by(BALCONY)
        house.count = 200

    for house in (alone, among_many):
        house.happens(ROMEO, AccountRemoved(NOON, house.seq()))

    heard = alone.heard_by(BALCONY)
    assert [stanza.type for stanza in heard] == [
        "unavailable",
        "unsubscribe",
        "set",
        "unsubscribed",
        "set",
    ]
    assert heard == among_many.heard_by(BALCONY)


# --- other domains (§8.3) ---------------------------------------------------------------------------------


def test_a_stanza_to_another_domain_leaves_as_an_effect() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)

    served = house.sends(ORCHARD, chat(MERCUTIO, "Nay, gentle Mercutio"))

    assert told(served) == [f"{ORCHARD}: Nay, gentle Mercutio -> {MERCUTIO}"]
    assert len(served.steps) == 1


def test_a_fan_out_is_split_between_this_service_and_the_others() -> None:
    house = Playhouse(ROMEO, JULIET, BENVOLIO)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.befriend(ORCHARD, BALCONY)
    house.arrives(presence("subscribe", ROMEO, MERCUTIO))
    house.sends(ORCHARD, presence("subscribed", MERCUTIO))

    served = house.sends(ORCHARD, presence())

    fan_outs = [effect.recipients for _, effect in served.effects if isinstance(effect, FanOut)]
    assert fan_outs == [(MERCUTIO,)]
    assert [step.jid for step in served.steps] == [ROMEO, JULIET]
    assert f"presence available from {ORCHARD} -> {BALCONY}" in told(served)


def test_a_fan_out_to_other_domains_alone_leaves_as_it_is() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)
    house.arrives(presence("subscribe", ROMEO, MERCUTIO))
    house.sends(ORCHARD, presence("subscribed", MERCUTIO))

    served = house.sends(ORCHARD, presence())

    [step] = served.steps
    assert served.effects == tuple([(ROMEO, effect) for effect in step.transition.effects])
    assert [effect.recipients for _, effect in served.effects if isinstance(effect, FanOut)] == [(MERCUTIO,)]


def test_a_stanza_that_arrives_is_for_whomever_its_to_names() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(BALCONY)

    served = house.arrives(chat(JULIET, "a scratch, a scratch", f"{MERCUTIO}/street"))

    assert told(served) == [f"{MERCUTIO}/street: a scratch, a scratch -> {BALCONY}"]


def test_a_stanza_for_a_domain_that_is_not_hosted_is_never_relayed() -> None:
    house = Playhouse(ROMEO)

    served = house.arrives(chat("tybalt@elsewhere.example", "relay this", MERCUTIO))

    assert [effect for _, effect in served.effects] == [Ignored(rules.NOT_HOSTED)]
    assert served.state == house.service


def test_an_event_of_an_account_at_a_domain_that_is_not_hosted_is_ignored() -> None:
    house = Playhouse()

    served = house.happens(MERCUTIO, SessionBound(NOON, "1", SessionId("street", 1)))

    assert [effect for _, effect in served.effects] == [Ignored(rules.NOT_HOSTED)]
    assert served.state == hosting(MONTAGUE, CAPULET)


@pytest.mark.parametrize(
    "stanza",
    [chat(None, "to nobody", MERCUTIO), chat(JULIET, "from nobody")],
    ids=["without to", "without from"],
)
def test_a_stanza_of_another_server_without_addresses_is_no_event(stanza: Message) -> None:
    with pytest.raises(ValueError, match="'to' must be there, and 'from' well-formed"):
        Arrived(NOON, "1", stanza)


@pytest.mark.parametrize("type", ["subscribe", "unavailable"])
def test_a_stanza_of_another_server_to_what_is_no_jid_is_answered_in_the_name_of_the_service(type: str) -> None:
    served = Playhouse(JULIET).arrives(presence(type, "juliet@@capulet.example", MERCUTIO))

    ((_, effect),) = served.effects
    assert isinstance(effect, Route)
    assert condition(effect.stanza) == "jid-malformed"
    assert (str(effect.stanza.from_), str(effect.stanza.to)) == (MONTAGUE, MERCUTIO)


def test_an_error_to_what_is_no_jid_is_not_answered() -> None:
    served = Playhouse().arrives(presence("error", "juliet@@capulet.example", MERCUTIO))

    assert [effect for _, effect in served.effects] == [Ignored(rules.TO_MALFORMED)]


@pytest.mark.parametrize("jid", ["", "Juliet@capulet.example", BALCONY, "juliet@"])
def test_an_account_is_named_by_its_prepared_bare_jid(jid: str) -> None:
    with pytest.raises(ValueError, match="not a prepared bare JID"):
        ForAccount(jid, TimePassed(NOON, "1"))


def test_what_could_not_be_routed_is_told_to_its_sender() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)
    served = house.sends(ORCHARD, chat(MERCUTIO, "where art thou"))
    [(account, route)] = served.effects
    assert isinstance(route, Route)
    house.heard_by(ORCHARD)

    house.happens(account, Unroutable(NOON, house.seq(), route, Condition.REMOTE_SERVER_TIMEOUT))

    [error] = house.heard_by(ORCHARD)
    assert (error.KIND, error.type, condition(error)) == ("message", "error", "remote-server-timeout")


def test_a_message_that_no_session_got_is_processed_again() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(BALCONY)
    served = house.arrives(chat(JULIET, "anon", MERCUTIO))
    [(account, deliver)] = served.effects
    assert isinstance(deliver, Deliver)

    again = house.happens(account, Undelivered(NOON, house.seq(), deliver, deliver.sessions))

    [(_, stored)] = again.store
    assert isinstance(stored, Put)
    assert stored.kind is Kind.OFFLINE


# --- the service itself (§8.4) ----------------------------------------------------------------------------


@pytest.mark.parametrize("address", [CAPULET, f"{CAPULET}/news"])
def test_an_iq_to_the_service_itself_is_delegated(address: str) -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)

    house.sends(ORCHARD, ping(address))

    assert house.delegated == [(CAPULET, ping(address, ORCHARD).stamped(lang=None))]
    assert house.routed == []


def test_an_iq_of_another_server_to_the_service_itself_is_delegated() -> None:
    house = Playhouse()

    house.arrives(ping(CAPULET, "remote.example"))

    assert house.delegated == [(CAPULET, ping(CAPULET, "remote.example"))]


def test_the_answer_of_a_delegated_iq_comes_back_to_who_asked() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)
    house.sends(ORCHARD, ping(CAPULET))
    house.heard_by(ORCHARD)
    answer = ping(ORCHARD, CAPULET)

    house.arrives(type(answer)(answer.to, answer.from_, answer.id, "result"))

    assert [said(stanza) for stanza in house.heard_by(ORCHARD)] == [f"iq result from {CAPULET}"]


def test_a_malformed_iq_to_the_service_itself_is_a_bad_request() -> None:
    house = Playhouse()
    request = ping(CAPULET, MERCUTIO)

    house.arrives(type(request)(request.to, request.from_, "1", "get"))

    [error] = house.routed
    assert (error.type, condition(error)) == ("error", "bad-request")
    assert house.delegated == []


@pytest.mark.parametrize("type", ["normal", "chat", "groupchat", "headline"])
def test_a_message_to_the_service_itself_is_answered_with_an_error(type: str) -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)
    house.heard_by(ORCHARD)

    house.sends(ORCHARD, chat(CAPULET, "who reads this?", type=type))

    [error] = house.heard_by(ORCHARD)
    assert (error.KIND, error.type, condition(error)) == ("message", "error", "service-unavailable")


def test_an_error_to_the_service_itself_is_never_answered() -> None:
    house = Playhouse()

    served = house.arrives(chat(CAPULET, "bounce", MERCUTIO, "error"))

    assert [effect for _, effect in served.effects] == [Ignored(rules.DOMAIN_MESSAGE)]


@pytest.mark.parametrize("type", ["subscribe", "probe"])
def test_nobody_can_subscribe_to_the_service_itself(type: str) -> None:
    house = Playhouse()

    house.arrives(presence(type, CAPULET, MERCUTIO))

    assert [said(stanza) for stanza in house.routed] == [f"presence unsubscribed from {CAPULET}"]


@pytest.mark.parametrize("type", [None, "unavailable", "subscribed", "unsubscribe", "unsubscribed", "error"])
def test_other_presence_to_the_service_itself_is_not_answered(type: str | None) -> None:
    house = Playhouse()

    served = house.arrives(presence(type, CAPULET, MERCUTIO))

    assert [effect for _, effect in served.effects] == [Ignored(rules.DOMAIN_PRESENCE)]


def test_presence_of_an_unknown_type_to_the_service_itself_is_a_bad_request() -> None:
    house = Playhouse()

    house.arrives(presence("available", CAPULET, MERCUTIO))

    assert [condition(stanza) for stanza in house.routed] == ["bad-request"]


def test_a_denied_request_to_a_domain_does_not_stay_pending() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)

    house.sends(ORCHARD, presence("subscribe", CAPULET))

    assert not house.account(ROMEO).roster.contacts[CAPULET].state.pending_out


def test_what_could_not_be_routed_for_the_service_itself_is_not_answered() -> None:
    house = Playhouse()
    served = house.arrives(chat(CAPULET, "who reads this?", MERCUTIO))
    [(domain, route)] = served.effects
    assert isinstance(route, Route)

    again = house.happens(domain, Unroutable(NOON, house.seq(), route))

    assert [effect for _, effect in again.effects] == [Ignored(rules.DOMAIN_EVENT)]
    assert again.state == hosting(MONTAGUE, CAPULET)


# --- no such user (§8.5.1) --------------------------------------------------------------------------------


def test_an_iq_to_nobody_is_answered_service_unavailable_and_nobody_is_remembered() -> None:
    house = Playhouse()

    house.arrives(ping(GHOST, MERCUTIO))

    assert [condition(stanza) for stanza in house.routed] == ["service-unavailable"]
    assert house.service == hosting(MONTAGUE, CAPULET)


def test_presence_to_nobody_is_silently_ignored() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)
    house.heard_by(ORCHARD)

    house.sends(ORCHARD, presence("subscribe", GHOST))

    assert [said(stanza) for stanza in house.heard_by(ORCHARD)] == [f"push {GHOST} none ask"]
    assert GHOST not in house.service.accounts


def test_all_that_waited_for_nobody_is_answered_by_one_load() -> None:
    house = Playhouse(slow=True)
    for _ in range(3):
        house.arrives(ping(GHOST, MERCUTIO))

    house.answers()

    assert [condition(stanza) for stanza in house.routed] == ["service-unavailable"] * 3
    assert house.service == hosting(MONTAGUE, CAPULET)


def test_a_removed_account_is_not_kept_in_memory() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(BALCONY)

    house.happens(JULIET, AccountRemoved(NOON, house.seq()))

    assert JULIET not in house.service.accounts
    assert house.service.accounts.keys() == {ROMEO}


def test_an_account_is_created_where_nothing_is_stored() -> None:
    house = Playhouse(slow=True)
    house.happens(JULIET, AccountCreated(NOON, house.seq(), "first"))

    house.answers()

    assert house.stored == {JULIET: {(Kind.ROSTER, ""): Put(Kind.ROSTER, "", RosterHead("first", 0, 0))}}


def test_the_accounts_of_a_service_may_run_extensions() -> None:
    extended = hosting(CAPULET, machine=carbons(PLAIN))
    enable = IQ(None, None, "c", "set", None, payload(element("enable", "urn:xmpp:carbons:2")))
    balcony, chamber = SessionId("balcony", 1), SessionId("chamber", 1)
    service = extended
    for event in (
        ForAccount(JULIET, AccountCreated(NOON, "1", "first")),
        ForAccount(JULIET, AccountLoaded(NOON, "2", ())),
        ForAccount(JULIET, SessionBound(NOON, "3", balcony)),
        ForAccount(JULIET, SessionBound(NOON, "4", chamber)),
        ForAccount(JULIET, Outbound(NOON, "5", balcony, enable)),
        Arrived(NOON, "6", chat(CHAMBER, "soft", MERCUTIO)),
    ):
        served = serve(service, event)
        service = served.state
    assert [effect.sessions for _, effect in served.effects if isinstance(effect, Deliver)] == [(chamber,), (balcony,)]

    removed = serve(service, ForAccount(JULIET, AccountRemoved(NOON, "7")))
    assert removed.state == extended


# --- accounts that are not in memory ----------------------------------------------------------------------


def test_an_account_not_in_memory_is_asked_for_once_and_its_events_follow_in_order() -> None:
    house = resting(JULIET)
    session = SessionId("balcony", 1)

    first = house.happens(JULIET, SessionBound(NOON, "a", session))
    second = house.happens(JULIET, Outbound(NOON, "b", session, presence()))
    third = house.arrives(chat(JULIET, "soft", MERCUTIO))
    answered = serve(house.service, house.answer(house.questions[0]))

    assert [told(served) for served in (first, second, third)] == [[f"Load {JULIET}"], [], []]
    assert [type(step.event) for step in answered.steps] == [AccountLoaded, SessionBound, Outbound]
    assert answered.effects[-1] == (JULIET, LoadOffline(session, answered.effects[-1][1].rule))  # type: ignore[union-attr]  # the Load above has none
    [held] = answered.state.held[JULIET].events.values()
    assert isinstance(held.due.event, Inbound)


@pytest.mark.parametrize("slow", [False, True], ids=["answered at once", "answered later"])
def test_the_order_is_that_of_an_answer_at_once_however_late_the_answer_comes(slow: bool) -> None:
    """ "In-Order Processing" (RFC 6120 10.1): the message was sent first, so it arrives before the presence."""
    house = resting(JULIET)
    house.slow = slow
    balcony, chamber = house.binds(BALCONY), house.binds(CHAMBER)
    for seq, session, stanza in (
        ("a", chamber, presence()),
        ("b", balcony, chat(CHAMBER, "soft")),
        ("c", balcony, presence()),
        ("d", balcony, chat(CHAMBER, "adieu")),
    ):
        house.happens(JULIET, Outbound(NOON, seq, session, stanza))
    house.answers()

    assert [said(stanza) for stanza in house.heard_by(CHAMBER)] == [
        f"presence available from {CHAMBER}",
        f"{BALCONY}: soft",
        f"presence available from {BALCONY}",
        f"{BALCONY}: adieu",
    ]


def test_what_one_event_sent_to_an_account_that_waits_is_processed_together() -> None:
    waiting = Waiting(None)
    for seq, cause in (("1", "first"), ("2", "first"), ("3", "second"), ("4", "first")):
        waiting = waiting.holding(Held(ForAccount(JULIET, TimePassed(NOON, seq)), cause))

    groups = released(waiting, Held(ForAccount(JULIET, LoadFailed(NOON, "answer")), "answer"))

    assert [[held.due.event.seq for held in group] for group in groups] == [["answer"], ["1", "2"], ["3"], ["4"]]


def test_where_loading_failed_whoever_waits_gets_an_error_of_type_wait() -> None:
    house = resting(JULIET)
    house.arrives(chat(JULIET, "soft", MERCUTIO))
    house.arrives(presence("probe", JULIET, MERCUTIO))

    house.happens(JULIET, LoadFailed(NOON, house.seq()))

    [error] = house.routed
    assert error.error is not None
    assert (error.error.type.value, condition(error)) == ("wait", "internal-server-error")
    assert house.service == hosting(MONTAGUE, CAPULET)


def test_after_a_failed_load_the_next_event_asks_again() -> None:
    house = resting(JULIET)
    house.arrives(chat(JULIET, "soft", MERCUTIO))
    house.happens(JULIET, LoadFailed(NOON, house.seq()))

    served = house.arrives(chat(JULIET, "what light", MERCUTIO))

    assert told(served) == [f"Load {JULIET}"]


def test_an_account_that_could_not_be_loaded_stays_while_it_has_a_session() -> None:
    house = resting(JULIET)
    house.binds(BALCONY)
    house.happens(JULIET, LoadFailed(NOON, house.seq()))
    assert isinstance(house.service.accounts[JULIET], Unloaded)

    house.happens(JULIET, house.answer(ReadAccount(JULIET)).event)

    assert [session.id for session in house.account(JULIET).sessions] == [house.sessions[BALCONY]]


def test_a_host_may_load_an_account_before_it_is_asked_to() -> None:
    house = resting(JULIET)

    house.feed(house.answer(ReadAccount(JULIET)))

    assert house.account(JULIET).jid.full == JULIET
    assert not house.service.held


def test_an_idle_account_is_taken_out_of_memory_and_comes_back_as_it_was() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.befriend(ORCHARD, BALCONY)
    house.ends(BALCONY)
    before = house.account(JULIET)

    house.service = unload(house.service, JULIET)
    assert JULIET not in house.service.accounts
    house.happens(JULIET, TimePassed(NOON, house.seq()))

    assert house.account(JULIET) == before.waking(None)  # nothing is left to be sent again
    assert before.roster.contacts[ROMEO].state is BOTH


def test_an_account_with_sessions_stays_in_memory() -> None:
    house = Playhouse(JULIET)
    house.binds(BALCONY)

    assert unload(house.service, JULIET) is house.service


def test_an_account_that_waits_stays_in_memory() -> None:
    house = Playhouse(JULIET, slow=True)
    house.binds(BALCONY)
    house.sends(BALCONY, presence())
    assert house.service.held[JULIET] == Waiting(house.sessions[BALCONY])

    assert unload(house.service, JULIET) is house.service


def test_nothing_is_unloaded_that_is_not_there() -> None:
    empty = hosting(CAPULET)

    assert unload(empty, JULIET) is empty


# --- stored messages (§8.5.2.2.1) -------------------------------------------------------------------------


def test_a_live_message_does_not_overtake_the_stored_ones() -> None:
    house = waiting_for_stored_messages()

    house.sends(ORCHARD, chat(JULIET, "second"))
    assert house.heard_by(BALCONY) == []
    house.answers()

    assert [said(stanza) for stanza in house.heard_by(BALCONY)] == [f"{ORCHARD}: first", f"{ORCHARD}: second"]
    assert not house.service.held


def test_delivered_messages_are_forgotten_last() -> None:
    house = waiting_for_stored_messages()

    served = house.feeds(house.answer(house.questions.pop()))

    assert served.store == ()
    assert [(jid, operation.kind) for jid, operation in served.forget] == [(JULIET, Kind.OFFLINE)]


def test_a_host_that_cannot_read_stored_messages_answers_with_none() -> None:
    house = waiting_for_stored_messages()
    house.sends(ORCHARD, chat(JULIET, "second"))

    house.happens(JULIET, OfflineLoaded(NOON, house.seq(), house.sessions[BALCONY], ()))

    assert [said(stanza) for stanza in house.heard_by(BALCONY)] == [f"{ORCHARD}: second"]
    assert len([kind for kind, _ in house.stored[JULIET] if kind is Kind.OFFLINE]) == 1


def test_the_end_of_the_session_that_waits_ends_the_waiting() -> None:
    house = waiting_for_stored_messages()
    house.sends(CHAMBER, chat(ROMEO, "by and by"))

    house.ends(BALCONY)

    assert not house.service.held
    assert f"{CHAMBER}: by and by" in [said(stanza) for stanza in house.heard_by(ORCHARD)]
    assert [session.id for session in house.account(JULIET).sessions] == [house.sessions[CHAMBER]]


def test_the_end_of_another_session_does_not() -> None:
    house = waiting_for_stored_messages()

    house.ends(CHAMBER)

    assert len(house.service.held[JULIET].events) == 1


def test_an_answer_for_another_session_is_held_like_any_event() -> None:
    house = waiting_for_stored_messages()

    house.happens(JULIET, OfflineLoaded(NOON, house.seq(), SessionId("balcony", -1), ()))

    assert len(house.service.held[JULIET].events) == 1


def test_what_a_session_sent_before_its_end_is_processed_before_its_end() -> None:
    house = waiting_for_stored_messages()
    house.sends(BALCONY, chat(ROMEO, "good night"))

    house.ends(BALCONY)

    assert [said(stanza) for stanza in house.heard_by(ORCHARD)] == [f"{BALCONY}: good night"]


def test_a_session_that_asks_twice_and_then_ends_leaves_nobody_waiting() -> None:
    house = waiting_for_stored_messages()
    house.sends(BALCONY, presence("unavailable"))
    house.sends(BALCONY, presence())
    house.sends(ORCHARD, chat(JULIET, "second"))

    house.ends(BALCONY)

    assert not house.service.held
    late = house.answer(house.questions.pop())
    assert told(house.feeds(late)) == []
    assert len([kind for kind, _ in house.stored[JULIET] if kind is Kind.OFFLINE]) >= 1


# --- storage that fails (§2.2, §2.3.3) --------------------------------------------------------------------


def test_where_nothing_could_be_stored_neither_half_has_happened() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.heard_by(ORCHARD)
    before = house.service
    event = ForAccount(ROMEO, Outbound(NOON, "x", house.sessions[ORCHARD], presence("subscribe", JULIET)))
    assert serve(before, event).store

    served = house.feeds(not_stored(NOON, "y", event))

    assert served.store == ()
    assert served.state == before
    [error] = house.heard_by(ORCHARD)
    assert (error.type, condition(error)) == ("error", "internal-server-error")


def test_the_sender_of_what_arrived_is_told_that_it_was_not_stored() -> None:
    house = Playhouse(JULIET)

    house.feed(not_stored(NOON, "y", Arrived(NOON, "x", presence("subscribe", JULIET, MERCUTIO))))

    [error] = house.routed
    assert (str(error.to), condition(error)) == (MERCUTIO, "internal-server-error")


def test_what_could_not_be_stored_of_a_loaded_account_leaves_nobody_waiting() -> None:
    house = resting(JULIET)
    house.arrives(presence("subscribe", JULIET, MERCUTIO))
    answer = house.answer(house.questions.pop())
    assert serve(house.service, answer).store

    served = house.feeds(not_stored(NOON, "y", answer))

    assert served.store == ()
    assert not served.state.held
    assert not house.account(JULIET).roster.contacts
    assert [(stanza.type, condition(stanza)) for stanza in house.routed] == [("error", "internal-server-error")]


def test_what_could_not_be_stored_after_stored_messages_leaves_nobody_waiting() -> None:
    house = waiting_for_stored_messages()
    house.arrives(presence("subscribe", JULIET, MERCUTIO))
    answer = house.answer(house.questions.pop())
    assert serve(house.service, answer).store

    served = house.feeds(not_stored(NOON, "y", answer))

    assert served.store == ()
    assert not served.state.held
    assert [said(stanza) for stanza in house.heard_by(BALCONY)] == [f"{ORCHARD}: first"]
    assert [condition(stanza) for stanza in house.routed] == ["internal-server-error"]


def test_what_could_not_be_stored_of_a_sessions_end_ends_it_nevertheless() -> None:
    house = waiting_for_stored_messages()
    house.arrives(presence("subscribe", JULIET, MERCUTIO))
    end = ForAccount(JULIET, SessionEnded(NOON, "x", house.sessions[BALCONY]))
    assert serve(house.service, end).store

    served = house.feeds(not_stored(NOON, "y", end))

    assert served.store == ()
    assert not served.state.held
    assert [session.id for session in house.account(JULIET).sessions] == [house.sessions[CHAMBER]]
    assert [condition(stanza) for stanza in house.routed] == ["internal-server-error"]


def test_what_failed_already_is_not_failed_again() -> None:
    house = resting(JULIET)
    event = Arrived(NOON, "x", presence("subscribe", JULIET, MERCUTIO))
    house.feed(not_stored(NOON, "y", event))
    answer = house.answer(house.questions.pop())

    house.feed(not_stored(NOON, "z", answer))

    assert [condition(stanza) for stanza in house.routed] == ["internal-server-error"]


# --- properties -------------------------------------------------------------------------------------------

SESSIONS = (ORCHARD, f"{ROMEO}/street", BALCONY, CHAMBER, f"{BENVOLIO}/square")
ADDRESSES = (ROMEO, JULIET, BENVOLIO, GHOST, MERCUTIO, CAPULET, *SESSIONS, f"{JULIET}/gone", f"{GHOST}/x")
STRANGERS = (MERCUTIO, f"{MERCUTIO}/street", "remote.example")

stanzas = st.one_of(
    st.builds(
        presence,
        st.sampled_from(
            [None, "unavailable", "probe", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "error", "odd"]
        ),
        st.sampled_from([None, *ADDRESSES]),
        st.none(),
        st.sampled_from([None, -1, 5]),
    ),
    st.builds(
        chat,
        st.sampled_from([None, *ADDRESSES]),
        st.just("words"),
        st.none(),
        st.sampled_from(["chat", "normal", "groupchat", "headline", "error"]),
    ),
    st.builds(ping, st.sampled_from([None, *ADDRESSES])),
)

acts = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from(SESSIONS), st.none()),
        st.tuples(st.just("end"), st.sampled_from(SESSIONS), st.none()),
        st.tuples(st.just("send"), st.sampled_from(SESSIONS), stanzas),
        st.tuples(st.just("arrive"), st.sampled_from(STRANGERS), stanzas),
        st.tuples(st.just("answer"), st.just(""), st.none()),
        st.tuples(st.just("unload"), st.sampled_from([ROMEO, JULIET, BENVOLIO]), st.none()),
        st.tuples(st.just("remove"), st.just(BENVOLIO), st.none()),
        st.tuples(st.just("time"), st.sampled_from([ROMEO, JULIET, BENVOLIO]), st.none()),
    ),
    max_size=40,
)


class Recorder(Playhouse):
    """Plays acts, each message with an id of its own, and keeps every event with what came of it."""

    def __init__(self, *accounts: str, policy: Policy, slow: bool) -> None:
        self.history: list[tuple[Service[State], ServiceEvent, Served[State]]] = []
        super().__init__(*accounts, policy=policy, slow=slow)

    def feed(self, event: ServiceEvent, done: Callable[[], None] | None = None) -> None:
        before = self.service
        super().feed(event, done)
        self.history.append((before, event, self.served[0]))

    def play(self, act: str, who: str, stanza: object) -> None:
        if isinstance(stanza, Message):
            stanza = chat(str(stanza.to) if stanza.to else None, self.seq(), type=stanza.type or "normal")
        if act == "enter" and who not in self.sessions:
            self.enters(who)
        elif act == "end" and who in self.sessions:
            self.ends(who)
        elif act == "send" and who in self.sessions:
            self.sends(who, stanza)  # type: ignore[arg-type]  # the strategy pairs "send" with a stanza
        elif act == "arrive":
            addressed = stanza.stamped(from_=to(who))  # type: ignore[attr-defined]  # likewise
            if addressed.to is not None:
                self.arrives(addressed)
        elif act == "answer" and self.questions:
            self.feed(self.answer(self.questions.pop(0)))
        elif act == "unload":
            self.service = unload(self.service, who)
        elif act == "remove":
            self.happens(who, AccountRemoved(NOON, self.seq()))
        elif act == "time":
            self.happens(who, TimePassed(NOON, self.seq()))


policies = st.sampled_from([Policy(), Policy(offline_messages=False), Policy(acknowledge_requests=True)])


def played(script: list[tuple[str, str, object]], policy: Policy, slow: bool) -> Recorder:
    house = Recorder(ROMEO, JULIET, BENVOLIO, policy=policy, slow=slow)
    for act in [("enter", ORCHARD, None), ("enter", BALCONY, None), *script]:
        house.play(*act)
    house.answers()
    return house


def depth(step: Handled[State], steps: Sequence[Handled[State]]) -> int:
    """Return how many steps of one call of ``serve`` led to this one."""
    if not isinstance(step.event, Inbound):
        return 0
    came = step.event.stanza
    causes = [each for each in steps[: steps.index(step)] if came in sent_by(each)]
    return max([1 + depth(each, steps) for each in causes], default=0)


def sent_by(step: Handled[State]) -> list[Stanza]:
    sent: list[Stanza] = []
    for effect in step.transition.effects:
        if isinstance(effect, Route):
            sent.append(effect.stanza)
        elif isinstance(effect, FanOut):
            sent += [effect.stanza.stamped(to=to(jid)) for jid in effect.recipients]
    return sent


@given(acts, policies, st.booleans())
def test_no_answer_causes_an_answer(script: list[tuple[str, str, object]], policy: Policy, slow: bool) -> None:
    house = played(script, policy, slow)

    for _, _, served in house.history:
        for step in served.steps:
            assert depth(step, served.steps) <= 2, "an answer to an answer to an answer"


@given(acts, policies, st.booleans())
def test_nobody_waits_once_every_question_is_answered(
    script: list[tuple[str, str, object]], policy: Policy, slow: bool
) -> None:
    house = played(script, policy, slow)

    assert not house.service.held
    assert not any(isinstance(state, NoAccount) for state in house.service.accounts.values())


@given(acts, policies, st.booleans())
def test_between_two_entities_messages_arrive_in_the_order_in_which_they_were_sent(
    script: list[tuple[str, str, object]], policy: Policy, slow: bool
) -> None:
    house = played(script, policy, slow)

    arrived: dict[tuple[str, str], list[str]] = defaultdict(list)
    for _, _, served in house.history:
        for step in served.steps:
            event = step.event
            if isinstance(event, Inbound) and isinstance(event.stanza, Message) and event.stanza.type != "error":
                assert event.stanza.id is not None
                arrived[str(event.stanza.from_), step.jid].append(event.stanza.id)
    for ids in arrived.values():
        assert ids == sorted(set(ids))


@given(acts, policies, st.booleans())
def test_every_event_of_an_account_has_a_number_of_its_own(
    script: list[tuple[str, str, object]], policy: Policy, slow: bool
) -> None:
    house = played(script, policy, slow)

    seqs = [step.event.seq for _, _, served in house.history for step in served.steps]
    assert len(seqs) == len(set(seqs))


@given(acts, policies, st.booleans())
def test_the_same_event_gives_the_same_result_and_leaves_the_old_service_as_it_was(
    script: list[tuple[str, str, object]], policy: Policy, slow: bool
) -> None:
    house = played(script, policy, slow)

    for before, event, served in house.history:
        assert serve(before, event, policy) == served


@given(acts, policies, st.booleans())
def test_nothing_leaves_that_is_for_a_hosted_domain(
    script: list[tuple[str, str, object]], policy: Policy, slow: bool
) -> None:
    house = played(script, policy, slow)

    assert {stanza.to_jid.domain for stanza in house.routed if stanza.to_jid is not None} <= {"remote.example"}


@given(acts, policies, st.booleans())
def test_what_could_not_be_stored_wants_nothing_stored_itself(
    script: list[tuple[str, str, object]], policy: Policy, slow: bool
) -> None:
    house = played(script, policy, slow)

    for before, event, _ in house.history:
        assert serve(before, not_stored(NOON, "failed", event), policy).store == ()


@given(acts, policies, st.booleans())
def test_what_is_in_memory_is_what_is_stored(script: list[tuple[str, str, object]], policy: Policy, slow: bool) -> None:
    house = played(script, policy, slow)
    for full in list(house.sessions):
        house.ends(full)
    house.answers()
    before = {jid: house.account(jid) for jid in house.service.accounts}

    for jid in before:
        house.service = unload(house.service, jid)
    assert house.service == hosting(MONTAGUE, CAPULET)
    for jid in before:
        house.feed(house.answer(ReadAccount(jid)))

    for jid, account in before.items():
        assert house.account(jid).waking(None) == account.waking(None)  # too early an hour to wake does no harm


@given(st.integers(min_value=1, max_value=200))
def test_strangers_who_try_addresses_leave_no_trace_in_memory(number: int) -> None:
    house = Playhouse(JULIET)
    before = house.service

    for n in range(number):
        house.arrives(ping(f"guess{n}@{CAPULET}", f"stranger{n}@remote.example"))
        house.arrives(presence("subscribe", f"guess{n}@{CAPULET}", f"stranger{n}@remote.example"))

    assert house.service == before


def test_a_domain_of_strangers_cannot_fill_the_memory_of_an_account() -> None:
    policy = Policy(pending_requests_per_domain=10, request_size=2000)
    house = Playhouse(JULIET, policy=policy)

    for n in range(50):
        house.arrives(presence("subscribe", JULIET, f"stranger{n}@remote.example"))
        house.arrives(presence(None, JULIET, f"stranger{n}@remote.example/x"))
        house.arrives(presence("probe", JULIET, f"stranger{n}@remote.example"))

    assert len(house.account(JULIET).roster.contacts) == 10


def test_a_held_event_that_failed_to_store_is_a_failed_event_of_its_own() -> None:
    house = resting(JULIET)
    session = SessionId("balcony", 1)
    house.happens(JULIET, SessionBound(NOON, "a", session))
    answer = house.answer(house.questions.pop())

    served = serve(house.service, not_stored(NOON, "z", answer))

    assert [type(step.event) for step in served.steps] == [AccountLoaded, StoreFailed]
    state = served.state.accounts[JULIET]
    assert not isinstance(state, NoAccount)
    assert [each.id for each in state.sessions] == [session]


def test_what_arrived_for_whomever_it_names_is_no_event_of_an_account() -> None:
    arrived = Arrived(NOON, "1", chat(JULIET, "Soft!", MERCUTIO))

    assert type(arrived) not in get_args(Event)
