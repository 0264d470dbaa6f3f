"""All stories of a page as data for its script."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cattrs import Converter

from xmpp_im_conformance.format.vectors import Malformed, MessageRow, Scenario, SubscriptionRow, Vector
from xmpp_im_conformance.reports.html.client_scene import client_scene
from xmpp_im_conformance.reports.html.legible import legible
from xmpp_im_conformance.reports.html.scene import Line, Participant, Scene
from xmpp_im_conformance.reports.html.server_scene import scenario_scene
from xmpp_im_conformance.reports.html.table_scene import message_scene, subscription_scene
from xmpp_im_conformance.running.evidence import Evidence
from xmpp_im_conformance.running.outcome import Result

# What has its default is left out: there are thousands of lines on a page.
_CONVERTER: Final = Converter(omit_if_default=True)
_CONVERTER.register_unstructure_hook(str, legible)


def scene_of(vector: Vector, evidence: Evidence | None = None) -> Scene:
    """Tell a vector, whatever its kind.

    :param evidence: what there was when it failed, if it did.
    """
    body = vector.body
    if isinstance(body, Scenario):
        return scenario_scene(body, evidence)
    if isinstance(body, SubscriptionRow):
        return subscription_scene(body, evidence)
    if isinstance(body, MessageRow):
        return message_scene(body, evidence)
    return client_scene(body, evidence)


def book(results: Iterable[Result]) -> dict[str, Any]:  # what the page's script reads
    """Return the stories of vectors as JSON-able data.

    Vectors say the same again and again: each line and each cast is written once, and a story names them by index.
    A vector that could not even be read has no story, which is None.
    """
    lines: dict[Line, int] = {}
    casts: dict[tuple[Participant, ...], int] = {}
    stories: list[dict[str, Any] | None] = []
    for result in results:
        if isinstance(result.vector, Malformed):
            stories.append(None)
            continue
        scene = scene_of(result.vector, result.evidence)
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
