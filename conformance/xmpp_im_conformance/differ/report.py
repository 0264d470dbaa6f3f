"""What a search tells people."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

from xmpp_im_conformance.differ.searching import Report
from xmpp_im_conformance.differ.shrinking import Trace
from xmpp_im_conformance.differ.writing import assumed, shown, told, told_before


def print_report(console: Console, report: Report) -> None:
    """Print all that was found, and the sum."""
    print_found(console, report)
    print_crashes(console, report)
    print_table(console, report)
    print_failed(console, report)


def print_found(console: Console, report: Report) -> None:
    """Print each difference: what is done, what the core does then (-), and what the server did (+)."""
    for number, found in enumerate(report.found, 1):
        console.rule(f"[red]DIFFERENCE[/red] {number}", align="left")
        _acts(console, found.acts)
        for line in (*assumed(found), *told_before(found)):
            _line(console, line)
        for line in shown(found):
            _line(console, line, {"-": "red", "+": "green"}.get(line.strip()[0]))


def print_crashes(console: Console, report: Report) -> None:
    """Print each exception of the core, and what is done before it."""
    for number, crash in enumerate(report.crashes, 1):
        console.rule(f"[red]CRASH[/red] {number} of xmpp_im_core", align="left")
        _acts(console, crash.acts)
        _line(console, crash.why, "red")


def print_table(console: Console, report: Report) -> None:
    """Print the numbers, and which choices explain what the server did differently from the core's default."""
    table = Table("", "traces", title="The server and xmpp_im_core", title_justify="left")
    table.columns[1].justify = "right"
    rows = {
        "agreed": report.agreed,
        "explained": report.explained,
        "differing": report.differing,
        "different when played again": report.unsteady,
        **({"crashing xmpp_im_core": report.crashing} if report.crashing else {}),
    }
    for name, number in rows.items():
        table.add_row(name, str(number), style="bold red" if name in _BAD and number else None)
    table.add_section()
    table.add_row("all", f"{report.traces}, in {report.steps} steps")
    console.print(table)
    for choice, number in report.choices.most_common():
        _line(console, f"explained, {number}: the server {choice.says} ({choice.section})")
    if not report.in_time:
        _line(console, "The time was over before all traces were played.", "yellow")


def print_failed(console: Console, report: Report) -> None:
    """Print what made it impossible to test the server any further, if something did."""
    if report.failed is not None:
        trace, why = report.failed
        _line(console, f"The server could not be tested any further: {why}\nThis was being done:", "red")
        _acts(console, trace)


_BAD: Final = ("differing", "crashing xmpp_im_core")


def _acts(console: Console, acts: Trace) -> None:
    for place, act in enumerate(acts, 1):
        _line(console, f"{place}. {told(act)}")


def _line(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
