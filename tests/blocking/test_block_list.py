"""The block list, and commands that are refused (XEP-0191 §3.2)."""

from __future__ import annotations

import pytest

from tests.blocking.block_list_stage import IAGO, juliet
from tests.blocking.commands import (
    asks_for_the_list,
    block,
    blocking,
    command,
)
from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    STATES,
    after,
    iq,
    received_iq,
    sent_iq,
    stanzas,
    told,
)
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    Account,
    AccountLoaded,
    Kind,
    NoAccount,
    Put,
    reduce,
)
from xmpp_im_core.server.blocking import BLOCKING
from xmpp_im_core.stanza import Condition

SUBSCRIBED = [name for name, state in STATES.items() if state.from_]


def condition(given: Account, *children: Element, type: str = "set") -> Condition:
    """Return the condition with which a command is refused, which must change nothing."""
    step = reduce(given, sent_iq(type, *children, by="balcony"))
    (refusal,) = stanzas(step)
    assert (step.state, step.store) == (given, ())
    assert refusal.error is not None
    return refusal.error.condition


# --- the list (§3.2) -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jids", [(), (ROMEO,), (IAGO, ROMEO, "example.org")])
def test_the_list_is_shown_item_by_item_and_an_empty_one_is_empty(jids: tuple[str, ...]) -> None:
    step = reduce(blocking(juliet(), *jids), asks_for_the_list())

    (result,) = stanzas(step)
    assert told(step)[0].endswith("to balcony")
    assert result == iq("result", command("blocklist", *sorted(jids)), from_=None, to=f"{JULIET}/balcony")
    assert step.store == ()


def test_the_list_is_the_same_after_a_restart() -> None:
    step = reduce(juliet(), block(ROMEO, IAGO))
    stored = [Put(Kind.ROSTER, "", juliet().roster.head), *[each for each in step.store if isinstance(each, Put)]]

    restarted = reduce(NoAccount(parse_jid(JULIET)), AccountLoaded(AT, "loaded", tuple(stored))).state

    assert isinstance(restarted, Account)
    assert restarted.blocked == after(step).blocked == (IAGO, ROMEO)


# --- refusals --------------------------------------------------------------------------------------------------------


@in_one_test("jid", ["@example.net", "romeo@", "a@b@c/ ", "", "romeo@example.net/"])
@in_one_test("name", ["block", "unblock"])
def test_a_malformed_jid_refuses_the_whole_command(name: str, jid: str) -> None:
    assert condition(juliet(), command(name, ROMEO, jid)) is Condition.JID_MALFORMED


def test_a_block_without_item_and_an_item_without_jid_are_bad_requests() -> None:
    nameless = [element("item", BLOCKING)]

    assert condition(juliet(), command("block")) is Condition.BAD_REQUEST
    assert condition(juliet(), element("block", BLOCKING, {}, nameless)) is Condition.BAD_REQUEST
    assert condition(juliet(), element("unblock", BLOCKING, {}, nameless)) is Condition.BAD_REQUEST


@in_one_test(
    ("type", "name"),
    [("set", "blocklist"), ("get", "block"), ("get", "unblock"), ("set", "list"), ("get", "list")],
)
def test_an_element_that_is_not_a_command_is_a_bad_request(type: str, name: str) -> None:
    assert condition(juliet(), command(name, ROMEO), type=type) is Condition.BAD_REQUEST


def test_items_of_another_namespace_do_not_count() -> None:
    foreign = element("block", BLOCKING, {}, [element("item", "urn:example:x", {"jid": ROMEO})])

    assert condition(juliet(), foreign) is Condition.BAD_REQUEST


def test_without_blocking_its_namespace_is_unknown() -> None:
    step = reduce(juliet(), block(ROMEO), Policy(blocking=False))

    (refusal,) = stanzas(step)
    assert refusal.error is not None
    assert refusal.error.condition is Condition.SERVICE_UNAVAILABLE
    assert step.state == juliet()


@pytest.mark.parametrize("sender", [ROMEO, f"{ROMEO}/orchard"])
def test_nobody_else_reads_or_changes_the_list(sender: str) -> None:
    for type, name in (("get", "blocklist"), ("set", "block"), ("set", "unblock")):
        step = reduce(blocking(juliet(), IAGO), received_iq(type, command(name, IAGO), from_=sender, to=JULIET))

        assert told(step) == [f"route error service-unavailable from {JULIET} to {sender}"]
        assert step.state == blocking(juliet(), IAGO)
