"""What the children of a client's presence must look like (RFC 6121 §4.7.2).

This applies only to the user's own clients. Presence from elsewhere is passed on unchanged: the RFC does not allow a
server to refuse it, and ``Presence.priority`` accepts any text.
"""

from __future__ import annotations

from typing import Final

from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element, language_key, language_of
from xmpp_im_core.stanza import CLIENT, Presence, payload, read_priority

SHOWS: Final = frozenset({"away", "chat", "dnd", "xa"})
"""The texts that ``<show/>`` may have (§4.7.2.1)."""


def breaks_syntax(presence: Presence) -> bool:
    """Whether ``<show/>``, ``<status/>`` or ``<priority/>`` of available presence break §4.7.2."""
    content = presence.payload
    shows, statuses, priorities = content.all("show"), content.all("status"), content.all("priority")
    if any(child.elements for child in (*shows, *statuses, *priorities)):
        return True  # "MUST NOT contain mixed content"
    return (
        _wrong_show(shows)
        or len(priorities) > 1
        or any(read_priority(child.text) is None for child in priorities)
        or _same_language(statuses, presence.lang)
    )


def leaving(presence: Presence) -> Presence:
    """Return unavailable presence without children that break the syntax; it is never refused (§4.5.2).

    ``<show/>`` and ``<priority/>`` are for available presence only (§4.7.2). Of several statuses in one language the
    first one stays.
    """
    languages: set[str] = set()
    kept: list[Element | str] = []
    for child in presence.payload.children:
        if isinstance(child, str) or child.namespace != CLIENT or child.name not in ("show", "priority", "status"):
            kept.append(child)
        elif child.name == "status" and not child.elements:
            language = _language(child, presence.lang)
            if language not in languages:
                kept.append(child)
            languages.add(language)
    if len(kept) == len(presence.payload.children):
        return presence
    return copied(presence, payload=payload(*kept))


def _wrong_show(shows: tuple[Element, ...]) -> bool:
    return len(shows) > 1 or any(collapsed(show.text) not in SHOWS for show in shows)


def collapsed(text: str) -> str:
    """Return a text of XML Schema's type NMTOKEN without the white space around it (Appendix D.1)."""
    return text.strip(" \t\r\n")


def _same_language(statuses: tuple[Element, ...], inherited: str | None) -> bool:
    """Whether two statuses are in one language, stated or inherited (§4.7.2.2)."""
    languages = [_language(status, inherited) for status in statuses]
    return len(set(languages)) < len(languages)


def _language(status: Element, inherited: str | None) -> str:
    """Return the language of a status, stated or inherited, in the form that is compared."""
    return language_key(language_of(status, inherited))
