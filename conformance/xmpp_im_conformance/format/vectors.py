"""Vectors as the runner holds them: read, checked, and ready to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from attrs import frozen

from xmpp_im_conformance.format.addresses import is_remote
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.steps.base import ScenarioStep
from xmpp_im_conformance.format.worlds import ClientSetup, Setup


class Side(Enum):
    """Whom a vector tests."""

    SERVER = "server"
    CLIENT = "client"


@frozen
class Scenario:
    """What there is at first, and what happens then."""

    setup: Setup | ClientSetup
    steps: tuple[ScenarioStep, ...]
    lenient: bool | frozenset[str] = False
    """Where something may be left untaken at the end; True: anywhere."""

    @property
    def clients(self) -> tuple[str, ...]:
        """The clients of a server under test, in the order in which they connect."""
        return tuple(dict.fromkeys([jid for step in self.steps for jid in step.makes if "/" in jid]))

    @property
    def looks_at_remote(self) -> bool:
        """Whether a step is about what is sent to the other server, be it silence."""
        return any(step.looks_at_remote for step in self.steps)


def plays_remote(accounts: Mapping[str, Iterable[RosterItem]], steps: Iterable[ScenarioStep]) -> bool:
    """Whether a scenario needs somebody who plays the other server.

    It does if it sends from there, expects something there, or causes a server to send something there: nobody would
    take that, and the server would return an error. A contact at the other server with whom there is no subscription is
    a mere name: a server sends it nothing.
    """
    contacts = [item for items in accounts.values() for item in items if is_remote(item.jid)]
    subscribed = any(item.subscription != "none" or item.ask or item.pending_in is not None for item in contacts)
    return subscribed or any(step.plays_remote for step in steps)


RFC: Final = "6121"

LEVELS: Final = ("MUST", "SHOULD", "MAY", "peer")
"""The levels of vectors, the strictest first."""


@frozen(kw_only=True)
class Identified:
    """What a vector is about, which is known even if it is malformed."""

    id: str
    file: str
    title: str = ""
    requirements: tuple[str, ...] = ()
    rfc: tuple[str, ...] = ()
    level: str = ""
    note: str = ""
    """What was left out, a doubtful point; for a row, first the title of its table."""

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections of RFC 6121 that it names, by ``rfc`` and by its requirements, without repetition."""
        named = [entry.partition(" ")[2] for entry in self.rfc if entry.partition(" ")[0] == RFC]
        named += [id.split("-")[1] for id in self.requirements if id.startswith(f"{RFC}-") and id.count("-") == 2]
        return tuple(dict.fromkeys([section for section in named if section]))

    def is_in(self, section: str) -> bool:
        """Whether it belongs to a section or to one below it."""
        return any(each == section or each.startswith(f"{section}.") for each in self.sections)


@frozen(kw_only=True)
class Vector(Identified):
    """One case: a scenario, a client scenario, or a row of a table."""

    scenario: Scenario

    @property
    def features(self) -> frozenset[str]:
        """What the system under test must support and have switched on."""
        return self.scenario.setup.features

    @property
    def side(self) -> Side:
        """Whom it tests."""
        return Side.CLIENT if isinstance(self.scenario.setup, ClientSetup) else Side.SERVER


@frozen(kw_only=True)
class MalformedFile(Identified):
    """A file, or a row of one, that is not a vector, and why."""

    why: str
    side: Side = Side.SERVER
    features = frozenset[str]()
