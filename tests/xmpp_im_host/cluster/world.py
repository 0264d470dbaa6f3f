"""The twin: nodes on one database, users who talk through them, and everything that may go wrong.

Whatever is done here, in which order ever, the checks of :meth:`World.finish` must hold. The seed and the plan of the
faults decide the run.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from random import Random
from types import TracebackType
from typing import Final, Self

from attrs import frozen

from tests.xmpp_im_host.cluster.component import ECHO, ECHO_DOMAIN, ECHO_SECRET, EchoComponent
from tests.xmpp_im_host.cluster.faulty_engine import FAULTS, Outcome, TwinStore, Weather
from tests.xmpp_im_host.cluster.ledger import Ledger
from tests.xmpp_im_host.cluster.node import TwinNode, without_real_time
from tests.xmpp_im_host.cluster.pipe import Pipe
from tests.xmpp_im_host.cluster.reference import CONTACT, Contacts, contacts_of
from tests.xmpp_im_host.cluster.removals import Removals
from tests.xmpp_im_host.cluster.talker import Talker
from tests.xmpp_im_host.cluster.views import false_presence, wrong_rosters
from tests.xmpp_im_host.cluster.virtual_loop import Stage, immediately
from xmpp_im_host.configuration import read_configuration
from xmpp_im_host.hosting.stored_records import ROSTER
from xmpp_im_host.server import policy_of, service_of
from xmpp_im_host.storage.records import partition_of

__all__ = ["FAULTS", "SLOTS", "USERS", "Outcome", "World"]

USERS: Final = ("romeo", "juliet", "nurse", "tybalt")
DOMAIN: Final = "localhost"
PASSWORD: Final = "rosaline"
_IDS: Final = re.compile(rb"(?:chat|iq)-\d+")
_MOST_NODES: Final = 4
_RECONNECTS: Final = 1.0
"""After how many seconds a client whose connection broke comes back."""
_SETTLING: Final = 120.0
"""After so many seconds without faults everything must be done."""


@frozen
class Slot:
    """A client that a user has."""

    user: str
    resource: str
    managed: bool = True
    priority: int = 0


SLOTS: Final = (
    Slot("romeo", "orchard"),
    Slot("juliet", "balcony"),
    Slot("nurse", "chamber"),
    Slot("tybalt", "street", managed=False),
    Slot("juliet", "phone", priority=-1),  # it gets no messages to the bare address
)


class World:
    """Use it with ``with``."""

    def __init__(self, seed: int, plan: Sequence[tuple[int, Outcome]] = (), disorder: int = 0, nodes: int = 2) -> None:
        self.random = Random(seed)
        self.stage, self.ledger = Stage(), Ledger()
        self.store = TwinStore(self.random)
        self.store.disorder = disorder
        self.store.ends.append(self._note_queue)
        self.weather = Weather(self.random, deque(plan))
        self.configuration = read_configuration(
            {
                "plaintext": True,
                "in_memory": True,
                "resumption_seconds": 5,
                "drain_seconds": 2,
                "components": {ECHO_DOMAIN: ECHO_SECRET},
            }
        )
        self.ledger.stored.update(USERS)
        self.log: list[str] = []
        self.nodes: list[TwinNode] = []
        self.joined = 0
        self.talkers = [
            Talker(each.user, DOMAIN, each.resource, PASSWORD, self.ledger, each.managed, each.priority)
            for each in SLOTS
        ]
        self.component = EchoComponent(DOMAIN, self.ledger)
        self.component_pipe: Pipe | None = None
        self.wants_component = False
        self.removals = Removals(
            self.stage, lambda: self.nodes, self._exists, self._begin_removal, self._removed, self._created
        )
        self.pipes: list[Pipe | None] = [None] * len(SLOTS)
        self.wants = [False] * len(SLOTS)
        """Whether each client is to be connected."""
        self.directed: set[tuple[str, str]] = set()
        """The sessions that have sent directed presence, and the users to whom."""
        self._without_real_time = without_real_time(self.stage)
        self._first_nodes = nodes

    def __enter__(self) -> Self:
        self._without_real_time.__enter__()
        for _ in range(self._first_nodes):
            self.join()
        self._need(self.stage.run(30.0, lambda: all(each.serves for each in self.nodes)), "the nodes do not begin")
        first = self.nodes[0]
        for user in USERS:
            self.stage.wait_for(first.loop, first.server.administration.create(f"{user}@{DOMAIN}", PASSWORD))
        self.weather.calm = False
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in self.nodes:
            each.crash()
        self._without_real_time.__exit__(kind, error, at)

    def _need(self, true: bool, what: str) -> None:
        if not true:
            raise AssertionError("\n".join([what, *self.log[-40:], *self._states()]))

    def _states(self) -> list[str]:
        nodes = [f"{each.name}: {each.state}, {each.loop.failures}" for each in self.nodes]
        return [*nodes, *[f"{each.full}: {each}" for each in self.talkers if self.wants[self.talkers.index(each)]]]

    def _note_queue(self, number: int) -> None:
        """Note what may come again, because its gateway ends with it in its queue."""
        for queue in self.store.queues:
            if queue.startswith(f"gateway/{number}/"):
                for body in self.store.waiting(queue).values():
                    self.ledger.unsettled.update(id.decode() for id in _IDS.findall(body))

    def note(self, what: str) -> None:
        self.log.append(f"{self.stage.now:.4f} {what}")

    # --- time ---------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        self.stage.run(seconds)

    # --- nodes --------------------------------------------------------------------------------------------------

    def join(self) -> None:
        self.nodes = [each for each in self.nodes if not (each.crashed or each.over)]
        if len([each for each in self.nodes if each.begins or each.serves]) < _MOST_NODES:
            self.joined += 1
            name = f"node-{self.joined}"
            self.note(f"{name} begins")
            self.nodes.append(TwinNode(name, self.stage, self.store, self.weather, self.configuration, self.log))

    def node(self, index: int) -> TwinNode | None:
        living = [each for each in self.nodes if not (each.crashed or each.over)]
        return living[index % len(living)] if living else None

    def crash(self, index: int) -> None:
        if (node := self.node(index)) is not None:
            node.crash()

    def stop(self, index: int) -> None:
        if (node := self.node(index)) is not None:
            node.stop()

    def go_on(self) -> None:
        for each in self.nodes:
            each.go_on()

    def leave_node(self, index: int) -> None:
        """Let a node end in order, as in a rolling restart."""
        node = self.node(index)
        if node is not None and node.has_served and not node.stopped:
            self.note(f"{node.name} leaves")
            node.leave()

    def weigh(self, index: int, weight: float) -> None:
        """Let an operator change what is placed on a node."""
        nodes = immediately(self.store.beat(0, ""))
        if nodes:
            number = nodes[index % len(nodes)].number
            self.note(f"node number {number} gets the weight {weight}")
            immediately(self.store.direct(number, weight=weight))

    def drain(self, index: int) -> None:
        """Let an operator drain a node: it gives up its sessions and partitions, and waits."""
        nodes = immediately(self.store.beat(0, ""))
        if len([each for each in nodes if not each.draining]) > 1:
            number = nodes[index % len(nodes)].number
            self.note(f"node number {number} is drained")
            immediately(self.store.direct(number, draining=True))

    def undrain(self, index: int) -> None:
        """Let an operator take a node back that he has drained, perhaps before it has given up everything."""
        drained = [each for each in immediately(self.store.beat(0, "")) if each.draining]
        if drained:
            number = drained[index % len(drained)].number
            self.note(f"node number {number} is to serve again")
            immediately(self.store.direct(number, draining=False))

    def outage(self, seconds: float) -> None:
        """Let nobody reach the database for a time."""
        self.note(f"the database is away for {seconds} seconds")
        self.weather.away = True
        self.wait(seconds)
        self.weather.away = False
        self.note("the database is back")

    # --- users --------------------------------------------------------------------------------------------------

    def enter(self, slot: int, index: int) -> None:
        """Connect a client to a node."""
        self.wants[slot] = True
        pipe = self.pipes[slot]
        if pipe is not None and pipe.open:
            return
        serving = [each for each in self.nodes if each.serves and not each.stopped]
        if not serving:
            self.stage.later(_RECONNECTS, lambda: self._again(slot, index))
            return
        node = serving[index % len(serving)]
        self.note(f"{self.talkers[slot].full} connects to {node.name}")
        pipe = self.pipes[slot] = node.connect(self.talkers[slot])
        pipe.gone = lambda: self.stage.later(_RECONNECTS, lambda: self._again(slot, index + self.random.randrange(2)))

    def _again(self, slot: int, index: int) -> None:
        if self.wants[slot]:
            self.enter(slot, index)

    def cut(self, slot: int) -> None:
        pipe = self.pipes[slot]
        if pipe is not None and pipe.open:
            self.note(f"the connection of {self.talkers[slot].full} breaks")
            pipe.cut()

    def leave(self, slot: int) -> None:
        if self.wants[slot]:
            self.wants[slot] = False
            if self.talkers[slot].ready:
                self.note(f"{self.talkers[slot].full} ends its stream")
                self.talkers[slot].leave()
                self._flush(slot)
            else:
                self.cut(slot)

    def chat(self, slot: int, user: str) -> None:
        if self.talkers[slot].ready:
            self.talkers[slot].chat(user)
            self._flush(slot)

    def ask(self, slot: int, other: int) -> None:
        """Send a request to another client, also to one that is not there."""
        if self.talkers[slot].ready and slot != other:
            self.talkers[slot].ask(self.talkers[other].full)
            self._flush(slot)

    def set_contact(self, slot: int) -> None:
        if self.talkers[slot].ready:
            self.talkers[slot].set_contact()
            self._flush(slot)

    def drop_contact(self, slot: int) -> None:
        if self.talkers[slot].ready:
            self.talkers[slot].drop_contact()
            self._flush(slot)

    def show(self, slot: int) -> None:
        if self.talkers[slot].ready:
            self.talkers[slot].show()
            self._flush(slot)

    def show_to(self, slot: int, user: str) -> None:
        talker = self.talkers[slot]
        if talker.ready and user != talker.user:
            self.directed.add((talker.session, user))
            talker.show_to(user)
            self._flush(slot)

    def befriend(self, slot: int, user: str) -> None:
        """Ask for the presence of somebody whose presence this user does not get."""
        talker = self.talkers[slot]
        if talker.ready and talker.may_ask(user):
            talker.subscribe(user)
            self._flush(slot)

    def cancel(self, slot: int, user: str) -> None:
        """Let somebody who gets the presence of this user get it no longer."""
        talker = self.talkers[slot]
        if talker.ready and talker.gives(user):
            talker.cancel(user)
            self._flush(slot)

    def _flush(self, slot: int) -> None:
        pipe = self.pipes[slot]
        if pipe is not None:
            pipe.flush_client()

    # --- the component ------------------------------------------------------------------------------------------

    def enter_component(self, index: int) -> None:
        """Connect the component to a node."""
        self.wants_component = True
        if self.component_pipe is not None and self.component_pipe.open:
            return
        serving = [each for each in self.nodes if each.serves and not each.stopped]
        if not serving:
            self.stage.later(_RECONNECTS, lambda: self._enter_component_again(index))
            return
        node = serving[index % len(serving)]
        self.note(f"the component connects to {node.name}")
        pipe = self.component_pipe = node.connect_component(self.component)
        pipe.gone = lambda: self.stage.later(_RECONNECTS, lambda: self._enter_component_again(index + 1))

    def _enter_component_again(self, index: int) -> None:
        if self.wants_component:
            self.enter_component(index)

    def cut_component(self) -> None:
        if self.component_pipe is not None and self.component_pipe.open:
            self.note("the connection of the component breaks")
            self.component_pipe.cut()

    def leave_component(self) -> None:
        """Let the component go, and not come back until somebody connects it."""
        self.wants_component = False
        self.cut_component()

    def chat_with_component(self, slot: int) -> None:
        if self.talkers[slot].ready:
            self.talkers[slot].chat(ECHO, ECHO_DOMAIN)
            self._flush(slot)

    def ask_component(self, slot: int) -> None:
        if self.talkers[slot].ready:
            self.talkers[slot].ask(ECHO_DOMAIN)
            self._flush(slot)

    def show_to_component(self, slot: int) -> None:
        """Send directed presence to the component: it may ask this client then (RFC 6121 §8.5.3.1)."""
        if self.talkers[slot].ready:
            self.talkers[slot].show_to_address(ECHO_DOMAIN)
            self._flush(slot)

    def component_chats(self, user: str) -> None:
        if self.component.ready:
            self.component.chat(user)
            self._flush_component()

    def component_asks(self, slot: int) -> None:
        if self.component.ready:
            self.component.ask(self.talkers[slot].full)
            self._flush_component()

    def _flush_component(self) -> None:
        if self.component_pipe is not None:
            self.component_pipe.flush_client()

    # --- accounts -----------------------------------------------------------------------------------------------

    def remove(self, user: str) -> None:
        """Remove an account, and create it again for somebody else."""
        self.removals.remove(f"{user}@{DOMAIN}")

    def _exists(self, account: str) -> bool:
        return account in self.store.rows(ROSTER)

    def _begin_removal(self, account: str) -> None:
        self.note(f"{account} is removed")
        self.ledger.begin_removal(account.partition("@")[0])

    def _removed(self, account: str) -> str:
        user = account.partition("@")[0]
        bodies = self.store.taken.get(partition_of(account), [])
        generation = self.ledger.note_removed(user, [id.decode() for body in bodies for id in _IDS.findall(body)])
        self.note(f"{account} is gone, and created again")
        password = f"{PASSWORD} {generation}"
        for talker in self.talkers:
            if talker.user == user:
                talker.password, talker.generation = password, generation
        return password

    def _created(self, account: str) -> None:
        self.note(f"{account} is there again")
        self.ledger.note_created(account.partition("@")[0])

    # --- the end ------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Let everything go on without faults until all is done; raise if something is not as it must be."""
        self.note("the faults end")
        self.weather.calm, self.weather.away = True, False
        self.weather.plan.clear()
        self.go_on()
        for _ in range(2):
            while len([each for each in self.nodes if each.begins or each.serves]) < 2:
                self.join()
            self.wait(12.0)  # dead nodes are ended, nodes that leave are gone, and sessions that nobody resumes
        self._settle()
        faults = false_presence(self.talkers, self.wants, self.directed)
        there = {each.full for each, wanted in zip(self.talkers, self.wants, strict=True) if wanted}
        faults += [f"the component sees {full}, who is gone" for full in self.component.view - there]
        for slot in range(len(SLOTS)):
            self.enter(slot, slot)
        self.enter_component(0)
        self._settle()
        self.wait(5.0)
        self._settle()
        pushed = [dict(talker.roster) for talker in self.talkers]
        for slot, talker in enumerate(self.talkers):
            talker.fetch_roster()
            self._flush(slot)
        self._settle()
        faults += [
            f"{talker.full} has got {seen} in pushes, and its roster is {talker.roster}"
            for talker, seen in zip(self.talkers, pushed, strict=True)
            if talker.roster != seen
        ]
        for slot, talker in enumerate(self.talkers):
            talker.acknowledge()
            self._flush(slot)
        self._settle()
        faults += false_presence(self.talkers, self.wants, self.directed)
        faults += self.ledger.requests.faults(
            [self.component.session, *[each.session for each in self.talkers]],
            self.ledger.unsettled,
            self.ledger.unread,
        )
        faults += [*self.ledger.faults(), *wrong_rosters(self.talkers), *self._left(), *self._unlike_the_reference()]
        self._need(not faults, "\n".join(faults))

    def _settle(self) -> None:
        for _ in range(2):
            if not self.stage.run(_SETTLING, lambda: not self._unsettled()):
                self._need(False, f"it does not settle: {', '.join(self._unsettled())}")
            self.wait(1.0)

    def _unsettled(self) -> list[str]:
        """Return what is under way."""
        talkers = [each for each, wanted in zip(self.talkers, self.wants, strict=True) if wanted and not each.idle]
        return [
            *[each.full for each in talkers],
            *([ECHO] if self.wants_component and not self.component.idle else []),
            *(["a removal"] if self.removals.busy else []),
            *[each for each in self.store.queues if each.startswith("partition/")],
        ]

    def reference(self, taken: Mapping[int, Sequence[bytes]]) -> Contacts:
        """Return the contacts of the users after these entries of the partitions."""
        return contacts_of(taken, service_of(self.configuration), policy_of(self.configuration))

    def _unlike_the_reference(self) -> list[str]:
        """Compare the stored rosters with those of the core alone, which takes the same without faults."""
        expected, found = self.reference(self.store.taken), self.store.rows(CONTACT)
        return [
            f"the reference has {expected.get(account)} for {account}, and not {found.get(account)}"
            for account in {**expected, **found}
            if expected.get(account) != found.get(account)
        ]

    def _left(self) -> list[str]:
        """Return what is in queues that should be empty."""
        return [f"{each}: {len(self.store.waiting(each))} entries are left" for each in self.store.queues]
