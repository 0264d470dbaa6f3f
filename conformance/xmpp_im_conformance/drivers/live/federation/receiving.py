"""A stream that a server has opened to the other server: the receiving entity (RFC 6120 §4 to §6, §9.2)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from attrs import define, field

from xmpp_im_conformance.drivers.live.federation import certificates
from xmpp_im_conformance.drivers.live.federation.dialback import (
    DIALBACK,
    FEATURE,
    INVALID,
    VALID,
    is_key,
    result,
    verify,
)
from xmpp_im_conformance.drivers.live.federation.dialing import Identity, header
from xmpp_im_conformance.drivers.live.login import TLS
from xmpp_im_conformance.drivers.live.sasl import SASL
from xmpp_im_conformance.drivers.live.stream import Stream
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.codec import NonStanza, StreamOpened, write_stream_error
from xmpp_im_core.element import Element
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.stanza import AddressLike, Stanza, to_element

MOST_SENDERS: Final = 100
"""How many domains may prove on one stream who they are."""


@define(eq=False)
class Receiving:
    """Reads one stream, and answers what is asked on it. Stanzas may come of domains that have proved who they are."""

    identity: Identity
    stream: Stream
    heard: Callable[[str, Element], None]
    """Gets each stanza, with the domain that it comes from."""
    senders: set[str] = field(factory=set)
    """The domains that have proved who they are."""
    only_asked: bool = False
    """Whether somebody has only asked on the stream whether a key is right."""
    _domain: str = ""
    """The domain that says of itself that it has opened the stream."""
    _id: str = ""

    async def serve(self) -> None:
        """Read until the stream ends.

        :raises ServerFailed: saying how it has ended.
        """
        try:
            await self._open()
            while True:
                event = await self.stream.next()
                if isinstance(event, Stanza):
                    self._take(to_element(event))
                elif isinstance(event, NonStanza):
                    await self._negotiate(event.element)
                else:
                    raise ServerFailed(f"expected an element, came {event}")
        finally:
            self.stream.drop()

    async def _open(self) -> None:
        self.stream.restart()
        opened = await self.stream.opened()
        self._domain, self._id = _domain(opened.from_), secrets.token_hex(8)
        if _domain(opened.to) not in ("", self.identity.domain.lower()):
            self._refuse("host-unknown", opened)
        self._answer(opened)
        self.stream.write(f"<stream:features>{self._features}</stream:features>")

    def _answer(self, opened: StreamOpened) -> None:
        self.stream.write(
            header(sender=self.identity.domain, to=_domain(opened.from_) or None, id=self._id), later=True
        )

    @property
    def _features(self) -> str:
        config, stream = self.identity.config, self.stream
        tls = self.identity.live.tls
        if not stream.encrypted and config.certificate is not None and tls != "never":
            required = "<required/>" if tls == "required" else ""
            starttls = f"<starttls xmlns='{TLS}'>{required}</starttls>"
            return starttls if required else f"{starttls}{self._dialback}"
        if not self.senders and self._may_authenticate:
            mechanisms = f"<mechanisms xmlns='{SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>"
            return mechanisms if config.proof == "external" else f"{mechanisms}{self._dialback}"
        return self._dialback

    @property
    def _dialback(self) -> str:
        return f"<dialback xmlns='{FEATURE}'/>"

    @property
    def _may_authenticate(self) -> bool:
        proof = self.identity.config.proof
        return proof != "dialback" and certificates.names(self.stream.certificate, self._domain)

    async def _negotiate(self, element: Element) -> None:
        named = (element.name, element.namespace)
        if named == ("starttls", TLS):
            await self._encrypt()
        elif self.identity.live.tls == "required" and not self.stream.encrypted:
            self._refuse("policy-violation")
        elif named == ("auth", SASL):
            await self._authenticate(element)
        elif named == ("result", DIALBACK) and element.get("type") is None:
            await self._check(element)
        elif named == ("verify", DIALBACK) and element.get("type") is None:
            self._confirm(element)
        else:
            self._refuse("unsupported-stanza-type")

    async def _encrypt(self) -> None:
        certificate = self.identity.config.certificate
        if certificate is None or self.stream.encrypted:
            self.stream.write(f"<failure xmlns='{TLS}'/>")
            self._refuse("policy-violation")
        else:
            self.stream.write(f"<proceed xmlns='{TLS}'/>")
            context = certificates.listening(self.identity.live.cafile, certificate)
            await self.stream.start_tls(context, self._domain, listening=True)
            await self._open()

    async def _authenticate(self, auth: Element) -> None:
        if auth.get("mechanism") != "EXTERNAL" or not self._may_authenticate:
            self.stream.write(f"<failure xmlns='{SASL}'><not-authorized/></failure>")
            return
        self.senders.add(self._domain)
        self.stream.write(f"<success xmlns='{SASL}'/>")
        await self._open()

    async def _check(self, presented: Element) -> None:
        """Ask the server of the domain whether the key that is presented here is its own."""
        sender, to = _of(presented, "from"), _of(presented, "to")
        if to != self.identity.domain.lower():
            self._refuse("host-unknown")
        if not sender or len(self.senders) >= MOST_SENDERS:
            self._refuse("improper-addressing" if not sender else "policy-violation")
        valid = await self.identity.confirms(sender, self._id, presented.text)
        if valid:
            self.senders.add(sender)
        self.stream.write(result(to, sender, type=VALID if valid else INVALID))

    def _confirm(self, asked: Element) -> None:
        """Say whether a key that was presented to the server that asks is the other server's own."""
        sender, id = _of(asked, "from"), asked.get("id") or ""
        own = _of(asked, "to") == self.identity.domain.lower()
        valid = own and is_key(asked.text, self.identity.secret, sender, self.identity.domain, id)
        answer = verify(asked.get("to") or "", sender, id, type=VALID if valid else INVALID)
        self.stream.write(answer)
        self.only_asked = True

    def _take(self, stanza: Element) -> None:
        sender = _of(stanza, "from")
        if not sender and stanza.get("from") is not None:  # a malformed address is for the scenario to judge
            sender = self._domain
        if sender not in self.senders:
            self._refuse("invalid-from" if self.senders else "not-authorized")
        self.heard(sender, stanza)

    def _refuse(self, condition: str, opened: StreamOpened | None = None) -> None:
        """End the stream for what has come.

        :raises ServerFailed: always.
        """
        if opened is not None:  # an error stands within a stream (RFC 6120 §4.9.1.2)
            self._answer(opened)
        self.stream.end(write_stream_error(condition).decode())
        raise ServerFailed(f"what {self._domain or 'the server'} has sent to {self.identity.domain} is {condition}")


def _of(element: Element, name: str) -> str:
    return _domain(parse_address(element.get(name) or ""))


def _domain(address: AddressLike) -> str:
    return address.jid.domain.lower() if isinstance(address, Address) else ""
