"""What the adapters for Python libraries share: the loop of the protocol, and the server's end of a stream.

``conformance/docs/stdio-protocol.md`` describes the protocol. An adapter is a class for one client of a library: a
:class:`Library`. It takes bytes and gives bytes, as the library's connection does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, XMLPullParser, tostring
from xml.sax.saxutils import quoteattr

CLIENT = "{jabber:client}"
HEADER = (
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s' version='1.0' "
    "from='{domain}'>"
)
FEATURES = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>{others}</stream:features>"
BOUND = "<iq type='result' id={id}><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{jid}</jid></bind></iq>"
Roster = dict[str, Any]
Resources = dict[str, dict[str, Any]]


class NotApplicable(Exception):
    """The library does not have what was asked for; the message says why."""


class Wire:
    """The server's end of a stream. It offers the features, binds the resource and then notes what the client sends."""

    def __init__(self, request: Mapping[str, Any], arrive: Callable[[bytes], object]) -> None:
        self.account, self.jid = request["account"], f"{request['account']}/{request['resource']}"
        self.features = FEATURES.format(others="".join(request["stream_features"]))
        self.arrive = arrive
        self.sent: list[Element] = []
        self.parser = XMLPullParser(["start", "end"])
        self.depth = 0

    def deliver(self, xml: str) -> None:
        """Let the client's connection get this."""
        self.arrive(xml.encode())

    def write(self, data: bytes) -> None:
        """Take what the client's connection writes."""
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            self.depth += 1 if event == "start" else -1
            if event == "start" and self.depth == 1:
                self.deliver(HEADER.format(domain=self.account.split("@")[1]) + self.features)
            elif event == "end" and self.depth == 1:
                self._take(element)

    def _take(self, stanza: Element) -> None:
        if stanza.find("{urn:ietf:params:xml:ns:xmpp-bind}bind") is None:
            self.sent.append(stanza)
        else:
            self.deliver(BOUND.format(id=quoteattr(stanza.attrib["id"]), jid=self.jid))


class Transport(asyncio.Transport):
    """The transport of an asyncio library, with a wire instead of a socket."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.write = wire.write  # type: ignore[assignment, method-assign]
        self.close = self.abort = lambda: None  # type: ignore[method-assign]

    def is_closing(self) -> bool:
        """A wire never ends."""
        return False


class Library:
    """A client of a library during one scenario. The methods ``do_ACTION`` are its actions."""

    name = version = ""
    ops: tuple[str, ...] = ("client_does", "client_sends", "from_server")
    events: tuple[str, ...] = ()
    untold: tuple[str, ...] = ("matched",)
    wire: Wire

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.told: list[dict[str, Any]] = []
        self.begin(request)

    def begin(self, request: Mapping[str, Any]) -> None:
        """Begin a scenario: make a client, and bind its resource."""
        raise NotImplementedError

    def send(self, stanza: Element, xml: str) -> None:
        """Let the library send a stanza of the application, which is given in two forms."""
        raise NotImplementedError

    def receive(self, xml: str) -> None:
        """Let a stanza arrive."""
        self.wire.deliver(xml)

    def settle(self) -> None:
        """Let the library do all that it has begun."""

    def roster(self) -> list[Roster]:
        """Return the roster as the library knows it."""
        raise NotImplementedError

    def ver(self) -> str | None:
        """Return the version with which the library would ask."""
        raise NotImplementedError

    def resources(self, jid: str) -> list[Resources]:
        """Return the available resources, the best first."""
        raise NotImplementedError

    def tell(self, type: str, jid: str = "", **details: Any) -> None:
        """Note what the application is told, about a full or a bare JID."""
        bare, _, resource = jid.partition("/")
        self.told.append({"type": type, "jid": bare, "resource": resource or None, **details})

    def load(self, cache: Mapping[str, Any]) -> None:
        """Let the client have the roster of an earlier session: the server answers a roster get with it."""
        self.do_get_roster()
        self.settle()
        items = "".join([item_xml(item) for item in cache["items"]])
        query = f"<query xmlns='jabber:iq:roster' ver={quoteattr(cache['ver'])}>{items}</query>"
        self.wire.deliver(f"<iq type='result' id={quoteattr(self.wire.sent[-1].attrib['id'])}>{query}</iq>")
        self.settle()

    def do_get_roster(self) -> None:
        """Ask for the roster."""
        raise NotImplementedError

    def do_message(self, jid: str, body: str, type: str = "chat") -> None:
        """Send a message. None of the libraries keeps chat sessions."""
        if type == "chat":
            raise NotApplicable(f"{self.name} keeps no chat sessions: its application chooses threads and resources")
        self.message(jid, body, type)

    def message(self, jid: str, body: str, type: str) -> None:
        """Send a message that is part of no chat session."""
        raise NotImplementedError

    def acted(self) -> dict[str, Any]:
        """Return what was sent and told since the last call."""
        self.settle()
        sent, self.wire.sent = [tostring(each, encoding="unicode") for each in self.wire.sent], []
        told, self.told = self.told, []
        return {"sent": sent, "events": told}


class AsyncioLibrary(Library):
    """A client of a library on asyncio, with an event loop that runs until the library has nothing more to do."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        super().__init__(request)

    def settle(self) -> None:
        self.loop.run_until_complete(_turns(60))


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any], added: str, changed: str, removed: str
) -> list[tuple[str, str]]:
    """Compare two states by JID; return the type of an event for each difference, and the JID."""
    different = [jid for jid in {**before, **after} if before.get(jid) != after.get(jid)]
    return [(added if jid not in before else removed if jid not in after else changed, jid) for jid in different]


def item_xml(item: Mapping[str, Any]) -> str:
    """Write an item of the protocol as a server does."""
    ask = " ask='subscribe'" if item["ask"] else ""
    approved = " approved='true'" if item["approved"] else ""
    name = f" name={quoteattr(item['name'])}" if item["name"] else ""
    groups = "".join([f"<group>{group}</group>" for group in item["groups"]])
    return (
        f"<item jid={quoteattr(item['jid'])} subscription='{item['subscription']}'{name}{ask}{approved}>{groups}</item>"
    )


def stanza_of(xml: str) -> Element:
    """Read a stanza in the namespace ``jabber:client``."""
    parser = XMLPullParser(["end"])
    parser.feed(f"<stream xmlns='jabber:client'>{xml}</stream>")
    return [element for _, element in parser.read_events()][-1][0]


def serve(library: type[Library]) -> None:
    """Answer each line of standard input."""
    client: Library | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["op"] == "begin_client":
                client = library(request)
            answer = hello(library) if request["op"] == "hello" else answer_to(client, request)
        except NotApplicable as reason:
            answer = {"not_applicable": str(reason)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps({"id": request["id"], **answer}), flush=True)


def hello(library: type[Library]) -> dict[str, Any]:
    """Say what the library can do. None of them checks what its application sends."""
    actions = [name.removeprefix("do_") for name in dir(library) if name.startswith("do_")]
    client = {"ops": library.ops, "events": library.events, "actions": actions, "untold": library.untold}
    client["refuses"] = False
    return {"protocol": 1, "name": library.name, "version": library.version, "client": client}


def answer_to(client: Library | None, request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked."""
    assert client is not None, "a scenario has begun"
    match request["op"]:
        case "client_does":
            getattr(client, f"do_{request['action']}")(**request["arguments"])
        case "client_sends":
            client.send(stanza_of(request["xml"]), request["xml"])
        case "from_server":
            client.receive(request["xml"])
        case "client_roster":
            return {"roster": client.roster()}
        case "client_ver":
            return {"ver": client.ver()}
        case "client_presence":
            return {"resources": client.resources(request["jid"])}
        case "begin_client" if request["cache"] is not None and "client_roster" in client.ops:
            client.settle()
            client.load(request["cache"])
            client.acted()
        case "begin_client":
            client.acted()
            return {}
        case other:
            raise NotApplicable(f"there is no op {other!r}")
    return client.acted()
