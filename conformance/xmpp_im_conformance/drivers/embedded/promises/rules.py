"""The rules that effects name, and the order of the effects of a step: they say what was done, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from xmpp_im_conformance.drivers.embedded.promises.broken import Step, promise
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server import (
    Account,
    AddressedAs,
    Delegate,
    Deliver,
    FanOut,
    Ignored,
    Inbound,
    Kind,
    Outbound,
    Put,
    Route,
)
from xmpp_im_core.server.blocking import BLOCKING
from xmpp_im_core.server.effects import Effect
from xmpp_im_core.server.events import SessionDetached, SessionResumed
from xmpp_im_core.stanza import IQ, SUBSCRIPTION_TYPES, Presence

_TABLE: Final = "8.5.4:"
_BY_TABLE: Final = "By Table 1 the server "
_ACTIONS: Final = (
    "delivers the message to the resource",
    "delivers the message to the most available resources",
    "delivers the message to all resources of non-negative priority",
    "stores the message",
    "ignores the message",
    "returns an error",
)
"""What Table 1 of RFC 6121 §8.5.4 has for each letter."""
_SITUATIONS: Final = frozenset(
    {
        "account does not exist",
        "account exists, but has no active resource",
        "account exists, has active resources, but all have negative priority",
        "account exists, exactly one resource with non-negative priority",
        "account exists, two or more resources with non-negative priority",
    }
)
"""The headings of that table."""
_PUSHED: Final = "pushed"


def check_rules(step: Step) -> None:
    """See that the rules of a step are those of what it does, in the order that RFC 6121 gives."""
    for effect in step.transition.effects:
        if effect.rule.name.startswith(_TABLE):
            _check_table(effect, step)
        if isinstance(effect, Delegate) and step.before.jid.local is not None:
            asks = effect.iq.type in ("get", "set") and effect.iq.request is not None
            promise(asks, "a service of the host is asked, and gets no answers for an account", effect.iq)
    if isinstance(step.before, Account) and isinstance(step.after, Account):
        for effect, expected in _expected(step, step.before, step.after):
            promise(effect.rule.name == expected, "an effect names the rule that applies", effect.rule.name, expected)
        _check_order(step)


def _check_table(effect: Effect, step: Step) -> None:
    """See that the sentence about a cell of Table 1 has the words of the table, among them what was done."""
    promise(effect.rule.name.split(":")[1] in _SITUATIONS, "the rule has the heading of the table", effect.rule.name)
    permitted = effect.rule.says.removeprefix(_BY_TABLE).removesuffix(".").split(" or ")
    promise(set(permitted) <= set(_ACTIONS), "the rule has the words of the table", effect.rule.says)
    done: tuple[str, ...]
    if isinstance(effect, Deliver):
        done = _ACTIONS[:3]
    elif isinstance(effect, Route):
        done = _ACTIONS[5:]
    else:
        stores = any(isinstance(each, Put) and each.kind is Kind.OFFLINE for each in step.transition.store)
        done = _ACTIONS[3:4] if stores and isinstance(step.event, Inbound) else _ACTIONS[3:5]
    promise(bool(set(permitted) & set(done)), "the table permits what the server does", effect.rule.says, done)


def _expected(step: Step, before: Account, after: Account) -> Iterator[tuple[Effect, str]]:
    """Yield effects with the names of the rules that apply to them."""
    event, effects = step.event, step.transition.effects
    if isinstance(event, SessionDetached | SessionResumed) and before.session(event.session) is not None:
        yield effects[0], "session:resumed" if isinstance(event, SessionResumed) else "session:detached"
    for effect in effects:
        name = effect.rule.name
        if isinstance(effect, Route) and effect.stanza.to_jid is not None and name.startswith("roster:removal-"):
            contact = before.roster.contacts.get(effect.stanza.to_jid.bare)
            to = contact is not None and contact.state.to
            if effect.stanza.type == "unsubscribe":
                yield effect, "roster:removal-unsubscribes" if to else "roster:removal-withdraws"
            elif effect.stanza.type == "unsubscribed":
                yield effect, "roster:removal-cancels-mutual" if to else "roster:removal-cancels"
        if name in ("roster:unchanged", "roster:interim-result"):
            yield effect, "roster:interim-result" if len(effects) > 1 else "roster:unchanged"
        if name in ("iq:unmatched", "iq:answer-unmatched") and isinstance(event, Inbound):
            yield effect, "iq:unmatched" if event.stanza.type in ("get", "set") else "iq:answer-unmatched"
        if name in ("pre-approval:push", "pre-approval:new-item-push") and isinstance(event, Outbound):
            to_jid = event.stanza.to_jid
            known = None if to_jid is None else before.roster.contacts.get(to_jid.bare)
            listed = known is not None and known.listed
            yield effect, "pre-approval:push" if listed else "pre-approval:new-item-push"
        if name in ("pre-approval:kept", "pre-approval:used") and isinstance(event, Inbound):
            from_jid = event.stanza.from_jid
            left = None if from_jid is None else after.roster.contacts.get(from_jid.bare)
            yield effect, "pre-approval:kept" if left is not None and left.approved else "pre-approval:used"


def _check_order(step: Step) -> None:
    """See that the contact is told first, then the roster is pushed, and then presence is sent (§3.1.2, §3.1.5)."""
    event = step.event
    stanza = event.stanza if isinstance(event, Inbound | Outbound) else None
    kinds = [_kind(effect) for effect in step.transition.effects]
    if isinstance(event, Outbound) and isinstance(stanza, Presence | IQ):
        sets_roster = stanza.type == "set" and any(each.namespace == ROSTER for each in stanza.payload.elements)
        asks = stanza.type in SUBSCRIPTION_TYPES or sets_roster
        orders = [("told", _PUSHED), (_PUSHED, None)] if asks else []
        if any(each.namespace == BLOCKING for each in stanza.payload.elements):
            orders = [("delivered", "unavailable"), ("delivered", None)]
    elif isinstance(event, Inbound) and isinstance(stanza, Presence) and stanza.type == "subscribe":
        orders = [("told", _PUSHED), (_PUSHED, None)]
    elif isinstance(event, Inbound) and isinstance(stanza, Presence) and stanza.type == "unsubscribe":
        orders = [(_PUSHED, "unavailable")]
    else:
        orders = []
    for first, second in orders:
        if first in kinds and second in kinds:
            last = len(kinds) - 1 - kinds[::-1].index(first)
            promise(last < kinds.index(second), f"what is {first} comes before what is {second}", event, kinds)


def _kind(effect: Effect) -> str | None:
    """Return what an effect is in the order of a step; the type of presence that is sent to others."""
    if isinstance(effect, Ignored):
        return "nothing"
    if isinstance(effect, Deliver):
        return _PUSHED if effect.address is AddressedAs.FULL_JID else "delivered"
    if isinstance(effect, Route | FanOut) and isinstance(effect.stanza, Presence):
        return "told" if effect.stanza.type in SUBSCRIPTION_TYPES else effect.stanza.type
    return "other"
