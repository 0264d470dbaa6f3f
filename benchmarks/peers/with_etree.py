"""The pull parser of the standard library. It builds a tree, without any knowledge of XMPP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, XMLPullParser, tostring

from benchmarks import documents
from benchmarks.peers import Take


def reader() -> Take:
    """Return a reader that gives the trees of whole stanzas."""
    parser: Any = XMLPullParser(["start", "end"])
    parser.feed(documents.HEADER)
    ((_, root),) = parser.read_events()
    depth = 0

    def take(data: bytes) -> list[Element]:
        nonlocal depth
        parser.feed(data)
        done = []
        for event, element in parser.read_events():
            depth += 1 if event == "start" else -1
            if event == "end" and depth == 0:
                done.append(element)
        root.clear()
        return done

    return take


def writer(data: bytes) -> Callable[[], object]:
    """Return the writing of a stanza that was read from this."""
    taken = reader()(data)
    assert isinstance(taken, list)
    (stanza,) = taken
    return lambda: tostring(stanza)
