"""A wire that writes down, and the clock and the ids of tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Final

from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Host, Loop, Storage, Wire
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server import Deliver, SessionId, State, hosting
from xmpp_im_core.stanza import Condition, Stanza

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
CAPULET: Final = "capulet.example"
ROMEO: Final = f"romeo@{CAPULET}"
JULIET: Final = f"juliet@{CAPULET}"
NURSE: Final = f"nurse@{CAPULET}"
MERCUTIO: Final = "mercutio@remote.example"


def noon() -> datetime:
    return NOON


def numbers() -> Callable[[], str]:
    """Return a source of ids that sort as they were made."""
    counter = count(1)
    return lambda: f"{next(counter):06}"


class Tape(Wire):
    """Writes down what each session and each other server got; streams may be gone."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Stanza]] = []
        self.effects: dict[SessionId, list[Deliver]] = {}
        self.closed: list[tuple[str, SessionId, str]] = []
        self.gone: set[SessionId] = set()
        self.routed: list[Stanza] = []
        self.no_way: Condition | None = None

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        if session in self.gone:
            return False
        self.got.append((f"{account}/{session.resource}", stanza))
        self.effects.setdefault(session, []).append(effect)
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        self.closed.append((account, session, condition))

    def route(self, stanza: Stanza) -> Condition | None:
        if self.no_way is None:
            self.routed.append(stanza)
        return self.no_way

    def bodies(self, full: str) -> list[str]:
        """Return the text of each message that a session got."""
        bodies = [stanza.payload.first("body") for at, stanza in self.got if at == full]
        return [body.text for body in bodies if body is not None]


def host_on(storage: Storage, wire: Wire, policy: Policy = DEFAULT, outbox: bool = False) -> Host[State]:
    return Host(hosting(CAPULET), storage, wire, noon, numbers(), policy, outbox=outbox)


def says(host: Loop[State], account: str, session: SessionId, xml: str) -> None:
    host.receive(account, session, parse_stanza(xml))


def enters(host: Loop[State], account: str, resource: str) -> SessionId:
    """Bind a resource and become available."""
    session = host.bind(account, resource)
    says(host, account, session, "<presence/>")
    return session


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat' id='{body}'><body>{body}</body></message>"
