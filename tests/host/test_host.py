"""The loop whose storage answers at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.host.stage import (
    CAPULET,
    JULIET,
    MERCUTIO,
    NOON,
    NURSE,
    ROMEO,
    Tape,
    chat,
    enters,
    host_on,
    noon,
    numbers,
    says,
)
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Host, MemoryStorage, Operations, StorageFailed, Stored, Wire
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import AccountMoved, Deliver, Served, SessionId, State, hosting
from xmpp_im_core.server.state import Moved
from xmpp_im_core.stanza import IQ, Condition, Stanza, result_reply


class Failing(MemoryStorage):
    """Fails the next so many commits, and reads."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = self.reads = 0

    def commit(self, operations: Operations) -> None:
        if self.commits:
            self.commits -= 1
            raise StorageFailed
        super().commit(operations)

    def account(self, jid: str) -> Stored:
        if self.reads:
            self.reads -= 1
            raise StorageFailed
        return super().account(jid)


def two() -> tuple[Host[State], Tape, Failing]:
    storage, wire = Failing(), Tape()
    host = host_on(storage, wire)
    host.create(ROMEO)
    host.create(JULIET)
    return host, wire, storage


def test_a_message_for_an_absent_user_is_stored_and_comes_with_the_next_session() -> None:
    host, wire, storage = two()
    says(host, ROMEO, enters(host, ROMEO, "orchard"), chat(JULIET, "soft"))

    assert storage.account(JULIET).offline == 1
    enters(host, JULIET, "balcony")

    assert wire.bodies(f"{JULIET}/balcony") == ["soft"]
    assert storage.account(JULIET).offline == 0


def test_what_a_stream_does_not_take_is_processed_again_before_anything_else() -> None:
    host, wire, storage = two()
    balcony = enters(host, JULIET, "balcony")
    orchard = enters(host, ROMEO, "orchard")
    wire.gone.add(balcony)

    says(host, ROMEO, orchard, chat(JULIET, "soft"))
    says(host, ROMEO, orchard, chat(JULIET, "adieu"))

    assert [message.id for _, message in storage.messages(JULIET)] == ["soft", "adieu"]


def test_two_sessions_whose_streams_are_gone_do_not_keep_the_loop_busy() -> None:
    host, wire, storage = two()
    wire.gone |= {enters(host, JULIET, "balcony"), enters(host, JULIET, "chamber")}

    says(host, ROMEO, enters(host, ROMEO, "orchard"), chat(JULIET, "soft"))

    assert host.waiting == 0
    assert [message.id for _, message in storage.messages(JULIET)] == ["soft"]


def test_a_commit_that_fails_is_answered_with_an_error_and_nothing_has_changed() -> None:
    host, wire, storage = two()
    orchard = enters(host, ROMEO, "orchard")
    before = host.service
    storage.commits = 1

    says(host, ROMEO, orchard, chat(JULIET, "soft"))

    answer = wire.got[-1][1]
    assert answer.error is not None
    assert answer.error.condition is Condition.INTERNAL_SERVER_ERROR
    assert host.service.accounts == before.accounts
    assert storage.account(JULIET).offline == 0


def test_what_cannot_be_forgotten_is_delivered_again_and_never_lost() -> None:
    host, wire, storage = two()
    says(host, ROMEO, enters(host, ROMEO, "orchard"), chat(JULIET, "soft"))
    balcony = host.bind(JULIET, "balcony")
    storage.commits = 1

    says(host, JULIET, balcony, "<presence/>")

    assert wire.bodies(f"{JULIET}/balcony") == ["soft"]
    assert storage.account(JULIET).offline == 1


def test_an_account_is_loaded_when_it_is_needed_and_asked_for_again_after_a_failure() -> None:
    host, wire, storage = two()
    enters(host, ROMEO, "orchard")
    assert host.unload(JULIET)
    storage.reads = 1

    host.arrive(parse_stanza(f"<message from='{MERCUTIO}' to='{JULIET}' type='chat'><body>a</body></message>"))
    assert [each.type for each in wire.routed] == ["error"]
    host.arrive(parse_stanza(f"<message from='{MERCUTIO}' to='{JULIET}' type='chat'><body>b</body></message>"))

    assert storage.account(JULIET).offline == 1


def test_an_account_with_a_session_stays_in_memory() -> None:
    host, _, _ = two()
    enters(host, JULIET, "balcony")

    assert not host.unload(JULIET)


def test_a_stanza_without_a_way_comes_back_as_an_error() -> None:
    host, wire, _ = two()
    wire.no_way = Condition.REMOTE_SERVER_TIMEOUT

    says(host, ROMEO, enters(host, ROMEO, "orchard"), chat(MERCUTIO, "hark"))

    error = wire.got[-1][1].error
    assert error is not None
    assert error.condition is Condition.REMOTE_SERVER_TIMEOUT


class Pinging(Tape):
    """Has a service that answers every request, and feeds an event of its own while it is asked."""

    host: Host[State]

    def delegate(self, account: str, iq: IQ) -> Stanza | None:
        self.host.happened(JULIET, AccountMoved, Moved("juliet@mantua.example", True))
        return result_reply(iq) if iq.type == "get" else None


def test_a_service_answers_at_once_and_may_feed_events_meanwhile() -> None:
    wire = Pinging()
    host = host_on(MemoryStorage(), wire)
    wire.host = host
    host.create(JULIET)
    balcony = enters(host, JULIET, "balcony")

    says(host, JULIET, balcony, f"<iq type='get' id='p' to='{CAPULET}'><ping xmlns='urn:xmpp:ping'/></iq>")

    answer = wire.got[-1][1]
    assert (answer.type, answer.id, str(answer.from_)) == ("result", "p", CAPULET)
    state = host.service.accounts[JULIET]
    assert getattr(state, "moved", None) == Moved("juliet@mantua.example", True)


def test_a_request_is_sent_again_when_its_time_has_come_though_the_account_has_left_memory() -> None:
    now = [NOON]
    wire = Tape()
    host = Host(hosting(CAPULET), MemoryStorage(), wire, lambda: now[0], numbers())
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    says(host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")
    host.end(ROMEO, orchard)
    assert host.unload(ROMEO)
    wire.routed.clear()

    host.wake()
    assert wire.routed == []
    assert host.wake_at is not None
    now[0] = host.wake_at + timedelta(seconds=1)
    host.wake()

    assert [each.type for each in wire.routed] == ["subscribe"]
    assert host.wake_at is not None
    assert host.wake_at > now[0]


def test_one_call_keeps_the_loop_busy_for_a_bounded_number_of_events_and_the_next_goes_on() -> None:
    wire = Tape()
    host = Host(hosting(CAPULET), MemoryStorage(), wire, noon, numbers(), at_once=1)
    host.create(JULIET)  # one event; the account has to be loaded first, which is another

    assert (host.waiting, host.ready) == (1, True)
    host.run()
    assert (host.waiting, host.ready) == (0, False)
    assert JULIET in host.service.accounts


@pytest.mark.parametrize("at_once", [0, -1])
def test_a_loop_that_does_nothing_is_refused(at_once: int) -> None:
    with pytest.raises(ValueError, match="at_once"):
        Host(hosting(CAPULET), MemoryStorage(), Tape(), noon, numbers(), at_once=at_once)


class Small(Wire):
    """As little as a wire has to be."""

    def __init__(self) -> None:
        self.got: list[Stanza] = []

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        self.got.append(stanza)
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        raise AssertionError("nothing closes a stream here")


def test_a_wire_without_federation_and_services_has_two_methods() -> None:
    wire = Small()
    host = host_on(MemoryStorage(), wire)
    host.create(JULIET)
    balcony = enters(host, JULIET, "balcony")

    says(host, JULIET, balcony, chat(MERCUTIO, "hark"))
    says(host, JULIET, balcony, f"<iq type='get' id='v' to='{CAPULET}'><query xmlns='jabber:iq:version'/></iq>")

    conditions = [stanza.error.condition for stanza in wire.got if stanza.error is not None]
    assert conditions == [Condition.REMOTE_SERVER_NOT_FOUND, Condition.SERVICE_UNAVAILABLE]


def test_the_session_that_is_bound_is_the_one_that_deliveries_name() -> None:
    host, wire, _ = two()
    old = enters(host, JULIET, "balcony")
    new = enters(host, JULIET, "balcony")

    says(host, ROMEO, enters(host, ROMEO, "orchard"), chat(JULIET, "soft"))

    assert old != new
    assert wire.closed == [(JULIET, old, "conflict")]
    assert isinstance(wire.effects[new][-1], Deliver)
    assert isinstance(new, SessionId)


def test_a_policy_is_obeyed() -> None:
    wire = Tape()
    host = host_on(MemoryStorage(), wire, Policy(offline_messages=False))
    host.create(ROMEO)
    host.create(JULIET)

    says(host, ROMEO, enters(host, ROMEO, "orchard"), chat(JULIET, "soft"))

    assert wire.got[-1][1].type == "error"


class Doorkeeper(Tape):
    """Knows the streams by their sessions, from before they are bound."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: dict[SessionId, str] = {}

    def close(self, account: str, session: SessionId, condition: str) -> None:
        super().close(account, session, condition)
        del self.streams[session]


@pytest.mark.parametrize(
    ("account", "resource", "condition"),
    [
        (JULIET, "chamber", "policy-violation"),
        (JULIET, "\ud800", "bad-format"),
        (NURSE, "hall", "not-authorized"),
    ],
    ids=["one too many", "no resourcepart", "no account"],
)
def test_a_session_that_is_refused_is_closed_by_a_wire_that_knows_it(
    account: str, resource: str, condition: str
) -> None:
    wire = Doorkeeper()
    host = host_on(MemoryStorage(), wire, Policy(sessions=1))
    host.create(JULIET)
    balcony = host.session("balcony")
    wire.streams[balcony] = "the first"
    host.bind(JULIET, balcony)

    refused = host.session(resource)
    wire.streams[refused] = "the second"
    assert host.bind(account, refused) == refused

    assert wire.closed == [(account, refused, condition)]
    assert wire.streams == {balcony: "the first"}


class Observing(Host[State]):
    """Writes down the rules of each event, and what had been stored and sent by then."""

    def observe(self, served: Served[State]) -> None:
        assert isinstance(self.storage, MemoryStorage)
        assert isinstance(self.wire, Tape)
        rules = [effect.rule.name for step in served.steps for effect in step.transition.effects]
        self.seen.append((rules, self.storage.account(JULIET).offline, len(self.wire.got)))

    seen: list[tuple[list[str], int, int]]


def test_what_came_of_an_event_is_seen_when_it_is_stored_and_before_it_is_sent() -> None:
    storage, wire = Failing(), Tape()
    host = Observing(hosting(CAPULET), storage, wire, noon, numbers())
    host.seen = []
    host.create(JULIET)
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    host.seen.clear()
    sent = len(wire.got)

    says(host, ROMEO, orchard, chat(JULIET, "soft"))
    storage.commits = 1
    says(host, ROMEO, orchard, chat(JULIET, "adieu"))

    (stored, failed) = host.seen
    assert stored[1:] == (1, sent)
    assert failed[1:] == (1, sent)
    assert stored[0] != failed[0]
    assert wire.got[-1][1].type == "error"
