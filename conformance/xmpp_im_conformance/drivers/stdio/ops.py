"""The ops with which a scenario acts on a server: its acting steps, whose fields are the arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from xmpp_im_conformance.drivers.stdio.messages import ProtocolMessage
from xmpp_im_conformance.format.steps.acts import ACTS_OF_CLIENTS, ACTS_OF_HOSTS
from xmpp_im_conformance.format.steps.base import ActingStep
from xmpp_im_conformance.format.steps.fields import fields_of
from xmpp_im_conformance.format.worlds import World

SERVER_OPS: Final[Mapping[str, type[ActingStep]]] = {act.key: act for act in (*ACTS_OF_CLIENTS, *ACTS_OF_HOSTS)}


def request(op: str, values: Sequence[Any]) -> dict[str, object]:
    """Return the arguments of a call of the world's method as a request states them."""
    return {each.op: each.kind.write(value) for each, value in zip(fields_of(SERVER_OPS[op]), values, strict=True)}


def perform(op: str, world: World, asked: ProtocolMessage) -> None:
    """Do in a world what a request asks for."""
    act = SERVER_OPS[op]
    getattr(world, act.calls.__name__)(*[each.kind.read(asked[each.op]) for each in fields_of(act)])
