"""Every limit of ``Policy``: what fits it is taken, one more is refused by its own rule, and nothing changes.

A line of the table is one limit: what brings an account up to it, and what goes one beyond.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import attrs
import pytest
from attrs import frozen

from tests.blocking.commands import block
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    bound,
    child,
    contact,
    following,
    ignored,
    inbound,
    item,
    message,
    outbound,
    presence,
    received_message,
    roster_get,
    roster_set,
    told,
)
from xmpp_im_core.event import Decision
from xmpp_im_core.jid import parse_address as to
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact, item_size, request_size
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import blocking as blocking_rules
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import presence as presence_rules
from xmpp_im_core.rules import roster as roster_rules
from xmpp_im_core.rules import sessions as session_rules
from xmpp_im_core.rules import subscriptions as subscription_rules
from xmpp_im_core.server import (
    Account,
    AdministratorRemovedItem,
    EndSession,
    Event,
    FanOut,
    Inbound,
    LastUnavailable,
    Outbound,
    SessionId,
    TimePassed,
    reduce,
)
from xmpp_im_core.server.state import entry_size
from xmpp_im_core.stanza import Message, Presence, payload

ORCHARD = f"{ROMEO}/orchard"


@frozen
class Limit:
    """A field of ``Policy``, and how an account comes up to it."""

    field: str
    given: Account
    adding: Callable[[int], Event]
    """The n-th thing that is counted, or one of size n."""
    rule: Rule
    refusal: str
    """What is told of the refusal; empty where it is silent."""
    counted: bool = True
    """Whether things are counted; else one thing is measured."""
    least: int = 0
    """How large the least thing is that is measured."""
    unit: int = 1
    """How much of the limit each thing takes."""

    def __str__(self) -> str:
        return self.field + ("" if self.counted else " (size)")


def connected(*contacts: str) -> Account:
    return account(JULIET, dict.fromkeys(contacts, "None"), connected=("balcony",))


def status_of(more: int) -> Presence:
    """Return a request that is so many bytes larger than one with an empty status."""
    return presence("subscribe", ROMEO, JULIET, child("status", "x" * more))


def body_of(more: int) -> Event:
    return received_message("chat", ORCHARD, JULIET, child("body", "x" * more))


REQUEST_OF_NOTHING: Final = status_of(1).size() - 1
MESSAGE_OF_NOTHING: Final = received_message("chat", ORCHARD, JULIET, child("body", "x")).stanza.size() - 1


def groups_of(number: int) -> Event:
    return roster_set(item(ROMEO, *[f"Group {n}" for n in range(number)]), by="balcony")


def status_from_client(more: int) -> Event:
    return outbound("available", None, child("status", "x" * more), by="balcony")


def sent_status(more: int) -> int:
    """Return the size of this presence as the server keeps it: stamped with the full JID."""
    return following(connected(), status_from_client(more)).sessions[0].presence.size()  # type: ignore[union-attr]


def stored_size() -> int:
    """Return the size of one stored message."""
    return following(account(JULIET), received_message("chat", ORCHARD, JULIET, seq="s0")).offline_bytes


def entity(n: int) -> str:
    return f"e{n:02}@chat.example.org"


LIMITS: Final = [
    Limit(
        "roster_items",
        connected(),
        lambda n: roster_set(item(entity(n)), by="balcony"),
        roster_rules.ROSTER_FULL,
        "error policy-violation to balcony",
    ),
    Limit(
        "roster_items",
        connected(),
        lambda n: outbound("subscribe", entity(n), by="balcony"),
        subscription_rules.REQUEST_TO_FULL_ROSTER,
        "deliver error policy-violation from {entity} to balcony",
    ),
    Limit(
        "roster_items",
        connected(),
        lambda n: outbound("subscribed", entity(n), by="balcony"),
        subscription_rules.REQUEST_TO_FULL_ROSTER,
        "deliver error policy-violation from {entity} to balcony",
    ),
    Limit(
        "name_length",
        connected(),
        lambda n: roster_set(item(ROMEO, name="é" * n), by="balcony"),
        roster_rules.NAME_TOO_LONG,
        "error not-acceptable to balcony",
        counted=False,
    ),
    Limit(
        "group_length",
        connected(),
        lambda n: roster_set(item(ROMEO, "short", "é" * n), by="balcony"),
        roster_rules.GROUP_TOO_LONG,
        "error not-acceptable to balcony",
        counted=False,
    ),
    Limit(
        "groups_per_item",
        connected(),
        groups_of,
        roster_rules.TOO_MANY_GROUPS,
        "error not-acceptable to balcony",
        counted=False,
    ),
    Limit(
        "pending_requests",
        connected(),
        lambda n: inbound("subscribe", f"s@d{n}.example", to=JULIET),
        subscription_rules.TOO_MANY_REQUESTS,
        "",
    ),
    Limit(
        "pending_requests_per_domain",
        connected(),
        lambda n: inbound("subscribe", entity(n), to=JULIET),
        subscription_rules.TOO_MANY_REQUESTS_OF_DOMAIN,
        "",
    ),
    Limit(
        "request_size",
        connected(),
        lambda n: Inbound(AT, "seq", status_of(n)),
        subscription_rules.REQUEST_TOO_LARGE,
        "",
        counted=False,
        least=REQUEST_OF_NOTHING,
    ),
    Limit(
        "directed_entries",
        connected(),
        lambda n: outbound("available", entity(n), by="balcony"),
        presence_rules.DIRECTED_LIST_FULL,
        "deliver error policy-violation from {entity} to balcony",
    ),
    Limit(
        "sessions",
        account(JULIET),
        lambda n: bound(f"r{n:02}"),
        session_rules.TOO_MANY_SESSIONS,
        "end r{n:02} with policy-violation",
    ),
    Limit(
        "offline_message_size",
        account(JULIET),
        body_of,
        delivery_rules.TOO_LARGE_TO_STORE,
        "",
        counted=False,
        least=MESSAGE_OF_NOTHING,
    ),
    Limit(
        "offline_message_count",
        account(JULIET),
        lambda n: received_message("chat", ORCHARD, JULIET, seq=f"s{n}"),
        delivery_rules.TOO_MANY_STORED,
        "",
    ),
    Limit(
        "block_list",
        connected(),
        lambda n: block(entity(n)),
        blocking_rules.LIST_FULL,
        "error policy-violation to balcony",
    ),
    Limit(
        "roster_bytes",
        connected(),
        lambda n: roster_set(item(entity(n)), by="balcony"),
        roster_rules.ROSTER_TOO_LARGE,
        "error policy-violation to balcony",
        unit=item_size(Contact(entity(0))),
    ),
    Limit(
        "roster_bytes",
        connected(),
        lambda n: outbound("subscribe", entity(n), by="balcony"),
        subscription_rules.REQUEST_TO_FULL_ROSTER,
        "deliver error policy-violation from {entity} to balcony",
        unit=item_size(Contact(entity(0))),
    ),
    Limit(
        "roster_bytes",
        connected(),
        lambda n: outbound("subscribed", entity(n), by="balcony"),
        subscription_rules.REQUEST_TO_FULL_ROSTER,
        "deliver error policy-violation from {entity} to balcony",
        unit=item_size(Contact(entity(0))),
    ),
    Limit(
        "roster_bytes",
        connected(),
        lambda n: Inbound(AT, "seq", presence("subscribe", entity(n), JULIET), Decision.APPROVE),
        subscription_rules.SERVICE_APPROVAL_TO_FULL_ROSTER,
        "",
        unit=item_size(Contact(entity(0))),
    ),
    Limit(
        "pending_request_bytes",
        connected(),
        lambda n: inbound("subscribe", entity(n), to=JULIET),
        subscription_rules.REQUESTS_TOO_LARGE,
        "",
        unit=request_size(Contact(entity(0), request=presence("subscribe", entity(0), JULIET))),
    ),
    Limit(
        "presence_size",
        connected(),
        status_from_client,
        presence_rules.PRESENCE_TOO_LARGE,
        "deliver error policy-violation from None to balcony",
        counted=False,
        least=sent_status(1) - 1,
    ),
    Limit(
        "session_bytes",
        connected(),
        status_from_client,
        presence_rules.PRESENCES_TOO_LARGE,
        "deliver error policy-violation from None to balcony",
        counted=False,
        least=connected().session_bytes + sent_status(1) - 1,
    ),
    Limit(
        "session_bytes",
        account(JULIET),
        lambda n: bound(f"r{n:02}"),
        session_rules.SESSIONS_TOO_LARGE,
        "end r{n:02} with policy-violation",
        unit=following(account(JULIET), bound("r00")).session_bytes,
    ),
    Limit(
        "directed_bytes",
        connected(),
        lambda n: outbound("available", entity(n), by="balcony"),
        presence_rules.DIRECTED_TOO_LARGE,
        "deliver error policy-violation from {entity} to balcony",
        unit=entry_size(entity(0)),
    ),
    Limit(
        "offline_bytes",
        account(JULIET),
        lambda n: received_message("chat", ORCHARD, JULIET, seq=f"s{n}"),
        delivery_rules.TOO_MUCH_STORED,
        "",
        unit=stored_size(),
    ),
    Limit(
        "block_list_bytes",
        connected(),
        lambda n: block(entity(n)),
        blocking_rules.LIST_TOO_LARGE,
        "error policy-violation to balcony",
        unit=entry_size(entity(0)),
    ),
]
EACH_LIMIT = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: f"{limit.field} {limit.rule.name}")


def limited(field: str, n: int) -> Policy:
    """Return a policy with this limit alone set to another value."""
    values: dict[str, Any] = {field: n}
    return Policy(**values)


def at_the_limit(limit: Limit, n: int, policy: Policy) -> Account:
    if not limit.counted:
        return limit.given
    return following(limit.given, *[limit.adding(each) for each in range(n)], policy=policy)


@EACH_LIMIT
def test_what_fits_the_limit_is_taken(limit: Limit) -> None:
    n = 40
    policy = limited(limit.field, limit.least + n * limit.unit)
    before = at_the_limit(limit, n - 1, policy)

    step = reduce(before, limit.adding(n if not limit.counted else n - 1), policy)

    assert limit.rule not in [effect.rule for effect in step.effects]
    assert step.state != before or step.store


@EACH_LIMIT
def test_one_more_is_refused_by_its_own_rule_and_nothing_changes(limit: Limit) -> None:
    n = 40
    policy = limited(limit.field, limit.least + n * limit.unit)
    before = at_the_limit(limit, n, policy)

    step = reduce(before, limit.adding(n + (not limit.counted)), policy)

    refusal = limit.refusal.format(entity=entity(n), n=n)
    assert told(step) == ([refusal] if refusal else [])
    assert [effect.rule for effect in step.effects] == [limit.rule]
    assert (step.state, step.store, step.forget) == (before, (), ())


@EACH_LIMIT
def test_an_account_that_is_beyond_the_limit_already_loses_nothing(limit: Limit) -> None:
    before = at_the_limit(limit, 5, Policy())
    policy = limited(limit.field, 1)

    step = reduce(before, limit.adding(50), policy)

    assert [effect.rule for effect in step.effects] == [limit.rule]
    assert (step.state, step.store) == (before, ())


ITEMISED = (
    *("roster_items", "directed_entries", "block_list", "sessions"),
    *("roster_bytes", "directed_bytes", "block_list_bytes"),
)
COUNTED = pytest.mark.parametrize(
    "limit",
    [each for each in LIMITS if each.counted and each.field != "sessions"],
    ids=lambda limit: f"{limit.field} {limit.rule.name}",
)


@pytest.mark.parametrize("field", ["block_list", "block_list_bytes"])
def test_a_block_list_beyond_a_limit_that_was_lowered_since_takes_what_it_holds_already(field: str) -> None:
    blocked = reduce(connected(), block(entity(0)), Policy()).state

    step = reduce(blocked, block(entity(0)), limited(field, 0))

    assert blocking_rules.BLOCKED in [effect.rule for effect in step.effects]


@COUNTED
def test_of_none_not_even_the_first_is_taken(limit: Limit) -> None:
    step = reduce(limit.given, limit.adding(0), limited(limit.field, 0))

    assert [effect.rule for effect in step.effects] == [limit.rule]
    assert (step.state, step.store) == (limit.given, ())


@pytest.mark.parametrize(
    "limit",
    [each for each in LIMITS if each.field in ITEMISED],
    ids=lambda limit: f"{limit.field} {limit.rule.name}",
)
def test_what_is_there_already_is_not_one_more(limit: Limit) -> None:
    policy = limited(limit.field, 2 * limit.unit)
    full = at_the_limit(limit, 2, policy)
    again = limit.adding(0)
    if limit.field == "sessions":
        again = bound("r00", epoch=2)

    step = reduce(full, again, policy)

    assert limit.rule not in [effect.rule for effect in step.effects]


@pytest.mark.parametrize("jids", [(entity(0),), (entity(0), entity(2))])
def test_to_block_again_what_an_overfull_list_holds_is_no_more_than_it_holds(jids: tuple[str, ...]) -> None:
    overfull = connected().blocking(tuple(entity(n) for n in range(3)))

    step = reduce(overfull, block(*jids), limited("block_list", 1))

    assert blocking_rules.LIST_FULL not in [effect.rule for effect in step.effects]
    assert (step.state, step.store) == (overfull, ())


# --- limits that refuse nobody --------------------------------------------------------------------------------------


def test_unavailable_presence_beyond_the_limit_is_told_in_full_and_only_its_time_is_kept() -> None:
    online = account(JULIET, {ROMEO: "From"}, available=("balcony",))
    long = outbound("unavailable", None, child("status", "x" * 5000), by="balcony")

    step = reduce(online, long, Policy(presence_size=4000))

    (sent,) = [effect for effect in step.effects if isinstance(effect, FanOut)]
    assert sent.stanza.payload.first("status") is not None
    assert isinstance(step.state, Account)
    assert step.state.last_unavailable == LastUnavailable(
        Presence(None, to(f"{JULIET}/balcony"), None, "unavailable"), AT
    )


def test_presence_may_always_become_smaller() -> None:
    given = following(connected(), status_from_client(5000))

    step = reduce(given, status_from_client(1000), Policy(session_bytes=100))

    assert presence_rules.PRESENCES_TOO_LARGE not in [effect.rule for effect in step.effects]


def test_an_item_of_a_roster_that_takes_too_much_may_always_become_smaller() -> None:
    given = following(connected(), roster_set(item(ROMEO, name="x" * 500), by="balcony"))
    policy = Policy(roster_bytes=100)

    smaller = reduce(given, roster_set(item(ROMEO, name="x"), by="balcony"), policy)
    larger = reduce(given, roster_set(item(ROMEO, name="x" * 501), by="balcony"), policy)

    assert told(smaller) == ["empty result to balcony"]
    assert [effect.rule for effect in larger.effects] == [roster_rules.ROSTER_TOO_LARGE]


def test_kept_decisions_take_no_more_than_their_limit() -> None:
    given = account(JULIET, {entity(n): "To" for n in range(4)})
    one = following(given, Inbound(AT, "s0", presence("unsubscribed", entity(0), JULIET)), policy=Policy(notices=9))
    policy = Policy(notices=9, notice_bytes=2 * one.notices[0].size)

    for n in range(4):
        given = following(given, Inbound(AT, f"s{n}", presence("unsubscribed", entity(n), JULIET)), policy=policy)

    assert [notice.key for notice in given.notices] == ["000000-s0", "000001-s1"]
    assert not any(given.roster.state_of(entity(n)).to for n in range(4))


def test_so_many_tombstones_are_kept_at_least_and_never_more_than_twice_as_many() -> None:
    policy = Policy(tombstones=3)
    juliet = account(JULIET, [contact(entity(n)) for n in range(20)], connected=("balcony",))

    for n in range(20):
        juliet = following(juliet, AdministratorRemovedItem(AT, f"s{n}", entity(n)), policy=policy)

        assert min(n + 1, 3) <= juliet.roster.removed <= 6
        assert juliet.roster.removed == len(juliet.roster.contacts) - juliet.roster.listed
    newest = [entity(n) for n in range(17, 20)]
    assert set(newest) <= set(juliet.roster.contacts)


def test_so_many_decisions_are_kept_for_an_absent_user_and_the_rest_shows_in_the_roster_alone() -> None:
    policy = Policy(notices=2)
    juliet = account(JULIET, {entity(n): "To" for n in range(4)})

    for n in range(4):
        step = reduce(juliet, Inbound(AT, f"s{n}", presence("unsubscribed", entity(n), JULIET)), policy)
        assert isinstance(step.state, Account)
        juliet = step.state

        dropped = subscription_rules.NOTICE_DROPPED in [effect.rule for effect in step.effects]
        assert dropped is (n >= 2)
        assert not juliet.roster.state_of(entity(n)).to
    assert [notice.key for notice in juliet.notices] == ["000000-s0", "000001-s1"]


@pytest.mark.parametrize(("size", "kept"), [(40, True), (41, False)])
def test_a_decision_larger_than_a_request_may_be_is_not_kept(size: int, kept: bool) -> None:
    juliet = account(JULIET, {ROMEO: "To"})
    cancelled = status_of(size)
    cancelled = Presence(cancelled.to, cancelled.from_, "p1", "unsubscribed", None, cancelled.payload)
    least = cancelled.size() - size

    step = reduce(juliet, Inbound(AT, "seq", cancelled), Policy(notices=2, request_size=least + 40))

    assert isinstance(step.state, Account)
    assert bool(step.state.notices) is kept
    assert not step.state.roster.state_of(ROMEO).to


@pytest.mark.parametrize(
    ("after", "due"),
    [(timedelta(days=7), timedelta(days=7)), (timedelta(seconds=1), timedelta(seconds=1)), (None, None)],
)
def test_a_request_is_sent_again_when_its_time_has_come_and_not_before(
    after: timedelta | None, due: timedelta | None
) -> None:
    policy = Policy(resend_requests_after=after)
    asked = following(connected(), outbound("subscribe", ROMEO, by="balcony"), policy=policy)

    assert asked.wake_at == (None if due is None else AT + due)
    if due is not None:
        early = reduce(asked, TimePassed(AT + due - timedelta(microseconds=1), "t"), policy)
        in_time = reduce(asked, TimePassed(AT + due, "t"), policy)
        assert told(early) == []
        assert told(in_time) == [f"route subscribe from {JULIET} to {ROMEO}"]


# --- the fields themselves ------------------------------------------------------------------------------------------

LEAST = {
    "tombstones": 0,
    "name_length": 0,
    "group_length": 1,
    "groups_per_item": 0,
    "roster_items": 0,
    "pending_requests": 0,
    "pending_requests_per_domain": 0,
    "request_size": 0,
    "notices": 0,
    "roster_bytes": 0,
    "pending_request_bytes": 0,
    "notice_bytes": 0,
    "presence_size": 0,
    "session_bytes": 0,
    "directed_bytes": 0,
    "block_list_bytes": 0,
    "offline_bytes": 0,
    "lowest_priority": -128,
    "highest_priority": -128,
    "directed_entries": 0,
    "sessions": 1,
    "held_bytes": 0,
    "held_events": 1,  # counted by the service: tests/server/test_service.py
    "offline_message_size": 0,
    "offline_message_count": 0,
    "block_list": 0,
}


def test_every_number_of_the_policy_is_tested_here() -> None:
    assert {field.name for field in attrs.fields(Policy) if type(field.default) is int} == set(LEAST)


@pytest.mark.parametrize(("field", "least"), LEAST.items())
def test_no_limit_is_less_than_the_least(field: str, least: int) -> None:
    assert getattr(limited(field, least), field) == least
    with pytest.raises(ValueError, match=field):
        limited(field, least - 1)


@pytest.mark.parametrize("field", ["lowest_priority", "highest_priority"])
def test_no_priority_is_more_than_127(field: str) -> None:
    assert getattr(limited(field, 127), field) == 127
    with pytest.raises(ValueError, match=field):
        limited(field, 128)


@pytest.mark.parametrize(("lowest", "highest"), [(1, 0), (127, -128), (0, -1)])
def test_no_priority_lies_between_a_lowest_and_a_highest_one_that_is_lower(lowest: int, highest: int) -> None:
    with pytest.raises(ValueError, match="lowest_priority"):
        Policy(lowest_priority=lowest, highest_priority=highest)


def test_all_priorities_may_be_the_same_one() -> None:
    step = reduce(
        connected(),
        outbound("available", None, child("priority", "9"), by="balcony"),
        Policy(lowest_priority=0, highest_priority=0),
    )

    assert isinstance(step.state, Account)
    assert [session.priority for session in step.state.sessions] == [0]


@pytest.mark.parametrize("after", [timedelta(0), timedelta(microseconds=-1), timedelta(days=-7)])
def test_no_request_is_due_again_as_soon_as_it_is_sent(after: timedelta) -> None:
    with pytest.raises(ValueError, match="resend_requests_after"):
        Policy(resend_requests_after=after)


def test_a_message_that_is_too_large_to_store_is_answered_to_whoever_may_know_that_nobody_is_there() -> None:
    told_a_subscriber = reduce(
        account(JULIET, {ROMEO: "From"}), body_of(50), Policy(offline_message_size=MESSAGE_OF_NOTHING + 40)
    )
    told_a_stranger = reduce(account(JULIET), body_of(50), Policy(offline_message_size=MESSAGE_OF_NOTHING + 40))

    assert told(told_a_subscriber) == [f"route error service-unavailable from {JULIET} to {ORCHARD}"]
    assert told(told_a_stranger) == []
    assert told_a_subscriber.store == told_a_stranger.store == ()


def test_what_a_stranger_writes_beside_the_payload_counts_as_well() -> None:
    """The whole stanza is kept, so the whole stanza is measured: its id, language and unknown attributes too."""
    filler = "x" * 20_000
    for request in (
        Presence(to(JULIET), to(ROMEO), filler, "subscribe"),
        Presence(to(JULIET), to(ROMEO), None, "subscribe", filler),
        Presence(to(JULIET), to(ROMEO), None, "subscribe", None, payload(), (("a", filler),)),
        Presence(to(JULIET), to(ROMEO), None, "subscribe", None, payload(), ((filler, "a"),)),
    ):
        step = reduce(account(JULIET), Inbound(AT, "seq", request))
        assert [effect.rule for effect in step.effects] == [subscription_rules.REQUEST_TOO_LARGE]
        assert step.store == ()

    notice = Presence(to(JULIET), to(ROMEO), filler, "unsubscribed")
    step = reduce(account(JULIET, {ROMEO: "To"}), Inbound(AT, "seq", notice), Policy(notices=2))
    assert subscription_rules.NOTICE_DROPPED in [effect.rule for effect in step.effects]

    long = Message(to(JULIET), to(ORCHARD), "x" * 70_000, "chat", None, payload(child("body", "O")))
    step = reduce(account(JULIET), Inbound(AT, "seq", long))
    assert [effect.rule for effect in step.effects] == [delivery_rules.TOO_LARGE_TO_STORE]
    assert step.store == ()


# --- what a limit does not touch ------------------------------------------------------------------------------------


def test_a_large_message_is_delivered_to_one_who_is_there() -> None:
    online = account(JULIET, available=("balcony",))

    assert told(reduce(online, body_of(50), Policy(offline_message_size=MESSAGE_OF_NOTHING + 40))) == [
        f"deliver chat from {ORCHARD} to balcony"
    ]


@pytest.mark.parametrize("field", ["pending_requests", "pending_requests_per_domain", "request_size"])
def test_a_request_of_a_subscriber_is_answered_whatever_the_limits(field: str) -> None:
    subscribed = account(JULIET, {ROMEO: "From"})

    step = reduce(subscribed, inbound("subscribe", ROMEO, child("status", "x" * 99), to=JULIET), limited(field, 0))

    assert told(step) == [f"route subscribed from {JULIET} to {ROMEO}"]


def test_directed_unavailable_presence_and_presence_to_ones_own_resources_need_no_place_in_the_list() -> None:
    full = following(connected(), outbound(None, by="balcony"), outbound("available", entity(0), by="balcony"))
    policy = Policy(directed_entries=1)

    for event in (
        outbound("unavailable", entity(1), by="balcony"),
        outbound("available", f"{JULIET}/chamber", by="balcony"),
    ):
        assert told(reduce(full, event, policy))[0].startswith("route ")


def test_each_resource_has_a_list_of_its_own() -> None:
    given = account(JULIET, connected=("balcony", "chamber"))
    full = following(given, outbound("available", entity(0), by="balcony"))

    step = reduce(full, outbound("available", entity(1), by="chamber"), Policy(directed_entries=1))

    assert told(step) == [f"route presence from {JULIET}/chamber to {entity(1)}"]


def test_a_roster_get_needs_no_place_in_the_roster() -> None:
    full = connected(ROMEO)

    assert told(reduce(full, roster_get("balcony"), Policy(roster_items=0)))[0].startswith("roster [")


@pytest.mark.parametrize("session", [SessionId("r00", 1), SessionId("r99", 1)])
def test_a_session_that_was_refused_is_none(session: SessionId) -> None:
    policy = Policy(sessions=1)
    full = following(account(JULIET), bound("r01"), policy=policy)

    refused = reduce(full, bound(session.resource), policy)

    (end,) = refused.effects
    assert isinstance(end, EndSession)
    assert (end.session, end.condition) == (session, "policy-violation")
    assert ignored(full, Outbound(AT, "seq", session, message("chat", None, ROMEO)), policy)
