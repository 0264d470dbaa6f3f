"""All stories of a page as data for its script."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cattrs import Converter

from xmpp_im_conformance.format.story import Line, Participant
from xmpp_im_conformance.format.vectors import MalformedFile
from xmpp_im_conformance.reports.html.legible import legible
from xmpp_im_conformance.reports.html.scenes import scene_of
from xmpp_im_conformance.running.outcome import Result

# What has its default is left out: there are thousands of lines on a page.
_CONVERTER: Final = Converter(omit_if_default=True)
_CONVERTER.register_unstructure_hook(str, legible)


def book(results: Iterable[Result]) -> dict[str, Any]:  # what the page's script reads
    """Return the stories of vectors as JSON-able data.

    Vectors say the same again and again: each line and each cast is written once, and a story names them by index.
    A vector that could not even be read has no story, which is None.
    """
    lines: dict[Line, int] = {}
    casts: dict[tuple[Participant, ...], int] = {}
    stories: list[dict[str, Any] | None] = []
    for result in results:
        if isinstance(result.vector, MalformedFile):
            stories.append(None)
            continue
        scene = scene_of(result.vector.scenario, result.evidence)
        story: dict[str, Any] = {
            "cast": casts.setdefault(scene.participants, len(casts)),
            "before": _CONVERTER.unstructure(scene.before),
            "lines": [lines.setdefault(line, len(lines)) for line in scene.lines],
        }
        failed = None if result.evidence is None else result.evidence.step
        stories.append(story if failed is None else {**story, "failed": failed})
    return {
        "lines": _CONVERTER.unstructure(list(lines)),
        "casts": _CONVERTER.unstructure(list(casts)),
        "stories": stories,
    }
