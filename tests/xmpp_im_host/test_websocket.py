"""Clients over WebSocket (RFC 7395)."""

from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SO_SNDBUF, SOL_SOCKET
from sys import getsizeof

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_core.codec import parse_element
from xmpp_im_core.element import Element
from xmpp_im_host.network.websocket_link import WebSocketLink
from xmpp_im_host.pytest_plugin import RunningServer, running

FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
OPEN = f"<open xmlns='{FRAMING}' to='localhost' version='1.0'/>"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    listen = {"tcp": ["127.0.0.1:0"], "websocket": ["127.0.0.1:0"]}
    with running({"romeo": "rosaline", "juliet": "balcony"}, listen=listen) as server:
        yield server


@contextmanager
def connected(
    server: RunningServer, *, subprotocol: str = "xmpp", path: str = "/xmpp-websocket"
) -> Iterator[ClientConnection]:
    port = server.server.address("websocket").port
    context = ssl.create_default_context(cafile=server.cafile)
    # This client reads and writes in two threads, and OpenSSL may lose a write while it reads a ticket of TLS 1.3.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    protocols = [Subprotocol(subprotocol)]
    with connect(f"wss://localhost:{port}{path}", ssl=context, subprotocols=protocols) as socket:
        yield socket


def next_of(socket: ClientConnection) -> Element:
    text = socket.recv(20)
    return parse_element(text.encode() if isinstance(text, str) else text)


def until(socket: ClientConnection, name: str) -> Element:
    while (found := next_of(socket)).name != name:
        pass
    return found


def log_in(socket: ClientConnection, user: str, password: str) -> None:
    socket.send(OPEN)
    assert next_of(socket).name == "open"
    assert next_of(socket).name == "features"
    token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    socket.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>")
    assert next_of(socket).name == "success"
    socket.send(OPEN)
    until(socket, "features")
    socket.send(
        "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        "<resource>web</resource></bind></iq>"
    )
    assert until(socket, "iq").get("type") == "result"


def test_two_users_chat(server: RunningServer) -> None:
    with connected(server) as romeo, connected(server) as juliet:
        log_in(romeo, "romeo", "rosaline")
        log_in(juliet, "juliet", "balcony")
        romeo.send(
            "<message xmlns='jabber:client' to='juliet@localhost/web' type='chat' id='m1'><body>?</body></message>"
        )
        message = until(juliet, "message")

        assert (message.get("from"), message.get("id")) == ("romeo@localhost/web", "m1")


def test_the_client_closes_the_stream_and_then_the_connection_ends(server: RunningServer) -> None:
    with connected(server) as romeo:
        log_in(romeo, "romeo", "rosaline")
        romeo.send(f"<close xmlns='{FRAMING}'/>")
        until(romeo, "close")
        with pytest.raises(ConnectionClosed) as caught:
            romeo.recv(20)

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1000


def test_a_message_in_fragments_is_read(server: RunningServer) -> None:
    with connected(server) as romeo:
        romeo.send([OPEN[:10], OPEN[10:20], OPEN[20:]])

        assert next_of(romeo).name == "open"


def frames(number: int, opcode: Opcode, data: bytes = b"") -> bytes:
    return Frame(opcode, data, fin=opcode is Opcode.PING).serialize(mask=True) * number


def test_empty_fragments_take_no_memory(server: RunningServer) -> None:
    with connected(server) as romeo:
        log_in(romeo, "romeo", "rosaline")
        port = romeo.socket.getsockname()[1]
        (link,) = [
            each for each in server.server.network.links.all if each.transport.get_extra_info("peername")[1] == port
        ]
        before = sum(map(getsizeof, vars(link).values()))
        romeo.socket.sendall(frames(1, Opcode.TEXT) + frames(2_000, Opcode.CONT))
        assert romeo.ping().wait(20)

        assert sum(map(getsizeof, vars(link).values())) == before


@pytest.mark.parametrize(
    "data",
    [frames(1, Opcode.TEXT) + frames(12_000, Opcode.CONT), frames(600, Opcode.PING, b"x" * 125)],
    ids=["fragments", "pings"],
)
def test_frames_before_the_login_are_counted(data: bytes) -> None:
    """The limit ``login_bytes`` holds for what is no message too."""
    listen = {"tcp": ["127.0.0.1:0"], "websocket": ["127.0.0.1:0"]}
    with running(listen=listen) as server, connected(server) as stranger:
        stranger.socket.sendall(data)

        assert until(stranger, "error").elements[0].name == "policy-violation"
        assert server.server.counters.refused == {"login_bytes": 1}


@pytest.mark.parametrize(("subprotocol", "path"), [("chat", "/xmpp-websocket"), ("xmpp", "/other")])
def test_another_protocol_or_path_is_refused(server: RunningServer, subprotocol: str, path: str) -> None:
    with pytest.raises(InvalidStatus), connected(server, subprotocol=subprotocol, path=path):
        pass


def test_a_binary_message_ends_the_connection(server: RunningServer) -> None:
    with connected(server) as romeo:
        romeo.send(b"\0\1")
        with pytest.raises(ConnectionClosed) as caught:
            romeo.recv(20)

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1003


def test_what_follows_the_request_at_once_has_to_be_a_frame(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    request = (
        "GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n"
    )
    with RawClient(server, server.server.address("websocket").port, direct=True) as client:
        client.write(request.encode() + b"\x9f\xff nonsense")
        assert client.read() is None

    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def test_hostile_xml_gets_the_stream_error(server: RunningServer) -> None:
    with connected(server) as romeo:
        log_in(romeo, "romeo", "rosaline")
        romeo.send("<message xmlns='jabber:client'><body></message>")

        assert until(romeo, "error").elements[0].name == "not-well-formed"


def test_a_huge_message_ends_the_connection_and_no_other(server: RunningServer) -> None:
    with connected(server) as juliet:
        log_in(juliet, "juliet", "balcony")
        with connected(server) as romeo:
            with suppress(ConnectionClosed):  # the end may come while the client sends
                romeo.send("<" * 2_000_000)
            with pytest.raises(ConnectionClosed):
                romeo.recv(20)
        juliet.send("<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
        assert until(juliet, "iq").get("id") == "p"


def test_stored_messages_may_be_more_than_what_may_wait() -> None:
    """Many messages of WebSocket are one burst."""
    listen = {"tcp": ["127.0.0.1:0"], "websocket": ["127.0.0.1:0"]}
    accounts = {"romeo": "rosaline", "juliet": "balcony"}
    with running(accounts, listen=listen, limits={"queue_bytes": 10_000}) as server:
        with RawClient(server) as juliet:
            juliet.log_in("juliet", "balcony")
            for number in range(16):
                body = "x" * 60_000
                juliet.write(f"<message to='romeo@localhost' type='chat' id='m{number}'><body>{body}</body></message>")
                juliet.settle()
        with connected(server) as romeo:
            log_in(romeo, "romeo", "rosaline")
            (link,) = [each for each in server.server.network.links.all if isinstance(each, WebSocketLink)]
            link.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, 65_536)
            romeo.send("<presence xmlns='jabber:client'/>")
            came = [until(romeo, "message").get("id") for _ in range(16)]

    assert came == [f"m{number}" for number in range(16)]


def test_a_lost_connection_ends_the_session(server: RunningServer) -> None:
    with connected(server) as romeo:
        log_in(romeo, "romeo", "rosaline")
        romeo.socket.close()
    with connected(server) as romeo:
        log_in(romeo, "romeo", "rosaline")
