"""A test of many cases runs each of them, and a failure names its case."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import one_test
from tests.one_test import SHOWN, in_one_test

Test = Callable[..., None]


def notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def test_each_case_runs_once_in_their_order() -> None:
    seen: list[tuple[int, str]] = []

    @in_one_test(("number", "text"), [(1, "a"), pytest.param(2, "b", id="second")])
    def run(number: int, text: str) -> None:
        seen.append((number, text))

    run()

    assert seen == [(1, "a"), (2, "b")]


def test_decorators_multiply() -> None:
    seen: list[tuple[int, str]] = []

    @in_one_test("number", [1, 2])
    @in_one_test("text", ["a", "b"])
    def run(number: int, text: str) -> None:
        seen.append((number, text))

    run()

    assert seen == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


def test_other_arguments_are_those_of_fixtures_and_marks_stay() -> None:
    @pytest.mark.slow
    @in_one_test("number", [1, 2])
    @pytest.mark.rfc6121("3.1.2", quote="...")
    def run(number: int, tmp_path: Path) -> None:
        assert tmp_path == Path("/")

    run(tmp_path=Path("/"))

    assert list(inspect.signature(run).parameters) == ["tmp_path"]
    assert {mark.name for mark in vars(run)["pytestmark"]} == {"slow", "rfc6121"}
    assert run.__name__ == "run"


def failing(ids: Callable[[int], str] | list[str] | None = None) -> Test:
    @in_one_test("number", range(30), ids=ids)
    @in_one_test("text", ["a"])
    def run(number: int, text: str) -> None:
        assert number != 17

    return run


@pytest.mark.parametrize(
    ("ids", "name"), [(None, "a-17"), (hex, "a-0x11"), ([f"n{number}" for number in range(30)], "a-n17")]
)
def test_one_failure_is_raised_with_the_name_of_its_case(ids: list[str] | None, name: str) -> None:
    with pytest.raises(AssertionError, match="!= 17") as raised:
        failing(ids)()

    assert notes(raised.value) == [f"in the case [{name}]"]


def test_every_failure_is_named_and_the_first_ones_are_shown() -> None:
    @in_one_test("number", range(30))
    def run(number: int) -> None:
        if number == 3:
            pytest.fail("by hand")
        assert number % 2

    with pytest.raises(BaseExceptionGroup, match="16 of 30 cases failed") as raised:
        run()

    named = [note for error in raised.value.exceptions for note in notes(error)]
    assert named == [f"in the case [{number}]" for number in (0, 2, 3, 4, 6, 8, 10, 12, 14, 16)]
    assert len(named) == SHOWN
    assert notes(raised.value) == [f"also in the case [{number}]" for number in (18, 20, 22, 24, 26, 28)]


def test_no_case_is_left_out() -> None:
    @in_one_test("number", [1])
    def skipping(number: int) -> None:
        pytest.skip("not here")

    with pytest.raises(RuntimeError, match=r"one case cannot be skipped: \[1\]"):
        skipping()
    with pytest.raises(ValueError, match="one case cannot be marked"):
        in_one_test("number", [pytest.param(1, marks=pytest.mark.slow)])
    with pytest.raises(ValueError, match="there is no case of number"):
        in_one_test("number", [])
    with pytest.raises(TypeError, match="does not take all of text, number, other"):
        in_one_test("other", [1])(failing())


def test_each_case_can_be_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_test, "APART", True)

    @in_one_test("number", [1, 2], ids=["one", "two"])
    def run(number: int) -> None:
        """Its cases are pytest's."""

    (mark,) = vars(run)["pytestmark"]
    assert (mark.name, mark.args, mark.kwargs) == ("parametrize", ("number", [1, 2]), {"ids": ["one", "two"]})
    assert list(inspect.signature(run).parameters) == ["number"]
