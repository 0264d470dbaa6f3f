"""The certificate: self-signed, made once, readable for its owner only; or read from files."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from xmpp_im_host.network.tls import BadCertificate, end_point_of, from_files, self_signed


def test_a_self_signed_certificate_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    file = tmp_path / "data" / "server.pem"
    first = self_signed(file, ["capulet.example"])
    second = self_signed(file, ["capulet.example"])

    assert first.end_point == second.end_point
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["server.pem"]


def test_another_domain_gets_another_certificate(tmp_path: Path) -> None:
    file = tmp_path / "server.pem"
    first = self_signed(file, ["capulet.example"])
    second = self_signed(file, ["capulet.example", "bücher.example", "[::1]"])
    names = x509.load_pem_x509_certificate(file.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )

    assert first.end_point != second.end_point
    assert names.value.get_values_for_type(x509.DNSName) == ["capulet.example", "xn--bcher-kva.example", "localhost"]
    assert self_signed(file, ["capulet.example"]).end_point == second.end_point


def test_a_client_that_trusts_the_file_accepts_the_certificate_for_each_domain(tmp_path: Path) -> None:
    file = tmp_path / "server.pem"
    server = self_signed(file, ["capulet.example"])
    client = ssl.create_default_context(cafile=str(file))

    for name in ("capulet.example", "localhost", "127.0.0.1"):
        _shake_hands(server.context, client, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(server.context, client, "montague.example")


def test_the_end_point_is_the_hash_of_the_certificate(tmp_path: Path) -> None:
    server = self_signed(tmp_path / "server.pem", ["capulet.example"])
    found = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())

    assert server.end_point == hashlib.sha256(ssl.PEM_cert_to_DER_cert(_pem(found))).digest()


@pytest.mark.parametrize(("algorithm", "name"), [(hashes.SHA384(), "sha384"), (hashes.SHA512(), "sha512")])
def test_the_end_point_is_by_the_hash_of_the_signature(algorithm: hashes.SHA384 | hashes.SHA512, name: str) -> None:
    """RFC 5929 §4.1: "use the hash function associated with the certificate's signatureAlgorithm"."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "capulet.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + timedelta(days=1))
    found = builder.sign(key, algorithm)

    assert end_point_of(found) == hashlib.new(name, ssl.PEM_cert_to_DER_cert(_pem(found))).digest()


def test_files_are_read_and_those_that_cannot_be_are_named(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("capulet.example")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    (tmp_path / "bad.pem").write_text("nothing")

    assert from_files(tmp_path / "cert.pem", tmp_path / "key.pem").certificate == tmp_path / "cert.pem"
    for certificate, key in (
        (tmp_path / "bad.pem", None),
        (tmp_path / "none.pem", None),
        (tmp_path / "cert.pem", None),
    ):
        with pytest.raises(BadCertificate, match=rf"^tls.certificate: .*{certificate.name}"):
            from_files(certificate, key)


def test_an_encrypted_key_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    """The password is never asked for: the server has no terminal, and its event loop would wait."""
    key = rsa.generate_private_key(65537, 2048)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    (tmp_path / "key.pem").write_bytes(encrypted)
    trustme.CA().issue_cert("capulet.example").cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))

    with pytest.raises(BadCertificate, match=r"^tls.key: .*key.pem: the key is encrypted"):
        from_files(tmp_path / "cert.pem", tmp_path / "key.pem")


@pytest.mark.parametrize("error", [ValueError("a negative serial number"), UnsupportedAlgorithm("no such hash")])
def test_a_certificate_that_cannot_be_parsed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """OpenSSL takes some certificates that ``cryptography`` refuses."""

    def refuse(data: bytes) -> x509.Certificate:
        raise error

    file = tmp_path / "server.pem"
    self_signed(file, ["capulet.example"])
    monkeypatch.setattr(x509, "load_pem_x509_certificate", refuse)
    with pytest.raises(BadCertificate, match=rf"^tls.certificate: .*server.pem: {error}"):
        from_files(file, None)


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ends[0].version() is not None
