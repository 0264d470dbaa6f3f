"""The twin under Hypothesis: whatever goes wrong, nothing that was acknowledged is lost, doubled or out of order, and
nobody sees what is not so, or what is not for them (XEP-0198 §5; RFC 6120 §10.1; RFC 6121 §3, §4).

``python -m tests.xmpp_im_host.cluster.long_run`` plays random scripts for as long as one likes.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.xmpp_im_host.cluster.component import ECHO
from tests.xmpp_im_host.cluster.reference import CONTACT
from tests.xmpp_im_host.cluster.scripts import PAUSES, Script, play, random_script
from tests.xmpp_im_host.cluster.world import FAULTS, SLOTS, USERS, Outcome, World

EXAMPLES: Final = max(3, settings().max_examples // 5)
"""A run takes seconds, not milliseconds."""

slots = st.integers(0, len(SLOTS) - 1)
users = st.sampled_from(USERS)
nodes = st.integers(0, 3)
weights = st.sampled_from([0.0, 0.5, 1.0, 4.0])
outages = st.sampled_from([0.5, 4.0])
pauses = st.sampled_from(PAUSES)
seeds = st.integers(0, 2**16)
plans = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(FAULTS)), max_size=12)
"""When faults happen: each one after so many calls of the database that write."""

COMPONENT_ACTIONS: Final = ("chat_with_component", "ask_component", "component_asks", "show_to_component")
ACTIONS: Final = st.one_of(
    st.tuples(st.just("wait"), pauses),
    st.tuples(st.just("chat"), slots, users),
    st.tuples(st.sampled_from(["befriend", "cancel", "show_to"]), slots, users),
    st.tuples(st.sampled_from(["set_contact", "drop_contact", "show", "leave", "cut"]), slots),
    st.tuples(st.just("ask"), slots, slots),
    st.tuples(st.sampled_from(COMPONENT_ACTIONS), slots),
    st.tuples(st.sampled_from(["component_chats", "remove"]), users),
    st.tuples(st.just("enter_component"), nodes),
    st.tuples(st.sampled_from(["cut_component", "leave_component"])),
    st.tuples(st.just("enter"), slots, nodes),
    st.tuples(st.sampled_from(["crash", "stop", "leave_node", "drain", "undrain"]), nodes),
    st.tuples(st.sampled_from(["go_on", "join"])),
    st.tuples(st.just("weigh"), nodes, weights),
    st.tuples(st.just("outage"), outages),
)


@given(seed=seeds, number=st.integers(1, 3), disorder=st.sampled_from([0, 3]), plan=plans, actions=st.lists(ACTIONS))
@settings(max_examples=EXAMPLES)
def test_nothing_acknowledged_is_lost_or_comes_twice_or_out_of_order(
    seed: int, number: int, disorder: int, plan: list[tuple[int, Outcome]], actions: list[tuple[Any, ...]]
) -> None:
    play(Script(seed, number, disorder, tuple(plan), tuple(actions)))


class Twin(RuleBasedStateMachine):
    """Users and operators do what they like, in any order."""

    world: World

    @initialize(seed=seeds, plan=plans, number=st.integers(1, 3))
    def begin(self, seed: int, plan: list[tuple[int, Outcome]], number: int) -> None:
        self.world = World(seed, plan, disorder=3, nodes=number)
        self.world.__enter__()

    @rule(slot=slots, node=nodes)
    def enter(self, slot: int, node: int) -> None:
        self.world.enter(slot, node)
        self.world.wait(0.1)

    @rule(slot=slots, user=users)
    def chat(self, slot: int, user: str) -> None:
        self.world.chat(slot, user)

    @rule(slot=slots, user=users, what=st.sampled_from(["befriend", "cancel", "show_to"]))
    def meet(self, slot: int, user: str, what: str) -> None:
        getattr(self.world, what)(slot, user)

    @rule(slot=slots, other=slots)
    def ask(self, slot: int, other: int) -> None:
        self.world.ask(slot, other)

    @rule(slot=slots, what=st.sampled_from(COMPONENT_ACTIONS))
    def meet_component(self, slot: int, what: str) -> None:
        getattr(self.world, what)(slot)

    @rule(user=users, what=st.sampled_from(["component_chats", "remove"]))
    def do_to(self, user: str, what: str) -> None:
        getattr(self.world, what)(user)

    @rule(node=nodes)
    def enter_component(self, node: int) -> None:
        self.world.enter_component(node)
        self.world.wait(0.1)

    @rule(what=st.sampled_from(["cut_component", "leave_component"]))
    def lose_component(self, what: str) -> None:
        getattr(self.world, what)()

    @rule(slot=slots, what=st.sampled_from(["set_contact", "drop_contact", "show", "leave", "cut"]))
    def do(self, slot: int, what: str) -> None:
        getattr(self.world, what)(slot)

    @rule(node=nodes, what=st.sampled_from(["crash", "stop", "leave_node", "drain", "undrain"]))
    def strike(self, node: int, what: str) -> None:
        getattr(self.world, what)(node)

    @rule(node=nodes, weight=weights)
    def weigh(self, node: int, weight: float) -> None:
        self.world.weigh(node, weight)

    @rule()
    def join(self) -> None:
        self.world.join()

    @rule()
    def go_on(self) -> None:
        self.world.go_on()

    @rule(seconds=pauses)
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(seconds=outages)
    def outage(self, seconds: float) -> None:
        self.world.outage(seconds)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.world.finish()
            finally:
                self.world.__exit__(None, None, None)


def test_users_and_operators_do_what_they_like() -> None:
    run_state_machine_as_test(Twin, settings=settings(max_examples=EXAMPLES, stateful_step_count=30))


def test_the_twin_reaches_what_it_is_for() -> None:
    """The checks have something to check: messages come, subscriptions are made, and clients resume."""
    with World(seed=1, nodes=2) as world:
        for slot in range(len(SLOTS)):
            world.enter(slot, slot)
        world.wait(1.0)
        for slot, user in ((0, "juliet"), (1, "romeo"), (2, "tybalt")):
            for _ in range(3):
                world.chat(slot, user)
            world.befriend(slot, user)
            world.set_contact(slot)
        world.wait(1.0)
        world.show_to(2, "juliet")
        world.stop(0)
        world.cut(1)
        world.wait(3.0)  # it comes back to the same node: there are only two, and the other one is stopped
        world.go_on()
        world.crash(0)
        world.finish()
        assert [talker.gets("romeo") for talker in world.talkers] == [False, True, False, False, True]
        assert len({each.chat.id for each in world.ledger.receipts} & set(world.ledger.acknowledged)) == 9
        assert len(world.ledger.contacts) == 3
        half = {partition: bodies[: len(bodies) // 2] for partition, bodies in world.store.taken.items()}
        assert world.reference(world.store.taken) == world.store.rows(CONTACT) != world.reference(half)
        assert world.talkers[1].resumptions == 1


def test_the_twin_reaches_requests_components_and_removals() -> None:
    with World(seed=2, nodes=2) as world:
        for slot in range(len(SLOTS)):
            world.enter(slot, slot)
        world.enter_component(0)
        world.wait(1.0)
        for slot, user in ((0, "juliet"), (1, "romeo"), (3, "romeo"), (4, "nurse"), (0, "nurse")):
            world.befriend(slot, user)
            world.show_to_component(slot)
        world.wait(1.0)
        for slot, other in ((0, 1), (1, 0), (3, 0), (4, 2)):
            world.ask(slot, other)
            world.ask_component(slot)
            world.component_asks(slot)
            world.chat_with_component(slot)
            world.component_chats(USERS[other % 4])
            world.set_contact(slot)
        world.wait(1.0)
        ledger, requests = world.ledger, world.ledger.requests
        assert requests.kinds == {"result": 12}
        assert sum(requests.arrived.values()) == 12
        assert [each.chat.id for each in ledger.receipts if each.user == ECHO] != []
        assert world.talkers[1].roster == world.talkers[4].roster != {}, "both get the pushes of both"
        world.drop_contact(1)
        world.leave_component()
        world.wait(1.0)
        world.ask_component(0)
        world.chat_with_component(0)
        world.leave(2)
        world.wait(1.0)
        world.ask(0, 2)
        world.wait(1.0)
        assert requests.kinds == {"result": 12, "error": 2}
        assert len(ledger.refused) == 1
        assert world.talkers[1].contact not in world.talkers[4].roster
        assert world.talkers[0].gets("nurse")
        world.component_chats("nurse")
        world.chat(0, "nurse")
        world.wait(1.0)
        waiting = [id for id, chat in ledger.chats.items() if chat.recipient == "nurse" and id in ledger.acknowledged]
        assert waiting, "it is stored"
        world.remove("nurse")
        world.wait(2.0)
        assert ledger.generations == {"nurse": 1}
        assert world.talkers[0].state("nurse") == "none", "her contacts are told"
        world.finish()
        assert not {each.chat.id for each in ledger.receipts if each.chat.sent > ledger.chats[waiting[-1]].sent}
        assert waiting[-1] not in {each.chat.id for each in ledger.receipts}


def test_the_same_seed_gives_the_same_run() -> None:
    def played() -> tuple[list[str], int, list[tuple[str, str, int]]]:
        world = play(random_script(seed=5, length=25))
        receipts = [(each.session, each.chat.id, each.at) for each in world.ledger.receipts]
        return world.log, world.weather.calls, receipts

    assert played() == played()


A_CLIENT_ENDS_ITS_STREAM_WHILE_ITS_NODE_IS_STOPPED: Final = Script(
    seed=0,
    nodes=2,
    disorder=0,
    plan=(),
    actions=(("stop", 1), ("wait", 0.05), ("leave", 1), ("wait", 3.0), ("wait", 3.0)),
)

A_USER_LEAVES_WHILE_MESSAGES_WAIT_AT_A_NODE_THAT_WAITS_FOR_A_BEAT: Final = Script(
    seed=34,
    nodes=3,
    disorder=0,
    plan=(),
    actions=(
        ("join",),
        ("chat", 1, "tybalt"),
        ("leave", 2),
        ("leave_node", 2),
        ("outage", 0.5),
        ("wait", 0.5),
        ("stop", 0),
        ("join",),
        ("chat", 4, "tybalt"),
        ("leave", 3),
    ),
)


@pytest.mark.parametrize(
    "script",
    [
        A_CLIENT_ENDS_ITS_STREAM_WHILE_ITS_NODE_IS_STOPPED,
        A_USER_LEAVES_WHILE_MESSAGES_WAIT_AT_A_NODE_THAT_WAITS_FOR_A_BEAT,
    ],
)
def test_what_has_failed_once(script: Script) -> None:
    play(script)
