"""Components (XEP-0114): a secret, a domain, and stanzas both ways."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.xmpp_im_host.raw_client import RawClient, Reachable
from xmpp_im_core.codec import COMPONENT, StreamOpened, StreamParser
from xmpp_im_host.pytest_plugin import RunningServer, running

SECRETS = {"irc.localhost": "the secret of irc", "muc.localhost": "the secret of muc"}


@pytest.fixture
def server() -> Iterator[RunningServer]:
    listen = {"tcp": ["127.0.0.1:0"], "components": ["127.0.0.1:0"]}
    with running({"romeo": "rosaline"}, listen=listen, components=SECRETS) as server:
        yield server


class Component(RawClient):
    """A component on a plain socket."""

    def __init__(self, server: Reachable, port: int, domain: str, secret: str) -> None:
        super().__init__(server, port)
        self.parser = StreamParser(COMPONENT)
        self.write(
            f"<stream:stream xmlns='jabber:component:accept' to='{domain}'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        opened = self.read()
        assert isinstance(opened, StreamOpened)
        proof = hashlib.sha1(f"{opened.id}{secret}".encode()).hexdigest()
        self.write(f"<handshake>{proof}</handshake>")


def connected(server: RunningServer, domain: str) -> Component:
    component = Component(server, server.server.address("components").port, domain, SECRETS[domain])
    assert component.next().name == "handshake"
    return component


def test_a_component_talks_with_a_user(server: RunningServer) -> None:
    with connected(server, "irc.localhost") as irc, RawClient(server) as romeo:
        romeo.log_in("romeo", "rosaline", "orchard").write("<presence/>")
        romeo.write("<message to='#verona@irc.localhost' type='chat' id='m1'><body>?</body></message>")
        message = irc.stanza("message", id="m1")
        assert (message.get("from"), message.get("to")) == ("romeo@localhost/orchard", "#verona@irc.localhost")

        irc.write("<message from='#verona@irc.localhost/tybalt' to='romeo@localhost' type='chat' id='m2'/>")
        assert romeo.stanza("message", id="m2").get("from") == "#verona@irc.localhost/tybalt"


def test_components_talk_with_each_other(server: RunningServer) -> None:
    with connected(server, "irc.localhost") as irc, connected(server, "muc.localhost") as muc:
        irc.write("<message from='irc.localhost' to='muc.localhost' id='m1'/>")
        assert muc.stanza("message", id="m1").get("from") == "irc.localhost"
        muc.write(
            "<iq type='get' from='muc.localhost' to='elsewhere.example' id='i1'><ping xmlns='urn:xmpp:ping'/></iq>"
        )
        error = muc.stanza("iq", id="i1").first("error")
        assert error is not None
        assert error.elements[0].name == "remote-server-not-found"


def test_a_component_that_is_away_is_named_as_such(server: RunningServer) -> None:
    with RawClient(server) as romeo:
        romeo.log_in("romeo", "rosaline")
        romeo.write("<message to='irc.localhost' type='chat' id='m1'><body>?</body></message>")
        error = romeo.stanza("message", id="m1", type="error").first("error")

        assert error is not None
        assert error.elements[0].name == "remote-server-timeout"


@pytest.mark.parametrize(
    ("domain", "secret", "condition"),
    [("irc.localhost", "a guess", "not-authorized"), ("elsewhere.example", "the secret of irc", "host-unknown")],
)
def test_a_component_needs_its_secret(server: RunningServer, domain: str, secret: str, condition: str) -> None:
    with Component(server, server.server.address("components").port, domain, secret) as component:
        assert component.error() == condition


@pytest.mark.parametrize(
    ("stanza", "condition"),
    [
        ("<message from='romeo@localhost' to='romeo@localhost'/>", "invalid-from"),
        ("<message to='romeo@localhost'/>", "improper-addressing"),
        ("<message from='irc.localhost'/>", "improper-addressing"),
    ],
)
def test_a_component_speaks_for_its_domain_only(server: RunningServer, stanza: str, condition: str) -> None:
    with connected(server, "irc.localhost") as irc:
        irc.write(stanza)

        assert irc.error() == condition


def test_a_component_that_connects_again_replaces_its_former_connection(server: RunningServer) -> None:
    with connected(server, "irc.localhost") as former, connected(server, "irc.localhost") as irc:
        assert former.error() == "conflict"
        irc.write("<iq type='get' from='irc.localhost' to='localhost' id='i1'><ping xmlns='urn:xmpp:ping'/></iq>")
        assert irc.stanza("iq", id="i1").get("type") == "result"


def test_a_ping_of_the_server_is_answered_when_everything_before_it_is_processed(tmp_path: Path) -> None:
    """The user has approved the request before (RFC 6121 §3.4), so the server accepts it when that is stored."""
    listen = {"tcp": ["127.0.0.1:0"], "components": ["127.0.0.1:0"]}
    database = str(tmp_path / "server.sqlite")
    with running({"romeo": "rosaline"}, database=database, listen=listen, components=SECRETS) as server:
        with RawClient(server) as romeo:
            romeo.log_in("romeo", "rosaline").write("<presence to='tybalt@irc.localhost' type='subscribed'/>")
            romeo.settle()
        with connected(server, "irc.localhost") as irc:
            irc.write(
                "<presence from='tybalt@irc.localhost' to='romeo@localhost' type='subscribe'/>"
                "<iq from='irc.localhost' to='localhost' type='get' id='i1'><ping xmlns='urn:xmpp:ping'/></iq>"
            )
            came = [irc.next() for _ in range(2)]

    assert [(each.name, each.get("type")) for each in came] == [("presence", "subscribed"), ("iq", "result")]


def test_what_is_read_already_waits_for_the_limit_too() -> None:
    """A component that has sent more bytes than its share waits before the next stanza, whatever was processed."""
    listen = {"tcp": ["127.0.0.1:0"], "components": ["127.0.0.1:0"]}
    limits = {"bytes_per_second": 1_000, "bytes_burst": 2_000}
    with running({"romeo": "rosaline"}, listen=listen, components=SECRETS, limits=limits) as server:
        network = server.server.network
        with connected(server, "irc.localhost") as irc:
            before = network.counters.received
            message = "<message from='irc.localhost' to='romeo@localhost' type='chat'><body>?</body></message>"
            irc.write(message * 500)
            until = time.monotonic() + 20
            while not network.links.throttled:
                assert time.monotonic() < until
                time.sleep(0.01)
            server.run(rounds(2_000))

            assert network.counters.received - before < 100


async def rounds(number: int) -> None:
    """Let the loop go round, without waiting."""
    for _ in range(number):
        await asyncio.sleep(0)
