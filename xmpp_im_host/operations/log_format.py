"""The two formats of the log: text with ``key=value``, and JSON with one object in each line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from xmpp_im_host.log import LOGGER


class TextFormat(logging.Formatter):
    """``2026-01-01T20:00:00.000Z info session bound account=juliet@capulet.example``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback if there is one."""
        words = [_time(record), record.levelname.lower(), record.getMessage()]
        words += [f"{key}={_quoted(value)}" for key, value in _fields(record).items()]
        return "\n".join([" ".join(words), *_traceback(self, record)])


class JSONFormat(logging.Formatter):
    """``{"time": ..., "level": "info", "event": "session bound", "account": ...}``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        entry |= {key: value for key, value in _fields(record).items() if key not in entry}
        if found := _traceback(self, record):
            entry["traceback"] = found[0]
        return json.dumps(entry, default=str, ensure_ascii=False)


def set_up(format: str, level: str, stream: TextIO | None = None) -> None:
    """Write the log of the server to a stream, by default to the standard error output."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JSONFormat() if format == "json" else TextFormat())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "fields", {})


def _quoted(value: object) -> str:
    """Return a value in one line; a value with spaces or control characters is quoted, so that it adds no field."""
    text = str(value)
    plain = text.isprintable() and text and not any(each in text for each in ' "=\\')
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    return [formatter.formatException(record.exc_info)] if record.exc_info else []
