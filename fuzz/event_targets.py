"""Targets that take events drawn at random: an account, a service, a client, and a host that is often killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any, Final, Protocol

from fuzz.client_events import draw_client_event
from fuzz.findings import Findings
from xmpp_im_core import client as user
from xmpp_im_core.codec import write_stanza
from xmpp_im_core.event import Decision
from xmpp_im_core.extensions.carbons import carbons
from xmpp_im_core.extensions.last_activity import last_activity
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.host import Host, MemoryStorage, Operations, StorageFailed, Wire
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import DEFAULT, MessagesToSeveral, Policy, UnmatchedFullJID
from xmpp_im_core.server import (
    PLAIN,
    Arrived,
    ArrivedForMany,
    Deliver,
    ForAccount,
    Inbound,
    NoAccount,
    SessionId,
    State,
    account_of,
    hosting,
    not_stored,
    reduce,
    serve,
)
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_core.server.service.serving import Service
from xmpp_im_core.snapshot import from_text, to_text
from xmpp_im_core.stanza import Condition, Stanza
from xmpp_im_core.testing.draw_stanzas import draw_arriving
from xmpp_im_core.testing.event_strategies import draw_event
from xmpp_im_core.testing.state_strategies import JULIET, NOON, draw_state

POLICIES: Final = (
    DEFAULT,
    Policy(offline_messages=False, unmatched_full_jid=UnmatchedFullJID.LENIENT),
    Policy(chat_to_several=MessagesToSeveral.ALL, normal_to_several=MessagesToSeveral.ALL, tombstones=1),
    Policy(keep_sessions=True, store_remembered_events=True, remembered_events=2),
    Policy(sessions=2, held_events=2, directed_entries=2, offline_message_count=2, notices=1),
)
JIDS: Final = (JULIET, parse_jid("romeo@montague.example"), parse_jid("nurse@capulet.example"))
PLACES: Final = (*[jid.bare for jid in JIDS], "capulet.example", "nobody@capulet.example", "far@remote.example")
ROUND_TRIP: Final = 500
"""One in this many steps is examined further: whether its results can be saved and loaded."""
AFRESH: Final = 400
"""After this many steps a target begins with another state."""


class Target(Protocol):
    """Takes random steps."""

    def step(self) -> None:
        """Take a step. Raise an exception if the core does something that it never may do."""


class Accounts:
    """One account after another, each in a random state, with random events."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.count = chance, 0
        self.state, self.policy = draw_state(chance), DEFAULT

    def step(self) -> None:
        self.count += 1
        if self.count % AFRESH == 0:
            self.state, self.policy = draw_state(self.chance), self.chance.choice(POLICIES)
        event = draw_event(self.chance, self.state, f"e{self.count}")
        step = reduce(self.state, event, self.policy)
        assert step.effects, "a step without a rule"
        if self.count % ROUND_TRIP == 0:
            for value in (step.state, event, *step.effects, *step.store, *step.forget):
                assert from_text(to_text(value)) == value
            for effect in step.effects:
                if isinstance(effect, Deliver):
                    write_stanza(effect.stanza)
        self.state = step.state


def _extended() -> Service[Any]:
    """Return a service whose accounts run extensions. They are in memory and do not exist yet; it owns all but one."""
    machine = carbons(last_activity(PLAIN))
    service = hosting("capulet.example", "montague.example", machine=machine, owns=lambda jid: jid != JIDS[-1].bare)
    accounts = FrozenMap({jid.bare: machine.start(jid) for jid in JIDS})
    return Service(service.domains, machine, accounts, owns=service.owns)


class Services:
    """A service with extensions. It gets events for its accounts, its domains and unknown addresses, in any order."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.count = chance, 0
        self.service = _extended()
        self.policy = DEFAULT

    def step(self) -> None:
        self.count += 1
        if self.count % AFRESH == 0:
            self.service, self.policy = _extended(), self.chance.choice(POLICIES)
        event = self._event(f"s{self.count}")
        served = serve(self.service, event, self.policy)
        assert served.effects or served.steps or served.holds, "an event without an answer"
        if self.chance.random() < 0.02:
            served = serve(self.service, not_stored(NOON, f"f{self.count}", event), self.policy)
        self.service = served.state

    def _event(self, seq: str) -> ServiceEvent:
        chance = self.chance
        jid = chance.choice(JIDS)
        there = self.service.accounts.get(jid.bare)
        state: State = NoAccount(jid) if there is None else account_of(there)
        if chance.random() < 0.2:
            stanza = draw_arriving(chance, state)
            if stanza.from_jid is not None and chance.random() < 0.2:
                return ArrivedForMany(NOON, seq, stanza, tuple(chance.choices(PLACES, k=3)))
            if stanza.to is not None and stanza.from_jid is not None:
                return Arrived(NOON, seq, stanza, chance.choice(tuple(Decision)))
            return ForAccount(chance.choice(PLACES), Inbound(NOON, seq, stanza))
        where = jid.bare if chance.random() < 0.9 else chance.choice(PLACES)
        return ForAccount(where, draw_event(chance, state, seq), chance.choice(tuple(Decision)))


class Clients:
    """A client that gets all kinds of stanzas, and whose user does everything."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.count = chance, 0
        self.client = user.Client(JULIET)

    def step(self) -> None:
        self.count += 1
        if self.count % (10 * AFRESH) == 0:
            self.client = user.Client(JULIET)
        event = draw_client_event(self.chance, self.client, f"c{self.count}")
        step = user.reduce(self.client, event)
        assert step.effects, "a step without a rule"
        if self.count % ROUND_TRIP == 0:
            assert from_text(to_text(step.state)) == step.state
        for effect in step.effects:
            if isinstance(effect, user.Send):
                write_stanza(effect.stanza)
        self.client = step.state


class _Killed(BaseException):
    """The process was killed. It is not an Exception, so no host can catch it and continue."""


class _Ports(Wire):
    """A wire whose methods fail at random, or kill the process."""

    def __init__(self, chance: Random, records: MemoryStorage) -> None:
        self.chance, self.records = chance, records

    def _fails(self) -> bool:
        drawn = self.chance.random()
        if drawn < 0.002:
            raise _Killed
        return drawn < 0.05

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        return not self._fails()

    def close(self, account: str, session: SessionId, condition: str) -> None:
        self._fails()

    def route(self, stanza: Stanza) -> Condition | None:
        return Condition.REMOTE_SERVER_TIMEOUT if self._fails() else None


class _Storage(MemoryStorage):
    """A storage that fails or kills the process at random, before or after a commit."""

    ports: _Ports

    def commit(self, operations: Operations) -> None:
        if self.ports._fails():
            raise StorageFailed
        super().commit(operations)
        self.ports._fails()


class Hosts:
    """A host with an outbox. Its storage and streams fail, and its process is killed; then another host takes over."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.count = chance, 0
        self.now, self.numbers = NOON, count(1)
        self.storage = _Storage()
        self.host = self._start()

    def _start(self) -> Host[State]:
        while True:
            ports = _Ports(self.chance, self.storage)
            self.storage.ports = ports
            try:
                return Host(
                    hosting("capulet.example", "montague.example"),
                    self.storage,
                    ports,
                    lambda: self.now,
                    lambda: f"h{next(self.numbers):09}",
                    self.chance.choice(POLICIES),
                    outbox=True,
                    at_once=10_000,
                )
            except _Killed:
                continue

    def step(self) -> None:
        self.count += 1
        if self.count % (25 * AFRESH) == 0:
            self.storage.accounts.clear()
            self.storage.outbox.clear()
            self.host = self._start()
        try:
            self._feed()
        except _Killed:
            self.host = self._start()
        assert not self.host.waiting, "one event keeps the loop busy without end"

    def _feed(self) -> None:
        chance = self.chance
        jid = chance.choice(JIDS)
        there = self.host.service.accounts.get(jid.bare)
        state: State = NoAccount(jid) if there is None else there
        drawn = chance.random()
        if drawn < 0.02:
            self.host.unload(jid.bare)
        elif drawn < 0.04:
            self.now += timedelta(days=chance.choice((0, 1, 30)))
            self.host.wake()
        elif drawn < 0.1:
            self.host.bind(jid.bare, chance.choice(("balcony", "chamber")))
        else:
            self.host.feed(ForAccount(jid.bare, draw_event(chance, state, self.host.ids())))


TARGETS: Final[Mapping[str, Callable[[Random], Target]]] = {
    "reduce": Accounts,
    "serve": Services,
    "client": Clients,
    "host": Hosts,
}


def run(name: str, seed: int, until: Callable[[int], bool], findings: Findings) -> None:
    """Take steps of a target. After an exception the target begins again with another seed.

    :param until: called after each thousand steps with their number; returns whether to end.
    """
    began = 0
    target = TARGETS[name](Random(seed))
    while not until(findings.steps):
        for _ in range(1000):
            where = f"{name}, seed {seed}, step {findings.steps - began} of its run"
            if findings.attempt(target.step, where):
                began, seed = findings.steps, seed + 1_000_003
                target = TARGETS[name](Random(seed))
