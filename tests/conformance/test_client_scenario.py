"""Client scenarios: each kind of step, where it holds and where it must not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field

from tests.conformance.stage import JULIET, ROMEO
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.evidence import FROM_SERVER
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.worlds import ClientSetup, ClientWorld, Driver, KnownResource
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_core.element import Element

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
STANZA = {"from_server": "<message/>"}


@define
class ScriptedClient(ClientWorld):
    """A client for which everything that happens has the same effect, which the test states."""

    sends: Sequence[str] = ()
    tells: Sequence[Mapping[str, object]] = ()
    items: Sequence[RosterItem] = ()
    version: str | None = "v1"
    known: Sequence[KnownResource] = ()
    after: tuple[Sequence[RosterItem], str | None] | None = None
    """The roster and version after something has happened, where they change."""
    asked: list[tuple[object, ...]] = field(factory=list)
    setup: ClientSetup | None = None
    cited: frozenset[str] | None = None
    fresh: bool = False
    unknown: Sequence[str] = ()
    """The types of events that it has none of."""

    def _happens(self, *what: object) -> None:
        self.asked.append(what)
        self.fresh = True
        if self.after is not None:
            self.items, self.version = self.after

    def do(self, action: str, arguments: Mapping[str, object]) -> None:
        self._happens(action, dict(arguments))

    def send(self, xml: str) -> None:
        self._happens("send", xml)

    def receive(self, xml: str) -> None:
        self._happens("receive", xml)

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        return {FROM_SERVER: [read_xml(xml) for xml in self.sends] if self.fresh else []}

    def events(self) -> Sequence[Mapping[str, object]]:
        told, self.fresh = (self.tells if self.fresh else ()), False
        return told

    def knows_event(self, type: str) -> bool:
        return type not in self.unknown

    def roster(self) -> Sequence[RosterItem]:
        return self.items

    def ver(self) -> str | None:
        return self.version

    def resources(self, jid: str) -> Sequence[KnownResource]:
        return self.known

    def obeyed(self) -> frozenset[str] | None:
        return self.cited


@define
class Scripted(Driver):
    """The driver of one scripted client."""

    name = "scripted"
    one: ScriptedClient

    def client(self, setup: ClientSetup) -> ClientWorld:
        self.one.setup = setup
        return self.one


def result(tmp_path: Path, client: ScriptedClient, *steps: Mapping[str, Any], **keys: Any) -> Result:
    file = tmp_path / "vector.json"
    vector = {"title": "a case", "rfc": ["6121 2"], "account": JULIET, "steps": list(steps), **keys}
    file.write_text(json.dumps(vector), encoding="utf-8")
    (only,) = read_file(file, "vector")
    found = run_vector(only, Scripted(client))
    assert "malformed" not in found.detail, found.detail
    return found


def outcome(tmp_path: Path, client: ScriptedClient, *steps: Mapping[str, Any], **keys: Any) -> Outcome:
    return result(tmp_path, evolve(client, asked=[]), *steps, **keys).outcome


def test_the_client_begins_as_the_scenario_says(tmp_path: Path) -> None:
    client = ScriptedClient()

    result(
        tmp_path,
        client,
        STANZA,
        resource="chamber",
        stream_features=["<ver xmlns='urn:xmpp:features:rosterver'/>"],
        cache={"ver": "v0", "items": [{"jid": ROMEO, "subscription": "to"}]},
    )

    feature = read_xml("<ver xmlns='urn:xmpp:features:rosterver'/>")
    assert client.setup == ClientSetup(
        JULIET, "chamber", (feature,), ("v0", (RosterItem(jid=ROMEO, subscription="to"),))
    )


def test_what_the_user_the_application_and_the_server_do_reaches_the_client(tmp_path: Path) -> None:
    client = ScriptedClient()

    result(
        tmp_path,
        client,
        {"client_does": {"action": "set_item", "jid": ROMEO, "name": "R"}},
        {"client_sends": "<iq/>"},
        {"from_server": "<message/>"},
    )

    assert client.asked == [("set_item", {"jid": ROMEO, "name": "R"}), ("send", "<iq/>"), ("receive", "<message/>")]


def test_expect_sent_takes_the_next_stanza(tmp_path: Path) -> None:
    client = ScriptedClient(["<iq from='a@b/c' xml:lang='en'/>", "<message/>"])

    assert outcome(tmp_path, client, STANZA, {"expect_sent": "<iq/>"}, {"expect_sent": "<message/>"}) is PASSED
    assert outcome(tmp_path, client, STANZA, {"expect_sent": "<message/>"}) is FAILED
    assert outcome(tmp_path, client, STANZA, {"expect_sent": "<iq from='x'/>"}) is FAILED
    assert outcome(tmp_path, client, STANZA, {"expect_sent": {"any_order": ["<message/>", "<iq/>"]}}) is PASSED
    assert outcome(tmp_path, client, STANZA, {"expect_sent": {"any_order": ["<message/>", "<message/>"]}}) is FAILED
    assert outcome(tmp_path, client, {"expect_sent": "<iq/>"}) is FAILED


def test_expect_nothing_sent_holds_where_all_was_taken(tmp_path: Path) -> None:
    nothing = {"expect_nothing_sent": True}

    assert outcome(tmp_path, ScriptedClient(), STANZA, nothing) is PASSED
    assert outcome(tmp_path, ScriptedClient(["<iq/>"]), STANZA, nothing) is FAILED
    assert outcome(tmp_path, ScriptedClient(["<iq/>"]), STANZA, {"expect_sent": "<iq/>"}, nothing) is PASSED


def test_what_was_bound_stands_in_what_the_server_sends(tmp_path: Path) -> None:
    client = ScriptedClient(["<iq id='i1'/>"])

    result(tmp_path, client, STANZA, {"expect_sent": "<iq id='{bind:n}'/>"}, {"from_server": "<iq id='{var:n}'/>"})

    assert client.asked[-1] == ("receive", "<iq id='i1'/>")


def test_expect_roster_compares_all_items(tmp_path: Path) -> None:
    client = ScriptedClient(items=[RosterItem(jid="a", groups=("1", "2")), RosterItem(jid="b", ask=True)])
    a, b = {"jid": "a", "groups": ["2", "1"]}, {"jid": "b", "ask": True}

    assert outcome(tmp_path, client, {"expect_roster": [b, a]}) is PASSED
    assert outcome(tmp_path, client, {"expect_roster": [a]}) is FAILED
    assert outcome(tmp_path, client, {"expect_roster": [a, {"jid": "b"}]}) is FAILED


def test_expect_ver_compares_the_version(tmp_path: Path) -> None:
    assert outcome(tmp_path, ScriptedClient(), {"expect_ver": "v1"}) is PASSED
    assert outcome(tmp_path, ScriptedClient(), {"expect_ver": "v2"}) is FAILED
    assert outcome(tmp_path, ScriptedClient(version=None), {"expect_ver": None}) is PASSED


def test_expect_presence_names_exactly_the_available_resources(tmp_path: Path) -> None:
    client = ScriptedClient(known=[KnownResource("a", "away", "s", 5), KnownResource("b")])

    def found(**expected: object) -> Outcome:
        return outcome(tmp_path, client, {"expect_presence": {"jid": ROMEO, **expected}})

    assert found(resources={"a": {}, "b": {}}) is PASSED
    assert found(resources={"a": {"show": "away", "status": "s", "priority": 5}, "b": {"show": None}}) is PASSED
    assert found(resources={"a": {}}) is FAILED
    assert found(resources={"a": {}, "b": {}, "c": {}}) is FAILED
    assert found(resources={"a": {"show": "dnd"}, "b": {}}) is FAILED
    assert found(resources={"a": {"status": None}, "b": {}}) is FAILED
    assert found(resources={"a": {"priority": 0}, "b": {}}) is FAILED
    assert found(best="a") is PASSED
    assert found(best="b") is FAILED
    assert outcome(tmp_path, ScriptedClient(), {"expect_presence": {"jid": ROMEO, "best": None}}) is PASSED


def test_expect_event_takes_it_from_among_the_others(tmp_path: Path) -> None:
    client = ScriptedClient(tells=[{"type": "subscribed", "jid": ROMEO}, {"type": "item_added", "jid": "a@b"}])
    event = {"expect_event": {"type": "item_added", "jid": "a@b"}}
    subscribed = {"expect_event": {"type": "subscribed"}}

    assert outcome(tmp_path, client, STANZA, event, subscribed) is PASSED
    assert outcome(tmp_path, client, STANZA, event, event) is FAILED
    assert outcome(tmp_path, client, STANZA, {"expect_event": {"type": "item_added", "jid": ROMEO}}) is FAILED
    assert outcome(tmp_path, client, STANZA, {"expect_event": {"type": "item_added", "of": 1}}) is FAILED


def test_an_event_that_the_client_does_not_know_is_not_applicable(tmp_path: Path) -> None:
    client = ScriptedClient(unknown=["subscribed"])

    found = result(tmp_path, client, STANZA, {"expect_event": {"type": "subscribed"}})

    assert (found.outcome, found.detail) == (Outcome.NOT_APPLICABLE, "the client tells no event 'subscribed'")
    assert outcome(tmp_path, client, STANZA, {"expect_event": {"type": "unsubscribed"}}) is FAILED


def test_expect_no_event_looks_at_what_is_left(tmp_path: Path) -> None:
    client = ScriptedClient(tells=[{"type": "subscribed", "jid": ROMEO}])
    none = {"expect_no_event": ["subscribed", "unsubscribed"]}

    assert outcome(tmp_path, client, STANZA, none) is FAILED
    assert outcome(tmp_path, client, STANZA, {"expect_event": {"type": "subscribed"}}, none) is PASSED
    assert outcome(tmp_path, client, STANZA, {"expect_no_event": ["available"]}) is PASSED


def test_an_ignored_stanza_changes_neither_roster_nor_version_and_tells_nothing(tmp_path: Path) -> None:
    ignored = {"expect_ignored": True}

    assert outcome(tmp_path, ScriptedClient(), STANZA, ignored) is PASSED
    assert outcome(tmp_path, ScriptedClient(after=([RosterItem(jid="a")], "v1")), STANZA, ignored) is FAILED
    assert outcome(tmp_path, ScriptedClient(after=((), "v2")), STANZA, ignored) is FAILED
    assert outcome(tmp_path, ScriptedClient(tells=[{"type": "available"}]), STANZA, ignored) is FAILED


def test_an_error_that_answers_an_ignored_stanza_is_free_unless_the_next_step_speaks_of_it(tmp_path: Path) -> None:
    client = ScriptedClient(["<iq type='error'/>"])
    ignored, nothing = {"expect_ignored": True}, {"expect_nothing_sent": True}
    roster: dict[str, Any] = {"expect_roster": []}

    assert outcome(tmp_path, client, STANZA, ignored, roster, nothing) is PASSED
    assert outcome(tmp_path, client, STANZA, ignored, {"expect_sent": "<iq type='error'/>"}) is PASSED
    assert outcome(tmp_path, client, STANZA, ignored, nothing) is FAILED
    assert outcome(tmp_path, ScriptedClient(), STANZA, ignored, {"expect_sent": "<iq type='error'/>"}) is FAILED
    assert outcome(tmp_path, ScriptedClient(["<iq type='get'/>"]), STANZA, ignored, roster, nothing) is FAILED


def test_requirements_have_to_be_cited_by_rules_that_fired(tmp_path: Path) -> None:
    client = ScriptedClient(cited=frozenset({"6121-2.1.3-01"}))

    assert outcome(tmp_path, client, STANZA, requirements=["6121-2.1.3-01"]) is PASSED
    assert outcome(tmp_path, client, STANZA, requirements=["6121-2.1.6-03"]) is FAILED


def test_a_failure_names_the_step_and_tells_what_happened(tmp_path: Path) -> None:
    client = ScriptedClient(["<iq type='get'/>"], [{"type": "available"}])

    found = result(tmp_path, client, STANZA, {"expect_sent": "<iq type='set'/>"})

    assert found.detail.splitlines() == [
        "step 2 of 2 (expect_sent): the client sent something else: "
        "attribute 'type' of <iq>: expected 'set', came 'get'",
        "(- expected, + came)",
        '    - <iq type="set"/>',
        '    + <iq type="get"/>',
        "what happened:",
        "  step 1 of 2 (from_server): <message/>",
        '      sends <iq type="get"/>',
        "      tells {'type': 'available'}",
    ]


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (["carbons"], "the feature 'carbons' is not supported"),
        (
            ["chat-presence-listed", "chat-presence-off"],
            "the features chat-presence-listed, chat-presence-off exclude one another",
        ),
    ],
)
def test_what_the_core_cannot_switch_on_is_not_applicable(tmp_path: Path, features: list[str], reason: str) -> None:
    file = tmp_path / "vector.json"
    vector = {"title": "a case", "rfc": ["6121 2"], "account": JULIET, "features": features, "steps": [STANZA]}
    file.write_text(json.dumps(vector), encoding="utf-8")
    (only,) = read_file(file, "vector")

    assert run_vector(only, Embedded()) == Result(only, Outcome.NOT_APPLICABLE, reason)


class ServerAlone(Driver):
    """A driver that plays no client."""

    name = "server alone"


def test_a_driver_without_a_client_counts_it_as_not_applicable(tmp_path: Path) -> None:
    file = tmp_path / "vector.json"
    file.write_text(
        json.dumps({"title": "a case", "rfc": ["6121 2"], "account": JULIET, "steps": [STANZA]}), encoding="utf-8"
    )
    (only,) = read_file(file, "vector")

    found = run_vector(only, ServerAlone())

    assert found == Result(only, Outcome.NOT_APPLICABLE, "the driver 'server alone' plays no client")
