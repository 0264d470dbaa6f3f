"""The CPU time of importing the parts of the core, each in a new process, compared with a peer."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from benchmarks.bench import Bench
from benchmarks.processes import race_processes

GOALS = {"server": 0.56, "client": 0.5, "codec": 0.28}
"""The maximum time of each part as a fraction of slixmpp's: half of what it took when the goals were set."""


def measure(bench: Bench) -> None:
    """Add the lines."""
    codes = {"nothing": "pass"} | {part: f"import xmpp_im_core.{part}" for part in GOALS}
    if find_spec("slixmpp") is not None:
        codes["slixmpp"] = "import slixmpp"
    commands = {name: [sys.executable, "-c", code] for name, code in codes.items()}
    took = race_processes(commands, min(7, max(2, bench.rounds // 4)))
    each = {name: time - took["nothing"] for name, time in took.items()}
    peers = {name: each[name] for name in each if name == "slixmpp"}
    for part, goal in GOALS.items():
        bench.beside_peers("import", f"xmpp_im_core.{part}", {"ours": each[part]} | peers, goal=goal)
