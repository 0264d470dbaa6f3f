"""Instructions for one operation, counted by callgrind: the same count on a busy machine and on an idle one.

    python -m benchmarks.instructions [--json FILE]

Needs valgrind (a Debian package) and an interpreter with symbols. Each operation runs many times between two calls of
``os.getppid``, before which callgrind writes down its count; what the empty loop costs is subtracted.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Host, MemoryStorage, Wire
from xmpp_im_core.server import ForAccount, Outbound, SessionId, State, hosting, serve

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROMEO, JULIET = "romeo@capulet.example", "juliet@capulet.example"
WARM_UP, TIMES = 20, 200


class Sink(Wire):
    def deliver(self, account, session, stanza, effect):
        return True

    def close(self, account, session, condition):
        pass


def verona() -> tuple[Host[State], SessionId]:
    """Return a host on which two users see each other, and the session of one of them."""
    numbers = count(1)
    host = Host(hosting("capulet.example"), MemoryStorage(), Sink(), lambda: NOON, lambda: f"{next(numbers):09}")
    sessions = {}
    for user in (ROMEO, JULIET):
        host.create(user)
        sessions[user] = host.bind(user, "r")
        host.receive(user, sessions[user], parse_stanza("<presence/>"))
    for type in ("subscribe", "subscribed"):
        for user, contact in ((ROMEO, JULIET), (JULIET, ROMEO)):
            host.receive(user, sessions[user], parse_stanza(f"<presence to='{contact}' type='{type}'/>"))
    return host, sessions[ROMEO]


def operations() -> Mapping[str, Callable[[], object]]:
    """Return what is measured, by name."""
    made: dict[str, Callable[[], object]] = {"nothing": lambda: None}
    stanzas = {
        "chat message": parse_stanza(f"<message to='{JULIET}' type='chat'><body>Soft!</body></message>"),
        "presence update": parse_stanza("<presence><show>away</show></presence>"),
    }
    for name, stanza in stanzas.items():
        host, session = verona()

        def alone(host=host, session=session, stanza=stanza):
            """Do what ``host.receive`` does, without the loop: stamp an event, and serve it."""
            event = ForAccount(ROMEO, Outbound(host.clock(), host.ids(), session, stanza))
            host.service = serve(host.service, event, host.policy).state

        def through(host=host, session=session, stanza=stanza):
            host.receive(ROMEO, session, stanza)

        made[f"{name}, serve alone"] = alone
        made[f"{name}, through the loop"] = through
    return made


def run_all() -> None:
    """Run each operation between two marks, and print the names."""
    chosen = operations()
    gc.collect()
    gc.disable()
    for operation in chosen.values():
        for _ in range(WARM_UP):
            operation()
        os.getppid()
        for _ in range(TIMES):
            operation()
        os.getppid()
    print(json.dumps(list(chosen)), flush=True)
    os._exit(0)


def measured() -> dict[str, float]:
    """Return the instructions of each operation."""
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not here: install it (on Debian and Ubuntu: valgrind).")
    with tempfile.TemporaryDirectory() as where:
        out = Path(where) / "out"
        command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", "--dump-before=os_getppid"]
        command += [os.path.realpath(sys.executable), "-m", "benchmarks.instructions", "--child"]
        # The environment of a virtual one is not seen through the real path of its interpreter.
        env = os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        if done.returncode or not done.stdout:
            sys.exit(done.stderr)
        names = json.loads(done.stdout)
        if not (out.parent / f"out.{2 * len(names)}").exists():
            sys.exit("callgrind does not see os.getppid: the interpreter has no symbols.")
        # Part 1 is the start, 2 the first loop, 3 the warm-up of the next operation, 4 the second loop, and so on.
        totals = [_total(out.parent / f"out.{2 * n + 2}") for n in range(len(names))]
    each = {name: total / TIMES for name, total in zip(names, totals, strict=True)}
    empty = each.pop("nothing")
    return {name: value - empty for name, value in each.items()}


def _total(part: Path) -> int:
    found = re.search(r"^summary: (\d+)", part.read_text(errors="replace"), re.MULTILINE)
    if found is None:
        sys.exit(f"{part.name}: no summary")
    return int(found[1])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", type=Path, help="write the figures to this file too")
    options.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        run_all()
    figures = measured()
    for name, value in figures.items():
        alone = figures.get(name.replace("through the loop", "serve alone"))
        ratio = f"  {value / alone:.3f} times serve alone" if alone is not None and alone != value else ""
        print(f"{name:<40} {value:>10,.0f}{ratio}")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
