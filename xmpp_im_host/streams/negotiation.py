"""The negotiation of a client's stream (RFC 6120 §4.3): header, STARTTLS, SASL, then a resource or a former stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xmpp_im_core.codec import NonStanza, StreamOpened
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID, Address
from xmpp_im_core.stanza import IQ, Condition, ErrorType, Stanza, error_reply, result_reply, stanza_error
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.streams import binding, registration, sasl
from xmpp_im_host.streams.client_state import CLIENT_STATE_FEATURE
from xmpp_im_host.streams.events import (
    Authenticated,
    AuthenticationFailed,
    BindRequested,
    ClientStreamEvent,
    CredentialsNeeded,
    PasswordReceived,
    RegistrationReceived,
    ResumptionRequested,
    StartTLS,
)
from xmpp_im_host.streams.namespaces import MANAGEMENT, SASL, TLS
from xmpp_im_host.streams.sasl import Login
from xmpp_im_host.streams.scram import SASLFailure
from xmpp_im_host.streams.settings import StreamSettings, Transport
from xmpp_im_host.streams.stream_management import MANAGEMENT_FEATURE, failed, read_h
from xmpp_im_host.streams.versions import response_version
from xmpp_im_host.streams.xml_stream import XMLStream

_EARLY: Final = "nothing but stream negotiation is allowed yet"


class CloseStream(Exception):
    """The stream has to be closed; with a stream error if there is a condition, which the text explains."""

    def __init__(self, condition: str | None = None, text: str | None = None) -> None:
        super().__init__(condition, text)
        self.condition = condition
        self.text = text


_SLOTS: Final = (
    "_bind_failures",
    "_claimed",
    "_domain",
    "_emit",
    "_failures",
    "_jid",
    "_lang",
    "_login",
    "_registered",
    "_request",
    "_settings",
    "_token",
    "_transport",
    "_xml",
)


class Negotiation:
    """What a stream has negotiated so far. The methods that take input or an answer may raise :class:`CloseStream`.

    :ivar account: the bare JID, once the client is authenticated.
    :ivar awaited: the class of the event whose answer is awaited.
    :ivar resumed_h: what the client has handled of the stream that it wants to resume.
    """

    __slots__ = ("account", "awaited", "resumed_h", *_SLOTS)

    def __init__(
        self,
        settings: StreamSettings,
        transport: Transport,
        xml: XMLStream,
        emit: Callable[[ClientStreamEvent], None],
        token: Callable[[], str],
    ) -> None:
        self.account: JID | None = None
        self.awaited: type[ClientStreamEvent] | None = None
        self.resumed_h = 0
        self._settings = settings
        self._transport = transport
        self._xml = xml
        self._emit = emit
        self._token = token
        self._domain = ""
        self._lang: str | None = None
        self._claimed: JID | None = None  # the 'from' of the stream header
        self._login: Login | None = None
        self._failures = 0
        self._bind_failures = 0
        self._request: IQ | None = None  # the request that an answer is awaited for
        self._jid: JID | None = None  # the full JID that the client wants to bind
        self._registered = False

    def take(self, event: object) -> None:
        """Take the next event of the input; it is not the end of the stream."""
        if isinstance(event, StreamOpened):
            self._opened(event)
        elif isinstance(event, NonStanza):
            self._element(event.element)
        elif isinstance(event, Stanza):
            self._stanza(event)

    def _ask(self, event: ClientStreamEvent) -> None:
        self.awaited = type(event)
        self._emit(event)

    # --- header and features (§4.3.2, §4.7) ---------------------------------------------------------------

    def _opened(self, header: StreamOpened) -> None:
        domain = self._addressed(header)
        from_ = header.from_.jid.to_bare() if isinstance(header.from_, Address) else None
        version = response_version(header.version)
        self._xml.greet(domain or "", None if from_ is None else from_.full, version)
        if domain is None:
            raise CloseStream("host-unknown", "the 'to' of the stream is no domain of this server")
        if version != "1.0":
            raise CloseStream("unsupported-version", "a stream has at least version 1.0")
        if self.account is not None and domain != self.account.domain:
            raise CloseStream("not-authorized", "the client is authenticated for another domain")
        if self.account is not None and from_ not in (None, self.account):
            raise CloseStream("invalid-from", "the 'from' of the stream is not the authenticated account")
        self._domain, self._claimed, self._lang = domain, from_, header.lang
        self._xml.write(self._xml.framing.features(self._features()))

    def _addressed(self, header: StreamOpened) -> str | None:
        """Return the hosted domain that the header addresses. Without 'to', it is the only one, if there is one."""
        domains = self._settings.domains
        if header.to is None:
            if self.account is not None:
                return self.account.domain
            return next(iter(domains)) if len(domains) == 1 else None
        if not isinstance(header.to, Address):
            return None
        return header.to.jid.full if header.to.jid.full in domains else None

    def _features(self) -> list[Element]:
        settings = self._settings
        if self.account is not None:
            state = [CLIENT_STATE_FEATURE] if settings.held_back else []
            session = [binding.BIND_FEATURE, binding.SESSION_FEATURE, MANAGEMENT_FEATURE]
            return [*session, *state, *settings.features]
        features = []
        if self._may_secure():
            required = [element("required", TLS)] if settings.require_tls else []
            features.append(element("starttls", TLS, {}, required))
        features += sasl.mechanism_features(settings, self._transport)
        if settings.registration and self._may_authenticate():
            features.append(registration.REGISTRATION_FEATURE)
        return features

    def _may_secure(self) -> bool:
        return self._settings.starttls and not self._transport.encrypted and self.account is None

    def _may_authenticate(self) -> bool:
        return self._transport.encrypted or not self._settings.require_tls

    # --- elements -----------------------------------------------------------------------------------------

    def _element(self, root: Element) -> None:
        if root.namespace == TLS and root.name == "starttls":
            self._starttls(root)
        elif root.namespace == SASL and root.name in ("auth", "response", "abort"):
            self._authenticate(root)
        elif root.namespace == MANAGEMENT and root.name in ("enable", "resume", "r", "a"):
            self._resume(root)
        elif self.account is None:
            raise CloseStream("not-authorized", _EARLY)
        else:
            raise CloseStream("unsupported-stanza-type", f"<{root.name}> in {root.namespace}")

    # --- STARTTLS (§5) ------------------------------------------------------------------------------------

    def _starttls(self, root: Element) -> None:
        if not self._may_secure() or root.children:
            self._xml.element(element("failure", TLS))  # §5.4.2.2
            raise CloseStream
        if self._xml.framing.kept:
            # Somebody in the middle could have put it there, and it would count as said on the secured stream.
            raise CloseStream("not-authorized", "there are data in clear text behind <starttls/>")
        self._login = None
        self._xml.element(element("proceed", TLS))
        self._ask(StartTLS())

    def secured(self, transport: Transport) -> None:
        """Begin a new stream on the secured connection. Everything from the stream in clear text is forgotten."""
        self._transport = transport
        self._domain, self._lang, self._claimed = "", None, None
        self._xml.restart(self._settings.early_limits)

    # --- SASL (§6) ----------------------------------------------------------------------------------------

    def _authenticate(self, root: Element) -> None:
        if self.account is not None:
            raise CloseStream("not-authorized", "the client is authenticated already")
        try:
            if root.name == "auth":
                self._begin(root)
            elif root.name == "abort":
                raise SASLFailure("aborted")
            elif self._login is None:
                raise SASLFailure("malformed-request")
            else:
                self._step(self._login, self._login.proceed(root))
        except SASLFailure as failure:
            self._failed(failure.condition)

    def _begin(self, auth: Element) -> None:
        """Begin a handshake. An unfinished one is discarded (§6.4.2)."""
        self._login = None
        mechanism = sasl.check_mechanism(auth.get("mechanism"), self._settings, self._transport)
        login = self._login = Login(self._settings, self._transport, self._domain, mechanism, self._token)
        self._step(login, login.begin(auth))

    def _step(self, login: Login, step: sasl.Step) -> None:
        if isinstance(step, sasl.Challenge):
            self._xml.element(sasl.challenge(step.data))
        elif isinstance(step, sasl.NeedsKeys):
            self._ask(CredentialsNeeded(step.account, login.mechanism))
        elif isinstance(step, sasl.NeedsCheck):
            self._ask(PasswordReceived(step.account, step.password))
        else:
            self._succeed(login, step)

    def _succeed(self, login: Login, step: sasl.Success) -> None:
        if self._transport.encrypted and self._claimed not in (None, step.account):
            raise CloseStream("invalid-from", "the 'from' of the stream is not the authenticated account")  # §6.4.6
        self.account, self._login = step.account, None
        self._xml.element(sasl.success(step.data))
        self._xml.early = None
        self._xml.restart(self._settings.limits)
        self._emit(Authenticated(step.account, login.mechanism))

    def _failed(self, condition: str) -> None:
        login, self._login = self._login, None
        self._failures += 1
        self._xml.element(sasl.failure(condition))
        self._emit(AuthenticationFailed(condition, None if login is None else login.account))
        if self._failures >= self._settings.attempts:
            raise CloseStream("policy-violation", "too many failed attempts to authenticate")  # §6.4.5

    def credentials(self, credentials: Credentials | None) -> None:
        """Challenge the client."""
        login = self._awaited_login()
        self._step(login, login.take_credentials(credentials))

    def password_checked(self, right: bool) -> None:
        """End the attempt by PLAIN."""
        login = self._awaited_login()
        try:
            self._step(login, login.take_verdict(right))
        except SASLFailure as failure:
            self._failed(failure.condition)

    def credentials_unavailable(self, condition: str) -> None:
        """Let the attempt fail."""
        self._failed(condition)

    def _awaited_login(self) -> Login:
        assert self._login is not None
        return self._login

    # --- stanzas: registration and binding ----------------------------------------------------------------

    def _stanza(self, stanza: Stanza) -> None:
        query = registration.registration_query(stanza)
        if self.account is not None and isinstance(stanza, IQ) and binding.is_bind(stanza):
            self._bind(stanza, self.account)
        elif query is not None and isinstance(stanza, IQ) and self._may_register():
            self._register(stanza, query)
        else:
            raise CloseStream("not-authorized", _EARLY)  # §4.9.3.12, §7.1

    def _may_register(self) -> bool:
        return self._settings.registration and self.account is None and self._may_authenticate()

    def _register(self, request: IQ, query: Element) -> None:
        if request.type == "get":
            self._xml.stanza(result_reply(request, registration.FORM))
            return
        form = registration.read_registration(query, self._domain)
        self._request = request
        if isinstance(form, Condition):
            self.refuse_registration(form)
        elif self._registered:
            self.refuse_registration(Condition.NOT_ALLOWED)  # one account for each stream
        else:
            self._ask(RegistrationReceived(form.account, form.password))

    def registered(self) -> None:
        """Tell the client that it has an account."""
        self._registered = True
        self._xml.stanza(result_reply(self._taken_request()))

    def refuse_registration(self, condition: Condition, type: ErrorType | None = None) -> None:
        """Tell the client that it has no account."""
        self._xml.stanza(error_reply(self._taken_request(), stanza_error(condition, type)))

    def _bind(self, request: IQ, account: JID) -> None:
        self._request = request
        if request.type != "set" or not request.id:
            self.refuse_bind(Condition.BAD_REQUEST)
            return
        self._jid = binding.session_jid(account, binding.wanted_resource(request), self._token())
        self._ask(BindRequested(self._jid, self._lang))

    def bound(self, resource: str | None) -> JID:
        """Tell the client its full JID, and return it."""
        assert self._jid is not None
        jid = self._jid if resource is None else self._jid.with_resource(resource)
        self._xml.stanza(binding.bound(self._taken_request(), jid))
        return jid

    def refuse_bind(self, condition: Condition) -> None:
        """Tell the client that it has no resource. It may ask again, some times (§7.7.3)."""
        self._xml.stanza(binding.refused(self._taken_request(), condition))
        self._bind_failures += 1
        if self._bind_failures >= self._settings.bind_attempts:
            raise CloseStream("policy-violation", "too many failed attempts to bind a resource")

    def _taken_request(self) -> IQ:
        request, self._request = self._request, None
        assert request is not None
        return request

    # --- resumption (XEP-0198 §5) -------------------------------------------------------------------------

    def _resume(self, root: Element) -> None:
        """Take an element of stream management. Only ``<resume/>`` may precede resource binding."""
        previous, h = root.get("previd"), read_h(root.get("h"))
        if self.account is None or root.name != "resume":
            self._xml.element(failed(Condition.UNEXPECTED_REQUEST))
        elif not self._settings.resumption_seconds:
            self._xml.element(failed(Condition.FEATURE_NOT_IMPLEMENTED))
        elif not previous or h is None:
            self._xml.element(failed(Condition.BAD_REQUEST))
        else:
            self.resumed_h = h
            self._ask(ResumptionRequested(self.account, previous))

    def refuse_resumption(self, handled: int | None) -> None:
        """Tell the client that it has to bind a resource."""
        self._xml.element(failed(Condition.ITEM_NOT_FOUND, handled))
