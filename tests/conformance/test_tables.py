"""Rows of tables: what passes, and that each cell of a row counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.stage import results
from xmpp_im_conformance.drivers.embedded.world import EmbeddedWorld
from xmpp_im_conformance.running.outcome import Outcome

ROW: dict[str, Any] = {
    "direction": "inbound",
    "stanza": "subscribed",
    "before": {"subscription": "none", "pending_out": True, "pending_in": False, "approved": False},
    "after": {"subscription": "to", "pending_out": False, "pending_in": False, "approved": False},
    "delivered_or_routed": True,
}


def outcome(tmp_path: Path, row: dict[str, Any], **changes: Any) -> Outcome:
    (only,) = results(tmp_path, {"title": "a table", "rfc": ["6121 A.3.3"], "rows": [{**row, **changes}]})
    return only.outcome


def test_a_row_of_appendix_a_passes_where_delivery_and_state_are_as_it_says(tmp_path: Path) -> None:
    assert outcome(tmp_path, ROW) is Outcome.PASSED


def test_each_cell_of_a_row_counts(tmp_path: Path) -> None:
    after = ROW["after"]

    assert outcome(tmp_path, ROW, delivered_or_routed=False) is Outcome.FAILED
    for change in ({"subscription": "none"}, {"pending_out": True}, {"pending_in": True}, {"approved": True}):
        assert outcome(tmp_path, ROW, after={**after, **change}) is Outcome.FAILED, change


def test_an_unstated_part_of_the_state_after_is_free(tmp_path: Path) -> None:
    assert outcome(tmp_path, ROW, after={"subscription": "to"}) is Outcome.PASSED


def test_a_stanza_that_is_not_to_be_routed_must_not_be(tmp_path: Path) -> None:
    state = {"subscription": "from", "pending_out": False, "pending_in": False, "approved": False}
    row = {"direction": "outbound", "stanza": "subscribed", "before": state, "after": state}

    assert outcome(tmp_path, row, delivered_or_routed=False) is Outcome.PASSED
    assert outcome(tmp_path, row, delivered_or_routed=True) is Outcome.FAILED


def test_a_row_fails_with_the_states(tmp_path: Path) -> None:
    table = {"title": "a table", "rfc": ["6121 A.3.3"], "rows": [{**ROW, "after": ROW["before"]}]}

    (only,) = results(tmp_path, table)

    assert only.vector.id == "vector#inbound subscribed: None + Pending Out"
    assert only.detail.splitlines()[0] == (
        "step 7 of 7 (new state): the new state must be None + Pending Out, but is To"
    )


def message(tmp_path: Path, situation: str, target: str, type: str, *outcomes: str, **keys: Any) -> Outcome:
    row = {"situation": situation, "target": target, "type": type, "outcomes": list(outcomes), **keys}
    (only,) = results(tmp_path, {"title": "a table", "rfc": ["6121 8.5.4"], "rows": [row]})
    return only.outcome


def test_each_outcome_of_a_message_is_told_from_the_others(tmp_path: Path) -> None:
    every = {"silence", "error", "stored", "delivered", "most-available", "all"}
    cells = [
        ("no-account", "bare", "headline", {"silence"}),
        ("no-account", "bare", "groupchat", {"error"}),
        ("no-resource", "bare", "chat", {"stored"}),
        ("no-resource", "bare", "headline", {"silence"}),
        ("negative", "bare", "normal", {"stored"}),
        ("negative", "full-match", "normal", {"delivered"}),
        ("one", "bare", "chat", {"delivered"}),
        ("one", "full-no-match", "headline", {"silence"}),
        ("several", "bare", "chat", {"most-available"}),
        ("several", "bare", "headline", {"all"}),
        ("several", "full-match", "chat", {"delivered"}),
    ]
    for situation, target, type, happens in cells:
        for each in every:
            expected = Outcome.PASSED if each in happens else Outcome.FAILED
            assert message(tmp_path, situation, target, type, each) is expected, (situation, target, type, each)


@pytest.mark.parametrize(("resource", "expected"), [("r0", Outcome.PASSED), ("r2", Outcome.FAILED)])
def test_the_server_chooses_the_most_available_resource_but_never_a_negative_one(
    resource: str, expected: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = EmbeddedWorld.arrived
    other, best = f"juliet@capulet.example/{resource}", "juliet@capulet.example/r1"
    swap = {best: other, other: best}
    monkeypatch.setattr(
        EmbeddedWorld, "arrived", lambda world: {swap.get(at, at): came for at, came in arrived(world).items()}
    )

    assert message(tmp_path, "several", "bare", "chat", "most-available", "all") is expected


def test_one_of_several_outcomes_is_enough(tmp_path: Path) -> None:
    cell, off = ("no-resource", "bare", "chat"), ["no-offline"]

    assert message(tmp_path, *cell, "stored", "error") is Outcome.PASSED
    assert message(tmp_path, *cell, "stored", "error", features=off) is Outcome.PASSED
    assert message(tmp_path, *cell, "stored", features=off) is Outcome.FAILED
