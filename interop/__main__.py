"""``python -m interop``: start the servers, run all vectors, print the matrix, and check the recorded deviations."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import click
from rich.console import Console

from interop.deviations import read_deviations, renew, unexpected
from interop.document import DOCUMENT, document
from interop.matrix import matrix
from interop.results import write_page, write_results
from interop.runs import Run, run_all
from interop.servers import SERVERS, NotAvailable
from xmpp_im_conformance.format.finding import find, wanted
from xmpp_im_conformance.format.vectors import Side
from xmpp_im_conformance.reports.data import Tested
from xmpp_im_conformance.reports.terminal import say
from xmpp_im_conformance.running.outcome import Outcome, Result, all_findings
from xmpp_im_conformance.verdict.known import Deviation

_FOLDER: Final = click.Path(file_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--server", "names", multiple=True, type=click.Choice([*SERVERS]), help="Only this server.")
@click.option("--id", "ids", multiple=True, help="Only vectors with this id; * and ? are wildcards.")
@click.option("--jobs", type=click.IntRange(1), default=4, show_default=True, help="How many run side by side on each.")
@click.option("--details", type=_FOLDER, help="Write the reasons of failures here.")
@click.option("--results", type=_FOLDER, help="Write the results here, and the compliance page of all that are here.")
@click.option("--write-known", is_flag=True, help="Renew the deviations.toml of each of these servers.")
@click.option("--write", is_flag=True, help="Write docs/deviations.md, and do nothing else.")
@click.pass_context
def main(
    context: click.Context,
    /,
    names: tuple[str, ...],
    ids: tuple[str, ...],
    jobs: int,
    details: Path | None,
    results: Path | None,
    write_known: bool,
    write: bool,
) -> None:
    """Run the vectors against the core and each server of interop/servers.

    The exit status is 1 if a vector fails that the deviations.toml of the server does not record, if a recorded vector
    passes, or if docs/deviations.md is not up to date.
    """
    recorded = read_deviations()
    if write:
        DOCUMENT.write_text(document(recorded), encoding="utf-8")
        return
    vectors = [vector for vector in find(()) if vector.side is Side.SERVER and wanted(vector, (), ids)]
    try:
        runs = run_all(vectors, names or tuple(SERVERS), jobs)
    except NotAvailable as reason:
        raise click.ClickException(str(reason)) from reason
    console = Console()
    found = {server: run.results for server, run in runs.items()}
    console.print(matrix(found))
    for server, run in runs.items():
        _print_run(console, server, run)
    if write_known:
        for server in found.keys() & SERVERS.keys():
            renew(SERVERS[server], found[server])
        recorded = read_deviations()
    lines = [line for server, each in found.items() for line in unexpected(server, each, recorded)]
    if ids:
        lines = [line for line in lines if "there is no vector" not in line]
    if DOCUMENT.read_text(encoding="utf-8") != document(recorded):
        lines.append(f"{DOCUMENT.name} is not up to date: python -m interop --write")
    for line in lines:
        say(console, line, "red")
    if details is not None:
        _write_details(details, found)
    if results is not None:
        _write_results(results, runs, recorded)
    context.exit(int(bool(lines)))


def _print_run(console: Console, server: str, run: Run) -> None:
    """Print what was tolerated of a server and what it was forgiven, and which of its processes have ended."""
    told = Counter(run.remarks) + all_findings(run.results)
    lines = [f"{remark}: {count} {'time' if count == 1 else 'times'}" for remark, count in sorted(told.items())]
    lines += [f"{end}: {count} {'time' if count == 1 else 'times'}" for end, count in sorted(Counter(run.ends).items())]
    for line in lines:
        say(console, f"{server}: {line}")


def _write_results(folder: Path, runs: Mapping[str, Run], recorded: Sequence[Deviation]) -> None:
    for server, run in runs.items():
        known = [each for each in recorded if each.server == server]
        driver = "live" if server in SERVERS else "embedded"
        write_results(
            folder,
            server,
            run.results,
            known,
            Tested(driver, server, run.software, Counter(run.remarks) + all_findings(run.results)),
        )
    click.echo(f"The compliance page: {write_page(folder)}")


def _write_details(directory: Path, results: Mapping[str, Sequence[Result]]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for server, each in results.items():
        failed = [result for result in each if result.outcome is Outcome.FAILED]
        text = "\n".join([f"## {result.vector.id}\n\n{result.detail}\n" for result in failed])
        (directory / f"{server}.txt").write_text(text, encoding="utf-8")


def terminated(signum: int, frame: FrameType | None) -> None:
    """Exit by an exception at SIGTERM, so that the servers are stopped."""
    sys.exit(128 + signum)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminated)
    main()
