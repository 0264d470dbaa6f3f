"""A client and a stream that talk: what the client says, what the server answers, and what happened in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import count
from typing import Any, Final, TypeVar

from attrs import evolve

from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.stream_features import PRE_APPROVAL_FEATURE, ROSTER_VERSIONING_FEATURE
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.streams import (
    BindRequested,
    ClientStream,
    ClientStreamEvent,
    CredentialsNeeded,
    PasswordReceived,
    RegistrationReceived,
    StartTLS,
    StreamSettings,
    Transport,
    WebSocketFraming,
    decoy_credentials,
)

Kind = TypeVar("Kind")

FEW: Final = 4096
CLEAR: Final = Transport()
SECURE: Final = Transport(encrypted=True)
SETTINGS: Final = StreamSettings(
    domains=frozenset({"im.example.com"}),
    secret=b"the secret of the server",
    features=(ROSTER_VERSIONING_FEATURE, PRE_APPROVAL_FEATURE),
    iterations=FEW,
)
EASY: Final = evolve(SETTINGS, require_tls=False, plain_in_clear=True)

HEADER: Final = (
    "<?xml version='1.0'?><stream:stream from='juliet@im.example.com' to='im.example.com' version='1.0' xml:lang='en' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
PLAIN: Final = (  # juliet, r0m30myr0m30 (RFC 6120 §9.1)
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMG15cjBtMzA=</auth>"
)
BIND: Final = (
    "<iq id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>"
)
ENABLE: Final = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"
R: Final = "<r xmlns='urn:xmpp:sm:3'/>"
GOODBYE: Final = "</stream:stream>"


def answer_header(number: int, to: str | None = "juliet@im.example.com") -> str:
    """Return the response header with the number of its id."""
    addressed = "" if to is None else f' to="{to}"'
    return (
        '<?xml version=\'1.0\'?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" '
        f'from="im.example.com"{addressed} id="token-{number}" xml:lang="en" version="1.0">'
    )


def ack(h: int) -> str:
    """Return ``<a/>`` as a client writes it."""
    return f"<a xmlns='urn:xmpp:sm:3' h='{h}'/>"


def stream_error(condition: str) -> str:
    """Return the beginning of a stream error as the server writes it."""
    return f'<stream:error><{condition} xmlns="urn:ietf:params:xml:ns:xmpp-streams"/>'


def stanza_of(text: str) -> Stanza:
    """Return the stanza of a text."""
    return parse_stanza(text)


@cache
def stored(password: str) -> Credentials:
    """Return credentials with few rounds; deriving them takes time, so once for each password."""
    return Credentials.of(password, FEW)


class Conversation:
    """A stream whose events are answered at once, as a server with some accounts would.

    :ivar events: all events so far.

    :param size: of the pieces in which the stream gets what the client says; None: whole.
    :param answers: other answers, by the class of the event: called with the stream and the event.
    """

    def __init__(
        self,
        settings: StreamSettings = EASY,
        transport: Transport = CLEAR,
        *,
        accounts: Mapping[str, str] | None = None,
        size: int | None = None,
        websocket: bool = False,
        secured: Transport = SECURE,
        answers: Mapping[type[Any], Callable[[ClientStream, Any], object]] | None = None,
    ) -> None:
        numbers = count(1)
        self.settings = settings
        self.accounts = {"juliet@im.example.com": "r0m30myr0m30"} if accounts is None else dict(accounts)
        self.events: list[ClientStreamEvent] = []
        self.size = size
        self.secured = secured
        self.answers = answers or {}
        self.websocket = websocket
        self.stream = ClientStream(
            settings,
            transport,
            framing=WebSocketFraming() if websocket else None,
            token=lambda: f"token-{next(numbers)}",
        )

    def says(self, *texts: str | bytes) -> str:
        """Let the client say something, and return what the server says then."""
        for text in texts:
            data = text if isinstance(text, bytes) else text.encode()
            size = None if self.websocket else self.size
            for piece in [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]:
                self.stream.receive(piece)
                self.pump()
        return self.hears()

    def hears(self) -> str:
        """Return what the server has said since the last time."""
        self.pump()
        return b"".join(self.stream.frames_to_send()).decode()

    def pump(self) -> None:
        """Answer the events."""
        before = -1
        while before != len(self.events):
            before = len(self.events)
            for event in self.stream.events():
                self.events.append(event)
                answer = self.answers.get(type(event), self._answer)
                answer(self.stream, event)

    def _answer(self, stream: ClientStream, event: ClientStreamEvent) -> None:
        if isinstance(event, StartTLS):
            stream.secured(self.secured)
        elif isinstance(event, CredentialsNeeded):
            password = self.accounts.get(event.account.full)
            stream.credentials(None if password is None else stored(password))
        elif isinstance(event, PasswordReceived):
            password = self.accounts.get(event.account.full)
            decoy = decoy_credentials(self.settings, event.account.full)
            stream.password_checked((decoy if password is None else stored(password)).matches(event.password))
        elif isinstance(event, BindRequested):
            stream.bound()
        elif isinstance(event, RegistrationReceived):
            self.accounts[event.account.full] = event.password
            stream.registered()

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the events of this class so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def last(self, kind: type[Kind]) -> Kind:
        """Return the last event, which is of this class."""
        event = self.events[-1]
        assert isinstance(event, kind)
        return event

    def binds(self) -> Conversation:
        """Log in by PLAIN and bind the resource, and return this conversation."""
        assert "success" in self.says(HEADER, PLAIN)
        assert "balcony" in self.says(HEADER, BIND)
        return self

    def manages(self) -> Conversation:
        """Bind a resource and enable stream management, and return this conversation."""
        self.binds()
        assert "enabled" in self.says(ENABLE)
        return self


def pieces(text: str) -> Iterator[str]:
    """Yield the elements of what the server says, one by one, cut at their borders."""
    yield from text.replace("><", ">\n<").split("\n")
