"""The plugin of pytest, and the example of the README."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import pytest

from tests.xmpp_im_host.raw_client import PATIENCE, RawClient
from xmpp_im_host.configuration import BadConfiguration
from xmpp_im_host.pytest_plugin import RunningServer, running

README = Path(__file__).parents[2] / "xmpp_im_host" / "README.md"

pytest_plugins = ["pytester"]


def test_without_a_marker_the_server_has_no_accounts(xmpp_server: RunningServer) -> None:
    assert xmpp_server.add("romeo", "rosaline") == "romeo@localhost"
    with RawClient(xmpp_server) as client:
        client.log_in("romeo", "rosaline")
        xmpp_server.remove("romeo")
        assert client.next().name == "error"


@pytest.mark.xmpp_server(accounts={"romeo": "rosaline"}, domains=["montague.example", "capulet.example"])
def test_the_marker_has_the_accounts_and_the_settings(xmpp_server: RunningServer) -> None:
    assert xmpp_server.domain == "montague.example"
    assert xmpp_server.add("juliet@capulet.example", "balcony") == "juliet@capulet.example"
    with RawClient(xmpp_server) as client:
        client.log_in("romeo", "rosaline", tls=True)


def test_two_servers_run_side_by_side_and_leave_nothing_behind() -> None:
    with running({"romeo": "rosaline"}) as one, running() as other:
        assert one.port != other.port
        with RawClient(other) as client:
            client.open()
            assert client.authenticate("romeo", "rosaline").name == "failure"

    assert "xmpp_server" not in {thread.name for thread in threading.enumerate()}
    assert not Path(one.cafile).exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((one.host, one.port))


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(BadConfiguration, match=r"^limits.idle: "):
        running(limits={"idle": 1})


def test_a_server_that_cannot_start_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(Exception, match=rf"^listen.tcp: 127.0.0.1:{port}: "),
            running(listen={"tcp": [f"127.0.0.1:{port}"]}),
        ):
            pass


def test_another_listener_leaves_the_port_of_clients_free() -> None:
    found = running(listen={"websocket": ["127.0.0.1:0"]}).configuration.listen

    assert [str(each) for each in found.tcp] == ["127.0.0.1:0"]
    assert [str(each) for each in found.websocket] == ["127.0.0.1:0"]


def test_a_listener_that_is_no_table_is_named() -> None:
    with pytest.raises(BadConfiguration, match=r"^listen: "):
        running(listen=3)


class Dying(RunningServer):
    """A server that fails when it is told to stop."""

    async def _serve(self) -> None:
        await super()._serve()
        raise LookupError("why it died")


def test_a_server_that_died_says_why() -> None:
    async def stop() -> None:
        server.server.stopped.set()

    async def nothing() -> None:
        """Wait for a loop that does not run."""

    server = Dying(running().configuration, {})
    server.__enter__()
    server.run(stop())
    server._thread.join(PATIENCE)
    with pytest.raises(RuntimeError, match="the server has stopped") as caught:
        server.run(nothing())
    assert isinstance(caught.value.__cause__, LookupError)
    with pytest.raises(LookupError, match="why it died"):
        server.__exit__(None, None, None)


class Stuck(RunningServer):
    """A server that neither starts nor stops until it is let go."""

    patience = 0.01
    go = threading.Event()

    async def _serve(self) -> None:
        self.go.wait(PATIENCE)


def test_a_server_that_does_not_start_in_time_is_no_success() -> None:
    server = Stuck(running().configuration, {})
    try:
        with pytest.raises(TimeoutError, match="did not start"), server:
            pass
    finally:
        server.go.set()
        server._thread.join(PATIENCE)


class Lingering(RunningServer):
    """A server that does not stop until it is let go."""

    go = threading.Event()

    async def _serve(self) -> None:
        await super()._serve()
        self.go.wait(PATIENCE)


def test_a_server_that_does_not_stop_in_time_is_no_success() -> None:
    server = Lingering(running().configuration, {})
    try:
        with pytest.raises(TimeoutError, match="did not stop"), server:
            server.patience = 0.01
    finally:
        server.go.set()
        server._thread.join(PATIENCE)


def test_the_example_of_the_readme_passes(pytester: pytest.Pytester) -> None:
    (example,) = [each for each in re.findall(r"```python\n(.*?)```", README.read_text(), re.S) if "def test_" in each]
    pytester.makepyfile(example)

    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
