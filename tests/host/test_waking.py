"""Who is woken, and when: an account wants it while a request of its user has no answer (RFC 6121 §3.1.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.host.stage import CAPULET, MERCUTIO, NOON, ROMEO, Tape, enters, numbers, says
from xmpp_im_core.host import Host, MemoryStorage, Operations, StorageFailed, Stored
from xmpp_im_core.host.wake_times import WakeTimes
from xmpp_im_core.server import Kind, Put, TimePassed, hosting
from xmpp_im_core.server.effects import wake_key, wake_time
from xmpp_im_core.snapshot import load_records


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


# --- after a restart ----------------------------------------------------------------------------------------

WEEK = timedelta(days=7)


def asked(storage: MemoryStorage) -> None:
    """Let Romeo ask Mercutio at noon, and let his server stop then."""
    host = Host(hosting(CAPULET), storage, Tape(), lambda: NOON, numbers())
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")


def test_a_host_that_starts_wakes_accounts_that_nothing_has_loaded() -> None:
    now, storage, wire = [NOON], MemoryStorage(), Tape()
    asked(storage)

    host = Host(hosting(CAPULET), storage, wire, lambda: now[0], numbers())
    assert host.service.accounts == hosting(CAPULET).accounts
    assert host.wake_at == NOON + WEEK
    now[0] = NOON + WEEK
    host.wake()

    assert [each.type for each in wire.routed] == ["subscribe"]
    assert host.wake_at == NOON + 2 * WEEK
    assert [put.key for _, put in storage.every(Kind.WAKE)] == [wake_key(NOON + 2 * WEEK)]


def test_a_storage_without_an_index_is_a_storage_too() -> None:
    class Plain:
        def __init__(self, storage: MemoryStorage) -> None:
            self.commit, self.account = storage.commit, storage.account
            self.messages, self.owed = storage.messages, storage.owed

    storage = MemoryStorage()
    asked(storage)

    assert Host(hosting(CAPULET), Plain(storage), Tape(), lambda: NOON, numbers()).wake_at is None


def test_the_time_of_an_account_in_memory_counts_and_not_the_record() -> None:
    storage = MemoryStorage()
    host = Host(hosting(CAPULET), storage, Tape(), lambda: NOON, numbers())
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")

    host.expect_wakes([(ROMEO, Put(Kind.WAKE, wake_key(NOON), None)), (MERCUTIO, Put(Kind.WAKE, "never", None))])

    assert host.wake_at == NOON + WEEK


def test_a_record_that_is_too_early_does_not_stay() -> None:
    now, storage, wire = [NOON], MemoryStorage(), Tape()
    asked(storage)
    storage.commit([(ROMEO, Put(Kind.WAKE, wake_key(NOON), None))])

    host = Host(hosting(CAPULET), storage, wire, lambda: now[0], numbers())
    host.wake()

    assert wire.routed == []
    assert [put.key for _, put in storage.every(Kind.WAKE)] == [wake_key(NOON + WEEK)]


def test_with_the_last_request_the_record_goes() -> None:
    now, storage = [NOON], MemoryStorage()
    host = Host(hosting(CAPULET), storage, Tape(), lambda: now[0], numbers())
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")
    says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='unsubscribe'/>")

    now[0] = NOON + WEEK
    host.happened(ROMEO, TimePassed)

    assert [*storage.every(Kind.WAKE)] == []


def test_if_the_commit_of_a_wake_fails_the_record_stays_and_the_account_is_woken_again() -> None:
    class Failing(MemoryStorage):
        broken = False

        def commit(self, operations: Operations) -> None:
            if self.broken:
                raise StorageFailed
            super().commit(operations)

    now, storage, wire = [NOON], Failing(), Tape()
    asked(storage)
    host = Host(hosting(CAPULET), storage, wire, lambda: now[0], numbers())
    now[0], storage.broken = NOON + WEEK, True
    host.wake()
    assert (wire.routed, host.wake_at) == ([], NOON + WEEK + timedelta(minutes=1))
    assert [put.key for _, put in storage.every(Kind.WAKE)] == [wake_key(NOON + WEEK)]

    now[0], storage.broken = NOON + WEEK + timedelta(minutes=1), False
    host.wake()

    assert [each.type for each in wire.routed] == ["subscribe"]
    assert [put.key for _, put in storage.every(Kind.WAKE)] == [wake_key(now[0] + WEEK)]


# --- the key ------------------------------------------------------------------------------------------------


def test_keys_sort_by_time_and_give_it_back() -> None:
    times = [
        datetime.min.replace(tzinfo=UTC),
        NOON,
        NOON + timedelta(microseconds=1),
        (NOON + timedelta(hours=1)).astimezone(timezone(timedelta(hours=-9))),
        datetime.max.replace(tzinfo=UTC),
    ]
    keys = [wake_key(at) for at in times]

    assert keys == sorted(keys)
    assert [wake_time(key) for key in keys] == times


def test_a_time_that_is_too_late_for_utc_has_the_last_key() -> None:
    latest = datetime.max.replace(tzinfo=timezone(timedelta(hours=-9)))

    assert wake_key(latest) == wake_key(datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize("key", ["", "noon", "2026-01-01T12:00:00"])
def test_a_key_that_is_no_time_is_a_damaged_record(key: str) -> None:
    found = load_records([(Kind.WAKE, key, '{"format":1,"value":null}')])

    assert wake_time(key) is None
    assert (found.records, [(each.kind, each.key) for each in found.damaged]) == ((), [(Kind.WAKE, key)])
