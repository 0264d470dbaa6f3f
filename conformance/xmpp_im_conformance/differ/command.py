"""The command ``xmpp-im-conformance differ``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from xmpp_im_conformance.differ.kinds import CHAPTERS, kinds_of
from xmpp_im_conformance.differ.playing import PEERS, playing_on
from xmpp_im_conformance.differ.report import print_report
from xmpp_im_conformance.differ.searching import Report, search
from xmpp_im_conformance.differ.writing import file_name, vector
from xmpp_im_conformance.driver import Driver
from xmpp_im_conformance.drivers import NAMES, playing
from xmpp_im_conformance.live import LiveDriver
from xmpp_im_conformance.live.options import live_options
from xmpp_im_conformance.stdio.options import stdio_options


@click.command()
@click.option("--server", metavar="HOST:PORT", help="live: where clients connect; the same as --host and --port.")
@click.option("--driver", type=click.Choice(NAMES), default="live", show_default=True)
@click.option("--acts", multiple=True, type=click.Choice([*CHAPTERS]), help="Only what this chapter is about.")
@click.option("--examples", type=click.IntRange(1), default=200, show_default=True, help="How many traces are drawn.")
@click.option("--seed", type=int, default=0, show_default=True, help="What they are drawn from.")
@click.option("--seconds", type=click.FloatRange(0), default=300, show_default=True, help="When to stop at the latest.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write vectors of what differs here.")
@click.option("--name", help="What the server is called in them.  [default: its address, or the driver]")
@stdio_options
@live_options
@click.pass_context
def differ(
    context: click.Context,
    /,
    server: str | None,
    driver: str,
    acts: tuple[str, ...],
    examples: int,
    seed: int,
    seconds: float,
    out: Path | None,
    name: str | None,
    timeout: float | None,
    command: str | None,
    restarts: int | None,
    **live: Any,  # the options of the live driver
) -> None:
    """Let random clients do the same on a server and on xmpp_im_core, and show where the two part.

    What the RFC leaves open is no difference. All else is cut down to the acts that it needs.

    Exits with 0 where nothing differs, with 1 where something does or the core crashes, with 2 where the server could
    not be tested, or not to the end.
    """
    live.update(_address(server))
    console = Console()
    with playing(driver, timeout, {"command": command, "restarts": restarts}, live) as drivers:
        peers = PEERS if _plays_peers(drivers.server) else ()
        end = time.monotonic() + seconds
        report = search(
            playing_on(drivers.server, peers=bool(peers)),
            examples=examples,
            random=seed,
            peers=peers,
            kinds=kinds_of(acts),
            is_over=lambda: time.monotonic() > end,
        )
    print_report(console, report)
    if not peers:
        console.print("Nobody played the other server: name a --component for that.", highlight=False)
    if out is not None:
        write_vectors(report, out, name or server or driver)
    untested = report.failed is not None or not report.traces
    context.exit(2 if untested else int(bool(report.found or report.crashes)))


def _address(server: str | None) -> Mapping[str, str | int]:
    if server is None:
        return {}
    host, _, port = server.rpartition(":")
    if not host or not port.isdecimal():
        raise click.UsageError(f"--server is HOST:PORT, not {server!r}")
    return {"host": host.removeprefix("[").removesuffix("]"), "port": int(port)}


def _plays_peers(driver: Driver) -> bool:
    return not isinstance(driver, LiveDriver) or driver.config.component is not None


def write_vectors(report: Report, directory: Path, server: str) -> None:
    """Write what was found, a file each.

    :param server: what the server is called.
    :raises OSError: where they cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for number, found in enumerate(report.found, 1):
        text = json.dumps(vector(found, server), indent=2, ensure_ascii=False)
        (directory / file_name(number, found)).write_text(f"{text}\n", encoding="utf-8")
