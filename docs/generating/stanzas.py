"""Short descriptions of stanzas, for the arrows of a diagram."""

from __future__ import annotations

from typing import Final

from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_core.element import Element

_ROSTER: Final = "jabber:iq:roster"
_OPTIONAL: Final = "{opt:"


def jid(text: str) -> str:
    """Return an address without its domain; the localparts of a diagram are all different."""
    local, at, rest = _stated(text).partition("@")
    _, slash, resource = rest.partition("/")
    return f"{local}{slash}{resource}" if at else local


def described(xml: str, *addresses: str) -> str:
    """Describe a stanza.

    :param addresses: which of "from" and "to" to name, if the stanza has them.
    """
    stanza = read_xml(xml)
    if stanza.name == "iq" and stanza.get("type") != "error" and stanza.elements and _is_roster(stanza.elements[0]):
        return _what(stanza)  # the addresses of a roster IQ say nothing: it is always the user's roster
    named = [f"{name} {jid(stanza.get(name) or '')}" for name in addresses if _shows(stanza.get(name))]
    return " ".join([_what(stanza), *named])


def _shows(address: str | None) -> bool:
    return address is not None and address not in ("{any}", "{opt}")


def _stated(value: str) -> str:
    """Return the value of a pattern ``{opt:VALUE}``, and any other text as it is."""
    return value.removeprefix(_OPTIONAL).removesuffix("}") if value.startswith(_OPTIONAL) else value


def _what(stanza: Element) -> str:
    type = stanza.get("type")
    if type == "error":
        return f"{stanza.name} error"
    if stanza.name == "presence":
        return " ".join(["presence", *([type] if type else []), *_details(stanza)])
    if stanza.name == "message":
        return " ".join(["message", *_details(stanza)])
    content = stanza.elements[0] if stanza.elements else None
    if content is None:
        return f"iq {type}"
    if _is_roster(content):
        return _roster(type or "", content, pushed=stanza.get("from") is not None)
    return " ".join([f"iq {type}:", content.name, *[jid(item.get("jid") or "") for item in content.elements]])


def _is_roster(content: Element) -> bool:
    return content.namespace == _ROSTER


def _details(stanza: Element) -> list[str]:
    """Return those children that a diagram shows."""
    said = []
    for child in stanza.elements:
        if child.name == "priority":
            said.append(f"(priority {child.text})")
        elif child.name in ("show", "status"):
            said.append(f"({child.text})")
        elif child.name == "body":
            said.append(f"'{child.text}'")
        elif child.name == "delay":
            said.append("(delayed)")
    return said


def _roster(type: str, query: Element, *, pushed: bool) -> str:
    items = [_item(item) for item in query.elements if item.name == "item"]
    ver = query.get("ver")
    version = [] if ver is None or ver.startswith("{opt") else [f"ver={ver}"]
    if type == "get":
        return " ".join(["roster get", *version])
    what = "push" if type == "set" and pushed else type
    return " ".join([f"roster {what}:", ", ".join(items) or "empty", *version])


def _item(item: Element) -> str:
    marks = [_stated(item.get("subscription") or "none")]
    marks += [mark for mark in ("ask", "approved") if (item.get(mark) or "{opt").partition(":")[0] != "{opt"]
    return " + ".join([f"{jid(item.get('jid') or '')} {marks[0]}", *marks[1:]])
