"""An administrator who removes accounts and creates them again, through any node, until he knows that it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from xmpp_im_host.hosting.administration import AccountExists, NoSuchAccount

if TYPE_CHECKING:
    from tests.xmpp_im_host.cluster.node import TwinNode
    from tests.xmpp_im_host.cluster.virtual_loop import Stage

_LOOK: Final = 0.1
_DOUBT: Final = 40.0
"""After so many seconds, a call that got no answer is done or never will be: its node has ended then."""


@define(eq=False)
class Removals:
    """One account at a time is removed, and created again."""

    stage: Stage
    nodes: Callable[[], Sequence[TwinNode]]
    exists: Callable[[str], bool]
    """Whether an account is stored."""
    begin: Callable[[str], None]
    """Note that an account is to be removed."""
    removed: Callable[[str], str]
    """Note that it is removed; return the password of its successor."""
    done: Callable[[str], None]
    """Note that it is there again."""
    _account: str = field(default="", init=False)
    _password: str = field(default="", init=False)
    _creates: bool = field(default=False, init=False)
    _node: Any = field(default=None, init=False)
    _task: asyncio.Task[Any] | None = field(default=None, init=False)

    @property
    def busy(self) -> bool:
        return bool(self._account)

    def remove(self, account: str) -> None:
        """Remove an account, and create it again after that. Nothing happens if another one is under way."""
        if not self.busy:
            self._account, self._creates = account, False
            self.begin(account)
            self._call()

    def _call(self) -> None:
        serving = [each for each in self.nodes() if each.serves and not each.stopped]
        if not serving:
            self.stage.later(_LOOK, self._call)
            return
        self._node = serving[0]
        administration = self._node.server.administration
        work = (
            administration.create(self._account, self._password)
            if self._creates
            else administration.remove(self._account)
        )
        self._task = self._node.loop.run_soon(work)
        self.stage.later(_LOOK, self._look)

    def _look(self) -> None:
        assert self._task is not None
        if self._task.done():
            self._answered(self._task)
        elif self._node.crashed:
            self.stage.later(_DOUBT, self._settle)
        else:
            self.stage.later(_LOOK, self._look)

    def _answered(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if not task.cancelled() and (error is None or isinstance(error, AccountExists | NoSuchAccount)):
            self._next()
        else:
            self.stage.later(_DOUBT, self._settle)

    def _settle(self) -> None:
        """Find out whether a call was done that nobody has answered."""
        if self.exists(self._account) is self._creates:
            self._next()
        else:
            self._call()

    def _next(self) -> None:
        if self._creates:
            account, self._account = self._account, ""
            self.done(account)
        else:
            self._creates, self._password = True, self.removed(self._account)
            self._call()
