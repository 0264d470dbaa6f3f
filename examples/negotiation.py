"""The beginning of a client's stream, without I/O: a header, a name and a password, a resource. Then stanzas.

This implements only what a client needs to log in (RFC 6120). Add here what is left out: TLS (section 5; without it
passwords cross the network in clear text, so these examples listen on loopback only), SASL mechanisms other than PLAIN
and passwords kept as they should be (section 6), resumption (XEP-0198), a bound on the time that a client may take.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from uuid import uuid4

from xmpp_im_core.codec import (
    CLIENT_TO_SERVER,
    CLOSING,
    CodecError,
    NonStanza,
    StreamClosed,
    StreamOpened,
    StreamParser,
    write_element,
    write_features,
    write_stanza,
    write_stream_error,
    write_stream_header,
)
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.server import SessionId
from xmpp_im_core.stanza import IQ, Condition, Stanza, error_reply, result_reply, stanza_error

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
LOGIN = element("mechanisms", SASL, {}, [element("mechanism", SASL, {}, ["PLAIN"])])
SUCCESS = element("success", SASL)
FAILURE = element("failure", SASL, {}, [element("not-authorized", SASL)])


class Stream:
    """One client's stream. It takes bytes, and yields the JID that the client binds, then stanzas."""

    def __init__(self, domain: str, passwords: Mapping[str, str], features: Iterable[Element]) -> None:
        self.domain, self.passwords = domain, passwords
        # A client uses these only if the server offers them (RFC 6121 sections 2.6.1 and 3.4.1).
        self.offers = (element("bind", BIND), *features)
        self.parser = StreamParser(limits=CLIENT_TO_SERVER)
        self.account: JID | None = None
        self.jid: JID | None = None
        self.bound: tuple[str, SessionId] | None = None  # the account and the session in the host
        self.lang: str | None = None
        self.out = b""  # the bytes to write
        self.closed = False  # read nothing more; end the connection once `out` is written

    def receive(self, data: bytes) -> Iterator[JID | Stanza]:
        try:
            events = self.parser.feed(data)
        except CodecError as error:
            yield from self.take(error.before)  # process the events before the error
            self.close(error.condition)
        else:
            yield from self.take(events)

    def take(self, events: tuple[object, ...]) -> Iterator[JID | Stanza]:
        for event in events:
            if self.closed:
                return
            if isinstance(event, StreamOpened):
                self.greet(event)
            elif isinstance(event, StreamClosed):
                self.close()
            elif isinstance(event, NonStanza) and event.element.name == "auth" and self.account is None:
                self.authenticate(event.element.text)
            elif isinstance(event, Stanza) and self.jid is not None:
                yield event
            elif isinstance(event, IQ) and self.account is not None:
                yield from self.bind(event, self.account)
            else:
                self.close("not-authorized")

    def greet(self, header: StreamOpened) -> None:
        self.lang = header.lang
        self.out += write_stream_header(from_=self.domain, id=uuid4().hex)
        self.out += write_features((LOGIN,) if self.account is None else self.offers)

    def authenticate(self, text: str) -> None:
        try:
            _, name, password = b64decode(text).decode().split("\0")
            account = parse_jid(f"{name}@{self.domain}")
            if account.domain != self.domain or not account.is_bare:  # a name such as "romeo@elsewhere/"
                raise ValueError("a user name is a localpart")
            if self.passwords[account.local or ""] != password:
                raise ValueError("wrong password")
        except (ValueError, KeyError):
            self.out += write_element(FAILURE)
        else:
            self.out += write_element(SUCCESS)
            self.account, self.parser = account, StreamParser(limits=CLIENT_TO_SERVER)  # the client restarts the stream

    def bind(self, iq: IQ, account: JID) -> Iterator[JID]:
        request = iq.payload.first("bind", BIND)
        wish = request.first("resource") if request is not None else None
        try:
            self.jid = account.with_resource(wish.text if wish is not None and wish.text else uuid4().hex)
        except ValueError:
            self.out += write_stanza(error_reply(iq, stanza_error(Condition.BAD_REQUEST)))
        else:
            self.out += write_stanza(
                result_reply(iq, element("bind", BIND, {}, [element("jid", BIND, {}, [self.jid.full])]))
            )
            yield self.jid

    def close(self, condition: str | None = None) -> None:
        if not self.closed:
            self.out += write_stream_error(condition) if condition else b""
            self.out += CLOSING
            self.closed = True
