"""The consequences of a changed item: notifications, forgotten presence, settled requests (RFC 6121 §2, §3)."""

from __future__ import annotations

from xmpp_im_core.client.effects import Effect, Tell
from xmpp_im_core.client.notifications import ItemAdded, ItemRemoved, ItemUpdated
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.presence.known_presence import forgotten
from xmpp_im_core.client.presence.strangers import reclassified
from xmpp_im_core.client.state import Client, Item, RosterCache, bare_key
from xmpp_im_core.copying import copied
from xmpp_im_core.rules import client_roster as rules
from xmpp_im_core.rules import client_subscriptions as subscription_rules


def roster_became(client: Client, roster: RosterCache, policy: ClientPolicy) -> tuple[Client, tuple[Effect, ...]]:
    """Replace the roster, item by item, in the order of the JIDs."""
    before = client.roster.items
    touched = sorted(jid for jid in {*before, *roster.items} if before.get(jid) != roster.items.get(jid))
    first = not client.roster.received
    after = copied(client, roster=roster)
    effects: list[Effect] = []
    for jid in touched:
        after, told = item_became(after, before.get(jid), roster.items.get(jid))
        effects += told
    after, forgot = reclassified(after, after.presences if first else map(bare_key, touched), policy)
    return after, (*effects, *forgot)


def item_became(client: Client, before: Item | None, after: Item | None) -> tuple[Client, tuple[Effect, ...]]:
    """Draw the consequences of a changed item. The client's roster has the change already.

    If the user's subscription has ended, the client forgets the contact's presence (§3.3.3). If the change answers a
    request of either side, that request no longer waits.
    """
    effects: tuple[Effect, ...] = ()
    if before is None and after is not None:
        effects = (Tell(ItemAdded(after), rules.ITEM_ADDED),)
    elif before is not None and after is None:
        effects = (Tell(ItemRemoved(before), rules.ITEM_REMOVED),)
    elif before is not None and after is not None and before != after:
        effects = (Tell(ItemUpdated(before, after), rules.ITEM_UPDATED),)
    jid = bare_key(before.jid if before is not None else after.jid if after is not None else "")
    if after is not None and after.subscription.from_ and jid in client.requests:
        client = copied(client, requests=client.requests.delete(jid))
    if after is not None and after.subscription.to and jid in client.asked:
        client = copied(client, asked=client.asked.without(jid))
    kept = after is not None and after.subscription.to
    if before is not None and before.subscription.to and not kept and not client.subscription(jid).to:
        client, told = forgotten(client, jid, subscription_rules.SUBSCRIPTION_VOID)
        effects += told
    return client, effects
