"""Sessions that move from one node to another, on owners that are driven by hand.

The gateways are driven by hand too: what a session has got, and its client has not acknowledged, stays in the queue.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.xmpp_im_host.cluster.stage import AVAILABLE, JULIET, NOON, NURSE, ROMEO, Gateway, Stage, chat, chatting
from tests.xmpp_im_host.running import run
from xmpp_im_core.server import Deliver, ForAccount, SessionDetached, SessionId
from xmpp_im_host.cluster.entry_records import (
    Called,
    Counts,
    Deposit,
    Missing,
    Park,
    Parked,
    Perform,
    Replied,
    Taken,
    Wanted,
)
from xmpp_im_host.cluster.outgoing import KEPT
from xmpp_im_host.cluster.parking import GATEWAY, RESUMPTION
from xmpp_im_host.cluster.queue_entries import dump_entry, load_gateway_entry
from xmpp_im_host.cluster.queue_names import gateway_queue, queue_of
from xmpp_im_host.storage.records import Append, node_lease, partition_of

ID: Final = "hard-to-guess"
COUNTS: Final = Counts(received=7, h=5, acknowledged=2)
SOON: Final = NOON + timedelta(minutes=5)
MOVING: Final = (GATEWAY, RESUMPTION, KEPT)


def body_of(perform: Perform) -> str:
    effect = perform.identified.effect
    assert isinstance(effect, Deliver)
    found = effect.stanza.payload.first("body", "jabber:client")
    return "" if found is None else found.text


class Moving:
    """Juliet's session at one node, which another node takes. Romeo sends her numbered messages."""

    stage: Stage
    old: Gateway
    new: Gateway
    session: SessionId
    romeo: SessionId
    sent: int = 0

    async def begin(self) -> Moving:
        self.stage, self.old = await chatting(JULIET, ROMEO, NURSE)
        self.new = await self.stage.gateway()
        self.session = await self.old.bind(JULIET, "balcony", AVAILABLE)
        self.romeo = await self.new.bind(ROMEO, "orchard", AVAILABLE)
        await self.stage.run()
        await self.old.read()
        await self.new.read()
        self.old.got.clear()
        return self

    @property
    def queue(self) -> str:
        return gateway_queue(self.old.number, partition_of(JULIET))

    async def send(self, number: int) -> None:
        """Let Romeo say the next messages; they are on their way."""
        for _ in range(number):
            self.sent += 1
            await self.new.says(ROMEO, self.romeo, chat(JULIET, str(self.sent)))

    # --- what the nodes do --------------------------------------------------------------------------------------

    async def detach(self) -> None:
        await self.old.feed(ForAccount(JULIET, SessionDetached(NOON, self.stage.id(), self.session)))

    async def park(self) -> None:
        await self.old.append((JULIET, Park(JULIET, self.session, self.old.number, ID)))

    async def held(self, gateway: Gateway) -> list[Perform]:
        """Return what Juliet has got at a node and has not acknowledged."""
        found = [load_gateway_entry(entry.body) for entry in await gateway.waiting()]
        return [
            each
            for each in found
            if isinstance(each, Perform) and isinstance(each.identified.effect, Deliver) and body_of(each)
        ]

    async def told(self) -> bool:
        """Whether the old node has been told that nothing more comes."""
        found = [load_gateway_entry(entry.body) for entry in await self.old.waiting()]
        return Parked(JULIET, self.session) in found

    async def deposit(self) -> None:
        """Let the old node hand over what it has, and settle it."""
        waiting = await self.old.waiting()
        performs = [dump_entry(each) for each in await self.held(self.old)]
        entry = Deposit(JULIET, self.session, self.old.number, ID, SOON, COUNTS, tuple(performs))
        outcome = await self.old.committer.commit(
            [node_lease(self.old.number)],
            appends=[Append(queue_of(JULIET), "", body=dump_entry(entry))],
            done=[(each.queue, each.position) for each in waiting],
        )
        assert outcome.done

    async def take(self, gateway: Gateway | None = None, id: str = ID) -> str:
        """Call for the session; what the node gets stays in its queue until :meth:`bodies` reads it."""
        return str((await (gateway or self.new).call("take", JULIET, id=id)).value)

    def bodies(self, gateway: Gateway | None = None) -> list[str]:
        return (gateway or self.new).bodies(JULIET)

    async def give_up(self) -> None:
        """Let the old node do its part."""
        await self.detach()
        await self.park()
        await self.stage.run()
        await self.deposit()

    async def move(self) -> None:
        """Do all of it at once."""
        await self.give_up()
        await self.stage.run()
        assert await self.take() == "taken"

    async def stored(self) -> list[str]:
        """Return what Juliet gets who logs in again."""
        await self.new.bind(JULIET, "garden", AVAILABLE)
        await self.stage.run()
        await self.new.read()
        return self.new.bodies(JULIET, "garden")


def numbers(until: int) -> list[str]:
    return [str(each) for each in range(1, until + 1)]


# --- the move -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), min_size=9, max_size=9), st.lists(st.booleans(), min_size=9, max_size=9))
def test_messages_arrive_once_and_in_order_at_each_moment_of_the_move(sent: list[int], processed: list[bool]) -> None:
    """At each moment some messages are sent, and the owner may work or not until the next one."""

    async def play() -> None:
        moving = await Moving().begin()
        moments = iter(zip(sent, processed, strict=True))

        async def moment() -> None:
            number, process = next(moments)
            await moving.send(number)
            if process:
                await moving.stage.run()

        await moment()
        await moving.detach()
        await moment()
        await moving.park()
        await moment()
        await moving.stage.run()
        assert await moving.told()
        await moment()
        await moving.deposit()
        await moment()
        assert await moving.take() == "taken"
        await moment()
        await moving.new.read()
        await moment()
        await moving.stage.run()
        await moment()
        await moment()
        await moving.stage.run()
        await moving.new.read()
        assert moving.bodies() == numbers(moving.sent)
        assert await moving.stage.rows(JULIET, *MOVING) == [(GATEWAY, f"{moving.session.epoch}/balcony")]
        assert moving.old.got == []

    run(play())


def test_the_new_node_gets_the_state_before_what_is_not_acknowledged() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.send(2)
        await moving.stage.run()
        await moving.give_up()
        await moving.send(1)
        await moving.stage.run()
        id = moving.stage.id()
        await moving.new.append((JULIET, Called(id, moving.new.number, NOON, "take", JULIET, {"id": ID})))
        await moving.stage.run()
        queue = gateway_queue(moving.new.number, partition_of(JULIET))
        found = [load_gateway_entry(each.body) for each in await moving.new.waiting() if each.queue == queue]
        assert found[0] == Taken(JULIET, moving.session, ID, COUNTS)
        assert [body_of(each) for each in found[1:-1] if isinstance(each, Perform)] == numbers(3)
        assert found[-1] == Replied(id, "taken")

    run(play())


def test_a_moved_session_gets_everything_at_its_new_node_also_from_another_owner() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.move()
        await moving.stage.owner()
        await moving.send(1)
        await moving.stage.run()
        await moving.new.read()
        assert moving.bodies() == ["1"]

    run(play())


def test_a_session_may_move_on_and_back() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.move()
        await moving.new.read()
        moving.old, moving.new = moving.new, moving.old
        await moving.move()
        assert await moving.stage.rows(JULIET, *MOVING) == [], "it is where it was made"

    run(play())


def test_another_owner_goes_on_at_each_moment() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.detach()
        await moving.park()
        await moving.stage.run()
        await moving.stage.owner()
        await moving.send(1)
        await moving.stage.run()
        await moving.stage.owner()
        await moving.deposit()
        await moving.stage.run()
        await moving.stage.owner()
        await moving.send(1)
        await moving.stage.run()
        await moving.stage.owner()
        assert await moving.take() == "taken"
        await moving.new.read()
        assert moving.bodies() == numbers(2)

    run(play())


# --- who may take it ----------------------------------------------------------------------------------------------


def test_a_session_that_is_not_deposited_yet_is_taken_later() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.detach()
        await moving.park()
        await moving.stage.run()
        assert await moving.take() == "later"
        assert not [each for each in moving.old.moves if isinstance(each, Wanted)]
        await moving.deposit()
        assert await moving.take() == "taken"

    run(play())


def test_a_session_at_another_node_is_asked_for() -> None:
    """The client of a session at a node that lives may resume it at any other."""

    async def play() -> None:
        moving = await Moving().begin()
        assert await moving.take() == "later"
        await moving.old.read()
        assert moving.old.moves == [Wanted(JULIET, ID)]

    run(play())


def test_a_node_that_has_ended_is_not_asked_although_it_has_deposited_another_session() -> None:
    """Nobody would read the question."""

    async def play() -> None:
        moving = await Moving().begin()
        await moving.give_up()
        await moving.stage.run()
        await moving.stage.end(moving.old)
        await moving.stage.run()
        assert await moving.take(id="another-one") == "unknown"
        assert await moving.old.waiting() == []
        assert await moving.take() == "taken"

    run(play())


def test_a_node_that_does_not_have_a_session_is_not_asked_again() -> None:
    """So a client that resumes in vain is told soon, although its user has a session at another node."""

    async def play() -> None:
        moving = await Moving().begin()
        assert await moving.take(id="guessed") == "later"
        await moving.old.append((JULIET, Missing(JULIET, "guessed", moving.old.number)))
        assert await moving.take(id="guessed") == "unknown"
        assert await moving.take() == "later", "another session may be there"

    run(play())


def test_what_is_unknown_is_said_to_be_unknown() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.old.end(JULIET, moving.session)
        assert await moving.take() == "unknown"
        assert str((await moving.new.call("take", "nobody@capulet.example", id=ID)).value) == "unknown"

    run(play())


def test_another_account_cannot_take_it() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.give_up()
        await moving.stage.run()
        assert (await moving.new.call("take", NURSE, id=ID)).value == "unknown"
        assert await moving.take(id="guessed") == "unknown"
        assert await moving.take() == "taken"

    run(play())


def test_two_nodes_cannot_take_it_both() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        third = await moving.stage.gateway()
        await moving.move()
        assert await moving.take(third) == "later"
        await moving.new.read()
        assert Wanted(JULIET, ID) in moving.new.moves

    run(play())


# --- ends ---------------------------------------------------------------------------------------------------------


def test_a_session_that_nobody_takes_in_time_ends_and_its_messages_are_stored() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.send(1)
        await moving.stage.run()
        await moving.give_up()
        await moving.send(1)
        await moving.stage.run()
        moving.stage.now = SOON - timedelta(seconds=1)
        await moving.stage.run()
        assert len(await moving.stage.rows(JULIET, KEPT)) == 2
        moving.stage.now = SOON
        await moving.stage.run()
        assert await moving.stage.rows(JULIET, *MOVING, "session") == []
        assert await moving.take() == "unknown"
        assert await moving.stored() == numbers(2)

    run(play())


@pytest.mark.parametrize("told", [False, True])
def test_if_the_old_node_dies_before_it_deposits_the_messages_are_stored(told: bool) -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.send(2)
        await moving.stage.run()
        await moving.detach()
        await moving.park()
        if told:
            await moving.stage.run()
        await moving.send(2)
        await moving.stage.run()
        await moving.stage.end(moving.old)
        await moving.stage.run()
        assert await moving.stage.rows(JULIET, *MOVING, "session") == []
        assert await moving.take() == "unknown"
        assert await moving.stored() == numbers(4)

    run(play())


def test_if_the_old_node_dies_after_it_has_deposited_the_session_lives() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.send(2)
        await moving.stage.run()
        await moving.give_up()
        await moving.stage.end(moving.old)
        await moving.send(1)
        await moving.stage.run()
        assert await moving.take() == "taken"
        await moving.new.read()
        assert moving.bodies() == numbers(3)

    run(play())


def test_if_the_new_node_dies_the_messages_are_stored() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        third = await moving.stage.gateway()
        await moving.send(2)
        await moving.stage.run()
        await moving.give_up()
        await moving.stage.run()
        await moving.new.append((JULIET, _take(moving)))
        await moving.send(1)
        await moving.stage.run()
        await moving.stage.end(moving.new)
        await moving.stage.run()
        assert await moving.stage.rows(JULIET, *MOVING, "session") == []
        moving.new = third
        assert await moving.stored() == numbers(3)

    run(play())


def _take(moving: Moving) -> Called:
    return Called(moving.stage.id(), moving.new.number, NOON, "take", JULIET, {"id": ID})


def test_a_moved_session_that_ends_leaves_nothing_behind() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.move()
        await moving.new.end(JULIET, moving.session)
        await moving.stage.run()
        assert await moving.stage.rows(JULIET, *MOVING, "session") == []

    run(play())


@pytest.mark.parametrize("deposited", [False, True])
def test_a_session_that_is_replaced_on_its_way_ends_and_loses_nothing(deposited: bool) -> None:
    """RFC 6120 §7.7.2.2: a new session of the same resource ends the old one."""

    async def play() -> None:
        moving = await Moving().begin()
        await moving.send(1)
        await moving.stage.run()
        await moving.detach()
        await moving.park()
        await moving.stage.run()
        if deposited:
            await moving.deposit()
        await moving.send(1)
        await moving.stage.run()
        await moving.new.bind(JULIET, "balcony", AVAILABLE)
        await moving.stage.run()
        if not deposited:
            await moving.deposit()
        await moving.send(1)
        await moving.stage.run()
        await moving.new.read()
        assert moving.bodies() == (numbers(3) if deposited else ["3", "1", "2"]) or sorted(moving.bodies()) == numbers(
            3
        )
        assert await moving.stage.rows(JULIET, *MOVING, "replaced") == []
        assert await moving.take() == "unknown"

    run(play())


@pytest.mark.parametrize("deposited", [False, True])
def test_a_parked_session_that_its_node_ends_loses_nothing(deposited: bool) -> None:
    """The node has given the session up, and then learns that it has ended: what was kept meanwhile comes back."""

    async def play() -> None:
        moving = await Moving().begin()
        await moving.detach()
        await moving.park()
        await moving.stage.run()
        if deposited:
            await moving.deposit()
        await moving.send(3)
        await moving.stage.run()
        await moving.old.end(JULIET, moving.session)
        await moving.stage.run()
        assert await moving.stage.rows(JULIET, *MOVING) == []
        assert await moving.stored() == ["1", "2", "3"]

    run(play())


@pytest.mark.parametrize("deposited", [False, True])
def test_a_session_whose_account_is_removed_leaves_nothing_behind(deposited: bool) -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.send(1)
        await moving.detach()
        await moving.park()
        await moving.stage.run()
        if deposited:
            await moving.deposit()
            await moving.stage.run()
        assert (await moving.new.call("remove", JULIET)).value is True
        if not deposited:
            await moving.deposit()
            await moving.stage.run()
        found = await moving.stage.engine.load(None, JULIET, MOVING)
        assert found.rows == ()

    run(play())


def test_a_session_that_has_ended_before_it_is_given_up_is_left_to_its_node() -> None:
    async def play() -> None:
        moving = await Moving().begin()
        await moving.old.end(JULIET, moving.session)
        await moving.park()
        await moving.stage.run()
        assert not await moving.told()
        assert await moving.stage.rows(JULIET, *MOVING) == []

    run(play())
