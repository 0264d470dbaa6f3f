"""Slow down guesses: after some failed logins, the next login from the same address waits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from xmpp_im_host.network.throttle import TokenBucket, peer_of

_RATE: Final = 0.5
_BURST: Final = 10
_REMEMBERED: Final = 10_000
_LONGEST: Final = 10.0


class FailedLogins:
    """The failed logins of each address, for the addresses that failed last."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def failed(self, address: str) -> None:
        """Note a failed login."""
        address = peer_of(address)
        bucket = self._buckets.pop(address, None) or TokenBucket(_RATE, _BURST, self.clock)
        bucket.take(1)
        self._buckets[address] = bucket
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)

    def delay(self, address: str) -> float:
        """Return how many seconds the next login from this address has to wait: 0 for nearly every one."""
        bucket = self._buckets.get(peer_of(address))
        return 0.0 if bucket is None else min(_LONGEST, bucket.take(0))
