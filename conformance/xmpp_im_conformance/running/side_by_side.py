"""Running many vectors, one after another or several side by side, with the same verdicts.

Where scenarios run side by side, one may break what another uses: a server that crashes ends the streams of all. So a
vector that failed for want of an answer is run again when no other runs, and that verdict counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.format.worlds import Driver
from xmpp_im_conformance.running.outcome import Result
from xmpp_im_conformance.running.run import run_vector


def run_all(
    vectors: Sequence[Vector | MalformedFile],
    driver: Driver,
    jobs: int = 1,
    done: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Run vectors; return what became of them, in their order.

    :param jobs: how many run side by side. A driver that cannot do that runs one at a time.
    :param done: called after each vector.
    """
    if jobs < 1:
        raise ValueError(f"jobs: {jobs} is not at least 1")
    results: list[Result] = []
    if jobs == 1 or not driver.side_by_side:
        for vector in vectors:
            results.append(run_vector(vector, driver))
            done()
        return results
    pool = ThreadPoolExecutor(jobs)
    try:
        for result in pool.map(lambda vector: run_vector(vector, driver), vectors):
            results.append(result)
            done()
    finally:  # at an interrupt nothing else begins
        pool.shutdown(cancel_futures=True)
    return [run_vector(each.vector, driver) if each.unanswered else each for each in results]
