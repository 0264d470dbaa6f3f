"""Authentication (RFC 6120 §6): which mechanisms are offered, and one attempt to log in.

A name that is not a valid localpart, such as one with a domain or a slash, and the name of an unknown account are
answered like that of an account with another password: the same challenge, and the same failure. The salt of an unknown
account comes from the secret of the server, so that it is the same each time.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Callable
from hmac import digest
from typing import Final, TypeAlias

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID, InvalidJID, parse_jid
from xmpp_im_core.record import record
from xmpp_im_host.credentials import Credentials, ScramKeys
from xmpp_im_host.streams.namespaces import CHANNEL_BINDING, SASL
from xmpp_im_host.streams.scram import SASLFailure, ScramServer
from xmpp_im_host.streams.settings import MECHANISMS, StreamSettings, Transport

CONDITIONS: Final = frozenset(
    {
        "aborted",
        "account-disabled",
        "credentials-expired",
        "encryption-required",
        "incorrect-encoding",
        "invalid-authzid",
        "invalid-mechanism",
        "malformed-request",
        "mechanism-too-weak",
        "not-authorized",
        "temporary-auth-failure",
    }
)
"""The conditions of SASL failures (RFC 6120 §6.5)."""


def offered_mechanisms(settings: StreamSettings, transport: Transport) -> tuple[str, ...]:
    """Return the mechanisms that a client on this transport may use."""
    if settings.require_tls and not transport.encrypted:
        return ()
    return tuple([name for name in settings.mechanisms if _is_possible(name, settings, transport)])


def _is_possible(mechanism: str, settings: StreamSettings, transport: Transport) -> bool:
    if mechanism == "PLAIN":
        return transport.encrypted or settings.plain_in_clear
    return bool(transport.channel_bindings) if mechanism.endswith("-PLUS") else True


def check_mechanism(mechanism: str | None, settings: StreamSettings, transport: Transport) -> str:
    """Return a mechanism that was requested and is offered.

    :raises SASLFailure: if it is not offered.
    """
    if mechanism is not None and mechanism in offered_mechanisms(settings, transport):
        return mechanism
    if mechanism not in MECHANISMS:
        raise SASLFailure("invalid-mechanism")  # §6.5.7
    if mechanism not in settings.mechanisms:
        raise SASLFailure("mechanism-too-weak")  # §6.5.9
    if not transport.encrypted:
        raise SASLFailure("encryption-required")  # §6.5.4
    raise SASLFailure("invalid-mechanism")


def mechanism_features(settings: StreamSettings, transport: Transport) -> list[Element]:
    """Return the features that offer the mechanisms (§6.4.1), and the types of channel bindings (XEP-0440)."""
    mechanisms = offered_mechanisms(settings, transport)
    if not mechanisms:
        return []
    features = [element("mechanisms", SASL, {}, [element("mechanism", SASL, {}, [name]) for name in mechanisms])]
    if any(name.endswith("-PLUS") for name in mechanisms):
        types = [element("channel-binding", CHANNEL_BINDING, {"type": b.name}) for b in transport.channel_bindings]
        features.append(element("sasl-channel-binding", CHANNEL_BINDING, {}, types))
    return features


def decoy_credentials(settings: StreamSettings, account: str) -> Credentials:
    """Return credentials for an account that does not exist. No password matches them.

    :param account: the bare JID.
    """
    return Credentials(_decoy_keys(settings, account, "sha1", 20), _decoy_keys(settings, account, "sha256", 32))


def _decoy_keys(settings: StreamSettings, account: str, hash_name: str, size: int) -> ScramKeys:
    salt, stored, server = [
        digest(settings.secret, f"{purpose} {hash_name} {account}".encode("utf-8", "surrogatepass"), "sha256")
        for purpose in ("salt", "stored", "server")
    ]
    return ScramKeys(salt, settings.iterations, stored[:size], server[:size])


@record
class Challenge:
    """Send this challenge; the client answers with a response."""

    data: bytes


@record
class NeedsKeys:
    """The keys of this account are needed; then call :meth:`Login.take_credentials`."""

    account: JID


@record
class NeedsCheck:
    """The password has to be checked; then call :meth:`Login.take_verdict`."""

    account: JID
    password: str


@record
class Success:
    """The client is this account. Send the data with the success, if there are any."""

    account: JID
    data: bytes | None


Step: TypeAlias = Challenge | NeedsKeys | NeedsCheck | Success


class Login:
    """One handshake, from ``<auth/>`` on. Each method returns what comes next.

    :ivar account: the account that the client wants to log in as, once it is known that it can exist.
    :param mechanism: one of those that are offered.
    """

    def __init__(
        self, settings: StreamSettings, transport: Transport, domain: str, mechanism: str, token: Callable[[], str]
    ) -> None:
        self.mechanism = mechanism
        self.account: JID | None = None
        self._known = False
        self._settings = settings
        self._domain = domain
        self._scram: ScramServer | None = None
        self._begun = False
        if mechanism != "PLAIN":
            plus = any(name.endswith("-PLUS") for name in offered_mechanisms(settings, transport))
            self._scram = ScramServer(
                "sha256" if "SHA-256" in mechanism else "sha1",
                mechanism.endswith("-PLUS"),
                transport.channel_bindings if plus else (),
                token(),
            )

    def begin(self, auth: Element) -> Step:
        """Take ``<auth/>``. The client may have left out its initial response, or sent an empty one as "="."""
        text = auth.text
        if auth.elements:
            raise SASLFailure("malformed-request")
        if not text:
            return Challenge(b"")
        return self._take(b"" if text == "=" else decoded(text))

    def proceed(self, response: Element) -> Step:
        """Take ``<response/>``."""
        if response.elements:
            raise SASLFailure("malformed-request")
        return self._take(decoded(response.text))

    def _take(self, message: bytes) -> Step:
        if self._scram is None:
            return self._plain(message)
        if self._begun:
            data = self._scram.client_final(message)
            if self.account is None or not self._known:  # the keys of a decoy match no proof; this does not rely on it
                raise SASLFailure("not-authorized")
            return Success(self.account, data)
        self._begun = True
        first = self._scram.client_first(message)
        self.account = self._named(first.name, first.authzid)
        if self.account is None:
            return self._challenge(decoy_credentials(self._settings, f"{first.name}@{self._domain}"))
        return NeedsKeys(self.account)

    def _plain(self, message: bytes) -> Step:
        """Read the only message of PLAIN (RFC 4616 §2)."""
        try:
            authzid, name, password = message.decode().split("\0")
        except ValueError:
            raise SASLFailure("malformed-request") from None
        if not name or not password:
            raise SASLFailure("malformed-request")
        self.account = self._named(name, authzid)
        if self.account is None:
            raise SASLFailure("not-authorized")
        return NeedsCheck(self.account, password)

    def _named(self, name: str, authzid: str) -> JID | None:
        """Return the account with this name; None if there can be none.

        :raises SASLFailure: if the client wants to act as another account (§6.3.8).
        """
        account = named_account(name, self._domain)
        if authzid and (account is None or _bare(authzid) != account):
            raise SASLFailure("invalid-authzid")
        return account

    def take_credentials(self, credentials: Credentials | None) -> Step:
        """Take the keys of the account; None if it is unknown."""
        self._known = credentials is not None
        return self._challenge(credentials or decoy_credentials(self._settings, str(self.account)))

    def _challenge(self, credentials: Credentials) -> Step:
        assert self._scram is not None
        return Challenge(self._scram.server_first(credentials.keys(self.mechanism)))

    def take_verdict(self, right: bool) -> Step:
        """Take whether the password is that of the account."""
        if not right or self.account is None:
            raise SASLFailure("not-authorized")
        return Success(self.account, None)


def named_account(name: str, domain: str) -> JID | None:
    """Return the account with this localpart, which may need preparation; None if it is not a valid localpart."""
    if "@" in name or "/" in name:
        return None
    try:
        return parse_jid(f"{name}@{domain}")
    except InvalidJID:
        return None


def _bare(text: str) -> JID | None:
    try:
        jid = parse_jid(text)
    except InvalidJID:
        return None
    return jid if jid.is_bare else None


def decoded(text: str) -> bytes:
    """Decode the base64 of a message.

    :raises SASLFailure: if it is not the canonical encoding (RFC 4648 §4).
    """
    try:
        data = a2b_base64(text, strict_mode=True)
    except (Error, ValueError):
        raise SASLFailure("incorrect-encoding") from None
    if b64encode(data).decode() != text:
        raise SASLFailure("incorrect-encoding")
    return data


def challenge(data: bytes) -> Element:
    """Return ``<challenge/>``."""
    return element("challenge", SASL, {}, [b64encode(data).decode()])


def success(data: bytes | None) -> Element:
    """Return ``<success/>``."""
    return element("success", SASL, {}, [] if data is None else [b64encode(data).decode() or "="])


def failure(condition: str) -> Element:
    """Return ``<failure/>``."""
    return element("failure", SASL, {}, [element(condition, SASL)])
