"""What a number of accounts needs, computed from what a cluster has taken on one machine."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from attrs import frozen

from benchmarks.cluster.results import Results
from xmpp_im_host.storage.records import PARTITIONS

_HOUR: Final = 3600.0


@frozen
class Assumed:
    """How the accounts are used in the busiest hour, and how full a processor may be."""

    online: float = 0.1
    """The share of the accounts with a session."""
    messages: float = 20.0
    """Messages that each session sends in that hour."""
    presence: float = 60.0
    """Steps that the presence of each session causes in that hour, its own and its contacts'."""
    use: float = 0.5
    """The share of a processor that may be in use."""
    database_processors: int = 32
    """The processors of a large database machine."""
    sessions: int = 20_000
    """The sessions of a node: the default of ``limits.connections``."""


@frozen
class Need:
    """What is needed."""

    accounts: int
    sessions: float
    steps: float
    """A second, in the busiest hour."""
    node_processors: float
    nodes: int
    """Processes: each uses one processor."""
    database_processors: float
    databases: int
    node_memory: float
    """Bytes, of all nodes."""
    stored: float
    """Bytes, of all databases, without their standbys."""
    partition_use: float
    """The share of a processor that one partition needs. It cannot have more than one."""


def need(accounts: int, results: Results, assumed: Assumed | None = None) -> Need:
    """Return what so many accounts need."""
    assumed = assumed or Assumed()
    figures = results.runs[max(results.runs, key=int)]["full"]
    sessions = accounts * assumed.online
    steps = sessions * (assumed.messages * figures["steps/message"] + assumed.presence) / _HOUR
    node = steps * figures["node CPU µs/step"] / 1e6
    base = steps * figures["database CPU µs/step"] / 1e6
    return Need(
        accounts,
        sessions,
        steps,
        node,
        max(ceil(node / assumed.use), ceil(sessions / assumed.sessions)),
        base,
        ceil(base / assumed.use / assumed.database_processors),
        sessions * max(results.memory.values()),
        accounts * results.stored["bytes per account"],
        node / PARTITIONS,
    )


def most_steps(results: Results, assumed: Assumed | None = None) -> dict[str, float]:
    """Return how many steps a second each part allows at most, the lowest first."""
    assumed = assumed or Assumed()
    figures = results.runs[max(results.runs, key=int)]["full"]
    found = {
        "one node process": assumed.use / figures["node CPU µs/step"] * 1e6,
        f"one database with {assumed.database_processors} processors": assumed.use
        * assumed.database_processors
        / figures["database CPU µs/step"]
        * 1e6,
        f"{PARTITIONS} partitions, each on a processor": assumed.use * PARTITIONS / figures["node CPU µs/step"] * 1e6,
    }
    return dict(sorted(found.items(), key=lambda each: each[1]))


def accounts_for(steps: float, results: Results, assumed: Assumed | None = None) -> float:
    """Return how many accounts cause so many steps a second."""
    return steps / need(1_000_000, results, assumed).steps * 1_000_000


def rows(results: Results, numbers: Sequence[int]) -> list[tuple[str, ...]]:
    """Return the rows of a table: one for each quantity, with a column for each number of accounts."""
    needs = [need(each, results) for each in numbers]
    return [
        ("sessions in the busiest hour", *[f"{each.sessions:,.0f}" for each in needs]),
        ("steps a second", *[f"{each.steps:,.0f}" for each in needs]),
        ("processors for nodes, in use", *[f"{each.node_processors:,.1f}" for each in needs]),
        ("node processes", *[f"{each.nodes:,}" for each in needs]),
        ("memory of the sessions", *[_size(each.node_memory) for each in needs]),
        ("processors for databases, in use", *[f"{each.database_processors:,.1f}" for each in needs]),
        ("databases", *[f"{each.databases:,}" for each in needs]),
        ("stored, without standbys", *[_size(each.stored) for each in needs]),
        ("use of a processor by one partition", *[f"{each.partition_use:.1%}" for each in needs]),
    ]


def _size(value: float) -> str:
    return f"{value / 1e12:,.1f} TB" if value >= 1e12 else f"{value / 1e9:,.1f} GB"
