"""Answering presence probes (RFC 6121 §4.3.2, §4.6.6)."""

from __future__ import annotations

from xmpp_im_core.jid import JID
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import blocking as blocking_rules
from xmpp_im_core.rules import presence as rules
from xmpp_im_core.server.delays import delay
from xmpp_im_core.server.effects import Effect, Ignored, Route, Transition
from xmpp_im_core.server.events import Inbound
from xmpp_im_core.server.state import Account, Session
from xmpp_im_core.server.visibility import INVISIBLE, SELF, SUBSCRIBED, visibility
from xmpp_im_core.stanza import USUAL_TYPE, Condition, Presence, StanzaError, error_reply, payload


def inbound_probe(
    account: Account, event: Inbound, probe: Presence, prober: JID, to: JID, policy: Policy
) -> Transition[Account]:
    """Answer a probe by the first rule that applies (§4.3.2). A subscription precedes directed presence (§4.6.6)."""
    seen_by = visibility(account, prober, None)
    if seen_by is SUBSCRIBED or seen_by is SELF:
        moved = _moved_reply(account, probe) if seen_by is SUBSCRIBED else None
        return Transition(account, (moved,) if moved is not None else _to_subscriber(account, probe, to, policy))
    if seen_by is INVISIBLE:
        return Transition(account, (_unauthorised(account, probe, prober),))
    return Transition(account, _to_directed(account, probe, prober, to))


def _unauthorised(account: Account, probe: Presence, prober: JID) -> Effect:
    """Answer an entity that is not authorised, from the bare JID, whether the user is online or not (§4.3.2, rule 1).

    A subscriber from whom presence is withheld does not get "unsubscribed", which would end its subscription.
    """
    if account.roster.state_of(prober.bare).from_:
        return Ignored(blocking_rules.PRESENCE_WITHHELD)
    reply = Presence(probe.from_, account.address, probe.id, "unsubscribed")
    return Route(reply, rules.PROBE_UNAUTHORISED)


def _moved_reply(account: Account, probe: Presence) -> Route | None:
    """Return the error that tells a contact the user's new address, or None (§4.3.2, rule 2)."""
    if account.moved is None:
        return None
    condition = Condition.GONE if account.moved.permanently else Condition.REDIRECT
    error = StanzaError(condition, USUAL_TYPE[condition], address=account.moved.address)
    return Route(error_reply(probe, error).stamped(from_=account.address), rules.PROBE_MOVED)


def _to_subscriber(account: Account, probe: Presence, to: JID, policy: Policy) -> tuple[Effect, ...]:
    """Answer a probe from a subscriber: rules 3 and 4 of §4.3.2, and a probe of a full JID."""
    if to.resource is not None:
        return (_about_resource(account, probe, to),)
    replies = tuple([Route(p.stamped(to=probe.from_), rules.PROBE_AVAILABLE) for p in account.presences()])
    return replies or (_absent_reply(account, probe, policy),)


def _about_resource(account: Account, probe: Presence, to: JID) -> Effect:
    """Answer a probe of a full JID: only whether this resource is available (§4.3.2)."""
    session = account.resource(to.resource)
    if session is not None and session.presence is not None:
        return _mere_availability(probe, session, rules.PROBE_OF_RESOURCE)
    reply = Presence(probe.from_, probe.to, probe.id, "unavailable")
    return Route(reply, rules.PROBE_OF_ABSENT_RESOURCE)


def _mere_availability(probe: Presence, session: Session, rule: Rule) -> Effect:
    presence = session.presence
    if presence is None:  # it has sent directed presence without ever being available
        return Route(Presence(probe.from_, session.address, probe.id), rule)
    return Route(Presence(probe.from_, session.address, presence.id), rule)


def _absent_reply(account: Account, probe: Presence, policy: Policy) -> Route:
    """Answer for a user without available resource: unavailable, with the time, from the bare JID (§4.3.2, rule 3)."""
    last = account.last_unavailable
    if last is None:
        return Route(Presence(probe.from_, account.address, probe.id, "unavailable"), rules.PROBE_ABSENT)
    stamp = delay(last.at, account.jid.bare)
    if policy.last_unavailable_in_full:
        content = payload(*last.presence.payload.children, stamp)
        reply = Presence(probe.from_, account.address, last.presence.id, "unavailable", last.presence.lang, content)
        return Route(reply, rules.PROBE_ABSENT_IN_FULL)
    reply = Presence(probe.from_, account.address, probe.id, "unavailable", None, payload(stamp))
    return Route(reply, rules.PROBE_ABSENT)


def _to_directed(account: Account, probe: Presence, prober: JID, to: JID) -> tuple[Effect, ...]:
    """Answer a recipient of directed presence: only the availability of the resources that sent it (§4.6.6)."""
    told = [
        session
        for session in account.sessions
        if (to.resource is None or session.id.resource == to.resource)
        and visibility(account, prober, session) is not INVISIBLE
    ]
    if not told:
        return (_unauthorised(account, probe, prober),)
    return tuple([_mere_availability(probe, session, rules.PROBE_OF_DIRECTED) for session in told])
