"""Commits that are in doubt, and sessions of an earlier process (RFC 6121 §2.3.3, §4.5.2)."""

from __future__ import annotations

import pytest

from tests.host.stage import CAPULET, JULIET, MERCUTIO, ROMEO, Tape, chat, enters, host_on, noon, numbers, says
from tests.host.test_deferred import Slow
from xmpp_im_core import parse_address, parse_stanza
from xmpp_im_core.host import Commit, CommitInDoubt, DeferredHost, Host, MemoryStorage, Operations, ReadAccount
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Kind, Put, SessionId, State, hosting
from xmpp_im_core.stanza import Stanza

KEPT = Policy(keep_sessions=True)
SET = "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='{}'/></query></iq>"


class Doubtful(MemoryStorage):
    """Does not say whether it performs a commit, while it is in doubt."""

    doubt: bool | None = None
    """Whether the commits in doubt are performed; None while the storage knows."""

    def commit(self, operations: Operations) -> None:
        if self.doubt is not False:
            super().commit(operations)
        if self.doubt is not None:
            raise CommitInDoubt


# --- a storage that answers at once -------------------------------------------------------------------------


@pytest.mark.parametrize("done", [True, False])
def test_after_a_commit_in_doubt_the_account_is_what_is_stored(done: bool) -> None:
    storage, wire = Doubtful(), Tape()
    host = host_on(storage, wire)
    host.create(JULIET)
    balcony = enters(host, JULIET, "balcony")
    wire.got.clear()

    storage.doubt = done
    says(host, JULIET, balcony, SET.format(ROMEO))
    storage.doubt = None

    [(_, answer)] = wire.got
    assert answer.error is not None
    assert (answer.id, answer.error.type.value) == ("s", "wait")
    account = host.service.accounts[JULIET]
    assert (ROMEO in account.roster.contacts) is done  # type: ignore[union-attr]  # Juliet has an account
    assert [session.id for session in account.sessions] == [balcony]  # type: ignore[union-attr]
    assert account.sessions[0].available  # type: ignore[union-attr]


def test_if_the_removal_of_a_delivered_message_is_in_doubt_it_was_delivered_all_the_same() -> None:
    storage, wire = Doubtful(), Tape()
    host = host_on(storage, wire)
    host.create(JULIET)
    host.arrive(from_mercutio(chat(JULIET, "kept")))
    storage.doubt = True
    enters(host, JULIET, "balcony")

    assert wire.bodies(f"{JULIET}/balcony") == ["kept"]


def from_mercutio(xml: str) -> Stanza:
    return parse_stanza(xml).stamped(from_=parse_address(f"{MERCUTIO}/x"))


# --- a storage that answers later ---------------------------------------------------------------------------


def in_doubt(comes_again: bool, done: bool) -> tuple[Slow, SessionId, list[str]]:
    """Let Juliet's roster set be in doubt, and another one wait for it."""
    slow = Slow()
    balcony = slow.enters(JULIET, "balcony")
    slow.wire.got.clear()
    finished: list[str] = []
    for jid in (ROMEO, MERCUTIO):
        slow.host.receive(JULIET, balcony, parse_stanza(SET.format(jid)), done=lambda jid=jid: finished.append(jid))  # type: ignore[misc]
    (commit,) = slow.take()
    assert isinstance(commit, Commit)
    slow.asked.remove(commit)
    if done:
        slow.records.commit(commit.operations)
    slow.host.in_doubt(commit, comes_again=comes_again)
    assert slow.wire.got == []
    slow.rest()
    return slow, balcony, finished


@pytest.mark.parametrize("done", [True, False])
def test_events_that_wait_for_a_commit_in_doubt_go_on_from_what_is_stored(done: bool) -> None:
    slow, _, finished = in_doubt(comes_again=False, done=done)

    contacts = slow.host.service.accounts[JULIET].roster.contacts  # type: ignore[union-attr]  # she has an account
    assert set(contacts) == ({ROMEO, MERCUTIO} if done else {MERCUTIO})
    answers = [stanza.type for _, stanza in slow.wire.got if stanza.id == "s"]
    assert answers == ["error", "result"]
    assert finished == [ROMEO, MERCUTIO]
    assert slow.host.waiting == 0


def test_an_event_that_comes_again_gets_no_error_meanwhile() -> None:
    slow, balcony, finished = in_doubt(comes_again=True, done=False)

    assert [stanza.type for _, stanza in slow.wire.got if stanza.id == "s"] == ["result"]
    assert finished == [MERCUTIO]
    says(slow.host, JULIET, balcony, SET.format(ROMEO))
    slow.rest()
    assert set(slow.host.service.accounts[JULIET].roster.contacts) == {ROMEO, MERCUTIO}  # type: ignore[union-attr]


def test_the_account_is_read_before_anything_else_of_it_is_processed() -> None:
    slow = Slow()
    balcony = slow.enters(JULIET, "balcony")
    says(slow.host, JULIET, balcony, SET.format(ROMEO))
    (commit,) = slow.take()
    assert isinstance(commit, Commit)
    slow.asked.remove(commit)

    slow.host.in_doubt(commit)

    assert [type(each) for each in slow.take()] == [ReadAccount]


def test_a_commit_is_answered_once() -> None:
    slow = Slow()
    balcony = slow.enters(JULIET, "balcony")
    says(slow.host, JULIET, balcony, SET.format(ROMEO))
    (commit,) = slow.take()
    assert isinstance(commit, Commit)
    slow.do(commit)

    with pytest.raises(ValueError, match="answered already"):
        slow.host.in_doubt(commit)


# --- sessions of an earlier process -------------------------------------------------------------------------


def died() -> MemoryStorage:
    """Return the storage of a process that died while Juliet was online and Mercutio knew of it."""
    storage = MemoryStorage()
    host = host_on(storage, Tape(), KEPT)
    host.create(JULIET)
    balcony = enters(host, JULIET, "balcony")
    says(host, JULIET, balcony, f"<presence to='{MERCUTIO}'/>")
    enters(host, JULIET, "balcony")
    enters(host, JULIET, "chamber")
    return storage


def test_a_host_that_starts_ends_the_sessions_of_the_process_before() -> None:
    storage, wire = died(), Tape()
    assert [put.key for _, put in storage.every(Kind.SESSION)] == ["balcony", "chamber"]

    host = host_on(storage, wire, KEPT)

    assert [*storage.every(Kind.SESSION)] == [*storage.every(Kind.REPLACED)] == []
    assert host.service.accounts[JULIET].sessions == ()  # type: ignore[union-attr]  # she has an account
    assert [put.key for put in storage.account(JULIET).records if put.kind is Kind.LAST_UNAVAILABLE] == [""]


def test_directed_presence_is_taken_back_after_a_crash() -> None:
    storage, wire = MemoryStorage(), Tape()
    host = host_on(storage, Tape(), KEPT)
    host.create(JULIET)
    balcony = enters(host, JULIET, "balcony")
    says(host, JULIET, balcony, f"<presence to='{MERCUTIO}'/>")

    host_on(storage, wire, KEPT)

    assert [(each.type, str(each.to)) for each in wire.routed] == [("unavailable", MERCUTIO)]


def test_the_epochs_of_new_sessions_are_later() -> None:
    storage = died()
    last = max(put.value.id.epoch for _, put in storage.every(Kind.SESSION))  # type: ignore[attr-defined]

    assert host_on(storage, Tape(), KEPT).bind(JULIET, "balcony").epoch == last + 1


def test_without_the_policy_a_host_ends_nothing() -> None:
    storage, wire = died(), Tape()

    host = host_on(storage, wire)

    assert wire.routed == []
    assert not host.service.accounts


def test_a_policy_that_keeps_sessions_needs_a_storage_that_finds_them() -> None:
    class Plain:
        def __init__(self, storage: MemoryStorage) -> None:
            self.commit, self.account = storage.commit, storage.account
            self.messages, self.owed = storage.messages, storage.owed

    with pytest.raises(ValueError, match="storage: "):
        Host(hosting(CAPULET), Plain(MemoryStorage()), Tape(), noon, numbers(), KEPT)


def test_a_record_that_names_no_session_ends_none() -> None:
    host: DeferredHost[State] = DeferredHost(hosting(CAPULET), Tape(), noon, numbers(), KEPT)

    host.end_kept([(JULIET, Put(Kind.REPLACED, "1/x", None))])

    assert host.requests() == []
