"""What ``xmpp-im-conformance differ`` does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from xmpp_im_conformance.differ.kinds import kinds_of
from xmpp_im_conformance.differ.playing import PEERS, playing_on
from xmpp_im_conformance.differ.report import print_report
from xmpp_im_conformance.differ.searching import search
from xmpp_im_conformance.differ.writing import write_vectors
from xmpp_im_conformance.drivers import driver_of
from xmpp_im_conformance.drivers.live import LiveDriver
from xmpp_im_conformance.format.worlds import Driver


def compare(
    *,
    server: str | None,
    driver: str,
    acts: tuple[str, ...],
    examples: int,
    seed: int,
    seconds: float,
    out: Path | None,
    name: str | None,
    **options: Any,  # the options of the drivers
) -> int:
    """Compare a server with the core, print and write what differs, and return the exit status.

    :raises click.UsageError: if ``server`` is not a host and a port.
    """
    options.update(_address(server))
    console = Console()
    with closing(driver_of(driver, **options)) as tested:
        peers = PEERS if _plays_peers(tested) else ()
        end = time.monotonic() + seconds
        report = search(
            playing_on(tested, peers=bool(peers)),
            examples=examples,
            random=seed,
            peers=peers,
            kinds=kinds_of(acts),
            is_over=lambda: time.monotonic() > end,
        )
    print_report(console, report)
    if not peers:
        console.print("Nobody played the other server: name a --component or --federation for that.", highlight=False)
    if out is not None:
        write_vectors(report, out, name or server or driver)
    untested = report.failed is not None or not report.traces
    return 2 if untested else int(bool(report.found or report.crashes))


def _address(server: str | None) -> Mapping[str, str | int]:
    if server is None:
        return {}
    host, _, port = server.rpartition(":")
    if not host or not port.isdecimal():
        raise click.UsageError(f"--server is HOST:PORT, not {server!r}")
    return {"host": host.removeprefix("[").removesuffix("]"), "port": int(port)}


def _plays_peers(driver: Driver) -> bool:
    return not isinstance(driver, LiveDriver) or driver.config.remote is not None
