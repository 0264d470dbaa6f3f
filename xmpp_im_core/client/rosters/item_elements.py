"""The ``<item/>`` of a roster: reading is tolerant (RFC 6121 §2.1.2), writing is strict (§2.3.1, §2.5.1).

An item may have an address that this client cannot make into a JID: the server accepts it, or an old gateway did. The
client keeps such an item under the address as written, so that the user sees it and can remove it.
"""

from __future__ import annotations

from typing import Final

from xmpp_im_core.client.state import Item, ItemChange
from xmpp_im_core.element import Element, element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.record import record
from xmpp_im_core.stanza import ROSTER
from xmpp_im_core.subscription import NONE, subscription_state

_SHOWN: Final = frozenset({"none", "to", "from", "both"})


@record
class Removal:
    """The item of a push with subscription="remove" (§2.5.2)."""

    jid: str


def read_push(child: Element, items: FrozenMap[Item]) -> Item | Removal | None:
    """Read the item of a roster push; None if it has no JID."""
    if child.get("subscription") == "remove":
        jid = _jid(child)
        return None if jid is None else Removal(jid)
    return read_item(child, items)


def read_item(child: Element, items: FrozenMap[Item]) -> Item | None:
    """Read an item of a roster result; None if it has no JID.

    An unknown value of 'subscription' is ignored: the known subscription stays (§2.1.2.5). Without a value it is
    "none". Empty and repeated groups are dropped.

    :param items: the roster so far.
    """
    attributes = dict(child.attributes)
    written = attributes.get("jid")
    if not written:
        return None
    jid = item_key(written)
    value = attributes.get("subscription", "none")
    if value in _SHOWN:
        state = subscription_state(value, attributes.get("ask") == "subscribe")
    else:
        before = items.get(jid)
        state = NONE if before is None else before.subscription
    groups = {part.text for part in child.elements if part.name == "group" and part.namespace == ROSTER}
    return Item(
        jid,
        state,
        attributes.get("name", ""),
        tuple(sorted(groups - {""})),
        attributes.get("approved") in ("true", "1"),
        tuple([part for part in child.elements if part.namespace != ROSTER]),
    )


def _jid(child: Element) -> str | None:
    """Return the key of an item; None if its 'jid' is absent or empty."""
    written = child.get("jid")
    return item_key(written) if written else None


def item_key(written: str) -> str:
    """Return the key of an item: the JID of the address, with its resourcepart. The server uses the same key.

    If the address is not a JID, the key is the address as written. No JID can have that key.
    """
    address = parse_address(written)
    return address.jid.full if isinstance(address, Address) else written


def read_change(child: Element, items: FrozenMap[Item]) -> ItemChange | None:
    """Read the item of a roster set of the application; None if it has no JID and the roster has no such item.

    :param items: the roster so far.
    """
    written = child.get("jid") or ""
    jid = item_key(written)
    if jid not in items and not isinstance(parse_address(written), Address):
        return None
    if child.get("subscription") == "remove":
        return ItemChange(jid, removes=True)
    return ItemChange(jid, child.get("name") or "", tuple([group.text for group in child.all("group")]))


def write_change(change: ItemChange) -> Element:
    """Return the item of a roster set: without 'ask' and 'approved', with 'subscription' only to remove it (§2.1.2)."""
    if change.removes:
        return element("item", ROSTER, {"jid": change.jid, "subscription": "remove"})
    attributes = {"jid": change.jid}
    if change.name:
        attributes["name"] = change.name
    return element("item", ROSTER, attributes, [element("group", ROSTER, {}, [group]) for group in change.groups])
