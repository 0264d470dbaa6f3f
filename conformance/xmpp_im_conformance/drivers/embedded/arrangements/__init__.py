"""The arrangements in which the embedded driver can play a scenario: a client cannot see how a server keeps accounts.

RFC 6121 says what a server sends, and nothing of its memory, its processes and its queues. So a scenario has to pass in
each arrangement, with the same stanzas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xmpp_im_conformance.drivers.embedded.arrangements.again import RepeatingHost
from xmpp_im_conformance.drivers.embedded.arrangements.alone import AloneHost
from xmpp_im_conformance.drivers.embedded.arrangements.cold import ColdHost
from xmpp_im_conformance.drivers.embedded.arrangements.doubt import DoubtfulHost
from xmpp_im_conformance.drivers.embedded.arrangements.late import LateHost
from xmpp_im_conformance.drivers.embedded.arrangements.moving import MovingHost
from xmpp_im_conformance.drivers.embedded.arrangements.parts import PartsHost
from xmpp_im_conformance.drivers.embedded.host import DrivenHost

IN_MEMORY: Final = "memory"
"""The arrangement in which the accounts stay in memory, and one service owns them all."""

ARRANGEMENTS: Final[Mapping[str, type[DrivenHost]]] = {
    IN_MEMORY: DrivenHost,
    "cold": ColdHost,
    "late": LateHost,
    "doubt": DoubtfulHost,
    "parts": PartsHost,
    "alone": AloneHost,
    "moving": MovingHost,
    "again": RepeatingHost,
}
"""The host of each arrangement."""
