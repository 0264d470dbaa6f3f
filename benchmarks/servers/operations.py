"""The operations that are measured, and sessions that do nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from attrs import define, field

from benchmarks.servers.acts import befriend_all, broadcast, chat, get_rosters, put_items
from benchmarks.servers.client import DOMAIN, Client
from benchmarks.servers.processes import Processes

FRIENDS: Final = 100
CLOSE: Final = 50
"""How many friends the user has who logs in again and again."""
IDLE: Final = 400
_FEW: Final = 10
_OF_ACCOUNT: Final = 10
"""How many of the idle sessions are of the same account."""
_CHATS: Final = 1_000
_REST: Final = 15.0
"""For how many seconds a server with idle sessions is left alone."""


@define
class Bench:
    """One server while it is measured."""

    port: int
    processes: Processes
    rounds: int = 3
    found: dict[str, float] = field(factory=dict)
    """Processor time for each operation, in microseconds; memory in KiB."""

    def client(self, user: str, resource: str = "r", number: int = 0) -> Client:
        return Client(self.port, user, resource, number)

    def timed(self, name: str, times: int, work: Callable[[], object], rounds: int | None = None) -> None:
        """Note the least processor time of all rounds, for each of so many operations that ``work`` does."""
        spent: list[float] = []
        for _ in range(self.rounds if rounds is None else rounds):
            before = self.processes.seconds()
            work()
            spent.append(self.processes.seconds() - before)
        self.found[name] = min(spent) / times * 1e6

    def measure(self, large: bool) -> None:
        """Measure all operations.

        :param large: also with a roster of 10,000 items.
        """
        names = [f"friend{number}" for number in range(FRIENDS)]
        for name in ("juliet", "romeo", "nurse", *names):
            self.client(name).register()
        juliet = self.client("juliet").log_in()
        friends = [self.client(name).log_in() for name in names]
        self.timed("subscription of two users, both ways", FRIENDS, lambda: befriend_all(juliet, friends), 1)
        self.timed("presence to 100 contacts, for each stanza", 100 * FRIENDS, lambda: broadcast(juliet, friends, 100))
        romeo = self.client("romeo").log_in()
        self.timed("chat, one at a time", 500, lambda: chat(romeo, juliet, 500, 1))
        self.timed("chat, five at a time", 1000, lambda: chat(romeo, juliet, 1000, 5))
        self.timed("roster get of 100 items", 100, lambda: get_rosters(juliet, 100))
        self._logins(friends[:CLOSE])
        self._roster(romeo, 0, 1_000)
        self.timed("roster get of 1,000 items", 20, lambda: get_rosters(romeo, 20))
        if large:
            self._roster(romeo, 1_000, 10_000)
            self.timed("roster get of 10,000 items", 5, lambda: get_rosters(romeo, 5))
        self._memory(names)

    def _logins(self, friends: list[Client]) -> None:
        nurse = self.client("nurse").log_in()
        befriend_all(nurse, friends)
        nurse.close()

        def log_in() -> None:
            for _ in range(20):
                client = self.client("nurse").log_in()
                for _ in friends:
                    client.until(rf"<presence[^>]*from=['\"]friend\d+@{re.escape(DOMAIN)}/")
                client.close()

        self.timed("login and end, with 50 contacts online", 20, log_in)

    def _roster(self, romeo: Client, before: int, size: int) -> None:
        """Let a roster grow to this size, and measure the last changes."""
        put_items(romeo, range(before, size))
        changed = range(size - 100, size)
        self.timed(f"roster set among {size:,} items", len(changed), lambda: put_items(romeo, changed))

    def _memory(self, names: list[str]) -> None:
        before = self.processes.resident()
        clients = [self.client(names[n % FRIENDS], f"idle{n}").log_in(roster=False) for n in range(IDLE)]
        for client in clients:
            client.settle()
        self.found["memory of a session of an account with several, in KiB"] = self._grown(before) / IDLE

    def _grown(self, before: int) -> float:
        return (self.processes.resident() - before) / 1024

    def measure_idle(self, number: int) -> None:
        """Hold so many sessions, ten of each account, and measure what they cost and what a chat costs then."""
        talkers = [self._new("romeo"), self._new("juliet")]
        clients = [self._idle(n) for n in range(_FEW)]
        self._chat(_FEW, *talkers)
        before = self.processes.resident()
        clients += [self._idle(n) for n in range(_FEW, number)]
        for client in clients:
            client.settle()
        self.timed(f"a second with {number:,} idle sessions", 1, lambda: time.sleep(_REST), 1)
        self.found[f"a second with {number:,} idle sessions"] /= _REST
        self.found[f"memory of a session among {number:,}, in KiB"] = self._grown(before) / (number - _FEW)
        self._chat(number, *talkers)
        for client in clients:
            client.break_off()

    def _new(self, user: str) -> Client:
        self.client(user).register()
        return self.client(user).log_in()

    def _idle(self, number: int) -> Client:
        user, resource = f"user{number // _OF_ACCOUNT}", f"r{number % _OF_ACCOUNT}"
        if number % _OF_ACCOUNT == 0:
            self.client(user, number=number).register()
        return self.client(user, resource, number).log_in()

    def _chat(self, number: int, romeo: Client, juliet: Client) -> None:
        name = f"chat, one at a time, with {number:,} idle sessions"
        self.timed(name, _CHATS, lambda: chat(romeo, juliet, _CHATS, 1))
