"""Content namespaces, and re-scoping a stanza from one to another (RFC 6120 §4.8.3)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.codec.errors import InvalidNamespace
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import CLIENT

SERVER: Final = "jabber:server"
COMPONENT: Final = "jabber:component:accept"
CONTENT_NAMESPACES: Final = frozenset({CLIENT, SERVER, COMPONENT})
STREAMS: Final = "http://etherx.jabber.org/streams"


def check_first_level(namespace: str, content: str) -> None:
    """Refuse a first-level element in a content namespace that is not the stream's.

    "If an entity receives a first-level child element qualified by a content namespace it does not support,
    it MUST close the stream with an <invalid-namespace/> stream error".
    """
    if namespace != content and namespace in CONTENT_NAMESPACES:
        raise InvalidNamespace(f"{namespace} in a stream of {content}")


def rescope(root: Element, old: str, new: str) -> Element:
    """Return the element with the content namespace ``new`` in place of ``old``.

    Only elements in ``old`` whose ancestors are all in ``old`` change: "the rule does not apply to elements qualified
    by namespaces other than 'jabber:client' and 'jabber:server' nor to any children of such elements".

    A child of such an element that is in ``new`` is put into ``old``. Otherwise it would become content: an unknown
    child that passed a filter would be a body after it. Re-scoping back gives the original element.
    """
    if old == new:
        return root
    if root.namespace == old:
        return Element(root.name, new, root.attributes, rescope_all(root.children, old, new))
    if root.namespace == new:
        return Element(root.name, old, root.attributes, root.children)
    return root


def rescope_all(children: tuple[Element | str, ...], old: str, new: str) -> tuple[Element | str, ...]:
    """Re-scope the children of an element that is in the content namespace."""
    if old == new:
        return children
    return tuple([child if isinstance(child, str) else rescope(child, old, new) for child in children])
