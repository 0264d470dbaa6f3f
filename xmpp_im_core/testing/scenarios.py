"""Write a trace and its observations as a conformance vector, which every driver can run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from xmpp_im_core.codec import write_element
from xmpp_im_core.element import Element, element
from xmpp_im_core.stanza import CLIENT
from xmpp_im_core.testing.acts import REMOTE, Act, Connects, Disconnects, GetsRoster, xml_of
from xmpp_im_core.testing.comparison import Observation, System
from xmpp_im_core.testing.normal_form import FREE

Json: TypeAlias = "str | bool | Sequence[Json] | dict[str, Json]"


def observed(system: System, acts: Iterable[Act]) -> tuple[Observation, ...]:
    """Let a system perform these acts, and return the observation after each act."""
    seen: list[Observation] = []
    for act in acts:
        system.feed(act)
        seen.append(system.observe())
    return tuple(seen)


def to_scenario(
    acts: Sequence[Act],
    expected: Sequence[Observation],
    *,
    title: str,
    rfc: Sequence[str] = ("6121",),
    features: Sequence[str] = ("offline", "preapproval"),
    in_order: bool = False,
) -> dict[str, Json]:
    """Write a trace as a scenario: what clients do, and what each client then receives.

    At the end each user with a connected client requests the roster, so that the rosters are compared too.

    :param acts: the trace. It begins with empty rosters and no sessions.
    :param expected: the expected observation after each act.
    :param title: the title of the vector.
    :param rfc: the sections that the vector shows, such as "6121 3.1.2".
    :param features: the features that a server needs to run the vector.
    :param in_order: whether each client must receive its stanzas in this order; otherwise any order is right.
    :return: the content of the vector's JSON file.
    """
    steps: list[Json] = []
    connected: list[str] = []
    for act, seen in zip(acts, expected, strict=True):
        steps += [_doing(act), *_seeing(seen, in_order)]
        if isinstance(act, Connects):
            connected.append(act.client)
        elif isinstance(act, Disconnects):
            connected.remove(act.client)
    steps += _asking(connected, expected[-1])
    users = sorted(
        {act.user for act in acts if not act.is_remote} | {user for seen in expected for user in seen.rosters}
    )
    return {
        "title": title,
        "rfc": list(rfc),
        "level": "peer",
        "features": list(features),
        "accounts": {user: {} for user in users},
        "steps": steps,
    }


def _doing(act: Act) -> Json:
    if isinstance(act, Connects):
        return {"connect": act.client}
    if isinstance(act, Disconnects):
        return {"disconnect": {"jid": act.client, "how": "clean" if act.clean else "abrupt"}}
    if act.is_remote:
        return {"remote_send": xml_of(act) or ""}
    return {"send": {"from": act.client, "xml": xml_of(act) or ""}}


def _seeing(seen: Observation, in_order: bool) -> list[Json]:
    steps: list[Json] = []
    for client, stanzas in seen.received.items():
        steps += [_receiving(client, [each]) for each in stanzas] if in_order else [_receiving(client, stanzas)]
    return steps


def _receiving(client: str, stanzas: Sequence[Element]) -> Json:
    written = [write_element(each).decode() for each in stanzas]
    what: dict[str, Json] = {"xml": written[0]} if len(written) == 1 else {"any_order": written}
    return {"remote_receive": what} if client == REMOTE else {"receive": {"at": client, **what}}


def _asking(connected: Iterable[str], last: Observation) -> list[Json]:
    steps: list[Json] = []
    asked: set[str] = set()
    for client in connected:
        act = GetsRoster(client)
        if act.user in asked or act.user not in last.rosters:
            continue
        asked.add(act.user)
        attributes = {"type": "result", "to": FREE, "from": f"{{opt:{act.user}}}"}
        steps += [_doing(act), _receiving(client, [element("iq", CLIENT, attributes, [last.rosters[act.user]])])]
    return steps
