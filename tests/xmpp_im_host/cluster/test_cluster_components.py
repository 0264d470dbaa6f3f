"""Components of a cluster: each is connected to one node, and reached from all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.xmpp_im_host.cluster.servers import Cluster, NodeServer
from tests.xmpp_im_host.cluster.talking import DOMAIN, enter
from tests.xmpp_im_host.test_components import Component

Two = tuple[NodeServer, NodeServer]

IRC = "irc.montague.example"
SECRET = "a long secret"
SMS = "sms.montague.example"


@pytest.fixture
def with_components(shared: dict[str, Any]) -> Iterator[Two]:
    components = {IRC: SECRET, SMS: SECRET}
    listen = {"tcp": ["127.0.0.1:0"], "components": ["127.0.0.1:0"]}
    with Cluster(components=components, listen=listen, **shared) as cluster:
        yield cluster.two(dict.fromkeys(("romeo", "juliet"), "secret"))


def component(server: NodeServer, domain: str) -> Component:
    found = Component(server, server.server.address("components").port, domain, SECRET)
    assert found.next().name == "handshake"
    return found


@pytest.mark.parametrize(("at", "user"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_component_is_reached_from_every_node(with_components: Two, at: int, user: int) -> None:
    with component(with_components[at], IRC) as irc, enter(with_components[user], "juliet") as juliet:
        juliet.write(f"<message to='room@{IRC}' id='in'><body>Hi</body></message>")
        assert irc.stanza("message", id="in").get("from") == f"juliet@{DOMAIN}/balcony"
        irc.write(f"<message from='room@{IRC}' to='juliet@{DOMAIN}/balcony' id='out'><body>Hi</body></message>")
        assert juliet.stanza("message", id="out").get("from") == f"room@{IRC}"
        juliet.write(f"<presence to='room@{IRC}/me'/>")
        assert irc.stanza("presence").get("from") == f"juliet@{DOMAIN}/balcony"


def test_components_on_different_nodes_reach_each_other(with_components: Two) -> None:
    with component(with_components[0], IRC) as irc, component(with_components[1], SMS) as sms:
        irc.write(f"<message from='room@{IRC}' to='1@{SMS}' id='1'><body>Hi</body></message>")
        assert sms.stanza("message", id="1").get("from") == f"room@{IRC}"


def test_who_writes_to_a_component_that_is_not_connected_gets_an_error(with_components: Two) -> None:
    """RFC 6120 §8.3.3.16."""
    with enter(with_components[1], "juliet") as juliet:
        with component(with_components[0], IRC):
            pass
        with_components[0].until(lambda: not with_components[0].server.network.components)
        juliet.settle()
        answer = juliet.ask("<ping xmlns='urn:xmpp:ping'/>", to=IRC)
        assert answer.get("type") == "error"
        assert answer.first("error").elements[0].name == "remote-server-timeout"  # type: ignore[union-attr]


def test_a_component_that_writes_to_an_absent_component_gets_an_error(with_components: Two) -> None:
    with component(with_components[0], IRC) as irc:
        irc.write(f"<iq type='get' from='{IRC}' to='{SMS}' id='1'><ping xmlns='urn:xmpp:ping'/></iq>")
        answer = irc.stanza("iq", id="1")
        assert (answer.get("type"), answer.get("from")) == ("error", SMS)


def test_a_component_connects_elsewhere_after_its_node_has_died(with_components: Two) -> None:
    first, second = with_components
    with component(first, IRC), enter(second, "juliet") as juliet:
        first.crash()
        with component(second, IRC) as irc:
            juliet.write(f"<message to='room@{IRC}' id='in'><body>Hi</body></message>")
            assert irc.stanza("message", id="in").get("from") == f"juliet@{DOMAIN}/balcony"
