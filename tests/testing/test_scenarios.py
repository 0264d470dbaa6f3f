"""A trace written as a vector holds where the same server is asked again, and fails where another one is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_core.testing import (
    USERS,
    Act,
    Connects,
    CoreSystem,
    Disconnects,
    GetsRoster,
    SendsAvailable,
    SendsSubscribe,
    observed,
    to_scenario,
    traces,
)

JULIET, ROMEO = USERS
BALCONY, ORCHARD = f"{JULIET}/balcony", f"{ROMEO}/orchard"


def outcome(scenario: object, directory: Path) -> Outcome:
    file = directory / "trace.json"
    file.write_text(json.dumps(scenario), encoding="utf-8")
    (vector,) = read_file(file, "trace")
    return run_vector(vector, Embedded()).outcome


def written(trace: tuple[Act, ...]) -> dict[str, object]:
    return dict(to_scenario(trace, observed(CoreSystem(*USERS), trace), title="a trace"))


@given(traces())
def test_what_the_core_does_is_a_vector_that_the_core_passes(
    tmp_path_factory: pytest.TempPathFactory, trace: tuple[Act, ...]
) -> None:
    assert outcome(written(trace), tmp_path_factory.mktemp("vectors")) is Outcome.PASSED


def test_each_act_is_a_step_and_what_it_causes_follows() -> None:
    trace = (
        Connects(BALCONY),
        Connects(ORCHARD),
        SendsAvailable(ORCHARD),
        SendsSubscribe(BALCONY, ROMEO),
        Disconnects(BALCONY),
    )

    assert written(trace)["steps"] == [
        {"connect": BALCONY},
        {"connect": ORCHARD},
        {"send": {"from": ORCHARD, "xml": "<presence/>"}},
        {
            "receive": {
                "at": ORCHARD,
                "xml": f'<presence from="{ORCHARD}" to="{{opt}}"/>',
            }
        },
        {"send": {"from": BALCONY, "xml": f'<presence to="{ROMEO}" type="subscribe"/>'}},
        {"receive": {"at": ORCHARD, "xml": f'<presence from="{JULIET}" to="{{opt}}" type="subscribe"/>'}},
        {"disconnect": {"jid": BALCONY, "how": "clean"}},
        {"send": {"from": ORCHARD, "xml": '<iq id="get" type="get"><query xmlns="jabber:iq:roster"/></iq>'}},
        {
            "receive": {
                "at": ORCHARD,
                "xml": f'<iq from="{{opt:{ROMEO}}}" to="{{opt}}" type="result">'
                '<query xmlns="jabber:iq:roster" ver="{opt}"/></iq>',
            }
        },
    ]


def test_a_server_that_does_otherwise_fails_the_vector(tmp_path: Path) -> None:
    trace = (Connects(BALCONY), GetsRoster(BALCONY), SendsSubscribe(BALCONY, ROMEO))
    seen = observed(CoreSystem(*USERS), trace)
    without_push = (*seen[:2], seen[0])

    assert outcome(to_scenario(trace, without_push, title="a trace"), tmp_path) is Outcome.FAILED
