"""Which nodes an observer takes for dead."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_host.cluster.liveness import Observer, Pace
from xmpp_im_host.storage.records import Node

PACE = Pace(beat_seconds=0.5, dead_seconds=3.0)


@define
class Play:
    """An observer with the number 2, and other nodes whose beats the test counts."""

    observer: Observer = field(factory=lambda: Observer(2, PACE))
    now: float = 100.0
    beats: dict[int, int] = field(factory=lambda: {2: 0})

    def look(self, after: float = 0.5, took: float = 0.0, beating: Sequence[int] = ()) -> frozenset[int]:
        self.now += after
        for number in (2, *beating):
            self.beats[number] = self.beats.get(number, 0) + 1
        began, self.now = self.now, self.now + took
        return self.observer.look(began, self.now, [Node(number, "", count) for number, count in self.beats.items()])

    def looks(self, number: int, after: float = 0.5, beating: Sequence[int] = ()) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        for _ in range(number):
            found |= self.look(after, beating=beating)
        return found


def test_a_node_that_stops_beating_is_dead_after_its_time() -> None:
    play = Play()
    play.looks(4, beating=[5])
    assert play.looks(5) == frozenset()
    assert play.look() == {5}


def test_a_node_that_beats_lives() -> None:
    play = Play()
    assert play.looks(100, beating=[1, 5]) == frozenset()


def test_a_node_that_has_never_beaten_is_dead_as_well() -> None:
    """It has died between its joining and its first beat."""
    play = Play(beats={2: 0, 5: 0})
    assert play.looks(6) == frozenset()
    assert play.look() == {5}


def test_nobody_declares_itself_dead() -> None:
    observer = Observer(2, PACE)
    for now in range(100):
        assert observer.look(now / 2, now / 2, [Node(2, "", 7)]) == frozenset()


def test_after_an_outage_of_the_database_everything_begins_anew() -> None:
    """No node can beat in it. Afterwards each has the whole time to beat again."""
    play = Play()
    play.looks(4, beating=[5])
    assert play.look(after=60.0) == frozenset()
    assert play.looks(5) == frozenset()
    assert play.look() == {5}


def test_after_a_stop_of_the_observer_everything_begins_anew() -> None:
    play = Play()
    play.looks(4, beating=[5])
    play.looks(5)
    assert play.look(after=1.01) == frozenset()
    assert play.looks(5) == frozenset()
    assert play.look() == {5}


def test_looks_that_are_slow_but_regular_count() -> None:
    play = Play()
    play.looks(4, after=1.0, beating=[5])
    assert play.looks(2, after=1.0) == frozenset()
    assert play.look(after=1.0) == {5}


def test_the_time_of_asking_does_not_count() -> None:
    """The database may have counted before the answer came, or after the question was sent."""
    play = Play()
    play.look(took=0.9, beating=[5])
    for _ in range(3):
        assert play.look(after=0.0, took=0.9) == frozenset()
    assert play.look(after=0.3) == {5}


def test_the_living_node_with_the_lowest_number_ends_the_dead() -> None:
    play = Play()
    play.look(beating=[1, 5])
    assert play.looks(11, beating=[1]) == frozenset()
    assert play.look(beating=[1]) == {5}, "node 1 has had its time"


def test_a_dead_node_with_a_lower_number_does_not_keep_the_others_waiting() -> None:
    play = Play()
    play.look(beating=[1, 5])
    assert play.looks(5) == frozenset()
    assert play.look() == {1, 5}


def test_a_node_that_has_gone_is_forgotten() -> None:
    play = Play()
    play.looks(6, beating=[5])
    del play.beats[5]
    assert play.looks(10) == frozenset()


@given(st.lists(st.tuples(st.floats(0, 4), st.floats(0, 2), st.sets(st.sampled_from([1, 3, 4]))), max_size=60))
def test_a_dead_node_was_silent_in_the_database_for_its_time(looks: list[tuple[float, float, set[int]]]) -> None:
    """Its count has not changed for ``dead_seconds``, and the observer has looked in each of their thirds."""
    play, counted, looked = Play(beats={2: 0, 1: 0, 3: 0, 4: 0}), {1: 0.0, 3: 0.0, 4: 0.0}, list[float]()
    for after, took, beating in looks:
        dead = play.look(after, took, sorted(beating))
        began = play.now - took
        counted |= dict.fromkeys(beating, began)
        looked.append(play.now)
        for number in dead:
            assert began - counted[number] >= PACE.dead_seconds
            within = [each for each in looked if each >= began - PACE.dead_seconds]
            assert len(within) >= 3, "it has looked so often in that time"


def test_a_node_is_sure_of_itself_for_a_shorter_time_than_others_wait() -> None:
    assert PACE.fresh_seconds < PACE.dead_seconds
    assert PACE.gap_seconds == 1.0
