"""State diagrams of a contact's nine states, drawn from the tables of Appendix A."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from xmpp_im_core.subscription import (
    INBOUND_SUBSCRIBE,
    INBOUND_SUBSCRIBED,
    INBOUND_UNSUBSCRIBE,
    INBOUND_UNSUBSCRIBED,
    OUTBOUND_SUBSCRIBE,
    OUTBOUND_SUBSCRIBED,
    OUTBOUND_UNSUBSCRIBE,
    OUTBOUND_UNSUBSCRIBED,
    PRE_APPROVED,
    Subscription,
    Table,
)

# The order of nodes and edges decides the layout of a diagram: half by half.
_BY_OWN_HALF: Final = (
    Subscription.NONE,
    Subscription.NONE_IN,
    Subscription.FROM,
    Subscription.NONE_OUT,
    Subscription.NONE_OUT_IN,
    Subscription.FROM_OUT,
    Subscription.TO,
    Subscription.TO_IN,
    Subscription.BOTH,
)
_BY_CONTACTS_HALF: Final = (*_BY_OWN_HALF[::3], *_BY_OWN_HALF[1::3], *_BY_OWN_HALF[2::3])
_SPACIOUS: Final = '%%{init: {"flowchart": {"nodeSpacing": 70, "rankSpacing": 90}}}%%'
_OUTBOUND: Final[Mapping[str, Table]] = MappingProxyType(
    {
        "subscribe": OUTBOUND_SUBSCRIBE,
        "unsubscribe": OUTBOUND_UNSUBSCRIBE,
        "subscribed": OUTBOUND_SUBSCRIBED,
        "unsubscribed": OUTBOUND_UNSUBSCRIBED,
    }
)
_INBOUND: Final[Mapping[str, Table]] = MappingProxyType(
    {
        "subscribe": INBOUND_SUBSCRIBE,
        "unsubscribe": INBOUND_UNSUBSCRIBE,
        "subscribed": INBOUND_SUBSCRIBED,
        "unsubscribed": INBOUND_UNSUBSCRIBED,
    }
)


def outbound() -> str:
    """Return the diagram of what the user sends (§A.2)."""
    return _diagram(_OUTBOUND, _BY_OWN_HALF)


def inbound() -> str:
    """Return the diagram of what the contact sends (§A.3)."""
    return _diagram(_INBOUND, _BY_CONTACTS_HALF)


def pre_approved() -> str:
    """Return the diagram of a request from a contact whom the user has pre-approved (§3.4.2)."""
    return _diagram({"subscribe": PRE_APPROVED}, _BY_OWN_HALF)


def halves() -> str:
    """Return one diagram for each of the two halves of a state, with the stanzas that change it.

    :raises ValueError: if a row of a table changes both halves, or changes one depending on the other.
    """
    moves = [("sends", stanza, table) for stanza, table in _OUTBOUND.items()]
    moves += [("gets", stanza, table) for stanza, table in _INBOUND.items()]
    edges: list[dict[tuple[str, str], list[str]]] = [{}, {}]
    for verb, stanza, table in moves:
        half = 0 if {state for state, row in table.items() if _halves(state)[0] != _halves(row.becomes)[0]} else 1
        moved = {_halves(state)[half]: _halves(row.becomes)[half] for state, row in table.items()}
        for state, row in table.items():
            expected = [*_halves(state)]
            expected[half] = moved[expected[half]]
            if list(_halves(row.becomes)) != expected:
                raise ValueError(f"{verb} {stanza} in {state.title}: the halves are not independent")
        for before, after in moved.items():
            if before != after:
                edges[half].setdefault((before, after), []).append(f"{verb} {stanza}")
    return "\n\n".join(["\n".join(_half(each)) for each in edges])


def _halves(state: Subscription) -> tuple[str, str]:
    """Return the user's half of a state, and the contact's."""
    own = "To" if state.to else "Pending Out" if state.pending_out else "None"
    return own, "From" if state.from_ else "Pending In" if state.pending_in else "None"


def _half(edges: dict[tuple[str, str], list[str]]) -> list[str]:
    ids = {name: name.replace(" ", "_") for edge in edges for name in edge}
    nodes = [f'    {id}(["{name}"])' for name, id in sorted(ids.items())]
    drawn = [f'    {ids[a]} -- "{"<br>".join(labels)}" --> {ids[b]}' for (a, b), labels in sorted(edges.items())]
    return ["```mermaid", "flowchart LR", *nodes, *drawn, "```"]


def _diagram(tables: Mapping[str, Table], order: Sequence[Subscription]) -> str:
    nodes: set[Subscription] = set()
    edges: list[tuple[int, int, str]] = []
    for stanza, table in tables.items():
        for state, row in table.items():
            if row.becomes is not state:
                nodes |= {state, row.becomes}
                edges.append((order.index(state), order.index(row.becomes), stanza))
    drawn = [f'    {state.name}(["{state.title}"])' for state in order if state in nodes]
    drawn += [
        f"    {order[before].name} -- {stanza} --> {order[after].name}" for before, after, stanza in sorted(edges)
    ]
    return "\n".join(["```mermaid", _SPACIOUS, "flowchart TB", *drawn, "```"])
