"""The other server, played through the component port of the server under test (XEP-0114)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from attrs import define

from xmpp_im_conformance.drivers.live.config import ComponentConfig
from xmpp_im_conformance.drivers.live.other_server import OtherServer
from xmpp_im_conformance.drivers.live.stream import Stream, StreamEnded
from xmpp_im_conformance.drivers.live.tolerance import Tolerance
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.codec import COMPONENT, SERVER
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import CLIENT


@define(eq=False)
class Component(OtherServer):
    """The stream of the remote domain, which leads to all domains of the server."""

    namespace = COMPONENT
    title = "the component's stream"

    @classmethod
    async def connect(
        cls,
        config: ComponentConfig,
        host: str,
        mark: str,
        tolerance: Tolerance,
        deliver: Callable[[Element], None],
        on_end: Callable[[], None],
    ) -> Component:
        """Connect, and prove to know the secret.

        :raises ServerFailed: if the server does not accept the component.
        """
        stream = await Stream.connect(config.host or host, config.port, COMPONENT, also=(CLIENT, SERVER))
        with stream.kept():
            try:
                await stream.open(config.domain)
                proof = hashlib.sha1(f"{stream.id}{config.secret}".encode()).hexdigest()
                stream.write(f"<handshake>{proof}</handshake>")
                answer = await stream.next_element()
            except StreamEnded as problem:
                raise ServerFailed(f"the server does not accept the component {config.domain}: {problem}") from problem
            if answer.name != "handshake":
                raise ServerFailed(f"the server does not accept the component {config.domain}: <{answer.name}>")
        component = cls(stream, mark, mark, tolerance=tolerance, deliver=deliver, on_end=on_end)
        component.start()
        return component
