"""Users of a server over sockets: rosters, subscriptions, presence, messages, blocking, services, resumption."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import IQ
from xmpp_im_host.hosting.administration import AdministrationError
from xmpp_im_host.pytest_plugin import RunningServer, running

ACCOUNTS = {"romeo": "rosaline", "juliet": "balcony"}
SM = "urn:xmpp:sm:3"


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with running(ACCOUNTS, components={"irc.localhost": "the secret of irc"}, registration=True) as server:
        yield server


@pytest.fixture
def romeo(server: RunningServer) -> Iterator[RawClient]:
    with RawClient(server) as client:
        yield client.log_in("romeo", "rosaline", "orchard")


@pytest.fixture
def juliet(server: RunningServer) -> Iterator[RawClient]:
    with RawClient(server) as client:
        yield client.log_in("juliet", "balcony", "balcony")


def test_two_users_chat(romeo: RawClient, juliet: RawClient) -> None:
    romeo.write("<presence/>")
    romeo.settle()
    juliet.write("<message to='romeo@localhost' type='chat' id='m1'><body>Art thou not Romeo?</body></message>")
    message = romeo.stanza("message", id="m1")

    assert message.get("from") == "juliet@localhost/balcony"
    assert message.first("body").text == "Art thou not Romeo?"  # type: ignore[union-attr]


def test_a_message_waits_for_a_user_who_is_offline(server: RunningServer, juliet: RawClient) -> None:
    juliet.write("<message to='romeo@localhost' type='chat' id='m1'><body>?</body></message>")
    juliet.settle()
    with RawClient(server) as romeo:
        romeo.log_in("romeo", "rosaline").write("<presence/>")

        assert romeo.stanza("message", id="m1").first("delay", "urn:xmpp:delay") is not None


def befriend(one: RawClient, other: RawClient, name: str, other_name: str) -> None:
    """Make a mutual subscription."""
    for client in (one, other):
        client.ask("<query xmlns='jabber:iq:roster'/>")
        client.write("<presence/>")
        client.settle()
    for client, peer, to in ((one, other, other_name), (other, one, name)):
        client.write(f"<presence to='{to}' type='subscribe'/>")
        peer.stanza("presence", type="subscribe")
        me = name if client is one else other_name
        peer.write(f"<presence to='{me}' type='subscribed'/>")
        client.stanza("presence", type="subscribed")


def test_a_subscription_shows_presence_and_appears_in_both_rosters(romeo: RawClient, juliet: RawClient) -> None:
    befriend(romeo, juliet, "romeo@localhost", "juliet@localhost")
    juliet.write("<presence><show>away</show></presence>")
    romeo.until(lambda each: each.name == "presence" and each.first("show") is not None)

    for client, contact in ((romeo, "juliet@localhost"), (juliet, "romeo@localhost")):
        (item,) = client.ask("<query xmlns='jabber:iq:roster'/>", id="roster").elements[0].elements
        assert (item.get("jid"), item.get("subscription")) == (contact, "both")


def test_a_lost_connection_shows_as_unavailable(romeo: RawClient, juliet: RawClient) -> None:
    befriend(romeo, juliet, "romeo@localhost", "juliet@localhost")
    juliet.close()

    assert romeo.stanza("presence", type="unavailable").get("from") == "juliet@localhost/balcony"


def test_a_blocked_user_reaches_nobody(romeo: RawClient, juliet: RawClient) -> None:
    blocked = "<block xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'/></block>"
    assert romeo.ask(blocked, "set").get("type") == "result"
    romeo.write("<presence/>")
    romeo.settle()
    juliet.write("<message to='romeo@localhost/orchard' type='chat' id='m1'><body>?</body></message>")
    juliet.settle()
    juliet.write("<message to='juliet@localhost/balcony' type='chat' id='m2'><body>?</body></message>")
    juliet.stanza("message", id="m2")
    romeo.settle()

    assert not [each for each in romeo.came if getattr(each, "KIND", "") == "message"]


def test_carbons_copy_to_the_other_resources(server: RunningServer, romeo: RawClient, juliet: RawClient) -> None:
    with RawClient(server) as other:
        other.log_in("romeo", "rosaline", "garden").write("<presence/>")
        assert other.ask("<enable xmlns='urn:xmpp:carbons:2'/>", "set").get("type") == "result"
        romeo.write("<presence/><message to='juliet@localhost/balcony' type='chat' id='m1'><body>?</body></message>")
        juliet.stanza("message", id="m1")
        copy = other.stanza("message", from_="romeo@localhost")

        assert copy.first("sent", "urn:xmpp:carbons:2") is not None


def test_another_domain_is_not_found(romeo: RawClient) -> None:
    """RFC 6120 §8.3.3.16, §10.4: there are no streams to other servers."""
    romeo.write("<message to='nurse@capulet.example' type='chat' id='m1'><body>?</body></message>")
    error = romeo.stanza("message", id="m1", type="error").first("error")

    assert error is not None
    assert error.elements[0].name == "remote-server-not-found"


# --- services -----------------------------------------------------------------------------------------------

INFO = "http://jabber.org/protocol/disco#info"


def told(answer: Element) -> set[str]:
    return {each.get("var") or "" for each in answer.elements[0].elements} - {""}


def test_the_server_tells_its_features_and_its_components(romeo: RawClient) -> None:
    answer = romeo.ask(f"<query xmlns='{INFO}'/>", to="localhost")
    items = romeo.ask("<query xmlns='http://jabber.org/protocol/disco#items'/>", to="localhost", id="items")

    assert {"urn:xmpp:blocking", "urn:xmpp:carbons:2", "urn:xmpp:ping", "jabber:iq:version", INFO} <= told(answer)
    assert answer.elements[0].elements[0].get("category") == "server"
    assert [each.get("jid") for each in items.elements[0].elements] == ["irc.localhost"]


def test_an_account_tells_its_features_to_its_user_only(romeo: RawClient, juliet: RawClient) -> None:
    own = romeo.ask(f"<query xmlns='{INFO}'/>", to="romeo@localhost")
    foreign = juliet.ask(f"<query xmlns='{INFO}'/>", to="romeo@localhost")
    unknown = juliet.ask(f"<query xmlns='{INFO}'/>", to="nobody@localhost", id="unknown")

    assert "urn:xmpp:carbons:2" in told(own)
    assert own.elements[0].elements[0].get("category") == "account"
    assert foreign.get("type") == unknown.get("type") == "error"
    assert [each.name for each in foreign.first("error").elements] == [  # type: ignore[union-attr]
        each.name
        for each in unknown.first("error").elements  # type: ignore[union-attr]
    ]


def test_the_server_tells_its_name_and_version(romeo: RawClient) -> None:
    query = romeo.ask("<query xmlns='jabber:iq:version'/>", to="localhost").elements[0]

    assert [each.name for each in query.elements] == ["name", "version"]
    assert query.elements[0].text == "xmpp-im-host"


def test_an_unknown_namespace_is_not_served(romeo: RawClient) -> None:
    answer = romeo.ask("<query xmlns='urn:example:nothing'/>", to="localhost")

    assert answer.first("error").elements[0].name == "service-unavailable"  # type: ignore[union-attr]


def test_a_stranger_registers_and_removes_an_account(server: RunningServer) -> None:
    with RawClient(server) as client:
        client.open()
        fields = "<username>nurse</username><password>angelica</password>"
        assert client.ask(f"<query xmlns='jabber:iq:register'>{fields}</query>", "set").get("type") == "result"
        assert client.authenticate("nurse", "angelica").name == "success"
        client.open()
        client.bind()
        removed = client.ask("<query xmlns='jabber:iq:register'><remove/></query>", "set")
        assert removed.get("type") == "result"
        assert client.next().name == "error"
    with RawClient(server) as client:
        client.open()
        assert client.authenticate("nurse", "angelica").name == "failure"


def test_a_removal_that_fails_is_answered_with_an_error(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(account: str, farewell: IQ) -> None:
        raise AdministrationError("the storage does not work")

    monkeypatch.setattr(server.server.administration, "remove", fails)
    with RawClient(server) as client:
        client.log_in("romeo", "rosaline", "removing")
        answer = client.ask("<query xmlns='jabber:iq:register'><remove/></query>", "set")

        assert answer.first("error").elements[0].name == "internal-server-error"  # type: ignore[union-attr]


def test_an_account_that_exists_cannot_be_registered(server: RunningServer) -> None:
    with RawClient(server) as client:
        client.open()
        fields = "<username>romeo</username><password>stolen</password>"
        answer = client.ask(f"<query xmlns='jabber:iq:register'>{fields}</query>", "set")

        assert answer.first("error").elements[0].name == "conflict"  # type: ignore[union-attr]
        assert client.authenticate("romeo", "rosaline").name == "success"


def test_a_user_changes_the_password(server: RunningServer, romeo: RawClient) -> None:
    fields = "<username>romeo</username><password>juliet</password>"
    assert romeo.ask(f"<query xmlns='jabber:iq:register'>{fields}</query>", "set").get("type") == "result"
    with RawClient(server) as client:
        client.open()
        assert client.authenticate("romeo", "rosaline").name == "failure"
        assert client.authenticate("romeo", "juliet").name == "success"


# --- stream management --------------------------------------------------------------------------------------


def managed(client: RawClient) -> str:
    client.write(f"<enable xmlns='{SM}' resume='true'/>")
    return client.until(lambda each: each.name == "enabled").get("id") or ""


def resumed(server: RunningServer, previous: str, h: int) -> RawClient:
    client = RawClient(server)
    client.open()
    client.authenticate("romeo", "rosaline")
    client.open()
    client.write(f"<resume xmlns='{SM}' h='{h}' previd='{previous}'/>")
    return client


def test_a_broken_stream_is_resumed_and_nothing_is_lost(
    server: RunningServer, romeo: RawClient, juliet: RawClient
) -> None:
    previous = managed(romeo)
    befriend(romeo, juliet, "romeo@localhost", "juliet@localhost")
    romeo.write(f"<r xmlns='{SM}'/>")
    handled = int(romeo.until(lambda each: each.name == "a").get("h") or "")
    romeo.close()
    for number in range(20):
        juliet.write(f"<message to='romeo@localhost' type='chat' id='m{number}'><body>?</body></message>")
    juliet.settle()
    with resumed(server, previous, 0) as again:
        answer = again.until(lambda each: each.name in ("resumed", "failed"))
        assert answer.name == "resumed"
        assert int(answer.get("h") or "") >= handled
        came = [again.stanza("message").get("id") for _ in range(20)]
        assert came == [f"m{number}" for number in range(20)]
        again.settle()
    assert not [each for each in juliet.came if getattr(each, "type", "") == "unavailable"]


def test_a_stream_that_is_still_open_is_taken_over(server: RunningServer, romeo: RawClient) -> None:
    previous = managed(romeo)
    with resumed(server, previous, 0) as again:
        assert again.until(lambda each: each.name in ("resumed", "failed")).name == "resumed"
        assert romeo.error() == "conflict"
        again.settle()


def test_nobody_resumes_the_stream_of_another_account(server: RunningServer, juliet: RawClient) -> None:
    previous = managed(juliet)
    with resumed(server, previous, 0) as thief:
        assert thief.until(lambda each: each.name in ("resumed", "failed")).name == "failed"
        assert thief.bind().get("type") == "result"
    juliet.settle()


@pytest.fixture
def hasty() -> Iterator[RunningServer]:
    with running(ACCOUNTS, resumption_seconds=0.2) as server:
        yield server


def test_what_an_expired_session_did_not_acknowledge_is_stored(hasty: RunningServer) -> None:
    with RawClient(hasty) as romeo, RawClient(hasty) as juliet:
        romeo.log_in("romeo", "rosaline")
        juliet.log_in("juliet", "balcony").write("<presence/>")
        managed(juliet)
        befriend(romeo, juliet, "romeo@localhost", "juliet@localhost")
        juliet.close()
        romeo.write("<message to='juliet@localhost' type='chat' id='m1'><body>?</body></message>")
        romeo.stanza("presence", type="unavailable")
    with RawClient(hasty) as juliet:
        juliet.log_in("juliet", "balcony").write("<presence/>")
        assert juliet.stanza("message", id="m1").first("delay", "urn:xmpp:delay") is not None


# --- many sessions ------------------------------------------------------------------------------------------


def test_many_sessions_are_told_apart() -> None:
    accounts = {f"user{number}": "secret" for number in range(5)}
    with running(accounts, limits={"logins_per_address": 300}) as server, ExitStack() as stack:
        clients = {
            (user, resource): stack.enter_context(RawClient(server)).log_in(user, "secret", f"r{resource}")
            for user in accounts
            for resource in range(40)
        }
        assert len(server.server.network.sessions) == len(clients) == 200
        sender = clients["user0", 0]
        for user, resource in clients:
            sender.write(f"<message to='{user}@localhost/r{resource}' type='chat' id='{user}-{resource}'/>")
        for (user, resource), client in clients.items():
            assert client.stanza("message").get("id") == f"{user}-{resource}"


def test_an_account_has_a_number_of_sessions() -> None:
    """RFC 6120 §7.6.2.1: the request to bind another resource gets resource-constraint."""
    with running(ACCOUNTS, limits={"sessions": 2}) as server, ExitStack() as stack:
        for resource in ("one", "two"):
            stack.enter_context(RawClient(server)).log_in("romeo", "rosaline", resource)
        third = stack.enter_context(RawClient(server))
        third.open()
        third.authenticate("romeo", "rosaline")
        third.open()
        error = third.bind("three").first("error")

        assert error is not None
        assert error.elements[0].name == "resource-constraint"
        assert third.bind("two").get("type") == "result"


def test_a_detached_session_for_which_too_much_waits_ends() -> None:
    with running(ACCOUNTS, limits={"queue_stanzas": 10}) as server, RawClient(server) as romeo:
        romeo.log_in("romeo", "rosaline").write("<presence/>")
        managed(romeo)
        romeo.close()
        with RawClient(server) as juliet:
            juliet.log_in("juliet", "balcony")
            for number in range(30):
                juliet.write(f"<message to='romeo@localhost' type='chat' id='m{number}'><body>?</body></message>")
            juliet.settle()
        with RawClient(server) as romeo:
            romeo.log_in("romeo", "rosaline").write("<presence/>")
            came = [romeo.stanza("message").get("id") for _ in range(30)]

    assert came == [f"m{number}" for number in range(30)]
    assert server.server.counters.refused == {"queue_stanzas": 1}


def test_an_error_in_a_connection_ends_that_connection_only(
    server: RunningServer, romeo: RawClient, juliet: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = server.server.host.receive

    def failing(account: str, *arguments: object, **named: object) -> None:
        if account == "romeo@localhost":
            raise ZeroDivisionError
        receive(account, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(server.server.host, "receive", failing)
    romeo.write("<presence/>")
    assert romeo.read() is None
    juliet.settle()


def test_a_client_that_is_turned_away_from_gets_the_last_presence_only(romeo: RawClient, juliet: RawClient) -> None:
    """XEP-0352: presence is held back, and each newer one replaces the one before."""
    befriend(romeo, juliet, "romeo@localhost", "juliet@localhost")
    managed(romeo)
    romeo.write("<inactive xmlns='urn:xmpp:csi:0'/>")
    romeo.settle()
    for number in range(50):
        juliet.write(f"<presence><status>{number}</status></presence>")
    juliet.settle()
    romeo.write("<active xmlns='urn:xmpp:csi:0'/>")
    presence = romeo.stanza("presence", from_="juliet@localhost/balcony")

    assert presence.first("status").text == "49"  # type: ignore[union-attr]
