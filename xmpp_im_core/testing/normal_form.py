"""The normal form of a received stanza. It leaves out the details in which correct servers may differ.

It uses the notation of the conformance vectors: ``{opt}`` and ``{any}`` stand for values that may differ. So ``==``
compares two observations, and a vector can use an observation as its expectation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from xmpp_im_core.element import XML_LANG, Element, element
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server.delays import DELAY
from xmpp_im_core.stanza import CLIENT, STANZAS, Stanza, to_element

FREE: Final = "{opt}"
"""Any value, or none."""
PRESENT: Final = "{any}"
"""Any value."""
ANYTHING_ELSE: Final = element("x", "urn:scenario:any")
"""Any further children, or none."""


def normal(stanza: Stanza, client: str) -> Element:
    """Return the normal form of a stanza that a client received.

    These may differ: ids and languages; the 'to' of presence and IQs, which is the user's bare or full JID; the 'from'
    of stanzas of the user's own server; the 'ver' of rosters; the type and text of an error, but not its condition; and
    the content of the last unavailable presence of an absent user (RFC 6121 §4.3.2).

    :param client: the full JID of the session that received it.
    """
    bare = client.partition("/")[0]
    attributes = dict(to_element(stanza).attributes)
    for name in ("id", XML_LANG):
        attributes.pop(name, None)
    if stanza.KIND != "message":
        attributes["to"] = FREE
    if attributes.get("from", bare) == bare:
        attributes["from"] = f"{{opt:{bare}}}"
    children = [_normal_child(child) for child in stanza.payload.elements if not _is_echo(child, stanza)]
    if stanza.KIND == "presence" and stanza.type == "unavailable":
        repeated = any(child.namespace == DELAY for child in children)
        children = [*([] if repeated else children), ANYTHING_ELSE]
    return element(stanza.KIND, CLIENT, attributes, children)


def normal_item(item: Element) -> Element:
    """Return the normal form of a roster item: groups are sorted, and attributes with their default value removed.

    Only 'subscription' is always there.
    """
    attributes = {"subscription": "none", **dict(item.attributes)}
    for name, default in (("name", ""), ("approved", "false")):
        if attributes.get(name) == default:
            del attributes[name]
    groups = sorted(item.all("group"), key=_text)
    return element("item", ROSTER, attributes, groups)


def normal_query(items: Iterable[Element]) -> Element:
    """Return the normal form of the ``<query/>`` of a roster result or push."""
    normalised = sorted([normal_item(item) for item in items], key=_jid)
    return element("query", ROSTER, {"ver": FREE}, normalised)


def _is_echo(child: Element, stanza: Stanza) -> bool:
    """Whether this child of an error is part of the stanza that caused it, which may be included (RFC 6120 §8.3.1)."""
    return stanza.type == "error" and child.name != "error"


def _normal_child(child: Element) -> Element:
    if child.namespace == ROSTER:
        return normal_query(child.all("item"))
    if (child.name, child.namespace) == ("error", CLIENT):
        condition = [each for each in child.elements if each.namespace == STANZAS and each.name != "text"]
        return element("error", CLIENT, {"type": PRESENT}, [element(each.name, STANZAS) for each in condition])
    if (child.name, child.namespace) == ("delay", DELAY):
        return element("delay", DELAY, {"from": FREE, "stamp": PRESENT}, [ANYTHING_ELSE])
    return child


def _text(group: Element) -> str:
    return group.text


def _jid(item: Element) -> str:
    return item.get("jid") or ""
