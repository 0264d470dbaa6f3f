"""What is known of others' presence: recording it and forgetting it (RFC 6121 §4.2.4, §4.5.4)."""

from __future__ import annotations

from attrs import evolve

from xmpp_im_core.client.effects import Effect, Tell
from xmpp_im_core.client.notifications import Unavailable
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.state import Client, Heard, Resource
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.recency import Recency
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client as rules
from xmpp_im_core.stanza import Presence


def full_jid(bare: JID, resource: str) -> JID:
    """Return the full JID of a resource as it is kept: one without a name is the bare JID itself."""
    return JID(f"{bare.bare}/{resource}", bare.bare, bare.local, bare.domain, resource) if resource else bare


def recorded(
    client: Client, sender: JID, presence: Presence, policy: ClientPolicy
) -> tuple[Client, tuple[Effect, ...]]:
    """Record the last presence of one resource.

    One resource too many, and the one heard longest ago is forgotten, an unavailable one first.
    """
    heard = client.presences.get(sender.bare) or Heard()
    name = sender.resource or ""
    resources = [resource for resource in heard.resources if resource.name != name]
    effects: list[Effect] = []
    while len(resources) >= _limit(client, sender, policy):
        gone = next((resource for resource in resources if not resource.available), resources[0])
        resources.remove(gone)
        if gone.available:
            effects.append(Tell(Unavailable(full_jid(sender.to_bare(), gone.name)), rules.RESOURCE_FORGOTTEN))
    resources.append(Resource(name, presence))
    return evolve(client, presences=client.presences.set(sender.bare, Heard(tuple(resources)))), tuple(effects)


def _limit(client: Client, sender: JID, policy: ClientPolicy) -> int:
    return min(policy.resources, policy.strangers_resources) if client.is_stranger(sender.bare) else policy.resources


def all_gone(client: Client, jid: str, presence: Presence) -> Client:
    """Record that all resources of a bare JID that are available are not so any more."""
    heard = client.presences.get(jid) or Heard()
    resources = [Resource(resource.name, presence) if resource.available else resource for resource in heard.resources]
    return evolve(client, presences=client.presences.set(jid, Heard(tuple(resources))))


def forgotten(client: Client, jid: str, rule: Rule) -> tuple[Client, tuple[Effect, ...]]:
    """Forget all that is known of a bare JID's presence; the application is told of what was available."""
    after = evolve(
        client,
        presences=client.presences.delete(jid),
        strangers=client.strangers.without(jid),
    )
    return after, _unavailable(client, jid, rule)


def all_forgotten(client: Client, rule: Rule) -> tuple[Client, tuple[Effect, ...]]:
    """Forget all that is known of anybody's presence; the application is told of what was available."""
    after = evolve(client, presences=FrozenMap(), strangers=Recency())
    return after, tuple([told for jid in client.presences for told in _unavailable(client, jid, rule)])


def _unavailable(client: Client, jid: str, rule: Rule) -> tuple[Effect, ...]:
    bare = parse_jid(jid)
    return tuple([Tell(Unavailable(full_jid(bare, r.name)), rule) for r in client.resources(jid)])
