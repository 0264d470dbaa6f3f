"""A play of subscriptions and messages on a host that is killed at every point: what was promised of durability holds.

A crash before the first commit of an event: the event never happened. After it: what it wanted stored is kept. Before
``forget``: repeated, never lost. With an outbox, nothing that was to be sent is lost either.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest
from attrs import define, field

from tests.host.stage import CAPULET, JULIET, MERCUTIO, ROMEO, Tape, chat, noon, numbers, says
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Host, MemoryStorage, Messages, Operations, StorageFailed, Stored
from xmpp_im_core.jid import parse_address
from xmpp_im_core.roster import Contact
from xmpp_im_core.server import (
    Account,
    Deliver,
    FanOut,
    Inbound,
    Kind,
    Outbound,
    Route,
    Served,
    SessionId,
    State,
    hosting,
)
from xmpp_im_core.stanza import Condition, Message, Stanza
from xmpp_im_core.subscription import Subscription

ORCHARD: Final = f"{ROMEO}/orchard"
BALCONY: Final = f"{JULIET}/balcony"


class Crash(BaseException):
    """The process dies here."""


@define(eq=False)
class Fuse:
    """Counts the points at which a process can die, and kills it at one of them."""

    blows_at: int | None = None
    passed: list[str] = field(factory=list)

    def passes(self, point: str) -> None:
        if len(self.passed) == self.blows_at:
            self.blows_at = None
            raise Crash(point)
        self.passed.append(point)


@define(eq=False)
class MortalRecords(MemoryStorage):
    """A database: what is committed survives, and what is not is rolled back."""

    fuse: Fuse = field(factory=Fuse)
    journal: list[object] = field(factory=list)

    def commit(self, operations: Operations) -> None:
        for _ in operations:
            self.fuse.passes("inside a commit")
        super().commit(operations)
        self.journal.append(operations)

    def account(self, jid: str) -> Stored:
        self.fuse.passes("before an account is read")
        return super().account(jid)

    def messages(self, jid: str) -> Messages:
        self.fuse.passes("before messages are read")
        return super().messages(jid)


class MortalTape(Tape):
    """Streams that end with the process."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage, self.got, self.routed = stage, stage.got, stage.routed

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        self.stage.fuse.passes("before a delivery")
        self.stage.records.journal.append(effect)
        return super().deliver(account, session, stanza, effect)

    def route(self, stanza: Stanza) -> Condition | None:
        self.stage.fuse.passes("before a route")
        self.stage.records.journal.append(stanza)
        return super().route(stanza)


class MortalHost(Host[State]):
    """Writes down what has happened: what an event wants stored is durable then."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        super().__init__(hosting(CAPULET), stage.records, MortalTape(stage), noon, stage.ids, outbox=stage.outbox)

    def observe(self, served: Served[State]) -> None:
        self.stage.happened.append(served)
        self.stage.records.journal.append(served)
        self.stage.fuse.passes("after the first commit")


class Line(NamedTuple):
    """A line of the play: who acts, and what."""

    who: str
    does: str
    xml: str = ""


def subscription(type: str, recipient: str, sender: str = "") -> str:
    origin = f" from='{sender}'" if sender else ""
    return f"<presence type='{type}' to='{recipient}'{origin}/>"


PLAY: Final = (
    Line(ROMEO, "is created"),
    Line(JULIET, "is created"),
    Line(ORCHARD, "enters"),
    Line(ORCHARD, "sends", subscription("subscribe", JULIET)),
    Line(ORCHARD, "sends", chat(JULIET, "stored-1")),
    Line(ORCHARD, "sends", chat(JULIET, "stored-2")),
    Line(ORCHARD, "sends", subscription("subscribe", MERCUTIO)),
    Line(BALCONY, "enters"),
    Line(BALCONY, "sends", subscription("subscribed", ROMEO)),
    Line(BALCONY, "sends", subscription("subscribe", ROMEO)),
    Line(ORCHARD, "sends", subscription("subscribed", JULIET)),
    Line(MERCUTIO, "arrives", subscription("subscribed", ROMEO, MERCUTIO)),
    Line(ORCHARD, "sends", chat(JULIET, "live-1")),
    Line(ORCHARD, "sends", chat(MERCUTIO, "abroad-1")),
    Line(BALCONY, "sends", chat(ROMEO, "live-2")),
    Line(BALCONY, "leaves"),
    Line(MERCUTIO, "arrives", f"<message from='{MERCUTIO}' to='{JULIET}' id='stored-3'><body>x</body></message>"),
    Line(BALCONY, "enters"),
    Line(BALCONY, "sends", subscription("unsubscribed", ROMEO)),
)


class Stage:
    """Performs the play, and begins again on the same database after a crash."""

    def __init__(self, fuse: Fuse, *, outbox: bool = False) -> None:
        self.fuse, self.outbox = fuse, outbox
        self.records = MortalRecords(fuse=fuse)
        self.ids = numbers()
        self.got: list[tuple[str, Stanza]] = []
        self.routed: list[Stanza] = []
        self.sessions: dict[str, SessionId] = {}
        self.happened: list[Served[State]] = []
        self.point = "none"
        """Where the process has died."""
        self.start()

    def start(self) -> None:
        self.host = MortalHost(self)

    # --- acting -------------------------------------------------------------------------------------------

    def act(self, line: Line) -> None:
        account, _, resource = line.who.partition("/")
        if line.does == "is created":
            self.host.create(account)
        elif line.does == "arrives":
            self.host.arrive(parse_stanza(line.xml))
        elif line.does == "enters":
            self.sessions[line.who] = self.host.session(resource)
            self.host.bind(account, self.sessions[line.who])
            self.send(line.who, "<iq id='r' type='get'><query xmlns='jabber:iq:roster'/></iq>")
            self.send(line.who, "<presence/>")
        elif line.does == "leaves":
            self.host.end(account, self.sessions.pop(line.who))
        else:
            self.send(line.who, line.xml)

    def send(self, full: str, xml: str) -> None:
        says(self.host, full.partition("/")[0], self.sessions[full], xml)

    def perform(self) -> None:
        """Perform the play; after a crash begin again, let everybody reconnect, and go on."""
        for line in PLAY:
            try:
                self.act(line)
            except Crash as crash:
                self.point = str(crash)
                self.after_crash(line)

    def after_crash(self, line: Line) -> None:
        there = list(self.sessions)
        self.sessions.clear()
        self.start()
        if line.does == "is created" and not self.records.accounts.get(line.who):
            self.act(line)  # an administrator sees that it did not work, and does it again
        for full in there:
            if not (line.does == "leaves" and full == line.who):
                self.act(Line(full, "enters"))

    # --- looking ------------------------------------------------------------------------------------------

    def state(self, account: str, contact: str) -> Subscription:
        put = self.records.accounts[account].get((Kind.CONTACT, contact))
        return put.value.state if put is not None and isinstance(put.value, Contact) else Subscription.NONE

    def messages(self, prefix: str) -> list[str]:
        """Return the ids of the messages that were handed over, to sessions and to other domains."""
        stanzas = [*[stanza for _, stanza in self.got], *self.routed]
        return [str(each.id) for each in stanzas if is_chat(each) and str(each.id).startswith(prefix)]

    def kept(self, prefix: str) -> list[str]:
        """Return the ids of the messages that have been processed, in the order in which they were."""
        events = [step.event for served in self.happened for step in served.steps]
        stanzas = [event.stanza for event in events if isinstance(event, Outbound | Inbound)]
        ids = [str(each.id) for each in stanzas if is_chat(each) and str(each.id).startswith(prefix)]
        return list(dict.fromkeys(ids))


def is_chat(stanza: Stanza) -> bool:
    return isinstance(stanza, Message) and stanza.type != "error"


def undisturbed(*, outbox: bool = False) -> Stage:
    stage = Stage(Fuse(), outbox=outbox)
    stage.perform()
    return stage


def every_crash(*, outbox: bool = False, one_in: int = 1) -> list[Stage]:
    """Perform the play once for each point at which the process can die, or for one in so many, with a crash there."""
    stages: list[Stage] = []
    for n in range(0, len(undisturbed(outbox=outbox).fuse.passed), one_in):
        stage = Stage(Fuse(n), outbox=outbox)
        stage.perform()
        assert stage.point != "none"
        stages.append(stage)
    return stages


@pytest.fixture(scope="module")
def crashed() -> list[Stage]:
    return every_crash()


@pytest.fixture(scope="module", params=[4, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"])
def crashed_with_outbox(request: pytest.FixtureRequest) -> list[Stage]:
    return every_crash(outbox=True, one_in=request.param)


# --- without a crash --------------------------------------------------------------------------------------


@pytest.mark.parametrize("outbox", [False, True])
def test_the_play_ends_as_the_rfc_has_it(outbox: bool) -> None:
    stage = undisturbed(outbox=outbox)

    assert stage.state(ROMEO, JULIET) is Subscription.FROM
    assert stage.state(JULIET, ROMEO) is Subscription.TO
    assert stage.state(ROMEO, MERCUTIO) is Subscription.TO
    assert stage.messages("stored") == ["stored-1", "stored-2", "stored-3"]
    assert stage.messages("live") == ["live-1", "live-2"]
    assert stage.messages("abroad") == ["abroad-1"]
    assert stage.records.account(JULIET).offline == 0


def test_what_is_in_memory_is_what_is_stored() -> None:
    stage = Stage(Fuse())
    for line in PLAY:
        stage.act(line)
        for account, state in stage.host.service.accounts.items():
            another = Host(hosting(CAPULET), stage.records, Tape(), noon, numbers())
            another.arrive(parse_stanza(f"<message from='nobody@remote.example' to='{account}' type='groupchat'/>"))
            loaded = another.service.accounts[account]
            assert isinstance(state, Account)
            assert isinstance(loaded, Account)
            assert (loaded.roster, loaded.last_unavailable) == (state.roster, state.last_unavailable)


def test_each_event_is_stored_then_sent_in_order_then_forgotten() -> None:
    stage = undisturbed()

    expected: list[object] = []
    for served in stage.happened:
        expected += [served.store, served] if served.store else [served]
        for _, effect in served.effects:
            expected += handed_over(effect)
        expected += [served.forget] if served.forget else []
    assert stage.records.journal == expected


def handed_over(effect: object) -> list[object]:
    if isinstance(effect, Deliver):
        return [effect for _ in effect.sessions]
    if isinstance(effect, Route):
        return [effect.stanza]
    if isinstance(effect, FanOut):
        return [effect.stanza.stamped(to=parse_address(jid)) for jid in effect.recipients]
    return []


def test_the_play_passes_every_kind_of_point() -> None:
    assert set(undisturbed().fuse.passed) == {
        "inside a commit",
        "after the first commit",
        "before a delivery",
        "before a route",
        "before an account is read",
        "before messages are read",
    }


# --- with one ---------------------------------------------------------------------------------------------


def test_both_halves_of_an_exchange_happen_or_neither_does(crashed: list[Stage]) -> None:
    mirror = {
        (Subscription.NONE, Subscription.NONE),
        (Subscription.NONE_OUT, Subscription.NONE_IN),
        (Subscription.TO, Subscription.FROM),
        (Subscription.TO_IN, Subscription.FROM_OUT),
        (Subscription.BOTH, Subscription.BOTH),
        (Subscription.FROM_OUT, Subscription.TO_IN),
        (Subscription.FROM, Subscription.TO),
        (Subscription.NONE_IN, Subscription.NONE_OUT),
        (Subscription.NONE_OUT_IN, Subscription.NONE_OUT_IN),
    }

    for stage in crashed:
        assert (stage.state(ROMEO, JULIET), stage.state(JULIET, ROMEO)) in mirror, stage.point


def test_a_stored_message_is_repeated_perhaps_but_never_lost(crashed: list[Stage]) -> None:
    repeated: set[str] = set()
    for stage in crashed:
        wanted = stage.kept("stored")
        assert list(dict.fromkeys(stage.messages("stored"))) == wanted, stage.point
        assert stage.records.account(JULIET).offline == 0, stage.point
        if len(stage.messages("stored")) > len(wanted):
            repeated.add(stage.point)

    assert repeated == {"before a delivery", "inside a commit"}


def test_without_an_outbox_what_was_not_sent_yet_is_lost(crashed: list[Stage]) -> None:
    lost = {id for stage in crashed for id in set(stage.kept("")) - set(stage.messages(""))}

    assert lost == {"live-1", "live-2", "abroad-1"}


def test_with_an_outbox_no_message_is_lost(crashed_with_outbox: list[Stage]) -> None:
    for stage in crashed_with_outbox:
        assert set(stage.messages("")) >= set(stage.kept("")), stage.point
        assert not stage.records.outbox, stage.point


def test_with_an_outbox_no_request_to_another_domain_is_lost(crashed_with_outbox: list[Stage]) -> None:
    for stage in crashed_with_outbox:
        asked = stage.state(ROMEO, MERCUTIO) is not Subscription.NONE
        sent = [stanza for stanza in stage.routed if stanza.type == "subscribe"]
        assert bool(sent) == asked, stage.point


# --- a storage that cannot be read ------------------------------------------------------------------------


def test_unreadable_stored_messages_come_at_a_later_login() -> None:
    class Unreadable(MemoryStorage):
        broken = True

        def messages(self, jid: str) -> Messages:
            if self.broken:
                raise StorageFailed
            return super().messages(jid)

    storage, wire = Unreadable(), Tape()
    host = Host(hosting(CAPULET), storage, wire, noon, numbers())
    host.create(JULIET)
    host.arrive(
        parse_stanza(f"<message from='{MERCUTIO}' to='{JULIET}' id='m' type='chat'><body>soft</body></message>")
    )

    balcony = host.bind(JULIET, "balcony")
    says(host, JULIET, balcony, "<presence/>")
    assert wire.bodies(BALCONY) == []
    host.end(JULIET, balcony)
    storage.broken = False
    says(host, JULIET, host.bind(JULIET, "balcony"), "<presence/>")

    assert wire.bodies(BALCONY) == ["soft"]
