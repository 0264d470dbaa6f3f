"""All stories of a page as data for its script."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cattrs import Converter

from xmpp_im_conformance.html.client_scene import client_scene
from xmpp_im_conformance.html.failure import failure_of
from xmpp_im_conformance.html.scene import Line, Participant, Scene
from xmpp_im_conformance.html.server_scene import scenario_scene
from xmpp_im_conformance.html.table_scene import message_scene, subscription_scene
from xmpp_im_conformance.outcome import Outcome, Result
from xmpp_im_conformance.vectors import Malformed, MessageRow, Scenario, SubscriptionRow, Vector

# What has its default is left out: there are thousands of lines on a page.
_CONVERTER: Final = Converter(omit_if_default=True)


def scene_of(vector: Vector) -> Scene:
    """Tell a vector, whatever its kind."""
    body = vector.body
    if isinstance(body, Scenario):
        return scenario_scene(body)
    if isinstance(body, SubscriptionRow):
        return subscription_scene(body)
    if isinstance(body, MessageRow):
        return message_scene(body)
    return client_scene(body)


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
        scene = scene_of(result.vector)
        story: dict[str, Any] = {
            "cast": casts.setdefault(scene.participants, len(casts)),
            "before": scene.before,
            "lines": [lines.setdefault(line, len(lines)) for line in scene.lines],
        }
        failed = _failed(result, len(scene.lines))
        stories.append(story if failed is None else {**story, "failed": failed})
    return {
        "lines": _CONVERTER.unstructure(list(lines)),
        "casts": _CONVERTER.unstructure(list(casts)),
        "stories": stories,
    }


def _failed(result: Result, count: int) -> int | None:
    """Return the line that failed, by index: what happens at the end is told last."""
    step = failure_of(result.detail).step if result.outcome is Outcome.FAILED else None
    return count - 1 if step == -1 else step
