"""Running a vector: its steps, in order, on a fresh world. Servers and clients differ only in the world."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from contextlib import closing
from time import perf_counter
from typing import TypeAlias

from attrs import evolve

from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.format.evidence import Evidence, Mismatch, Unmet
from xmpp_im_conformance.format.placeholders import BadPlaceholder
from xmpp_im_conformance.format.steps.base import Play, ScenarioStep
from xmpp_im_conformance.format.steps.looks import SilentStep
from xmpp_im_conformance.format.vectors import MalformedFile, Scenario, Vector
from xmpp_im_conformance.format.worlds import (
    REMOTE,
    BaseWorld,
    ClientSetup,
    Driver,
    NotApplicable,
    ServerFailed,
    ServerGone,
    Setup,
)
from xmpp_im_conformance.running.outcome import Failed, Outcome, Result

Watch: TypeAlias = Callable[[Play], None]


def _unwatched(play: Play) -> None:
    """Watch nothing."""


def run_vector(vector: Vector | MalformedFile, driver: Driver, watch: Watch = _unwatched) -> Result:
    """Run a vector, in each way in which the driver plays it. No implementation under test can stop the runner.

    :param watch: is given each play before its first step.
    :return: the first result that is no success, if there is one.
    """
    if isinstance(vector, MalformedFile):
        return Result(vector, Outcome.FAILED, f"malformed vector: {vector.why}")
    result, seconds = Result(vector, Outcome.NOT_APPLICABLE, "the driver plays it in no way"), 0.0
    for way in driver.ways(vector.id, vector.scenario.setup):
        result = _run_in(way, vector, watch)
        seconds += result.seconds
        if result.outcome is not Outcome.PASSED:
            break
    return evolve(result, seconds=seconds)


def _run_in(driver: Driver, vector: Vector, watch: Watch) -> Result:
    began = perf_counter()
    plays: list[Play] = []

    def watched(play: Play) -> None:
        plays.append(play)
        watch(play)

    result = _result_of(vector, driver, watched)
    findings = dict(plays[-1].findings) if plays and result.outcome is not Outcome.NOT_APPLICABLE else {}
    return evolve(_saying(driver.way, result), findings=findings, seconds=perf_counter() - began)


def _saying(way: str, result: Result) -> Result:
    """Return a result that tells in which way the vector was played, where that is not the usual one."""
    if not way or result.outcome is Outcome.PASSED:
        return result
    evidence = result.evidence
    if evidence is not None:
        evidence = evolve(evidence, problem=f"{way}, {evidence.problem}")
    return evolve(result, detail=f"{way}, {result.detail}", evidence=evidence)


def _result_of(vector: Vector, driver: Driver, watch: Watch) -> Result:
    try:
        run_scenario(vector, driver, watch)
    except NotApplicable as reason:
        return Result(vector, Outcome.NOT_APPLICABLE, str(reason))
    except Failed as failure:
        unanswered = isinstance(failure.__cause__, ServerFailed)
        return Result(vector, Outcome.FAILED, str(failure), evidence=failure.evidence, unanswered=unanswered)
    except ServerGone as gone:
        return Result(vector, Outcome.NOT_RUN, str(gone))
    except ServerFailed as failure:
        return Result(vector, Outcome.FAILED, str(failure), unanswered=True)
    except Exception:
        return Result(vector, Outcome.FAILED, f"the implementation raised\n{traceback.format_exc()}")
    return Result(vector, Outcome.PASSED)


def run_scenario(vector: Vector, driver: Driver, watch: Watch = _unwatched) -> None:
    """Run a vector; it passes if this returns.

    :param watch: is given the play before its first step.
    :raises Failed: naming the step, what was expected, what came, and everything up to there.
    :raises NotApplicable: if the driver cannot do what the vector needs.
    :raises ServerGone: if the system under test is gone before the first step.
    """
    scenario = vector.scenario
    with closing(_world(scenario.setup, driver)) as world:
        play = Play(world)
        watch(play)
        total = len(scenario.steps)
        for number, step in enumerate(scenario.steps):
            _take(play, f"step {number + 1} of {total} ({step.key})", step, number)
        if scenario.lenient is not True:
            _take(play, "at the end", SilentStep(_looked_at(play, scenario)), total)
        missing = _missing_rules(vector.requirements, world.obeyed())
        if missing:
            raise _failed(play, missing)


def _world(setup: Setup | ClientSetup, driver: Driver) -> BaseWorld:
    try:
        return driver.client(setup) if isinstance(setup, ClientSetup) else driver.world(setup)
    except ServerGone:
        raise
    except ServerFailed as problem:
        raise Failed(Evidence(f"before the first step: {problem}")) from problem


def _looked_at(play: Play, scenario: Scenario) -> tuple[str, ...]:
    """Return where nothing may be left at the end: at each client that is connected, and at the remote domain."""
    free = scenario.lenient if isinstance(scenario.lenient, frozenset) else frozenset()
    return tuple([jid for jid in (*play.connected, REMOTE) if jid not in free])


def _take(play: Play, place: str, step: ScenarioStep, number: int) -> None:
    """Take a step.

    :param number: its index.
    :raises Failed: if what it expects does not hold, or the implementation raises.
    """
    play.place = place
    try:
        step.take(play)
    except Mismatch as mismatch:
        told = "\n".join([unmet.text(play.bindings) for unmet in mismatch.unmet])
        says = f"no branch holds\n{told}" if len(mismatch.unmet) > 1 else told
        raise _failed(play, f"{place}: {says}", number, mismatch.unmet) from mismatch
    except (BadPlaceholder, ServerFailed) as problem:
        raise _failed(play, f"{place}: {problem}", number) from problem
    except NotApplicable:
        raise
    except Exception as problem:
        raise _failed(play, f"{place}: the implementation raised\n{traceback.format_exc()}", number) from problem


def _failed(play: Play, problem: str, number: int | None = None, unmet: tuple[Unmet, ...] = ()) -> Failed:
    """Return the failure, with all that there is to show."""
    happened = "\n".join([f"  {line}" for line in play.transcript])
    untaken = {at: tuple(stanzas) for at, stanzas in play.untaken.items() if stanzas}
    return Failed(Evidence(problem, happened, number, unmet, untaken, tuple(play.told), play.bindings))


def _missing_rules(ids: Iterable[str], obeyed: frozenset[str] | None) -> str:
    """Say which requirements are not cited by any rule that was applied; empty if there are none.

    Only those of scope "core" count: the others concern the codec, hosts and user interfaces, which have no rules.
    """
    if obeyed is None:
        return ""
    missing = [id for id in ids if requirements()[id].scope == "core" and id not in obeyed]
    return f"everything came as expected, but no rule that fired cites {', '.join(missing)}" if missing else ""
