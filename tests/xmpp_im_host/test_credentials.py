"""Credentials: keys that a SCRAM exchange and a plain password are checked with, and that hold no password."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from scramp import ScramClient, ScramException, ScramMechanism  # type: ignore[import-untyped]

from tests.one_test import in_one_test
from xmpp_im_host.credentials import FEWEST_ITERATIONS, Credentials, ScramKeys

PENCIL = Credentials.of("pencil", FEWEST_ITERATIONS)


def exchange(mechanism: str, password: str) -> None:
    """Play a SCRAM exchange between scramp's client and server (RFC 5802 §5)."""
    client = ScramClient([mechanism], "user", password)
    server = ScramMechanism(mechanism).make_server(lambda _: PENCIL.keys(mechanism).for_scramp())
    server.set_client_first(client.get_client_first())
    client.set_server_first(server.get_server_first())
    server.set_client_final(client.get_client_final())
    client.set_server_final(server.get_server_final())


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_scram_succeeds_with_the_password_and_with_no_other(mechanism: str) -> None:
    exchange(mechanism, "pencil")
    with pytest.raises(ScramException):
        exchange(mechanism, "pencils")


def test_the_keys_are_those_of_the_example_of_rfc_7677() -> None:
    # RFC 7677 §3: the user "user" with the password "pencil".
    client = ScramClient(["SCRAM-SHA-256"], "user", "pencil", c_nonce="rOprNGfwEbeRWgbNEkqO")
    salt, stored, server_key, rounds = ScramMechanism("SCRAM-SHA-256").make_auth_info(
        "pencil", 4096, b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    )
    keys = ScramKeys(salt, rounds, stored, server_key)
    server = ScramMechanism("SCRAM-SHA-256").make_server(
        lambda _: keys.for_scramp(), s_nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    server.set_client_first(client.get_client_first())
    client.set_server_first(server.get_server_first())
    server.set_client_final(client.get_client_final())
    assert server.get_server_final() == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert Credentials(keys, keys).matches("pencil")


def test_plain_succeeds_with_the_password_and_with_no_other() -> None:
    assert PENCIL.matches("pencil")
    assert PENCIL.matches("pen\u00adcil")  # SASLprep maps the soft hyphen to nothing (RFC 4013 §2.1)
    assert not any(PENCIL.matches(other) for other in ("", "Pencil", "pencil ", "pencil\0", "\ud800", "\u00ad"))


def test_each_key_has_its_own_salt_and_no_text_shows_any() -> None:
    again = Credentials.of("pencil", FEWEST_ITERATIONS)
    salts = {keys.salt for each in (PENCIL, again) for keys in (each.sha1, each.sha256)}
    assert len(salts) == 4
    secrets = [PENCIL.sha256.salt, PENCIL.sha256.stored_key, PENCIL.sha256.server_key]
    assert not any(secret.hex() in repr(PENCIL) or repr(secret) in repr(PENCIL) for secret in secrets)


@in_one_test("password", ["", "\u00ad", "\u200d\u00ad", "tab\t", "\ud800", "a\u0627", "\u0221"])
def test_a_password_that_no_client_could_send_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match=r"^password: "):
        Credentials.of(password, FEWEST_ITERATIONS)


def test_too_few_iterations_are_refused() -> None:
    with pytest.raises(ValueError, match="iterations: 4095; at least 4096"):
        Credentials.of("pencil", 4095)
    with pytest.raises(ValueError, match="iterations"):
        ScramKeys(b"salt", 4095, b"", b"")


def test_mechanisms_have_the_keys_of_their_hash_function() -> None:
    assert PENCIL.keys("SCRAM-SHA-1-PLUS") is PENCIL.keys("SCRAM-SHA-1") is PENCIL.sha1
    assert PENCIL.keys("SCRAM-SHA-256-PLUS") is PENCIL.keys("SCRAM-SHA-256") is PENCIL.sha256
    with pytest.raises(ValueError, match="SCRAM-SHA-512"):
        PENCIL.keys("SCRAM-SHA-512")


def test_what_is_written_is_read_again() -> None:
    assert Credentials.from_text(PENCIL.to_text()) == PENCIL
    assert "pencil" not in PENCIL.to_text()


@in_one_test("text", ["", "{", "[]", "1", "{}", '{"format": 2}', '{"format": 1, "sha1": {}, "sha256": 1}'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Credentials.from_text(text)


@in_one_test("spoilt", [{"salt": "zz"}, {"salt": 1}, {"iterations": "9999"}, {"iterations": 1}, {"more": ""}])
def test_spoilt_keys_are_refused(spoilt: dict[str, object]) -> None:
    data = json.loads(PENCIL.to_text())
    data["sha256"] |= spoilt
    with pytest.raises(ValueError, match=r"."):
        Credentials.from_text(json.dumps(data))
