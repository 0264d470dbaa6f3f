"""The calls of administrators: what they change, what they answer, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.one_test import in_one_test
from tests.xmpp_im_host.cluster.stage import (
    AVAILABLE,
    CAPULET,
    JULIET,
    NOON,
    NURSE,
    ROMEO,
    FaultyEngine,
    Gateway,
    Stage,
    befriend,
    chat,
    chatting,
)
from tests.xmpp_im_host.running import run
from xmpp_im_core.host import import_records
from xmpp_im_core.snapshot import JSON
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.storage.records import Write

DATA: dict[str, object] = {
    "roster": [{"jid": ROMEO, "subscription": "both", "name": "Romeo"}],
    "blocked": ["apothecary@mantua.example"],
    "offline": [
        {"at": "2026-01-01T20:00:00+00:00", "stanza": f'<message from="{ROMEO}" to="{JULIET}"><body>!</body></message>'}
    ],
}


def rows_of(data: dict[str, object]) -> Sequence[JSON]:
    """Return an account's data as the rows of an import."""
    (puts,) = import_records({JULIET: data}, NOON, lambda: "lineage").values()
    changes = stored_records.changes_of([(JULIET, put) for put in puts])
    return [[each.row.kind, each.row.key, each.row.text, each.row.size] for each in changes if isinstance(each, Write)]


async def contacts(stage: Stage, account: str) -> list[tuple[str, str]]:
    """Return the stored contacts of an account: each with the name of the state of its subscription."""
    rows = (await stage.engine.load(None, account, ["contact"])).rows
    return [(row.key, json.loads(row.text)["value"].get("state", "NONE")) for row in rows]


async def available(stage: Stage, gateway: Gateway, account: str) -> None:
    await gateway.bind(account, "home", AVAILABLE)
    await stage.run()
    await gateway.read()


def test_an_account_is_created_once_with_its_keys() -> None:
    async def play() -> None:
        stage, gateway = await chatting()
        assert (await gateway.call("create", JULIET, keys="first")).value is True
        assert (await gateway.call("create", JULIET, keys="second")).value is False
        assert await stage.rows(JULIET, "roster", "credentials") == [("roster", ""), ("credentials", "")]
        (row,) = (await stage.engine.load(None, JULIET, ["credentials"])).rows
        assert row.text == "first"
        assert (await gateway.call("create", NURSE, keys=None)).value is True
        assert await stage.rows(NURSE, "credentials") == []

    run(play())


def test_keys_are_replaced_and_removed_if_there_is_an_account() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET)
        assert (await gateway.call("set-keys", JULIET, keys="third")).value is True
        assert await stage.rows(JULIET, "credentials") == [("credentials", "")]
        assert (await gateway.call("set-keys", JULIET, keys=None)).value is True
        assert await stage.rows(JULIET, "credentials") == []
        assert (await gateway.call("set-keys", NURSE, keys="third")).value is False
        assert await stage.rows(NURSE, "credentials") == []

    run(play())


def test_a_removed_account_leaves_nothing_and_its_contacts_are_told() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, ROMEO)
        await gateway.call("set-keys", JULIET, keys="keys")
        await befriend(stage, gateway, JULIET, ROMEO)
        for account in (ROMEO, JULIET):
            await available(stage, gateway, account)
        assert (await gateway.call("remove", JULIET)).value is True
        await stage.run()
        await gateway.read()
        kinds = ("roster", "contact", "session", "offline", "wake", "credentials")
        assert await stage.rows(JULIET, *kinds) == []
        assert gateway.closed == [(JULIET, "home", "not-authorized")]
        assert gateway.presence(ROMEO)[-1] == (f"{JULIET}/home", "unavailable")
        assert await contacts(stage, ROMEO) == [(JULIET, "NONE")]
        assert (await gateway.call("remove", JULIET)).value is False

    run(play())


def test_an_imported_account_is_there_for_its_next_event() -> None:
    async def play() -> None:
        stage, gateway = await chatting(JULIET, ROMEO)
        orchard = await gateway.bind(ROMEO, "orchard", AVAILABLE)
        await stage.run()
        await gateway.says(ROMEO, orchard, chat(JULIET, "before"))
        await stage.run()
        assert (await gateway.call("import", JULIET, rows=rows_of(DATA), replace=False)).value is True
        assert await contacts(stage, JULIET) == [(ROMEO, "BOTH")]
        assert await stage.rows(JULIET, "blocked") == [("blocked", "apothecary@mantua.example")]
        await available(stage, gateway, JULIET)
        assert gateway.bodies(JULIET) == ["before", "!"]

        refused = await gateway.call("import", JULIET, rows=rows_of(DATA), replace=False)
        assert (refused.value, refused.error) == (None, "exists")
        assert (await gateway.call("import", JULIET, rows=rows_of(DATA), replace=True)).error == "in-use"

    run(play())


def test_an_import_creates_an_account_without_keys() -> None:
    async def play() -> None:
        stage, gateway = await chatting()
        assert (await gateway.call("import", JULIET, rows=rows_of(DATA), replace=False)).value is True
        assert (await gateway.call("create", JULIET, keys="keys")).value is False
        assert await stage.rows(JULIET, "credentials") == []

    run(play())


def test_an_import_replaces_what_is_stored_if_it_is_to() -> None:
    async def play() -> None:
        stage, gateway = await chatting()
        await gateway.call("import", JULIET, rows=rows_of(DATA), replace=False)
        other: dict[str, object] = {"roster": [{"jid": NURSE, "subscription": "to"}]}
        assert (await gateway.call("import", JULIET, rows=rows_of(other), replace=True)).value is True
        assert await contacts(stage, JULIET) == [(NURSE, "TO")]
        assert await stage.rows(JULIET, "blocked") == []
        assert len(await stage.rows(JULIET, "offline")) == 1

    run(play())


def test_inspection_tells_what_the_owner_knows_and_no_keys() -> None:
    async def play() -> None:
        stage, gateway = await chatting()
        await stage.owner(event_log=5)
        await gateway.call("create", JULIET, keys="SECRET")
        session = await gateway.bind(JULIET, "balcony", AVAILABLE)
        told = (await gateway.call("inspect", JULIET)).value
        assert isinstance(told, dict)
        assert told["sessions"] == [f"balcony#{session.epoch}"]
        assert (told["in_memory"], told["offline"]) == (True, 0)
        assert len(told["events"]) == 5  # type: ignore[arg-type]  # JSON
        assert "SECRET" not in json.dumps(told)
        await stage.owner()
        told = (await gateway.call("inspect", JULIET)).value
        assert isinstance(told, dict)
        assert (told["in_memory"], told["events"]) == (False, [])

    run(play())


def test_the_first_secret_that_is_proposed_is_that_of_all_nodes() -> None:
    async def play() -> None:
        _, gateway = await chatting()
        assert (await gateway.call("secret", CAPULET, proposed="first")).value == "first"
        assert (await gateway.call("secret", CAPULET, proposed="second")).value == "first"

    run(play())


def test_there_is_nothing_to_tell_about_nobody() -> None:
    async def play() -> None:
        _, gateway = await chatting()
        reply = await gateway.call("inspect", JULIET)
        assert (reply.value, reply.error) == (None, None)

    run(play())


@in_one_test(
    "operation, arguments, error",
    [
        ("dance", {}, "unknown"),
        ("create", {"keys": 7}, "arguments"),
        ("set-keys", {"keys": []}, "arguments"),
        ("import", {}, "arguments"),
        ("import", {"rows": [["roster", ""]]}, "arguments"),
        ("import", {"rows": 7}, "arguments"),
        ("secret", {"proposed": "mine"}, "arguments"),
        ("secret", {}, "arguments"),
        ("remove", {"farewell": 7}, "arguments"),
        ("remove", {"farewell": "<iq"}, "arguments"),
        ("remove", {"farewell": "<message/>"}, "arguments"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(operation: str, arguments: dict[str, JSON], error: str) -> None:
    async def play() -> None:
        stage, gateway = await chatting(NURSE)
        account = JULIET if operation == "create" else NURSE
        assert (await gateway.call(operation, account, **arguments)).error == error
        assert await stage.rows(JULIET, "roster", "credentials") == []

    run(play())


def test_the_answer_comes_with_the_change_or_not_at_all() -> None:
    async def play() -> None:
        engine = FaultyEngine()
        stage, gateway = await chatting(engine=engine)
        engine.faults = ["failed"]
        id = await gateway.ask("create", JULIET, keys=None)
        for worker in stage.owners[0].workers:
            await worker.cycle()
        await gateway.read()
        assert gateway.replies == {}
        assert await stage.rows(JULIET, "roster") == []
        await stage.run()
        await gateway.read()
        assert gateway.replies[id].value is True
        assert await stage.rows(JULIET, "roster") == [("roster", "")]

    run(play())
