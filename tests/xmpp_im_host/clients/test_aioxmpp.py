"""A real client, aioxmpp, where it still works; ``make client-test`` runs this."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from xmpp_im_host.network.client_driver import ClientDriver
from xmpp_im_host.network.client_link import ClientLink
from xmpp_im_host.pytest_plugin import RunningServer, running

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore")]

ACCOUNTS = {"romeo": "rosaline", "juliet": "balcony"}
PATIENCE = 20.0


@pytest.fixture(scope="module")
def aioxmpp() -> Any:
    """It and what it needs are not made for every newer Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import aioxmpp
        except Exception as reason:
            pytest.skip(f"aioxmpp cannot be imported: {reason!r}")
    return aioxmpp


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with running(ACCOUNTS, plaintext=False) as server:
        yield server


def client_of(aioxmpp: Any, server: RunningServer, user: str) -> Any:
    security = aioxmpp.security_layer

    class Verifier(security.PKIXCertificateVerifier):  # type: ignore[misc,name-defined]  # it has no types
        """Trusts the certificate of the server. The check of its name needs what pyOpenSSL 24.3 has removed."""

        def verify_callback(self, connection: Any, certificate: Any, error: int, depth: int, trusted: int) -> bool:
            return bool(trusted)

    def context() -> Any:
        found = security.default_ssl_context()
        found.load_verify_locations(server.cafile)
        return found

    layer = aioxmpp.make_security_layer(ACCOUNTS[user])._replace(
        ssl_context_factory=context, certificate_verifier_factory=Verifier
    )
    peer = (server.host, server.port, aioxmpp.connector.STARTTLSConnector())
    client = aioxmpp.PresenceManagedClient(
        aioxmpp.JID.fromstr(f"{user}@localhost/aioxmpp"), layer, override_peer=[peer]
    )
    for service in (aioxmpp.RosterClient, aioxmpp.PresenceClient, aioxmpp.BlockingClient, aioxmpp.CarbonsClient):
        client.summon(service)
    return client


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


def messages_of(aioxmpp: Any, client: Any) -> list[str]:
    """Return the list of bodies that the client gets from now on."""
    bodies: list[str] = []
    dispatcher = client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
    dispatcher.register_callback(aioxmpp.MessageType.CHAT, None, lambda message: bodies.append(message.body.any()))
    return bodies


async def say(aioxmpp: Any, client: Any, to: str, body: str) -> None:
    message = aioxmpp.Message(type_=aioxmpp.MessageType.CHAT, to=aioxmpp.JID.fromstr(to))
    message.body[None] = body
    await client.send(message)


def test_two_users_subscribe_chat_and_block(aioxmpp: Any, server: RunningServer) -> None:
    async def run() -> None:
        romeo, juliet = client_of(aioxmpp, server, "romeo"), client_of(aioxmpp, server, "juliet")
        jids = [aioxmpp.JID.fromstr(f"{user}@localhost") for user in ACCOUNTS]
        async with romeo.connected() as stream, juliet.connected():
            assert stream.sm_enabled
            rosters = [client.summon(aioxmpp.RosterClient) for client in (romeo, juliet)]
            for roster in rosters:
                roster.on_subscribe.connect(lambda presence, roster=roster: _approve(roster, presence))
            for roster, other in zip(rosters, reversed(jids), strict=True):
                roster.subscribe(other)
            both = [(roster.items, other) for roster, other in zip(rosters, reversed(jids), strict=True)]
            await until(lambda: all(other in items and items[other].subscription == "both" for items, other in both))
            seen = romeo.summon(aioxmpp.PresenceClient)
            await until(lambda: bool(seen.get_peer_resources(jids[1])))

            await rosters[0].set_entry(jids[1], name="Juliet", add_to_groups={"Capulets"})
            item = rosters[0].items[jids[1]]
            await until(lambda: (item.name, item.groups) == ("Juliet", {"Capulets"}))

            bodies = messages_of(aioxmpp, juliet)
            await say(aioxmpp, romeo, "juliet@localhost", "But soft")
            await until(lambda: bodies == ["But soft"])

            blocking = romeo.summon(aioxmpp.BlockingClient)
            await blocking.block_jids([jids[1]])
            await until(lambda: blocking.blocklist == frozenset({jids[1]}))

    asyncio.run(run())


def test_a_broken_stream_is_resumed(aioxmpp: Any, server: RunningServer) -> None:
    async def run() -> None:
        romeo, juliet = client_of(aioxmpp, server, "romeo"), client_of(aioxmpp, server, "juliet")
        async with romeo.connected(), juliet.connected():
            bodies = messages_of(aioxmpp, juliet)
            await asyncio.to_thread(server.run, break_off(server, "juliet@localhost"))
            await say(aioxmpp, romeo, "juliet@localhost/aioxmpp", "She speaks")
            await until(lambda: bodies == ["She speaks"])

    asyncio.run(run())
    assert server.server.counters.resumed == 1


async def break_off(server: RunningServer, account: str) -> None:
    """Break the connection of an account off."""
    for session in server.server.network.sessions:
        if session.account == account:
            assert isinstance(session.driver, ClientDriver)
            assert isinstance(session.driver.connection, ClientLink)
            session.driver.connection.transport.abort()


def _approve(roster: Any, presence: Any) -> None:
    roster.approve(presence.from_)
