"""What a target came to: how many steps it took, and each exception with what led to it."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from attrs import define, field


@define
class Findings:
    """The figures of one target."""

    steps: int = 0
    exceptions: list[str] = field(factory=list)

    def attempt(self, step: Callable[[], object], where: str) -> bool:
        """Take a step; return whether it raised, and keep the exception then.

        :param where: says how to take the step again.
        """
        self.steps += 1
        try:
            step()
        except Exception:
            self.exceptions.append(f"{traceback.format_exc()}\n{where}")
            return True
        return False
