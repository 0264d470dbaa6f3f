"""What streams tell the server around them. Each event that needs an answer names the methods that give it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import field

from xmpp_im_core.jid import JID
from xmpp_im_core.record import record
from xmpp_im_core.stanza import Stanza

if TYPE_CHECKING:
    from xmpp_im_host.streams.stream_management import StreamManagement


@record
class StartTLS:
    """The client waits for the TLS handshake (RFC 6120 §5).

    Write what the stream has to send, then begin the handshake. Answer with ``secured``. The stream refuses bytes that
    arrive in clear text in between.
    """


@record
class CredentialsNeeded:
    """A client wants to log in as this account by SCRAM. Answer with ``credentials`` or ``credentials_unavailable``.

    The account may be unknown. Answer it like any other, with the same delay.
    """

    account: JID
    """The bare JID, whose domain is the stream's."""
    mechanism: str


@record
class PasswordReceived:
    """A client wants to log in as this account by PLAIN. Answer with ``password_checked`` or
    ``credentials_unavailable``.

    The account may be unknown. The answer has to take the same time then: check the password against
    :func:`~xmpp_im_host.streams.sasl.decoy_credentials`.
    """

    account: JID
    password: str = field(repr=False)


@record
class Authenticated:
    """The client has proved that it is this account."""

    account: JID
    mechanism: str


@record
class AuthenticationFailed:
    """An attempt to log in has failed. The client may try again, until it has used all its attempts."""

    condition: str
    """The condition of RFC 6120 §6.5 that the client was told."""
    account: JID | None
    """The account that it wanted to log in as; None if it named none that can exist."""


@record
class BindRequested:
    """The client wants a resource (RFC 6120 §7). Answer with ``bound`` or ``refuse_bind``.

    Ask :func:`xmpp_im_core.server.may_bind` for the answer.
    """

    jid: JID
    """The full JID. Its resourcepart is the client's wish, or generated if the client has no wish."""
    lang: str | None
    """The default language of the client's stanzas."""


@record
class ResumptionRequested:
    """The client wants to resume a broken stream (XEP-0198). Answer with ``resume`` or ``refuse_resumption``.

    The account of the former stream has to be this account. Otherwise refuse as if the former stream did not exist.
    """

    account: JID
    previous: str
    """The id of the former stream's :class:`StreamManagement`."""


@record
class RegistrationReceived:
    """A stranger wants to create an account (XEP-0077). Answer with ``registered`` or ``refuse_registration``."""

    account: JID
    password: str = field(repr=False)


@record
class StanzaReceived:
    """A stanza of the bound client. Call ``handled`` with its number when its effects are durable."""

    stanza: Stanza
    number: int
    """Counts the stanzas of the session, from 1."""


@record
class ManagementEnabled:
    """The client has enabled stream management (XEP-0198)."""

    management: StreamManagement


@record
class Acknowledged:
    """The items of stanzas that need not be delivered again, in the order in which the stanzas were sent.

    The client has acknowledged them, or a newer presence has replaced them before they were written (XEP-0352).
    """

    items: tuple[object, ...]


@record
class Active:
    """The user has turned to the client (XEP-0352)."""


@record
class Inactive:
    """The user has turned away from the client (XEP-0352)."""


@record
class StreamEnded:
    """The stream is over; no event follows. Write what the stream has to send, then close the connection."""

    condition: str | None = None
    """The condition of the stream error that was sent or received; None if there was none."""
    resumable: bool = False
    """Whether the connection broke and the client may resume the stream. Keep the session and its management."""
    by_peer: bool = False
    """Whether the other side closed the stream or sent the error."""


ClientStreamEvent: TypeAlias = (
    StartTLS
    | CredentialsNeeded
    | PasswordReceived
    | Authenticated
    | AuthenticationFailed
    | BindRequested
    | ResumptionRequested
    | RegistrationReceived
    | StanzaReceived
    | ManagementEnabled
    | Acknowledged
    | Active
    | Inactive
    | StreamEnded
)


@record
class ComponentAuthenticated:
    """A component has proved that it knows the secret of its domain. Answer with ``accept`` or ``close``.

    Close its stream with ``conflict`` if the domain has a stream already that is to be kept.
    """

    domain: str


ComponentStreamEvent: TypeAlias = ComponentAuthenticated | StanzaReceived | StreamEnded
