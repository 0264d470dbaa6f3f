"""The figures of a run: their file, the table, and the documentation that is made from the file."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import BYTES, FLOOR, SMALLEST, Line, figures, read, write
from benchmarks.racing import Statement, race
from benchmarks.tables import by_group, cells, circumstances, number, summary, time
from docs.generate import ROOT, with_part
from docs.generating import speed
from tests.one_test import in_one_test

MET = Line("steps", "chat in", 1.5, FLOOR, 1.9, 2)
MISSED = Line("steps", "roster set", 33.456789, FLOOR, 3.5, 2)
INFORMS = Line("memory", "session", 458, BYTES, 458)
GROWN = Line("growth", "chat in: 10,000 items", 3.1, SMALLEST, 1.01, 1.5, {"100 items": 0.98, "1,000 items": 1})


def test_a_goal_is_met_up_to_its_value() -> None:
    assert [MET.met, MISSED.met, INFORMS.met] == [True, False, None]
    assert Line("steps", "chat in", 1.5, FLOOR, 2, 2).met is True


def test_a_line_shows_its_goal_and_whether_it_is_met() -> None:
    assert cells(MET) == ("chat in", "1.5 µs", "1.9 floors", "≤ 2", "yes", "")
    assert cells(MISSED) == ("roster set", "33.5 µs", "3.5 floors", "≤ 2", "no", "")
    assert cells(INFORMS) == ("session", "458 B", "", "", "", "")
    assert cells(GROWN)[2:] == ("1.01 times the smallest", "≤ 1.5", "yes", "100 items 0.98, 1,000 items 1")


@in_one_test(("value", "written"), [(0.086, "0.086"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1,234")])
def test_a_figure_is_written_with_few_digits(value: float, written: str) -> None:
    assert number(value) == written


@in_one_test(
    ("microseconds", "written"), [(0.336, "0.336 µs"), (33.46, "33.5 µs"), (1500, "1.5 ms"), (2_500_000, "2.5 s")]
)
def test_a_time_is_written_in_the_unit_that_suits_it(microseconds: float, written: str) -> None:
    assert time(microseconds) == written


def test_the_file_of_a_run_gives_the_run_again(tmp_path: Path) -> None:
    run = figures([MET, MISSED, INFORMS, GROWN], 5, 4.1, {"nbxmpp": "No module named 'nbxmpp'"})

    write(run, tmp_path / "figures.json")

    kept = read(tmp_path / "figures.json")
    assert (kept.python, kept.machine, kept.versions, kept.rounds) == (run.python, run.machine, run.versions, 5)
    assert kept.lines[1].took == 33.46  # four digits say enough
    assert (kept.lines[0], kept.lines[2:]) == (MET, (INFORMS, GROWN))
    assert summary(kept) == "2 of 3 goals are met."


def test_what_the_figures_depend_on_is_said() -> None:
    run = figures([MET], 5, 4.1, {"nbxmpp": "No module named 'nbxmpp'"})

    text = circumstances(run)

    assert all(part in text for part in (run.python, run.machine, run.made, "attrs ", "One E took 4.10 µs", "5 rounds"))
    assert text.endswith("Absent: nbxmpp (No module named 'nbxmpp').")


def test_the_tables_of_the_documentation_are_those_of_the_file() -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")

    assert with_part(page, "figures", speed.measured()) == page, "python -m docs.generate makes them anew"


def test_every_line_of_the_file_stands_in_the_documentation() -> None:
    shown = speed.measured().splitlines()

    for group, lines in by_group(read(speed.FIGURES).lines).items():
        assert any(row.startswith(f"| {group} |") for row in shown)
        for line in lines:
            assert any(row.startswith(f"| {line.name} | {time(line.took)}"[:20]) for row in shown)


def test_a_race_gives_the_time_of_one_run_of_each_variant() -> None:
    calls = []

    took = race({"code": Statement("len(x)", {"x": "abc"}), "call": lambda: calls.append(1)}, 2)

    assert set(took) == {"code", "call"}
    assert len(calls) > 2
    assert all(0 < each < 1000 for each in took.values())


def test_growth_is_measured_by_the_smallest() -> None:
    bench = Bench(2)

    bench.growth("growth", "sum", {f"{size}": lambda size=size: sum(range(size)) for size in (10, 1_000, 100_000)})  # type: ignore[misc]

    (line,) = bench.lines
    assert line.name == "sum: 100000"
    assert 1 < line.others["1000"] < line.figure
    assert line.met is False


def test_without_peers_a_clients_work_has_no_goal() -> None:
    bench = Bench(2)

    bench.beside_peers("client", "message in", {"ours": 40}, goal=0.5)
    bench.beside_peers("client", "message in", {"ours": 40, "one": 100, "other": 50}, goal=0.5)

    alone, beside = bench.lines
    assert (alone.took, alone.met, alone.others) == (40, None, {})
    assert (beside.figure, beside.met, beside.others) == (0.8, False, {"one": 2.5, "other": 1.25})
