"""Scripts for the twin: what users, operators and misfortune do, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final, TypeAlias, TypeVar

from attrs import evolve, frozen

from tests.xmpp_im_host.cluster.world import FAULTS, SLOTS, USERS, Outcome, World

T = TypeVar("T")
Action: TypeAlias = tuple[Any, ...]
"""The name of a method of the world, and its arguments."""

PAUSES: Final = (0.0, 0.002, 0.05, 0.5, 3.0)


@frozen
class Script:
    """What decides a run."""

    seed: int
    """It decides latencies, and whether the calls that are under way at a crash are done."""
    nodes: int
    disorder: int
    """How many places an entry may be before one that was committed earlier."""
    plan: tuple[tuple[int, Outcome], ...]
    actions: tuple[Action, ...]


def play(script: Script) -> World:
    """Play a script, and check what must hold in the end; return the world, which has ended."""
    with World(script.seed, script.plan, script.disorder, script.nodes) as world:
        for slot in range(len(SLOTS)):
            world.enter(slot, slot)
        world.enter_component(0)
        world.wait(1.0)
        for name, *arguments in script.actions:
            getattr(world, name)(*arguments)
        world.finish()
        return world


def random_script(seed: int, length: int = 60) -> Script:
    """Draw a script."""
    chance = Random(seed)
    plan = tuple([(chance.randrange(40), chance.choice(FAULTS)) for _ in range(chance.randrange(12))])
    actions = tuple([_action(chance) for _ in range(length)])
    return Script(seed, chance.randint(1, 3), chance.choice((0, 3)), plan, actions)


def _action(chance: Random) -> Action:
    slot, user, index = chance.randrange(len(SLOTS)), chance.choice(USERS), chance.randrange(4)
    other = chance.randrange(len(SLOTS))
    common: list[Action] = [
        *[("wait", chance.choice(PAUSES))] * 6,
        *[("chat", slot, user)] * 24,
        *[("ask", slot, other)] * 8,
        *[("chat_with_component", slot), ("ask_component", slot)] * 2,
        *[("component_chats", user), ("component_asks", slot), ("show_to_component", slot)] * 2,
        ("enter_component", index),
        ("cut_component",),
        ("set_contact", slot),
        ("set_contact", slot),
        ("drop_contact", slot),
        ("show", slot),
        ("show_to", slot, user),
        *[("befriend", slot, user)] * 3,
        ("cancel", slot, user),
        *[("enter", slot, index)] * 4,
        ("leave", slot),
        ("cut", slot),
    ]
    rare: list[Action] = [
        ("crash", index),
        ("stop", index),
        ("go_on",),
        ("join",),
        ("leave_node", index),
        ("weigh", index, chance.choice((0.0, 0.5, 1.0, 4.0))),
        ("drain", index),
        ("undrain", index),
        ("outage", chance.choice((0.5, 4.0))),
        ("remove", user),
        ("leave_component",),
    ]
    return chance.choice(common if chance.random() < 0.85 else rare)


def fails(script: Script) -> str:
    """Return what is wrong with a run; empty if all is well."""
    try:
        play(script)
    except Exception as error:
        return str(error) or repr(error)
    return ""


def smallest(script: Script) -> Script:
    """Leave out what a failing script does not need."""
    script = evolve(script, actions=_fewest(script.actions, lambda parts: bool(fails(evolve(script, actions=parts)))))
    return evolve(script, plan=_fewest(script.plan, lambda parts: bool(fails(evolve(script, plan=parts)))))


def _fewest(parts: tuple[T, ...], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    size = max(1, len(parts) // 2)
    while size:
        at = 0
        while at < len(parts):
            fewer = (*parts[:at], *parts[at + size :])
            if fails(fewer):
                parts = fewer
            else:
                at += size
        size //= 2
    return parts
