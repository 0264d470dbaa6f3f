"""The command ``xmpp-im-explain``: what it prints, what it says of bad files, and what it imports."""

from __future__ import annotations

import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from attrs import evolve, frozen

from tests.explain.test_explanation import BALCONY, NOON, ROMEO, account, balcony, sends
from tests.one_test import in_one_test
from xmpp_im_core.explain import explain
from xmpp_im_core.explain.command import EXTENSION_NAMES, main
from xmpp_im_core.explain.log_explaining import EXTENSIONS as MACHINES
from xmpp_im_core.extensions import carbons
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact
from xmpp_im_core.server.accounts.machine import PLAIN, Beside
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.events import Event, Inbound, SessionEnded
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import hosting
from xmpp_im_core.server.state import State
from xmpp_im_core.snapshot import FORMAT, to_text
from xmpp_im_core.stanza import Message
from xmpp_im_core.subscription import Subscription

JULIET_BEFORE = account(Contact(ROMEO, Subscription.BOTH, version=1), sessions=(balcony(),))
EVENTS: tuple[Event, ...] = (sends(None), SessionEnded(NOON, "e2", BALCONY))


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(state: object = JULIET_BEFORE, events: tuple[object, ...] = EVENTS) -> list[str]:
    Path("juliet.json").write_text(to_text(state), encoding="utf-8")
    Path("juliet.log").write_text("".join(FORMAT.write_log(events)), encoding="utf-8")
    return ["juliet.json", "juliet.log"]


@frozen
class Done:
    exit_code: int
    output: str


def run(*arguments: str) -> Done:
    printed = StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            main(arguments)
        except SystemExit as end:
            if isinstance(end.code, str):
                return Done(1, f"{printed.getvalue()}{end.code}\n")
            return Done(int(end.code or 0), printed.getvalue())
    return Done(0, printed.getvalue())


def test_every_event_is_explained_in_turn() -> None:
    result = run(*files())

    between = reduce(JULIET_BEFORE, EVENTS[0]).state
    assert result.exit_code == 0
    assert result.output == f"1. {explain(JULIET_BEFORE, EVENTS[0])}\n\n2. {explain(between, EVENTS[1])}\n\n"


def test_one_event_can_be_asked_for() -> None:
    result = run(*files(), "--event", "2")

    assert result.output.startswith("2. juliet@capulet.example, event e2")
    assert "event e1" not in result.output


def test_an_event_that_is_not_there_is_an_error() -> None:
    result = run(*files(), "--event", "3")

    assert result.exit_code == 1
    assert "juliet.log: there is no event 3; the last one is 2" in result.output


def test_a_policy_can_be_given() -> None:
    message = Message(parse_address("juliet@capulet.example"), parse_address(ROMEO), type="chat")
    arguments = files(account(), (Inbound(NOON, "e1", message),))
    Path("policy.json").write_text(to_text(Policy(offline_messages=False)), encoding="utf-8")

    stored = run(*arguments)
    bounced = run(*arguments, "--policy", "policy.json")

    assert "put offline e1" in stored.output
    assert 'route message of type "error" from juliet@capulet.example' in bounced.output


def test_the_log_of_a_service_is_explained_account_by_account() -> None:
    accounts: FrozenMap[State] = FrozenMap({"juliet@capulet.example": JULIET_BEFORE})
    service = evolve(hosting("capulet.example"), accounts=accounts)

    everything = run(*files(service, tuple(ForAccount("juliet@capulet.example", event) for event in EVENTS)))
    nobody = run("juliet.json", "juliet.log", "--account", ROMEO)

    assert everything.output.count("juliet@capulet.example, event e") == 2
    assert (nobody.exit_code, nobody.output) == (0, "")


def test_the_names_of_extensions_come_from_their_user() -> None:
    start = carbons(PLAIN).start(JULIET_BEFORE.jid)
    state = Beside(start.name, start.own, JULIET_BEFORE)

    with_them = run(*files(state), "--extension", "carbons", "--extension", "last-activity")
    without = run("juliet.json", "juliet.log")

    assert with_them.output.count("juliet@capulet.example, event e") == 2
    assert without.exit_code == 1
    assert "the state belongs to an account with carbons, the machine runs a plain account" in without.output


@in_one_test(
    ("snapshot", "log", "said"),
    [
        ("{", "", "juliet.json: $: is not JSON"),
        (to_text(EVENTS[0]), "", "juliet.json: $: Outbound is not a state of an account"),
        (to_text(JULIET_BEFORE), "nonsense", "juliet.log: line 1: $: is not JSON"),
        (to_text(JULIET_BEFORE), to_text(JULIET_BEFORE), "event 1: Account is no event of an account"),
        (to_text(hosting("capulet.example")), to_text(EVENTS[0]), "event 1: Outbound is no event of a service"),
    ],
)
def test_malformed_files_are_refused_by_name_and_position(snapshot: str, log: str, said: str) -> None:
    Path("juliet.json").write_text(snapshot, encoding="utf-8")
    Path("juliet.log").write_text(log, encoding="utf-8")

    result = run("juliet.json", "juliet.log")

    assert result.exit_code == 1
    assert f"Error: {said}" in result.output


def test_a_file_that_is_no_text_or_no_policy_is_refused() -> None:
    arguments = files()
    Path("policy.json").write_bytes(b"\xff\xfe")

    no_text = run(*arguments, "--policy", "policy.json")
    no_policy = run(*arguments, "--policy", "juliet.json")

    assert "Error: policy.json: 'utf-8' codec can't decode" in no_text.output
    assert "Error: juliet.json: $: Account is no policy" in no_policy.output


def test_the_help_says_what_goes_in() -> None:
    result = run("--help")

    assert "SNAPSHOT is a file with the state before the first event" in result.output
    assert "xmpp-im-explain juliet.json juliet.log --event 3" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--event", "0"], "argument --event: '0' is not the number of an event"),
        (["--event", "two"], "argument --event: 'two' is not the number of an event"),
        (["--extension", "mam"], "invalid choice: 'mam'"),
    ],
)
def test_wrong_arguments_end_with_status_2(arguments: list[str], said: str) -> None:
    result = run(*files(), *arguments)

    assert result.exit_code == 2
    assert said in result.output


def test_a_file_that_is_not_there_is_named() -> None:
    result = run(*files()[:1], "nowhere.log")

    assert result.exit_code == 1
    assert "Error: nowhere.log: [Errno 2] No such file" in result.output


def test_a_hyphen_is_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, log = files()
    whole = run(snapshot, log)
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(Path(log).read_bytes())))

    assert run(snapshot, "-") == whole
    assert whole.exit_code == 0


def test_the_extensions_that_can_be_named_are_those_there_are() -> None:
    assert sorted(MACHINES) == sorted(EXTENSION_NAMES)


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_nothing_of_the_server_half(argument: str) -> None:
    code = (
        "import sys\nfrom xmpp_im_core.explain.command import main\n"
        f"try: main([{argument!r}])\n"
        "except SystemExit: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    imported = done.stdout.splitlines()[-1].split()
    assert [name for name in imported if name.partition(".")[0] in ("attr", "attrs", "cattrs", "hypothesis")] == []
    assert sorted(name for name in imported if name.startswith("xmpp_im_core")) == [
        "xmpp_im_core",
        "xmpp_im_core.explain",
        "xmpp_im_core.explain.command",
    ]


def test_what_the_package_does_not_have_cannot_be_imported() -> None:
    with pytest.raises(ImportError, match="cannot import name 'explained'"):
        from xmpp_im_core.explain import explained  # noqa: F401


def test_the_version_is_that_of_the_distribution() -> None:
    result = run("--version")

    assert result == Done(0, f"xmpp-im-explain, version {version('xmpp_im_core')}\n")
