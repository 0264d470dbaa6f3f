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

from attrs import field

from xmpp_im_core.element import Element
from xmpp_im_core.record import assigner, record

CACHED_TEXT_BYTES: Final = 4096
"""A longer text is not cached, so a payload takes at most twice this memory in addition to its ``size()``."""


class Unread(Protocol):
    """What a parser has recorded of a payload, instead of building its children."""

    def children(self) -> tuple[Element | str, ...]:
        """Build the children."""

    def has(self, name: str, namespace: str) -> bool:
        """Whether there is a child element with this name and this namespace."""

    def namespaces(self) -> set[str]:
        """Return the namespaces of the child elements."""

    def text_of(self, name: str, namespace: str) -> str | None:
        """Return the text of the first child element with this name and this namespace, without that of its children.

        None: there is no such child.
        """

    def size(self) -> int:
        """Return the value for :attr:`PayloadCache.cached_size`."""

    def text(self) -> bytes | None:
        """Return the value for :attr:`PayloadCache.cached_text`; None if only the children can be written."""


@record
class PayloadCache:
    """The base class of a payload. Its fields are neither arguments of the constructor nor compared."""

    cached_size: int | None = field(default=None, init=False, eq=False, repr=False)
    """The size in bytes; None if it has not been computed yet."""
    cached_text: bytes | None = field(default=None, init=False, eq=False, repr=False)
    """The text of the children in a stream of ``jabber:client``; None if it has not been written, or is too long."""
    cached_rest: tuple[tuple[object, ...], bytes] | None = field(default=None, init=False, eq=False, repr=False)
    """The text of the last stanza of this payload, without its 'to', and before it what that text was written from."""
    unread: Unread | None = field(default=None, init=False, eq=False, repr=False)
    """What the children are built from when somebody asks for them; None if they are built."""

    if not TYPE_CHECKING:  # the type checker would allow every name

        def __getattr__(self, name: str) -> Any:
            """Build the children. Python calls this only if they are not built or a name is unknown."""
            unread = self.unread
            if name != "children" or unread is None:  # None: another thread has built the children meanwhile
                return object.__getattribute__(self, name)
            return self.build(unread)

    def build(self, unread: Unread) -> tuple[Element | str, ...]:
        """Build and return the children. Who knows that they are not built saves the failed look-up by this."""
        children = unread.children()
        object.__setattr__(self, "children", children)
        object.__setattr__(self, "unread", None)
        return children

    def cache_size(self, size: int) -> None:
        """Cache the size."""
        _set_size(self, size)

    def cache_text(self, text: bytes) -> bytes:
        """Cache the text if it is short enough, and return it."""
        if len(text) <= CACHED_TEXT_BYTES:
            _set_text(self, text)
        return text

    def cache_rest(self, source: tuple[object, ...], text: bytes) -> bytes:
        """Cache the text of a stanza without its 'to' if it is short enough, and return it.

        :param source: everything but the payload that the text was written from.
        """
        if len(text) <= CACHED_TEXT_BYTES:
            _set_rest(self, (source, text))
        return text


_set_size: Final = assigner(PayloadCache, "cached_size")
_set_text: Final = assigner(PayloadCache, "cached_text")
_set_rest: Final = assigner(PayloadCache, "cached_rest")
