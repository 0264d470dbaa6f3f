"""A real client, slixmpp, on a server with a database: over TLS, as its users write it."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import slixmpp

from xmpp_im_host.pytest_plugin import RunningServer, running

ACCOUNTS = {"romeo": "rosaline", "juliet": "balcony"}
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _no_warnings_of_slixmpp() -> Iterator[None]:
    """Collect the transports that slixmpp leaves open, so that Python warns here, where it is ignored."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running(ACCOUNTS, plaintext=False, database=str(tmp_path / "server.sqlite")) as server:
        yield server


def client_of(server: RunningServer, user: str, *plugins: str) -> Any:
    client = slixmpp.ClientXMPP(f"{user}@localhost/slixmpp", ACCOUNTS[user])
    client.ca_certs = Path(server.cafile)
    client.enable_direct_tls = False
    for plugin in plugins:
        client.register_plugin(plugin)
    return client


@asynccontextmanager
async def online(server: RunningServer, user: str, *plugins: str) -> AsyncIterator[Any]:
    client = client_of(server, user, *plugins)
    client.connect(server.host, server.port)
    await client.wait_until("session_start", timeout=PATIENCE)
    await client.get_roster()
    client.send_presence()
    yield client
    await client.disconnect()


async def awaited(client: Any, event: str, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
    """Return the next stanza of an event that is wanted."""
    found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def take(stanza: Any) -> None:
        if wanted(stanza) and not found.done():
            found.set_result(stanza)

    client.add_event_handler(event, take)
    try:
        return await asyncio.wait_for(found, PATIENCE)
    finally:
        client.del_event_handler(event, take)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


def _knows(client: Any, contact: str) -> bool:
    return contact in client.client_roster


def subscription(client: Any, contact: str) -> str:
    return str(client.client_roster[f"{contact}@localhost"]["subscription"])


def test_a_client_logs_in_over_tls_with_scram(server: RunningServer) -> None:
    async def run() -> None:
        async with online(server, "romeo") as romeo:
            assert romeo.transport.get_extra_info("ssl_object").version() >= "TLSv1.2"
            assert romeo.plugin["feature_mechanisms"].mech.name.startswith("SCRAM-SHA-256")

    asyncio.run(run())


def test_two_clients_subscribe_and_chat(server: RunningServer) -> None:
    async def run() -> None:
        async with online(server, "romeo") as romeo, online(server, "juliet") as juliet:
            both = asyncio.gather(
                awaited(romeo, "presence_available", lambda each: each["from"].bare == "juliet@localhost"),
                awaited(juliet, "presence_available", lambda each: each["from"].bare == "romeo@localhost"),
            )
            romeo.auto_authorize = juliet.auto_authorize = True
            romeo.auto_subscribe = juliet.auto_subscribe = True
            romeo.send_presence_subscription("juliet@localhost")
            await both
            await until(lambda: subscription(romeo, "juliet") == subscription(juliet, "romeo") == "both")

            came = asyncio.gather(awaited(juliet, "message"))
            romeo.send_message("juliet@localhost", "Call me but love", mtype="chat")
            [message] = await came
            assert (message["from"], message["body"]) == ("romeo@localhost/slixmpp", "Call me but love")

    asyncio.run(run())


def test_rosters_are_exchanged_and_pushed(server: RunningServer) -> None:
    async def run() -> None:
        async with online(server, "romeo") as romeo:
            other = client_of(server, "romeo")
            other.requested_jid = slixmpp.JID("romeo@localhost/other")
            other.connect(server.host, server.port)
            await other.wait_until("session_start", timeout=PATIENCE)
            await other.get_roster()
            nurse = "nurse@localhost"
            assert nurse not in romeo.client_roster
            await romeo.update_roster(nurse, name="Nurse", groups=["Capulets", "Servants"])
            for client in (romeo, other):
                await until(partial(_knows, client, nurse))
                item = client.client_roster[nurse]
                assert (item["name"], sorted(item["groups"])) == ("Nurse", ["Capulets", "Servants"])
                assert item["subscription"] == "none"
            await romeo.del_roster_item(nurse)
            await until(lambda: not other.client_roster[nurse]["groups"])
            await other.disconnect()
        async with online(server, "romeo") as romeo:
            assert nurse not in romeo.client_roster

    asyncio.run(run())


def test_a_contact_sees_presence_and_its_end(server: RunningServer) -> None:
    async def run() -> None:
        async with online(server, "romeo") as romeo:
            romeo.auto_authorize = romeo.auto_subscribe = True
            async with online(server, "juliet") as juliet:
                juliet.auto_authorize = juliet.auto_subscribe = True
                juliet.send_presence_subscription("romeo@localhost")
                await until(lambda: subscription(romeo, "juliet") == subscription(juliet, "romeo") == "both")
                came = asyncio.gather(awaited(romeo, "changed_status", lambda each: each["type"] == "away"))
                juliet.send_presence(pshow="away", pstatus="on the balcony", ppriority=7)
                [presence] = await came
                assert (presence["status"], presence["priority"]) == ("on the balcony", 7)
                ended = asyncio.gather(awaited(romeo, "presence_unavailable"))
            [presence] = await ended
            assert presence["from"] == "juliet@localhost/slixmpp"

    asyncio.run(run())


def test_a_blocked_contact_gets_an_error(server: RunningServer) -> None:
    async def run() -> None:
        async with online(server, "romeo", "xep_0191") as romeo, online(server, "juliet", "xep_0199") as juliet:
            await romeo.plugin["xep_0191"].block("juliet@localhost")
            blocked = (await romeo.plugin["xep_0191"].get_blocked())["blocklist"]["items"]
            assert [str(each["jid"]) for each in blocked] == ["juliet@localhost"]
            with pytest.raises(slixmpp.exceptions.IqError) as caught:
                await juliet.plugin["xep_0199"].send_ping("romeo@localhost/slixmpp", timeout=PATIENCE)
            assert caught.value.condition == "service-unavailable"

    asyncio.run(run())


def test_carbons_reach_another_client(server: RunningServer) -> None:
    async def run() -> None:
        async with online(server, "romeo") as romeo, online(server, "juliet"):
            other = client_of(server, "romeo", "xep_0280")
            other.requested_jid = slixmpp.JID("romeo@localhost/other")
            other.connect(server.host, server.port)
            await other.wait_until("session_start", timeout=PATIENCE)
            await other.plugin["xep_0280"].enable()
            other.send_presence()
            came = asyncio.gather(awaited(other, "carbon_sent"))
            romeo.send_message("juliet@localhost/slixmpp", "How now", mtype="chat")
            [carbon] = await came
            assert carbon["carbon_sent"]["body"] == "How now"
            await other.disconnect()

    asyncio.run(run())


def test_a_broken_stream_is_resumed_and_nothing_is_lost(server: RunningServer) -> None:
    """What each side sends, before the connection breaks and while it is broken, arrives once and in order."""
    texts = [f"{line}. What light through yonder window breaks?" for line in range(40)]

    async def run() -> None:
        async with online(server, "juliet", "xep_0198") as juliet, online(server, "romeo") as romeo:
            assert juliet.plugin["xep_0198"].allow_resume
            heard: dict[str, list[str]] = {"juliet": [], "romeo": []}
            gone: list[object] = []
            for name, client in (("juliet", juliet), ("romeo", romeo)):
                client.add_event_handler("message", lambda message, name=name: heard[name].append(message["body"]))
            romeo.add_event_handler("presence_unavailable", gone.append)
            resumed = asyncio.gather(awaited(juliet, "session_resumed"))
            for text in texts[:20]:
                romeo.send_message("juliet@localhost/slixmpp", text, mtype="chat")
                juliet.send_message("romeo@localhost/slixmpp", text, mtype="chat")
            await until(lambda: bool(heard["juliet"]))
            juliet.transport.abort()
            for text in texts[20:]:
                romeo.send_message("juliet@localhost/slixmpp", text, mtype="chat")
            await until(lambda: not juliet.is_connected())
            juliet.connect(server.host, server.port)
            await resumed
            for text in texts[20:]:
                juliet.send_message("romeo@localhost/slixmpp", text, mtype="chat")
            await until(lambda: all(len(each) >= len(texts) for each in heard.values()))
            assert heard == {"juliet": texts, "romeo": texts}
            assert not gone

    asyncio.run(run())
    assert server.server.counters.resumed == 1


def test_the_database_outlives_the_server(tmp_path: Path) -> None:
    file = str(tmp_path / "server.sqlite")

    async def subscribe(server: RunningServer) -> None:
        async with online(server, "romeo") as romeo:
            await romeo.update_roster("juliet@localhost", name="Juliet", groups=["Capulets"])
            romeo.send_message("juliet@localhost", "Good night", mtype="chat")

    async def look(server: RunningServer) -> None:
        async with online(server, "romeo") as romeo:
            assert romeo.client_roster["juliet@localhost"]["groups"] == ["Capulets"]
        juliet = client_of(server, "juliet")
        juliet.connect(server.host, server.port)
        await juliet.wait_until("session_start", timeout=PATIENCE)
        came = asyncio.gather(awaited(juliet, "message"))
        juliet.send_presence()
        [message] = await came
        assert message["body"] == "Good night"
        await juliet.disconnect()

    with running(ACCOUNTS, database=file) as server:
        asyncio.run(subscribe(server))
    with running({}, database=file) as server:
        asyncio.run(look(server))
