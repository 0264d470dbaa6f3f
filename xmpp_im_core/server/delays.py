"""The stamp of a delayed stanza: when it came, and who says so (XEP-0203)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.stanza import Message, payload

DELAY: Final = "urn:xmpp:delay"


def delay(at: datetime, by: str) -> Element:
    """Return the stamp of a delayed stanza (XEP-0203): UTC, to the second."""
    stamp = at.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()
    return element("delay", DELAY, {"from": by, "stamp": f"{stamp}Z"})


def delayed(message: Message, at: datetime, domain: str) -> Message:
    """Return a message as it is stored: with the time at which it came, unless it has a stamp of this domain."""
    children = message.payload.children
    if any(_stamped_by(child, domain) for child in children):  # it was stored before
        return message
    return _carrying(message, *children, delay(at, domain))


def without_forged_stamps(message: Message, domain: str) -> Message:
    """Take out the stamps in the server's own name that a message brought: nobody else makes those (XEP-0203 §5)."""
    if message.payload.first("delay", DELAY) is None:
        return message
    return _carrying(message, *[child for child in message.payload.children if not _stamped_by(child, domain)])


def _stamped_by(child: Element | str, domain: str) -> bool:
    if isinstance(child, str) or (child.name, child.namespace) != ("delay", DELAY):
        return False
    by = parse_address(child.get("from") or "")
    return isinstance(by, Address) and by.jid.local is None and by.jid.domain == domain


def _carrying(message: Message, *children: Element | str) -> Message:
    """Return the message with other children."""
    return copied(message, payload=payload(*children))
