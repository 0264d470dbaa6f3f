"""What was found, as a vector: the trace, and what the core has each client get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import evolve

from xmpp_im_conformance.differ.searching import Found
from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.testing import USERS, Act, Connect, CoreSystem, Disconnect, observed, to_scenario, xml_of
from xmpp_im_core.testing.scenarios import Json

# The features without which a trace may go otherwise, and the policies without them: fields of several types.
_FEATURES: Final[Mapping[str, Mapping[str, Any]]] = {
    "offline": {"offline_messages": False},
    "preapproval": {"pre_approval": PreApproval.UNSUPPORTED},
}


def vector(found: Found, server: str) -> dict[str, Json]:
    """Return a scenario that the core passes, and a server with this difference does not.

    :param server: what the server is called.
    """
    policy, acts = found.verdict.choices.policy, (*found.acts, *_witnesses(found))
    expected = observed(_core(policy), acts)
    scenario = to_scenario(
        acts,
        expected,
        title=f"After {len(found.acts) - 1} other acts: {told(found.acts[-1])}",
        features=[
            name for name, without in _FEATURES.items() if expected != observed(_core(evolve(policy, **without)), acts)
        ],
        in_order=any(sorted(each.model) == sorted(each.system) for each in found.verdict.differences),
    )
    note = [*assumed(found), *shown(found)]
    return {**scenario, "source": f"Found by comparing {server} with the core", "note": "\n".join(note)}


def file_name(number: int, found: Found) -> str:
    """Return a name for the file of the vector: what is done last is in it."""
    return f"{number:02}-{type(found.acts[-1]).__name__.lower()}.json"


def told(act: Act) -> str:
    """Return an act in words, and what is sent as XML."""
    if isinstance(act, Connect):
        return f"{act.client} connects"
    if isinstance(act, Disconnect):
        return f"{act.client} disconnects" if act.clean else f"the stream of {act.client} breaks"
    return f"from {act.user} arrives {xml_of(act)}" if act.is_remote else f"{act.client} sends {xml_of(act)}"


def assumed(found: Found) -> Iterable[str]:
    """Return in words what the server is taken to have chosen otherwise."""
    return [f"The server {choice.says} ({choice.section})." for choice in found.verdict.choices.made]


def shown(found: Found) -> Iterable[str]:
    """Return what the core does (-) and what the server did (+), by whom it is seen."""
    for each in found.verdict.differences:
        yield f"{each.where}, after act {each.number + 1}:"
        yield from [f"  - {xml}" for xml in each.model]
        yield from [f"  + {xml}" for xml in each.system]


def _witnesses(found: Found) -> list[Act]:
    """Let users connect whose rosters differ, so that somebody can ask for them."""
    connected: set[str] = set()
    for act in found.acts:
        if isinstance(act, Connect):
            connected.add(act.client)
        elif isinstance(act, Disconnect):
            connected.discard(act.client)
    present = {client.partition("/")[0] for client in connected}
    rosters = [each.where for each in found.verdict.differences if each.where in USERS]
    return [Connect(f"{user}/balcony") for user in rosters if user not in present]


def _core(policy: Policy) -> CoreSystem:
    return CoreSystem(*USERS, policy=policy)
