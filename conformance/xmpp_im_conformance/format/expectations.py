"""Reading the parts of a vector that the schema cannot check: XML, placeholders, rosters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from xmpp_im_conformance.format.items import Item, read_item
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.matching import check_pattern
from xmpp_im_core.element import Element


class BadVector(ValueError):
    """The vector breaks a rule of the format that the schema cannot say; the message says where."""


def read_at(place: str, read: Callable[[Any], Any], value: object) -> Any:
    """Read a part of a vector; what is wrong with it says where it stands.

    :raises BadVector: where it cannot be read.
    """
    try:
        return read(value)
    except (ValueError, RecursionError) as problem:
        raise BadVector(f"{place}: {problem}") from problem


def pattern(xml: str) -> Element:
    """Read an expectation.

    :raises BadXML: where it is not exactly one element.
    :raises BadPlaceholder: where something in braces is not of the format.
    """
    expected = read_xml(xml)
    check_pattern(expected)
    return expected


def read_roster(data: Iterable[Mapping[str, object]]) -> tuple[Item, ...]:
    """Read the items of a roster.

    :raises BadVector: where two are for the same JID.
    :raises ValueError: where one cannot be read.
    """
    items = tuple([read_item(item) for item in data])
    jids = [item.jid for item in items]
    for jid in jids:
        if jids.count(jid) > 1:
            raise BadVector(f"{jid} stands twice in one roster")
    return items
