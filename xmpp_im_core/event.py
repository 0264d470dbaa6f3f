"""What every event carries, of a server or a client: its time, and a number of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum

import attrs
from attrs import field, frozen

from xmpp_im_core.validators import not_empty, wrong_type


def _aware(_: object, attribute: attrs.Attribute[datetime], value: datetime) -> None:
    if not isinstance(value, datetime):
        raise wrong_type(attribute.name, "an aware datetime", value)
    if value.tzinfo is UTC:
        return
    if value.utcoffset() is None:
        raise ValueError(f"{attribute.name}: {value!r} is naive; an aware datetime is needed")
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{attribute.name}: {value!r} is no time in UTC") from None


@frozen
class Timed:
    """When it happened, and a string that the host never repeats; generated ids begin with it.

    :raises ValueError: for an ``at`` that is naive, or beyond the ends of time in UTC, and for an empty ``seq``.
    :raises TypeError: here and in every event, for a field of a wrong type.
    """

    at: datetime = field(validator=_aware)
    seq: str = field(validator=not_empty)


class Decision(Enum):
    """An answer to a subscription request that comes with the event, so that no log lacks it (RFC 6121 §3.1.3)."""

    ASK = "ask"
    """None: the user is asked."""
    APPROVE = "approve"
    DENY = "deny"
