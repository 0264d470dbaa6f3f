"""The server's side of SCRAM (RFC 5802, RFC 7677), with channel binding.

Package scramp derives the stored keys. Its server side supports neither authorization identities nor the channel
binding ``tls-exporter``, so the exchange is here; the tests hold it against scramp's client.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import Error, a2b_base64
from hashlib import new
from hmac import compare_digest, digest
from typing import Final

from xmpp_im_core.record import record
from xmpp_im_host.credentials import ScramKeys
from xmpp_im_host.streams.settings import ChannelBinding

_FIRST: Final = re.compile(
    r"(?P<gs2>(?P<flag>[ny]|p=(?P<binding>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>[^,]+))?,)"
    r"(?P<bare>n=(?P<name>[^,]+),r=(?P<nonce>[!-+\--~]+)(?:,[a-zA-Z]=[^,]+)*)\Z"
)
_FINAL: Final = re.compile(
    r"(?P<unproved>c=(?P<binding>[^,]+),r=(?P<nonce>[!-+\--~]+)(?:,[a-zA-Z]=[^,]+)*),p=(?P<proof>[^,]+)\Z"
)
_ESCAPE: Final = re.compile("=(2C|3D)?")
_ESCAPED: Final = {"=2C": ",", "=3D": "="}


class SASLFailure(Exception):
    """The exchange has failed.

    :ivar condition: the condition that the client is told (RFC 6120 §6.5).
    """

    def __init__(self, condition: str) -> None:
        super().__init__(condition)
        self.condition = condition


@record
class ClientFirst:
    """The client's first message."""

    name: str
    """The name of the user, not prepared."""
    authzid: str
    """The authorization identity; empty if there is none."""


class ScramServer:
    """One exchange.

    :param hash_name: ``"sha1"`` or ``"sha256"``.
    :param plus: whether the mechanism's name ends in ``-PLUS``: the channel is bound.
    :param bindings: the channel bindings that were offered to the client with the mechanisms of that kind.
    :param nonce: a new text that nobody can guess.
    """

    def __init__(self, hash_name: str, plus: bool, bindings: tuple[ChannelBinding, ...], nonce: str) -> None:
        self._hash_name = hash_name
        self._plus = plus
        self._bindings = bindings
        self._nonce = nonce
        self._bare = self._server_first = ""
        self._binding_input = b""
        self._keys: ScramKeys | None = None

    def client_first(self, message: bytes) -> ClientFirst:
        """Read the client's first message.

        :raises SASLFailure: if its syntax is wrong, or it does not bind the channel as the mechanism demands.
        """
        match = _FIRST.match(_decoded(message))
        if match is None:
            raise SASLFailure("malformed-request")
        flag, wanted = match["flag"], match["binding"]
        if (wanted is not None) is not self._plus:
            raise SASLFailure("malformed-request")
        if flag == "y" and self._bindings:
            # The client saw no mechanism with channel binding among those that were offered: somebody removed it.
            raise SASLFailure("not-authorized")
        data = b""
        if wanted is not None:
            offered = {binding.name: binding.data for binding in self._bindings}
            if wanted not in offered:
                raise SASLFailure("not-authorized")
            data = offered[wanted]
        self._binding_input = match["gs2"].encode() + data
        self._bare = match["bare"]
        self._nonce = match["nonce"] + self._nonce
        return ClientFirst(_unescaped(match["name"]), _unescaped(match["authzid"] or ""))

    def server_first(self, keys: ScramKeys) -> bytes:
        """Return the challenge for an account with these keys."""
        self._keys = keys
        self._server_first = f"r={self._nonce},s={_base64(keys.salt)},i={keys.iterations}"
        return self._server_first.encode()

    def client_final(self, message: bytes) -> bytes:
        """Check the client's proof, and return the server's.

        :raises SASLFailure: if the syntax or the proof is wrong, or the channel is another one.
        """
        keys = self._keys
        assert keys is not None  # server_first comes before
        match = _FINAL.match(_decoded(message))
        if match is None:
            raise SASLFailure("malformed-request")
        bound = compare_digest(_bytes(match["binding"]), self._binding_input)
        same = compare_digest(match["nonce"], self._nonce)
        text = f"{self._bare},{self._server_first},{match['unproved']}".encode()
        signature = digest(keys.stored_key, text, self._hash_name)
        proof = _bytes(match["proof"])
        if len(proof) != len(signature):
            raise SASLFailure("malformed-request")
        client_key = bytes([one ^ other for one, other in zip(proof, signature, strict=True)])
        proved = compare_digest(new(self._hash_name, client_key).digest(), keys.stored_key)
        if not (bound and same and proved):
            raise SASLFailure("not-authorized")
        return b"v=" + _base64(digest(keys.server_key, text, self._hash_name)).encode()


def _decoded(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise SASLFailure("malformed-request") from None


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] is None:
            raise SASLFailure("malformed-request")
        return _ESCAPED[match[0]]

    return _ESCAPE.sub(character, text)


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return a2b_base64(text, strict_mode=True)
    except (Error, ValueError):
        raise SASLFailure("malformed-request") from None
