"""What the common steps of an account do not do again, because it is known. Calls are counted, not timed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations

import pytest

from tests.blocking.commands import block
from tests.client.counting import Looked, calls, copies, looks
from tests.rfc6121.conversation import (
    JULIET,
    ROMEO,
    account,
    child,
    following,
    inbound,
    item,
    outbound,
    received_message,
    roster_set,
)
from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element, element, text_size
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import _parsed, parse_address, prepared_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact, Roster, item_size
from xmpp_im_core.server import Account, Deliver, Event, reduce
from xmpp_im_core.server.accounts.processed_events import mark_of
from xmpp_im_core.server.contact_changes import has_no_room_for
from xmpp_im_core.server.delivery import messages
from xmpp_im_core.server.presence.dispatch import outbound_subscription
from xmpp_im_core.server.state import Session, entries_size, entry_size
from xmpp_im_core.server.visibility import holds, is_blocked, is_withheld, matches
from xmpp_im_core.stanza import EMPTY, Stanza, read_priority

HERE = account(JULIET, {ROMEO: "Both"}, available=("balcony",))
STRANGER = "stranger@example.org"


def step(event: Event, state: Account = HERE, policy: Policy = Policy()) -> Callable[[], object]:  # noqa: B008  # a frozen value
    return partial(reduce, state, event, policy)


# --- roster sets --------------------------------------------------------------------------------------------


def test_a_roster_set_does_not_prepare_a_jid_that_was_prepared_before() -> None:
    parse_address(ROMEO)

    assert calls(step(roster_set(item(ROMEO, name="R"), by="balcony")), _parsed) == 0


@pytest.mark.parametrize("jid", [ROMEO, STRANGER])
def test_a_roster_set_measures_the_new_item_and_the_old_one_once(jid: str) -> None:
    """The roster after the change tells whether it has become too large."""
    change = step(roster_set(item(jid, name="R"), by="balcony"))

    assert calls(change, item_size) == 2
    assert copies(change, Contact) == 2  # with what was set, and with the new version


# --- requests -----------------------------------------------------------------------------------------------


def test_a_request_is_kept_with_one_copy_of_the_contact() -> None:
    asked = step(inbound("subscribe", STRANGER, to=JULIET))

    assert copies(asked, Contact) == 1
    assert calls(asked, Stanza.size) == 2  # for its own bound, and for the memory of all requests


@pytest.mark.parametrize(("type", "state"), [("subscribe", "None"), ("subscribed", "None + Pending In")])
def test_a_request_and_its_approval_copy_the_contact_twice(type: str, state: str) -> None:
    """The first copy has the state, the time and the flags of an item; the second has the new version."""
    here = account(JULIET, {ROMEO: state}, available=("balcony",))

    assert copies(step(outbound(type, ROMEO, by="balcony"), here), Contact) == 2


def test_a_contact_of_whom_there_is_room_is_not_copied_to_be_measured() -> None:
    contact = Contact(STRANGER, listed=False)

    assert copies(partial(has_no_room_for, HERE.roster, contact, Policy()), Contact) == 0


def test_the_event_that_a_refusal_needs_is_not_checked_again() -> None:
    """The tests run with the guard, under which ``unchecked`` returns the class: so the name is looked at."""
    assert "Outbound" not in outbound_subscription.__code__.co_names


def test_an_event_that_is_not_remembered_has_no_mark() -> None:
    asked = inbound("subscribe", STRANGER, to=JULIET)

    assert calls(step(asked), mark_of) == 1
    assert calls(step(asked, policy=Policy(remembered_events=0)), mark_of) == 0


# --- presence -----------------------------------------------------------------------------------------------


def test_a_presence_update_reads_the_priority_for_its_syntax_and_for_the_session() -> None:
    update = outbound(None, None, child("priority", "5"), by="balcony")

    assert calls(step(update), read_priority) == 2
    for bounded in (Policy(highest_priority=126), Policy(lowest_priority=-127)):  # this needs another look
        assert calls(step(update, policy=bounded), read_priority) == 3


def test_a_presence_update_is_measured_once() -> None:
    """The size of the session bounds that of its presence, which is measured again only near the limit."""
    update = outbound(None, None, child("status", "here"), by="balcony")

    shown = following(HERE, update)

    assert calls(step(update, shown), Stanza.size) == 1
    assert calls(step(update, shown, Policy(presence_size=1)), Stanza.size) == 2


def test_a_stanza_with_a_header_of_ascii_is_measured_without_calls() -> None:
    asked = inbound("subscribe", STRANGER, to=JULIET).stanza

    assert calls(asked.size, text_size) == 0
    assert asked.size() < received_message("chat", f"{STRANGER}/♥", JULIET).stanza.size()


def test_the_contacts_who_are_probed_and_told_are_not_looked_up_without_shared_items() -> None:
    for found in (HERE.roster.subscriptions, HERE.roster.subscribers):
        assert found() == (ROMEO,)
        assert calls(found, FrozenMap.__contains__) == 0


def test_presence_of_others_searches_no_empty_list() -> None:
    """Neither the block list, nor the directed-presence list of a resource: few users have either."""
    for type in ("probe", "unavailable"):
        assert calls(step(inbound(type, f"{ROMEO}/x", to=JULIET)), holds, is_blocked, is_withheld) == 0


def test_the_syntax_of_presence_is_checked_without_lists_of_child_elements() -> None:
    update = outbound(None, None, child("show", "away"), child("status", "out"), child("priority", "5"), by="balcony")

    assert calls(step(update), Element.elements.fget) == 0  # type: ignore[attr-defined]  # a property has it


# --- copies -------------------------------------------------------------------------------------------------


def test_the_roster_is_copied_for_the_fields_that_a_contact_changes() -> None:
    """The function that takes its values by name asks of each field whether it changes."""
    assert "__copied__" not in Roster._put.__code__.co_names


def test_the_copies_of_common_steps_take_their_values_by_position() -> None:
    """``copied`` takes longer to collect its arguments than the copy takes."""
    shown = following(HERE, outbound(None, by="balcony"))
    for event in (
        outbound(None, None, child("show", "away"), by="balcony"),
        inbound("subscribe", STRANGER, to=JULIET),
        outbound("subscribe", STRANGER, by="balcony"),
        roster_set(item(ROMEO, name="R"), by="balcony"),
        block(STRANGER),
    ):
        assert calls(step(event, shown), copied) == 0


# --- messages -----------------------------------------------------------------------------------------------


def test_a_message_to_the_only_resource_needs_no_choice() -> None:
    one = step(received_message("chat", ROMEO, JULIET))
    several = step(received_message("chat", ROMEO, JULIET), account(JULIET, available=("balcony", "chamber")))

    assert calls(one, messages._perform) == 0
    assert calls(several, messages._perform) == 1


def test_the_place_in_the_table_of_messages_is_found_without_attributes_of_enums() -> None:
    """These took a tenth of the step: before Python 3.12 each of them takes as long as the look-up in the table."""
    for function in (messages.inbound, messages._situation):
        assert not {"Situation", "Target"} & {*function.__code__.co_names}


# --- the block list -----------------------------------------------------------------------------------------


def test_a_block_of_a_stranger_makes_nothing_for_others() -> None:
    blocked = step(block(STRANGER))

    assert copies(blocked, Session) == 0
    assert copies(blocked, Account) == 2  # with the list, and with the event remembered
    assert calls(blocked, element) == 0


def test_a_sender_who_is_not_blocked_costs_two_searches_of_the_block_list() -> None:
    """One is for the domain, and one for both JIDs: in a sorted list they would stand together."""
    listed = tuple([Looked(f"e{n:04}@example.org") for n in range(1000)])

    assert looks(partial(matches, listed, prepared_jid("e0500a@example.org/x"))) <= 2 * 10


def test_the_block_list_matches_as_if_it_were_searched_for_each_form() -> None:
    listed = sorted(["a@b", "a@b/x", "a@b/x/y", "a@b/y", "a@bc", "a@bc/x", "a@b-c", "a!@b", "aa@b", "b", "b/x", "bc"])
    for names in [each for size in (1, 2, 3) for each in combinations(listed, size)]:
        for jid in map(prepared_jid, listed):
            assert matches(names, jid) is bool({jid.full, jid.bare, jid.domain}.intersection(names)), (names, jid)


def test_a_list_of_ascii_addresses_is_measured_at_once() -> None:
    some, other = tuple([f"e{n}@example.org" for n in range(50)]), ("a@b", "ñ@example.org", "♥@example.org")
    for each in ((), some, other, (*some, *other)):
        assert entries_size(each) == sum([entry_size(jid) for jid in each])

    assert calls(partial(entries_size, some), text_size) == 0


# --- results ------------------------------------------------------------------------------------------------


def test_all_empty_results_have_the_same_payload() -> None:
    for event in (block(STRANGER), roster_set(item(ROMEO), by="balcony")):
        [answer] = [each.stanza for each in reduce(HERE, event).effects if isinstance(each, Deliver)]
        assert answer.type == "result"
        assert answer.payload is EMPTY
