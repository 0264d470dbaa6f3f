"""The embedded driver notices a core that does not do what its host relies on, though no client sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from xmpp_im_conformance.drivers.embedded.promises import (
    PromiseBroken,
    check_interruptions,
    check_result,
    check_unusual,
    interruptions,
    limits,
    marks,
    rules,
    strays,
    unusual,
)
from xmpp_im_core.host import MemoryStorage
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.server import (
    Account,
    AccountCreated,
    AccountLoaded,
    Event,
    Kind,
    LoadOffline,
    NoAccount,
    Outbound,
    Put,
    Served,
    Service,
    SessionBound,
    SessionId,
    State,
    hosting,
    reduce,
    serve,
)
from xmpp_im_core.server.effects import Transition, wake_key
from xmpp_im_core.server.service.events import Arrived, ForAccount, ServiceEvent
from xmpp_im_core.server.service.serving import Handled
from xmpp_im_core.stanza import Message, Presence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JULIET, ROMEO = "juliet@capulet.example", "romeo@remote.example"
BALCONY = SessionId("balcony", 1)
POLICY = evolve(DEFAULT, keep_sessions=True, store_remembered_events=True)
PRESENCE = Presence(None, None)
HELLO = Arrived(NOON, "hello", Message(parse_address(JULIET), parse_address(ROMEO), "m", "chat"))

Result = tuple[Service[State], ServiceEvent, Served[State]]


def result(event: ServiceEvent, *before: Event) -> Result:
    """Return the result of an event of a service in which these have happened to Juliet."""
    service = hosting("capulet.example")
    for each in (AccountCreated(NOON, "created", "lineage"), AccountLoaded(NOON, "none", ()), *before):
        service = serve(service, ForAccount(JULIET, each), POLICY).state
    return service, event, serve(service, event, POLICY)


def of_client(stanza: Presence | Message) -> ForAccount:
    return ForAccount(JULIET, Outbound(NOON, "sent", BALCONY, stanza))


def bound() -> SessionBound:
    return SessionBound(NOON, "bound", BALCONY, "en")


def checked(found: Result) -> None:
    service, event, served = found
    check_result(service, event, served, POLICY, set())  # type: ignore[arg-type]  # a service of any machine


def with_step(served: Served[State], **changes: Any) -> Served[State]:
    """Return a result whose first step is another one."""
    first, *others = served.steps
    changed = Handled(first.jid, first.event, evolve(first.transition, **changes))
    return evolve(served, steps=(changed, *others))


def with_more(served: Served[State], put: Put) -> Served[State]:
    return with_step(served, store=(*served.steps[0].transition.store, put))


def without(served: Served[State], kind: Kind) -> Served[State]:
    """Return a result whose first step does not store what is of this kind."""
    return with_step(served, store=tuple([each for each in served.steps[0].transition.store if each.kind is not kind]))


JULIET_JID = parse_address(JULIET).jid  # type: ignore[union-attr]  # it is no malformed one


def test_a_result_of_the_core_keeps_all_promises() -> None:
    for event in (ForAccount(JULIET, bound()), HELLO):
        checked(result(event))
    checked(result(of_client(PRESENCE), bound()))
    checked(result(HELLO, bound()))


@pytest.mark.parametrize(
    ("says", "wrong"),
    [
        ("a result names its event", lambda served: evolve(served, seq="another")),
        ("which events are held", lambda served: evolve(served, holds=((JULIET, "bound"),))),
        ("which events are held", lambda served: evolve(served, releases=("bound",))),
        ("names the rule", lambda served: with_step(served, effects=())),
        ("stores it stores once", lambda served: with_step(served, store=served.steps[0].transition.store * 2)),
        ("each changed session is stored", lambda served: without(served, Kind.SESSION)),
        ("stored with its changes", lambda served: without(served, Kind.PROCESSED)),
        ("each new time to wake", lambda served: with_more(served, Put(Kind.WAKE, wake_key(NOON), None))),
    ],
)
def test_a_result_that_breaks_a_promise_is_noticed(says: str, wrong: Callable[[Served[State]], Served[State]]) -> None:
    service, event, served = result(ForAccount(JULIET, bound()))

    with pytest.raises(PromiseBroken, match=says):
        checked((service, event, wrong(served)))


def test_an_account_that_does_not_exist_and_stays_in_memory_is_noticed() -> None:
    nobody = "nobody@capulet.example"
    waiting = serve(
        hosting("capulet.example"), Arrived(NOON, "x", HELLO.stanza.stamped(to=parse_address(nobody))), POLICY
    )
    loaded = ForAccount(nobody, AccountLoaded(NOON, "loaded", ()))
    served = serve(waiting.state, loaded, POLICY)
    state = NoAccount(parse_address(nobody).jid)  # type: ignore[union-attr]  # it is no malformed one
    kept = evolve(served, state=evolve(served.state, accounts=served.state.accounts.set(nobody, state)))

    checked((waiting.state, loaded, served))
    with pytest.raises(PromiseBroken, match="not kept in memory"):
        checked((waiting.state, loaded, kept))


def test_stored_messages_that_nobody_asks_for_are_noticed() -> None:
    service, event, served = result(of_client(PRESENCE), bound())
    effects = tuple([each for each in served.steps[0].transition.effects if not isinstance(each, LoadOffline)])

    with pytest.raises(PromiseBroken, match="stored messages are asked for"):
        checked((service, event, with_step(served, effects=effects)))


def silent(state: State, event: Event, policy: Policy = POLICY) -> Transition[State]:
    return Transition(state, ())


@pytest.mark.parametrize(
    ("module", "name", "wrong", "says"),
    [
        (marks, "came_before", lambda account, event: True, "no other event is taken"),
        (marks, "came_before", lambda account, event: False, "is known when it comes again"),
        (limits, "reduce", silent, "what fits a limit is taken"),
        (strays, "reduce", silent, "nothing is answered in another's name"),
    ],
)
def test_what_the_core_does_with_another_event_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, wrong: object, says: str
) -> None:
    found = result(HELLO)
    monkeypatch.setattr(module, name, wrong)

    with pytest.raises(PromiseBroken, match=says):
        checked(found)


def test_a_part_that_answers_for_another_owner_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = result(HELLO)
    monkeypatch.setattr(strays, "_at_other_part", lambda account, event: [("closed", BALCONY, "conflict")])

    with pytest.raises(PromiseBroken, match="does for another owner"):
        checked(found)


def test_a_rule_that_does_not_say_what_is_done_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    service, event, served = result(HELLO)
    (effect,) = served.steps[0].transition.effects
    wrong = Rule(effect.rule.name, "By Table 1 the server returns an error.")

    with pytest.raises(PromiseBroken, match="the table permits"):
        checked((service, event, with_step(served, effects=(evolve(effect, rule=wrong),))))
    monkeypatch.setattr(rules, "_ACTIONS", ())
    with pytest.raises(PromiseBroken, match="the words of the table"):
        checked((service, event, served))


def account_with_records() -> tuple[Account, MemoryStorage]:
    storage = MemoryStorage()
    state: State = NoAccount(JULIET_JID)
    for event in (AccountCreated(NOON, "created", "lineage"), bound(), Outbound(NOON, "sent", BALCONY, PRESENCE)):
        step = reduce(state, event, POLICY)
        storage.commit([(JULIET, each) for each in step.store])
        state = step.state
    assert isinstance(state, Account)
    return state, storage


def test_an_account_may_be_interrupted_at_any_time() -> None:
    account, storage = account_with_records()

    check_interruptions(account, storage.account(JULIET), POLICY, NOON)
    check_unusual(account, storage.account(JULIET), POLICY, NOON)


def test_an_account_that_is_another_one_when_it_is_loaded_again_is_noticed() -> None:
    account, storage = account_with_records()
    other = account.with_session(account.sessions[0].showing(None))

    with pytest.raises(PromiseBroken, match="the same when it is loaded again"):
        check_interruptions(other, storage.account(JULIET), POLICY, NOON)


@pytest.mark.parametrize(("module", "check"), [(interruptions, check_interruptions), (unusual, check_unusual)])
def test_an_event_without_an_answer_is_noticed(monkeypatch: pytest.MonkeyPatch, module: Any, check: Any) -> None:
    account, storage = account_with_records()
    monkeypatch.setattr(module, "reduce", silent)

    with pytest.raises(PromiseBroken):
        check(account, storage.account(JULIET), POLICY, NOON)
