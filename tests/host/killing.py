"""Kills a host with SIGKILL at random, again and again, and looks at what has become of each message.

    python -m tests.host.killing [--kills 1000] [--outbox] [--seed N]

The host runs on SQLite in a separate process. Its clients send without pause, their streams break without notice, and
they come back. A message is *acknowledged* once ``done`` has been called for it. In the end everybody comes back for
what is left. Printed is how many messages were acknowledged, lost, and delivered twice; exit status 1 if one was lost.
This is no test: what happens depends on when the kills hit. ``test_outbox.py`` tries each point that there is.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from attrs import frozen

from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Host, Messages, Operations, StorageFailed, Stored, Wire
from xmpp_im_core.server import Clear, Deliver, Kind, Put, SessionId, State, hosting
from xmpp_im_core.snapshot import dump_record, load_record
from xmpp_im_core.stanza import Condition, Stanza

CAPULET = "capulet.example"
USERS = tuple(f"{name}@{CAPULET}" for name in ("romeo", "juliet", "nurse", "tybalt"))
FAR = "mercutio@remote.example"


class Database:
    """A storage in one table. A process that is killed has nothing to do with fsync, so there is none."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.execute("CREATE TABLE IF NOT EXISTS records (account, kind, key, value, UNIQUE (account, kind, key))")

    def commit(self, operations: Operations) -> None:
        try:
            self.db.execute("BEGIN")
            for account, operation in operations:
                if isinstance(operation, Clear):
                    where: tuple[str, ...] = (account, operation.kind.value)
                    self.db.execute("DELETE FROM records WHERE (account, kind) = (?, ?)", where)
                    continue
                where = (account, operation.kind.value, operation.key)
                self.db.execute("DELETE FROM records WHERE (account, kind, key) = (?, ?, ?)", where)
                if isinstance(operation, Put):
                    self.db.execute("INSERT INTO records VALUES (?, ?, ?, ?)", (*where, dump_record(operation)))
            self.db.execute("COMMIT")
        except sqlite3.Error as error:
            self.db.rollback()
            raise StorageFailed from error

    def _all(self, where: str, *values: str) -> Iterator[tuple[str, Put]]:
        rows = self.db.execute(f"SELECT account, kind, key, value FROM records WHERE {where} ORDER BY rowid", values)
        for account, kind, key, value in rows.fetchall():
            yield account, load_record(Kind(kind), key, value)

    def account(self, jid: str) -> Stored:
        records = [put for _, put in self._all("account = ? AND kind NOT IN ('offline', 'outbox')", jid)]
        messages = [message for _, message in self.messages(jid)]
        return Stored(tuple(records), len(messages), sum(message.size() for message in messages))

    def messages(self, jid: str) -> Messages:
        return tuple([(put.key, put.value) for _, put in self._all("account = ? AND kind = 'offline'", jid)])  # type: ignore[misc]  # the kind says that these are messages

    def owed(self) -> Iterator[tuple[str, Put]]:
        return self._all("kind = 'outbox'")


class Journal(Wire):
    """Clients and another server, as far as they outlive the process: what they got is written down at once."""

    def __init__(self, got: int) -> None:
        self.got = got
        self.broken: set[SessionId] = set()

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        if session in self.broken:
            return False
        self._note(stanza, session.resource)
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        self.broken.add(session)

    def route(self, stanza: Stanza) -> Condition | None:
        self._note(stanza, "far")
        return None

    def _note(self, stanza: Stanza, by: str) -> None:
        if stanza.KIND == "message" and stanza.id is not None:
            _write(self.got, f"{stanza.id}/{by}")


@frozen
class Where:
    """The files of one run."""

    folder: Path

    def opened(self, name: str) -> int:
        return os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def lines(self, name: str) -> list[str]:
        return (self.folder / name).read_text().split()

    def start(self, outbox: bool) -> tuple[Host[State], Journal]:
        wire = Journal(self.opened("got"))
        storage = Database(self.folder / "db")
        return Host(
            hosting(CAPULET), storage, wire, lambda: datetime.now(UTC), lambda: uuid4().hex, outbox=outbox
        ), wire


def live(where: Where, outbox: bool, seed: int) -> None:
    """Send, break, end and come back, until somebody kills this process."""
    chance = random.Random(seed)
    host, wire = where.start(outbox)
    acknowledged = where.opened("acknowledged")
    here: dict[str, list[SessionId]] = {user: [] for user in USERS}
    for user in USERS:
        host.create(user)
    for n in range(1_000_000):
        user = chance.choice(USERS)
        deed = chance.random()
        if not here[user] or (deed < 0.1 and len(here[user]) < 3):
            session = host.bind(user, f"r{len(here[user])}")
            here[user].append(session)
            host.receive(user, session, parse_stanza("<presence/>"))
        elif deed < 0.25:
            wire.broken.add(chance.choice(here[user]))
        elif deed < 0.35:
            session = here[user].pop()
            host.end(user, session)
        else:
            to, id = chance.choice((*USERS, FAR)), f"{seed}-{n}"
            stanza = parse_stanza(f"<message to='{to}' type='chat' id='{id}'><body>{id}</body></message>")
            host.receive(user, here[user][0], stanza, done=partial(_write, acknowledged, id))


def _write(file: int, line: str) -> None:
    os.write(file, f"{line}\n".encode())


@frozen
class Outcome:
    """What has become of the messages."""

    acknowledged: int
    lost: int
    twice: int
    """How often a message came to the same resource more than once."""


def run(kills: int, outbox: bool, seed: int) -> Outcome:
    """Kill so many processes, and let everybody come back for what is left."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        where = Where(Path(folder))
        for n in range(kills):
            child = os.fork()
            if not child:
                live(where, outbox, seed * kills + n)
            time.sleep(chance.uniform(0.01, 0.2))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        host, _ = where.start(outbox)
        for user in USERS:
            session = host.bind(user, "last")
            host.receive(user, session, parse_stanza("<presence/>"))
        got = Counter(where.lines("got"))
        arrived = {line.partition("/")[0] for line in got}
        sent = where.lines("acknowledged")
        return Outcome(len(sent), len(set(sent) - arrived), sum(times > 1 for times in got.values()))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=1000)
    options.add_argument("--outbox", action="store_true")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    found = run(chosen.kills, chosen.outbox, chosen.seed)
    print(
        f"{chosen.kills} kills: {found.acknowledged} messages acknowledged,"
        f" {found.lost} lost, {found.twice} came twice to one resource"
    )
    return 1 if found.lost else 0


if __name__ == "__main__":
    sys.exit(main())
