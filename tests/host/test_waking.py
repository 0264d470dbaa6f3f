"""Who is woken, and when: an account wants it while a request of its user has no answer (RFC 6121 §3.1.2)."""

from __future__ import annotations

from datetime import timedelta

from tests.host.stage import CAPULET, MERCUTIO, NOON, ROMEO, Tape, enters, numbers, says
from xmpp_im_core.host import Host, MemoryStorage, StorageFailed, Stored
from xmpp_im_core.host.wake_times import WakeTimes
from xmpp_im_core.server import hosting


class Unreadable(MemoryStorage):
    broken = False

    def account(self, jid: str) -> Stored:
        if self.broken:
            raise StorageFailed
        return super().account(jid)


def test_an_account_that_could_not_be_loaded_when_its_time_came_is_woken_again() -> None:
    now, storage, wire = [NOON], Unreadable(), Tape()
    host = Host(hosting(CAPULET), storage, wire, lambda: now[0], numbers())
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")
    host.end(ROMEO, orchard)
    assert host.unload(ROMEO)
    wire.routed.clear()

    assert host.wake_at is not None
    now[0], storage.broken = host.wake_at, True
    host.wake()
    assert wire.routed == []
    assert host.wake_at is not None
    now[0], storage.broken = host.wake_at, False
    host.wake()

    assert [each.type for each in wire.routed] == ["subscribe"]


def test_an_account_with_nothing_due_is_not_woken_again() -> None:
    now, wire = [NOON], Tape()
    host = Host(hosting(CAPULET), MemoryStorage(), wire, lambda: now[0], numbers())
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")
    says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='unsubscribe'/>")

    wire.routed.clear()
    assert host.wake_at is not None
    now[0] = host.wake_at
    host.wake()

    assert wire.routed == []
    assert host.wake_at is None


def test_an_account_that_goes_on_changing_its_mind_does_not_fill_the_memory() -> None:
    wakes = WakeTimes()
    for n in range(10_000):
        wakes._set(ROMEO, NOON + timedelta(seconds=n))

    assert len(wakes.heap) < 100
    assert wakes.first == NOON + timedelta(seconds=9_999)
