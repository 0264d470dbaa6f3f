"""Two servers on loopback, for the tests of federation: the code that plays the other server, at both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import trustme
from attrs import define, evolve, field

from interop.machine import free_ports
from xmpp_im_conformance.drivers.live import FederationConfig, LiveConfig
from xmpp_im_conformance.drivers.live.federation.dialing import Identity
from xmpp_im_conformance.drivers.live.federation.server import Federation
from xmpp_im_core.element import Element

NORTH, SOUTH = "north.example", "south.example"
TIMEOUT: Final = 10


@define(eq=False)
class End:
    """One of the two servers."""

    domain: str
    federation: Federation
    got: asyncio.Queue[Element] = field(factory=asyncio.Queue)

    async def next(self) -> Element:
        return await asyncio.wait_for(self.got.get(), TIMEOUT)


@asynccontextmanager
async def two_servers(
    change: Callable[[str, LiveConfig], LiveConfig] = lambda domain, config: config,
) -> AsyncIterator[tuple[End, End]]:
    """Let two servers listen, each of which knows where the other one is.

    :param change: changes the configuration of the server of a domain.
    """
    ports = dict(zip((NORTH, SOUTH), free_ports(2), strict=True))
    ends = []
    for domain, other in ((NORTH, SOUTH), (SOUTH, NORTH)):
        config = FederationConfig(domain=domain, port=ports[other], listen=ports[domain])
        live = change(domain, LiveConfig(federation=config))
        assert live.federation is not None
        got: asyncio.Queue[Element] = asyncio.Queue()
        identity = Identity(live, live.federation, secret=f"that of {domain}")
        ends.append(End(domain, Federation(identity, f"{domain}-", got.put_nowait), got))
    try:
        for end in ends:
            await end.federation.listen()
        yield ends[0], ends[1]
    finally:
        for end in ends:
            end.federation.drop()
        for _ in range(5):  # the loop closes the connections in its next rounds
            await asyncio.sleep(0)


def certified(
    folder: Path, names: dict[str, str] | None = None, **changes: Any
) -> Callable[[str, LiveConfig], LiveConfig]:
    """Return what gives each server a certificate of one authority.

    :param names: whom the certificates of some domains name instead.
    """
    authority = trustme.CA()
    cafile = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(cafile))

    def change(domain: str, config: LiveConfig) -> LiveConfig:
        file = folder / f"{domain}.pem"
        named = (names or {}).get(domain, domain)
        authority.issue_cert(named).private_key_and_cert_chain_pem.write_to_path(str(file))
        assert config.federation is not None
        federation = evolve(config.federation, certificate=str(file), **changes)
        return evolve(config, federation=federation, cafile=str(cafile))

    return change
