"""Count the instructions of about 25 steps, and compare them with the stored counts for this interpreter.

    python -m benchmarks.instructions [--write] [--json FILE] [--only WORD]

The exit status is 1 if a step needs more than 10 % above its stored count. If valgrind is missing, or there are no
counts for this version of Python, a message says so and the exit status is 0.

Another build of the same version of Python needs up to 20 % more or fewer instructions. So each count is divided by
that of a calibrating operation in the same run, half of it Python code and half of it expat. Measured so, two builds of
3.11 (one of them Debian's) differed by -9 % to +6 %. The same build repeats to 0.1 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from itertools import count as numbers
from pathlib import Path
from typing import Final

from benchmarks import documents
from benchmarks.bench import bare_expat
from benchmarks.counting import CannotCount, Counted, Operation, child, count, long
from benchmarks.groups.clients import WORK, ours
from benchmarks.groups.steps import client_steps, server_steps
from benchmarks.groups.throughput import ROMEO, handshake
from benchmarks.scenes import JULIET, NOON, alone, opened, star
from benchmarks.wires import ByteHost
from xmpp_im_core.codec import parse_stanza, write_fan_out, write_stanza
from xmpp_im_core.host import Host, MemoryStorage, Wire
from xmpp_im_core.server import Deliver, ForAccount, Outbound, SessionId, State, hosting, serve
from xmpp_im_core.stanza import Stanza

KEPT: Final = Path(__file__).resolve().parent / "counts"
AT_MOST: Final = 1.10
CALIBRATION: Final = "calibration"

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
    "block of a stranger",
)


class Sink(Wire):
    """A wire that takes every stanza and writes nothing."""

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        pass


def operations() -> Mapping[str, Counted]:
    """Return the operations to count, by name."""
    made: dict[str, Counted] = {
        CALIBRATION: Counted(_calibrating(), 20),
    }
    steps = server_steps(large=False)
    for name in _SERVER:
        step = steps[name]
        made[f"server: {name}"] = (long if "get" in name else Counted)(partial(step.reducer, step.state, step.event))
    for name, step in client_steps().items():
        made[f"client: {name}"] = Counted(partial(step.reducer, step.state, step.event))
    made["client: a message, from bytes"] = Counted(partial(ours(), WORK["message in"][0]))
    for name, data in {"a message": documents.MESSAGE, "a presence": documents.PRESENCE}.items():
        made[f"codec: read {name}"] = Counted(partial(opened().feed, data))
        made[f"codec: write {name}"] = Counted(partial(write_stanza, parse_stanza(data)))
    to, presence = [f"user{number}@example.net" for number in range(100)], parse_stanza(documents.PRESENCE)
    made["codec: write a presence to 100"] = long(lambda: list(write_fan_out(presence, to)))
    near, far = ByteHost(star(20), JULIET), ByteHost(alone(JULIET, ROMEO), JULIET, ROMEO)
    made["bytes: chat"] = Counted(partial(near.take, JULIET, documents.sent_message(ROMEO)))
    made["bytes: presence to 20 hosted"] = long(partial(near.take, JULIET, documents.SENT_PRESENCE))
    made["bytes: presence to 100 remote"] = long(partial(far.take, JULIET, documents.SENT_PRESENCE))
    made["bytes: handshake"] = long(partial(handshake, far))
    return made | {name: Counted(operation) for name, operation in _of_the_loop().items()} | _of_a_node()


def _of_a_node() -> dict[str, Counted]:
    """Return the way of chats through a node of the server, if the libraries of the server are here."""
    try:
        from benchmarks.cluster.in_process import Chat
    except ImportError as error:
        print(f"the node is left out: {error}", file=sys.stderr)
        return {}
    return {"node: 32 chats": long(Chat(4, 8))}


def _calibrating() -> Operation:
    """Return the calibrating operation: half of it is Python code, half of it is expat."""
    read = bare_expat()

    def calibrate() -> None:
        found: dict[str, tuple[int, str]] = {}
        for number in range(100):
            key = f"key{number % 10}"
            if key not in found or found[key][0] < number:
                found[key] = (number, key)
        for _ in range(5):
            read(documents.MESSAGE)

    return calibrate


def _of_the_loop() -> Mapping[str, Operation]:
    """Return operations that pass events through the loop of a host, and that serve the same events without it."""
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
    host = Host(hosting("capulet.example"), MemoryStorage(), Sink(), lambda: NOON, lambda: f"{next(ids):09}")
    sessions = {}
    for user in (ROMEO, JULIET):
        host.create(user)
        sessions[user] = host.bind(user, "r")
        host.receive(user, sessions[user], parse_stanza("<presence/>"))
    for type in ("subscribe", "subscribed"):
        for user, contact in ((ROMEO, JULIET), (JULIET, ROMEO)):
            host.receive(user, sessions[user], parse_stanza(f"<presence to='{contact}' type='{type}'/>"))
    return host, sessions[ROMEO]


def kept_in() -> Path:
    """Return the file of the counts for this version of Python."""
    return KEPT / f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}.json"


def compare(now: Mapping[str, float], kept: Mapping[str, float]) -> Mapping[str, float]:
    """Return the count of each step divided by the stored count, both calibrated."""
    scale = kept[CALIBRATION] / now[CALIBRATION]
    return {name: scale * now[name] / kept[name] for name in now if name in kept and name != CALIBRATION}


def main() -> int:
    """Count, print the counts, and store or compare them."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.instructions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--write", action="store_true", help="keep these counts for this version of Python")
    options.add_argument("--json", type=Path, help="write the counts to this file too")
    options.add_argument("--only", default="", help="only steps whose names contain this")
    options.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        child({name: each for name, each in operations().items() if chosen.only in name or name == CALIBRATION})
    try:
        now = count("benchmarks.instructions", "--child", "--only", chosen.only)
    except CannotCount as reason:
        print(f"instructions are not counted: {reason}")
        return 0
    if chosen.json is not None:
        write(now, chosen.json)
    if chosen.write:
        KEPT.mkdir(exist_ok=True)
        write(now, kept_in())
    return report(now, kept_in())


def report(now: Mapping[str, float], file: Path) -> int:
    """Print the counts and their ratios to the stored ones; return the exit status."""
    kept = read(file) if file.exists() else {}
    times = compare(now, kept) if kept else {}
    for name, value in now.items():
        ratio = f"{times[name]:6.3f} times what is kept" if name in times else ""
        print(f"{name:<45} {value:>12,.0f} {ratio}{'  MORE' if times.get(name, 0) > AT_MOST else ''}")
    for name in ("chat", "presence update"):
        alone, loop = now.get(f"host: {name}, serve alone"), now.get(f"host: {name}, through the loop")
        if alone and loop:
            print(f"the loop of a host: {loop / alone:.2f} times serve alone for a {name}")
    if not kept:
        print(f"nothing is kept for this version of Python ({file.name}): --write keeps these counts")
        return 0
    if new := [name for name in now if name not in kept]:
        print(f"nothing is kept for: {', '.join(new)}")
    if any(each < 2 - AT_MOST for each in times.values()):
        print("some steps need far fewer instructions than is kept: renew the counts (--write)")
    more = [f"{name} ({ratio:.2f} times)" for name, ratio in times.items() if ratio > AT_MOST]
    if more:
        print(f"more than {AT_MOST - 1:.0%} above what is kept: {', '.join(more)}")
    else:
        print(f"none of {len(times)} steps needs {AT_MOST - 1:.0%} more than is kept")
    return 1 if more else 0


def read(file: Path) -> Mapping[str, float]:
    """Read stored counts."""
    kept: Mapping[str, float] = json.loads(file.read_text(encoding="utf-8"))["instructions"]
    return kept


def write(now: Mapping[str, float], file: Path) -> None:
    """Write counts to a file, with the circumstances on which they depend."""
    about = {"python": sys.version, "attrs": version("attrs")}
    kept = {**about, "instructions": {name: round(value) for name, value in now.items()}}
    file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
