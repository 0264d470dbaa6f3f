"""An event about one contact never touches another: so what holds of two accounts holds of any number.

The explorer visits all joint states of two. This is what takes the place of a third.
"""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_core.element import Element
from xmpp_im_core.jid import JID, InvalidJID, parse_jid
from xmpp_im_core.roster import ROSTER, Contact
from xmpp_im_core.server.account import reduce
from xmpp_im_core.server.blocking import BLOCKING
from xmpp_im_core.server.effects import Effect, FanOut, Put, Route
from xmpp_im_core.server.events import (
    AccountRemoved,
    Event,
    Inbound,
    ItemRemoved,
    ItemSet,
    Outbound,
    StoreFailed,
    TimePassed,
)
from xmpp_im_core.server.state import Account, State
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import IQ, SUBSCRIPTION_TYPES, Presence, Stanza
from xmpp_im_core.testing.events import events, histories
from xmpp_im_core.testing.states import accounts


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
    if isinstance(event, ItemSet | ItemRemoved):
        return {event.jid}
    return set()


def blocks(event: Event) -> bool:
    asked = asked_for(event.stanza) if isinstance(event, Outbound) else None
    return asked is not None and asked.namespace == BLOCKING


def others(account: Account, event: Event) -> dict[str, Contact]:
    return {jid: contact for jid, contact in account.roster.contacts.items() if jid not in concerned(event)}


def account_in(state: State) -> Account | None:
    return state if isinstance(state, Account) else None


@given(accounts(), st.data())
def test_an_event_about_one_contact_changes_nothing_that_is_held_about_another(
    account: Account, data: st.DataObject
) -> None:
    event = data.draw(events(account))
    after = account_in(reduce(account, event).state)
    if after is None:
        assert isinstance(event, AccountRemoved)
        return

    before, left = others(account, event), others(after, event)

    if isinstance(event, TimePassed):  # a request that is sent again has been sent at another time, and that is all
        before, left = [{jid: evolve(c, asked=None) for jid, c in each.items()} for each in (before, left)]
    if blocks(event):  # whoever is blocked loses a request that waits, and nothing else
        hit = {jid for jid in before if is_blocked(after, parse_jid(jid))}
        assert all(left[jid].request is None for jid in hit if jid in left)
        before, left = [{jid: c for jid, c in each.items() if jid not in hit} for each in (before, left)]
    assert left == before


@given(accounts(), st.data())
def test_an_event_about_one_contact_stores_nothing_about_another(account: Account, data: st.DataObject) -> None:
    event = data.draw(events(account))

    step = reduce(account, event)

    if isinstance(event, TimePassed) or blocks(event):
        return
    stored = {put.value.jid for put in step.store if isinstance(put, Put) and isinstance(put.value, Contact)}
    assert stored <= concerned(event)


def recipients(effect: Effect) -> set[str]:
    if isinstance(effect, Route):
        return bare(effect.stanza.to_jid)
    return {parse_jid(each).bare for each in effect.recipients} if isinstance(effect, FanOut) else set()


@given(histories())
def test_a_subscription_stanza_goes_to_nobody_but_the_contact_that_the_event_names(
    history: tuple[State, tuple[Event, ...]],
) -> None:
    state, happened = history
    for event in happened:
        step = reduce(state, event)
        for effect in step.send:
            stanza = effect.stanza if isinstance(effect, Route | FanOut) else None
            if not isinstance(stanza, Presence) or stanza.type not in SUBSCRIPTION_TYPES:
                continue
            if isinstance(event, AccountRemoved | TimePassed):  # these are about every contact
                assert account_in(state) is not None
            else:
                cause = event.event if isinstance(event, StoreFailed) else event
                assert recipients(effect) <= concerned(cause)
        state = step.state
