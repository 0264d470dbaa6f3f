"""The ledger finds what must not be: each check of it fails for a run that breaks what it holds."""

from __future__ import annotations

import pytest

from tests.xmpp_im_host.cluster.ledger import Ledger
from tests.xmpp_im_host.cluster.requests import Requests
from tests.xmpp_im_host.cluster.talker import Talker
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.stanza import to_element

ROMEO, JULIET, ECHO = "romeo@localhost/orchard", "juliet@localhost/balcony", "echo.localhost"


def asked() -> Requests:
    found = Requests()
    found.ask("iq-1", "romeo#1", ROMEO, JULIET)
    return found


def answered(requests: Requests, times: int = 1, *, arrived: int = 1) -> Requests:
    for _ in range(arrived):
        requests.arrive("iq-1", JULIET, ROMEO)
    for _ in range(times):
        requests.answer("iq-1", "romeo#1", ROMEO, JULIET, "result")
    return requests


def faults(requests: Requests, *excuses: str) -> list[str]:
    return requests.faults(["romeo#1"], excuses, ())


# --- requests -----------------------------------------------------------------------------------------------------


def test_a_request_with_one_answer_is_in_order() -> None:
    assert faults(answered(asked())) == []


def test_a_request_without_an_answer_is_a_fault_unless_a_session_is_over() -> None:
    requests = asked()
    assert faults(requests) == [f"iq-1 of romeo#1 to {JULIET} has no answer"]
    assert requests.faults(["romeo#2"], (), ()) == []
    assert requests.faults(["romeo#1"], (), ["iq-1"]) == []
    requests.excused.add("iq-1")
    assert faults(requests) == []


def test_two_answers_are_a_fault_unless_its_arrival_is_in_doubt() -> None:
    requests = answered(asked(), 2)
    assert faults(requests) == ["iq-1 has 2 answers"]
    assert faults(requests, "iq-1") == []


def test_a_request_that_comes_twice_is_a_fault() -> None:
    assert faults(answered(asked(), arrived=2)) == ["iq-1 has come 2 times"]


def test_an_answer_of_nobody_is_a_fault() -> None:
    assert faults(answered(asked(), arrived=0)) == ["iq-1 has a result, and has come to nobody"]


def test_what_comes_to_or_from_somebody_else_is_a_fault() -> None:
    requests = asked()
    requests.arrive("iq-1", ECHO, ROMEO)
    requests.answer("iq-1", "romeo#1", ROMEO, ECHO, "result")
    assert len(faults(requests)) == 2


# --- removals -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger() -> Ledger:
    """Romeo writes to Juliet, whose account is removed and created again."""
    ledger = Ledger(stored={"romeo", "juliet"}, logins={"romeo#1": 0, "juliet#1": 0})
    chat = ledger.send("romeo", "romeo#1", "juliet")
    ledger.acknowledge(chat.id)
    ledger.begin_removal("juliet")
    assert ledger.note_removed("juliet", [chat.id]) == 1
    ledger.note_created("juliet")
    ledger.logins["juliet#2"] = 1
    return ledger


def chat_of(ledger: Ledger) -> str:
    return next(iter(ledger.chats))


def test_what_was_for_the_removed_account_may_be_lost(ledger: Ledger) -> None:
    assert ledger.faults() == []


def test_what_comes_to_the_next_account_is_a_fault(ledger: Ledger) -> None:
    ledger.come("juliet", "juliet#2", chat_of(ledger))
    assert ledger.faults() == [f"{chat_of(ledger)} was for an account that is removed, and comes to its successor"]


def test_what_comes_late_to_the_removed_account_is_in_order(ledger: Ledger) -> None:
    ledger.come("juliet", "juliet#1", chat_of(ledger))
    assert ledger.faults() == []


def test_what_is_sent_later_and_comes_to_an_old_login_is_a_fault(ledger: Ledger) -> None:
    chat = ledger.send("romeo", "romeo#1", "juliet")
    ledger.come("juliet", "juliet#1", chat.id)
    assert ledger.faults() == [f"{chat.id} comes to juliet#1, whose account was removed before it was sent"]


def test_what_is_sent_later_and_is_lost_is_a_fault(ledger: Ledger) -> None:
    chat = ledger.send("romeo", "romeo#1", "juliet")
    ledger.acknowledge(chat.id)
    assert ledger.faults() == [f"{chat.id} of romeo to juliet is lost"]


def test_what_the_removed_user_had_sent_before_may_not_be_lost() -> None:
    ledger = Ledger(stored={"romeo", "juliet"}, logins={"romeo#1": 0})
    chat = ledger.send("romeo", "romeo#1", "juliet")
    ledger.acknowledge(chat.id)
    under_way = ledger.send("romeo", "romeo#1", "juliet")
    ledger.begin_removal("romeo")
    ledger.acknowledge(under_way.id)
    ledger.note_removed("romeo", [])
    ledger.note_created("romeo")
    assert ledger.faults() == [f"{chat.id} of romeo to juliet is lost"]


def test_presence_of_the_next_account_needs_another_authorisation(ledger: Ledger) -> None:
    ledger.authorised = {("juliet", "nurse")}
    ledger.begin_removal("juliet")
    before = ledger.now()
    ledger.note_removed("juliet", [])
    ledger.see("nurse", "juliet", before)
    ledger.see("nurse", "juliet", None)
    assert ledger.wrong == []
    ledger.see("nurse", "juliet", ledger.now())
    assert ledger.wrong == ["nurse gets presence of juliet without being authorised"]


# --- contacts and pushes ------------------------------------------------------------------------------------------


def test_a_removed_contact_that_is_there_is_a_fault() -> None:
    ledger = Ledger()
    ledger.contacts["romeo", "x@elsewhere.example"] = 0
    assert ledger.contact_faults("romeo", "x@elsewhere.example", None) == []
    assert len(ledger.contact_faults("romeo", "x@elsewhere.example", 3)) == 1
    ledger.asked["romeo", "x@elsewhere.example"].add(3)
    assert ledger.contact_faults("romeo", "x@elsewhere.example", 3) == []


def test_a_push_that_comes_twice_is_a_fault() -> None:
    talker = Talker("romeo", "localhost", "orchard", "rosaline", Ledger())
    push = (
        "<iq type='set' id='p' to='romeo@localhost/orchard'><query xmlns='jabber:iq:roster'>"
        "<item jid='x@elsewhere.example' name='7'/></query></iq>"
    )
    talker._stanza(to_element(parse_stanza(push)))
    assert talker.ledger.wrong == []
    talker._stanza(to_element(parse_stanza(push)))
    assert len(talker.ledger.wrong) == 1
