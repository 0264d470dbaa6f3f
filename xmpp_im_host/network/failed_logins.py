"""Slow down guesses: after some failed logins from an address, its next logins wait, one after the other.

An address may fail some times without waiting, and then once every two seconds. A login that has to wait counts as a
failed one from its beginning, so guesses in parallel wait longer each. How many may wait is bounded; any other login
is refused. A login from an address without failures never waits, and is never refused.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

from xmpp_im_host.network.throttle import TokenBucket, peer_of

_RATE: Final = 0.5
_BURST: Final = 10
_REMEMBERED: Final = 10_000
LONGEST: Final = 10.0
"""A login that had to wait for more seconds is refused. So at most five logins of one address wait."""
PER_ACCOUNT: Final = 10
"""How many logins as one account may wait, from all addresses."""
IN_ALL: Final = 1_000
"""How many logins may wait."""


class FailedLogins:
    """The failed logins of each address, for the addresses that failed last."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.waiting = 0
        """How many logins wait."""
        self._accounts: Counter[str] = Counter()
        """How many of them wait for each account."""
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def begin(self, address: str, account: str) -> Attempt | None:
        """Begin a login; None if it is refused, because too many wait already."""
        bucket = self._buckets.get(peer_of(address))
        if bucket is None or bucket.tokens >= 1:
            return Attempt(self, address, account)
        delay = bucket.take(1)
        if delay and (delay > LONGEST or self.waiting >= IN_ALL or self._accounts[account] >= PER_ACCOUNT):
            bucket.give_back(1)
            return None
        return Attempt(self, address, account, bucket, delay)

    def failed(self, address: str) -> None:
        """Note a failed login."""
        address = peer_of(address)
        bucket = self._buckets.pop(address, None) or TokenBucket(_RATE, _BURST, self.clock)
        bucket.take(1)
        self._buckets[address] = bucket
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)

    def wait(self, account: str) -> None:
        """Count a login that waits."""
        self.waiting += 1
        self._accounts[account] += 1

    def go_on(self, account: str) -> None:
        """Note that a login waits no longer."""
        self.waiting -= 1
        self._accounts[account] -= 1
        if not self._accounts[account]:
            del self._accounts[account]


class Attempt:
    """A login that has begun. Wait ``delay`` seconds, call ``go_on``, and then tell how it ended, once."""

    __slots__ = ("_account", "_address", "_bucket", "_logins", "delay")

    def __init__(
        self, logins: FailedLogins, address: str, account: str, bucket: TokenBucket | None = None, delay: float = 0.0
    ) -> None:
        """:param bucket: the bucket from which a token was taken, so that this counts as a failed login already."""
        self.delay = delay
        self._logins, self._address, self._account, self._bucket = logins, address, account, bucket
        if delay:
            logins.wait(account)

    def go_on(self) -> None:
        """Note that the login waits no longer."""
        if self.delay:
            self._logins.go_on(self._account)

    def failed(self) -> None:
        """Note that the client did not know the password."""
        if self._bucket is None:
            self._logins.failed(self._address)

    def forgive(self) -> None:
        """Note that the client knew the password, or that this server could not check it."""
        if self._bucket is not None:
            self._bucket.give_back(1)
