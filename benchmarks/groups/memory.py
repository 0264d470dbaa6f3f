"""The memory of states: the bytes that Python has allocated, after all caches are warm."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from benchmarks import documents
from benchmarks.bench import Bench
from benchmarks.scenes import JULIET, NOON, Town, after, client_of, friends, records, user
from xmpp_im_core.codec import CLIENT_TO_SERVER, StreamParser
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.server import AccountLoaded, NoAccount

GROUP = "memory, in bytes"


def measure(bench: Bench) -> None:
    """Add the lines."""
    bench.in_bytes(GROUP, "parser of an idle stream", kept(parsers) / PARSERS, goal=4_096)
    per_item = (kept(lambda: stored(2_100)) - kept(lambda: stored(100))) / 2_000
    bench.in_bytes(GROUP, "roster item, with its JID and name", per_item, goal=400)
    bound, two_bound = of_accounts(1, available=False), of_accounts(2, available=False)
    bench.in_bytes(GROUP, "account with an empty roster and one bound session", bound)
    bench.in_bytes(GROUP, "one more bound session", two_bound - bound, goal=2_048)
    there = of_accounts(2, available=True) - of_accounts(1, available=True)
    bench.in_bytes(GROUP, "one more available session", there, goal=2_048)
    of_client = (kept(lambda: client_of(2_100)) - kept(lambda: client_of(100))) / 2_000
    bench.in_bytes(GROUP, "roster item of a client", of_client, goal=400)


def kept(build: Callable[[], object]) -> int:
    """Return the memory of the value that a function builds, in bytes."""
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


PARSERS = 200
ACCOUNTS = 200


def parsers() -> list[StreamParser]:
    """Return the resting parsers of many streams that have read a presence. Expat's memory is measured too."""
    made = []
    for _ in range(PARSERS):
        parser = StreamParser(limits=CLIENT_TO_SERVER)
        parser.feed(documents.HEADER)
        parser.feed(documents.PRESENCE)
        parser.rest()
        made.append(parser)
    return made


def stored(size: int) -> object:
    """Return an account with this many contacts. No two of them share a string, as after loading from a storage."""
    return after(NoAccount(parse_jid(JULIET)), AccountLoaded(NOON, "l", records(friends(size))))


def of_accounts(sessions: int, *, available: bool) -> float:
    """Return the memory of a service for each account with an empty roster and this many sessions, in bytes."""

    def build() -> object:
        town = Town({user(number): records([]) for number in range(ACCOUNTS)})
        for number in range(ACCOUNTS):
            for session in range(sessions):
                town.login(user(number), resource=f"r{session}", available=available)
        return town.service

    return kept(build) / ACCOUNTS
