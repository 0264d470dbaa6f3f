"""The settings of streams, and what a stream knows of its transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field
from attrs.validators import and_, deep_iterable, ge, in_, instance_of, le, min_len

from xmpp_im_core.codec import CLIENT_TO_SERVER, SERVER_TO_SERVER, Limits
from xmpp_im_core.element import Element
from xmpp_im_core.jid import InvalidJID, parse_jid
from xmpp_im_core.record import record
from xmpp_im_core.validators import are_extensions, is_count, is_flag, is_number
from xmpp_im_host.credentials import FEWEST_ITERATIONS, ITERATIONS, MOST_ITERATIONS

MECHANISMS: Final = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN")
"""The SASL mechanisms that the streams implement, the preferred one first."""

EARLY_LIMITS: Final = Limits(stanza_bytes=10_000, depth=16)
"""The limits before authentication. RFC 6120 §13.12 requires at least 10,000 bytes."""


def _are_domains(_: object, attribute: Any, value: frozenset[str]) -> None:
    name = attribute.name
    for domain in value:
        try:
            jid = parse_jid(domain)
        except InvalidJID as error:
            raise ValueError(f"{name}: {domain!r}: {error}") from None
        if jid.full != jid.domain or jid.full != domain:
            raise ValueError(f"{name}: {domain!r} is not a prepared domain")


@record
class ChannelBinding:
    """Data that only the two ends of a TLS connection know (RFC 5056)."""

    name: str
    """``"tls-exporter"`` (RFC 9266) or ``"tls-server-end-point"`` (RFC 5929)."""
    data: bytes = field(repr=False)


@record
class Transport:
    """What the stream needs to know of the connection that carries it."""

    encrypted: bool = False
    """Whether TLS protects the connection."""
    channel_bindings: tuple[ChannelBinding, ...] = ()
    """The channel bindings that the TLS connection has, the preferred one first."""


@record
class StreamSettings:
    """The settings of all streams of clients of one server.

    :raises ValueError: if a value is out of its range. The message names the field.
    """

    domains: frozenset[str] = field(validator=and_(instance_of(frozenset), min_len(1), _are_domains))
    """The hosted domains, prepared."""
    secret: bytes = field(repr=False, validator=and_(instance_of(bytes), min_len(16)))
    """Random bytes that never change. The salts that strangers see for unknown accounts come from them."""
    features: tuple[Element, ...] = field(default=(), validator=are_extensions)
    """Features to offer after authentication in addition to those of the stream itself: the features of RFC 6121 that
    the server's policy supports (see :mod:`xmpp_im_core.stream_features`)."""
    mechanisms: tuple[str, ...] = field(
        default=MECHANISMS, validator=and_(min_len(1), deep_iterable(in_(MECHANISMS), instance_of(tuple)))
    )
    """The allowed SASL mechanisms, the preferred one first."""
    starttls: bool = field(default=True, validator=is_flag)
    """Whether to offer STARTTLS on a connection that TLS does not protect."""
    require_tls: bool = field(default=True, validator=is_flag)
    """Whether authentication is possible only on a connection that TLS protects."""
    plain_in_clear: bool = field(default=False, validator=is_flag)
    """Whether PLAIN is possible on a connection that TLS does not protect. ``require_tls`` has to be off too."""
    registration: bool = field(default=False, validator=is_flag)
    """Whether anybody may create an account on a stream (XEP-0077)."""
    iterations: int = field(default=ITERATIONS, validator=and_(is_number, ge(FEWEST_ITERATIONS), le(MOST_ITERATIONS)))
    """The iterations of an unknown account's keys: those of the server's new accounts."""
    attempts: int = field(default=4, validator=and_(is_number, ge(3), le(6)))
    """Failed authentications before the stream is closed: a first one and 2 to 5 retries (RFC 6120 §6.4.5)."""
    bind_attempts: int = field(default=6, validator=and_(is_number, ge(6), le(11)))
    """Refused requests to bind a resource before the stream is closed: a first one and 5 to 10 retries (§7.7.3)."""
    early_limits: Limits = EARLY_LIMITS
    """The limits of one element before authentication."""
    early_bytes: int = field(default=65_536, validator=and_(is_number, ge(10_000)))
    """The bytes that a client may send before it is authenticated, in all."""
    limits: Limits = CLIENT_TO_SERVER
    """The limits of one stanza after authentication."""
    resumption_seconds: int = field(default=300, validator=is_count)
    """How long a broken stream can be resumed (XEP-0198), as clients are told. 0: streams cannot be resumed."""
    unacknowledged_stanzas: int = field(default=2_000, validator=and_(is_number, ge(1)))
    """Stanzas that a client may leave unacknowledged (XEP-0198). A stream with more is closed."""
    unacknowledged_bytes: int = field(default=16_777_216, validator=and_(is_number, ge(1)))
    """Bytes of stanzas that a client may leave unacknowledged."""
    ask_after: int = field(default=8, validator=and_(is_number, ge(1)))
    """Unacknowledged stanzas after which the server asks for an acknowledgement (XEP-0198)."""
    held_back: int = field(default=200, validator=is_count)
    """Stanzas that are held back while a client is inactive (XEP-0352). 0: the feature is not offered."""
    lang: str = "en"
    """The language of the texts of the server (RFC 6120 §4.7.4)."""


def _are_secrets(_: object, attribute: Any, value: Mapping[str, str]) -> None:
    _are_domains(_, attribute, frozenset(value))
    if not all(value.values()):
        raise ValueError("secrets: a secret must not be empty")


@record
class ComponentSettings:
    """The settings of all streams of components.

    :raises ValueError: if a value is out of its range. The message names the field.
    """

    secrets: Mapping[str, str] = field(repr=False, validator=_are_secrets)
    """The secret of each component, by its domain, prepared."""
    limits: Limits = SERVER_TO_SERVER
    """The limits of one stanza."""
    early_bytes: int = field(default=10_000, validator=and_(is_number, ge(1_000)))
    """The bytes that a component may send before it is authenticated."""
    lang: str = "en"
    """The language of the texts of the server."""
