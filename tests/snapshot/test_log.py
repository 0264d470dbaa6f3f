"""The event log, and what it is for: a snapshot and the events after it give the same history again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.snapshot.test_round_trip import NOON, juliet
from xmpp_im_core.extensions import carbons
from xmpp_im_core.policy import DEFAULT
from xmpp_im_core.server.accounts.machine import PLAIN
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import Step
from xmpp_im_core.server.events import Event, SessionBound, SessionEnded, TimePassed
from xmpp_im_core.server.state import NoAccount, SessionId, State
from xmpp_im_core.snapshot import (
    SnapshotError,
    dump,
    from_text,
    load_state,
    read_log,
    replay,
    replayed,
    to_text,
    write_log,
)
from xmpp_im_core.testing.event_strategies import histories
from xmpp_im_core.testing.state_strategies import JULIET

BOUND = SessionBound(NOON, "e1", SessionId("chamber", 1))
ENDED = SessionEnded(NOON, "e2", SessionId("chamber", 1))


def test_the_log_has_a_line_for_each_event() -> None:
    lines = list(write_log([BOUND, ENDED]))

    assert lines == [
        '{"format":1,"class":"server.SessionBound","at":"2026-07-12T12:00:00+00:00","seq":"e1",'
        '"session":["chamber",1]}\n',
        '{"format":1,"class":"server.SessionEnded","at":"2026-07-12T12:00:00+00:00","seq":"e2",'
        '"session":["chamber",1]}\n',
    ]
    assert list(read_log(lines)) == [BOUND, ENDED]


def test_empty_lines_are_skipped() -> None:
    assert list(read_log(["\n", *write_log([BOUND]), "  \n"])) == [BOUND]


def test_a_line_that_was_cut_off_is_refused_by_its_number() -> None:
    lines = list(write_log([BOUND, ENDED]))

    with pytest.raises(SnapshotError, match=r"^line 2: \$: is not JSON"):
        list(read_log([lines[0], lines[1][:40]]))


def test_a_line_that_is_no_event_is_refused_by_its_number() -> None:
    with pytest.raises(SnapshotError, match=r"^line 2: \$: Account is not an event of an account"):
        list(read_log([*write_log([BOUND]), to_text(juliet())]))


@given(histories())
def test_the_replay_of_a_log_from_a_snapshot_equals_what_happened(history: tuple[State, tuple[Event, ...]]) -> None:
    state, events = history
    live: list[Step] = []
    for event in events:
        live.append(reduce(live[-1].state if live else state, event))

    start = load_state(dump(state))
    log = list(write_log(events))

    assert replay(start, read_log(log)) == tuple(live)
    assert replayed(start, read_log(log)) == (live[-1].state if live else state)


@given(histories(), st.data())
def test_a_snapshot_taken_in_between_leads_to_the_same_end(
    history: tuple[State, tuple[Event, ...]], data: st.DataObject
) -> None:
    state, events = history
    cut = data.draw(st.integers(0, len(events)))

    half = from_text(to_text(replayed(state, events[:cut])))

    assert replayed(load_state(dump(half)), events[cut:]) == replayed(state, events)


def test_a_machine_with_extensions_is_replayed_with_them() -> None:
    machine = carbons(PLAIN)
    start = machine.start(JULIET)

    (step,) = replay(start, [TimePassed(NOON, "1")], DEFAULT, machine.reduce)

    assert step == machine.reduce(start, TimePassed(NOON, "1"), DEFAULT)
    assert replayed(start, [TimePassed(NOON, "1")], DEFAULT, machine.reduce) == step.state
    assert step.state.inner == NoAccount(JULIET)
