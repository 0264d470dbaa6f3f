"""Exceptions of the core: it promises to raise none, whatever clients and servers do, so one is a finding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from typing import Final

_CORE: Final = "xmpp_im_core."
_TESTING: Final = "xmpp_im_core.testing."


class Crashed(Exception):
    """The core has raised; the message says what, and what has happened to raise it is its cause.

    :param where: the function of the core that was called last.
    """

    def __init__(self, problem: Exception, where: str) -> None:
        super().__init__(f"{type(problem).__name__} in {where}: {problem}")
        self.like = (type(problem), where)
        """What two crashes have in common that are the same."""


@contextmanager
def telling_crashes() -> Iterator[None]:
    """Distinguish what the core raises from every other exception.

    :raises Crashed: if something is raised in the core, or by what it calls.
    """
    try:
        yield
    except Exception as problem:
        where = _where(problem)
        if where is None:
            raise
        raise Crashed(problem, where) from problem


def _where(problem: Exception) -> str | None:
    """Return the function of the core that was called last when this was raised; None if none was."""
    named = [
        (frame.f_globals.get("__name__", ""), frame.f_code.co_qualname) for frame, _ in walk_tb(problem.__traceback__)
    ]
    core = [
        f"{module}.{name}" for module, name in named if module.startswith(_CORE) and not module.startswith(_TESTING)
    ]
    return core[-1] if core else None
