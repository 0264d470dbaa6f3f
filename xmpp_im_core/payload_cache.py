"""The cache of a payload: its size and its written text, so that each is computed once.

A presence goes to a hundred contacts with the same payload, and each of these stanzas is measured and written. So the
payload keeps its size and its text after the first time. This is the only place in the core where a record is changed
after it was made. No caller can observe the change: both values follow from the children, which never change, and they
do not count for equality, hash and ``repr``, and are neither copied nor pickled. If two threads fill in a value, both
fill in the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

CACHED_TEXT_BYTES: Final = 4096
"""A longer text is not cached, so a payload takes at most this much memory in addition to its ``size()``."""


class PayloadCache:
    """The base class of a payload. Its slots are not fields of the record."""

    __slots__ = ("cached_size", "cached_text")

    cached_size: int | None
    """The size in bytes; None if it has not been computed yet."""
    cached_text: bytes | None
    """The text of the children in a stream of ``jabber:client``; None if it has not been written, or is too long."""

    if not TYPE_CHECKING:  # the type checker would allow every name

        def __getattr__(self, name: str) -> Any:
            """Return None for an empty slot. Python calls this only if a slot is empty or a name is unknown."""
            if name in PayloadCache.__slots__:
                return None
            raise AttributeError(name)

    def cache_size(self, size: int) -> int:
        """Cache the size, and return it."""
        object.__setattr__(self, "cached_size", size)  # a frozen record does not allow a plain assignment
        return size

    def cache_text(self, text: bytes) -> bytes:
        """Cache the text if it is short enough, and return it."""
        if len(text) <= CACHED_TEXT_BYTES:
            object.__setattr__(self, "cached_text", text)
        return text
