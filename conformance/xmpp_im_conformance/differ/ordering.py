"""The order in which a client must receive stanzas, if the RFC fixes one.

Inbound approvals, cancellations and the like are delivered before the roster push that they cause: "This MUST occur
before sending the roster push" (RFC 6121 §3.1.6, and alike §3.2.3, §3.3.3). Everything else that an act causes may
come in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from xmpp_im_core.codec import write_element
from xmpp_im_core.element import Element
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.testing import Act, Difference, Observation

_NOTICES: Final = frozenset({"subscribed", "unsubscribe", "unsubscribed"})


def disorder(act: Act, number: int, expected: Observation, seen: Observation) -> tuple[Difference, ...]:
    """Return the places at which a push came before its cause, unlike what is expected."""
    found: list[Difference] = []
    for at, stanzas in seen.received.items():
        ours = [notice for notice, _ in _with_pushes(expected.received.get(at, ()), push_first=False)]
        for notice, push in _with_pushes(stanzas, push_first=True):
            if notice in ours:
                pair = (write_element(notice).decode(), write_element(push).decode())
                found.append(Difference(act, number, at, pair, pair[::-1]))
    return tuple(found)


def _with_pushes(stanzas: Sequence[Element], *, push_first: bool) -> list[tuple[Element, Element]]:
    """Return each notice with the last push about its sender, if that comes before it, or after it."""
    return [
        (notice, stanzas[pushes[-1]])
        for place, notice in enumerate(stanzas)
        if _is_notice(notice) and (pushes := _pushes(stanzas, notice)) and (pushes[-1] < place) is push_first
    ]


def _is_notice(stanza: Element) -> bool:
    return stanza.name == "presence" and stanza.get("type") in _NOTICES


def _pushes(stanzas: Sequence[Element], notice: Element) -> list[int]:
    """Return the places of the pushes about the sender of a notice."""
    return [
        place
        for place, stanza in enumerate(stanzas)
        if stanza.get("type") == "set"
        and (query := stanza.first("query", ROSTER)) is not None
        and any(item.get("jid") == notice.get("from") for item in query.elements)
    ]
