"""What is loaded equals what was dumped: nothing is lost, and the same value is the same text everywhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_core.carbon_copies import CARBONS
from xmpp_im_core.element import element
from xmpp_im_core.extensions import carbons
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import address_of, parse_address, parse_jid
from xmpp_im_core.policy import Audience, MessagesToSeveral, Policy
from xmpp_im_core.roster import Contact, RosterHead, SharedItem, roster_of
from xmpp_im_core.server.accounts.machine import PLAIN
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.events import Event, Outbound, SessionBound, TimePassed
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import Load, Service
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting
from xmpp_im_core.server.state import Account, Session, SessionId, State
from xmpp_im_core.snapshot import dump, from_text, load, to_text
from xmpp_im_core.stanza import CLIENT, IQ, Presence, payload
from xmpp_im_core.subscription import Subscription
from xmpp_im_core.testing.event_strategies import events, steps
from xmpp_im_core.testing.state_strategies import JULIET, accounts, states
from xmpp_im_core.testing.value_strategies import stanzas

NOON = datetime(2026, 7, 12, 12, 0, tzinfo=UTC)


def balcony() -> Session:
    full = address_of(parse_jid("juliet@capulet.example/balcony"))
    presence = Presence(from_=full, payload=payload(element("priority", CLIENT, {}, ["1"])))
    return Session(SessionId("balcony", 7), full, "en", True, presence, 1, ("nurse@capulet.example",))


def juliet() -> Account:
    request = Presence(
        parse_address("juliet@capulet.example"), parse_address("romeo@montague.example"), "s1", "subscribe"
    )
    contacts = {
        "romeo@montague.example": Contact(
            "romeo@montague.example", Subscription.NONE_OUT_IN, True, "Romeo", ("Lovers",), False, request, NOON, 2
        ),
        "nurse@capulet.example": Contact("nurse@capulet.example", Subscription.BOTH, version=1),
    }
    return Account(JULIET, roster_of(RosterHead("l1", 2, 0), contacts), (balcony(),))


def test_a_snapshot_is_plain_data_with_its_version_and_without_defaults() -> None:
    snapshot = dump(juliet())

    assert snapshot == {
        "format": 1,
        "class": "server.Account",
        "jid": "juliet@capulet.example",
        "roster": {
            "lineage": "l1",
            "version": 2,
            "contacts": [
                {"jid": "nurse@capulet.example", "state": "BOTH", "version": 1},
                {
                    "jid": "romeo@montague.example",
                    "state": "NONE_OUT_IN",
                    "name": "Romeo",
                    "groups": ["Lovers"],
                    "request": '<presence to="juliet@capulet.example" from="romeo@montague.example" id="s1" '
                    'type="subscribe"/>',
                    "asked": "2026-07-12T12:00:00+00:00",
                    "version": 2,
                },
            ],
        },
        "sessions": [
            {
                "id": ["balcony", 7],
                "address": "juliet@capulet.example/balcony",
                "lang": "en",
                "interested": True,
                "presence": '<presence from="juliet@capulet.example/balcony"><priority>1</priority></presence>',
                "priority": 1,
                "directed": ["nurse@capulet.example"],
            }
        ],
    }


def test_counts_of_a_roster_are_not_written_but_counted_again() -> None:
    loaded = load(dump(juliet()))

    assert loaded == juliet()
    assert isinstance(loaded, Account)
    assert (loaded.roster.listed, tuple(loaded.roster.pending)) == (2, ("romeo@montague.example",))


@given(states())
def test_every_state_is_loaded_as_it_was(state: State) -> None:
    assert load(json.loads(json.dumps(dump(state)))) == state


@given(steps())
def test_every_event_and_all_that_comes_of_it_is_loaded_as_it_was(step: tuple[State, Event]) -> None:
    state, event = step
    transition = reduce(state, event)

    for value in (event, transition.state, *transition.effects, *transition.store, *transition.forget):
        assert from_text(to_text(value)) == value


@given(st.data(), stanzas())
def test_stanzas_of_any_content_keep_names_attributes_text_and_order(data: st.DataObject, stanza: object) -> None:
    event = data.draw(events(juliet()).filter(lambda event: isinstance(event, Outbound)))
    assert isinstance(event, Outbound)
    sent = Outbound(event.at, event.seq, event.session, stanza)  # type: ignore[arg-type]  # drawn as a base class

    assert from_text(to_text(sent)) == sent


@given(accounts())
def test_equal_states_are_the_same_text_however_they_came_about(account: Account) -> None:
    contacts = dict(account.roster.contacts)
    backwards = roster_of(account.roster.head, dict(reversed(list(contacts.items()))))
    shared: FrozenMap[SharedItem] = FrozenMap()
    for jid, item in reversed(list(account.roster.shared.items())):
        shared = shared.set(jid, item)
    again = account.with_roster(evolve(backwards, shared=shared))

    assert again == account
    assert to_text(again) == to_text(account)


def test_text_is_one_line_of_ascii() -> None:
    contact = Contact("romeo@montague.example", name="Rom\u00e9o\u2028\u2665\nx", version=1)
    account = Account(JULIET, roster_of(RosterHead("l1", 1, 0), {contact.jid: contact}))

    text = to_text(account)

    assert text.isascii()
    assert len(text.splitlines()) == 1
    assert from_text(text) == account


def test_a_policy_is_plain_data_too() -> None:
    policy = Policy(
        tombstones=3,
        resend_requests_after=timedelta(days=2, seconds=5),
        chat_to_several=MessagesToSeveral.ALL,
        served=FrozenMap({"urn:xmpp:ping": Audience.ANYONE}),
    )

    assert dump(policy) == {
        "format": 1,
        "class": "server.Policy",
        "tombstones": 3,
        "resend_requests_after": {"days": 2, "seconds": 5},
        "chat_to_several": "ALL",
        "served": {"urn:xmpp:ping": "ANYONE"},
    }
    assert load(dump(policy)) == policy
    assert load(dump(Policy(resend_requests_after=None))) == Policy(resend_requests_after=None)


@given(steps())
def test_a_service_is_loaded_with_all_its_accounts_and_with_what_is_held(step: tuple[State, Event]) -> None:
    state, event = step
    held = Waiting(SessionId("balcony", 7))
    for n in range(12):
        held = held.holding(Held(ForAccount("nurse@capulet.example", TimePassed(NOON, f"{n}")), f"{n // 2}"))
    held = held.holding(Held(ForAccount("nurse@capulet.example", event), "cause"))
    service = Service(
        ("capulet.example",), PLAIN, FrozenMap({state.jid.bare: state}), FrozenMap({"nurse@capulet.example": held})
    )

    assert from_text(to_text(service)) == service


def test_what_a_service_asks_its_host_is_loaded_as_it_was() -> None:
    assert load(dump(Load("juliet@capulet.example"))) == Load("juliet@capulet.example")


def test_an_extension_keeps_its_state_under_its_own_name() -> None:
    machine = carbons(PLAIN)
    enable = IQ(None, None, "c1", "set", None, payload(element("enable", CARBONS)))
    state = machine.start(JULIET)
    state = type(state)(state.name, state.own, Account(JULIET, roster_of(RosterHead("l1", 0, 0), {})))
    state = machine.reduce(state, SessionBound(NOON, "1", SessionId("balcony", 7)), Policy()).state
    state = machine.reduce(state, Outbound(NOON, "2", SessionId("balcony", 7), enable), Policy()).state

    snapshot = dump(state)

    assert snapshot["name"] == "carbons"
    assert snapshot["own"] == {"class": "extensions.Carbons", "enabled": [["balcony", 7]]}
    assert load(snapshot) == state
