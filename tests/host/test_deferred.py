"""The loop whose storage answers later: what waits for a commit, and what goes on."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.host.stage import CAPULET, JULIET, MERCUTIO, NURSE, ROMEO, Tape, chat, enters, noon, numbers, says
from tests.one_test import in_one_test
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.host import Commit, DeferredHost, MemoryStorage, ReadAccount, ReadMessages, StorageRequest, Stored
from xmpp_im_core.server import Account, ForAccount, SessionId, State, account_of, hosting
from xmpp_im_core.stanza import Condition

USERS = (ROMEO, JULIET, NURSE)


class Slow:
    """A deferred host whose requests are done when the test says so."""

    def __init__(self, outbox: bool = False) -> None:
        self.wire, self.records = Tape(), MemoryStorage()
        self.host: DeferredHost[State] = DeferredHost(hosting(CAPULET), self.wire, noon, numbers(), outbox=outbox)
        self.asked: list[StorageRequest] = []
        for user in USERS:
            self.host.create(user)
            self.rest()

    def take(self) -> list[StorageRequest]:
        """Return all requests that have not been answered."""
        self.asked += self.host.requests()
        return self.asked

    def do(self, request: StorageRequest, fails: bool = False) -> None:
        self.asked.remove(request)
        if fails:
            self.host.failed(request)
        elif isinstance(request, Commit):
            self.records.commit(request.operations)
            self.host.committed(request)
        elif isinstance(request, ReadAccount):
            self.host.read(request, self.records.account(request.account))
        else:
            self.host.read(request, self.records.messages(request.account))

    def rest(self) -> None:
        """Do all that is asked for, until nothing is."""
        while self.take():
            self.do(self.asked[0])

    def enters(self, account: str, resource: str) -> SessionId:
        session = enters(self.host, account, resource)
        self.rest()
        return session


# --- one slow commit --------------------------------------------------------------------------------------


def test_nothing_is_sent_before_its_commit_has_ended() -> None:
    slow = Slow()
    says(slow.host, ROMEO, slow.enters(ROMEO, "orchard"), f"<presence to='{MERCUTIO}' type='subscribe'/>")

    (commit,) = slow.take()
    assert slow.wire.routed == []
    slow.do(commit)

    assert [each.type for each in slow.wire.routed] == ["subscribe"]


def test_a_slow_commit_stalls_only_the_accounts_that_it_concerns() -> None:
    slow = Slow()
    orchard, kitchen = slow.enters(ROMEO, "orchard"), slow.enters(NURSE, "kitchen")
    says(slow.host, ROMEO, orchard, chat(JULIET, "kept"))  # Juliet is absent: it is to be stored

    says(slow.host, NURSE, kitchen, chat(f"{NURSE}/kitchen", "to myself"))
    says(slow.host, NURSE, kitchen, chat(JULIET, "waits for Juliet"))
    says(slow.host, NURSE, kitchen, chat(f"{NURSE}/kitchen", "waits behind it"))

    assert slow.wire.bodies(f"{NURSE}/kitchen") == ["to myself"]
    assert slow.host.waiting == 2
    slow.rest()
    assert slow.host.waiting == 0
    assert slow.wire.bodies(f"{NURSE}/kitchen") == ["to myself", "waits behind it"]
    assert [message.id for _, message in slow.records.messages(JULIET)] == ["kept", "waits for Juliet"]


def test_several_events_may_be_committed_together_since_no_two_concern_one_account() -> None:
    slow = Slow()
    orchard, balcony = slow.enters(ROMEO, "orchard"), slow.enters(JULIET, "balcony")

    says(slow.host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")
    says(slow.host, JULIET, balcony, f"<presence to='{MERCUTIO}' type='subscribe'/>")

    one, other = slow.take()
    assert isinstance(one, Commit)
    assert isinstance(other, Commit)
    assert {jid for jid, _ in one.operations}.isdisjoint({jid for jid, _ in other.operations})
    slow.do(other)
    slow.do(one)
    assert [str(each.from_) for each in slow.wire.routed] == [JULIET, ROMEO]


def test_a_commit_that_fails_is_answered_and_what_waited_goes_on_from_the_old_state() -> None:
    slow = Slow()
    orchard = slow.enters(ROMEO, "orchard")
    says(slow.host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe' id='one'/>")
    says(slow.host, ROMEO, orchard, f"<presence to='{JULIET}' type='subscribe' id='two'/>")
    (commit,) = slow.take()

    slow.do(commit, fails=True)
    slow.rest()

    error = slow.wire.got[-1][1].error
    assert error is not None
    assert error.condition is Condition.INTERNAL_SERVER_ERROR
    account = account_of(slow.host.service.accounts[ROMEO])
    assert isinstance(account, Account)
    assert [jid for jid, contact in account.roster.contacts.items() if contact.state.pending_out] == [JULIET]


def test_messages_that_could_not_be_delivered_are_stored_in_their_order() -> None:
    slow = Slow()
    orchard, kitchen = slow.enters(ROMEO, "orchard"), slow.enters(NURSE, "kitchen")
    says(slow.host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")
    for n in range(4):  # they wait for the commit of the request
        says(slow.host, NURSE, kitchen, chat(ROMEO, f"{n}"))
    slow.wire.gone.add(orchard)
    slow.host.end(ROMEO, orchard)
    slow.rest()

    assert [message.id for _, message in slow.records.messages(ROMEO)] == ["0", "1", "2", "3"]  # RFC 6120 §10.1


def test_an_account_is_read_in_the_background_and_its_events_follow_in_order() -> None:
    slow = Slow()
    assert slow.host.unload(JULIET)
    balcony = slow.host.bind(JULIET, "balcony")
    says(slow.host, JULIET, balcony, "<presence/>")

    (question,) = slow.take()
    assert isinstance(question, ReadAccount)
    slow.do(question)
    slow.rest()

    assert [at for at, _ in slow.wire.got] == [f"{JULIET}/balcony"]


def test_where_nothing_can_be_read_an_account_is_not_there_and_not_gone() -> None:
    slow = Slow()
    assert slow.host.unload(JULIET)
    slow.host.arrive(parse_stanza(f"<message from='{MERCUTIO}' to='{JULIET}'><body>a</body></message>"))

    slow.do(slow.take()[0], fails=True)

    assert [each.type for each in slow.wire.routed] == ["error"]
    assert slow.take() == []


def test_messages_that_cannot_be_read_stay_stored() -> None:
    slow = Slow()
    says(slow.host, ROMEO, slow.enters(ROMEO, "orchard"), chat(JULIET, "kept"))
    slow.rest()
    enters(slow.host, JULIET, "balcony")

    (question,) = slow.take()
    assert isinstance(question, ReadMessages)
    slow.do(question, fails=True)
    slow.rest()

    assert slow.records.account(JULIET).offline == 1
    assert slow.wire.bodies(f"{JULIET}/balcony") == []


def test_messages_are_forgotten_before_the_account_goes_on() -> None:
    """A second session that came in between would be given them again."""
    slow = Slow()
    says(slow.host, ROMEO, slow.enters(ROMEO, "orchard"), chat(JULIET, "kept"))
    slow.rest()
    enters(slow.host, JULIET, "balcony")
    (question,) = slow.take()
    slow.do(question)

    (forgets,) = slow.take()
    assert isinstance(forgets, Commit)
    assert forgets.last
    enters(slow.host, JULIET, "chamber")
    assert slow.take() == [forgets]
    slow.rest()

    assert slow.wire.bodies(f"{JULIET}/balcony") == ["kept"]
    assert slow.wire.bodies(f"{JULIET}/chamber") == []


def test_what_has_waited_for_a_commit_does_not_keep_the_loop_busy_all_at_once() -> None:
    slow = Slow()
    orchard = slow.enters(ROMEO, "orchard")
    slow.enters(JULIET, "balcony")
    slow.host.at_once = 5
    says(slow.host, ROMEO, orchard, f"<presence to='{JULIET}' type='subscribe'/>")
    [commit] = slow.take()
    for n in range(12):
        says(slow.host, ROMEO, orchard, chat(JULIET, f"{n}"))
    assert slow.host.waiting == 12

    slow.do(commit)
    first = slow.host.waiting
    while slow.host.waiting:
        before = slow.host.waiting
        slow.host.run()
        assert before - 5 <= slow.host.waiting < before

    assert first >= 12 - 5
    assert slow.wire.bodies(f"{JULIET}/balcony") == [f"{n}" for n in range(12)]


@in_one_test("failed_first", [False, True])
@in_one_test("failed_then", [False, True])
def test_a_commit_is_answered_once(failed_first: bool, failed_then: bool) -> None:
    slow = Slow()
    orchard = slow.enters(ROMEO, "orchard")
    says(slow.host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")
    [commit] = slow.take()
    assert isinstance(commit, Commit)
    slow.do(commit, failed_first)
    sent, routed = list(slow.wire.got), list(slow.wire.routed)

    with pytest.raises(ValueError, match="answered"):
        (slow.host.failed if failed_then else slow.host.committed)(commit)

    assert (slow.wire.got, slow.wire.routed) == (sent, routed)


def test_an_answer_of_the_wrong_kind_is_refused() -> None:
    slow = Slow()
    with pytest.raises(TypeError, match="found"):
        slow.host.read(ReadAccount(JULIET), ())  # type: ignore[call-overload]  # what the types forbid
    with pytest.raises(TypeError, match="found"):
        slow.host.read(ReadMessages(JULIET, SessionId("balcony", 1)), Stored())  # type: ignore[call-overload]


def test_a_result_of_an_earlier_state_is_merged_with_what_has_happened_to_others() -> None:
    slow = Slow()
    orchard, kitchen = slow.enters(ROMEO, "orchard"), slow.enters(NURSE, "kitchen")
    says(slow.host, ROMEO, orchard, f"<presence to='{MERCUTIO}' type='subscribe'/>")

    says(slow.host, NURSE, kitchen, "<presence><show>away</show></presence>")
    slow.rest()

    nurse = account_of(slow.host.service.accounts[NURSE])
    assert isinstance(nurse, Account)
    (session,) = nurse.sessions
    assert session.presence is not None
    assert session.presence.payload.first("show") is not None


# --- what has been done -----------------------------------------------------------------------------------


def test_an_event_is_done_when_its_commit_has_ended_and_what_it_sends_has_left() -> None:
    slow, done = Slow(), list[str]()
    orchard = slow.enters(ROMEO, "orchard")

    slow.host.receive(
        ROMEO, orchard, parse_stanza(f"<presence to='{MERCUTIO}' type='subscribe'/>"), done=lambda: done.append("asked")
    )
    slow.host.receive(ROMEO, orchard, parse_stanza(chat(MERCUTIO, "hark")), done=lambda: done.append("sent"))

    assert done == []
    slow.rest()
    assert done == ["asked", "sent"]


@pytest.mark.parametrize("outbox", [False, True])
def test_an_event_with_held_parts_is_done_when_these_are_done(outbox: bool) -> None:
    slow, done = Slow(outbox), list[str]()
    orchard = slow.enters(ROMEO, "orchard")
    assert slow.host.unload(JULIET)

    slow.host.receive(ROMEO, orchard, parse_stanza(chat(JULIET, "soft")), done=lambda: done.append("soft"))
    (question,) = slow.take()
    assert isinstance(question, ReadAccount)
    slow.do(question)
    (stores,) = [each for each in slow.take() if isinstance(each, Commit) and not each.last]
    assert done == []
    slow.do(stores)

    assert done == ["soft"]
    assert slow.records.account(JULIET).offline == 1


# --- any order --------------------------------------------------------------------------------------------


@st.composite
def deeds(draw: st.DrawFn) -> tuple[str, str, str]:
    """Somebody does something that concerns somebody: a message, a request, coming or going."""
    who, whom = draw(st.sampled_from(USERS)), draw(st.sampled_from((*USERS, MERCUTIO)))
    what = draw(
        st.sampled_from(("chat", "chat", "subscribe", "subscribed", "unsubscribe", "comes", "goes", "do", "do"))
    )
    return who, whom, what


@given(st.lists(deeds(), max_size=40), st.booleans(), st.data())
def test_nothing_is_lost_or_reordered_in_any_order_of_session_ends(
    done: list[tuple[str, str, str]], outbox: bool, data: st.DataObject
) -> None:
    slow = Slow(outbox)
    here: dict[str, SessionId] = {}
    sent: dict[tuple[str, str], list[str]] = defaultdict(list)
    for n, (who, whom, what) in enumerate(done):
        if what == "do":
            finish_one(slow, data)
        elif what == "comes" and who not in here:
            here[who] = enters(slow.host, who, "r")
        elif what == "goes" and who in here:
            slow.host.end(who, here.pop(who))
        elif what == "chat" and who in here and whom in USERS:
            says(slow.host, who, here[who], chat(whom, f"{n:03}"))
            sent[who, whom].append(f"{n:03}")
        elif what.startswith(("sub", "unsub")) and who in here and who != whom:
            says(slow.host, who, here[who], f"<presence to='{whom}' type='{what}'/>")
        claimed = Counter(jid for each in slow.take() if isinstance(each, Commit) for jid in each.job.accounts)
        assert all(times == 1 for times in claimed.values()), "two commits concern one account"
    while slow.take():
        finish_one(slow, data)

    assert slow.host.waiting == 0
    assert slow.records.outbox == {}
    for (who, whom), bodies in sent.items():
        got = [body for sender, body in messages_of(slow, whom) if sender == who]
        assert got == bodies
    for user in USERS:
        assert stored_state(slow, user) == slow_state(slow, user)


def finish_one(slow: Slow, data: st.DataObject) -> None:
    asked = slow.take()
    if asked:
        slow.do(data.draw(st.sampled_from(asked)))


def messages_of(slow: Slow, user: str) -> list[tuple[str, str]]:
    """Return who wrote what that a user has got, or will get: nobody has got what is still stored."""
    got = [stanza for at, stanza in slow.wire.got if at.startswith(f"{user}/") and stanza.payload.first("body")]
    kept = [message for _, message in slow.records.messages(user)]
    return [(each.from_jid.bare if each.from_jid else "", each.id or "") for each in [*got, *kept]]


def slow_state(slow: Slow, user: str) -> Account:
    account = account_of(slow.host.service.accounts[user])
    assert isinstance(account, Account)
    return account.with_sessions(()).replacing(()).remembering(())


def stored_state(slow: Slow, user: str) -> Account:
    """Return what a host that starts now would load."""
    fresh: DeferredHost[State] = DeferredHost(hosting(CAPULET), Tape(), noon, numbers())
    found = slow.records.account(user)
    fresh.feed(ForAccount(user, found.loaded(*fresh.stamp())))
    account = account_of(fresh.service.accounts[user])
    assert isinstance(account, Account)
    return account
