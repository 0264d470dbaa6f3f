"""The log: each entry is an event and its fields. It names accounts and addresses; never bodies or credentials."""

from __future__ import annotations

import logging
from typing import Final

LOGGER: Final = logging.getLogger("xmpp_im_host")


def log(level: int, event: str, **fields: object) -> None:
    """Log an event.

    :param event: what happened, in a few constant words; whatever varies belongs in the fields.
    """
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, event, extra={"fields": fields})


def failure(event: str, error: BaseException, **fields: object) -> None:
    """Log an error that the program does not expect, with its traceback."""
    LOGGER.error(event, exc_info=error, extra={"fields": fields})


class Outage:
    """Logs when something begins to fail, and when it works again; not each of thousands of failures."""

    def __init__(self, fails: str, works: str, **fields: object) -> None:
        """Begin with something that works.

        :param fails: the event that is logged when it begins to fail, with the reason.
        :param works: the event that is logged when it works again.
        """
        self._fails, self._works, self._fields = fails, works, fields
        self._failing = False

    def note(self, error: Exception | None) -> None:
        """Note what the last attempt raised; None if it succeeded."""
        if error is not None and not self._failing:
            log(logging.ERROR, self._fails, **self._fields, reason=str(error))
        elif error is None and self._failing:
            log(logging.WARNING, self._works, **self._fields)
        self._failing = error is not None
