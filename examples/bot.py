"""A bot: slixmpp has the connection, TLS and SASL; what the bot knows and decides is the core's client half.

    BOT_PASSWORD=... python bot.py friar@example.org friar.json

It lets everybody of its own domain see its presence, subscribes to them in turn, and answers their messages: "who?"
by who is there, "adieu" by leaving, others by an echo. When its session is over the program ends; let something start
it again. It goes on with the roster that it kept, and is sent what has changed since (RFC 6121 section 2.6).
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
from xmpp_im_core.jid import Address, parse_address, parse_jid
from xmpp_im_core.snapshot import from_text, to_text
from xmpp_im_core.stanza import KINDS, Presence, from_element
from xmpp_im_core.subscription import Subscription

Stamp = Callable[[], tuple[datetime, str]]


def decide(request: Presence, client: core.Client) -> core.Decision:
    sender = request.from_jid
    ours = sender is not None and sender.domain == client.jid.domain
    return core.Decision.APPROVE if ours else core.Decision.DENY  # there is nobody to be asked


def reactions(told: Notification, client: core.Client, stamp: Stamp) -> Iterator[core.Event]:
    """Yield what the bot wants, now that it has been told this: no I/O, so it is tested without a network."""
    match told:
        case ItemAdded(item) | ItemUpdated(_, item) if item.subscription is Subscription.FROM:
            if isinstance(parse_address(item.jid), Address):  # a roster may hold what is no JID
                yield core.Subscribe(*stamp(), item.jid)  # approved, and the server says so
        case MessageReceived(message, content, None) if content.type in ("chat", "normal"):
            words, sender = content.body(), message.from_jid
            if words is None or sender is None or not client.subscription(sender.bare).from_:
                return  # no answer to strangers: two bots that answer each other never stop
            there = ", ".join(jid for jid in client.roster.items if client.resources(jid))
            yield core.Reply(*stamp(), message, (core.Text((there or "nobody") if words == "who?" else words),))
            if words == "adieu":
                yield core.GoUnavailable(*stamp())


class Bot:
    def __init__(self, xmpp: ClientXMPP, kept: Path) -> None:
        self.xmpp, self.kept = xmpp, kept
        loaded = from_text(kept.read_text()) if kept.exists() else None
        self.client = loaded if isinstance(loaded, core.Client) else core.Client(parse_jid(xmpp.boundjid.bare))
        self.decided = core.authorised_by(decide)
        self.start, self.count = uuid4().hex, 0
        xmpp.add_filter("in", self.hear)
        xmpp.add_event_handler("session_start", self.begin)
        xmpp.add_event_handler("disconnected", lambda _: self.take(core.SessionEnded(*self.stamp())))

    def stamp(self) -> tuple[datetime, str]:
        self.count += 1
        return datetime.now(UTC), f"{self.start}-{self.count}"  # never repeated, whenever the bot is started

    def begin(self, _: object) -> None:
        features = core.Features("rosterver" in self.xmpp.features, "preapproval" in self.xmpp.features)
        self.take(core.SessionBound(*self.stamp(), core.Bound(parse_jid(self.xmpp.boundjid.full), features)))
        self.take(core.GetRoster(*self.stamp()))  # before the first presence (section 2.2)
        self.take(core.SetPresence(*self.stamp()))

    def hear(self, stanza: StanzaBase) -> StanzaBase | None:
        """Once there is a session, take stanzas away from slixmpp, which has opinions of its own on them."""
        if self.client.bound is None or stanza.name not in KINDS:
            return stanza
        self.take(core.Inbound(*self.stamp(), from_element(from_etree(stanza.xml))))
        return None

    def take(self, event: core.Event) -> None:
        before, step = self.client.roster, core.reduce(self.client, self.decided(self.client, event))
        self.client = step.state
        if self.client.roster is not before:  # the next session begins with this one
            self.kept.with_suffix(".new").write_text(to_text(self.client.without_session()))
            self.kept.with_suffix(".new").replace(self.kept)
        wanted: list[core.Event] = []
        for effect in step.send:
            if isinstance(effect, core.Send):
                self.xmpp.send_raw(write_stanza(effect.stanza))
            elif isinstance(effect, core.Tell):
                wanted += reactions(effect.notification, self.client, self.stamp)
        for each in wanted:
            self.take(each)
        if isinstance(event, core.GoUnavailable):
            self.xmpp.disconnect()


async def main(jid: str, kept: str, host: str | None = None, port: str = "5222", authority: str | None = None) -> None:
    xmpp = ClientXMPP(jid, os.environ["BOT_PASSWORD"])
    xmpp.ca_certs = None if authority is None else Path(authority)  # who has signed a private certificate
    Bot(xmpp, Path(kept))
    xmpp.connect(host, int(port))
    await xmpp.disconnected


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
