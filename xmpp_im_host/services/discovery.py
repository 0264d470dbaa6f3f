"""Service discovery (XEP-0030): what the server and its accounts are, which features they have, and the components."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from xmpp_im_core.element import Element, element
from xmpp_im_host.services.namespaces import DISCO_INFO, DISCO_ITEMS, PING, REGISTER, VERSION


@frozen
class Discovery:
    """The answers of service discovery. They are the same for everybody who may ask."""

    features: tuple[str, ...]
    """The features of the core."""
    components: tuple[str, ...]
    registration: bool

    def info(self, of_account: bool) -> Element:
        """Return the answer to disco#info."""
        identity = ("account", "registered") if of_account else ("server", "im")
        found = {*self.features, DISCO_INFO, DISCO_ITEMS, PING}
        if not of_account:
            found.add(VERSION)
        if self.registration:
            found.add(REGISTER)
        category, type = identity
        name = {} if of_account else {"name": "xmpp-im-host"}
        children = [element("identity", DISCO_INFO, {"category": category, "type": type, **name})]
        children += [element("feature", DISCO_INFO, {"var": each}) for each in sorted(found)]
        return element("query", DISCO_INFO, {}, children)

    def items(self, of_account: bool) -> Element:
        """Return the answer to disco#items: the server's items are the components."""
        found: Iterable[str] = () if of_account else self.components
        return element("query", DISCO_ITEMS, {}, [element("item", DISCO_ITEMS, {"jid": each}) for each in found])
