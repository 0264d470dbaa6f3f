"""Peers with mutated streams: each is one connection, and says what it writes."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import ssl
import struct
from collections.abc import Callable
from random import Random
from typing import Final

from websockets.frames import Opcode
from websockets.utils import apply_mask

from tests.xmpp_im_host.fuzzing.conversations import (
    ACCOUNTS,
    BIND,
    COMPONENT,
    COMPONENT_HEADER,
    HEADER,
    LOGINS,
    STANZAS,
    plain,
)
from tests.xmpp_im_host.fuzzing.mutation import by_bytes, cut, mutated
from xmpp_im_host.pytest_plugin import RunningServer

PATIENCE: Final = 20.0
_GLANCE: Final = 0.02
"""For how many seconds a peer waits for an answer before it goes on."""
_NO_TIME: Final = 0.000_1
_UPGRADE: Final = (
    b"GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n"
)
_FRAMING: Final = "xmlns='urn:ietf:params:xml:ns:xmpp-framing'"
_OPEN: Final = f"<open {_FRAMING} to='localhost' version='1.0'/>"


class Gone(Exception):
    """The server has closed the connection."""


class Peer:
    """A connection to one listener of the server, and what it will write."""

    def __init__(self, server: RunningServer, listener: str, address: str) -> None:
        port = server.server.address(listener).port
        self.server = server
        self.socket: socket.socket = socket.create_connection((server.host, port), PATIENCE, (address, 0))
        self.written = b""
        """What it has written since the login, for a finding."""

    def write(self, data: bytes) -> None:
        """Write bytes. A server that reads no more is not waited for."""
        self.written += data
        try:
            self.socket.settimeout(PATIENCE)
            self.socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def read(self, seconds: float = PATIENCE) -> bytes:
        """Return what has come; nothing after some time."""
        self.socket.settimeout(seconds)
        try:
            found = self.socket.recv(65_536)
        except (TimeoutError, ssl.SSLWantReadError):
            return b""
        except OSError as error:
            raise Gone from error
        if not found:
            raise Gone
        return found

    def until(self, wanted: bytes) -> bytes:
        """Read until something has come."""
        found = b""
        while wanted not in found:
            part = self.read()
            if not part:
                raise TimeoutError(f"{wanted!r} did not come, but {found!r}")
            found += part
        return found

    def secure(self) -> None:
        context = ssl.create_default_context(cafile=self.server.cafile)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def log_in(self, user: str) -> None:
        """Log in as a client does that makes no mistakes."""
        self.write(HEADER.encode())
        self.until(b"</stream:features>")
        self.write(plain(user).encode())
        self.until(b"<success")
        self.write(HEADER.encode())
        self.until(b"</stream:features>")
        self.write(BIND.encode())
        self.until(b"</iq>")
        self.written = b""

    def end(self, random: Random) -> None:
        """End the connection in one of the ways in which connections end."""
        try:
            if random.random() < 0.3:
                self._read_to_the_end()
            elif random.random() < 0.3:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (Gone, OSError):
            pass
        finally:
            self.socket.close()

    def _read_to_the_end(self) -> None:
        """Say that nothing more comes. Then the server has to close the connection too."""
        if isinstance(self.socket, ssl.SSLSocket):
            self.socket.settimeout(PATIENCE)
            self.socket = self.socket.unwrap()
        self.socket.shutdown(socket.SHUT_WR)
        while self.read():
            pass
        raise TimeoutError("the server has not closed the connection")


def _stanzas(random: Random) -> list[str]:
    return random.choices(STANZAS, k=random.randrange(1, 12))


def _user(random: Random) -> str:
    return random.choice(list(ACCOUNTS))


def before_login(server: RunningServer, address: str, random: Random) -> tuple[Peer, list[bytes]]:
    """A client that makes its mistakes while it logs in."""
    peer = Peer(server, "tcp", address)
    if random.random() < 0.1:
        return peer, cut(random, random.randbytes(random.randrange(2_000)))
    return peer, mutated(random, [*random.choice(LOGINS), *_stanzas(random)])


def after_login(server: RunningServer, address: str, random: Random) -> tuple[Peer, list[bytes]]:
    """A client that makes its mistakes in its session."""
    peer = Peer(server, "tcp", address)
    peer.log_in(_user(random))
    return peer, mutated(random, _stanzas(random))


def in_tls(server: RunningServer, address: str, random: Random) -> tuple[Peer, list[bytes]]:
    """A client that makes its mistakes in TLS, before or after its login."""
    peer = Peer(server, "tls", address)
    peer.secure()
    if random.random() < 0.5:
        return peer, mutated(random, random.choice(LOGINS))
    peer.log_in(_user(random))
    return peer, mutated(random, _stanzas(random))


def no_tls(server: RunningServer, address: str, random: Random) -> tuple[Peer, list[bytes]]:
    """A client whose handshake of TLS is wrong: at once, or behind <proceed/>."""
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        hello = outgoing.read()
    hello = by_bytes(random, hello, HEADER.encode())
    if random.random() < 0.5:
        return Peer(server, "tls", address), cut(random, hello)
    peer = Peer(server, "tcp", address)
    peer.write(HEADER.encode())
    peer.until(b"</stream:features>")
    peer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    if random.random() < 0.8:
        peer.until(b"<proceed")
    return peer, cut(random, hello)


def in_websocket(server: RunningServer, address: str, random: Random) -> tuple[Peer, list[bytes]]:
    """A client over WebSocket whose elements, frames or handshake are wrong."""
    peer = Peer(server, "websocket", address)
    peer.secure()
    token = base64.b64encode(f"\0romeo\0{ACCOUNTS['romeo']}".encode()).decode()
    auth = f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>"
    login = [_OPEN, auth, _OPEN, _in_jabber_client(BIND)]
    close = f"<close {_FRAMING}/>"
    if random.random() < 0.1:
        return peer, mutated(random, [_UPGRADE.decode(), _OPEN])
    peer.write(_UPGRADE)
    peer.until(b"\r\n\r\n")
    if random.random() < 0.6:
        for element, answer in zip(login, (b"features", b"success", b"features", b"</iq>"), strict=True):
            peer.write(_frame(random, element.encode()))
            peer.until(answer)
        peer.written = b""
        texts = mutated(random, [*map(_in_jabber_client, _stanzas(random)), close])
    else:
        texts = mutated(random, [*login, *map(_in_jabber_client, _stanzas(random)), close])
    return peer, [_framed(random, text) for text in texts]


def _in_jabber_client(stanza: str) -> str:
    return re.sub(r"^<(iq|message|presence)\b", r"<\1 xmlns='jabber:client'", stanza)


def _frame(random: Random, data: bytes, opcode: Opcode = Opcode.TEXT, fin: bool = True, masked: bool = True) -> bytes:
    """Return a frame (RFC 6455 §5.2), which need not be a good one."""
    size, mask = len(data), random.randbytes(4) if masked else b""
    head = bytes([fin << 7 | opcode])
    if size < 126:
        head += bytes([masked << 7 | size])
    else:
        head += bytes([masked << 7 | 127]) + size.to_bytes(8, "big")
    return head + mask + (apply_mask(data, mask) if masked else data)


def _framed(random: Random, text: bytes) -> bytes:
    """Return a message of WebSocket in one frame or several, or something like it."""
    match random.randrange(12):
        case 0:
            return _frame(random, text[:9], fin=False) + _frame(random, text[9:], Opcode.CONT)
        case 1:
            return _frame(random, text[:9], random.choice(list(Opcode)), random.random() < 0.5)
        case 2:
            return by_bytes(random, _frame(random, text), text)
        case 3:
            return _frame(random, text, masked=False)
        case 4:
            return _frame(random, b"x", Opcode.PING) * 50 + _frame(random, text)
        case 5:
            return _frame(random, text) + _frame(random, b"\x03\xe8" + text[:9], Opcode.CLOSE)
        case _:
            return _frame(random, text)


def component(server: RunningServer, address: str, random: Random) -> tuple[Peer, list[bytes]]:
    """A component that makes its mistakes, before or after its handshake."""
    domain, secret = COMPONENT
    peer = Peer(server, "components", address)
    stanzas = [
        re.sub(r"^<(iq|message|presence)\b", rf"<\1 from='x@{domain}/y'", each.replace("irc.localhost", "localhost"))
        for each in _stanzas(random)
    ]
    if random.random() < 0.3:
        return peer, mutated(random, [COMPONENT_HEADER, "<handshake>x</handshake>", *stanzas])
    peer.write(COMPONENT_HEADER.encode())
    found = re.search(rb"\bid=['\"]([^'\"]+)", peer.until(b">"))
    assert found is not None
    proof = hashlib.sha1(found[1] + secret.encode()).hexdigest()
    peer.write(f"<handshake>{proof}</handshake>".encode())
    peer.until(b"handshake")
    return peer, mutated(random, stanzas)


KINDS: Final[dict[str, Callable[[RunningServer, str, Random], tuple[Peer, list[bytes]]]]] = {
    "before the login": before_login,
    "after the login": after_login,
    "in TLS": in_tls,
    "a wrong TLS handshake": no_tls,
    "over WebSocket": in_websocket,
    "a component": component,
}
WEIGHTS: Final = (4, 6, 2, 1, 4, 2)


def play(server: RunningServer, random: Random, kind: str) -> list[Peer]:
    """Let up to ten peers of a kind write at the same time, and end their connections.

    :raises TimeoutError: if the server has stopped to answer.
    """
    peers: list[tuple[Peer, list[bytes]]] = []
    glances = random.choice((0, 5, 20))
    try:
        for _ in range(random.choice((1, 2, 3, 10))):
            address = f"127.0.0.{random.randrange(2, 255)}"
            try:
                peers.append(KINDS[kind](server, address, random))
            except Gone:
                continue
        while waiting := [each for each in peers if each[1]]:
            peer, parts = random.choice(waiting)
            try:
                peer.write(parts.pop(0))
                if glances > 0 or random.random() < 0.02:
                    peer.read(_GLANCE if glances > 0 else _NO_TIME)
                    glances -= 1
            except Gone:
                parts.clear()
    finally:
        for peer, _ in peers:
            peer.end(random)
    return [peer for peer, _ in peers]
