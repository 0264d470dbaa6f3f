"""Presence of JIDs that nothing vouches for is remembered within bounds (RFC 6121 §4.2.4).

A stranger is neither in the roster nor the user's own account, nor has this client sent it presence. As long
as no roster has come everybody may be in it, so another bound holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from xmpp_im_core.client.effects import Effect
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.state import Client
from xmpp_im_core.client.view import forgotten
from xmpp_im_core.rules import client as rules


def is_stranger(client: Client, jid: str) -> bool:
    """Whether nothing vouches for this bare JID."""
    if jid == client.jid.bare or jid in client.roster.items:
        return False
    return not any(entry.partition("/")[0] == jid for entry in client.directed)


def heard_stranger(client: Client, jid: str, policy: ClientPolicy) -> tuple[Client, tuple[Effect, ...]]:
    """Note that this bare JID, of whom presence is recorded, was heard just now."""
    if not is_stranger(client, jid):
        return client, ()
    others = [stranger for stranger in client.strangers if stranger != jid]
    return _bounded(evolve(client, strangers=(*others, jid)), policy)


def reclassified(client: Client, jids: Iterable[str], policy: ClientPolicy) -> tuple[Client, tuple[Effect, ...]]:
    """Decide anew which of these bare JIDs are strangers, after the roster or the directed list has changed."""
    touched = {jid for jid in jids if jid in client.presences}
    strange = {jid for jid in touched if is_stranger(client, jid)}
    kept = [jid for jid in client.strangers if jid not in touched or jid in strange]
    strangers = (*kept, *sorted(strange.difference(kept)))
    if strangers != client.strangers:
        client = evolve(client, strangers=strangers)
    return _bounded(client, policy)


def _bounded(client: Client, policy: ClientPolicy) -> tuple[Client, tuple[Effect, ...]]:
    limit = policy.strangers if client.roster.received else policy.presence_before_roster
    effects: tuple[Effect, ...] = ()
    for jid in client.strangers[: max(len(client.strangers) - limit, 0)]:
        client, told = forgotten(client, jid, rules.STRANGER_FORGOTTEN)
        effects += told
    return client, effects
