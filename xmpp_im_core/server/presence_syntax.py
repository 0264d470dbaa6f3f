"""What the children of a client's presence must look like (RFC 6121 §4.7.2).

Only the user's own clients are held to it: what arrives from elsewhere is passed on as it is, since no
sentence of the RFC lets a server refuse it, and ``Presence.priority`` copes with anything.
"""

from __future__ import annotations

from typing import Final

from xmpp_im_core.element import XML_LANG, Element
from xmpp_im_core.stanza import Presence, read_priority

SHOWS: Final = frozenset({"away", "chat", "dnd", "xa"})
"""The texts that ``<show/>`` may have (§4.7.2.1)."""


def breaks_syntax(presence: Presence) -> bool:
    """Whether ``<show/>``, ``<status/>`` or ``<priority/>`` of available or unavailable presence break §4.7.2."""
    content = presence.payload
    shows, statuses, priorities = content.all("show"), content.all("status"), content.all("priority")
    if any(child.elements for child in (*shows, *statuses, *priorities)):
        return True  # "MUST NOT contain mixed content"
    if presence.type == "unavailable" and (shows or priorities):
        return True  # they qualify availability (§4.7.2)
    return (
        _wrong_show(shows)
        or len(priorities) > 1
        or any(read_priority(child.text) is None for child in priorities)
        or _same_language(statuses, presence.lang)
    )


def _wrong_show(shows: tuple[Element, ...]) -> bool:
    return len(shows) > 1 or any(show.text not in SHOWS for show in shows)


def _same_language(statuses: tuple[Element, ...], inherited: str | None) -> bool:
    """Whether two statuses are in one language, stated or inherited (§4.7.2.2). Languages have no case."""
    languages = [(status.get(XML_LANG) or inherited or "").lower() for status in statuses]
    return len(set(languages)) < len(languages)
