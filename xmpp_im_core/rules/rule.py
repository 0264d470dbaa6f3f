"""What a rule is: a name, the sentence it obeys, and where that sentence stands."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

_REQUIREMENT: Final = re.compile(r"(?:\d+(?:\.\d+)*|[AB](?:\.\d+)*)-\d\d\Z")


@frozen
class Rule:
    """One rule that the code obeys.

    ``requirements`` are ids of RFC 6121's normative statements, as in ``conformance/requirements.json``;
    ``sources`` names what stands elsewhere (RFC 6120, a XEP).
    """

    name: str
    says: str
    requirements: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def rule(name: str, says: str, *cites: str) -> Rule:
    """Build a rule.

    :param cites: requirement ids without their ``6121-`` (several in one string are parted by spaces), and
        other sources such as ``"RFC 6120 §8.2.3"``, each in a string of its own.
    """
    requirements: list[str] = []
    sources: list[str] = []
    for cite in cites:
        words = cite.split()
        if all(_REQUIREMENT.match(word) for word in words):
            requirements += [f"6121-{word}" for word in words]
        else:
            sources.append(cite)
    return Rule(name, says, tuple(requirements), tuple(sources))
