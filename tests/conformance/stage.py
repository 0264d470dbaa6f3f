"""A server that does what it is told: the runner's own tests say what comes, and see what was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.steps.acts import ACTS_OF_CLIENTS, ACTS_OF_HOSTS
from xmpp_im_conformance.format.worlds import REMOTE, Driver, Setup, World
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_core.element import Element

JULIET: Final = "juliet@capulet.example"
BALCONY: Final = f"{JULIET}/balcony"
CHAMBER: Final = f"{JULIET}/chamber"
ROMEO: Final = f"romeo@{REMOTE}"


@define
class ScriptedWorld(World):
    """Every stanza that a client sends is answered by what the script has for it."""

    script: Mapping[str, Sequence[tuple[str, str]]]
    """By what is sent: who gets what because of it."""
    items: Sequence[RosterItem] = ()
    cited: frozenset[str] | None = None
    asked: list[tuple[object, ...]] = field(factory=list)
    came: dict[str, list[Element]] = field(factory=dict)
    closes: Mapping[str, Sequence[tuple[str, str]]] | None = field(factory=dict)
    """By what is sent: whose stream is closed because of it, and how; None: that cannot be seen."""
    ended: dict[str, list[str]] = field(factory=dict)
    refusals: Mapping[str, str] = field(factory=dict)
    """With which error a request to bind a resource is refused."""

    def send(self, jid: str, xml: str) -> None:
        self.asked.append(("send", jid, xml))
        for at, stanza in self.script.get(xml, ()):
            self.came.setdefault(at, []).append(read_xml(stanza))
        for at, condition in (self.closes or {}).get(xml, ()):
            self.ended.setdefault(at, []).append(condition)

    def remote_send(self, xml: str) -> None:
        self.send(REMOTE, xml)

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        came, self.came = self.came, {}
        return came

    def closed(self) -> Mapping[str, Sequence[str]] | None:
        ended, self.ended = self.ended, {}
        return ended if self.closes is not None else None

    def stream_features(self, jid: str) -> Sequence[Element]:
        return [read_xml("<ver xmlns='urn:xmpp:features:rosterver'/>")]

    def binding_refused(self, jid: str) -> str | None:
        return self.refusals.get(jid)

    def roster(self, account: str) -> Sequence[RosterItem]:
        return self.items

    def sees_requests(self) -> bool:
        return True

    def obeyed(self) -> frozenset[str] | None:
        return self.cited

    def close(self) -> None:
        self.asked.append(("close",))


def _noting(name: str) -> Callable[..., None]:
    """Return the method of a world that notes what it is asked for."""
    return lambda world, *values: world.asked.append((name, *values))


for _act in (*ACTS_OF_CLIENTS, *ACTS_OF_HOSTS):
    if _act.calls.__name__ not in vars(ScriptedWorld):
        setattr(ScriptedWorld, _act.calls.__name__, _noting(_act.calls.__name__))


@define
class Scripted(Driver):
    """The driver of one scripted world."""

    name = "scripted"
    one: ScriptedWorld
    setup: Setup | None = None

    def world(self, setup: Setup) -> World:
        self.setup = setup
        return self.one


def result(tmp_path: Path, vector: Mapping[str, Any], world: ScriptedWorld | None = None) -> Result:
    """Write a vector to a file, read it, and run it: on this world, or on the embedded server."""
    (only,) = results(tmp_path, vector, world)
    return only


def results(tmp_path: Path, vector: Mapping[str, Any], world: ScriptedWorld | None = None) -> list[Result]:
    file = tmp_path / "vector.json"
    file.write_text(json.dumps(vector), encoding="utf-8")
    driver = Embedded() if world is None else Scripted(world)
    return [run_vector(each, driver) for each in read_file(file, "vector")]


def scenario(*steps: Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    """A scenario of Juliet, who is connected."""
    return {
        "title": "a case",
        "rfc": ["6121 3"],
        "level": "MUST",
        "accounts": {JULIET: {}},
        "steps": [{"connect": BALCONY}, *steps],
        **keys,
    }


def arriving(*stanzas: str, **keys: Any) -> tuple[dict[str, Any], ScriptedWorld]:
    """A step after which these stanzas have come to Juliet, and the world in which that is so."""
    return send("<presence/>"), ScriptedWorld({"<presence/>": [(BALCONY, each) for each in stanzas]}, **keys)


def send(xml: str, jid: str = BALCONY) -> dict[str, Any]:
    return {"send": {"from": jid, "xml": xml}}


def receive(*xml: str, at: str = BALCONY, **keys: Any) -> dict[str, Any]:
    return {"receive": {"at": at, **({"xml": xml[0]} if len(xml) == 1 else {"any_order": list(xml)}), **keys}}


def closed(condition: str, at: str = BALCONY) -> dict[str, Any]:
    return {"stream_closed": {"at": at, "condition": condition}}


def flush(*at: str) -> dict[str, Any]:
    return {"flush": list(at or (BALCONY,))}


def outcome(tmp_path: Path, world: ScriptedWorld, *steps: Mapping[str, Any], **keys: Any) -> Outcome:
    """What becomes of a scenario in which Juliet is connected."""
    found = result(tmp_path, scenario(*steps, **keys), world)
    assert "malformed" not in found.detail, found.detail
    return found.outcome
