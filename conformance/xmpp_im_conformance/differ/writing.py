"""What was found, as a vector: the trace, and what the core has each client get."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from xmpp_im_conformance.differ.searching import Found, Report
from xmpp_im_conformance.format.comparing import pair_off
from xmpp_im_core.codec import parse_element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.testing import (
    REMOTE,
    USERS,
    Act,
    Connects,
    CoreSystem,
    Disconnects,
    Observation,
    connected_after,
    observed,
    to_scenario,
    xml_of,
)
from xmpp_im_core.testing.scenarios import Json

# The features without which a trace may go otherwise, and the policies without them: fields of several types.
_FEATURES: Final[Mapping[str, Mapping[str, Any]]] = {
    "offline": {"offline_messages": False},
    "preapproval": {"pre_approval": PreApproval.UNSUPPORTED},
}


def vector(found: Found, server: str) -> dict[str, Json]:
    """Return a scenario that the core passes, and a server with this difference does not.

    It looks only at the places where the two differ. It drops what leads up to that and what others get.

    :param server: what the server is called.
    """
    policy, number = found.verdict.choices.policy, found.number
    acts = (*found.acts[: number + 1], *_witnesses(found))
    expected = observed(_core(policy), acts)
    scenario = to_scenario(
        acts,
        [_looked_at(found, each, place == number) for place, each in enumerate(expected)],
        title=f"After {number} other acts: {told(acts[number])}",
        features=[
            name for name, without in _FEATURES.items() if expected != observed(_core(evolve(policy, **without)), acts)
        ],
        in_order=any(sorted(each.model) == sorted(each.system) for each in found.verdict.differences),
    )
    return {
        **scenario,
        "accounts": {user: {} for user in USERS},
        "steps": _with_flushes(scenario["steps"], found),
        "source": f"Found by comparing {server} with the core",
        "note": "\n".join([*assumed(found), *told_before(found), *shown(found)]),
    }


def _looked_at(found: Found, expected: Observation, is_last: bool) -> Observation:
    """Leave out what everybody sees alike."""
    received = {at: stanzas for at, stanzas in expected.received.items() if is_last and at in found.differing}
    rosters = {user: query for user, query in expected.rosters.items() if user in found.differing}
    return Observation(FrozenMap(received), FrozenMap(rosters))


def _with_flushes(steps: Json, found: Found) -> list[Json]:
    """Drop what came before the act that shows the difference, and what it causes elsewhere."""
    assert isinstance(steps, list)
    number, differing = found.number, found.differing
    doing = [place for place, step in enumerate(steps) if step.keys() & _DOING]
    before = doing[number]
    after = doing[number + 1] if number + 1 < len(doing) else len(steps)
    peers = [REMOTE] if any(act.is_remote for act in found.acts) or REMOTE in differing else []
    everybody = [*connected_after(found.acts[:number]), *peers]
    others = [*connected_after(found.acts[: number + 1]), *peers]
    return [
        *steps[:before],
        *_flush(everybody),
        *steps[before:after],
        *_flush([at for at in others if at not in differing]),
        *steps[after:],
    ]


_DOING: Final = frozenset({"connect", "disconnect", "send", "remote_send"})


def _flush(at: Sequence[str]) -> list[Json]:
    clients = [each for each in at if each != REMOTE]
    steps: list[Json] = [{"flush": clients}] if clients else []
    return [*steps, {"remote_flush": True}] if REMOTE in at else steps


def write_vectors(report: Report, directory: Path, server: str) -> None:
    """Write a vector for each difference, each into a file.

    :param server: the name of the server.
    :raises OSError: if a file cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for number, found in enumerate(report.found, 1):
        text = json.dumps(vector(found, server), indent=2, ensure_ascii=False)
        (directory / file_name(number, found)).write_text(f"{text}\n", encoding="utf-8")


def file_name(number: int, found: Found) -> str:
    """Return a name for the file of the vector: what shows the difference is in it."""
    return f"{number:02}-{type(found.acts[found.number]).__name__.lower()}.json"


def told(act: Act) -> str:
    """Return an act in words, and what is sent as XML."""
    if isinstance(act, Connects):
        return f"{act.client} connects"
    if isinstance(act, Disconnects):
        return f"{act.client} disconnects" if act.clean else f"the stream of {act.client} breaks"
    return f"from {act.user} arrives {xml_of(act)}" if act.is_remote else f"{act.client} sends {xml_of(act)}"


def assumed(found: Found) -> Iterable[str]:
    """Return in words what the server is taken to have chosen otherwise."""
    return [f"The server {choice.says} ({choice.section})." for choice in found.verdict.choices.made]


def told_before(found: Found) -> Iterable[str]:
    """Return in words which acts show a difference that is reported separately, if this one needs them."""
    if found.verdict.after:
        acts = " and ".join([str(number + 1) for number in found.verdict.after])
        yield f"Act {acts} shows a difference that is reported separately; this one may be its consequence."


def shown(found: Found) -> Iterable[str]:
    """Return what the core does (-) and what the server did (+), by whom it is seen."""
    for each in found.verdict.differences:
        yield f"{each.where}, after act {each.number + 1}:"
        if sorted(each.model) == sorted(each.system):  # in another order
            yield from [f"  - {xml}" for xml in each.model]
            yield from [f"  + {xml}" for xml in each.system]
            continue
        ours, theirs = ([parse_element(xml) for xml in side] for side in (each.model, each.system))
        for compared in pair_off(ours, theirs, {}):
            yield from [f"  {line}" for row in compared.rows for line in row.lines()]


def _witnesses(found: Found) -> list[Act]:
    """Let users connect whose rosters differ, so that somebody can ask for them."""
    present = {client.partition("/")[0] for client in connected_after(found.acts)}
    return [Connects(f"{user}/balcony") for user in USERS if user in found.differing - present]


def _core(policy: Policy) -> CoreSystem:
    return CoreSystem(*USERS, policy=policy)
