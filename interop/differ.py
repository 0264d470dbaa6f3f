"""``python -m interop.differ``: differences of each server from the core, found by random traces."""

from __future__ import annotations

import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from interop.__main__ import terminated
from interop.servers import SERVERS, NotAvailable
from xmpp_im_conformance.differ.kinds import ACTS_OF_CHAPTERS, kinds_of
from xmpp_im_conformance.differ.playing import PEERS, playing_on
from xmpp_im_conformance.differ.report import print_report
from xmpp_im_conformance.differ.searching import Report, search
from xmpp_im_conformance.differ.writing import write_vectors
from xmpp_im_conformance.drivers.live import LiveConfig, LiveDriver


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--server", "names", multiple=True, type=click.Choice([*SERVERS]), help="Only this server.")
@click.option(
    "--acts", multiple=True, type=click.Choice([*ACTS_OF_CHAPTERS]), default=["subscriptions"], show_default=True
)
@click.option("--seed", type=int, default=2, show_default=True, help="The seed of the random traces.")
@click.option("--seconds", type=click.FloatRange(0), default=60, show_default=True, help="For each server.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write vectors of the differences here.")
@click.pass_context
def main(
    context: click.Context,
    /,
    names: tuple[str, ...],
    acts: tuple[str, ...],
    seed: int,
    seconds: float,
    out: Path | None,
) -> None:
    """Compare the servers with the core for a minute each. A difference is no failure."""
    console = Console()
    failed = False
    for name in names or SERVERS:
        console.rule(name)
        try:
            SERVERS[name].installed()
            with SERVERS[name].running() as config:
                report = compare(config, acts, seed, seconds)
        except NotAvailable as reason:
            raise click.ClickException(str(reason)) from reason
        print_report(console, report)
        if out is not None:
            write_vectors(report, out / name, name)
        failed |= report.failed is not None or bool(report.crashes)
    context.exit(int(failed))


def compare(config: LiveConfig, acts: tuple[str, ...], seed: int, seconds: float) -> Report:
    """Compare one server with the core, for the given time."""
    end = time.monotonic() + seconds
    with closing(LiveDriver(config)) as driver:
        return search(
            playing_on(driver, peers=True),
            examples=_PLENTY,
            random=seed,
            peers=PEERS,
            kinds=kinds_of(acts),
            is_over=lambda: time.monotonic() > end,
        )


_PLENTY: Final = 2000
"""More traces than the time allows."""


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminated)
    main()
