"""Logging in over a socket: STARTTLS, direct TLS, each mechanism, binding; and what is refused on the way."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest
import trustme

from tests.xmpp_im_host.raw_client import SASL, TLS, RawClient
from xmpp_im_core.element import Element
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.network.client_link import ClientLink, facts_of
from xmpp_im_host.network.failed_logins import FailedLogins
from xmpp_im_host.network.tls import ServerTLS, self_signed
from xmpp_im_host.pytest_plugin import RunningServer, running
from xmpp_im_host.streams.settings import Transport

ACCOUNTS = {"romeo": "rosaline", "juliet": "balcony"}
MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]


def mechanisms(features: Element) -> list[str]:
    found = features.first("mechanisms", SASL)
    return [] if found is None else [each.text for each in found.elements]


@pytest.fixture(scope="module")
def server():  # type: ignore[no-untyped-def]
    with running(
        ACCOUNTS,
        domains=["localhost", "capulet.example"],
        plaintext=False,
        listen={"tcp": ["127.0.0.1:0"], "tls": ["127.0.0.1:0"]},
    ) as server:
        server.add("nurse@capulet.example", "juliet")
        yield server


@pytest.fixture(autouse=True)
def forgiven(server: RunningServer) -> None:
    """Let the failed logins of one test not slow down the logins of the next."""
    network = server.server.network
    network.failed_logins = FailedLogins(network.clock)


@pytest.fixture
def client(server: RunningServer):  # type: ignore[no-untyped-def]
    with RawClient(server) as client:
        yield client


def test_before_tls_nothing_but_tls_is_offered(client: RawClient) -> None:
    features = client.open()

    assert [each.name for each in features.elements] == ["starttls"]
    assert [each.name for each in features.elements[0].elements] == ["required"]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_client_logs_in_over_starttls(client: RawClient, mechanism: str) -> None:
    client.open()
    features = client.start_tls()

    assert mechanism in mechanisms(features)
    assert client.authenticate("romeo", "rosaline", mechanism).name == "success"
    client.open()
    assert client.bind("orchard").get("type") == "result"


def test_a_client_logs_in_over_direct_tls(server: RunningServer) -> None:
    with RawClient(server, server.server.address("tls").port, direct=True) as client:
        client.log_in("romeo", "rosaline")
        client.settle()


def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    file, trusted = tmp_path / "server.pem", tmp_path / "authority.pem"

    def renew() -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(trusted))
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(file))

    async def reload(server: RunningServer) -> None:
        server.server.reload_certificate()

    renew()
    with running(ACCOUNTS, tls={"certificate": str(file)}) as server:
        server.cafile = str(trusted)
        with RawClient(server) as romeo:
            romeo.log_in("romeo", "rosaline", tls=True)
            renew()
            server.run(reload(server))
            with RawClient(server) as juliet:
                juliet.log_in("juliet", "balcony", tls=True)
            romeo.settle()
            file.write_text("nothing")
            server.run(reload(server))
            with RawClient(server) as juliet:
                juliet.log_in("juliet", "balcony", tls=True)


def test_the_channel_binding_is_that_of_the_handshake(xmpp_server: RunningServer, tmp_path: Path) -> None:
    """RFC 5929 §4: tls-server-end-point is the certificate of this connection, not one that was read meanwhile."""
    server = xmpp_server
    first, renewed = server.server.network.tls, self_signed(tmp_path / "renewed.pem", ["localhost"])

    async def renew(tls: ServerTLS) -> None:
        server.server.network.tls = tls

    async def known() -> list[Transport]:
        return [link.facts() for link in server.server.network.links.all if isinstance(link, ClientLink)]

    with RawClient(server) as client:
        client.open()
        assert server.run(known()) == [Transport()]
        client.start_tls()
        server.run(renew(renewed))
        assert server.run(known()) == [facts_of(first)]


async def change(server: RunningServer, how: str) -> None:
    if how == "remove":
        await server.server.administration.remove("romeo@localhost")
    else:
        await server.server.administration.set_password("romeo@localhost", "pencil")


@pytest.mark.parametrize("how", ["remove", "set_password"])
@pytest.mark.xmpp_server(accounts=ACCOUNTS)
def test_a_login_without_a_session_ends_with_the_keys_it_depends_on(xmpp_server: RunningServer, how: str) -> None:
    """RFC 6120 §4.9.3.12: the entity "is not authorized to perform an action related to negotiation"."""
    with RawClient(xmpp_server) as unbound, RawClient(xmpp_server) as asked, RawClient(xmpp_server) as other:
        unbound.open()
        assert unbound.authenticate("romeo", "rosaline").name == "success"
        unbound.open()
        asked.open()
        first = base64.b64encode(b"n,,n=romeo,r=abc").decode()
        asked.write(f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-256'>{first}</auth>")
        assert asked.next().name == "challenge"
        other.open()
        assert other.authenticate("juliet", "balcony").name == "success"
        xmpp_server.run(change(xmpp_server, how))

        assert unbound.error() == "not-authorized"
        assert asked.error() == "not-authorized"
        other.open()
        assert other.bind().get("type") == "result"


@pytest.mark.xmpp_server(accounts=ACCOUNTS)
def test_a_session_goes_on_when_its_password_changes(xmpp_server: RunningServer) -> None:
    with RawClient(xmpp_server) as romeo:
        romeo.log_in("romeo", "rosaline")
        xmpp_server.run(change(xmpp_server, "set_password"))
        romeo.settle()


@pytest.mark.xmpp_server(accounts=ACCOUNTS)
def test_a_password_that_is_checked_meanwhile_is_no_login(
    xmpp_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys were read before the account was removed, and the answer comes after it."""
    host, found = xmpp_server.server.host, xmpp_server.server.host.credentials

    async def remove_meanwhile(account: str) -> Credentials | None:
        keys = await found(account)
        await change(xmpp_server, "remove")
        return keys

    monkeypatch.setattr(host, "credentials", remove_meanwhile)
    with RawClient(xmpp_server) as romeo:
        romeo.open()
        romeo.write(
            f"<auth xmlns='{SASL}' mechanism='PLAIN'>{base64.b64encode(b'%cromeo%crosaline' % (0, 0)).decode()}</auth>"
        )
        assert romeo.error() == "not-authorized"


def test_each_domain_has_its_accounts(client: RawClient) -> None:
    client.open("capulet.example")
    client.start_tls("capulet.example")

    assert client.authenticate("romeo", "rosaline").name == "failure"
    assert client.authenticate("nurse", "juliet").name == "success"


def test_another_domain_is_not_served(client: RawClient) -> None:
    """RFC 6120 §4.9.3.6: host-unknown."""
    client.write(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='montague.example' version='1.0'"
        " xmlns:stream='http://etherx.jabber.org/streams'>"
    )

    assert client.error() == "host-unknown"


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(("user", "password"), [("romeo", "juliet"), ("nobody", "rosaline")])
def test_a_wrong_password_and_an_unknown_user_look_the_same(
    client: RawClient, user: str, password: str, mechanism: str
) -> None:
    client.open()
    client.start_tls()
    failure = client.authenticate(user, password, mechanism)

    assert [each.name for each in failure.elements if each.name != "text"] == ["not-authorized"]


@pytest.mark.parametrize("name", ["romeo@capulet.example", "romeo/orchard", "@localhost", "", "ro meo"])
def test_a_name_that_is_no_localpart_logs_in_as_nobody(client: RawClient, name: str) -> None:
    client.open()
    client.start_tls()

    assert client.authenticate(name, "rosaline", "PLAIN").name == "failure"


def test_a_user_cannot_log_in_as_another(client: RawClient) -> None:
    """RFC 6120 §6.5.6: an authorization identity of another account gets invalid-authzid."""
    client.open()
    client.start_tls()
    token = base64.b64encode(b"juliet@localhost\0romeo\0rosaline").decode()
    client.write(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{token}</auth>")

    assert client.next().first("invalid-authzid", SASL) is not None


def test_no_password_is_read_in_clear(client: RawClient) -> None:
    client.open()
    token = base64.b64encode(b"\0romeo\0rosaline").decode()
    client.write(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{token}</auth>")

    answer = client.next()
    assert answer.name in ("failure", "error")
    assert "success" not in {each.name for each in answer.elements}


def test_plain_text_behind_starttls_is_refused(client: RawClient) -> None:
    """What an attacker puts behind <starttls/> must not be read as if it came encrypted (CVE-2011-0411)."""
    client.open()
    client.write(f"<starttls xmlns='{TLS}'/><iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>")

    answers = [client.next()]
    if answers[0].name == "proceed":
        answers.append(client.next())
    assert answers[-1].name == "error"


@pytest.mark.parametrize(
    "stanza",
    [
        "<message to='juliet@localhost'><body>?</body></message>",
        "<presence/>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
    ],
)
def test_early_stanzas_end_the_stream(client: RawClient, stanza: str) -> None:
    """RFC 6120 §4.9.3.12: not-authorized."""
    client.open()
    client.start_tls()
    client.write(stanza)

    assert client.error() == "not-authorized"


@pytest.mark.xmpp_server(accounts=ACCOUNTS)
def test_guesses_end_the_stream(xmpp_server: RunningServer) -> None:
    """RFC 6120 §6.4.5: after some failures the stream is closed."""
    with RawClient(xmpp_server) as client:
        client.open()
        for _ in range(10):
            if client.authenticate("romeo", "wrong", "PLAIN").name == "error":
                break
        else:
            pytest.fail("the stream is still open")


def test_a_second_session_of_a_resource_replaces_the_first(server: RunningServer) -> None:
    """RFC 6120 §7.7.2.2: the former session is ended with conflict."""
    with RawClient(server) as first, RawClient(server) as second:
        first.log_in("romeo", "rosaline", "orchard", tls=True)
        second.log_in("romeo", "rosaline", "orchard", tls=True)

        assert first.error() == "conflict"
        second.settle()


def test_a_client_that_closes_its_stream_gets_the_end_of_the_other(client: RawClient) -> None:
    client.log_in("romeo", "rosaline", tls=True)
    client.write("</stream:stream>")

    assert client.read() is not None
    assert client.read() is None


def test_a_header_that_comes_with_the_end_of_the_handshake_is_read(client: RawClient) -> None:
    client.open()
    client.write(f"<starttls xmlns='{TLS}'/>")
    assert client.next().name == "proceed"
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=client.server.cafile)
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            client.write(outgoing.read())
            incoming.write(client.socket.recv(65_536))
    tls.write(
        b"<stream:stream xmlns='jabber:client' to='localhost' version='1.0'"
        b" xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    client.write(outgoing.read())  # the last message of the handshake, and the header
    found = b""
    while b"</stream:features>" not in found:
        try:
            found += tls.read(65_536)
        except ssl.SSLWantReadError:
            incoming.write(client.socket.recv(65_536))

    assert b"SCRAM-SHA-256" in found
