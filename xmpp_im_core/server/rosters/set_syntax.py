"""What a roster set asks for, or why it is refused (RFC 6121 §2.1.2, §2.3.3)."""

from __future__ import annotations

from xmpp_im_core.element import Element
from xmpp_im_core.jid import Address, InvalidJID, parse_address, parse_jid
from xmpp_im_core.policy import FullJIDItem, OwnItem, Policy
from xmpp_im_core.record import record
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import roster as rules
from xmpp_im_core.server.state import Account
from xmpp_im_core.stanza import Condition


@record
class RequestedItem:
    """What a roster set asks for. 'ask', 'approved' and any 'subscription' except "remove" are ignored."""

    jid: str
    name: str
    groups: tuple[str, ...]
    remove: bool


@record
class Refusal:
    """The condition of the error that refuses a roster set, and the rule."""

    condition: Condition
    rule: Rule


def read_set(asked: Element, account: Account, policy: Policy) -> RequestedItem | Refusal:
    """Read the ``<query/>`` of a roster set. If it has several faults, the first in the RFC's order counts."""
    items = list(asked.all("item"))
    if len(items) != 1:
        return Refusal(Condition.BAD_REQUEST, rules.SET_WITHOUT_ONE_ITEM)
    item = items[0]
    jid = read_item_jid(item.get("jid"), policy)
    if isinstance(jid, Refusal):
        return jid
    if item.get("subscription") == "remove":
        return RequestedItem(jid, "", (), remove=True)
    if jid == account.jid.bare and policy.own_item is OwnItem.REFUSE:
        return Refusal(Condition.NOT_ALLOWED, rules.ITEM_FOR_OWN_JID)
    name = item.get("name") or ""
    groups = tuple([group.text for group in item.all("group")])
    refusal = refused_groups(groups, policy)
    if refusal is None and len(name) > policy.name_length:
        refusal = Refusal(Condition.NOT_ACCEPTABLE, rules.NAME_TOO_LONG)
    return refusal or RequestedItem(jid, name, groups, remove=False)


def read_item_jid(text: str | None, policy: Policy) -> str | Refusal:
    """Return the bare JID that an item is for."""
    if text is None:
        return Refusal(Condition.BAD_REQUEST, rules.ITEM_WITHOUT_JID)
    known = parse_address(text)  # it has a cache; its result differs only in the resourcepart
    if isinstance(known, Address) and known.jid.resource is None:
        return known.jid.bare
    try:
        jid = parse_jid(text)
    except InvalidJID:
        return Refusal(Condition.JID_MALFORMED, rules.ITEM_JID_MALFORMED)
    if policy.full_jid_item is FullJIDItem.REFUSE:
        return Refusal(Condition.BAD_REQUEST, rules.ITEM_FOR_FULL_JID)
    return jid.bare


def refused_groups(groups: tuple[str, ...], policy: Policy) -> Refusal | None:
    """Return why the groups of an item are refused, or None (§2.3.3)."""
    if len(set(groups)) != len(groups):
        return Refusal(Condition.BAD_REQUEST, rules.DUPLICATE_GROUPS)
    if "" in groups:
        return Refusal(Condition.NOT_ACCEPTABLE, rules.EMPTY_GROUP)
    if any(len(group) > policy.group_length for group in groups):
        return Refusal(Condition.NOT_ACCEPTABLE, rules.GROUP_TOO_LONG)
    if len(groups) > policy.groups_per_item:
        return Refusal(Condition.NOT_ACCEPTABLE, rules.TOO_MANY_GROUPS)
    return None
