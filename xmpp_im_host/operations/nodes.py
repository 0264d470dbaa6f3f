"""What operators see of the nodes of a cluster, and what they direct. It needs the engine alone, and no node."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from attrs import asdict, frozen

from xmpp_im_host.cluster.membership import shares
from xmpp_im_host.cluster.placement import moves, placement
from xmpp_im_host.cluster.reports import Report, State
from xmpp_im_host.operations.control import CallFailed
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.records import PARTITIONS, Node

_NOBODY: Final = 0
"""The number of no node: a beat of it only reads."""


class NodeGone(CallFailed):
    """The node has ended, or the others have ended it."""


@frozen
class NodeState:
    """One node, as operators see it."""

    number: int
    name: str
    state: str
    """That of :class:`~xmpp_im_host.cluster.reports.State`, or ``silent`` if it has not beaten between two looks."""
    beats: int
    weight: float
    placed: int
    """How many partitions it is to own."""
    partitions: int
    """How many it owns, as it said last."""
    sessions: int
    lag: float

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


async def nodes(engine: Engine, seconds: float) -> tuple[NodeState, ...]:
    """Return all nodes.

    :param seconds: how long to wait between two looks; a node that has not beaten meanwhile is silent.
    """
    before = {node.number: node.beats for node in await engine.beat(_NOBODY, "")}
    await asyncio.sleep(seconds)
    found = await engine.beat(_NOBODY, "")
    placed = Counter(placement(shares(found)).values())
    return tuple([_state(node, before.get(node.number), placed[node.number]) for node in found])


def _state(node: Node, before: int | None, placed: int) -> NodeState:
    said = Report.load(node.report)
    state = "silent" if node.beats == before else state_of(node, said).value
    return NodeState(
        node.number, node.name, state, node.beats, node.weight, placed, said.partitions, said.sessions, said.lag
    )


def state_of(node: Node, said: Report) -> State:
    """Return whether a node serves, by what operators have directed and by what it says with its beats."""
    if said.state is State.STOPPING or (said.state is State.DRAINED and node.draining):
        return said.state
    serves = not node.draining and said.state in (State.SERVING, None)
    return State.SERVING if serves else State.DRAINING


def without_owner(found: Sequence[NodeState]) -> int:
    """Return how many partitions no node says it owns. For a moment that is so whenever partitions move."""
    return max(0, PARTITIONS - sum([node.partitions for node in found if node.state != "silent"]))


async def drain(engine: Engine, name: str) -> int:
    """Let a node give up its partitions and its sessions. Return its number.

    :param name: the number of the node, or its name if no other node has it.
    :raises CallFailed: if there is no such node.
    """
    number = chosen(await engine.beat(_NOBODY, ""), name).number
    await engine.direct(number, draining=True)
    return number


async def undrain(engine: Engine, name: str) -> int:
    """Let a node serve again that was drained, or that drains. Return its number.

    :param name: the number of the node, or its name if no other node has it.
    :raises CallFailed: if there is no such node, or it stops.
    """
    node = chosen(await engine.beat(_NOBODY, ""), name)
    if Report.load(node.report).state is State.STOPPING:
        raise CallFailed(f"node {node.number} stops: start it again when it has gone")
    await engine.direct(node.number, draining=False)
    return node.number


async def until(engine: Engine, number: int, state: State, seconds: float) -> AsyncIterator[Report]:
    """Yield what a node says about itself whenever that changes, until it is in a state.

    :param seconds: how long to wait between two looks.
    :raises NodeGone: if it has gone.
    """
    last: Report | None = None
    while True:
        found = [node for node in await engine.beat(_NOBODY, "") if node.number == number]
        if not found:
            raise NodeGone(f"node {number} has gone")
        said = Report.load(found[0].report)
        if state_of(found[0], said) is state:
            return
        if last is None or (said.partitions, said.sessions) != (last.partitions, last.sessions):
            yield said
        last = said
        await asyncio.sleep(seconds)


@frozen
class Rebalanced:
    """The shares of the nodes, and what moves to reach them."""

    weights: Mapping[int, float]
    placed: Mapping[int, int]
    """By node: how many partitions it is to own."""
    moves: tuple[tuple[int, int, int], ...]
    """From which node to which, and how many partitions."""

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "weights": {str(number): weight for number, weight in self.weights.items()},
            "placed": {str(number): count for number, count in self.placed.items()},
            "moves": [{"from": source, "to": to, "partitions": count} for source, to, count in self.moves],
        }


async def rebalance(engine: Engine, wanted: Mapping[str, float]) -> Rebalanced:
    """Set the weights of nodes, by number or name, and return what moves. Without any, nothing is changed.

    :raises CallFailed: if there is no such node; nothing is changed then.
    """
    found = await engine.beat(_NOBODY, "")
    weights = {chosen(found, name).number: weight for name, weight in wanted.items()}
    for number, weight in weights.items():
        await engine.direct(number, weight=weight)
    before = shares(found)
    draining = {node.number for node in found if node.draining}
    after = before | {number: weight for number, weight in weights.items() if number not in draining}
    old, new = placement(before), placement(after)
    counted = Counter([(source or _NOBODY, to) for source, to in moves(old, new).values()])
    held = Counter(new.values() if new else old.values())
    return Rebalanced(
        {node.number: weights.get(node.number, node.weight) for node in found},
        {node.number: held[node.number] for node in found},
        tuple([(source, to, count) for (source, to), count in sorted(counted.items())]),
    )


def chosen(found: Sequence[Node], name: str) -> Node:
    """Return the node with this number, or the only one with this name.

    :raises CallFailed: if there is none.
    """
    matching = [node for node in found if str(node.number) == name] or [node for node in found if node.name == name]
    if len(matching) == 1:
        return matching[0]
    if matching:
        numbers = ", ".join([str(node.number) for node in matching])
        raise CallFailed(f"{name}: several nodes have this name; take one of their numbers: {numbers}")
    raise CallFailed(f"{name}: there is no such node; `xmpp-im-host nodes` lists them")
