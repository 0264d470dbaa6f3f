"""The result of one event of the service: what a host commits, acknowledges and keeps in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from xmpp_im_conformance.drivers.embedded.promises.broken import promise, steps_of
from xmpp_im_conformance.drivers.embedded.promises.limits import check_limits
from xmpp_im_conformance.drivers.embedded.promises.marks import check_marks
from xmpp_im_conformance.drivers.embedded.promises.records import check_records
from xmpp_im_conformance.drivers.embedded.promises.rules import check_rules
from xmpp_im_conformance.drivers.embedded.promises.services import check_leaving
from xmpp_im_conformance.drivers.embedded.promises.sessions import check_sessions
from xmpp_im_conformance.drivers.embedded.promises.strays import check_strays
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Account, Load, NoAccount, Route, Served, Service, ServiceEvent, Unloaded
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import merged, unload
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting


def check_result(
    before: Service[object], event: ServiceEvent, served: Served[object], policy: Policy, seen: set[object]
) -> None:
    """See that a result keeps what the core promises.

    :param before: the service to which the event was fed.
    :param seen: what was tried of earlier events of the same scenario; what is tried now is added.
    :raises PromiseBroken: if it does not.
    """
    seq = event.event.seq if isinstance(event, ForAccount) else event.seq
    promise(served.seq == seq, "a result names its event", served.seq, event)
    _check_held(before, served)
    _check_memory(before, served)
    _check_numbers(before, served)
    check_leaving(before, served)
    for step in steps_of(before, served):
        promise(bool(step.transition.effects), "each step names the rule that it obeys", step.event)
        check_records(step, policy)
        check_sessions(step, policy)
        check_marks(step, policy)
        check_limits(step, policy)
        check_rules(step)
    check_strays(before, event, policy, seen)


def _check_held(before: Service[object], served: Served[object]) -> None:
    """See that the host knows of each event that is held, and of each that is held no longer."""
    earlier, later, holds = list(_held(before)), list(_held(served.state)), served.holds
    causes = Counter([cause for _, cause in (*earlier, *holds)])
    causes.subtract([cause for _, cause in later])
    promise(
        {cause: n for cause, n in causes.items() if n} == Counter(served.releases),
        "a result says which events are held, and which are held no longer",
        holds,
        served.releases,
    )
    new = set(later) - set(earlier)
    promise(new <= set(holds), "a result says which accounts hold an event", holds, later)
    passed = all(cause in served.releases for _, cause in set(holds) - new - set(earlier))
    promise(passed, "an event is held for its cause", holds, served.releases)
    loads = [jid for jid, effect in served.effects if isinstance(effect, Load)]
    promise(all(jid in served.state.held for jid in loads), "an account that is to be loaded waits", loads)


def _held(service: Service[object]) -> Iterator[tuple[str, str]]:
    for jid, waiting in service.held.items():
        for held in waiting.events.values():
            yield jid, held.cause


def _check_memory(before: Service[object], served: Served[object]) -> None:
    """See that only accounts stay in memory of which something is known, and that the host can keep them apart."""
    after = served.state
    for step in served.steps:
        state = after.accounts.get(step.jid)
        left = None if state is None else account_of(state)
        kept = not isinstance(left, NoAccount | Unloaded) or _says_something(left)
        promise(kept, "an account that does not exist, or is not known, is not kept in memory", step.jid, left)
    both = merged(before, served)
    same = both.accounts == after.accounts and both.held == after.held
    promise(same, "a result can be merged into the service that it was made from", served.concerned())
    for jid in served.concerned():
        state = after.accounts.get(jid)
        account = None if state is None else account_of(state)
        idle = isinstance(account, Account) and not (account.sessions or account.replaced or account.unsaved)
        leaves = idle and jid not in after.held
        left_over = unload(after, jid)
        promise((left_over is after) is not leaves, "an idle account can be unloaded, and no other", jid, account)
        promise(not leaves or jid not in left_over.accounts, "an account that is unloaded has left memory", jid)
    ids = [each.id for each in served.identified()]
    known = [(served.seq, n) for n, _ in enumerate(served.effects)]
    promise(ids == known, "an effect is known by the seq of the event and its place", ids)


def _says_something(state: NoAccount | Unloaded) -> bool:
    if isinstance(state, NoAccount):
        return bool(state.ending)
    return bool(state.sessions or state.ended)


def _check_numbers(before: Service[object], served: Served[object]) -> None:
    """See that each stanza that comes back to an account has the next number of its cause and account."""
    earlier = {held.due.event.seq for _, waiting in before.held.items() for held in waiting.events.values()}
    direct = {
        held.cause
        for _, waiting in before.held.items()
        for held in waiting.events.values()
        if held.due.event.seq == held.cause
    }
    new = [step.event.seq for step in served.steps]
    new += [held.due.event.seq for jid in served.state.held for held in _events(served.state.held[jid])]
    numbers: dict[str, list[int]] = {}
    for seq in dict.fromkeys(new):
        origin, _, number = seq.rpartition(".")
        if seq not in earlier and origin and origin.partition(".")[0] in {served.seq, *direct}:
            numbers.setdefault(origin, []).append(int(number))
    for origin, found in numbers.items():
        promise(sorted(found) == list(range(len(found))), "what comes back has the next number", origin, found)
    for step in served.steps:
        if step.event.seq in direct and step.event.seq != served.seq:
            for effect in step.transition.effects:
                to = effect.stanza.to_jid if isinstance(effect, Route) else None
                if to is not None and to.domain in before.domains and before.owns is None:
                    promise(
                        f"{step.event.seq}.{to.bare}" in numbers,
                        "what a held event causes has the seq that it would have had at once",
                        step.event,
                        numbers,
                    )


def _events(waiting: Waiting) -> list[Held]:
    return list(waiting.events.values())
