"""Roster pushes: who may send them, and what they change (RFC 6121 §2.1.6, §2.6.3)."""

from __future__ import annotations

from xmpp_im_core.client.effects import Send, Transition, refusal, silence
from xmpp_im_core.client.policy import ClientPolicy, UnauthorizedPush
from xmpp_im_core.client.presence.strangers import reclassified
from xmpp_im_core.client.questions import sets_waiting
from xmpp_im_core.client.rosters.consequences import item_became
from xmpp_im_core.client.rosters.item_elements import Removal, read_push
from xmpp_im_core.client.senders import is_own_account
from xmpp_im_core.client.state import Client, Interim, Item, bare_key
from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element
from xmpp_im_core.jid import JID, received_bare
from xmpp_im_core.rules import client_roster as rules
from xmpp_im_core.stanza import IQ, Condition


def roster_push(client: Client, iq: IQ, query: Element, sender: JID, policy: ClientPolicy) -> Transition:
    """Process a roster push: check the sender, then the content.

    :param iq: it must be a set with an id.
    """
    own = is_own_account(client, sender, policy)
    if not own and not _is_manager(sender, policy):
        return _unauthorized(client, iq, policy)
    items = list(query.all("item"))
    pushed = read_push(items[0], client.roster.items) if len(items) == 1 else None
    if pushed is None:
        return Transition(client, (refusal(iq, Condition.BAD_REQUEST, rules.PUSH_MALFORMED),))
    if not own and not _is_at(pushed.jid, sender):
        return _unauthorized(client, iq, policy)
    # only the server of the account gives the roster's version
    after = _pushed(client, pushed, query.get("ver") if own else None, policy)
    answer = IQ(iq.from_, None, iq.id, "result")
    rule = rules.PUSH_ACKNOWLEDGED if own else rules.MANAGERS_PUSH_ACKNOWLEDGED
    return Transition(after.state, (Send(answer, rule), *after.effects))


def _is_manager(sender: JID, policy: ClientPolicy) -> bool:
    """Whether the sender is a domain (not a user there) that may change items of its own JIDs."""
    return sender.full == sender.domain and sender.domain in policy.roster_managers


def _is_at(key: str, domain: JID) -> bool:
    """Whether the item's address is a JID at this domain."""
    bare = received_bare(key)
    return bare is not None and bare.domain == domain.domain


def _unauthorized(client: Client, iq: IQ, policy: ClientPolicy) -> Transition:
    if policy.unauthorized_push is UnauthorizedPush.ERROR:
        return Transition(client, (refusal(iq, Condition.SERVICE_UNAVAILABLE, rules.PUSH_REFUSED),))
    return silence(client, rules.PUSH_IGNORED)


def _pushed(client: Client, pushed: Item | Removal, ver: str | None, policy: ClientPolicy) -> Transition:
    """Store or remove an item, and take over the version of the push (§2.6.2, §2.6.3).

    While a roster get waits for its result, the version does not change.
    """
    jid, item = pushed.jid, None if isinstance(pushed, Removal) else pushed
    before = client.roster.items.get(jid)
    keeps = ver is None or client.interim is not None
    roster = client.roster.having(jid, item, client.roster.ver if keeps else ver)
    after = client.with_pushed(roster, _interim(client.interim, jid, item, ver))
    # Most pushes are for a JID that no set has named: then the questions, of which there may be many, are not searched.
    if jid in client.wanted and jid not in sets_waiting(client):
        after = copied(after, wanted=after.wanted.delete(jid))
    after, told = item_became(after, before, item)
    if (before is None) is (item is None):  # whether the contact is a stranger has not changed
        return Transition(after, told)
    after, forgot = reclassified(after, (bare_key(jid),), policy)
    return Transition(after, (*told, *forgot))


def _interim(interim: Interim | None, jid: str, item: Item | None, ver: str | None) -> Interim | None:
    """Remember a push while a roster get waits for its result."""
    if interim is None:
        return None
    return Interim(interim.items.set(jid, item), interim.ver if ver is None else ver)
