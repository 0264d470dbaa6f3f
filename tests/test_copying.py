"""Copies of records: as ``attrs.evolve`` makes them, and no call that has to be counted out by position."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, final

import attrs
import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

import xmpp_im_core
from tests.client.counting import calls, work
from xmpp_im_core import record
from xmpp_im_core.client.state import Client
from xmpp_im_core.copying import copied, copyable
from xmpp_im_core.jid import address_of, parse_address, parse_jid
from xmpp_im_core.roster import Contact, Roster
from xmpp_im_core.server.state import Account, Moved, Session, SessionId
from xmpp_im_core.stanza import IQ, Message, Presence
from xmpp_im_core.validators import as_jid

JULIET: Final = parse_jid("juliet@capulet.example")
FULL: Final = address_of(JULIET.with_resource("balcony"))

RECORDS: Final[list[Any]] = [
    Account(JULIET, Roster("l1"), offline=2),
    Session(SessionId("balcony", 1), FULL, "en", priority=3),
    Contact("romeo@montague.example", name="Romeo", version=4),
    Roster("l1", 3, 1),
    Message(FULL, None, "m1", "chat"),
    Presence(None, FULL, "p1"),
    IQ(FULL, FULL, "i1", "get"),
    Client(JULIET, interested=True, leaving=2),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
@given(data=st.data())
def test_a_copy_is_what_attrs_makes_of_it(record: Any, data: st.DataObject) -> None:
    names = [each.alias for each in attrs.fields(type(record)) if each.init]
    changes = {name: f"another {name}" for name in data.draw(st.sets(st.sampled_from(names)), "changed")}
    changes.pop("jid", None)  # what is computed of it needs one
    if isinstance(record, Client):
        changes.pop("roster", None)  # it is checked

    copy = copied(record, **changes)

    made = evolve(record, **changes)
    assert type(copy) is type(record)
    assert [getattr(copy, each.name) for each in attrs.fields(type(record))] == [
        getattr(made, each.name) for each in attrs.fields(type(record))
    ]


def test_values_derived_from_a_field_are_recomputed() -> None:
    assert copied(Account(JULIET, Roster("l1")), jid=parse_jid("romeo@montague.example")).address == parse_address(
        "romeo@montague.example"
    )


def test_a_value_derived_from_one_field_is_kept_while_that_field_does_not_change() -> None:
    account = Account(JULIET, Roster("l1"))

    assert copied(account, offline=1).address is account.address


def test_a_value_derived_from_the_whole_record_is_recomputed_whatever_changes() -> None:
    @copyable
    @final
    @frozen
    class Sum:
        one: int
        two: int
        total: int = field(init=False)

        @total.default
        def _total(self) -> int:
            return self.one + self.two

    assert copied(Sum(1, 2), two=5).total == 6


def test_a_record_whose_constructor_checks_is_checked_when_it_is_copied() -> None:
    with pytest.raises(TypeError, match="address"):
        copied(Moved("xmpp:juliet@mantua.example", True), address=1)  # type: ignore[arg-type]  # that is the point


def test_a_copy_asks_only_of_the_fields_that_change_whether_they_do() -> None:
    client = Client(JULIET)
    copied(client, leaving=1)
    one = vars(Client)["__copiers__"]["leaving",]

    assert 1.5 * work(partial(one, client, 2)) < work(partial(vars(Client)["__copied__"], client, leaving=2))


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="nmae"):
        copied(Contact("romeo@montague.example"), nmae="Romeo")  # type: ignore[call-arg]  # that is the point


def test_a_fast_copy_converts_and_checks_what_it_is_given_and_nothing_else() -> None:
    seen: list[object] = []

    def convert(value: str | int) -> int:
        seen.append(value)
        return int(value)

    def check(_: object, attribute: attrs.Attribute[int], value: int) -> None:
        if value < 0:
            raise ValueError(f"{attribute.name}: {value}")

    @copyable
    @final
    @frozen
    class Checked:
        one: int = field(converter=convert, validator=check)
        two: int = 2

    record = Checked("1")
    assert copied(record, two=3).one == 1
    assert seen == ["1"]

    assert copied(record, one="4").one == 4
    assert seen == ["1", "4"]
    with pytest.raises(ValueError, match="one: -1"):
        copied(record, one=-1)


@pytest.mark.parametrize("guarded", [False, True])
def test_a_record_is_copied_alike_with_and_without_its_guard(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    monkeypatch.setattr(record, "GUARDED", guarded)

    @copyable
    @final
    @record.record
    class Pair:
        one: int
        two: int = 2

    assert copied(Pair(1), two=3) == Pair(1, 3)


@pytest.mark.parametrize(("field", "value"), [("jid", FULL.jid), ("jid", 1), ("roster", {})])
def test_a_copy_of_a_client_is_checked_as_a_new_client_is(field: str, value: object) -> None:
    client = Client(JULIET)

    with pytest.raises((TypeError, ValueError), match=field):
        copied(client, **{field: value})  # type: ignore[arg-type]  # that is the point


def test_no_step_of_a_client_checks_its_jid_again() -> None:
    step = partial(copied, Client(JULIET), interested=True)

    assert calls(step, as_jid) == 0
    assert calls(partial(Client, JULIET), as_jid) == 1


def test_only_a_final_class_whose_constructor_sets_fields_alone_is_copied_fast() -> None:
    @frozen
    class Open:
        one: int

    @final
    @frozen
    class Converted:
        one: int = field(converter=attrs.Converter(lambda value, self: int(value), takes_self=True))  # type: ignore[misc]  # mypy knows functions only

    @final
    @frozen
    class Finished:
        one: int

        def __attrs_post_init__(self) -> None:
            """Do more."""

    with pytest.raises(TypeError, match="Open: not a final class"):
        copyable(Open)
    for cls in (Converted, Finished):
        with pytest.raises(TypeError, match=f"{cls.__name__}: its constructor does more"):
            copyable(cls)


def constructor_calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call in the package whose callee is named as a class is, with its place."""
    for path in Path(xmpp_im_core.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id.lstrip("_")[:1].isupper()
            ):
                yield f"{path.name}:{node.lineno}", node


def test_no_record_is_made_with_seven_positional_arguments() -> None:
    calls = list(constructor_calls())

    assert len(calls) > 1000
    assert [where for where, call in calls if len(call.args) >= 7] == []
