"""``python -m interop.clients``: run the client vectors on client libraries, and check the recorded deviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
from rich.console import Console

from interop.clients import CLIENTS, DOCUMENT, FOLDER, client_vectors
from interop.clients.page import page, parts_of_a_run
from interop.deviations import read_deviations, unexpected
from interop.matrix import matrix
from xmpp_im_conformance.format.vectors import Side
from xmpp_im_conformance.running.outcome import Result


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--client", "names", multiple=True, type=click.Choice([*CLIENTS]), help="Only this library.")
@click.option("--write", is_flag=True, help="Write docs/client-deviations.md, with what this run has shown.")
@click.pass_context
def main(context: click.Context, /, names: tuple[str, ...], write: bool) -> None:
    """Run the client vectors on each library of interop/clients that is installed.

    The exit status is 1 if a vector fails that the deviations.toml of the library does not record, or if a recorded
    vector does not fail.
    """
    console = Console()
    results: dict[str, Sequence[Result]] = {}
    absent: list[str] = []
    for name in names or CLIENTS:
        missing = CLIENTS[name].missing()
        if missing:
            absent.append(missing)
        else:
            results[name] = CLIENTS[name].run(client_vectors())
    console.print(matrix(results, Side.CLIENT))
    recorded = read_deviations(FOLDER)
    for line in absent:
        console.print(f"not run: {line}", markup=False, highlight=False, soft_wrap=True)
    lines = [line for name, each in results.items() for line in unexpected(name, each, recorded)]
    for line in lines:
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    if write:
        _write(results, absent)
    context.exit(int(bool(lines)))


def _write(results: Mapping[str, Sequence[Result]], absent: Sequence[str]) -> None:
    if absent or len(results) < len(CLIENTS):
        raise click.ClickException(f"{DOCUMENT.name} needs a run of all libraries")
    DOCUMENT.write_text(page(read_deviations(FOLDER), parts_of_a_run(results)), encoding="utf-8")


if __name__ == "__main__":
    main()
