"""Reading vectors: a file in, vectors out. An error names the step and what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import evolve

from xmpp_im_conformance.format.addresses import hosted_domains
from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.format.items import RosterItem, read_roster
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.remote_users import remote_users
from xmpp_im_conformance.format.schema import problems, shortened, summary
from xmpp_im_conformance.format.steps.acts import ACTS_OF_CLIENTS, ACTS_OF_HOSTS, TimeStep
from xmpp_im_conformance.format.steps.base import BadVector, ScenarioStep, read_at, read_steps
from xmpp_im_conformance.format.steps.client import (
    CLIENT_STEPS,
    ClientSendsStep,
    ExpectIgnoredStep,
    ExpectNothingSentStep,
    ExpectSentStep,
)
from xmpp_im_conformance.format.steps.looks import LOOKS
from xmpp_im_conformance.format.tables import read_row
from xmpp_im_conformance.format.vectors import LEVELS, MalformedFile, Scenario, Side, Vector, plays_remote
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE, ClientSetup, Setup

_Data: TypeAlias = Mapping[str, Any]  # what the schema has accepted

_STEPS: Final[Mapping[str, type[ScenarioStep]]] = {
    kind.key: kind for kind in (*ACTS_OF_CLIENTS, *ACTS_OF_HOSTS, *LOOKS, *CLIENT_STEPS)
}


def _any(named: MalformedFile) -> bool:
    return True


def read_file(
    path: Path, id: str, is_asked_for: Callable[[MalformedFile], bool] = _any
) -> Iterator[Vector | MalformedFile]:
    """Yield the vectors of a file: one, or for a table one for each row. What is wrong is yielded, not raised.

    :param is_asked_for: a file is checked only if this allows what it is about; in a table, what one row is about.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_repetition)
    except (OSError, ValueError, RecursionError) as problem:
        yield MalformedFile(id=id, file=str(path), why=shortened(f"not a JSON file: {problem}"))
        return
    kind = kind_of(data)
    if kind is None:
        yield MalformedFile(id=id, file=str(path), why="neither a scenario, nor a client scenario, nor a table")
        return
    side = Side.CLIENT if kind == "client" else Side.SERVER
    named = _about(data, MalformedFile(id=id, file=str(path), why="", side=side))
    if any(is_asked_for(each) for each in _subjects(kind, data, named)):
        yield from _checked(kind, data, named)


def _about(data: _Data, named: MalformedFile) -> MalformedFile:
    """Add what a file, or a row, says that it is about, whatever else is wrong with it."""
    level = data.get("level", named.level or "MUST")
    return evolve(
        named,
        requirements=(*named.requirements, *_strings(data.get("requirements"))),
        rfc=(*named.rfc, *_strings(data.get("rfc"))),
        level=level if level in LEVELS else "",
    )


def _subjects(kind: str, data: _Data, named: MalformedFile) -> Iterator[MalformedFile]:
    """Yield the file as far as it is known, or each row of a table, whose name is not known yet."""
    rows = data.get("rows") if kind == "table" else None
    if not isinstance(rows, list):
        yield named
        return
    row_of = evolve(named, id=f"{named.id}#")
    yield from [_about(row, row_of) for row in rows if isinstance(row, Mapping)] or [row_of]


def _checked(kind: str, data: _Data, named: MalformedFile) -> Iterator[Vector | MalformedFile]:
    malformed = evolve(named, why=summary(problems(kind, data)))
    if malformed.why:
        yield malformed
    elif kind == "table":
        yield from _read_rows(data, named)
    else:
        try:
            yield _read(kind, data, {}, named)
        except BadVector as problem:
            yield evolve(named, why=shortened(str(problem)))


def _read_rows(data: _Data, named: MalformedFile) -> Iterator[Vector | MalformedFile]:
    """Yield the rows of a table. What is wrong with several of them is yielded once, in the name of the table."""
    bad: dict[str, list[tuple[int, MalformedFile]]] = {}
    for number, row in enumerate(data["rows"], 1):
        read = _read("table", data, row, named)
        if isinstance(read, Vector):
            yield read
        else:
            bad.setdefault(read.why, []).append((number, read))
    for why, rows in bad.items():
        told = evolve(named, why=summary([f"row {number}: {why}" for number, _ in rows]))
        yield rows[0][1] if len(rows) == 1 else told


def kind_of(data: object) -> str | None:
    """Recognise the kind of a vector by its content: "scenario", "client" or "table"."""
    if not isinstance(data, Mapping):
        return None
    if "rows" in data:
        return "table"
    if "account" in data:
        return "client"
    return "scenario" if "steps" in data else None


def _without_repetition(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that states a key twice: one of the two expectations would be lost."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def _strings(value: object) -> tuple[str, ...]:
    return tuple([each for each in value if isinstance(each, str)]) if isinstance(value, list) else ()


def _read(kind: str, data: _Data, row: _Data, named: MalformedFile) -> Vector | MalformedFile:
    """Read a vector, or a row of a table: what the table and the row state adds up.

    :raises BadVector: if it breaks a rule that the schema cannot say.
    """
    id, title = named.id, data["title"]
    notes = [data.get("note"), row.get("note")]
    features = frozenset([*data.get("features", ()), *row.get("features", ())])
    if kind == "table":
        read = read_row(row, features)
        id, title, notes, scenario = f"{id}#{read.name}", read.title, [title, *notes], read.scenario
    else:
        scenario = _client_scenario(data, features) if kind == "client" else _server_scenario(data, features)
    if isinstance(scenario.setup, Setup):
        scenario = evolve(scenario, setup=evolve(scenario.setup, mentioned=_mentioned(data, row)))
    vector = Vector(
        id=id,
        file=named.file,
        title=title,
        scenario=scenario,
        requirements=(*named.requirements, *row.get("requirements", ())),
        rfc=(*named.rfc, *row.get("rfc", ())),
        level=row.get("level", data.get("level", "MUST")),
        note="\n".join([note for note in notes if note]),
    )
    unknown = [each for each in vector.requirements if each not in requirements()]
    if unknown:
        why = shortened(f"unknown requirement {', '.join(unknown)}")
        return evolve(named, id=id, why=why, requirements=vector.requirements, rfc=vector.rfc)
    return vector


def _mentioned(data: _Data, row: _Data) -> frozenset[str]:
    """Return the XML namespaces that are named in a vector, or in a table's row and what the table says of all rows."""
    texts = _texts([row, {key: value for key, value in data.items() if key != "rows"}])
    return frozenset([found for text in texts if "xmlns" in text for found in _DECLARED.findall(text)])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.values()])
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


_DECLARED: Final = re.compile(r"""xmlns(?::[\w.-]+)?\s*=\s*["']([^"']*)["']""")


# --- scenarios --------------------------------------------------------------------------------------------


def _server_scenario(data: _Data, features: frozenset[str]) -> Scenario:
    accounts: dict[str, tuple[RosterItem, ...]] = {}
    for jid, account in data.get("accounts", {}).items():
        if jid.partition("@")[2] not in HOSTED:
            raise BadVector(f"accounts: {jid} is at none of the hosted domains, {' and '.join(HOSTED)}")
        accounts[jid] = read_at(f"accounts, {jid}", read_roster, account.get("roster", ()))
    twice = sorted(accounts.keys() & set(data.get("no_account", ())))
    if twice:
        raise BadVector(f"no_account: {twice[0]} stands in accounts as well")
    steps = read_steps(_STEPS, "", data["steps"])
    _check_jids(steps, {*accounts, *data.get("no_account", ())})
    lenient, first = data.get("lenient", False), steps[0]
    starts_at = first.at if isinstance(first, TimeStep) else None
    closes = frozenset([jid for step in steps for jid in step.closes])
    servers, users = hosted_domains(json.dumps([data.get(key) for key in ("accounts", "no_account", "steps")]))
    setup = Setup(
        accounts,
        features,
        starts_at,
        plays_remote(accounts, steps),
        closes,
        servers=servers,
        users=users,
        remote_users=partial(remote_users, accounts, steps),
    )
    return Scenario(setup, steps, lenient if isinstance(lenient, bool) else frozenset(lenient))


def _check_jids(steps: Iterable[ScenarioStep], known: set[str]) -> None:
    """Refuse steps about a client that never connected, or about an account that never exists: misspelt ones."""
    known.add(REMOTE)
    for number, step in enumerate(steps, 1):
        known.update(step.makes)
        for jid in step.clients:
            if jid not in known:
                raise BadVector(f"step {number} ({step.key}): {jid} has not connected")
        for jid in step.accounts:
            if jid not in known:
                raise BadVector(f"step {number} ({step.key}): there is no account {jid}")


def _client_scenario(data: _Data, features: frozenset[str]) -> Scenario:
    cache = data.get("cache")
    setup = ClientSetup(
        data["account"],
        data.get("resource", "balcony"),
        tuple([read_at("stream_features", read_xml, feature) for feature in data.get("stream_features", ())]),
        None if cache is None else (cache["ver"], read_at("cache", read_roster, cache["items"])),
        features,
    )
    steps = read_steps(_STEPS, "", data["steps"])
    neighbours = zip((None, *steps[:-1]), steps, (*steps[1:], None), strict=True)
    steps = tuple([_between(before, step, then) for before, step, then in neighbours])
    return Scenario(setup, steps, lenient=True)


def _between(before: ScenarioStep | None, step: ScenarioStep, then: ScenarioStep | None) -> ScenarioStep:
    """Tell a step what it must know of its neighbours."""
    if isinstance(step, ExpectIgnoredStep) and isinstance(then, ExpectSentStep | ExpectNothingSentStep):
        return ExpectIgnoredStep(answer_is_free=False)  # the next step speaks of the error
    if isinstance(step, ExpectNothingSentStep) and isinstance(before, ClientSendsStep):
        return ExpectNothingSentStep(after_handing_over=True)
    return step
