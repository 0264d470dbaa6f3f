"""Two servers on one engine: users are on different nodes, and other nodes own their accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.xmpp_im_host.cluster.servers import Cluster, NodeServer
from tests.xmpp_im_host.cluster.talking import DOMAIN, ROSTER, SM, become_contacts, chat, enter, log_in
from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_host.cluster.placement import placement
from xmpp_im_host.storage.records import partition_of

REGISTER = "jabber:iq:register"

Two = tuple[NodeServer, NodeServer]


@pytest.fixture
def cluster(shared: dict[str, Any]) -> Iterator[Cluster]:
    with Cluster(registration=True, limits={"sessions": 2}, **shared) as cluster:
        yield cluster


@pytest.fixture
def two(cluster: Cluster) -> Two:
    return cluster.two(dict.fromkeys(("romeo", "juliet"), "secret"))


def test_the_accounts_of_these_tests_have_different_owners() -> None:
    """So each test has a user whose account is owned where the user is, and one whose account is owned elsewhere."""
    placed = placement({1: 1.0, 2: 1.0})
    assert {placed[partition_of(f"{name}@{DOMAIN}")] for name in ("romeo", "juliet")} == {1, 2}


# --- between the nodes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sender", "reader"), [(0, 1), (1, 0)])
def test_users_on_different_nodes_chat(two: Two, sender: int, reader: int) -> None:
    with log_in(two[sender], "romeo") as romeo, enter(two[reader], "juliet") as juliet:
        for n in range(20):
            romeo.write(chat("juliet", str(n)))
        assert [juliet.stanza("message").get("id") for _ in range(20)] == [str(n) for n in range(20)]


def test_users_on_different_nodes_subscribe_and_see_each_other_come_and_go(two: Two) -> None:
    with enter(two[0], "romeo", "orchard") as romeo, enter(two[1], "juliet") as juliet:
        become_contacts(romeo, juliet)
        romeo.write("<presence><show>away</show></presence>")
        seen = juliet.until(lambda each: each.first("show") is not None)
        assert seen.get("from") == f"romeo@{DOMAIN}/orchard"
        romeo.write("</stream:stream>")
        assert juliet.stanza("presence", type="unavailable").get("from") == f"romeo@{DOMAIN}/orchard"


def test_one_account_has_sessions_on_both_nodes(two: Two) -> None:
    with enter(two[0], "juliet", "one") as one, enter(two[1], "juliet", "two") as other:
        one.write(f"<iq type='set' id='s'><query xmlns='{ROSTER}'><item jid='nurse@{DOMAIN}'/></query></iq>")
        assert other.stanza("iq", type="set").elements[0].namespace == ROSTER  # the push
        other.write(f"<message to='juliet@{DOMAIN}/one' id='m'><body>me</body></message>")
        assert one.stanza("message", id="m").get("from") == f"juliet@{DOMAIN}/two"


def test_a_session_replaces_one_of_the_same_resource_on_the_other_node(two: Two) -> None:
    """RFC 6120 §7.7.2.2: the former stream is closed with <conflict/>."""
    with enter(two[0], "juliet") as former, enter(two[1], "juliet"):
        assert former.error() == "conflict"


def test_an_account_has_no_more_sessions_than_allowed_on_all_nodes_together(two: Two) -> None:
    """RFC 6120 §7.6.2.1."""
    with enter(two[0], "juliet", "one"), enter(two[1], "juliet", "two"), RawClient(two[0]) as third:
        third.open()
        assert third.authenticate("juliet", "secret").name == "success"
        third.open()
        answer = third.bind("three")
        assert answer.get("type") == "error"
        assert answer.first("error").elements[0].name == "resource-constraint"  # type: ignore[union-attr]


# --- what is stored, and what is acknowledged -------------------------------------------------------------------


def test_a_message_for_an_absent_user_waits_for_the_next_login_on_any_node(two: Two) -> None:
    with enter(two[0], "romeo") as romeo:
        romeo.write(chat("juliet", "late"))
        romeo.settle()
    with log_in(two[1], "juliet") as juliet:
        juliet.write("<presence/>")
        assert juliet.stanza("message").get("id") == "late"


def test_what_a_client_has_not_acknowledged_is_delivered_elsewhere_when_its_session_ends(two: Two) -> None:
    """XEP-0198 §4: the server takes care of what the client has not acknowledged."""
    with enter(two[0], "romeo") as romeo, enter(two[1], "juliet") as juliet:
        juliet.write(f"<enable xmlns='{SM}'/>")
        assert juliet.next().name == "enabled"
        for id in ("1", "2"):
            romeo.write(chat("juliet", id))
            assert juliet.stanza("message").get("id") == id
        juliet.write(f"<a xmlns='{SM}' h='1'/>")
        juliet.settle()
    with log_in(two[0], "juliet") as juliet:
        juliet.write("<presence/>")
        assert juliet.stanza("message").get("id") == "2"
        juliet.settle()
        two[0].until_nothing_waits()


def test_what_a_client_has_acknowledged_is_removed_from_its_queue(two: Two) -> None:
    with enter(two[0], "romeo") as romeo, enter(two[1], "juliet") as juliet:
        juliet.write(f"<enable xmlns='{SM}'/>")
        assert juliet.next().name == "enabled"
        two[1].until_nothing_waits()
        romeo.write(chat("juliet", "1"))
        juliet.stanza("message")
        assert two[1].waiting() == 1
        juliet.write(f"<a xmlns='{SM}' h='1'/>")
        two[1].until_nothing_waits()


def test_a_session_is_resumed_on_its_node(two: Two) -> None:
    with enter(two[0], "romeo") as romeo:
        lost = enter(two[1], "juliet")
        lost.write(f"<enable xmlns='{SM}' resume='true'/>")
        previous = lost.next().get("id")
        lost.close()
        two[1].until(lambda: two[1].server.network.sessions.detached == 1)
        romeo.write(chat("juliet", "meanwhile"))
        romeo.settle()
        with RawClient(two[1]) as juliet:
            juliet.open()
            juliet.authenticate("juliet", "secret")
            juliet.open()
            juliet.write(f"<resume xmlns='{SM}' previd='{previous}' h='0'/>")
            assert juliet.next().name == "resumed"
            assert juliet.stanza("message").get("id") == "meanwhile"
            juliet.write(chat("romeo", "back"))
            assert romeo.stanza("message", id="back").get("from") == f"juliet@{DOMAIN}/balcony"


def test_the_server_acknowledges_a_stanza_when_it_is_in_the_queue_of_the_account(two: Two) -> None:
    with enter(two[0], "romeo") as romeo:
        romeo.write(f"<enable xmlns='{SM}'/>")
        assert romeo.next().name == "enabled"
        romeo.write(chat("juliet", "1") + f"<r xmlns='{SM}'/>")
        romeo.until(lambda each: each.name == "a" and each.get("h") == "1")


# --- accounts ---------------------------------------------------------------------------------------------------


def test_an_account_registered_on_one_node_logs_in_on_the_other(two: Two) -> None:
    with RawClient(two[0]) as stranger:
        stranger.open()
        fields = "<username>nurse</username><password>secret</password>"
        assert stranger.ask(f"<query xmlns='{REGISTER}'>{fields}</query>", "set").get("type") == "result"
    with log_in(two[1], "nurse") as nurse:
        nurse.settle()


@pytest.mark.parametrize("asked", [0, 1])
def test_who_removes_an_account_gets_the_answer_before_the_stream_ends(two: Two, asked: int) -> None:
    """XEP-0077 §3.2. The owner of the account is one of the two nodes, and the client is on each of them once."""
    with log_in(two[asked], "juliet") as juliet, enter(two[1 - asked], "juliet", "other") as other:
        removed = juliet.ask(f"<query xmlns='{REGISTER}'><remove/></query>", "set", id="gone")
        assert removed.get("type") == "result"
        assert juliet.error() == "not-authorized"
        assert other.error() == "not-authorized"
    with RawClient(two[0]) as juliet:
        juliet.open()
        assert juliet.authenticate("juliet", "secret").name == "failure"


def test_a_password_is_changed_on_any_node(two: Two) -> None:
    with log_in(two[0], "juliet") as juliet:
        fields = "<username>juliet</username><password>other</password>"
        assert juliet.ask(f"<query xmlns='{REGISTER}'>{fields}</query>", "set").get("type") == "result"
    with RawClient(two[1]) as juliet:
        juliet.open()
        assert juliet.authenticate("juliet", "other").name == "success"


def authenticated(server: NodeServer, user: str) -> RawClient:
    """Return a client that has logged in, and has no session yet."""
    client = RawClient(server)
    client.open()
    assert client.authenticate(user, "secret").name == "success"
    client.open()
    return client


def test_a_login_with_a_password_that_is_changed_elsewhere_gets_no_session(two: Two) -> None:
    """RFC 6120 §4.9.3.12: not-authorized. Who knows an old password must not keep a session that begins later."""
    manage = two[1].server.administration
    with authenticated(two[0], "juliet") as binding, authenticated(two[0], "juliet") as resuming:
        two[1].cluster.run(manage.set_password(f"juliet@{DOMAIN}", "other"))
        binding.write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        assert binding.error() == "not-authorized"
        resuming.write(f"<resume xmlns='{SM}' previd='guessed' h='0'/>")
        assert resuming.error() == "not-authorized"


def test_a_login_to_an_account_that_is_removed_elsewhere_gets_no_session(two: Two) -> None:
    with authenticated(two[0], "juliet") as juliet:
        two[1].cluster.run(two[1].server.administration.remove(f"juliet@{DOMAIN}"))
        juliet.write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        assert juliet.error() == "not-authorized"


def test_the_salt_of_an_unknown_user_is_the_same_on_all_nodes(two: Two) -> None:
    """Otherwise a stranger who asks two nodes would learn that the user does not exist (RFC 6120 §13.11)."""
    first, second = [server.server.network.settings.secret for server in two]
    assert first == second
