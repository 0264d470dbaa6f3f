"""The driver for any XMPP server, over TCP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress

from attrs import define, field

from xmpp_im_conformance.drivers.live import offer
from xmpp_im_conformance.drivers.live.addresses import Addresses
from xmpp_im_conformance.drivers.live.config import LiveConfig
from xmpp_im_conformance.drivers.live.remote import Remote
from xmpp_im_conformance.drivers.live.sessions import Sessions
from xmpp_im_conformance.drivers.live.tolerance import Tolerance
from xmpp_im_conformance.drivers.live.world import LIVE, LiveWorld, bounded
from xmpp_im_conformance.drivers.redaction import hiding
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE, Driver, NotApplicable, ServerFailed, Setup, World

_PATIENCE = 5
"""The scenarios in a row that may fail before they begin: then the server is not asked again."""


@define
class LiveDriver(Driver):
    """Runs scenarios on a server, each with new accounts.

    A separate event loop runs only during a call of the world. Close the driver in the end.
    """

    name = "live"
    config: LiveConfig
    _runner: asyncio.Runner = field(factory=asyncio.Runner)
    _run: str = field(factory=lambda: f"-{secrets.token_hex(2)}x")
    _password: str = field(factory=lambda: secrets.token_hex(8), repr=False)
    _tolerance: Tolerance = field(init=False)
    _remote: Remote = field(init=False)
    _has: frozenset[str] | None = None
    """The features that the server has; None before it was asked."""
    _software: str = ""
    """What it calls itself, once it was asked."""
    _number: int = 0
    _failures: int = 0

    def __attrs_post_init__(self) -> None:
        self._tolerance = Tolerance(self.config.may_add, [self.config.domain(each) for each in HOSTED])
        self._remote = Remote(self.config, self._run, self._tolerance)

    def world(self, setup: Setup) -> World:
        """Make the scenario's accounts and their rosters.

        :raises NotApplicable: if the server, or this driver, cannot do what it needs.
        :raises ServerFailed: if the server does not get that far.
        """
        if setup.time is not None:
            raise NotApplicable(f"{LIVE} cannot set the clock")
        if setup.remote and self.config.component is None:
            raise NotApplicable("there is no component that could play the other server")
        if self._failures >= _PATIENCE:
            raise ServerFailed(f"the server has failed {_PATIENCE} scenarios in a row, and is not asked again")
        try:
            world = self._world(setup)
        except ServerFailed:
            self._failures += 1
            raise
        self._failures = 0
        return world

    @property
    def about(self) -> str:
        """What is tested, and where it is."""
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return " at ".join([each for each in (self._software, f"{host}:{self.config.port}") if each])

    @property
    def software(self) -> str:
        """What the server calls itself (XEP-0092), once it was asked."""
        return self._software

    @property
    def remarks(self) -> Mapping[str, int]:
        """What the server does otherwise, and is read all the same: what, and how often."""
        return {**self._tolerance.remarks, **self._remote.remarks}

    def close(self) -> None:
        """Close the remaining connection."""
        self._runner.run(self._let_go())
        self._runner.close()

    async def _let_go(self) -> None:
        self._remote.drop()
        await asyncio.sleep(0)  # the loop closes the last connections before it is closed itself

    def _world(self, setup: Setup) -> LiveWorld:
        if self._has is None:
            self._has = self._ask()
        offer.check([*setup.features, *offer.needed(setup.accounts)], self._has)
        with hiding([] if self.config.component is None else [self.config.component.secret]):
            bounded(self._runner, self._remote.connect(), self.config.timeout)
        world = self._empty()
        world.closes, world.mentioned = setup.closes, setup.mentioned
        try:
            world.arrange(setup.accounts)
        except BaseException:
            world.close()
            raise
        return world

    def _empty(self) -> LiveWorld:
        self._number += 1
        self._remote.suffix = suffix = f"{self._run}{self._number:x}"
        domains = {name: self.config.domain(name) for name in HOSTED} | {REMOTE: self._remote.domain}
        sessions = Sessions(self.config, Addresses(suffix, domains), f"{suffix[1:]}-", self._password, self._tolerance)
        return LiveWorld(self._runner, sessions, self._remote, self.config.timeout)

    def _ask(self) -> frozenset[str]:
        """Ask the server what it is and has, as a new user."""
        world = self._empty()
        account = f"juliet@{HOSTED[0]}"
        jid = f"{account}/balcony"
        try:
            world.arrange({account: ()})
            world.connect(jid)
            session, login = world.sessions.open[jid], world.sessions.logins[account]
            with suppress(ServerFailed):  # one that does not say what it is can be tested all the same
                self._software = bounded(self._runner, offer.software(session, login), self.config.timeout)
            asked = offer.offered(self.config, session, login, world.stream_features(jid))
            return bounded(self._runner, asked, self.config.timeout)
        finally:
            world.close()
