"""What comes for a session whose stream has just closed, and whose end nobody has noted yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.xmpp_im_host.cluster.servers import DOMAIN, Cluster, NodeServer
from tests.xmpp_im_host.cluster.talking import SM, chat, enter
from xmpp_im_core.stanza import Message
from xmpp_im_host.network.client_driver import ClientDriver


@pytest.fixture
def server() -> Iterator[NodeServer]:
    with Cluster() as cluster:
        server = cluster.start()
        cluster.until(lambda: len(server.owns()) == 256)
        for user in ("romeo", "juliet"):
            cluster.run(server.server.administration.create(f"{user}@{DOMAIN}", "secret"))
        yield server


def written(server: NodeServer) -> list[str]:
    """Return the ids of the messages that the host gives to streams from now on."""
    wire: Any = server.node.streams
    deliver: Callable[..., bool] = wire.deliver
    ids: list[str] = []

    def noting(account: str, session: Any, stanza: Any, effect: object) -> bool:
        taken = deliver(account, session, stanza, effect)
        if isinstance(stanza, Message):
            ids.append(str(stanza.id))
        return taken

    wire.deliver = noting
    return ids


@pytest.mark.parametrize("enabled", [f"<enable xmlns='{SM}'/>", f"<enable xmlns='{SM}' resume='true'/>", ""])
def test_it_stays_behind_what_the_client_has_not_acknowledged(server: NodeServer, enabled: str) -> None:
    """RFC 6120 §10.1: the stanzas of one entity to another are processed in their order, also if they are stored."""
    ids, network = written(server), server.server.network
    held: list[Any] = []
    with enter(server, "romeo") as romeo, enter(server, "juliet") as juliet:
        if enabled:
            juliet.write(enabled)
            assert juliet.next().name == "enabled"
        romeo.write(chat("juliet", "1"))
        juliet.stanza("message", id="1")

        async def close() -> None:
            """Close Juliet's stream, as the server does at some errors; its end is noted later."""
            vars(network)["advance_later"] = held.append
            (driver,) = [each.driver for each in network.sessions if each.account == f"juliet@{DOMAIN}"]
            assert isinstance(driver, ClientDriver)
            driver.close("policy-violation")
            assert driver in held

        server.cluster.run(close())
        romeo.write(chat("juliet", "2") + chat("juliet", "3"))
        server.until(lambda: ids[-1:] == ["3"])

        async def go_on() -> None:
            del vars(network)["advance_later"]
            for each in held:
                each.go_on()

        server.cluster.run(go_on())
        server.until(lambda: len(network.sessions) == 1)
        romeo.settle()
    with enter(server, "juliet", "phone") as juliet:
        expected = ["1", "2", "3"] if enabled else ["2", "3"]
        assert [juliet.stanza("message").get("id") for _ in expected] == expected
