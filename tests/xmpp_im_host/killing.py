"""Kills a server with SIGKILL under load, again and again, and looks at what has become of what it acknowledged.

    python -m tests.xmpp_im_host.killing [--kills 200] [--outbox] [--seed N]

The server has its database in a file. Juliet changes her roster without pause, and Romeo sends
messages: to the nurse, who is not there, and to Tybalt, who reads. After each kill the server starts again. The nurse
fetches what is stored for her, and leaves; the others come back. Acknowledged is a change of a roster that was
answered, and a message that the server counted (XEP-0198) and did not return as an error. In the end the nurse and
Tybalt fetch what is left, and Juliet her roster.

Printed is how many changes and messages were acknowledged, how many of them were lost, and how many messages came
twice. The exit status is 1 if a change or a stored message was lost, or a stored message came twice; with ``--outbox``
also if a message to Tybalt was lost. Without it, a message to a client that is online is in memory only.

Several nodes on PostgreSQL are killed by :mod:`tests.xmpp_im_host.cluster.killing`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from attrs import define, field, frozen

from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_core.element import Element
from xmpp_im_core.policy import DEFAULT
from xmpp_im_host.configuration import Configuration, read_configuration
from xmpp_im_host.server import XMPPServer

USERS: Final = ("juliet", "romeo", "nurse", "tybalt")
PASSWORD: Final = "rosaline"
CONTACTS: Final = 20
STORED: Final = DEFAULT.offline_message_count // 2
"""The maximum number of messages to the nurse in a life of the server, so that her storage is never full."""
SM: Final = "urn:xmpp:sm:3"
ROSTER: Final = "jabber:iq:roster"


@frozen
class Process:
    """A server in another process, with what clients need to find it."""

    configuration: Configuration
    host: str = "127.0.0.1"
    domain: str = "localhost"
    cafile: str = ""

    @property
    def port(self) -> int:
        return self.configuration.listen.tcp[0].port

    def start(self) -> int:
        """Start the server; return its process id when it listens."""
        child = os.fork()
        if not child:
            try:
                asyncio.run(self._serve())
            finally:
                os._exit(1)
        while True:
            with suppress(OSError), socket.create_connection((self.host, self.port)):
                return child
            time.sleep(0.01)

    async def _serve(self) -> None:
        async with XMPPServer(self.configuration) as server:
            await server.stopped.wait()

    async def create_accounts(self) -> None:
        async with XMPPServer(self.configuration) as server:
            for user in USERS:
                await server.administration.create(f"{user}@localhost", PASSWORD)

    def client(self, user: str, resource: str) -> RawClient:
        client: Any = RawClient(self)  # type: ignore[arg-type]  # it has what a client asks of a running server
        return client.log_in(user, PASSWORD, resource)  # type: ignore[no-any-return]


@define
class Ledger:
    """What was acknowledged, and what came. Each part is written by one thread at a time."""

    items: dict[str, int] = field(factory=dict)
    """The number of the last acknowledged change, by contact."""
    changes: int = 0
    to_nurse: list[str] = field(factory=list)
    to_tybalt: list[str] = field(factory=list)
    """The ids of acknowledged messages."""
    refused: set[str] = field(factory=set)
    """The ids of messages that came back as errors."""
    came: Counter[str] = field(factory=Counter)
    """How often each message came to its reader."""


class Load:
    """The clients of one life of the server. Each runs in its thread until the connection breaks."""

    def __init__(self, server: Process, ledger: Ledger, life: int) -> None:
        self.server, self.ledger, self.life = server, ledger, life
        parts = (self.change_roster, self.send, self.read)
        self.threads = [threading.Thread(target=self._until_killed, args=(part,)) for part in parts]
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join()

    def _until_killed(self, part: Callable[[], None]) -> None:
        with suppress(OSError, AssertionError, StopIteration):  # the connection broke, wherever the client was
            part()

    def change_roster(self) -> None:
        """Give contacts new names, one after the other. The names are numbers, which only grow."""
        with self.server.client("juliet", "balcony") as juliet:
            for number in range(self.life * 1_000_000, (self.life + 1) * 1_000_000):
                jid = f"friend{number % CONTACTS}@montague.example"
                query = f"<query xmlns='{ROSTER}'><item jid='{jid}' name='{number}'/></query>"
                assert juliet.ask(query, type="set", id=f"set{number}").get("type") == "result"
                self.ledger.items[jid] = number
                self.ledger.changes += 1

    def send(self) -> None:
        """Send messages to both, and ask after each few whether they were taken."""
        with self.server.client("romeo", "orchard") as romeo:
            romeo.write(f"<enable xmlns='{SM}'/>")
            romeo.until(lambda each: each.name == "enabled")
            sent: deque[tuple[list[str], str]] = deque()
            taken = 0
            readers = (("nurse", self.ledger.to_nurse), ("tybalt", self.ledger.to_tybalt))
            for number in range(1_000_000):
                for user, acknowledged in readers if number < STORED else readers[1:]:
                    id = f"{user}-{self.life}-{number}"
                    romeo.write(
                        f"<message to='{user}@localhost' type='chat' id='{id}'><body>{id}</body></message>"
                        f"<r xmlns='{SM}'/>"
                    )
                    sent.append((acknowledged, id))
                if number % 4 == 3:
                    taken = self._note_taken(romeo, sent, taken)

    def _note_taken(self, romeo: RawClient, sent: deque[tuple[list[str], str]], taken: int) -> int:
        """Read acknowledgements until all messages are taken; note each in the ledger."""
        while sent:
            while (each := romeo.next()).name != "a":
                if each.name == "message" and each.get("type") == "error":
                    self.ledger.refused.add(each.get("id") or "")
            counted = int(each.get("h") or 0)
            for _ in range(counted - taken):
                acknowledged, id = sent.popleft()
                acknowledged.append(id)
            taken = counted
        return taken

    def read(self) -> None:
        """Read as Tybalt, who acknowledges each message."""
        with self.server.client("tybalt", "street") as tybalt:
            tybalt.write(f"<enable xmlns='{SM}'/>")
            tybalt.until(lambda each: each.name == "enabled")
            tybalt.write("<presence/>")
            stanzas = 0
            while True:
                element = tybalt.next()
                if element.namespace == SM:
                    tybalt.write(f"<a xmlns='{SM}' h='{stanzas}'/>" if element.name == "r" else "")
                    continue
                stanzas += 1
                if element.name == "message":
                    self.ledger.came[element.get("id") or ""] += 1


def fetch(server: Process, user: str, ledger: Ledger) -> None:
    """Come back for the messages that are stored."""
    with server.client(user, "last") as client:
        client.write("<presence/><iq type='get' id='end'><ping xmlns='urn:xmpp:ping'/></iq>")
        while not _is_end(element := client.next()):
            if element.name == "message":
                ledger.came[element.get("id") or ""] += 1


def _is_end(element: Element) -> bool:
    return element.name == "iq" and element.get("id") == "end"


def roster(server: Process) -> dict[str, int]:
    """Return the number of each contact of Juliet."""
    with server.client("juliet", "last") as juliet:
        (query,) = juliet.ask(f"<query xmlns='{ROSTER}'/>").elements
        return {item.get("jid") or "": int(item.get("name") or 0) for item in query.elements}


@frozen
class Outcome:
    """What has become of what was acknowledged."""

    changes: int
    lost_changes: int
    stored: int
    lost_stored: int
    doubled_stored: int
    delivered: int
    lost_delivered: int
    doubled_delivered: int

    def is_good(self, outbox: bool) -> bool:
        return not (self.lost_changes or self.lost_stored or self.doubled_stored or (outbox and self.lost_delivered))


def run(kills: int, outbox: bool, seed: int) -> Outcome:
    """Kill a server so many times."""
    chance, ledger = random.Random(seed), Ledger()
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "database": f"{folder}/server.sqlite",
            "plaintext": True,
            "outbox": outbox,
            "log_level": "error",
            "limits": {"stanzas_per_second": 1_000_000, "stanzas_burst": 1_000_000},
        }

        def another() -> Process:
            return Process(read_configuration({**settings, "listen": {"tcp": [f"127.0.0.1:{_free_port()}"]}}))

        asyncio.run(another().create_accounts())
        for life in range(kills):
            server = another()
            child = server.start()
            fetch(server, "nurse", ledger)
            load = Load(server, ledger, life)
            time.sleep(chance.uniform(0.05, 1.0))
            _kill(child)
            load.join()
            if sys.stderr.isatty():
                print(f"\r{life + 1} kills", end="", file=sys.stderr)
        server = another()
        child = server.start()
        fetch(server, "nurse", ledger)
        fetch(server, "tybalt", ledger)
        found = roster(server)
        _kill(child)
    to_nurse, to_tybalt = [
        [id for id in ids if id not in ledger.refused] for ids in (ledger.to_nurse, ledger.to_tybalt)
    ]
    return Outcome(
        ledger.changes,
        sum(found.get(jid, -1) < number for jid, number in ledger.items.items()),
        len(to_nurse),
        sum(not ledger.came[id] for id in to_nurse),
        sum(times > 1 for id, times in ledger.came.items() if id.startswith("nurse-")),
        len(to_tybalt),
        sum(not ledger.came[id] for id in to_tybalt),
        sum(times > 1 for id, times in ledger.came.items() if id.startswith("tybalt-")),
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--outbox", action="store_true")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    found = run(chosen.kills, chosen.outbox, chosen.seed)
    print(
        f"{chosen.kills} kills{' with an outbox' if chosen.outbox else ''}."
        f" Changes of a roster: {found.changes} acknowledged, {found.lost_changes} lost."
        f" Messages to be stored: {found.stored} acknowledged, {found.lost_stored} lost,"
        f" {found.doubled_stored} came twice."
        f" Messages to a client that reads: {found.delivered} acknowledged, {found.lost_delivered} lost,"
        f" {found.doubled_delivered} came twice."
    )
    return 0 if found.is_good(chosen.outbox) else 1


if __name__ == "__main__":
    sys.exit(main())
