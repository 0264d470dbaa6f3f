"""Every limit of ``Policy``: what fits it is taken, one more is refused by its own rule, and nothing changes.

A line of the table is one limit: what brings an account up to it, and what goes one beyond.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from attrs import evolve, frozen

from tests.blocking.commands import block
from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    bound,
    child,
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
from tests.server.policy_stage import (
    MESSAGE_OF_NOTHING,
    ORCHARD,
    body_of,
    connected,
    entity,
    limited,
    status_from_client,
    status_of,
)
from xmpp_im_core.event import Decision
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
    EndSession,
    Event,
    Inbound,
    Outbound,
    SessionId,
    reduce,
)
from xmpp_im_core.server.state import entry_size


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


REQUEST_OF_NOTHING: Final = status_of(1).size() - 1


def groups_of(number: int) -> Event:
    return roster_set(item(ROMEO, *[f"Group {n}" for n in range(number)]), by="balcony")


def sent_status(more: int) -> int:
    """Return the size of this presence as the server keeps it: stamped with the full JID."""
    return following(connected(), status_from_client(more)).sessions[0].presence.size()  # type: ignore[union-attr]


def stored_size() -> int:
    """Return the size of one stored message."""
    return following(account(JULIET), received_message("chat", ORCHARD, JULIET, seq="s0")).offline_bytes


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
EACH_LIMIT = in_one_test("limit", LIMITS, ids=lambda limit: f"{limit.field} {limit.rule.name}")


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
COUNTED = in_one_test(
    "limit",
    [each for each in LIMITS if each.counted and each.field != "sessions"],
    ids=lambda limit: f"{limit.field} {limit.rule.name}",
)


@pytest.mark.parametrize("field", ["block_list", "block_list_bytes"])
def test_a_block_list_beyond_a_lowered_limit_accepts_what_it_already_holds(field: str) -> None:
    blocked = reduce(connected(), block(entity(0)), Policy()).state

    step = reduce(blocked, evolve(block(entity(0)), seq="another"), limited(field, 0))

    assert blocking_rules.BLOCKED in [effect.rule for effect in step.effects]


@COUNTED
def test_a_limit_of_zero_refuses_the_first_one(limit: Limit) -> None:
    step = reduce(limit.given, limit.adding(0), limited(limit.field, 0))

    assert [effect.rule for effect in step.effects] == [limit.rule]
    assert (step.state, step.store) == (limit.given, ())


@in_one_test(
    "limit",
    [each for each in LIMITS if each.field in ITEMISED],
    ids=lambda limit: f"{limit.field} {limit.rule.name}",
)
def test_an_existing_entry_does_not_count_as_a_new_one(limit: Limit) -> None:
    policy = limited(limit.field, 2 * limit.unit)
    full = at_the_limit(limit, 2, policy)
    again = limit.adding(0)
    if limit.field == "sessions":
        again = bound("r00", epoch=2)

    step = reduce(full, again, policy)

    assert limit.rule not in [effect.rule for effect in step.effects]


@pytest.mark.parametrize("jids", [(entity(0),), (entity(0), entity(2))])
def test_blocking_an_entry_of_an_overfull_list_again_adds_nothing(jids: tuple[str, ...]) -> None:
    overfull = connected().blocking(tuple(entity(n) for n in range(3)))

    step = reduce(overfull, block(*jids), limited("block_list", 1))

    assert blocking_rules.LIST_FULL not in [effect.rule for effect in step.effects]
    assert (step.state, step.store) == (overfull, ())


# --- what a limit does not touch ------------------------------------------------------------------------------------


def test_a_large_message_is_delivered_to_one_who_is_there() -> None:
    online = account(JULIET, available=("balcony",))

    assert told(reduce(online, body_of(50), Policy(offline_message_size=MESSAGE_OF_NOTHING + 40))) == [
        f"deliver chat from {ORCHARD} to balcony"
    ]


@pytest.mark.parametrize("field", ["pending_requests", "pending_requests_per_domain", "request_size"])
def test_the_limits_do_not_stop_the_answer_to_a_subscribers_request(field: str) -> None:
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


def test_each_resource_has_its_own_list() -> None:
    given = account(JULIET, connected=("balcony", "chamber"))
    full = following(given, outbound("available", entity(0), by="balcony"))

    step = reduce(full, outbound("available", entity(1), by="chamber"), Policy(directed_entries=1))

    assert told(step) == [f"route presence from {JULIET}/chamber to {entity(1)}"]


def test_a_roster_get_needs_no_place_in_the_roster() -> None:
    full = connected(ROMEO)

    assert told(reduce(full, roster_get("balcony"), Policy(roster_items=0)))[0].startswith("roster [")


@pytest.mark.parametrize("session", [SessionId("r00", 1), SessionId("r99", 1)])
def test_a_refused_session_does_not_exist(session: SessionId) -> None:
    policy = Policy(sessions=1)
    full = following(account(JULIET), bound("r01"), policy=policy)

    refused = reduce(full, bound(session.resource), policy)

    (end,) = refused.effects
    assert isinstance(end, EndSession)
    assert (end.session, end.condition) == (session, "policy-violation")
    assert ignored(full, Outbound(AT, "seq", session, message("chat", None, ROMEO)), policy)
