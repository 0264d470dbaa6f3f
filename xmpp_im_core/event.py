"""What every event carries, of a server or a client: its time, and a number of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum

import attrs
from attrs import field, frozen


def _aware(_: object, attribute: attrs.Attribute[datetime], value: datetime) -> None:
    if value.utcoffset() is None:
        raise ValueError(f"{attribute.name}: {value!r} is naive; an aware datetime is needed")
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{attribute.name}: {value!r} is no time in UTC") from None


def not_empty(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    """Refuse an empty string: a validator of event fields."""
    if not value:
        raise ValueError(f"{attribute.name}: must not be empty")


@frozen
class Timed:
    """When it happened, and a string that the host never repeats; generated ids begin with it.

    :raises ValueError: for an ``at`` that is naive, or beyond the ends of time in UTC, and for an empty ``seq``.
    """

    at: datetime = field(validator=_aware)
    seq: str = field(validator=not_empty)


class Decision(Enum):
    """An answer to a subscription request that comes with the event, so that no log lacks it (RFC 6121 §3.1.3)."""

    ASK = "ask"
    """None: the user is asked."""
    APPROVE = "approve"
    DENY = "deny"
