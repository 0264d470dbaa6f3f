"""Running the vectors on the core and on servers: all servers side by side."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Final

from attrs import evolve, field, frozen

from interop.server import Running
from interop.servers import SERVERS
from xmpp_im_conformance.drivers import core_driver
from xmpp_im_conformance.drivers.live import LiveConfig, LiveDriver
from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed
from xmpp_im_conformance.running.outcome import Result
from xmpp_im_conformance.running.side_by_side import run_all as run_vectors

Vectors = Sequence[Vector | MalformedFile]
_PATIENCE: Final = 5.0
"""The seconds that a server is waited for: those that start its parts again do so at once."""
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""The seconds after which a server that has just started is tried again."""


@frozen
class Run:
    """What became of the vectors on one server."""

    results: Sequence[Result]
    remarks: Mapping[str, int] = field(factory=dict)
    """What the server does otherwise, and was read all the same: what, and how often."""
    ends: Sequence[str] = ()
    """The processes of the server that have ended by themselves, one line each."""
    software: str = ""
    """The name and version that the server gives itself."""


def run_all(vectors: Vectors, names: Sequence[str], jobs: int = 1) -> dict[str, Run]:
    """Run the vectors against the core and these servers, which run until the end.

    :param jobs: how many vectors run side by side on a server that is started once.
    :raises NotAvailable: if a server cannot be installed or started.
    """
    servers = [SERVERS[name] for name in names]
    for server in servers:
        server.installed()
    core = core_driver()
    runs = {"core": Run(run_vectors(vectors, core), software=core.software)}
    # At any end the servers stop first, so that vectors that still run fail at once.
    with ThreadPoolExecutor(sum([server.instances for server in servers])) as pool, ExitStack() as stack:
        parts = [
            (server.name, pool.submit(_run, among, stack.enter_context(server.started()), jobs if alone else 1))
            for server in servers
            for alone in (server.instances == 1,)
            for among in [vectors[number :: server.instances] for number in range(server.instances)]
        ]
        for name in names:
            runs[name] = _together(vectors, [part.result() for server, part in parts if server == name])
    return runs


def run_live(vectors: Vectors, config: LiveConfig, jobs: int = 1) -> list[Result]:
    """Run the vectors against one server, so many side by side."""
    wait_for_login(config)
    with closing(LiveDriver(config)) as driver:
        return run_vectors(vectors, driver, jobs)


def wait_for_login(config: LiveConfig) -> None:
    """Wait until a user can log in: parts of a server may start later than the one that listens.

    A server in which nobody can ever log in is left to the run, which says why.
    """
    for pause in _PAUSES:
        with closing(LiveDriver(config)) as driver:
            try:
                driver.preflight()
            except (ServerFailed, NotApplicable):
                time.sleep(pause)
            else:
                return


def _run(vectors: Vectors, running: Running, jobs: int) -> Run:
    wait_for_login(running.config)
    with closing(LiveDriver(evolve(running.config, patience=_PATIENCE))) as driver:
        results = run_vectors(vectors, driver, jobs)
        return Run(results, driver.remarks, running.ends, driver.software)


def _together(vectors: Vectors, parts: Sequence[Run]) -> Run:
    """Return the run of all vectors, in their order, from the runs that have shared them."""
    found = {result.vector.id: result for part in parts for result in part.results}
    remarks = sum([Counter(part.remarks) for part in parts], Counter[str]())
    ends = [end for part in parts for end in part.ends]
    return Run([found[vector.id] for vector in vectors], remarks, ends, parts[0].software)
