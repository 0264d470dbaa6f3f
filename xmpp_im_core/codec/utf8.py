"""Cut a stream of bytes into whole UTF-8 characters.

A parser that gets half a character cannot distinguish a forbidden character from bytes that are not UTF-8. This module
gives it whole characters, so it reports the same error wherever a read from the socket ends.
"""

from __future__ import annotations


class WholeCharacters:
    """Collects the bytes of one stream."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = b""
        """The first bytes of an incomplete character, at most three."""

    def take(self, data: bytes) -> tuple[bytes, bool]:
        """Return the bytes of the characters that are complete now, and whether bytes that are not UTF-8 follow."""
        if self.begun:
            data = self.begun + data
            self.begun = b""
        try:
            data.decode()
        except UnicodeDecodeError as error:
            whole, rest = data[: error.start], data[error.start :]
            if error.end < len(data) or error.reason != "unexpected end of data":
                return whole, True
            self.begun = rest
            return whole, False
        return data, False


def boundary(data: bytes, at: int) -> int:
    """Return the last index, at or up to three bytes before this one, where a character begins.

    :param data: whole characters.
    """
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at -= 1
    return min(at, len(data))
