"""The arrangements of the embedded driver: a client cannot see how a server keeps its accounts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conformance.stage import BALCONY, JULIET, ROMEO, receive, scenario, send
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.cli.options import ARRANGEMENTS as NAMES
from xmpp_im_conformance.drivers import core_driver
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.drivers.embedded.arrangements import ARRANGEMENTS, IN_MEMORY
from xmpp_im_conformance.drivers.embedded.arrangements.unplayed import UNPLAYED
from xmpp_im_conformance.drivers.embedded.host import DrivenHost
from xmpp_im_conformance.format.data import VECTORS
from xmpp_im_conformance.format.finding import Selection, find
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.worlds import ClientSetup, Setup
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_core.server import FanOut, Load, Route, Served, TimePassed

OTHERS = [name for name in ARRANGEMENTS if name != IN_MEMORY]
STREET = "romeo@montague.example/street"


def test_the_command_knows_each_arrangement() -> None:
    assert tuple(ARRANGEMENTS) == NAMES


def test_what_cannot_be_played_is_a_short_list_of_vectors_that_fail() -> None:
    assert sum(map(len, UNPLAYED.values())) <= 4

    for id, reasons in UNPLAYED.items():
        [vector] = find([VECTORS], Selection(ids=(id,)))
        assert run_vector(vector, Embedded()).outcome is Outcome.PASSED
        for name, reason in reasons.items():
            assert len(reason) > 20
            found = run_vector(vector, _Always(arrangements=(name,)))
            assert (found.outcome, name in ARRANGEMENTS) == (Outcome.FAILED, True)
            assert run_vector(vector, Embedded(arrangements=(name,))).outcome is Outcome.NOT_APPLICABLE


class _Always(Embedded):
    """Plays also what is listed as unplayed."""

    def ways(self, id: str, setup: Setup | ClientSetup) -> tuple[_Always, ...]:
        return (self,)


def test_a_failure_says_in_which_arrangement(tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text(
        json.dumps(scenario(send("<presence/>"), {"silent": [BALCONY]}, rfc=["6121 4.4"])), encoding="utf-8"
    )
    [vector] = find([tmp_path])

    for name in OTHERS:
        found = run_vector(vector, Embedded(arrangements=(name,)))

        assert found.outcome is Outcome.FAILED
        assert found.detail.startswith(f"in the arrangement {name!r}, step 3 of 3 (silent): ")
        assert found.evidence is not None
        assert found.evidence.problem.startswith(f"in the arrangement {name!r}, ")
    assert run_vector(vector, core_driver("all")).detail.startswith("step 3 of 3")


@pytest.mark.parametrize("name", ["all", *ARRANGEMENTS])
def test_the_command_plays_vectors_in_an_arrangement_or_in_all(tmp_path: Path, name: str) -> None:
    good = scenario(send("<presence/>"), receive("<presence from='{any}' to='{any}'/>"), rfc=["6121 4.2.2"])
    (tmp_path / "good.json").write_text(json.dumps(good), encoding="utf-8")

    assert CliRunner().invoke(main, ["run", str(tmp_path), "--arrangement", name]).exit_code == 0


# --- what each of them does -----------------------------------------------------------------------------------


def played(name: str, monkeypatch: pytest.MonkeyPatch) -> list[Served[object]]:
    """Return the results of all events while Romeo and Juliet meet and a stranger speaks to her."""
    results: list[Served[object]] = []

    def observe(self: DrivenHost, served: Served[object]) -> None:
        results.append(served)
        _OBSERVE(self, served)

    monkeypatch.setattr(DrivenHost, "observe", observe)
    world = Embedded(arrangements=(name,)).world(
        _setup({JULIET: ("romeo@montague.example",), "romeo@montague.example": (JULIET,)})
    )
    for full in (BALCONY, STREET):
        world.connect(full)
        world.send(full, "<presence/>")
    world.remote_send(f"<message from='{ROMEO}/orchard' to='{BALCONY}' type='chat'><body>hi</body></message>")
    assert [stanza.name for stanza in world.arrived()[BALCONY]][-1] == "message"
    return results


_OBSERVE = DrivenHost.observe


def _setup(accounts: dict[str, tuple[str, ...]]) -> Setup:
    return Setup({jid: tuple(RosterItem(jid=each, subscription="both") for each in of) for jid, of in accounts.items()})


def loads(results: list[Served[object]]) -> int:
    return sum(isinstance(effect, Load) for served in results for _, effect in served.effects)


def routes(results: list[Served[object]]) -> list[Any]:
    return [effect for served in results for _, effect in served.effects if isinstance(effect, Route | FanOut)]


def test_accounts_stay_in_memory_or_each_event_loads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory, cold, late = [loads(played(name, monkeypatch)) for name in (IN_MEMORY, "cold", "late")]

    assert in_memory == 2
    assert min(cold, late) > 2 * 4


def test_another_event_waits_too_where_the_storage_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    cold, late = [played(name, monkeypatch) for name in ("cold", "late")]

    assert _clock_events(late) > _clock_events(cold)


def _clock_events(results: list[Served[object]]) -> int:
    return sum(isinstance(step.event, TimePassed) for served in results if served.releases for step in served.steps)


@pytest.mark.parametrize("name", ["parts", "alone", "moving"])
def test_stanzas_leave_a_part_for_the_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert routes(played(IN_MEMORY, monkeypatch)) == []

    sent = routes(played(name, monkeypatch))

    assert any(isinstance(each, Route) and each.stanza.type == "chat" for each in sent)  # it came to the wrong part


def test_accounts_change_their_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loads(played("moving", monkeypatch)) > loads(played("parts", monkeypatch)) == 2


# --- what each of them notices ----------------------------------------------------------------------------------


def test_what_an_event_sends_when_it_comes_again_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xmpp_im_core.server.accounts.reducer.came_before", lambda account, event: False)
    [vector] = find([VECTORS], Selection(ids=("roster-get/example",)))

    assert "comes again" in run_vector(vector, Embedded(arrangements=("again",))).detail
