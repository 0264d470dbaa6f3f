"""From the bytes of one client to the bytes for all others, through ``serve``."""

from __future__ import annotations

from functools import partial

from benchmarks import documents
from benchmarks.bench import Bench
from benchmarks.scenes import JULIET, Town, alone, circle, star, user
from benchmarks.wires import ByteHost

GROUP = "from bytes to bytes"
ROMEO = user(0)
USERS = 100


def measure(bench: Bench) -> None:
    """Add the lines."""
    hundred = ByteHost(star(100), JULIET)
    for name, to in (("bare", ROMEO), ("full", f"{ROMEO}/balcony")):
        chat = documents.sent_message(to)
        assert len(hundred.take(JULIET, chat)) == 1
        bench.in_e(GROUP, f"chat, to the {name} JID", partial(hundred.take, JULIET, chat), goal=4)
    remote = ByteHost(alone(JULIET), JULIET)
    for name, host, goal in (("hosted", hundred, 0.8), ("remote", remote, 0.2)):
        count = len(host.take(JULIET, documents.SENT_PRESENCE))
        assert count == 101  # the 100 contacts, and the user's own resource
        run = partial(host.take, JULIET, documents.SENT_PRESENCE)
        bench.in_e(GROUP, f"presence to 100 {name} contacts, for each stanza", run, goal=goal, parts=count)
    strangers = ByteHost(alone(JULIET, ROMEO), JULIET, ROMEO)
    request = documents.sent_subscription(ROMEO, "subscribe")
    assert len(strangers.take(JULIET, request, keep=False)) == 2
    bench.in_e(GROUP, "subscribe, with a push", partial(strangers.take, JULIET, request, keep=False), goal=12)
    bench.in_e(GROUP, "handshake of two users, both ways", partial(handshake, strangers), goal=50)
    for size, goal in ((100, 42), (1_000, 460), (10_000, 5_600)):
        host = ByteHost(alone(JULIET, contacts=size), JULIET)
        run = partial(host.take, JULIET, documents.ROSTER_GET)
        bench.in_e(GROUP, f"roster get of {size:,}", run, goal=goal)
    bench.in_e(GROUP, "login, with 50 contacts in the service", logging_in, goal=290, parts=USERS)


def logging_in() -> Town:
    """Log in a hundred users, one after the other. Each has 50 of the others as contacts."""
    town = circle(USERS, 50)
    for number in range(USERS):
        town.login(user(number), roster=True)
    return town


def handshake(host: ByteHost) -> int:
    """Let two users subscribe to each other, and discard the result, so that each run begins with the same state.

    Return how many stanzas were written.
    """
    before, written = host.town.service, 0
    for sender, to, type in (
        (JULIET, ROMEO, "subscribe"),
        (ROMEO, JULIET, "subscribed"),
        (ROMEO, JULIET, "subscribe"),
        (JULIET, ROMEO, "subscribed"),
    ):
        written += len(host.take(sender, documents.sent_subscription(to, type)))
    host.town.service = before
    return written
