"""A partition: what its entries cause, and through which queue it leaves."""

from __future__ import annotations

from tests.xmpp_im_host.cluster.stage import (
    AVAILABLE,
    JULIET,
    NURSE,
    ROMEO,
    befriend,
    chat,
    chatting,
)
from tests.xmpp_im_host.running import run


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


def test_presence_reaches_contacts() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, ROMEO, NURSE)
        await befriend(stage, gateway, JULIET, ROMEO)
        await gateway.bind(ROMEO, "orchard", AVAILABLE)
        await gateway.bind(NURSE, "kitchen", AVAILABLE)
        await stage.run()
        await gateway.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await gateway.read()
        assert (f"{JULIET}/balcony", "available") in gateway.presence(ROMEO)
        assert gateway.presence(NURSE) == [(f"{NURSE}/kitchen", "available")]

    run(play())
