"""Reading vectors: a file in, vectors out, and an error that names the step for whatever is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import evolve

from xmpp_im_conformance.format.client_reading import read_client_scenario
from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.format.expectations import BadVector, pattern, read_at, read_roster
from xmpp_im_conformance.format.items import Item, SharedItem
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.schema import problems
from xmpp_im_conformance.format.vectors import (
    Absent,
    AccountMoves,
    Act,
    Action,
    Decide,
    Disconnect,
    Flush,
    ItemsShared,
    Malformed,
    MessageRow,
    Observation,
    OneOf,
    Receive,
    RemoteSend,
    RosterIs,
    Scenario,
    Send,
    Side,
    Silent,
    Step,
    StorageFails,
    StreamFeature,
    SubscriptionRow,
    TableState,
    Time,
    Vector,
)
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE

_Data: TypeAlias = Mapping[str, Any]  # what the schema has accepted


def read_file(path: Path, id: str) -> Iterator[Vector | Malformed]:
    """Yield the vectors of a file: one, or for a table one for each row. Whatever is wrong is yielded, not raised."""
    file = str(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_repetition)
    except (OSError, ValueError, RecursionError) as problem:
        yield Malformed(id=id, file=file, why=f"not a JSON file: {problem}")
        return
    kind = kind_of(data)
    if kind is None:
        yield Malformed(id=id, file=file, why="neither a scenario, nor a client scenario, nor a table")
        return
    side = Side.CLIENT if kind == "client" else Side.SERVER
    requirement_ids, rfc = _strings(data.get("requirements")), _strings(data.get("rfc"))
    wrong = problems(kind, data)
    if wrong:
        why = "; ".join(wrong)
        yield Malformed(id=id, file=file, why=why, requirements=requirement_ids, rfc=rfc, side=side)
        return
    head = Vector(
        id=id,
        file=file,
        title=data["title"],
        body=_NOTHING,
        requirements=requirement_ids,
        rfc=rfc,
        level=data.get("level", "MUST"),
        features=frozenset(data.get("features", ())),
        note=data.get("note", ""),
    )
    if kind == "table":
        for row in data["rows"]:
            yield from _read_row(head, row)
        return
    try:
        body = read_client_scenario(data) if kind == "client" else read_scenario(data)
        _check_requirements(head)
    except BadVector as problem:
        yield Malformed(id=id, file=file, why=str(problem), requirements=requirement_ids, rfc=rfc, side=side)
        return
    yield evolve(head, body=body)


_NOTHING: Final = MessageRow("", "", "", ())


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


def _check_requirements(vector: Vector) -> None:
    unknown = [id for id in vector.requirements if id not in requirements()]
    if unknown:
        raise BadVector(f"unknown requirement {', '.join(unknown)}")


# --- tables -----------------------------------------------------------------------------------------------


def _read_row(head: Vector, row: _Data) -> Iterator[Vector | Malformed]:
    body: SubscriptionRow | MessageRow
    if "situation" in row:
        body = MessageRow(row["situation"], row["target"], row["type"], tuple(row["outcomes"]))
    else:
        before, after = TableState(**row["before"]), TableState(**row["after"])
        body = SubscriptionRow(row["direction"] == "outbound", row["stanza"], before, after, row["delivered_or_routed"])
    vector = Vector(
        id=f"{head.id}#{body.name}",
        file=head.file,
        title=head.title,
        body=body,
        requirements=(*head.requirements, *row.get("requirements", ())),
        rfc=(*head.rfc, *row.get("rfc", ())),
        level=row.get("level", head.level),
        features=head.features | set(row.get("features", ())),
        note="\n".join([note for note in (head.note, row.get("note")) if note]),
    )
    try:
        _check_requirements(vector)
    except BadVector as problem:
        yield Malformed(
            id=vector.id, file=vector.file, why=str(problem), requirements=vector.requirements, rfc=vector.rfc
        )
        return
    yield vector


# --- scenarios --------------------------------------------------------------------------------------------


def read_scenario(data: _Data) -> Scenario:
    """Read a scenario that the schema has accepted.

    :raises BadVector: for a JID that nobody has, an account at a domain that is not hosted, XML that is not
        well-formed, and a placeholder that is none.
    """
    accounts: dict[str, tuple[Item, ...]] = {}
    for jid, account in data.get("accounts", {}).items():
        if jid.partition("@")[2] not in HOSTED:
            raise BadVector(f"accounts: {jid} is at none of the hosted domains, {' and '.join(HOSTED)}")
        accounts[jid] = read_at(f"accounts, {jid}", read_roster, account.get("roster", ()))
    twice = sorted(accounts.keys() & set(data.get("no_account", ())))
    if twice:
        raise BadVector(f"no_account: {twice[0]} stands in accounts as well")
    steps = tuple([_read_step(step, number) for number, step in enumerate(data["steps"], 1)])
    _check_jids(steps, {*accounts, *data.get("no_account", ())})
    lenient = data.get("lenient", False)
    return Scenario(accounts, steps, lenient if isinstance(lenient, bool) else frozenset(lenient))


def _read_step(step: _Data, number: int) -> Step:
    ((key, value),) = step.items()
    return Step(key, read_at(f"step {number} ({key})", _READ[key], value))


def _check_jids(steps: Iterable[Step], accounts: set[str]) -> None:
    """Refuse steps that speak of a client that never connected, or of an account that never is: misspelt ones."""
    clients: set[str] = {REMOTE}
    for number, step in enumerate(steps, 1):
        does = step.does
        if isinstance(does, Act) and does.what in ("connect", "replace"):
            clients.add(does.jid)
        elif isinstance(does, Act) and does.what == "account_created":
            accounts.add(does.jid)
        for jid in _clients_of(does):
            if jid not in clients:
                raise BadVector(f"step {number} ({step.key}): {jid} has not connected")
        for jid in _accounts_of(does):
            if jid not in accounts:
                raise BadVector(f"step {number} ({step.key}): there is no account {jid}")


_OF_SESSIONS: Final = ("detach", "resume", "expire")


def _clients_of(does: Action | Observation) -> Iterator[str]:
    if isinstance(does, Send | Disconnect) or (isinstance(does, Act) and does.what in _OF_SESSIONS):
        yield does.jid
    elif isinstance(does, Receive | Absent | StreamFeature):
        yield does.at
    elif isinstance(does, Silent):
        yield from does.at
    elif isinstance(does, OneOf):
        for branch in does.branches:
            for each in branch:
                yield from _clients_of(each)


def _accounts_of(does: Action | Observation) -> Iterator[str]:
    if isinstance(does, RosterIs | StorageFails | AccountMoves | ItemsShared):
        yield does.of
    elif isinstance(does, Act) and does.what in ("restart", "account_removed"):
        yield does.jid
    elif isinstance(does, OneOf):
        for branch in does.branches:
            for each in branch:
                yield from _accounts_of(each)


# --- steps ------------------------------------------------------------------------------------------------


def _send(value: _Data) -> Send:
    read_xml(value["xml"])
    return Send(value["from"], value["xml"])


def _remote_send(value: str) -> RemoteSend:
    read_xml(value)
    return RemoteSend(value)


def _receive(value: _Data) -> Receive:
    expected = [value["xml"]] if "xml" in value else value["any_order"]
    return Receive(
        value.get("at", REMOTE),
        tuple([pattern(xml) for xml in expected]),
        "any_order" in value,
        value.get("anywhere", False),
        value.get("optional", False),
    )


def _remote_receive(value: _Data | str) -> Receive:
    return _receive({"xml": value} if isinstance(value, str) else value)


def _one_of(value: Iterable[Iterable[_Data]]) -> OneOf:
    branches: list[tuple[Observation, ...]] = []
    for number, branch in enumerate(value, 1):
        steps: list[Observation] = []
        for n, step in enumerate(branch, 1):
            ((key, each),) = step.items()
            steps.append(read_at(f"branch {number}, step {n} ({key})", _READ[key], each))
        branches.append(tuple(steps))
    return OneOf(tuple(branches))


def _roster(value: _Data) -> RosterIs:
    return RosterIs(value["of"], read_roster(value["items"]))


def _act(what: str) -> Callable[[str], Act]:
    return lambda jid: Act(what, jid)


_ACTS: Final = (
    "connect",
    "replace",
    "detach",
    "resume",
    "expire",
    "restart",
    "account_created",
    "account_removed",
)

# Each reader takes what the schema accepts under its key, which the type of a mapping cannot say.
_READ: Final[Mapping[str, Callable[[Any], Action | Observation]]] = {
    **{what: _act(what) for what in _ACTS},
    "send": _send,
    "remote_send": _remote_send,
    "disconnect": lambda value: Disconnect(value["jid"], value["how"] == "clean"),
    "storage_fails": lambda value: StorageFails(value["of"], value["what"]),
    "time": lambda value: Time(datetime.fromisoformat(value)),
    "account_moved": lambda value: AccountMoves(value["of"], value["to"], value["permanently"]),
    "items_shared": lambda value: ItemsShared(value["of"], tuple([SharedItem(**each) for each in value["items"]])),
    "decide": lambda value: Decide(value["at"], value["request_from"], value["decision"]),
    "receive": _receive,
    "remote_receive": _remote_receive,
    "silent": lambda value: Silent(tuple(value)),
    "remote_silent": lambda value: Silent((REMOTE,)),
    "flush": lambda value: Flush(tuple(value)),
    "remote_flush": lambda value: Flush((REMOTE,)),
    "absent": lambda value: Absent(value["at"], pattern(value["xml"])),
    "remote_absent": lambda value: Absent(REMOTE, pattern(value)),
    "roster": _roster,
    "one_of": _one_of,
    "stream_features": lambda value: StreamFeature(value["at"], pattern(value["xml"]), value.get("absent", False)),
}
