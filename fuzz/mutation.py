"""Bytes mutated at random, for interpreters without atheris."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from fuzz import byte_targets
from fuzz.findings import Findings


def run(target: str, seed: int, until: Callable[[int], bool], findings: Findings) -> None:
    """Mutate the first inputs of a target.

    :param until: called after each thousand steps with their number; returns whether to end.
    """
    random, known, read = Random(seed), byte_targets.seeds(target), byte_targets.TARGETS[target]
    while not until(findings.steps):
        for _ in range(1000):
            data = mutated(random, known)
            findings.attempt(partial(read, data), f"input: {data!r}")


def mutated(random: Random, known: Sequence[bytes]) -> bytes:
    """Return one of the inputs, with some bytes replaced by random ones or by a part of another input."""
    data = bytearray(random.choice(known))
    for _ in range(random.randrange(1, 8)):
        at = random.randrange(len(data) + 1)
        other = random.choice(known)
        cut = random.randrange(len(other) + 1)
        data[at : at + random.randrange(6)] = random.choice((random.randbytes(2), other[cut : cut + 20]))
    return bytes(data)
