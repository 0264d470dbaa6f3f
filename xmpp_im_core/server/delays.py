"""Stamps of delayed stanzas: the time of arrival, and the entity that states it (XEP-0203)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.stanza import Message, payload

DELAY: Final = "urn:xmpp:delay"


def delay(at: datetime, by: str) -> Element:
    """Return the stamp of a delayed stanza, in UTC and with full seconds (XEP-0203)."""
    stamp = at.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()
    return element("delay", DELAY, {"from": by, "stamp": f"{stamp}Z"})


def delayed(message: Message, at: datetime, domain: str) -> Message:
    """Return a message with a stamp of the time of its arrival, unless it has a stamp of this domain already."""
    children = message.payload.children
    if any(_stamped_by(child, domain) for child in children):  # it was stored before
        return message
    return _carrying(message, *children, delay(at, domain))


def without_forged_stamps(message: Message, domain: str) -> Message:
    """Remove the stamps of this domain from an inbound message: only the server itself adds them (XEP-0203 §5)."""
    return _carrying(message, *[child for child in message.payload.children if not _stamped_by(child, domain)])


def _stamped_by(child: Element | str, domain: str) -> bool:
    if isinstance(child, str) or (child.name, child.namespace) != ("delay", DELAY):
        return False
    by = parse_address(child.get("from") or "")
    return isinstance(by, Address) and by.jid.local is None and by.jid.domain == domain


def _carrying(message: Message, *children: Element | str) -> Message:
    """Return the message with these children."""
    return copied(message, payload=payload(*children))
