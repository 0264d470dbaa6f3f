"""What a number of accounts needs, computed from what a cluster has taken on one machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final

from attrs import frozen

from benchmarks.cluster.results import Results
from xmpp_im_host.storage.records import PARTITIONS

_HOUR: Final = 3600.0


@frozen
class Assumed:
    """How the accounts are used in the busiest hour, and how full machines may be."""

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
    sessions: int = 50_000
    """The sessions of a node at most: ``limits.connections``."""
    connections: int = 5
    """The connections of a node to each database."""
    database_connections: int = 1_000
    """The connections of a database at most."""
    beat_seconds: float = 0.5


@frozen
class Costs:
    """What the largest cluster that was measured has taken, as fast as it goes."""

    step: float
    """Seconds of a node's processor for a step."""
    database_step: float
    idle: float
    """The share of a processor that a node takes while nothing happens."""
    database_idle: float
    """The share of a database's processor that a node takes while nothing happens."""
    steps: float
    """Steps for a message."""
    session: float
    """Bytes of memory for a session."""
    account: float
    """Bytes in the database for an account."""


def costs(results: Results) -> Costs:
    """Return what the largest cluster has taken."""
    number = max(results.runs, key=int)
    full, idle = results.runs[number]["full"], results.runs[number]["idle"]
    return Costs(
        full["node CPU µs/step"] / 1e6,
        full["database CPU µs/step"] / 1e6,
        idle["node CPU s/s"] / int(number),
        idle["database CPU s/s"] / int(number),
        full["steps/message"],
        max(results.memory.values()),
        results.stored["bytes per account"],
    )


@frozen
class Need:
    """What a number of accounts needs."""

    sessions: float
    steps: float
    """A second, in the busiest hour."""
    nodes: int
    """Processes: each uses one processor at most."""
    node_processors: float
    database_processors: float
    databases: int
    connections: int
    """Of each database."""
    beats: float
    """Rows that the beats of all nodes read in a second."""
    memory: float
    """Bytes, of the sessions of all nodes."""
    stored: float
    """Bytes, of all databases, without their standbys."""
    partition: float
    """The share of a processor that one partition needs. It cannot have more than one."""


def need(accounts: float, results: Results, assumed: Assumed | None = None) -> Need:
    """Return what so many accounts need."""
    assumed, cost = assumed or Assumed(), costs(results)
    sessions = accounts * assumed.online
    steps = sessions * (assumed.messages * cost.steps + assumed.presence) / _HOUR
    nodes = max(ceil(steps * cost.step / (assumed.use - cost.idle)), ceil(sessions / assumed.sessions))
    base = steps * cost.database_step + nodes * cost.database_idle
    return Need(
        sessions,
        steps,
        nodes,
        steps * cost.step + nodes * cost.idle,
        base,
        ceil(base / assumed.use / assumed.database_processors),
        nodes * assumed.connections,
        nodes * nodes / assumed.beat_seconds,
        sessions * cost.session,
        accounts * cost.account,
        steps * cost.step / PARTITIONS,
    )


def limits(results: Results, assumed: Assumed | None = None) -> dict[str, float]:
    """Return how many accounts each part allows at most, the lowest first."""
    assumed = assumed or Assumed()
    found = {
        "one node process": _most(lambda each: each.nodes <= 1, results, assumed),
        f"one database with {assumed.database_processors} processors": _most(
            lambda each: each.databases <= 1, results, assumed
        ),
        f"the {assumed.database_connections:,} connections of a database": _most(
            lambda each: each.connections <= assumed.database_connections, results, assumed
        ),
        f"the {PARTITIONS} partitions: one of them needs {assumed.use:.0%} of a processor": _most(
            lambda each: each.partition <= assumed.use, results, assumed
        ),
    }
    return dict(sorted(found.items(), key=lambda each: each[1]))


def _most(fits: Callable[[Need], bool], results: Results, assumed: Assumed) -> float:
    """Return for how many accounts something fits, with two digits."""
    low, high = 0.0, 1e12
    while high - low > low / 1_000:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(need(middle, results, assumed)) else (low, middle)
    return float(f"{low:.2g}")


def rows(results: Results, numbers: Sequence[int]) -> list[tuple[str, ...]]:
    """Return the rows of a table: one for each quantity, with a column for each number of accounts."""
    needs = [need(each, results) for each in numbers]
    return [
        ("sessions in the busiest hour", *[f"{each.sessions:,.0f}" for each in needs]),
        ("steps a second", *[f"{each.steps:,.0f}" for each in needs]),
        ("node processes", *[f"{each.nodes:,}" for each in needs]),
        ("processors of nodes in use", *[f"{each.node_processors:,.1f}" for each in needs]),
        ("memory of the sessions", *[_size(each.memory) for each in needs]),
        ("databases", *[f"{each.databases:,}" for each in needs]),
        ("processors of databases in use", *[f"{each.database_processors:,.1f}" for each in needs]),
        ("connections of each database", *[f"{each.connections:,}" for each in needs]),
        ("rows that beats read a second", *[f"{each.beats:,.0f}" for each in needs]),
        ("stored, without standbys", *[_size(each.stored) for each in needs]),
        ("use of a processor by one partition", *[f"{each.partition:.1%}" for each in needs]),
    ]


def _size(value: float) -> str:
    return f"{value / 1e12:,.1f} TB" if value >= 1e12 else f"{value / 1e9:,.1f} GB"
