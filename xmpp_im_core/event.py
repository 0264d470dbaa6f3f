"""The fields that every event of a server or a client has: its time and its unique string."""

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
        raise ValueError(f"{attribute.name}: {value!r} is outside the times that UTC can express") from None


@frozen
class Timed:
    """The base of all events.

    :raises ValueError: if ``at`` is naive or outside the times that UTC can express, or ``seq`` is empty.
    :raises TypeError: here and in every event, if a field has a wrong type.
    """

    at: datetime = field(validator=_aware)
    """When it happened."""
    seq: str = field(validator=not_empty)
    """A string that the host never uses for another event. Ids that the core generates begin with it."""


class Decision(Enum):
    """A decision on a subscription request (RFC 6121 §3.1.3). The event holds it, so every log contains it."""

    ASK = "ask"
    """No decision: the user is asked."""
    APPROVE = "approve"
    DENY = "deny"
