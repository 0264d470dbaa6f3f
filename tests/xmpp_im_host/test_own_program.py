"""``XMPPServer`` in another program: direct TLS, another event loop, and the example of the README."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_host.configuration import read_configuration
from xmpp_im_host.network.listeners import CannotListen
from xmpp_im_host.pytest_plugin import RunningServer
from xmpp_im_host.server import XMPPServer

README = Path(__file__).resolve().parents[2] / "xmpp_im_host" / "README.md"


class OnAnotherLoop(RunningServer):
    """A server on uvloop."""

    def _main(self) -> None:
        uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._started.set()


def configuration(**settings: Any) -> Any:
    return read_configuration({"in_memory": True, "drain_seconds": 1, **settings})


def test_direct_tls() -> None:
    listen = {"tcp": ["127.0.0.1:0"], "tls": ["127.0.0.1:0"]}
    with RunningServer(configuration(listen=listen), {"juliet": "balcony"}) as server:
        port = server.server.address("tls").port
        with RawClient(server, port, direct=True) as juliet:
            assert isinstance(juliet.socket, ssl.SSLSocket)
            juliet.log_in("juliet", "balcony").settle()


def test_what_waits_for_a_client_that_reads_slowly_through_tls_is_known() -> None:
    listen = {"tcp": ["127.0.0.1:0"], "tls": ["127.0.0.1:0"]}
    with RunningServer(configuration(listen=listen), {"juliet": "balcony"}) as server:
        port = server.server.address("tls").port
        with RawClient(server, port, direct=True) as juliet:
            juliet.log_in("juliet", "balcony").settle()
            [link] = server.server.network.links.all

            async def write() -> int:
                link.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000)
                link.write(b"<presence from='juliet@localhost'/>" * 300_000)
                return link.queued

            before = server.run(write())
            assert before > 1_000_000
            while link.queued > before - 500_000:
                juliet.socket.recv(10_000)


@pytest.mark.parametrize("tls", [False, True])
def test_uvloop(tls: bool) -> None:
    """Clients log in, also with STARTTLS; a second one gets what the first one sends."""
    pytest.importorskip("uvloop", reason="uvloop is not installed")
    found = configuration(listen={"tcp": ["127.0.0.1:0"]}, plaintext=not tls)
    with OnAnotherLoop(found, {"juliet": "balcony", "romeo": "rosaline"}) as server:
        assert type(server._loop).__module__ == "uvloop"
        with RawClient(server) as juliet, RawClient(server) as romeo:
            juliet.log_in("juliet", "balcony", tls=tls).write("<presence/>")
            juliet.settle()
            romeo.log_in("romeo", "rosaline", tls=tls)
            romeo.write("<message to='juliet@localhost' id='m1'><body>She speaks.</body></message>")
            assert juliet.stanza("message", id="m1").get("from") == "romeo@localhost/balcony"
            romeo.write("</stream:stream>")
            assert romeo.read() is not None
            assert romeo.read() is None


@pytest.mark.parametrize("name", ["tls", "websocket"])
def test_uvloop_is_refused_where_tls_begins_with_the_first_byte(name: str) -> None:
    """On uvloop, nearly every handshake that comes with the connection would fail."""
    pytest.importorskip("uvloop", reason="uvloop is not installed")
    found = configuration(listen={"tcp": ["127.0.0.1:0"], name: ["127.0.0.1:0"]})
    refusal = rf"^listen.{name}: the event loop of asyncio is needed, not uvloop"
    with pytest.raises(CannotListen, match=refusal), OnAnotherLoop(found, {}):
        pass


def test_the_example_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It serves direct TLS, and an account logs in there."""
    text = README.read_text(encoding="utf-8")
    [example] = re.findall(r"^## In your program$.*?```python\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    code = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:0", example).replace("asyncio.run(main())", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    servers: list[XMPPServer] = []
    begin = XMPPServer.__aenter__

    async def noted(self: XMPPServer) -> XMPPServer:
        servers.append(self)
        return await begin(self)

    monkeypatch.setattr(XMPPServer, "__aenter__", noted)
    names: dict[str, Callable[[], Any]] = {}
    exec(compile(code, str(README), "exec"), names)

    async def play() -> None:
        running = asyncio.create_task(names["main"]())
        while not servers or "tls" not in servers[0].listeners.addresses:
            assert not running.done(), running
            await asyncio.sleep(0.01)
        [server] = servers
        while await server.host.credentials("juliet@capulet.example") is None:
            await asyncio.sleep(0.01)
        trusted = ssl.create_default_context(cafile=str(server.network.tls.certificate))
        where = server.address("tls")
        reader, writer = await asyncio.open_connection(
            where.host, where.port, ssl=trusted, server_hostname="capulet.example"
        )
        writer.write(
            b"<stream:stream xmlns='jabber:client' to='capulet.example' version='1.0'"
            b" xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        assert b"SCRAM-SHA-256" in await reader.readuntil(b"</stream:features>")
        writer.close()
        server.stopped.set()
        await running

    asyncio.run(asyncio.wait_for(play(), 60))
