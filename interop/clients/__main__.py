"""``python -m interop.clients``: run the client vectors on client libraries, and check the recorded deviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console

from interop.clients import CLIENTS, DOCUMENT, FOLDER, client_vectors
from interop.clients.page import page, parts_of_a_run
from interop.deviations import read_deviations, unexpected
from interop.matrix import matrix
from interop.results import write_page, write_results
from xmpp_im_conformance.format.vectors import Side
from xmpp_im_conformance.reports.data import Tested
from xmpp_im_conformance.running.outcome import Result


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--client", "names", multiple=True, type=click.Choice([*CLIENTS]), help="Only this library.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the results here, and the compliance page of all that are here.",
)
@click.option("--write", is_flag=True, help="Write docs/client-deviations.md, with what this run has shown.")
@click.pass_context
def main(context: click.Context, /, names: tuple[str, ...], results: Path | None, write: bool) -> None:
    """Run the client vectors on each library of interop/clients that is installed.

    The exit status is 1 if a vector fails that the deviations.toml of the library does not record, or if a recorded
    vector does not fail.
    """
    console = Console()
    found: dict[str, Sequence[Result]] = {}
    absent: list[str] = []
    for name in names or CLIENTS:
        missing = CLIENTS[name].missing()
        if missing:
            absent.append(missing)
        else:
            found[name] = CLIENTS[name].run(client_vectors())
    console.print(matrix(found, Side.CLIENT))
    recorded = read_deviations(FOLDER)
    for line in absent:
        console.print(f"not run: {line}", markup=False, highlight=False, soft_wrap=True)
    lines = [line for name, each in found.items() for line in unexpected(name, each, recorded)]
    for line in lines:
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    if results is not None:
        for name, each in found.items():
            known = [one for one in recorded if one.server == name]
            write_results(results, name, each, known, Tested("stdio", name, name))
        click.echo(f"The compliance page: {write_page(results)}")
    if write:
        _write(found, absent)
    context.exit(int(bool(lines)))


def _write(results: Mapping[str, Sequence[Result]], absent: Sequence[str]) -> None:
    if absent or len(results) < len(CLIENTS):
        raise click.ClickException(f"{DOCUMENT.name} needs a run of all libraries")
    DOCUMENT.write_text(page(read_deviations(FOLDER), parts_of_a_run(results)), encoding="utf-8")


if __name__ == "__main__":
    main()
