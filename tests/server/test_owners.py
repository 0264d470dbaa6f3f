"""A service of several parts: each owns some accounts, and passes on what is for the others (RFC 6121 §8.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.one_test import in_one_test
from tests.server.playhouse import (
    BALCONY,
    BENVOLIO,
    CAPULET,
    JULIET,
    MERCUTIO,
    NOON,
    ORCHARD,
    ROMEO,
    Playhouse,
    chat,
    condition,
    ping,
    presence,
    said,
    to,
    told,
)
from xmpp_im_core.event import Decision
from xmpp_im_core.extensions.carbons import carbons
from xmpp_im_core.host import MemoryStorage
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server import (
    AS_IT_STANDS,
    PLAIN,
    AccountCreated,
    AccountLoaded,
    ArrivedForMany,
    Deliver,
    EndSession,
    FanOut,
    ForAccount,
    Ignored,
    Inbound,
    Load,
    LoadFailed,
    Outbound,
    Route,
    Served,
    SessionBound,
    SessionEnded,
    SessionId,
    SharedItemsChanged,
    State,
    StoreFailed,
    TimePassed,
    Undelivered,
    Unroutable,
    hosting,
    may_bind,
    not_stored,
    owning,
    serve,
)
from xmpp_im_core.server.service.serving import merged
from xmpp_im_core.snapshot import dump, load_service
from xmpp_im_core.stanza import IQ, Condition, Stanza, payload

PARTS = {ROMEO: "first", BENVOLIO: "first"}
"""The part that owns each account; all others belong to the second part."""


class Part(Playhouse):
    """One of two parts of a service, joined with the other by their wires; they share a storage."""

    other: Part

    def __init__(self, name: str, storage: MemoryStorage) -> None:
        self.arrived: list[tuple[str, ...]] = []
        self.sent: list[FanOut] = []
        super().__init__()
        self.records = storage
        self.service = hosting("montague.example", CAPULET, owns=lambda jid: PARTS.get(jid, "second") == name)

    def observe(self, served: Served[State]) -> None:
        super().observe(served)
        self.sent += [effect for _, effect in served.effects if isinstance(effect, FanOut)]

    def route(self, stanza: Stanza) -> None:
        assert stanza.to_jid is not None
        if stanza.to_jid.domain in self.service.domains:
            self.other.arrive(stanza)
        else:
            super().route(stanza)

    def fan_out(self, stanza: Stanza, recipients: Sequence[str]) -> Mapping[str, Condition]:
        inside = tuple(jid for jid in recipients if not jid.endswith("remote.example"))
        if not inside:
            return super().fan_out(stanza, recipients)
        self.other.arrived.append(inside)
        self.other.arrive_for_many(stanza, inside)
        return {}


def parts() -> tuple[Part, Part]:
    """Return the two parts: Romeo and Benvolio in the first, Juliet in the second; each has its account."""
    storage = MemoryStorage()
    first, second = Part("first", storage), Part("second", storage)
    first.other, second.other = second, first
    for account in (ROMEO, BENVOLIO):
        first.happened(account, AccountCreated, f"lineage-of-{account}")
    second.happened(JULIET, AccountCreated, "lineage")
    return first, second


# --- stanzas to accounts of another part ------------------------------------------------------------------


def test_a_message_to_an_account_of_another_part_leaves_and_is_never_loaded() -> None:
    house = parts()[0]
    house.enters(ORCHARD)
    house.other = Part("second", MemoryStorage())

    served = house.sends(ORCHARD, chat(JULIET, "Art thou not Romeo?"))

    assert told(served) == [f"{ORCHARD}: Art thou not Romeo? -> {JULIET}"]
    assert [step.jid for step in served.steps] == [ROMEO]
    assert JULIET not in house.service.held


def test_a_message_to_an_account_of_the_same_part_stays_within_it() -> None:
    first = parts()[0]
    first.enters(ORCHARD)
    first.enters(f"{BENVOLIO}/street")

    served = first.sends(ORCHARD, chat(BENVOLIO, "Good morrow, cousin"))

    assert told(served) == [f"{ORCHARD}: Good morrow, cousin -> {BENVOLIO}/street"]
    assert [step.jid for step in served.steps] == [ROMEO, BENVOLIO]


def test_each_part_answers_for_the_domains_itself() -> None:
    first = parts()[0]
    first.enters(ORCHARD)

    served = first.sends(ORCHARD, ping("capulet.example"))

    assert told(served) == ["Delegate capulet.example"]


def test_a_message_between_two_parts_arrives_as_within_one() -> None:
    first, second = parts()
    first.enters(ORCHARD)
    second.enters(BALCONY)
    second.heard_by(BALCONY)

    first.sends(ORCHARD, chat(JULIET, "Lady, by yonder blessed moon"))

    assert [said(stanza) for stanza in second.heard_by(BALCONY)] == [f"{ORCHARD}: Lady, by yonder blessed moon"]


def test_a_subscription_between_two_parts_is_the_one_of_a_single_service() -> None:
    first, second = parts()
    first.enters(ORCHARD)
    second.enters(BALCONY)

    first.sends(ORCHARD, presence("subscribe", JULIET))
    second.sends(BALCONY, presence("subscribed", ROMEO))
    first.heard_by(ORCHARD)
    second.sends(BALCONY, presence("unavailable"))

    assert first.account(ROMEO).roster.contacts[JULIET].state.to
    assert second.account(JULIET).roster.contacts[ROMEO].state.from_
    assert [said(stanza) for stanza in first.heard_by(ORCHARD)] == [f"presence unavailable from {BALCONY}"]


def test_one_fan_out_goes_to_all_accounts_of_another_part_and_shares_its_stanza() -> None:
    first, second = parts()
    second.enters(BALCONY)
    for full in (ORCHARD, f"{BENVOLIO}/square"):
        first.enters(full)
        first.sends(full, presence("subscribe", JULIET))
        second.sends(BALCONY, presence("subscribed", full.partition("/")[0]))
        first.heard_by(full)
    first.arrived.clear()

    served = second.sends(BALCONY, presence(priority=3))

    [left] = [effect for _, effect in served.effects if isinstance(effect, FanOut)]
    assert left.recipients == (BENVOLIO, ROMEO)
    assert first.arrived == [(BENVOLIO, ROMEO)]
    [one], [other] = first.heard_by(ORCHARD), first.heard_by(f"{BENVOLIO}/square")
    assert said(one) == said(other) == f"presence available from {BALCONY}"
    assert one.payload is other.payload


def test_what_a_fan_out_has_for_the_accounts_of_the_same_part_stays_within_it() -> None:
    first, _ = parts()
    for full in (ORCHARD, f"{BENVOLIO}/square"):
        first.enters(full)
    first.sends(ORCHARD, presence("subscribe", BENVOLIO))
    first.sends(f"{BENVOLIO}/square", presence("subscribed", ROMEO))
    first.heard_by(ORCHARD)
    first.sent.clear()

    first.sends(f"{BENVOLIO}/square", presence(priority=3))

    assert first.sent == []
    assert [said(each) for each in first.heard_by(ORCHARD)] == [f"presence available from {BENVOLIO}/square"]


def test_the_fan_out_to_another_part_and_to_other_domains_is_one_if_the_stanza_is_the_same() -> None:
    first, second = parts()
    second.enters(BALCONY)
    first.enters(ORCHARD)
    first.sends(ORCHARD, presence("subscribe", JULIET))
    second.arrives(presence("subscribe", JULIET, MERCUTIO))
    for contact in (ROMEO, MERCUTIO):
        second.sends(BALCONY, presence("subscribed", contact))

    served = second.sends(BALCONY, presence(priority=3))

    assert [effect.recipients for _, effect in served.effects if isinstance(effect, FanOut)] == [(MERCUTIO, ROMEO)]


def test_a_probe_within_the_service_comes_from_the_full_jid_in_every_part() -> None:
    first, second = parts()
    first.enters(ORCHARD)
    second.enters(BALCONY)
    first.sends(ORCHARD, presence("subscribe", JULIET))
    first.sends(ORCHARD, presence("subscribe", MERCUTIO))
    first.arrives(presence("subscribed", ROMEO, MERCUTIO))
    second.sends(BALCONY, presence("subscribed", ROMEO))
    first.sends(ORCHARD, presence("unavailable"))

    first.sent.clear()

    first.sends(ORCHARD, presence())

    probes = [each for each in first.sent if each.stanza.type == "probe"]
    assert [(str(each.stanza.from_), each.recipients, each.within) for each in probes] == [
        (ROMEO, (MERCUTIO,), None),
        (ORCHARD, (JULIET,), None),
    ]


def test_a_domain_itself_is_answered_by_every_part() -> None:
    first, second = parts()

    for part in (first, second):
        part.arrives(ping(CAPULET, "remote.example"))

        assert part.delegated == [(CAPULET, ping(CAPULET, "remote.example"))]


# --- one stanza for many recipients -----------------------------------------------------------------------


def test_a_stanza_for_many_arrives_at_each_in_their_order() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.received.clear()

    served = house.feeds(
        ArrivedForMany(NOON, "e", presence(None, None, MERCUTIO), (JULIET, ROMEO, "elsewhere.example", JULIET))
    )

    assert [full for full, _ in house.received] == [BALCONY, ORCHARD, BALCONY]
    assert [step.event.seq for step in served.steps] == [
        f"e.{JULIET}.0",
        f"e.{ROMEO}.0",
        "e.elsewhere.example.0",
        f"e.{JULIET}.1",
    ]


def test_a_recipient_that_is_no_jid_gets_the_answer_of_a_single_stanza() -> None:
    house = Playhouse()

    house.arrive_for_many(chat(None, "to nobody", MERCUTIO), ("@",))

    assert [(said(stanza), condition(stanza)) for stanza in house.routed] == [
        (f"message error from {house.service.domains[0]}", "jid-malformed")
    ]


@pytest.mark.parametrize(
    ("stanza", "recipients", "refusal"),
    [
        (chat(None, "words", MERCUTIO), (), "recipients: one is needed"),
        (chat(None, "words"), (ROMEO,), "stanza: 'from' must be well-formed"),
        (chat(None, "words", "@"), (ROMEO,), "stanza: 'from' must be well-formed"),
    ],
)
def test_a_stanza_for_many_needs_recipients_and_a_sender(
    stanza: Stanza, recipients: tuple[str, ...], refusal: str
) -> None:
    with pytest.raises(ValueError, match=refusal):
        ArrivedForMany(NOON, "e", stanza, recipients)


def test_if_the_commit_fails_each_recipient_has_its_own_failure() -> None:
    house = Playhouse(ROMEO, JULIET)
    before = house.service
    event = ArrivedForMany(NOON, "e1", chat(None, "words", MERCUTIO), (ROMEO, JULIET))
    assert len(serve(before, event).store) == 2

    served = serve(before, not_stored(NOON, "e2", event))

    assert [(step.jid, type(step.event)) for step in served.steps] == [(ROMEO, StoreFailed), (JULIET, StoreFailed)]
    assert served.store == ()


# --- events of an account that is not owned ---------------------------------------------------------------

HERE = SessionId("balcony", 1)
QUERY = payload()


def answers(event: object, jid: str = JULIET) -> tuple[object, ...]:
    """Return the answers of a part that does not own the account, and check that nothing else came of the event."""
    house = hosting(CAPULET, owns=lambda jid: False)
    served = serve(house, ForAccount(jid, event))  # type: ignore[arg-type]  # the tests give events

    assert served.state == house
    assert (served.store, served.forget, served.holds) == ((), (), ())
    assert not any(isinstance(effect, Load) for _, effect in served.effects)
    return tuple(effect for _, effect in served.effects)


@in_one_test(
    "stanza",
    [
        chat(JULIET, "words", MERCUTIO),
        ping(BALCONY, MERCUTIO),
        presence("probe", JULIET, MERCUTIO),
        presence("subscribe", JULIET, MERCUTIO),
        presence("unavailable", JULIET, MERCUTIO),
        chat(BALCONY, "bounce", MERCUTIO, "error"),
    ],
    ids=said,
)
def test_a_stanza_for_an_account_of_another_part_leaves_for_it(stanza: Stanza) -> None:
    assert answers(Inbound(NOON, "e", stanza, Decision.DENY)) == (Route(stanza, rules.FORWARDED),)


def test_a_stanza_for_somebody_else_or_from_nobody_does_not_leave() -> None:
    assert answers(Inbound(NOON, "e", chat(ROMEO, "words", MERCUTIO))) == (Ignored(rules.NOT_OWNED),)
    assert answers(Inbound(NOON, "e", chat(JULIET, "words"))) == (Ignored(rules.NOT_OWNED),)


@pytest.mark.parametrize("stanza", [chat(MERCUTIO, "words"), ping(None), presence()], ids=said)
def test_a_client_of_another_part_is_told_to_try_again(stanza: Stanza) -> None:
    [error] = answers(Outbound(NOON, "e", HERE, stanza))

    assert isinstance(error, Deliver)
    assert (error.sessions, error.rule) == ((HERE,), rules.SENT_TO_NO_OWNER)
    assert error.stanza.error is not None
    assert (error.stanza.error.condition, error.stanza.error.type.value) == (Condition.INTERNAL_SERVER_ERROR, "wait")
    assert str(error.stanza.to) == BALCONY


@pytest.mark.parametrize("stanza", [presence("unavailable"), presence("probe", MERCUTIO)], ids=said)
def test_a_client_of_another_part_need_not_know_what_it_does_not_miss(stanza: Stanza) -> None:
    assert answers(Outbound(NOON, "e", HERE, stanza)) == (Ignored(rules.NOT_OWNED),)


def test_a_client_s_answer_and_a_session_with_a_bad_resource_get_no_error() -> None:
    result = IQ(to(MERCUTIO), None, "i", "result", None, payload())

    assert answers(Outbound(NOON, "e", HERE, result)) == (Ignored(rules.SENT_TO_NO_OWNER),)
    assert answers(Outbound(NOON, "e", SessionId("", 1), chat(MERCUTIO, "words"))) == (Ignored(rules.NOT_OWNED),)


def test_a_session_of_an_account_of_another_part_is_closed() -> None:
    closed = EndSession(HERE, "internal-server-error", rules.BOUND_TO_NO_OWNER)

    assert answers(SessionBound(NOON, "e", HERE)) == (closed,)


def test_a_part_that_does_not_own_the_account_refuses_a_bind_request() -> None:
    house = hosting("montague.example", CAPULET, owns=lambda jid: jid == ROMEO)

    assert may_bind(house, JULIET, "balcony", Playhouse().policy) is Condition.INTERNAL_SERVER_ERROR
    assert may_bind(house, ROMEO, "orchard", Playhouse().policy) is None


def test_what_a_session_missed_is_processed_again_where_its_account_is() -> None:
    missed = Deliver(chat(BALCONY, "words", MERCUTIO), (HERE,), AS_IT_STANDS, rules.FORWARDED)
    push = Deliver(presence(None, JULIET, MERCUTIO), (HERE,), AS_IT_STANDS, rules.FORWARDED)
    again = (Route(missed.stanza, rules.FORWARDED),)

    assert answers(SessionEnded(NOON, "e", HERE, (push, missed))) == again
    assert answers(Undelivered(NOON, "e", missed, (HERE,))) == again
    assert answers(SessionEnded(NOON, "e", HERE)) == (Ignored(rules.NOT_OWNED),)


@pytest.mark.parametrize("stanza", [chat(JULIET, "words", MERCUTIO), presence("subscribe", JULIET, MERCUTIO)], ids=said)
def test_if_the_owner_is_not_reached_the_sender_may_try_again(stanza: Stanza) -> None:
    [error] = answers(Unroutable(NOON, "e", Route(stanza, rules.FORWARDED), Condition.REMOTE_SERVER_TIMEOUT))

    assert isinstance(error, Route)
    assert error.stanza.error is not None
    assert (error.stanza.error.condition, error.stanza.error.type.value) == (Condition.INTERNAL_SERVER_ERROR, "wait")
    assert (str(error.stanza.to), error.rule) == (MERCUTIO, rules.OWNER_UNREACHED)


def test_if_the_owner_is_not_reached_presence_and_errors_are_dropped() -> None:
    probe = Route(presence("probe", JULIET, MERCUTIO), rules.FORWARDED)
    bounce = Route(chat(JULIET, "words", MERCUTIO, "error"), rules.FORWARDED)
    own = Route(chat(MERCUTIO, "words", BALCONY), rules.FORWARDED)
    many = FanOut(presence(None, None, BALCONY), (MERCUTIO,), rules.FORWARDED)

    assert answers(Unroutable(NOON, "e", probe)) == (Ignored(rules.OWNER_UNREACHED_IGNORED),)
    assert answers(Unroutable(NOON, "e", bounce)) == (Ignored(rules.OWNER_UNREACHED),)
    assert answers(Unroutable(NOON, "e", own)) == (Ignored(rules.NOT_OWNED),)
    assert answers(Unroutable(NOON, "e", many)) == (Ignored(rules.NOT_OWNED),)


@in_one_test(
    "event",
    [
        TimePassed(NOON, "e"),
        AccountCreated(NOON, "e", "lineage"),
        AccountLoaded(NOON, "e", ()),
        LoadFailed(NOON, "e"),
        SharedItemsChanged(NOON, "e"),
        StoreFailed(NOON, "e", TimePassed(NOON, "d")),
    ],
    ids=lambda event: type(event).__name__,
)
def test_every_other_event_changes_nothing_and_tells_nobody(event: object) -> None:
    assert answers(event) == (Ignored(rules.NOT_OWNED),)


def test_a_failed_commit_gives_a_stanza_the_same_answer() -> None:
    message = chat(JULIET, "words", MERCUTIO)

    assert answers(StoreFailed(NOON, "e", Inbound(NOON, "d", message))) == (Route(message, rules.FORWARDED),)


def test_events_that_were_held_while_the_owner_changed_are_passed_on() -> None:
    house = hosting(CAPULET)
    message = chat(JULIET, "words", MERCUTIO)
    waiting = serve(house, ForAccount(JULIET, Inbound(NOON, "e1", message))).state

    served = serve(owning(waiting, lambda jid: False), ForAccount(JULIET, AccountLoaded(NOON, "e2", ())))

    assert [effect for _, effect in served.effects] == [Ignored(rules.NOT_OWNED), Route(message, rules.FORWARDED)]
    assert (served.state.held, served.state.accounts) == (house.held, house.accounts)


def test_what_a_service_owns_goes_with_it() -> None:
    def owns(jid: str) -> bool:
        return jid == ROMEO

    house = hosting(CAPULET, machine=carbons(PLAIN), owns=owns)
    served = serve(house, ForAccount(JULIET, TimePassed(NOON, "e")))

    assert served.state.owns is merged(house, served).owns is owns
    assert owning(house, None).owns is None
    assert load_service(dump(house), house.machine, owns) == house
