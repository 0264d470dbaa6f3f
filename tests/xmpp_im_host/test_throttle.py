"""Token buckets, and the connections that an address may have before it logs in."""

from __future__ import annotations

import asyncio

import pytest

from xmpp_im_host.configuration import Limits
from xmpp_im_host.counters import Counters
from xmpp_im_host.network.link import Driver, Link
from xmpp_im_host.network.links import Links
from xmpp_im_host.network.throttle import Addresses, TokenBucket, peer_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(10, 100, clock)

    assert bucket.take(100) == 0
    assert bucket.take(5) == 0.5
    clock.now = 0.5
    assert bucket.take(0) == 0
    assert bucket.take(10) == 1


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    clock = Clock()
    bucket = TokenBucket(10, 100, clock)
    bucket.take(100)
    clock.now = 1_000.0

    assert bucket.take(110) == 1


def test_an_address_has_a_number_of_connections_without_a_session() -> None:
    addresses = Addresses(2)

    assert addresses.enter("192.0.2.1")
    assert addresses.enter("192.0.2.1")
    assert not addresses.enter("192.0.2.1")
    assert addresses.enter("192.0.2.2")
    addresses.leave("192.0.2.1")
    assert addresses.enter("192.0.2.1")


def test_addresses_without_connections_are_forgotten() -> None:
    addresses = Addresses(2)
    addresses.enter("192.0.2.1")
    addresses.leave("192.0.2.1")

    assert len(addresses) == 0


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_a_network_of_ipv6_is_one_peer(address: str, peer: str) -> None:
    assert peer_of(address) == peer


# --- silence ------------------------------------------------------------------------------------------------


class Waiting(asyncio.Transport):
    """A transport whose peer reads when a test says so."""

    waiting = 0
    aborted = False

    def is_closing(self) -> bool:
        return self.aborted

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.waiting += len(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True


class Bound:
    """A driver with a session."""

    has_session = True
    probes = 0

    def receive(self, data: bytes) -> None: ...

    def secured(self, transport: object) -> None: ...

    def go_on(self) -> None: ...

    def lost(self) -> None: ...

    def rest(self) -> None: ...

    def close(self, condition: str) -> None: ...

    def probe(self) -> None:
        self.probes += 1


class Watched(Link):
    transport: Waiting

    def make_driver(self) -> Driver:
        return Bound()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def link(clock: Clock) -> Watched:
    link = Watched(Links(Limits(idle_seconds=300, answer_seconds=60), Counters(), clock))
    link.connection_made(Waiting())
    return link


def look(link: Watched, clock: Clock, seconds: float) -> bool:
    """Let time pass, and the watch look; return whether the connection goes on."""
    until = clock.now + seconds
    while clock.now < until and not link.transport.aborted:
        clock.now += 1
        link.links.look()
    return not link.transport.aborted


def test_a_silent_peer_is_dropped(link: Watched, clock: Clock) -> None:
    assert look(link, clock, 359)
    assert not look(link, clock, 5)


def test_a_peer_that_the_server_does_not_read_is_not_silent(link: Watched, clock: Clock) -> None:
    link.set_busy(True)
    assert look(link, clock, 1_000)
    link.set_busy(False)

    assert look(link, clock, 300)
    assert not look(link, clock, 65)


def test_a_peer_that_reads_slowly_is_not_silent(link: Watched, clock: Clock) -> None:
    """Its queue may grow all the same: the server writes faster."""
    link.write(b"x" * 100_000)
    link.pause_writing()
    for _ in range(20):
        assert look(link, clock, 100)
        link.transport.waiting -= 10
        link.write(b"x" * 20)

    assert not look(link, clock, 365)
    assert link.links.counters.refused == {"idle_seconds": 1}


def test_a_peer_that_reads_slowly_through_tls_is_not_silent(link: Watched, clock: Clock) -> None:
    """TLS tells of a queue only when half a megabyte waits in it. What waits in the transport below counts too."""
    link.below = Waiting()
    link.below.write(b"x" * 100_000)
    for _ in range(20):
        assert look(link, clock, 100)
        link.below.waiting -= 10

    assert not look(link, clock, 365)


def test_what_the_kernel_takes_is_no_sign_of_life(link: Watched, clock: Clock) -> None:
    """A peer that is gone: the server writes now and then, and nothing waits."""
    for _ in range(3):
        assert look(link, clock, 100)
        link.write(b"x" * 20)
        link.transport.waiting = 0

    assert not look(link, clock, 65)
