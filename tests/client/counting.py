"""How much work a call is: counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


class Looked(str):
    """A string that counts how often a string like it is hashed or compared. Collections of C are seen by that."""

    __slots__ = ()
    times = 0

    def __hash__(self) -> int:
        Looked.times += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        Looked.times += 1
        return super().__eq__(other)

    def __lt__(self, other: str) -> bool:
        Looked.times += 1
        return super().__lt__(other)


def looks(call: Callable[[], object]) -> int:
    """Return how often a call hashes or compares strings of the class ``Looked``."""
    before = Looked.times
    call()
    return Looked.times - before


def work(call: Callable[[], object]) -> int:
    """Return how many instructions of Python's a call takes: the same each time, on any machine."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def calls(call: Callable[[], object], *functions: Callable[..., Any]) -> int:
    """Return how often a call runs these functions, which are written in Python."""
    codes = [function.__code__ for function in functions]
    return _frames(call, lambda frame: frame.f_code in codes)


def copies(call: Callable[[], object], cls: type[Any]) -> int:
    """Return how often a call copies a record of this class by ``copied``."""
    return _frames(call, lambda frame: frame.f_code.co_name == "copy" and frame.f_globals.get("cls") is cls)


def _frames(call: Callable[[], object], counts: Callable[[FrameType], bool]) -> int:
    count = 0

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call" and counts(frame)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before)
    return count
