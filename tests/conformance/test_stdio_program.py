"""A program under test may break in every way there is: the runner says how, and goes on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.programs import asked, program
from xmpp_im_conformance.drivers.stdio import program as module
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed


def failure(each: Program, op: str = "time", kind: str = "server_acted") -> str:
    """How a program fails to answer, once it runs."""
    each.ready()
    with pytest.raises(ServerFailed) as failed:
        each.ask(op, kind, time="2026-01-01T00:00:00Z")
    return str(failed.value)


def hellos(folder: Path) -> int:
    """How often it has been started."""
    return len([request for request in asked(folder) if request["op"] == "hello"])


# --- a program that behaves -------------------------------------------------------------------------------


def test_it_says_what_it_can_do_once(tmp_path: Path) -> None:
    with closing(program(tmp_path)) as each:
        can = each.ready()
        each.ask("time", "server_acted", time="2026-01-01T00:00:00Z")

        assert each.ready() is can
        assert (can.name, can.version) == ("a small program", "1.0")
        assert can.as_server().features == {"rosterver"}
        assert can.as_client().events == {"available"}
    assert asked(tmp_path) == [
        {"op": "hello", "protocol": 1},
        {"op": "time", "time": "2026-01-01T00:00:00Z"},
    ]


def test_an_answer_comes_back_as_it_stands(tmp_path: Path) -> None:
    with closing(program(tmp_path, roster="answer(roster=[{'jid': 'ü@x.example'}])")) as each:
        each.ready()

        answer = each.ask("roster", "roster", account="juliet@capulet.example")

    assert answer == {"id": 2, "roster": [{"jid": "ü@x.example"}]}


def test_what_it_cannot_do_is_not_applicable_and_it_runs_on(tmp_path: Path) -> None:
    with closing(program(tmp_path, time="answer(not_applicable='the clock is on the wall')")) as each:
        each.ready()
        with pytest.raises(NotApplicable, match=r"^the clock is on the wall$"):
            each.ask("time", "server_acted", time="2026-01-01T00:00:00Z")

        assert each.ask("begin", "server_acted", accounts={}, features=[], time=None) == {"id": 3}
    assert hellos(tmp_path) == 1


def test_it_plays_what_it_says_it_plays(tmp_path: Path) -> None:
    with closing(program(tmp_path, hello={"protocol": 1, "name": "nobody"})) as each:
        can = each.ready()

        with pytest.raises(NotApplicable, match=r"^nobody plays no server$"):
            can.as_server()
        with pytest.raises(NotApplicable, match=r"^nobody plays no client$"):
            can.as_client()


# --- a program that fails ---------------------------------------------------------------------------------


def test_an_error_fails_and_the_program_runs_on(tmp_path: Path) -> None:
    with closing(program(tmp_path, time="answer(error='it is late')")) as each:
        assert failure(each) == "the program failed to do 'time': it is late"

        each.ready()
    assert hellos(tmp_path) == 1


@pytest.mark.parametrize(
    ("kind", "answer", "wrong"),
    [
        ("server_acted", "deliver='all'", "deliver: 'all' is not of type 'array'"),
        ("server_acted", "deliver=[['a@x/y']]", "deliver, item 1: ['a@x/y'] is too short"),
        ("server_acted", "deliver=[['a@x', '<a/>']]", "deliver, item 1, item 1: 'a@x' is not a full JID"),
        ("server_acted", "remote=['hi']", "remote, item 1: 'hi' is not one XML element, as text"),
        ("server_acted", "delivered=[]", "unknown key 'delivered'"),
        ("server_acted", "error=5", "error: 5 is not of type 'string'"),
        ("server_acted", "not_applicable=''", "not_applicable: '' should be non-empty"),
        ("roster", "", "'roster' is a required property"),
        ("roster", "roster=[{'name': 'Romeo'}]", "roster, item 1: 'jid' is a required property"),
        ("client_acted", "events=[{'jid': 'a@x'}]", "events, item 1: 'type' is a required property"),
        ("client_ver", "ver=1", "ver: 1 is not of type 'string', 'null'"),
    ],
)
def test_an_answer_of_another_form_fails_and_the_program_runs_on(
    tmp_path: Path, kind: str, answer: str, wrong: str
) -> None:
    with closing(program(tmp_path, time=f"answer({answer})")) as each:
        assert failure(each, kind=kind) == f"the program's answer to 'time' is malformed: {wrong}"

        each.ready()
    assert hellos(tmp_path) == 1


@pytest.mark.parametrize(
    ("hello", "wrong"),
    [
        ({"name": "old"}, "'protocol' is a required property"),
        ({"protocol": 2, "name": "new"}, "protocol: 1 was expected"),
        ({"protocol": 1, "name": "x", "server": {"ops": ["connekt"], "features": []}}, "server, ops, item 1: "),
        ({"protocol": 1, "name": "x", "server": {"ops": [], "features": ["roses"]}}, "server, features, item 1: "),
    ],
)
def test_a_hello_of_another_form_fails(tmp_path: Path, hello: dict[str, Any], wrong: str) -> None:
    with closing(program(tmp_path, hello=hello)) as each, pytest.raises(ServerFailed) as failed:
        each.ready()

    assert str(failed.value).startswith(f"the program's answer to 'hello' is malformed: {wrong}")


# --- a program that breaks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "how"),
    [
        ("sys.exit(3)", "the program ended with status 3 instead of answering 'time'"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the program was ended by SIGSEGV instead of answering 'time'"),
        (
            "sys.stdout.write('{'); sys.stdout.flush(); os._exit(0)",
            "the program ended with status 0 in the middle of the line '{' instead of answering 'time'",
        ),
        ("print('Started.', flush=True)", "the program wrote a line that is not JSON (Expecting value"),
        ("print('[' * 100000, flush=True)", "the program wrote a line that is not JSON (maximum recursion"),
        ("print('[1, 2]', flush=True)", "the program wrote a line that is not a JSON object: '[1, 2]'"),
        ("print(flush=True)", "the program wrote a line that is not JSON"),
        ("answer(error='\\ud800')", "the program wrote a line that is not JSON ('utf-8' codec can't encode"),
        ("os.write(1, b'\\xff\\n')", "the program wrote a line that is not JSON ('utf-8' codec can't decode"),
        ("print('{}', flush=True)", "the program answered 'time', request 2, with the id None"),
        ("request['id'] -= 1; answer()", "the program answered 'time', request 2, with the id 1"),
        ("print('x' * 5_000_000, flush=True)", "the program answered 'time' with a line of more than 4,194,304 bytes"),
    ],
)
def test_a_program_that_breaks_is_started_anew(tmp_path: Path, does: str, how: str) -> None:
    with closing(program(tmp_path, time=does)) as each:
        message = failure(each)

        assert message.startswith(how), message
        assert each.ready().name == "a small program"
    assert hellos(tmp_path) == 2


def test_an_answer_too_many_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    with closing(program(tmp_path, begin="answer(); answer()")) as each:
        each.ready()
        each.ask("begin", "server_acted", accounts={}, features=[], time=None)

        assert failure(each).startswith("the program answered 'time', request 3, with the id 2")


def test_a_program_that_hangs_is_not_waited_for_longer_than_asked(tmp_path: Path) -> None:
    with closing(program(tmp_path, time="time.sleep(3600)")) as each:
        each.ready()
        each.timeout = 0.05
        assert failure(each).startswith("the program gave no answer to 'time' within 0.05 s")

        each.timeout = 60
        each.ready()
    assert hellos(tmp_path) == 2


def test_a_program_that_has_closed_its_output_and_lives_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAVE", 0.05)
    with closing(program(tmp_path, time="os.close(1); time.sleep(3600)")) as each:
        message = failure(each)

    assert message.startswith("the program closed its standard output instead of answering 'time'")


def test_a_program_that_does_not_read_is_not_waited_for_either(tmp_path: Path) -> None:
    with closing(program(tmp_path, begin="answer(); time.sleep(3600)")) as each:
        each.ready()
        each.ask("begin", "server_acted", accounts={}, features=[], time=None)
        each.timeout = 0.05
        with pytest.raises(ServerFailed, match=r"^the program gave no answer to 'send' within 0\.05 s"):
            each.ask("send", "server_acted", **{"from": "a@x/y"}, xml="<presence/>" * 1_000_000)


def test_a_program_that_does_not_end_by_itself_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAVE", 0.05)
    each = program(tmp_path, time="answer(); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)")
    each.ready()
    each.ask("time", "server_acted", time="2026-01-01T00:00:00Z")

    each.close()

    with pytest.raises(ServerFailed, match=r"^the program does not run$"):
        each.ask("time", "server_acted", time="2026-01-01T00:00:00Z")


def test_a_program_is_restarted_a_bounded_number_of_times(tmp_path: Path) -> None:
    with closing(program(tmp_path, restarts=2, time="sys.exit()")) as each:
        for _ in range(3):
            assert failure(each).startswith("the program ended with status 0")

        with pytest.raises(ServerFailed, match=r"^the program has been started again 2 times, which is the limit$"):
            each.ready()
    assert hellos(tmp_path) == 3


def test_a_command_that_leads_nowhere(tmp_path: Path) -> None:
    with (
        closing(Program([str(tmp_path / "nothing"), "here"])) as each,
        pytest.raises(ServerFailed, match=r"/nothing \[…\] cannot be started: No such file"),
    ):
        each.ready()


# --- what it writes to its standard error -----------------------------------------------------------------


def test_the_failure_shows_the_last_output_of_the_program(tmp_path: Path) -> None:
    complaint = "print('no such\\nthing', file=sys.stderr); sys.exit(1)"
    with closing(program(tmp_path, time=complaint)) as each:
        assert failure(each) == (
            "the program ended with status 1 instead of answering 'time'\n"
            "its standard error ended with:\n"
            "  no such\n"
            "  thing"
        )


def test_any_amount_of_output_is_read_and_little_is_kept(tmp_path: Path) -> None:
    complaint = "sys.stderr.write('x' * 1_000_000 + 'the end'); sys.stderr.flush(); os._exit(1)"
    with closing(program(tmp_path, time=complaint)) as each:
        message = failure(each)

    assert message.endswith("xxthe end")
    assert len(message) < 5_000


def test_output_of_one_scenario_is_not_blamed_on_the_next(tmp_path: Path) -> None:
    complaint = "print('hm', file=sys.stderr, flush=True); answer(error='no')"
    with closing(program(tmp_path, time=complaint, roster="answer(error='no')")) as each:
        assert failure(each).endswith("its standard error ended with:\n  hm")
        assert failure(each, op="roster") == "the program failed to do 'roster': no"
