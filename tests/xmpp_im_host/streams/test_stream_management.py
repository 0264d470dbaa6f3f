"""Stream management (XEP-0198): acknowledgements both ways, bounds, and the resumption of a broken stream."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.xmpp_im_host.streams.conversation import (
    BIND,
    EASY,
    ENABLE,
    GOODBYE,
    HEADER,
    PLAIN,
    Conversation,
    R,
    ack,
    stanza_of,
    stream_error,
)
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.stanza import Stanza
from xmpp_im_host.streams import (
    Acknowledged,
    BindRequested,
    ClientStream,
    ManagementEnabled,
    ResumptionRequested,
    StanzaReceived,
    StreamEnded,
    StreamManagement,
)
from xmpp_im_host.streams.stream_management import HandledTooMuch, read_h

SM = 'xmlns="urn:xmpp:sm:3"'
REQUEST = f"<r {SM}/>"
UNEXPECTED = f'<failed {SM}><unexpected-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></failed>'
PATIENT = evolve(EASY, ask_after=1000)


def a(h: int) -> str:
    return f'<a {SM} h="{h}"/>'


def message(number: int) -> Stanza:
    return stanza_of(f"<message id='{number}'><body>x</body></message>")


def written(number: int) -> str:
    return f'<message id="{number}"><body>x</body></message>'


def sends(talk: Conversation, *numbers: int) -> str:
    for number in numbers:
        talk.stream.send(message(number), number)
    return talk.hears()


def unacknowledged(talk: Conversation) -> tuple[object, ...]:
    return talk.stream.unacknowledged


# --- enabling (§3) --------------------------------------------------------------------------------------------


def test_enabling() -> None:
    talk = Conversation().binds()
    assert talk.says("<enable xmlns='urn:xmpp:sm:3'/>") == f"<enabled {SM}/>"
    management = talk.last(ManagementEnabled).management
    assert management is talk.stream.management
    assert management.id is None


@pytest.mark.parametrize("wish", ["true", "1"])
def test_enabling_with_resumption(wish: str) -> None:
    talk = Conversation().binds()
    said = talk.says(f"<enable xmlns='urn:xmpp:sm:3' resume='{wish}' max='10'/>")
    management = talk.last(ManagementEnabled).management
    assert said == f'<enabled {SM} id="{management.id}" max="300" resume="true"/>'
    assert management.jid.full == "juliet@im.example.com/balcony"


def test_a_server_without_resumption() -> None:
    talk = Conversation(evolve(EASY, resumption_seconds=0)).binds()
    assert talk.says(ENABLE) == f"<enabled {SM}/>"
    assert talk.last(ManagementEnabled).management.id is None
    other = Conversation(evolve(EASY, resumption_seconds=0))
    other.says(HEADER, PLAIN, HEADER)
    assert "<feature-not-implemented " in other.says("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>")


@pytest.mark.parametrize("element", [ENABLE, R, ack(0), "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>"])
def test_the_order_is_enforced(element: str) -> None:
    """§3: not before authentication, nor before binding: "return a <failed/> element"."""
    talk = Conversation()
    talk.says(HEADER)
    assert talk.says(element) == UNEXPECTED
    talk.says(PLAIN, HEADER)
    if "resume " not in element:
        assert talk.says(element) == UNEXPECTED
    talk.says(BIND)
    if "enable" not in element:
        assert talk.says(element) == UNEXPECTED
    assert not talk.of(StreamEnded)


def test_a_second_enable_ends_the_stream() -> None:
    """§3: "it SHOULD respond with a stream error"."""
    talk = Conversation().manages()
    assert stream_error("policy-violation") in talk.says(ENABLE)


# --- what the client has sent (§4) ----------------------------------------------------------------------------


def test_h_counts_only_what_is_durable() -> None:
    talk = Conversation().binds()
    assert talk.says("<presence/>", ENABLE, R).endswith(a(0))  # what came before <enable/> does not count
    assert talk.says("<message/><presence/>", R) == a(0)  # at once (§4)
    numbers = [event.number for event in talk.of(StanzaReceived)]
    assert numbers == [1, 2, 3]
    talk.stream.handled(2)
    assert talk.hears() == ""
    talk.stream.handled(3)
    assert talk.hears() == a(2)  # and again when all that preceded the request is handled
    talk.stream.handled(3)
    talk.stream.handled(1)
    assert talk.says(R) == a(2)


def test_stanzas_may_become_durable_in_any_order() -> None:
    talk = Conversation().manages()
    talk.says("<message/>" * 3)
    talk.stream.handled(3)
    talk.stream.handled(2)
    assert talk.says(R) == a(0)
    talk.stream.handled(1)
    assert talk.hears() == a(3)


def test_a_request_that_the_stream_answers_itself_counts() -> None:
    """h counts each stanza that the client has sent, also one for a session."""
    talk = Conversation().manages()
    session = "<iq id='s' type='set'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
    assert talk.says("<message/>", session, "<message/>", R).endswith(a(0))
    talk.stream.handled(1)
    talk.stream.handled(3)
    assert talk.hears() == a(3)
    assert unacknowledged(talk) == (None,)  # the answer is a stanza too


def test_without_stream_management_handled_does_nothing() -> None:
    talk = Conversation().binds()
    talk.says("<message/>")
    talk.stream.handled(1)
    assert talk.hears() == ""
    assert sends(talk, 1) == written(1)
    assert unacknowledged(talk) == ()
    talk.stream.request_acknowledgement()
    assert talk.hears() == ""


# --- what was sent to the client ------------------------------------------------------------------------------


def test_the_client_acknowledges() -> None:
    talk = Conversation(PATIENT).manages()
    assert sends(talk, 1, 2, 3) == written(1) + written(2) + written(3)
    assert unacknowledged(talk) == (1, 2, 3)
    assert talk.says(ack(2)) == ""
    assert talk.last(Acknowledged).items == (1, 2)
    assert unacknowledged(talk) == (3,)
    assert talk.says(ack(2), ack(3)) == ""
    assert [event.items for event in talk.of(Acknowledged)] == [(1, 2), (3,)]


def test_the_server_asks_after_some_stanzas_and_once_until_the_answer() -> None:
    talk = Conversation(evolve(EASY, ask_after=3)).manages()
    assert sends(talk, 1, 2) == written(1) + written(2)
    assert sends(talk, 3) == written(3) + REQUEST
    assert sends(talk, 4, 5, 6, 7) == "".join(map(written, (4, 5, 6, 7)))
    assert talk.says(ack(3)) == REQUEST  # four are left
    assert talk.says(ack(7)) == ""
    assert sends(talk, 8, 9) == written(8) + written(9)


def test_the_server_asks_when_the_stream_is_idle() -> None:
    talk = Conversation().manages()
    talk.stream.request_acknowledgement()
    assert talk.hears() == ""
    sends(talk, 1)
    talk.stream.request_acknowledgement()
    talk.stream.request_acknowledgement()
    assert talk.hears() == REQUEST


@pytest.mark.parametrize("h", [3, 4, 2**32 - 1])
def test_acknowledging_too_much(h: int) -> None:
    """§6: "undefined-condition ... that includes a <handled-count-too-high/> element"."""
    talk = Conversation(PATIENT).manages()
    sends(talk, 1, 2)
    said = talk.says(ack(h))
    assert said.startswith(stream_error("undefined-condition"))
    assert f'<handled-count-too-high {SM} h="{h}" send-count="2"/>' in said
    assert f"You acknowledged {h} stanzas, but only 2 were sent so far." in said
    assert said.endswith(GOODBYE)
    assert talk.last(StreamEnded) == StreamEnded("undefined-condition")
    assert unacknowledged(talk) == (1, 2)


@pytest.mark.parametrize("h", ["", "-1", "1.0", "x", str(2**32), "\N{ARABIC-INDIC DIGIT ONE}", "9" * 5000])
def test_a_malformed_h(h: str) -> None:
    talk = Conversation(PATIENT).manages()
    sends(talk, 1)
    assert talk.says(f"<a xmlns='urn:xmpp:sm:3' h='{h}'/>").startswith(stream_error("bad-format"))


def test_too_much_that_is_not_acknowledged_ends_the_stream() -> None:
    settings = evolve(PATIENT, unacknowledged_stanzas=3)
    talk = Conversation(settings).manages()
    sends(talk, 1, 2, 3)
    assert not talk.of(StreamEnded)
    assert stream_error("resource-constraint") in sends(talk, 4)
    assert unacknowledged(talk) == (1, 2, 3, 4)
    large = Conversation(evolve(PATIENT, unacknowledged_bytes=100)).manages()
    assert stream_error("resource-constraint") in sends(large, 1, 2, 3)
    assert large.last(StreamEnded) == StreamEnded("resource-constraint")


def management(limit: int = 100) -> StreamManagement:
    return StreamManagement(parse_jid("juliet@im.example.com/x"), "id", limit, 100_000, 0)


def test_both_counters_wrap() -> None:
    """§4: "the value of 'h' SHALL be reset from 2^32-1 back to zero"."""
    session = management()
    session.h = 2**32 - 1
    session._acknowledged = 2**32 - 2
    session.handled(1)
    assert session.h == 0
    for number in range(5):
        session.queue(message(number), number)
    assert session.acknowledge(2**32 - 1) == (0,)
    assert session.acknowledge(1) == (1, 2)
    assert session.acknowledge(3) == (3, 4)
    with pytest.raises(HandledTooMuch, match=r"acknowledged 2 stanzas, but only 3"):
        session.acknowledge(2)


@given(order=st.permutations(range(1, 9)), cut=st.integers(0, 8))
def test_h_is_the_length_of_the_handled_beginning(order: list[int], cut: int) -> None:
    session = management()
    session.received = 8
    for number in order[:cut]:
        session.handled(number)
    expected = next((n for n in range(8) if n + 1 not in order[:cut]), 8)
    assert session.h == expected
    assert session.unhandled == 8 - expected
    assert session.has_handled(expected)
    assert not session.has_handled(expected + 1) or expected == 8


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("007", 7), ("+5", 5), (" 5\n", 5), (str(2**32 - 1), 2**32 - 1), (None, None)]
)
def test_an_unsigned_int_of_xml_schema(text: str | None, value: int | None) -> None:
    assert read_h(text) == value


# --- resumption (§5) ------------------------------------------------------------------------------------------


def breaks(talk: Conversation) -> StreamManagement:
    """Let the connection break, and return what is kept of the session."""
    talk.stream.disconnected()
    talk.pump()
    assert talk.last(StreamEnded) == StreamEnded(resumable=True, by_peer=True)
    assert talk.stream.management is not None
    return talk.stream.management


def resuming(session: StreamManagement, **options: Any) -> Conversation:
    """Return a new conversation, authenticated, whose server knows the session."""

    def answer(stream: ClientStream, event: ResumptionRequested) -> None:
        if event.previous == session.id and event.account == session.jid.to_bare():
            stream.resume(session)
        else:
            stream.refuse_resumption()

    talk = Conversation(PATIENT, answers={ResumptionRequested: answer}, **options)
    talk.says(HEADER, PLAIN, HEADER)
    return talk


def resume(session: StreamManagement, h: int) -> str:
    return f"<resume xmlns='urn:xmpp:sm:3' previd='{session.id}' h='{h}'/>"


def resumed(session: StreamManagement, h: int) -> str:
    return f'<resumed {SM} h="{h}" previd="{session.id}"/>'


def test_what_is_not_acknowledged_is_sent_again_in_order() -> None:
    old = Conversation(PATIENT).manages()
    old.says("<message/><message/>")
    old.stream.handled(1)
    sends(old, 1, 2, 3)
    session = breaks(old)
    old.stream.handled(2)  # durable after the break
    session.queue(message(4), 4)
    old.stream.send(message(5), 5)  # the same, through the former stream
    assert old.hears() == ""
    talk = resuming(session)
    assert talk.says(resume(session, 1)) == resumed(session, 2) + "".join(map(written, (2, 3, 4, 5))) + REQUEST
    assert talk.of(Acknowledged)[0].items == (1,)
    assert talk.stream.jid == session.jid
    assert talk.stream.management is session
    assert unacknowledged(talk) == (2, 3, 4, 5)
    assert not talk.of(BindRequested)
    # The counters go on.
    assert talk.says("<message/>", R) == a(2)
    number = talk.last(StanzaReceived).number
    talk.stream.handled(number)
    assert talk.hears() == a(3)
    assert talk.says(ack(5)) == ""
    assert unacknowledged(talk) == ()


def test_another_server_goes_on_with_the_counters() -> None:
    """XEP-0198 §5: 'h' continues, whichever server the client has reached."""
    old = Conversation(PATIENT).manages()
    old.says("<message/><message/>")
    old.stream.handled(1)
    old.stream.handled(2)
    sends(old, 1, 2, 3)
    old.says(ack(1))
    there = breaks(old)
    here = StreamManagement(there.jid, there.id, 1000, 1_000_000, there.received)
    here.resume_from(there.h, there.acknowledged)
    for stanza, item in zip(there.waiting_stanzas, there.unacknowledged, strict=True):
        here.queue(stanza, item)
    talk = resuming(here)
    assert talk.says(resume(here, 2)) == resumed(here, 2) + written(3) + REQUEST
    assert talk.says("<message/>", R) == a(2)
    talk.stream.handled(talk.last(StanzaReceived).number)
    assert talk.hears() == a(3)
    sends(talk, 4)
    assert talk.says(ack(4)) == ""
    assert unacknowledged(talk) == ()


def test_what_was_on_its_way_is_sent_again_by_the_client_and_counts_once() -> None:
    old = Conversation(PATIENT).manages()
    old.says("<message/><message/><message/>")
    old.stream.handled(1)
    old.stream.handled(3)
    session = breaks(old)
    assert session.unhandled == 2
    talk = resuming(session)
    assert talk.says(resume(session, 0)) == resumed(session, 1)
    talk.says("<message/><message/>")  # the second and the third again
    first, second = [event.number for event in talk.of(StanzaReceived)]
    old.stream.handled(2)  # too late: it does not stand for one of the new stream
    assert session.h == 1
    talk.stream.handled(first)
    talk.stream.handled(second)
    assert session.h == 3


def test_an_unknown_stream_cannot_be_resumed_and_a_resource_can_be_bound_then() -> None:
    """§5: item-not-found; "the server SHOULD allow the client to bind a resource at this point"."""
    session = breaks(Conversation(PATIENT).manages())
    talk = resuming(session)
    failed = f'<failed {SM}><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></failed>'
    assert talk.says("<resume xmlns='urn:xmpp:sm:3' previd='guess' h='0'/>") == failed
    assert "balcony" in talk.says(BIND)
    assert talk.says("<resume xmlns='urn:xmpp:sm:3' previd='guess' h='0'/>") == UNEXPECTED


def test_a_stream_of_another_account_does_not_exist() -> None:
    session = breaks(Conversation(PATIENT).manages())
    session.jid = parse_jid("romeo@im.example.com/x")
    talk = resuming(session)
    assert "item-not-found" in talk.says(resume(session, 0))
    assert talk.of(ResumptionRequested)[0].account.full == "juliet@im.example.com"


def test_a_stream_that_timed_out_tells_what_was_handled() -> None:
    """§5: "the server MAY also include a 'h' attribute"."""
    answers = {ResumptionRequested: lambda stream, event: stream.refuse_resumption(7)}
    talk = Conversation(answers=answers)
    talk.says(HEADER, PLAIN, HEADER)
    assert f'<failed {SM} h="7">' in talk.says("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>")


@pytest.mark.parametrize("attributes", ["", "previd='x'", "h='0'", "previd='' h='0'", "previd='x' h='-1'"])
def test_a_malformed_resume(attributes: str) -> None:
    talk = Conversation()
    talk.says(HEADER, PLAIN, HEADER)
    assert "<bad-request " in talk.says(f"<resume xmlns='urn:xmpp:sm:3' {attributes}/>")
    assert "balcony" in talk.says(BIND)


def test_a_resumption_that_acknowledges_too_much_leaves_the_session_alone() -> None:
    old = Conversation(PATIENT).manages()
    sends(old, 1)
    session = breaks(old)
    talk = resuming(session)
    assert stream_error("undefined-condition") in talk.says(resume(session, 2))
    assert talk.stream.jid is None
    assert talk.stream.management is None
    again = resuming(session)
    assert again.says(resume(session, 0)) == resumed(session, 0) + written(1) + REQUEST


def test_the_former_stream_is_closed_with_conflict_if_it_is_open() -> None:
    """§5: "the server SHOULD send a 'conflict' stream error and close that stream"."""
    old = Conversation(PATIENT).manages()
    sends(old, 1)
    session = old.stream.management
    assert session is not None
    old.stream.close("conflict")
    assert stream_error("conflict") in old.hears()
    old.stream.disconnected()
    assert old.of(StreamEnded) == [StreamEnded("conflict")]
    assert resuming(session).says(resume(session, 0)) == resumed(session, 0) + written(1) + REQUEST


@pytest.mark.parametrize("end", ["clean", "error", "not managed", "not resumable"])
def test_only_a_broken_stream_is_resumable(end: str) -> None:
    """§7: a cleanly closed stream ends the session."""
    talk = Conversation(PATIENT)
    if end == "not managed":
        talk.binds()
    elif end == "not resumable":
        talk.binds().says("<enable xmlns='urn:xmpp:sm:3'/>")
    else:
        talk.manages()
        talk.says(GOODBYE if end == "clean" else "<x xmlns='urn:x'/>")
    talk.stream.disconnected()
    talk.pump()
    assert [event.resumable for event in talk.of(StreamEnded)] == [False]


def test_the_stanzas_behind_a_resumption_are_received() -> None:
    session = breaks(Conversation(PATIENT).manages())
    talk = resuming(session)
    talk.says(resume(session, 0) + "<message/><presence/>" + R)
    assert [event.stanza.KIND for event in talk.of(StanzaReceived)] == ["message", "presence"]


def test_a_connection_breaks_once() -> None:
    talk = Conversation(PATIENT).manages()
    sends(talk, 1)
    breaks(talk)
    talk.stream.disconnected()
    talk.pump()
    assert len(talk.of(StreamEnded)) == 1
    assert unacknowledged(talk) == (1,)


def test_a_detached_session_is_bounded() -> None:
    session = management(limit=2)
    overflowed = []
    for number in (1, 2, 3):
        session.queue(message(number), number)
        overflowed.append(session.overflowed)
    assert overflowed == [False, False, True]
    assert session.unacknowledged == (1, 2, 3)
