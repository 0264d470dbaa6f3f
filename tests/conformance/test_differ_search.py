"""Differential testing: a server with one thing wrong is told from the core, on the shortest trace, by a vector."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from attrs import evolve

from tests.conformance.wrong_servers import NeverRevokes, PushesFirst, wrong
from xmpp_im_conformance.differ import searching
from xmpp_im_conformance.differ.drawing import drawn
from xmpp_im_conformance.differ.judging import judge
from xmpp_im_conformance.differ.kinds import kinds_of
from xmpp_im_conformance.differ.likeness import Likeness
from xmpp_im_conformance.differ.playing import PEERS, Player, playing_on
from xmpp_im_conformance.differ.searching import Found, Report, search
from xmpp_im_conformance.differ.shrinking import Trace
from xmpp_im_conformance.differ.writing import vector
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.worlds import Driver, ServerFailed
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_core.element import element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server.subscriptions import approving
from xmpp_im_core.subscription import INBOUND_SUBSCRIBED, Subscription
from xmpp_im_core.testing import (
    USERS,
    Act,
    Connects,
    CoreSystem,
    GetsRoster,
    Observation,
    SendsAvailable,
    SendsMessage,
    SendsPing,
    SendsSubscribe,
    SendsSubscribed,
    SendsUnavailable,
    SendsUnsubscribe,
    SendsUnsubscribed,
    SetsItem,
    System,
    observation,
    observed,
)

JULIET, ROMEO = USERS
BALCONY = f"{JULIET}/balcony"
(NURSE,) = PEERS
NURSE_AT = f"{NURSE}/balcony"
CORE = playing_on(Embedded(), peers=True)


def playing(make: Callable[[], System]) -> Player:
    """Plays on any system, on a fresh one each time."""
    return lambda acts: observed(make(), acts)


def found_by(
    play: Player,
    *,
    examples: int = 200,
    peers: Sequence[str] = PEERS,
    chapters: Sequence[str] = (),
    first: Sequence[Trace] = (),
) -> Report:
    """What a search finds, if it begins with these traces in place of as many that are drawn."""
    left = list(first)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "drawn", lambda *arguments: left.pop(0) if left else drawn(*arguments))
        return search(play, examples=examples, peers=peers, kinds=kinds_of(chapters))


DRAWN = pytest.param(200, (), marks=pytest.mark.slow, id="drawn")
"""A long search; otherwise one that begins with a trace in which there is something to find, among other things."""

SUBSCRIBED = (
    Connects(BALCONY),
    GetsRoster(BALCONY),
    SendsAvailable(BALCONY),
    SendsSubscribe(NURSE_AT, JULIET),
    SendsSubscribed(BALCONY, NURSE),
    SendsPing(BALCONY, ROMEO),
    SendsSubscribed(NURSE_AT, JULIET),
    SendsUnavailable(BALCONY),
)
"""The nurse is subscribed to Juliet, and says that Juliet is to her."""
APPROVED = (
    Connects(BALCONY),
    GetsRoster(BALCONY),
    SendsSubscribed(BALCONY, NURSE),
    SendsAvailable(BALCONY),
    SendsUnsubscribed(BALCONY, NURSE),
)
ASKED = (
    Connects(BALCONY),
    GetsRoster(BALCONY),
    SendsAvailable(BALCONY),
    SendsSubscribe(BALCONY, NURSE),
    SendsSubscribed(NURSE_AT, JULIET),
    SendsUnsubscribed(NURSE_AT, JULIET),
    SendsUnavailable(BALCONY),
)
"""Juliet is told of an approval and its end, and of what becomes of her roster."""


def written(found: Found, directory: Path) -> Path:
    """The vector of a finding, in a file."""
    file = directory / "found.json"
    file.write_text(json.dumps(vector(found, "a server")), encoding="utf-8")
    return file


def outcome(file: Path, driver: Driver) -> Outcome:
    (read,) = read_file(file, "found")
    result = run_vector(read, driver)
    assert "malformed" not in result.detail, result.detail
    return result.outcome


def kinds(found: Found) -> list[type[Act]]:
    return [type(act) for act in found.acts]


# --- servers with one thing wrong -------------------------------------------------------------------------


def unasked_approvals_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an approval that nobody asked for make From into Both."""
    row = INBOUND_SUBSCRIBED[Subscription.FROM]
    table = {**INBOUND_SUBSCRIBED, Subscription.FROM: evolve(row, acts=True, becomes=Subscription.BOTH)}
    monkeypatch.setattr(approving, "INBOUND_SUBSCRIBED", table)


# --- what is found ----------------------------------------------------------------------------------------


def test_the_core_agrees_with_itself() -> None:
    report = found_by(CORE, examples=30)

    assert report.agreed == report.traces > 15
    assert report.found == []
    assert report.failed is None


@pytest.mark.parametrize(("examples", "first"), [pytest.param(5, [SUBSCRIBED], id="led"), DRAWN])
def test_a_wrong_cell_of_a_table_is_found(
    examples: int, first: Sequence[Trace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def play(acts: Sequence[Act]) -> tuple[Observation, ...]:
        with monkeypatch.context() as patch:
            unasked_approvals_count(patch)
            return CORE(acts)

    report = found_by(play, examples=examples, first=first)

    found = report.found[0]
    # Somebody who is subscribed to a user says "subscribed" without having been asked.
    assert sorted(kinds(found)[:3], key=str) == [Connects, SendsSubscribe, SendsSubscribed]
    assert found.acts[3] == SendsSubscribed(f"{NURSE}/balcony", found.acts[0].user)
    assert len(found.acts) == 4
    (difference,) = found.verdict.differences
    assert difference.where in USERS
    assert ['subscription="from"' in each for each in difference.model] == [True]
    assert ['subscription="both"' in each for each in difference.system] == [True]
    file = written(found, tmp_path)
    assert outcome(file, Embedded()) is Outcome.PASSED
    unasked_approvals_count(monkeypatch)
    assert outcome(file, Embedded()) is Outcome.FAILED


@pytest.mark.parametrize(("examples", "first"), [pytest.param(2, [ASKED], id="led"), DRAWN])
def test_a_push_before_its_cause_is_found(examples: int, first: Sequence[Trace], tmp_path: Path) -> None:
    server = wrong(PushesFirst)

    report = found_by(playing_on(server, peers=True), examples=examples, chapters=["subscriptions"], first=first)

    found = report.found[0]
    assert len(found.acts) <= 5
    (difference,) = found.verdict.differences
    assert difference.model == difference.system[::-1]
    assert "presence" in difference.model[0]
    file = written(found, tmp_path)
    assert outcome(file, Embedded()) is Outcome.PASSED
    assert outcome(file, server) is Outcome.FAILED


@pytest.mark.parametrize(("examples", "first"), [pytest.param(2, [APPROVED], id="led"), DRAWN])
def test_a_revocation_that_is_ignored_is_found(examples: int, first: Sequence[Trace], tmp_path: Path) -> None:
    server = wrong(NeverRevokes)

    report = found_by(playing_on(server, peers=True), examples=examples, first=first)

    found = report.found[0]
    assert kinds(found) == [Connects, SendsSubscribed, SendsUnsubscribed]
    file = written(found, tmp_path)
    assert outcome(file, Embedded()) is Outcome.PASSED
    assert outcome(file, server) is Outcome.FAILED


class Deaf(CoreSystem):
    """A server that loses roster gets and sets."""

    def feed(self, act: Act) -> None:
        if not isinstance(act, GetsRoster | SetsItem):
            super().feed(act)


@pytest.mark.parametrize(("examples", "chapters"), [(12, ["rosters"]), pytest.param(200, [], marks=pytest.mark.slow)])
def test_each_of_several_differences_is_found_once(examples: int, chapters: Sequence[str]) -> None:
    report = found_by(playing(lambda: Deaf(*USERS)), examples=examples, peers=(), chapters=chapters)

    shown = [kinds(found) for found in report.found]
    assert shown.count([Connects, GetsRoster]) == shown.count([Connects, SetsItem]) == 1
    assert len(shown) < report.differing / (10 if examples > 100 else 3)


def test_what_comes_after_a_known_difference_is_looked_at_too() -> None:
    def deaf(acts: Sequence[Act]) -> tuple[Observation, ...]:
        """Roster gets and pings are lost."""
        heard = observed(CoreSystem(*USERS), acts)
        lost = Observation(FrozenMap(), heard[-1].rosters)
        return tuple(
            [lost if isinstance(act, GetsRoster | SendsPing) else each for act, each in zip(acts, heard, strict=True)]
        )

    acts = [Connects(BALCONY), GetsRoster(BALCONY), SendsPing(BALCONY, f"{ROMEO}/orchard")]
    known = judge(acts[:2], deaf(acts[:2])).likeness
    assert known is not None

    verdict = judge(acts, deaf(acts), [known])

    assert verdict.is_new
    assert verdict.after == (1,)
    assert [each.number for each in verdict.differences] == [2]


def test_what_is_stored_otherwise_is_told_even_after_what_is_known() -> None:
    def forgetful(acts: Sequence[Act]) -> tuple[Observation, ...]:
        """Roster gets are lost, and what is stored has no names."""
        heard = observed(CoreSystem(*USERS), acts)
        seen = [
            evolve(each, received=FrozenMap()) if isinstance(act, GetsRoster) else each
            for act, each in zip(acts, heard, strict=True)
        ]
        item = element("item", ROSTER, {"jid": ROMEO, "subscription": "none"})
        stored = FrozenMap({JULIET: element("query", ROSTER, {"ver": "{opt}"}, [item])})
        return (*[evolve(each, rosters=FrozenMap()) for each in seen[:-1]], evolve(seen[-1], rosters=stored))

    acts = [
        Connects(BALCONY),
        GetsRoster(BALCONY),
        SetsItem(BALCONY, ROMEO, "Nurse"),
        SendsPing(BALCONY, f"{ROMEO}/orchard"),
    ]
    known = Likeness(GetsRoster, frozenset({("-", "iq", "result", "bare")}), frozenset())

    verdict = judge(acts, forgetful(acts), [known])

    assert verdict.is_new
    assert verdict.after == (1,)
    assert verdict.stored == Likeness(None, frozenset(), frozenset({("name", "Nurse", "None")}))
    assert [(each.number, each.where) for each in verdict.differences] == [(3, JULIET)]


WRITTEN = (Connects(BALCONY), SendsMessage(BALCONY, ROMEO, "chat", "O Romeo"))
"""Juliet writes to Romeo, who is not there."""
APPROVED_ONCE = (
    Connects(BALCONY),
    SendsAvailable(BALCONY),
    SendsSubscribed(BALCONY, NURSE),
    SendsSubscribe(NURSE_AT, JULIET),
    SendsUnsubscribe(NURSE_AT, JULIET),
    SendsSubscribe(NURSE_AT, JULIET),
)
"""The nurse asks twice; Juliet has approved her beforehand."""


@pytest.mark.parametrize("examples", [10, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("policy", "says", "first"),
    [
        (Policy(offline_messages=False), "stores no messages for absent users", WRITTEN),
        (Policy(pre_approval=PreApproval.UNSUPPORTED), "has no pre-approval", APPROVED),
        (Policy(pre_approval=PreApproval.KEPT), "keeps a pre-approval that has been used", APPROVED_ONCE),
        (Policy(acknowledge_requests=True), "acknowledges requests", SUBSCRIBED),
    ],
)
def test_another_choice_of_the_rfc_is_no_difference(policy: Policy, says: str, first: Trace, examples: int) -> None:
    report = found_by(playing(lambda: CoreSystem(*USERS, policy=policy)), examples=examples, first=[first])

    assert report.found == []
    assert report.explained > 0
    assert report.agreed + report.explained == report.traces
    assert says in [choice.says for choice in report.choices]


@pytest.mark.parametrize("examples", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_several_choices_at_once_are_no_difference(examples: int) -> None:
    policy = Policy(offline_messages=False, pre_approval=PreApproval.UNSUPPORTED, notices=10)
    player = playing(lambda: CoreSystem(*USERS, policy=policy))

    report = found_by(player, examples=examples, first=[WRITTEN, APPROVED])

    assert report.found == []
    assert report.explained > 0


# --- crashes of the core ----------------------------------------------------------------------------------


@pytest.fixture
def hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of the core lacks a row."""
    table = {state: row for state, row in INBOUND_SUBSCRIBED.items() if state is not Subscription.FROM}
    monkeypatch.setattr(approving, "INBOUND_SUBSCRIBED", table)


def silent(acts: Sequence[Act]) -> tuple[Observation, ...]:
    """A server that says nothing at all."""
    return tuple([observation({}) for _ in acts])


@pytest.mark.usefixtures("hole")
@pytest.mark.parametrize(("examples", "first"), [pytest.param(3, [SUBSCRIBED, SUBSCRIBED[:-1]], id="led"), DRAWN])
@pytest.mark.parametrize("play", [CORE, silent], ids=["under-test", "as-the-model"])
def test_a_crash_of_the_core_is_told_once_by_name_with_the_acts_that_it_needs(
    play: Player, examples: int, first: Sequence[Trace]
) -> None:
    report = found_by(play, examples=examples, chapters=["subscriptions"], first=first)

    (crash,) = report.crashes
    assert crash.why == "KeyError in xmpp_im_core.server.subscriptions.approving.inbound_subscribed: Subscription.FROM"
    user, contact = crash.acts[0].user, crash.acts[-1].user
    assert sorted([type(act) for act in crash.acts[:-1]], key=str) == [Connects, SendsSubscribe, SendsSubscribed]
    assert isinstance(crash.acts[-1], SendsSubscribed)
    assert {user, contact} <= {*USERS, NURSE}
    assert report.crashing >= 1
    assert report.failed is None


def test_an_exception_that_is_not_the_cores_is_the_drivers_and_ends_the_search() -> None:
    def play(acts: Sequence[Act]) -> tuple[Observation, ...]:
        raise OSError("the network is unreachable")

    report = found_by(play)

    assert report.crashes == []
    assert report.failed is not None
    assert report.failed[1] == "its driver raised OSError: the network is unreachable"


# --- servers that cannot be tested ------------------------------------------------------------------------


def test_a_server_that_hangs_ends_the_search_with_the_trace_that_it_hung_on() -> None:
    def play(acts: Sequence[Act]) -> tuple[Observation, ...]:
        if any(isinstance(act, SetsItem) for act in acts):
            raise ServerFailed("the server has not answered within 5 seconds")
        return CORE(acts)

    report = found_by(play)

    assert report.failed is not None
    trace, why = report.failed
    assert SetsItem in [type(act) for act in trace]
    assert why == "the server has not answered within 5 seconds"
    assert report.agreed == report.traces


def test_what_differs_only_once_is_counted_apart() -> None:
    played: set[tuple[Act, ...]] = set()

    def play(acts: Sequence[Act]) -> tuple[Observation, ...]:
        trace = tuple(acts)
        if trace in played:
            return CORE(acts)
        played.add(trace)
        return observed(Deaf(*USERS), acts)

    report = found_by(play, examples=8, first=[SUBSCRIBED])

    assert report.unsteady > 0
    assert report.found == []


def test_when_the_time_is_over_nothing_more_is_played() -> None:
    left = iter([False] * 5)
    played: list[object] = []

    def play(acts: Sequence[Act]) -> tuple[Observation, ...]:
        played.append(acts)
        return CORE(acts)

    report = search(play, examples=100, is_over=lambda: next(left, True))

    assert len(played) == report.traces == 5
    assert not report.in_time
