"""The loop of ``docs/embedding.md``, killed at every point: what was promised of durability holds.

A crash before the first commit: the event never happened. After it: state is kept. Before ``forget``: repeated,
never lost. With an outbox, nothing that was to be sent is lost either.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import pytest

from tests.test_readme import python_blocks, run_plain
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.server.effects import Kind
from xmpp_im_core.server.events import AccountCreated, Inbound, Outbound, SessionBound, SessionEnded
from xmpp_im_core.server.service import Arrived, ForAccount, ServiceEvent, unload
from xmpp_im_core.server.state import Account, SessionId
from xmpp_im_core.stanza import Message, Stanza
from xmpp_im_core.subscription import Subscription

DOC: Final = Path(__file__).resolve().parents[2] / "docs" / "embedding.md"
ROMEO, JULIET, MERCUTIO = "romeo@montague.example", "juliet@capulet.example", "mercutio@remote.example"
ORCHARD, BALCONY = f"{ROMEO}/orchard", f"{JULIET}/balcony"
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


DATABASES: list[sqlite3.Connection] = []
"""What the tests have opened: a crash, which they play, closes nothing."""


def opened() -> sqlite3.Connection:
    DATABASES.append(sqlite3.connect(":memory:"))
    return DATABASES[-1]


@pytest.fixture(scope="module", autouse=True)
def _closing_databases() -> Iterator[None]:
    yield
    while DATABASES:
        DATABASES.pop().close()


@pytest.fixture(scope="module")
def doc() -> Iterator[Any]:
    """The program that the page makes, without its doctests."""
    module = ModuleType("embedding_page")
    sys.modules[module.__name__] = module
    for block in python_blocks(DOC):
        if not block.prompted:
            run_plain(block, module, DOC)
    yield module
    module.database.close()
    del sys.modules[module.__name__]


# --- a host that can be killed ----------------------------------------------------------------------------


class Crash(Exception):
    """The process dies here."""


class Fuse:
    """Counts the points at which a process can die, and kills it at one of them."""

    def __init__(self, blows_at: int | None = None) -> None:
        self.blows_at = blows_at
        self.passed: list[str] = []

    def passes(self, point: str) -> None:
        if len(self.passed) == self.blows_at:
            self.blows_at = None
            raise Crash(point)
        self.passed.append(point)


class Line(NamedTuple):
    """A line of the play: who acts, and what."""

    who: str
    does: str
    xml: str = ""


def message(recipient: str, id: str) -> str:
    return f"<message to='{recipient}' id='{id}' type='chat'><body>{id}</body></message>"


def subscription(type: str, recipient: str, sender: str = "") -> str:
    origin = f" from='{sender}'" if sender else ""
    return f"<presence type='{type}' to='{recipient}'{origin}/>"


PLAY: Final = (
    Line(ROMEO, "is created"),
    Line(JULIET, "is created"),
    Line(ORCHARD, "enters"),
    Line(ORCHARD, "sends", subscription("subscribe", JULIET)),
    Line(ORCHARD, "sends", message(JULIET, "stored-1")),
    Line(ORCHARD, "sends", message(JULIET, "stored-2")),
    Line(ORCHARD, "sends", subscription("subscribe", MERCUTIO)),
    Line(BALCONY, "enters"),
    Line(BALCONY, "sends", subscription("subscribed", ROMEO)),
    Line(BALCONY, "sends", subscription("subscribe", ROMEO)),
    Line(ORCHARD, "sends", subscription("subscribed", JULIET)),
    Line(MERCUTIO, "arrives", subscription("subscribed", ROMEO, MERCUTIO)),
    Line(ORCHARD, "sends", message(JULIET, "live-1")),
    Line(ORCHARD, "sends", message(MERCUTIO, "abroad-1")),
    Line(BALCONY, "sends", message(ROMEO, "live-2")),
    Line(BALCONY, "leaves"),
    Line(MERCUTIO, "arrives", f"<message from='{MERCUTIO}' to='{JULIET}' id='stored-3'><body>x</body></message>"),
    Line(BALCONY, "enters"),
    Line(BALCONY, "sends", subscription("unsubscribed", ROMEO)),
)


class Wreck(NamedTuple):
    """What a crash left."""

    point: str
    happened: int
    """How many events had their first commit."""
    kept: bool
    """Whether the event under way had."""
    before: list[Any]
    """What was on disk before the event."""
    disk: list[Any]
    sent: int
    """How many stanzas the event had sent."""


class Stage:
    """Performs the play on the page's host, and begins again on the same database after a crash."""

    def __init__(self, doc: Any, fuse: Fuse, *, outbox: bool = False) -> None:
        self.doc, self.fuse, self.outbox = doc, fuse, outbox
        self.database = opened()
        self.received: list[tuple[str, Stanza]] = []
        self.sessions: dict[str, SessionId] = {}
        self.epoch = 0
        self.happened: list[ServiceEvent] = []
        self.disks: list[list[Any]] = []
        self.wreck: Wreck | None = None
        self.event: ServiceEvent | None = None
        self.before: list[Any] = []
        self.sent = 0
        self.start()

    def start(self) -> None:
        doc, stage = self.doc, self

        class MortalStorage(doc.Storage):  # type: ignore[misc,name-defined]  # the page's classes have no types
            def apply(self, operations: Any) -> None:
                for operation in operations:
                    stage.fuse.passes("inside a commit")
                    super().apply([operation])
                stage.fuse.passes("before a commit is done")

        class MortalHost(doc.OutboxHost if self.outbox else doc.Host):  # type: ignore[misc]  # likewise
            def keep(self, event: ServiceEvent, served: Any) -> None:
                stage.event, stage.before, stage.sent = event, stage.on_disk(), len(stage.received)
                stage.fuse.passes("before the first commit")
                super().keep(event, served)
                stage.happened.append(event)
                stage.disks.append(stage.on_disk())
                stage.fuse.passes("after the first commit")

            def perform(self, account: str, effect: Any) -> None:
                stage.fuse.passes(f"before {type(effect).__name__}")
                super().perform(account, effect)

            def finish(self, event: ServiceEvent, served: Any) -> None:
                stage.fuse.passes("before forget")
                super().finish(event, served)

        self.wire = doc.Wire()
        self.wire.sent = self.received
        domains = ("montague.example", "capulet.example")
        self.host = MortalHost(MortalStorage(self.database), self.wire, lambda: NOON, *domains)
        if self.outbox:
            self.host.recover()

    def on_disk(self) -> list[Any]:
        query = "SELECT account, kind, key, value FROM records ORDER BY account, kind, key"
        return self.database.execute(query).fetchall()

    # --- acting -------------------------------------------------------------------------------------------

    def act(self, line: Line) -> None:
        account, _, resource = line.who.partition("/")
        if line.does == "is created":
            self.host.feed(ForAccount(account, AccountCreated(*self.stamp(), f"lineage-{account}")))
        elif line.does == "arrives":
            self.host.feed(Arrived(*self.stamp(), parse_stanza(line.xml)))
        elif line.does == "enters":
            self.epoch += 1
            self.sessions[line.who] = SessionId(resource, self.epoch)
            self.host.feed(ForAccount(account, SessionBound(*self.stamp(), self.sessions[line.who])))
            self.send(line.who, "<iq id='r' type='get'><query xmlns='jabber:iq:roster'/></iq>")
            self.send(line.who, "<presence/>")
        elif line.does == "leaves":
            session = self.sessions.pop(line.who)
            self.host.feed(ForAccount(account, SessionEnded(*self.stamp(), session)))
        else:
            self.send(line.who, line.xml)

    def stamp(self) -> tuple[datetime, str]:
        return self.host.stamp()  # type: ignore[no-any-return]  # the page's classes have no types

    def send(self, full: str, xml: str) -> None:
        account = full.partition("/")[0]
        self.host.feed(ForAccount(account, Outbound(*self.stamp(), self.sessions[full], parse_stanza(xml))))

    def perform(self) -> None:
        """Perform the play; after a crash begin again, let everybody reconnect, and go on."""
        for line in PLAY:
            try:
                self.act(line)
            except Crash as crash:
                kept = any(event is self.event for event in self.happened)
                sent = len(self.received) - self.sent
                self.wreck = Wreck(str(crash), len(self.happened), kept, self.before, self.on_disk(), sent)
                self.after_crash(line)

    def after_crash(self, line: Line) -> None:
        there = list(self.sessions)
        self.sessions.clear()
        self.start()
        if line.does == "is created" and not self.stored(line.who, Kind.ROSTER):
            self.act(line)  # an administrator sees that it did not work, and does it again
        for full in there:
            if not (line.does == "leaves" and full == line.who):
                self.act(Line(full, "enters"))

    # --- looking ------------------------------------------------------------------------------------------

    def stored(self, account: str, kind: Kind) -> list[str]:
        query = "SELECT key FROM records WHERE account = ? AND kind = ?"
        return [key for (key,) in self.database.execute(query, (account, kind.value))]

    def state(self, account: str, contact: str) -> Subscription:
        for put in self.doc.Storage(self.database).account(account):
            if put.kind is Kind.CONTACT and put.key == contact:
                return put.value.state  # type: ignore[no-any-return]  # the page's classes have no types
        return Subscription.NONE

    def got(self, prefix: str) -> list[str]:
        """Return the ids of the messages that were handed over, to sessions and to other domains."""
        return [
            stanza.id
            for _, stanza in self.received
            if isinstance(stanza, Message) and stanza.type != "error" and stanza.id and stanza.id.startswith(prefix)
        ]


def undisturbed(doc: Any, *, outbox: bool = False) -> Stage:
    stage = Stage(doc, Fuse(), outbox=outbox)
    stage.perform()
    return stage


def every_crash(doc: Any, *, outbox: bool = False) -> list[tuple[Stage, Wreck]]:
    """Perform the play once for each point at which the process can die, with a crash there."""
    crashed: list[tuple[Stage, Wreck]] = []
    for n in range(len(undisturbed(doc, outbox=outbox).fuse.passed)):
        stage = Stage(doc, Fuse(n), outbox=outbox)
        stage.perform()
        assert stage.wreck is not None
        crashed.append((stage, stage.wreck))
    return crashed


@pytest.fixture(scope="module")
def crashed(doc: Any) -> list[tuple[Stage, Wreck]]:
    return every_crash(doc)


@pytest.fixture(scope="module")
def crashed_with_outbox(doc: Any) -> list[tuple[Stage, Wreck]]:
    return every_crash(doc, outbox=True)


# --- without a crash --------------------------------------------------------------------------------------


def test_the_play_ends_as_the_rfc_has_it(doc: Any) -> None:
    stage = undisturbed(doc)

    assert stage.state(ROMEO, JULIET) is Subscription.FROM
    assert stage.state(JULIET, ROMEO) is Subscription.TO
    assert stage.state(ROMEO, MERCUTIO) is Subscription.TO
    assert stage.got("stored") == ["stored-1", "stored-2", "stored-3"]
    assert stage.got("live") == ["live-1", "live-2"]
    assert stage.got("abroad") == ["abroad-1"]
    assert stage.stored(JULIET, Kind.OFFLINE) == []


def test_what_is_in_memory_is_what_is_on_disk(doc: Any) -> None:
    stage = Stage(doc, Fuse())
    for line in PLAY:
        stage.act(line)
        for account, state in stage.host.service.accounts.items():
            assert isinstance(state, Account)
            another = doc.Host(doc.Storage(stage.database), doc.Wire(), lambda: NOON, account.partition("@")[2])
            another.feed(ForAccount(account, another.load(account, doc.Load(account))))
            loaded = another.service.accounts[account]
            assert (loaded.roster, loaded.last_unavailable) == (state.roster, state.last_unavailable)


def test_the_play_passes_every_kind_of_point(doc: Any) -> None:
    assert set(undisturbed(doc).fuse.passed) == {
        "before the first commit",
        "inside a commit",
        "before a commit is done",
        "after the first commit",
        "before Deliver",
        "before Route",
        "before Load",
        "before LoadOffline",
        "before Ignored",
        "before forget",
    }


# --- with one ---------------------------------------------------------------------------------------------


def test_before_the_first_commit_the_event_never_happened(crashed: list[tuple[Stage, Wreck]]) -> None:
    early = [wreck for _, wreck in crashed if not wreck.kept]

    assert {wreck.point for wreck in early} == {
        "before the first commit",
        "inside a commit",
        "before a commit is done",
    }
    for wreck in early:
        assert (wreck.disk, wreck.sent) == (wreck.before, 0), wreck.point


def test_after_the_first_commit_state_is_kept(doc: Any, crashed: list[tuple[Stage, Wreck]]) -> None:
    disks = undisturbed(doc).disks
    late = [wreck for _, wreck in crashed if wreck.kept]

    assert {"after the first commit", "before Deliver", "before Route", "before forget"} < {w.point for w in late}
    for wreck in late:
        assert wreck.disk == disks[wreck.happened - 1], wreck.point


def test_both_halves_of_an_exchange_happen_or_neither_does(crashed: list[tuple[Stage, Wreck]]) -> None:
    mirror = {
        (Subscription.NONE, Subscription.NONE),
        (Subscription.NONE_OUT, Subscription.NONE_IN),
        (Subscription.TO, Subscription.FROM),
        (Subscription.TO_IN, Subscription.FROM_OUT),
        (Subscription.BOTH, Subscription.BOTH),
        (Subscription.FROM_OUT, Subscription.TO_IN),
        (Subscription.FROM, Subscription.TO),
        (Subscription.NONE_IN, Subscription.NONE_OUT),
        (Subscription.NONE_OUT_IN, Subscription.NONE_OUT_IN),
    }

    for stage, wreck in crashed:
        assert (stage.state(ROMEO, JULIET), stage.state(JULIET, ROMEO)) in mirror, wreck.point


def kept_messages(stage: Stage) -> list[str]:
    """Return the ids of the messages of the play whose event has happened, in the order in which it did."""
    ids: list[str] = []
    for event in stage.happened:
        inner = event.event if isinstance(event, ForAccount) else event
        if isinstance(inner, Outbound | Inbound | Arrived) and isinstance(inner.stanza, Message) and inner.stanza.id:
            ids.append(inner.stanza.id)
    return ids


def first_times(ids: list[str]) -> list[str]:
    return list(dict.fromkeys(ids))


def test_a_stored_message_is_repeated_perhaps_but_never_lost(crashed: list[tuple[Stage, Wreck]]) -> None:
    repeated: set[str] = set()
    for stage, wreck in crashed:
        wanted = [id for id in kept_messages(stage) if id.startswith("stored")]
        assert first_times(stage.got("stored")) == wanted, wreck.point
        assert stage.stored(JULIET, Kind.OFFLINE) == [], wreck.point
        if len(stage.got("stored")) > len(wanted):
            repeated.add(wreck.point)

    assert repeated == {"before forget", "before Deliver", "inside a commit", "before a commit is done"}


def test_with_an_outbox_no_message_is_lost(crashed_with_outbox: list[tuple[Stage, Wreck]]) -> None:
    for stage, wreck in crashed_with_outbox:
        assert set(stage.got("")) >= set(kept_messages(stage)), wreck.point
        assert stage.database.execute("SELECT * FROM outbox").fetchall() == [], wreck.point


def test_with_an_outbox_no_request_to_another_domain_is_lost(crashed_with_outbox: list[tuple[Stage, Wreck]]) -> None:
    for stage, wreck in crashed_with_outbox:
        asked = any(is_request(event) for event in stage.happened)
        sent = [stanza for recipient, stanza in stage.received if recipient == MERCUTIO and stanza.type == "subscribe"]
        assert bool(sent) == asked, wreck.point


def is_request(event: ServiceEvent) -> bool:
    inner = event.event if isinstance(event, ForAccount) else event
    return isinstance(inner, Outbound) and inner.stanza.type == "subscribe" and str(inner.stanza.to) == MERCUTIO


def test_without_an_outbox_what_was_not_sent_yet_is_lost(crashed: list[tuple[Stage, Wreck]]) -> None:
    lost = {id for stage, _ in crashed for id in set(kept_messages(stage)) - set(stage.got(""))}

    assert lost == {"live-1", "live-2", "abroad-1"}


# --- storage that fails -----------------------------------------------------------------------------------


def test_where_the_commit_fails_the_client_is_told_and_nothing_has_changed(doc: Any) -> None:
    stage = Stage(doc, Fuse())
    for line in PLAY[:3]:
        stage.act(line)
    before, service = stage.on_disk(), stage.host.service
    stage.received.clear()

    def fails(operations: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    stage.host.storage.commit = fails
    stage.act(Line(ORCHARD, "sends", subscription("subscribe", JULIET)))

    [(recipient, error)] = stage.received
    assert (recipient, error.type) == (ORCHARD, "error")
    assert error.error is not None
    assert error.error.type.value == "wait"
    assert (stage.on_disk(), stage.host.service) == (before, service)


def test_where_loading_fails_nobody_waits_for_ever(doc: Any) -> None:
    stage = Stage(doc, Fuse())
    for line in PLAY[:2]:
        stage.act(line)
    stage.host.service = unload(unload(stage.host.service, ROMEO), JULIET)
    stage.received.clear()

    def fails(account: str) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    stage.host.storage.account = fails
    stage.act(Line(MERCUTIO, "arrives", f"<message from='{MERCUTIO}' to='{JULIET}' id='m'><body>x</body></message>"))

    [(recipient, error)] = stage.received
    assert (recipient, error.type) == (MERCUTIO, "error")
    assert not stage.host.service.held


def test_where_stored_messages_cannot_be_read_they_come_another_time(doc: Any) -> None:
    stage = Stage(doc, Fuse())
    for line in PLAY[:7]:
        stage.act(line)
    reading = stage.host.storage.offline

    def fails(account: str) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    stage.host.storage.offline = fails
    stage.act(Line(BALCONY, "enters"))
    assert stage.got("stored") == []
    stage.act(Line(BALCONY, "leaves"))
    stage.host.storage.offline = reading
    stage.act(Line(BALCONY, "enters"))

    assert stage.got("stored") == ["stored-1", "stored-2"]


def test_a_stream_that_is_gone_does_not_lose_a_message(doc: Any) -> None:
    stage = Stage(doc, Fuse())
    for line in PLAY[:8]:
        stage.act(line)
    delivering = stage.wire.deliver
    stage.wire.deliver = lambda account, session, stanza: session.resource != "balcony"
    stage.act(Line(ORCHARD, "sends", message(JULIET, "live-1")))
    stage.act(Line(BALCONY, "leaves"))
    stage.wire.deliver = delivering
    assert stage.got("live") == []

    stage.act(Line(BALCONY, "enters"))

    assert stage.got("live") == ["live-1"]


def test_a_domain_that_cannot_be_reached_is_told_to_the_client(doc: Any) -> None:
    stage = Stage(doc, Fuse())
    for line in PLAY[:3]:
        stage.act(line)
    stage.received.clear()
    stage.wire.route = lambda stanza: doc.Condition.REMOTE_SERVER_TIMEOUT

    stage.act(Line(ORCHARD, "sends", message(MERCUTIO, "abroad-1")))

    [(recipient, error)] = stage.received
    assert (recipient, error.error is not None and error.error.condition.value) == (ORCHARD, "remote-server-timeout")


def test_an_iq_to_the_service_is_answered(doc: Any) -> None:
    stage = Stage(doc, Fuse())
    for line in PLAY[:3]:
        stage.act(line)
    stage.received.clear()

    stage.act(Line(ORCHARD, "sends", "<iq to='montague.example' id='1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"))

    [(recipient, error)] = stage.received
    assert (recipient, error.error is not None and error.error.condition.value) == (ORCHARD, "service-unavailable")
