"""Rows of tables as scenarios.

A row of Appendix A concerns Juliet, whose client has asked for the roster and is available, and a contact on another
server. A cell of the table of §8.5.4 concerns a message that a stranger on another server sends her.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from attrs import frozen

from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.remote_users import remote_users
from xmpp_im_conformance.format.steps.acts import ConnectStep, RemoteSendStep, SendStep
from xmpp_im_conformance.format.steps.base import ScenarioStep
from xmpp_im_conformance.format.steps.fields import pattern
from xmpp_im_conformance.format.steps.looks import (
    AbsentStep,
    FlushStep,
    ReceiveStep,
    RemoteAbsentStep,
    RemoteReceiveStep,
)
from xmpp_im_conformance.format.steps.rows import CONTACT, JULIET, STRANGER, NewStateStep, OutcomeStep, TableState
from xmpp_im_conformance.format.vectors import Scenario, plays_remote
from xmpp_im_conformance.format.worlds import REMOTE, Setup

BALCONY: Final = f"{JULIET}/balcony"
_GET: Final = "<iq id='roster' type='get'><query xmlns='jabber:iq:roster'/></iq>"


@frozen
class Row:
    """A row of a table."""

    name: str
    """Its name in the table."""
    title: str
    scenario: Scenario


def read_row(row: Mapping[str, Any], features: frozenset[str]) -> Row:
    """Read a row that the schema has accepted.

    :param features: what the system under test must have.
    """
    return _message(row, features) if "situation" in row else _subscription(row, features)


def _scenario(
    accounts: Mapping[str, tuple[RosterItem, ...]], steps: tuple[ScenarioStep, ...], features: frozenset[str]
) -> Scenario:
    played = partial(remote_users, accounts, steps)
    return Scenario(
        Setup(accounts, features, remote=plays_remote(accounts, steps), remote_users=played), steps, lenient=True
    )


# --- Appendix A -------------------------------------------------------------------------------------------


def _subscription(row: Mapping[str, Any], features: frozenset[str]) -> Row:
    before, after = TableState(**row["before"]), TableState(**row["after"])
    stanza, outbound = row["stanza"], row["direction"] == "outbound"
    sender, to = (JULIET, CONTACT) if outbound else (CONTACT, JULIET)
    sent = f"<presence from='{CONTACT}' id='row' to='{JULIET}' type='{stanza}'/>"
    comes: ScenarioStep
    acted = pattern(f"<presence from='{sender}' to='{to}' type='{stanza}'><x xmlns='urn:scenario:any'/></presence>")
    if row["delivered_or_routed"]:
        comes = RemoteReceiveStep(acted, anywhere=True) if outbound else ReceiveStep(BALCONY, acted, anywhere=True)
    else:
        comes = RemoteAbsentStep(acted) if outbound else AbsentStep(BALCONY, acted)
    steps: tuple[ScenarioStep, ...] = (
        ConnectStep(BALCONY),
        SendStep(BALCONY, _GET),
        SendStep(BALCONY, "<presence/>"),
        FlushStep((BALCONY, REMOTE)),
        SendStep(BALCONY, f"<presence id='row' to='{CONTACT}' type='{stanza}'/>") if outbound else RemoteSendStep(sent),
        comes,
        NewStateStep(after),
    )
    needed = {"preapproval"} if before.approved or after.approved else set[str]()
    name = f"{row['direction']} {stanza}: {before}"
    return Row(name, f"{name[:1].upper()}{name[1:]}", _scenario({JULIET: (before.item(),)}, steps, features | needed))


# --- the table of §8.5.4 ----------------------------------------------------------------------------------

_PRIORITIES: Final = {
    "no-account": (),
    "no-resource": (),
    "negative": (-1,),
    "one": (1,),
    # The resource that a full JID matches is not the most available one, so that the two can be told apart.
    "several": (1, 5, -1),
}
_SITUATIONS: Final = {
    "no-account": "there is no such account",
    "no-resource": "no resource is connected",
    "negative": "one resource is available, of priority -1",
    "one": "one resource is available, of priority 1",
    "several": "three resources are available, of priority 1, 5 and -1",
}
_TARGETS: Final = {
    "bare": ("the bare JID", JULIET),
    "full-match": ("the full JID of a resource", f"{JULIET}/r0"),
    "full-no-match": ("a full JID that matches no resource", f"{JULIET}/nowhere"),
}


def _message(row: Mapping[str, Any], features: frozenset[str]) -> Row:
    situation, target, type = row["situation"], row["target"], row["type"]
    words, to = _TARGETS[target]
    resources = {f"{JULIET}/r{n}": priority for n, priority in enumerate(_PRIORITIES[situation])}
    accounts: dict[str, tuple[RosterItem, ...]] = {} if situation == "no-account" else {JULIET: ()}
    connecting = [
        step
        for jid, priority in resources.items()
        for step in (ConnectStep(jid), SendStep(jid, f"<presence><priority>{priority}</priority></presence>"))
    ]
    steps: tuple[ScenarioStep, ...] = (
        *connecting,
        FlushStep((*resources, REMOTE)),
        RemoteSendStep(f"<message from='{STRANGER}' id='row' to='{to}' type='{type}'><body>hi</body></message>"),
        OutcomeStep(tuple(row["outcomes"]), resources, target == "full-match", bool(accounts)),
    )
    title = f"A message of type {type} to {words}: {_SITUATIONS[situation]}"
    return Row(f"{situation}, {target}, {type}", title, _scenario(accounts, steps, features))
