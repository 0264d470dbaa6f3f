"""A removed account, and the next one with its address: nothing that was for the first comes to the second."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.one_test import in_one_test
from tests.xmpp_im_host.cluster.servers import DOMAIN, Cluster
from tests.xmpp_im_host.cluster.stage import (
    AVAILABLE,
    JULIET,
    NOON,
    ROMEO,
    Gateway,
    Stage,
    befriend,
    chat,
    chatting,
)
from tests.xmpp_im_host.cluster.talking import enter, log_in
from tests.xmpp_im_host.raw_client import RawClient
from tests.xmpp_im_host.running import run
from xmpp_im_core.server import Deliver, ForAccount, SessionId, Undelivered
from xmpp_im_host.cluster.queue_entries import Counts, Deposit, Park, Perform, dump_entry, load_gateway_entry
from xmpp_im_host.credentials import Credentials
from xmpp_im_host.hosting.administration import AccountInUse
from xmpp_im_host.storage.errors import EngineFailed

ASKS = f'<iq to="{JULIET}/balcony" type="get" id="t"><time xmlns="urn:xmpp:time"/></iq>'


async def under_way(stage: Stage, *stanzas: str) -> tuple[Gateway, Gateway, SessionId, list[Perform]]:
    """Let Juliet's gateway have stanzas of Romeo's that it has not read, and remove her account.

    :return: the gateway of Romeo, that of Juliet, her session, and the stanzas as entries.
    """
    romeos, juliets = await stage.gateway(), await stage.gateway()
    await befriend(stage, romeos, ROMEO, JULIET)
    orchard = await romeos.bind(ROMEO, "orchard", AVAILABLE)
    balcony = await juliets.bind(JULIET, "balcony", AVAILABLE)
    await stage.run()
    await juliets.read()
    for each in stanzas:
        await romeos.says(ROMEO, orchard, each)
    await stage.run()
    waiting = [load_gateway_entry(entry.body) for entry in await juliets.waiting()]
    performs = [each for each in waiting if isinstance(each, Perform) and isinstance(each.identified.effect, Deliver)]
    assert len(performs) == len(stanzas)
    assert (await romeos.call("remove", JULIET)).value is True
    return romeos, juliets, balcony, performs


async def create(gateway: Gateway) -> object:
    return (await gateway.call("create", JULIET, keys=None)).value


async def got_by_the_next(stage: Stage, gateway: Gateway) -> list[str]:
    """Return the bodies of the messages that the next holder of the address gets."""
    await gateway.bind(JULIET, "tomb", AVAILABLE)
    await stage.run()
    await gateway.read()
    return gateway.bodies(JULIET, "tomb")


@in_one_test("new_owner", [False, True])
def test_what_was_under_way_to_a_session_comes_back_and_not_to_the_next_account(new_owner: bool) -> None:
    """RFC 6121 §8.5.1. The gateway gives stanzas back, and says later that the session has ended."""

    async def play() -> None:
        stage, _ = await chatting(JULIET, ROMEO)
        romeos, juliets, balcony, performs = await under_way(stage, chat(JULIET, "for her alone"), ASKS)
        if new_owner:
            await stage.owner()
        assert await create(romeos) == "later"
        for perform in performs:
            effect = perform.identified.effect
            assert isinstance(effect, Deliver)
            await juliets.feed(ForAccount(JULIET, Undelivered(NOON, stage.id(), effect, (balcony,))))
        await juliets.read()
        assert await create(romeos) == "later"
        await juliets.end(JULIET, balcony)
        assert await create(romeos) is True
        assert romeos.conditions(ROMEO) == ["service-unavailable"]
        assert await got_by_the_next(stage, romeos) == []
        assert await stage.rows(JULIET, "former") == []

    run(play())


def test_what_its_gateway_has_not_read_is_answered_before_there_is_another_account() -> None:
    """RFC 6120 §8.2.3: a request is answered, whatever becomes of the account."""

    async def play() -> None:
        stage, _ = await chatting(JULIET, ROMEO)
        romeos, juliets, balcony, _ = await under_way(stage, chat(JULIET, "for her alone"), ASKS)
        await juliets.end(JULIET, balcony)
        assert await create(romeos) is True
        assert romeos.conditions(ROMEO) == ["service-unavailable"], "the request is answered"
        assert await got_by_the_next(stage, romeos) == []

    run(play())


@in_one_test("new_owner", [False, True])
def test_if_its_node_dies_everything_comes_back_and_the_next_account_need_not_wait(new_owner: bool) -> None:
    async def play() -> None:
        stage, _ = await chatting(JULIET, ROMEO)
        romeos, juliets, _, _ = await under_way(stage, chat(JULIET, "for her alone"), ASKS)
        if new_owner:
            await stage.owner()
        await stage.end(juliets)
        assert await create(romeos) is True
        await stage.run()
        await romeos.read()
        assert romeos.conditions(ROMEO) == ["service-unavailable"], "the request is answered"
        assert await got_by_the_next(stage, romeos) == []
        assert await stage.rows(JULIET, "former") == []

    run(play())


def test_a_session_that_its_node_gives_up_ends_when_it_is_deposited() -> None:
    async def play() -> None:
        stage, _ = await chatting(JULIET, ROMEO)
        romeos, juliets = await stage.gateway(), await stage.gateway()
        await befriend(stage, romeos, ROMEO, JULIET)
        orchard = await romeos.bind(ROMEO, "orchard", AVAILABLE)
        balcony = await juliets.bind(JULIET, "balcony", AVAILABLE)
        await stage.run()
        await juliets.read()
        await romeos.says(ROMEO, orchard, ASKS)
        await stage.run()
        (entry,) = await juliets.waiting()
        perform = load_gateway_entry(entry.body)
        assert isinstance(perform, Perform)
        await juliets.append((JULIET, Park(JULIET, balcony, juliets.number, "management")))
        assert (await romeos.call("remove", JULIET)).value is True
        assert await create(romeos) == "later"
        until = NOON + timedelta(seconds=60)
        performs = (dump_entry(evolve(perform, sessions=(balcony,))),)
        deposit = Deposit(JULIET, balcony, juliets.number, "management", until, Counts(1, 1, 0), performs)
        await juliets.append((JULIET, deposit))
        assert await create(romeos) is True
        assert romeos.conditions(ROMEO) == ["service-unavailable"]
        assert await got_by_the_next(stage, romeos) == []

    run(play())


def test_a_deposited_session_ends_with_its_account() -> None:
    async def play() -> None:
        stage, _ = await chatting(JULIET, ROMEO)
        romeos, juliets = await stage.gateway(), await stage.gateway()
        balcony = await juliets.bind(JULIET, "balcony", AVAILABLE)
        await juliets.append((JULIET, Park(JULIET, balcony, juliets.number, "management")))
        await stage.run()
        until = NOON + timedelta(seconds=60)
        deposit = Deposit(JULIET, balcony, juliets.number, "management", until, Counts(1, 1, 0), ())
        await juliets.append((JULIET, deposit))
        await stage.run()
        assert (await romeos.call("remove", JULIET)).value is True
        assert await create(romeos) is True

    run(play())


def test_an_import_waits_for_the_former_sessions_too() -> None:
    async def play() -> None:
        stage, _ = await chatting(JULIET, ROMEO)
        romeos, juliets, balcony, _ = await under_way(stage)
        assert (await romeos.call("import", JULIET, rows=[], replace=False)).error == "in-use"
        await juliets.end(JULIET, balcony)
        assert (await romeos.call("import", JULIET, rows=[], replace=False)).value is True

    run(play())


# --- servers ------------------------------------------------------------------------------------------------------


def test_a_server_waits_until_the_address_is_free(shared: dict[str, Any]) -> None:
    with Cluster(**shared) as cluster:
        first, second = cluster.two({"juliet": "secret"})
        administration = first.server.administration
        with enter(second, "juliet") as juliet:
            cluster.run(administration.remove(f"juliet@{DOMAIN}"))
            cluster.run(administration.create(f"juliet@{DOMAIN}", "another secret"))
            assert juliet.error() == "not-authorized"


@pytest.mark.parametrize("fails", [False, True], ids=["", "keys cannot be read at first"])
def test_a_login_with_the_keys_of_the_removed_account_ends_although_it_is_late(fails: bool) -> None:
    """Its keys were valid when they were compared. The session comes to the account after there is another one."""
    with Cluster() as cluster:
        first, second = cluster.two({"juliet": "secret"})
        administration, held = first.server.administration, []
        bind = second.node.bind

        async def failing(account: str) -> Credentials | None:
            del vars(second.node)["credentials"]
            raise EngineFailed("the database is away")

        vars(second.node)["bind"] = lambda *arguments: held.append(arguments)
        with log_in(second, "juliet") as juliet:
            cluster.run(administration.remove(f"juliet@{DOMAIN}"))
            cluster.run(administration.create(f"juliet@{DOMAIN}", "another secret"))

            async def go_on() -> None:
                if fails:
                    vars(second.node)["credentials"] = failing
                bind(*held[0])

            cluster.run(go_on())
            assert juliet.error() == "not-authorized"
        vars(second.node).pop("bind")
        with RawClient(second).log_in("juliet", "another secret") as next_one:
            next_one.settle()


def test_a_server_does_not_wait_for_ever() -> None:
    with Cluster() as cluster:
        first, second = cluster.two({"juliet": "secret"})
        administration = first.server.administration
        first.node.settings = evolve(first.node.settings, take_seconds=0.0)
        with enter(second, "juliet"):
            second.server.network.sessions._end = lambda session, done: None  # nobody learns of the end
            cluster.run(administration.remove(f"juliet@{DOMAIN}"))
            with pytest.raises(EngineFailed, match="a client of the account that was removed"):
                cluster.run(administration.create(f"juliet@{DOMAIN}", "another secret"))
            with pytest.raises(AccountInUse):
                cluster.run(administration.import_accounts({f"juliet@{DOMAIN}": {"roster": []}}))
