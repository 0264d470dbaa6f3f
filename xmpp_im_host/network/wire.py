"""The wire of the host: deliveries go to the sessions of clients, and stanzas for other domains to components."""

from __future__ import annotations

from collections.abc import Callable

from xmpp_im_core.host import Wire
from xmpp_im_core.server import SessionId
from xmpp_im_core.stanza import IQ, Condition, Stanza
from xmpp_im_host.network.network import Network


class NetworkWire(Wire):
    """Writes to the connections of a network."""

    def __init__(self, network: Network, delegate: Callable[[str, IQ], Stanza | None]) -> None:
        """Begin.

        :param delegate: the services: answers as :meth:`xmpp_im_core.host.Wire.delegate` does.
        """
        self.network, self._delegate = network, delegate

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: object) -> bool:
        """Send a stanza to a session."""
        found = self.network.sessions.get(account, session)
        if found is None or not found.deliver(stanza, effect):
            return False
        self.network.counters.sent += 1
        if not found.acknowledges:
            self.network.host.settled(account, session, (effect,))
        if found.overflowed:
            self.network.end_overflowed(found)
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        """Close the stream of a session. A detached session ends at once."""
        found = self.network.sessions.get(account, session)
        if found is None:
            return
        if found.driver is None:
            self.network.sessions.end(found)
        else:
            found.driver.close(condition)

    def route(self, stanza: Stanza) -> Condition | None:
        """Send a stanza to the component of its domain. There are no streams to other servers (RFC 6120 §10.4.3).

        A connection to another server would be found here: return None when its queue has taken the stanza.
        """
        domain = "" if stanza.to_jid is None else stanza.to_jid.domain
        component = self.network.components.get(domain)
        if component is not None and component.send(stanza):
            self.network.counters.sent += 1
            return None
        if domain in self.network.configuration.components:
            return Condition.REMOTE_SERVER_TIMEOUT  # the component is not connected now
        return Condition.REMOTE_SERVER_NOT_FOUND

    def delegate(self, account: str, iq: IQ) -> Stanza | None:
        """Let a service answer."""
        return self._delegate(account, iq)
