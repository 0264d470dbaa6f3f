"""The stream of a component, without I/O (XEP-0114): a secret instead of SASL, one domain, and stanzas.

It is used like a :class:`~xmpp_im_host.streams.client_stream.ClientStream`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha1
from hmac import compare_digest
from secrets import token_urlsafe

from xmpp_im_core.codec import COMPONENT, CodecError, NonStanza, StreamClosed, StreamOpened
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import Address
from xmpp_im_core.stanza import CLIENT, Stanza
from xmpp_im_host.streams.errors import error_condition, is_stream_error
from xmpp_im_host.streams.events import ComponentAuthenticated, ComponentStreamEvent, StanzaReceived, StreamEnded
from xmpp_im_host.streams.framing import StreamFraming
from xmpp_im_host.streams.settings import ComponentSettings
from xmpp_im_host.streams.xml_stream import XMLStream


class ComponentStream:
    """One stream of a component, from its first byte to its end.

    :ivar domain: the domain of the component, once its stream is accepted.
    :ivar waiting: whether an answer is awaited. Read nothing from the connection until then.
    :ivar closed: whether nothing more will be sent or read. Write what is left, then close the connection.

    :param token: returns a new text that nobody can guess, each time it is called.
    """

    def __init__(self, settings: ComponentSettings, *, token: Callable[[], str] = token_urlsafe) -> None:
        self.domain: str | None = None
        self.waiting = False
        self.closed = False
        self._settings = settings
        self._xml = XMLStream(StreamFraming(COMPONENT), settings.limits, settings.early_bytes, settings.lang, token)
        self._events: list[ComponentStreamEvent] = []
        self._addressed = ""
        self._id = ""
        self._received = 0

    # --- input ------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take the next bytes of the connection, cut anywhere."""
        if self.closed:
            return
        self._xml.framing.receive(data)
        if self.waiting and self._xml.framing.kept > self._settings.limits.stanza_bytes:
            self.close("policy-violation", "too much data before an answer")

    def disconnected(self) -> None:
        """Note that the connection has ended: no more bytes will come, and none can be written."""
        self._end(StreamEnded(by_peer=True))

    def events(self) -> Iterator[ComponentStreamEvent]:
        """Yield the events of the input so far. It ends where an answer is awaited; call it again after the answer."""
        while True:
            while self._events:
                yield self._events.pop(0)
            if self.closed or self.waiting:
                return
            try:
                event = self._xml.next()
            except CodecError as error:
                self.close(error.condition, str(error))
                continue
            if event is None:
                return
            self._take(event)

    def _take(self, event: object) -> None:
        if isinstance(event, Stanza):
            self._take_stanza(event)
        elif isinstance(event, StreamOpened):
            self._opened(event)
        elif isinstance(event, NonStanza):
            self._take_element(event.element)
        elif isinstance(event, StreamClosed):
            self._xml.close()
            self._end(StreamEnded(by_peer=True))

    def _opened(self, header: StreamOpened) -> None:
        domain = header.to.jid.full if isinstance(header.to, Address) else ""
        known = domain in self._settings.secrets
        self._id = self._xml.greet(domain if known else "", version=None)
        if known:
            self._addressed = domain
        else:
            self.close("host-unknown", "the 'to' of the stream is not the domain of a component")

    def _take_element(self, root: Element) -> None:
        if is_stream_error(root):
            self._xml.close()
            self._end(StreamEnded(error_condition(root), by_peer=True))
        elif (root.namespace, root.name) == (CLIENT, "handshake") and self.domain is None:
            self._handshake(root.text)
        else:
            self.close("unsupported-stanza-type", f"<{root.name}> in {root.namespace}")

    def _handshake(self, text: str) -> None:
        """Compare what the component has sent with the digest of the stream's id and the secret."""
        secret = self._settings.secrets[self._addressed]
        expected = sha1(f"{self._id}{secret}".encode(), usedforsecurity=False).hexdigest()
        if compare_digest(text.strip().lower().encode(), expected.encode()):
            self.waiting = True
            self._events.append(ComponentAuthenticated(self._addressed))
        else:
            self.close("not-authorized", "the handshake does not fit the secret")

    def accept(self) -> None:
        """Answer :class:`ComponentAuthenticated`: the domain is the component's now."""
        if self.closed:
            return
        if not self.waiting:
            raise RuntimeError("no ComponentAuthenticated awaits an answer")
        self.waiting = False
        self.domain = self._addressed
        self._xml.early = None
        self._xml.whole = True
        self._xml.element(element("handshake", CLIENT))

    def _take_stanza(self, stanza: Stanza) -> None:
        from_ = stanza.from_jid
        if self.domain is None:
            self.close("not-authorized", "no stanza may precede the handshake")
        elif stanza.from_ is None or stanza.to is None:
            self.close("improper-addressing", "a stanza of a component has a 'from' and a 'to'")
        elif from_ is None or from_.domain != self.domain:
            self.close("invalid-from", f"the 'from' of a stanza is not in {self.domain}")
        else:
            self._received += 1
            self._events.append(StanzaReceived(stanza, self._received))

    # --- output -----------------------------------------------------------------------------------------

    def data_to_send(self) -> bytes:
        """Return the bytes to write, and forget them."""
        return b"".join(self._xml.take_output())

    def send(self, stanza: Stanza) -> None:
        """Send a stanza to the component."""
        if not (self._xml.closing or self.closed):
            self._xml.stanza(stanza)

    def rest(self) -> None:
        """Take less memory while the stream is idle. The next input takes a little longer."""
        self._xml.framing.rest()

    def close(self, condition: str | None = None, text: str | None = None) -> None:
        """Close the stream, with a stream error if there is a condition (RFC 6120 §4.9.3).

        Without an error, ``closed`` stays false until the component closes its side.
        """
        if self.closed:
            return
        self._xml.close(condition, text)
        if condition is not None or self.domain is None:
            self._end(StreamEnded(condition))

    def _end(self, ended: StreamEnded) -> None:
        if not self.closed:
            self.closed = True
            self.waiting = False
            self._events.append(ended)
