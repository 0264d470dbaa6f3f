"""A bot: slixmpp has the connection, TLS and SASL; the core's client half has the state and the rules.

    BOT_PASSWORD=... python bot.py friar@example.org friar.json

The bot approves everybody of its own domain, subscribes to them in turn, and answers their messages: "who?" with who is
available, "adieu" by leaving, others with an echo. The program ends with its session; let a supervisor start it again.
It then begins with the roster that it kept, and the server sends what has changed since (RFC 6121 section 2.6).
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from slixmpp import ClientXMPP
from slixmpp.xmlstream import StanzaBase

from xmpp_im_core import client as core
from xmpp_im_core.client.notifications import ItemAdded, ItemUpdated, MessageReceived, Notification
from xmpp_im_core.codec import write_stanza
from xmpp_im_core.element import from_etree
from xmpp_im_core.host import ClientHost, ClientWire
from xmpp_im_core.jid import Address, parse_address, parse_jid
from xmpp_im_core.snapshot import from_text, to_text
from xmpp_im_core.stanza import KINDS, Presence, Stanza, from_element
from xmpp_im_core.subscription import Subscription

Stamp = Callable[[], tuple[datetime, str]]


def decide(request: Presence, client: core.Client) -> core.Decision:
    sender = request.from_jid
    ours = sender is not None and sender.domain == client.jid.domain
    return core.Decision.APPROVE if ours else core.Decision.DENY  # there is no user to ask


def reactions(told: Notification, client: core.Client, stamp: Stamp) -> Iterator[core.Event]:
    """Yield what the bot does after this notification. It does no I/O, so it can be tested without a network."""
    match told:
        case ItemAdded(item) | ItemUpdated(_, item) if item.subscription is Subscription.FROM:
            if isinstance(parse_address(item.jid), Address):  # a roster may hold an address that is not a JID
                yield core.Subscribe(*stamp(), item.jid)  # the bot approved the contact, and the server confirmed it
        case MessageReceived(message, content, None) if content.type in ("chat", "normal"):
            words, sender = content.body(), message.from_jid
            if words is None or sender is None or not client.subscription(sender.bare).from_:
                return  # do not answer strangers: two bots could answer each other without end
            there = ", ".join(jid for jid in client.roster.items if client.resources(jid))
            yield core.Reply(*stamp(), message, (core.Text((there or "nobody") if words == "who?" else words),))
            if words == "adieu":
                yield core.GoUnavailable(*stamp())


class Bot(ClientWire):
    def __init__(self, xmpp: ClientXMPP, kept: Path) -> None:
        self.xmpp, self.kept = xmpp, kept
        client = (
            from_text(kept.read_text(), core.Client) if kept.exists() else core.Client(parse_jid(xmpp.boundjid.bare))
        )
        self.host = ClientHost(client, self, lambda: datetime.now(UTC), lambda: uuid4().hex, decide=decide)
        xmpp.add_filter("in", self.hear)
        xmpp.add_event_handler("session_start", self.begin)
        xmpp.add_event_handler("disconnected", lambda _: self.host.end())

    def begin(self, _: object) -> None:
        features = core.Features("rosterver" in self.xmpp.features, "preapproval" in self.xmpp.features)
        self.host.begin(core.Bound(parse_jid(self.xmpp.boundjid.full), features))
        self.host.wants(core.GetRoster)  # before the first presence (section 2.2)
        self.host.wants(core.SetPresence)

    def hear(self, stanza: StanzaBase) -> StanzaBase | None:
        """When a session begins, take over all stanzas, so that slixmpp does not answer them itself."""
        if self.host.client.bound is None or stanza.name not in KINDS:
            return stanza
        self.host.receive(from_element(from_etree(stanza.xml)))
        return None

    # --- called by the host ---------------------------------------------------------------------------------

    def send(self, stanza: Stanza) -> None:
        self.xmpp.send_raw(write_stanza(stanza))

    def tell(self, notification: Notification) -> None:
        for event in reactions(notification, self.host.client, self.host.stamp):
            self.host.feed(event)
            if isinstance(event, core.GoUnavailable):
                asyncio.get_running_loop().call_soon(self.xmpp.disconnect)  # after the stanza was sent

    def keep(self, client: core.Client) -> None:
        """Save the client with which the next session begins."""
        new = self.kept.with_suffix(".new")
        new.write_text(to_text(client))
        new.replace(self.kept)


async def main(jid: str, kept: str, host: str | None = None, port: str = "5222", authority: str | None = None) -> None:
    xmpp = ClientXMPP(jid, os.environ["BOT_PASSWORD"])
    xmpp.ca_certs = None if authority is None else Path(authority)  # the authority of a private certificate
    Bot(xmpp, Path(kept))
    xmpp.connect(host, int(port))
    await xmpp.disconnected


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
