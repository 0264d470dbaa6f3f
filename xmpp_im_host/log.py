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
