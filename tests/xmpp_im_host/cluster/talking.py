"""Clients of the nodes of a cluster: what they usually do and say."""

from __future__ import annotations

from typing import Final

from tests.xmpp_im_host.cluster.servers import DOMAIN, NodeServer
from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_core.element import Element

__all__ = ["DOMAIN", "ROSTER", "SM", "become_contacts", "chat", "enter", "is_available", "log_in"]

ROSTER: Final = "jabber:iq:roster"
SM: Final = "urn:xmpp:sm:3"


def log_in(server: NodeServer, user: str, resource: str = "balcony") -> RawClient:
    return RawClient(server).log_in(user, "secret", resource)


def enter(server: NodeServer, user: str, resource: str = "balcony") -> RawClient:
    """Log in, ask for the roster, and become available."""
    client = log_in(server, user, resource)
    client.ask(f"<query xmlns='{ROSTER}'/>", id="roster")
    client.write("<presence/>")
    client.stanza("presence", from_=f"{user}@{DOMAIN}/{resource}")
    return client


def become_contacts(one: RawClient, other: RawClient) -> None:
    """Let two users subscribe to each other, over all of RFC 6121 §3."""
    for asks, grants in ((one, other), (other, one)):
        asker, granter = bare_of(asks), bare_of(grants)
        asks.write(f"<presence to='{granter}' type='subscribe'/>")
        grants.stanza("presence", type="subscribe", from_=asker)
        grants.write(f"<presence to='{asker}' type='subscribed'/>")
        asks.stanza("presence", type="subscribed", from_=granter)
        asks.until(lambda each, granter=granter: is_available(each, granter))  # type: ignore[misc]


def bare_of(client: RawClient) -> str:
    answer = client.ask("<query xmlns='http://jabber.org/protocol/disco#info'/>", id="who")
    return str(answer.get("from") or answer.get("to")).partition("/")[0]


def is_available(stanza: Element, bare: str) -> bool:
    return stanza.name == "presence" and stanza.get("type") is None and str(stanza.get("from")).startswith(f"{bare}/")


def chat(to: str, id: str, body: str = "Lady") -> str:
    return f"<message to='{to}@{DOMAIN}' type='chat' id='{id}'><body>{body}</body></message>"
