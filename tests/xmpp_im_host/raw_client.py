"""A client on a plain socket: it writes any bytes, and reads what comes as the events of a stream."""

from __future__ import annotations

import base64
import socket
import ssl
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self

from scramp import ScramClient  # type: ignore[import-untyped]

from xmpp_im_core.codec import NonStanza, StreamClosed, StreamEvent, StreamOpened, StreamParser
from xmpp_im_core.element import Element, element
from xmpp_im_core.stanza import Stanza, to_element

SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
STREAM_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-streams"
PATIENCE: Final = 20.0
"""After so many seconds nothing is expected any longer: a test fails by it, and never passes by it."""


class Reachable(Protocol):
    """A server to connect to, such as ``RunningServer``."""

    host: str
    port: int
    domain: str
    cafile: str


class RawClient:
    """One connection. It trusts any certificate unless it is given a context."""

    def __init__(self, server: Reachable, port: int | None = None, direct: bool = False) -> None:
        self.server = server
        self.socket: socket.socket = socket.create_connection((server.host, port or server.port), PATIENCE)
        self.parser = StreamParser()
        self.came: deque[StreamEvent] = deque()
        self.ended = False
        if direct:
            self.shake_hands()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Break the connection off."""
        self.socket.close()

    def write(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    # --- reading --------------------------------------------------------------------------------------------

    def read(self) -> StreamEvent | None:
        """Return what comes next; None at the end of the connection."""
        while not self.came:
            data = b"" if self.ended else self._received()
            if not data:
                self.ended = True
                return None
            self.came.extend(self.parser.feed(data))
        return self.came.popleft()

    def _received(self) -> bytes:
        try:
            return self.socket.recv(65_536)
        except (ConnectionError, ssl.SSLEOFError):
            return b""

    def next(self) -> Element:
        """Return the next first-level element."""
        event = self.read()
        if isinstance(event, StreamOpened):
            event = self.read()
        if isinstance(event, Stanza):
            return to_element(event)
        assert isinstance(event, NonStanza), event
        return event.element

    def until(self, wanted: Callable[[Element], bool]) -> Element:
        """Return the first element of this kind; what comes before it is dropped."""
        while not wanted(found := self.next()):
            pass
        return found

    def stanza(self, name: str, **attributes: str) -> Element:
        """Return the first stanza with this name and these attributes; what comes before it is dropped."""
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        return self.until(lambda each: each.name == name and all(each.get(k) == v for k, v in wanted.items()))

    def error(self) -> str:
        """Return the condition of the stream error that comes, and see that the stream and the connection end."""
        found = self.until(lambda each: each.name == "error")
        condition = next(child.name for child in found.elements if child.namespace == STREAM_ERRORS)
        assert isinstance(self.read(), StreamClosed)
        assert self.read() is None
        return condition

    # --- the beginning of a stream --------------------------------------------------------------------------

    def open(self, to: str | None = None) -> Element:
        """Open a stream, and return the features."""
        self.parser = StreamParser()
        to = to or self.server.domain
        self.write(
            f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='{to}' version='1.0'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        return self.next()

    def shake_hands(self) -> None:
        context = ssl.create_default_context(cafile=self.server.cafile)
        self.socket = context.wrap_socket(self.socket, server_hostname=self.server.domain)

    def start_tls(self, to: str | None = None) -> Element:
        """Begin TLS, and return the features on it."""
        self.write(f"<starttls xmlns='{TLS}'/>")
        assert self.next() == element("proceed", TLS)
        self.shake_hands()
        return self.open(to)

    def authenticate(self, user: str, password: str, mechanism: str = "SCRAM-SHA-256") -> Element:
        """Log in by SCRAM or PLAIN; return <success/> or <failure/>."""
        if mechanism == "PLAIN":
            self.write(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{_base64(chr(0) + user + chr(0) + password)}</auth>")
            return self.next()
        client = ScramClient([mechanism], user, password)
        self.write(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{_base64(client.get_client_first())}</auth>")
        challenge = self.next()
        if challenge.name != "challenge":
            return challenge
        client.set_server_first(base64.b64decode(challenge.text).decode())
        self.write(f"<response xmlns='{SASL}'>{_base64(client.get_client_final())}</response>")
        answer = self.next()
        if answer.name == "success":
            client.set_server_final(base64.b64decode(answer.text).decode())
        return answer

    def bind(self, resource: str = "balcony") -> Element:
        """Bind a resource; return the answer."""
        self.write(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            f"<resource>{resource}</resource></bind></iq>"
        )
        return self.stanza("iq", id="bind")

    def log_in(self, user: str, password: str, resource: str = "balcony", tls: bool = False) -> Self:
        """Do all of that; the result has a session. Where it fails, the connection is closed."""
        try:
            self.open()
            if tls:
                self.start_tls()
            assert self.authenticate(user, password).name == "success"
            self.features = self.open()
            assert self.bind(resource).get("type") == "result"
        except BaseException:
            self.close()
            raise
        return self

    def ask(self, payload: str, type: str = "get", to: str | None = None, id: str = "asked") -> Element:
        """Send a request, and return the answer."""
        address = "" if to is None else f" to='{to}'"
        self.write(f"<iq type='{type}' id='{id}'{address}>{payload}</iq>")
        return self.stanza("iq", id=id)

    def settle(self) -> None:
        """Wait until the server has processed everything that this client has sent."""
        self.ask("<ping xmlns='urn:xmpp:ping'/>", id="settled")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
