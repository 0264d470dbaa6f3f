"""Cutting a trace down to what shows a difference.

Each trial costs accounts on a server, so whole sessions go first, then runs of acts, then single acts; in the end what
is left becomes as plain as it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeAlias

from attrs import NOTHING, evolve, fields

from xmpp_im_core.testing import Act, Connects, Disconnects, possible

Trace: TypeAlias = tuple[Act, ...]


def shrunk(trace: Trace, differs: Callable[[Trace], bool]) -> Trace:
    """Return the shortest and plainest trace that is reached from this one, each on the way differing.

    :param differs: whether a trace still shows what this one shows; it is asked once for each.
    """
    differs = cache(differs)
    while True:
        before = trace
        for simpler in (_without_somebody, _by_fewer):
            trace = next((each for each in simpler(trace) if _is_left(each, differs)), trace)
        trace = _without_runs(trace, differs)
        trace = next((each for each in _plainer(trace) if _is_left(each, differs)), trace)
        if trace == before:
            return trace


def _is_left(candidate: Trace, differs: Callable[[Trace], bool]) -> bool:
    return bool(candidate) and possible(candidate) and differs(candidate)


def _without_runs(trace: Trace, differs: Callable[[Trace], bool]) -> Trace:
    """Leave out runs of acts, each half as long as the one before, from the end on."""
    size = len(trace) // 2
    while size:
        start = len(trace) - size
        while start >= 0:
            candidate = trace[:start] + trace[start + size :]
            if _is_left(candidate, differs):
                trace = candidate
            start -= size
        size //= 2
    return trace


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
                left = [act for act in trace if act.client != other or not isinstance(act, Connects | Disconnects)]
                yield tuple([evolve(act, client=one) if act.client == other else act for act in left])


def _plainer(trace: Trace) -> Iterator[Trace]:
    """Let an act have its defaults, one at a time."""
    for number, act in enumerate(trace):
        for attribute in fields(type(act)):
            default = attribute.default
            if default is not NOTHING and getattr(act, attribute.name) != default:
                yield (*trace[:number], evolve(act, **{attribute.name: default}), *trace[number + 1 :])
