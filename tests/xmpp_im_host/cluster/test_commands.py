"""The commands for accounts on PostgreSQL: with a server on the machine, with servers elsewhere, and without any."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.xmpp_im_host.cluster.servers import DOMAIN, PACE, Cluster
from tests.xmpp_im_host.cluster.talking import enter
from xmpp_im_host.command import main

pytestmark = pytest.mark.postgres

JULIET = f"juliet@{DOMAIN}"
DATA = {JULIET: {"roster": [{"jid": f"nurse@{DOMAIN}", "subscription": "both"}]}}

Command = Callable[..., Result]


@pytest.fixture
def command(uri: str, tmp_path: Path) -> Command:
    """Return what runs a command on a machine without a server."""

    file = tmp_path / "host.toml"
    file.write_text("".join(["[node]\n", *[f"{key} = {value}\n" for key, value in PACE.items()]]))

    def run(*words: str, input: str = "") -> Result:
        chosen = [
            "--config",
            str(file),
            "--engine",
            uri,
            "--domain",
            DOMAIN,
            "--database",
            str(tmp_path / "elsewhere.sqlite"),
        ]
        return CliRunner().invoke(main, [*words, *chosen], input=input)

    return run


def carry_out(command: Command) -> None:
    """Run each of the commands once."""
    assert command("user", "add", JULIET, input="secret\n").output == f"added {JULIET}\n"
    again = command("user", "add", JULIET, input="secret\n")
    assert (again.exit_code, again.output) == (1, f"Error: {JULIET} exists\n")
    assert command("user", "list").output == f"{JULIET}\n"
    assert command("user", "password", JULIET, input="other\n").output == f"set the password of {JULIET}\n"
    assert command("roster", "import", input=json.dumps(DATA)).output == f"imported {JULIET}\n"
    assert json.loads(command("roster", "export").output) == DATA
    assert json.loads(command("inspect", JULIET).output)["contacts"] == 1
    assert command("user", "remove", JULIET, "--yes").output == f"removed {JULIET}\n"
    assert command("user", "list").output == ""


def test_without_a_server_a_command_does_the_work_itself(command: Command) -> None:
    carry_out(command)


def test_servers_elsewhere_do_the_work_of_a_command(command: Command, uri: str, tmp_path: Path) -> None:
    with Cluster(uri=uri, folder=str(tmp_path)) as cluster:
        cluster.two()
        carry_out(command)


def test_a_session_ends_when_a_command_elsewhere_removes_its_account(
    command: Command, uri: str, tmp_path: Path
) -> None:
    with Cluster(uri=uri, folder=str(tmp_path)) as cluster:
        first, _ = cluster.two({"juliet": "secret"})
        with enter(first, "juliet") as juliet:
            assert command("user", "remove", JULIET, "--yes").exit_code == 0
            assert juliet.error() == "not-authorized"


def test_a_node_is_drained_and_taken_back(command: Command, uri: str, tmp_path: Path) -> None:
    with Cluster(uri=uri, folder=str(tmp_path)) as cluster:
        first, second = cluster.two()
        number = str(second.number)
        assert command("drain", number).stdout == f"node {number} is drained\n"
        assert {state["number"]: state["state"] for state in json.loads(command("nodes", "--json").stdout)} == {
            first.number: "serving",
            second.number: "drained",
        }
        assert len(first.owns()) == 256
        assert command("undrain", number).stdout == f"node {number} serves\n"
        cluster.until(lambda: second.owns() and len(first.owns() | second.owns()) == 256)
