"""Records: values that nothing changes. The tests run with the guard; users run without it, and get the same values."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from attrs import define
from attrs import field as record_field
from attrs.exceptions import FrozenInstanceError
from attrs.validators import instance_of

from xmpp_im_core import record
from xmpp_im_core.element import Element
from xmpp_im_core.server.events import Inbound
from xmpp_im_core.server.state import Moved

_UNGUARDED = """
from xmpp_im_core.element import Element
from xmpp_im_core.server import Moved

one, same, other = Element("a", "n"), Element("a", "n"), Element("b", "n")
assert one == same and hash(one) == hash(same) and one != other
assert not hasattr(one, "__dict__")
one.name = "b"
assert one == other
try:
    Moved("romeo@remote.example", 1)
except TypeError as error:
    print(error)
"""


def test_the_tests_run_with_the_guard_on() -> None:
    element = Element("a", "n")

    assert record.GUARDED
    with pytest.raises(FrozenInstanceError):
        element.name = "b"  # type: ignore[misc]
    with pytest.raises(TypeError, match="permanently"):
        Moved("romeo@remote.example", 1)  # type: ignore[arg-type]


def test_without_the_guard_a_record_is_compared_hashed_and_checked_alike() -> None:
    done = subprocess.run([sys.executable, "-c", _UNGUARDED], capture_output=True, text=True, check=True)

    assert "permanently" in done.stdout


@pytest.mark.parametrize("first", [hash, lambda one: one == one.__class__("a")], ids=["hash", "equality"])
def test_an_interrupt_at_the_first_comparison_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, first: Callable[[Any], object]
) -> None:
    @record.record
    class Named:
        name: str

    def interrupted(cls: type[Any]) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(record, "_comparing", interrupted)
        with pytest.raises(KeyboardInterrupt):
            first(Named("a"))

    assert Named("a") == Named("a") != Named("b")


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("first", [hash, lambda one: one == one.__class__("a")], ids=["hash", "equality"])
def test_comparisons_are_compiled_when_one_is_needed(
    monkeypatch: pytest.MonkeyPatch, guarded: bool, first: Callable[[Any], object]
) -> None:
    monkeypatch.setattr(record, "GUARDED", guarded)

    @record.record
    class Base:
        name: str
        cached: int = record_field(default=0, eq=False)

    @record.record
    class Derived(Base):
        more: str = ""

    @record.record
    class Empty:
        pass

    before = [vars(each)["__eq__"] for each in (Base, Derived, Empty)]
    first(Derived("a"))
    after = [vars(each)["__eq__"] for each in (Base, Derived, Empty)]

    assert [old is not new for old, new in zip(before, after, strict=True)] == [False, True, False]
    assert Base("a", 1) == Base("a", 2) != Base("b", 1)
    assert hash(Base("a", 1)) == hash(Base("a", 2)) != hash(Base("b", 1))
    assert Derived("a", 1, "b") == Derived("a", 2, "b") != Derived("a", 1, "c")
    assert (Base("a") == Derived("a")) is False
    other: object = "a"
    assert (Derived("a") == other) is False
    assert Empty() == Empty()
    assert {Empty(): 1}[Empty()] == 1


@pytest.mark.parametrize("guarded", [False, True])
def test_a_record_that_is_not_compared_by_its_fields_is_itself(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    monkeypatch.setattr(record, "GUARDED", guarded)

    @record.record(eq=False)
    class Thing:
        name: str

    thing = Thing("a")

    assert thing != Thing("a")
    assert {thing: 1}[thing] == 1


def test_an_unchecked_constructor_makes_the_same_record_without_its_validators(monkeypatch: pytest.MonkeyPatch) -> None:
    assert record.unchecked(Inbound) is Inbound

    monkeypatch.setattr(record, "GUARDED", False)

    @record.record
    class Checked:
        number: int = record_field(validator=instance_of(int))
        text: str = "none"

    made = record.unchecked(Checked)

    assert made(1) == Checked(1)
    assert made(1, "one") == Checked(1, "one")
    assert made("1").number == "1"  # type: ignore[arg-type,comparison-overlap]


@pytest.mark.parametrize("guarded", [False, True])
def test_a_cache_of_a_record_is_filled_in_with_and_without_the_guard(
    monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    monkeypatch.setattr(record, "GUARDED", guarded)

    @record.record
    class Text:
        text: str
        length: int | None = record_field(default=None, init=False, eq=False)
        first: str | None = record_field(default=None, init=False, eq=False)

    assign = record.assigner(Text, "length", "first")
    text = Text("abc")
    assign(text, 3, "a")

    assert (text.length, text.first) == (3, "a")
    assert text == Text("abc")


def _shouted(text: str) -> str:
    return text.upper()


@pytest.mark.parametrize("guarded", [False, True])
def test_a_record_is_made_from_some_of_its_fields(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    monkeypatch.setattr(record, "GUARDED", guarded)

    @record.record
    class Text:
        text: str = record_field(converter=_shouted)
        length: int = record_field()
        first: str | None = record_field(default="f", init=False)

    made = record.maker(Text, "text", absent=("first",))("abc")

    assert type(made) is Text
    assert (made.text, made.first) == ("abc", None)
    assert not hasattr(made, "length")


@pytest.mark.parametrize("guarded", [False, True])
def test_a_record_is_shown_as_attrs_shows_it(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    monkeypatch.setattr(record, "GUARDED", guarded)

    class Both:
        name: str
        secret: str = record_field(default="x", repr=False)
        inner: object = None

    class Own:
        name: str

        def __repr__(self) -> str:
            return f"<{self.name}>"

    ours: Any = record.record(Both)
    theirs: Any = define(Both)
    own: Any = record.record(Own)
    quiet: Any = record.record(repr=False)(Own)

    assert repr(ours("a", "b", ours("c"))) == repr(theirs("a", "b", theirs("c")))
    assert repr(ours("a")).endswith("Both(name='a', inner=None)")
    assert repr(own("a")) == repr(quiet("a")) == "<a>"
