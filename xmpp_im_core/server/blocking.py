"""Blocking communications with other entities (RFC 6121 Appendix B; XEP-0191).

Blocking is polite: subscriptions stay as they are, and come into force again when the user unblocks. A
request that waits for the user's decision is dropped, since it could be answered no more.
"""

from __future__ import annotations

from collections.abc import Iterable

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID, InvalidJID, parse_jid
from xmpp_im_core.policy import BlockedMessages, Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import blocking as rules
from xmpp_im_core.server.answers import error_to_sender, refuse, result
from xmpp_im_core.server.changes import note
from xmpp_im_core.server.effects import (
    AS_IT_STANDS,
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
    silence,
)
from xmpp_im_core.server.events import Outbound
from xmpp_im_core.server.messages import message_to_nobody
from xmpp_im_core.server.state import Account, Session
from xmpp_im_core.server.visibility import SUBSCRIBED, is_blocked, matches, visibility
from xmpp_im_core.stanza import (
    IQ,
    Condition,
    ErrorType,
    Message,
    Presence,
    Stanza,
    StanzaError,
    error_reply,
    may_be_answered,
    payload,
)
from xmpp_im_core.subscription import subscription_state

BLOCKING = "urn:xmpp:blocking"
BLOCKING_ERRORS = "urn:xmpp:blocking:errors"


# --- the user's commands ----------------------------------------------------------------------------------


def blocking_request(
    account: Account, event: Outbound, request: IQ, session: Session, policy: Policy
) -> Transition[Account]:
    """Answer a get or set in the blocking namespace that the user's own client sent (XEP-0191 §3)."""
    asked = request.request
    assert asked is not None
    if request.type == "get" and asked.name == "blocklist":
        listed = element("blocklist", BLOCKING, {}, [_item(jid) for jid in account.blocked])
        after = account.with_session(session.asking_blocklist())
        return Transition(after, (result(request, session.id, rules.LISTED, listed),))
    if request.type != "set" or asked.name not in ("block", "unblock"):
        return refuse(account, request, session.id, Condition.BAD_REQUEST, rules.MALFORMED)
    jids = _read_items(asked)
    if isinstance(jids, Rule):
        condition = Condition.JID_MALFORMED if jids is rules.JID_MALFORMED else Condition.BAD_REQUEST
        return refuse(account, request, session.id, condition, jids)
    if asked.name == "unblock" and not jids and asked.elements:
        return refuse(account, request, session.id, Condition.BAD_REQUEST, rules.MALFORMED)
    if asked.name == "unblock":
        return _unblock(account, event, request, session, asked, jids)
    if not jids:
        return refuse(account, request, session.id, Condition.BAD_REQUEST, rules.MALFORMED)
    blocked = tuple(sorted({*account.blocked, *jids}))
    if len(blocked) > max(policy.block_list, len(account.blocked)):
        return refuse(account, request, session.id, Condition.POLICY_VIOLATION, rules.LIST_FULL)
    return _block(account, event, request, session, asked, blocked)


def _read_items(asked: Element) -> frozenset[str] | Rule:
    """Return the JIDs of a command, prepared; or the rule by which it is refused."""
    jids: set[str] = set()
    for item in asked.all("item"):
        text = item.get("jid")
        if text is None:
            return rules.MALFORMED
        try:
            jids.add(parse_jid(text).full)
        except InvalidJID:
            return rules.JID_MALFORMED
    return frozenset(jids)


def _block(
    account: Account, event: Outbound, request: IQ, session: Session, asked: Element, blocked: tuple[str, ...]
) -> Transition[Account]:
    """Add to the block list, take leave of whom it hits, and drop their requests (XEP-0191 §3.3)."""
    added = tuple([jid for jid in blocked if jid not in account.blocked])
    store: list[StoreOperation] = [Put(Kind.BLOCKED, jid, None) for jid in added]
    after = account.blocking(blocked)
    for contact in [account.roster.contacts[jid] for jid in account.roster.pending]:
        if is_blocked(after, parse_jid(contact.jid)):
            state = subscription_state(contact.state.subscription, contact.state.pending_out)
            after, noted = note(after, contact.becoming(state))
            store += noted
    after = after.with_sessions(tuple([_without_directed(each, added) for each in after.sessions]))
    farewells: list[Effect] = []
    subscribed = _affected(account, added) if account.available() else set()
    for each in account.sessions:
        presence = Presence(None, each.address, f"{event.seq}-unavailable-{each.id.resource}", "unavailable")
        hit = subscribed if each.available else ()
        told = tuple(sorted({*hit, *_sent_directed(account, each, added)}))
        if told:
            farewells.append(FanOut(presence, told, rules.UNAVAILABLE))
    answers = _answers(after, event, request, session, asked, rules.BLOCKED)
    return Transition(after, (*answers, *farewells), tuple(store))


def _unblock(
    account: Account, event: Outbound, request: IQ, session: Session, asked: Element, jids: frozenset[str]
) -> Transition[Account]:
    """Take JIDs, or all, off the block list, and greet whom it no longer hits (XEP-0191 §3.4, §3.5)."""
    left = tuple([jid for jid in account.blocked if jids and jid not in jids])
    removed = tuple([jid for jid in account.blocked if jid not in left])
    after = account.blocking(left)
    told = tuple(sorted(_affected(after, removed)))
    greetings = [FanOut(presence, told, rules.AVAILABLE) for presence in after.presences() if told]
    answers = _answers(after, event, request, session, asked, rules.UNBLOCKED)
    store = tuple([Delete(Kind.BLOCKED, jid) for jid in removed])
    return Transition(after, (*answers, *greetings), store)


def _affected(account: Account, jids: tuple[str, ...]) -> set[str]:
    """Return whom of the subscribers the JIDs hit who are not blocked otherwise: bare, or full as listed.

    :param account: as it is without these JIDs in its block list.
    """
    hit = {jid for jid in account.roster.subscribers() if _hides(account, jids, parse_jid(jid))}
    for jid in jids:
        entity = parse_jid(jid)
        if not entity.is_bare and entity.bare not in hit and visibility(account, entity, None) is SUBSCRIBED:
            hit.add(jid)
    return hit


def _sent_directed(account: Account, session: Session, jids: tuple[str, ...]) -> set[str]:
    """Return whom the JIDs hit of those who got a session's directed presence, as addressed or as blocked.

    Directed presence to a bare JID has reached each of its resources, the blocked one too.
    """
    hit = {jid for jid in session.directed if _hides(account, jids, parse_jid(jid))}
    for jid in jids:
        entity = parse_jid(jid)
        if entity.bare in session.directed and entity.bare not in hit and _hides(account, jids, entity):
            hit.add(jid)
    return hit


def _hides(account: Account, jids: tuple[str, ...], entity: JID) -> bool:
    """Whether these JIDs block an entity that the block list without them does not."""
    return entity.bare != account.jid.bare and matches(jids, entity) and not is_blocked(account, entity)


def _without_directed(session: Session, jids: tuple[str, ...]) -> Session:
    left = tuple([jid for jid in session.directed if not matches(jids, parse_jid(jid))])
    return session if len(left) == len(session.directed) else session.with_directed(left)


def _answers(
    account: Account, event: Outbound, request: IQ, session: Session, asked: Element, rule: Rule
) -> tuple[Effect, ...]:
    """Return the result, and the push of the command to every resource that has asked for the list."""
    told = tuple([each.id for each in account.sessions if each.knows_blocklist])
    pushed = element(asked.name, BLOCKING, {}, [_item(jid) for jid in sorted(_prepared(asked.all("item")))])
    push = IQ(None, None, f"{event.seq}-push", "set", None, payload(pushed))
    answer = result(request, session.id, rule)
    return (answer, Deliver(push, told, FULL_JID, rules.PUSHED)) if told else (answer, Ignored(rules.PUSHED))


def _prepared(items: Iterable[Element]) -> set[str]:
    return {parse_jid(item.get("jid") or "").full for item in items}


def _item(jid: str) -> Element:
    return element("item", BLOCKING, {"jid": jid})


# --- stanzas from and to whom the user blocks -------------------------------------------------------------


def inbound_from_blocked(account: Account, stanza: Stanza, to: JID, policy: Policy) -> Transition[Account]:
    """Process a stanza from an entity that the user blocks: it sees nobody there (XEP-0191 §3.3)."""
    if isinstance(stanza, Presence):
        return silence(account, rules.PRESENCE_IGNORED)
    if isinstance(stanza, IQ) and stanza.type not in ("get", "set"):
        return silence(account, rules.IQ_REFUSED)
    if isinstance(stanza, IQ):
        return Transition(account, (error_to_sender(stanza, Condition.SERVICE_UNAVAILABLE, rules.IQ_REFUSED),))
    if policy.blocked_messages is BlockedMessages.ERROR:
        refused = error_to_sender(stanza, Condition.SERVICE_UNAVAILABLE, rules.MESSAGE_REFUSED)
        return Transition(account, (refused,))
    assert isinstance(stanza, Message)
    return Transition(account, (message_to_nobody(stanza, to, policy), Ignored(rules.MESSAGE_AS_TO_NOBODY)))


def outbound_to_blocked(account: Account, stanza: Stanza, session: Session) -> Transition[Account]:
    """Refuse the user's own stanza to an entity that the user blocks; nothing changes (XEP-0191 §3.3)."""
    if not may_be_answered(stanza):
        return silence(account, rules.OUTBOUND_REFUSED)
    application = (element("blocked", BLOCKING_ERRORS),)
    error = StanzaError(Condition.NOT_ACCEPTABLE, ErrorType.CANCEL, application=application)
    reply = error_reply(stanza, error)
    return Transition(account, (Deliver(reply, (session.id,), AS_IT_STANDS, rules.OUTBOUND_REFUSED),))
