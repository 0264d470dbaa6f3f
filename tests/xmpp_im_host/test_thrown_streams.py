"""Mutated streams over sockets leave no traceback and no leak; ``python -m fuzz.thrown_streams`` runs longer."""

from __future__ import annotations

from fuzz.thrown_streams import throw


def test_thrown_streams_leave_nothing_behind() -> None:
    figures = throw(2, seed=1, at_once=10)

    assert figures.wrong == []
    assert figures.streams > 0
    assert figures.bytes_read > 0
