"""The findings of a target: how many steps it took, and each exception with what reproduces it."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from attrs import define, field


@define
class Findings:
    """The steps and exceptions of one target."""

    steps: int = 0
    exceptions: list[str] = field(factory=list)

    def attempt(self, step: Callable[[], object], where: str) -> bool:
        """Take a step. If it raises an exception, keep the exception; return whether it did.

        :param where: how to repeat the step.
        """
        self.steps += 1
        try:
            step()
        except Exception:
            self.exceptions.append(f"{traceback.format_exc()}\n{where}")
            return True
        return False
