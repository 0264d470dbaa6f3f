"""What whole servers take for the same work: xmpp-im-host, Prosody and ejabberd, one after the other on loopback.

    python -m benchmarks.servers [--only xmpp-im-host,prosody,ejabberd]

Clients on plain sockets log in and send; they only look for what they wait for in the bytes that come. The kernel
counts the processor time of all threads of the server's processes, for each operation. The servers have the
configurations of ``interop/servers/``. A server that is missing is installed if it can be, and left out otherwise.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import define, field
from rich.console import Console
from rich.table import Table

from interop.servers import SERVERS, NotAvailable
from xmpp_im_conformance.drivers.live import LiveConfig

DOMAIN: Final = "capulet.example"
FRIENDS: Final = 100
CLOSE: Final = 50
"""How many friends the user has who logs in again and again."""
IDLE: Final = 400
_PATIENCE: Final = 60.0
_BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
_ROSTER: Final = "jabber:iq:roster"


@define
class Processes:
    """The processes of a server: those whose command names its directory."""

    directory: Path

    def _ids(self) -> Iterator[Path]:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.fsencode(self.directory) in (process / "cmdline").read_bytes():
                    yield process
            except OSError:
                continue

    def seconds(self) -> float:
        """Return the processor time of all threads so far."""
        spent = 0
        for process in self._ids():
            for thread in process.glob("task/*/schedstat"):
                spent += int(thread.read_text().split()[0])
        return spent / 1e9

    def resident(self) -> int:
        """Return the resident memory in bytes."""
        pages = sum(int((process / "statm").read_text().split()[1]) for process in self._ids())
        return pages * os.sysconf("SC_PAGE_SIZE")


@define
class Client:
    """A client that knows no XML: it waits until bytes have come."""

    port: int
    user: str
    resource: str = "r"
    _socket: socket.socket = field(init=False)
    _came: bytes = b""

    def __attrs_post_init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port), _PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def jid(self) -> str:
        return f"{self.user}@{DOMAIN}"

    def send(self, text: str) -> None:
        self._socket.sendall(text.encode())

    def until(self, pattern: str) -> None:
        """Wait until this has come, and drop everything up to it."""
        wanted = re.compile(pattern.encode())
        while (found := wanted.search(self._came)) is None:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionError(f"the server has closed the stream of {self.user}: {self._came[-300:]!r}")
            self._came += data
        self._came = self._came[found.end() :]

    def ask(self, payload: str, type: str = "get") -> None:
        """Send a request, and wait for the result."""
        self.send(f"<iq type='{type}' id='a'>{payload}</iq>")
        self.until(r"<iq[^>]*type=['\"]result['\"]")

    def open(self) -> None:
        self.send(
            f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        self.until("</stream:features>")

    def register(self) -> None:
        """Create the account on this connection, which is no good for anything else afterwards."""
        self.open()
        self.ask(
            f"<query xmlns='jabber:iq:register'><username>{self.user}</username><password>p</password></query>", "set"
        )
        self.close()

    def log_in(self, *, roster: bool = True) -> Client:
        self.open()
        token = base64.b64encode(f"\0{self.user}\0p".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>")
        self.until("<success[^>]*>")
        self.open()
        self.ask(f"<bind xmlns='{_BIND}'><resource>{self.resource}</resource></bind>", "set")
        if roster:
            self.ask(f"<query xmlns='{_ROSTER}'/>")
        self.send("<presence/>")
        return self

    def settle(self) -> None:
        """Wait until the server has processed what this client sent."""
        self.ask("<ping xmlns='urn:xmpp:ping'/>")

    def close(self) -> None:
        """End the stream."""
        self.send("</stream:stream>")
        self.until("</stream:stream>")
        self._socket.close()


@define
class Bench:
    """One server while it is measured."""

    config: LiveConfig
    processes: Processes
    found: dict[str, float] = field(factory=dict)
    """Processor time for each operation, in microseconds; memory in KiB."""

    def client(self, user: str, resource: str = "r") -> Client:
        return Client(self.config.port, user, resource)

    def timed(self, name: str, times: int, work: Callable[[], object]) -> None:
        before = self.processes.seconds()
        work()
        self.found[name] = (self.processes.seconds() - before) / times * 1e6

    def run(self) -> None:
        names = [f"friend{number}" for number in range(FRIENDS)]
        for name in ("juliet", "romeo", "nurse", *names):
            self.client(name).register()
        juliet = self.client("juliet").log_in()
        friends = [self.client(name).log_in() for name in names]
        self.timed("subscription of two users, both ways", FRIENDS, lambda: befriend_all(juliet, friends))
        self.timed("presence to 100 contacts, for each stanza", 100 * FRIENDS, lambda: broadcast(juliet, friends, 100))
        romeo = self.client("romeo").log_in()
        self.timed("chat, one at a time", 500, lambda: chat(romeo, juliet, 500, 1))
        self.timed("chat, five at a time", 1000, lambda: chat(romeo, juliet, 1000, 5))
        self.timed("roster get of 100", 100, lambda: get_rosters(juliet, 100))
        self.logins(friends[:CLOSE])
        self.rosters(romeo)
        self.idle(names)

    def logins(self, friends: list[Client]) -> None:
        nurse = self.client("nurse").log_in()
        befriend_all(nurse, friends)
        nurse.close()

        def log_in() -> None:
            for _ in range(20):
                client = self.client("nurse").log_in()
                for _ in friends:
                    client.until(rf"<presence[^>]*from=['\"]friend\d+@{re.escape(DOMAIN)}/")
                client.close()

        self.timed("login and end, with 50 contacts online", 20, log_in)

    def rosters(self, romeo: Client) -> None:
        def put(numbers: range) -> None:
            for number in numbers:
                item = f"<item jid='contact{number}@montague.example' name='Contact {number}'/>"
                romeo.ask(f"<query xmlns='{_ROSTER}'>{item}</query>", "set")

        put(range(900))
        self.timed("roster set among 1,000", 100, lambda: put(range(900, 1000)))
        self.timed("roster get of 1,000", 20, lambda: get_rosters(romeo, 20))

    def idle(self, names: list[str]) -> None:
        before = self.processes.resident()
        clients = [self.client(names[n % FRIENDS], f"idle{n}").log_in(roster=False) for n in range(IDLE)]
        for client in clients:
            client.settle()
        self.found["memory of an idle session, in KiB"] = (self.processes.resident() - before) / IDLE / 1024


def befriend(one: Client, other: Client) -> None:
    """Let two users subscribe to each other."""
    one.send(f"<presence to='{other.jid}' type='subscribe'/>")
    other.until(r"<presence[^>]*type=['\"]subscribe['\"]")
    other.send(f"<presence to='{one.jid}' type='subscribed'/><presence to='{one.jid}' type='subscribe'/>")
    one.until(r"<presence[^>]*type=['\"]subscribe['\"]")
    one.send(f"<presence to='{other.jid}' type='subscribed'/>")
    other.until(r"<presence[^>]*type=['\"]subscribed['\"]")
    one.settle()


def befriend_all(one: Client, others: list[Client]) -> None:
    for other in others:
        befriend(one, other)


def get_rosters(client: Client, times: int) -> None:
    for _ in range(times):
        client.ask(f"<query xmlns='{_ROSTER}'/>")


def broadcast(sender: Client, friends: list[Client], times: int) -> None:
    for number in range(times):
        sender.send(f"<presence><show>away</show><status>status number {number};</status></presence>")
    for friend in friends:
        friend.until(f"number {times - 1};")
    sender.until(f"number {times - 1};")


def chat(sender: Client, reader: Client, times: int, together: int) -> None:
    for number in range(0, times, together):
        for n in range(number, number + together):
            sender.send(
                f"<message to='{reader.jid}' type='chat' id='m{n}'><body>Art thou not Romeo, and a Montague?</body>"
                f"<thread>t{n};</thread></message>"
            )
        reader.until(f"<thread>t{number + together - 1};")


def measured(name: str) -> dict[str, float]:
    """Start a server, and measure it.

    :raises NotAvailable: if it cannot be installed or started.
    """
    server = SERVERS[name]
    server.installed()
    with server.running() as config:
        assert config.cafile is not None
        bench = Bench(config, Processes(Path(config.cafile).parent.resolve()))
        bench.run()
        return bench.found


def table(results: Mapping[str, Mapping[str, float]]) -> Table:
    shown = Table("operation", *results, title="processor time in µs")
    for line in next(iter(results.values())):
        shown.add_row(line, *[f"{found[line]:,.1f}" for found in results.values()])
    return shown


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", default=",".join(SERVERS), help="names, with commas")
    chosen = options.parse_args().only.split(",")
    results: dict[str, dict[str, float]] = {}
    for name in chosen:
        try:
            results[name] = measured(name)
        except NotAvailable as reason:
            print(f"{name} is left out: {reason}", file=sys.stderr)
    if results:
        Console().print(table(results))
    return 0 if results else 1


if __name__ == "__main__":
    sys.exit(main())
