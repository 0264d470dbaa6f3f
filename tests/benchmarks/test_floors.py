"""The floor of a step makes what the step makes, and what the benchmarks measure is not a refusal."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from benchmarks.documents import MESSAGE
from benchmarks.floors import floor, twin
from benchmarks.groups.steps import Step, client_steps, server_steps
from benchmarks.scenes import NOON
from tests.one_test import in_one_test
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.server import Inbound
from xmpp_im_core.stanza import IQ, Message, Presence

STEPS = [
    *[pytest.param(step, id=f"server: {name}") for name, step in server_steps(large=False).items()],
    *[pytest.param(step, id=f"client: {name}") for name, step in client_steps().items()],
]


def plain(value: Any) -> Any:
    """Return a value with records as names and fields, so that a record and its twin are equal."""
    if attrs.has(type(value)):
        names = [each.name for each in attrs.fields(type(value)) if each.init]
        return type(value).__name__, [plain(getattr(value, name)) for name in names]
    if isinstance(value, FrozenMap):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return type(value), [plain(each) for each in value]
    return value


def stanzas(result: Any) -> list[Message | Presence | IQ]:
    found = [getattr(effect, "stanza", None) for effect in result.effects]
    return [each for each in found if isinstance(each, Message | Presence | IQ)]


@pytest.mark.parametrize("step", STEPS)
def test_the_floor_of_a_step_makes_its_result(step: Step) -> None:
    result = step.reducer(step.state, step.event)

    code, names = floor(result, step.state, step.event)

    assert plain(eval(code, dict(names))) == plain(result)


@in_one_test("step", STEPS)
def test_the_floor_of_a_step_neither_checks_nor_decides(step: Step) -> None:
    _, names = floor(step.reducer(step.state, step.event), step.state, step.event)

    for each in [value for value in names.values() if callable(value)]:
        assert isinstance(each, type)
        assert not attrs.has(each) or all(field.validator is None for field in attrs.fields(each))


@in_one_test("step", STEPS)
def test_no_step_that_is_measured_is_a_refusal(step: Step) -> None:
    assert [stanza for stanza in stanzas(step.reducer(step.state, step.event)) if stanza.type == "error"] == []


def test_what_was_there_before_is_not_made_again() -> None:
    map = FrozenMap({f"key{number}": (str(number),) for number in range(100)})
    changed = map.set("key7", ("new",))

    code, names = floor((changed, map), map)

    assert code.count(".set(") == 1
    assert list(names.values()).count(map) == 2
    assert eval(code, dict(names)) == (changed, map)


def test_a_twin_takes_what_the_record_refuses() -> None:
    with pytest.raises(TypeError):
        Inbound(NOON, "e1", "a text")  # type: ignore[arg-type]

    assert twin(Inbound)(NOON, "e1", "a text", None).stanza == "a text"


def test_the_message_of_one_e_has_306_bytes() -> None:
    assert len(MESSAGE) == 306
