"""The known deviations of a system: a TOML file with a record for each behaviour, and the vectors that show it.

.. code-block:: toml

    [[deviation]]
    does = "routes \\"subscribed\\" to a contact who already has a subscription"
    section = "6121 3.4.2"
    vectors = ["approve/outbound-again-in-both", "approve/outbound-again-in-from"]
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

from attrs import field, fields_dict, frozen

Kind = Literal["against", "beyond", "configuration"]
"""``against``: the sentence requires another behaviour. ``beyond``: no sentence does; the vectors have the level
``MAY`` or ``peer``. ``configuration``: the setup of the server, or the way to reach it, causes the failure."""

_TABLE: Final = "deviation"


class BadKnownFile(ValueError):
    """The file cannot be read, or has another form; the message names the file and what is wrong."""


# The validators see whatever TOML holds.


def _text(instance: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{attribute.name!r} is a text, not {value!r}")


def _stated(instance: object, attribute: Any, value: Any) -> None:
    _text(instance, attribute, value)
    if not value:
        raise ValueError(f"{attribute.name!r} is empty")


def _ids(instance: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, tuple) or not value or not all(isinstance(id, str) for id in value):
        raise ValueError(f"{attribute.name!r} is a list of the ids of vectors, at least one")


def _kind(instance: object, attribute: Any, value: Any) -> None:
    if value not in get_args(Kind):
        raise ValueError(f"{attribute.name!r} is one of {', '.join(get_args(Kind))}, not {value!r}")


def _yes_or_no(instance: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{attribute.name!r} is true or false, not {value!r}")


@frozen(kw_only=True)
class Deviation:
    """One behaviour of a system, and the vectors that show it.

    :raises ValueError: if a field has another form; the message names it.
    """

    does: str = field(validator=_stated)
    """What the system does, in one line."""
    vectors: tuple[str, ...] = field(validator=_ids)
    kind: Kind = field(default="against", validator=_kind)
    section: str = field(default="", validator=_text)
    """The section that it concerns: ``6121 3.1.6``, ``XEP-0191 3.4`` and so on."""
    sentence: str = field(default="", validator=_text)
    """The sentence of that section, word for word; empty if there is none."""
    note: str = field(default="", validator=_text)
    unsteady: bool = field(default=False, validator=_yes_or_no)
    """Whether it happens in some runs only, for instance because two processes of the server race."""
    server: str = field(default="", validator=_text)
    """The system, in a file about several."""


def read_known(file: Path) -> tuple[Deviation, ...]:
    """Return the deviations of a file, in order. An empty file has none.

    :raises BadKnownFile: if it cannot be read, does not have this form, or names a vector twice for one server.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadKnownFile(f"{file}: {problem.strerror}") from problem
    except ValueError as problem:
        raise BadKnownFile(f"{file}: {problem}") from problem
    try:
        known = _read(data)
    except ValueError as problem:
        raise BadKnownFile(f"{file}: {problem}") from None
    return known


def _read(data: Mapping[str, Any]) -> tuple[Deviation, ...]:  # what TOML holds
    extra = sorted(data.keys() - {_TABLE})
    if extra:
        raise ValueError(f"unknown key {', '.join(map(repr, extra))}: each record begins with [[{_TABLE}]]")
    records = data.get(_TABLE, [])
    if not isinstance(records, list):
        raise ValueError(f"each record begins with [[{_TABLE}]], not with [{_TABLE}]")
    known = tuple([_read_one(number, record) for number, record in enumerate(records, 1)])
    _refuse_repetition(known)
    return known


def _read_one(number: int, record: object) -> Deviation:
    if not isinstance(record, Mapping):
        raise ValueError(f"each record begins with [[{_TABLE}]]")
    known = fields_dict(Deviation)
    unknown = [key for key in record if key not in known]
    if unknown:
        raise ValueError(f"record {number}: unknown key {', '.join(map(repr, unknown))}")
    missing = [key for key in ("does", "vectors") if key not in record]
    if missing:
        raise ValueError(f"record {number}: {' and '.join(map(repr, missing))} must be given")
    vectors = record["vectors"]
    try:
        return Deviation(**{**record, "vectors": tuple(vectors) if isinstance(vectors, list) else vectors})
    except ValueError as problem:
        raise ValueError(f"record {number}: {problem}") from problem


def _refuse_repetition(known: Iterable[Deviation]) -> None:
    counts = Counter([(each.server, id) for each in known for id in each.vectors])
    for (server, id), count in counts.items():
        if count > 1:
            raise ValueError(f"recorded twice{f' for {server}' if server else ''}: {id}")
