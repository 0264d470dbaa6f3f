"""From a TCP connection to a bound resource: STARTTLS, SASL, resource binding (RFC 6120 §5 to §7)."""

from __future__ import annotations

import ssl
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from xml.sax.saxutils import escape

from attrs import field, frozen

from xmpp_im_conformance.drivers.live.config import LiveConfig
from xmpp_im_conformance.drivers.live.sasl import SASL, authenticate, choose_mechanism
from xmpp_im_conformance.drivers.live.stream import Stream
from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed
from xmpp_im_core.codec import STREAMS
from xmpp_im_core.element import Element
from xmpp_im_core.jid import Address, parse_address

TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
SESSION: Final = "urn:ietf:params:xml:ns:xmpp-session"


@frozen
class Login:
    """Who connects: the account as the server knows it."""

    local: str
    domain: str
    password: str = field(repr=False)

    @property
    def bare(self) -> str:
        """The bare JID."""
        return f"{self.local}@{self.domain}"


async def connected(config: LiveConfig, domain: str) -> tuple[Stream, Element]:
    """Return a stream before authentication, encrypted if it should be, with the features offered.

    :raises ServerFailed: if the server does not get that far.
    """
    stream = await Stream.connect(config.host, config.port)
    with stream.kept():
        features = await _opened(stream, domain)
        offered = features.first("starttls", TLS) is not None
        if config.tls == "required" and not offered:
            raise ServerFailed("the server offers no STARTTLS")
        if config.tls != "never" and offered:
            stream.write(f"<starttls xmlns='{TLS}'/>")
            answer = await stream.next_element(piece=1)  # the byte behind it is TLS's
            if (answer.name, answer.namespace) != ("proceed", TLS):
                raise ServerFailed(f"the server does not proceed with STARTTLS: <{answer.name}>")
            await stream.start_tls(_context(config.cafile, is_loopback(config.host)), domain)
            features = await _opened(stream, domain)
    return stream, features


async def logged_in(
    config: LiveConfig, login: Login, begun: tuple[Stream, Element] | None = None
) -> tuple[Stream, Element]:
    """Return a stream on which the user is authenticated, with the features that are offered to the user.

    :param begun: a stream before authentication, with the features offered; None: a new one is made.
    :raises ServerFailed: if the server does not accept the user.
    """
    stream, features = await connected(config, login.domain) if begun is None else begun
    with stream.kept():
        mechanisms = features.first("mechanisms", SASL)
        offered = [] if mechanisms is None else [each.text for each in mechanisms.elements if each.name == "mechanism"]
        mechanism = choose_mechanism(offered, config.mechanisms, is_private(config, stream))
        await authenticate(stream, mechanism, login.local, login.password)
        return stream, await _opened(stream, login.domain)


async def bind_resource(stream: Stream, features: Element, resource: str) -> str:
    """Bind a resource; return the full JID that the server says.

    :raises NotApplicable: if the server refuses the resource, naming the error.
    :raises ServerFailed: if it does not offer that, or its answer is malformed.
    """
    if features.first("bind", BIND) is None:
        raise ServerFailed("the server offers no resource binding")
    request = f"<bind xmlns='{BIND}'><resource>{escape(resource)}</resource></bind>"
    result = await _requested(stream, "bind", request)
    if result.get("type") == "error":
        raise NotApplicable(f"the server does not bind the resource {resource!r}: {condition(result)}")
    bind = result.first("bind", BIND)
    jid = None if bind is None else bind.first("jid", BIND)
    if jid is None or not isinstance(parse_address(jid.text), Address):
        raise ServerFailed("the server does not say which JID it has bound")
    session = features.first("session", SESSION)
    if session is not None and session.first("optional") is None:
        await _requested(stream, "session", f"<session xmlns='{SESSION}'/>")
    return jid.text


def condition(answer: Element) -> str:
    """Return the condition of an error, for people."""
    error = answer.first("error")
    return "no error" if error is None else ", ".join([child.name for child in error.elements][:1])


async def _requested(stream: Stream, id: str, request: str) -> Element:
    stream.write(f"<iq id='{id}' type='set'>{request}</iq>")
    answer = await stream.next_element()
    if answer.name != "iq" or answer.get("id") != id:
        raise ServerFailed(f"expected the answer to a request, came <{answer.name}>")
    return answer


async def _opened(stream: Stream, domain: str) -> Element:
    await stream.open(domain)
    features = await stream.next_element()
    if (features.name, features.namespace) != ("features", STREAMS):
        raise ServerFailed(f"expected stream features, came <{features.name}>")
    return features


@lru_cache
def _context(cafile: str | None, on_loopback: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=cafile)
    except OSError as problem:
        raise ServerFailed(f"no certificates can be read from {cafile}: {problem}") from problem
    if on_loopback and cafile is None:
        # Nobody stands between: what a server shows there for a test is signed by itself.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def is_private(config: LiveConfig, stream: Stream) -> bool:
    """Whether nobody else can read what is sent on a stream, so that a password may be."""
    return stream.encrypted or is_loopback(config.host)


def is_loopback(host: str) -> bool:
    """Whether a connection to this host does not leave the machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
