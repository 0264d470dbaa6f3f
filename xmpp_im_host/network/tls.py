"""Certificates: from files, or a self-signed one that is made on the first start and kept next to the database."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import idna
from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_YEARS: Final = timedelta(days=3650)
_LOOPBACK: Final = ("127.0.0.1", "::1")
_WEAK: Final = ("md5", "sha1")


class BadCertificate(ValueError):
    """The message says which file is wrong, and why."""


@frozen
class ServerTLS:
    """What a listener needs to speak TLS."""

    context: ssl.SSLContext
    end_point: bytes
    """The channel binding data of the type tls-server-end-point (RFC 5929 §4)."""
    certificate: Path
    """The file of the certificate."""


def from_files(certificate: Path, key: Path | None) -> ServerTLS:
    """Read a certificate and its key.

    :raises BadCertificate: if they cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["xmpp-client", "http/1.1"])

    def encrypted() -> bytes:
        """Refuse an encrypted key. Without this callback OpenSSL asks the terminal, and the event loop waits."""
        raise BadCertificate(f"tls.key: {key or certificate}: the key is encrypted; the server needs one that is not")

    try:
        context.load_cert_chain(certificate, key, encrypted)
        end_point = end_point_of(x509.load_pem_x509_certificate(certificate.read_bytes()))
    except BadCertificate:
        raise
    except OSError as error:  # SSLError is one
        raise BadCertificate(f"tls.certificate: {certificate}: {error.strerror or error}") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadCertificate(f"tls.certificate: {certificate}: {error}") from None
    return ServerTLS(context, end_point, certificate)


def self_signed(certificate: Path, domains: Sequence[str]) -> ServerTLS:
    """Return the self-signed certificate in this file. Make it if the file does not exist or lacks one of the domains.

    The file contains the key too, and only its owner can read it.
    """
    if not certificate.exists() or not _is_for(certificate, domains):
        _write(certificate, _made(domains))
    return from_files(certificate, None)


def end_point_of(certificate: x509.Certificate) -> bytes:
    """Return the hash of a certificate: by the hash of its signature, or SHA-256 if that is a weak one (RFC 5929)."""
    algorithm = certificate.signature_hash_algorithm
    weak = algorithm is None or algorithm.name in _WEAK
    return certificate.fingerprint(hashes.SHA256() if weak or algorithm is None else algorithm)


def _is_for(file: Path, domains: Sequence[str]) -> bool:
    """Whether the certificate in the file is for these domains, and valid for another month."""
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    until = datetime.now(UTC) + timedelta(days=30)
    return {_general_name(each) for each in domains} <= set(names) and found.not_valid_after_utc > until


def _general_name(domain: str) -> x509.GeneralName:
    """Return the name for the certificate: an address of IP, or a domain in its ASCII form."""
    try:
        return x509.IPAddress(ip_address(domain.strip("[]")))
    except ValueError:
        return x509.DNSName(idna.encode(domain).decode())


def _made(domains: Sequence[str]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "xmpp-im-host")])
    names = [_general_name(each) for each in dict.fromkeys([*domains, "localhost", *_LOOPBACK])]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _YEARS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _write(file: Path, data: bytes) -> None:
    """Write a file that only its owner can read: at no moment does it exist with other permissions or half written."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(data)
    new.replace(file)
