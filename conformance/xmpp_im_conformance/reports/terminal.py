"""What a run tells people, on a terminal or in a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from xmpp_im_conformance.format.vectors import Side
from xmpp_im_conformance.reports.requirements import MatrixCell, Standing, matrix, standings
from xmpp_im_conformance.reports.sections import by_section
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.judging import Verdict

_TITLES = {Side.SERVER: "Server vectors by section of RFC 6121", Side.CLIENT: "Client vectors by section of RFC 6121"}


def print_not_run(console: Console, results: Sequence[Result]) -> None:
    """Print why vectors were not run, and how many."""
    reasons = Counter([result.detail for result in results if result.outcome is Outcome.NOT_RUN])
    for reason, count in sorted(reasons.items()):
        say(console, f"not run, {count}: {reason}")


def print_not_applicable(console: Console, results: Sequence[Result]) -> None:
    """Print why vectors are not applicable, and how many for each reason."""
    reasons = Counter([result.detail for result in results if result.outcome is Outcome.NOT_APPLICABLE])
    for reason, count in sorted(reasons.items()):
        say(console, f"not applicable, {count}: {reason}")


def print_remarks(console: Console, remarks: Mapping[str, int]) -> None:
    """Print what the system under test does otherwise and is read all the same, and how often."""
    for remark, count in sorted(remarks.items()):
        say(console, f"note: {remark}: {count} {'time' if count == 1 else 'times'}")


def print_tables(console: Console, results: Sequence[Result]) -> None:
    """Print the tables by section, of servers and of clients, and that of requirements, as far as any is shown."""
    for side in Side:
        counts = by_section(results, side)
        if counts:
            console.print(_outcomes(_TITLES[side], counts))
    known = standings(results)
    if any(each.outcomes for each in known):
        console.print(_requirements(known))


def print_sum(console: Console, verdict: Verdict) -> None:
    """Print how many passed, failed and are not applicable, and how many were not run, if any."""
    total = verdict.counts
    not_run = f", {total[Outcome.NOT_RUN]} not run" if total[Outcome.NOT_RUN] else ""
    known = f" ({len(verdict.known_failures)} known)" if verdict.known_failures else ""
    console.print(
        f"{total[Outcome.PASSED]} passed, {total[Outcome.FAILED]} failed{known}, "
        f"{total[Outcome.NOT_APPLICABLE]} not applicable{not_run}",
        style="bold red" if verdict.exit_status else "bold green",
        highlight=False,
    )


def print_uncovered(console: Console, results: Sequence[Result]) -> None:
    """Print the testable requirements that no vector of this run shows."""
    for each in [standing.requirement for standing in standings(results) if not standing.outcomes]:
        say(console, f"{each.id}  {each.level}  ({each.scope})  {each.summary}")


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print a text as it is."""
    console.print(text, emoji=False, markup=False, highlight=False, soft_wrap=True, style=style)


def _outcomes(title: str, counts: dict[str, Counter[Outcome]]) -> Table:
    table = Table("section", title=title, title_justify="left")
    total: Counter[Outcome] = sum(counts.values(), Counter())
    shown = [outcome for outcome in Outcome if outcome is not Outcome.NOT_RUN or total[outcome]]
    for outcome in shown:
        table.add_column(outcome.value.replace("_", " "), justify="right")
    for section, counter in counts.items():
        table.add_row(section, *[_number(counter[outcome], outcome) for outcome in shown])
    table.add_section()
    table.add_row("all", *[_number(total[outcome], outcome) for outcome in shown])
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
