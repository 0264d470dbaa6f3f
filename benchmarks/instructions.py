"""Count the instructions of about 25 steps, and compare them with the counts that are kept for this interpreter.

    python -m benchmarks.instructions [--write] [--json FILE]

Exit status 1 if a step needs 10 % more than is kept. Where valgrind is missing, or nothing is kept for this version of
Python, that is said, and the exit status is 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from functools import partial
from itertools import count as numbers
from pathlib import Path
from typing import Final

from benchmarks import documents
from benchmarks.bench import bare_expat
from benchmarks.counting import CannotCount, Counted, Operation, child, count
from benchmarks.groups.steps import client_steps, server_steps
from benchmarks.groups.throughput import ROMEO, handshake
from benchmarks.scenes import JULIET, NOON, alone, opened, star
from benchmarks.wires import ByteHost
from xmpp_im_core.codec import parse_stanza, write_fan_out, write_stanza
from xmpp_im_core.host import Host, Records, Wire
from xmpp_im_core.server import Deliver, ForAccount, Outbound, SessionId, State, hosting, serve
from xmpp_im_core.stanza import Stanza

KEPT: Final = Path(__file__).resolve().parent / "counts"
AT_MOST: Final = 1.10

_SERVER: Final = (
    "chat in, to the bare JID",
    "chat in, 2 resources",
    "chat out",
    "presence of a contact in",
    "subscribe in, from a stranger",
    "subscribed in",
    "probe answered",
    "presence update to 100",
    "roster set among 100",
    "roster get of 100",
)


class Sink(Wire):
    """Takes everything, and writes nothing."""

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        pass


def operations() -> Mapping[str, Counted]:
    """Return what is counted, by name."""
    made: dict[str, Counted] = {
        "calibration: expat": Counted(partial(bare_expat(), documents.MESSAGE)),
        "calibration: Python": Counted(_python, 20),
    }
    steps = server_steps(large=False)
    for name in _SERVER:
        step = steps[name]
        made[f"server: {name}"] = Counted(partial(step.reducer, step.state, step.event), 20 if "get" in name else 100)
    for name, step in client_steps().items():
        made[f"client: {name}"] = Counted(partial(step.reducer, step.state, step.event))
    for name, data in {"a message": documents.MESSAGE, "a presence": documents.PRESENCE}.items():
        made[f"codec: read {name}"] = Counted(partial(opened().feed, data))
        made[f"codec: write {name}"] = Counted(partial(write_stanza, parse_stanza(data)))
    to, presence = [f"user{number}@example.net" for number in range(100)], parse_stanza(documents.PRESENCE)
    made["codec: write a presence to 100"] = Counted(lambda: list(write_fan_out(presence, to)), 20)
    near, far = ByteHost(star(20), JULIET), ByteHost(alone(JULIET, ROMEO), JULIET, ROMEO)
    made["bytes: chat"] = Counted(partial(near.take, JULIET, documents.sent_message(ROMEO)))
    made["bytes: presence to 20 hosted"] = Counted(partial(near.take, JULIET, documents.SENT_PRESENCE), 20)
    made["bytes: presence to 100 remote"] = Counted(partial(far.take, JULIET, documents.SENT_PRESENCE), 20)
    made["bytes: handshake"] = Counted(partial(handshake, far), 20)
    return made | {name: Counted(operation) for name, operation in _of_the_loop().items()}


def _python() -> int:
    """Do what most of Python code is: look up, call, compare, build."""
    found: dict[str, tuple[int, str]] = {}
    for number in range(100):
        key = f"key{number % 10}"
        if key not in found or found[key][0] < number:
            found[key] = (number, key)
    return len(found)


def _of_the_loop() -> Mapping[str, Operation]:
    """Return events that go through the loop of a host, and the same served without the loop."""
    made: dict[str, Operation] = {}
    stanzas = {
        "chat": parse_stanza(f"<message to='{JULIET}' type='chat'><body>Soft!</body></message>"),
        "presence update": parse_stanza("<presence><show>away</show></presence>"),
    }
    for name, stanza in stanzas.items():
        host, session = _verona()

        def alone(host: Host[State] = host, session: SessionId = session, stanza: Stanza = stanza) -> None:
            """Do what ``host.receive`` does, without the loop: stamp an event, and serve it."""
            event = ForAccount(ROMEO, Outbound(host.clock(), host.ids(), session, stanza))
            host.service = serve(host.service, event, host.policy).state

        made[f"host: {name}, serve alone"] = alone
        made[f"host: {name}, through the loop"] = partial(host.receive, ROMEO, session, stanza)
    return made


def _verona() -> tuple[Host[State], SessionId]:
    """Return a host on which two users see each other, and the session of one of them."""
    ids = numbers(1)
    host = Host(hosting("capulet.example"), Records(), Sink(), lambda: NOON, lambda: f"{next(ids):09}")
    sessions = {}
    for user in (ROMEO, JULIET):
        host.create(user)
        sessions[user] = host.bind(user, "r")
        host.receive(user, sessions[user], parse_stanza("<presence/>"))
    for type in ("subscribe", "subscribed"):
        for user, contact in ((ROMEO, JULIET), (JULIET, ROMEO)):
            host.receive(user, sessions[user], parse_stanza(f"<presence to='{contact}' type='{type}'/>"))
    return host, sessions[ROMEO]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", type=Path, help="write the figures to this file too")
    options.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        child(operations())
    figures = count("benchmarks.instructions", "--child")
    for name, value in figures.items():
        print(f"{name:<45} {value:>12,.0f}")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
