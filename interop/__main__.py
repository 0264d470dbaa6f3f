"""``python -m interop``: start the servers, run all vectors, print the matrix, and check the recorded deviations."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from interop.deviations import read_deviations, unexpected
from interop.document import DOCUMENT, document
from interop.matrix import matrix
from interop.servers import SERVERS, NotAvailable
from xmpp_im_conformance.drivers import core_driver
from xmpp_im_conformance.drivers.live import LiveConfig, LiveDriver
from xmpp_im_conformance.format.finding import find, wanted
from xmpp_im_conformance.format.vectors import MalformedFile, Side, Vector
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run_vector

Vectors = Sequence[Vector | MalformedFile]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--server", "names", multiple=True, type=click.Choice([*SERVERS]), help="Only this server.")
@click.option("--id", "ids", multiple=True, help="Only vectors with this id; * and ? are wildcards.")
@click.option("--details", type=click.Path(file_okay=False, path_type=Path), help="Write the reasons of failures here.")
@click.option("--write", is_flag=True, help="Write docs/deviations.md, and do nothing else.")
@click.pass_context
def main(
    context: click.Context,
    /,
    names: tuple[str, ...],
    ids: tuple[str, ...],
    details: Path | None,
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
        results = run_all(vectors, names or tuple(SERVERS))
    except NotAvailable as reason:
        raise click.ClickException(str(reason)) from reason
    console = Console()
    console.print(matrix(results))
    lines = [line for server, each in results.items() for line in unexpected(server, each, recorded)]
    if ids:
        lines = [line for line in lines if "there is no vector" not in line]
    if DOCUMENT.read_text(encoding="utf-8") != document(recorded):
        lines.append(f"{DOCUMENT.name} is not up to date: python -m interop --write")
    for line in lines:
        console.print(line, style="red", emoji=False, markup=False, highlight=False, soft_wrap=True)
    if details is not None:
        _write_details(details, results)
    context.exit(int(bool(lines)))


def run_all(vectors: Vectors, names: Sequence[str]) -> dict[str, list[Result]]:
    """Run the vectors against the core and these servers, which run until the end.

    :raises NotAvailable: if a server cannot be installed or started.
    """
    servers = [SERVERS[name] for name in names]
    for server in servers:
        server.installed()
    core = core_driver()
    results = {"core": [run_vector(vector, core) for vector in vectors]}
    # At any end the servers stop first, so that vectors that still run fail at once.
    with ThreadPoolExecutor() as pool, ExitStack() as stack:
        running = [stack.enter_context(server.started()) for server in servers]
        for server, each in zip(servers, pool.map(lambda one: run_live(vectors, one.config), running), strict=True):
            results[server.name] = each
    return results


def run_live(vectors: Vectors, config: LiveConfig) -> list[Result]:
    """Run the vectors against one server."""
    with closing(LiveDriver(config)) as driver:
        return [run_vector(vector, driver) for vector in vectors]


def _write_details(directory: Path, results: dict[str, list[Result]]) -> None:
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
