"""Stanzas to the service itself, and to users who do not exist (RFC 6121 §8.4, §8.5.1)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.server.playhouse import (
    BALCONY,
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
    said,
)
from xmpp_im_core.element import element
from xmpp_im_core.extensions.carbons import carbons
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server.accounts.machine import PLAIN
from xmpp_im_core.server.effects import Deliver, Ignored, Kind, Put, Route
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountLoaded,
    AccountRemoved,
    Outbound,
    SessionBound,
    SessionEnded,
    Unroutable,
)
from xmpp_im_core.server.service.events import Arrived, ForAccount
from xmpp_im_core.server.service.serving import hosting, merged, serve
from xmpp_im_core.server.state import NoAccount, SessionId
from xmpp_im_core.stanza import IQ, payload

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


@in_one_test("type", ["normal", "chat", "groupchat", "headline"])
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


@in_one_test("type", [None, "unavailable", "subscribed", "unsubscribe", "unsubscribed", "error"])
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


def test_one_load_answers_everything_that_waited_for_the_account() -> None:
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
    assert house.service.accounts[JULIET] == NoAccount(parse_jid(JULIET), (house.sessions[BALCONY],))
    house.ends(BALCONY)

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

    service = serve(service, ForAccount(JULIET, AccountRemoved(NOON, "7"))).state
    for session in (balcony, chamber):
        service = serve(service, ForAccount(JULIET, SessionEnded(NOON, f"end of {session}", session))).state
    assert service == extended


@pytest.mark.parametrize("domains", [(), ("romeo@montague.example",), ("montague.example/x",)])
def test_a_service_hosts_at_least_one_domain_and_only_domains(domains: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"^domains: .*; one domainpart or more is needed, and nothing else$"):
        hosting(*domains)


def test_one_wrong_domain_among_others_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^domains: "):
        hosting(CAPULET, JULIET)


def test_a_result_of_an_earlier_state_is_merged_account_by_account() -> None:
    before = Playhouse(JULIET).service
    bound = serve(before, ForAccount(JULIET, SessionBound(NOON, "s", SessionId("balcony", 1))))
    gone = serve(before, ForAccount(JULIET, AccountRemoved(NOON, "r")))
    asked = serve(before, ForAccount(ROMEO, SessionBound(NOON, "s", SessionId("orchard", 1))))

    assert merged(before, bound).accounts[JULIET] == bound.state.accounts[JULIET]
    assert JULIET not in merged(before, gone).accounts
    assert merged(before, asked).held == asked.state.held
    assert merged(bound.state, asked).accounts == bound.state.accounts
