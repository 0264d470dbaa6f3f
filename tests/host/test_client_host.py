"""The loop around the client half."""

from __future__ import annotations

import pytest

from tests.host.stage import noon, numbers
from xmpp_im_core.client import Bound, Client, GetRoster, Transition
from xmpp_im_core.client.notifications import ItemAdded, Notification, RosterReceived
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import ClientHost, ClientWire
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.stanza import Stanza

JULIET = parse_jid("juliet@capulet.example")
PUSH = """<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='nurse@capulet.example'/></query></iq>"""


class Log(ClientWire):
    """Writes down all calls in their order, and stumbles where it is told to."""

    def __init__(self, *stumbles: str) -> None:
        self.stumbles = stumbles
        self.calls: list[tuple[str, object]] = []

    def send(self, stanza: Stanza) -> None:
        self.note("send", stanza)

    def tell(self, notification: Notification) -> None:
        self.note("tell", notification)

    def keep(self, client: Client) -> None:
        self.note("keep", client)

    def note(self, name: str, argument: object) -> None:
        self.calls.append((name, argument))
        if name in self.stumbles:
            raise RuntimeError(name)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


class Observing(ClientHost):
    """Writes down the rules that have fired, and how many calls there had been by then."""

    def observe(self, step: Transition) -> None:
        assert isinstance(self.wire, Log)
        self.seen.append(([effect.rule.name for effect in step.effects], len(self.wire.calls)))

    seen: list[tuple[list[str], int]]


def with_roster(wire: Log) -> ClientHost:
    """Begin a session whose roster has come."""
    host = ClientHost(Client(JULIET), wire, noon, numbers())
    host.begin(Bound(JULIET.with_resource("balcony")))
    host.wants(GetRoster)
    [stanza] = [argument for name, argument in wire.calls if name == "send"]
    assert isinstance(stanza, Stanza)
    host.receive(parse_stanza(f"<iq type='result' id='{stanza.id}'><query xmlns='jabber:iq:roster'/></iq>"))
    return host


def test_a_roster_is_kept_before_anything_is_told_of_it() -> None:
    wire = Log()
    host = with_roster(wire)
    assert [type(told) for name, told in wire.calls if name == "tell"] == [RosterReceived]
    wire.calls.clear()

    host.receive(parse_stanza(PUSH))

    assert wire.names()[0] == "keep"
    assert sorted(wire.names()) == ["keep", "send", "tell"]
    [kept] = [argument for name, argument in wire.calls if name == "keep"]
    assert isinstance(kept, Client)
    assert (kept.bound, list(kept.roster.items)) == (None, ["nurse@capulet.example"])


def test_what_changes_no_roster_is_not_kept() -> None:
    wire = Log()
    host = with_roster(wire)
    wire.calls.clear()

    host.receive(parse_stanza("<message from='romeo@montague.example/x' type='chat'><body>soft</body></message>"))

    assert wire.names() == ["tell"]


@pytest.mark.parametrize("stumbles", ["keep", "tell", "send"])
def test_an_application_that_raises_does_not_stop_the_answer_to_the_server(stumbles: str) -> None:
    wire = Log()
    host = with_roster(wire)
    wire.calls.clear()
    wire.stumbles = (stumbles,)

    with pytest.raises(RuntimeError, match=stumbles):
        host.receive(parse_stanza(PUSH))

    assert sorted(wire.names()) == ["keep", "send", "tell"]
    [told] = [argument for name, argument in wire.calls if name == "tell"]
    assert isinstance(told, ItemAdded)


def test_every_service_that_raises_is_reported() -> None:
    wire = Log()
    host = with_roster(wire)
    wire.stumbles = ("tell", "send")

    with pytest.raises(ExceptionGroup) as raised:
        host.receive(parse_stanza(PUSH))

    assert {str(error) for error in raised.value.exceptions} == {"tell", "send"}


def test_what_the_application_wants_while_it_is_told_is_done_afterwards() -> None:
    class Eager(Log):
        host: ClientHost

        def tell(self, notification: Notification) -> None:
            super().tell(notification)
            if isinstance(notification, ItemAdded):
                self.host.wants(GetRoster)
                self.note("asked", None)

    wire = Eager()
    wire.host = with_roster(wire)
    wire.calls.clear()

    wire.host.receive(parse_stanza(PUSH))

    sent = [argument for name, argument in wire.calls if name == "send"]
    assert [stanza.type for stanza in sent if isinstance(stanza, Stanza)] == ["result", "get"]
    assert wire.names().index("asked") < len(wire.calls) - 1


def test_what_came_of_an_event_is_seen_before_it_is_done() -> None:
    wire = Log()
    host = Observing(Client(JULIET), wire, noon, numbers())
    host.seen = []
    host.begin(Bound(JULIET.with_resource("balcony")))
    before = len(wire.calls)

    host.wants(GetRoster)

    rules, calls = host.seen[-1]
    assert rules
    assert calls == before < len(wire.calls)
