"""The stream of a client, without I/O (RFC 6120): bytes go in; events and bytes come out.

    stream = ClientStream(settings, Transport(encrypted=False))
    stream.receive(data)                    # what the connection has read
    for event in stream.events():           # ends where an answer is awaited; go on after the answer
        ...
    connection.write(stream.data_to_send())
    if stream.closed:
        connection.close()

Input that arrives while an answer is awaited is kept, within a limit: read nothing more from the connection while
``waiting`` is true. How the input is cut has no influence on the events or on the output, with one exception: what
follows ``<starttls/>`` in clear text is refused, whether it comes with it or later.

The stream bounds everything except time: what a stranger may send, one stanza, failed attempts, what is kept until an
answer, and what the client leaves unacknowledged. The server around it limits how long negotiation takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from secrets import token_urlsafe
from typing import Any, Final, ParamSpec

from xmpp_im_core.codec import CodecError, NonStanza, StreamClosed, StreamOpened
from xmpp_im_core.element import Element
from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import IQ, Condition, ErrorType, Stanza, error_reply, result_reply, stanza_error
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.streams import binding
from xmpp_im_host.streams import stream_management as sm
from xmpp_im_host.streams.client_state import HeldBack
from xmpp_im_host.streams.errors import error_condition, is_stream_error
from xmpp_im_host.streams.events import (
    Acknowledged,
    Active,
    BindRequested,
    ClientStreamEvent,
    CredentialsNeeded,
    Inactive,
    ManagementEnabled,
    PasswordReceived,
    RegistrationReceived,
    ResumptionRequested,
    StanzaReceived,
    StartTLS,
    StreamEnded,
)
from xmpp_im_host.streams.framing import Framing, StreamFraming
from xmpp_im_host.streams.namespaces import BIND, CLIENT_STATE, MANAGEMENT
from xmpp_im_host.streams.negotiation import CloseStream, Negotiation
from xmpp_im_host.streams.sasl import CONDITIONS
from xmpp_im_host.streams.settings import StreamSettings, Transport
from xmpp_im_host.streams.stream_management import HandledTooMuch, StreamManagement
from xmpp_im_host.streams.xml_stream import XMLStream

P = ParamSpec("P")

_NOT_STANZAS: Final = (StreamOpened, NonStanza, StreamClosed)


class ClientStream:
    """One stream of a client, from its first byte to its end.

    :ivar jid: the full JID of the session, once it is bound or resumed.
    :ivar closed: whether nothing more will be sent or read. Write what is left, then close the connection.
    :ivar management: the state of stream management (XEP-0198); None until the client enables it.

    :param framing: how the stream is laid out on its connection; a new one for each stream.
    :param token: returns a new text that nobody can guess, each time it is called.
    """

    __slots__ = (
        "_asked",
        "_ended",
        "_events",
        "_held",
        "_negotiation",
        "_owed",
        "_received",
        "_settings",
        "_token",
        "_xml",
        "closed",
        "jid",
        "management",
    )

    def __init__(
        self,
        settings: StreamSettings,
        transport: Transport,
        *,
        framing: Framing | None = None,
        token: Callable[[], str] = token_urlsafe,
    ) -> None:
        self.jid: JID | None = None
        self.management: StreamManagement | None = None
        self.closed = False
        self._settings = settings
        self._token = token
        framing = StreamFraming() if framing is None else framing
        self._xml = XMLStream(framing, settings.early_limits, settings.early_bytes, settings.lang, token)
        self._events: list[ClientStreamEvent] = []
        self._negotiation = Negotiation(settings, transport, self._xml, self._events.append, token)
        self._ended = False
        self._received = 0
        self._held: HeldBack | None = None
        self._asked = False  # whether the client has been asked for an acknowledgement that has not come
        self._owed: int | None = None  # the number of the stanza up to which the client has asked for one

    @property
    def account(self) -> JID | None:
        """The bare JID, once the client is authenticated."""
        return self._negotiation.account

    @property
    def waiting(self) -> bool:
        """Whether an answer is awaited. Read nothing from the connection until then."""
        return self._negotiation.awaited is not None and not self._ended

    # --- input ------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take the next bytes of the connection, cut anywhere; with WebSocket, the next frame."""
        if self._ended or not data:
            return
        framing = self._xml.framing
        framing.receive(data)
        if self._negotiation.awaited is StartTLS:
            self._end(StreamEnded("not-authorized"))  # clear text where the handshake has to begin: nobody to answer
        elif self.waiting:
            self._check_kept()

    def _check_kept(self) -> None:
        limits = self._settings.early_limits if self.account is None else self._settings.limits
        if self._xml.framing.kept > limits.stanza_bytes:
            self.close("policy-violation", "too much data before an answer")

    def disconnected(self) -> None:
        """Note that the connection has ended: no more bytes will come, and none can be written.

        Take the events of what was received first. Input that has to wait for an answer is lost.
        """
        if self._ended:
            return
        management = self.management
        resumable = management is not None and management.id is not None and not self._xml.closing
        if management is not None:
            self._queue_held(management)
        self._end(StreamEnded(resumable=resumable, by_peer=True))

    def events(self) -> Iterator[ClientStreamEvent]:
        """Yield the events of the input so far. It ends where an answer is awaited; call it again after the answer.

        Other methods may add events too, such as ``send`` and ``close``.
        """
        events = self._events
        while True:
            while events:
                yield events.pop(0)
            if self.waiting:
                self._check_kept()
                if not self._ended:
                    return
                continue
            if self._ended:
                return
            try:
                event = self._xml.next()
            except CodecError as error:
                self.close(error.condition, str(error))
                continue
            if event is None:
                return
            if isinstance(event, _NOT_STANZAS) or self.jid is None:
                self._take(event)
            else:
                self._take_stanza(event)

    def _take(self, event: object) -> None:
        if isinstance(event, StreamClosed):
            self._xml.close()
            self._end(StreamEnded(by_peer=True))
        elif isinstance(event, NonStanza) and is_stream_error(event.element):
            self._xml.close()
            self._end(StreamEnded(error_condition(event.element), by_peer=True))
        elif self._xml.closing:
            return
        elif self.jid is None:
            self._negotiate(self._negotiation.take, event)
        elif isinstance(event, NonStanza):
            self._take_element(event.element)

    def _negotiate(self, step: Callable[P, None], *args: P.args, **options: P.kwargs) -> None:
        """Let the negotiation take a step, which may close the stream."""
        try:
            step(*args, **options)
        except CloseStream as closing:
            self.close(closing.condition, closing.text)

    def _take_stanza(self, stanza: Stanza) -> None:
        self._received = number = self._received + 1
        management = self.management
        if management is not None:
            management.received = number
        if type(stanza) is IQ and stanza.type == "set" and self._answers_itself(stanza):
            self.handled(number)
        else:
            self._events.append(StanzaReceived(stanza, number))

    def _answers_itself(self, request: IQ) -> bool:
        """Answer a request for a session, or for another resource, which the stream itself has to answer."""
        assert self.jid is not None
        if binding.is_session(request, self.jid.to_bare()):
            self.send(result_reply(request))
        elif request.to is None and request.payload.first("bind", BIND) is not None:
            self.send(error_reply(request, stanza_error(Condition.NOT_ALLOWED)))
        else:
            return False
        return True

    def _take_element(self, root: Element) -> None:
        if root.namespace == MANAGEMENT and root.name in ("enable", "resume", "r", "a"):
            self._manage(root)
        elif root.namespace == CLIENT_STATE and root.name == "inactive" and self._settings.held_back:
            if self._held is None:
                self._held = HeldBack(self._settings.held_back)
                self._events.append(Inactive())
        elif root.namespace == CLIENT_STATE and root.name == "active" and self._settings.held_back:
            if self._held is not None:
                self._release()
                self._held = None
                self._events.append(Active())
        else:
            self.close("unsupported-stanza-type", f"<{root.name}> in {root.namespace}")

    # --- output -----------------------------------------------------------------------------------------

    def data_to_send(self) -> bytes:
        """Return the bytes to write, and forget them."""
        return b"".join(self._xml.take_output())

    def frames_to_send(self) -> list[bytes]:
        """Return the frames to write, and forget them, if the framing is that of WebSocket."""
        return self._xml.take_output()

    def send(self, stanza: Stanza, item: object = None) -> None:
        """Send a stanza to the client. If the stream has ended but can be resumed, keep it until then.

        :param item: comes back when the client has acknowledged the stanza (:class:`Acknowledged`), or in
            ``unacknowledged``. Without stream management, no item is kept.
        :raises RuntimeError: if the client has not bound a resource.
        """
        if self.jid is None:
            if self._ended:
                return
            raise RuntimeError("no resource is bound")
        held = self._held
        if held is not None:
            replaced = held.hold(stanza, item)
            if replaced is not None:
                if replaced and self.management is not None:
                    self._events.append(Acknowledged(replaced))
                return
            self._release()
        self._write(stanza, item)

    def _write(self, stanza: Stanza, item: object) -> None:
        management = self.management
        if self._xml.closing or self._ended:
            if management is not None:
                management.queue(stanza, item)
            return
        written = self._xml.framing.stanza(stanza)
        self._xml.write(written)
        if management is None:
            return
        management.queue(stanza, item, len(written))
        if management.overflowed:
            self.close("resource-constraint", "too many stanzas are not acknowledged")
        elif len(management) >= self._settings.ask_after:
            self.request_acknowledgement()

    def _release(self) -> None:
        """Send what is held back."""
        if self._held is not None:
            for stanza, item in self._held.release():
                self._write(stanza, item)

    def _queue_held(self, management: StreamManagement) -> None:
        """Keep what is held back with what is not acknowledged: a stream that resumes the session sends it."""
        if self._held is not None:
            for stanza, item in self._held.release():
                management.queue(stanza, item)
            self._held = None

    @property
    def unacknowledged(self) -> tuple[object, ...]:
        """The items of the stanzas that the client has not acknowledged, in order; () without stream management."""
        if self.management is None:
            return ()
        return self.management.unacknowledged + (() if self._held is None else self._held.items)

    def rest(self) -> None:
        """Take less memory while the stream is idle. The next input takes a little longer."""
        self._xml.framing.rest()

    def close(self, condition: str | None = None, text: str | None = None) -> None:
        """Close the stream (RFC 6120 §4.4), with a stream error if there is a condition (§4.9.3).

        Without an error, ``closed`` stays false until the client closes its side, and its stanzas are received until
        then. Wait a few seconds at most, then call ``disconnected``.
        """
        self._close(condition, text)

    def _close(self, condition: str | None, text: str | None, application: Element | None = None) -> None:
        if self._ended:
            return
        self._release()
        self._xml.close(condition, text, application)
        if condition is not None or self.jid is None:
            self._end(StreamEnded(condition))

    def _end(self, ended: StreamEnded) -> None:
        if not self._ended:
            self._ended = self.closed = True
            self._events.append(ended)

    # --- stream management (XEP-0198) -------------------------------------------------------------------

    def handled(self, number: int) -> None:
        """Note that the received stanza with this number is durable."""
        management = self.management
        if management is None:
            return
        management.handled(number)
        if self._owed is not None and not (self._xml.closing or self._ended) and management.has_handled(self._owed):
            self._owed = None
            self._xml.element(sm.answer(management))

    def request_acknowledgement(self) -> None:
        """Ask the client to acknowledge what it has received, if anything is unacknowledged and it was not asked."""
        management = self.management
        if management is None or self._asked or not len(management) or self._xml.closing or self._ended:
            return
        self._asked = True
        self._xml.element(sm.REQUEST)

    def _manage(self, root: Element) -> None:
        if root.name == "enable":
            self._enable(root)
        elif root.name == "resume" or self.management is None:
            self._xml.element(sm.failed(Condition.UNEXPECTED_REQUEST))
        elif root.name == "r":
            self._answer(self.management)
        else:
            self._acknowledge(self.management, root.get("h"))

    def _enable(self, root: Element) -> None:
        assert self.jid is not None
        if self.management is not None:
            self.close("policy-violation", "stream management is enabled already")  # XEP-0198 §3
            return
        settings = self._settings
        id = self._token() if settings.resumption_seconds and sm.is_true(root.get("resume")) else None
        self.management = StreamManagement(
            self.jid, id, settings.unacknowledged_stanzas, settings.unacknowledged_bytes, self._received
        )
        self._xml.element(sm.enabled(self.management, settings.resumption_seconds))
        self._events.append(ManagementEnabled(self.management))

    def _answer(self, management: StreamManagement) -> None:
        """Answer at once with what is handled, and again when all that came before the request is handled."""
        self._xml.element(sm.answer(management))
        self._owed = management.received if management.unhandled else None

    def _acknowledge(self, management: StreamManagement, text: str | None) -> bool:
        """Forget what the client has handled. Return whether it can have handled that much."""
        h = sm.read_h(text)
        if h is None:
            self.close("bad-format", "'h' is not a number")
            return False
        try:
            items = management.acknowledge(h)
        except HandledTooMuch as error:
            self._close("undefined-condition", str(error), error.application)
            return False
        self._asked = False
        if items:
            self._events.append(Acknowledged(items))
        if len(management) >= self._settings.ask_after:
            self.request_acknowledgement()
        return True

    # --- answers ----------------------------------------------------------------------------------------

    def _answers(self, *kinds: type[Any]) -> bool:
        """Take the answer to one of these events. An answer that comes after the end of the stream has no effect.

        :raises RuntimeError: if no such event awaits an answer.
        """
        if self._ended:
            return False
        if self._negotiation.awaited not in kinds:
            names = " or ".join([kind.__name__ for kind in kinds])
            raise RuntimeError(f"no {names} awaits an answer")
        self._negotiation.awaited = None
        return True

    def secured(self, transport: Transport) -> None:
        """Answer :class:`StartTLS`: the handshake is done."""
        if self._answers(StartTLS):
            self._negotiate(self._negotiation.secured, transport)

    def credentials(self, credentials: Credentials | None) -> None:
        """Answer :class:`CredentialsNeeded`. None: the account is unknown."""
        if self._answers(CredentialsNeeded):
            self._negotiate(self._negotiation.credentials, credentials)

    def password_checked(self, right: bool) -> None:
        """Answer :class:`PasswordReceived`: whether this is the account's password."""
        if self._answers(PasswordReceived):
            self._negotiate(self._negotiation.password_checked, right)

    def credentials_unavailable(self, condition: str = "temporary-auth-failure") -> None:
        """Answer :class:`CredentialsNeeded` or :class:`PasswordReceived`: nobody can log in as this account now.

        :param condition: ``"temporary-auth-failure"``, or ``"account-disabled"`` or ``"credentials-expired"``. The last
            two tell strangers that the account exists (RFC 6120 §6.5).
        :raises ValueError: if there is no such condition.
        """
        if condition not in CONDITIONS:
            raise ValueError(f"condition: {condition!r} is not defined for SASL failures (RFC 6120 §6.5)")
        if self._answers(CredentialsNeeded, PasswordReceived):
            self._negotiate(self._negotiation.credentials_unavailable, condition)

    def registered(self) -> None:
        """Answer :class:`RegistrationReceived`: the account exists now, with this password."""
        if self._answers(RegistrationReceived):
            self._negotiate(self._negotiation.registered)

    def refuse_registration(self, condition: Condition, type: ErrorType | None = None) -> None:
        """Answer :class:`RegistrationReceived`: ``CONFLICT`` if the account exists already.

        :param type: by default the usual type of the condition.
        """
        if self._answers(RegistrationReceived):
            self._negotiate(self._negotiation.refuse_registration, condition, type)

    def bound(self, resource: str | None = None) -> None:
        """Answer :class:`BindRequested`.

        :param resource: another resourcepart than the one in the event.
        :raises InvalidJID: if that is no resourcepart.
        """
        if resource is not None and self.account is not None:
            resource = self.account.with_resource(resource).resource
        if self._answers(BindRequested):
            self.jid = self._negotiation.bound(resource)
            self._xml.whole = True

    def refuse_bind(self, condition: Condition) -> None:
        """Answer :class:`BindRequested`. The client may ask again."""
        if self._answers(BindRequested):
            self._negotiate(self._negotiation.refuse_bind, condition)

    def resume(self, management: StreamManagement) -> bool:
        """Answer :class:`ResumptionRequested`. If the former stream is still open, close it with ``conflict`` first.

        The client sends again what was not handled, so wait until the stanzas of the former stream are handled
        (``management.unhandled`` is 0): one that is still on its way then counts twice.

        :returns: whether the stream is resumed. It is not if it has ended, or if the client acknowledges more than was
            sent to it. Then the stream is closed, and the former session stays as it is.
        :raises ValueError: if the former session is that of another account.
        """
        if self.account is not None and management.jid.to_bare() != self.account:
            raise ValueError(f"management: it belongs to {management.jid.bare}, and the stream to {self.account}")
        if not self._answers(ResumptionRequested):
            return False
        if not self._acknowledge(management, str(self._negotiation.resumed_h)):
            return False
        management.forget_unhandled()
        self.management, self.jid = management, management.jid
        self._received = management.received
        self._xml.whole = True
        self._xml.element(sm.resumed(management))
        for stanza in management.waiting_stanzas:
            self._xml.stanza(stanza)
        self.request_acknowledgement()
        return True

    def refuse_resumption(self, handled: int | None = None) -> None:
        """Answer :class:`ResumptionRequested`: no such stream can be resumed. The client may bind a resource instead.

        :param handled: how many stanzas of the former stream were handled, if that is still known.
        """
        if self._answers(ResumptionRequested):
            self._negotiate(self._negotiation.refuse_resumption, handled)
