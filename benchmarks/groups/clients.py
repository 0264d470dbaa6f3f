"""A client's work: from the server's bytes to the notifications of the application and the bytes of the answer."""

from __future__ import annotations

from itertools import cycle

from benchmarks import documents, peers
from benchmarks.bench import Bench
from benchmarks.peers import Take
from benchmarks.racing import Variant
from benchmarks.scenes import NOON, client_of, opened
from xmpp_im_core import client
from xmpp_im_core.codec import write_stanza
from xmpp_im_core.stanza import IQ, Message, Presence

GROUP = "client, from bytes"

WORK = {
    "message in": [documents.message(to="juliet@capulet.example/balcony")],
    "roster push, with its acknowledgement": [documents.push(101, "Romeo"), documents.push(102, "Romeo M.")],
    "presence in": [documents.presence("friend3@montague.example/x", "juliet@capulet.example/balcony")],
    "subscribe in": [documents.SUBSCRIBE],
}


def measure(bench: Bench) -> None:
    """Add the lines."""
    there, absent = peers.found()
    bench.absent.update(absent)
    clients = {"ours": ours(), **{name: each.client() for name, each in there.items() if hasattr(each, "client")}}
    for name, stanzas in WORK.items():
        for take in clients.values():
            assert bool(take(stanzas[-1])) is ("push" in name)
        runs = {peer: _taking(take, stanzas) for peer, take in clients.items()}
        bench.against_peers(GROUP, name, runs, goal=0.5)


def _taking(take: Take, stanzas: list[bytes]) -> Variant:
    following = cycle(stanzas)
    return lambda: take(next(following))


def ours() -> Take:
    """Return a client with a hundred contacts; each step begins with the state that the last one left."""
    feed, state, number = opened().feed, client_of(100), 0

    def take(data: bytes) -> list[bytes]:
        nonlocal state, number
        written = []
        for stanza in feed(data):
            assert isinstance(stanza, Message | Presence | IQ)
            number += 1
            step = client.reduce(state, client.Inbound(NOON, f"e{number}", stanza))
            state = step.state
            written += [write_stanza(effect.stanza) for effect in step.effects if isinstance(effect, client.Send)]
        return written

    return take
