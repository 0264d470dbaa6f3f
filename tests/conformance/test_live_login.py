"""How the live driver logs in: STARTTLS, then SASL, and what it never says to whom (RFC 6120 §5 and §6)."""

from __future__ import annotations

import ssl
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from tests.conformance.live import driving
from tests.conformance.loopback import SASL, TLS, Connection, Loopback
from tests.conformance.stage import BALCONY, JULIET
from xmpp_im_conformance.format.worlds import ServerFailed, ServerGone, Setup
from xmpp_im_core.element import Element

MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256")
ELSEWHERE: Final = "127.1"
"""Loopback, spelt so that the driver takes it for another machine."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def cafile(authority: trustme.CA, tmp_path: Path) -> str:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    return certified(authority, "capulet.example")


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def log_in(server: Loopback, **config: Any) -> None:
    """Log in as a user whose account is made for that."""
    with driving(server, **config) as driver:
        world = driver.world(Setup({JULIET: ()}, remote=False))
        world.connect(BALCONY)
        world.close()


def fails(server: Loopback, **config: Any) -> str:
    """Return why nobody gets in."""
    with pytest.raises(ServerFailed) as failed:
        log_in(server, **config)
    return failed.value.why if isinstance(failed.value, ServerGone) else str(failed.value)


def in_the_clear(server: Loopback) -> set[str]:
    return {name for name, encrypted in server.heard if not encrypted}


# --- STARTTLS ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_client_logs_in_over_tls_with_each_mechanism(mechanism: str, tls: ssl.SSLContext, cafile: str) -> None:
    server = Loopback(tls=tls, mechanisms=(mechanism,))

    log_in(server, tls="required", cafile=cafile)

    assert set(server.used) == {mechanism}
    assert in_the_clear(server) == {"stream", "starttls"}
    assert server.passwords == {}


def test_what_was_offered_before_tls_is_forgotten_after_it(tls: ssl.SSLContext, cafile: str) -> None:
    server = Loopback(tls=tls, mechanisms=("SCRAM-SHA-1", "PLAIN", "SCRAM-SHA-256"))

    log_in(server, cafile=cafile)

    assert set(server.used) == {"PLAIN"}  # it costs the least, and the server was told the password before


def test_an_offer_of_tls_is_not_taken_where_it_is_not_wanted(tls: ssl.SSLContext) -> None:
    server = Loopback(tls=tls)

    log_in(server, tls="never")

    assert {encrypted for _, encrypted in server.heard} == {False}
    assert "starttls" not in in_the_clear(server)


def test_tls_that_is_required_and_not_offered_is_an_error_before_anything_is_said() -> None:
    server = Loopback()

    assert fails(server, tls="required") == "the server offers no STARTTLS"
    assert set(server.heard) == {("stream", False)}


def test_tls_that_the_server_refuses_is_an_error(tls: ssl.SSLContext) -> None:
    server = Loopback(tls=tls, negotiates=lambda connection, element: f"<failure xmlns='{TLS}'/></stream:stream>")

    assert fails(server) == "the server does not proceed with STARTTLS: <failure>"
    assert set(server.heard) == {("stream", False), ("starttls", False)}


# --- certificates -----------------------------------------------------------------------------------------


def test_loopback_accepts_every_certificate_if_no_authority_is_named(tls: ssl.SSLContext) -> None:
    server = Loopback(tls=tls)

    log_in(server, tls="required")

    assert in_the_clear(server) == {"stream", "starttls"}


@pytest.mark.parametrize("named", [True, False], ids=["another authority is named", "on another machine"])
def test_a_certificate_of_an_authority_that_is_not_trusted_is_an_error(
    named: bool, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    file = tmp_path / "another.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    server = Loopback(tls=tls)

    why = fails(server, cafile=str(file)) if named else fails(server, host=ELSEWHERE)

    assert why.startswith("the certificate of capulet.example is not trusted: ")
    assert set(server.heard) == {("stream", False), ("starttls", False)}


def test_a_certificate_of_another_server_is_an_error(authority: trustme.CA, cafile: str) -> None:
    server = Loopback(tls=certified(authority, "montague.example"))

    why = fails(server, cafile=cafile)

    assert why.startswith("the certificate of capulet.example is not trusted: ")
    assert "mismatch" in why
    assert in_the_clear(server) == {"stream", "starttls"} == {name for name, _ in server.heard}


def test_the_certificate_is_to_be_that_of_what_the_server_calls_the_domain(authority: trustme.CA, cafile: str) -> None:
    server = Loopback(tls=certified(authority, "im.lit"))

    log_in(server, cafile=cafile, domains={"capulet.example": "im.lit"})

    assert in_the_clear(server) == {"stream", "starttls"}


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "something else"])
def test_an_unreadable_file_of_authorities_is_named(content: str | None, tls: ssl.SSLContext, tmp_path: Path) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    assert fails(Loopback(tls=tls), cafile=str(file)).startswith(f"no certificates can be read from {file}: ")


# --- somebody between -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "injected",
    [
        " ",
        "<stream:stream",
        f"<stream:features><mechanisms xmlns='{SASL}'><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
        " id='2' version='1.0'><stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
    ],
    ids=["whitespace", "half a tag", "features", "a whole stream"],
)
def test_what_comes_unencrypted_behind_proceed_is_never_taken_for_encrypted(
    injected: str, tls: ssl.SSLContext, cafile: str
) -> None:
    server = Loopback(tls=tls, injected=injected)

    why = fails(server, cafile=cafile)

    assert why == "more came unencrypted before TLS with capulet.example had begun"
    assert set(server.heard) == {("stream", False), ("starttls", False)}


HEADER: Final = (
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"
)
OFFER: Final = f"<stream:features><starttls xmlns='{TLS}'/></stream:features>".encode()
PROCEED: Final = f"<proceed xmlns='{TLS}'/>".encode()


def test_what_comes_unencrypted_in_the_handshake_ends_it() -> None:
    plain = Loopback(script=(HEADER + OFFER, PROCEED, HEADER + OFFER))

    assert fails(plain).startswith("TLS with capulet.example fails: ")


def test_an_answer_to_what_was_not_yet_asked_is_not_trusted() -> None:
    hurried = Loopback(script=(HEADER + OFFER + PROCEED + OFFER,), hangs_up=True)

    assert fails(hurried).startswith("TLS with capulet.example fails: ")


@pytest.mark.parametrize(
    ("hangs_up", "why"),
    [
        (True, "TLS with capulet.example fails: the server has closed the connection"),
        (False, "the server has not answered within 1 seconds"),
    ],
    ids=["closes", "hangs"],
)
def test_a_handshake_that_comes_to_no_end_is_an_error(hangs_up: bool, why: str) -> None:
    assert fails(Loopback(script=(HEADER + OFFER, PROCEED), hangs_up=hangs_up), timeout=30 if hangs_up else 1) == why


# --- SASL -------------------------------------------------------------------------------------------------


def test_a_password_that_is_wrong_is_an_error() -> None:
    def forgets(connection: Connection, element: Element) -> None:
        if element.name == "auth":
            connection.server.passwords = dict.fromkeys(connection.server.passwords, "another")

    why = fails(Loopback(negotiates=forgets))

    assert why == "the server does not authenticate the user: <failure> not-authorized"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
@pytest.mark.parametrize(
    "final",
    ["v=cm1F9pqV8S7suAoZWja4dJRkFsKQ", "e=other-error", "", "rubbish"],
    ids=["wrong", "error", "none", "rubbish"],
)
@pytest.mark.parametrize("name", ["success", "challenge"])
def test_a_server_that_does_not_know_the_password_is_told_nothing_more(
    mechanism: str, final: str, name: str, tls: ssl.SSLContext, cafile: str
) -> None:
    def lies(connection: Connection, element: Element) -> str | None:
        return sasl(name, final) if element.name == "response" else None

    server = Loopback(tls=tls, mechanisms=(mechanism,), negotiates=lies)

    assert fails(server, cafile=cafile).startswith(f"{mechanism}: ")
    assert server.heard[-3:] == [("stream", True), ("auth", True), ("response", True)]


def test_success_without_a_challenge_is_an_error() -> None:
    def lies(connection: Connection, element: Element) -> str | None:
        return sasl("success", "") if element.name == "auth" else None

    server = Loopback(mechanisms=("SCRAM-SHA-256",), negotiates=lies)

    assert fails(server) == "the server does not authenticate the user: <success>"
    assert server.heard[-2:] == [("stream", False), ("auth", False)]


@pytest.mark.parametrize(
    "challenge",
    [
        "r=another,s=QSXCR+Q6sek8bf92QSXCR+Q6,i=4096",
        "r={nonce},s=QSXCR+Q6sek8bf92QSXCR+Q6,i=4096",
        "r={nonce}more,s=QSXCR+Q6sek8bf92QSXCR+Q6,i=1",
        "r={nonce}more,i=4096",
        "m=future,r={nonce}more,s=QSXCR+Q6sek8bf92QSXCR+Q6,i=4096",
        "",
    ],
    ids=["nonce", "own nonce", "one iteration", "no salt", "unknown extension", "empty"],
)
def test_a_malformed_challenge_is_an_error(challenge: str) -> None:
    def lies(connection: Connection, element: Element) -> str | None:
        return sasl("challenge", challenge.format(nonce=nonce(element))) if element.name == "auth" else None

    server = Loopback(mechanisms=("SCRAM-SHA-256",), negotiates=lies)

    assert fails(server).startswith("SCRAM-SHA-256: ")
    assert server.heard[-1] == ("auth", False)


@pytest.mark.parametrize(
    ("iterations", "asked"),
    [
        ("1000001", "1,000,001"),
        ("4000000000", "4,000,000,000"),
        ("0004000000000", "4,000,000,000"),
        ("9" * 5000, "a number of 5,000 digits of"),
    ],
    ids=["one beyond the limit", "for hours", "for hours, with zeros", "endless"],
)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_more_iterations_than_any_server_needs_are_refused_by_name(mechanism: str, iterations: str, asked: str) -> None:
    def greedy(connection: Connection, element: Element) -> str | None:
        challenge = f"r={nonce(element)}more,s=QSXCR+Q6sek8bf92QSXCR+Q6,i={iterations}"
        return sasl("challenge", challenge) if element.name == "auth" else None

    server = Loopback(mechanisms=(mechanism,), negotiates=greedy)

    assert fails(server) == f"{mechanism}: the server asks for {asked} iterations; more than 1,000,000 are refused"
    assert server.heard[-1] == ("auth", False)


@pytest.mark.parametrize("text", ["%%%", "gA=="], ids=["no base64", "no UTF-8"])
def test_a_challenge_that_is_no_text_is_an_error(text: str) -> None:
    def lies(connection: Connection, element: Element) -> str | None:
        return f"<challenge xmlns='{SASL}'>{text}</challenge>" if element.name == "auth" else None

    assert fails(Loopback(mechanisms=("SCRAM-SHA-1",), negotiates=lies)).startswith("SCRAM-SHA-1: ")


def sasl(name: str, text: str) -> str:
    return f"<{name} xmlns='{SASL}'>{b64encode(text.encode()).decode()}</{name}>"


def nonce(auth: Element) -> str:
    return b64decode(auth.text).decode().partition("r=")[2]


# --- passwords --------------------------------------------------------------------------------------------


def test_no_password_goes_to_another_machine_in_the_clear() -> None:
    by_command = Loopback(mechanisms=("PLAIN",))
    in_band = Loopback(mechanisms=("SCRAM-SHA-256",))

    assert fails(by_command, host=ELSEWHERE, register_command="true").startswith("none of the SASL mechanisms")
    assert fails(in_band, host=ELSEWHERE) == (
        f"no account is created in-band at {ELSEWHERE} without TLS: it needs the password"
    )
    assert set(by_command.heard) == set(in_band.heard) == {("stream", False)}


def test_passwords_go_to_another_machine_over_tls(tls: ssl.SSLContext, cafile: str) -> None:
    server = Loopback(tls=tls, mechanisms=("PLAIN",))

    log_in(server, host=ELSEWHERE, cafile=cafile)

    assert set(server.used) == {"PLAIN"}
    assert in_the_clear(server) == {"stream", "starttls"}
