"""What a chat message takes on its way through a node: it is parsed once, and nothing is written that need not be."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from benchmarks.cluster.in_process import StillLoop, Town
from tests.xmpp_im_host.cluster.world import World
from xmpp_im_core.codec.recording import Recorded
from xmpp_im_host.cluster.cluster_host import ClusterHost
from xmpp_im_host.cluster.entry_reading import EntryReader
from xmpp_im_host.cluster.queue_entries import dump_entry
from xmpp_im_host.cluster.stanza_reader import StanzaReader

USERS, EACH = 6, 3
MESSAGES = USERS * EACH


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Let the users chat, and count."""
    found: Counter[str] = Counter()

    def count(kind: type[Any], method: str) -> None:
        original = getattr(kind, method)

        def counting(self: Any, *arguments: Any) -> Any:
            found[f"{kind.__name__}.{method}"] += 1
            return original(self, *arguments)

        monkeypatch.setattr(kind, method, counting)

    async def chat() -> Counter[str]:
        async with Town(USERS) as town:
            await town.chat(EACH)  # what happens only once has happened
            for kind, method in ((StanzaReader, "read"), (EntryReader, "any_entry"), (Recorded, "text")):
                count(kind, method)
            before, steps = Counter(town.engine.counts), town.steps()
            await town.chat(EACH)
            found["steps"] = town.steps() - steps
            return found + (Counter(town.engine.counts) - before)

    with asyncio.Runner(loop_factory=StillLoop) as runner:
        return runner.run(chat())


def test_a_chat_message_takes_two_steps_and_three_entries_and_writes_no_row(counted: Counter[str]) -> None:
    assert counted["steps"] == 2 * MESSAGES
    assert counted["entries"] == 3 * MESSAGES
    assert counted["rows"] == 0


def test_a_node_does_not_parse_what_it_has_written_itself(counted: Counter[str]) -> None:
    assert counted["EntryReader.any_entry"] == 3 * MESSAGES
    assert counted["StanzaReader.read"] == 0


def test_the_content_of_a_message_is_written_once_for_three_entries_and_the_recipient(counted: Counter[str]) -> None:
    assert counted["Recorded.text"] == MESSAGES


def test_an_entry_takes_few_bytes_beside_its_stanza(counted: Counter[str]) -> None:
    assert counted["bytes"] < 3 * 330 * MESSAGES


def test_what_has_come_from_another_node_is_not_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text is known: each of three entries and the recipient get the same one."""
    written = Counter[str]()
    original = Recorded.text

    def text(self: Recorded) -> bytes | None:
        written["texts"] += 1
        return original(self)

    monkeypatch.setattr(Recorded, "text", text)
    entry = b'outbound ["romeo@montague.example","2026-07-12T12:00:00+00:00","q1",["orchard",1],"ASK"]\n'
    stanza = b'<message to="juliet@capulet.example" id="m1" type="chat"><body>wherefore art thou?</body></message>'
    found = EntryReader().partition_entry(entry + stanza)
    assert dump_entry(found) == entry + stanza
    assert written["texts"] == 0


def test_a_node_keeps_only_what_it_reads_itself() -> None:
    """A third of what each of three nodes appends comes back to it. The rest would fill its memory."""
    with World(seed=1, nodes=3) as world:
        world.weather.calm = True
        for slot in range(3):
            world.enter(slot, slot)
        world.wait(2.0)
        for n in range(30):
            world.chat(n % 3, ("juliet", "nurse", "romeo")[n % 3])
        world.wait(1.0)
        hosts = [each.server.host for each in world.nodes]
        lives = [host.life for host in hosts if isinstance(host, ClusterHost) and host.life is not None]
        assert len(lives) == 3
        assert sum(len(life.own.queues) for life in lives) == 256 * 4
        assert [len(life.own) for life in lives] == [0, 0, 0]
