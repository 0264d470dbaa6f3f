"""The contract of the engine protocol: each engine keeps all of it (``xmpp_im_host/storage/engine.py``)."""

from __future__ import annotations

import asyncio

import pytest

from tests.one_test import in_one_test
from tests.xmpp_im_host.running import run
from tests.xmpp_im_host.storage.conftest import Opening
from tests.xmpp_im_host.storage.contract import ALL, JULIET, ROMEO, commit_all, entries, keys, owner, write
from xmpp_im_host.storage.errors import EngineFailed, Fenced
from xmpp_im_host.storage.records import (
    LISTED,
    Append,
    Batch,
    Change,
    Listed,
    Remove,
    RemoveKind,
    Sums,
    partition_of,
)

# --- rows -------------------------------------------------------------------------------------------------------


def test_an_account_has_the_rows_that_were_written_for_it(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO, JULIET)
            mine, other = write(ROMEO, "b", '{"ü": "\\u0000"}', size=7), write(JULIET, "b", "other")
            await engine.commit(leases, Batch((mine, other)))
        async with opening() as engine:
            (lease,) = await owner(engine, ROMEO)
            assert (await engine.load(lease, ROMEO, ["contact"])).rows == (mine.row,)
            assert (await engine.load(lease, ROMEO, ["roster"])).rows == ()

    run(play())


def test_rows_come_in_the_order_in_which_they_were_written_last(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            leases = await engine.commit(leases, Batch(tuple([write(ROMEO, key) for key in "bca"])))
            await engine.commit(leases, Batch((write(ROMEO, "b", "again"),)))
            found = await engine.load(leases[0], ROMEO, ["contact"])
            assert [(row.key, row.text) for row in found.rows] == [("c", ""), ("a", ""), ("b", "again")]

    run(play())


def test_changes_of_a_batch_are_done_in_order(opening: Opening) -> None:
    changes: tuple[Change, ...] = (
        write(ROMEO, "a"),
        write(ROMEO, "b"),
        RemoveKind(ROMEO, "contact"),
        write(ROMEO, "c"),
        write(ROMEO, "d"),
        Remove(ROMEO, "contact", "c"),
        Remove(ROMEO, "contact", "never"),
    )

    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            await engine.commit(leases, Batch(changes))
            assert await keys(engine, ROMEO, leases[0]) == ["d"]

    run(play())


def test_removal_concerns_one_account_and_one_kind(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO, JULIET)
            rows = [write(jid, "x", kind=kind) for jid in (ROMEO, JULIET) for kind in ("contact", "blocked")]
            await engine.commit(leases, Batch((*rows, RemoveKind(ROMEO, "contact"), Remove(JULIET, "blocked", "x"))))
            kinds = ["contact", "blocked"]
            assert [row.kind for row in (await engine.load(leases[0], ROMEO, kinds)).rows] == ["blocked"]
            assert [row.kind for row in (await engine.load(leases[1], JULIET, kinds)).rows] == ["contact"]

    run(play())


def test_rows_of_a_kind_can_be_counted_without_reading_them(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            rows = [write(ROMEO, key, kind="offline", size=size) for key, size in (("a", 100), ("b", 20))]
            await engine.commit(leases, Batch((*rows, write(ROMEO, "c", size=5))))
            found = await engine.load(leases[0], ROMEO, ["contact"], ["offline", "notice"])
            assert [row.key for row in found.rows] == ["c"]
            assert found.sums == {"offline": Sums(2, 120), "notice": Sums(0, 0)}

    run(play())


def test_a_load_finds_every_commit_that_has_returned(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            for n in range(50):
                leases = await engine.commit(leases, Batch((write(ROMEO, "n", str(n)),)))
                (row,) = (await engine.load(leases[0], ROMEO, ["contact"])).rows
                assert row.text == str(n)

    run(play())


def test_a_scan_finds_the_rows_of_a_kind_page_by_page(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            accounts = [f"user{n}@capulet.example" for n in range(10)]
            leases = await engine.claim(ALL, "a")
            each_kind = [(account, kind, key) for account in accounts for kind in ("roster", "contact") for key in "ab"]
            await commit_all(engine, leases, [write(jid, key, jid, kind=kind) for jid, kind, key in each_kind])
            await commit_all(engine, leases, [write(accounts[0], "a", "last", kind="roster")])
            after = 0
            found: list[Listed] = []
            while page := await engine.scan(ALL, "roster", after, limit=3):
                assert len(page) <= 3
                found += page
                after = page[-1].place
            assert len(found) == 20
            assert [each.place for each in found] == sorted({each.place for each in found})
            for account in accounts:
                rows = [(each.row.key, each.row.text) for each in found if each.account == account]
                changed = [("b", account), ("a", "last")]
                assert rows == (changed if account == accounts[0] else [("a", account), ("b", account)])

            some = {partition_of(each) for each in accounts[:3]}
            expected = {each for each in accounts if partition_of(each) in some}
            assert {each.account for each in await engine.scan(some, "roster")} == expected

    run(play())


@in_one_test("kind", ["contact", "offline", "x' OR 1 --"])
def test_only_kinds_with_an_index_are_scanned(opening: Opening, kind: str) -> None:
    async def play() -> None:
        async with opening() as engine:
            for listed in LISTED:
                assert len(await engine.scan(ALL, listed)) == 0
            with pytest.raises(ValueError, match=r"^kind: "):
                await engine.scan(ALL, kind)

    run(play())


# --- leases -----------------------------------------------------------------------------------------------------


def test_a_claim_ends_the_earlier_lease(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            old = await owner(engine, ROMEO, JULIET)
            old = await engine.commit(old, Batch((write(ROMEO, "a"),), token="first"))
            (new,) = await owner(engine, ROMEO, node="b")
            assert new.epoch > old[0].epoch

            with pytest.raises(Fenced) as fenced:
                await engine.commit(old, Batch((write(ROMEO, "b"), write(JULIET, "b")), (Append("q", "s", 1, b""),)))
            assert fenced.value.partitions == {partition_of(ROMEO)}
            with pytest.raises(Fenced):
                await engine.load(old[0], ROMEO, ["contact"])
            assert await keys(engine, ROMEO, new) == ["a"]
            assert await keys(engine, JULIET, old[1]) == []
            assert len(await entries(engine, {"q": 0})) == 0
            await engine.commit([new, old[1]], Batch((write(ROMEO, "b"), write(JULIET, "b"))))

    run(play())


def test_epochs_grow_over_restarts(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            (first,) = await engine.claim([7], "a")
        async with opening() as engine:
            (second,) = await engine.claim([7], "a")
            assert second.epoch > first.epoch
            with pytest.raises(Fenced):
                await engine.commit([first], Batch())

    run(play())


def test_a_lease_tells_which_batch_was_committed_last(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO, JULIET)
            assert {each.token for each in leases} == {""}
            renewed = await engine.commit(leases, Batch((write(ROMEO, "a"), write(JULIET, "a")), token="one"))
            assert [(each.partition, each.epoch) for each in renewed] == [
                (each.partition, each.epoch) for each in leases
            ]
            await engine.commit(renewed[:1], Batch((write(ROMEO, "b"),), token="two"))
            again = await owner(engine, ROMEO, JULIET)
            assert [each.token for each in again] == ["two", "one"]
            with pytest.raises(Fenced):
                await engine.commit(renewed, Batch((write(ROMEO, "c"),), token="three"))
            assert [each.token for each in await owner(engine, ROMEO, JULIET)] == ["two", "one"]

    run(play())


def test_an_owner_renews_its_leases_and_nobody_else_does(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            first = await owner(engine, ROMEO, JULIET)
            partitions = [each.partition for each in first]
            await engine.commit(first, Batch((write(ROMEO, "a"), write(JULIET, "a")), token="one"))
            for _ in range(2):
                renewed = await engine.renew(partitions, "a")
                assert [(each.partition, each.token) for each in renewed] == [(each, "one") for each in partitions]
            with pytest.raises(Fenced):
                await engine.commit(first, Batch())
            with pytest.raises(Fenced):
                await engine.renew(partitions, "b")
            (taken,) = await owner(engine, JULIET, node="b")
            with pytest.raises(Fenced) as fenced:
                await engine.renew(partitions, "a")
            assert fenced.value.partitions == {taken.partition}
            await engine.commit([renewed[0], taken], Batch((write(ROMEO, "b"), write(JULIET, "b"))))

    run(play())


def test_rows_are_changed_only_with_a_lease_of_their_partition(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            with pytest.raises(ValueError, match=f"partition {partition_of(JULIET)}"):
                await engine.commit(leases, Batch((write(ROMEO, "a"), write(JULIET, "a"))))
            assert await keys(engine, ROMEO, leases[0]) == []

    run(play())


def test_commits_that_are_called_together_are_all_done_and_an_error_undoes_one_alone(opening: Opening) -> None:
    accounts = [f"user{n}@capulet.example" for n in range(40)]

    async def play() -> None:
        async with opening() as engine:
            leases = {each.partition: each for each in await engine.claim(ALL, "a")}
            ended = partition_of(accounts[5])
            (new,) = await engine.claim([ended], "b")

            async def commit(account: str) -> bool:
                try:
                    await engine.commit([leases[partition_of(account)]], Batch((write(account, "x"),)))
                except Fenced:
                    return False
                return True

            done = await asyncio.gather(*map(commit, accounts))
            assert done == [partition_of(each) != ended for each in accounts]
            for account in accounts:
                lease = new if partition_of(account) == ended else leases[partition_of(account)]
                assert await keys(engine, account, lease) == (["x"] if lease is not new else [])

    run(play())


# --- errors -----------------------------------------------------------------------------------------------------


def test_text_that_cannot_be_stored_changes_nothing(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            with pytest.raises(EngineFailed):
                await engine.commit(leases, Batch((write(ROMEO, "a"), write(ROMEO, "b", "\ud800"))))
            assert await keys(engine, ROMEO, leases[0]) == []

    run(play())
