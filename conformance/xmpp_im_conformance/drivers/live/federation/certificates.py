"""TLS between servers: the contexts of both roles, and whom a certificate names."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from xmpp_im_conformance.format.worlds import ServerFailed


def dialing(cafile: str | None, certificate: str | None, trusting: bool) -> ssl.SSLContext:
    """Return the context in which the other server dials.

    :param certificate: the file with its key and certificate, if it has one to show.
    :param trusting: whether any certificate will do, since nobody can stand between.
    :raises ServerFailed: if a file cannot be read.
    """
    context = _made(ssl.Purpose.SERVER_AUTH, cafile, certificate)
    if trusting and cafile is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def listening(cafile: str | None, certificate: str) -> ssl.SSLContext:
    """Return the context in which the other server listens; it asks who dials, and accepts that nobody says so.

    :raises ServerFailed: if a file cannot be read.
    """
    context = _made(ssl.Purpose.CLIENT_AUTH, cafile, certificate)
    if cafile is not None:  # without an authority no certificate proves anything
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _made(purpose: ssl.Purpose, cafile: str | None, certificate: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(purpose, cafile=cafile)
        if certificate is not None:
            context.load_cert_chain(certificate)
    except OSError as problem:
        files = " or ".join([each for each in (cafile, certificate) if each is not None])
        raise ServerFailed(f"no certificates can be read from {files}: {problem}") from problem
    return context


def names(certificate: Mapping[str, Any] | None, domain: str) -> bool:
    """Whether a certificate that was verified names a domain (RFC 6125), by itself or by a wildcard.

    :param certificate: as ``ssl.SSLSocket.getpeercert`` returns it; it is empty if there was none, or no verification.
    """
    found = [value.lower() for kind, value in (certificate or {}).get("subjectAltName", ()) if kind == "DNS"]
    domain = domain.lower()
    return domain in found or f"*.{domain.partition('.')[2]}" in found
