"""However many strangers send whatever they like, and whatever a client does, an account stays small."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import EndSession, Ignored, Kind, Put
from xmpp_im_core.server.events import Event, Inbound, Outbound, SessionBound
from xmpp_im_core.server.state import Account, SessionId, State
from xmpp_im_core.snapshot import replay, replayed, to_text
from xmpp_im_core.stanza import CLIENT, IQ, Presence, payload
from xmpp_im_core.testing.event_strategies import floods
from xmpp_im_core.testing.state_strategies import ENTITIES, JULIET, NOON, accounts

SMALL = Policy(
    tombstones=3,
    roster_items=12,
    pending_requests=8,
    pending_requests_per_domain=4,
    notices=2,
    request_size=2500,
    directed_entries=5,
    sessions=4,
)
FLOOD = 60


def account_of(state: State) -> Account:
    assert isinstance(state, Account)
    return state


# --- strangers --------------------------------------------------------------------------------------------


@given(accounts(), st.data())
def test_a_flood_of_strangers_adds_no_more_requests_than_may_wait(account: Account, data: st.DataObject) -> None:
    flood = data.draw(floods(account, FLOOD))

    after = account_of(replayed(account, flood, SMALL))

    waiting = len(account.roster.pending)
    assert len(after.roster.pending) <= max(waiting, SMALL.pending_requests)
    strangers = [jid for jid in after.roster.pending if jid not in account.roster.pending]
    for domain in {jid.rpartition("@")[2] for jid in strangers}:
        assert sum(jid.endswith(f"@{domain}") for jid in strangers) <= SMALL.pending_requests_per_domain


@given(accounts(), st.data())
def test_a_flood_of_strangers_leaves_everything_else_as_large_as_it_was(account: Account, data: st.DataObject) -> None:
    flood = data.draw(floods(account, FLOOD))

    after = account_of(replayed(account, flood, SMALL))

    added = set(after.roster.contacts) - set(account.roster.contacts)
    assert added == set(after.roster.pending) - set(account.roster.pending)
    assert after.roster.listed == account.roster.listed
    assert [session.id for session in after.sessions] == [session.id for session in account.sessions]
    assert all(
        set(now.directed) <= set(then.directed) for now, then in zip(after.sessions, account.sessions, strict=True)
    )
    assert (after.blocked, after.moved, after.last_unavailable) == (
        account.blocked,
        account.moved,
        account.last_unavailable,
    )


@given(accounts(), st.data())
def test_a_flood_of_strangers_leaves_no_notices(account: Account, data: st.DataObject) -> None:
    flood = data.draw(floods(account, FLOOD))

    after = account_of(replayed(account, flood, SMALL))

    assert after.notices == account.notices


@given(accounts())
def test_the_number_of_kept_notices_is_limited(account: Account) -> None:
    account = account.with_sessions(())
    to = parse_address("juliet@capulet.example")
    events: list[Event] = [
        Inbound(NOON, f"n{n}", Presence(to, parse_address(jid), type=type))
        for n, (jid, type) in enumerate((jid, type) for jid in ENTITIES for type in ("subscribed", "unsubscribed"))
    ]

    after = account_of(replayed(account, events, SMALL))

    assert len(after.notices) <= max(len(account.notices), SMALL.notices)


@given(accounts(), st.data())
def test_twice_the_flood_takes_no_more_room_than_once(account: Account, data: st.DataObject) -> None:
    flood = data.draw(floods(account, 2 * FLOOD))

    half = replayed(account, flood[:FLOOD], SMALL)
    whole = replayed(half, flood[FLOOD:], SMALL)

    room_for_requests = SMALL.pending_requests * (SMALL.request_size + 600)
    assert len(to_text(whole)) <= len(to_text(account)) + room_for_requests


@given(accounts())
def test_a_request_that_is_too_large_is_not_kept(account: Account) -> None:
    body = element("status", CLIENT, {}, ["x" * SMALL.request_size])
    request = Presence(
        parse_address("juliet@capulet.example"),
        parse_address("stranger@verona.example"),
        "s1",
        "subscribe",
        None,
        payload(body),
    )

    step = reduce(account, Inbound(NOON, "e1", request), SMALL)

    assert step.state == account
    assert [type(effect) for effect in step.effects] == [Ignored]


@given(accounts(), st.data())
def test_a_flood_of_strangers_stores_nothing_but_requests_and_messages(account: Account, data: st.DataObject) -> None:
    flood = data.draw(floods(account, FLOOD))

    for event, step in zip(flood, replay(account, flood, SMALL), strict=True):
        assert len(step.store) <= 1
        for operation in step.store:
            assert operation.kind in (Kind.CONTACT, Kind.OFFLINE)
            if operation.kind is Kind.OFFLINE:
                assert isinstance(operation, Put)
                assert operation.key == event.seq


# --- the user's own clients -------------------------------------------------------------------------------


@given(accounts())
def test_the_number_of_sessions_is_limited(account: Account) -> None:
    events = [SessionBound(NOON, f"b{n}", SessionId(f"resource{n}", 1)) for n in range(FLOOD)]

    steps = replay(account, events, SMALL)

    assert len(account_of(steps[-1].state).sessions) == SMALL.sessions
    assert [type(effect) for effect in steps[-1].effects] == [EndSession]


def with_session(account: Account) -> tuple[Account, SessionId]:
    bare = account.with_sessions(())
    id = SessionId("balcony", 99)
    return account_of(reduce(bare, SessionBound(NOON, "b", id), SMALL).state), id


@given(accounts())
def test_a_resource_remembers_at_most_the_allowed_directed_presence(account: Account) -> None:
    account, id = with_session(account)
    events: list[Event] = [
        Outbound(NOON, f"d{n}", id, Presence(parse_address(f"room{n}@rooms.example/juliet"))) for n in range(FLOOD)
    ]

    after = account_of(replayed(account, events, SMALL))

    assert max(len(session.directed) for session in after.sessions) <= SMALL.directed_entries


def roster_set(number: int, jid: str, **attributes: str) -> IQ:
    query = element("query", ROSTER, {}, [element("item", ROSTER, {"jid": jid, **attributes})])
    return IQ(None, None, f"r{number}", "set", None, payload(query))


@given(accounts())
def test_a_roster_has_at_most_the_allowed_items(account: Account) -> None:
    account, id = with_session(account)
    sets = [Outbound(NOON, f"r{n}", id, roster_set(n, f"friend{n}@verona.example")) for n in range(FLOOD)]
    asks = [
        Outbound(NOON, f"a{n}", id, Presence(parse_address(f"other{n}@verona.example"), type="subscribe"))
        for n in range(FLOOD)
    ]
    pre_approvals = [
        Outbound(NOON, f"p{n}", id, Presence(parse_address(f"third{n}@verona.example"), type="subscribed"))
        for n in range(FLOOD)
    ]

    after = account_of(replayed(account, [*sets, *asks, *pre_approvals], SMALL))

    assert after.roster.listed <= max(account.roster.listed, SMALL.roster_items)


@given(accounts())
def test_the_number_of_tombstones_is_limited(account: Account) -> None:
    account, id = with_session(account)
    events: list[Event] = []
    for n in range(FLOOD):
        jid = f"friend{n}@verona.example"
        at = NOON + timedelta(seconds=n)
        events.append(Outbound(at, f"s{n}", id, roster_set(n, jid)))
        events.append(Outbound(at, f"r{n}", id, roster_set(n, jid, subscription="remove")))

    after = account_of(replayed(account, events, SMALL))

    assert after.roster.removed <= max(account.roster.removed, 2 * SMALL.tombstones)
    assert after.jid == JULIET
