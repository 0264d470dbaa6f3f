"""Cutting a trace down to what shows a difference.

Each trial costs accounts on a server, so whole sessions go first, then runs of acts, then single acts; in the end what
is left becomes as plain as it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from attrs import NOTHING, evolve, fields

from xmpp_im_core.testing import Act, Connect, Disconnect, possible

Trace: TypeAlias = tuple[Act, ...]


def shrunk(trace: Trace, differs: Callable[[Trace], bool]) -> Trace:
    """Return the shortest and plainest trace that is reached from this one, each on the way differing.

    :param differs: whether a trace still shows what this one shows.
    """
    while True:
        for candidate in _simpler(trace):
            if candidate and possible(candidate) and differs(candidate):
                trace = candidate
                break
        else:
            return trace


def _simpler(trace: Trace) -> Iterator[Trace]:
    yield from _without_somebody(trace)
    yield from _by_fewer(trace)
    size = len(trace) // 2
    while size:
        for start in range(len(trace) - size, -1, -1):
            yield trace[:start] + trace[start + size :]
        size //= 2
    yield from _plainer(trace)


def _without_somebody(trace: Trace) -> Iterator[Trace]:
    if len(clients := dict.fromkeys([act.client for act in trace])) > 1:
        for client in clients:
            yield tuple([act for act in trace if act.client != client])


def _by_fewer(trace: Trace) -> Iterator[Trace]:
    """Let one client do what two of the same user do."""
    clients = dict.fromkeys([act.client for act in trace if not act.is_remote])
    for one in clients:
        for other in clients:
            if one != other and one.partition("/")[0] == other.partition("/")[0]:
                left = [act for act in trace if act.client != other or not isinstance(act, Connect | Disconnect)]
                yield tuple([evolve(act, client=one) if act.client == other else act for act in left])


def _plainer(trace: Trace) -> Iterator[Trace]:
    """Let an act have its defaults, one at a time."""
    for number, act in enumerate(trace):
        for attribute in fields(type(act)):
            default = attribute.default
            if default is not NOTHING and getattr(act, attribute.name) != default:
                yield (*trace[:number], evolve(act, **{attribute.name: default}), *trace[number + 1 :])
