"""Naming a stanza in a few words, for an arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from xmpp_im_conformance.format.matching import is_wildcard
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import STANZAS

_LONGEST: Final = 44


def label(stanza: Element, whose: Literal["to", "from"], known: str = "") -> str:
    """Name a stanza: what it is, and whom it is for or from.

    :param known: the account at the arrow's end, of which the arrow itself says enough.
    """
    words = [*_kind(stanza)]
    other = stanza.get(whose) or ""
    if other and "{" not in other and other.partition("/")[0] != known:
        words.append(f"{whose} {_short(other)}")
    return shortened(" ".join(words))


def shortened(text: str) -> str:
    """Cut a text that is too long for a label."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _kind(stanza: Element) -> Iterator[str]:
    yield "any stanza" if is_wildcard(stanza) else stanza.name
    kind = stanza.get("type") or ""
    if "{" not in kind:
        yield from [kind] if kind else []
    for child in stanza.elements:
        if child.name == "error":
            yield from [each.name for each in child.elements if each.namespace == STANZAS and each.name != "text"]
        elif stanza.name == "iq" and not is_wildcard(child):
            yield _protocol(child)
        elif stanza.name == "presence" and child.name == "show":
            yield child.text
        elif stanza.name == "presence" and child.name == "priority":
            yield f"priority {child.text}"


def _protocol(payload: Element) -> str:
    """Return the part of a namespace that tells it from others: "roster", "ping", "disco#info"."""
    namespace = payload.namespace.rstrip("/")
    return namespace.rpartition("/")[2].rpartition(":")[2]


def _short(jid: str) -> str:
    bare, slash, resource = jid.partition("/")
    local, at, _ = bare.partition("@")
    return f"{local}{slash}{resource}" if at else jid
