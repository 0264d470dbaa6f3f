"""The driver for any XMPP server, over TCP."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress

from attrs import define, field

from xmpp_im_conformance.drivers.live import offer
from xmpp_im_conformance.drivers.live.addresses import Addresses
from xmpp_im_conformance.drivers.live.config import LiveConfig
from xmpp_im_conformance.drivers.live.login import connected
from xmpp_im_conformance.drivers.live.loop import Loop
from xmpp_im_conformance.drivers.live.remote import NOBODY, Remote
from xmpp_im_conformance.drivers.live.remote_users import Users
from xmpp_im_conformance.drivers.live.sessions import Sessions
from xmpp_im_conformance.drivers.live.settling import round_trip
from xmpp_im_conformance.drivers.live.tolerance import Tolerance
from xmpp_im_conformance.drivers.live.watch import Watch
from xmpp_im_conformance.drivers.live.world import LIVE, LiveWorld
from xmpp_im_conformance.drivers.redaction import hiding
from xmpp_im_conformance.format.worlds import (
    HOSTED,
    REMOTE,
    Driver,
    NotApplicable,
    RemoteUsers,
    ServerFailed,
    ServerGone,
    Setup,
    World,
)

_JULIET = f"juliet@{HOSTED[0]}"
_BALCONY = f"{_JULIET}/balcony"
"""The user who finds out what the server is, has, and whether it works."""


@define(eq=False)
class LiveDriver(Driver):
    """Runs scenarios on a server, each with new accounts, one after another or side by side.

    All connections are in a separate thread. Close the driver in the end.
    """

    name = "live"
    side_by_side = True
    config: LiveConfig
    _loop: Loop = field(factory=Loop)
    _run: str = field(factory=lambda: f"-{secrets.token_hex(2)}x")
    _password: str = field(factory=lambda: secrets.token_hex(8), repr=False)
    _tolerance: Tolerance = field(init=False)
    _remote: Remote = field(init=False)
    _watch: Watch = field(init=False)
    _has: frozenset[str] | None = None
    """The features that the server has; None before it was asked."""
    _software: str = ""
    """What it calls itself, once it was asked."""
    _in_doubt: bool = False
    """Whether the server has failed in a scenario, so that it may be gone."""
    _asking: threading.Lock = field(factory=threading.Lock)
    _numbers: Iterator[int] = field(factory=lambda: itertools.count(1))

    def __attrs_post_init__(self) -> None:
        self._tolerance = Tolerance(self.config.may_add, self.config.hosted)
        self._remote = Remote(self.config, self._run, self._tolerance)
        self._watch = Watch(self._missing, self.config.patience)

    def preflight(self) -> None:
        """See that a new user can log in, and ask what the server is and has. Later calls do nothing.

        :raises ServerGone: naming the part that does not work; at once, since it may never have been there.
        """
        with self._asking:
            if self._watch.gone is not None:
                raise self._watch.gone
            if self._has is not None:
                return
            try:
                self._connect_remote()
                self._has = self._ask()
            except ServerFailed as problem:
                self._watch.gone = self._missing() or ServerGone("the first login", str(problem))
                raise self._watch.gone from problem

    def world(self, setup: Setup) -> World:
        """Make the scenario's accounts and their rosters.

        A server that has failed in the scenario before is waited for, if it is gone. If it fails before this scenario
        begins, it is waited for too, and asked once more.

        :raises NotApplicable: if the server, or this driver, cannot do what it needs.
        :raises ServerFailed: if the server does not get that far.
        :raises ServerGone: if a part of the server is gone, and has not come back.
        """
        if setup.time is not None:
            raise NotApplicable(f"{LIVE} cannot set the clock")
        if setup.remote and self.config.remote is None and self.config.remote_accounts is None:
            raise NotApplicable(NOBODY)
        users = self._users(setup)
        if setup.tells_domains_apart and len(self.config.hosted) == 1:
            raise NotApplicable("the vector is about two hosted domains, and the server hosts one")
        self.preflight()
        assert self._has is not None, "the preflight has asked"
        offer.check([*setup.features, *offer.needed(setup.accounts)], self._has)
        if self._in_doubt:
            self._in_doubt = False
            self._watch.wait()
        try:
            return self._world(setup, users)
        except ServerFailed:
            self._watch.wait()
        return self._world(setup, users)

    def _users(self, setup: Setup) -> RemoteUsers | None:
        """Return the users that play the other server in a scenario; None if nobody has to, or others do.

        :raises NotApplicable: if users cannot do that.
        """
        domain = (self.config.remote_accounts or "").lower()
        if not setup.remote or not domain:
            return None
        for name in sorted(setup.users | setup.servers):
            if self.config.domain(name).lower() == domain:
                raise NotApplicable(f"{domain} plays {name} in this vector, and so not {REMOTE}")
        return setup.remote_users()

    @property
    def about(self) -> str:
        """What is tested, and where it is."""
        return " at ".join([each for each in (self._software, self._address) if each])

    @property
    def _address(self) -> str:
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"{host}:{self.config.port}"

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
        self._loop.run(self._let_go(), self.config.timeout)
        self._loop.close()

    async def _let_go(self) -> None:
        self._remote.drop()

    def _world(self, setup: Setup, users: RemoteUsers | None) -> LiveWorld:
        self._connect_remote()
        own = next(iter(setup.servers or sorted(setup.users)), HOSTED[0])
        world = self._empty(own, by_users=users is not None)
        world.on_failure = self._doubt
        world.forgiving = [each.rule() for each in self.config.forgive]
        world.closes, world.mentioned = setup.closes, setup.mentioned
        try:
            world.arrange(setup.accounts, users)
        except BaseException:
            world.close()
            raise
        return world

    def _doubt(self) -> None:
        self._in_doubt = True

    def _connect_remote(self) -> None:
        if not self._remote.lacks:
            return
        with hiding([] if self.config.component is None else [self.config.component.secret]):
            self._loop.run(self._remote.connect(), self.config.timeout)

    def _empty(self, own: str = HOSTED[0], *, by_users: bool = False) -> LiveWorld:
        suffix = f"{self._run}{next(self._numbers):x}"
        domains = {name: self.config.domain(name) for name in HOSTED} | {REMOTE: self._remote.domain}
        addresses = Addresses(suffix, domains, own)
        sessions = Sessions(self.config, addresses, f"{suffix[1:]}-", self._password, self._tolerance)
        remote = Users(addresses, remarks=self._tolerance.remarks) if by_users else self._remote.side(suffix)
        return LiveWorld(self._loop, sessions, remote, self.config.timeout)

    def _missing(self) -> ServerGone | None:
        """Try each part of the server that scenarios need; return the first that does not work."""
        with closing(self._empty()) as world:
            parts: list[tuple[str, Callable[[], None]]] = [
                (f"the client port {self._address}", self._try_client_port),
                (self._remote_port, self._try_remote),
                ("registration", lambda: world.arrange({_JULIET: ()})),
                ("login", lambda: world.connect(_BALCONY)),
                ("a session", lambda: self._try_session(world)),
            ]
            for part, attempt in parts:
                try:
                    attempt()
                except (ServerFailed, NotApplicable) as problem:
                    return ServerGone(part, str(problem))
        return None

    def _try_client_port(self) -> None:
        async def attempt() -> None:
            stream, _ = await connected(self.config, self.config.domain(HOSTED[0]))
            stream.drop()

        self._loop.run(attempt(), self.config.timeout)

    @property
    def _remote_port(self) -> str:
        return "the component port" if self.config.federation is None else "the port for other servers"

    def _try_remote(self) -> None:
        async def attempt() -> None:
            await self._remote.connect()
            for domain, link in self._remote.links.items():
                await round_trip(link, sender=self._remote.domain, to=domain)

        with hiding([] if self.config.component is None else [self.config.component.secret]):
            self._loop.run(attempt(), self.config.timeout)

    def _try_session(self, world: LiveWorld) -> None:
        """See that a session gets answers: without any, nothing is known to have come to its end."""
        session = world.sessions.open[_BALCONY]
        self._loop.run(round_trip(session), self.config.timeout)
        if session.ended is not None:
            raise session.ended

    def _ask(self) -> frozenset[str]:
        """Ask the server what it is and has, as a new user."""
        with closing(self._empty()) as world:
            world.arrange({_JULIET: ()})
            world.connect(_BALCONY)
            self._try_session(world)
            session, login = world.sessions.open[_BALCONY], world.sessions.logins[_JULIET]
            with suppress(ServerFailed):  # one that does not say what it is can be tested all the same
                self._software = self._loop.run(offer.software(session, login), self.config.timeout)
            found: frozenset[str] = frozenset()
            with suppress(ServerFailed):  # nor one that does not say what it has: its stream features do
                found = self._loop.run(offer.discovered(session, login), self.config.timeout)
            return offer.offered(self.config, world.stream_features(_BALCONY), found)
