"""The contract of the engine protocol, for queues and nodes: each engine keeps all of it."""

from __future__ import annotations

import pytest

from tests.xmpp_im_host.running import run
from tests.xmpp_im_host.storage.conftest import Opening
from tests.xmpp_im_host.storage.contract import JULIET, ROMEO, entries, keys, owner, write
from xmpp_im_host.storage.errors import Fenced
from xmpp_im_host.storage.records import (
    Append,
    Batch,
    Node,
    Sums,
    node_lease,
)

# --- queues -----------------------------------------------------------------------------------------------------


def test_entries_stay_in_order_until_they_are_settled(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            for n, queue in enumerate("aabba"):
                await engine.append(queue, "s", n, f"{queue}{n}".encode())
        async with opening() as engine:
            found = await entries(engine, {"a": 0, "b": 0})
            assert [each.body for each in found if each.queue == "a"] == [b"a0", b"a1", b"a4"]
            assert [each.body for each in found if each.queue == "b"] == [b"b2", b"b3"]
            first, second, third = [each.position for each in found if each.queue == "a"]
            assert first < second < third
            await engine.settle("a", [first])
            await engine.settle("a", [first, 10**6])
            assert third not in [each.position for each in found if each.queue == "b"]
            await engine.settle("b", [third])  # a position of another queue
            assert [each.body for each in await entries(engine, {"a": 0})] == [b"a1", b"a4"]
            assert len(await entries(engine, {"b": 0})) == 2
            assert len(await entries(engine, {"a": 0, "b": 0}, limit=1)) == 1
            assert len(await entries(engine, {})) == 0

    run(play())


def test_an_entry_is_appended_once_however_often_it_is_tried(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            for n in (1, 1, 2, 1, 2):
                await engine.append("q", "s", n, str(n).encode())
            await engine.append("q", "other", 1, b"other")
            await engine.append("p", "s", 1, b"elsewhere")
            found = await entries(engine, {"q": 0})
            assert [each.body for each in found] == [b"1", b"2", b"other"]
            await engine.settle("q", [each.position for each in found])
        async with opening() as engine:
            await engine.append("q", "s", 2, b"late")
            assert len(await entries(engine, {"q": 0})) == 0
            await engine.append("q", "s", 3, b"3")
            (entry,) = await entries(engine, {"q": 0})
            assert entry.position > max(each.position for each in found)

    run(play())


def test_a_batch_consumes_changes_and_appends_together(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            leases = await owner(engine, ROMEO)
            await engine.append("in", "client", 1, b"stanza")
            (entry,) = await entries(engine, {"in": 0})
            out = Append("out", "p7", 1, b"answer")
            batch = Batch((write(ROMEO, "a"),), (out, out), ((entry.queue, entry.position),), "t")
            leases = await engine.commit(leases, batch)
            assert [each.body for each in await entries(engine, {"in": 0, "out": 0})] == [b"answer"]
            await engine.commit(leases, batch)  # the same again changes nothing
            assert [each.body for each in await entries(engine, {"in": 0, "out": 0})] == [b"answer"]
            assert await keys(engine, ROMEO, leases[0]) == ["a"]

    run(play())


def test_a_reader_goes_on_after_a_position_of_each_queue(opening: Opening) -> None:
    async def play() -> None:
        async with opening() as engine:
            for n, queue in enumerate("abababc"):
                await engine.append(queue, "s", n, f"{queue}{n}".encode())
            found = {each.body: each.position for each in await entries(engine, {"a": 0, "b": 0})}
            assert list(found) == [b"a0", b"b1", b"a2", b"b3", b"a4", b"b5"]
            after = {"a": found[b"a2"], "b": found[b"b5"], "c": 0, "empty": 0}
            assert [each.body for each in await entries(engine, after)] == [b"a4", b"c6"]
            assert [each.body for each in await entries(engine, {"a": found[b"a0"]}, limit=1)] == [b"a2"]
            await engine.settle("a", found.values())
            await engine.append("a", "s", 7, b"a7")
            (last,) = await entries(engine, {"a": found[b"a4"]})
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
                    for entry in await entries(engine, {"gateway": after}):
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
            assert [each.body for each in await entries(engine, {"q": 0})] == [b"same"] * 3 + [b"other"]

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
            assert [each.body for each in await entries(engine, {"p": 0})] == [b"p1", b"p2", b"p3", b"p4"]
            assert [each.body for each in await entries(engine, {"q": 0})] == [b"q1", b"q2", b"q3", b"x", b"q4"]

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
            await engine.commit(taken[:1], Batch(appends=(Append("partition/7", f"end/{dead}", 1, b"ended"),)))
            assert [each.body for each in await entries(engine, {"partition/7": 0})] == [b"last", b"ended"]

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
