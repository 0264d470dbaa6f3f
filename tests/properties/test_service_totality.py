"""Every constructible event of a service gets an answer: ``serve`` never raises (RFC 6120 §8, RFC 6121 §8).

The events are those of one account, hostile ones included, fed for that account, for a hosted domain, for another
account that the service owns or not, and for an address at a domain that is not hosted: whatever ``ForAccount``,
``Arrived`` and ``ArrivedForMany`` accept.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from tests.rfc6121.conversation import JULIET, ROMEO, account
from xmpp_im_core.element import element
from xmpp_im_core.event import Decision
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_address
from xmpp_im_core.server import (
    AccountLoaded,
    Arrived,
    ArrivedForMany,
    ForAccount,
    Ignored,
    Inbound,
    Load,
    NoAccount,
    Served,
    Service,
    ServiceEvent,
    State,
    hosting,
    not_stored,
    owning,
    serve,
)
from xmpp_im_core.stanza import IQ, Message, Presence, Stanza, payload
from xmpp_im_core.testing.draw import choose, several
from xmpp_im_core.testing.draw_stanzas import MALFORMED_ADDRESSES, draw_arriving
from xmpp_im_core.testing.event_strategies import events
from xmpp_im_core.testing.state_strategies import NOON, states

OTHER_HOSTED: Final = "hosted.example"
PLACES: Final = (OTHER_HOSTED, f"nobody@{OTHER_HOSTED}", "someone@elsewhere.example", "elsewhere.example")


def service_of(state: State) -> Service[State]:
    service = hosting(state.jid.domain, OTHER_HOSTED)
    accounts: FrozenMap[State] = FrozenMap() if isinstance(state, NoAccount) else FrozenMap({state.jid.bare: state})
    return Service(service.domains, service.machine, accounts)


def _event(draw: st.DrawFn, state: State, seq: str) -> ServiceEvent:
    decision = choose(draw, tuple(Decision))
    if choose(draw, range(8)) == 0:
        stanza = draw_arriving(draw, state)
        if stanza.to is not None and stanza.from_jid is not None:
            if choose(draw, range(3)) == 0:
                return ArrivedForMany(NOON, seq, stanza, tuple(several(draw, PLACES, 3)) or ("@",))
            return Arrived(NOON, seq, stanza, decision)
    own = (state.jid.bare,) * 4
    where = choose(draw, (*own, state.jid.domain, state.jid.domain, *PLACES))
    event = draw(events(state, seq))
    if choose(draw, range(4)) == 0:
        event = Inbound(NOON, seq, _without_sender(draw, state), decision)
    return ForAccount(where, event, decision)


def _without_sender(draw: st.DrawFn, state: State) -> Stanza:
    stanza = draw_arriving(draw, state)
    from_ = parse_address(choose(draw, MALFORMED_ADDRESSES))
    return type(stanza)(stanza.to, choose(draw, (None, from_)), stanza.id, stanza.type, stanza.lang, stanza.payload)


@st.composite
def services_with_events(draw: st.DrawFn) -> tuple[Service[State], tuple[ServiceEvent, ...]]:
    """A service with an account, which it owns or not, and what may be fed to it."""
    state = draw(states())
    service = service_of(state)
    if choose(draw, range(4)) == 0:
        service = owning(service, lambda jid: jid != state.jid.bare)
    return service, tuple([_event(draw, state, f"e{n}") for n in range(choose(draw, (1, 2, 4, 8)))])


@given(services_with_events())
def test_every_event_of_a_service_gets_an_answer(drawn: tuple[Service[State], tuple[ServiceEvent, ...]]) -> None:
    service, happened = drawn
    for event in happened:
        served = serve(service, event)

        assert answered(service, served)
        serve(service, not_stored(NOON, "failed", event))
        service = served.state


def answered(before: Service[State], served: Served[State]) -> bool:
    """Whether an event was processed or is held: each step says what it does, if only that it does nothing."""
    held = served.state.held != before.held or any(isinstance(effect, Load) for _, effect in served.effects)
    return held or any(step.transition.effects or step.transition.store for step in served.steps)


# --- stanzas without a sender -------------------------------------------------------------------------------

TO: Final = (JULIET, f"{JULIET}/balcony", "example.com", "example.com/x", "@", "", None)
STANZAS: Final[tuple[Stanza, ...]] = (
    Message(),
    Message(type="error"),
    *[Presence(type=type) for type in (None, "subscribe", "probe", "unavailable", "error", "odd")],
    IQ(None, None, "i1", "get", None, payload(element("ping", "urn:xmpp:ping"))),
    IQ(None, None, "i1", "result"),
    IQ(),
)


@in_one_test("sender", [None, *MALFORMED_ADDRESSES])
@in_one_test("to", TO)
def test_a_stanza_without_a_sender_is_never_answered(to: str | None, sender: str | None) -> None:
    service = service_of(account(JULIET, {ROMEO: "Both"}, available=("balcony",)))
    for stanza, place in product(STANZAS, (JULIET, "example.com", OTHER_HOSTED, f"nobody@{OTHER_HOSTED}")):
        addressed = stanza.stamped(
            to=None if to is None else parse_address(to), from_=None if sender is None else parse_address(sender)
        )

        served = serve(service, ForAccount(place, Inbound(NOON, "e", addressed)))
        if served.state.held:
            served = serve(served.state, ForAccount(place, AccountLoaded(NOON, "l", ())))

        assert {type(effect) for step in served.steps for effect in step.transition.effects} == {Ignored}
        assert not served.effects or {type(effect) for _, effect in served.effects} == {Ignored}
        assert not served.store


@pytest.mark.parametrize("place", ["example.com", f"nobody@{OTHER_HOSTED}"])
def test_a_stanza_for_another_address_is_not_answered_in_that_address_s_name(place: str) -> None:
    """``ForAccount`` says whom an event is for; what the stanza's 'to' says besides is no order to speak as that."""
    service = service_of(account(JULIET, {ROMEO: "Both"}, available=("balcony",)))
    for stanza in STANZAS:
        addressed = stanza.stamped(to=parse_address(JULIET), from_=parse_address(ROMEO))

        served = serve(service, ForAccount(place, Inbound(NOON, "e", addressed)))
        if served.state.held:
            served = serve(served.state, ForAccount(place, AccountLoaded(NOON, "l", ())))

        assert {type(effect) for step in served.steps for effect in step.transition.effects} == {Ignored}
