"""What a payload keeps in addition to its children, so that the same work is not done twice.

A presence goes to a hundred contacts with the same payload, and each of these stanzas is measured and written. So the
payload keeps its size and its written text once they are known. This is the only place in the core where a record is
filled in after it was made. No caller can observe it: both values follow from the children, which never change, so
they take no part in equality, hash and ``repr``, and are not copied or pickled. Two threads that fill in the same value
fill in equal values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

KEPT_BYTES: Final = 4096
"""A longer text is not kept, so a payload takes at most this much memory more than its ``size()`` says."""


class Kept:
    """The base class of a payload. It has the slots that are outside of the record's fields."""

    __slots__ = ("measured", "written")

    measured: int | None
    """The size in bytes; None: nobody has asked for it."""
    written: bytes | None
    """The text that the codec writes for the children in a stream of ``jabber:client``; None: not written yet."""

    if not TYPE_CHECKING:  # the type checker would allow every name

        def __getattr__(self, name: str) -> Any:
            """Return None for a slot that is not filled in. Python calls this only where a slot is empty."""
            if name in Kept.__slots__:
                return None
            raise AttributeError(name)

    def keep_measured(self, measured: int) -> int:
        """Fill in the size, and return it."""
        object.__setattr__(self, "measured", measured)  # a record may be guarded against assignments
        return measured

    def keep_written(self, written: bytes) -> bytes:
        """Fill in the written text if it is short enough, and return it."""
        if len(written) <= KEPT_BYTES:
            object.__setattr__(self, "written", written)
        return written
