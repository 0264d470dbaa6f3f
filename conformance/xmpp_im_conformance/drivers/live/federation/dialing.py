"""The other server dials a domain of the server under test: the initiating entity (RFC 6120 §4 to §6, §9.2)."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from xmpp_im_conformance.drivers.live.config import FederationConfig, LiveConfig
from xmpp_im_conformance.drivers.live.federation import certificates
from xmpp_im_conformance.drivers.live.federation.dialback import DIALBACK, VALID, key_of, result, verify
from xmpp_im_conformance.drivers.live.login import TLS, is_loopback
from xmpp_im_conformance.drivers.live.sasl import SASL
from xmpp_im_conformance.drivers.live.stream import Stream, StreamEnded
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.codec import COMPONENT, SERVER, STREAMS, write_stream_header
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import CLIENT

OTHERS: Final = (CLIENT, COMPONENT)
"""The namespaces in which a server must not send stanzas to another one, and is read all the same."""


@frozen
class Identity:
    """Who the other server is, and how it reaches the server under test."""

    live: LiveConfig
    config: FederationConfig
    secret: str = field(repr=False)
    """That of its dialback keys."""

    @property
    def domain(self) -> str:
        """Its domain."""
        return self.config.domain

    @property
    def host(self) -> str:
        """Where the server under test is."""
        return self.config.host or self.live.host

    async def dial(self, domain: str) -> Stream:
        """Return a stream to a domain on which stanzas may be sent.

        :raises ServerFailed: if the server does not get that far.
        """
        try:
            stream, features = await self._connected(domain)
            with stream.kept():
                if self._may_show_certificate(stream, features):
                    await self._authenticate(stream, domain)
                else:
                    await self._dial_back(stream, domain)
        except StreamEnded as problem:
            raise ServerFailed(f"{domain} does not accept the server {self.domain}: {problem}") from problem
        return stream

    async def confirms(self, domain: str, id: str, key: str) -> bool:
        """Ask the server of a domain whether it has made this key for a stream to the other server (XEP-0220 §2.3).

        :raises ServerFailed: if it does not answer.
        """
        stream, _ = await self._connected(domain)
        try:
            stream.write(verify(self.domain, domain, id, key=key))
            answer = await _dialback(stream, "verify")
            return answer.get("type") == VALID and answer.get("id") == id
        finally:
            stream.drop()

    async def _connected(self, domain: str) -> tuple[Stream, Element]:
        stream = await Stream.connect(self.host, self.config.port, SERVER, also=OTHERS)
        with stream.kept():
            features = await self._opened(stream, domain)
            offered = features.first("starttls", TLS) is not None
            if self.live.tls == "required" and not offered:
                raise ServerFailed(f"{domain} offers other servers no STARTTLS")
            if self.live.tls != "never" and offered:
                stream.write(f"<starttls xmlns='{TLS}'/>")
                answer = await stream.next_element(piece=1)  # the byte behind it is TLS's
                if (answer.name, answer.namespace) != ("proceed", TLS):
                    raise ServerFailed(f"{domain} does not proceed with STARTTLS: <{answer.name}>")
                trusting = is_loopback(self.host)
                context = certificates.dialing(self.live.cafile, self.config.certificate, trusting)
                await stream.start_tls(context, domain)
                features = await self._opened(stream, domain)
        return stream, features

    async def _opened(self, stream: Stream, domain: str) -> Element:
        await stream.open(domain, header(sender=self.domain, to=domain))
        features = await stream.next_element()
        if (features.name, features.namespace) != ("features", STREAMS):
            raise ServerFailed(f"expected stream features between servers, came <{features.name}>")
        return features

    def _may_show_certificate(self, stream: Stream, features: Element) -> bool:
        mechanisms = features.first("mechanisms", SASL)
        offered = mechanisms is not None and any(each.text == "EXTERNAL" for each in mechanisms.elements)
        if self.config.proof == "external" and not offered:
            raise ServerFailed(f"the server does not offer {self.domain} SASL EXTERNAL")
        return offered and stream.encrypted and self.config.certificate is not None and self.config.proof != "dialback"

    async def _authenticate(self, stream: Stream, domain: str) -> None:
        stream.write(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>")
        answer = await stream.next_element()
        if (answer.name, answer.namespace) != ("success", SASL):
            why = ", ".join([each.name for each in answer.elements if each.name != "text"])
            raise ServerFailed(f"{domain} does not accept the certificate of {self.domain}: <{answer.name}> {why}")
        await self._opened(stream, domain)

    async def _dial_back(self, stream: Stream, domain: str) -> None:
        key = key_of(self.secret, domain, self.domain, stream.id)
        stream.write(result(self.domain, domain, key=key))
        answer = await _dialback(stream, "result")
        if answer.get("type") != VALID:
            raise ServerFailed(f"{domain} does not accept the dialback key of {self.domain}: {answer.get('type')}")


def header(*, sender: str, to: str | None, id: str | None = None) -> str:
    """Return the header of a stream between servers; it declares dialback, for those who look for it there."""
    written = write_stream_header(SERVER, from_=sender, to=to, id=id).decode()
    return f"{written.removesuffix('>')} xmlns:db='{DIALBACK}'>"


async def _dialback(stream: Stream, name: str) -> Element:
    answer = await stream.next_element()
    if (answer.name, answer.namespace) != (name, DIALBACK):
        raise ServerFailed(f"expected <db:{name}/>, came <{answer.name}>")
    return answer
