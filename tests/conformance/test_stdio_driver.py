"""What a program is asked while vectors run, and what its answers mean."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tests.conformance.programs import CLIENT_OPS, HELLO, SERVER_OPS, asked, program
from tests.conformance.stage import BALCONY, CHAMBER, JULIET, ROMEO, closed, flush, receive, scenario, send
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.drivers.stdio.driver import StdioDriver
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run_vector

PASSED, FAILED, NOT_APPLICABLE = Outcome.PASSED, Outcome.FAILED, Outcome.NOT_APPLICABLE
CLIENT = {"title": "a client", "rfc": ["6121 2"], "account": JULIET}
VER = "<ver xmlns='urn:xmpp:features:rosterver'/>"


def results(tmp_path: Path, *vectors: Mapping[str, Any], **options: Any) -> list[Result]:
    """What becomes of vectors, one after the other, on one program."""
    file = tmp_path / "vector.json"
    found: list[Result] = []
    with closing(program(tmp_path, **options)) as each:
        for vector in vectors:
            file.write_text(json.dumps(vector), encoding="utf-8")
            (only,) = read_file(file, "vector")
            found.append(run_vector(only, StdioDriver(each)))
    assert not [result for result in found if "malformed vector" in result.detail], found
    return found


def result(tmp_path: Path, vector: Mapping[str, Any], **options: Any) -> Result:
    return results(tmp_path, vector, **options)[0]


# --- a server ---------------------------------------------------------------------------------------------


def test_a_scenario_is_asked_op_by_op(tmp_path: Path) -> None:
    vector = scenario(
        send("<presence/>"),
        {"remote_send": f"<presence from='{ROMEO}' to='{JULIET}'/>"},
        {"replace": BALCONY},
        {"detach": BALCONY},
        {"resume": BALCONY},
        {"disconnect": {"jid": BALCONY, "how": "abrupt"}},
        {"connect": BALCONY},
        {"disconnect": {"jid": BALCONY, "how": "clean"}},
        {"expire": BALCONY},
        {"restart": JULIET},
        {"storage_fails": {"of": JULIET, "what": "store"}},
        {"storage_waits": JULIET},
        {"storage_answers": JULIET},
        {"time": "2026-01-01T12:00:00+01:00"},
        {"account_created": "tybalt@capulet.example"},
        {"account_removed": "tybalt@capulet.example"},
        {"account_moved": {"of": JULIET, "to": "xmpp:juliet@x.example", "permanently": True}},
        {"items_shared": {"of": JULIET, "items": [{"jid": ROMEO, "subscription": "to"}]}},
        {"stanza_again": BALCONY},
        {"decide": {"at": JULIET, "request_from": ROMEO, "decision": "deny"}},
        {"roster": {"of": JULIET, "items": [{"jid": ROMEO, "subscription": "both", "groups": ["A", "B"]}]}},
        {"stream_features": {"at": BALCONY, "xml": VER}},
        {"binding_refused": {"jid": CHAMBER, "condition": "resource-constraint"}},
        accounts={JULIET: {"roster": [{"jid": ROMEO, "name": "Romeo"}]}, "nurse@capulet.example": {}},
        features=["rosterver"],
    )

    found = result(
        tmp_path,
        vector,
        roster=f"answer(roster=[{{'jid': '{ROMEO}', 'subscription': 'both', 'groups': ['B', 'A']}}])",
        stream_features=f'answer(stream_features=["{VER}"])',
        binding_refused="answer(condition='resource-constraint')",
    )

    assert found.outcome is PASSED, found.detail
    item = {
        "jid": ROMEO,
        "subscription": "none",
        "ask": False,
        "pending_in": None,
        "approved": False,
        "name": "Romeo",
        "groups": [],
        "listed": True,
    }
    assert asked(tmp_path) == [
        {"op": "hello", "protocol": 1},
        {
            "op": "begin",
            "accounts": {JULIET: {"roster": [item]}, "nurse@capulet.example": {"roster": []}},
            "features": ["rosterver"],
            "time": None,
        },
        {"op": "connect", "jid": BALCONY},
        {"op": "send", "from": BALCONY, "xml": "<presence/>"},
        {"op": "remote_send", "xml": f"<presence from='{ROMEO}' to='{JULIET}'/>"},
        {"op": "replace", "jid": BALCONY},
        {"op": "detach", "jid": BALCONY},
        {"op": "resume", "jid": BALCONY},
        {"op": "disconnect", "jid": BALCONY, "how": "abrupt"},
        {"op": "connect", "jid": BALCONY},
        {"op": "disconnect", "jid": BALCONY, "how": "clean"},
        {"op": "expire", "jid": BALCONY},
        {"op": "restart", "account": JULIET},
        {"op": "storage_fails", "account": JULIET, "what": "store"},
        {"op": "storage_waits", "account": JULIET},
        {"op": "storage_answers", "account": JULIET},
        {"op": "time", "time": "2026-01-01T11:00:00Z"},
        {"op": "account_created", "account": "tybalt@capulet.example"},
        {"op": "account_removed", "account": "tybalt@capulet.example"},
        {"op": "account_moved", "account": JULIET, "to": "xmpp:juliet@x.example", "permanently": True},
        {
            "op": "items_shared",
            "account": JULIET,
            "items": [{"jid": ROMEO, "subscription": "to", "name": "", "groups": []}],
        },
        {"op": "stanza_again", "jid": BALCONY},
        {"op": "decide", "account": JULIET, "request_from": ROMEO, "decision": "deny"},
        {"op": "roster", "account": JULIET},
        {"op": "stream_features", "jid": BALCONY},
        {"op": "binding_refused", "jid": CHAMBER},
    ]


def test_the_program_is_called_what_it_calls_itself_and_what_starts_it(tmp_path: Path) -> None:
    with closing(program(tmp_path)) as each:
        before = each.about
        each.ready()
        after = each.about

    started = f"{sys.executable} […] {tmp_path / 'program.py'}"
    assert (before, after) == (started, f"a small program 1.0 started by {started}")


def test_the_answer_delivers_all_received_stanzas(tmp_path: Path) -> None:
    vector = scenario(
        send("<presence/>"),
        receive("<message/>"),
        receive("<presence/>"),
        {"remote_receive": "<presence from='a@b'/>"},
        {"remote_receive": "<message><body>hi</body><x xmlns='urn:x'/></message>"},
    )
    come = {
        "deliver": [[BALCONY, "<message xmlns='jabber:client'/>"], [BALCONY, "<presence/>"]],
        "remote": [
            "<presence from='a@b'/>",
            "<message xmlns='jabber:server'><body>hi</body><x xmlns='urn:x'/></message>",
        ],
    }

    assert result(tmp_path, vector, send=f"answer(**{come})").outcome is PASSED
    assert result(tmp_path, vector).outcome is FAILED


def test_a_scenario_that_sets_a_time_begins_then(tmp_path: Path) -> None:
    vector = {**scenario(), "steps": [{"time": "2026-05-01T00:00:00Z"}, {"connect": BALCONY}]}
    timeless = {**HELLO, "server": {"ops": ["connect"], "features": []}}

    assert result(tmp_path, vector).outcome is PASSED
    assert asked(tmp_path)[1]["time"] == "2026-05-01T00:00:00Z"
    assert result(tmp_path, vector, hello=timeless).detail == "the program has no op 'time'"


def test_what_the_program_has_not_is_not_asked_for(tmp_path: Path) -> None:
    vectors = [
        scenario(features=["mam"]),
        scenario({"disconnect": {"jid": BALCONY, "how": "clean"}}),
        scenario({"roster": {"of": JULIET, "items": []}}),
        scenario({"stream_features": {"at": BALCONY, "xml": VER, "absent": True}}),
        scenario(),
    ]

    found = results(tmp_path, *vectors, hello={**HELLO, "server": {"ops": ["connect"], "features": []}})

    assert [(each.outcome, each.detail) for each in found] == [
        (NOT_APPLICABLE, "the feature 'mam' is not supported"),
        (NOT_APPLICABLE, "the program has no op 'disconnect'"),
        (NOT_APPLICABLE, "the program has no op 'roster'"),
        (NOT_APPLICABLE, "the program has no op 'stream_features'"),
        (PASSED, ""),
    ]
    assert {request["op"] for request in asked(tmp_path)} == {"hello", "begin", "connect"}


def test_the_program_may_refuse_a_scenario_from_the_beginning(tmp_path: Path) -> None:
    found = result(tmp_path, scenario(), begin="answer(not_applicable='one account only')")

    assert (found.outcome, found.detail) == (NOT_APPLICABLE, "one account only")


def test_a_stanza_for_a_session_that_never_was_is_not_lost_in_silence(tmp_path: Path) -> None:
    vector = scenario(send("<presence/>"), {"silent": [BALCONY]})

    found = result(tmp_path, vector, send=f"answer(deliver=[['{JULIET}/balkony', '<presence/>']])")

    assert found.outcome is FAILED
    assert found.detail.startswith(
        f"step 2 of 3 (send): the program's answer to 'send' delivers to {JULIET}/balkony, which has not connected\n"
    )


def test_the_answer_says_which_streams_were_closed(tmp_path: Path) -> None:
    def found(tells: bool, jid: str = BALCONY) -> tuple[Outcome, str]:
        hello = {**HELLO, "server": {"ops": SERVER_OPS, "features": [], "tells_closing": tells}}
        vector = scenario({"replace": BALCONY}, closed("conflict"))
        each = result(tmp_path, vector, hello=hello, replace=f"answer(closed=[['{jid}', 'conflict']])")
        return each.outcome, each.detail.partition("\n")[0]

    assert found(tells=True) == (PASSED, "")
    assert found(tells=False) == (NOT_APPLICABLE, "this driver cannot show how a server closes a stream")
    assert found(tells=True, jid=f"{JULIET}/balkony") == (
        FAILED,
        f"step 2 of 3 (replace): the program's answer to 'replace' closes {JULIET}/balkony, which has not connected",
    )


def test_malformed_xml_fails(tmp_path: Path) -> None:
    pending = [{"jid": ROMEO, "pending_in": "<presence"}]
    vector = scenario(send("<presence/>"), flush(), {"roster": {"of": JULIET, "items": []}})

    def detail(**does: str) -> str:
        return result(tmp_path, vector, **does).detail.splitlines()[0]

    assert detail(send=f"answer(deliver=[['{BALCONY}', '<presence>']])").startswith(
        f"step 2 of 4 (send): the program has sent {BALCONY} what is no XML element: not well-formed"
    )
    assert detail(send="answer(remote=['<a/><b/>'])").endswith(
        "what is no XML element: not exactly one element: <a/><b/>"
    )
    assert detail(roster=f"answer(roster={pending})").startswith(
        f"step 4 of 4 (roster): the program's request of {ROMEO} is no XML element: not well-formed"
    )


def test_a_roster_without_requests_is_compared_without_them(tmp_path: Path) -> None:
    request = f"<presence from='{ROMEO}' to='{JULIET}' type='subscribe'/>"
    vector = scenario({"roster": {"of": JULIET, "items": [{"jid": ROMEO, "pending_in": request}]}})
    blind = {**HELLO, "server": {"ops": SERVER_OPS, "features": []}}

    assert result(tmp_path, vector, roster="answer(roster=[])", hello=blind).outcome is PASSED
    assert result(tmp_path, vector, roster="answer(roster=[])").outcome is FAILED


def test_rules_are_looked_at_where_the_program_shows_them(tmp_path: Path) -> None:
    vector = {**scenario(), "requirements": ["6121-3.1.6-07"]}
    seeing = {**HELLO, "server": {"ops": ["connect", "obeyed"], "features": []}}

    def outcome(obeyed: str) -> Outcome:
        return result(tmp_path, vector, hello=seeing, obeyed=f"answer(requirements=[{obeyed}])").outcome

    assert result(tmp_path, vector).outcome is PASSED
    assert outcome("'6121-3.1.6-07'") is PASSED
    assert outcome("") is FAILED


def test_one_vector_fails_and_the_others_go_on(tmp_path: Path) -> None:
    vector = scenario(send("<presence/>"))
    once = f"os.path.exists('{tmp_path}/once') or (open('{tmp_path}/once', 'w'), sys.exit(7)); answer()"

    found = results(tmp_path, scenario(), vector, vector, scenario(), send=once)

    assert [each.outcome for each in found] == [PASSED, FAILED, PASSED, PASSED]
    assert found[1].detail == (
        "step 2 of 2 (send): the program ended with status 7 instead of answering 'send'\n"
        "what happened:\n"
        f"  step 1 of 2 (connect): {BALCONY}\n"
        f"  step 2 of 2 (send): {BALCONY} sends <presence/>"
    )


# --- a client ---------------------------------------------------------------------------------------------


def test_a_client_scenario_is_asked_op_by_op(tmp_path: Path) -> None:
    vector = {
        **CLIENT,
        "stream_features": [VER],
        "cache": {"ver": "v1", "items": [{"jid": ROMEO}]},
        "steps": [
            {"client_does": {"action": "set_item", "jid": ROMEO, "groups": ["A"]}},
            {"client_sends": "<presence/>"},
            {"from_server": "<message/>"},
            {"expect_sent": "<iq type='get' id='1'/>"},
            {"expect_event": {"type": "available", "jid": ROMEO}},
            {"expect_roster": [{"jid": ROMEO, "approved": True}]},
            {"expect_ver": None},
            {"expect_presence": {"jid": ROMEO, "best": "a", "resources": {"a": {"priority": 3}, "b": {"show": "xa"}}}},
        ],
    }

    found = result(
        tmp_path,
        vector,
        client_does="answer(sent=[\"<iq type='get' id='1'/>\"])",
        from_server=f"answer(events=[{{'type': 'available', 'jid': '{ROMEO}', 'resource': 'orchard'}}])",
        client_roster=f"answer(roster=[{{'jid': '{ROMEO}', 'approved': True}}])",
        client_ver="answer(ver=None)",
        client_presence="answer(resources=[{'name': 'a', 'priority': 3}, {'name': 'b', 'show': 'xa'}])",
    )

    assert found.outcome is PASSED, found.detail
    item = {
        "jid": ROMEO,
        "subscription": "none",
        "ask": False,
        "pending_in": None,
        "approved": False,
        "name": "",
        "groups": [],
        "listed": True,
    }
    begin = {
        "op": "begin_client",
        "account": JULIET,
        "resource": "balcony",
        "stream_features": ['<ver xmlns="urn:xmpp:features:rosterver"/>'],
        "cache": {"ver": "v1", "items": [item]},
        "features": [],
    }
    # Before anything arrives, the runner notes what it might change.
    noted = [{"op": "client_roster"}, {"op": "client_ver"}]
    assert asked(tmp_path) == [
        {"op": "hello", "protocol": 1},
        begin,
        {"op": "client_does", "action": "set_item", "arguments": {"jid": ROMEO, "groups": ["A"]}},
        {"op": "client_sends", "xml": "<presence/>"},
        *noted,
        {"op": "from_server", "xml": "<message/>"},
        {"op": "client_roster"},
        {"op": "client_ver"},
        {"op": "client_presence", "jid": ROMEO},
    ]


def test_a_missing_feature_of_a_client_is_not_applicable(tmp_path: Path) -> None:
    vectors: list[dict[str, Any]] = [
        {**CLIENT, "steps": [{"client_does": {"action": "get_roster"}}]},
        {**CLIENT, "steps": [{"client_sends": "<presence/>"}, {"expect_event": {"type": "changed"}}]},
        {**CLIENT, "steps": [{"client_sends": "<presence/>"}]},
    ]

    found = results(tmp_path, *vectors, client_does="answer(not_applicable='it has no rosters')")

    assert [(each.outcome, each.detail) for each in found] == [
        (NOT_APPLICABLE, "it has no rosters"),
        (NOT_APPLICABLE, "the client tells no event 'changed'"),
        (PASSED, ""),
    ]
    opless = {**HELLO, "client": {"ops": [op for op in CLIENT_OPS if op != "client_sends"], "events": []}}
    assert result(tmp_path, vectors[2], hello=opless).detail == "the program has no op 'client_sends'"


def test_a_client_is_asked_for_the_features_that_it_says_it_has_and_for_no_others(tmp_path: Path) -> None:
    vector = {**CLIENT, "features": ["roster-manager"], "steps": [{"client_sends": "<presence/>"}]}
    trusting = {**HELLO, "client": {"ops": CLIENT_OPS, "events": [], "features": ["roster-manager"]}}

    assert result(tmp_path, vector).detail == "the feature 'roster-manager' is not supported"
    assert [each["op"] for each in asked(tmp_path)] == ["hello"]
    assert result(tmp_path, vector, hello=trusting).outcome is PASSED
    begun = [each for each in asked(tmp_path) if each["op"] == "begin_client"]
    assert [each["features"] for each in begun] == [["roster-manager"]]


def client_hello(**changes: Any) -> dict[str, Any]:
    return {**HELLO, "client": {"ops": CLIENT_OPS, "events": ["available"], **changes}}


def test_a_client_without_a_roster_can_still_be_seen_to_ignore_a_stanza(tmp_path: Path) -> None:
    ops = [op for op in CLIENT_OPS if op not in ("client_roster", "client_ver")]
    told = "answer(events=[{'type': 'available'}])"

    def found(stanza: str, answer: str = "answer()", *events: str) -> tuple[Outcome, str]:
        vector = {**CLIENT, "steps": [{"from_server": stanza}, {"expect_ignored": True}]}
        hello = client_hello(ops=ops, events=events or ("available",))
        one = result(tmp_path, vector, hello=hello, from_server=answer)
        return one.outcome, one.detail.splitlines()[0] if one.detail else ""

    push = "<iq type='set' id='p'><query xmlns='jabber:iq:roster'/></iq>"
    no_sign = "the client does not show whether it has accepted"
    assert found("<presence/>") == (PASSED, "")
    assert found("<presence/>", told)[0] is FAILED
    assert found(push, told, "available", "item_updated")[0] is FAILED
    assert found(push, "answer()", "item_updated") == (PASSED, "")
    assert found("<message/>") == (NOT_APPLICABLE, f"{no_sign} a message: it tells no event 'message'")
    assert found("<iq type='result' id='1'/>") == (
        NOT_APPLICABLE,
        f"{no_sign} an answer: it tells no event 'answered'",
    )
    pushed = "it tells no event 'item_added' or 'item_updated' or 'item_removed'"
    assert found(push) == (NOT_APPLICABLE, f"{no_sign} a roster push: {pushed}")


def test_a_client_that_refuses_no_stanza_of_its_application_need_not_do_so(tmp_path: Path) -> None:
    nothing = {"expect_nothing_sent": True}
    refusal = {**CLIENT, "steps": [{"client_sends": "<presence/>"}, nothing]}
    later = {**CLIENT, "steps": [{"client_sends": "<presence/>"}, {"expect_sent": "<presence/>"}, nothing]}
    sends = "answer(sent=['<presence/>'])"

    assert result(tmp_path, refusal, client_sends=sends).outcome is FAILED
    lenient = result(tmp_path, refusal, client_sends=sends, hello=client_hello(refuses=False))
    assert lenient.outcome is NOT_APPLICABLE
    assert lenient.detail == "the client sends what its application hands over, and refuses nothing"
    twice = result(tmp_path, later, client_sends="answer(sent=['<presence/>'] * 2)", hello=client_hello(refuses=False))
    assert twice.outcome is FAILED


def test_a_client_is_asked_for_the_actions_that_it_says_it_has_alone(tmp_path: Path) -> None:
    vector = {**CLIENT, "steps": [{"client_does": {"action": "get_roster"}}]}

    assert result(tmp_path, vector, hello=client_hello(actions=["get_roster"])).outcome is PASSED
    found = result(tmp_path, vector, hello=client_hello(actions=["presence"]))
    assert (found.outcome, found.detail) == (NOT_APPLICABLE, "the client has no action 'get_roster'")


def test_a_detail_that_the_events_of_a_client_never_have_is_not_looked_at(tmp_path: Path) -> None:
    event = {"type": "available", "jid": ROMEO, "extensions": 1}
    vector = {**CLIENT, "steps": [{"client_sends": "<presence/>"}, {"expect_event": event}]}

    def found(told: str, *untold: str) -> Outcome:
        answer = f"answer(events=[{{'type': 'available', 'jid': '{told}'}}])"
        return result(tmp_path, vector, hello=client_hello(untold=untold), client_sends=answer).outcome

    assert found(ROMEO, "extensions") is PASSED
    assert found(ROMEO) is FAILED
    assert found(JULIET, "extensions") is FAILED


def test_the_answer_to_a_stanza_without_from_may_be_addressed_to_the_account(tmp_path: Path) -> None:
    def found(from_: str, to: str) -> Outcome:
        push, sent = f"<iq type='set' id='p'{from_}/>", {"expect_sent": "<iq type='result' id='p'/>"}
        vector = {**CLIENT, "steps": [{"from_server": push}, sent]}
        answer = f"""answer(sent=["<iq type='result' id='p' to='{to}'/>"])"""
        roster, ver = "answer(roster=[])", "answer(ver=None)"
        return result(tmp_path, vector, from_server=answer, client_roster=roster, client_ver=ver).outcome

    assert found("", JULIET) is PASSED
    assert found("", ROMEO) is FAILED
    assert found(f" from='{ROMEO}'", JULIET) is FAILED


def test_a_subscription_that_a_server_must_ignore_in_a_roster_set_does_not_count(tmp_path: Path) -> None:
    def found(kind: str, expected: str, came: str) -> Outcome:
        iq = "<iq type='{}'><query xmlns='jabber:iq:roster'><item jid='a@b'{}/></query></iq>"
        sent = {"expect_sent": iq.format(kind, expected and f" subscription='{expected}'")}
        vector = {**CLIENT, "steps": [{"client_does": {"action": "set_item", "jid": "a@b"}}, sent]}
        stanza = iq.format(kind, f" subscription='{came}'")
        return result(tmp_path, vector, client_does=f"answer(sent=[{stanza!r}])").outcome

    assert found("set", "", "both") is PASSED
    assert found("set", "", "remove") is FAILED
    assert found("set", "remove", "remove") is PASSED
    assert found("result", "", "both") is FAILED


def test_a_client_that_breaks_has_failed_and_is_started_anew(tmp_path: Path) -> None:
    vector = {**CLIENT, "steps": [{"client_sends": "<presence/>"}]}

    found = results(tmp_path, vector, vector, client_sends="sys.exit(7)")

    assert [each.outcome for each in found] == [FAILED, FAILED]
    for each in found:
        assert each.detail.startswith(
            "step 1 of 1 (client_sends): the program ended with status 7 instead of answering 'client_sends'"
        )


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_runs_vectors_on_a_program(tmp_path: Path) -> None:
    vectors = tmp_path / "vectors"
    vectors.mkdir()
    good, wrong = scenario(), scenario(send("<presence/>"), receive("<presence/>"))
    for name, vector in {"a": good, "b": wrong, "c": good, "d": scenario(features=["mam"])}.items():
        (vectors / f"{name}.json").write_text(json.dumps(vector), encoding="utf-8")
    program(tmp_path, send="sys.exit(7)").close()
    command = f"'{sys.executable}' -IS '{tmp_path}/program.py'"

    def command_line(*options: str) -> Any:
        return CliRunner().invoke(main, ["run", "--driver", "stdio", *options, str(vectors)])

    done = command_line("--command", command, "--timeout", "60")
    limited = command_line("--command", command, "--timeout", "60", "--restarts", "0")

    assert done.exit_code == 1
    assert "2 passed, 1 failed, 1 not applicable" in done.output
    assert str(vectors / "b.json") in done.output
    assert "step 2 of 3 (send): the program ended with status 7 instead of answering 'send'" in done.output
    assert "1 passed, 3 failed, 0 not applicable" in limited.output
    assert "before the first step: the program has been started again 0 times, which is the limit" in limited.output


def test_the_command_says_what_it_needs(tmp_path: Path) -> None:
    file = tmp_path / "vector.json"
    file.write_text(json.dumps(scenario()), encoding="utf-8")

    def usage(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["run", str(file), "--driver", "stdio", *options])
        return done.exit_code, done.output

    code, output = usage()
    assert (code, "--driver stdio needs --command: what starts the program" in output) == (2, True)
    code, output = usage("--command", "'unfinished")
    assert (code, "--command cannot be split into words: No closing quotation" in output) == (2, True)
