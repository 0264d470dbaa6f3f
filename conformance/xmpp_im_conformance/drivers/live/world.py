"""A scenario on a live server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final, TypeVar

from attrs import define, field

from xmpp_im_conformance.drivers.live import accounts
from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.loop import Loop
from xmpp_im_conformance.drivers.live.remote import RemoteSide
from xmpp_im_conformance.drivers.live.remote_users import Users
from xmpp_im_conformance.drivers.live.rosters import Arranging, has_got_roster, shown_roster
from xmpp_im_conformance.drivers.live.sessions import Sessions
from xmpp_im_conformance.drivers.live.settling import QUIET, QUIET_AFTER_END, ask_once, round_trip, settle
from xmpp_im_conformance.drivers.live.speaking import third_domain
from xmpp_im_conformance.drivers.live.stream import StreamEnded
from xmpp_im_conformance.drivers.redaction import hiding
from xmpp_im_conformance.format.forgiving import Forgiven
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.story import bare
from xmpp_im_conformance.format.worlds import REMOTE, NotApplicable, RemoteUsers, ServerFailed, World, taken
from xmpp_im_core.element import Element

_T = TypeVar("_T")

LIVE: Final = "the driver for live servers"

_BLAME: Final = frozenset(
    {
        "bad-format",
        "bad-namespace-prefix",
        "invalid-from",
        "invalid-namespace",
        "invalid-xml",
        "not-well-formed",
        "policy-violation",
        "restricted-xml",
        "unsupported-encoding",
        "unsupported-stanza-type",
    }
)
"""The stream errors (RFC 6120 §4.9.3) that answer what has just been sent. No other end is in order."""
_BLAME_OF_SERVERS: Final = _BLAME | {"host-unknown", "improper-addressing"}
"""Those that answer another server."""


def _answers(ended: ServerFailed, blame: frozenset[str] = _BLAME) -> bool:
    """Whether this end of a stream is the answer to what was sent on it."""
    return isinstance(ended, StreamEnded) and ended.condition in blame


@define
class LiveWorld(World):
    """The accounts and sessions of one scenario, on a server that runs on after it."""

    name = LIVE

    loop: Loop
    sessions: Sessions
    remote: RemoteSide | Users
    timeout: float
    closes: frozenset[str] = frozenset()
    """The clients whose streams the scenario expects the server to close."""
    forgiving: Sequence[Forgiven] = ()
    """The differences that are forgiven to the server."""
    mentioned: frozenset[str] | None = None
    """The namespaces that the scenario names; None if that is not known."""
    _arrived: dict[str, list[Element]] = field(factory=dict)
    _closed: dict[str, list[str]] = field(factory=dict)
    """The stream errors with which the server has closed streams, by full JID; not taken yet."""
    on_failure: Callable[[], None] = lambda: None
    """Called when the server has failed."""
    _interested: dict[str, Channel] = field(factory=dict)
    """The sessions that have asked for their roster and got it, by full JID: to ask again changes nothing there."""
    _unsettled: bool = False
    """Whether something may still come of what was done last."""
    _over: dict[str, ServerFailed] = field(factory=dict)
    """How the streams have ended that the server has ended, for what was sent on them."""

    # --- what scenarios do ------------------------------------------------------------------------------

    def connect(self, jid: str) -> None:
        """Bind a session."""
        self._over.pop(jid, None)
        old = self.sessions.open.get(jid)
        if old is None:
            self._run(self.sessions.connect(jid))
            self._unsettled = True  # a new session changes nothing for others: it may settle with what is done next
        else:
            self._run(self._settled(self.sessions.connect(jid), quiet=QUIET_AFTER_END))
            self._note_end(jid, old.ended)

    def send(self, jid: str, xml: str) -> None:
        """Write what a client sends to its stream.

        :raises ServerFailed: if the server has ended it.
        """
        third = third_domain(xml)
        if third is not None:
            self.cannot(f"look for a third server, {third}, and find out about it before anything else happens")
        self._run(self._send(jid, xml))

    def remote_send(self, xml: str) -> None:
        """Write what another server sends to its stream."""
        self._run(self._settled_remote(self.remote.send(self.sessions.addresses.to_server(xml), xml)))

    def disconnect(self, jid: str, clean: bool) -> None:
        """End a client's stream."""
        self._run(self._settled(self.sessions.disconnect(jid, clean), quiet=QUIET_AFTER_END))

    def replace(self, jid: str) -> None:
        """Bind the same resource again; the server ends the old session."""
        self.connect(jid)

    def detach(self, jid: str) -> None:
        """Lose a client's stream, which may be resumed."""
        self._run(self._settled(self.sessions.detach(jid)))

    def resume(self, jid: str) -> None:
        """Resume the session."""
        self._run(self._settled(self.sessions.resume(jid)))

    def create_account(self, account: str) -> None:
        """Create an account, as those of the scenario were.

        :raises NotApplicable: if it is there: in-band registration and the commands of servers refuse that.
        """
        if account in self.sessions.logins:
            raise NotApplicable(f"{LIVE} cannot create an account that is there")
        self._run(self._settled(self.sessions.create([account])))

    def remove_account(self, account: str) -> None:
        """Remove an account; the server ends its sessions, if it has any."""
        self._run(self._settled(self._remove_while_open(account)))

    # --- what scenarios look at -------------------------------------------------------------------------

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        """Return what has come since the last call, without the answers to the driver's own requests."""
        self.remote.check()
        if self._unsettled:
            self._run(self._settled())
        return taken(self._arrived)

    def closed(self) -> Mapping[str, Sequence[str]]:
        """Return how the server has closed streams since the last call."""
        if self._unsettled:
            self._run(self._settled())
        return taken(self._closed)

    def stream_features(self, jid: str) -> Sequence[Element]:
        """Return the stream features that a session was offered."""
        return self.sessions.offered[jid]

    def roster(self, account: str) -> Sequence[RosterItem]:
        """Return an account's roster as a client is shown it: one that knows it by now, or else a separate session."""
        return self._run(self._roster(account))

    def sees_remote(self) -> bool:
        """Whether somebody plays the other server, who sees all that is sent there."""
        return self.remote.sees_all

    def close(self) -> None:
        """Remove the accounts, as far as that is possible."""
        self.on_failure = lambda: None  # a server may keep its accounts
        with suppress(ServerFailed, NotApplicable):
            self._run(self._end())

    # --- how --------------------------------------------------------------------------------------------

    def arrange(self, rosters: Mapping[str, Sequence[RosterItem]], users: RemoteUsers | None = None) -> None:
        """Create the accounts, and let their rosters be these.

        :param users: the users that play the other server, if users do.
        :raises NotApplicable: if a roster cannot be made by protocol.
        :raises ServerFailed: if the server does not get that far.
        """
        self._run(self._arrange(rosters) if users is None else self._arrange_with(users, rosters))

    def _run(self, doing: Coroutine[None, None, _T]) -> _T:
        try:
            with hiding(self.sessions.secrets):
                return self.loop.run(doing, self.timeout)
        except ServerFailed:
            self.on_failure()
            raise
        finally:
            self.remote.check()

    async def _end(self) -> None:
        try:
            await self._remove_accounts()
        finally:
            self.sessions.drop()
            self.remote.leave()

    async def _remove_while_open(self, account: str) -> None:
        login = self.sessions.logins.get(account)
        if login is None:
            raise NotApplicable(f"there is no account {account} that could be removed")
        async with self.sessions.extra(account) as session:
            await accounts.remove(self.sessions.config, login, session)
        del self.sessions.logins[account]
        for jid in [jid for jid in self.sessions.open if jid.partition("/")[0] == account]:
            channel = self.sessions.open.pop(jid)
            if jid in self.closes:
                await channel.finish()
                self._note_end(jid, channel.ended)
            self._collect(jid, channel.take())
            channel.drop()

    async def _arrange(self, rosters: Mapping[str, Sequence[RosterItem]]) -> None:
        await self.sessions.create(rosters)
        listed = {item.jid for items in rosters.values() for item in items}
        rosters = {account: items for account, items in rosters.items() if items or account in listed}
        if not rosters:
            return
        async with AsyncExitStack() as stack:
            extra = {account: await stack.enter_async_context(self.sessions.extra(account)) for account in rosters}
            speak = self.remote.speak if self.remote.is_played else None
            read, to_server = self.sessions.addresses.element, self.sessions.addresses.to_server
            arranging = Arranging(rosters, extra, speak, lambda: self._settle([*extra.values()]), to_server, read)
            await arranging.arrange()
        self.remote.take()

    async def _arrange_with(self, users: RemoteUsers, rosters: Mapping[str, Sequence[RosterItem]]) -> None:
        assert isinstance(self.remote, Users), "users play the other server"
        await self.sessions.create([bare(jid) for jid in users.sessions])
        await self.remote.open(self.sessions, users.sessions)
        await self._arrange(rosters)
        if users.available:
            self.remote.appear()
        await self._settle([])
        self.remote.take()

    async def _settle(
        self, clients: Sequence[Channel], quiet: int = QUIET, said: Mapping[Channel, str] | None = None
    ) -> None:
        """Wait until nothing else comes.

        :param said: what clients say, if they do.
        """
        said = said or {}
        if self.sessions.config.orderly:
            await ask_once(clients, self.remote, said)
            return
        for client, text in said.items():
            await round_trip(client, before=text)
        await settle(clients, self.remote, quiet)

    async def _settled(
        self,
        doing: Coroutine[None, None, object] | None = None,
        sender: str = "",
        said: str = "",
        quiet: int = QUIET,
    ) -> None:
        """Do something, wait until it has taken full effect, and collect what has come.

        :param sender: the client that says something, for which its stream may end.
        :param said: what it says.
        :raises ServerFailed: if the server ends a stream without cause.
        """
        if doing is not None:
            await doing
        self._unsettled = False
        speaker = self.sessions.open.get(sender)
        await self._settle([*self.sessions.open.values()], quiet, {} if speaker is None else {speaker: said})
        for jid, channel in [*self.sessions.open.items()]:
            came = channel.take()
            self._collect(jid, came)
            if channel is speaker and has_got_roster(said, came):
                self._interested[jid] = channel
            if channel.ended is not None:
                self.sessions.open.pop(jid).drop()
                self._note_end(jid, channel.ended)
                if jid not in self.closes and (jid != sender or not _answers(channel.ended)):
                    raise ServerFailed(f"the stream of {jid} is at its end: {channel.ended}")
                self._over[jid] = channel.ended
        self._collect(REMOTE, self.remote.take())
        await self._renew_remote(may_end=False)

    async def _settled_remote(self, doing: Coroutine[None, None, None]) -> None:
        """Do something on a stream of the other server, and see first what becomes of that, before it is used again."""
        await doing
        if not self.sessions.config.orderly:  # such a server has done that by now
            await self._settle([])
        await self._renew_remote(may_end=True)
        await self._settled()

    async def _renew_remote(self, may_end: bool) -> None:
        """Connect the other server again, if the last stream has ended for what was sent on it."""
        ended = self.remote.ended
        if ended is not None:
            self.remote.check()
            if not may_end or not _answers(ended, _BLAME_OF_SERVERS):
                raise ServerFailed(f"{self.remote.title} is at its end: {ended}")
            await self.remote.connect()

    def _note_end(self, jid: str, ended: ServerFailed | None) -> None:
        if isinstance(ended, StreamEnded):
            self._closed.setdefault(jid, []).append(ended.condition)

    def _collect(self, at: str, stanzas: Sequence[Element]) -> None:
        if stanzas:
            read, tolerant = self.sessions.addresses.element, self.sessions.tolerance.read
            came = [tolerant(read(stanza), self.mentioned) for stanza in stanzas]
            came = [stanza for stanza in came if not self.remote.is_own(stanza)]
            self._arrived.setdefault(at, []).extend(came)

    async def _send(self, jid: str, xml: str) -> None:
        if jid in self._over:
            raise ServerFailed(f"{jid} can no longer send anything: {self._over[jid]}")
        await self._settled(sender=jid, said=self.sessions.addresses.to_server(xml))

    async def _roster(self, account: str) -> list[RosterItem]:
        if account not in self.sessions.logins:
            raise NotApplicable(f"there is no account {account} whose roster could be seen")
        read = self.sessions.addresses.element
        for jid, channel in self._interested.items():
            if bare(jid) == account and channel is self.sessions.open.get(jid):
                return await shown_roster(channel, read)
        async with self.sessions.extra(account) as session:
            return await shown_roster(session, read)

    async def _remove_accounts(self) -> None:
        await asyncio.gather(*[self._remove(account) for account in self.sessions.logins])

    async def _remove(self, account: str) -> None:
        config, login = self.sessions.config, self.sessions.logins[account]
        for jid, channel in self.sessions.open.items():
            if jid.partition("/")[0] == account and channel.ended is None:
                await accounts.remove(config, login, channel)
                return
        async with self.sessions.extra(account) as session:
            await accounts.remove(config, login, session)
