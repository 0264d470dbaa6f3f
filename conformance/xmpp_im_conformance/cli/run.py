"""What ``xmpp-im-conformance run`` does."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import Progress

from xmpp_im_conformance.cli.known_file import recorded, renew, to_renew
from xmpp_im_conformance.drivers import driver_of
from xmpp_im_conformance.format.finding import Selection, find
from xmpp_im_conformance.format.worlds import Driver, NotApplicable, ServerFailed
from xmpp_im_conformance.reports.data import Tested
from xmpp_im_conformance.reports.files import write_files
from xmpp_im_conformance.reports.terminal import (
    print_not_applicable,
    print_not_run,
    print_remarks,
    print_sum,
    print_tables,
    print_uncovered,
)
from xmpp_im_conformance.reports.verdict import print_behaviours_sum, print_details, print_verdict
from xmpp_im_conformance.running.outcome import Outcome, all_findings
from xmpp_im_conformance.running.side_by_side import run_all
from xmpp_im_conformance.verdict.judging import Verdict

_SHOWN_IN_FULL: Final = 3
"""If at most so many vectors fail, everything about them is printed."""


def run_vectors(
    *,
    paths: tuple[Path, ...],
    sections: tuple[str, ...],
    ids: tuple[str, ...],
    levels: tuple[str, ...],
    driver: str,
    known: Path | None,
    write_known: Path | None,
    json: Path | None,
    junit: Path | None,
    html: Path | None,
    jobs: int,
    uncovered: bool,
    details: bool,
    quiet: bool,
    **options: Any,  # the options of the drivers
) -> int:
    """Run vectors, print and write what became of them, and return the exit status.

    :raises click.UsageError: if there are no such vectors, or the file of known deviations is not one.
    """
    deviations = recorded(known, paths)
    vectors = list(find(paths, Selection(sections, ids, levels)))
    if not vectors:
        raise click.UsageError("there are no such vectors")
    before = to_renew(write_known, deviations)
    console = Console()
    hidden = quiet or not console.is_terminal
    with closing(driver_of(driver, **options)) as tested:
        if jobs > 1 and not tested.side_by_side:
            raise click.UsageError(f"--jobs: the driver {driver!r} runs one vector at a time")
        if not _is_there(tested):
            return 2
        with Progress(console=console, transient=True, disable=hidden) as progress:
            task = progress.add_task("Running", total=len(vectors))
            results = run_all(vectors, tested, jobs, lambda: progress.advance(task))
        verdict = Verdict(results, deviations)
    about = Tested(driver, tested.about, tested.software, {**tested.remarks, **all_findings(verdict.results)})
    write_files(verdict, about, {"json": json, "junit": junit, "html": html})
    if write_known is not None:
        renew(write_known, before, verdict, paths)
    if details or len(verdict.new_failures) <= _SHOWN_IN_FULL:
        print_details(console, verdict)
    else:
        print_verdict(console, verdict)
    print_not_run(console, verdict.results)
    if not quiet or verdict.counts.keys() == {Outcome.NOT_APPLICABLE}:
        print_not_applicable(console, verdict.results)
    if not quiet:
        print_tables(console, verdict.results)
    print_remarks(console, about.remarks)
    print_behaviours_sum(console, verdict)
    print_sum(console, verdict)
    if uncovered:
        print_uncovered(console, verdict.results)
    return verdict.exit_status


def _is_there(tested: Driver) -> bool:
    """Say why nothing can be run on this system, if nothing can."""
    try:
        tested.preflight()
    except (ServerFailed, NotApplicable) as problem:
        click.echo(f"Nothing was run: {problem}", err=True)
        return False
    return True
