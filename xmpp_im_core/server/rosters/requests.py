"""Roster requests of a client: get, set and remove (RFC 6121 §2.1.3, §2.1.5, §2.2, §2.6.3)."""

from __future__ import annotations

from xmpp_im_core.element import Element
from xmpp_im_core.policy import Policy, RosterAccess
from xmpp_im_core.roster import Contact
from xmpp_im_core.roster_query import roster_content
from xmpp_im_core.rules import administration as administration_rules
from xmpp_im_core.rules import roster as rules
from xmpp_im_core.server.answers import refuse, result
from xmpp_im_core.server.contact_changes import push_to
from xmpp_im_core.server.effects import AS_IT_STANDS, Deliver, Effect, Transition
from xmpp_im_core.server.events import Outbound
from xmpp_im_core.server.rosters.items import put_item, remove_item
from xmpp_im_core.server.rosters.set_syntax import Refusal, read_set
from xmpp_im_core.server.state import Account, Session, SessionId
from xmpp_im_core.stanza import IQ, Condition


def roster_request(
    account: Account, event: Outbound, request: IQ, asked: Element, session: Session, policy: Policy
) -> Transition[Account]:
    """Answer a roster get or set that the user's own client sent (§2.1.3, §2.1.5).

    :param asked: the only child of the request, in the namespace ``jabber:iq:roster``.
    """
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
    """Return the roster, or its changes since a version; the resource is interested now (§2.1.3, §2.2, §2.6.3)."""
    if asked.first("item") is not None:  # children in other namespaces are extensions, which are ignored
        return refuse(account, request, session.id, Condition.BAD_REQUEST, rules.ROSTER_GET_WITH_ITEMS)
    after = account.with_session(session.asking_roster())
    roster = account.roster
    ver = asked.get("ver")
    since = roster.since(ver) if ver is not None and policy.roster_versioning else None
    if since is not None:
        changed = roster.modified_since(since)
        if len(changed) <= max(roster.listed, 1):  # otherwise the whole roster is shorter (§2.6.3)
            return Transition(after, interim_pushes(after, event, request, session.id, changed, policy))
    content = roster_content(roster.items(), roster.ver if policy.roster_versioning else None)
    rule = rules.ROSTER_RESULT if roster.listed or roster.shared else rules.EMPTY_ROSTER_RESULT
    answer = IQ(request.from_, request.to, request.id, "result", None, content)
    return Transition(after, (Deliver(answer, (session.id,), AS_IT_STANDS, rule),))


def interim_pushes(
    account: Account,
    event: Outbound,
    request: IQ,
    session: SessionId,
    changed: tuple[Contact, ...],
    policy: Policy,
) -> tuple[Effect, ...]:
    """Return the empty result, and a push of each modified item, for this resource only (§2.6.3)."""
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
        return Transition(removed.state, (answer, *removed.effects), removed.store)
    is_new = contact is None or not contact.listed
    if is_new and account.roster.listed >= policy.roster_items:
        return refuse(account, request, session.id, Condition.POLICY_VIOLATION, rules.ROSTER_FULL)
    put = put_item(account, wanted.jid, wanted.name, wanted.groups, event.seq, policy)
    if put.state.roster.item_bytes > max(policy.roster_bytes, account.roster.item_bytes):  # it may always shrink
        return refuse(account, request, session.id, Condition.POLICY_VIOLATION, rules.ROSTER_TOO_LARGE)
    answer = result(request, session.id, rules.ITEM_ADDED if is_new else rules.ITEM_UPDATED)
    return Transition(put.state, (answer, *put.effects), put.store)
