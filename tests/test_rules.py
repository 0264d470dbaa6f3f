"""The rules themselves: each has a unique name, says which section decides, and is obeyed somewhere.

And every event has an answer, by a rule, in every state.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final, get_args

import pytest

import xmpp_im_core
from tests.one_test import in_one_test
from tests.rfc6121.tables import TABLES
from xmpp_im_core import rules
from xmpp_im_core.explain import Explained, Explanation
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.roster import Roster
from xmpp_im_core.rules import Rule, section_of
from xmpp_im_core.server import (
    Account,
    AccountCreated,
    AccountLoaded,
    AccountMoved,
    AccountRemoved,
    AddressedAs,
    AdministratorRemovedItem,
    AdministratorSetItem,
    Deliver,
    Event,
    Ignored,
    Inbound,
    LoadFailed,
    NoAccount,
    OfflineLoaded,
    Outbound,
    OwnershipLost,
    Route,
    SessionBound,
    SessionDetached,
    SessionEnded,
    SessionId,
    SessionResumed,
    SharedItemsChanged,
    State,
    StoreFailed,
    TimePassed,
    Transition,
    Undelivered,
    Unloaded,
    Unroutable,
    reduce,
)
from xmpp_im_core.server.delivery.message_table import MESSAGE_TABLE
from xmpp_im_core.server.presence import dispatch as presence
from xmpp_im_core.stanza import SUBSCRIPTION_TYPES, Presence
from xmpp_im_core.subscription import PRE_APPROVED

_PACKAGE: Final = Path(xmpp_im_core.__file__).parent
_REQUIREMENTS: Final = Path(__file__).parents[1] / "conformance" / "requirements.json"
_IDS: Final = {each["id"] for each in json.loads(_REQUIREMENTS.read_text(encoding="utf-8"))}

MODULES: Final = sorted(found.name for found in pkgutil.iter_modules(rules.__path__) if found.name != "rule")


def constants(module: str) -> dict[str, Rule]:
    """Return the rules of a module by the names of their constants."""
    names = vars(importlib.import_module(f"{rules.__name__}.{module}"))
    return {name: value for name, value in names.items() if isinstance(value, Rule)}


def in_tables() -> Iterator[Rule]:
    for table in (*TABLES.values(), PRE_APPROVED):
        yield from [row.rule for row in table.values()]
    yield from [cell.rule for cell in MESSAGE_TABLE.values()]


CONSTANTS: Final = [(module, name) for module in MODULES for name in constants(module)]
EVERY_RULE: Final = [*[constants(module)[name] for module, name in CONSTANTS], *in_tables()]


# --- names and citations --------------------------------------------------------------------------------------


def test_there_are_rules_for_each_chapter_and_each_cell() -> None:
    assert {"delivery", "presence", "roster", "sessions", "storage", "subscriptions"} <= set(MODULES)
    assert all(constants(module) for module in MODULES)
    assert len(list(in_tables())) == 72 + len(PRE_APPROVED) + len(MESSAGE_TABLE)


def test_no_two_rules_have_one_name() -> None:
    assert [name for name, count in Counter(rule.name for rule in EVERY_RULE).items() if count > 1] == []


@in_one_test("rule", EVERY_RULE, ids=str)
def test_a_rule_says_a_sentence_and_where_it_stands(rule: Rule) -> None:
    assert str(rule) == rule.name
    assert rule.says[:1].isupper()
    assert rule.says.endswith(".")
    assert rule.requirements or rule.sources


@in_one_test("rule", EVERY_RULE, ids=str)
def test_a_rule_cites_requirements_that_exist_and_each_once(rule: Rule) -> None:
    assert [each for each in rule.requirements if each not in _IDS] == []
    assert [each for each, count in Counter(rule.requirements).items() if count > 1] == []


@in_one_test("rule", [rule for rule in EVERY_RULE if rule.sources], ids=str)
def test_other_sources_are_rfcs_and_xeps_with_their_section(rule: Rule) -> None:
    for source in rule.sources:
        assert re.fullmatch(r"(RFC (6120|6121|7622)|XEP-\d{4}) §\d+(\.\d+)*(, §\d+(\.\d+)*)*", source), source


@in_one_test("rule", EVERY_RULE, ids=str)
def test_a_rule_names_the_one_section_that_decides_among_those_that_it_cites(rule: Rule) -> None:
    cited = {f"RFC 6121 §{section_of(id)}" for id in rule.requirements}
    elsewhere = [re.split(r",? §", source) for source in rule.sources]
    cited |= {f"{document} §{section}" for document, *sections in elsewhere for section in sections}

    assert rule.section in cited
    assert rule.sections[0] == rule.section
    assert sorted(rule.sections) == sorted(cited)


@in_one_test("rule", EVERY_RULE, ids=str)
def test_an_explanation_names_the_deciding_section_on_one_line_before_all_others(rule: Rule) -> None:
    explained = Explained(Ignored(rule), "send nothing", (), ())
    text = str(Explanation("juliet@example.com", "e1", "now", "something", (explained,), (), (), ()))
    citing = [line.strip() for line in text.splitlines() if "§" in line]
    first_id = re.search(r"6121-\S+-\d\d", text)

    assert re.match(rf"decided by {re.escape(rule.section)}(;|$)", citing[0])
    if any(f"RFC 6121 §{section_of(id)}" == rule.section for id in rule.requirements):
        assert first_id is not None
        assert f"RFC 6121 §{section_of(first_id[0])}" == rule.section


def test_a_rule_refuses_a_deciding_section_that_it_does_not_cite() -> None:
    with pytest.raises(ValueError, match="section must be one that the rule cites"):
        Rule("a:rule", "Something is so.", ("6121-3.1.2-01",), ("XEP-0280 §4",), "RFC 6121 §3.1.3")
    with pytest.raises(ValueError, match="section must be one that the rule cites"):
        Rule("a:rule", "Something is so.", section="RFC 6121 §3.1.3")


def test_without_a_deciding_section_a_rule_has_the_first_one_that_it_cites() -> None:
    assert Rule("a:rule", "Something is so.", ("6121-3.1.2-01",), ("XEP-0280 §4",)).section == "RFC 6121 §3.1.2"
    assert Rule("a:rule", "Something is so.", (), ("XEP-0280 §7, §8",)).section == "XEP-0280 §7"
    assert Rule("a:rule", "Something is so.").sections == ()


# --- no dead rule ---------------------------------------------------------------------------------------------


def used(source: str) -> set[tuple[str, str]]:
    """Return the rules that a module's source names, each as its module and constant."""
    tree = ast.parse(source)
    aliases: dict[str, str] = {}
    found: set[tuple[str, str]] = set()
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == rules.__name__:
            aliases |= {each.asname or each.name: each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{rules.__name__}."):
            found |= {((node.module or "").rpartition(".")[2], each.name) for each in node.names}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found.add((aliases[node.value.id], node.attr))
    return found


@cache
def used_anywhere() -> set[tuple[str, str]]:
    outside = [path for path in _PACKAGE.rglob("*.py") if path.parent.name != "rules"]
    return set().union(*[used(path.read_text(encoding="utf-8")) for path in outside])


@in_one_test(("module", "name"), CONSTANTS, ids=lambda part: part)
def test_a_rule_is_obeyed_somewhere(module: str, name: str) -> None:
    assert (module, name) in used_anywhere()


# --- dispatch -------------------------------------------------------------------------------------------------

AT: Final = datetime(2011, 3, 1, 12, 0, tzinfo=UTC)
FOO: Final = SessionId("foo", 1)
REQUEST: Final = Presence(parse_address("romeo@example.net"), parse_address("juliet@example.com"), "p1", "subscribe")
ANY_RULE: Final = EVERY_RULE[0]

EXAMPLES: Final[list[Event]] = [
    SessionBound(AT, "seq", FOO),
    SessionDetached(AT, "seq", FOO),
    SessionResumed(AT, "seq", FOO),
    SessionEnded(AT, "seq", FOO),
    Outbound(AT, "seq", FOO, Presence()),
    Inbound(AT, "seq", REQUEST),
    Undelivered(AT, "seq", Deliver(REQUEST, (FOO,), AddressedAs.AS_IT_STANDS, ANY_RULE), (FOO,)),
    Unroutable(AT, "seq", Route(REQUEST, ANY_RULE)),
    AccountLoaded(AT, "seq", ()),
    LoadFailed(AT, "seq"),
    OwnershipLost(AT, "seq"),
    StoreFailed(AT, "seq", Inbound(AT, "seq", REQUEST)),
    OfflineLoaded(AT, "seq", FOO, ()),
    TimePassed(AT, "seq"),
    AccountCreated(AT, "seq", "lineage"),
    AccountRemoved(AT, "seq"),
    AccountMoved(AT, "seq", None),
    AdministratorSetItem(AT, "seq", "juliet@example.com"),
    AdministratorRemovedItem(AT, "seq", "juliet@example.com"),
    SharedItemsChanged(AT, "seq"),
]
ROMEO: Final = parse_jid("romeo@example.net")
STATES: Final[list[State]] = [Account(ROMEO, Roster("v")), Unloaded(ROMEO), NoAccount(ROMEO)]


def test_there_is_a_reducer_for_every_subscription_stanza() -> None:
    assert set(presence._OUTBOUND) == SUBSCRIPTION_TYPES
    assert set(presence._INBOUND) <= SUBSCRIPTION_TYPES


@in_one_test("state", STATES, ids=lambda state: type(state).__name__)
@in_one_test("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_every_event_has_an_answer_in_every_state_and_names_a_rule(state: State, event: Event) -> None:
    step = reduce(state, event)

    assert isinstance(step, Transition)
    assert step.effects
    assert all(isinstance(effect.rule, Rule) for effect in step.effects)


def test_the_examples_are_all_the_events_there_are() -> None:
    missing = set(get_args(Event)) - {type(event) for event in EXAMPLES}

    assert not missing
