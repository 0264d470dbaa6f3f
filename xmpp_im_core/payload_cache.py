"""The cache of a payload: its size and its written text, so that each is computed once.

A presence goes to a hundred contacts with the same payload, and each of these stanzas is measured and written. So the
payload keeps its size and its text after the first time. This is the only place in the core where a record is changed
after it was made. No caller can observe the change: both values follow from the children, which never change, and they
do not count for equality, hash and ``repr``, and are neither copied nor pickled. If two threads fill in a value, both
fill in the same one.

For the same reason a parser does not build the children. It records them, and they are built when somebody asks for
them. This cannot fail, because the parser has already refused what is to be refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from xmpp_im_core.element import Element

CACHED_TEXT_BYTES: Final = 4096
"""A longer text is not cached, so a payload takes at most this much memory in addition to its ``size()``."""


class Unread(Protocol):
    """What a parser has recorded of a payload, instead of building its children."""

    def children(self) -> tuple[Element | str, ...]:
        """Build the children."""

    def has(self, name: str, namespace: str) -> bool:
        """Whether there is a child element with this name and this namespace."""

    def size(self) -> int:
        """Return the value for :attr:`PayloadCache.cached_size`."""

    def text(self) -> bytes | None:
        """Return the value for :attr:`PayloadCache.cached_text`; None if only the children can be written."""


class PayloadCache:
    """The base class of a payload. Its slots are not fields of the record."""

    __slots__ = ("cached_size", "cached_text", "unread")

    cached_size: int | None
    """The size in bytes; None if it has not been computed yet."""
    cached_text: bytes | None
    """The text of the children in a stream of ``jabber:client``; None if it has not been written, or is too long."""
    unread: Unread | None
    """What the children are built from when somebody asks for them; None if they are built."""

    if not TYPE_CHECKING:  # the type checker would allow every name

        def __getattr__(self, name: str) -> Any:
            """Fill an empty slot: build the children, or set a cached value to None.

            Python calls this only if a slot is empty or a name is unknown.
            """
            if name == "children":
                unread = self.unread
                if unread is not None:  # otherwise another thread has built the children meanwhile
                    object.__setattr__(self, "children", unread.children())
                    object.__setattr__(self, "unread", None)
            elif name in PayloadCache.__slots__:
                object.__setattr__(self, name, None)
            return object.__getattribute__(self, name)

    def cache_size(self, size: int) -> None:
        """Cache the size."""
        object.__setattr__(self, "cached_size", size)  # a frozen record does not allow a plain assignment

    def cache_text(self, text: bytes) -> bytes:
        """Cache the text if it is short enough, and return it."""
        if len(text) <= CACHED_TEXT_BYTES:
            object.__setattr__(self, "cached_text", text)
        return text
