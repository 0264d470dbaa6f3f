"""Each kind of step: where it holds, and where it must not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.stage import (
    BALCONY,
    CHAMBER,
    JULIET,
    ROMEO,
    ScriptedWorld,
    arriving,
    closed,
    flush,
    outcome,
    receive,
    result,
    scenario,
    send,
)
from xmpp_im_conformance.format.items import RosterItem, SharedRosterItem
from xmpp_im_conformance.format.worlds import REMOTE
from xmpp_im_conformance.running.outcome import Outcome

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED


def check(path: Path, stanzas: list[str], *steps: dict[str, Any], **keys: Any) -> Outcome:
    """What becomes of a scenario in which these stanzas have come to Juliet."""
    step, world = arriving(*stanzas)
    return outcome(path, world, step, *steps, **keys)


# --- what is observed ---------------------------------------------------------------------------------------


def test_receive_takes_the_next_stanza_and_no_other(tmp_path: Path) -> None:
    assert check(tmp_path, ["<message/>", "<presence/>"], receive("<message/>"), receive("<presence/>")) is PASSED
    assert check(tmp_path, ["<presence/>", "<message/>"], receive("<message/>"), receive("<presence/>")) is FAILED
    assert check(tmp_path, [], receive("<message/>")) is FAILED


def test_any_order_takes_the_next_ones_in_every_order(tmp_path: Path) -> None:
    assert check(tmp_path, ["<iq/>", "<message/>"], receive("<message/>", "<iq/>")) is PASSED
    assert check(tmp_path, ["<presence/>", "<iq/>", "<message/>"], receive("<message/>", "<iq/>"), flush()) is FAILED
    assert check(tmp_path, ["<iq/>"], receive("<message/>", "<iq/>"), flush()) is FAILED


def test_anywhere_takes_one_match_and_leaves_the_others(tmp_path: Path) -> None:
    stanzas = ["<presence/>", "<message/>", "<iq/>"]

    assert check(tmp_path, stanzas, receive("<message/>", anywhere=True), receive("<presence/>"), flush()) is PASSED
    assert check(tmp_path, stanzas, receive("<iq/>", "<message/>", anywhere=True), receive("<presence/>")) is PASSED
    assert check(tmp_path, stanzas, receive("<message to='x'/>", anywhere=True), flush()) is FAILED


def test_optional_takes_it_if_it_comes_next_and_nothing_otherwise(tmp_path: Path) -> None:
    both, maybe = ["<iq/>", "<message/>"], receive("<message/>", optional=True)

    assert check(tmp_path, ["<message/>"], maybe) is PASSED
    assert check(tmp_path, [], maybe) is PASSED
    assert check(tmp_path, both, maybe, flush()) is PASSED
    assert check(tmp_path, both, maybe, receive("<message/>")) is FAILED
    assert check(tmp_path, both, receive("<message/>", optional=True, anywhere=True), receive("<iq/>")) is PASSED


def test_silent_holds_where_nothing_is_untaken(tmp_path: Path) -> None:
    silent = {"silent": [BALCONY]}

    assert check(tmp_path, [], silent) is PASSED
    assert check(tmp_path, ["<iq/>"], receive("<iq/>"), silent) is PASSED
    assert check(tmp_path, ["<iq/>"], silent, flush()) is FAILED


def test_flush_drops_everything_untaken(tmp_path: Path) -> None:
    assert check(tmp_path, ["<iq/>", "<message/>"], flush(), {"silent": [BALCONY]}) is PASSED


def test_absent_looks_for_a_part_among_all_that_is_untaken(tmp_path: Path) -> None:
    absent = {"absent": {"at": BALCONY, "xml": "<message type='chat'/>"}}

    assert check(tmp_path, ["<iq/>", "<message type='normal'/>"], absent, flush()) is PASSED
    assert check(tmp_path, ["<iq/>", "<message type='chat'><body>hi</body></message>"], absent, flush()) is FAILED
    assert check(tmp_path, ["<message type='chat'/>"], receive("<message type='chat'/>"), absent) is PASSED


def test_at_the_end_nothing_is_untaken_unless_the_scenario_is_lenient(tmp_path: Path) -> None:
    assert check(tmp_path, ["<iq/>"]) is FAILED
    assert check(tmp_path, ["<iq/>"], lenient=True) is PASSED
    assert check(tmp_path, ["<iq/>"], lenient=[BALCONY]) is PASSED
    assert check(tmp_path, ["<iq/>"], lenient=[REMOTE]) is FAILED


def test_the_final_silence_covers_the_remote_domain_too(tmp_path: Path) -> None:
    world = {"<presence/>": [(REMOTE, "<presence/>")]}

    assert outcome(tmp_path, ScriptedWorld(world), send("<presence/>")) is FAILED
    assert outcome(tmp_path, ScriptedWorld(world), send("<presence/>"), lenient=[REMOTE]) is PASSED
    assert outcome(tmp_path, ScriptedWorld(world), send("<presence/>"), lenient=[BALCONY]) is FAILED


def test_the_final_silence_does_not_cover_whose_session_has_ended(tmp_path: Path) -> None:
    gone = {"disconnect": {"jid": BALCONY, "how": "clean"}}

    assert check(tmp_path, ["<iq/>"], gone) is PASSED
    assert check(tmp_path, ["<iq/>"], gone, {"connect": BALCONY}) is PASSED
    assert check(tmp_path, ["<iq/>"], gone, {"connect": BALCONY}, send("<presence/>")) is FAILED


def test_the_remote_steps_look_at_the_remote_domain(tmp_path: Path) -> None:
    world = ScriptedWorld({"<presence/>": [(REMOTE, "<message/>"), (REMOTE, "<iq/>"), (REMOTE, "<presence/>")]})

    steps = [
        send("<presence/>"),
        {"remote_absent": "<message type='chat'/>"},
        {"remote_receive": "<message/>"},
        {"remote_receive": {"any_order": ["<presence/>", "<iq/>"]}},
        {"remote_silent": True},
        send("<presence/>"),
        {"remote_receive": {"xml": "<iq/>", "anywhere": True}},
        {"remote_receive": {"xml": "<iq/>", "optional": True}},
        {"remote_flush": True},
        {"silent": [BALCONY]},
    ]

    assert outcome(tmp_path, world, *steps) is PASSED
    assert outcome(tmp_path, world, send("<presence/>"), {"remote_silent": True}, {"remote_flush": True}) is FAILED
    assert outcome(tmp_path, world, send("<presence/>"), {"remote_absent": "<iq/>"}, {"remote_flush": True}) is FAILED
    assert outcome(tmp_path, world, send("<presence/>"), {"remote_receive": "<iq/>"}, {"remote_flush": True}) is FAILED


def test_one_of_takes_the_first_branch_that_holds_and_the_others_leave_no_trace(tmp_path: Path) -> None:
    branches = {
        "one_of": [
            [receive("<iq to='{bind:n}'/>"), receive("<message to='nobody'/>")],
            [receive("<iq/>", optional=True), receive("<iq to='{bind:n}'/>"), flush()],
            [flush()],
        ]
    }

    assert check(tmp_path, ["<iq to='a'/>", "<message/>"], branches, send("<presence id='{var:n}'/>")) is PASSED
    assert check(tmp_path, ["<message/>"], {"one_of": [[], [flush()]]}) is FAILED
    assert check(tmp_path, ["<message/>"], {"one_of": [[receive("<iq/>")], [{"silent": [BALCONY]}]]}) is FAILED


def test_one_of_says_why_no_branch_holds(tmp_path: Path) -> None:
    step, world = arriving("<message/>")

    found = result(tmp_path, scenario(step, {"one_of": [[receive("<iq/>")], [{"silent": [BALCONY]}]]}), world)

    assert "branch 1: at juliet@capulet.example/balcony something else came" in found.detail
    assert "branch 2: at juliet@capulet.example/balcony nothing was expected" in found.detail


def test_a_bound_value_is_sent_as_it_was_received(tmp_path: Path) -> None:
    world = ScriptedWorld({"<presence/>": [(BALCONY, "<iq id='a&amp;&apos;b'><c>t</c></iq>")]})
    steps = [
        send("<presence/>"),
        receive("<iq id='{bind:id}'><c>{bind:text}</c></iq>"),
        send("<iq id='{var:id}' type='result'><d>{var:text}</d>a{var:text}</iq>"),
        {"remote_send": "<iq id='{var:text}'/>"},
    ]

    assert outcome(tmp_path, world, *steps) is PASSED

    assert ("send", BALCONY, "<iq id='a&amp;&apos;b' type='result'><d>t</d>a{var:text}</iq>") in world.asked
    assert ("send", REMOTE, "<iq id='t'/>") in world.asked


def test_a_name_that_was_never_bound_fails_the_step_that_uses_it(tmp_path: Path) -> None:
    found = result(tmp_path, scenario(send("<iq id='{var:x}'/>")), ScriptedWorld({}))

    assert found.outcome is FAILED
    assert found.detail.startswith("step 2 of 2 (send): nothing was bound to 'x'")


def test_the_stored_roster_is_compared_in_any_order(tmp_path: Path) -> None:
    world = ScriptedWorld(
        {}, [RosterItem(jid="b", groups=("1", "2")), RosterItem(jid="a", subscription="to", name="A")]
    )
    a, b = {"jid": "a", "subscription": "to", "name": "A"}, {"jid": "b", "groups": ["2", "1"]}

    def found(*items: dict[str, Any]) -> Outcome:
        return outcome(tmp_path, world, {"roster": {"of": JULIET, "items": list(items)}})

    assert found(a, b) is PASSED
    assert found(b) is FAILED
    assert found(a, b, {"jid": "c"}) is FAILED
    for change in ({"subscription": "both"}, {"ask": True}, {"approved": True}, {"name": "B"}, {"groups": ["1"]}):
        assert found({**a, **change}, b) is FAILED, change
    assert found({**a, "listed": False}, b) is FAILED
    assert found({**a, "pending_in": "{any}"}, b) is FAILED


def test_a_pending_request_is_compared_as_a_stanza(tmp_path: Path) -> None:
    request = f"<presence from='{ROMEO}' to='{JULIET}' type='subscribe'><status>x</status></presence>"
    world = ScriptedWorld({}, [RosterItem(jid=ROMEO, pending_in=request, listed=False)])

    def found(**item: Any) -> Outcome:
        return outcome(tmp_path, world, {"roster": {"of": JULIET, "items": [{"jid": ROMEO, **item}]}})

    assert found(pending_in="{any}") is PASSED
    assert found(pending_in=request) is PASSED
    assert found(pending_in=request.replace("<status>x</status>", "")) is FAILED
    assert found(pending_in=None, listed=False) is FAILED
    assert found() is FAILED


def test_an_item_with_only_a_request_is_not_shown_in_a_roster_unless_it_is_listed(tmp_path: Path) -> None:
    def found(listed_there: bool, **item: Any) -> Outcome:
        world = ScriptedWorld({}, [RosterItem(jid=ROMEO, pending_in="<presence/>", listed=listed_there)])
        return outcome(tmp_path, world, {"roster": {"of": JULIET, "items": [{"jid": ROMEO, **item}]}})

    assert found(False, pending_in="{any}") is PASSED
    assert found(True, pending_in="{any}") is FAILED
    assert found(True, pending_in="{any}", listed=True) is PASSED
    assert found(True, pending_in="{any}", subscription="none") is PASSED
    assert found(False, pending_in="{any}", subscription="none") is FAILED


def test_a_stream_feature_was_offered_or_was_not(tmp_path: Path) -> None:
    offered, other = "<ver xmlns='urn:xmpp:features:rosterver'/>", "<ver xmlns='urn:other'/>"

    def found(xml: str, **keys: Any) -> Outcome:
        step = {"stream_features": {"at": BALCONY, "xml": xml, **keys}}
        return outcome(tmp_path, ScriptedWorld({}), step)

    assert found(offered) is PASSED
    assert found(offered, absent=True) is FAILED
    assert found(other) is FAILED
    assert found(other, absent=True) is PASSED


# --- what happens -------------------------------------------------------------------------------------------

ACTS: list[tuple[dict[str, Any], tuple[object, ...]]] = [
    ({"connect": CHAMBER}, ("connect", CHAMBER)),
    ({"send": {"from": BALCONY, "xml": "<iq/>"}}, ("send", BALCONY, "<iq/>")),
    ({"remote_send": "<iq/>"}, ("send", REMOTE, "<iq/>")),
    ({"disconnect": {"jid": BALCONY, "how": "clean"}}, ("disconnect", BALCONY, True)),
    ({"disconnect": {"jid": BALCONY, "how": "abrupt"}}, ("disconnect", BALCONY, False)),
    ({"replace": BALCONY}, ("replace", BALCONY)),
    ({"detach": BALCONY}, ("detach", BALCONY)),
    ({"resume": BALCONY}, ("resume", BALCONY)),
    ({"expire": BALCONY}, ("expire", BALCONY)),
    ({"restart": JULIET}, ("restart", JULIET)),
    ({"storage_fails": {"of": JULIET, "what": "load"}}, ("fail_storage", JULIET, "load")),
    ({"storage_fails": {"of": JULIET, "what": "store"}}, ("fail_storage", JULIET, "store")),
    ({"storage_waits": JULIET}, ("delay_storage", JULIET)),
    ({"storage_answers": JULIET}, ("answer_storage", JULIET)),
    ({"stanza_again": BALCONY}, ("take_again", BALCONY)),
    ({"time": "2026-01-01T12:00:00Z"}, ("set_time", datetime(2026, 1, 1, 12, tzinfo=UTC))),
    ({"account_created": "a@capulet.example"}, ("create_account", "a@capulet.example")),
    ({"account_removed": JULIET}, ("remove_account", JULIET)),
    (
        {"account_moved": {"of": JULIET, "to": "xmpp:a@b", "permanently": True}},
        ("move_account", JULIET, "xmpp:a@b", True),
    ),
    (
        {"items_shared": {"of": JULIET, "items": [{"jid": ROMEO, "groups": ["B", "A"]}]}},
        ("share_items", JULIET, (SharedRosterItem(jid=ROMEO, groups=("A", "B")),)),
    ),
    ({"decide": {"at": JULIET, "request_from": ROMEO, "decision": "deny"}}, ("decide", JULIET, ROMEO, "deny")),
]


@pytest.mark.parametrize(("step", "asked"), ACTS, ids=[next(iter(step)) for step, _ in ACTS])
def test_an_acting_step_asks_the_driver_for_just_that(
    tmp_path: Path, step: dict[str, Any], asked: tuple[object, ...]
) -> None:
    world = ScriptedWorld({})

    assert outcome(tmp_path, world, step) is PASSED

    assert world.asked == [("connect", BALCONY), asked, ("close",)]


# --- what a failure says ------------------------------------------------------------------------------------


def test_a_failure_names_the_step_and_tells_what_happened_up_to_there(tmp_path: Path) -> None:
    step, world = arriving("<message from='a@b'><body>hi</body></message>")

    found = result(tmp_path, scenario(step, receive("<message from='a@c'><body>hi</body></message>")), world)

    assert found.detail.splitlines() == [
        "step 3 of 3 (receive): at juliet@capulet.example/balcony something else came: "
        "attribute 'from' of <message>: expected 'a@c', came 'a@b'",
        "(- expected, + came)",
        '    - <message from="a@c">',
        '    + <message from="a@b">',
        "        <body>hi</body>",
        "      </message>",
        "what happened:",
        "  step 1 of 3 (connect): juliet@capulet.example/balcony",
        "  step 2 of 3 (send): juliet@capulet.example/balcony sends <presence/>",
        '      juliet@capulet.example/balcony gets <message from="a@b"><body>hi</body></message>',
    ]


def test_a_closed_stream_is_taken_with_its_stream_error(tmp_path: Path) -> None:
    def found(*steps: dict[str, Any]) -> str:
        world = ScriptedWorld({}, closes={"<presence/>": [(BALCONY, "conflict"), (BALCONY, "")]})
        each = result(tmp_path, scenario(send("<presence/>"), *steps), world)
        return "" if each.outcome is PASSED else each.detail.splitlines()[0]

    assert found() == "", "a closing that no step takes is not looked at"
    assert found(closed("conflict")) == ""
    assert found(closed("reset")) == (
        f"step 3 of 3 (stream_closed): the server has closed the stream of {BALCONY} with conflict, not reset"
    )
    assert found(closed("conflict"), closed("conflict")) == (
        f"step 4 of 4 (stream_closed): the server has closed the stream of {BALCONY} with no stream error, not conflict"
    )
    assert found({"connect": CHAMBER}, closed("conflict", CHAMBER)) == (
        f"step 4 of 4 (stream_closed): the server has not closed the stream of {CHAMBER} with conflict"
    )


def test_a_closed_stream_may_be_one_of_several_outcomes(tmp_path: Path) -> None:
    world = ScriptedWorld({}, closes={"<presence/>": [(BALCONY, "reset")]})
    either = {"one_of": [[closed("conflict")], [closed("reset")]]}

    assert outcome(tmp_path, world, send("<presence/>"), either) is PASSED
    assert outcome(tmp_path, world, send("<presence/>"), either, either) is FAILED, "it is taken"


def test_a_resource_may_be_bound_or_is_refused_with_a_stanza_error(tmp_path: Path) -> None:
    def found(jid: str, condition: str | None) -> Outcome:
        world = ScriptedWorld({}, refusals={CHAMBER: "resource-constraint"})
        return outcome(tmp_path, world, {"binding_refused": {"jid": jid, "condition": condition}})

    assert found(CHAMBER, "resource-constraint") is PASSED
    assert found(CHAMBER, "bad-request") is FAILED
    assert found(CHAMBER, None) is FAILED
    assert found(BALCONY, None) is PASSED
    assert found(BALCONY, "resource-constraint") is FAILED


def test_a_driver_that_cannot_see_how_streams_end_is_not_asked_about_it(tmp_path: Path) -> None:
    found = result(tmp_path, scenario(closed("conflict")), ScriptedWorld({}, closes=None))

    assert (found.outcome, found.detail) == (
        Outcome.NOT_APPLICABLE,
        "this driver cannot show how a server closes a stream",
    )


def test_an_implementation_that_raises_has_failed_with_its_traceback(tmp_path: Path) -> None:
    class Broken(ScriptedWorld):
        def send(self, jid: str, xml: str) -> None:
            raise KeyError("the heart of it")

    world = Broken({})
    found = result(tmp_path, scenario(send("<presence/>")), world)

    assert found.outcome is FAILED
    assert found.detail.startswith("step 2 of 2 (send): the implementation raised\nTraceback")
    assert "the heart of it" in found.detail
    assert world.asked[-1] == ("close",)


def test_requirements_have_to_be_cited_by_rules_that_fired(tmp_path: Path) -> None:
    def found(cited: frozenset[str] | None, *requirements: str) -> Outcome:
        return outcome(tmp_path, ScriptedWorld({}, (), cited), requirements=list(requirements))

    assert found(frozenset({"6121-3.1.2-07"}), "6121-3.1.2-07") is PASSED
    assert found(frozenset(), "6121-3.1.2-07") is FAILED
    assert found(None, "6121-3.1.2-07") is PASSED
    assert found(frozenset(), "6121-1.3-01") is PASSED, "of scope host"
