"""The other end of the protocol: it lets any driver be asked on standard input."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, BinaryIO, Final, TypeAlias

import attrs
from attrs import define

from xmpp_im_conformance.drivers.stdio.messages import PROTOCOL, ProtocolMessage, write_items, write_line
from xmpp_im_conformance.drivers.stdio.ops import SERVER_OPS, perform
from xmpp_im_conformance.format.evidence import FROM_SERVER
from xmpp_im_conformance.format.items import stated_item
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.worlds import (
    REMOTE,
    BaseWorld,
    ClientSetup,
    ClientWorld,
    Driver,
    NotApplicable,
    Setup,
    World,
)
from xmpp_im_core.codec import write_element
from xmpp_im_core.element import Element

_Answer: TypeAlias = dict[str, object]


@define
class Serving:
    """A server and a client that answer requests."""

    name: str
    version: str
    driver: Driver
    features: Iterable[str]
    """The features that the server has."""
    events: Iterable[str]
    """The types of events that the client tells."""
    client_features: Iterable[str]
    _world: World | ClientWorld | None = None
    """The scenario that runs."""

    def serve(self, requests: BinaryIO, answers: BinaryIO) -> None:
        """Answer each line, until nothing more comes."""
        for line in requests:
            request = json.loads(line)
            answers.write(write_line({"id": request["id"], **self.answer(request)}))
            answers.flush()

    def answer(self, request: ProtocolMessage) -> Mapping[str, object]:
        """Return the answer to a request, without its id."""
        op = request["op"]
        try:
            if op in _MEETING:
                return _MEETING[op](self, request)
            if isinstance(self._world, World) and op in _SERVER:
                return _SERVER[op](self._world, request)
            if isinstance(self._world, ClientWorld) and op in _CLIENT:
                return _CLIENT[op](self._world, request)
            return {"not_applicable": f"there is no op {op!r} here"}
        except NotApplicable as reason:
            return {"not_applicable": str(reason)}
        except Exception:
            return {"error": f"the implementation raised\n{traceback.format_exc()}"}

    def hello(self, request: ProtocolMessage) -> _Answer:
        """Say what there is."""
        server = {
            "ops": list(_SERVER),
            "features": list(self.features),
            "sees_requests": True,
            "tells_closing": True,
        }
        client = {"ops": list(_CLIENT), "events": list(self.events), "features": list(self.client_features)}
        return {
            "protocol": PROTOCOL,
            "name": self.name,
            "version": self.version,
            "server": server,
            "client": client,
        }

    def begin(self, request: ProtocolMessage) -> _Answer:
        """Begin a scenario for the server."""
        self._world = None
        accounts = {
            jid: tuple([stated_item(item) for item in account["roster"]])
            for jid, account in request["accounts"].items()
        }
        time = None if request["time"] is None else datetime.fromisoformat(request["time"])
        self._world = world = self.driver.world(Setup(accounts, frozenset(request["features"]), time))
        return _left(world)

    def begin_client(self, request: ProtocolMessage) -> _Answer:
        """Begin a scenario for the client."""
        self._world = None
        cache = request["cache"]
        setup = ClientSetup(
            request["account"],
            request["resource"],
            tuple([read_xml(feature) for feature in request["stream_features"]]),
            None if cache is None else (cache["ver"], tuple([stated_item(item) for item in cache["items"]])),
            frozenset(request["features"]),
        )
        self._world = client = self.driver.client(setup)
        return _said(client)


_MEETING: Final[Mapping[str, Callable[[Serving, ProtocolMessage], _Answer]]] = {
    "hello": Serving.hello,
    "begin": Serving.begin,
    "begin_client": Serving.begin_client,
}


# --- the server -------------------------------------------------------------------------------------------


def _acting(op: str) -> Callable[[World, ProtocolMessage], _Answer]:
    """Return what performs an op, and answers with what left because of it."""

    def act(world: World, request: ProtocolMessage) -> _Answer:
        perform(op, world, request)
        return _left(world)

    return act


def _left(world: World) -> _Answer:
    arrived = world.arrived()
    deliver = [[at, _text(stanza)] for at, stanzas in arrived.items() if at != REMOTE for stanza in stanzas]
    closed = [[at, condition] for at, conditions in (world.closed() or {}).items() for condition in conditions]
    return {"deliver": deliver, "remote": [_text(stanza) for stanza in arrived.get(REMOTE, ())], "closed": closed}


def _text(stanza: Element) -> str:
    return write_element(stanza).decode()


def _stream_features(world: World, request: ProtocolMessage) -> _Answer:
    return {"stream_features": [_text(feature) for feature in world.stream_features(request["jid"])]}


def _obeyed(world: BaseWorld, request: ProtocolMessage) -> _Answer:
    return {"requirements": sorted(world.obeyed() or ())}


_SERVER: Final[Mapping[str, Callable[[World, ProtocolMessage], _Answer]]] = {
    **{op: _acting(op) for op in SERVER_OPS},
    "roster": lambda world, request: {"roster": write_items(world.roster(request["account"]))},
    "stream_features": _stream_features,
    "binding_refused": lambda world, request: {"condition": world.binding_refused(request["jid"])},
    "obeyed": _obeyed,
}


# --- the client -------------------------------------------------------------------------------------------


def _let(act: Callable[[ClientWorld, Any], None]) -> Callable[[ClientWorld, ProtocolMessage], _Answer]:
    """Return the op that lets a client do something, and answers with what it sent and told."""

    def op(player: ClientWorld, request: ProtocolMessage) -> _Answer:
        act(player, request)
        return _said(player)

    return op


def _said(player: ClientWorld) -> _Answer:
    events = [dict(event) for event in player.events()]
    return {"sent": [_text(stanza) for stanza in player.arrived()[FROM_SERVER]], "events": events}


_CLIENT: Final[Mapping[str, Callable[[ClientWorld, ProtocolMessage], _Answer]]] = {
    "client_does": _let(lambda player, request: player.do(request["action"], request["arguments"])),
    "client_sends": _let(lambda player, request: player.send(request["xml"])),
    "from_server": _let(lambda player, request: player.receive(request["xml"])),
    "client_roster": lambda player, request: {"roster": write_items(player.roster())},
    "client_ver": lambda player, request: {"ver": player.ver()},
    "client_presence": lambda player, request: {
        "resources": [attrs.asdict(resource) for resource in player.resources(request["jid"])]
    },
    "obeyed": _obeyed,
}
