"""The command ``xmpp-im-conformance``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from xmpp_im_conformance.differ.command import differ
from xmpp_im_conformance.drivers import NAMES, playing
from xmpp_im_conformance.finding import find, wanted
from xmpp_im_conformance.live.options import live_options
from xmpp_im_conformance.outcome import Outcome
from xmpp_im_conformance.report import (
    as_data,
    print_failures,
    print_not_applicable,
    print_tables,
    print_uncovered,
)
from xmpp_im_conformance.running import run as run_vector
from xmpp_im_conformance.stdio.options import stdio_options


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xmpp_im_core")
def main() -> None:
    """Replay the conformance vectors of RFC 6121 against an implementation, or compare one with xmpp_im_core."""


main.add_command(differ)


@main.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--section", "sections", multiple=True, help="Only vectors about this section of RFC 6121, or below it.")
@click.option("--id", "ids", multiple=True, help="Only vectors with this id; * and ? stand for what they usually do.")
@click.option("--driver", type=click.Choice(NAMES), default="embedded", show_default=True)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here.")
@click.option("--uncovered", is_flag=True, help="List the testable requirements that no vector shows.")
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
    json_file: Path | None,
    uncovered: bool,
    timeout: float | None,
    command: str | None,
    restarts: int | None,
    **live: Any,  # the options of the live driver
) -> None:
    """Run vectors: those of the files and folders at PATH, or else those of this package.

    Exits with 0 where none failed, with 1 where one did or is malformed, with 2 where there are none.
    """
    vectors = [vector for vector in find(paths) if wanted(vector, sections, ids)]
    if not vectors:
        raise click.UsageError("there are no such vectors")
    console = Console()
    shown = track(vectors, "Running", console=console, transient=True, disable=not console.is_terminal)
    with playing(driver, timeout, {"command": command, "restarts": restarts}, live) as drivers:
        results = [run_vector(vector, drivers.server, drivers.client) for vector in shown]
    if json_file is not None:
        text = json.dumps(as_data(results), indent=2, ensure_ascii=False)
        json_file.write_text(f"{text}\n", encoding="utf-8")
    print_failures(console, results)
    print_not_applicable(console, results)
    print_tables(console, results)
    if uncovered:
        print_uncovered(console, results)
    context.exit(int(Outcome.FAILED in [result.outcome for result in results]))
