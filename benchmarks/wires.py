"""A host without I/O: the bytes of one client go in, and the bytes for all others come out."""

from __future__ import annotations

from benchmarks.scenes import BALCONY, NOON, Town, opened
from xmpp_im_core.codec import SERVER, write_fan_out, write_stanza
from xmpp_im_core.jid import parse_address
from xmpp_im_core.server import FULL_JID, Deliver, FanOut, ForAccount, Outbound, Route, serve
from xmpp_im_core.stanza import IQ, Message, Presence


class ByteHost:
    """Reads what the clients of a town send, serves it, and writes what is to be sent."""

    def __init__(self, town: Town, *jids: str) -> None:
        self.town = town
        self._parsers = {jid: opened() for jid in jids}

    def take(self, jid: str, data: bytes, *, keep: bool = True) -> list[bytes]:
        """Return what is written after a client has sent this.

        :param keep: whether the service goes on from there; if not, the next call begins as this one did.
        """
        before, out = self.town.service, list[bytes]()
        for stanza in self._parsers[jid].feed(data):
            assert isinstance(stanza, Message | Presence | IQ)
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
