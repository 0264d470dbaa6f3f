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
    shows = priorities = 0
    languages: set[str] = set()
    for child in presence.payload.children:
        if isinstance(child, str) or child.namespace != CLIENT:
            continue
        name, text = child.name, child.text
        if name == "show":
            shows += 1
            wrong = shows > 1 or collapsed(text) not in SHOWS
        elif name == "priority":
            priorities += 1
            wrong = priorities > 1 or read_priority(text) is None
        elif name == "status":
            language = _language(child, presence.lang)
            wrong = language in languages  # two in one language (§4.7.2.2)
            languages.add(language)
        else:
            continue
        if wrong or child.children not in ((), (text,)):  # "MUST NOT contain mixed content"
            return True
    return False


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


def collapsed(text: str) -> str:
    """Return a text of XML Schema's type NMTOKEN without the white space around it (Appendix D.1)."""
    return text.strip(" \t\r\n")


def _language(status: Element, inherited: str | None) -> str:
    """Return the language of a status, stated or inherited, in the form that is compared."""
    return language_key(language_of(status, inherited))
