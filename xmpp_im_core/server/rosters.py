"""Managing the roster (RFC 6121 §2): get, set, remove, and the pushes that they cause."""

from __future__ import annotations

from attrs import frozen

from xmpp_im_core.element import Element
from xmpp_im_core.jid import InvalidJID, parse_address, parse_jid, prepared_jid
from xmpp_im_core.policy import FullJIDItem, OwnItem, Policy, RosterAccess
from xmpp_im_core.roster import Contact
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import administration as administration_rules
from xmpp_im_core.rules import blocking as blocking_rules
from xmpp_im_core.rules import roster as rules
from xmpp_im_core.server.answers import refuse, result
from xmpp_im_core.server.changes import modify, push, push_to, query
from xmpp_im_core.server.effects import Effect, Ignored, Route, Transition
from xmpp_im_core.server.events import Outbound
from xmpp_im_core.server.farewell import unavailable_from_all, without_directed_to
from xmpp_im_core.server.state import Account, Session, SessionId
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import IQ, Condition, Presence
from xmpp_im_core.subscription import Subscription, subscription_state


def roster_request(
    account: Account, event: Outbound, request: IQ, session: Session, policy: Policy
) -> Transition[Account]:
    """Answer a roster get or set that the user's own client sent (§2.1.3, §2.1.5).

    :param request: a get or set whose only child is a ``jabber:iq:roster`` element.
    """
    asked = request.request
    assert asked is not None
    if policy.roster_access is RosterAccess.UNSUPPORTED:
        return refuse(account, request, session.id, Condition.SERVICE_UNAVAILABLE, rules.ROSTER_UNSUPPORTED)
    if policy.roster_access is RosterAccess.MISSING:
        return refuse(account, request, session.id, Condition.ITEM_NOT_FOUND, rules.ROSTER_MISSING)
    if asked.name != "query":
        return refuse(account, request, session.id, Condition.BAD_REQUEST, rules.ROSTER_QUERY_MALFORMED)
    if request.type == "get":
        return roster_get(account, event, request, asked, session, policy)
    if policy.roster_access is RosterAccess.READ_ONLY:
        return refuse(account, request, session.id, Condition.NOT_ALLOWED, rules.ROSTER_READ_ONLY)
    return roster_set(account, event, request, asked, session, policy)


def roster_get(
    account: Account, event: Outbound, request: IQ, asked: Element, session: Session, policy: Policy
) -> Transition[Account]:
    """Return the roster, or what has changed of it, and note the resource as interested (§2.1.3, §2.2, §2.6.3)."""
    if asked.first("item") is not None:  # children of other namespaces are extensions, and ignored
        return refuse(account, request, session.id, Condition.BAD_REQUEST, rules.ROSTER_GET_WITH_ITEMS)
    after = account.with_session(session.asking_roster())
    roster = account.roster
    ver = asked.get("ver")
    since = roster.since(ver) if ver is not None and policy.roster_versioning else None
    if since is not None:
        changed = roster.modified_since(since)
        if len(changed) <= max(roster.listed, 1):  # else the whole roster is less to send (§2.6.3)
            return Transition(after, interim_pushes(after, event, request, session.id, changed, policy))
    content = query(roster.items(), roster.ver if policy.roster_versioning else None)
    rule = rules.ROSTER_RESULT if roster.listed or roster.shared else rules.EMPTY_ROSTER_RESULT
    return Transition(after, (result(request, session.id, rule, content),))


def interim_pushes(
    account: Account,
    event: Outbound,
    request: IQ,
    session: SessionId,
    changed: tuple[Contact, ...],
    policy: Policy,
) -> tuple[Effect, ...]:
    """Return the empty result, and a push for each item modified since, to this resource alone (§2.6.3)."""
    pushes = [
        push_to(
            (session,), account.roster, contact, contact.version, f"{event.seq}-push-{n}", policy, rules.INTERIM_PUSH
        )
        for n, contact in enumerate(changed)
    ]
    return (
        result(request, session, rules.UNCHANGED_ROSTER if not changed else rules.INTERIM_RESULT),
        *pushes,
    )


def roster_set(
    account: Account, event: Outbound, request: IQ, asked: Element, session: Session, policy: Policy
) -> Transition[Account]:
    """Add, update or remove one item (§2.3, §2.4, §2.5)."""
    wanted = read_set(asked, account, policy)
    if isinstance(wanted, Refusal):
        return refuse(account, request, session.id, wanted.condition, wanted.rule)
    if wanted.jid in account.roster.shared:
        return refuse(account, request, session.id, Condition.NOT_ALLOWED, administration_rules.SHARED_NOT_YOURS)
    contact = account.roster.contacts.get(wanted.jid)
    if wanted.remove:
        if contact is None or not contact.listed:
            return refuse(account, request, session.id, Condition.ITEM_NOT_FOUND, rules.REMOVED_ITEM_NOT_FOUND)
        removed = remove_item(account, contact, event.seq, policy)
        answer = result(request, session.id, rules.ITEM_REMOVED)
        return Transition(removed.state, (answer, *removed.send), removed.store)
    is_new = contact is None or not contact.listed
    if is_new and account.roster.listed >= policy.roster_items:
        return refuse(account, request, session.id, Condition.POLICY_VIOLATION, rules.ROSTER_FULL)
    growth = account.roster.growth(_updated(account, wanted.jid, wanted.name, wanted.groups))
    if growth > 0 and account.roster.item_bytes + growth > policy.roster_bytes:
        return refuse(account, request, session.id, Condition.POLICY_VIOLATION, rules.ROSTER_TOO_LARGE)
    put = put_item(account, wanted.jid, wanted.name, wanted.groups, event.seq, policy)
    answer = result(request, session.id, rules.ITEM_ADDED if is_new else rules.ITEM_UPDATED)
    return Transition(put.state, (answer, *put.send), put.store)


def put_item(
    account: Account, jid: str, name: str, groups: tuple[str, ...], seq: str, policy: Policy
) -> Transition[Account]:
    """Add or update an item (§2.3.2, §2.4.2): "the item MUST be updated exactly as provided" (§2.4.1).

    Name and groups are replaced as a whole; subscription, ask, approved and a waiting request stay.
    """
    before = account.roster.contacts.get(jid)
    after, contact, store = modify(account, _updated(account, jid, name, groups), policy)
    pushed = rules.UPDATED_ITEM_PUSHED if before is not None and before.listed else rules.ADDED_ITEM_PUSHED
    return Transition(after, (push(after, contact, f"{seq}-push", policy, pushed),), store)


def _updated(account: Account, jid: str, name: str, groups: tuple[str, ...]) -> Contact:
    before = account.roster.contacts.get(jid) or Contact(jid, listed=False)
    return Contact(jid, before.state, True, name, groups, before.approved, before.request, before.asked)


def remove_item(account: Account, contact: Contact, seq: str, policy: Policy) -> Transition[Account]:
    """Remove an item, and end the subscriptions of both sides (§2.5.2).

    The contact's subscription is cancelled as in §3.2.2, unavailable presence first. A request of the
    contact's that waits for an answer goes on waiting: the user has given none.
    """
    state = contact.state
    after, removed, store = modify(
        account,
        Contact(
            contact.jid,
            subscription_state("none", pending_in=state.pending_in),
            listed=False,
            request=contact.request,
        ),
        policy,
    )
    pushed = push(after, removed, f"{seq}-push", policy, rules.REMOVED_ITEM_PUSHED)
    farewells = withdrawal_at_removal(account, contact.jid, state, seq)
    if state.from_:
        after = without_directed_to(after, contact.jid)
    return Transition(after, (*farewells, pushed), store)


def withdrawal_at_removal(account: Account, contact: str, state: Subscription, seq: str) -> tuple[Effect, ...]:
    """Return the presence that the removal of an item sends to the contact (§2.5.2); to one who is blocked, nothing.

    A pending request is withdrawn too, which §2.5.2 does not ask for: else the contact's server would keep
    asking the contact on behalf of somebody who no longer wants to know.
    """
    if is_blocked(account, prepared_jid(contact)):
        return (Ignored(blocking_rules.REMOVAL_NOT_TOLD),)
    to = parse_address(contact)
    effects: tuple[Effect, ...] = ()
    if state.to or state.pending_out:
        stanza = Presence(to, account.address, f"{seq}-unsubscribe", "unsubscribe")
        rule = rules.UNSUBSCRIBED_AT_REMOVAL if state.to else rules.REQUEST_WITHDRAWN_AT_REMOVAL
        effects = (Route(stanza, rule),)
    if state.from_:
        stanza = Presence(to, account.address, f"{seq}-unsubscribed", "unsubscribed")
        rule = rules.MUTUAL_CANCELLED_AT_REMOVAL if state.to else rules.CANCELLED_AT_REMOVAL
        farewells: tuple[Effect, ...] = ()
        shared = account.roster.shared.get(contact)
        if shared is None or not shared.state.from_:  # whom the service lets see the user goes on seeing
            farewells = unavailable_from_all(account, to, seq, rules.UNAVAILABLE_AT_REMOVAL)
        effects = (*farewells, *effects, Route(stanza, rule))
    return effects


# --- reading a roster set (§2.1.2, §2.3.3) ------------------------------------------------------------------


@frozen
class ItemSet:
    """What a roster set asks for. 'ask', 'approved' and any 'subscription' but "remove" count for nothing."""

    jid: str
    name: str
    groups: tuple[str, ...]
    remove: bool


@frozen
class Refusal:
    """Why a roster set is refused, with the condition to answer."""

    condition: Condition
    rule: Rule


def read_set(asked: Element, account: Account, policy: Policy) -> ItemSet | Refusal:
    """Read the ``<query/>`` of a roster set; of several faults the first in the RFC's order counts."""
    items = list(asked.all("item"))
    if len(items) != 1:
        return Refusal(Condition.BAD_REQUEST, rules.SET_WITHOUT_ONE_ITEM)
    item = items[0]
    jid = read_item_jid(item.get("jid"), policy)
    if isinstance(jid, Refusal):
        return jid
    if item.get("subscription") == "remove":
        return ItemSet(jid, "", (), remove=True)
    if jid == account.jid.bare and policy.own_item is OwnItem.REFUSE:
        return Refusal(Condition.NOT_ALLOWED, rules.ITEM_FOR_OWN_JID)
    name = item.get("name") or ""
    groups = tuple([group.text for group in item.all("group")])
    refusal = refused_groups(groups, policy)
    if refusal is None and len(name) > policy.name_length:
        refusal = Refusal(Condition.NOT_ACCEPTABLE, rules.NAME_TOO_LONG)
    return refusal or ItemSet(jid, name, groups, remove=False)


def read_item_jid(text: str | None, policy: Policy) -> str | Refusal:
    """Return the bare JID that an item is for."""
    if text is None:
        return Refusal(Condition.BAD_REQUEST, rules.ITEM_WITHOUT_JID)
    try:
        jid = parse_jid(text)
    except InvalidJID:
        return Refusal(Condition.JID_MALFORMED, rules.ITEM_JID_MALFORMED)
    if not jid.is_bare and policy.full_jid_item is FullJIDItem.REFUSE:
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
