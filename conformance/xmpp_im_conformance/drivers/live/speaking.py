"""For whom a stanza speaks and where it goes, as far as that can be read before the server has it."""

from __future__ import annotations

from collections.abc import Collection

from xmpp_im_conformance.format.markup import BadXML, read_xml
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE
from xmpp_im_core.jid import Address, parse_address


def third_domain(xml: str, known: Collection[str] = (*HOSTED, REMOTE)) -> str | None:
    """Return the domain that a stanza is sent to, if it is not a known one."""
    to = attribute(xml, "to")
    address = None if to is None else parse_address(to)
    if not isinstance(address, Address) or address.jid.domain in known:
        return None
    return address.jid.domain


def attribute(xml: str, name: str) -> str | None:
    """Return an attribute of a stanza; None if it is missing, or the stanza is no XML."""
    try:
        return read_xml(xml).get(name)
    except BadXML:
        return None
