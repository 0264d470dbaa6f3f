"""The commands for the nodes of a cluster: they talk to the database, so they work from any machine that reaches it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, Final, TypeVar

import click

from xmpp_im_host.cluster.reports import State
from xmpp_im_host.command.options import configured
from xmpp_im_host.configuration import Configuration
from xmpp_im_host.operations import nodes as cluster
from xmpp_im_host.operations.control import CallFailed
from xmpp_im_host.operations.nodes import NodeGone, NodeState, Rebalanced, without_owner
from xmpp_im_host.server import open_engine
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import DatabaseRefused, EngineFailed, Unknown

T = TypeVar("T")

_BEATS: Final = 2.5
"""How many beats the command `nodes` watches, so that a node on a busy machine is not called silent."""
_HEAVIEST: Final = 1_000.0

JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


@click.command()
@configured
@JSON
def nodes(configuration: Configuration, as_json: bool) -> None:
    """List the nodes on the database: their state, weight, partitions and sessions."""
    found = _with_engine(configuration, lambda engine: cluster.nodes(engine, _BEATS * configuration.node.beat_seconds))
    if as_json:
        click.echo(json.dumps([node.as_json() for node in found], indent=2))
        return
    for line in _table(found):
        click.echo(line)
    if missing := without_owner(found):
        click.echo(f"{missing} partitions are owned by no node at the moment", err=True)


def _table(found: Sequence[NodeState]) -> list[str]:
    heads = ("NODE", "NAME", "STATE", "BEATS", "WEIGHT", "PARTITIONS", "SESSIONS", "LAG")
    rows = [
        (
            str(node.number),
            node.name,
            node.state,
            str(node.beats),
            f"{node.weight:g}",
            f"{node.partitions} of {node.placed}",
            str(node.sessions),
            f"{node.lag:.1f} s",
        )
        for node in found
    ]
    return aligned([heads, *rows])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines whose columns have the width of their longest word."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([word.ljust(width) for word, width in zip(row, widths, strict=True)]).rstrip() for row in rows]


@click.command()
@configured
@click.argument("node")
@click.option("--wait/--no-wait", default=True, help="Whether to wait until the node has given them up.")
def drain(configuration: Configuration, node: str, wait: bool) -> None:
    """Let a node give up its partitions and its sessions, and get no others.

    NODE is its number, or its name. Sessions that can be resumed are handed over to other nodes. The process goes on:
    stop it, or let it serve again with `undrain`.
    """
    click.echo(_with_engine(configuration, lambda engine: _drain(engine, configuration, node, wait)))


async def _drain(engine: Engine, configuration: Configuration, node: str, wait: bool) -> str:
    number = await cluster.drain(engine, node)
    if not wait:
        return f"node {number} drains"
    try:
        await _watch(engine, configuration, number, State.DRAINED, "drains")
    except NodeGone as gone:  # it was stopped meanwhile
        return str(gone)
    return f"node {number} is drained"


@click.command()
@configured
@click.argument("node")
@click.option("--wait/--no-wait", default=True, help="Whether to wait until the node serves.")
def undrain(configuration: Configuration, node: str, wait: bool) -> None:
    """Let a node serve again that was drained, or that drains.

    NODE is its number, or its name. It gets its share of the partitions, and clients can connect to it.
    """
    click.echo(_with_engine(configuration, lambda engine: _undrain(engine, configuration, node, wait)))


async def _undrain(engine: Engine, configuration: Configuration, node: str, wait: bool) -> str:
    number = await cluster.undrain(engine, node)
    if not wait:
        return f"node {number} comes back"
    await _watch(engine, configuration, number, State.SERVING, "comes back")
    return f"node {number} serves"


async def _watch(engine: Engine, configuration: Configuration, number: int, state: State, does: str) -> None:
    async for said in cluster.until(engine, number, state, configuration.node.beat_seconds):
        click.echo(f"node {number} {does}: {said.partitions} partitions, {said.sessions} sessions", err=True)


@click.command()
@configured
@click.argument("weights", nargs=-1, metavar="[NODE WEIGHT]...")
@JSON
def rebalance(configuration: Configuration, weights: tuple[str, ...], as_json: bool) -> None:
    """Set the weights of nodes, and show what moves. Without arguments, show the shares."""
    wanted = _weights(weights)
    done = _with_engine(configuration, lambda engine: cluster.rebalance(engine, wanted))
    if as_json:
        click.echo(json.dumps(done.as_json(), indent=2))
        return
    for line in _shown(done):
        click.echo(line)


def _weights(words: Sequence[str]) -> dict[str, float]:
    if len(words) % 2:
        raise click.UsageError("each NODE needs a WEIGHT")
    return {name: _weight(weight) for name, weight in zip(words[::2], words[1::2], strict=True)}


def _weight(word: str) -> float:
    try:
        weight = float(word)
    except ValueError:
        weight = -1.0
    if not 0.0 <= weight <= _HEAVIEST:
        raise click.UsageError(f"{word}: a weight is a number from 0 to {_HEAVIEST:g}")
    return weight


def _shown(done: Rebalanced) -> Iterable[str]:
    yield from aligned(
        [
            ("NODE", "WEIGHT", "PARTITIONS"),
            *[(str(number), f"{weight:g}", str(done.placed[number])) for number, weight in done.weights.items()],
        ]
    )
    for source, to, count in done.moves:
        yield f"{count} partitions move from node {source} to node {to}" if source else f"{count} go to node {to}"


def _with_engine(configuration: Configuration, work: Callable[[Engine], Awaitable[T]]) -> T:
    """Do something with the database; a refusal ends the command with its message."""
    if not configuration.engine:
        raise click.ClickException("nodes share a PostgreSQL database: name it with --engine or in the file")

    async def opened() -> Any:
        async with aclosing(await open_engine(configuration)) as engine:
            return await work(engine)

    try:
        return asyncio.run(opened())  # type: ignore[no-any-return]
    except (CallFailed, DatabaseRefused, EngineFailed, Unknown) as error:
        raise click.ClickException(str(error)) from None
