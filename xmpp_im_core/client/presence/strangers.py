"""Strangers: the client remembers only a limited number of JIDs that are not in the roster (RFC 6121 §4.2.4).

Before the roster has arrived, every JID may be in it. Then another limit applies.
"""

from __future__ import annotations

from collections.abc import Iterable

from xmpp_im_core.client.effects import Effect
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.presence.known_presence import forgotten
from xmpp_im_core.client.state import Client
from xmpp_im_core.copying import copied
from xmpp_im_core.rules import client_presence as rules


def heard_stranger(client: Client, jid: str, policy: ClientPolicy) -> tuple[Client, tuple[Effect, ...]]:
    """Record that presence of this bare JID has just arrived."""
    if not client.is_stranger(jid):
        return client, ()
    return _bounded(copied(client, strangers=client.strangers.with_newest(jid)), policy)


def reclassified(client: Client, jids: Iterable[str], policy: ClientPolicy) -> tuple[Client, tuple[Effect, ...]]:
    """Find out which of these bare JIDs are strangers now, after the roster or the directed list has changed."""
    heard = {jid for jid in jids if jid in client.presences}
    if not heard:
        return _bounded(client, policy)
    strangers = client.strangers
    for jid in sorted(heard):
        if not client.is_stranger(jid):
            strangers = strangers.without(jid)
        elif jid not in strangers:
            strangers = strangers.with_newest(jid)
    if strangers is not client.strangers:
        client = copied(client, strangers=strangers)
    return _bounded(client, policy)


def _bounded(client: Client, policy: ClientPolicy) -> tuple[Client, tuple[Effect, ...]]:
    limit = policy.strangers if client.roster.received else policy.presence_before_roster
    effects: list[Effect] = []
    while client.strangers.oldest is not None and len(client.strangers) > limit:
        client, told = forgotten(client, client.strangers.oldest, rules.STRANGER_FORGOTTEN)
        effects += told
    return client, tuple(effects)
