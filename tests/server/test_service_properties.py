"""What holds of a service whatever happens to its accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import get_args

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
    ping,
    presence,
    resting,
    to,
)
from xmpp_im_core.host import ReadAccount
from xmpp_im_core.policy import Policy
from xmpp_im_core.server.effects import FanOut, Route
from xmpp_im_core.server.events import (
    AccountLoaded,
    AccountRemoved,
    Event,
    Inbound,
    SessionBound,
    StoreFailed,
    TimePassed,
)
from xmpp_im_core.server.service.events import Arrived, ServiceEvent, not_stored
from xmpp_im_core.server.service.serving import Handled, Served, Service, hosting, serve, unload
from xmpp_im_core.server.state import NoAccount, SessionId, State
from xmpp_im_core.stanza import Message, Stanza

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
    """Plays acts, each message with a different id, and keeps every event with what came of it."""

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
def test_every_event_of_an_account_has_its_own_number(
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
        # too early an hour to wake does no harm
        assert house.account(jid).waking(None) == account.waking(None).remembering(())


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


def test_a_held_event_that_failed_to_store_fails_separately() -> None:
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
