"""The limits of the policy: what fits a limit exactly is taken, as if there were none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.promises.broken import Step, promise
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.service import TOO_MUCH_HELD
from xmpp_im_core.server import Account, Event, Inbound, Kind, Outbound, SessionBound, StoreFailed
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.state import entry_size
from xmpp_im_core.stanza import Message, Presence

_KEPT: Final[Mapping[str, Callable[[Account], int]]] = {
    "roster_items": lambda account: sum([each.listed for each in account.roster.contacts.values()]),
    "roster_bytes": lambda account: account.roster.item_bytes,
    "pending_requests": lambda account: sum([each.state.pending_in for each in account.roster.contacts.values()]),
    "pending_request_bytes": lambda account: account.roster.request_bytes,
    "notices": lambda account: len(account.notices),
    "notice_bytes": lambda account: sum([each.size for each in account.notices]),
    "session_bytes": lambda account: account.session_bytes,
    "sessions": lambda account: len(account.sessions),
    "directed_entries": lambda account: max([len(each.directed) for each in account.sessions], default=0),
    "directed_bytes": lambda account: account.directed_bytes,
    "offline_message_count": lambda account: account.offline,
    "offline_bytes": lambda account: account.offline_bytes,
    "block_list": lambda account: len(account.blocked),
    "block_list_bytes": lambda account: sum([entry_size(each) for each in account.blocked]),
}
"""What an account keeps, by the field of the policy that limits it."""


def check_limits(step: Step, policy: Policy) -> None:
    """See that a step that makes an account larger does the same if the account fits the limits exactly.

    What does not make the account larger is taken also where a limit is lower than what the account keeps already.
    """
    before, after, event = step.before, step.after, step.event
    if not isinstance(before, Account) or not isinstance(after, Account) or isinstance(event, StoreFailed):
        return
    if before.unsaved or any(each.rule is TOO_MUCH_HELD for each in step.transition.effects):
        return  # the account has not processed it, or saves its sessions too
    _check_priority(before, event, policy)
    limits: dict[str, int] = {}
    lower: dict[str, int] = {}
    for name, kept in _KEPT.items():
        size = kept(after)
        if size > kept(before):
            limits[name] = size
        elif size > 1:
            lower[name] = size - 1
    if "roster_items" in limits:
        lower.pop("roster_bytes", None)  # an item that was removed takes the same room
    if lower and isinstance(event, Outbound | Inbound):
        step_below = reduce(before, event, evolve(policy, **lower))  # type: ignore[arg-type]  # all are numbers
        below = account_of(step_below.state) == after
        promise(below, "what makes an account no larger is taken beyond a limit", event, lower, step_below.effects)
    limits |= {name: size for name, size in _of_stanza(step).items() if size <= getattr(policy, name)}
    if limits:
        exact = reduce(before, event, evolve(policy, **limits))  # type: ignore[arg-type]  # all of these are numbers
        same = account_of(exact.state) == after
        promise(same, "what fits a limit is taken", event, limits, exact.effects)
    for name, size in limits.items() if isinstance(event, SessionBound) else ():
        if size > 1:
            beyond = reduce(before, event, evolve(policy, **{name: size - 1}))  # type: ignore[arg-type]
            promise(account_of(beyond.state) != after, "what is beyond a limit is not taken", event, name, size)


def _check_priority(before: Account, event: Event, policy: Policy) -> None:
    """See that a policy may limit priorities on one side only, and that all others hear the limit (§4.7.2.3)."""
    if not isinstance(event, Outbound) or not isinstance(event.stanza, Presence):
        return
    earlier = before.session(event.session)
    if event.stanza.to is not None or event.stanza.type is not None or earlier is None:
        return
    priority = event.stanza.priority
    for bound, name in ((min(priority + 1, 127), "lowest_priority"), (max(priority - 1, -128), "highest_priority")):
        limits = {"lowest_priority": -128, "highest_priority": 127, name: bound}
        step = reduce(before, event, evolve(policy, **limits))  # type: ignore[arg-type]  # both are numbers
        after = step.state.session(event.session) if isinstance(step.state, Account) else None
        refused = after is not None and after.presence is earlier.presence
        promise(refused or (after is not None and after.priority == bound), f"{name}: a limit holds", event, after)


def _of_stanza(step: Step) -> dict[str, int]:
    """Return the sizes of the stanza that the step keeps, by the field of the policy that limits it."""
    event, store = step.event, step.transition.store
    if not isinstance(event, Inbound | Outbound):
        return {}
    if isinstance(event, Outbound):
        own = isinstance(event.stanza, Presence) and event.stanza.to is None
        return (
            {"presence_size": _stamped_size(step, event)} if own and event.stanza.type in (None, "unavailable") else {}
        )
    if isinstance(event.stanza, Message):
        return {"offline_message_size": event.stanza.size()} if any(each.kind is Kind.OFFLINE for each in store) else {}
    kept = _kept_presence(step)
    return {} if kept is None else {"request_size": kept.size()}


def _kept_presence(step: Step) -> Presence | None:
    """Return the request or the notice that the step has kept for the user."""
    before, after, event = step.before, step.after, step.event
    assert isinstance(before, Account)
    assert isinstance(after, Account)
    assert isinstance(event, Inbound)
    if len(after.notices) > len(before.notices):
        return after.notices[-1].stanza
    sender = event.stanza.from_jid
    contact = None if sender is None else after.roster.contacts.get(sender.bare)
    return contact.request if contact and after.roster.request_bytes > before.roster.request_bytes else None


def _stamped_size(step: Step, event: Outbound) -> int:
    """Return the size of a client's presence with the address and the language that the server has stamped on it."""
    assert isinstance(step.before, Account)
    session = step.before.session(event.session)
    if session is None:
        return event.stanza.size()
    lang = session.lang if event.stanza.lang is None else event.stanza.lang
    return event.stanza.stamped(from_=session.address, lang=lang).size()
