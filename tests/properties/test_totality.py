"""Every event gets an answer in every state; the same arguments always give the same result."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Final, get_args

from hypothesis import HealthCheck, given, settings

from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import Deliver, Effect, EndSession, FanOut, LoadOffline, Put, Route, Step
from xmpp_im_core.server.events import (
    Event,
    Inbound,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionEnded,
    StoreFailed,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.server.state import Account, NoAccount, SessionId, State
from xmpp_im_core.snapshot import dump, from_text, load_state, read_log, replay, to_text, write_log
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.testing.event_strategies import MAKERS, histories, steps

Case = tuple[State, Event]
History = tuple[State, tuple[Event, ...]]


def values_of(step: Step) -> Iterator[object]:
    yield from (step.state, *step.effects, *step.store, *step.forget)


# --- an answer, always ------------------------------------------------------------------------------------


def test_every_class_of_event_is_drawn() -> None:
    assert set(MAKERS) == set(get_args(Event))


@given(steps())
def test_no_event_raises_in_any_state_and_every_step_has_a_rule(case: Case) -> None:
    state, event = case

    step = reduce(state, event)

    assert step.effects
    assert all(effect.rule.name and effect.rule.says for effect in step.effects)
    assert all(effect.rule.requirements or effect.rule.sources for effect in step.effects)


@given(steps())
def test_nothing_is_delivered_to_no_session_and_nothing_sent_to_nobody(case: Case) -> None:
    for effect in reduce(*case).effects:
        assert not isinstance(effect, Deliver) or effect.sessions
        assert not isinstance(effect, FanOut) or effect.recipients


@given(histories())
def test_no_history_leads_to_a_state_in_which_an_event_raises(history: History) -> None:
    state, events = history

    steps_taken = replay(state, events)

    assert [bool(step.effects) for step in steps_taken] == [True] * len(events)


@given(histories())
def test_no_history_leads_to_a_state_that_could_not_be_loaded(history: History) -> None:
    """A loader refuses unsorted tuples, requests in the wrong states, sessions of others, and all that."""
    for step in replay(*history):
        assert from_text(to_text(step.state)) == step.state


@given(steps())
def test_all_that_a_step_returns_is_of_the_type_that_it_should_have(case: Case) -> None:
    for value in values_of(reduce(*case)):
        assert from_text(to_text(value)) == value  # which reads strictly, field by field


# --- the same again ---------------------------------------------------------------------------------------


@given(steps())
def test_the_state_before_stays_as_it_was(case: Case) -> None:
    state, event = case
    kept, number = copy.deepcopy(state), hash(state)

    reduce(state, event)

    assert state == kept
    assert hash(state) == number == hash(kept)


@given(steps())
def test_the_same_arguments_give_the_same_result(case: Case) -> None:
    state, event = case

    assert reduce(state, event) == reduce(copy.deepcopy(state), copy.deepcopy(event))


REPLAYING: Final = """
import sys
from xmpp_im_core.snapshot import from_text, read_log, replay, to_text
for block in sys.stdin.read().split("\\n\\n"):
    state, *log = block.splitlines()
    for step in replay(from_text(state), read_log(log)):
        for value in (step.state, *step.effects, *step.store, *step.forget):
            print(to_text(value))
"""


def test_another_process_with_another_hash_seed_gives_the_same_result() -> None:
    blocks: list[str] = []
    expected: list[str] = []

    @settings(database=None, suppress_health_check=list(HealthCheck))
    @given(histories())
    def collect(history: History) -> None:
        state, events = history
        blocks.append("\n".join([to_text(state), *map(str.rstrip, write_log(events))]))
        expected.extend([to_text(value) for step in replay(state, events) for value in values_of(step)])

    collect()

    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", REPLAYING],
            input="\n\n".join(blocks),
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
        assert done.stdout.splitlines() == expected


@given(histories())
def test_replay_from_a_snapshot_and_a_log_equals_what_happened(history: History) -> None:
    state, events = history

    again = replay(load_state(dump(state)), read_log(write_log(events)))

    assert again == replay(state, events)


# --- where it goes ----------------------------------------------------------------------------------------


def ids_of(state: State) -> set[SessionId]:
    return set() if isinstance(state, NoAccount) else {session.id for session in state.sessions}


def session_of(event: Event) -> set[SessionId]:
    if isinstance(event, StoreFailed):
        return session_of(event.event)
    return {event.session} if isinstance(event, SessionBound) else set()


@given(steps())
def test_every_session_that_an_effect_names_is_there_before_or_after_the_step(case: Case) -> None:
    state, event = case
    step = reduce(state, event)
    there = ids_of(state) | ids_of(step.state)

    for effect in step.effects:
        if isinstance(effect, Deliver):
            assert effect.sessions
            assert set(effect.sessions) <= there
            assert list(effect.sessions) == sorted(set(effect.sessions))
        elif isinstance(effect, LoadOffline):
            assert effect.session in ids_of(step.state)
        elif isinstance(effect, EndSession):  # a session that could not be bound is closed too
            assert effect.session in there | session_of(event)


@given(steps())
def test_every_stanza_that_is_sent_has_a_recipient(case: Case) -> None:
    for effect in reduce(*case).effects:
        if isinstance(effect, Route):
            assert effect.stanza.to is not None
        elif isinstance(effect, FanOut):
            assert effect.recipients
            assert len(effect.recipients) == len(set(effect.recipients))


def stanza_of(effect: Effect) -> Stanza | None:
    return effect.stanza if isinstance(effect, Deliver | Route | FanOut) else None


def stanzas_of(event: Event) -> Iterator[Stanza]:
    if isinstance(event, Inbound | Outbound):
        yield event.stanza
    elif isinstance(event, SessionEnded):
        yield from [effect.stanza for effect in event.undelivered]
    elif isinstance(event, Undelivered | Unroutable):
        yield event.effect.stanza
    elif isinstance(event, OfflineLoaded):
        yield from [message for _, message in event.messages]
    elif isinstance(event, StoreFailed):
        yield from stanzas_of(event.event)


def ids_known(state: State, event: Event) -> set[str | None]:
    """The ids of the event's stanzas, and of the presence and requests that the account keeps."""
    known: set[str | None] = {stanza.id or "" for stanza in stanzas_of(event)}  # an error is due to an IQ without id
    if isinstance(state, Account):
        known |= {presence.id for presence in state.presences()}
        known |= {c.request.id for c in state.roster.contacts.values() if c.request is not None}
        known |= {state.last_unavailable.presence.id} if state.last_unavailable is not None else set()
    return known


def seqs_of(event: Event) -> tuple[str, ...]:
    return (event.seq, *seqs_of(event.event)) if isinstance(event, StoreFailed) else (event.seq,)


@given(steps())
def test_the_ids_of_what_the_server_makes_begin_with_the_number_of_the_event(case: Case) -> None:
    state, event = case
    known = ids_known(state, event)

    for effect in reduce(state, event).effects:
        stanza = stanza_of(effect)
        if stanza is not None and stanza.id is not None and stanza.id not in known:
            assert stanza.id.startswith(seqs_of(event))


@given(histories())
def test_no_id_of_a_push_is_given_twice(history: History) -> None:
    state, events = history
    pushed = [
        effect.stanza.id
        for step in replay(state, events)
        for effect in step.effects
        if isinstance(effect, Deliver) and effect.stanza.type == "set" and effect.stanza.from_ is None
    ]

    assert len(pushed) == len(set(pushed))


@given(histories())
def test_what_one_step_stores_it_stores_once(history: History) -> None:
    for step in replay(*history):
        keys = [(put.kind, put.key) for put in step.store if isinstance(put, Put)]
        assert len(keys) == len(set(keys))
