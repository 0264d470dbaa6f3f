"""The presence of others: record it and forget it (RFC 6121 §4.2.4, §4.5.4)."""

from __future__ import annotations

from xmpp_im_core.client.content import was_delayed
from xmpp_im_core.client.effects import Effect, Tell
from xmpp_im_core.client.notifications import Unavailable
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.state import Client, Heard, Resource
from xmpp_im_core.copying import copied
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID
from xmpp_im_core.lru_set import LRUSet
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client_presence as rules
from xmpp_im_core.stanza import Message, Presence


def full_jid(bare: JID, resource: str) -> JID:
    """Return the JID of a recorded resource: without a name, it is the bare JID."""
    return JID(f"{bare.bare}/{resource}", bare.bare, bare.local, bare.domain, resource) if resource else bare


def recorded(
    client: Client, sender: JID, presence: Presence, policy: ClientPolicy
) -> tuple[Client, tuple[Effect, ...]]:
    """Record the last presence of one resource.

    If there are too many resources, forget the one heard longest ago, an unavailable one first.
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
    return client.with_heard(sender.bare, *resources), tuple(effects)


def _limit(client: Client, sender: JID, policy: ClientPolicy) -> int:
    return min(policy.resources, policy.strangers_resources) if client.is_stranger(sender.bare) else policy.resources


def all_gone(client: Client, jid: str, presence: Presence) -> Client:
    """Record that all available resources of a bare JID are now unavailable."""
    heard = client.presences.get(jid) or Heard()
    resources = [Resource(resource.name, presence) if resource.available else resource for resource in heard.resources]
    return client.with_heard(jid, *resources)


def without_resource(client: Client, sender: JID) -> Client:
    """Forget the presence of one resource. The caller tells the application."""
    heard = client.presences.get(sender.bare)
    if heard is None:
        return client
    others = [resource for resource in heard.resources if resource.name != (sender.resource or "")]
    return client.with_heard(sender.bare, *others)


def known_unavailable(client: Client, jid: JID) -> bool:
    """Whether the client knows that a resource is unavailable. Without presence, it does not know (§5.2.1)."""
    heard = client.presences.get(jid.bare)
    if heard is None or jid.is_bare:
        return False
    resource = heard.resource(jid.resource or "")
    return not heard.resources if resource is None else not resource.available


def known_absent(client: Client, jid: JID, message: Message) -> bool:
    """Whether presence shows that the resource that sent a message is not available (§5.2.1).

    The server tells an available client which resources are available: those of the user, and those of a contact to
    whom the user is subscribed. A delayed message does not show where its sender is now. Any other message shows that
    its sender is there.
    """
    if client.presence is None or jid.is_bare or not was_delayed(message):
        return False
    if jid.bare != client.jid.bare and not client.subscription(jid.bare).to:
        return False
    return all(resource.name != jid.resource for resource in client.resources(jid.bare))


def forgotten(client: Client, jid: str, rule: Rule) -> tuple[Client, tuple[Effect, ...]]:
    """Forget the presence of a bare JID. Tell the application about each resource that was available."""
    after = copied(
        client,
        presences=client.presences.delete(jid),
        strangers=client.strangers.without(jid),
    )
    return after, _unavailable(client, jid, rule)


def all_forgotten(client: Client, rule: Rule) -> tuple[Client, tuple[Effect, ...]]:
    """Forget all presence. Tell the application about each resource that was available."""
    after = copied(client, presences=FrozenMap(), strangers=LRUSet())
    return after, tuple([told for jid in client.presences for told in _unavailable(client, jid, rule)])


def _unavailable(client: Client, jid: str, rule: Rule) -> tuple[Effect, ...]:
    # The presence has its prepared JID. To prepare it again would be slow for many contacts.
    gone = [resource.presence.from_jid for resource in client.resources(jid)]
    return tuple([Tell(Unavailable(each), rule) for each in gone if each is not None])
