"""Server dialback (XEP-0220): the keys, and the elements in which two servers exchange them."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from xml.sax.saxutils import escape, quoteattr

DIALBACK: Final = "jabber:server:dialback"
FEATURE: Final = "urn:xmpp:features:dialback"
VALID, INVALID = "valid", "invalid"


def key_of(secret: str, receiving: str, originating: str, stream: str) -> str:
    """Return the key that only a holder of the secret can make (XEP-0185).

    :param receiving: the domain of the server that the stream was opened to.
    :param originating: the domain that opened it.
    :param stream: the id that the receiving server has given the stream.
    """
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    return hmac.new(hashed.encode(), f"{receiving} {originating} {stream}".encode(), "sha256").hexdigest()


def is_key(key: str, secret: str, receiving: str, originating: str, stream: str) -> bool:
    """Whether a key is the one for this stream."""
    return hmac.compare_digest(key.encode(), key_of(secret, receiving, originating, stream).encode())


def result(sender: str, to: str, *, key: str = "", type: str = "") -> str:
    """Write what presents a key (XEP-0220 §2.1), or says with ``type`` what became of it."""
    return _written("result", sender, to, key, type=type)


def verify(sender: str, to: str, stream: str, *, key: str = "", type: str = "") -> str:
    """Write what asks whether a key is right for a stream, or says so with ``type``."""
    return _written("verify", sender, to, key, id=stream, type=type)


def _written(name: str, sender: str, to: str, key: str, **others: str) -> str:
    given = {"from": sender, "to": to, **others}
    attributes = "".join([f" {each}={quoteattr(value)}" for each, value in given.items() if value])
    return f"<db:{name} xmlns:db='{DIALBACK}'{attributes}>{escape(key)}</db:{name}>"
