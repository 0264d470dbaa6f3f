"""The end of a node: its sessions end once, and what it had not handed over is stored, sent elsewhere or answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import count

import pytest

from tests.one_test import in_one_test
from tests.xmpp_im_host.cluster.stage import (
    AVAILABLE,
    CAPULET,
    JULIET,
    NURSE,
    ROMEO,
    ROOMS,
    TYBALT,
    Stage,
    befriend,
    chat,
    chatting,
)
from tests.xmpp_im_host.running import run
from xmpp_im_core.jid import parse_address
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.server import AS_IT_STANDS, Deliver, IdentifiedEffect, SessionId
from xmpp_im_core.server.effects import EffectId
from xmpp_im_core.stanza import Message, payload
from xmpp_im_host.cluster import batch_rows, paging
from xmpp_im_host.cluster.queue_entries import Perform, dump_entry
from xmpp_im_host.cluster.queue_names import gateway_queue, gateway_queues
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import PARTITIONS, Entry, Listed, node_lease, partition_of

NEIGHBOUR = next(jid for n in count() if partition_of(jid := f"servant{n}@{CAPULET}") == partition_of(JULIET))
"""An account of the same partition as Juliet's."""


async def waiting_for(stage: Stage, number: int) -> int:
    """Return how many entries wait in the queues of a node."""
    return len(await stage.engine.entries(dict.fromkeys(gateway_queues(number), 0), 1_000_000))


@in_one_test("new_owner", [False, True])
def test_contacts_and_recipients_of_directed_presence_are_told_once(new_owner: bool) -> None:
    """RFC 6121 §4.5.2: the server sends unavailable presence on behalf of a session that has ended."""

    async def play() -> None:
        stage, dying = await chatting(JULIET, ROMEO, NURSE, TYBALT)
        living = await stage.gateway()
        await befriend(stage, living, JULIET, ROMEO)
        for account in (ROMEO, NURSE, TYBALT):
            await living.bind(account, "home", AVAILABLE)
        await dying.bind(JULIET, "balcony", AVAILABLE, f'<presence to="{NURSE}/home"/>')
        await stage.run()
        await living.read()
        living.got.clear()

        await stage.end(dying)
        if new_owner:  # nothing of the accounts is in memory
            await stage.owner()
        await stage.run()
        await living.read()

        gone = [(f"{JULIET}/balcony", "unavailable")]
        assert living.presence(ROMEO) == gone
        assert living.presence(NURSE) == gone
        assert living.presence(TYBALT) == []
        assert await stage.rows(JULIET, "session", "replaced") == []
        assert await waiting_for(stage, dying.number) == 0

        await stage.end(dying)
        await stage.run()
        await living.read()
        assert living.presence(ROMEO) == gone

    run(play())


def test_sessions_of_other_gateways_stay() -> None:
    async def play() -> None:
        stage, dying = await chatting(JULIET, ROMEO)
        living = await stage.gateway()
        await befriend(stage, living, JULIET, ROMEO)
        await living.bind(ROMEO, "home", AVAILABLE)
        await living.bind(JULIET, "chamber", AVAILABLE)
        await dying.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await living.read()
        living.got.clear()
        await stage.end(dying)
        await stage.run()
        await living.read()
        assert living.presence(ROMEO) == [(f"{JULIET}/balcony", "unavailable")]
        assert living.closed == []
        assert [key for _, key in await stage.rows(JULIET, "session")] == ["chamber"]

    run(play())


def test_messages_that_were_not_handed_over_are_stored_in_their_order() -> None:
    async def play() -> None:
        stage, dying = await chatting(JULIET, ROMEO)
        living = await stage.gateway()
        balcony = await living.bind(JULIET, "balcony", AVAILABLE)
        orchard = await dying.bind(ROMEO, "orchard", AVAILABLE)
        await dying.bind(ROMEO, "street", AVAILABLE)
        await stage.run()
        await dying.read()
        for n in range(4):  # by turns for one session, and for both
            await living.says(JULIET, balcony, chat(f"{ROMEO}/{orchard.resource}" if n % 2 else ROMEO, f"m{n}"))
        await stage.run()
        assert await waiting_for(stage, dying.number) > 0
        await stage.end(dying)
        await stage.run()
        assert await waiting_for(stage, dying.number) == 0
        assert len(await stage.rows(ROMEO, "offline")) == 4

        await living.bind(ROMEO, "tomb", AVAILABLE)
        await stage.run()
        await living.read()
        assert living.bodies(ROMEO) == ["m0", "m1", "m2", "m3"]
        assert await stage.rows(ROMEO, "offline") == []

    run(play())


def test_a_message_that_another_session_has_is_not_delivered_again() -> None:
    async def play() -> None:
        stage, dying = await chatting(JULIET, ROMEO)
        living = await stage.gateway()
        balcony = await living.bind(JULIET, "balcony", AVAILABLE)
        await living.bind(ROMEO, "home", AVAILABLE)
        await dying.bind(ROMEO, "orchard", AVAILABLE)
        await stage.run()
        await dying.read()
        await living.says(JULIET, balcony, chat(ROMEO, "for both"))
        await living.says(JULIET, balcony, chat(f"{ROMEO}/orchard", "for one"))
        await stage.run()
        await stage.end(dying)
        await stage.run()
        await living.read()
        assert living.bodies(ROMEO) == ["for both", "for one"]
        assert await stage.rows(ROMEO, "offline") == []

    run(play())


def test_a_request_that_was_not_handed_over_is_answered() -> None:
    async def play() -> None:
        stage, dying = await chatting(JULIET, ROMEO)
        living = await stage.gateway()
        await befriend(stage, living, JULIET, ROMEO)
        balcony = await living.bind(JULIET, "balcony", AVAILABLE)
        await dying.bind(ROMEO, "orchard", AVAILABLE)
        await stage.run()
        await dying.read()
        await living.says(
            JULIET, balcony, f'<iq to="{ROMEO}/orchard" type="get" id="t"><time xmlns="urn:xmpp:time"/></iq>'
        )
        await stage.run()
        await living.read()
        assert living.conditions(JULIET) == []
        await stage.end(dying)
        await stage.run()
        await living.read()
        assert living.conditions(JULIET) == ["service-unavailable"]

    run(play())


def test_nothing_is_appended_for_a_node_that_has_ended() -> None:
    """Two contacts of one partition were at the node: the end of one would be told to the other."""

    async def play() -> None:
        stage, dying = await chatting(JULIET, NEIGHBOUR, ROMEO)
        living = await stage.gateway()
        await befriend(stage, living, JULIET, NEIGHBOUR)
        await befriend(stage, living, JULIET, ROMEO)
        await living.bind(ROMEO, "home", AVAILABLE)
        balcony = await dying.bind(JULIET, "balcony", AVAILABLE)
        await dying.bind(NEIGHBOUR, "hall", AVAILABLE)
        await stage.run()
        await dying.read()
        await dying.says(JULIET, balcony, chat(NEIGHBOUR, "last words"))
        await stage.end(dying)
        await stage.run()
        assert await waiting_for(stage, dying.number) == 0
        await living.bind(NEIGHBOUR, "yard", AVAILABLE)
        await stage.run()
        await living.read()
        assert living.bodies(NEIGHBOUR) == ["last words"]
        assert (f"{JULIET}/balcony", "unavailable") not in living.presence(
            NEIGHBOUR
        )  # it was told to the session "hall"

    run(play())


def test_a_delivery_to_a_session_that_had_ended_before_is_not_lost() -> None:
    """The session has ended, and then its node: a delivery that was under way between the two is given back."""

    async def play() -> None:
        stage, dying = await chatting(JULIET, ROMEO)
        living = await stage.gateway()
        balcony = await living.bind(JULIET, "balcony", AVAILABLE)
        orchard = await dying.bind(ROMEO, "orchard", AVAILABLE)
        await stage.run()
        await dying.read()
        await living.says(JULIET, balcony, chat(ROMEO, "under way"))
        await stage.run()
        await dying.end(ROMEO, orchard)
        await stage.run()
        await stage.end(dying)
        await stage.run()
        await living.bind(ROMEO, "tomb", AVAILABLE)
        await stage.run()
        await living.read()
        assert living.bodies(ROMEO) == ["under way"]

    run(play())


def test_what_a_session_has_not_received_when_it_ends_comes_before_what_is_sent_after_that() -> None:
    """RFC 6120 §10.1: the gateway has not taken the first message, and the second one is sent after the end."""

    async def play() -> None:
        stage, gateway = await chatting(JULIET, ROMEO)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        orchard = await gateway.bind(ROMEO, "orchard", AVAILABLE)
        await stage.run()
        await gateway.read()
        await gateway.says(JULIET, balcony, chat(ROMEO, "first"))
        await stage.run()
        await gateway.end(ROMEO, orchard)
        await gateway.says(JULIET, balcony, chat(ROMEO, "second"))
        await stage.run()
        dropped = [entry for entry in await gateway.waiting() if b"first" in entry.body]
        assert len(dropped) == 1
        done = [(entry.queue, entry.position) for entry in dropped]
        assert (await gateway.committer.commit([node_lease(gateway.number)], done=done)).done
        await gateway.bind(ROMEO, "tomb", AVAILABLE)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == ["first", "second"]

    run(play())


def test_replaced_sessions_end_too() -> None:
    async def play() -> None:
        stage, dying = await chatting(JULIET)
        living = await stage.gateway()
        await dying.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await living.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        assert len(await stage.rows(JULIET, "replaced")) == 1
        await stage.end(dying)
        await stage.owner()
        await stage.run()
        assert await stage.rows(JULIET, "replaced") == []
        assert len(await stage.rows(JULIET, "session")) == 1

    run(play())


def test_components_of_the_node_are_gone_and_their_stanzas_come_back() -> None:
    async def play() -> None:
        stage, living = await chatting(JULIET, components=[ROOMS])
        dying = await stage.gateway()
        balcony = await living.bind(JULIET, "balcony", AVAILABLE)
        await living.connect(ROOMS)
        await dying.connect(ROOMS)
        await living.says(JULIET, balcony, chat(f"garden@{ROOMS}", "first"))
        await stage.run()
        await stage.end(dying)
        await stage.run()
        await living.says(JULIET, balcony, chat(f"garden@{ROOMS}", "second"))
        await stage.run()
        await living.read()
        assert living.conditions(JULIET) == ["remote-server-timeout"]
        assert ["second" in text for text in living.routed] == [True]
        assert await stage.rows(ROOMS, "component") == [("component", str(living.number))]

    run(play())


def test_damaged_entries_and_answers_of_the_node_are_removed() -> None:
    async def play() -> None:
        stage, dying = await chatting(JULIET, ROMEO)
        living = await stage.gateway()
        queue = gateway_queue(dying.number, partition_of(JULIET))
        await living.append_bodies((queue, b"damaged"))
        await dying.ask("inspect", JULIET)
        await stage.run()
        message = Message(parse_address(JULIET), parse_address(f"{ROMEO}/home"), "m", "chat", None, payload("hm"))
        deliver = Deliver(message, (SessionId("gone", dying.number << 32 | 99),), AS_IT_STANDS, rules.LOST)
        entry = Perform(IdentifiedEffect(JULIET, EffectId("s", 0), deliver))
        await living.append_bodies((queue, dump_entry(entry)))
        assert await waiting_for(stage, dying.number) == 3
        await stage.end(dying)
        await stage.run()
        assert await waiting_for(stage, dying.number) == 0

    run(play())


def test_what_precedes_the_end_in_the_same_batch_is_seen() -> None:
    """A session that was bound in the same batch is not stored yet when the sessions of the node are looked for."""

    async def play() -> None:
        stage, dying = await chatting(JULIET, ROMEO)
        living = await stage.gateway()
        await befriend(stage, living, JULIET, ROMEO)
        await living.bind(ROMEO, "home", AVAILABLE)
        await stage.owner()
        await dying.bind(JULIET, "balcony", AVAILABLE)
        await stage.end(dying)
        await stage.run()
        await living.read()
        shown = [each for each in living.presence(ROMEO) if each[0] == f"{JULIET}/balcony"]
        assert shown == [(f"{JULIET}/balcony", "available"), (f"{JULIET}/balcony", "unavailable")]
        assert await stage.rows(JULIET, "session") == []

    run(play())


class CountingEngine(MemoryEngine):
    """Counts what is read of queues and of kinds of row."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        self.reads += 1
        return await super().entries(queues, limit)

    async def scan(self, partitions: Collection[int], kind: str, after: int = 0, limit: int = 1000) -> Sequence[Listed]:
        self.reads += 1
        return await super().scan(partitions, kind, after, limit)


def test_what_a_node_had_is_read_at_once_for_all_partitions() -> None:
    """So the end of a node with few sessions takes a moment, though each of its 256 partitions has to look for them."""

    async def play() -> None:
        engine = CountingEngine()
        stage, dying = await chatting(JULIET, engine=engine)
        await dying.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await stage.end(dying)
        engine.reads = 0
        await stage.run()
        assert await stage.rows(JULIET, "session", "replaced") == []
        assert engine.reads < 32

    run(play())


def test_the_sessions_of_a_node_that_had_many_all_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one page: then each partition reads what it needs."""
    for module in (batch_rows, paging):
        monkeypatch.setattr(module, "PAGE", 2)

    async def play() -> None:
        accounts = [f"servant{n}@{CAPULET}" for n in range(5)]
        stage, dying = await chatting(*accounts)
        sessions = [(account, await dying.bind(account, "kitchen", AVAILABLE)) for account in accounts]
        await stage.run()
        for account, session in sessions:
            await dying.says(account, session, chat(account, "note"))
        await stage.run()
        await stage.end(dying)
        await stage.run()
        assert await stage.engine.scan(range(PARTITIONS), "session", 0, 1000) == []
        assert [await stage.rows(account, "offline") != [] for account in accounts] == [True] * 5
        assert await waiting_for(stage, dying.number) == 0

    run(play())
