"""What was found in the step that failed, as data: so that a page can draw it which is made later, from files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from xmpp_im_conformance.format.evidence import Evidence, Unmet
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_core.codec import Unwritable, write_element
from xmpp_im_core.element import Element

_LONGEST: Final = 20_000
"""What has more characters is not kept."""


@frozen
class Looked:
    """What was expected somewhere, and what had come there: stanzas, as XML."""

    at: str
    expected: tuple[str, ...] = ()
    came: tuple[str, ...] = ()


@frozen
class Found:
    """Where the step looked, and what had come elsewhere or in addition."""

    looked: tuple[Looked, ...] = ()
    """Of alternatives, there is an entry for each."""
    untaken: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """All that had come and that no step had taken, by where it came."""

    def evidence(self, step: int, problem: str) -> Evidence:
        """Return it as the runner had it.

        :param step: the index of the step.
        :raises BadXML: if something is no XML.
        """
        unmet = [
            Unmet("", each.at, tuple(map(read_xml, each.expected)), tuple(map(read_xml, each.came)))
            for each in self.looked
        ]
        untaken = {at: tuple(map(read_xml, stanzas)) for at, stanzas in self.untaken.items()}
        return Evidence(problem, step=step, unmet=tuple(unmet), untaken=untaken)


def found_in(evidence: Evidence | None) -> Found | None:
    """Return what is kept of the evidence; None if no step failed, or there is too much, or it cannot be written."""
    if evidence is None or evidence.step is None:
        return None
    try:
        looked = [Looked(each.at, _written(each.expected), _written(each.came)) for each in evidence.unmet]
        untaken = {at: _written(stanzas) for at, stanzas in evidence.untaken.items()}
    except Unwritable:
        return None
    texts = [*[text for each in looked for text in (*each.expected, *each.came)], *sum(untaken.values(), ())]
    return Found(tuple(looked), untaken) if sum(map(len, texts)) <= _LONGEST else None


def _written(stanzas: Iterable[Element]) -> tuple[str, ...]:
    return tuple([write_element(each).decode() for each in stanzas])
