"""A client over a plain socket, for talking to a server that a test has started. All waiting is bounded."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from xmpp_im_core.codec import NonStanza, StreamClosed, StreamEvent, StreamOpened, StreamParser
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import IQ, Presence, Stanza

PATIENCE = 30.0  # seconds: only a server that never answers makes a test wait so long


class Refused(Exception):
    """The server does not let this user in."""


class Peer:
    """A connection, and what has been read from it and not been taken yet."""

    def __init__(self, port: int, domain: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.domain = domain
        self.parser = StreamParser()
        self.unread: deque[StreamEvent] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    # --- reading and writing --------------------------------------------------------------------------------

    def write(self, xml: str) -> None:
        self.socket.sendall(xml.encode())

    def read(self) -> StreamEvent:
        """Return the next that comes.

        :raises EOFError: where the connection ends instead.
        """
        while not self.unread:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"{self.domain} has closed the connection")
            self.unread.extend(self.parser.feed(data))
        return self.unread.popleft()

    def until(self, wanted: Callable[[Stanza], bool]) -> Stanza:
        """Return the next stanza that is wanted; what comes before is passed over."""
        while True:
            event = self.read()
            assert not isinstance(event, StreamClosed), "the server has closed the stream"
            if isinstance(event, Stanza) and wanted(event):
                return event

    def ends(self) -> list[Element]:
        """Read to the end of the connection; return the stream errors."""
        errors: list[Element] = []
        try:
            while True:
                event = self.read()
                if isinstance(event, NonStanza) and event.element.name == "error":
                    errors.append(event.element)
        except EOFError:
            return errors

    # --- logging in -----------------------------------------------------------------------------------------

    def opens(self) -> Element:
        """Open the stream; return its features."""
        self.parser = StreamParser()
        self.write(
            f"<stream:stream to='{self.domain}' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        )
        assert isinstance(self.read(), StreamOpened)
        features = self.read()
        assert isinstance(features, NonStanza)
        return features.element

    def logs_in(self, name: str, password: str, resource: str) -> str:
        """Authenticate, and bind a resource; return the full JID.

        :raises Refused: where the password is wrong.
        """
        self.opens()
        secret = b64encode(f"\0{name}\0{password}".encode()).decode()
        self.write(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        answer = self.read()
        assert isinstance(answer, NonStanza)
        if answer.element.name != "success":
            raise Refused(answer.element)
        self.opens()
        bind = "urn:ietf:params:xml:ns:xmpp-bind"
        self.write(f"<iq id='bind' type='set'><bind xmlns='{bind}'><resource>{resource}</resource></bind></iq>")
        bound = self.until(lambda stanza: stanza.id == "bind").payload.first("bind", bind)
        jid = None if bound is None else bound.first("jid")
        assert jid is not None
        return jid.text

    def comes(self) -> None:
        """Ask for the roster, and become available."""
        self.write("<iq id='roster' type='get'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        self.until(lambda stanza: isinstance(stanza, IQ) and stanza.id == "roster" and stanza.type == "result")


def presence(type: str | None, sender: str) -> Callable[[Stanza], bool]:
    """Return what wants presence of this type from this JID."""
    return lambda stanza: isinstance(stanza, Presence) and (stanza.type, str(stanza.from_)) == (type, sender)


def saying(words: str) -> Callable[[Stanza], bool]:
    """Return what wants a message that says this."""
    return lambda stanza: body(stanza) == words


def body(stanza: Stanza) -> str | None:
    """Return the body of a message."""
    child = stanza.payload.first("body") if stanza.KIND == "message" else None
    return None if child is None else child.text


def pushed(jid: str, subscription: str) -> Callable[[Stanza], bool]:
    """Return what wants the roster push of an item that is so."""

    def wanted(stanza: Stanza) -> bool:
        query = stanza.payload.first("query", "jabber:iq:roster") if stanza.type == "set" else None
        item = None if query is None else query.first("item")
        return item is not None and (item.get("jid"), item.get("subscription")) == (jid, subscription)

    return wanted
