"""Table 1 of RFC 6121 §8.5.4, cell by cell, against a transcript that was made apart from the code.

``tests/data/table-1.json`` holds the 13 rows as the RFC prints them. Each of the 52 cells is held against
``message_table.py`` and, under each policy, against what ``reduce`` does.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve, frozen

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    JULIET,
    ROMEO,
    account,
    after,
    ignored,
    received_message,
    rfc6121,
    sent_message,
    session,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import MessagesToSeveral, Policy, UnmatchedFullJID
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.server import (
    Account,
    AddressedAs,
    Deliver,
    Ignored,
    Kind,
    NoAccount,
    Put,
    Route,
    SessionId,
    State,
    Step,
    reduce,
)
from xmpp_im_core.server.delivery.message_table import MESSAGE_TABLE, MessageAction, Situation, Target
from xmpp_im_core.stanza import CLIENT, Message, payload

_TRANSCRIPT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/table-1.json").read_text(encoding="utf-8"))

SITUATIONS: Final = {
    "ACCOUNT DOES NOT EXIST": Situation.NO_ACCOUNT,
    "ACCOUNT EXISTS, BUT NO ACTIVE RESOURCES": Situation.NO_ACTIVE,
    "1+ NEGATIVE RESOURCES BUT ZERO NON-NEGATIVE RESOURCES": Situation.NEGATIVE,
    "1 NON-NEGATIVE RESOURCE": Situation.ONE,
    "1+ NON-NEGATIVE RESOURCES": Situation.SEVERAL,
}
TARGETS: Final = {
    "bare": Target.BARE,
    "full match": Target.MATCHED,
    "full": Target.UNMATCHED,
    "full (no match)": Target.UNMATCHED,
    "full no match": Target.UNMATCHED,
}


@frozen
class Cell:
    """What the RFC prints for one type of message in one row."""

    situation: Situation
    target: Target
    type: str
    printed: str

    def __str__(self) -> str:
        return f"{self.situation.name.lower()}-{self.target.name.lower()}-{self.type}"

    @property
    def letters(self) -> frozenset[str]:
        """The letters; a star leaves them what they are."""
        return frozenset(self.printed.replace("*", "").split("/"))


CELLS: Final = [
    Cell(SITUATIONS[row["condition"]], TARGETS[row["to"]], type, printed)
    for row in _TRANSCRIPT["rows"]
    for type, printed in zip(_TRANSCRIPT["columns"], row["cells"], strict=True)
]
PRINTED: Final = {(cell.situation, cell.target, cell.type): cell for cell in CELLS}
EACH_CELL = in_one_test("cell", CELLS, ids=str)


# --- the table itself ---------------------------------------------------------------------------------------------


def test_the_table_has_the_rows_and_columns_that_the_rfc_prints_and_no_others() -> None:
    assert len(CELLS) == 52
    assert set(PRINTED) == set(MESSAGE_TABLE)


@EACH_CELL
def test_the_table_permits_what_the_rfc_prints(cell: Cell) -> None:
    permitted = MESSAGE_TABLE[cell.situation, cell.target, cell.type].permitted

    assert {action.value for action in permitted} == cell.letters


SAID: Final = {
    "D": "delivers the message to the resource",
    "M": "delivers the message to the most available resources",
    "A": "delivers the message to all resources of non-negative priority",
    "O": "stores the message",
    "S": "ignores the message",
    "E": "returns an error",
}


@EACH_CELL
def test_the_rule_of_a_cell_says_what_the_rfc_prints(cell: Cell) -> None:
    says = MESSAGE_TABLE[cell.situation, cell.target, cell.type].rule.says
    choices = says.removeprefix("By Table 1 the server ").removesuffix(".").split(" or ")

    assert sorted(choices) == sorted(SAID[letter] for letter in cell.letters)


def test_each_letter_of_the_legend_is_an_action() -> None:
    assert {action.value for action in MessageAction} == {
        letter for letter in _TRANSCRIPT["legend"] if letter.isalpha()
    }


@EACH_CELL
def test_each_cell_has_its_own_rule(cell: Cell) -> None:
    rule = MESSAGE_TABLE[cell.situation, cell.target, cell.type].rule

    assert [each for each in MESSAGE_TABLE.values() if each.rule == rule] == [
        MESSAGE_TABLE[cell.situation, cell.target, cell.type]
    ]


@EACH_CELL
def test_the_cells_of_the_default_type_cite_what_the_rfc_says_of_it_and_no_others_do(cell: Cell) -> None:
    # 5.2.2-12, 5.2.2-14 and 5.2.2-15 are about the type "normal", which stands for an absent or unknown type.
    about_normal = {"6121-5.2.2-12", "6121-5.2.2-14", "6121-5.2.2-15"}
    cited = set(MESSAGE_TABLE[cell.situation, cell.target, cell.type].rule.requirements)

    assert cited & about_normal == (about_normal if cell.type == "normal" else set())


# --- what is done ---------------------------------------------------------------------------------------------------

STRANGER: Final = "tybalt@example.org/square"
FRIEND: Final = f"{ROMEO}/orchard"
"""Romeo may see Juliet's presence; Tybalt may not."""

RESOURCES: Final[dict[Situation, list[dict[str, int]]]] = {
    Situation.NO_ACTIVE: [{}],
    Situation.NEGATIVE: [{"balcony": -1}, {"balcony": -1, "chamber": -128}],
    Situation.ONE: [{"balcony": 0}, {"balcony": 127, "chamber": -1}],
    Situation.SEVERAL: [{"balcony": 5, "chamber": 1, "hall": -1}, {"balcony": 0, "chamber": 0}],
}
"""Each situation in its simplest form, and in another one."""

POLICIES: Final = [
    Policy(offline_messages=offline, normal_to_several=normal, chat_to_several=chat, unmatched_full_jid=unmatched)
    for offline, normal, chat, unmatched in itertools.product(
        [True, False], MessagesToSeveral, MessagesToSeveral, UnmatchedFullJID
    )
]


def scenes(situation: Situation) -> list[State]:
    """Return Juliet in a situation of the table, with and without a resource that is only connected."""
    if situation is Situation.NO_ACCOUNT:
        return [NoAccount(parse_jid(JULIET))]
    return [
        account(JULIET, {ROMEO: "From"}, connected=connected, available=available)
        for available in RESOURCES[situation]
        for connected in ((), ("cellar",))
    ]


def address(target: Target) -> str:
    return {
        Target.BARE: JULIET,
        Target.MATCHED: f"{JULIET}/balcony",
        Target.UNMATCHED: f"{JULIET}/nowhere",
    }[target]


def obeyed(cell: Cell, policy: Policy) -> Cell:
    """Return the cell that is obeyed: the lenient policy takes an unmatched full JID for the bare one.

    So it does where there is no account, or strangers could tell that there is none (RFC 6120 §13.11).
    """
    lenient = policy.unmatched_full_jid is UnmatchedFullJID.LENIENT
    if lenient and cell.target is Target.UNMATCHED and cell.type in ("normal", "chat"):
        return PRINTED[cell.situation, Target.BARE, cell.type]
    return cell


def chosen(cell: Cell, policy: Policy, sender: str) -> str:
    """Return the letter that is to be chosen, by the policy and by §8.1."""
    letters = cell.letters
    if letters == {"M", "A"}:
        choice = policy.chat_to_several if cell.type == "chat" else policy.normal_to_several
        return "A" if choice is MessagesToSeveral.ALL else "M"
    if letters == {"D", "A"}:
        return "D"
    if letters == {"O", "E"}:
        return "O" if policy.offline_messages else "E"
    if letters == {"S", "E"}:
        return _silence_or_error(cell, policy, sender)
    (letter,) = letters
    return letter


def _silence_or_error(cell: Cell, policy: Policy, sender: str) -> str:
    """Choose as §8.1 says; an account that does not exist does as one that does where nobody is there."""
    if cell.situation is not Situation.NO_ACCOUNT:
        return "E" if sender == FRIEND else "S"
    existing = PRINTED[Situation.NO_ACTIVE, cell.target, cell.type]
    return "E" if existing.letters == {"O", "E"} and not policy.offline_messages else "S"


def recipients(given: Account, cell: Cell, letter: str) -> tuple[SessionId, ...]:
    """Return the resources that D, M or A stand for."""
    if cell.target is Target.MATCHED:
        return (SessionId("balcony", 1),)
    reachable = [each for each in given.sessions if each.available and each.priority >= 0]
    best = max(each.priority for each in reachable)
    return tuple(each.id for each in reachable if letter != "M" or each.priority == best)


def outcome(step: Step) -> list[object]:
    """Return everything that a step does but silences."""
    return [*step.store, *[effect for effect in step.effects if not isinstance(effect, Ignored)], *step.forget]


def expected(given: State, sent: Message, cell: Cell, letter: str) -> list[object]:
    rule = MESSAGE_TABLE[cell.situation, cell.target, cell.type].rule
    if letter == "S":
        return []
    if letter == "E":
        condition = element("service-unavailable", "urn:ietf:params:xml:ns:xmpp-stanzas")
        error = element("error", CLIENT, {"type": "cancel"}, [condition])
        return [Route(Message(sent.from_, sent.to, sent.id, "error", None, payload(error)), rule)]
    if letter == "O":
        delay = element("delay", "urn:xmpp:delay", {"from": "example.com", "stamp": "2011-03-01T12:00:00Z"})
        kept = Message(sent.to, sent.from_, sent.id, sent.type, None, payload(*sent.payload.children, delay))
        return [Put(Kind.OFFLINE, "seq", kept)]
    assert isinstance(given, Account)
    return [Deliver(sent, recipients(given, cell, letter), AddressedAs.AS_IT_STANDS, rule)]


@rfc6121("8.5.2.1.1", quote="In all cases, the server MUST NOT rewrite the 'to' attribute")
@rfc6121("8.5.4", quote="The server SHOULD observe the rules given in section 8.1 when choosing which action to take")
@in_one_test("sender", [STRANGER, FRIEND], ids=["stranger", "subscriber"])
@EACH_CELL
def test_under_each_policy_exactly_one_of_the_permitted_actions_is_done(cell: Cell, sender: str) -> None:
    for policy, given in itertools.product(POLICIES, scenes(cell.situation)):
        event = received_message(cell.type, sender, address(cell.target))
        assert isinstance(event.stanza, Message)
        obeys = obeyed(cell, policy)

        step = reduce(given, event, policy)

        assert outcome(step) == expected(given, event.stanza, obeys, chosen(obeys, policy, sender))
        counted = given
        if isinstance(given, Account) and step.store:
            (put,) = step.store
            assert isinstance(put, Put)
            assert isinstance(put.value, Message)
            counted = evolve(given, offline=1, offline_bytes=put.value.size()).remembering(after(step).processed)
        assert step.state == counted, "what is stored is counted, and nothing else changes"


@EACH_CELL
def test_every_effect_names_the_rule_of_the_cell(cell: Cell) -> None:
    for given in scenes(cell.situation):
        step = reduce(given, received_message(cell.type, STRANGER, address(cell.target)))

        assert [effect.rule for effect in step.effects] == [MESSAGE_TABLE[cell.situation, cell.target, cell.type].rule]


# --- what the table does not print ----------------------------------------------------------------------------------


@rfc6121("8.5.2.1.1", quote='For a message stanza of type "error", the server MUST silently ignore the message')
@rfc6121("8.5.2.2.1", quote='For a message stanza of type "headline" or "error", the server MUST silently ignore')
@rfc6121("8.5.3.2.1", quote='For a message stanza of type "error", the server MUST silently ignore the stanza')
@in_one_test("target", [Target.BARE, Target.UNMATCHED])
@in_one_test("situation", Situation)
def test_a_message_of_type_error_is_ignored_wherever_it_matches_no_resource(
    situation: Situation, target: Target
) -> None:
    for policy, given, sender in itertools.product(POLICIES, scenes(situation), (STRANGER, FRIEND)):
        step = reduce(given, received_message("error", sender, address(target)), policy)

        assert outcome(step) == []
        assert [effect.rule for effect in step.effects] == [rules.ERROR_MESSAGE_IGNORED]


@rfc6121("8.5.3.1", quote="For a message stanza, the server MUST deliver the stanza to the resource")
@pytest.mark.parametrize("situation", [Situation.NEGATIVE, Situation.ONE, Situation.SEVERAL])
def test_a_message_of_type_error_is_delivered_to_the_resource_that_it_matches(situation: Situation) -> None:
    for given in scenes(situation):
        step = reduce(given, received_message("error", STRANGER, f"{JULIET}/balcony"))

        assert told(step) == [f"deliver error from {STRANGER} to balcony"]


@rfc6121("8.5.3.1", quote="If an available resource or connected resource exactly matches the full JID")
@in_one_test("type", ["normal", "chat", "groupchat", "headline", "error"])
@in_one_test("situation", [each for each in Situation if each is not Situation.NO_ACCOUNT])
def test_a_full_match_needs_no_presence(situation: Situation, type: str) -> None:
    for given in scenes(situation):
        assert isinstance(given, Account)
        connected = given.with_session(session(JULIET, "cellar", interested=True))

        step = reduce(connected, received_message(type, STRANGER, f"{JULIET}/cellar"))

        assert told(step) == [f"deliver {type} from {STRANGER} to cellar"]
        assert step.state is connected


@rfc6121("5.2.2", quote="MUST consider the message to be of type")
@in_one_test("type", [None, "", "Chat", "normale", "set"])
@in_one_test(("situation", "target"), sorted({(c.situation, c.target) for c in CELLS}, key=str))
def test_a_message_without_a_known_type_is_treated_as_normal(
    situation: Situation, target: Target, type: str | None
) -> None:
    for policy, given in itertools.product(POLICIES, scenes(situation)):
        typed = reduce(given, received_message(type, FRIEND, address(target)), policy)
        normal = reduce(given, received_message("normal", FRIEND, address(target)), policy)

        assert [effect.rule for effect in typed.effects] == [effect.rule for effect in normal.effects]
        assert [_retyped(each) for each in outcome(typed)] == [_retyped(each) for each in outcome(normal)]


def _retyped(done: object) -> object:
    """Return what was done with a message, whatever its type was written as."""
    if isinstance(done, Deliver):
        return ("deliver", done.sessions, done.stanza.payload)
    if isinstance(done, Put):
        assert isinstance(done.value, Message)
        return ("keep", done.value.payload)
    return done


@rfc6121("5.2.2", quote="MUST consider the message to be of type")
def test_an_unknown_type_is_delivered_as_it_was_written() -> None:
    juliet = account(JULIET, available=("balcony",))
    event = received_message("normale", FRIEND, JULIET)

    (effect,) = reduce(juliet, event).effects

    assert isinstance(effect, Deliver)
    assert effect.stanza == event.stanza


# --- no tests of the table apply to a service without messages (§1.3) -----------------------------------------------


@EACH_CELL
def test_a_service_of_presence_alone_answers_each_message_alike(cell: Cell) -> None:
    for given in scenes(cell.situation):
        step = reduce(given, received_message(cell.type, STRANGER, address(cell.target)), Policy(messaging=False))

        to = address(cell.target)
        assert told(step) == [f"route error service-unavailable from {to} to {STRANGER}"]
        assert step.store == ()


def test_a_service_of_presence_alone_refuses_its_users_messages_too() -> None:
    juliet = account(JULIET, available=("balcony",))

    step = reduce(juliet, sent_message("chat", ROMEO, by="balcony"), Policy(messaging=False))

    assert told(step) == [f"deliver error service-unavailable from {ROMEO} to balcony"]


def test_a_service_of_presence_alone_never_answers_an_error() -> None:
    juliet = account(JULIET, available=("balcony",))

    assert ignored(juliet, received_message("error", FRIEND, f"{JULIET}/balcony"), Policy(messaging=False))
    assert ignored(juliet, sent_message("error", ROMEO, by="balcony"), Policy(messaging=False))
