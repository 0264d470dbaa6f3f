"""``docs/client-deviations.md``: what a run has shown, and the recorded deviations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from interop.clients import FOLDER
from interop.document import document
from xmpp_im_conformance.format.vectors import Side
from xmpp_im_conformance.reports.sections import by_section, order
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.known import Deviation

BEGIN, END = "<!-- run:begin -->", "<!-- run:end -->"
_OUTCOMES = (Outcome.PASSED, Outcome.FAILED, Outcome.NOT_APPLICABLE)


def page(recorded: Iterable[Deviation], of_a_run: str) -> str:
    """Return the whole page: the introduction, what a run has shown, and a part for each library."""
    return document(recorded, FOLDER / "introduction.md").replace(f"{BEGIN}\n{END}", f"{BEGIN}\n{of_a_run}{END}")


def of_a_run(text: str) -> str:
    """Return what a page says of a run."""
    return text.split(f"{BEGIN}\n")[1].split(END)[0]


def parts_of_a_run(results: Mapping[str, Sequence[Result]]) -> str:
    """Return the matrix, and what is not applicable to each library."""
    return "\n".join(["", *_matrix(results), "", *_not_applicable(results), ""])


def _matrix(results: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    counts = {name: by_section(each, Side.CLIENT) for name, each in results.items()}
    yield f"| Section | {' | '.join(results)} |"
    yield f"|---|{'---|' * len(results)}"
    for section in sorted({section for each in counts.values() for section in each}, key=order):
        yield f"| {section} | {' | '.join([_cell(each.get(section, Counter())) for each in counts.values()])} |"
    yield f"| all | {' | '.join([_cell(sum(each.values(), Counter())) for each in counts.values()])} |"


def _cell(counter: Counter[Outcome]) -> str:
    return " / ".join([str(counter[outcome]) for outcome in _OUTCOMES])


def _not_applicable(results: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    yield "What is not applicable, and why:"
    for name, each in results.items():
        reasons = Counter([one.detail.splitlines()[0] for one in each if one.outcome is Outcome.NOT_APPLICABLE])
        yield f"\n* **{name}**"
        for reason, number in sorted(reasons.items(), key=lambda one: (-one[1], one[0])):
            yield f"  * {number}: {reason}"
