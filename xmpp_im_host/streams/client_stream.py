"""The stream of a client, without I/O (RFC 6120): bytes go in; events and bytes come out.

    stream = ClientStream(settings, Transport(encrypted=False))
    stream.receive(data)                    # what the connection has read
    for event in stream.events():           # ends where an answer is awaited; go on after the answer
        ...
    connection.write(stream.data_to_send())
    if stream.closed:
        connection.close()

Input that arrives while an answer is awaited is kept, within a limit: read nothing more from the connection while
``waiting`` is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from secrets import token_urlsafe

from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import Condition, Stanza
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.streams.events import ClientStreamEvent
from xmpp_im_host.streams.settings import StreamSettings, Transport
from xmpp_im_host.streams.stream_management import StreamManagement


class ClientStream:
    """One stream of a client, from its first byte to its end.

    :ivar jid: the full JID of the session, once it is bound or resumed.
    :ivar account: the bare JID, once the client is authenticated.
    :ivar closed: whether nothing more will be sent or read. Write what is left, then close the connection.
    :ivar waiting: whether an answer is awaited. Read nothing from the connection until then.
    :ivar management: the state of stream management (XEP-0198); None until the client enables it.

    :param token: returns a new text that nobody can guess, each time it is called.
    """

    jid: JID | None
    account: JID | None
    management: StreamManagement | None
    closed: bool
    waiting: bool

    def __init__(
        self,
        settings: StreamSettings,
        transport: Transport,
        *,
        token: Callable[[], str] = token_urlsafe,
    ) -> None:
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        """Take the next bytes of the connection, cut anywhere."""
        raise NotImplementedError

    def disconnected(self) -> None:
        """Note that the connection has ended: no more bytes will come, and none can be written."""
        raise NotImplementedError

    def events(self) -> Iterator[ClientStreamEvent]:
        """Yield the events of the input so far. It ends where an answer is awaited; call it again after the answer."""
        raise NotImplementedError

    def data_to_send(self) -> bytes:
        """Return the bytes to write, and forget them."""
        raise NotImplementedError

    def send(self, stanza: Stanza, item: object = None) -> None:
        """Send a stanza to the client.

        :param item: comes back when the client has acknowledged the stanza (:class:`Acknowledged`), or in
            ``unacknowledged``. Without stream management, no item is kept.
        """
        raise NotImplementedError

    @property
    def unacknowledged(self) -> tuple[object, ...]:
        """The items of the stanzas that the client has not acknowledged, in order; () without stream management."""
        raise NotImplementedError

    def handled(self, number: int) -> None:
        """Note that the received stanza with this number is durable."""
        raise NotImplementedError

    def request_acknowledgement(self) -> None:
        """Ask the client to acknowledge what it has received (XEP-0198), if anything is unacknowledged."""
        raise NotImplementedError

    def close(self, condition: str | None = None, text: str | None = None) -> None:
        """Close the stream (RFC 6120 §4.4), with a stream error if there is a condition (§4.9.3).

        Without an error, ``closed`` stays false until the client closes its side. Wait a few seconds at most.
        """
        raise NotImplementedError

    # --- answers ----------------------------------------------------------------------------------------

    def secured(self, transport: Transport) -> None:
        """Answer :class:`StartTLS`: the handshake is done."""
        raise NotImplementedError

    def credentials(self, credentials: Credentials | None) -> None:
        """Answer :class:`CredentialsNeeded`. None: the account is unknown."""
        raise NotImplementedError

    def password_checked(self, right: bool) -> None:
        """Answer :class:`PasswordReceived`: whether this is the account's password."""
        raise NotImplementedError

    def credentials_unavailable(self, condition: str = "temporary-auth-failure") -> None:
        """Answer :class:`CredentialsNeeded` or :class:`PasswordReceived`: nobody can log in as this account now.

        :param condition: ``"temporary-auth-failure"``, or ``"account-disabled"`` or ``"credentials-expired"``. The last
            two tell strangers that the account exists (RFC 6120 §6.5).
        """
        raise NotImplementedError

    def bound(self, resource: str | None = None) -> None:
        """Answer :class:`BindRequested`.

        :param resource: another resourcepart than the one in the event.
        """
        raise NotImplementedError

    def refuse_bind(self, condition: Condition) -> None:
        """Answer :class:`BindRequested`. The client may ask again."""
        raise NotImplementedError

    def resume(self, management: StreamManagement) -> bool:
        """Answer :class:`ResumptionRequested`. Close the former stream with ``conflict`` if it is still open.

        :returns: whether the stream is resumed. It is not if the client acknowledges more than was sent to it: then the
            stream is closed, and the former session stays as it is.
        """
        raise NotImplementedError

    def refuse_resumption(self, handled: int | None = None) -> None:
        """Answer :class:`ResumptionRequested`: no such stream can be resumed. The client may bind a resource instead.

        :param handled: how many stanzas of the former stream were handled, if that is still known.
        """
        raise NotImplementedError

    def registered(self) -> None:
        """Answer :class:`RegistrationReceived`: the account exists now, with this password."""
        raise NotImplementedError

    def refuse_registration(self, condition: Condition) -> None:
        """Answer :class:`RegistrationReceived`: ``CONFLICT`` if the account exists already."""
        raise NotImplementedError
