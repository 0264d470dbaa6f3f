"""Ports that raise what they must not raise: the caller learns of it, and nobody else suffers from it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.host.stage import CAPULET, JULIET, MERCUTIO, NURSE, ROMEO, Tape, chat, enters, noon, numbers, says
from tests.one_test import in_one_test
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Commit, DeferredHost, Host, MemoryStorage, Messages, Operations, ReadAccount, Stored
from xmpp_im_core.server import Account, Delete, Deliver, Served, SessionId, State, hosting
from xmpp_im_core.stanza import IQ, Condition, Presence, Stanza


class Torn(Exception):
    """What a broken stream or database raises."""


class Tearing(Tape):
    """Raises for some sessions, and for other servers while it is torn."""

    def __init__(self) -> None:
        super().__init__()
        self.torn: set[SessionId] = set()
        self.abroad = False

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        if session in self.torn:
            raise Torn(session.resource)
        return super().deliver(account, session, stanza, effect)

    def route(self, stanza: Stanza) -> Condition | None:
        if self.abroad:
            raise Torn("abroad")
        return super().route(stanza)

    def close(self, account: str, session: SessionId, condition: str) -> None:
        if session in self.torn:
            raise Torn(condition)
        super().close(account, session, condition)


class Tricky(MemoryStorage):
    """Raises something else than ``StorageFailed`` while it is torn."""

    torn = False
    keeps = False
    """Whether it removes nothing."""

    def commit(self, operations: Operations) -> None:
        if self.torn or (self.keeps and any(isinstance(operation, Delete) for _, operation in operations)):
            raise Torn
        super().commit(operations)

    def account(self, jid: str) -> Stored:
        if self.torn:
            raise Torn
        return super().account(jid)

    def messages(self, jid: str) -> Messages:
        if self.torn:
            raise Torn
        return super().messages(jid)


def verona() -> tuple[Host[State], Tearing, Tricky]:
    wire, storage = Tearing(), Tricky()
    host = Host(hosting(CAPULET), storage, wire, noon, numbers())
    for user in (ROMEO, JULIET, NURSE):
        host.create(user)
    return host, wire, storage


def test_a_stream_that_raises_loses_no_message_and_hinders_no_other() -> None:
    host, wire, storage = verona()
    orchard, balcony = enters(host, ROMEO, "orchard"), enters(host, JULIET, "balcony")
    wire.torn.add(balcony)

    with pytest.raises(Torn, match="balcony"):
        says(host, ROMEO, orchard, chat(JULIET, "soft"))
    says(host, ROMEO, orchard, chat(ROMEO, "aside"))

    assert [message.id for _, message in storage.messages(JULIET)] == ["soft"]
    assert wire.bodies(f"{ROMEO}/orchard") == ["aside"]


def test_several_that_raise_are_all_told_of_and_the_others_get_their_stanza() -> None:
    host, wire, _ = verona()
    orchard = enters(host, ROMEO, "orchard")
    for user in (JULIET, NURSE):
        session = enters(host, user, "hall")
        says(host, user, session, f"<presence to='{ROMEO}' type='subscribe'/>")
        says(host, ROMEO, orchard, f"<presence to='{user}' type='subscribed'/>")
        enters(host, user, "chamber")
        wire.torn.add(session)
    wire.got.clear()

    with pytest.raises(ExceptionGroup) as raised:
        says(host, ROMEO, orchard, "<presence><show>away</show></presence>")

    assert {type(error) for error in raised.value.exceptions} == {Torn}
    assert {f"{JULIET}/chamber", f"{NURSE}/chamber"} <= {at for at, _ in wire.got}


def test_a_sender_gets_an_error_if_the_stream_to_the_other_server_raises() -> None:
    host, wire, _ = verona()
    orchard = enters(host, ROMEO, "orchard")
    wire.abroad = True

    with pytest.raises(Torn, match="abroad"):
        says(host, ROMEO, orchard, chat(MERCUTIO, "hark"))

    error = wire.got[-1][1].error
    assert error is not None
    assert error.condition is Condition.INTERNAL_SERVER_ERROR


def test_a_commit_that_raises_has_failed_and_its_sender_hears_an_error() -> None:
    host, wire, storage = verona()
    orchard = enters(host, ROMEO, "orchard")
    before = host.service
    storage.torn = True

    with pytest.raises(Torn):
        says(host, ROMEO, orchard, chat(JULIET, "soft"))

    assert wire.got[-1][1].type == "error"
    assert host.service.accounts == before.accounts


def test_an_account_whose_reading_raises_does_not_wait_forever() -> None:
    host, _, storage = verona()
    assert host.unload(JULIET)
    stanza = parse_stanza(f"<message from='{MERCUTIO}' to='{JULIET}' id='m' type='chat'><body>soft</body></message>")
    storage.torn = True
    with pytest.raises(Torn):
        host.arrive(stanza)
    assert not host.service.held

    storage.torn = False
    host.arrive(stanza)

    assert [message.id for _, message in storage.messages(JULIET)] == ["m"]


class Clumsy(Host[State]):
    """Stumbles over what it sees."""

    def observe(self, served: Served[State]) -> None:
        raise Torn("observe")


def test_an_observer_that_raises_changes_nothing() -> None:
    wire = Tearing()
    host = Clumsy(hosting(CAPULET), MemoryStorage(), wire, noon, numbers())
    for what in (lambda: host.create(JULIET), lambda: enters(host, JULIET, "balcony")):
        with pytest.raises((Torn, ExceptionGroup)):
            what()

    assert JULIET in host.service.accounts


@in_one_test("outbox", [False, True])
@in_one_test("what", ["stream", "callback"])
def test_no_account_stays_blocked_by_what_was_raised_after_a_slow_commit(what: str, outbox: bool) -> None:
    wire, records = Tearing(), MemoryStorage()
    host = DeferredHost(hosting(CAPULET), wire, noon, numbers(), outbox=outbox)

    def work() -> None:
        while asked := host.requests():
            for request in asked:
                if isinstance(request, Commit):
                    records.commit(request.operations)
                    host.committed(request)
                elif isinstance(request, ReadAccount):
                    host.read(request, records.account(request.account))
                else:
                    host.read(request, records.messages(request.account))

    for user in (ROMEO, JULIET):
        host.create(user)
        work()
    orchard, balcony = [at_work(host, work, user) for user in (ROMEO, JULIET)]
    wire.torn = {balcony} if what == "stream" else set()

    def done() -> None:
        if what == "callback":
            raise Torn

    host.receive(ROMEO, orchard, parse_stanza(f"<presence to='{JULIET}' type='subscribe'/>"), done=done)
    with pytest.raises((Torn, ExceptionGroup)):
        work()
    wire.torn.clear()
    work()
    says(host, ROMEO, orchard, chat(JULIET, "soft"))
    work()

    assert host.waiting == 0
    assert "soft" in [*wire.bodies(f"{JULIET}/x"), *[message.id for _, message in records.messages(JULIET)]]


def at_work(host: DeferredHost[State], work: Callable[[], None], user: str) -> SessionId:
    session = host.bind(user, "x")
    work()
    says(host, user, session, "<presence/>")
    work()
    return session


class Stumbling(Tape):
    """Its services do not answer as they should."""

    def __init__(self, answer: Callable[[IQ], Stanza]) -> None:
        super().__init__()
        self.answer = answer

    def delegate(self, account: str, iq: IQ) -> Stanza | None:
        return self.answer(iq)


def tears(_: IQ) -> Stanza:
    raise Torn


@in_one_test(
    "answer",
    [
        tears,
        lambda iq: iq,
        lambda iq: Presence(to=iq.from_),
        lambda iq: IQ(None, None, iq.id, "result", None, iq.payload),
        lambda iq: "no stanza",
    ],
    ids=["raises", "asks back", "no IQ", "to nobody", "no stanza"],
)
def test_a_request_is_answered_even_if_its_service_raises(answer: Callable[[IQ], Stanza]) -> None:
    """An entity that receives a get or set MUST reply (RFC 6120 §8.2.3), and two services do not ask in circles."""
    wire = Stumbling(answer)
    host = Host(hosting(CAPULET), MemoryStorage(), wire, noon, numbers())
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    for to in (f"to='{CAPULET}'", f"to='{CAPULET}/x'"):
        wire.got.clear()
        with pytest.raises((Torn, TypeError, ValueError)):
            says(host, ROMEO, orchard, f"<iq type='get' id='d' {to}><query xmlns='urn:example:x'/></iq>")
        ((_, reply),) = wire.got
        assert (reply.type, reply.id) == ("error", "d")
        assert reply.error is not None
        assert reply.error.condition is Condition.INTERNAL_SERVER_ERROR
        assert not host.waiting


@pytest.mark.parametrize("answer", [tears, lambda iq: iq], ids=["raises", "answers"])
def test_an_answer_is_not_answered_whatever_the_service_does(answer: Callable[[IQ], Stanza]) -> None:
    wire = Stumbling(answer)
    host = Host(hosting(CAPULET), MemoryStorage(), wire, noon, numbers())
    host.create(ROMEO)
    orchard = enters(host, ROMEO, "orchard")
    wire.got.clear()
    with pytest.raises((Torn, TypeError)):
        says(host, ROMEO, orchard, f"<iq type='result' id='d' to='{CAPULET}'/>")
    assert wire.got == []


def test_messages_that_cannot_be_read_stay_stored_and_their_session_goes_on() -> None:
    host, wire, storage = verona()
    orchard = enters(host, ROMEO, "orchard")
    says(host, ROMEO, orchard, chat(JULIET, "soft"))
    balcony = host.bind(JULIET, "balcony")
    storage.torn = True

    with pytest.raises(Torn):
        says(host, JULIET, balcony, "<presence/>")
    storage.torn = False

    assert not host.service.held
    assert [message.id for _, message in storage.messages(JULIET)] == ["soft"]
    assert wire.bodies(f"{JULIET}/balcony") == []


def test_a_removal_that_raises_leaves_its_message_stored_and_the_host_goes_on() -> None:
    host, wire, storage = verona()
    orchard = enters(host, ROMEO, "orchard")
    says(host, ROMEO, orchard, chat(JULIET, "soft"))
    storage.keeps = True

    with pytest.raises(Torn):
        enters(host, JULIET, "balcony")
    says(host, ROMEO, orchard, chat(JULIET, "light"))

    assert wire.bodies(f"{JULIET}/balcony") == ["soft", "light"]
    assert [message.id for _, message in storage.messages(JULIET)] == ["soft"]


def test_a_stream_that_raises_as_it_is_closed_is_reported_and_its_successor_goes_on() -> None:
    host, wire, _ = verona()
    first = enters(host, JULIET, "balcony")
    wire.torn.add(first)

    with pytest.raises(Torn, match="conflict"):
        host.bind(JULIET, "balcony")

    account = host.service.accounts[JULIET]
    assert isinstance(account, Account)
    assert [session.id.epoch for session in account.sessions] == [first.epoch + 1]
