"""A host without I/O: it takes the bytes of one client, and returns the bytes for all others."""

from __future__ import annotations

from benchmarks.scenes import BALCONY, NOON, Town, opened
from xmpp_im_core.codec import SERVER, write_fan_out, write_stanza
from xmpp_im_core.jid import parse_address
from xmpp_im_core.server import FULL_JID, Deliver, FanOut, ForAccount, Outbound, Route, serve
from xmpp_im_core.stanza import Stanza


class ByteHost:
    """Reads the bytes of the clients of a town, serves the stanzas, and writes the results."""

    def __init__(self, town: Town, *jids: str) -> None:
        self.town = town
        self._parsers = {jid: opened() for jid in jids}

    def take(self, jid: str, data: bytes, *, keep: bool = True) -> list[bytes]:
        """Return the bytes that are written after a client has sent these bytes.

        :param keep: whether to keep the new state of the service. Otherwise the next call begins with the same state.
        """
        before = self.town.service
        out: list[bytes] = []
        for stanza in self._parsers[jid].feed(data):
            assert isinstance(stanza, Stanza)
            served = serve(self.town.service, ForAccount(jid, Outbound(NOON, self.town.seq(), BALCONY, stanza)))
            self.town.service = served.state
            for account, effect in served.effects:
                if isinstance(effect, Deliver) and effect.address is FULL_JID:
                    for session in effect.sessions:
                        to = parse_address(f"{account}/{session.resource}")
                        out.append(write_stanza(effect.stanza.stamped(to=to)))
                elif isinstance(effect, Deliver):
                    out += [write_stanza(effect.stanza)] * len(effect.sessions)
                elif isinstance(effect, FanOut):
                    out += write_fan_out(effect.stanza, effect.recipients, SERVER)
                elif isinstance(effect, Route):
                    out.append(write_stanza(effect.stanza, SERVER))
        if not keep:
            self.town.service = before
        return out
