"""Administration: accounts, passwords, export and import, and what is told about an account."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.host.stage import CAPULET, JULIET, MERCUTIO, NURSE, ROMEO, Tape, chat
from tests.xmpp_im_host.hosting.stage import FaultyEngine, add, enter, says
from tests.xmpp_im_host.running import run, until
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.server import State, hosting
from xmpp_im_host.credentials import FEWEST_ITERATIONS
from xmpp_im_host.hosting.administration import (
    AccountExists,
    AccountInUse,
    Administration,
    InvalidAccount,
    InvalidData,
    InvalidPassword,
    NoSuchAccount,
)
from xmpp_im_host.hosting.async_host import AsyncHost
from xmpp_im_host.storage.errors import EngineFailed
from xmpp_im_host.storage.records import Batch, Row, Write, partition_of

DATA = {
    JULIET: {
        "roster": [
            {"jid": "benvolio@montague.example", "subscription": "none", "ask": "subscribe"}
            | {"asked": "2026-01-01T12:00:00+00:00"},
            {"jid": MERCUTIO, "subscription": "both", "name": "Mercutio", "groups": ["Friends", "Ünïcode"]},
            {"jid": "tybalt@capulet.example", "subscription": "to", "approved": True},
        ],
        "requests": [
            {
                "jid": "paris@verona.example",
                "stanza": "<presence xmlns='jabber:client' from='paris@verona.example' "
                f"to='{JULIET}' type='subscribe'><status>Please</status></presence>",
            }
        ],
        "blocked": ["apothecary@mantua.example"],
        "offline": [
            {
                "at": "2026-01-01T20:00:00+00:00",
                "stanza": f"<message xmlns='jabber:client' from='{MERCUTIO}' to='{JULIET}'><body>!</body></message>",
            }
        ],
    }
}


class Stage:
    """A host with an administration."""

    def __init__(self, engine: FaultyEngine, wire: Tape, host: AsyncHost[State]) -> None:
        self.engine, self.wire, self.host = engine, wire, host
        self.administration = Administration(host, FEWEST_ITERATIONS)


@asynccontextmanager
async def a_stage(*accounts: str, event_log: int = 0) -> AsyncIterator[Stage]:
    engine, wire = FaultyEngine(), Tape()
    async with AsyncHost(hosting(CAPULET, "second.example"), engine, wire, event_log=event_log) as host:
        stage = Stage(engine, wire, host)
        for jid in accounts:
            await stage.administration.create(jid, "pencil")
        yield stage


# --- accounts and passwords -------------------------------------------------------------------------------------


def test_an_account_is_created_once_under_its_prepared_address() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            manage = stage.administration
            assert await manage.create("Romeo@Capulet.EXAMPLE", "pencil") == ROMEO
            with pytest.raises(AccountExists, match=ROMEO):
                await manage.create(ROMEO, "other")
            await manage.create("zoe@second.example", "pencil")
            assert await manage.accounts() == [ROMEO, "zoe@second.example"]
            assert await manage.accounts("second.example") == ["zoe@second.example"]
            assert await manage.check_password(ROMEO, "pencil")
            assert not await manage.check_password(ROMEO, "other")
            assert not await manage.check_password(JULIET, "pencil")

    run(play())


def test_of_two_who_create_an_account_at_a_time_one_succeeds() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            manage = stage.administration
            tries = [manage.create(ROMEO, password) for password in ("first", "second")]
            results = await asyncio.gather(*tries, return_exceptions=True)
            (winner,) = [n for n, each in enumerate(results) if each == ROMEO]
            assert isinstance(results[1 - winner], AccountExists)
            assert await manage.check_password(ROMEO, ("first", "second")[winner])

    run(play())


@pytest.mark.parametrize(
    "account",
    ["", "capulet.example", "romeo@capulet.example/orchard", "romeo@montague.example", "a b@capulet.example", "@"],
)
def test_an_address_that_is_no_account_of_the_server_is_refused(account: str) -> None:
    async def play() -> None:
        async with a_stage() as stage:
            manage = stage.administration
            for doing in (
                manage.create(account, "pencil"),
                manage.remove(account),
                manage.set_password(account, "pencil"),
                manage.check_password(account, "pencil"),
                manage.inspect(account),
                manage.export_accounts(account),
            ):
                with pytest.raises(InvalidAccount):
                    await doing
            assert stage.engine.batches == []

    run(play())


def test_what_needs_an_account_names_one_that_does_not_exist() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            manage = stage.administration
            for doing in (
                manage.remove(ROMEO),
                manage.set_password(ROMEO, "pencil"),
                manage.inspect(ROMEO),
                manage.export_accounts(ROMEO),
            ):
                with pytest.raises(NoSuchAccount, match=ROMEO):
                    await doing
            assert not await manage.check_password(ROMEO, "pencil")
            assert stage.engine._rows == {}

    run(play())


def test_another_password_replaces_the_old_one_and_sessions_go_on() -> None:
    async def play() -> None:
        async with a_stage(ROMEO) as stage:
            session = await enter(stage.host, ROMEO, "orchard")
            await stage.administration.set_password(ROMEO, "crayon")
            assert await stage.administration.check_password(ROMEO, "crayon")
            assert not await stage.administration.check_password(ROMEO, "pencil")
            await says(stage.host, ROMEO, session, chat(ROMEO, "still here"))
            assert stage.wire.bodies(f"{ROMEO}/orchard") == ["still here"]

    run(play())


def test_a_password_that_cannot_be_prepared_or_stored_changes_nothing() -> None:
    async def play() -> None:
        async with a_stage(ROMEO) as stage:
            for doing in (
                stage.administration.create(JULIET, ""),
                stage.administration.set_password(ROMEO, "tab\t"),
            ):
                with pytest.raises(InvalidPassword, match="password"):
                    await doing
            stage.engine.failing = True
            with pytest.raises(EngineFailed):
                await stage.administration.set_password(ROMEO, "crayon")
            stage.engine.failing = False
            assert await stage.administration.accounts() == [ROMEO]
            assert await stage.administration.check_password(ROMEO, "pencil")

    run(play())


def test_removal_ends_sessions_tells_contacts_and_leaves_nothing() -> None:
    async def play() -> None:
        async with a_stage(ROMEO) as stage:
            session = await enter(stage.host, ROMEO, "orchard")
            await says(stage.host, ROMEO, session, f"<presence to='{MERCUTIO}' type='subscribe'/>")
            await stage.administration.remove(ROMEO)
            assert [condition for _, _, condition in stage.wire.closed] == ["not-authorized"]
            assert "unsubscribe" in [each.type for each in stage.wire.routed]
            assert stage.engine._rows == {}
            assert await stage.administration.accounts() == []
            with pytest.raises(NoSuchAccount):
                await stage.administration.remove(ROMEO)

    run(play())


# --- export and import ------------------------------------------------------------------------------------------


def test_what_is_exported_is_imported_as_the_same() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            assert await stage.administration.import_accounts(DATA) == [JULIET]
            exported = await stage.administration.export_accounts()
            assert await stage.administration.export_accounts(JULIET) == exported
            assert not await stage.administration.check_password(JULIET, "")
        text = json.dumps(exported)
        async with a_stage() as stage:
            await stage.administration.import_accounts(json.loads(text))
            again = await stage.administration.export_accounts(JULIET)
            assert again == exported
            juliet = again[JULIET]
            assert juliet["roster"] == DATA[JULIET]["roster"]
            assert juliet["blocked"] == DATA[JULIET]["blocked"]
            (request,) = json.loads(text)[JULIET]["requests"]
            assert parse_stanza(request["stanza"]) == parse_stanza(str(DATA[JULIET]["requests"][0]["stanza"]))  # type: ignore[index]
            (message,) = json.loads(text)[JULIET]["offline"]
            assert message["at"] == "2026-01-01T20:00:00+00:00"

    run(play())


def test_the_import_is_what_the_user_gets_at_the_next_login() -> None:
    async def play() -> None:
        async with a_stage(JULIET) as stage:
            assert await stage.host.account(JULIET) is not None  # it is in memory, with an empty roster
            await stage.administration.import_accounts(DATA)
            assert await stage.administration.check_password(JULIET, "pencil")
            await enter(stage.host, JULIET, "balcony")
            await until(lambda: not stage.host.busy)
            assert stage.wire.bodies(f"{JULIET}/balcony") == ["!"]
            got = [stanza for at, stanza in stage.wire.got if at == f"{JULIET}/balcony"]
            (roster,) = [each.payload.first("query", "jabber:iq:roster") for each in got if each.id == "r"]
            assert roster is not None
            assert len(list(roster.all("item"))) == 3
            assert "subscribe" in [each.type for each in got]

    run(play())


def test_a_roster_is_replaced_only_on_demand() -> None:
    async def play() -> None:
        async with a_stage(JULIET) as stage:
            session = await enter(stage.host, JULIET, "balcony")
            await says(stage.host, JULIET, session, add(NURSE))
            with pytest.raises(AccountExists, match=JULIET):
                await stage.administration.import_accounts(DATA)
            with pytest.raises(AccountInUse, match=JULIET):
                await stage.administration.import_accounts(DATA, replace=True)
            before = await stage.administration.export_accounts(JULIET)
            assert [item["jid"] for item in before[JULIET]["roster"]] == [NURSE]  # type: ignore[attr-defined]

            stage.host.end(JULIET, session)
            await stage.administration.import_accounts(DATA, replace=True)
            after = await stage.administration.export_accounts(JULIET)
            assert after[JULIET]["roster"] == DATA[JULIET]["roster"]

    run(play())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({JULIET: {"roster": [{"jid": "a@b@c"}]}}, rf"^{JULIET}: roster\[0\].jid"),
        ({JULIET: {"rooster": []}}, "rooster"),
        ({JULIET: []}, JULIET),
        ([JULIET], "mapping"),
        ({"no jid @": {}}, "no jid @"),
    ],
)
def test_wrong_data_is_named_and_nothing_is_imported(data: object, why: str) -> None:
    async def play() -> None:
        async with a_stage() as stage:
            with pytest.raises(InvalidData, match=why):
                await stage.administration.import_accounts(data)
            with pytest.raises(InvalidAccount, match="domains"):
                await stage.administration.import_accounts({NURSE: {}, "romeo@montague.example": {}})
            assert stage.engine.batches == []

    run(play())


# --- inspection -------------------------------------------------------------------------------------------------


def test_an_account_can_be_looked_into_without_its_keys() -> None:
    async def play() -> None:
        async with a_stage(ROMEO, event_log=5) as stage:
            await enter(stage.host, ROMEO, "orchard")
            lease = stage.host.owned._leases[partition_of(ROMEO)]
            await stage.engine.commit([lease], Batch((Write(ROMEO, Row("contact", MERCUTIO, "{")),)))
            found = await stage.administration.inspect(ROMEO)
            assert json.loads(json.dumps(found)) == found
            assert (found["account"], found["in_memory"], found["password"]) == (ROMEO, True, True)
            assert [name.partition("#")[0] for name in found["sessions"]] == ["orchard"]  # type: ignore[attr-defined]
            (damaged,) = json.loads(json.dumps(found))["damaged"]
            assert (damaged["kind"], damaged["key"]) == ("contact", MERCUTIO)
            assert "orchard" in str(found["events"])
            keys = await stage.host.credentials(ROMEO)
            assert keys is not None
            assert keys.sha256.stored_key.hex() not in json.dumps(found)

    run(play())
