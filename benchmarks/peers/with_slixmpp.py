"""slixmpp, without its connection: ``data_received`` gets the bytes, and a list collects what slixmpp sends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import fromstring

from slixmpp import JID, ClientXMPP

from benchmarks import documents
from benchmarks.peers import Take

_EVENTS = ("message", "roster_update", "changed_status", "presence_subscribe")


def _nothing(*_: object) -> None:
    pass


def _client() -> Any:
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
    asyncio.set_event_loop(asyncio.new_event_loop())
    xmpp: Any = ClientXMPP("juliet@capulet.example/balcony", "x")
    xmpp.init_parser()
    xmpp.start_stream_handler = _nothing
    return xmpp


def reader() -> Take:
    """Return a reader of stanzas. slixmpp makes the parts of a stanza when they are first used."""
    xmpp = _client()
    xmpp._spawn_event = xmpp._build_stanza
    xmpp.data_received(documents.HEADER.decode())
    return xmpp.data_received  # type: ignore[no-any-return]


def writer(data: bytes) -> Callable[[], object]:
    """Return the writing of a stanza that was read from this."""
    tree = fromstring(data.replace(b" ", b" xmlns='jabber:client' ", 1))
    stanza = _client()._build_stanza(tree, "jabber:client")
    return lambda: str(stanza)


def client() -> Take:
    """Return a client with a hundred contacts that notifies its application."""
    xmpp, sent = _client(), list[bytes]()
    xmpp.send = lambda stanza, *_, **__: sent.append(str(stanza).encode())
    xmpp.boundjid = JID("juliet@capulet.example/balcony")
    roster = xmpp.client_roster = xmpp.roster[xmpp.boundjid]
    for number in range(100):
        item = roster[f"friend{number}@montague.example"]
        item["to"] = item["from"] = True
    roster.auto_authorize = None  # the application decides, as in our client
    roster.auto_subscribe = False
    for event in _EVENTS:
        xmpp.add_event_handler(event, _nothing)
    xmpp.data_received(documents.HEADER.decode())

    def take(data: bytes) -> list[bytes]:
        xmpp.data_received(data)
        done = sent[:]
        sent.clear()
        return done

    return take
