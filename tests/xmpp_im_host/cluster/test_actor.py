"""A partition: what its entries cause, and through which queue it leaves."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from tests.one_test import in_one_test
from tests.xmpp_im_host.cluster.stage import (
    AVAILABLE,
    CAPULET,
    JULIET,
    MONTAGUE,
    NURSE,
    ROMEO,
    ROOMS,
    TYBALT,
    FaultyEngine,
    Stage,
    befriend,
    chat,
    chatting,
    subscription,
)
from tests.xmpp_im_host.running import run
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.element import element
from xmpp_im_core.server import Deliver
from xmpp_im_core.server.service.events import ArrivedForMany
from xmpp_im_core.stanza import IQ, Message, Presence, Stanza, result_reply
from xmpp_im_host.cluster.queue_entries import Fed, Perform, load_entry, load_gateway_entry, load_partition_entry
from xmpp_im_host.cluster.queue_names import queue_of
from xmpp_im_host.storage.records import partition_of

NEIGHBOUR = next(jid for n in count() if partition_of(jid := f"servant{n}@{CAPULET}") == partition_of(JULIET))
"""An account of the same partition as Juliet's."""
PING = '<iq to="capulet.example" type="get" id="p"><ping xmlns="urn:xmpp:ping"/></iq>'


async def entries_for(stage: Stage, account: str) -> list[object]:
    """Return what waits for the partition of an account."""
    found = await stage.engine.entries({queue_of(account): 0})
    return [load_partition_entry(each.body) for each in found]


# --- other accounts -----------------------------------------------------------------------------------------------


def test_a_message_between_two_partitions_arrives_in_order() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, ROMEO)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await gateway.bind(ROMEO, "orchard", AVAILABLE)
        await stage.run()
        for n in range(20):
            await gateway.says(JULIET, balcony, chat(ROMEO, f"m{n}"))
        await stage.run()
        await gateway.read()
        assert gateway.bodies(ROMEO) == [f"m{n}" for n in range(20)]
        assert gateway.bodies(JULIET) == []
        assert stage.queued(JULIET) == stage.queued(ROMEO) == 0

    run(play())


def test_a_stanza_for_another_partition_goes_through_its_queue_although_the_node_owns_both() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, ROMEO, NEIGHBOUR)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        stage.owners[0].workers = tuple(
            [each for each in stage.owners[0].workers if partition_of(JULIET) in each.actors]
        )  # the other half of the partitions rests
        await gateway.says(JULIET, balcony, chat(ROMEO, "far"))
        await gateway.says(JULIET, balcony, chat(NEIGHBOUR, "near"))
        await stage.run()
        (waiting,) = await entries_for(stage, ROMEO)
        assert isinstance(waiting, Fed)
        assert stage.queued(NEIGHBOUR) == 0
        assert [kind for kind, _ in await stage.rows(NEIGHBOUR, "offline")] == ["offline"]

    run(play())


def test_presence_for_many_is_appended_once_for_each_partition() -> None:
    """Each of them has an id that shows nobody how many others have got the presence (RFC 6121 §4.2.2)."""

    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway = await chatting(JULIET, ROMEO, NURSE, NEIGHBOUR, engine=engine)
        for friend in (ROMEO, NURSE, NEIGHBOUR):
            await befriend(stage, gateway, JULIET, friend)
        for friend in (ROMEO, NURSE, NEIGHBOUR, TYBALT):
            await gateway.bind(friend, "home", AVAILABLE)
        await stage.run()
        await gateway.read()
        gateway.got.clear()
        engine.batches.clear()
        await gateway.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await gateway.read()
        for friend in (ROMEO, NURSE, NEIGHBOUR):
            assert gateway.presence(friend) == [(f"{JULIET}/balcony", "available")]
        assert gateway.presence(TYBALT) == []
        appended = [load_entry(append.body) for batch in engine.batches for append in batch.appends]
        events = [each.event for each in appended if isinstance(each, Fed)]
        shown = [each for each in events if isinstance(each, ArrivedForMany) and each.stanza.type is None]
        assert {each.recipients for each in shown} == {(ROMEO,), (NURSE,)}
        assert len({each.seq for each in shown}) == 2
        assert not any("." in each.seq for each in shown)

    run(play())


@in_one_test("peer", [ROMEO, f"romeo@{ROOMS}"])
def test_stanzas_for_many_and_for_one_stay_in_order(peer: str) -> None:
    """RFC 6120 §10.1: stanzas between two entities arrive in the order in which they were sent."""

    async def play() -> None:
        stage, gateway = await chatting(JULIET, ROMEO, NURSE, components=[ROOMS])
        await befriend(stage, gateway, JULIET, NURSE)
        await gateway.connect(ROOMS)
        await gateway.bind(ROMEO, "orchard", AVAILABLE)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        for other in (peer, NURSE):
            await gateway.says(JULIET, balcony, f'<presence to="{other}"/>')
        await stage.run()
        await gateway.read()
        gateway.got.clear()
        gateway.routed.clear()
        for n in range(3):
            await gateway.says(JULIET, balcony, chat(peer, f"m{n}"))
            await gateway.says(JULIET, balcony, f'<presence to="{peer}"><status>s{n}</status></presence>')
        await gateway.says(JULIET, balcony, chat(peer, "last"))
        await gateway.says(JULIET, balcony, '<presence type="unavailable"/>')
        await stage.run()
        await gateway.read()
        texts = [text for text in gateway.stanzas(ROMEO) if JULIET in text] if peer == ROMEO else gateway.routed
        got = [parse_stanza(text) for text in texts]
        assert [type(each) for each in got] == [Message, Presence] * 4
        assert [each.type == "unavailable" for each in got] == [False] * 7 + [True]

    run(play())


def test_a_stanza_to_a_domain_to_which_there_is_no_way_comes_back() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await gateway.says(JULIET, balcony, chat("mercutio@verona.example", "hm"))
        await stage.run()
        await gateway.read()
        assert gateway.conditions(JULIET) == ["remote-server-not-found"]

    run(play())


# --- sessions at several gateways ---------------------------------------------------------------------------------


def test_a_delivery_is_divided_by_gateway_and_names_all_sessions() -> None:
    async def play() -> None:
        stage, one = await chatting(JULIET, ROMEO)
        other = await stage.gateway()
        orchard = await one.bind(ROMEO, "orchard", AVAILABLE)
        street = await other.bind(ROMEO, "street", AVAILABLE)
        garden = await other.bind(ROMEO, "garden", AVAILABLE)
        balcony = await one.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await one.read()
        await other.read()
        await one.says(JULIET, balcony, chat(ROMEO, "hm"))
        await stage.run()
        all_sessions = {orchard, street, garden}
        for gateway, own in ((one, {orchard}), (other, {street, garden})):
            (entry,) = [load_gateway_entry(each.body) for each in await gateway.waiting()]
            assert isinstance(entry, Perform)
            assert isinstance(entry.identified.effect, Deliver)
            assert set(entry.identified.effect.sessions) == all_sessions
            assert set(entry.sessions or ()) == own

    run(play())


def test_a_session_is_closed_at_its_gateway() -> None:
    async def play() -> None:
        stage, one = await chatting(JULIET)
        other = await stage.gateway()
        await one.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await other.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await one.read()
        await other.read()
        assert one.closed == [(JULIET, "balcony", "conflict")]
        assert other.closed == []

    run(play())


# --- components ---------------------------------------------------------------------------------------------------


def test_a_component_gets_its_stanzas_at_its_newest_connection() -> None:
    async def play() -> None:
        stage, one = await chatting(JULIET, components=[ROOMS])
        other = await stage.gateway()
        balcony = await one.bind(JULIET, "balcony", AVAILABLE)
        for gateway in (one, other, one):
            await gateway.connect(ROOMS)
        await one.says(JULIET, balcony, chat(f"garden@{ROOMS}", "first"))
        await stage.run()
        await one.disconnect(ROOMS)
        await one.says(JULIET, balcony, chat(f"garden@{ROOMS}", "second"))
        await stage.run()
        await one.read()
        await other.read()
        assert [text.count("first") for text in one.routed] == [2]
        assert [text.count("second") for text in other.routed] == [2]
        assert one.conditions(JULIET) == []
        assert await stage.rows(ROOMS, "component") == [("component", str(other.number))]

    run(play())


def test_a_new_owner_knows_where_a_component_is_connected() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, components=[ROOMS])
        other = await stage.gateway()
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await other.connect(ROOMS)
        await gateway.connect(ROOMS)
        await stage.run()
        await stage.owner()
        await gateway.says(JULIET, balcony, chat(f"garden@{ROOMS}", "first"))
        await stage.run()
        await gateway.read()
        assert len(gateway.routed) == 1

    run(play())


@in_one_test("was_connected", [False, True])
def test_a_stanza_for_a_component_that_is_not_connected_comes_back(was_connected: bool) -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, components=[ROOMS])
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        if was_connected:
            await gateway.connect(ROOMS)
            await gateway.disconnect(ROOMS)
        await gateway.says(JULIET, balcony, chat(f"garden@{ROOMS}", "hm"))
        await gateway.says(JULIET, balcony, chat("mercutio@verona.example", "hm"))
        await stage.run()
        await gateway.read()
        assert sorted(gateway.conditions(JULIET)) == ["remote-server-not-found", "remote-server-timeout"]
        assert gateway.routed == []

    run(play())


def test_presence_reaches_the_users_of_a_component() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, components=[ROOMS])
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await gateway.connect(ROOMS)
        for room in ("garden", "vault"):
            await gateway.says(JULIET, balcony, f'<presence to="{room}@{ROOMS}/juliet"/>')
        await gateway.end(JULIET, balcony)
        await stage.run()
        await gateway.read()
        gone = [parse_stanza(text) for text in gateway.routed if "unavailable" in text]
        assert [text.count("unavailable") for text in gateway.routed][:2] == [0, 0]
        assert len(gone) == 1  # one fan-out for both, which the gateway writes to each

    run(play())


# --- services -----------------------------------------------------------------------------------------------------


def test_a_service_of_the_program_answers_in_the_same_step() -> None:
    def pong(account: str, iq: IQ) -> Stanza | None:
        return result_reply(iq, element("pong", "urn:xmpp:ping"))

    async def play() -> None:
        stage, gateway = await chatting(JULIET, delegated=pong)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE, PING)
        await stage.run()
        await gateway.says(JULIET, balcony, chat(JULIET, "after"))
        await stage.run()
        await gateway.read()
        (answer,) = [text for text in gateway.stanzas(JULIET) if text.startswith("<iq")]
        assert "pong" in answer
        assert 'type="result"' in answer

    run(play())


@in_one_test(
    "answer, condition",
    [
        (ZeroDivisionError(), "internal-server-error"),
        (Message(), "internal-server-error"),
        (None, None),
    ],
)
def test_a_service_that_fails_costs_an_error_and_one_that_is_silent_nothing(
    answer: Stanza | Exception | None, condition: str | None
) -> None:
    def answered(account: str, iq: IQ) -> Stanza | None:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def play() -> None:
        stage, gateway = await chatting(JULIET, delegated=answered)
        await gateway.bind(JULIET, "balcony", AVAILABLE, PING)
        await stage.run()
        await gateway.read()
        assert gateway.conditions(JULIET) == ([condition] if condition else [])

    run(play())


def test_a_component_that_asks_the_server_gets_its_answer() -> None:
    def pong(account: str, iq: IQ) -> Stanza | None:
        return result_reply(iq, element("pong", "urn:xmpp:ping"))

    async def play() -> None:
        stage, gateway = await chatting(components=[ROOMS], delegated=pong)
        await gateway.connect(ROOMS)
        await gateway.arrive(PING.replace("<iq ", f'<iq from="{ROOMS}" '))
        await stage.run()
        await gateway.read()
        assert ["pong" in text for text in gateway.routed] == [True]

    run(play())


# --- memory and what is stored ------------------------------------------------------------------------------------


def test_what_a_batch_has_decided_is_seen_by_later_reads_of_it() -> None:
    """All of this is one batch: nothing of it is stored when it is read."""

    async def play() -> None:
        stage, gateway = await chatting(JULIET, NEIGHBOUR)
        await stage.owner()  # nothing is in memory now
        await gateway.feed()
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        for n in range(3):
            await gateway.says(JULIET, balcony, chat(NEIGHBOUR, f"m{n}"))
        await gateway.bind(NEIGHBOUR, "hall", AVAILABLE)
        await gateway.says(JULIET, balcony, chat(NEIGHBOUR, "m3"))
        await stage.run()
        await gateway.read()
        assert gateway.bodies(NEIGHBOUR) == ["m0", "m1", "m2", "m3"]
        assert await stage.rows(NEIGHBOUR, "offline") == []

    run(play())


def test_an_account_that_a_batch_removes_is_not_loaded_again_in_it() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, NEIGHBOUR)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await gateway.says(JULIET, balcony, chat(NEIGHBOUR, "before"))
        removed = await gateway.ask("remove", NEIGHBOUR)
        await gateway.says(JULIET, balcony, chat(NEIGHBOUR, "after"))
        await gateway.bind(NEIGHBOUR, "hall", AVAILABLE)
        await stage.run()
        await gateway.read()
        assert gateway.replies[removed].value is True
        assert gateway.bodies(NEIGHBOUR) == []
        assert gateway.closed == [(NEIGHBOUR, "hall", "not-authorized")]
        assert await stage.rows(NEIGHBOUR, "roster", "offline", "session", "credentials") == []

    run(play())


def test_a_stanza_to_nobody_leaves_nothing_in_memory() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET)
        balcony = await gateway.bind(JULIET, "balcony", AVAILABLE)
        await gateway.says(JULIET, balcony, PING.replace(CAPULET, f"nobody@{MONTAGUE}"))
        await stage.run()
        await gateway.read()
        assert gateway.conditions(JULIET) == ["service-unavailable"]
        actors = [actor for worker in stage.owners[0].workers for actor in worker.actors.values()]
        assert [jid for actor in actors for jid in actor.service.accounts] == [JULIET]

    run(play())


def test_accounts_without_sessions_leave_the_memory_and_come_back() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, NURSE, ROMEO)
        await stage.owner(idle_accounts=1, workers=1)
        orchard = await gateway.bind(ROMEO, "orchard", AVAILABLE)
        for account in (JULIET, NURSE, JULIET):
            await gateway.says(ROMEO, orchard, chat(account, f"to {account}"))
            await stage.run()
        (worker,) = stage.owners[-1].workers
        memory = {jid for actor in worker.actors.values() for jid in actor.service.accounts}
        assert memory == {JULIET, ROMEO}
        await gateway.bind(NURSE, "kitchen", AVAILABLE)
        await stage.run()
        await gateway.read()
        assert gateway.bodies(NURSE) == [f"to {NURSE}"]

    run(play())


def test_an_account_is_woken_at_its_time_also_by_a_new_owner() -> None:
    """RFC 6121 §3.1.2: an unanswered request is sent again."""

    async def play() -> None:
        stage, gateway = await chatting(JULIET, components=[ROOMS])
        await gateway.connect(ROOMS)
        await gateway.bind(JULIET, "balcony", AVAILABLE, subscription("subscribe", f"romeo@{ROOMS}"))
        await stage.run()
        await gateway.read()
        ((_, at),) = await stage.rows(JULIET, "wake")
        sent = len(gateway.routed)
        for again in (1, 2):
            await stage.owner()
            await stage.run()
            stage.now += timedelta(days=30)
            await stage.run()
            await gateway.read()
            assert len(gateway.routed) == sent + again
        assert await stage.rows(JULIET, "wake") != [("wake", at)]

    run(play())
