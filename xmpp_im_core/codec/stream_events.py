"""The events of a stream: its header, its end, and first-level elements that are not stanzas."""

from __future__ import annotations

from typing import TypeAlias

from xmpp_im_core.element import Element
from xmpp_im_core.record import record
from xmpp_im_core.stanza import AddressLike, Stanza


@record
class StreamOpened:
    """The stream header was read (RFC 6120 §4.7). Absent attributes are None."""

    to: AddressLike = None
    from_: AddressLike = None
    id: str | None = None
    version: str | None = None
    lang: str | None = None


@record
class NonStanza:
    """A first-level element that is not a stanza: one of the stream itself, or of another namespace (§4.8.4)."""

    element: Element


@record
class StreamClosed:
    """The closing tag of the stream was read (§4.4)."""


StreamEvent: TypeAlias = StreamOpened | Stanza | NonStanza | StreamClosed
