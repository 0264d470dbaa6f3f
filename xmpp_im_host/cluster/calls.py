"""Calls to the owners of accounts, and the answers that come through the queues of this gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from xmpp_im_core.snapshot import JSON
from xmpp_im_host.cluster.queue_entries import Replied
from xmpp_im_host.storage.errors import EngineFailed

PATIENCE: Final = 30.0
"""How many seconds a call may take. A dead owner is replaced within a few seconds."""


class CallRefused(Exception):
    """The owner of the account refuses a call.

    :param reason: one word.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OpenCalls:
    """The calls that wait for their answers."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self.missed = False
        """Whether an answer has not come in time: it may come later, and wait for this node."""
        self._open: dict[str, asyncio.Future[Replied]] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def call(self, id: str, what: str, append: Callable[[], None]) -> JSON:
        """Append a call, and return its value.

        :param id: the id of the call.
        :param what: what is called and for which account, for the error.
        :param append: appends the entry of the call.
        :raises CallRefused: if the owner of the account refuses it.
        :raises EngineFailed: if no answer comes. The call may be done all the same.
        """
        self._open[id] = answer = asyncio.get_running_loop().create_future()
        try:
            append()
            async with asyncio.timeout(self.patience):
                replied = await answer
        except TimeoutError:
            self.missed = True
            raise EngineFailed(
                f"{what}: no node has answered within {self.patience:g} seconds. It may still be done. "
                "See that the database answers and that a node lives (xmpp-im-host nodes); then look, and try again"
            ) from None
        finally:
            del self._open[id]
        if replied.error is not None:
            raise CallRefused(replied.error)
        return cast(JSON, replied.value)

    def replied(self, entry: Replied) -> None:
        """Take an answer. Nobody waits any longer for one that comes too late."""
        found = self._open.get(entry.id)
        if found is not None and not found.done():
            found.set_result(entry)

    def fail(self, reason: str) -> None:
        """Fail all calls, because no answer can come any more."""
        for each in self._open.values():
            if not each.done():
                each.set_exception(EngineFailed(reason))
