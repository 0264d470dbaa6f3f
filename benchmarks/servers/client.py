"""A client that knows no XML: it waits until bytes have come."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import socket
from functools import cache
from typing import Final

from attrs import define, field

DOMAIN: Final = "capulet.example"
ROSTER: Final = "jabber:iq:roster"
_PASSWORD: Final = "p"
_PATIENCE: Final = 120.0
_BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
_SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
_PER_ADDRESS: Final = 5_000
"""How many connections come from one address of loopback: an address has too few ports for all."""


@define
class Client:
    """A client on a plain socket. It logs in with SCRAM-SHA-1, which all servers offer."""

    port: int
    user: str
    resource: str = "r"
    number: int = 0
    """The number of the connection; it decides from which address it comes."""
    _socket: socket.socket = field(init=False)
    _came: bytes = b""

    def __attrs_post_init__(self) -> None:
        source = f"127.0.0.{2 + self.number // _PER_ADDRESS}"
        self._socket = socket.create_connection(("127.0.0.1", self.port), _PATIENCE, (source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def jid(self) -> str:
        return f"{self.user}@{DOMAIN}"

    def send(self, text: str) -> None:
        self._socket.sendall(text.encode())

    def until(self, pattern: str) -> re.Match[bytes]:
        """Wait until this has come, and drop everything up to it."""
        wanted = re.compile(pattern.encode())
        while (found := wanted.search(self._came)) is None:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionError(f"the server has closed the stream of {self.user}: {self._came[-300:]!r}")
            self._came += data
        self._came = self._came[found.end() :]
        return found

    def ask(self, payload: str, type: str = "get") -> None:
        """Send a request, and wait for the result."""
        self.send(f"<iq type='{type}' id='a'>{payload}</iq>")
        self.until(r"<iq[^>]*type=['\"]result['\"]")

    def open(self) -> None:
        self.send(
            f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        self.until("</stream:features>")

    def register(self) -> None:
        """Create the account on this connection, which is no good for anything else afterwards."""
        self.open()
        fields = f"<username>{self.user}</username><password>{_PASSWORD}</password>"
        self.ask(f"<query xmlns='jabber:iq:register'>{fields}</query>", "set")
        self.close()

    def log_in(self, *, roster: bool = True) -> Client:
        self.open()
        self._authenticate()
        self.open()
        self.ask(f"<bind xmlns='{_BIND}'><resource>{self.resource}</resource></bind>", "set")
        if roster:
            self.ask(f"<query xmlns='{ROSTER}'/>")
        self.send("<presence/>")
        return self

    def _authenticate(self) -> None:
        bare = f"n={self.user},r=fyko+d2lbbFgONRv9qkxdawL"
        self.send(f"<auth xmlns='{_SASL}' mechanism='SCRAM-SHA-1'>{_base64(b'n,,' + bare.encode())}</auth>")
        first = base64.b64decode(self.until("<challenge[^>]*>([^<]+)</challenge>")[1]).decode()
        nonce, salt, rounds = [part[2:] for part in first.split(",")]
        final = f"c=biws,r={nonce}"
        key, stored = _keys(base64.b64decode(salt), int(rounds))
        signature = hmac.digest(stored, f"{bare},{first},{final}".encode(), "sha1")
        proof = bytes([one ^ other for one, other in zip(key, signature, strict=True)])
        self.send(f"<response xmlns='{_SASL}'>{_base64(f'{final},p={_base64(proof)}'.encode())}</response>")
        self.until("<success[^>]*>")

    def settle(self) -> None:
        """Wait until the server has processed what this client sent."""
        self.ask("<ping xmlns='urn:xmpp:ping'/>")

    def close(self) -> None:
        """End the stream."""
        self.send("</stream:stream>")
        self.until("</stream:stream>")
        self._socket.close()

    def break_off(self) -> None:
        """Close the connection, and wait for nothing."""
        self._socket.close()


@cache
def _keys(salt: bytes, rounds: int) -> tuple[bytes, bytes]:
    """Return the ClientKey and the StoredKey (RFC 5802 §3)."""
    salted = hashlib.pbkdf2_hmac("sha1", _PASSWORD.encode(), salt, rounds)
    key = hmac.digest(salted, b"Client Key", "sha1")
    return key, hashlib.sha1(key).digest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
