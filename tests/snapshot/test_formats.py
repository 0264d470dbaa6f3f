"""Classes of a program in a snapshot, and the code that no snapshot holds."""

from __future__ import annotations

import pytest
from attrs import evolve, frozen

from tests.snapshot.test_round_trip import juliet
from xmpp_im_core.extensions import carbons
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.server.accounts.machine import PLAIN, Beside
from xmpp_im_core.server.service.serving import hosting
from xmpp_im_core.server.state import State
from xmpp_im_core.snapshot import (
    FORMAT,
    Format,
    Refused,
    Schema,
    SnapshotError,
    dump,
    load_extended,
    load_service,
)


@frozen
class Poison:
    """The state of an extension that the apothecary has made."""

    drams: int
    sold_to: tuple[str, ...] = ()


def _check(poison: Poison) -> None:
    if poison.drams < 0:
        raise Refused("a dram is not negative")


MINE = Format((*FORMAT.schemas, Schema("apothecary", (Poison,), checks={Poison: _check})))
STATE = Beside("poison", Poison(40, ("romeo@montague.example",)), juliet())


def test_a_table_adds_the_classes_of_an_extension() -> None:
    snapshot = MINE.dump(STATE)

    assert snapshot["own"] == {"class": "apothecary.Poison", "drams": 40, "sold_to": ["romeo@montague.example"]}
    assert MINE.load(snapshot) == STATE
    assert MINE.from_text(MINE.to_text(STATE)) == STATE
    assert list(MINE.read_log(MINE.write_log([Poison(1), Poison(2)]))) == [Poison(1), Poison(2)]


def test_a_table_has_its_own_checks() -> None:
    with pytest.raises(SnapshotError, match=r"\$: a dram is not negative"):
        MINE.load({"format": 1, "class": "apothecary.Poison", "drams": -1})


def test_a_format_without_the_table_refuses_the_class() -> None:
    with pytest.raises(SnapshotError, match="Poison is in no schema of this format"):
        FORMAT.dump(STATE)
    with pytest.raises(SnapshotError, match=r"\$\.own: 'class' must be one of .*, not 'apothecary\.Poison'"):
        FORMAT.load(MINE.dump(STATE))


def test_the_caller_gives_a_loaded_service_its_machine() -> None:
    machine = carbons(PLAIN)
    extended = evolve(machine.start(juliet().jid), inner=juliet())
    service = evolve(
        hosting("capulet.example", machine=machine), accounts=FrozenMap({"juliet@capulet.example": extended})
    )

    loaded = load_service(dump(service), machine)

    assert loaded == service
    assert loaded.machine is machine


def test_a_service_is_not_loaded_for_another_machine() -> None:
    accounts: FrozenMap[State] = FrozenMap({"juliet@capulet.example": juliet()})
    service = evolve(hosting("capulet.example"), accounts=accounts)

    with pytest.raises(SnapshotError, match="a plain account, the machine runs an account with carbons"):
        load_service(dump(service), carbons(PLAIN))
    with pytest.raises(SnapshotError, match="Account is not a service"):
        load_service(dump(juliet()), PLAIN)


def test_a_service_has_each_state_under_its_own_jid() -> None:
    accounts: FrozenMap[State] = FrozenMap({"romeo@montague.example": juliet()})

    with pytest.raises(
        SnapshotError, match=r"the state of juliet@capulet\.example is stored under 'romeo@montague\.example'"
    ):
        load_service(dump(evolve(hosting("capulet.example"), accounts=accounts)), PLAIN)


def test_an_extended_state_is_loaded_for_the_machine_that_it_belongs_to() -> None:
    machine = carbons(PLAIN)
    extended = evolve(machine.start(juliet().jid), inner=juliet())

    assert load_extended(dump(extended), machine) == extended
    assert load_extended(dump(juliet()), PLAIN) == juliet()
    with pytest.raises(SnapshotError, match="an account with carbons, the machine runs a plain account"):
        load_extended(dump(extended), PLAIN)
    with pytest.raises(SnapshotError, match="Service is not a state of an account"):
        load_extended(dump(hosting("capulet.example")), PLAIN)
