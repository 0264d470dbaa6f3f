"""Carbons: messages with a copy of another message (XEP-0280, XEP-0297). Servers make them, clients read them."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.element import Element, element
from xmpp_im_core.stanza import CLIENT, Message, Payload, from_element, payload, to_element

CARBONS: Final = "urn:xmpp:carbons:2"
FORWARD: Final = "urn:xmpp:forward:0"
_RECEIVED: Final = "received"
_SENT: Final = "sent"
DIRECTIONS: Final = (_RECEIVED, _SENT)
"""Whether another resource of the user has received or sent the copied message (XEP-0280 §6)."""


def wrap(message: Message, direction: str) -> Payload:
    """Return the payload of a carbon: a copy of this message."""
    return payload(element(direction, CARBONS, {}, [element("forwarded", FORWARD, {}, [to_element(message)])]))


def wrapper_of(message: Message) -> Element | None:
    """Return the element that makes a message a carbon; ``<private/>`` and the like do not (XEP-0280 §9)."""
    content = message.payload
    if not content.has(_RECEIVED, CARBONS) and not content.has(_SENT, CARBONS):
        return None  # as in nearly every message, whose children are not built for this
    return next(child for child in content.elements if child.namespace == CARBONS and child.name in DIRECTIONS)


def unwrap(wrapper: Element) -> Message | None:
    """Return the copied message; None if the wrapper contains none."""
    forwarded = wrapper.first("forwarded", FORWARD)
    child = None if forwarded is None else forwarded.first("message", CLIENT)
    if child is None:
        return None
    stanza = from_element(child)
    assert isinstance(stanza, Message)
    return stanza
