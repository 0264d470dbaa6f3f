"""Cutting bytes into whole characters of UTF-8, wherever a read ends.

A parser that gets half a character cannot tell a character that it refuses from bytes that are not UTF-8. So it gets
whole characters, and reports the same error wherever the stream was cut.
"""

from __future__ import annotations


class WholeCharacters:
    """The bytes of one stream, as they come."""

    def __init__(self) -> None:
        self._begun = b""  # the first bytes of a character; at most three

    def take(self, data: bytes) -> tuple[bytes, bool]:
        """Return the characters that these bytes complete, and whether bytes that are not UTF-8 follow them."""
        if self._begun:
            data = self._begun + data
            self._begun = b""
        if data.isascii():
            return data, False
        try:
            data.decode()
        except UnicodeDecodeError as error:
            whole, rest = data[: error.start], data[error.start :]
            if error.end < len(data) or error.reason != "unexpected end of data":
                return whole, True
            self._begun = rest
            return whole, False
        return data, False


def boundary(data: bytes, at: int) -> int:
    """Return where a character begins: at this index of whole characters, or up to three bytes before it."""
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at -= 1
    return min(at, len(data))
