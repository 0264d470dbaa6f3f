"""An event about one contact never touches another: so what holds of two accounts holds of any number.

The explorer visits all joint states of two. This is what takes the place of a third.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID, InvalidJID, address_of, parse_jid
from xmpp_im_core.roster import ROSTER, Contact
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.blocking import BLOCKING
from xmpp_im_core.server.effects import Effect, FanOut, Put, Route
from xmpp_im_core.server.events import (
    AccountRemoved,
    AdministratorRemovedItem,
    AdministratorSetItem,
    Event,
    Inbound,
    Outbound,
    TimePassed,
)
from xmpp_im_core.server.state import Account, Session, SessionId, State
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import IQ, SUBSCRIPTION_TYPES, Presence, Stanza, payload
from xmpp_im_core.subscription import FROM, NONE_IN, TO_IN
from xmpp_im_core.testing.draw import choose, several
from xmpp_im_core.testing.event_strategies import events
from xmpp_im_core.testing.explorer import CARRIED, MOVES, Holds, arrived, holding, moved
from xmpp_im_core.testing.state_strategies import ENTITIES, JULIET, NOON, accounts


def bare(jid: JID | None) -> set[str]:
    return set() if jid is None else {jid.bare}


def item_jids(query: Element) -> set[str]:
    found: set[str] = set()
    for item in query.all("item"):
        try:
            found.add(parse_jid(item.get("jid") or "").bare)
        except InvalidJID:
            continue
    return found


def asked_for(stanza: Stanza) -> Element | None:
    return stanza.request if isinstance(stanza, IQ) and stanza.type == "set" else None


def concerned(event: Event) -> set[str]:
    """The contacts whom an event is about: those whom it names."""
    if isinstance(event, Inbound):
        return bare(event.stanza.from_jid)
    if isinstance(event, Outbound):
        asked = asked_for(event.stanza)
        named = item_jids(asked) if asked is not None and asked.namespace == ROSTER else set()
        return named | bare(event.stanza.to_jid)
    if isinstance(event, AdministratorSetItem | AdministratorRemovedItem):
        return {event.jid}
    return set()


def blocks(event: Event) -> bool:
    asked = asked_for(event.stanza) if isinstance(event, Outbound) else None
    return asked is not None and asked.namespace == BLOCKING


def others(account: Account, event: Event) -> dict[str, Contact]:
    return {jid: contact for jid, contact in account.roster.contacts.items() if jid not in concerned(event)}


def account_in(state: State) -> Account | None:
    return state if isinstance(state, Account) else None


RESOURCE: Final = SessionId("meeting", 1)


@st.composite
def crowded(draw: st.DrawFn) -> tuple[Account, Event]:
    """An account in which several requests wait, and an event; most are about one of the contacts alone."""
    account = draw(accounts())
    session = Session(RESOURCE, address_of(JULIET.with_resource(RESOURCE.resource)), interested=True)
    account = account.with_session(session).blocking(())
    for jid in several(draw, ENTITIES, 4):
        account = holding(account, parse_jid(jid), Holds(choose(draw, (NONE_IN, TO_IN, FROM)), True))
    who = parse_jid(choose(draw, ENTITIES))
    kind = choose(draw, ("move", "move", "arrival", "arrival", "block", "any"))
    if kind == "move":
        return account, moved(who, choose(draw, MOVES), RESOURCE)
    if kind == "arrival":
        return account, arrived(account, who, choose(draw, CARRIED))
    if kind == "block":
        item = element("item", BLOCKING, {"jid": choose(draw, (who.bare, who.domain))})
        request = IQ(None, None, "b", "set", None, payload(element("block", BLOCKING, {}, [item])))
        return account, Outbound(NOON, "b", RESOURCE, request)
    return account, draw(events(account))


@given(crowded())
def test_an_event_about_one_contact_changes_nothing_that_is_held_about_another(
    case: tuple[Account, Event],
) -> None:
    account, event = case
    after = account_in(reduce(account, event).state)
    if after is None:
        assert isinstance(event, AccountRemoved)
        return

    before, left = others(account, event), others(after, event)

    if isinstance(event, TimePassed):  # a request that is sent again has been sent at another time, and that is all
        before, left = [{jid: evolve(c, asked=None) for jid, c in each.items()} for each in (before, left)]
    if blocks(event):  # a blocked contact loses a pending request, and nothing else
        hit = {jid for jid in before if is_blocked(after, parse_jid(jid))}
        assert all(left[jid].request is None for jid in hit if jid in left)
        before, left = [{jid: c for jid, c in each.items() if jid not in hit} for each in (before, left)]
    assert left == before


@given(crowded())
def test_an_event_about_one_contact_stores_nothing_about_another(case: tuple[Account, Event]) -> None:
    account, event = case

    step = reduce(account, event)

    if isinstance(event, TimePassed) or blocks(event):
        return
    stored = {put.value.jid for put in step.store if isinstance(put, Put) and isinstance(put.value, Contact)}
    assert stored <= concerned(event)


def recipients(effect: Effect) -> set[str]:
    if isinstance(effect, Route):
        return bare(effect.stanza.to_jid)
    return {parse_jid(each).bare for each in effect.recipients} if isinstance(effect, FanOut) else set()


@given(crowded())
def test_a_subscription_stanza_goes_to_nobody_but_the_contact_that_the_event_names(case: tuple[Account, Event]) -> None:
    account, event = case

    for effect in reduce(account, event).effects:
        stanza = effect.stanza if isinstance(effect, Route | FanOut) else None
        if isinstance(stanza, Presence) and stanza.type in SUBSCRIPTION_TYPES:
            if isinstance(event, AccountRemoved | TimePassed):  # these are about every contact
                assert recipients(effect) <= set(account.roster.contacts)
            else:
                assert recipients(effect) <= concerned(event)
