"""One test that runs very many quick cases.

pytest needs about two milliseconds to collect, run and report a test, whatever the test does. Where dozens of cases
take less than that, ``in_one_test`` takes the place of ``pytest.mark.parametrize``: the same cases run, in one test.
Each case runs, also after another one has failed, and each failure names its case.

With ``CASES=apart`` in the environment each case is a test again, which ``-k`` can choose.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from itertools import product
from typing import Any, Final

import attrs
import pytest

APART: Final = os.environ.get("CASES") == "apart"

SHOWN: Final = 10
"""How many failures of a test are shown in full. Of the others the case is named."""

Test = Callable[..., None]
Ids = Callable[[Any], object] | Iterable[str | None] | None


def in_one_test(names: str | Sequence[str], values: Iterable[Any], ids: Ids = None) -> Callable[[Test], Test]:
    """Let one test run with each of the values. The arguments are those of ``pytest.mark.parametrize``."""
    values = list(values)
    ids = ids if ids is None or callable(ids) else list(ids)
    if APART:
        return pytest.mark.parametrize(names, values, ids=ids)
    split = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    if not values:
        raise ValueError(f"there is no case of {', '.join(split)}")
    return functools.partial(_decorated, cases=[_case(split, value, n, ids) for n, value in enumerate(values)])


@attrs.frozen
class _Case:
    arguments: dict[str, Any]
    name: Callable[[], str]
    """Only a failure needs it."""

    def and_(self, other: _Case) -> _Case:
        return _Case(self.arguments | other.arguments, lambda: f"{self.name()}-{other.name()}")


@attrs.frozen
class _Cases:
    """What another decorator needs to know of a test that has been decorated."""

    test: Test
    cases: Sequence[_Case]


def _decorated(test: Test, cases: Sequence[_Case]) -> Test:
    inner = getattr(test, "cases", None)
    if isinstance(inner, _Cases):
        test, cases = inner.test, [second.and_(first) for first, second in product(cases, inner.cases)]
    signature = inspect.signature(test)
    given = cases[0].arguments.keys()
    if given - signature.parameters.keys():
        raise TypeError(f"{test.__name__} does not take all of {', '.join(given)}")

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        _raise(list(_failures(test, cases, fixtures)), len(cases))

    others = [parameter for name, parameter in signature.parameters.items() if name not in given]
    vars(run).update(cases=_Cases(test, cases), __signature__=signature.replace(parameters=others))
    return run


def _failures(test: Test, cases: Iterable[_Case], fixtures: dict[str, Any]) -> Iterator[tuple[_Case, BaseException]]:
    for case in cases:
        try:
            test(**case.arguments, **fixtures)
        except pytest.skip.Exception as skipped:
            raise RuntimeError(f"one case cannot be skipped: [{case.name()}]") from skipped
        except (Exception, pytest.fail.Exception) as failure:
            failure.add_note(f"in the case [{case.name()}]")
            yield case, failure


def _raise(failures: Sequence[tuple[_Case, BaseException]], tried: int) -> None:
    if len(failures) == 1:
        raise failures[0][1]
    if failures:
        group = BaseExceptionGroup(f"{len(failures)} of {tried} cases failed", [each for _, each in failures[:SHOWN]])
        for case, _ in failures[SHOWN:]:
            group.add_note(f"also in the case [{case.name()}]")
        raise group


def _case(names: Sequence[str], value: Any, index: int, ids: Ids) -> _Case:
    if not isinstance(value, type(pytest.param())):
        value = pytest.param(*value) if len(names) > 1 else pytest.param(value)
    if value.marks:
        raise ValueError("one case cannot be marked")
    given = value.id or (ids[index] if isinstance(ids, list) else None)
    arguments = dict(zip(names, value.values, strict=True))
    if given is not None:
        return _Case(arguments, lambda: str(given))
    return _Case(arguments, lambda: "-".join(_name(name, each, index, ids) for name, each in arguments.items()))


def _name(name: str, argument: Any, index: int, ids: Ids) -> str:
    told = ids(argument) if callable(ids) else None
    if told is not None:
        return str(told)
    if isinstance(argument, (str, bytes, int, float, Enum, type(None))):
        return str(argument)
    found = getattr(argument, "__name__", None)
    return found if isinstance(found, str) else f"{name}{index}"
