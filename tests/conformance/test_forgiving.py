"""Differences that are forgiven: what follows them is reached, and each one is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from tests.conformance.live import driving, result
from tests.conformance.loopback import Connection, Loopback
from tests.conformance.stage import BALCONY, JULIET
from xmpp_im_conformance.drivers.live import BadConfig
from xmpp_im_conformance.drivers.live.config import ForgiveConfig, LiveConfig, config_of
from xmpp_im_conformance.format.forgiving import Forgiving, forgiving_match
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.running.outcome import Outcome, all_findings
from xmpp_im_core.element import Element

TO: Final = ForgiveConfig(says="the full JID stands in 'to'", stanza="<presence/>", attribute="to")
FROM: Final = ForgiveConfig(says="a full JID approves", stanza="<presence type='subscribed'/>", attribute="from")
PUSH: Final = ForgiveConfig(says="a push too many", stanza="<iq type='set'><query xmlns='jabber:iq:roster'/></iq>")
DELAY: Final = ForgiveConfig(says="a stamp", stanza="<message/>", child="<delay xmlns='urn:xmpp:delay'/>")
ID: Final = ForgiveConfig(says="the id is another", stanza="<message/>", attribute="id")
COPY: Final = ForgiveConfig(says="no copy", stanza="<presence from='{var:at}' type='{opt:}'/>", missing=True)
EARLY: Final = ForgiveConfig(
    says="an early push", stanza="<iq type='set'><query xmlns='jabber:iq:roster'/></iq>", before="<presence/>"
)
PUSHED: Final = "<iq type='set' id='p' to='j@c/b'><query xmlns='jabber:iq:roster'><item jid='r@m'/></query></iq>"


def found(expected: list[str], came: list[str], *rules: ForgiveConfig, anywhere: bool = False) -> Forgiving | None:
    wanted = tuple([read_xml(each) for each in expected])
    return forgiving_match(
        [rule.rule() for rule in rules], wanted, [read_xml(each) for each in came], {}, "j@c/b", anywhere=anywhere
    )


@pytest.mark.parametrize(
    ("expected", "came", "rule"),
    [
        ("<presence from='r@m' to='j@c'/>", "<presence from='r@m' to='j@c/balcony'/>", TO),
        ("<presence from='r@m' to='{opt:j@c}'/>", "<presence from='r@m' to='j@c/balcony'/>", TO),
        ("<presence from='r@m' type='subscribed'/>", "<presence from='r@m/x' type='subscribed'/>", FROM),
        ("<message><b/></message>", "<message><b/><delay xmlns='urn:xmpp:delay'/></message>", DELAY),
        ("<message><b/><delay xmlns='urn:xmpp:delay'/></message>", "<message><b/></message>", DELAY),
        ("<message id='1'/>", "<message id='2'/>", ID),
    ],
    ids=["to", "optional to", "from", "additional child", "missing child", "another value"],
)
def test_a_forgiven_difference_is_found_and_counted(expected: str, came: str, rule: ForgiveConfig) -> None:
    forgiven = found([expected], [came], rule)

    assert forgiven is not None
    assert (forgiven.taken, forgiven.findings) == (frozenset({0}), (rule.says,))
    assert found([expected], [came]) is None


@pytest.mark.parametrize(
    ("expected", "came", "rule"),
    [
        ("<presence to='j@c'/>", "<presence to='tybalt@c/balcony'/>", TO),
        ("<presence to='{opt:j@c}'/>", "<presence to='tybalt@c/balcony'/>", TO),
        ("<presence to='j@c'/>", "<presence/>", TO),
        ("<message to='j@c'/>", "<message to='j@c/balcony'/>", TO),
        ("<presence from='r@m' type='unsubscribed'/>", "<presence from='r@m/x' type='unsubscribed'/>", FROM),
        ("<message/>", "<message><other xmlns='urn:xmpp:delay'/></message>", DELAY),
    ],
    ids=["another account", "not the optional one", "no address", "another kind", "another type", "another child"],
)
def test_nothing_else_is_forgiven(expected: str, came: str, rule: ForgiveConfig) -> None:
    assert found([expected], [came], rule) is None


def test_what_holds_without_it_is_no_finding() -> None:
    forgiven = found(["<presence to='j@c'/>"], ["<presence to='j@c'/>"], TO, FROM)

    assert forgiven is not None
    assert forgiven.findings == ()


def test_an_additional_stanza_before_the_expected_one_is_dropped() -> None:
    forgiven = found(["<presence type='subscribed'/>"], [PUSHED, "<presence type='subscribed'/>", PUSHED], PUSH)

    assert forgiven is not None
    assert (forgiven.taken, forgiven.findings) == (frozenset({0, 1}), (PUSH.says,))


def test_several_differences_in_several_stanzas_are_counted_each() -> None:
    expected = ["<presence to='j@c' from='r@m' type='subscribed'/>", "<presence to='j@c'/>"]
    came = ["<presence to='j@c/b'/>", PUSHED, "<presence to='j@c/b' from='r@m/x' type='subscribed'/>"]
    forgiven = found(expected, came, TO, FROM, PUSH)

    assert forgiven is not None
    assert sorted(forgiven.findings) == sorted([TO.says, TO.says, FROM.says, PUSH.says])


OWN: Final = "<presence from='j@c/b' to='j@c'/>"
APPROVAL: Final = "<presence from='r@m' type='subscribed'/>"


def test_a_missing_stanza_is_one_finding_and_takes_nothing() -> None:
    forgiven = found([OWN], [APPROVAL], COPY)

    assert forgiven is not None
    assert (forgiven.taken, forgiven.findings) == (frozenset(), (COPY.says,))
    assert found([OWN], [], COPY) == forgiven


def test_what_has_come_is_not_missing() -> None:
    forgiven = found([APPROVAL, OWN], [OWN, APPROVAL], COPY)

    assert forgiven is not None
    assert (forgiven.taken, forgiven.findings) == (frozenset({0, 1}), ())


@pytest.mark.parametrize(
    "expected",
    [
        "<presence from='j@c/other' to='j@c'/>",
        "<presence from='j@c/b' to='j@c' type='unavailable'/>",
        "<presence from='{any}' to='j@c'/>",
        "<presence from='j@c/b' to='j@c'><status>{bind:status}</status></presence>",
    ],
    ids=["from another resource", "another type", "from anybody", "a later step needs it"],
)
def test_no_other_stanza_may_be_missing(expected: str) -> None:
    assert found([expected], [], COPY) is None


def test_the_others_of_several_are_expected_nevertheless() -> None:
    forgiven = found([OWN, APPROVAL], [APPROVAL, PUSHED], COPY)

    assert forgiven is not None
    assert (forgiven.taken, forgiven.findings) == (frozenset({0}), (COPY.says,))
    assert found([OWN, APPROVAL], [PUSHED], COPY) is None


def test_an_early_stanza_stays_for_the_step_that_expects_it() -> None:
    forgiven = found([APPROVAL], [PUSHED, APPROVAL], EARLY)

    assert forgiven is not None
    assert (forgiven.taken, forgiven.findings) == (frozenset({1}), (EARLY.says,))
    assert found([APPROVAL], [OWN, APPROVAL], EARLY) is None
    assert found(["<message/>"], [PUSHED, "<message/>"], EARLY) is None


def test_one_of_two_early_stanzas_may_be_the_expected_one() -> None:
    other = PUSHED.replace("r@m", "nurse@c")
    anything = evolve(EARLY, before="<iq/>")
    forgiven = found([PUSHED], [other, PUSHED], anything)

    assert forgiven is not None
    assert (forgiven.taken, forgiven.findings) == (frozenset({1}), (EARLY.says,))


def answering(connection: Connection, stanza: Element) -> str | None:
    """Answer the initial presence, with a push before it and a full JID in ``to``."""
    if stanza.name != "presence":
        return None
    jid = f"{connection.bare}/{connection.resource}"
    return f"{PUSHED}<presence from='{jid}' to='{jid}'/>{PUSHED}"


STEPS: Final[tuple[dict[str, Any], ...]] = (
    {"send": {"from": BALCONY, "xml": "<presence/>"}},
    {"receive": {"at": BALCONY, "xml": f"<presence from='{BALCONY}' to='{JULIET}'/>"}},
    {"silent": [BALCONY]},
)


def test_a_vector_goes_on_behind_what_is_forgiven_and_reports_it(tmp_path: Path) -> None:
    with driving(Loopback(answer=answering), forgive=(TO, PUSH)) as driver:
        forgiven = result(tmp_path, driver, *STEPS)
    with driving(Loopback(answer=answering), forgive=(TO,)) as driver:
        half = result(tmp_path, driver, *STEPS)

    assert forgiven.outcome is Outcome.PASSED, forgiven.detail
    assert forgiven.findings == {f"forgiven: {TO.says}": 1, f"forgiven: {PUSH.says}": 2}
    assert half.outcome is Outcome.FAILED
    assert all_findings([forgiven, forgiven, half])[f"forgiven: {PUSH.says}"] == 4


def test_a_branch_that_does_not_hold_forgives_nothing(tmp_path: Path) -> None:
    receive = STEPS[1]
    branches = {"one_of": [[receive, {"receive": {"at": BALCONY, "xml": "<message/>"}}], [receive]]}
    with driving(Loopback(answer=answering), forgive=(TO, PUSH)) as driver:
        became = result(tmp_path, driver, STEPS[0], branches, lenient=True)

    assert became.outcome is Outcome.PASSED, became.detail
    assert became.findings == {f"forgiven: {TO.says}": 1, f"forgiven: {PUSH.says}": 1}


def test_a_missing_stanza_hides_no_stanza_that_must_not_come(tmp_path: Path) -> None:
    """The server sends a push and no copy: the copy is forgiven, and the push is one that nobody expects."""
    with driving(Loopback(answer=pushing), forgive=(COPY,)) as driver:
        became = result(tmp_path, driver, *STEPS)

    assert became.outcome is Outcome.FAILED
    assert "(silent)" in became.detail


def test_an_early_stanza_that_no_step_expects_fails(tmp_path: Path) -> None:
    with driving(Loopback(answer=pushing), forgive=(COPY, EARLY)) as driver:
        became = result(tmp_path, driver, *STEPS[:2])

    assert became.outcome is Outcome.FAILED
    assert "at the end" in became.detail


def test_a_stanza_that_is_optional_is_not_missing(tmp_path: Path) -> None:
    receive = {"receive": {**STEPS[1]["receive"], "optional": True}}
    with driving(Loopback(answer=silent), forgive=(COPY,)) as driver:
        became = result(tmp_path, driver, STEPS[0], receive)

    assert (became.outcome, became.findings) == (Outcome.PASSED, {})


def test_a_branch_that_holds_as_it_is_goes_before_one_that_is_forgiven(tmp_path: Path) -> None:
    branches = {"one_of": [[STEPS[1]], [STEPS[2]]]}
    with driving(Loopback(answer=silent), forgive=(COPY,)) as driver:
        became = result(tmp_path, driver, STEPS[0], branches)
        forgiven = result(tmp_path, driver, STEPS[0], {"one_of": [[STEPS[1]]]})

    assert (became.outcome, became.findings) == (Outcome.PASSED, {})
    assert (forgiven.outcome, forgiven.findings) == (Outcome.PASSED, {f"forgiven: {COPY.says}": 1})


def pushing(connection: Connection, stanza: Element) -> str | None:
    """Answer the initial presence with a push alone."""
    return PUSHED if stanza.name == "presence" else None


def silent(connection: Connection, stanza: Element) -> str | None:
    """Answer no presence."""
    return "" if stanza.name == "presence" else None


def test_the_list_stands_in_the_file_of_the_server() -> None:
    read = config_of({"forgive": [{"says": TO.says, "stanza": "<presence/>", "attribute": "to"}]}, "server.toml")

    assert read == LiveConfig(forgive=(TO,))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"stanza": "<presence"}, "no element found|unclosed token|not well-formed|XML"),
        ({"stanza": "<presence/>", "child": "delay"}, "forgive, 'it'"),
        ({"stanza": "<presence/>", "child": "<x/>", "attribute": "to"}, "attribute and child"),
        ({"stanza": "<presence/>", "missing": True, "before": "<iq/>"}, "missing and before"),
        ({"stanza": "<presence/>", "before": "<presence"}, "forgive, 'it'"),
        ({"stanza": "<presence/>", "before": "<presence from='{var:who}'/>"}, "nothing is bound here but 'at'"),
        ({"stanza": "<presence from='{var:who}'/>"}, "nothing is bound here but 'at'"),
        ({}, "stanza"),
    ],
)
def test_a_list_that_is_none_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(BadConfig, match=why):
        config_of({"forgive": [{"says": "it", **wrong}]}, "server.toml")
