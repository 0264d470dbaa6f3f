"""Of two rules that send the same, the one fires whose case it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from tests.blocking.commands import blocking, unblock
from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    after,
    contact,
    following,
    inbound,
    item,
    outbound,
    presence,
    roster_get,
    roster_set,
    told,
)
from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.roster import SharedItem
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import blocking as blocking_rules
from xmpp_im_core.rules import roster as rules
from xmpp_im_core.rules import subscriptions as subscription_rules
from xmpp_im_core.server import AdministratorRemovedItem, SharedItemsChanged, Step, StoreFailed, TimePassed, reduce
from xmpp_im_core.server.state import Notice
from xmpp_im_core.subscription import TO

REMOVAL = roster_set(item(ROMEO, subscription="remove"), by="balcony")


def fired(step: Step) -> set[str]:
    return {effect.rule.name for effect in step.effects}


AT_REMOVAL = {
    rules.UNSUBSCRIBED_AT_REMOVAL.name,
    rules.REQUEST_WITHDRAWN_AT_REMOVAL.name,
    rules.CANCELLED_AT_REMOVAL.name,
    rules.MUTUAL_CANCELLED_AT_REMOVAL.name,
}


@in_one_test(
    ("state", "expected"),
    [
        ("None", set()),
        ("None + Pending Out", {rules.REQUEST_WITHDRAWN_AT_REMOVAL.name}),
        ("To", {rules.UNSUBSCRIBED_AT_REMOVAL.name}),
        ("From", {rules.CANCELLED_AT_REMOVAL.name}),
        ("From + Pending Out", {rules.REQUEST_WITHDRAWN_AT_REMOVAL.name, rules.CANCELLED_AT_REMOVAL.name}),
        ("Both", {rules.UNSUBSCRIBED_AT_REMOVAL.name, rules.MUTUAL_CANCELLED_AT_REMOVAL.name}),
    ],
)
def test_what_a_removal_tells_the_contact_goes_by_the_state(state: str, expected: set[str]) -> None:
    step = reduce(account(JULIET, {ROMEO: state}, connected=("balcony",)), REMOVAL)

    assert fired(step) & AT_REMOVAL == expected


def test_a_blocked_contact_is_told_nothing_of_a_removal_by_a_rule_of_blocking() -> None:
    juliet = blocking(account(JULIET, {ROMEO: "Both"}, connected=("balcony",)), ROMEO)

    step = reduce(juliet, REMOVAL)

    assert fired(step) & {*AT_REMOVAL, blocking_rules.REMOVAL_NOT_TOLD.name} == {blocking_rules.REMOVAL_NOT_TOLD.name}


@pytest.mark.parametrize(
    ("before", "rule"),
    [
        ((), rules.ADDED_ITEM_PUSHED),
        ((contact(ROMEO, "None + Pending In", listed=False),), rules.ADDED_ITEM_PUSHED),
        ((contact(ROMEO),), rules.UPDATED_ITEM_PUSHED),
    ],
)
def test_an_item_is_added_unless_the_roster_has_it(before: tuple[object, ...], rule: object) -> None:
    juliet = account(JULIET, before, interested=("balcony",))  # type: ignore[arg-type]

    step = reduce(juliet, roster_set(item(ROMEO, name="R"), by="balcony"))

    both = {rules.ADDED_ITEM_PUSHED.name, rules.UPDATED_ITEM_PUSHED.name}
    assert fired(step) & both == {rule.name}  # type: ignore[attr-defined]


def test_a_known_version_is_answered_as_unchanged_or_with_changes() -> None:
    juliet = account(JULIET, {ROMEO: "None", "a@example.org": "None"}, interested=("balcony",), version=7)
    changed = following(juliet, roster_set(item(ROMEO, name="R"), by="balcony"))

    assert rules.UNCHANGED_ROSTER.name in fired(reduce(juliet, roster_get("balcony", ver="v:7")))
    assert rules.INTERIM_RESULT.name in fired(reduce(changed, roster_get("balcony", ver="v:7")))


def test_a_subscriber_by_the_own_item_is_told_its_end_though_the_service_shares_the_contact_otherwise() -> None:
    juliet = account(JULIET, {ROMEO: "From"}, available=("balcony",))
    juliet = following(juliet, SharedItemsChanged(AT, "share", (SharedItem(ROMEO, TO),)))

    step = reduce(juliet, AdministratorRemovedItem(AT, "seq", ROMEO))

    assert any(line.startswith("route unavailable") for line in told(step))


def test_a_pre_approval_names_whether_it_makes_the_item_and_that_it_was_there() -> None:
    both = {subscription_rules.PRE_APPROVAL_PUSHED.name, subscription_rules.PRE_APPROVED_ITEM_PUSHED.name}
    approving = outbound("subscribed", ROMEO, by="balcony")
    with_item = reduce(account(JULIET, {ROMEO: "None"}, interested=("balcony",)), approving)
    without = reduce(account(JULIET, interested=("balcony",)), approving)

    assert fired(with_item) & both == {subscription_rules.PRE_APPROVAL_PUSHED.name}
    assert fired(without) & both == {subscription_rules.PRE_APPROVED_ITEM_PUSHED.name}
    assert subscription_rules.APPROVED_ALREADY.name in fired(reduce(after(with_item), evolve(approving, seq="another")))


def test_a_denied_request_without_item_pushes_nothing_by_rule() -> None:
    juliet = account(JULIET, [contact(ROMEO, "None + Pending In", listed=False)], interested=("balcony",))

    step = reduce(juliet, outbound("unsubscribed", ROMEO, by="balcony"))

    assert subscription_rules.DENIAL_WITHOUT_ITEM.name in fired(step)


def test_a_roster_is_empty_where_neither_the_user_nor_the_service_has_an_item_there() -> None:
    both = {rules.ROSTER_RESULT.name, rules.EMPTY_ROSTER_RESULT.name}
    sharing = SharedItemsChanged(AT, "share", (SharedItem(ROMEO, TO),))
    empty, with_own = account(JULIET, connected=("balcony",)), account(JULIET, {ROMEO: "None"}, connected=("balcony",))

    assert fired(reduce(empty, roster_get("balcony"))) & both == {rules.EMPTY_ROSTER_RESULT.name}
    assert fired(reduce(with_own, roster_get("balcony"))) & both == {rules.ROSTER_RESULT.name}
    assert fired(reduce(following(empty, sharing), roster_get("balcony"))) & both == {rules.ROSTER_RESULT.name}


def test_a_kept_notice_without_sender_is_delivered() -> None:
    notice = Notice("1", presence("subscribed", None, JULIET))
    juliet = blocking(account(JULIET, connected=("balcony",)), ROMEO).noticing((notice,))

    step = reduce(juliet, outbound("available", by="balcony"))

    assert "deliver subscribed from None to balcony" in told(step)


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (PreApproval.ONCE, subscription_rules.PRE_APPROVAL_USED),
        (PreApproval.KEPT, subscription_rules.PRE_APPROVAL_KEPT),
    ],
)
def test_a_pre_approval_is_used_up_or_kept(policy: PreApproval, rule: Rule) -> None:
    juliet = account(JULIET, [contact(ROMEO, approved=True)], interested=("balcony",))

    step = reduce(juliet, inbound("subscribe", ROMEO, to=JULIET), Policy(pre_approval=policy))

    both = {subscription_rules.PRE_APPROVAL_USED.name, subscription_rules.PRE_APPROVAL_KEPT.name}
    assert fired(step) & both == {rule.name}


def test_a_request_that_waits_already_is_the_users_to_answer_though_it_was_approved_beforehand() -> None:
    juliet = account(JULIET, [contact(ROMEO, "None + Pending In", approved=True)], available=("balcony",))

    assert told(reduce(juliet, inbound("subscribe", ROMEO, to=JULIET))) == []


def test_a_request_to_nobody_available_is_recorded_by_rule() -> None:
    step = reduce(account(JULIET), inbound("subscribe", ROMEO, to=JULIET))

    assert subscription_rules.REQUEST_RECORDED.name in fired(step)


def test_time_that_brings_nothing_fires_a_rule() -> None:
    step = reduce(account(JULIET), TimePassed(AT, "seq"))

    assert fired(step) == {subscription_rules.NOTHING_TO_RESEND.name}


def test_what_was_due_at_the_very_moment_of_a_failure_is_tried_a_minute_later() -> None:
    juliet = account(JULIET, {ROMEO: "None + Pending Out"}).waking(AT)

    step = reduce(juliet, StoreFailed(AT, "failed", TimePassed(AT, "seq")))

    assert after(step).wake_at == AT + timedelta(minutes=1)


def test_a_request_to_a_blocked_contact_wakes_nobody_after_an_unblock_of_another() -> None:
    juliet = blocking(account(JULIET, {ROMEO: "None + Pending Out"}, connected=("balcony",)), ROMEO, "a@example.org")

    assert after(reduce(juliet, unblock("a@example.org"))).wake_at is None
    assert after(reduce(juliet, unblock(ROMEO))).wake_at == AT + timedelta(days=7)
