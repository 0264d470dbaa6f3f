"""How much a reader takes: it depends on who reads whom (RFC 6120 §13.12).

A server reads entities that it knows nothing of, so it takes little. A client has chosen its server and trusts it with
all it has; what comes from there can be large: a roster comes as one stanza, and a forwarded message comes inside of
others. What a server takes from a client it passes on with a longer header, so a server that reads from another
server takes more than either takes from a client: else a client could make its own server break the stream between
the two.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attrs import field, frozen
from attrs.validators import ge

from xmpp_im_core.codec.namespaces import COMPONENT, SERVER
from xmpp_im_core.stanza import CLIENT


@frozen
class Limits:
    """How much one stanza, one other first-level element or one stream header may hold.

    :raises ValueError: for a limit below 1.
    """

    stanza_bytes: int = field(default=262_144, validator=ge(1))
    """RFC 6120 §13.12 asks for at least 10,000."""
    depth: int = field(default=64, validator=ge(1))
    """Levels of elements, the stanza being the first."""
    namespace: int = field(default=1024, validator=ge(1))
    """Characters of one namespace."""

    @property
    def written_bytes(self) -> int:
        """How many bytes it may take when it is written again: half as much again as ``stanza_bytes``.

        The writer escapes more than it must, and declares a namespace for each element and attribute in it. What grows
        by more than that is refused, for it was made to grow. The other half of what the next server takes beyond this
        server is for what is stamped: 'from', 'to' and xml:lang.
        """
        return self.stanza_bytes * 3 // 2


CLIENT_TO_SERVER: Final = Limits()
"""What a server takes from a client, and the strictest of the three."""

SERVER_TO_SERVER: Final = Limits(stanza_bytes=2 * CLIENT_TO_SERVER.stanza_bytes)
"""What a server takes from another server."""

SERVER_TO_CLIENT: Final = Limits(stanza_bytes=16_777_216, depth=128)
"""What a client, or a component, takes from the server that it has chosen.

A roster of 20,000 items, the most that this project's server half keeps by default, may have 800 bytes for each item.
"""

_USUAL: Final = MappingProxyType(
    {CLIENT: SERVER_TO_CLIENT, COMPONENT: SERVER_TO_CLIENT, SERVER: SERVER_TO_SERVER},
)


def usual_limits(namespace: str) -> Limits:
    """Return the limits of a reader that names none, in a stream with this content namespace."""
    return _USUAL.get(namespace, CLIENT_TO_SERVER)
