"""IQs: which answer is believed, and which request is answered (RFC 6121 §6; RFC 6120 §8.1.2.1, §8.2.3)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.client.stage import (
    BALCONY,
    JULIET,
    NOON,
    ORCHARD,
    ROMEO,
    Scene,
    changed_nothing,
    elements,
    is_silent,
    rules_of,
    sent,
    stanza,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import AccountSender, Asking, ClientPolicy, GiveUp, Question, SendIQ, SessionEnded
from xmpp_im_core.client.notifications import Answered, MessageFailed, PresenceFailed, RequestReceived, Unanswered
from xmpp_im_core.element import element
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.rules import client as rules
from xmpp_im_core.stanza import IQ

PING = element("ping", "urn:xmpp:ping")
SERVER = parse_jid("capulet.example")
ASKED = NOON + timedelta(seconds=1)


def pinging(to: JID | None, policy: ClientPolicy = ClientPolicy()) -> Scene:  # noqa: B008  # a frozen value
    scene = Scene(policy=policy)
    step = scene.take(SendIQ(*scene.stamp(), Asking.GET, PING, to))
    address = "" if to is None else f"to='{to}'"
    assert sent(step) == elements(f"<iq type='get' id='s1-iq' {address}><ping xmlns='urn:xmpp:ping'/></iq>")
    return scene


# --- answers ------------------------------------------------------------------------------------------------

ANSWERERS = [
    (None, None, True),
    (None, JULIET.full, True),
    (None, BALCONY.full, False),
    (None, SERVER.full, False),
    (None, ROMEO.full, False),
    (JULIET, None, True),
    (JULIET, JULIET.full, True),
    (JULIET, BALCONY.full, False),
    (SERVER, SERVER.full, True),
    (SERVER, None, False),
    (SERVER, JULIET.full, False),
    (ORCHARD, ORCHARD.full, True),
    (ORCHARD, "ROMEO@montague.example/orchard", True),
    (ORCHARD, "romeo@montague.example/Orchard", False),
    (ORCHARD, ROMEO.full, False),
    (ORCHARD, None, False),
]


@in_one_test(("to", "from_", "believed"), ANSWERERS)
@in_one_test("type", ["result", "error"])
def test_an_answer_counts_only_from_whom_was_asked(
    to: JID | None, from_: str | None, believed: bool, type: str
) -> None:
    scene = pinging(to)
    before = scene.client
    answer = f"<iq type='{type}' id='s1-iq' {'' if from_ is None else f'from={chr(39)}{from_}{chr(39)}'}/>"

    step = scene.server(answer)

    if believed:
        read = stanza(answer)
        assert isinstance(read, IQ)
        assert told(step) == [Answered(read, Question(to, ASKED))]
        assert len(step.state.questions) == 0
    else:
        assert is_silent(step, rules.ANSWER_FORGED)
        assert changed_nothing(before, step)


def test_own_full_ok_believes_answers_of_the_account_from_the_own_full_jid() -> None:
    scene = pinging(None, ClientPolicy(account_sender=AccountSender.OWN_FULL_OK))

    assert len(scene.server(f"<iq type='result' id='s1-iq' from='{BALCONY}'/>").state.questions) == 0


@in_one_test("kind", ["message", "presence", "iq"])
@in_one_test("type", ["result", "error", "get", "set"])
@in_one_test("id", ["s1-iq", "other", ""])
def test_only_an_iq_result_or_error_with_the_id_resolves_a_question(kind: str, type: str, id: str) -> None:
    scene = pinging(ORCHARD)
    attribute = f"id='{id}'" if id else ""

    step = scene.server(f"<{kind} type='{type}' {attribute} from='{ORCHARD}'><ping xmlns='urn:xmpp:ping'/></{kind}>")

    resolves = kind == "iq" and type in ("result", "error") and id == "s1-iq"
    assert len(step.state.questions) == (0 if resolves else 1)
    assert any(isinstance(each, Answered) for each in told(step)) is resolves


def test_an_answer_counts_once() -> None:
    scene = pinging(ORCHARD)
    answer = f"<iq type='result' id='s1-iq' from='{ORCHARD}'/>"
    scene.server(answer)

    assert is_silent(scene.server(answer), rules.ANSWER_UNASKED)


def test_an_iq_that_gets_an_id_keeps_everything_else() -> None:
    scene = Scene()

    step = scene.hands_over(
        "<iq type='get' to='capulet.example' xml:lang='en' extra='1'><ping xmlns='urn:xmpp:ping'/></iq>"
    )

    assert sent(step) == elements(
        "<iq type='get' to='capulet.example' xml:lang='en' extra='1' id='s1-iq'><ping xmlns='urn:xmpp:ping'/></iq>"
    )


def test_only_so_many_questions_wait() -> None:
    scene = pinging(ORCHARD, ClientPolicy(questions=1))
    before = scene.client

    step = scene.take(SendIQ(*scene.stamp(), Asking.SET, PING, ORCHARD))

    assert rules_of(step) == [rules.TOO_MANY_QUESTIONS]
    assert changed_nothing(before, step)


def test_no_two_questions_have_one_id() -> None:
    scene = Scene()
    xml = "<iq type='get' id='a' to='romeo@montague.example'><ping xmlns='urn:xmpp:ping'/></iq>"
    scene.hands_over(xml)

    assert rules_of(scene.hands_over(xml)) == [rules.ID_IN_USE]


def test_what_was_not_answered_before_the_session_ended_is_told() -> None:
    scene = pinging(ORCHARD)

    assert told(scene.take(SessionEnded(*scene.stamp()))) == [Unanswered("s1-iq", Question(ORCHARD, ASKED))]


# --- answers that do not come ---------------------------------------------------------------------------------


def test_what_the_application_gives_up_on_is_told_and_makes_room() -> None:
    scene = pinging(ORCHARD, ClientPolicy(questions=1))
    (id,) = scene.client.questions
    assert scene.client.questions[id].at == ASKED

    step = scene.take(GiveUp(*scene.stamp(), id))

    assert told(step) == [Unanswered(id, Question(ORCHARD, ASKED))]
    assert len(step.state.questions) == 0
    assert rules_of(scene.take(SendIQ(*scene.stamp(), Asking.GET, PING, ORCHARD))) == [rules.IQ_SENT]


@pytest.mark.parametrize("type", ["result", "error"])
def test_an_answer_that_comes_too_late_is_an_answer_to_nothing(type: str) -> None:
    scene = pinging(ORCHARD)
    scene.take(GiveUp(*scene.stamp(), "s1-iq"))
    before = scene.client

    step = scene.server(f"<iq type='{type}' id='s1-iq' from='{ORCHARD}'/>")

    assert is_silent(step, rules.ANSWER_UNASKED)
    assert changed_nothing(before, step)


@pytest.mark.parametrize("id", ["s1-iq", "other"])
def test_there_is_nothing_to_give_up_on_once_the_answer_has_come(id: str) -> None:
    scene = pinging(ORCHARD)
    scene.server(f"<iq type='result' id='s1-iq' from='{ORCHARD}'/>")
    before = scene.client

    step = scene.take(GiveUp(*scene.stamp(), id))

    assert is_silent(step, rules.NOTHING_TO_GIVE_UP)
    assert changed_nothing(before, step)


def test_giving_up_on_one_request_leaves_the_others_waiting() -> None:
    scene = pinging(ORCHARD)
    scene.take(SendIQ(*scene.stamp(), Asking.GET, PING, ORCHARD))

    scene.take(GiveUp(*scene.stamp(), "s1-iq"))

    assert list(scene.client.questions) == ["s2-iq"]
    assert told(scene.server(f"<iq type='result' id='s2-iq' from='{ORCHARD}'/>")) != []


# --- requests -----------------------------------------------------------------------------------------------


@in_one_test("type", ["get", "set"])
@in_one_test("namespace", ["urn:xmpp:ping", "jabber:iq:version", "nobody:knows"])
def test_a_request_that_nobody_serves_gets_service_unavailable(type: str, namespace: str) -> None:
    scene = Scene()
    before = scene.client

    step = scene.server(f"<iq type='{type}' id='a' from='{ORCHARD}'><x xmlns='{namespace}'/></iq>")

    assert sent(step) == elements(
        f"<iq type='error' id='a' to='{ORCHARD}'><error type='cancel'>"
        "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
    assert changed_nothing(before, step)


def test_a_roster_get_is_not_for_clients_to_answer() -> None:
    policy = ClientPolicy(served=frozenset({"jabber:iq:roster"}))

    step = Scene(policy=policy).server("<iq type='get' id='a'><query xmlns='jabber:iq:roster'/></iq>")

    assert rules_of(step) == [rules.REQUEST_NOT_SERVED]


def test_the_application_answers_the_requests_that_it_serves() -> None:
    scene = Scene(policy=ClientPolicy(served=frozenset({"urn:xmpp:ping"})))
    request = stanza(f"<iq type='get' id='a' from='{ORCHARD}'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert isinstance(request, IQ)

    step = scene.server(f"<iq type='get' id='a' from='{ORCHARD}'><ping xmlns='urn:xmpp:ping'/></iq>")

    assert told(step) == [RequestReceived(request)]
    answer = f"<iq type='result' id='a' to='{ORCHARD}'/>"
    assert sent(scene.hands_over(answer)) == elements(answer)


@in_one_test(
    "xml",
    [
        "<iq type='get'><x xmlns='urn:x'/></iq>",
        "<iq type='get' id='a'/>",
        "<iq type='set' id='a'><x xmlns='urn:x'/><y xmlns='urn:x'/></iq>",
        "<iq type='foo' id='a'><x xmlns='urn:x'/></iq>",
        "<iq id='a'><x xmlns='urn:x'/></iq>",
    ],
)
def test_an_iq_that_is_not_a_request_is_a_bad_request(xml: str) -> None:
    assert rules_of(Scene().server(xml)) == [rules.IQ_MALFORMED_IN]


@in_one_test("kind", ["message", "presence", "iq"])
@in_one_test("from_", [ORCHARD.full, JULIET.full, "capulet.example"])
def test_no_error_is_ever_answered(kind: str, from_: str) -> None:
    step = Scene().server(f"<{kind} type='error' id='a' from='{from_}'><x xmlns='urn:x'/></{kind}>")

    assert sent(step) == []
    assert all(isinstance(each, MessageFailed | PresenceFailed) for each in told(step))
