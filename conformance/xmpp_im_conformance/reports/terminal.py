"""What a run tells people, on a terminal or in a log, and what it tells programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xmpp_im_conformance.format.vectors import Side
from xmpp_im_conformance.reports.requirements import MatrixCell, Standing, matrix, standings
from xmpp_im_conformance.reports.sections import by_section
from xmpp_im_conformance.running.outcome import Outcome, Result

_TITLES = {Side.SERVER: "Server vectors by section of RFC 6121", Side.CLIENT: "Client vectors by section of RFC 6121"}


def as_data(results: Sequence[Result]) -> dict[str, object]:
    """Return the results as JSON-able data: a summary, and each vector with what became of it."""
    counts = Counter([result.outcome for result in results])
    return {
        "summary": {outcome.value: counts[outcome] for outcome in Outcome},
        "vectors": [
            {
                "id": result.vector.id,
                "file": result.vector.file,
                "outcome": result.outcome.value,
                "detail": result.detail,
            }
            for result in results
        ],
    }


def print_failures(console: Console, results: Sequence[Result]) -> None:
    """Print each vector that failed, with why."""
    for result in results:
        if result.outcome is Outcome.FAILED:
            console.rule(f"[red]FAILED[/red] {escape(result.vector.id)}", align="left")
            for text in (result.vector.file, result.vector.title, result.detail):
                if text:
                    _print(console, text)


def print_not_applicable(console: Console, results: Sequence[Result]) -> None:
    """Print why vectors are not applicable, and how many for each reason."""
    reasons = Counter([result.detail for result in results if result.outcome is Outcome.NOT_APPLICABLE])
    for reason, count in sorted(reasons.items()):
        _print(console, f"not applicable, {count}: {reason}")


def print_tables(console: Console, results: Sequence[Result]) -> None:
    """Print the tables by section, of servers and of clients, and that of requirements, as far as any is shown."""
    for side in Side:
        counts = by_section(results, side)
        if counts:
            console.print(_outcomes(_TITLES[side], counts))
    known = standings(results)
    if any(each.outcomes for each in known):
        console.print(_requirements(known))


def print_sum(console: Console, results: Sequence[Result]) -> None:
    """Print how many passed, failed and are not applicable."""
    total = Counter([result.outcome for result in results])
    console.print(
        f"{total[Outcome.PASSED]} passed, {total[Outcome.FAILED]} failed, "
        f"{total[Outcome.NOT_APPLICABLE]} not applicable",
        style="bold red" if total[Outcome.FAILED] else "bold green",
        highlight=False,
    )


def print_uncovered(console: Console, results: Sequence[Result]) -> None:
    """Print the testable requirements that no vector of this run shows."""
    for each in [standing.requirement for standing in standings(results) if not standing.outcomes]:
        _print(console, f"{each.id}  {each.level}  ({each.scope})  {each.summary}")


def _print(console: Console, text: str) -> None:
    """Print a text as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _outcomes(title: str, counts: dict[str, Counter[Outcome]]) -> Table:
    table = Table("section", title=title, title_justify="left")
    for heading in ("passed", "failed", "not applicable"):
        table.add_column(heading, justify="right")
    for section, counter in counts.items():
        table.add_row(section, *[_number(counter[outcome], outcome) for outcome in Outcome])
    total: Counter[Outcome] = sum(counts.values(), Counter())
    table.add_section()
    table.add_row("all", *[_number(total[outcome], outcome) for outcome in Outcome])
    return table


def _number(count: int, outcome: Outcome) -> str:
    if not count:
        return ""
    return f"[bold red]{count}[/]" if outcome is Outcome.FAILED else str(count)


def _requirements(known: Sequence[Standing]) -> Table:
    """Return the table of requirements; the sum includes those that no vector of the run shows."""
    table = Table("section", "level", title="Testable requirements of RFC 6121", title_justify="left")
    for heading in ("all", "covered", "passed", "failed"):
        table.add_column(heading, justify="right")
    for row in matrix(known):
        for level, cell in row.cells.items():
            if cell.covered:
                table.add_row(row.section, level, *_numbers(cell))
        table.add_section()
    table.add_row("all", "", *_numbers(MatrixCell(tuple(known))))
    return table


def _numbers(cell: MatrixCell) -> tuple[str, ...]:
    shown = [str(number) for number in (cell.all, cell.covered, cell.passed)]
    return (*shown, _number(cell.failed, Outcome.FAILED))
