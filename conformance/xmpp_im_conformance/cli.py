"""The command ``xmpp-im-conformance``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from xmpp_im_conformance.differ.command import differ
from xmpp_im_conformance.drivers import NAMES, playing
from xmpp_im_conformance.files import Tested, file_options, write_files
from xmpp_im_conformance.finding import find, wanted
from xmpp_im_conformance.live.options import live_options
from xmpp_im_conformance.outcome import Outcome, Result
from xmpp_im_conformance.report import (
    print_failures,
    print_not_applicable,
    print_sum,
    print_tables,
    print_uncovered,
)
from xmpp_im_conformance.running import run as run_vector
from xmpp_im_conformance.stdio.options import stdio_options


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xmpp-im-conformance")
def main() -> None:
    """Replay the conformance vectors of RFC 6121 against an implementation, or compare one with xmpp_im_core."""


main.add_command(differ)


@main.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--section", "sections", multiple=True, help="Only vectors about this section of RFC 6121, or below it.")
@click.option("--id", "ids", multiple=True, help="Only vectors with this id; * and ? stand for what they usually do.")
@click.option("--driver", type=click.Choice(NAMES), default="embedded", show_default=True)
@file_options
@click.option("--uncovered", is_flag=True, help="List the testable requirements that no vector shows.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the failures and the sum.")
@stdio_options
@live_options
@click.pass_context
def run(
    context: click.Context,
    /,
    paths: tuple[Path, ...],
    sections: tuple[str, ...],
    ids: tuple[str, ...],
    driver: str,
    json: Path | None,
    junit: Path | None,
    html: Path | None,
    uncovered: bool,
    quiet: bool,
    timeout: float | None,
    command: str | None,
    restarts: int | None,
    **live: Any,  # the options of the live driver
) -> None:
    """Run vectors: those of the files and folders at PATH, or else those of this package.

    Exits with 0 where none failed, with 1 where one did or is malformed, with 2 where there are none, or
    none was applicable.
    """
    vectors = [vector for vector in find(paths) if wanted(vector, sections, ids)]
    if not vectors:
        raise click.UsageError("there are no such vectors")
    console = Console()
    shown = track(vectors, "Running", console=console, transient=True, disable=quiet or not console.is_terminal)
    with playing(driver, timeout, {"command": command, "restarts": restarts}, live) as drivers:
        results = [run_vector(vector, drivers.server, drivers.client) for vector in shown]
    write_files(results, Tested(driver, drivers.about()), {"json": json, "junit": junit, "html": html})
    print_failures(console, results)
    if not quiet:
        print_not_applicable(console, results)
        print_tables(console, results)
    print_sum(console, results)
    if uncovered:
        print_uncovered(console, results)
    context.exit(exit_status(results))


def exit_status(results: Sequence[Result]) -> int:
    """Return the status to exit with: a run in which nothing was applicable has shown nothing."""
    outcomes = {result.outcome for result in results}
    if Outcome.FAILED in outcomes:
        return 1
    return 0 if Outcome.PASSED in outcomes else 2
