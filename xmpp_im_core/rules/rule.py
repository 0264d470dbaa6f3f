"""A rule: its name, its sentence, the section that decides, and all other citations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from attrs import Attribute, field

from xmpp_im_core.record import record

_REQUIREMENT: Final = re.compile(r"(?:\d+(?:\.\d+)*|[AB](?:\.\d+)*)-\d\d\Z")
_SECTION: Final = re.compile(r"[\dAB][\d.]*\Z")


@record
class Rule:
    """One rule that the code obeys.

    ``section`` is the one section that decides, for example ``"RFC 6121 §4.2.2"``. ``requirements`` are the ids of
    all normative statements of RFC 6121 that the rule obeys, as in ``conformance/requirements.json``. ``sources``
    are sections of other documents (RFC 6120, a XEP). The rule must cite its deciding section in one of the two. By
    default, the first section that it cites decides.
    """

    name: str
    says: str
    requirements: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    section: str = field()

    @section.default
    def _first_cited(self) -> str:
        return next(self._cited(), "")

    @section.validator
    def _is_cited(self, _: Attribute[str], section: str) -> None:
        if section not in (cited := [*self._cited()]) and (cited or section):
            raise ValueError(f"section must be one that the rule cites, not {section!r}")

    @property
    def sections(self) -> tuple[str, ...]:
        """All sections that the rule cites, each once. The section that decides comes first."""
        return tuple(dict.fromkeys([self.section, *self._cited()])) if self.section else ()

    def _cited(self) -> Iterator[str]:
        for id in self.requirements:
            yield f"RFC 6121 §{section_of(id)}"
        for source in self.sources:
            yield from _sections_of(source)

    def __str__(self) -> str:
        return self.name


def section_of(requirement: str) -> str:
    """Return the section of RFC 6121 that has a requirement: ``3.1.6`` for ``6121-3.1.6-01``."""
    return requirement.removeprefix("6121-").rpartition("-")[0]


def rule(name: str, section: str, says: str, *cites: str) -> Rule:
    """Build a rule.

    :param section: the section that decides, for example ``"4.2.2"`` for RFC 6121 or ``"XEP-0191 §3.3"``. A section of
        another document is cited by this alone.
    :param cites: requirement ids without their ``6121-`` (several in one string are separated by spaces), and
        other sources such as ``"RFC 6120 §8.2.3"``, each in a separate string.
    """
    requirements: list[str] = []
    sources: list[str] = []
    for cite in cites:
        words = cite.split()
        if all(_REQUIREMENT.match(word) for word in words):
            requirements += [f"6121-{word}" for word in words]
        else:
            sources.append(cite)
    if _SECTION.match(section):
        section = f"RFC 6121 §{section}"
    elif not any(section in _sections_of(source) for source in sources):
        sources.insert(0, section)
    return Rule(name, says, tuple(requirements), tuple(sources), section)


def _sections_of(source: str) -> list[str]:
    document, *sections = re.split(r",? §", source)
    return [f"{document} §{section}" for section in sections]
