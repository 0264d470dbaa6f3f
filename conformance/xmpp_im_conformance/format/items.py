"""Roster items as the format writes them, and how an expected roster is compared with the one there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve, field, frozen

from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.matching import check_pattern, match_stanza
from xmpp_im_conformance.format.placeholders import Bindings, check_placeholder, fill_in, match_value
from xmpp_im_core.element import Element

ANY_REQUEST: Final = "{any}"


def _sorted(groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(groups))


@frozen(kw_only=True)
class RosterItem:
    """One contact of an account, as it is before a scenario, is expected, or was found."""

    jid: str
    subscription: str = "none"
    ask: bool = False
    pending_in: str | None = None
    """The request that waits for the user's decision: its XML, or ``{any}``."""
    approved: bool = False
    name: str = ""
    groups: tuple[str, ...] = field(default=(), converter=_sorted)
    listed: bool = True
    """Whether the contact stands in the roster."""

    @property
    def request(self) -> Element | None:
        """The request as an element; None if there is no request, or any request will do."""
        return None if self.pending_in in (None, ANY_REQUEST) else read_xml(self.pending_in or "")

    def __str__(self) -> str:
        parts = [self.jid, self.subscription]
        parts += ["ask"] if self.ask else []
        parts += ["approved"] if self.approved else []
        parts += [f"name={self.name!r}"] if self.name else []
        parts += [f"groups={list(self.groups)!r}"] if self.groups else []
        parts += [f"pending in: {self.pending_in}"] if self.pending_in is not None else []
        parts += [] if self.listed else ["(not in the roster)"]
        return " ".join(parts)


@frozen(kw_only=True)
class SharedRosterItem:
    """One item that the service shows in a roster."""

    jid: str
    subscription: str = "both"
    name: str = ""
    groups: tuple[str, ...] = field(default=(), converter=_sorted)


def read_expected_item(data: Mapping[str, object]) -> RosterItem:
    """Read an item that the schema has accepted.

    :raises ValueError: if the request is not XML, or holds an unknown placeholder.
    """
    item = stated_item(data)
    check_placeholder(item.name)
    if item.request is not None:
        check_pattern(item.request)
    return item


def read_roster(data: Iterable[Mapping[str, object]]) -> tuple[RosterItem, ...]:
    """Read the items of a roster.

    :raises ValueError: if one cannot be read, or two are for the same JID.
    """
    items = tuple([read_expected_item(item) for item in data])
    for jid, number in Counter([item.jid for item in items]).items():
        if number > 1:
            raise ValueError(f"{jid} stands twice in one roster")
    return items


def listed_items(items: Iterable[object]) -> str:
    """List items for people."""
    return "; ".join([str(item) for item in items]) or "empty"


def stated_item(data: Mapping[str, object]) -> RosterItem:
    """Return an item that the schema has accepted, as it stands; what it leaves out has its default."""
    stated = dict(data)
    if "listed" not in stated:
        stated["listed"] = not (stated.keys() <= {"jid", "pending_in"} and stated.get("pending_in") is not None)
    return RosterItem(**stated)  # type: ignore[arg-type]  # the schema has seen to the types


def item_differences(expected: Iterable[RosterItem], found: Iterable[RosterItem], bindings: Bindings) -> list[str]:
    """Compare two rosters; an empty list says that they are the same.

    Both are told apart by JID; the order of items and groups means nothing.
    """
    wanted = {_known(item.jid, bindings): item for item in expected}
    there = {item.jid: item for item in found}
    lines = [f"- {item}" for jid, item in wanted.items() if jid not in there]
    lines += [f"+ {item}" for jid, item in there.items() if jid not in wanted]
    for jid in sorted(wanted.keys() & there.keys()):
        if not _same(wanted[jid], there[jid], bindings):
            lines += [f"- {wanted[jid]}", f"+ {there[jid]}"]
    return lines


def client_view(items: Iterable[RosterItem], also: Iterable[RosterItem] = ()) -> list[RosterItem]:
    """Return what a client is shown of a roster: the listed contacts, without their requests.

    A contact of which nothing is known but a request may stand there or not; it is left out.

    :param also: the same roster as somebody else has it: what may be left out there is left out here.
    """
    free = {item.jid for item in (*items, *also) if item.pending_in is not None and item == _only_request(item)}
    return [evolve(item, pending_in=None) for item in items if item.listed and item.jid not in free]


def _only_request(item: RosterItem) -> RosterItem:
    return RosterItem(jid=item.jid, pending_in=item.pending_in, listed=item.listed)


def _known(jid: str, bindings: Bindings) -> str:
    return fill_in(f"'{jid}'", bindings)[1:-1]


def _same(expected: RosterItem, found: RosterItem, bindings: Bindings) -> bool:
    plain = evolve(expected, jid=found.jid, name=found.name, pending_in=found.pending_in)
    names = match_value(expected.name, found.name, bindings)
    return plain == found and names is not None and _same_request(expected, found, bindings)


def _same_request(expected: RosterItem, found: RosterItem, bindings: Bindings) -> bool:
    if expected.pending_in is None or found.pending_in is None:
        return expected.pending_in is found.pending_in
    if expected.request is None or found.request is None:
        return True
    return next(match_stanza(expected.request, found.request, bindings), None) is not None
