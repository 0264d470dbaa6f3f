"""A run: attacks on a server in this process, a client that is not to be disturbed, and what is left afterwards."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from attrs import asdict, define, field, frozen

from tests.xmpp_im_host.fuzzing.conversations import ACCOUNTS, COMPONENT
from tests.xmpp_im_host.fuzzing.peers import KINDS, WEIGHTS, play
from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_host.network.client_driver import ClientDriver
from xmpp_im_host.network.link import Link
from xmpp_im_host.pytest_plugin import RunningServer, running

_SETTLING: Final = 30.0
_ROUND: Final = 300
"""After so many attacks, the run looks at what is left."""
_OBJECTS: Final = 1.1
"""How many times as many objects there may be as after the first round, with the caches that are full then."""

_SETTINGS: Final = {
    "registration": True,
    "resumption_seconds": 0.5,
    "listen": {each: ["127.0.0.1:0"] for each in ("tcp", "tls", "websocket", "components")},
    "components": {COMPONENT[0]: COMPONENT[1]},
    "limits": {"login_seconds": 5, "stanzas_per_second": 20_000, "bytes_per_second": 50_000_000},
}


@frozen
class Left:
    """What the server has at a moment."""

    connections: int
    sessions: int
    components: int
    tasks: int
    files: int
    objects: int
    kilobytes: int

    def holds_more_than(self, idle: Left) -> bool:
        """Whether something of a peer is left, if the server had so much before the first one."""
        names = ("connections", "sessions", "components", "tasks", "files")
        return any(getattr(self, name) > getattr(idle, name) for name in names)


class Disturbed(Exception):
    """The client that does nothing wrong cannot go on."""


class _Errors(logging.Handler):
    """Keeps the errors in the logs: those of the server, and of asyncio, which reports forgotten exceptions."""

    def __init__(self, findings: list[str], where: Callable[[], str]) -> None:
        super().__init__(logging.WARNING)
        self.findings, self.where = findings, where
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.findings.append(f"{self.where()}: {self.format(record)}")


@define
class Run:
    """Attacks with one seed."""

    seed: int
    findings: list[str] = field(factory=list)
    attacks: Counter[str] = field(factory=Counter)
    written: int = 0
    rounds: list[Left] = field(factory=list)
    seconds: float = 0.0
    _where: str = "before the first attack"

    def go_on(self, seconds: float, first: int = 0, attacks: int = sys.maxsize) -> None:
        """Attack for a time, or this often."""
        errors, began = _Errors(self.findings, lambda: self._where), time.monotonic()
        logging.getLogger().addHandler(errors)
        try:
            with (
                tempfile.TemporaryDirectory(prefix="fuzzing-") as directory,
                running({**ACCOUNTS, "juliet": "balcony"}, database=str(Path(directory) / "db"), **_SETTINGS) as server,
                RawClient(server) as canary,
            ):
                canary.log_in("juliet", "balcony", "canary").write("<presence/>")
                canary.settle()
                idle = left(server)
                for number in range(first, first + attacks):
                    if time.monotonic() - began > seconds:
                        break
                    self._attack(server, canary, number)
                    if (number - first + 1) % _ROUND == 0:
                        self._look(server, idle)
                self._look(server, idle)
        except Disturbed:
            pass
        finally:
            logging.getLogger().removeHandler(errors)
            self.seconds = time.monotonic() - began
        self._compare()

    def _attack(self, server: RunningServer, canary: RawClient, number: int) -> None:
        random = Random(f"{self.seed}/{number}")
        [kind] = random.choices(list(KINDS), WEIGHTS)
        self._where = f"--seed {self.seed} --first {number} --attacks 1 ({kind})"
        self.attacks[kind] += 1
        try:
            self.written += sum([len(each.written) for each in play(server, random, kind)])
        except TimeoutError as error:
            self.findings.append(f"{self._where}: {error}")
        try:
            canary.settle()
        except (AssertionError, OSError) as error:
            self.findings.append(f"{self._where}: the client that does nothing wrong was disturbed: {error!r}")
            raise Disturbed from error

    def _look(self, server: RunningServer, idle: Left) -> None:
        """Wait until the peers are forgotten, and remember what is left then without their accounts."""
        until = time.monotonic() + _SETTLING
        while (found := left(server)).holds_more_than(idle) and time.monotonic() < until:
            time.sleep(0.05)
        if found.holds_more_than(idle):
            held = "\n".join([*map(_described, server.server.network.links.all), *map(str, server.run(_tasks()))])
            self.findings.append(
                f"{self._where}: {found} is left, and not {idle}, with the connections and tasks\n{held}"
            )
        for user, password in ACCOUNTS.items():
            server.remove(user)
            server.add(user, password)
        self.rounds.append(left(server))

    def _compare(self) -> None:
        if len(self.rounds) > 2 and self.rounds[-1].objects > _OBJECTS * self.rounds[0].objects:
            self.findings.append(f"the number of objects grows: {[each.objects for each in self.rounds]}")

    def table(self) -> str:
        """Return the figures."""
        lines = [f"{number:6} attacks {kind}" for kind, number in sorted(self.attacks.items())]
        lines.append(f"{self.written:,} bytes in {self.seconds:.0f} seconds; {len(self.findings)} findings")
        shown = [self.rounds[at] for at in sorted({0, len(self.rounds) // 2, len(self.rounds) - 1}) if self.rounds]
        lines += [f"left: {', '.join(f'{name} {number:,}' for name, number in asdict(each).items())}" for each in shown]
        return "\n".join(lines)


async def _tasks() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def _described(link: Link) -> str:
    driver = link.driver
    about = {"age": link.links.clock() - link.since, "hold": link.hold, "closing since": link.closing_since}
    if isinstance(driver, ClientDriver):
        stream = driver.stream
        about |= {"over": driver.over, "unprocessed": driver.unprocessed, "waiting": stream.waiting, "jid": stream.jid}
        about |= {"stream closed": stream.closed, "session": driver.session is not None}
    return f"{type(link).__name__} with {type(driver).__name__}, {about}, {link.transport}"


def left(server: RunningServer) -> Left:
    """Count what the server has."""
    gc.collect()
    network = server.server.network
    return Left(
        connections=len(network.links.all),
        sessions=len(network.sessions),
        components=len(network.components),
        tasks=len(server.run(_tasks())),
        files=len(os.listdir("/proc/self/fd")),
        objects=len(gc.get_objects()),
        kilobytes=_resident(),
    )


def _resident() -> int:
    """Return the memory of this process, in KiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
