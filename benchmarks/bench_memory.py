"""Bytes that the core keeps: for an item of a roster, and for a session that is idle.

Run it as a program for the figures: ``python -m benchmarks.bench_memory``.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from benchmarks.scenes import account, rich_presence, session
from xmpp_im_core.server import Account

Built = list[Account]


def kept(build: Callable[[], Built]) -> int:
    """Return the bytes that are held by what a function builds, once caches are warm."""
    build()
    gc.collect()
    tracemalloc.start()
    try:
        built = build()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        del built


def per_item() -> float:
    """An item of a roster, its JID and name included."""
    return (kept(lambda: [account(1_100)]) - kept(lambda: [account(100)])) / 1_000


def per_session(shared: bool) -> float:
    """An idle session: the stream is the host's; whether equal presence payloads are one object, too."""
    one = rich_presence()

    def build() -> Built:
        return [
            account(0, [session(f"r{n:02}", one if shared else rich_presence()) for n in range(50)]) for _ in range(20)
        ]

    return (kept(build) - kept(lambda: [account(0, [session("r00", one)]) for _ in range(20)])) / (20 * 49)


def test_a_session_with_a_shared_presence_takes_a_fraction_of_one_with_its_own() -> None:
    assert per_session(shared=True) < per_session(shared=False) / 2


def test_an_item_takes_less_than_a_kilobyte() -> None:
    assert per_item() < 1_000


if __name__ == "__main__":
    print(f"roster item: {per_item():.0f} bytes")
    print(f"idle session, presence of its own: {per_session(shared=False):.0f} bytes")
    print(f"idle session, presence shared: {per_session(shared=True):.0f} bytes")
