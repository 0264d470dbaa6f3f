"""The tables of RFC 6121 Appendix A, cell by cell, against a transcript that was made apart from the code.

``tests/data/appendix-a.json`` holds the 72 rows. Each is held against the table in ``subscription.py`` and
against what ``reduce`` does: the name of a failing test says which cell.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    STATES,
    account,
    after,
    contact,
    following,
    inbound,
    outbound,
    rfc6121,
    roster,
    shown,
    state_of,
    told,
)
from tests.rfc6121.tables import TABLES
from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.roster import Contact
from xmpp_im_core.server import (
    Account,
    AccountLoaded,
    Delete,
    Event,
    Ignored,
    Kind,
    NoAccount,
    Put,
    Step,
    StoreOperation,
    reduce,
)
from xmpp_im_core.subscription import PRE_APPROVED, Subscription, subscription_state

_ROOT = Path(__file__).parents[2]
_TRANSCRIPT: dict[str, Any] = json.loads((_ROOT / "tests/data/appendix-a.json").read_text(encoding="utf-8"))
_REQUIREMENTS: list[dict[str, Any]] = json.loads((_ROOT / "conformance/requirements.json").read_text(encoding="utf-8"))


@frozen
class Cell:
    """A row of the transcript: a stanza, and what becomes of it in one state."""

    table: str
    outbound: bool
    stanza: str
    state: str
    acts: bool
    becomes: str
    pre_approves: bool

    def __str__(self) -> str:
        return f"{self.table} {self.state}"


CELLS: Final = [
    Cell(
        row["table"],
        row["direction"] == "outbound",
        row["stanza"],
        row["state"],
        {"MUST": True, "MUST NOT": False, "SHOULD NOT": False}[row["deliver_or_route"]],
        row["resulting_state"],
        row["sets_approved"],
    )
    for row in _TRANSCRIPT["rows"]
]
EACH_CELL = in_one_test("cell", CELLS, ids=str)
NAMED: Final = {each["name"]: each for each in _TRANSCRIPT["states"]}


# --- the tables themselves --------------------------------------------------------------------------------------


def test_there_are_eight_tables_of_nine_states() -> None:
    assert len({(cell.table, cell.state) for cell in CELLS}) == 72
    assert {(table, state.title) for table in TABLES for state in TABLES[table]} == {
        (cell.table, cell.state) for cell in CELLS
    }


@in_one_test("name", NAMED)
def test_a_state_means_what_the_transcript_says(name: str) -> None:
    told_of = NAMED[name]

    state = STATES[name]

    assert (state.subscription, state.pending_out, state.pending_in) == (
        told_of["subscription"],
        told_of["pending_out"],
        told_of["pending_in"],
    )
    assert subscription_state(*[told_of[flag] for flag in ("subscription", "pending_out", "pending_in")]) is state


@EACH_CELL
def test_the_table_has_what_the_rfc_prints(cell: Cell) -> None:
    row = TABLES[cell.table][STATES[cell.state]]

    assert (row.acts, row.becomes.title, row.pre_approves) == (cell.acts, cell.becomes, cell.pre_approves)


@EACH_CELL
def test_the_rule_of_a_cell_cites_the_requirements_of_its_row(cell: Cell) -> None:
    direction = "outbound" if cell.outbound else "inbound"
    opening = [f'In state {cell.state}{note}, an {direction} "{cell.stanza}" ' for note in ("", " (item or no item)")]
    of_this_row = {
        each["id"]
        for each in _REQUIREMENTS
        if each["section"] == cell.table and each["summary"].startswith(tuple(opening))
    }

    cited = set(TABLES[cell.table][STATES[cell.state]].rule.requirements)

    assert of_this_row <= cited
    assert len(of_this_row) == 2
    of_other_rows = {
        each["id"]
        for each in _REQUIREMENTS
        if each["section"] in TABLES and each["summary"].startswith("In state ") and each["id"] not in of_this_row
    }
    assert not cited & of_other_rows


@rfc6121("3.4.2", quote='If the contact is in the user\'s roster with a state of "To", "None", or "None + Pending Out"')
def test_pre_approval_has_the_three_states_in_which_it_can_stand() -> None:
    assert {state.title: (row.acts, row.becomes.title) for state, row in PRE_APPROVED.items()} == {
        "None": (False, "From"),
        "None + Pending Out": (False, "From + Pending Out"),
        "To": (False, "Both"),
    }


@in_one_test("pending_in", [True, False], ids=["in", ""])
@in_one_test("pending_out", [True, False], ids=["out", ""])
@in_one_test("subscription", ["none", "to", "from", "both", "remove", ""])
def test_every_combination_of_flags_that_a_store_may_hold_is_a_state(
    subscription: str, pending_out: bool, pending_in: bool
) -> None:
    state = subscription_state(subscription, pending_out, pending_in)

    meant = subscription if subscription in ("to", "from", "both") else "none"
    assert state.subscription == meant
    assert state.pending_out is (pending_out and meant in ("none", "from"))
    assert state.pending_in is (pending_in and meant in ("none", "to"))


# --- what reduce does -------------------------------------------------------------------------------------------

USER, CONTACT = ROMEO, JULIET
WHOLE = {"name": "Juliet", "groups": ("Lovers",)}


def given(cell: Cell, *, listed: bool = True) -> Account:
    """Return Romeo's account: the resource "foo" is interested, "bar" is available, "baz" is merely connected."""
    juliet = contact(CONTACT, cell.state, listed=listed, **(WHOLE if listed else {}))  # type: ignore[arg-type]  # str or tuple, by name
    return account(USER, [juliet], interested=("foo",), available=("bar",), connected=("baz",))


def happens(cell: Cell) -> Event:
    return outbound(cell.stanza, CONTACT, by="baz") if cell.outbound else inbound(cell.stanza, CONTACT, to=USER)


def push_of(state: str, *, approved: bool = False, whole: bool = True) -> str:
    """Return the push of the item as it looks in a state, by the transcript's account of the states."""
    words = f"push {CONTACT} {NAMED[state]['subscription']}"
    words += " ask" if NAMED[state]["ask"] else ""
    words += " approved" if approved else ""
    return f"{words} 'Juliet' (Lovers) to foo" if whole else f"{words} to foo"


ROUTED = f"route {{}} from {USER} to {CONTACT}"
PRESENCE = f"route presence from {USER}/bar to {CONTACT}"
UNAVAILABLE = f"route unavailable from {USER}/bar to {CONTACT}"


def expected(cell: Cell, *, item: bool = True) -> list[str]:
    """Return what §3 has the server do in a cell, in the order in which §3 has it done."""
    says, pushed = cell.stanza, push_of(cell.becomes, whole=item)
    subscribed = NAMED[cell.state]["subscription"] in ("from", "both")
    if cell.outbound:
        routed = ROUTED.format(says)
        if says == "subscribe":  # §3.1.2
            return [routed, pushed] if NAMED[cell.becomes]["pending_out"] else [routed]
        if says == "unsubscribe":  # §3.3.2
            return [routed, pushed] if cell.becomes != cell.state else [routed]
        if cell.pre_approves:  # §3.4.2
            return [push_of(cell.becomes, approved=True, whole=item)]
        if says == "subscribed":  # §3.1.5
            return [routed, pushed, PRESENCE] if cell.acts else []
        if not cell.acts:  # §3.2.2
            return []
        return [*[UNAVAILABLE] * subscribed, routed, *[pushed] * item]
    delivered = f"deliver {says} from {CONTACT} to foo"
    if says == "subscribe":  # §3.1.3
        if subscribed:
            return [ROUTED.format("subscribed")]
        return [f"deliver subscribe from {CONTACT} to bar"] if cell.acts else []
    if not cell.acts:
        return []
    if says == "unsubscribe":  # §3.3.3, and the auto-reply of §A.3.2
        answered = ROUTED.format("unsubscribed")
        return [delivered, pushed, UNAVAILABLE, answered] if subscribed else [delivered, answered]
    return [delivered, pushed]  # §3.1.6, §3.2.3


@EACH_CELL
def test_the_server_does_what_the_cell_and_section_3_say(cell: Cell) -> None:
    step = reduce(given(cell), happens(cell))

    assert told(step) == expected(cell)
    assert state_of(step.state, CONTACT) == cell.becomes


@EACH_CELL
def test_of_the_contact_nothing_changes_but_what_the_cell_says(cell: Cell) -> None:
    before = given(cell).roster.contacts[CONTACT]

    now = after(reduce(given(cell), happens(cell))).roster.contacts[CONTACT]

    state = STATES[cell.becomes]
    assert (now.jid, now.state, now.listed, now.name, now.groups) == (CONTACT, state, True, "Juliet", ("Lovers",))
    assert now.approved is cell.pre_approves
    assert (now.request is not None, now.asked is not None) == (state.pending_in, state.pending_out)
    if before.request is not None and now.request is not None:
        assert now.request == before.request


@EACH_CELL
def test_the_first_effect_names_the_rule_of_the_cell(cell: Cell) -> None:
    unavailable_comes_first = told(reduce(given(cell), happens(cell)))[:1] == [UNAVAILABLE]

    effect = reduce(given(cell), happens(cell)).effects[int(unavailable_comes_first)]

    assert effect.rule is TABLES[cell.table][STATES[cell.state]].rule


@EACH_CELL
def test_where_nothing_is_told_the_account_is_the_same_and_nothing_is_stored(cell: Cell) -> None:
    romeo = given(cell)

    step = reduce(romeo, happens(cell))

    if cell.becomes == cell.state and not any(said.startswith("push") for said in told(step)):
        assert step.state is romeo
        assert step.store == ()
    else:
        assert step.state != romeo
        assert step.store != ()


@EACH_CELL
def test_the_version_advances_exactly_with_a_push(cell: Cell) -> None:
    pushed = any(said.startswith("push") for said in expected(cell))

    assert after(reduce(given(cell), happens(cell))).roster.ver == ("v:8" if pushed else "v:7")


@EACH_CELL
def test_what_is_stored_is_all_that_has_changed(cell: Cell) -> None:
    romeo = given(cell)

    step = reduce(romeo, happens(cell))

    assert restarted(romeo, step).roster == after(step).roster


@EACH_CELL
def test_without_resources_the_state_is_the_same_and_the_contact_told_the_same(cell: Cell) -> None:
    offline = given(cell).with_sessions(given(cell).sessions[1:2])  # "baz" alone

    step = reduce(offline, happens(cell))

    of_no_resource = [said for said in expected(cell) if said.startswith("route") and "/bar" not in said]
    assert told(step) == of_no_resource
    assert state_of(step.state, CONTACT) == cell.becomes


def stored(romeo: Account) -> dict[tuple[Kind, str], Put]:
    records = [Put(Kind.ROSTER, "", romeo.roster.head)]
    records += [Put(Kind.CONTACT, each.jid, each) for each in romeo.roster.contacts.values()]
    return {(each.kind, each.key): each for each in records}


def committed(records: dict[tuple[Kind, str], Put], operations: tuple[StoreOperation, ...]) -> None:
    for operation in operations:
        if isinstance(operation, Put):
            records[operation.kind, operation.key] = operation
        elif isinstance(operation, Delete):
            del records[operation.kind, operation.key]


def restarted(before: Account, step: Step) -> Account:
    """Return the account as it is loaded after a restart: what was stored of it before, and what the step stored."""
    records = stored(before)
    committed(records, step.store)
    return following(NoAccount(before.jid), AccountLoaded(AT, "loaded", tuple(records.values())))


# --- a contact who is in no roster counts as "None" (§A.1), or waits for an answer ---------------------------------

WITHOUT_ITEM = in_one_test("cell", [cell for cell in CELLS if cell.state in ("None", "None + Pending In")], ids=str)


@rfc6121("A.1", quote="includes the case of the contact not being in the user's roster at all")
@WITHOUT_ITEM
def test_without_item_the_server_does_the_same(cell: Cell) -> None:
    romeo = given(cell, listed=False)

    step = reduce(romeo, happens(cell))

    assert told(step) == expected(cell, item=False)
    assert state_of(step.state, CONTACT) == cell.becomes
    makes_item = any(said.startswith("push") for said in told(step))
    assert bool(roster(step.state)) is makes_item
    assert restarted(romeo, step).roster == after(step).roster


@in_one_test("cell", [cell for cell in CELLS if cell.state == "None"], ids=str)
def test_an_unknown_entity_is_treated_the_same_way(cell: Cell) -> None:
    nobody = given(cell, listed=False)
    romeo = nobody.with_roster(type(nobody.roster)("v", 7))

    step = reduce(romeo, happens(cell))

    assert told(step) == expected(cell, item=False)
    assert state_of(step.state, CONTACT) == cell.becomes


# --- the other contacts, and the other choices ------------------------------------------------------------------


@EACH_CELL
def test_no_other_contact_is_touched(cell: Cell) -> None:
    others = [contact(f"other{n}@example.org", state) for n, state in enumerate(NAMED)]
    romeo = account(
        USER, [contact(CONTACT, cell.state), *others], interested=("foo",), available=("bar",), connected=("baz",)
    )

    now = after(reduce(romeo, happens(cell))).roster.contacts

    for other in others:
        assert now[other.jid] is romeo.roster.contacts[other.jid]


@EACH_CELL
def test_without_pre_approval_all_other_cells_are_the_same(cell: Cell) -> None:
    unsupported = Policy(pre_approval=PreApproval.UNSUPPORTED)

    step = reduce(given(cell), happens(cell), unsupported)

    if cell.pre_approves:
        assert [type(effect) for effect in step.effects] == [Ignored]
        assert step.store == ()
    else:
        assert step == reduce(given(cell), happens(cell))


@EACH_CELL
def test_a_blank_and_a_full_item_take_the_same_way(cell: Cell) -> None:
    bare = Contact(CONTACT, STATES[cell.state])
    blank = account(USER, [bare], interested=("foo",), available=("bar",), connected=("baz",))

    assert [said.replace(" 'Juliet' (Lovers)", "") for said in expected(cell)] == told(reduce(blank, happens(cell)))


def test_every_state_shows_in_the_roster_as_appendix_a_1_says() -> None:
    for state in Subscription:
        words = shown(contact(CONTACT, state.title).item())
        assert words == push_of(state.title, whole=False).removeprefix("push ").removesuffix(" to foo")
