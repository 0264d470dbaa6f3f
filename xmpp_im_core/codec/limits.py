"""How much a reader accepts; the limits depend on who reads from whom (RFC 6120 §13.12).

* A server reads from clients that it does not know, so it accepts little.
* A client chose its server and trusts it. Stanzas from the server can be large: a roster is one stanza, and a forwarded
  message is inside other elements.
* A server passes a client's stanza on with a longer header. So a server accepts more from another server than a server
  accepts from a client; otherwise a client could make its server break the stream between the two servers.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attrs import field
from attrs.validators import ge

from xmpp_im_core.codec.namespaces import COMPONENT, SERVER
from xmpp_im_core.record import record
from xmpp_im_core.stanza import CLIENT


@record
class Limits:
    """The limits of one stanza, one other first-level element or one stream header.

    :raises ValueError: if a limit is below 1.
    """

    stanza_bytes: int = field(default=262_144, validator=ge(1))
    """Bytes; RFC 6120 §13.12 requires at least 10,000."""
    depth: int = field(default=64, validator=ge(1))
    """Levels of elements; the stanza is the first level."""
    namespace: int = field(default=1024, validator=ge(1))
    """Characters of one namespace."""

    @property
    def written_bytes(self) -> int:
        """How many bytes it may have when it is written again: 1.5 times ``stanza_bytes``.

        The writer escapes more characters than necessary and declares the namespace of each element and attribute that
        needs one. XML that grows by more than half is refused, because it was made to grow. The next server accepts
        twice ``stanza_bytes``; the rest is for stamped attributes: 'from', 'to' and xml:lang.
        """
        return self.stanza_bytes * 3 // 2


CLIENT_TO_SERVER: Final = Limits()
"""The limits of a server that reads from a client: the strictest of the three."""

SERVER_TO_SERVER: Final = Limits(stanza_bytes=2 * CLIENT_TO_SERVER.stanza_bytes)
"""The limits of a server that reads from another server."""

SERVER_TO_CLIENT: Final = Limits(stanza_bytes=16_777_216, depth=128)
"""The limits of a client or a component that reads from its server.

A roster of 20,000 items, the default maximum of this project's server half, may have 800 bytes for each item.
"""

_USUAL: Final = MappingProxyType(
    {CLIENT: SERVER_TO_CLIENT, COMPONENT: SERVER_TO_CLIENT, SERVER: SERVER_TO_SERVER},
)


def usual_limits(namespace: str) -> Limits:
    """Return the default limits for a stream with this content namespace."""
    return _USUAL.get(namespace, CLIENT_TO_SERVER)
