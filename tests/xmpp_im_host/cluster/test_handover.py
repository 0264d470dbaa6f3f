"""Sessions move between two servers in one process (XEP-0198 §5): nothing is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from time import monotonic
from typing import Any

import pytest
from attrs import evolve

from tests.xmpp_im_host.cluster.servers import PATIENCE, Cluster, NodeServer
from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_core.codec import NonStanza, StreamOpened
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import Stanza, to_element
from xmpp_im_host.cluster.membership import end_node
from xmpp_im_host.network.client_driver import ClientDriver
from xmpp_im_host.network.moving import Moving
from xmpp_im_host.operations.nodes import nodes

DOMAIN = "montague.example"
SM = "urn:xmpp:sm:3"

Two = tuple[NodeServer, NodeServer]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(domains=[DOMAIN], drain_seconds=10) as cluster:
        yield cluster
        for reader in READERS:
            reader.client.close()
        READERS.clear()


@pytest.fixture
def two(cluster: Cluster) -> Two:
    return cluster.two(dict.fromkeys(("romeo", "juliet"), "secret"))


READERS: list[Reader] = []
"""Those of the test, to be closed at its end."""


class Reader:
    """Juliet's client: it counts the stanzas that it gets, and resumes its session anywhere."""

    def __init__(self, server: NodeServer, user: str = "juliet") -> None:
        READERS.append(self)
        self.user, self.server = user, server
        self.client = RawClient(server).log_in(user, "secret", "balcony")
        self.client.write(f"<enable xmlns='{SM}' resume='true'/>")
        self.previous = self.client.next().get("id")
        self.got: list[str] = []
        """The ids of the messages that came, in order."""
        self.gone: list[str] = []
        """The sessions that were shown as unavailable."""
        self.received = 0
        self.client.write("<presence/>")
        self.until_presence()

    def until_presence(self) -> None:
        while self._take(self.client.next()).name != "presence":
            pass

    def _take(self, element: Element) -> Element:
        if element.name in ("message", "presence", "iq"):
            self.received += 1
        if element.get("type") == "unavailable" and "/" in str(element.get("from")):
            self.gone.append(str(element.get("from")))
        if element.name == "message":
            self.got.append(str(element.get("id")))
        return element

    def until(self, id: int) -> None:
        """Read until this message has come. Nothing is acknowledged."""
        while str(id) not in self.got:
            self._take(self.client.next())

    def until_the_end(self) -> str | None:
        """Read until the connection ends; return the condition of a stream error."""
        error = None
        while (event := self.client.read()) is not None:
            if isinstance(event, StreamOpened):
                continue
            if isinstance(event, Stanza):
                self._take(to_element(event))
            elif isinstance(event, NonStanza) and event.element.name == "error":
                error = event.element.elements[0].name
        return error

    def resume(self, server: NodeServer, forget: int = 0) -> Element:
        """Resume the session; return the answer.

        :param forget: how many of the stanzas that came are to come again.
        """
        if forget:
            self.received -= forget
            del self.got[-forget:]
        self.client.close()
        self.client = RawClient(server)
        self.client.open()
        assert self.client.authenticate(self.user, "secret").name == "success"
        self.server = server
        self.client.open()
        self.client.write(f"<resume xmlns='{SM}' previd='{self.previous}' h='{self.received}'/>")
        return self.client.next()

    def settle(self) -> None:
        """Wait until the server has processed what this client has sent."""
        self.client.write("<iq type='get' id='settled'><ping xmlns='urn:xmpp:ping'/></iq>")
        while self._take(self.client.next()).get("id") != "settled":
            pass


def enter(server: NodeServer, user: str) -> RawClient:
    client = RawClient(server).log_in(user, "secret", "orchard")
    client.write("<presence/>")
    client.stanza("presence")
    return client


def chat(to: str, *ids: int) -> str:
    return "".join([f"<message to='{to}@{DOMAIN}' type='chat' id='{id}'><body>x</body></message>" for id in ids])


def numbers(until: int) -> list[str]:
    return [str(each) for each in range(1, until + 1)]


def leave(server: NodeServer) -> Future[Any]:
    """Let a server stop as an operator does, and go on at once."""
    server.cluster.servers.remove(server)
    return asyncio.run_coroutine_threadsafe(server.server.__aexit__(None, None, None), server.cluster._loop)


def moving_of(server: NodeServer) -> Moving:
    life = server.node.life
    assert life is not None
    assert isinstance(life.gateway.moves, Moving)
    return life.gateway.moves


def stored(server: NodeServer) -> list[str]:
    """Return the messages that are stored for Juliet: what she gets who logs in without stream management."""
    with RawClient(server).log_in("juliet", "secret", "garden") as juliet:
        juliet.write("<presence/>")
        juliet.write("<iq type='get' id='end'><ping xmlns='urn:xmpp:ping'/></iq>")
        found = []
        while (each := juliet.next()).get("id") != "end":
            if each.name == "message":
                found.append(str(each.get("id")))
        return found


# --- a server stops -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forget", [0, 2])
def test_a_session_goes_on_at_the_other_server_when_its_own_one_stops(two: Two, forget: int) -> None:
    with enter(two[0], "romeo") as romeo:
        juliet = Reader(two[1])
        romeo.write(chat("juliet", 1, 2, 3))
        juliet.until(3)
        romeo.write(chat("juliet", 4))
        stopped = leave(two[1])
        romeo.write(chat("juliet", 5, 6))
        assert juliet.until_the_end() is None, "the stream breaks off, so its client resumes it"
        romeo.write(chat("juliet", 7))
        answer = juliet.resume(two[0], forget)
        assert answer.name == "resumed"
        assert answer.get("h") == "1"
        romeo.write(chat("juliet", 8))
        juliet.until(8)
        stopped.result(30)
        romeo.write(chat("juliet", 9))
        juliet.until(9)
        assert juliet.got == numbers(9)


def test_a_rolling_restart_loses_no_session(shared: dict[str, Any]) -> None:
    """Each of three servers is replaced, one after the other. Both users' contacts see no change."""
    slow = {"beat_seconds": 0.1, "dead_seconds": 20}  # no node is to be taken for dead
    with Cluster(domains=[DOMAIN], drain_seconds=20, node=slow, **shared) as cluster:
        servers = [cluster.start() for _ in range(3)]
        administration = servers[0].server.administration
        friends = {("romeo", "juliet"), ("juliet", "romeo")}
        data = {
            f"{one}@{DOMAIN}": {"roster": [{"jid": f"{other}@{DOMAIN}", "subscription": "both"}]}
            for one, other in friends
        }
        cluster.run(administration.import_accounts(data))
        for account in data:
            cluster.run(administration.set_password(account, "secret"))
        juliet, romeo = Reader(servers[0]), Reader(servers[1], "romeo")
        sent = 0
        for _ in range(3):
            old = servers.pop(0)
            romeo.client.write(chat("juliet", sent + 1, sent + 2))
            romeo.settle()
            stopped = leave(old)
            for reader in [each for each in (juliet, romeo) if each.server is old]:
                assert reader.until_the_end() is None
                assert reader.resume(servers[0]).name == "resumed"
            romeo.client.write(chat("juliet", sent + 3))
            romeo.settle()
            sent += 3
            juliet.until(sent)
            stopped.result(60)
            servers.append(cluster.start())
        juliet.settle()
        assert juliet.got == numbers(9)
        assert juliet.gone == romeo.gone == []
        for reader in READERS:
            reader.client.close()
        READERS.clear()


def test_what_the_client_sent_is_handled_once(two: Two) -> None:
    with enter(two[0], "romeo") as romeo:
        juliet = Reader(two[1])
        juliet.client.write(chat("romeo", 1, 2, 3))
        stopped = leave(two[1])
        juliet.until_the_end()
        handled = int(juliet.resume(two[0]).get("h") or 0)
        assert 1 <= handled <= 4, "presence, and some of the messages"
        juliet.client.write(chat("romeo", *range(handled, 5)))
        assert [romeo.stanza("message").get("id") for _ in range(4)] == numbers(4)
        stopped.result(30)


def test_the_server_also_takes_sessions_whose_clients_are_away(two: Two) -> None:
    with enter(two[0], "romeo") as romeo:
        juliet = Reader(two[1])
        juliet.client.close()
        two[1].until(lambda: two[1].server.network.sessions.detached == 1)
        romeo.write(chat("juliet", 1))
        stopped = leave(two[1])
        stopped.result(30)
        romeo.write(chat("juliet", 2))
        assert juliet.resume(two[0]).name == "resumed"
        juliet.until(2)
        assert juliet.got == numbers(2)


def test_a_lone_server_restarts_and_its_sessions_go_on(cluster: Cluster) -> None:
    first = cluster.start()
    cluster.until(lambda: len(first.owns()) == 256)
    for account in ("romeo", "juliet"):
        cluster.run(first.server.administration.create(f"{account}@{DOMAIN}", "secret"))
    juliet = Reader(first)
    with enter(first, "romeo") as romeo:
        romeo.write(chat("juliet", 1))
        juliet.until(1)
    first.stop()
    second = cluster.start()
    cluster.until(lambda: len(second.owns()) == 256)
    assert juliet.resume(second, forget=1).name == "resumed"
    with enter(second, "romeo") as romeo:
        romeo.write(chat("juliet", 2))
        juliet.until(2)
    assert juliet.got == numbers(2)


def test_a_stanza_of_the_server_itself_counts_too(two: Two) -> None:
    """XEP-0198 §4: 'h' counts all stanzas, and the client counts a ping of the server as well."""
    with enter(two[0], "romeo") as romeo:
        juliet = Reader(two[1])
        (link,) = [each for each in two[1].server.network.links.all if isinstance(each.driver, ClientDriver)]

        async def probe() -> None:
            assert isinstance(link.driver, ClientDriver)
            link.driver.probe()

        two[1].cluster.run(probe())
        romeo.write(chat("juliet", 1))
        juliet.until(1)
        stopped = leave(two[1])
        juliet.until_the_end()
        juliet.received -= 2
        juliet.got.clear()
        assert juliet.resume(two[0]).name == "resumed"
        assert juliet.client.next().elements[0].name == "ping"
        juliet.until(1)
        romeo.write(chat("juliet", 2))
        juliet.until(2)
        assert juliet.got == numbers(2)
        stopped.result(30)


def test_other_streams_end_with_system_shutdown(two: Two) -> None:
    with RawClient(two[1]) as stranger, RawClient(two[1]).log_in("juliet", "secret") as simple:
        stranger.open()
        stopped = leave(two[1])
        assert stranger.error() == "system-shutdown"
        assert simple.error() == "system-shutdown"
        stopped.result(30)


def test_the_other_server_owns_all_accounts_before_the_first_one_has_gone(two: Two) -> None:
    leave(two[1]).result(30)
    assert len(two[0].owns()) == 256


# --- an operator drains a server, and lets it serve again -------------------------------------------------------------


def direct(server: NodeServer, draining: bool) -> None:
    server.cluster.run(server.cluster.engine.direct(server.number, draining=draining))


def state(server: NodeServer) -> str:
    """Return the state of a server as operators see it."""
    found = server.cluster.run(nodes(server.cluster.engine, 0.3))
    return next(each.state for each in found if each.number == server.number)


def until_state(server: NodeServer, wanted: str) -> None:
    deadline = monotonic() + PATIENCE
    while (found := state(server)) != wanted:
        assert monotonic() < deadline, found


def end_sessions(server: NodeServer) -> None:
    """End sessions that the test has kept from leaving."""

    async def end() -> None:
        for session in server.server.network.sessions:
            server.server.network.sessions.end(session)

    server.cluster.run(end())


def connects(server: NodeServer) -> bool:
    try:
        RawClient(server).close()
    except OSError:
        return False
    return True


def test_an_operator_drains_a_server_and_it_waits(two: Two) -> None:
    with RawClient(two[1]).log_in("romeo", "secret") as simple:
        juliet = Reader(two[1])
        direct(two[1], True)
        assert juliet.until_the_end() is None
        assert juliet.resume(two[0]).name == "resumed"
        assert simple.error() == "system-shutdown"
    until_state(two[1], "drained")
    assert not two[1].owns()
    assert len(two[0].owns()) == 256
    assert not connects(two[1])
    assert not two[1].server.serves()
    assert not two[1].server.stopped.is_set()


def test_a_drained_server_stops_as_any_other(two: Two) -> None:
    direct(two[1], True)
    until_state(two[1], "drained")
    leave(two[1]).result(30)
    found = two[0].cluster.run(two[0].cluster.engine.beat(0, ""))
    assert [node.number for node in found] == [two[0].number]


def test_a_drained_server_serves_again(two: Two) -> None:
    number = two[1].number
    direct(two[1], True)
    until_state(two[1], "drained")
    direct(two[1], False)
    until_state(two[1], "serving")
    two[1].until(lambda: len(two[0].owns()) < 256 and len(two[0].owns() | two[1].owns()) == 256)
    juliet = Reader(two[1])
    with enter(two[0], "romeo") as romeo:
        romeo.write(chat("juliet", 1))
        juliet.until(1)
    assert two[1].number == number
    assert two[1].server.serves()


def test_what_it_has_not_given_up_stays_if_the_operator_thinks_again(two: Two) -> None:
    with RawClient(two[1]).log_in("romeo", "secret") as simple:
        juliet = Reader(two[1])
        moving = moving_of(two[1])
        moving.give_up = lambda account, session: None  # type: ignore[method-assign]  # it takes long
        direct(two[1], True)
        assert juliet.until_the_end() is None
        direct(two[1], False)
        two[1].until(two[1].server.serves)
        until_state(two[1], "serving")
        assert connects(two[1])
        answer = simple.ask("<query xmlns='jabber:iq:roster'/>")
        assert answer.get("type") == "result", "its session could not move, and has not ended"
        end_sessions(two[1])


def test_a_server_that_stops_does_not_come_back(two: Two) -> None:
    juliet = Reader(two[1])
    moving = moving_of(two[1])
    moving.give_up = lambda account, session: None  # type: ignore[method-assign]  # so it takes long to stop
    number, engine = two[1].number, two[1].cluster.engine
    stopped = leave(two[1])
    assert juliet.until_the_end() is None
    two[0].until(lambda: len(two[0].owns()) == 256)
    assert state(two[1]) == "stopping"
    two[0].cluster.run(engine.direct(number, draining=False))
    deadline = monotonic() + PATIENCE
    while not all(each.draining for each in two[0].cluster.run(engine.beat(0, "")) if each.number == number):
        assert monotonic() < deadline
    assert not two[1].owns()
    assert len(two[0].owns()) == 256
    end_sessions(two[1])
    stopped.result(30)


def test_a_drained_server_that_others_have_ended_is_still_drained(two: Two) -> None:
    before = two[1].number
    direct(two[1], True)
    until_state(two[1], "drained")
    two[0].cluster.run(end_node(two[0].cluster.engine, before, "somebody", two[0].node.life.stamp()))  # type: ignore[union-attr]
    two[1].until(lambda: two[1].node.life is not None and two[1].number != before)
    until_state(two[1], "drained")
    direct(two[1], False)
    until_state(two[1], "serving")


def test_a_server_that_cannot_listen_again_stops(two: Two) -> None:
    direct(two[1], True)
    until_state(two[1], "drained")
    with socket.create_server((two[1].host, two[1].port)):
        direct(two[1], False)
        two[1].until(two[1].server.stopped.is_set)


def test_a_server_takes_back_what_it_has_not_noticed_to_have_lost(two: Two) -> None:
    """Partitions were placed elsewhere and back between two beats. Nothing happens in them, so no commit is refused."""
    first, second = [each.node.life.owner for each in two if each.node.life is not None]
    two[0].until(lambda: not first.held & second.held)
    own = first.held

    async def claim() -> None:
        second.set_wanted(range(256))
        await second.claim_missing()

    two[0].cluster.run(claim())
    two[0].until(lambda: not second.held & own and first.held == own)
    leases = two[0].cluster.memory._leases
    assert all(leases[each] == first.committer.leases[each] for each in own)


def test_a_lone_server_keeps_its_accounts_until_another_one_comes(cluster: Cluster) -> None:
    first = cluster.start()
    cluster.until(lambda: len(first.owns()) == 256)
    direct(first, True)
    until_state(first, "drained")
    assert len(first.owns()) == 256
    second = cluster.start()
    cluster.until(lambda: len(second.owns()) == 256 and not first.owns())


# --- a client changes its server ----------------------------------------------------------------------------------


def test_a_client_resumes_at_another_server_while_its_own_one_lives(two: Two) -> None:
    with enter(two[0], "romeo") as romeo:
        juliet = Reader(two[1])
        romeo.write(chat("juliet", 1))
        juliet.until(1)
        juliet.client.close()
        romeo.write(chat("juliet", 2))
        assert juliet.resume(two[0]).name == "resumed"
        juliet.until(2)
        juliet.client.close()
        romeo.write(chat("juliet", 3))
        assert juliet.resume(two[1]).name == "resumed", "and back"
        juliet.until(3)
        assert juliet.got == numbers(3)


def test_the_former_stream_is_closed_with_conflict_if_it_is_open(two: Two) -> None:
    juliet = Reader(two[1])
    former, juliet.client = juliet.client, RawClient(two[0])
    with former:
        assert juliet.resume(two[0]).name == "resumed"
        assert former.error() == "conflict"


def test_an_unknown_session_is_refused_and_a_resource_can_be_bound(two: Two) -> None:
    with RawClient(two[0]) as client:
        client.open()
        client.authenticate("juliet", "secret")
        client.open()
        client.write(f"<resume xmlns='{SM}' previd='unknown' h='0'/>")
        assert client.next().name == "failed"
        assert client.bind().get("type") == "result"


def test_a_client_that_resumes_in_vain_is_told_soon_although_its_user_has_a_session_elsewhere(two: Two) -> None:
    two[0].node.settings = evolve(two[0].node.settings, take_seconds=3600.0)
    other = Reader(two[1])
    with RawClient(two[0]) as client:
        client.open()
        client.authenticate("juliet", "secret")
        client.open()
        client.write(f"<resume xmlns='{SM}' previd='{str(other.previous)[::-1]}' h='0'/>")
        assert client.next().name == "failed"
    assert other.resume(two[1]).name == "resumed"


# --- ends ---------------------------------------------------------------------------------------------------------


def test_what_nobody_takes_in_time_is_stored(cluster: Cluster) -> None:
    two = cluster.two(dict.fromkeys(("romeo", "juliet"), "secret"), resumption_seconds=0.5)
    with enter(two[0], "romeo") as romeo:
        juliet = Reader(two[1])
        romeo.write(chat("juliet", 1))
        juliet.until(1)
        stopped = leave(two[1])
        romeo.write(chat("juliet", 2))
        stopped.result(30)
        romeo.write(chat("juliet", 3))
        romeo.settle()
        cluster.until(lambda: not cluster.memory._rows[f"juliet@{DOMAIN}"].keys() & SESSION)
        assert juliet.resume(two[0]).name == "failed"
        assert stored(two[0]) == numbers(3)


SESSION = {("session", "balcony")}


@pytest.mark.parametrize("parked", [False, True])
def test_if_the_server_dies_in_the_middle_everything_is_stored(two: Two, parked: bool) -> None:
    with enter(two[0], "romeo") as romeo:
        juliet = Reader(two[1])
        romeo.write(chat("juliet", 1))
        juliet.until(1)

        async def begin() -> None:
            (session,) = two[1].server.network.sessions
            moving = moving_of(two[1])
            moving.give_up = lambda account, session: None  # type: ignore[method-assign]  # it never deposits
            moving.hand_over(session)

        two[1].cluster.run(begin())
        if parked:
            two[1].until(lambda: any(key[0] == "gateway" for key in rows(two[1])))
        romeo.write(chat("juliet", 2))
        romeo.settle()
        two[1].crash()
        two[0].until(lambda: not rows(two[0]) & SESSION)
        assert {key for key in rows(two[0]) if key[0] in ("gateway", "kept", "resumption")} == set()
        assert stored(two[0]) == numbers(2)
        two[1].stop()


def rows(server: NodeServer) -> set[tuple[str, str]]:
    """Return the kinds and keys of what is stored for Juliet."""
    return set(server.cluster.memory._rows[f"juliet@{DOMAIN}"])
