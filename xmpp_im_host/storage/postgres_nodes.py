"""What the PostgreSQL engine sends for nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from xmpp_im_host.storage.postgres_plans import Plan, plan_of
from xmpp_im_host.storage.postgres_values import Rows
from xmpp_im_host.storage.records import Node

JOIN: Final = "INSERT INTO nodes (name) VALUES ($1::text) RETURNING number"
BEAT: Final = "UPDATE nodes SET beats = beats + 1, report = $1::text WHERE number = $2::integer"
NODES: Final = "SELECT number, name, beats, weight, draining, report FROM nodes ORDER BY number"
LEAVE: Final = "DELETE FROM nodes WHERE number = $1::integer"
DIRECT: Final = """
UPDATE nodes SET weight = coalesce($1::double precision, weight), draining = coalesce($2::boolean, draining)
WHERE number = $3::integer
"""


def join(name: str) -> Plan[int]:
    """Note a new node."""
    return Plan(((JOIN, (name,)),), lambda results: int(results[0][0][0]))


def beat(number: int, report: str) -> Plan[tuple[Node, ...]]:
    """Count a beat, and read all nodes."""

    def read(results: Sequence[Rows]) -> tuple[Node, ...]:
        return tuple([Node(*columns) for columns in results[1]])

    return Plan(((BEAT, (report, number)), (NODES, ())), read)


def leave(number: int) -> Plan[None]:
    """Forget a node."""
    return plan_of((LEAVE, (number,)))


def direct(number: int, weight: float | None, draining: bool | None) -> Plan[None]:
    """Change what a node is to do."""
    return plan_of((DIRECT, (weight, draining, number)))
