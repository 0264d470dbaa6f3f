"""Roster gets and roster sets: ask for the roster, add, change or remove an item (RFC 6121 §2)."""

from __future__ import annotations

from xmpp_im_core.client.effects import Transition, refuse_to_send
from xmpp_im_core.client.events import GetRoster, RemoveItem, SetItem
from xmpp_im_core.client.outbound_syntax import group_fault
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.questions import ask, roster_waits
from xmpp_im_core.client.rosters.item_elements import read_change, write_change
from xmpp_im_core.client.state import About, Client, Interim, ItemChange, Question
from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element, element
from xmpp_im_core.event import Timed
from xmpp_im_core.jid import JID
from xmpp_im_core.rules import client_roster as rules
from xmpp_im_core.stanza import IQ, ROSTER, payload

# --- what the user wants (§2.1.3, §2.3.1, §2.4.1, §2.5.1) ---------------------------------------------------


def get_roster(client: Client, event: GetRoster, policy: ClientPolicy) -> Transition:
    """Ask for the roster, with the known version if the server supports versioning (§2.1.3, §2.6.2)."""
    ver = client.next_ver() if policy.roster_versioning else None
    query = element("query", ROSTER, {} if ver is None else {"ver": ver})
    iq = IQ(None, None, f"{event.seq}-roster", "get", None, payload(query))
    return ask_roster(client, event, iq, query, policy)


def set_item(client: Client, event: SetItem, policy: ClientPolicy) -> Transition:
    """Add or change an item (§2.3.1, §2.4.1).

    A roster set replaces name and groups as a whole. So a field that is not given is taken from the roster, or from an
    earlier set for the same JID that has no push yet.
    """
    if event.groups is not None and (broken := group_fault(event.groups)):
        return refuse_to_send(client, broken)
    jid = _key(client, event.jid)
    before = client.wanted.get(jid) or client.roster.items.get(jid) or ItemChange(jid)
    name = before.name if event.name is None else event.name
    groups = before.groups if event.groups is None else tuple(sorted(event.groups))
    return _set(client, event, f"{event.seq}-set", ItemChange(jid, name, groups), policy)


def remove_item(client: Client, event: RemoveItem, policy: ClientPolicy) -> Transition:
    """Ask for the removal of an item (§2.5.1). The push then removes it from the roster."""
    if isinstance(event.jid, JID):
        key = _key(client, event.jid)
    elif event.jid in client.roster.items:
        key = event.jid
    else:
        return refuse_to_send(client, rules.SET_WITHOUT_JID)
    return _set(client, event, f"{event.seq}-remove", ItemChange(key, removes=True), policy)


def _key(client: Client, jid: JID) -> str:
    """Return the key of the item that the user means: a full JID only if the roster has an item for it.

    If a bare JID has no item, but exactly one of its full JIDs has one, that item is meant.
    """
    if jid.full in client.roster.items:
        return jid.full
    items = client.roster.at(jid.bare)
    return items[0].jid if len(items) == 1 else jid.bare


def _set(client: Client, event: Timed, id: str, change: ItemChange, policy: ClientPolicy) -> Transition:
    query = element("query", ROSTER, {}, [write_change(change)])
    return _send_set(client, event, IQ(None, None, id, "set", None, payload(query)), change, policy)


# --- sending (§2.1.3, §2.1.5) -------------------------------------------------------------------------------


def ask_roster(client: Client, event: Timed, iq: IQ, query: Element, policy: ClientPolicy) -> Transition:
    """Send a roster get. Pushes from now on win over its result."""
    if roster_waits(client):
        return refuse_to_send(client, rules.ROSTER_ASKED_ALREADY, iq)
    ver = query.get("ver")
    rule = rules.GET_WITHOUT_VER if ver is None else rules.GET_WITH_VER if ver else rules.GET_TO_BOOTSTRAP
    sent = ask(client, iq, Question(None, event.at, About.ROSTER_GET), rule, policy)
    if sent.state is client:
        return sent
    return Transition(copied(sent.state, interested=True, interim=Interim()), sent.effects)


def set_roster(client: Client, event: Timed, iq: IQ, query: Element, policy: ClientPolicy) -> Transition:
    """Send a roster set of the application."""
    child = query.first("item")
    change = None if child is None else read_change(child, client.roster.items)
    if change is None:
        return refuse_to_send(client, rules.SET_WITHOUT_JID, iq)
    return _send_set(client, event, iq, change, policy)


def _send_set(client: Client, event: Timed, iq: IQ, change: ItemChange, policy: ClientPolicy) -> Transition:
    """Send a roster set. The roster changes only with the push."""
    if change.removes:
        rule = rules.ITEM_REMOVAL_SENT
    elif change.jid in client.roster.items:
        rule = rules.ITEM_UPDATE_SENT
    else:
        rule = rules.ITEM_ADDITION_SENT
    sent = ask(client, iq, Question(None, event.at, About.ROSTER_SET, change), rule, policy)
    if sent.state is client:
        return sent
    return Transition(copied(sent.state, wanted=sent.state.wanted.set(change.jid, change)), sent.effects)


def no_longer_wanted(client: Client, change: ItemChange) -> Client:
    """Forget the change that a roster set has asked for, unless a later set has asked for another change."""
    if client.wanted.get(change.jid) != change:
        return client
    return copied(client, wanted=client.wanted.delete(change.jid))
