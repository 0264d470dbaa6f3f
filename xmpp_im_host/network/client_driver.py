"""Drive the stream of a client: its events go to the host, and the host's answers come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Protocol
from uuid import uuid4

from xmpp_im_core.element import element
from xmpp_im_core.jid import JID, address_of, parse_address
from xmpp_im_core.stanza import IQ, Condition, ErrorType, payload
from xmpp_im_host.configuration import is_loopback
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.log import failure, log
from xmpp_im_host.network.failed_logins import Attempt
from xmpp_im_host.network.network import Network, RegistrationRefused
from xmpp_im_host.network.sessions import ClientSession
from xmpp_im_host.network.throttle import TokenBucket
from xmpp_im_host.storage.errors import EngineFailed
from xmpp_im_host.streams import events
from xmpp_im_host.streams.client_stream import ClientStream
from xmpp_im_host.streams.sasl import decoy_credentials
from xmpp_im_host.streams.settings import Transport

_LOOK: Final = 0.5
"""How long to wait before keys that could not be read are read again, in seconds."""
_PING: Final = element("ping", "urn:xmpp:ping")


class Connection(Protocol):
    """The connection below a stream."""

    address: str

    def send_from(self, stream: ClientStream) -> None:
        """Write what a stream has to send; a peer for which too many bytes wait is dropped."""

    def start_tls(self) -> None:
        """Begin the TLS handshake, and call ``secured`` of the driver after it."""

    def logged_in(self) -> None:
        """Note that the peer has a session."""

    def set_busy(self, busy: bool) -> None:
        """Read nothing while the driver is busy."""

    def pause_for(self, seconds: float) -> None:
        """Read nothing for a time, and call ``go_on`` of the driver after it."""

    def close(self, *, answered: bool) -> None:
        """Close the connection when everything is written."""

    def drop(self, why: str) -> None:
        """Close the connection at once."""

    @property
    def throttled(self) -> bool:
        """Whether the peer has sent more than its share."""


class ClientDriver:
    """Drives one stream of a client."""

    def __init__(self, network: Network, connection: Connection, stream: ClientStream) -> None:
        limits = network.configuration.limits
        self.network, self.connection, self.stream = network, connection, stream
        self.session: ClientSession | None = None
        self.claimed: str | None = None
        """The account whose keys were asked for last: the client is authenticated as it, or may be soon."""
        self.keys: Credentials | None = None
        """Its keys, as they were then."""
        self.attempt: Attempt | None = None
        """The login that is under way. It has asked for keys, so its end tells whether it was a guess."""
        self.unprocessed = 0
        """The stanzas of this stream that the host has not processed yet."""
        self.stanzas = TokenBucket(limits.stanzas_per_second, limits.stanzas_burst, network.clock)
        self.over = False
        self.inactive = False
        """Whether the user has turned away from the client (XEP-0352): its stream holds presence back."""
        self._advancing = False

    @property
    def has_session(self) -> bool:
        """Whether the client has bound or resumed a session."""
        return self.session is not None

    # --- called by the connection -------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes."""
        self.stream.receive(data)
        self.go_on()

    def secured(self, transport: Transport) -> None:
        """Note that the TLS handshake is done."""
        self.stream.secured(transport)
        self.go_on()

    def lost(self) -> None:
        """Note that the connection is gone."""
        self.stream.disconnected()
        self.go_on()

    def probe(self) -> None:
        """Ping the client: any byte of its answer is a sign of life."""
        jid = self.stream.jid
        if jid is not None and not self.stream.closed:
            ping = IQ(address_of(jid), parse_address(jid.domain), uuid4().hex, "get", payload=payload(_PING))
            self.stream.send(ping)
            self.flush()

    def rest(self) -> None:
        """Take less memory while nothing comes."""
        self.stream.rest()

    def close(self, condition: str) -> None:
        """Close the stream with this stream error.

        If the client has ended the stream already, it waits for the end of its session. Then nobody may be left who
        could report that: the answer does not wait for it any longer, unless the server stops and reports it soon.
        """
        if self.over and not self.network.stopping:
            self._answer_end()
            return
        self.stream.close(condition)
        self._advance_soon()

    def keys_changed(self, account: str) -> None:
        """Close the stream if it has no session and depends on keys of this account that are no longer valid."""
        if self.claimed == account and self.session is None:
            self.close("not-authorized")

    # --- the loop -----------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Process what the stream has read, as far as the limits allow now."""
        if self._advancing or self.over:
            return
        self._advancing = True
        try:
            self._take_events()
        except Exception as error:
            failure("connection failed", error, address=self.connection.address)
            self.connection.drop("internal error")
        finally:
            self._advancing = False

    def _take_events(self) -> None:
        most = self.network.configuration.limits.in_flight
        if not self._has_to_wait(most):
            for event in self.stream.events():
                _TAKES[type(event)](self, event)
                if self._has_to_wait(most):
                    break
        if not self.over:
            self.connection.set_busy(self.stream.waiting or self.unprocessed >= most)
            self.connection.send_from(self.stream)

    def _has_to_wait(self, most: int) -> bool:
        """Return whether no event may be taken now. Those of a closed stream are few, and end its session."""
        if self.stream.closed:
            return self.over
        return self.unprocessed >= most or self.connection.throttled

    def _advance_soon(self) -> None:
        self.network.advance_later(self)

    def flush(self) -> None:
        """Write what the stream has to send. Sending may have made events too."""
        self.connection.send_from(self.stream)
        if (self.inactive or self.stream.closed) and not self.over:
            self.go_on()

    def flush_later(self) -> None:
        """Write what the stream has to send when the host has written its burst."""
        self.network.flush_later(self)

    # --- before the session -------------------------------------------------------------------------------

    def _start_tls(self, event: events.StartTLS) -> None:
        self.flush()
        self.connection.start_tls()

    def _credentials_needed(self, event: events.CredentialsNeeded) -> None:
        self.claimed = event.account.full
        self.network.start(self._give_credentials(event.account))

    async def _give_credentials(self, account: JID) -> None:
        if not await self._may_try(account):
            self.stream.credentials_unavailable()
        elif not self.over:
            try:
                found = await self.network.host.credentials(account.full)
            except EngineFailed:
                self._forgive()
                self.stream.credentials_unavailable()
            else:
                self.keys = found
                self.stream.credentials(found)
        self.go_on()

    def _password_received(self, event: events.PasswordReceived) -> None:
        self.claimed = event.account.full
        self.network.start(self._check_password(event.account, event.password))

    async def _check_password(self, account: JID, password: str) -> None:
        if not await self._may_try(account):
            self.stream.credentials_unavailable()
        elif not self.over:
            try:
                found = await self.network.host.credentials(account.full)
            except EngineFailed:
                self._forgive()
                self.stream.credentials_unavailable()
            else:
                self.keys = found
                compared = found or decoy_credentials(self.network.settings, account.full)
                matches = await asyncio.to_thread(compared.matches, password)
                self.stream.password_checked(matches and found is not None)
        self.go_on()

    async def _may_try(self, account: JID) -> bool:
        """Wait if many logins from this address have failed; return False if the attempt is refused."""
        address = self.connection.address
        attempt = self.network.failed_logins.begin(address, account.full)
        if attempt is None:
            self.network.links.refused("failed_logins", address)
            return False
        self.attempt = attempt
        if attempt.delay:
            try:
                await asyncio.sleep(attempt.delay)
            finally:
                attempt.go_on()
        return True

    def _forgive(self) -> None:
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.forgive()

    def _authenticated(self, event: events.Authenticated) -> None:
        self._forgive()
        self.network.counters.logins += 1
        address = self.connection.address
        log(logging.INFO, "login", account=event.account.full, mechanism=event.mechanism, address=address)

    def _authentication_failed(self, event: events.AuthenticationFailed) -> None:
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.failed()
        self.network.counters.failed_logins += 1
        account = "" if event.account is None else event.account.full
        address = self.connection.address
        log(logging.WARNING, "login failed", account=account, condition=event.condition, address=address)

    def _registration_received(self, event: events.RegistrationReceived) -> None:
        self.network.start(self._register(event.account, event.password))

    async def _register(self, account: JID, password: str) -> None:
        """Create an account. One address creates a few, and then slowly; loopback is free."""
        if not await self._may_try(account):
            self.stream.refuse_registration(Condition.POLICY_VIOLATION, ErrorType.WAIT)
        elif not self.over:
            if is_loopback(self.connection.address):
                self._forgive()
            await self._create(account, password)
        self.go_on()

    async def _create(self, account: JID, password: str) -> None:
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.failed()
        try:
            await self.network.register(account, password)
        except RegistrationRefused as refused:
            self.stream.refuse_registration(refused.condition)
        else:
            self.stream.registered()
            log(logging.INFO, "account registered", account=account.full, address=self.connection.address)

    # --- the session --------------------------------------------------------------------------------------

    def _bind_requested(self, event: events.BindRequested) -> None:
        self.network.start(self._bind(event.jid.to_bare().full, event.jid.resource or "", event.lang))

    async def _bind(self, account: str, resource: str, lang: str | None) -> None:
        host = self.network.host
        valid, refusal = True, None
        try:
            valid = await self._keys_are_valid(account)
            refusal = await host.may_bind(account, resource)
        except EngineFailed:
            refusal = Condition.INTERNAL_SERVER_ERROR
        if self.over or self.stream.closed:
            return
        if not valid:
            self.close("not-authorized")
        elif refusal is not None:
            self.stream.refuse_bind(refusal)
        else:
            self.session = session = ClientSession(account, host.session(resource), self)
            self.network.sessions.add(session)
            self.connection.logged_in()
            self.stream.bound()
            log(logging.INFO, "session bound", account=account, resource=resource, address=self.connection.address)
            host.bind(account, session.id, lang, self._bound if host.shared else None)
        self.go_on()

    def _bound(self) -> None:
        """Look again whether the keys are valid: from here on, the removal of the account ends the session.

        Before that it may have been removed, and created again for somebody else.
        """
        if self.session is not None:
            self.network.start(self._check_keys_again(self.session))

    async def _check_keys_again(self, session: ClientSession) -> None:
        while self.session is session:
            try:
                valid = await self._keys_are_valid(session.account)
            except EngineFailed:
                await asyncio.sleep(_LOOK)
                continue
            if not valid and self.session is session:
                self.close("not-authorized")
            return

    async def _keys_are_valid(self, account: str) -> bool:
        """Whether the keys with which the client has logged in are still those of the account.

        If this process alone changes keys, it closes the stream when it does so (:meth:`keys_changed`).

        :raises EngineFailed: if they cannot be read.
        """
        return not self.network.host.shared or await self.network.host.credentials(account) == self.keys

    def _management_enabled(self, event: events.ManagementEnabled) -> None:
        if self.session is not None:
            self.network.sessions.managed(self.session, event.management)

    def _resumption_requested(self, event: events.ResumptionRequested) -> None:
        self.network.start(self._resume(event.account.full, event.previous))

    async def _resume(self, account: str, previous: str) -> None:
        sessions = self.network.sessions
        try:
            valid = await self._keys_are_valid(account)
        except EngineFailed:  # that says nothing about the keys
            self.stream.refuse_resumption()
            self.go_on()
            return
        if not valid:
            self.close("not-authorized")
            return
        session = sessions.resumable(account, previous)
        if session is None and await self._taken_from_elsewhere(account, previous):
            session = sessions.resumable(account, previous)
        if session is not None:
            if isinstance(session.driver, ClientDriver):
                session.driver.give_up()
            await session.settled()  # the client is told how many of its stanzas were handled
            if sessions.resumable(account, previous) is not session or session.driver is not None:
                session = None
        if self.stream.closed:
            return
        if session is None or session.management is None:
            self.stream.refuse_resumption()
        elif self.stream.resume(session.management):
            session.driver, self.session = self, session
            self.network.attach(session)
            self.connection.logged_in()
        self.go_on()

    async def _taken_from_elsewhere(self, account: str, previous: str) -> bool:
        """Whether another node has given the session up, so that it is here now."""
        try:
            return await self.network.host.take_over(account, previous)
        except EngineFailed:
            return False

    def give_up(self) -> None:
        """Close this stream, because the client resumes its session on another one."""
        self.leave("conflict")

    def leave(self, condition: str | None) -> None:
        """See :meth:`Attached.leave`."""
        session, self.session = self.session, None
        if condition is None:
            self.stream.disconnected()
        else:
            self.stream.close(condition)
        if session is not None:
            self.network.detach(session)
        self._advance_soon()

    def _stanza_received(self, event: events.StanzaReceived) -> None:
        session = self.session
        if session is None:
            return
        self.unprocessed += 1
        session.unprocessed += 1
        self.network.counters.received += 1
        done = partial(self._processed, session, event.number, self.network.clock())
        self.network.host.receive(session.account, session.id, event.stanza, done=done)
        delay = self.stanzas.take(1)
        if delay:
            self.connection.pause_for(delay)

    def _processed(self, session: ClientSession, number: int, since: float) -> None:
        self.network.counters.latency.add(self.network.clock() - since)
        self.unprocessed -= 1
        session.processed(number)
        if not self._advancing:
            self._advance_soon()

    def _acknowledged(self, event: events.Acknowledged) -> None:
        if self.session is not None:
            self.network.host.settled(self.session.account, self.session.id, event.items)

    def _inactive(self, event: object) -> None:
        self.inactive = isinstance(event, events.Inactive)

    def _stream_ended(self, event: events.StreamEnded) -> None:
        self.over = True
        session, self.session = self.session, None
        if event.condition is not None:
            log(logging.INFO, "stream error", condition=event.condition, address=self.connection.address)
        if session is not None and event.resumable and not self.network.stopping:
            self.network.detach(session)
        elif session is not None and event.by_peer:
            # The client that ends its stream learns by the answer that its contacts have been told.
            self.network.sessions.end(session, self._answer_end)
            return
        elif session is not None:
            self.network.sessions.end(session)
        self.connection.send_from(self.stream)
        self.connection.close(answered=event.by_peer)

    def _answer_end(self) -> None:
        self.connection.send_from(self.stream)
        self.connection.close(answered=True)


_TAKES: Final[Mapping[type, Callable[[Any, Any], None]]] = MappingProxyType(
    {
        events.StartTLS: ClientDriver._start_tls,
        events.CredentialsNeeded: ClientDriver._credentials_needed,
        events.PasswordReceived: ClientDriver._password_received,
        events.Authenticated: ClientDriver._authenticated,
        events.AuthenticationFailed: ClientDriver._authentication_failed,
        events.RegistrationReceived: ClientDriver._registration_received,
        events.BindRequested: ClientDriver._bind_requested,
        events.ManagementEnabled: ClientDriver._management_enabled,
        events.ResumptionRequested: ClientDriver._resumption_requested,
        events.StanzaReceived: ClientDriver._stanza_received,
        events.Acknowledged: ClientDriver._acknowledged,
        events.Active: ClientDriver._inactive,
        events.Inactive: ClientDriver._inactive,
        events.StreamEnded: ClientDriver._stream_ended,
    }
)
