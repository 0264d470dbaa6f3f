"""The mutants that are known to survive, and why: ``survivors.toml`` in this folder."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.mutants.trying import Tried

FILE: Final = Path(__file__).with_name("survivors.toml")


def read_survivors(file: Path = FILE) -> Mapping[str, str]:
    """Return the reason for each known survivor, by the mutant's id.

    :raises ValueError: where the file does not say one thing of each.
    """
    reasons: dict[str, str] = {}
    for group in tomllib.loads(file.read_text(encoding="utf-8")).get("survivors", []):
        if set(group) != {"reason", "mutants"} or not group["reason"]:
            raise ValueError(f"{file.name}: a group of survivors has a reason and mutants, not {sorted(group)}")
        for mutant in group["mutants"]:
            if reasons.setdefault(mutant, group["reason"]) is not group["reason"]:
                raise ValueError(f"{file.name}: {mutant} is listed twice")
    return reasons


def unexpected(tried: Iterable[Tried], known: Mapping[str, str], existing: Iterable[str]) -> Iterator[str]:
    """Say which survivors are not known, and which known ones are gone or do not survive.

    :param existing: the ids of all mutants that there are.
    """
    tried, existing = list(tried), set(existing)
    for each in tried:
        if not each.killed and each.mutant.id not in known:
            yield f"survives, and is not known: {each.mutant.id}"
        elif each.killed and each.mutant.id in known:
            yield f"is killed, though it is listed: {each.mutant.id}"
    yield from [f"is listed, and there is no such mutant: {id}" for id in known if id not in existing]
