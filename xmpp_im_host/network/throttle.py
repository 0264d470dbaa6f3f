"""How fast a peer may send: token buckets, and what one address may do before it has logged in."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Seconds: TypeAlias = Callable[[], float]
"""A monotonic clock: the time of the event loop."""


class TokenBucket:
    """A bucket that fills by ``rate`` tokens a second, up to ``burst``. Taking may leave a debt, which takes time."""

    __slots__ = ("burst", "clock", "rate", "since", "tokens")

    def __init__(self, rate: float, burst: float, clock: Seconds) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self.tokens, self.since = burst, clock()

    def take(self, number: int) -> float:
        """Take tokens; return after how many seconds the debt is paid: 0 if there is none."""
        self.tokens -= number
        if self.tokens >= 0:  # no need to look at the clock
            return 0.0
        now = self.clock()
        self.tokens = min(self.burst - number, self.tokens + (now - self.since) * self.rate)
        self.since = now
        return max(0.0, -self.tokens / self.rate)

    def give_back(self, number: int) -> None:
        """Put back tokens that were taken for nothing."""
        self.tokens = min(self.burst, self.tokens + number)


def peer_of(address: str) -> str:
    """Return what counts as one peer: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        if not found.is_loopback:
            return str(IPv6Network((found, 64), strict=False))
    return str(found)


class Addresses:
    """How many connections without a session each address has."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._counts: dict[str, int] = {}

    def enter(self, address: str) -> bool:
        """Count a new connection; return False if the address has too many, which is not counted."""
        count = self._counts.get(address, 0)
        if count >= self.most:
            return False
        self._counts[address] = count + 1
        return True

    def leave(self, address: str) -> None:
        """Note that a counted connection has a session now, or is closed."""
        count = self._counts.pop(address) - 1
        if count:
            self._counts[address] = count

    def __len__(self) -> int:
        return len(self._counts)
