"""No password and no token stands in what the runner tells: failures, reports, errors in options, reprs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click
import pytest
from click.testing import CliRunner

from tests.conformance.live import ACCOUNTS, driving, result
from tests.conformance.loopback import Connection, Loopback, listening
from tests.conformance.stage import BALCONY, JULIET, receive, scenario, send
from tests.one_test import in_one_test
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.drivers.live import BadConfig, ComponentConfig, LiveConfig, LiveDriver, read_config
from xmpp_im_conformance.drivers.live.login import Login
from xmpp_im_conformance.drivers.live.options import live_config
from xmpp_im_conformance.drivers.redaction import command_in_words, hidden, hiding, secrets_of
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed, Setup
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_core.element import Element

PRESENCE: Final = (send("<presence/>"), receive(f"<presence from='{BALCONY}' to='{JULIET}'/>"))
TOKEN: Final = "tOkEn-4711"


@pytest.fixture
def vector(tmp_path: Path) -> Path:
    file = tmp_path / "vector.json"
    file.write_text(json.dumps(scenario(*PRESENCE, accounts=ACCOUNTS)), encoding="utf-8")
    return file


# --- a command of the server's ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        f"sh -c 'echo $0 $1 $2 >&2; exit 1' {{local}} {{password}} {TOKEN}",
        f"sh -c 'echo no token {TOKEN} is known; echo {{password}}; exit 1' {{local}}",
        f"sh -c 'echo \"Authorization: $1\"; exit 1' {{local}} 'Bearer {TOKEN}' {{password}}",
        f"sh -c 'exit 1' --token={TOKEN} {{password}}",
        f"no-such-command {TOKEN} {{password}}",
        f"TOKEN={TOKEN} adduser {{local}}",
    ],
    ids=["arguments", "script", "header", "option", "no such command", "assignment"],
)
def test_a_command_that_fails_shows_no_credential_anywhere(tmp_path: Path, vector: Path, command: str) -> None:
    reports = [tmp_path / f"report.{kind}" for kind in ("json", "junit", "html")]
    words = ["run", "--driver", "live", "--register-command", command, str(vector)]
    for report in reports:
        words += [f"--{report.suffix[1:]}", str(report)]
    noted: list[str] = []
    with listening(Loopback()) as server, pytest.MonkeyPatch.context() as patched:
        patched.setattr(LiveDriver, "__attrs_post_init__", noting(noted))
        done = CliRunner(env={"COLUMNS": "300"}).invoke(main, [*words, "--port", str(server.port)])

    assert done.exit_code == 2, done.output
    assert "registration does not work: " in done.output
    assert not any(report.exists() for report in reports)
    (password,) = noted
    assert TOKEN not in done.output
    assert password not in done.output


def noting(passwords: list[str]) -> Any:
    """Return what prepares a driver, and notes the password that it has chosen."""
    prepare = LiveDriver.__attrs_post_init__

    def prepared(driver: LiveDriver) -> None:
        prepare(driver)
        passwords.append(driver._password)

    return prepared


def test_what_a_command_said_stays_readable(tmp_path: Path) -> None:
    script = tmp_path / "adduser.sh"
    script.write_text("echo account $1 cannot be made with $2; exit 3", encoding="utf-8")
    with driving(Loopback(), register_command=f"sh {script} {{local}} {TOKEN}") as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.NOT_RUN
    assert f"sh {script} […]: exit status 3\naccount juliet-" in found.detail
    assert found.detail.endswith("x2 cannot be made with […]\n")


def test_the_end_of_the_output_of_a_command_is_shown(tmp_path: Path) -> None:
    command = "sh -c 'head -c 1000000 /dev/zero | tr \\\\0 x; exit 3'"
    with driving(Loopback(), register_command=command) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert "exit status 3\nxxx" in found.detail
    assert len(found.detail) < 3000


# --- options and files that are wrong -----------------------------------------------------------------------


@in_one_test(
    ("component", "wrong"),
    [
        (TOKEN, "PORT"),
        (f"remote.example:{TOKEN}", "PORT"),
        (f"remote.example:{TOKEN}:5347", "PORT"),
        (f":5347:{TOKEN}", "DOMAIN"),
        ("remote.example:5347:", "SECRET"),
    ],
)
def test_a_wrong_component_is_not_repeated(component: str, wrong: str) -> None:
    with pytest.raises(click.UsageError) as failed:
        live_config(None, (), component)

    assert failed.value.message == f"a component is DOMAIN:PORT:SECRET, and {wrong} is missing or wrong"


@in_one_test("option", ["register_command", "unregister_command"])
@in_one_test(
    "command", [f"adduser '{TOKEN}", f"adduser {{{TOKEN}}}", f'curl -d {{"token":"{TOKEN}"}}', f"a {{local.{TOKEN}}}"]
)
def test_a_command_that_cannot_be_filled_in_is_not_repeated(option: str, command: str) -> None:
    with pytest.raises(BadConfig) as failed:
        LiveConfig(**{option: command})  # type: ignore[arg-type]  # one of two that are text

    assert str(failed.value).startswith(f"{option}: ")
    assert TOKEN not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__


@pytest.mark.parametrize(
    "text",
    [
        f"component = 'remote.example:5347:{TOKEN}'",
        f"component = ['{TOKEN}']",
        f"[component]\nport = 5347\nsecret = '{TOKEN}'\nextra = 1",
        f"[component]\nport = '{TOKEN}'\nsecret = 'rose'",
        f"[component]\nport = 5347\nsecret = {TOKEN}",
        f"[component]\nport = 5347\nsecret = '{TOKEN}",
        f"register_command = 'adduser {{{TOKEN}}}'",
        f"timeout = '{TOKEN}'",
        f"tls = '{TOKEN}'",
    ],
)
def test_what_stands_in_a_wrong_file_is_not_repeated(tmp_path: Path, text: str) -> None:
    file = tmp_path / "live.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(BadConfig) as failed:
        read_config(file)

    assert TOKEN not in str(failed.value)
    assert TOKEN not in repr(failed.value.__cause__)


# --- what a server repeats ----------------------------------------------------------------------------------


def test_a_server_that_repeats_the_password_has_it_told_to_nobody(tmp_path: Path) -> None:
    passwords: list[str] = []

    def repeats(connection: Connection, element: Element) -> str | None:
        passwords.extend(connection.server.passwords.values())
        return None if element.name != "auth" else f"<{passwords[0]}<{element.text}<"

    server = Loopback(negotiates=repeats)
    with driving(server) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.NOT_RUN
    assert "the server has sent what is not XMPP" in found.detail
    assert passwords[0] not in found.detail
    assert "<[…]<[…]<" in found.detail


def test_a_server_that_repeats_the_secret_of_the_component_has_it_told_to_nobody(tmp_path: Path) -> None:
    with driving(Loopback(remote_answer=lambda element: "<rose<"), component=True) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert "the server has sent what is not XMPP" in found.detail
    assert "rose" not in found.detail


# --- a program on standard input and output -----------------------------------------------------------------


SAYS: Final = "import sys; input(); sys.stderr.write('refused: ' + sys.argv[1] + '\\n'); {}"


@pytest.fixture(params=["sys.exit(1)", "print(sys.argv)", 'print(\'{"id": 1, "error": "\' + sys.argv[1] + \'"}\')'])
def said(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Program]:
    file = tmp_path / "program.py"
    file.write_text(SAYS.format(request.param), encoding="utf-8")
    with closing(Program([sys.executable, str(file), TOKEN])) as program:
        yield program


def test_a_program_that_fails_shows_no_credential(said: Program) -> None:
    with pytest.raises(ServerFailed) as failed:
        said.ready()

    assert TOKEN not in str(failed.value)
    assert TOKEN not in said.about
    assert said.about.endswith("program.py […]")


def test_a_command_that_starts_nothing_is_named_without_its_arguments() -> None:
    with closing(Program(["no-such-command", TOKEN])) as program, pytest.raises(ServerFailed) as failed:
        program.ready()

    assert str(failed.value) == "no-such-command […] cannot be started: No such file or directory"


# --- reprs --------------------------------------------------------------------------------------------------


def test_no_repr_shows_a_credential() -> None:
    component = ComponentConfig(port=5347, secret=TOKEN)
    config = LiveConfig(component=component, register_command=f"add {TOKEN}", unregister_command=f"remove {TOKEN}")

    shown = [component, config, Login("juliet", "capulet.example", TOKEN), Program(["node", TOKEN])]

    assert [each for each in shown if TOKEN in repr(each)] == []


def test_no_repr_of_a_driver_or_a_world_shows_a_credential() -> None:
    with driving(Loopback()) as driver:
        world = driver.world(Setup({JULIET: ()}, remote=False))
        world.connect(BALCONY)
        shown = repr(driver) + repr(world)
        world.close()

    assert driver._password not in shown
    assert "Sessions(" in shown


# --- the parts ----------------------------------------------------------------------------------------------


def test_the_longest_secret_is_blanked_out_first() -> None:
    assert hidden("roses and rose", ["rose", "roses"]) == "[…] and […]"


@pytest.mark.parametrize("secret", ["", "a", "abc"])
def test_a_text_of_three_characters_is_no_secret(secret: str) -> None:
    assert hidden("abc a", [secret]) == "abc a"


def test_what_is_said_without_a_secret_is_said_as_it_was() -> None:
    problem = NotApplicable("the server does not bind it")
    with pytest.raises(NotApplicable) as raised, hiding([TOKEN]):
        raise problem

    assert raised.value is problem


def test_not_applicable_stays_so() -> None:
    with pytest.raises(NotApplicable, match=r"^no \[…\]$"), hiding([TOKEN]):
        raise NotApplicable(f"no {TOKEN}")


def test_arguments_that_are_files_are_told(tmp_path: Path) -> None:
    file = tmp_path / "server.js"
    file.touch()

    assert command_in_words(["node", str(file), "--token", TOKEN]) == f"node {file} […]"
    assert secrets_of(["node", str(file), f"--token={TOKEN}"]) == {f"--token={TOKEN}", "--token", TOKEN}
    assert command_in_words([f"TOKEN={TOKEN}", "node"]) == "[…]"
