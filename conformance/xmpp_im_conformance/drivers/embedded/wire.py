"""The streams of the embedded host: bytes in through the codec, and bytes out again through it."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from xmpp_im_conformance.format.markup import read_xml, rescoped
from xmpp_im_core.codec import (
    CLIENT_TO_SERVER,
    SERVER,
    SERVER_TO_SERVER,
    CodecError,
    StreamParser,
    write_element,
    write_stanza,
)
from xmpp_im_core.element import Element
from xmpp_im_core.server.effects import Deliver
from xmpp_im_core.server.state import SessionId
from xmpp_im_core.stanza import CLIENT, Stanza

_CLOSING: Final = b"</stream:stream>"


def _opening(namespace: str) -> bytes:
    header = f"<stream:stream xmlns='{namespace}' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    return header.encode()


class StreamBroken(Exception):
    """What came on the stream ends it with a stream error of this condition; ``before`` came in good order."""

    def __init__(self, before: tuple[Stanza, ...], condition: str) -> None:
        self.before = before
        self.condition = condition


@define
class Incoming:
    """One direction of a stream: what comes from the other side."""

    namespace: str
    _parser: StreamParser = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._parser = StreamParser(self.namespace, CLIENT_TO_SERVER if self.namespace == CLIENT else SERVER_TO_SERVER)
        self._parser.feed(_opening(self.namespace))

    def stanzas(self, data: bytes) -> tuple[Stanza, ...]:
        """Return the stanzas that these bytes complete.

        :raises StreamBroken: if the codec refuses them.
        """
        try:
            return _only_stanzas(self._parser.feed(data))
        except CodecError as error:
            raise StreamBroken(_only_stanzas(error.before), error.condition) from error

    def close(self) -> None:
        """Read the closing tag."""
        self._parser.feed(_CLOSING)


def _only_stanzas(events: tuple[object, ...]) -> tuple[Stanza, ...]:
    return tuple([event for event in events if isinstance(event, Stanza)])


@define
class ClientStream:
    """A client's stream, and the session that is bound to it."""

    jid: str
    """The full JID, as the scenario writes it."""
    account: str
    """The bare JID, prepared."""
    session: SessionId
    incoming: Incoming = field(factory=lambda: Incoming(CLIENT))
    attached: bool = True
    replaced: bool = False
    """Whether another session has its full JID now: what it gets is no longer looked at."""
    kept: list[tuple[Deliver, Stanza]] = field(factory=list)
    """What has been handed to a detached session, and waits for it to be resumed."""


def from_server(xml: str) -> bytes:
    """Return what another server writes for a stanza of a scenario, which is in ``jabber:client`` (RFC 6120 §4.8.3).

    The text goes as it is if it names no content namespace: the stream has the right default. What names one is
    re-scoped first.
    """
    return write_element(read_xml(xml), SERVER) if "jabber:client" in xml or SERVER in xml else xml.encode()


def to_client(stanza: Stanza) -> Element:
    """Return what a client reads when a stanza is written to its stream."""
    return read_xml(write_stanza(stanza, CLIENT).decode())


def to_server(data: bytes) -> Element:
    """Return what another server reads of what was written to it, in ``jabber:client``."""
    return rescoped(read_xml(data.decode(), SERVER), SERVER, CLIENT)
