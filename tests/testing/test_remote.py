"""Users of another server in traces: their stanzas arrive as they are, and what leaves for them is seen."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from tests.one_test import in_one_test
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_core.codec import parse_element
from xmpp_im_core.testing import (
    REMOTE,
    USERS,
    Act,
    Connects,
    CoreSystem,
    SendsAvailable,
    SendsMessage,
    SendsProbe,
    SendsSubscribe,
    SendsSubscribed,
    observed,
    possible,
    to_scenario,
    traces,
    xml_of,
)

JULIET, ROMEO = USERS
BALCONY = f"{JULIET}/balcony"
NURSE = f"nurse@{REMOTE}"
WARD = f"{NURSE}/ward"


@in_one_test(
    ("act", "xml"),
    [
        (SendsSubscribe(WARD, JULIET), f"<presence from='{NURSE}' to='{JULIET}' type='subscribe'/>"),
        (SendsProbe(WARD, JULIET), f"<presence from='{NURSE}' to='{JULIET}' type='probe'/>"),
        (SendsAvailable(WARD, to=JULIET), f"<presence from='{WARD}' to='{JULIET}'/>"),
        (
            SendsMessage(WARD, JULIET, "chat", "O"),
            f"<message from='{WARD}' to='{JULIET}' type='chat'><body>O</body></message>",
        ),
    ],
)
def test_what_arrives_has_the_address_that_their_server_stamps(act: Act, xml: str) -> None:
    written = xml_of(act)

    assert written is not None
    assert parse_element(written) == parse_element(xml)


def test_what_leaves_for_them_is_seen_under_the_name_of_their_domain() -> None:
    core = CoreSystem(*USERS)
    observed(core, [Connects(BALCONY), SendsSubscribe(WARD, JULIET)])

    core.feed(SendsSubscribed(BALCONY, NURSE))

    (approval,) = core.observe().received[REMOTE]
    assert (approval.get("type"), approval.get("from")) == ("subscribed", JULIET)


def test_an_unrequested_approval_arrives_and_changes_nothing() -> None:
    seen = observed(CoreSystem(*USERS), [SendsSubscribed(WARD, JULIET)])

    (only,) = seen
    assert not only.received
    assert not only.rosters[JULIET].elements


@pytest.mark.parametrize("act", [SendsAvailable(WARD), Connects(WARD)])
def test_what_is_for_nobody_here_cannot_arrive(act: Act) -> None:
    assert not possible([act])
    assert possible([SendsAvailable(WARD, to=JULIET)])


@given(traces(peers=(NURSE,), kinds={SendsSubscribe, SendsProbe}))
def test_only_what_is_asked_for_is_drawn(trace: tuple[Act, ...]) -> None:
    assert {type(act) for act in trace} <= {Connects, SendsSubscribe, SendsProbe}
    assert all(act.is_remote for act in trace if isinstance(act, SendsProbe))
    assert possible(trace)


@given(traces(peers=(NURSE,)))
def test_what_the_core_does_is_a_vector_that_the_core_passes(
    tmp_path_factory: pytest.TempPathFactory, trace: tuple[Act, ...]
) -> None:
    file = tmp_path_factory.mktemp("vectors") / "trace.json"
    seen = observed(CoreSystem(*USERS), trace)
    file.write_text(json.dumps(to_scenario(trace, seen, title="a trace", in_order=True)), encoding="utf-8")

    (vector,) = read_file(file, "trace")
    result = run_vector(vector, Embedded())

    assert result.outcome is Outcome.PASSED, result.detail
