"""The outbox under crashes: nothing that was acknowledged is lost, wherever the process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from attrs import define, field

from tests.host.stage import CAPULET, JULIET, MERCUTIO, NOON, NURSE, ROMEO, Tape, chat, enters, noon, numbers, says
from tests.one_test import in_one_test
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.copying import copied
from xmpp_im_core.host import Host, MemoryStorage, Operations, StorageFailed
from xmpp_im_core.jid import address_of, parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.presence import PROBE
from xmpp_im_core.server import (
    PLAIN,
    Clear,
    Deliver,
    Event,
    FanOut,
    ForAccount,
    Kind,
    Machine,
    Outbound,
    Put,
    Route,
    Service,
    SessionBound,
    SessionId,
    State,
    Step,
    hosting,
    reduce,
    serve,
)
from xmpp_im_core.stanza import Condition, Message, Presence, Stanza


class Killed(BaseException):
    """The process is gone: nothing after this happens."""


@define(eq=False)
class Fate:
    """Kills the process at its n-th call to a port, before or after the call has its effect."""

    at: int
    after: bool
    calls: int = 0

    def about(self) -> bool:
        """Count a call. Raise if the process dies before it; return whether it dies after it."""
        self.calls += 1
        if self.calls == self.at and not self.after:
            raise Killed
        return self.calls == self.at


class MortalRecords(MemoryStorage):
    """What is committed survives; a commit is done whole or not at all."""

    fate: Fate

    def commit(self, operations: Operations) -> None:
        dies = self.fate.about()
        super().commit(operations)
        if dies:
            raise Killed


class MortalTape(Tape):
    """What is written to a stream before the process dies may have arrived."""

    fate: Fate

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        dies = self.fate.about()
        took = super().deliver(account, session, stanza, effect)
        if dies:
            raise Killed
        return took

    def route(self, stanza: Stanza) -> Condition | None:
        dies = self.fate.about()
        condition = super().route(stanza)
        if dies:
            raise Killed
        return condition


@define(eq=False)
class Verona:
    """One database, and the processes that serve it one after another."""

    outbox: bool
    records: MortalRecords = field(factory=MortalRecords)
    wire: MortalTape = field(factory=MortalTape)
    got: list[tuple[str, Stanza]] = field(factory=list)
    """What clients have got from all processes so far."""
    routed: list[Stanza] = field(factory=list)
    acknowledged: list[str] = field(factory=list)
    """The bodies of the messages that a process has accepted: the call has returned."""
    ids: Iterator[int] = field(factory=lambda: count(1))

    def start(self, fate: Fate) -> Host[State]:
        self.wire = MortalTape()
        self.records.fate = self.wire.fate = fate
        self.wire.got, self.wire.routed = self.got, self.routed
        return Host(hosting(CAPULET), self.records, self.wire, noon, lambda: f"{next(self.ids):06}", outbox=self.outbox)

    def sends(self, host: Host[State], session: SessionId, to: str, body: str) -> None:
        says(host, ROMEO, session, chat(to, body))
        self.acknowledged.append(body)


def evening(verona: Verona, host: Host[State]) -> None:
    """Messages to a session that is there, to one whose stream is gone, to nobody, to another server."""
    for user in (ROMEO, JULIET, NURSE):
        host.create(user)
    orchard = enters(host, ROMEO, "orchard")
    verona.sends(host, orchard, JULIET, "absent")
    balcony = enters(host, JULIET, "balcony")
    verona.sends(host, orchard, JULIET, "present")
    verona.wire.gone.add(balcony)
    verona.sends(host, orchard, JULIET, "gone")
    chamber = enters(host, JULIET, "chamber")
    verona.sends(host, orchard, JULIET, "present again")
    verona.wire.gone.add(chamber)
    verona.sends(host, orchard, JULIET, "gone again")
    verona.sends(host, orchard, NURSE, "never there")
    verona.sends(host, orchard, MERCUTIO, "far away")


def morning(verona: Verona, host: Host[State]) -> None:
    """Those who had gone come back for their messages."""
    for user in (JULIET, NURSE):
        enters(host, user, "morning")


def lives(verona: Verona, fate: Fate, life: Callable[[Verona, Host[State]], None]) -> bool:
    """Let a process run; return whether it came to the end."""
    try:
        life(verona, verona.start(fate))
    except Killed:
        return False
    return True


def bodies(verona: Verona) -> list[str]:
    stanzas = [stanza for _, stanza in verona.got] + verona.routed
    found = [
        stanza.payload.first("body") for stanza in stanzas if isinstance(stanza, Message) and stanza.kind == "chat"
    ]
    return [body.text for body in found if body is not None]


def crashes() -> Iterator[tuple[int, bool]]:
    """Yield every point at which the evening can end."""
    whole = Fate(0, False)
    assert lives(Verona(True), whole, evening)
    for at in range(1, whole.calls + 1):
        yield at, False
        yield at, True


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
@in_one_test(("at", "after"), list(crashes()))
def test_nothing_acknowledged_is_lost_wherever_the_process_dies(at: int, after: bool, every: int) -> None:
    """And wherever the next one dies that takes up what the first has left."""
    for second in range(0, 60, every):
        verona = Verona(True)
        lives(verona, Fate(at, after), evening)
        finished = lives(verona, Fate(second, after), morning)
        assert lives(verona, Fate(0, False), morning)

        got = bodies(verona)
        assert set(verona.acknowledged) <= set(got), f"lost: {set(verona.acknowledged) - set(got)}"
        assert verona.records.outbox == {}
        assert verona.records.account(JULIET).offline == 0
        if second and finished:
            break  # the second process has fewer points than that


def test_without_a_crash_each_message_comes_once_and_the_outbox_is_empty() -> None:
    verona = Verona(True)
    assert lives(verona, Fate(0, False), evening)
    assert verona.records.outbox == {}

    assert lives(verona, Fate(0, False), morning)

    assert sorted(bodies(verona)) == sorted(verona.acknowledged)


@in_one_test(("at", "after"), list(crashes()))
def test_only_what_was_being_handed_over_comes_twice(at: int, after: bool) -> None:
    verona = Verona(True)
    lives(verona, Fate(at, after), evening)

    assert lives(verona, Fate(0, False), morning)

    got = bodies(verona)
    twice = {body for body in got if got.count(body) > 1}
    assert len(twice) <= 1
    assert all(got.count(body) == 2 for body in twice)


@in_one_test(("at", "after"), list(crashes()))
def test_without_an_outbox_what_a_call_has_accepted_is_stored_delivered_or_answered_when_it_returns(
    at: int, after: bool
) -> None:
    verona = Verona(False)
    lives(verona, Fate(at, after), evening)

    assert lives(verona, Fate(0, False), morning)

    assert set(verona.acknowledged) <= set(bodies(verona))


def test_without_an_outbox_what_had_been_kept_for_others_and_not_been_sent_is_lost() -> None:
    """The request is in Romeo's roster; nobody sends it before the resending of unanswered requests does."""
    lost = [requests_sent(outbox=False), requests_sent(outbox=True)]

    assert lost == [0, 1]


def requests_sent(outbox: bool) -> int:
    """Let the process die between the commit of a request and its way to another server."""
    verona = Verona(outbox)
    host = verona.start(Fate(0, False))
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    verona.wire.fate.at, verona.wire.fate.after = verona.wire.fate.calls + 1, True  # the commit is done
    with pytest.raises(Killed):
        says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")
    verona.start(Fate(0, False))
    return len(verona.routed)


# --- storage that fails -----------------------------------------------------------------------------------


class Broken(MemoryStorage):
    """Fails every commit once it is broken."""

    broken = False

    def commit(self, operations: Operations) -> None:
        if self.broken:
            raise StorageFailed
        super().commit(operations)


def test_with_storage_failing_the_sender_still_hears_an_error() -> None:
    storage, wire = Broken(), Tape()
    host = Host(hosting(CAPULET), storage, wire, noon, numbers(), outbox=True)
    host.create(ROMEO)
    host.create(JULIET)
    orchard, balcony = enters(host, ROMEO, "orchard"), enters(host, JULIET, "balcony")
    wire.gone.add(balcony)
    storage.broken = True

    says(host, ROMEO, orchard, chat(JULIET, "soft"))

    error = wire.got[-1][1].error
    assert error is not None
    assert error.condition is Condition.INTERNAL_SERVER_ERROR
    assert storage.account(JULIET).offline == 0


def test_where_the_answer_to_a_failed_commit_stores_something_and_fails_too_the_event_is_over() -> None:
    """An extension may store something at every event, also at the report that nothing could be stored."""

    def storing(state: State, event: Event, policy: Policy) -> Step:
        step = reduce(state, event, policy)
        return copied(step, store=(*step.store, Clear(Kind.MOVED)))

    storage, wire = Broken(), Tape()
    service = hosting(CAPULET, machine=Machine(PLAIN.start, storing))
    host = Host(service, storage, wire, noon, numbers())
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    storage.broken = True
    done: list[str] = []

    host.receive(ROMEO, orchard, parse_stanza(chat(ROMEO, "lost")), done=lambda: done.append("lost"))
    storage.broken = False
    says(host, ROMEO, orchard, chat(ROMEO, "aside"))

    assert done == ["lost"]
    assert wire.bodies(f"{ROMEO}/orchard") == ["aside"]


def test_events_that_an_earlier_program_held_are_processed_in_order() -> None:
    storage, wire = MemoryStorage(), Tape()
    earlier = Host(hosting(CAPULET), storage, wire, noon, numbers())
    earlier.create(JULIET)
    service: Service[State] = hosting(CAPULET)
    balcony = SessionId("balcony", 1)
    presence, message = parse_stanza("<presence/>"), parse_stanza(chat(JULIET, "aside"))
    for event in (
        SessionBound(NOON, "a1", balcony),
        Outbound(NOON, "a2", balcony, presence),
        Outbound(NOON, "a3", balcony, message),
    ):
        service = serve(service, ForAccount(JULIET, event)).state

    host = Host(service, storage, wire, noon, numbers())
    host.feed(ForAccount(JULIET, storage.account(JULIET).loaded(NOON, "a4")))

    assert not host.service.held
    assert wire.bodies(f"{JULIET}/balcony") == ["aside"]


@pytest.mark.parametrize("condition", [None, Condition.REMOTE_SERVER_NOT_FOUND])
def test_a_fan_out_that_the_outbox_holds_is_routed_again(condition: Condition | None) -> None:
    storage, wire = MemoryStorage(), Tape()
    Host(hosting(CAPULET), storage, wire, noon, numbers(), outbox=True).create(ROMEO)
    probes = FanOut(Presence(None, address_of(parse_jid(ROMEO)), "p", "probe"), (MERCUTIO,), PROBE)
    owed = (ROMEO, Put(Kind.OUTBOX, "000009.0", probes))
    storage.commit((owed,))
    wire.no_way = condition

    host = Host(hosting(CAPULET), storage, wire, noon, numbers(), outbox=True)
    host.recover([*storage.owed()])

    assert [stanza.type for stanza in wire.routed] == ([] if condition else ["probe"])
    assert [*storage.owed()] == []


def test_a_record_of_the_outbox_that_holds_no_effect_is_removed_and_the_others_are_sent() -> None:
    storage, wire = MemoryStorage(), Tape()
    damaged = Put(Kind.OUTBOX, "000008.0", Presence(address_of(parse_jid(MERCUTIO)), address_of(parse_jid(ROMEO))))
    sent = Put(
        Kind.OUTBOX, "000009.0", Route(Presence(address_of(parse_jid(MERCUTIO)), address_of(parse_jid(ROMEO))), PROBE)
    )
    storage.commit(((ROMEO, damaged), (ROMEO, sent)))

    Host(hosting(CAPULET), storage, wire, noon, numbers(), outbox=True).recover([*storage.owed()])

    assert len(wire.routed) == 1
    assert [*storage.owed()] == []
