"""The presence that a user broadcasts (RFC 6121 §4.2.2, §4.4.2, §4.5.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from xmpp_im_core.jid import JID, prepared_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Told
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import presence as rules
from xmpp_im_core.server.answers import refuse
from xmpp_im_core.server.effects import (
    Effect,
    FanOut,
    Ignored,
    Kind,
    LoadOffline,
    Put,
    StoreOperation,
    Transition,
    deliver,
    silence,
)
from xmpp_im_core.server.events import Outbound
from xmpp_im_core.server.presence.directed import heard_unavailable
from xmpp_im_core.server.presence.priorities import within_bounds
from xmpp_im_core.server.state import Account, LastUnavailable, Session, SessionId
from xmpp_im_core.server.subscriptions.decision_notices import deliver_notices
from xmpp_im_core.server.subscriptions.requesting import redeliver_requests
from xmpp_im_core.server.visibility import is_blocked, is_withheld
from xmpp_im_core.stanza import Condition, Presence


def outbound_available(
    account: Account, event: Outbound, presence: Presence, session: Session, policy: Policy
) -> Transition[Account]:
    """Process presence with neither 'to' nor 'type': initial (§4.2.2) or subsequent (§4.4.2).

    It is initial after binding, and after unavailable presence (§4.5.2). Only initial presence causes probes of the
    contacts, the presence of the user's other resources, and pending requests.

    :param presence: stamped with the full JID.
    """
    presence = within_bounds(presence, policy)
    initial = session.presence is None
    shown = session.showing(presence)
    too_large = _too_large(account, session, shown, presence, policy)
    if too_large is not None:
        return refuse(account, presence, session.id, Condition.POLICY_VIOLATION, too_large)
    after = _keeping_recipients(account.with_session(shown))
    rule = rules.INITIAL_PRESENCE if initial else rules.SUBSEQUENT_PRESENCE
    own = rules.INITIAL_PRESENCE_TO_OWN if initial else rules.SUBSEQUENT_PRESENCE_TO_OWN
    effects: list[Effect] = [
        *_fan_out(presence, subscribers(after), rule),
        deliver(presence.stamped(to=account.address), after.available(), own),
    ]
    forget: tuple[StoreOperation, ...] = ()
    if initial:
        effects += _greetings(after, event, shown)
        after, told, forget = deliver_notices(after, shown)
        effects += told
    was_reachable = not initial and session.priority >= 0
    if shown.priority >= 0 and not was_reachable and policy.offline_messages:
        effects.append(LoadOffline(session.id, delivery_rules.OFFLINE_FLUSHED))
    return Transition(after, tuple(effects), (), forget)


def _too_large(account: Account, before: Session, shown: Session, presence: Presence, policy: Policy) -> Rule | None:
    """Return the rule that refuses this presence because it would take too much memory, or None."""
    own = shown.taken.own
    if own > policy.presence_size and presence.size() > policy.presence_size:  # the session is larger than its presence
        return rules.PRESENCE_TOO_LARGE
    growth = own - before.taken.own
    if growth > 0 and account.session_bytes + growth > policy.session_bytes:
        return rules.PRESENCES_TOO_LARGE
    return None


def _greetings(account: Account, event: Outbound, session: Session) -> list[Effect]:
    """Return what initial presence causes: probes, presence of the user's other resources, pending requests."""
    others = [
        deliver(other.presence.stamped(to=account.address), (session.id,), rules.OTHER_RESOURCES_TOLD)
        for other in account.sessions
        if other.presence is not None and other.id != session.id
    ]
    return [
        _probes(account, f"{event.seq}-probe", session),
        *others,
        *redeliver_requests(account, session),
    ]


def _probes(account: Account, id: str, session: Session) -> Effect:
    """Probe the contacts from the bare JID, for a resource that has become available (§4.3.1).

    The answers reach all resources of the user, though only the new one needs them. Within the service no probe is
    needed (§4.3.1), so a probe there comes from the full JID of the resource, and only that resource gets the answer.
    """
    probed = _without(account, account.roster.subscriptions(), is_blocked)
    if not probed:
        return Ignored(rules.PROBE)
    from_all = Presence(None, account.address, id, "probe")
    return FanOut(from_all, probed, rules.PROBE, from_all.stamped(from_=session.address))


def outbound_unavailable(
    account: Account, event: Outbound, presence: Presence, session: Session, policy: Policy
) -> Transition[Account]:
    """Process presence of type "unavailable" without 'to': everyone gets its full XML, including its sender (§4.5.2).

    :param presence: stamped with the full JID.
    """
    after = account.with_session(session.showing(None))
    remembered = presence
    if presence.size() > policy.presence_size:
        remembered = Presence(None, presence.from_, None, "unavailable")
    return leave(account, after, session, presence, remembered, event.at, account.available())


def session_gone(account: Account, session: Session, seq: str, at: datetime) -> Transition[Account]:
    """Remove a session that has ended, and send unavailable presence if the client has not (§4.5.2).

    "The user's server MUST NOT depend on receiving unavailable presence": the cause of the end makes no difference, and
    others are not told of it.
    """
    after = account.without_session(session.id)
    presence = Presence(None, session.address, f"{seq}-unavailable-{session.id.resource}", "unavailable")
    return leave(account, after, session, presence, presence, at, after.available())


def leave(
    before: Account,
    after: Account,
    session: Session,
    presence: Presence,
    remembered: Presence,
    at: datetime,
    own: tuple[SessionId, ...],
) -> Transition[Account]:
    """Send unavailable presence once to each entity that knew of a session (§4.5.2, §4.6.3).

    If the session was available, these are the subscribers, the user's own resources, and the recipients of its
    directed presence. If it was never available, these are only the recipients of its directed presence.

    :param remembered: the presence that is kept for later probes.
    """
    effects: list[Effect] = []
    store: tuple[StoreOperation, ...] = ()
    if session.available or after.session(session.id) is None:  # own resources need not tell it (§4.6.1)
        after = heard_unavailable(after, session.address.jid, before.jid)
    directed = _owed(before, session, own)
    if session.available:
        after = _keeping_recipients(after)
        effects += _fan_out(presence, subscribers(after), rules.UNAVAILABLE_BROADCAST)
    effects += _fan_out(presence, directed, rules.UNAVAILABLE_TO_DIRECTED)
    if session.available:
        effects.append(deliver(presence.stamped(to=before.address), own, rules.UNAVAILABLE_TO_OWN))
        if not after.available():
            last = LastUnavailable(remembered, at)
            after = after.left_at(last)
            store = (Put(Kind.LAST_UNAVAILABLE, "", last),)
    elif not directed:
        return silence(after, rules.NEVER_AVAILABLE)
    return Transition(after, tuple(effects), store)


def _owed(account: Account, session: Session, own: tuple[SessionId, ...]) -> tuple[str, ...]:
    """Return the recipients of a resource's directed presence that need unavailable presence when it ends (§4.6.3).

    If it was available, the subscribers and the user's own resources get the broadcast, and so are left out.

    :param own: the user's resources that get the unavailable presence, if the resource was available.
    """
    owed = [(entry, prepared_jid(entry)) for entry in session.directed]
    return tuple([entry for entry, entity in owed if not _hears_anyway(account, session, entity, own)])


def _hears_anyway(account: Account, session: Session, entity: JID, own: tuple[SessionId, ...]) -> bool:
    if is_blocked(account, entity):
        return True  # it got unavailable presence when it was blocked
    if not session.available:
        return False
    if entity.bare == account.jid.bare:
        return entity.is_bare or any(id.resource == entity.resource for id in own)
    return account.roster.state_of(entity.bare).from_ and not is_withheld(account, entity)


def subscribers(account: Account) -> tuple[str, ...]:
    """Return the recipients of the user's presence: "from" and "both" without the blocked, sorted (§4.2.2)."""
    told = account.roster.told
    if told is not None and told.blocked == account.blocked:
        return told.recipients
    return _without(account, account.roster.subscribers(), is_withheld)


def _keeping_recipients(account: Account) -> Account:
    """Return the account with the result of ``subscribers`` cached for the next broadcast."""
    told = account.roster.told
    if told is not None and told.blocked == account.blocked:
        return account
    return account.with_roster(account.roster.telling(Told(account.blocked, subscribers(account))))


def _without(
    account: Account, recipients: tuple[str, ...], kept_out: Callable[[Account, JID], bool]
) -> tuple[str, ...]:
    if not account.blocked:
        return recipients
    return tuple([jid for jid in recipients if not kept_out(account, prepared_jid(jid))])


def _fan_out(presence: Presence, recipients: tuple[str, ...], rule: Rule) -> list[Effect]:
    return [FanOut(presence, recipients, rule) if recipients else Ignored(rule)]
