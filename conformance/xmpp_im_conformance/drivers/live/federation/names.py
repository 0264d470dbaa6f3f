"""A server of names (RFC 1035, RFC 2782) that knows one domain, for servers which find others in no other way."""

from __future__ import annotations

import asyncio
import struct
from typing import Final, cast

from attrs import frozen

A, SRV = 1, 33
IN: Final = 1
LOCALHOST: Final = "localhost"
"""Where the domain leads to: a name that each system knows."""
_ADDRESS: Final = bytes([127, 0, 0, 1])
_HEADER: Final = struct.Struct("!6H")
_QUESTION: Final = struct.Struct("!2H")
_ANSWERED, _NO_SUCH_NAME = 0x8400, 0x8403
_RECURSION: Final = 0x0100


@frozen
class Zone:
    """What is known: where the XMPP server of a domain is."""

    domain: str
    port: int

    def answer(self, query: bytes) -> bytes | None:
        """Return the answer to a query; None if it is none."""
        try:
            id, flags, questions, *_ = _HEADER.unpack_from(query)
            name, end = _name(query, _HEADER.size)
            kind, kind_of_net = _QUESTION.unpack_from(query, end)
        except (IndexError, UnicodeDecodeError, struct.error):
            return None
        if flags & 0x8000 or questions != 1 or kind_of_net != IN:
            return None
        known = self._known(name.lower())
        data = (known or {}).get(kind)
        result = (_NO_SUCH_NAME if known is None else _ANSWERED) | flags & _RECURSION
        question = query[_HEADER.size : end + _QUESTION.size]
        records = b"" if data is None else struct.pack("!HHHIH", 0xC00C, kind, IN, 0, len(data)) + data
        return _HEADER.pack(id, result, 1, int(data is not None), 0, 0) + question + records

    def _known(self, name: str) -> dict[int, bytes] | None:
        """Return what is known of a name, by kind; None if nothing is."""
        if name == f"_xmpp-server._tcp.{self.domain}".lower():
            return {SRV: struct.pack("!3H", 0, 0, self.port) + written(LOCALHOST)}
        if name in (self.domain.lower(), LOCALHOST):
            return {A: _ADDRESS}
        return None


def written(name: str) -> bytes:
    """Write a name: its labels, each behind its length."""
    return b"".join([bytes([len(label)]) + label.encode() for label in name.split(".")]) + b"\0"


def _name(message: bytes, at: int) -> tuple[str, int]:
    """Read a name that is not shortened; return it, and where it ends."""
    labels = []
    while length := message[at]:
        if length > 63:
            raise IndexError("a question is not shortened")
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), at + 1


class Names(asyncio.DatagramProtocol):
    """Answers what comes."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # no base class of it, but what it is

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._zone.answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)
