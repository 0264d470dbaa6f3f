"""A node of the twin: a whole server on a loop without real time, an engine with faults, and connections in memory."""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final, TypeAlias

import pytest

from tests.xmpp_im_host.cluster.component import EchoComponent
from tests.xmpp_im_host.cluster.faulty_engine import FaultyEngine, TwinStore, Weather
from tests.xmpp_im_host.cluster.pipe import Peer, Pipe
from tests.xmpp_im_host.cluster.talker import Talker
from tests.xmpp_im_host.cluster.virtual_loop import Stage, VirtualLoop
from xmpp_im_host.configuration import Configuration
from xmpp_im_host.network.client_link import ClientLink
from xmpp_im_host.network.component_driver import ComponentLink
from xmpp_im_host.network.tls import ServerTLS
from xmpp_im_host.server import XMPPServer
from xmpp_im_host.streams.settings import ComponentSettings

Clocks: TypeAlias = Mapping[Callable[[], Any], Callable[[], Any]]
"""What replaces what."""

_BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)


class TwinServer(XMPPServer):
    """A server without certificate and sockets."""

    def _certificate(self) -> ServerTLS:
        return ServerTLS(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), b"", Path())

    async def _listen(self) -> None:
        return None


class TwinNode:
    """One process. It may crash, stop and go on."""

    def __init__(
        self, name: str, stage: Stage, store: TwinStore, weather: Weather, configuration: Configuration, log: list[str]
    ) -> None:
        self.name, self.stage, self.weather, self.log = name, stage, weather, log
        self.loop = VirtualLoop(stage.clock)  # type: ignore[abstract]  # only what asyncio's tasks need is there
        self.engine = FaultyEngine(store, stage, self, weather)
        self.engine.loop = self.loop
        self.server = TwinServer(configuration, self.engine)
        self.crashed = self.stopped = self.has_served = self._listens = False
        self.pipes: list[Pipe] = []
        self._waiting: list[Callable[[], None]] = []
        stage.loops.append(self.loop)
        self.living = self.loop.run_soon(self._live())

    @property
    def serves(self) -> bool:
        """Whether clients can connect to it."""
        return self._listens and not self.server.draining.away

    @property
    def begins(self) -> bool:
        """Whether it has not served yet, and may do so."""
        return not (self.crashed or self.over or self.has_served)

    @property
    def over(self) -> bool:
        """Whether the process has ended, in order or because it could not begin."""
        return self.living.done()

    @property
    def state(self) -> str:
        names = ("crashed", "stopped", "serves", "over")
        return f"{', '.join([name for name in names if getattr(self, name)])}, {self.living}"

    async def _live(self) -> None:
        async with self.server:
            self._listens = self.has_served = True
            await self.server.stopped.wait()
            self._listens = False

    def leave(self) -> None:
        """Let the node end as an operator does it."""
        self._listens = False
        self.loop.call_soon(self.server.stopped.set)

    def connect(self, talker: Talker) -> Pipe:
        return self._connect(talker, ClientLink(self.server.network))

    def connect_component(self, component: EchoComponent) -> Pipe:
        settings = ComponentSettings(dict(self.server.configuration.components))
        return self._connect(component, ComponentLink(self.server.network, settings))

    def _connect(self, peer: Peer, protocol: asyncio.Protocol) -> Pipe:
        pipe = Pipe(self.stage, self.loop, peer, self.weather.latency)
        self.pipes = [each for each in self.pipes if each.open]
        self.pipes.append(pipe)
        pipe.begin(protocol)
        return pipe

    # --- what happens to the process ----------------------------------------------------------------------------

    def crash(self) -> None:
        if self.crashed:
            return
        self.log.append(f"{self.stage.now:.4f} {self.name} crashes")
        self.crashed, self._listens, self.stopped = True, False, False
        if self.loop in self.stage.loops:
            self.stage.loops.remove(self.loop)
        for pipe in self.pipes:
            pipe.cut()
        self.loop.end()
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            event()

    def stop(self) -> None:
        if not (self.crashed or self.stopped or self.over):
            self.log.append(f"{self.stage.now:.4f} {self.name} is stopped")
            self.stopped = True
            self.stage.loops.remove(self.loop)

    def go_on(self) -> None:
        if self.stopped:
            self.log.append(f"{self.stage.now:.4f} {self.name} goes on")
            self.stopped = False
            self.stage.loops.append(self.loop)
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                event()

    def when_it_goes_on(self, event: Callable[[], None]) -> None:
        if self.stopped:
            self._waiting.append(event)
        else:
            event()


@contextmanager
def without_real_time(stage: Stage) -> Iterator[None]:
    """Give the server the clock of the stage, and ids that are counted."""
    numbers = count()

    def uuid4() -> uuid.UUID:
        return uuid.UUID(int=next(numbers))

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _BEGINNING + timedelta(seconds=stage.now)

    clocks = {time.monotonic: stage.clock, time.perf_counter: stage.clock, uuid.uuid4: uuid4}
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("xmpp_im_host."):
                _replace(patch, module, clocks)
        patch.setattr("xmpp_im_host.server.datetime", Clock)
        yield


def _replace(patch: pytest.MonkeyPatch, module: ModuleType, clocks: Clocks) -> None:
    """Replace functions in a module, also where they are the default of a parameter."""
    for key, value in list(vars(module).items()):
        if isinstance(value, BuiltinFunctionType | FunctionType) and value in clocks:
            patch.setattr(module, key, clocks[value])
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for function in vars(value).values():
                if isinstance(function, FunctionType):
                    _replace_defaults(patch, function, clocks)


def _replace_defaults(patch: pytest.MonkeyPatch, function: FunctionType, clocks: Clocks) -> None:
    def replaced(value: Any) -> Any:
        return clocks[value] if isinstance(value, BuiltinFunctionType | FunctionType) and value in clocks else value

    if function.__defaults__:
        patch.setattr(function, "__defaults__", tuple([replaced(each) for each in function.__defaults__]))
    if function.__kwdefaults__:
        patch.setattr(
            function, "__kwdefaults__", {key: replaced(each) for key, each in function.__kwdefaults__.items()}
        )
