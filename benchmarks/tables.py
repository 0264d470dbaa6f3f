"""The table of a run, for a terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from benchmarks.figures import BYTES, FASTEST_PEER, FLOOR, SMALLEST, TIME, E, Figures, Line

HEADS = ("line", "takes", "ratio", "goal", "met", "compared with")

_UNITS = {
    FLOOR: "floors",
    E: "E",
    SMALLEST: "times the smallest",
    FASTEST_PEER: "times the fastest peer",
    BYTES: "",
    TIME: "",
}


def cells(line: Line) -> tuple[str, ...]:
    """Return the cells of a line, in the order of ``HEADS``."""
    unit = _UNITS[line.yardstick]
    beside = ", ".join([f"{name} {number(value)}" for name, value in line.others.items()])
    takes = f"{line.took:,.0f} B" if line.yardstick == BYTES else time(line.took)
    ratio = f"{number(line.figure)} {unit}" if unit else ""
    goal = "" if line.goal is None else f"≤ {number(line.goal)}"
    met = {None: "", True: "yes", False: "no"}[line.met]
    return line.name, takes, ratio, goal, met, beside


def number(value: float) -> str:
    """Write a figure with two or three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value < 1 else f"{value:.3g}"


def time(microseconds: float) -> str:
    """Write a time in a suitable unit."""
    for limit, divisor, unit in ((1_000, 1, "µs"), (1_000_000, 1_000, "ms")):
        if microseconds < limit:
            return f"{microseconds / divisor:.3g} {unit}"
    return f"{microseconds / 1_000_000:.3g} s"


def by_group(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Return the lines of each group, in their order."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.group, []).append(line)
    return groups


def circumstances(figures: Figures) -> str:
    """Return one paragraph about the circumstances of the figures."""
    versions = ", ".join([f"{name} {version}" for name, version in figures.versions.items()])
    text = f"{figures.python} on {figures.machine}, {figures.made}; {versions}. One E took {figures.e:.2f} µs."
    text += f" {figures.rounds} rounds."
    absent = ", ".join([f"{name} ({reason})" for name, reason in figures.absent.items()])
    return f"{text} Absent: {absent}." if absent else text


def missed(figures: Figures) -> list[Line]:
    """Return the lines whose goal is not met."""
    return [line for line in figures.lines if line.met is False]


def summary(figures: Figures) -> str:
    """Return a sentence with the number of goals that are met."""
    goals = sum([line.goal is not None for line in figures.lines])
    return f"{goals - len(missed(figures))} of {goals} goals are met."


def for_terminal(figures: Figures) -> Table:
    """Return the table that the command prints."""
    table = Table(title="benchmarks", caption=f"{circumstances(figures)} {summary(figures)}")
    for head in HEADS:
        table.add_column(head, justify="right" if head in ("takes", "ratio", "goal") else "left")
    for group, lines in by_group(figures.lines).items():
        table.add_section()
        table.add_row(group, style="bold")
        for line in lines:
            table.add_row(*cells(line), style="red" if line.met is False else None)
    return table
