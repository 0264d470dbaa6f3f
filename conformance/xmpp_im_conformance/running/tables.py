"""Running the rows of tables: each is a small scenario of its own.

A row of Appendix A concerns Juliet, whose client has asked for the roster and is available, and a contact on
another server. A cell of the table of §8.5.4 concerns a message that a stranger on another server sends her.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import evolve

from xmpp_im_conformance.format.items import Item
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.matching import PART, match_stanza
from xmpp_im_conformance.format.vectors import (
    Act,
    Action,
    Flush,
    MessageRow,
    RemoteSend,
    Send,
    Step,
    SubscriptionRow,
    TableState,
    Vector,
)
from xmpp_im_conformance.format.worlds import REMOTE, Driver, Setup
from xmpp_im_conformance.running.evidence import Unmet
from xmpp_im_conformance.running.observing import Observer
from xmpp_im_conformance.running.scenario import Run, check_rules, opened
from xmpp_im_core.element import Element

JULIET: Final = "juliet@capulet.example"
BALCONY: Final = f"{JULIET}/balcony"
CONTACT: Final = f"romeo@{REMOTE}"
STRANGER: Final = f"tybalt@{REMOTE}/piazza"

# The steps of a row's story that may fail, from 0.
SUBSCRIPTION_ACTS: Final = 2
"""What becomes of the stanza, in a row of Appendix A."""
SUBSCRIPTION_ENDS: Final = 3
"""Which state follows."""
MESSAGE_ENDS: Final = 2
"""What becomes of the message, in a cell of §8.5.4."""

_GET: Final = "<iq id='roster' type='get'><query xmlns='jabber:iq:roster'/></iq>"


# --- Appendix A -------------------------------------------------------------------------------------------


def run_subscription_row(vector: Vector, row: SubscriptionRow, driver: Driver) -> None:
    """Run a row of Appendix A.

    :raises Failed: where the stanza is routed or delivered against the table, or another state follows.
    :raises NotApplicable: where the driver cannot make the state before, or look at the state after.
    """
    approves = row.before.approved or row.after.approved
    features = vector.features | ({"preapproval"} if approves else set())
    with opened(driver, Setup({JULIET: (item_of(row.before),)}, features)) as world:
        run = Run(world, Observer(world))
        for step in (Act("connect", BALCONY), Send(BALCONY, _GET), Send(BALCONY, "<presence/>")):
            _take(run, step)
        run.step("before the stanza (flush)", Step("flush", Flush((BALCONY, REMOTE))))
        if row.outbound:
            _take(run, Send(BALCONY, f"<presence id='row' to='{CONTACT}' type='{row.stanza}'/>"))
        else:
            stanza = f"<presence from='{CONTACT}' id='row' to='{JULIET}' type='{row.stanza}'/>"
            _take(run, RemoteSend(stanza))
        acted = _acted(run, row)
        if bool(acted) != row.delivered_or_routed:
            verb = "routed" if row.outbound else "delivered"
            said = f"must be {verb}, but was not" if row.delivered_or_routed else f"was {verb}, but must not be"
            at = REMOTE if row.outbound else BALCONY
            unmet = Unmet(f"{row.stanza!r} {said}", at, came=acted or tuple(run.observer.at(at)))
            raise run.failed(f"{row.name}: {unmet.says}", SUBSCRIPTION_ACTS, (unmet,))
        after = state_of([item for item in world.roster(JULIET) if item.jid == CONTACT])
        if not world.sees_requests():
            after = evolve(after, pending_in=row.after.pending_in)
        if not _is_state(row.after, after):
            unmet = Unmet(f"the new state must be {row.after}, but is {after}")
            raise run.failed(f"{row.name}: {unmet.says}", SUBSCRIPTION_ENDS, (unmet,))
        check_rules(vector.requirements, world.obeyed(), run)


def item_of(state: TableState) -> Item:
    """Return the contact in a state. A request alone does not put it into the roster (§3.1.3)."""
    request = f"<presence from='{CONTACT}' id='request' to='{JULIET}' type='subscribe'/>"
    only_request = state.subscription == "none" and state.pending_in and not state.pending_out and not state.approved
    return Item(
        jid=CONTACT,
        subscription=state.subscription,
        ask=bool(state.pending_out),
        pending_in=request if state.pending_in else None,
        approved=bool(state.approved),
        listed=not only_request,
    )


def state_of(found: list[Item]) -> TableState:
    """Return the state that a stored contact is in; none where there is no such contact."""
    if not found:
        return TableState("none", False, False, False)
    item = found[0]
    return TableState(item.subscription, item.ask, item.pending_in is not None, item.approved)


def _is_state(expected: TableState, found: TableState) -> bool:
    """Whether a state is the expected one, in what the row states of it."""
    return (
        expected.subscription == found.subscription
        and expected.pending_out in (None, found.pending_out)
        and expected.pending_in in (None, found.pending_in)
        and expected.approved in (None, found.approved)
    )


def _acted(run: Run, row: SubscriptionRow) -> tuple[Element, ...]:
    """Return the stanza as it was routed to the contact, or delivered to the user; nothing where it was not."""
    sender, to = (JULIET, CONTACT) if row.outbound else (CONTACT, JULIET)
    stanza = read_xml(f"<presence from='{sender}' to='{to}' type='{row.stanza}'/>")
    untaken = run.observer.at(REMOTE if row.outbound else BALCONY)
    return tuple([each for each in untaken if next(match_stanza(stanza, each, {}, PART), None) is not None])


def _take(run: Run, does: Action) -> None:
    run.step(f"({type(does).__name__.lower()})", Step(type(does).__name__.lower(), does))


# --- the table of §8.5.4 ----------------------------------------------------------------------------------

_PRIORITIES: Final = {
    "no-account": (),
    "no-resource": (),
    "negative": (-1,),
    "one": (1,),
    # The resource that a full JID matches is not the most available one, so that the two can be told apart.
    "several": (1, 5, -1),
}
_LATER: Final = f"{JULIET}/later"


def run_message_row(vector: Vector, row: MessageRow, driver: Driver) -> None:
    """Run a cell of the table of §8.5.4.

    :raises Failed: where none of the outcomes of the cell is what happened.
    :raises NotApplicable: where the driver cannot make the situation.
    """
    accounts: dict[str, tuple[Item, ...]] = {} if row.situation == "no-account" else {JULIET: ()}
    resources = {f"{JULIET}/r{n}": priority for n, priority in enumerate(_PRIORITIES[row.situation])}
    with opened(driver, Setup(accounts, vector.features)) as world:
        run = Run(world, Observer(world))
        for jid, priority in resources.items():
            _take(run, Act("connect", jid))
            _take(run, Send(jid, f"<presence><priority>{priority}</priority></presence>"))
        run.step("before the message (flush)", Step("flush", Flush((*resources, REMOTE))))
        to = {"bare": JULIET, "full-match": f"{JULIET}/r0", "full-no-match": f"{JULIET}/nowhere"}[row.target]
        _take(
            run,
            RemoteSend(f"<message from='{STRANGER}' id='row' to='{to}' type='{row.type}'><body>hi</body></message>"),
        )
        happened = set(_happened(run, row, resources))
        if not happened & set(row.outcomes):
            came = " or ".join(sorted(happened)) or "something that no outcome of the format describes"
            unmet = Unmet(f"must be {' or '.join(row.outcomes)}, but was {came}")
            raise run.failed(f"{row.name}: {unmet.says}", MESSAGE_ENDS, (unmet,))
        check_rules(vector.requirements, world.obeyed(), run)


def _happened(run: Run, row: MessageRow, resources: dict[str, int]) -> Iterator[str]:
    """Yield the outcomes that describe what happened."""
    got = {jid for jid in resources if _has_message(run, jid)}
    failed = _count(run, REMOTE, "<message type='error'/>")
    if failed:
        if failed == 1 and not got:
            yield "error"
        return
    if got:
        reachable = {jid for jid, priority in resources.items() if priority >= 0}
        if got == ({f"{JULIET}/r0"} if row.target == "full-match" else set(resources)) and len(got) == 1:
            yield "delivered"
        # Which ones these are the server's own algorithm says; priority is but the example of §8.5.2.1.1.
        if row.target != "full-match" and got < reachable:
            yield "most-available"
        if len(resources) > 1 and got == reachable:
            yield "all"
        return
    yield "stored" if row.situation != "no-account" and _comes_later(run) else "silence"


def _comes_later(run: Run) -> bool:
    """Whether the message is delivered to a resource that becomes available later."""
    _take(run, Act("connect", _LATER))
    _take(run, Send(_LATER, "<presence><priority>9</priority></presence>"))
    return _has_message(run, _LATER)


def _has_message(run: Run, jid: str) -> bool:
    return _count(run, jid, f"<message from='{STRANGER}' id='row'/>") == 1


def _count(run: Run, at: str, part: str) -> int:
    wanted = read_xml(part)
    return sum([next(match_stanza(wanted, each, {}, PART), None) is not None for each in run.observer.at(at)])
