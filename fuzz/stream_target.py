"""A target that reads the bytes of a client's stream: the negotiation and what follows it.

For any bytes the stream must not raise, and how they are cut must change neither what it says nor its events.
"""

from __future__ import annotations

from itertools import count
from typing import Final

from xmpp_im_core.jid import parse_jid
from xmpp_im_host.streams import (
    BindRequested,
    ClientStream,
    CredentialsNeeded,
    PasswordReceived,
    RegistrationReceived,
    ResumptionRequested,
    StanzaReceived,
    StreamManagement,
    StreamSettings,
    Transport,
)
from xmpp_im_host.streams.events import ClientStreamEvent

_SETTINGS: Final = StreamSettings(
    domains=frozenset({"im.example.com"}),
    secret=b"the secret of the server",
    require_tls=False,
    starttls=False,  # what follows <starttls/> depends on the pieces
    plain_in_clear=True,
    registration=True,
    ask_after=2,
    held_back=2,
)

HEADER: Final = (
    "<?xml version='1.0'?><stream:stream to='im.example.com' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>"
)
_SASL: Final = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
BIND: Final = "<iq id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>"
LOGIN: Final = f"{HEADER}<auth {_SASL} mechanism='PLAIN'>AGp1bGlldAB4</auth>{HEADER}"  # juliet, x

CONVERSATIONS: Final = (
    *(f"<auth {_SASL} mechanism='{name}'>biwsbj1qdWxpZXQscj14</auth>" for name in ("SCRAM-SHA-1", "SCRAM-SHA-256")),
    f"<auth {_SASL} mechanism='PLAIN'/><response {_SASL}>AGp1bGlldAB4</response>{HEADER}{BIND}",
    f"<abort {_SASL}/><response {_SASL}>=</response><auth {_SASL}>x</auth>",
    f"<auth {_SASL} mechanism='PLAIN'>AGp1bGlldAB4</auth> {HEADER}<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
    "<iq id='1' type='get'><query xmlns='jabber:iq:register'/></iq>",
    "<iq id='1' type='set'><query xmlns='jabber:iq:register'><username>a</username><password>b</password></query></iq>",
    BIND + "<iq id='s' type='set'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>" + BIND,
    BIND + "<enable xmlns='urn:xmpp:sm:3' resume='true'/><presence/><r xmlns='urn:xmpp:sm:3'/>",
    BIND + "<enable xmlns='urn:xmpp:sm:3'/><message/><a xmlns='urn:xmpp:sm:3' h='1'/><a xmlns='urn:xmpp:sm:3' h='2'/>",
    BIND + "<inactive xmlns='urn:xmpp:csi:0'/><message/><presence/><active xmlns='urn:xmpp:csi:0'/>",
    BIND + "<message to='romeo@example.net'><body>hi</body></message></stream:stream>",
    BIND + "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
)


def read_client_stream(data: bytes) -> None:
    """Read a stream, whole and in pieces; both must give the same.

    The first byte decides the size of the pieces, and whether the client has logged in before. The parser may report an
    error inside a very long tag later, when the tag ends or has doubled in length. So whitespace of the same length
    follows.
    """
    first = data[0] if data else 0
    text = (LOGIN if first & 0x80 else HEADER).encode() + data[1:]
    text += b" " * len(text)
    size = first % 64 + 1
    whole = _outcome([text])
    pieces = _outcome([text[at : at + size] for at in range(0, len(text), size)])
    assert whole == pieces, f"the result depends on the pieces: {whole!r:.500} {pieces!r:.500}"


def _outcome(pieces: list[bytes]) -> tuple[bytes, list[object]]:
    """Return what the stream says, and its events. Each stanza is sent back; nothing is acknowledged for the client."""
    numbers, events = count(1), list[object]()
    stream = ClientStream(_SETTINGS, Transport(), token=lambda: f"t{next(numbers)}")
    said = []
    for piece in pieces:
        stream.receive(piece)
        answered = -1
        while answered != len(events):
            answered = len(events)
            for event in stream.events():
                events.append(event if isinstance(event, StanzaReceived) else type(event).__name__)
                _answer(stream, event)
        said.append(stream.data_to_send())
    stream.disconnected()
    events += [type(event).__name__ for event in stream.events()]
    return b"".join(said), events


def _answer(stream: ClientStream, event: ClientStreamEvent) -> None:
    match event:
        case CredentialsNeeded():
            stream.credentials(None)
        case PasswordReceived(password=password):
            stream.password_checked(password == "x")
        case BindRequested():
            stream.bound()
        case ResumptionRequested(account=account):
            stream.resume(StreamManagement(parse_jid(f"{account}/r"), "x", 10, 10_000, 5))
        case RegistrationReceived():
            stream.registered()
        case StanzaReceived(stanza=stanza, number=number):
            stream.send(stanza.stamped(from_=stanza.to), number)
            stream.handled(number)


def seeds() -> list[bytes]:
    """Return the first inputs: each conversation before and after the login."""
    return [bytes([first]) + text.encode() for text in CONVERSATIONS for first in (0x07, 0x87)]
