"""The namespaces of the services."""

from __future__ import annotations

from typing import Final

DISCO_INFO: Final = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS: Final = "http://jabber.org/protocol/disco#items"
PING: Final = "urn:xmpp:ping"
REGISTER: Final = "jabber:iq:register"
VERSION: Final = "jabber:iq:version"
