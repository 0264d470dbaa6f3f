"""The drivers there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from xmpp_im_conformance.client_driver import ClientDriver
from xmpp_im_conformance.driver import Driver
from xmpp_im_conformance.embedded import Embedded
from xmpp_im_conformance.embedded_client import EmbeddedClient


@frozen
class Drivers:
    """What plays the server, and what plays the client, under one name."""

    server: Driver
    client: ClientDriver | None = None


DRIVERS: Final[Mapping[str, Drivers]] = {"embedded": Drivers(Embedded(), EmbeddedClient())}
