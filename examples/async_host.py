"""A host on asyncio: it commits and reads in tasks, and groups commits. See docs/asyncio.md."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from uuid import uuid4

from xmpp_im_core.host import (
    Commit,
    DeferredHost,
    Messages,
    Operations,
    ReadAccount,
    ReadMessages,
    StorageFailed,
    Stored,
    Wire,
)
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server import Kind, Put, Service, SessionId
from xmpp_im_core.stanza import Stanza

S = TypeVar("S")
MOST = 256  # the maximum number of commits in one transaction


class AsyncStorage(Protocol):
    """A Storage whose methods are coroutines. They raise StorageFailed like the methods of Storage."""

    writers: int  # how many commits may run at the same time

    async def commit(self, operations: Operations) -> None: ...
    async def account(self, jid: str) -> Stored: ...
    async def messages(self, jid: str) -> Messages: ...
    async def owed(self) -> Sequence[tuple[str, Put]]: ...
    async def every(self, kind: Kind) -> Sequence[tuple[str, Put]]: ...


class AsyncHost(DeferredHost[S]):
    """Enter it with `async with`. It commits and reads until you leave it, and leaving waits for all requests."""

    def __init__(
        self,
        service: Service[S],
        storage: AsyncStorage,
        wire: Wire,
        policy: Policy = DEFAULT,
        *,
        outbox: bool = False,
        flush: Callable[[], None] = lambda: None,
    ) -> None:
        """:param flush: called whenever the host may have written to the wire."""
        super().__init__(service, wire, lambda: datetime.now(UTC), lambda: uuid4().hex, policy, outbox=outbox)
        self.storage, self.flush = storage, flush
        self.commits: deque[Commit] = deque()
        self.asked = asyncio.Event()  # set while there are commits to do
        self.under_way = 0  # requests without an answer
        self.tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        for _ in range(self.storage.writers):
            self.start(self.commit_groups())
        self.expect_wakes(await self.storage.every(Kind.WAKE))
        self.start(self.wake_accounts())
        if self.outbox:
            self.recover(await self.storage.owed())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        while (self.under_way or self.ready) and not self.broken():
            await asyncio.sleep(0.01)
        for task in self.tasks:
            task.cancel()
        for result in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.ended)

    def ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is None:
            self.tasks.discard(task)

    def broken(self) -> bool:
        """Whether a task has ended with an error other than StorageFailed."""
        return any(task.done() and not task.cancelled() and task.exception() for task in self.tasks)

    async def take(self, account: str, session: SessionId, stanza: Stanza) -> None:
        """Take a stanza, and wait until it has been processed, so that the stream is not read faster than that."""
        processed = asyncio.Event()
        self.receive(account, session, stanza, done=processed.set)
        await processed.wait()

    # --- requests of the host -------------------------------------------------------------------------------

    def run(self) -> None:
        """Process what waits. Every method that feeds an event calls this, and so does the answer to each request."""
        super().run()
        self.flush()
        for request in self.requests():
            self.under_way += 1
            if isinstance(request, Commit):
                self.commits.append(request)
                self.asked.set()
            else:
                self.start(self.answer(request))
        if self.ready:  # this call has processed its share: let other tasks run
            asyncio.get_running_loop().call_soon(self.run)

    async def answer(self, request: ReadAccount | ReadMessages) -> None:
        try:
            if isinstance(request, ReadAccount):
                self.read(request, await self.storage.account(request.account))
            else:
                self.read(request, await self.storage.messages(request.account))
        except StorageFailed:
            self.failed(request)
        self.under_way -= 1

    async def commit_groups(self) -> None:
        """Commit together what was queued while all writers were busy."""
        while True:
            await self.asked.wait()
            group = [self.commits.popleft() for _ in range(min(len(self.commits), MOST))]
            if not self.commits:
                self.asked.clear()
            if group:
                await self.commit_together(group)

    async def commit_together(self, group: Sequence[Commit]) -> None:
        try:
            await self.storage.commit([operation for commit in group for operation in commit.operations])
        except StorageFailed:
            if len(group) > 1:  # try each by itself, so that only the cause fails
                for commit in group:
                    await self.commit_together([commit])
                return
            self.failed(group[0])
        else:
            for commit in group:
                self.committed(commit)
        self.under_way -= len(group)

    async def wake_accounts(self) -> None:
        while True:
            await asyncio.sleep(60)
            self.wake()
