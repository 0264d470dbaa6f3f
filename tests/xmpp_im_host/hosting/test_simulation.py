"""A simulation of the host on an engine with faults: commits that fail, that are slow, or in doubt, crashes, and other
owners of the database.

The script decides when the engine answers each call, and what. The checks: nothing leaves before its commit, messages
between two users keep their order, and nothing that was acknowledged is lost, whatever happens after that. A host that
has learnt that another one owns the database sends nothing but errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any, TypeAlias

import pytest
from attrs import define, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.host.stage import CAPULET, JULIET, NURSE, ROMEO
from tests.xmpp_im_host.running import run, until
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Wire
from xmpp_im_core.server import Deliver, SessionId, State, hosting
from xmpp_im_core.stanza import Stanza, to_element
from xmpp_im_host.hosting.async_host import AsyncHost
from xmpp_im_host.storage.errors import EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import Batch, Found, Lease

USERS = (ROMEO, JULIET, NURSE)


# --- the engine -------------------------------------------------------------------------------------------------


@define(eq=False)
class Call:
    """A call of the engine that waits for the script. A commit has its arguments."""

    answer: asyncio.Future[str]
    commit: tuple[Collection[Lease], Batch] | None = None


class ScriptedEngine(MemoryEngine):
    """Each call waits for an answer: "done", "failed", "doubtful and done" or "doubtful and lost"."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.scripted = False

    async def _answer(self, commit: tuple[Collection[Lease], Batch] | None = None) -> str:
        if not self.scripted:
            return "done"
        call = Call(asyncio.get_running_loop().create_future(), commit)
        self.calls.append(call)
        return await call.answer

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        answer = await self._answer((leases, batch))
        if answer == "failed":
            raise EngineFailed("so the script says")
        if answer == "doubtful and lost":
            raise Unknown("so the script says")
        renewed = await super().commit(leases, batch)
        if answer == "doubtful and done":
            raise Unknown("so the script says")
        return renewed

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        if await self._answer() != "done":
            raise EngineFailed("so the script says")
        return await super().load(lease, account, kinds, counted)

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        if await self._answer() != "done":
            raise EngineFailed("so the script says")
        return await super().claim(partitions, node)

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        answer = await self._answer()
        if answer == "failed":
            raise EngineFailed("so the script says")
        if answer == "doubtful and lost":
            raise Unknown("so the script says")
        leases = await super().renew(partitions, node)
        if answer == "doubtful and done":
            raise Unknown("so the script says")
        return leases

    def next(self, answer: str) -> None:
        """Answer the oldest call."""
        if self.calls:
            call = self.calls.pop(0)
            if not call.answer.done():
                call.answer.set_result(answer)

    async def crash(self, done: bool) -> None:
        """Forget all calls. Commits that were under way are done or not."""
        calls, self.calls, self.scripted = self.calls, [], False
        for call in calls:
            if call.commit is not None and done and not call.answer.done():
                with suppress(Fenced):  # it is of a host that has lost the database
                    await super().commit(*call.commit)

    def answer_all(self) -> None:
        self.scripted = False
        while self.calls:
            self.next("done")

    def has(self, account: str, kind: str, key: str) -> bool:
        return (kind, key) in self._rows.get(account, {})


# --- the stage --------------------------------------------------------------------------------------------------


@frozen
class Chat:
    """A message that one user has sent to another."""

    n: int
    sender: str
    recipient: str


class Stage(Wire):
    """Users, their sessions, and everything that was promised to them."""

    def __init__(self, outbox: bool) -> None:
        self.engine, self.outbox = ScriptedEngine(), outbox
        self.host: AsyncHost[State]
        self.sessions: dict[str, SessionId] = {}
        self.n = 0
        self.got: list[tuple[str, Chat]] = []
        """Each message that a session got, with the recipient."""
        self.chats: dict[str, Chat] = {}
        self.acknowledged: set[Chat] = set()
        self.refused: set[Chat] = set()
        self.contacts: set[tuple[str, str]] = set()
        """The contacts whose addition was acknowledged."""
        self.wrong: list[str] = []
        """What must not happen. The host catches what its wire raises, so this is checked in the end."""
        self.faults = 0
        self.formers: list[Former] = []
        """The hosts whose database another one has taken."""
        self.failures = 0
        """How many calls of the engine have done nothing. Faults are failures, doubts and crashes."""

    async def begin(self) -> None:
        self.host = AsyncHost(hosting(CAPULET), self.engine, self, outbox=self.outbox, idle_accounts=1)
        self.sessions.clear()
        await self.host.__aenter__()
        for jid in USERS:
            await self.host.create_account(jid, None)

    async def lose(self, learns: bool) -> None:
        """Let another host take the database. The former one goes on, and so do its calls.

        :param learns: whether it learns that at once, by a read.
        """
        calls, self.engine.calls, self.engine.scripted = self.engine.calls, [], False
        former = Former(self, self.host, dict(self.sessions))
        self.host.wire = former
        self.formers.append(former)
        await self.begin()
        if learns:
            with pytest.raises(EngineFailed):
                await former.host.credentials(NURSE)
        self.engine.calls, self.engine.scripted = calls, True

    # --- the wire: what leaves ------------------------------------------------------------------------------

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        if self.sessions.get(account) != session:
            return False
        chat = self.chats.get(stanza.id or "")
        if chat is not None and stanza.type == "error":
            self.refused.add(chat)
        elif chat is not None:
            self.got.append((account, chat))
        elif stanza.type in ("result", "set") and (stanza.id or "").startswith("add-") and stanza.type == "result":
            jid = (stanza.id or "").removeprefix("add-")
            if not self.engine.has(account, "contact", jid):
                self.wrong.append(f"the result of adding {jid} has left before its commit")
            self.contacts.add((account, jid))
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        self.leave(account)

    # --- what users do --------------------------------------------------------------------------------------

    def says(self, user: str, xml: str, done: Any = None) -> None:
        self.host.receive(user, self.sessions[user], parse_stanza(xml), done=done)

    def enter(self, user: str) -> None:
        if user not in self.sessions:
            self.sessions[user] = session = self.host.session("x")
            self.host.bind(user, session)
            if user in self.sessions:
                self.says(user, "<presence/>")

    def leave(self, user: str) -> None:
        session = self.sessions.pop(user, None)
        if session is not None:
            self.host.end(user, session)

    def chat(self, user: str, to: str) -> None:
        if user not in self.sessions:
            return
        self.n += 1
        chat = self.chats[f"chat-{self.n}"] = Chat(self.n, user, to)
        session = self.sessions[user]

        def done() -> None:
            if self.sessions.get(user) == session:  # otherwise nobody is there to hear of an error
                self.acknowledged.add(chat)

        self.says(user, f"<message id='chat-{self.n}' type='chat' to='{to}'><body>{self.n}</body></message>", done)

    def add(self, user: str) -> None:
        if user in self.sessions:
            self.n += 1
            jid = f"c{self.n}@{CAPULET}"
            query = f"<query xmlns='jabber:iq:roster'><item jid='{jid}'/></query>"
            self.says(user, f"<iq type='set' id='add-{jid}'>{query}</iq>")

    async def settle(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """Let everything go on without faults, and let all users come back, so that they get what is stored."""
        self.engine.answer_all()
        while self.host.busy or any(each.host.busy for each in self.formers):
            self.engine.answer_all()
            await asyncio.sleep(0)
        for user in USERS:
            self.leave(user)
        if self.outbox:  # after a failure to store what no stream has taken, the next start sends it
            await self.host.aclose()
            await self.begin()
        for user in USERS:
            self.enter(user)
        await until(lambda: not self.host.busy)

    def check(self) -> None:
        assert not self.wrong
        arrived = {chat for _, chat in self.got}
        lost = self.acknowledged - arrived - self.refused
        assert not lost, "acknowledged and lost"
        assert all(account == chat.recipient for account, chat in self.got)
        assert all(self.engine.has(account, "contact", jid) for account, jid in self.contacts), "a contact is lost"
        for pair in {(chat.sender, chat.recipient) for chat in arrived}:
            numbers = [chat.n for _, chat in self.got if (chat.sender, chat.recipient) == pair]
            first_times = list(dict.fromkeys(numbers))
            # With an outbox, a message that no stream took, and that could not be stored, comes after the next start.
            if not (self.outbox and self.failures):
                assert first_times == sorted(first_times), "out of order"
            if not self.faults:
                assert numbers == first_times, "twice"


@frozen
class Former(Wire):
    """The wire of a host whose database another one has taken: its sessions are connected until it learns that."""

    stage: Stage
    host: AsyncHost[State]
    sessions: dict[str, SessionId]

    def chat(self, user: str, to: str) -> None:
        """Let a client that is connected to this host say something. It never learns whether that was processed."""
        if user in self.sessions:
            self.stage.n += 1
            id = f"chat-{self.stage.n}"
            self.stage.chats[id] = Chat(self.stage.n, user, to)
            message = parse_stanza(f"<message id='{id}' type='chat' to='{to}'><body/></message>")
            self.host.receive(user, self.sessions[user], message)

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        if self.sessions.get(account) != session:
            return False
        chat = self.stage.chats.get(stanza.id or "")
        if stanza.type == "error" and chat is not None:
            self.stage.refused.add(chat)
        elif stanza.type != "error":
            if self.host.fenced.is_set():
                self.stage.wrong.append(f"a host that has lost the database sends {to_element(stanza)}")
            if chat is not None:
                self.stage.got.append((account, chat))
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        self.sessions.pop(account, None)


# --- the script -------------------------------------------------------------------------------------------------

user = st.sampled_from(USERS)
Action: TypeAlias = tuple[Any, ...]
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.tuples(st.just("enter"), user),
    st.tuples(st.just("leave"), user),
    st.tuples(st.just("chat"), user, user),
    st.tuples(st.just("chat"), user, user),
    st.tuples(st.just("add"), user),
    st.tuples(st.just("unload")),
    st.tuples(st.just("answer"), st.just("done")),
    st.tuples(st.just("answer"), st.just("done")),
    st.tuples(st.just("answer"), st.sampled_from(["failed", "doubtful and done", "doubtful and lost"])),
    st.tuples(st.just("crash"), st.booleans()),
    st.tuples(st.just("lose"), st.booleans()),
    st.tuples(st.just("chat with the former host"), user, user),
    st.tuples(st.just("chat with the former host"), user, user),
)


async def act(stage: Stage, action: Action) -> None:
    match action:
        case ("enter", str(who)):
            stage.enter(who)
        case ("leave", str(who)):
            stage.leave(who)
        case ("chat", str(who), str(to)):
            stage.chat(who, to)
        case ("add", str(who)):
            stage.add(who)
        case ("unload",):
            stage.host.unload_idle()
        case ("answer", str(answer)):
            stage.faults += answer != "done"
            stage.failures += answer in ("failed", "doubtful and lost")
            stage.engine.next(answer)
        case ("crash", bool(done)):
            stage.faults += 1
            for each in (stage.host, *[former.host for former in stage.formers]):
                each.abandon()
            stage.formers.clear()
            await stage.engine.crash(done)
            await stage.begin()
            stage.engine.scripted = True
        case ("lose", bool(learns)):
            stage.faults += 1
            await stage.lose(learns)
        case ("chat with the former host", str(who), str(to)):
            if stage.formers:
                stage.formers[-1].chat(who, to)
    await stage.settle()


@pytest.mark.parametrize("outbox", [False, True])
@given(script=st.lists(ACTIONS, min_size=5, max_size=60))
@settings(deadline=None)
def test_nothing_acknowledged_is_lost_and_nothing_leaves_too_early(outbox: bool, script: list[Action]) -> None:
    async def play() -> None:
        stage = Stage(outbox)
        await stage.begin()
        for who in USERS:
            stage.enter(who)
        await stage.settle()
        stage.engine.scripted = True
        for action in script:
            await act(stage, action)
        await stage.finish()
        stage.check()
        await stage.host.aclose()
        assert not stage.host.busy
        for former in stage.formers:
            former.host.abandon()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xmpp_im_host.hosting.outages.FIRST_PAUSE", 0.0)
        run(play())


def test_the_simulation_reaches_what_it_is_for() -> None:
    """Every promise is made at least once in a plain run, so that the checks have something to check."""

    async def play() -> None:
        stage = Stage(outbox=False)
        await stage.begin()
        stage.enter(ROMEO)
        await stage.settle()
        for action in (("chat", ROMEO, JULIET), ("add", ROMEO), ("chat", ROMEO, JULIET), ("enter", JULIET)):
            await act(stage, action)
        await stage.finish()
        assert [chat.n for _, chat in stage.got] == [1, 3]
        assert len(stage.acknowledged) == 2
        assert len(stage.contacts) == 1
        stage.check()
        await stage.host.aclose()

    run(play())


def test_the_simulation_reaches_a_host_that_has_learnt_that_it_lost_the_database() -> None:
    async def play() -> None:
        stage = Stage(outbox=False)
        await stage.begin()
        for who in USERS:
            stage.enter(who)
        await stage.settle()
        stage.engine.scripted = True
        for learns in (False, True):
            for action in (("lose", learns), ("chat with the former host", ROMEO, JULIET), ("enter", ROMEO)):
                await act(stage, action)
            await stage.finish()
            stage.engine.scripted = True
        assert [chat.n for _, chat in stage.got] == [1]  # its clients were connected, and it did not know better
        assert [chat.n for chat in stage.refused] == [2]
        stage.check()
        stage.engine.answer_all()
        await stage.host.aclose()

    run(play())
