"""Token buckets, and the connections that an address may have before it logs in."""

from __future__ import annotations

import pytest

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
