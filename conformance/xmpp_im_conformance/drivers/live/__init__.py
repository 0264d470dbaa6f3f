"""The driver for any XMPP server that listens on a port: it sees what clients and other servers see.

What a server sends goes to the scenario as it is, with four exceptions: answers to the driver's own requests, known
by their ids, by which it finds out that a step has taken full effect; stanzas from its own sessions, known by their
resources, in which it arranges rosters and looks at them; what comes late at the other server from accounts that
earlier scenarios had; and what is tolerated of servers, which is counted and told (``tolerance``).
What comes on a stream which the client has closed is not looked at.
"""

from __future__ import annotations

from xmpp_im_conformance.drivers.live.config import (
    BadConfig,
    ComponentConfig,
    FederationConfig,
    LiveConfig,
    read_config,
)
from xmpp_im_conformance.drivers.live.driver import LiveDriver

__all__ = ["BadConfig", "ComponentConfig", "FederationConfig", "LiveConfig", "LiveDriver", "read_config"]
