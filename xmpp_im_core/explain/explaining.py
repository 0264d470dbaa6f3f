"""Explain a step: take it again, and find out for each recipient why it may see the user's presence.

The core keeps no trace. Every effect names its rule, and ``visibility`` of the state before the step gives the reason
for each recipient.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, overload

from xmpp_im_core.explain.changes import changes
from xmpp_im_core.explain.explanation import Explained, Explanation, Reason
from xmpp_im_core.explain.words import effect_in_words, event_in_words, operation_in_words, recipients_of
from xmpp_im_core.jid import JID, parse_jid, prepared_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.accounts.machine import PLAIN, Machine, account_of
from xmpp_im_core.server.effects import Deliver, Effect, FanOut, Route, Transition
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_core.server.service.serving import Service, serve
from xmpp_im_core.server.state import Account, State
from xmpp_im_core.server.visibility import INVISIBLE, Visibility, visibility
from xmpp_im_core.stanza import Presence, Stanza

S = TypeVar("S")


@overload
def explain(state: State, event: Event, policy: Policy = ...) -> Explanation: ...
@overload
def explain(state: S, event: Event, policy: Policy, machine: Machine[S]) -> Explanation: ...
def explain(state, event, policy=DEFAULT, machine=PLAIN):  # type: ignore[no-untyped-def]  # see above
    """Take one event of an account again and explain the result.

    :param state: the state before the event.
    :param machine: the machine that took the event; by default RFC 6121 without extensions.
    """
    return explain_step(state, event, machine.reduce(state, event, policy))


def explain_served(service: Service[S], event: ServiceEvent, policy: Policy = DEFAULT) -> tuple[Explanation, ...]:
    """Take one event of a service again and explain the steps of all accounts that it concerned, in order.

    The result is empty if the account waits for an answer of the host: then the service holds the event.
    """
    states: dict[str, S] = dict(service.accounts)
    explained: list[Explanation] = []
    for step in serve(service, event, policy).steps:
        before = states[step.jid] if step.jid in states else service.machine.start(parse_jid(step.jid))
        explained.append(explain_step(before, step.event, step.transition))
        states[step.jid] = step.transition.state
    return tuple(explained)


def explain_step(before: S, event: Event, step: Transition[S]) -> Explanation:
    """Explain a step that has been taken already, from its parts."""
    old, new = account_of(before), account_of(step.state)
    return Explanation(
        jid=old.jid.bare,
        seq=event.seq,
        at=event.at.isoformat(sep=" "),
        happened=event_in_words(event),
        sent=tuple([_explained(effect, old, new) for effect in step.effects]),
        changed=changes(old, new),
        stored=tuple([operation_in_words(operation) for operation in step.store]),
        forgotten=tuple([operation_in_words(operation) for operation in step.forget]),
    )


def _explained(effect: Effect, before: State, after: State) -> Explained:
    to = recipients_of(effect)
    reasons: tuple[Reason, ...] = ()
    if isinstance(before, Account) and isinstance(effect, Deliver | Route | FanOut):
        presence = _own_presence(effect.stanza, before)
        if presence is not None:
            everybody = to if isinstance(effect, FanOut) else _addressee(effect, before)
            reasons = _reasons(presence, everybody, before, after)
    return Explained(effect, effect_in_words(effect), to, reasons)


def _own_presence(stanza: Stanza, account: Account) -> Presence | None:
    """Return a stanza if it shows the user's availability, else None. Probes, requests and errors do not show it."""
    sender = stanza.from_jid
    if not isinstance(stanza, Presence) or sender is None or sender.bare != account.jid.bare:
        return None
    return stanza if stanza.type in (None, "unavailable") else None


def _addressee(effect: Deliver | Route, account: Account) -> tuple[str, ...]:
    if isinstance(effect, Deliver):  # it goes to the account's own sessions, whatever its 'to' says
        return (account.jid.full,)
    return (effect.stanza.to_jid.full,) if effect.stanza.to_jid is not None else ()


def _reasons(presence: Presence, to: Iterable[str], before: Account, after: State) -> tuple[Reason, ...]:
    """Group the recipients of presence by why they may see it."""
    groups: dict[tuple[Visibility, bool], list[str]] = {}
    for recipient in to:
        groups.setdefault(_why(presence, prepared_jid(recipient), before, after), []).append(recipient)
    order = sorted(groups, key=lambda why: (list(Visibility).index(why[0]), why[1]), reverse=True)
    return tuple([Reason(*why, tuple(groups[why])) for why in order])


def _why(presence: Presence, entity: JID, before: Account, after: State) -> tuple[Visibility, bool]:
    """Return why an entity may see this presence, and whether it may only since this step."""
    seen = _visible(presence, entity, before)
    if seen is not INVISIBLE or not isinstance(after, Account):
        return seen, False
    since = _visible(presence, entity, after)
    return since, since is not INVISIBLE


def _visible(presence: Presence, entity: JID, account: Account) -> Visibility:
    sender = presence.from_jid
    session = account.resource(sender.resource) if sender is not None else None
    return visibility(account, entity, session)
