"""What a run tells people about the behaviours that differ: a few lines for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape

from xmpp_im_conformance.format.vectors import MalformedFile
from xmpp_im_conformance.reports.terminal import say
from xmpp_im_conformance.verdict.behaviours import Behaviour
from xmpp_im_conformance.verdict.judging import Verdict

_WIDTH: Final = 200
_LINES: Final = 2
_IDS: Final = 4
"""What is longer, or more, is cut: the reports have all of it."""


def print_verdict(console: Console, verdict: Verdict) -> None:
    """Print each new behaviour in a few lines, and what passes unexpectedly."""
    for number, each in enumerate(verdict.new, 1):
        say(console, f"{number}. {each.deviation.does}", style="bold red")
        for line in block(each):
            say(console, f"   {line}")
    _print_passes(console, verdict)


def print_details(console: Console, verdict: Verdict) -> None:
    """Print each new failure with all that is known about it, by behaviour, and what passes unexpectedly."""
    for each in verdict.new:
        for result in each.failures:
            console.rule(f"[red]FAILED[/red] {escape(result.vector.id)}", align="left")
            for text in (result.vector.file, result.vector.title, _cited(each), result.detail):
                if text:
                    say(console, text)
    _print_passes(console, verdict)


def block(each: Behaviour) -> Iterator[str]:
    """Yield what is said of a behaviour: the sentence, one example, and the vectors."""
    if cited := _cited(each):
        yield cited
    example = each.example
    yield f"for example {example.result.vector.id}: {example.result.vector.title or example.result.detail}"
    if example.expected or example.came:
        yield from _side("- ", example.expected)
        yield from _side("+ ", example.came)
    yield f"{_counted(len(each.failures), 'vector')}: {_listed([result.vector.id for result in each.failures])}"


def _cited(each: Behaviour) -> str:
    deviation, requirement = each.deviation, each.requirement
    section = f"RFC {deviation.section}" if deviation.section[:1].isdigit() else deviation.section
    if not each.is_known and requirement is not None:
        section = f"{section} ({requirement.level}, {requirement.id})"
    return ": ".join([text for text in (section, deviation.sentence) if text])


def _side(sign: str, lines: Sequence[str]) -> Iterator[str]:
    yield from [f"{sign}{_cut(line)}" for line in lines[:_LINES]]
    if len(lines) > _LINES:
        yield f"{sign}… {len(lines) - _LINES} more"
    if not lines:
        yield f"{sign}nothing"


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]} …"


def _listed(ids: Sequence[str]) -> str:
    more = len(ids) - _IDS
    return ", ".join(ids[:_IDS]) + (f" and {more} more" if more > 0 else "")


def _print_passes(console: Console, verdict: Verdict) -> None:
    for result in verdict.unexpected_passes:
        does = verdict.recorded[result.vector.id].does
        say(console, f"PASSED {result.vector.id}, which is known to fail: {does}", style="red")


def print_behaviours_sum(console: Console, verdict: Verdict) -> None:
    """Print how the vectors and the behaviours stand, in a line each."""
    new = [each for each in verdict.new if not isinstance(each.failures[0].vector, MalformedFile)]
    if new:
        unknown = "" if len(verdict.new) == len(verdict.behaviours) else "unknown "
        console.print(
            f"{_counted(len(new), f'{unknown}behaviour')} {'differs' if len(new) == 1 else 'differ'},"
            f" shown by {_counted(sum([len(each.failures) for each in new]), 'vector')}",
            style="bold red",
            highlight=False,
        )
    if verdict.known_failures:
        behaviours = len(verdict.behaviours) - len(verdict.new)
        say(
            console,
            f"{_counted(behaviours, 'known behaviour')}, shown by {_counted(len(verdict.known_failures), 'vector')}",
        )
    if verdict.unexpected_passes:
        say(console, f"{_counted(len(verdict.unexpected_passes), 'vector')} passed unexpectedly", style="bold red")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
