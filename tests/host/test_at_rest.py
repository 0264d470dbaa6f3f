"""At rest a host remembers nothing of what has passed through it: long runs do not fill its memory."""

from __future__ import annotations

from random import Random

import pytest
from attrs import define, field

from tests.host.stage import CAPULET, JULIET, MERCUTIO, NURSE, ROMEO, Tape, chat, enters, host_on, noon, numbers, says
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import (
    Commit,
    DeferredHost,
    MemoryStorage,
    Operations,
    ReadAccount,
    StorageFailed,
    StorageRequest,
)
from xmpp_im_core.server import Deliver, SessionId, State, hosting
from xmpp_im_core.stanza import Condition, Stanza

USERS = (ROMEO, JULIET, NURSE)


@define(eq=False)
class Run:
    """A host in use: its requests end in any order, or fail; streams and routes come and go."""

    seed: int
    outbox: bool
    fails: bool
    chance: Random = field(init=False)
    wire: Tape = field(factory=Tape, init=False)
    records: MemoryStorage = field(factory=MemoryStorage, init=False)
    host: DeferredHost[State] = field(init=False)
    asked: list[StorageRequest] = field(factory=list, init=False)
    here: list[tuple[str, SessionId]] = field(factory=list, init=False)
    fed: int = field(default=0, init=False)
    done: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.chance = Random(self.seed)
        at_once = self.chance.choice((1, 3, 1000))
        self.host = DeferredHost(hosting(CAPULET), self.wire, noon, numbers(), outbox=self.outbox, at_once=at_once)

    def step(self) -> None:
        chance, host = self.chance, self.host
        user, other = chance.choice(USERS), chance.choice((*USERS, MERCUTIO))
        drawn = chance.random()
        if drawn < 0.35:
            self.end_a_request()
        elif drawn < 0.45:
            chance.choice((host.create, host.unload, host.create, host.unload, host.remove))(user)
        elif drawn < 0.55:
            self.here.append((user, enters(host, user, chance.choice("ab"))))
        elif drawn < 0.62 and self.here:
            account, session = self.here.pop(chance.randrange(len(self.here)))
            host.end(account, session, tuple(self.wire.effects.get(session, ())[-2:]))
        elif drawn < 0.66 and self.here:
            self.wire.gone.add(chance.choice(self.here)[1])
        elif drawn < 0.7:
            self.wire.no_way = chance.choice((None, Condition.REMOTE_SERVER_TIMEOUT))
        elif drawn < 0.75:
            host.arrive(parse_stanza(f"<message from='{MERCUTIO}' to='{user}' id='x'><body>x</body></message>"))
        elif self.here:
            self.says_something(other)

    def says_something(self, other: str) -> None:
        account, session = self.chance.choice(self.here)
        xml = self.chance.choice(
            (
                chat(other, "x"),
                chat(f"{other}/a", "y"),
                "<presence/>",
                f"<presence to='{other}'/>",
                f"<presence to='{other}' type='subscribe'/>",
                f"<presence to='{other}' type='subscribed'/>",
                f"<iq type='get' id='q' to='{other}/b'><query xmlns='urn:example:q'/></iq>",
            )
        )
        self.fed += 1
        self.host.receive(account, session, parse_stanza(xml), done=self.count_done)

    def count_done(self) -> None:
        self.done += 1

    def end_a_request(self) -> bool:
        self.asked += self.host.requests()
        if not self.asked:
            return False
        request = self.asked.pop(self.chance.randrange(len(self.asked)))
        if self.fails and self.chance.random() < 0.25:
            self.host.failed(request)
        elif isinstance(request, Commit):
            self.records.commit(request.operations)
            self.host.committed(request)
        elif isinstance(request, ReadAccount):
            self.host.read(request, self.records.account(request.account))
        else:
            self.host.read(request, self.records.messages(request.account))
        return True

    def comes_to_rest(self) -> None:
        """Do what a program does: answer requests, and call ``run`` while there is something to do."""
        while self.end_a_request() or self.host.ready:
            self.host.run()


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("outbox", [False, True])
def test_at_rest_no_finished_work_is_remembered(outbox: bool, fails: bool) -> None:
    for seed in range(12):
        run = Run(seed, outbox, fails)
        for _ in range(200):
            run.step()
        run.comes_to_rest()

        host = run.host
        assert host.waiting == 0
        assert run.done == run.fed
        assert host._open_jobs.jobs == {}
        assert host._locks.locked == {}
        assert host._locks.waiting == {}
        assert not host._freed
        assert not host._ended
        assert not host._inbox
        assert len(host.service.held) == 0
        assert host.outbox is None or host.outbox.unsettled == {}
        assert fails or run.records.outbox == {}
        assert set(host._wake_times.times) <= set(run.records.accounts)
        assert all(run.records.accounts.values()), "a removed account is remembered"


def test_a_removed_account_leaves_nothing_in_the_records() -> None:
    records = MemoryStorage()
    host = host_on(records, Tape())
    host.create(ROMEO)
    host.remove(ROMEO)
    host.remove(JULIET)

    assert records.accounts == {}


def test_ready_says_so_when_one_call_has_ended_before_all_that_waited_for_a_commit() -> None:
    wire = Tape()
    host: DeferredHost[State] = DeferredHost(hosting(CAPULET), wire, noon, numbers(), at_once=1)
    host.create(ROMEO)
    work(host)
    orchard = enters(host, ROMEO, "orchard")
    work(host)
    says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")
    (commit,) = host.requests()
    for body in "abc":
        says(host, ROMEO, orchard, chat(ROMEO, body))
    assert isinstance(commit, Commit)

    host.committed(commit)
    while host.ready:
        host.run()

    assert wire.bodies(f"{ROMEO}/orchard") == ["a", "b", "c"]
    assert host.waiting == 0


def work(host: DeferredHost[State]) -> None:
    """Store nothing, and answer that it was done."""
    while (asked := host.requests()) or host.ready:
        for request in asked:
            if isinstance(request, Commit):
                host.committed(request)
            elif isinstance(request, ReadAccount):
                host.read(request, MemoryStorage().account(request.account))
            else:
                host.read(request, ())
        host.run()


class Failing(MemoryStorage):
    """Fails the next commits."""

    failing = 0

    def commit(self, operations: Operations) -> None:
        if self.failing:
            self.failing -= 1
            raise StorageFailed
        super().commit(operations)


class Breaking(Tape):
    """With a stream that is gone the storage fails too."""

    def __init__(self, storage: Failing) -> None:
        super().__init__()
        self.storage = storage

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        took = super().deliver(account, session, stanza, effect)
        self.storage.failing = 0 if took else 1
        return took


def test_the_record_stays_if_the_report_of_a_failed_delivery_cannot_be_committed() -> None:
    """A sender who may not know whether Juliet is there hears no error (§8.1): the record alone keeps the message."""
    storage = Failing()
    wire = Breaking(storage)
    host = host_on(storage, wire, outbox=True)
    for user in (ROMEO, JULIET):
        host.create(user)
    orchard, balcony = enters(host, ROMEO, "orchard"), enters(host, JULIET, "balcony")
    wire.gone.add(balcony)

    says(host, ROMEO, orchard, chat(JULIET, "soft"))

    assert all(stanza.type != "error" for _, stanza in wire.got)
    assert host.outbox is not None
    assert host.outbox.unsettled == {}
    assert [account for account, _ in storage.owed()] == [JULIET]
    after = iter(range(100))
    again: DeferredHost[State] = DeferredHost(
        hosting(CAPULET), Tape(), noon, lambda: f"again{next(after)}", outbox=True
    )
    again.recover(storage.owed())
    while asked := again.requests():
        for request in asked:
            if isinstance(request, Commit):
                storage.commit(request.operations)
                again.committed(request)
            elif isinstance(request, ReadAccount):
                again.read(request, storage.account(request.account))
    assert [message.id for _, message in storage.messages(JULIET)] == ["soft"]
    assert storage.outbox == {}
