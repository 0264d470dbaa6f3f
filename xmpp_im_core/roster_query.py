"""The ``<query/>`` of a roster result or push, whose items are built when somebody asks for them (RFC 6121 §2.1.1).

A roster result can have thousands of items, and most results are only written. So the result keeps the contacts, and
the codec writes them without building elements (:mod:`xmpp_im_core.codec.roster_writer`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xmpp_im_core.element import Element, size
from xmpp_im_core.stanza import ROSTER, Payload, unread_payload

if TYPE_CHECKING:
    from xmpp_im_core.roster import Contact


def roster_content(items: tuple[Contact, ...], ver: str | None) -> Payload:
    """Return the payload of a roster result or push.

    :param items: the contacts, in the order in which their items are written.
    :param ver: the version of the roster (§2.6); None without versioning.
    """
    return unread_payload(RosterQuery(items, ver))


class RosterQuery:
    """The ``<query/>``: an :class:`~xmpp_im_core.payload_cache.Unread`."""

    __slots__ = ("items", "ver")

    def __init__(self, items: tuple[Contact, ...], ver: str | None) -> None:
        self.items = items
        self.ver = ver

    def element(self) -> Element:
        """Build the ``<query/>``."""
        attributes = () if self.ver is None else (("ver", self.ver),)
        return Element("query", ROSTER, attributes, tuple([contact.item() for contact in self.items]))

    def children(self) -> tuple[Element]:
        """Build the children of the payload."""
        return (self.element(),)

    def has(self, name: str, namespace: str) -> bool:
        """Whether there is a child element with this name and this namespace."""
        return name == "query" and namespace == ROSTER

    def namespaces(self) -> set[str]:
        """Return the namespace of the ``<query/>``."""
        return {ROSTER}

    def text_of(self, name: str, namespace: str) -> str | None:
        """Return the text of the ``<query/>``, which has none, if it has this name and this namespace."""
        return "" if self.has(name, namespace) else None

    def size(self) -> int:
        """Return the size of the ``<query/>``."""
        return size(self.element())

    def text(self) -> None:
        """Return None: the codec writes the contacts."""
        return
