"""Hostile input over sockets: the stream error of the RFC by name, and the others undisturbed."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_core.server import SessionId
from xmpp_im_core.stanza import Stanza
from xmpp_im_host.network.client_driver import ClientDriver
from xmpp_im_host.network.link import Hold
from xmpp_im_host.pytest_plugin import RunningServer, running

ACCOUNTS = {"romeo": "rosaline", "juliet": "balcony"}
HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='localhost' version='1.0'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)


@pytest.fixture
def server(caplog: pytest.LogCaptureFixture) -> Iterator[RunningServer]:
    """A server whose log has no error in the end."""
    caplog.set_level(logging.WARNING)
    with running(ACCOUNTS) as server:
        yield server
    records = [*caplog.get_records("call"), *caplog.records]
    assert not [each for each in records if each.levelno >= logging.ERROR]


@pytest.fixture
def juliet(server: RunningServer) -> Iterator[RawClient]:
    """Somebody who is not to be disturbed."""
    with RawClient(server) as client:
        yield client.log_in("juliet", "balcony")
        client.settle()


HOSTILE = {
    "not-well-formed": "<message><body></message>",
    "restricted-xml": "<message><!-- --><body/></message>",
    "bad-format": "<message>&nothing;</message>",
    "invalid-namespace": "<message xmlns='jabber:server'/>",
    "unsupported-stanza-type": "<pubsub/>",
    "policy-violation": f"<message><body>{'x' * 300_000}</body></message>",
    "policy-violation ": "<message>" + "<a>" * 100 + "</a>" * 100 + "</message>",
}


@pytest.mark.parametrize("condition", HOSTILE)
def test_hostile_xml_ends_its_own_stream_by_name(server: RunningServer, juliet: RawClient, condition: str) -> None:
    with RawClient(server) as romeo:
        romeo.log_in("romeo", "rosaline")
        romeo.write(HOSTILE[condition])

        allowed = {condition.strip()}
        if condition == "bad-format":
            allowed = {"bad-format", "not-well-formed", "restricted-xml"}  # RFC 6120 §11.1, §11.3
        assert romeo.error() in allowed


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"\xff\xfe<\x00",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>",
        b"<stream:stream>",
        b"<" * 20_000,
    ],
    ids=["HTTP", "TLS", "UTF-16", "DTD", "no namespace", "nonsense"],
)
def test_a_connection_that_is_no_stream_is_closed(server: RunningServer, juliet: RawClient, data: bytes) -> None:
    with socket.create_connection((server.host, server.port), 20) as connection:
        connection.sendall(data)
        found = b""
        while part := connection.recv(65_536):
            found += part

    assert found.endswith(b"</stream:stream>")
    assert b"<stream:error>" in found


def test_a_stream_that_never_ends_its_header_is_closed(server: RunningServer, juliet: RawClient) -> None:
    with socket.create_connection((server.host, server.port), 20) as connection:
        connection.sendall(b"<stream:stream " + b"a='" + b"x" * 100_000)
        found = b""
        while part := connection.recv(65_536):
            found += part

    assert b"policy-violation" in found


def test_a_client_that_is_gone_when_its_error_is_read_leaves_no_traceback(server: RunningServer) -> None:
    """The stream error of the server resets the connection. The fixture looks at the log."""
    with RawClient(server) as romeo:
        romeo.log_in("romeo", "rosaline")
        with held(server):
            romeo.write("</message>")
            romeo.close()
    with RawClient(server) as romeo:
        romeo.log_in("romeo", "rosaline")


@pytest.mark.xmpp_server(accounts=ACCOUNTS, plaintext=False)
def test_a_client_that_is_gone_when_tls_is_to_begin_leaves_no_task(xmpp_server: RunningServer) -> None:
    before = xmpp_server.run(tasks())
    with RawClient(xmpp_server) as romeo:
        romeo.open()
        with held(xmpp_server):
            romeo.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            romeo.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            romeo.close()
    until = time.monotonic() + 10
    while xmpp_server.server.network.links.all or xmpp_server.run(tasks()) > before:
        assert time.monotonic() < until
        time.sleep(0.01)


async def tasks() -> int:
    return len(asyncio.all_tasks())


@contextmanager
def held(server: RunningServer) -> Iterator[None]:
    """Let the server do nothing for the length of a block."""
    held, go_on = threading.Event(), threading.Event()

    async def hold() -> None:
        held.set()
        go_on.wait(20)

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(server.run, hold())
        held.wait(20)
        yield
        go_on.set()
        done.result()


def test_an_invalid_jid_is_answered(server: RunningServer, juliet: RawClient) -> None:
    """RFC 6120 §8.3.3.8."""
    juliet.write("<message to='@@localhost' id='m1'><body>?</body></message>")
    error = juliet.stanza("message", id="m1", type="error").first("error")

    assert error is not None
    assert error.elements[0].name == "jid-malformed"


def test_nobody_speaks_for_another(server: RunningServer, juliet: RawClient) -> None:
    """RFC 6120 §8.1.2.1: the server may override a 'from' that is not the client's, as this one does."""
    with RawClient(server) as romeo:
        romeo.log_in("romeo", "rosaline")
        romeo.write("<message from='nurse@localhost' to='juliet@localhost/balcony' id='m1'><body>?</body></message>")

        assert juliet.stanza("message", id="m1").get("from") == "romeo@localhost/balcony"


# --- limits -------------------------------------------------------------------------------------------------


@pytest.mark.xmpp_server(accounts=ACCOUNTS, limits={"login_seconds": 0.2})
def test_a_client_that_does_not_log_in_is_disconnected(xmpp_server: RunningServer) -> None:
    with RawClient(xmpp_server) as slow:
        slow.open()
        assert slow.error() == "connection-timeout"
    with socket.create_connection((xmpp_server.host, xmpp_server.port), 20) as silent:
        while silent.recv(65_536):
            pass

    assert xmpp_server.server.counters.refused["login_seconds"] == 2


@pytest.mark.xmpp_server(accounts=ACCOUNTS, plaintext=False, limits={"login_seconds": 0.2})
def test_a_client_that_does_not_finish_the_handshake_is_disconnected(xmpp_server: RunningServer) -> None:
    with RawClient(xmpp_server) as slow:
        slow.open()
        slow.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        assert slow.next().name == "proceed"
        assert slow.read() is None


@pytest.mark.xmpp_server(accounts=ACCOUNTS, limits={"logins_per_address": 3})
def test_an_address_has_few_connections_before_it_logs_in(xmpp_server: RunningServer) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(xmpp_server)) for _ in range(3)]
        for client in clients:
            client.open()
        with RawClient(xmpp_server) as fourth:
            assert fourth.read() is None
        clients[0].authenticate("romeo", "rosaline")
        clients[0].open()
        clients[0].bind()
        with RawClient(xmpp_server) as fifth:
            fifth.log_in("juliet", "balcony")

    assert xmpp_server.server.counters.refused["logins_per_address"] == 1


@pytest.mark.xmpp_server(accounts=ACCOUNTS, limits={"connections": 2})
def test_the_server_has_a_number_of_connections(xmpp_server: RunningServer) -> None:
    with RawClient(xmpp_server) as romeo, RawClient(xmpp_server) as juliet, RawClient(xmpp_server) as third:
        assert third.read() is None
        romeo.log_in("romeo", "rosaline")
        juliet.log_in("juliet", "balcony")


@pytest.mark.xmpp_server(accounts=ACCOUNTS, limits={"idle_seconds": 0.2, "answer_seconds": 0.2})
def test_a_silent_client_is_asked_and_then_disconnected(xmpp_server: RunningServer) -> None:
    with RawClient(xmpp_server) as romeo:
        romeo.log_in("romeo", "rosaline")
        ping = romeo.stanza("iq", type="get")
        assert ping.first("ping", "urn:xmpp:ping") is not None
        while romeo.read() is not None:
            pass

    assert xmpp_server.server.counters.refused["idle_seconds"] == 1


@pytest.mark.xmpp_server(accounts=ACCOUNTS, limits={"idle_seconds": 0.2, "answer_seconds": 60})
def test_a_client_that_answers_stays(xmpp_server: RunningServer) -> None:
    with RawClient(xmpp_server) as romeo:
        romeo.log_in("romeo", "rosaline")
        for _ in range(3):
            ping = romeo.stanza("iq", type="get")
            romeo.write(f"<iq type='result' to='localhost' id='{ping.get('id')}'/>")
        romeo.settle()

    assert not xmpp_server.server.counters.refused


@pytest.mark.xmpp_server(
    accounts=ACCOUNTS | {"nurse": "angelica"},
    limits={"queue_bytes": 100_000, "stanzas_per_second": 100_000, "bytes_per_second": 100_000_000},
)
def test_a_client_that_does_not_read_is_dropped_and_stalls_nobody(xmpp_server: RunningServer) -> None:
    with RawClient(xmpp_server) as deaf, RawClient(xmpp_server) as romeo, RawClient(xmpp_server) as nurse:
        deaf.log_in("juliet", "balcony")
        nurse.log_in("nurse", "angelica")
        romeo.log_in("romeo", "rosaline")
        message = f"<message to='juliet@localhost/balcony'><body>{'x' * 200_000}</body></message>"
        while not xmpp_server.server.counters.refused["queue_bytes"]:
            romeo.write(message)
            romeo.settle()
            nurse.settle()

    assert xmpp_server.server.counters.refused == {"queue_bytes": 1}


@pytest.mark.xmpp_server(accounts=ACCOUNTS, limits={"queue_bytes": 100_000})
def test_stored_messages_may_be_more_than_what_may_wait(xmpp_server: RunningServer) -> None:
    """RFC 6121 §8.5.2.2.1: the server delivers all of them. What comes meanwhile does not cost the client them."""
    with RawClient(xmpp_server) as juliet, RawClient(xmpp_server) as romeo:
        juliet.log_in("juliet", "balcony")
        for number in range(16):
            juliet.write(
                f"<message to='romeo@localhost' type='chat' id='m{number}'><body>{'x' * 60_000}</body></message>"
            )
            juliet.settle()
        romeo.log_in("romeo", "rosaline")
        xmpp_server.run(narrow(xmpp_server))
        romeo.write("<presence/>")
        wait_until(lambda: most_queued(xmpp_server) > 300_000)
        juliet.write("<message to='romeo@localhost' type='chat' id='m16'><body>?</body></message>")
        juliet.settle()
        came = [romeo.stanza("message").get("id") for _ in range(17)]

    assert came == [f"m{number}" for number in range(17)]
    assert not xmpp_server.server.counters.refused


async def narrow(server: RunningServer) -> None:
    """Let the system keep little of what is written, so that it waits in the server."""
    for link in server.server.network.links.all:
        link.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)


def most_queued(server: RunningServer) -> int:
    async def look() -> int:
        return max([link.queued for link in server.server.network.links.all])

    return server.run(look())


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.xmpp_server(accounts=ACCOUNTS, limits={"unacknowledged_bytes": 100_000})
def test_a_client_that_acknowledges_nothing_is_bounded_in_bytes(xmpp_server: RunningServer) -> None:
    with RawClient(xmpp_server) as juliet, RawClient(xmpp_server) as romeo:
        juliet.log_in("juliet", "balcony")
        juliet.write("<enable xmlns='urn:xmpp:sm:3'/>")
        juliet.until(lambda each: each.name == "enabled")
        romeo.log_in("romeo", "rosaline")
        for _ in range(2):
            romeo.write(f"<message to='juliet@localhost/balcony'><body>{'x' * 60_000}</body></message>")
        romeo.settle()

        assert juliet.error() == "resource-constraint"


@pytest.mark.xmpp_server(
    accounts=ACCOUNTS, limits={"stanzas_per_second": 200, "stanzas_burst": 20, "bytes_per_second": 100_000_000}
)
def test_a_flood_is_throttled_and_all_of_it_arrives(xmpp_server: RunningServer) -> None:
    network = xmpp_server.server.network
    clock, now = network.clock, network.clock()
    with RawClient(xmpp_server) as juliet:
        juliet.log_in("juliet", "balcony")
        network.clock = lambda: now  # no time passes for romeo, however long the server takes
        with RawClient(xmpp_server) as romeo:
            romeo.log_in("romeo", "rosaline")
            romeo.write("".join([f"<message to='juliet@localhost/balcony' id='m{n}'/>" for n in range(100)]))
            wait_until(lambda: network.links.throttled > 0)
            [flooded] = [each for each in drivers(xmpp_server) if each.stanzas.clock is network.clock]
            flooded.stanzas.clock = clock
            came = [juliet.stanza("message").get("id") for _ in range(100)]

    assert came == [f"m{n}" for n in range(100)]


def drivers(server: RunningServer) -> list[ClientDriver]:
    return [each.driver for each in server.server.network.links.all if isinstance(each.driver, ClientDriver)]


@pytest.mark.xmpp_server(accounts=ACCOUNTS, limits={"stanzas_per_second": 1, "stanzas_burst": 20})
def test_what_is_read_already_is_throttled_too(xmpp_server: RunningServer) -> None:
    """A stanza that has been processed makes place for another one only as fast as the limit allows."""
    network = xmpp_server.server.network
    with RawClient(xmpp_server) as romeo:
        romeo.log_in("romeo", "rosaline")
        before = network.counters.received
        stored = [f"<message to='juliet@localhost' type='chat' id='m{n}'><body>?</body></message>" for n in range(200)]
        romeo.write("".join(stored))
        wait_until(lambda: network.links.throttled > 0)
        xmpp_server.run(rounds(2_000))

        assert 20 <= network.counters.received - before < 100


async def rounds(number: int) -> None:
    """Let the loop go round, without waiting."""
    for _ in range(number):
        await asyncio.sleep(0)


def test_tls_that_ends_while_the_server_does_not_read_is_forgotten() -> None:
    """The end of the stream is among stanzas that wait for the database, and the end of the connection behind it."""
    with running(ACCOUNTS, listen={"tls": ["127.0.0.1:0"]}, limits={"in_flight": 4}) as server:
        network = server.server.network
        waiting, receive = list[Callable[[], None]](), network.host.receive

        def slow(account: str, session: SessionId, stanza: Stanza, *, done: Callable[[], None]) -> None:
            receive(account, session, stanza, done=lambda: waiting.append(done))

        network.host.receive = slow  # type: ignore[method-assign, assignment]
        client = RawClient(server, server.server.address("tls").port, direct=True)
        client.log_in("romeo", "rosaline")
        [link] = network.links.all
        client.write("<message to='juliet@localhost'/>" * 4 + "</stream:stream>")
        wait_until(lambda: Hold.BUSY in link.hold)
        client.close()
        time.sleep(0.1)  # if the end comes later, the test shows nothing
        server.run(_called(waiting))

        wait_until(lambda: not network.links.all)


async def _called(functions: list[Callable[[], None]]) -> None:
    for each in functions:
        each()
