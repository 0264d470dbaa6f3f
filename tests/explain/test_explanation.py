"""Which clause sent this stanza to whom, and why there was silence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

from attrs import evolve
from hypothesis import given

from xmpp_im_core.event import Decision
from xmpp_im_core.explain import Explanation, Reason, explain, explain_served, explain_step
from xmpp_im_core.explain.words import EFFECT_WORDS, EVENT_WORDS, event_in_words
from xmpp_im_core.extensions import carbons
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import address_of, parse_address, parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.roster import Contact, RosterHead, roster_of
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules.delivery import MESSAGE_TO_CONNECTED
from xmpp_im_core.server.accounts.machine import PLAIN
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import AS_IT_STANDS, Deliver, Effect, FanOut
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountRemoved,
    Event,
    Inbound,
    LoadFailed,
    OfflineLoaded,
    Outbound,
    SessionDetached,
    SessionEnded,
    Unroutable,
)
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import hosting, serve
from xmpp_im_core.server.state import Account, NoAccount, Session, SessionId, State
from xmpp_im_core.server.visibility import DIRECTED, SELF, SUBSCRIBED
from xmpp_im_core.stanza import Condition, Message, Presence
from xmpp_im_core.subscription import Subscription
from xmpp_im_core.testing.event_strategies import MAKERS, steps
from xmpp_im_core.testing.state_strategies import JULIET

NOON = datetime(2026, 7, 12, 12, 0, tzinfo=UTC)
BALCONY = SessionId("balcony", 7)
ROMEO = "romeo@montague.example"


def balcony(*directed: str) -> Session:
    full = address_of(JULIET.with_resource("balcony"))
    return Session(BALCONY, full, None, True, Presence(from_=full), 0, directed)


def account(*contacts: Contact, sessions: tuple[Session, ...] = ()) -> Account:
    head = RosterHead("l1", len(contacts), 0)
    return Account(JULIET, roster_of(head, {contact.jid: contact for contact in contacts}), sessions)


def sends(type: str | None, to: str | None = None) -> Outbound:
    return Outbound(NOON, "e1", BALCONY, Presence(None if to is None else parse_address(to), type=type))


def reasons(explanation: Explanation) -> list[tuple[str, tuple[Reason, ...]]]:
    return [(explained.what, explained.reasons) for explained in explanation.sent if explained.reasons]


def test_each_recipient_of_presence_is_given_the_reason_that_it_may_see_it() -> None:
    tybalt = "tybalt@capulet.example"
    juliet = account(
        Contact(ROMEO, Subscription.BOTH, version=1),
        Contact("nurse@capulet.example", Subscription.TO, version=2),
        sessions=(balcony(ROMEO, tybalt),),
    )

    explanation = explain(juliet, sends("unavailable"))

    gone = 'presence of type "unavailable" from juliet@capulet.example/balcony'
    assert reasons(explanation) == [
        (f"fan out {gone}", (Reason(SUBSCRIBED, False, (ROMEO,)),)),
        (f"fan out {gone}", (Reason(DIRECTED, False, (tybalt,)),)),
        (f"deliver {gone} to juliet@capulet.example", (Reason(SELF, False, ("juliet@capulet.example",)),)),
    ]


def test_who_may_see_presence_only_since_this_step_is_told_from_those_who_might_before() -> None:
    request = Presence(parse_address("juliet@capulet.example"), parse_address(ROMEO), "s1", "subscribe")
    juliet = account(Contact(ROMEO, Subscription.NONE_IN, listed=False, request=request), sessions=(balcony(),))

    explanation = explain(juliet, sends("subscribed", ROMEO))

    assert reasons(explanation) == [
        (
            f"route presence from juliet@capulet.example/balcony to {ROMEO}",
            (Reason(SUBSCRIBED, True, (ROMEO,)),),
        )
    ]
    assert explanation.changed == (
        f"{ROMEO}: None + Pending In, not in the roster becomes From",
        "the roster's version 1 becomes 2",
    )


def test_a_stanza_that_reveals_nothing_needs_no_reason() -> None:
    juliet = account(Contact(ROMEO, Subscription.TO, version=1), sessions=(balcony(),))
    to = parse_address("juliet@capulet.example")

    heard = explain(juliet, Inbound(NOON, "e1", Presence(to, parse_address(f"{ROMEO}/orchard"))))
    probed = explain(juliet, Inbound(NOON, "e1", Presence(to, parse_address("paris@verona.example"), type="probe")))

    assert reasons(heard) == []
    assert reasons(probed) == []


def test_every_effect_names_its_rule_with_the_sentence_and_the_sections() -> None:
    juliet = account(Contact(ROMEO, Subscription.NONE_OUT, version=1), sessions=(balcony(),))
    approval = Presence(parse_address("juliet@capulet.example"), parse_address(ROMEO), type="subscribed")

    delivered, pushed = explain(juliet, Inbound(NOON, "e1", approval)).sent

    assert (delivered.rule.name, delivered.to) == ("A.3.3:None + Pending Out", ("balcony#7",))
    assert delivered.rule.says.startswith(
        "The server delivers an inbound subscribed only if the user's request is pending out"
    )
    assert "6121-3.1.6-02" in delivered.rule.requirements
    assert delivered.rule.section == "RFC 6121 §A.3.3"
    assert "RFC 6121 §3.1.6" in delivered.rule.sections
    assert pushed.what == 'deliver IQ of type "set" (query in jabber:iq:roster), addressed to each full JID'


def test_a_silence_is_explained_like_everything_else() -> None:
    juliet = account(sessions=(balcony(),))
    approval = Presence(parse_address("juliet@capulet.example"), parse_address(ROMEO), type="subscribed")

    explanation = explain(juliet, Inbound(NOON, "e1", approval))

    (silence,) = explanation.sent
    assert (silence.what, silence.to, silence.rule.name) == ("send nothing", (), "A.3.3:None")
    assert (explanation.changed, explanation.stored, explanation.forgotten) == ((), (), ())


def test_what_is_stored_and_what_is_forgotten_is_said() -> None:
    juliet = account(sessions=(balcony(),))
    request = Presence(parse_address("juliet@capulet.example"), parse_address(ROMEO), "s1", "subscribe")
    message = Message(parse_address("juliet@capulet.example"), parse_address(ROMEO))

    asked = explain(juliet, Inbound(NOON, "e1", request))
    flushed = explain(juliet, OfflineLoaded(NOON, "e2", BALCONY, (("m1", message), ("m2", message))))

    assert asked.stored == (f"put contact {ROMEO}: None + Pending In, not in the roster",)
    assert flushed.forgotten == ("delete offline m1", "delete offline m2")


def test_a_step_that_was_taken_already_is_explained_without_taking_it_again() -> None:
    juliet = account(sessions=(balcony(),))

    step = reduce(juliet, sends(None))

    assert explain_step(juliet, sends(None), step) == explain(juliet, sends(None))


def test_the_policy_of_the_step_is_the_policy_of_the_explanation() -> None:
    message = Message(parse_address("juliet@capulet.example"), parse_address(ROMEO), type="chat")

    stored = explain(account(), Inbound(NOON, "e1", message))
    bounced = explain(account(), Inbound(NOON, "e1", message), Policy(offline_messages=False))

    assert [each.what for each in stored.sent] == ["send nothing"]
    assert [each.what for each in bounced.sent] == [
        f'route message of type "error" from juliet@capulet.example to {ROMEO}'
    ]


def test_extensions_are_explained_with_their_machine() -> None:
    machine = carbons(PLAIN)
    state = machine.start(JULIET)

    explanation = explain(state, AccountRemoved(NOON, "e1"), DEFAULT, machine)

    assert explanation.jid == "juliet@capulet.example"
    assert [explained.rule.name for explained in explanation.sent] == ["account:none"]


def test_a_service_explains_the_step_of_each_account_in_turn() -> None:
    accounts: FrozenMap[State] = FrozenMap(
        {
            jid.bare: Account(
                jid,
                roster_of(RosterHead("l1", 0, 0), {}),
                (Session(BALCONY, address_of(jid.with_resource("balcony"))),),
            )
            for jid in (JULIET, parse_jid(ROMEO))
        }
    )
    service = evolve(hosting("capulet.example", "montague.example"), accounts=accounts)

    explained = explain_served(service, ForAccount("juliet@capulet.example", sends("subscribe", ROMEO)))

    assert [step.jid for step in explained] == ["juliet@capulet.example", ROMEO]
    assert explained[0].changed == (f"{ROMEO}: unknown becomes None + Pending Out", "the roster's version 0 becomes 1")
    assert explained[1].changed == ("juliet@capulet.example: unknown becomes None + Pending In, not in the roster",)


def test_an_account_that_waits_has_nothing_to_explain() -> None:
    service = hosting("capulet.example")
    loading = serve(service, ForAccount("juliet@capulet.example", sends(None))).state

    assert explain_served(loading, ForAccount("juliet@capulet.example", sends(None))) == ()


@given(steps())
def test_every_step_can_be_explained(step: tuple[State, Event]) -> None:
    state, event = step

    explanation = explain(state, event)

    assert [explained.effect for explained in explanation.sent] == list(reduce(state, event).effects)
    assert explanation.jid == state.jid.bare
    assert all(line.isprintable() for line in str(explanation).split("\n"))


def test_there_are_words_for_every_event_and_effect() -> None:
    assert set(EVENT_WORDS) == set(get_args(Event)) == set(MAKERS)
    assert set(EFFECT_WORDS) == set(get_args(Effect))


def test_what_could_not_be_routed_is_said_with_whom_it_did_not_reach() -> None:
    presence = Presence(None, parse_address("juliet@capulet.example/balcony"))
    fan_out = FanOut(presence, (ROMEO, "nurse@capulet.example"), Rule("test", "It tests.", ("6121-4.2.2-01",)))

    words = event_in_words(Unroutable(NOON, "e1", fan_out, Condition.REMOTE_SERVER_TIMEOUT, (ROMEO,)))

    assert words == (
        "could not be routed (remote-server-timeout): presence from juliet@capulet.example/balcony, for " + ROMEO
    )


def test_an_account_that_comes_goes_or_cannot_be_loaded_is_a_change() -> None:
    nobody = NoAccount(JULIET)

    created = explain(nobody, AccountCreated(NOON, "e1", "l1"))
    removed = explain(account(), AccountRemoved(NOON, "e1"))
    failed = explain(nobody, LoadFailed(NOON, "e1"))

    assert created.changed == ("the account is there",)
    assert created.stored == ("put roster: version 0 of lineage l1",)
    assert removed.changed == ("there is no account",)
    assert failed.changed == ("what the account holds is unknown",)


def test_a_pre_approval_is_a_change_of_the_contact() -> None:
    juliet = account(Contact(ROMEO, Subscription.NONE, version=1), sessions=(balcony(),))

    explanation = explain(juliet, sends("subscribed", ROMEO))

    assert explanation.changed[0] == f"{ROMEO}: None becomes None, pre-approved"


def test_a_decision_and_stanzas_lost_are_said_with_the_event() -> None:
    message = Message(parse_address("juliet@capulet.example"), parse_address(ROMEO))
    request = Presence(parse_address("juliet@capulet.example"), parse_address(ROMEO), type="subscribe")

    decided = event_in_words(Inbound(NOON, "e1", request, Decision.DENY))
    lost = Deliver(message, (BALCONY,), AS_IT_STANDS, MESSAGE_TO_CONNECTED)
    ended = event_in_words(SessionEnded(NOON, "e1", BALCONY, (lost,)))

    assert decided == (
        f'arrived: presence of type "subscribe" from {ROMEO} to juliet@capulet.example; '
        "the service's decision is to deny"
    )
    assert ended == "session balcony#7 ended, with 1 stanzas undelivered"


def test_a_stream_that_may_be_resumed_is_shown_as_detached() -> None:
    given = account(sessions=(balcony(),))

    text = str(explain(given, SessionDetached(NOON, "e1", BALCONY)))

    assert "is available with priority 0, interested, detached" in text
