"""The sessions of a scenario's clients: connected, lost, resumed and closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from xml.sax.saxutils import quoteattr

from attrs import define, field

from xmpp_im_conformance.drivers.live import accounts
from xmpp_im_conformance.drivers.live.addresses import Addresses
from xmpp_im_conformance.drivers.live.channel import SM, Channel
from xmpp_im_conformance.drivers.live.config import LiveConfig
from xmpp_im_conformance.drivers.live.login import Login, bind_resource, logged_in
from xmpp_im_conformance.drivers.live.sasl import plain
from xmpp_im_conformance.drivers.live.stream import Stream, StreamEnded
from xmpp_im_conformance.drivers.live.tolerance import INTERNAL, Tolerance
from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed
from xmpp_im_core.element import Element
from xmpp_im_core.jid import parse_jid


@define
class Sessions:
    """What connects to the server, for one scenario. All of it waits without a bound: the world sets one."""

    config: LiveConfig
    addresses: Addresses
    mark: str
    """How the ids of the driver's own requests begin."""
    password: str = field(repr=False)
    tolerance: Tolerance = field(factory=Tolerance)
    logins: dict[str, Login] = field(factory=dict)
    """The accounts there are, by bare JID."""
    open: dict[str, Channel] = field(factory=dict)
    """The sessions that have not ended, by full JID."""
    offered: dict[str, Sequence[Element]] = field(factory=dict)
    """The stream features that the sessions were offered before they were bound."""
    _begun: dict[str, tuple[Stream, Element]] = field(factory=dict)
    """The streams on which accounts were created and nobody has logged in yet, by the server's bare JID."""
    _lost: dict[str, tuple[Channel, str]] = field(factory=dict)
    """The sessions that may be resumed, with the ids that the server has given them for that."""
    _numbers: int = 0

    async def create(self, names: Iterable[str]) -> None:
        """Create accounts, side by side.

        :raises ServerFailed: if the server does not create one.
        """
        made = {name: self._new_login(name) for name in names}
        await asyncio.gather(*[self._create(login) for login in made.values()])
        self.logins.update(made)

    def _new_login(self, account: str) -> Login:
        local, _, domain = self.addresses.to_server(account).partition("@")
        return Login(local, domain, self.password)

    async def _create(self, login: Login) -> None:
        begun = await accounts.create(self.config, login, self.tolerance)
        if begun is not None:
            self._begun[login.bare] = begun

    @property
    def secrets(self) -> frozenset[str]:
        """What must not be told, as it is and as PLAIN (RFC 4616) writes it."""
        component = self.config.component
        return frozenset(
            [
                self.password,
                *[plain(login.local, login.password) for login in self.logins.values()],
                *([] if component is None else [component.secret]),
            ]
        )

    async def connect(self, jid: str) -> None:
        """Bind a session; if the resource is in use, the server ends the old one.

        :raises NotApplicable: if there is no such account, or another resource is bound.
        """
        login, resource = self._login(jid), jid.partition("/")[2]
        channel, features, got = await self._bound(login, resource)
        if parse_jid(self.addresses.to_scenario(got)) != parse_jid(jid):
            channel.drop()
            raise NotApplicable(f"the server binds another resource than {resource!r}")
        old = self.open.get(jid)
        self.open[jid], self.offered[jid] = channel, features.elements
        if old is not None:
            try:
                await old.finish()
            finally:
                old.drop()

    async def separate(self, jid: str) -> Channel:
        """Bind a session that belongs to no client of the scenario.

        :raises NotApplicable: if another resource is bound.
        """
        channel, _, got = await self._bound(self._login(jid), jid.partition("/")[2])
        if parse_jid(self.addresses.to_scenario(got)) != parse_jid(jid):
            channel.drop()
            raise NotApplicable(f"the server binds another resource than {jid.partition('/')[2]!r}")
        return channel

    async def disconnect(self, jid: str, clean: bool) -> None:
        """End a session's stream, and wait until the server has ended it too."""
        channel = self.open.pop(jid, None)
        if channel is not None:
            await channel.close(clean)

    async def detach(self, jid: str) -> None:
        """Lose a stream; stream management is enabled for that, at the last moment (XEP-0198).

        :raises NotApplicable: if the server does not offer it, or lets nobody resume a session.
        """
        channel = self.open[jid]
        _check_resumption(self.offered[jid])
        channel.stream.write(f"<enable xmlns='{SM}' resume='true'/>")
        enabled = await channel.other()
        if enabled.name != "enabled" or enabled.get("resume") not in ("true", "1") or enabled.get("id") is None:
            raise NotApplicable("the server lets nobody resume a session")
        self._lost[jid] = channel, enabled.get("id") or ""
        del self.open[jid]
        await channel.close(clean=False)

    async def resume(self, jid: str) -> None:
        """Go on with a session that was lost; the server sends first what was not received.

        :raises NotApplicable: if the server does not resume it.
        """
        old, id = self._lost.pop(jid)
        login = self._login(jid)
        stream, features = await logged_in(self.config, login)
        with stream.kept():
            _check_resumption(features.elements)
        channel = self._channel(stream, received=old.received)
        stream.write(f"<resume xmlns='{SM}' h='{old.received}' previd={quoteattr(id)}/>")
        self.open[jid] = channel
        answer = await channel.other()
        if answer.name != "resumed":
            raise NotApplicable("the server does not resume the session")

    @asynccontextmanager
    async def extra(self, account: str) -> AsyncIterator[Channel]:
        """Give a session of an account that no scenario knows of: never available, and gone afterwards."""
        channel, _, _ = await self._bound(self.logins[account], self._mark())
        try:
            yield channel
        finally:
            await channel.close()

    def drop(self) -> None:
        """Close all connections without waiting."""
        for channel in self.open.values():
            channel.drop()
        self.open.clear()
        for stream, _ in self._begun.values():
            stream.drop()
        self._begun.clear()

    async def _bound(self, login: Login, resource: str) -> tuple[Channel, Element, str]:
        return await self.tolerance.again(lambda: self._bound_once(login, resource))

    async def _bound_once(self, login: Login, resource: str) -> tuple[Channel, Element, str]:
        """Bind a session: where the account was created, if that is possible, and else on a new connection."""
        begun = self._begun.pop(login.bare, None)
        if begun is not None and self.tolerance.separate_logins:
            begun[0].drop()
        elif begun is not None:
            try:
                async with asyncio.timeout(self.config.timeout / 2):  # as much is left for a new connection
                    return await self._bound_on(begun, login, resource)
            except (ServerFailed, TimeoutError) as failed:
                if isinstance(failed, StreamEnded) and failed.condition == INTERNAL:
                    raise  # this happens to any new stream: it is counted, and tried again
                self.tolerance.separate_logins = True
        return await self._bound_on(None, login, resource)

    async def _bound_on(
        self, begun: tuple[Stream, Element] | None, login: Login, resource: str
    ) -> tuple[Channel, Element, str]:
        stream, features = await logged_in(self.config, login, begun)
        with stream.kept():
            jid = await bind_resource(stream, features, resource)
        return self._channel(stream), features, jid

    def _channel(self, stream: Stream, received: int | None = None) -> Channel:
        channel = Channel(stream, self._mark(), self.mark, received=received, tolerance=self.tolerance)
        channel.start()
        return channel

    def _login(self, jid: str) -> Login:
        account = jid.partition("/")[0]
        if account not in self.logins:
            raise NotApplicable(f"there is no account {account}")
        return self.logins[account]

    def _mark(self) -> str:
        self._numbers += 1
        return f"{self.mark}s{self._numbers}-"


def _check_resumption(features: Sequence[Element]) -> None:
    """See that stream management is offered: a server may end the stream of a client that uses it all the same.

    :raises NotApplicable: if it is not.
    """
    if not any((each.name, each.namespace) == ("sm", SM) for each in features):
        raise NotApplicable("the server does not offer stream management (XEP-0198)")
