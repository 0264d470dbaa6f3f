"""What ``xmpp-im-conformance run`` does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from xmpp_im_conformance.drivers import driver_of
from xmpp_im_conformance.format.finding import find, wanted
from xmpp_im_conformance.reports.files import Tested, write_files
from xmpp_im_conformance.reports.terminal import (
    print_failures,
    print_not_applicable,
    print_sum,
    print_tables,
    print_uncovered,
)
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run_vector


def run_vectors(
    *,
    paths: tuple[Path, ...],
    sections: tuple[str, ...],
    ids: tuple[str, ...],
    driver: str,
    json: Path | None,
    junit: Path | None,
    html: Path | None,
    uncovered: bool,
    quiet: bool,
    **options: Any,  # the options of the drivers
) -> int:
    """Run vectors, print and write what became of them, and return the exit status.

    :raises click.UsageError: if there are no such vectors.
    """
    vectors = [vector for vector in find(paths) if wanted(vector, sections, ids)]
    if not vectors:
        raise click.UsageError("there are no such vectors")
    console = Console()
    shown = track(vectors, "Running", console=console, transient=True, disable=quiet or not console.is_terminal)
    with closing(driver_of(driver, **options)) as tested:
        results = [run_vector(vector, tested) for vector in shown]
    write_files(results, Tested(driver, tested.about), {"json": json, "junit": junit, "html": html})
    print_failures(console, results)
    if not quiet:
        print_not_applicable(console, results)
        print_tables(console, results)
    print_sum(console, results)
    if uncovered:
        print_uncovered(console, results)
    return exit_status(results)


def exit_status(results: Sequence[Result]) -> int:
    """Return the exit status: a run in which nothing was applicable has shown nothing."""
    outcomes = {result.outcome for result in results}
    if Outcome.FAILED in outcomes:
        return 1
    return 0 if Outcome.PASSED in outcomes else 2
