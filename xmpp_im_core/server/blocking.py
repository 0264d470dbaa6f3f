"""Blocking communications with other entities (RFC 6121 Appendix B; XEP-0191).

Subscriptions of a blocked contact stay as they are, and take effect again when the user unblocks the contact. Its
pending request is dropped, since the user can no longer answer it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID, Malformed, parse_address, prepared_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import blocking as rules
from xmpp_im_core.server.answers import refuse, result
from xmpp_im_core.server.contact_changes import note
from xmpp_im_core.server.effects import (
    FULL_JID,
    Delete,
    Deliver,
    Effect,
    FanOut,
    Ignored,
    Kind,
    Put,
    StoreOperation,
    Transition,
)
from xmpp_im_core.server.events import Outbound
from xmpp_im_core.server.state import Account, Session, entries_size
from xmpp_im_core.server.subscriptions.resending import first_due
from xmpp_im_core.server.visibility import holds, is_blocked, is_withheld, matches, reaches
from xmpp_im_core.stanza import (
    IQ,
    Condition,
    Presence,
    payload,
)
from xmpp_im_core.subscription import subscription_state

BLOCKING = "urn:xmpp:blocking"


# --- the user's commands ----------------------------------------------------------------------------------


def blocking_request(
    account: Account, event: Outbound, request: IQ, asked: Element, session: Session, policy: Policy
) -> Transition[Account]:
    """Answer a get or set in the blocking namespace that the user's own client sent (XEP-0191 §3).

    :param asked: the only child of the request.
    """
    if request.type == "get" and asked.name == "blocklist":
        listed = element("blocklist", BLOCKING, {}, [_item(jid) for jid in account.blocked])
        after = account.with_session(session.asking_blocklist())
        return Transition(after, (result(request, session.id, rules.LISTED, listed),))
    if request.type != "set" or asked.name not in ("block", "unblock"):
        return refuse(account, request, session.id, Condition.BAD_REQUEST, rules.MALFORMED)
    longest = max(policy.block_list, len(account.blocked))
    jids = _read_items(asked, longest)
    if isinstance(jids, Rule):
        return refuse(account, request, session.id, _CONDITIONS[jids], jids)
    if not jids and (asked.name == "block" or asked.elements):
        return refuse(account, request, session.id, Condition.BAD_REQUEST, rules.MALFORMED)
    if asked.name == "unblock":
        return _unblock(account, event, request, session, jids, policy)
    added = tuple(sorted([jid for jid in jids if not holds(account.blocked, jid)]))
    if len(account.blocked) + len(added) > longest:
        return refuse(account, request, session.id, Condition.POLICY_VIOLATION, rules.LIST_FULL)
    blocked = tuple(sorted((*account.blocked, *added)))
    if added and entries_size(blocked) > policy.block_list_bytes:
        return refuse(account, request, session.id, Condition.POLICY_VIOLATION, rules.LIST_TOO_LARGE)
    return _block(account, event, request, session, jids, added, blocked)


_CONDITIONS: Final = MappingProxyType(
    {
        rules.JID_MALFORMED: Condition.JID_MALFORMED,
        rules.MALFORMED: Condition.BAD_REQUEST,
        rules.LIST_FULL: Condition.POLICY_VIOLATION,
    }
)


def _read_items(asked: Element, longest: int) -> dict[str, JID] | Rule:
    """Return the JIDs of a command by their full forms, or the rule that refuses it.

    If there are more JIDs than the longest list can hold, none is prepared, since preparation is expensive.
    """
    jids: dict[str, JID] = {}
    items = list(asked.all("item"))
    if len(items) > longest:
        return rules.LIST_FULL
    for item in items:
        text = item.get("jid")
        if text is None:
            return rules.MALFORMED
        address = parse_address(text)  # a user may block an occupant of a room, whose nickname may be any text
        if isinstance(address, Malformed):
            return rules.JID_MALFORMED
        jids[address.jid.full] = address.jid
    return jids


def _block(
    account: Account,
    event: Outbound,
    request: IQ,
    session: Session,
    jids: Mapping[str, JID],
    added: tuple[str, ...],
    blocked: tuple[str, ...],
) -> Transition[Account]:
    """Block JIDs: send unavailable presence to the entities, drop their requests (XEP-0191 §3.3).

    :param added: those of the JIDs that are not blocked yet, sorted.
    :param blocked: the block list with them.
    """
    store: list[StoreOperation] = [Put(Kind.BLOCKED, jid, None) for jid in added]
    after = account.blocking(blocked)
    for jid in account.roster.pending:
        if is_blocked(after, prepared_jid(jid)):
            contact = account.roster.contacts[jid]
            state = subscription_state(contact.state.subscription, contact.state.pending_out)
            after, noted = note(after, contact.becoming(state))
            store += noted
    unavailable: list[Effect] = []
    subscribers = _affected(account, [jids[jid] for jid in added])
    for each in account.sessions:
        hit = subscribers if each.available else frozenset()
        if not hit and not each.directed:
            continue  # none of the entities knows of it
        told = tuple(sorted({*hit, *_sent_directed(account, each, added, hit)}))
        if told:
            presence = Presence(None, each.address, f"{event.seq}-unavailable-{each.id.resource}", "unavailable")
            if each.directed:
                after = after.with_session(_without_directed(each, told, hit))
            unavailable.append(FanOut(presence, told, rules.UNAVAILABLE))
    answers = _answers(after, event, request, session, jids, rules.BLOCKED)
    return Transition(after, (*answers, *unavailable), tuple(store))


def _unblock(
    account: Account,
    event: Outbound,
    request: IQ,
    session: Session,
    jids: Mapping[str, JID],
    policy: Policy,
) -> Transition[Account]:
    """Unblock JIDs, or all: send presence to the subscribers who are no longer blocked (XEP-0191 §3.4, §3.5)."""
    left = tuple([jid for jid in account.blocked if jids and jid not in jids])
    removed = tuple([jid for jid in account.blocked if not jids or jid in jids])
    after = account.blocking(left)
    after = after.waking(first_due(after, policy))  # the request to a blocked contact is not sent again
    told = tuple(sorted(_affected(after, [prepared_jid(jid) for jid in removed])))
    greetings = [FanOut(presence, told, rules.AVAILABLE) for presence in after.presences() if told]
    answers = _answers(after, event, request, session, jids, rules.UNBLOCKED)
    store = tuple([Delete(Kind.BLOCKED, jid) for jid in removed])
    return Transition(after, (*answers, *greetings), store)


def _affected(account: Account, entities: list[JID]) -> frozenset[str]:
    """Return the bare JIDs of the subscribers from whom only these entries of the block list withhold presence.

    :param account: the account without these entries in its block list.
    """
    roster = account.roster
    concerned = {entity.bare for entity in entities if roster.state_of(entity.bare).from_}
    domains = frozenset([entity.full for entity in entities if entity.local is None])
    if domains:
        concerned.update(roster.subscribers_at(domains))
    return frozenset([jid for jid in concerned if not is_withheld(account, prepared_jid(jid))])


def _sent_directed(account: Account, session: Session, jids: tuple[str, ...], subscribers: frozenset[str]) -> list[str]:
    """Return the entries of a session's directed-presence list that these JIDs block.

    Directed presence to a bare JID has reached each of its resources, including a blocked one.

    :param subscribers: those who are told at their bare JIDs; their full JIDs are left out.
    """
    entries = [(jid, prepared_jid(jid)) for jid in session.directed]
    return [jid for jid, entity in entries if entity.bare not in subscribers and _hit(account, jids, entity)]


def _hit(account: Account, jids: tuple[str, ...], entity: JID) -> bool:
    """Whether these JIDs block an entity, or one of the resources that presence to it reaches."""
    if entity.bare == account.jid.bare:
        return False
    return matches(jids, entity) or (entity.is_bare and reaches(jids, entity.bare))


def _without_directed(session: Session, told: tuple[str, ...], subscribers: frozenset[str]) -> Session:
    """Remove the told entities, and every full JID of the subscribers, from a session's directed-presence list."""
    gone = frozenset(told)
    left = tuple([jid for jid in session.directed if jid not in gone and prepared_jid(jid).bare not in subscribers])
    return session.with_directed(left)


def _answers(
    account: Account, event: Outbound, request: IQ, session: Session, jids: Iterable[str], rule: Rule
) -> tuple[Effect, ...]:
    """Return the result, and the push of the command to every resource that has requested the block list."""
    answer = result(request, session.id, rule)
    told = tuple([each.id for each in account.sessions if each.knows_blocklist])
    if not told:
        return (answer, Ignored(rules.PUSHED))
    asked = "block" if rule is rules.BLOCKED else "unblock"
    pushed = element(asked, BLOCKING, {}, [_item(jid) for jid in sorted(jids)])
    push = IQ(None, None, f"{event.seq}-push", "set", None, payload(pushed))
    return (answer, Deliver(push, told, FULL_JID, rules.PUSHED))


def _item(jid: str) -> Element:
    return element("item", BLOCKING, {"jid": jid})
