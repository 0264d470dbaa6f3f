"""The contract of the engine protocol: each engine keeps all of it (``xmpp_im_host/storage/engine.py``)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from tests.one_test import in_one_test
from tests.xmpp_im_host.running import run
from tests.xmpp_im_host.storage.conftest import Opening
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Fenced
from xmpp_im_host.storage.records import (
    LISTED,
    PARTITIONS,
    Append,
    Batch,
    Change,
    Lease,
    Listed,
    Node,
    Remove,
    RemoveKind,
    Row,
    Sums,
    Write,
    node_lease,
    partition_of,
)

ROMEO, JULIET = "romeo@montague.example", "juliet@capulet.example"
ALL = range(PARTITIONS)


def write(account: str, key: str, text: str = "", *, kind: str = "contact", size: int = 0) -> Write:
    return Write(account, Row(kind, key, text, size))


async def owner(engine: Engine, *accounts: str, node: str = "a") -> tuple[Lease, ...]:
    return await engine.claim([partition_of(each) for each in accounts], node)


async def keys(engine: Engine, account: str, lease: Lease, kinds: Collection[str] = ("contact",)) -> list[str]:
    return [row.key for row in (await engine.load(lease, account, kinds)).rows]


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
            changes = [write(each, "", each, kind=kind) for each in accounts for kind in ("roster", "contact")]
            leases = await engine.commit(leases, Batch(tuple(changes)))
            await engine.commit(leases, Batch((write(accounts[0], "", "last", kind="roster"),)))
            after = 0
            found: list[Listed] = []
            while page := await engine.scan(ALL, "roster", after, limit=3):
                assert len(page) <= 3
                found += page
                after = page[-1].place
            assert [each.account for each in found] == [*accounts[1:], accounts[0]]
            assert found[-1].row == Row("roster", "", "last")

            some = [partition_of(each) for each in accounts[:3]]
            expected = [each for each in (*accounts[1:], accounts[0]) if partition_of(each) in some]
            assert [each.account for each in await engine.scan(some, "roster")] == expected

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
            assert len(await engine.entries({"q": 0})) == 0
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


# --- queues -----------------------------------------------------------------------------------------------------


def test_entries_stay_in_order_until_they_are_settled(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            for n, queue in enumerate("aabba"):
                await engine.append(queue, "s", n, f"{queue}{n}".encode())
        async with opening() as engine:
            found = await engine.entries({"a": 0, "b": 0})
            assert [each.body for each in found if each.queue == "a"] == [b"a0", b"a1", b"a4"]
            assert [each.body for each in found if each.queue == "b"] == [b"b2", b"b3"]
            first, second, third = [each.position for each in found if each.queue == "a"]
            assert first < second < third
            await engine.settle("a", [first])
            await engine.settle("a", [first, 10**6])
            assert third not in [each.position for each in found if each.queue == "b"]
            await engine.settle("b", [third])  # a position of another queue
            assert [each.body for each in await engine.entries({"a": 0})] == [b"a1", b"a4"]
            assert len(await engine.entries({"b": 0})) == 2
            assert len(await engine.entries({"a": 0, "b": 0}, limit=1)) == 1
            assert len(await engine.entries({})) == 0

    run(play())


def test_an_entry_is_appended_once_however_often_it_is_tried(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            for n in (1, 1, 2, 1, 2):
                await engine.append("q", "s", n, str(n).encode())
            await engine.append("q", "other", 1, b"other")
            await engine.append("p", "s", 1, b"elsewhere")
            found = await engine.entries({"q": 0})
            assert [each.body for each in found] == [b"1", b"2", b"other"]
            await engine.settle("q", [each.position for each in found])
        async with opening() as engine:
            await engine.append("q", "s", 2, b"late")
            assert len(await engine.entries({"q": 0})) == 0
            await engine.append("q", "s", 3, b"3")
            (entry,) = await engine.entries({"q": 0})
            assert entry.position > max(each.position for each in found)

    run(play())


def test_a_batch_consumes_changes_and_appends_together(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            await engine.append("in", "client", 1, b"stanza")
            (entry,) = await engine.entries({"in": 0})
            out = Append("out", "p7", 1, b"answer")
            batch = Batch((write(ROMEO, "a"),), (out, out), ((entry.queue, entry.position),), "t")
            leases = await engine.commit(leases, batch)
            assert [each.body for each in await engine.entries({"in": 0, "out": 0})] == [b"answer"]
            await engine.commit(leases, batch)  # the same again changes nothing
            assert [each.body for each in await engine.entries({"in": 0, "out": 0})] == [b"answer"]
            assert await keys(engine, ROMEO, leases[0]) == ["a"]

    run(play())


def test_a_reader_goes_on_after_a_position_of_each_queue(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            for n, queue in enumerate("abababc"):
                await engine.append(queue, "s", n, f"{queue}{n}".encode())
            found = {each.body: each.position for each in await engine.entries({"a": 0, "b": 0})}
            assert list(found) == [b"a0", b"b1", b"a2", b"b3", b"a4", b"b5"]
            after = {"a": found[b"a2"], "b": found[b"b5"], "c": 0, "empty": 0}
            assert [each.body for each in await engine.entries(after)] == [b"a4", b"c6"]
            assert [each.body for each in await engine.entries({"a": found[b"a0"]}, limit=1)] == [b"a2"]
            await engine.settle("a", found.values())
            await engine.append("a", "s", 7, b"a7")
            (last,) = await engine.entries({"a": found[b"a4"]})
            assert last.body == b"a7"

    run(play())


def test_commits_of_one_owner_after_another_append_in_their_order(opening: Opening) -> None:
    """A reader may remember up to where it has read a queue that has one writer at a time."""

    async def play() -> None:
        async with opening() as engine:
            seen: list[bytes] = []
            after = 0
            for n in range(6):
                if n % 3 == 0:
                    leases = await engine.claim([7], f"owner {n}")
                appends = tuple([Append("gateway", "", body=f"{n}{each}".encode()) for each in "ab"])
                leases = await engine.commit(leases, Batch(appends=appends, token=str(n)))
                if n % 2:
                    for entry in await engine.entries({"gateway": after}):
                        seen.append(entry.body)
                        after = entry.position
            assert seen == [f"{n}{each}".encode() for n in range(6) for each in "ab"]

    run(play())


def test_entries_without_a_source_are_appended_each_time(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            same = Append("q", "", body=b"same")
            await engine.commit(leases, Batch(appends=(same, same)))
            await engine.commit(leases, Batch(appends=(same, Append("q", "s", 1, b"other"))))
            assert [each.body for each in await engine.entries({"q": 0})] == [b"same"] * 3 + [b"other"]

    run(play())


def test_a_source_that_a_batch_has_several_entries_of_gets_each_once(opening: Opening) -> None:
    def numbered(*numbers: int) -> tuple[Append, ...]:
        return tuple([Append(queue, "s", n, f"{queue}{n}".encode()) for n in numbers for queue in "pq"])

    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            await engine.commit(leases, Batch(appends=numbered(1, 2)))
            await engine.commit(
                leases, Batch(appends=(*numbered(2, 3, 3), Append("q", "other", 1, b"x"), *numbered(4)))
            )
            assert [each.body for each in await engine.entries({"p": 0})] == [b"p1", b"p2", b"p3", b"p4"]
            assert [each.body for each in await engine.entries({"q": 0})] == [b"q1", b"q2", b"q3", b"x", b"q4"]

    run(play())


# --- nodes ------------------------------------------------------------------------------------------------------


def test_a_node_gets_a_number_that_no_other_one_has_had(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            first, second = await engine.join("verona"), await engine.join("verona")
            await engine.leave(second)
            await engine.leave(second)
        async with opening() as engine:
            third = await engine.join("mantua")
            assert 0 < first < second < third
            assert await engine.beat(0, "nobody") == (Node(first, "verona"), Node(third, "mantua"))

    run(play())


def test_a_beat_is_counted_and_tells_about_all_nodes(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            first, second = await engine.join("verona"), await engine.join("mantua")
            await engine.beat(first, "{}")
            found = await engine.beat(first, '{"sessions": 1}')
            assert found == (Node(first, "verona", 2, report='{"sessions": 1}'), Node(second, "mantua"))
            await engine.direct(second, weight=0.5)
            await engine.direct(first, draining=True)
            await engine.direct(second + 1, draining=True)
            assert await engine.beat(second, "") == (
                Node(first, "verona", 2, 1.0, True, '{"sessions": 1}'),
                Node(second, "mantua", 1, 0.5),
            )
            await engine.direct(first, draining=False)
            await engine.leave(second)
            assert await engine.beat(second, "late") == (Node(first, "verona", 2, report='{"sessions": 1}'),)

    run(play())


def test_who_claims_the_lease_of_a_node_ends_what_it_may_do(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            dead, other = await engine.join("dead"), await engine.join("other")
            own = await engine.claim([node_lease(dead)], "dead")
            own = await engine.commit(own, Batch(appends=(Append("partition/7", "", body=b"last"),), token="last"))
            taken = await engine.claim([node_lease(dead), node_lease(other)], "other")
            assert [each.token for each in taken] == ["last", ""]
            with pytest.raises(Fenced) as fenced:
                await engine.commit(own, Batch(appends=(Append("partition/7", "", body=b"never"),)))
            assert fenced.value.partitions == {node_lease(dead)}
            await engine.commit(taken, Batch(appends=(Append("partition/7", f"end/{dead}", 1, b"ended"),)))
            assert [each.body for each in await engine.entries({"partition/7": 0})] == [b"last", b"ended"]

    run(play())


def test_rows_are_read_without_a_lease_whoever_owns_the_account(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            row = write(ROMEO, "a", "text", size=3)
            await engine.commit(leases, Batch((row,)))
            await owner(engine, ROMEO, node="b")
            assert (await engine.load(None, ROMEO, ["contact"])).rows == (row.row,)
            assert (await engine.load(None, JULIET, [], ["contact"])).sums == {"contact": Sums()}

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
