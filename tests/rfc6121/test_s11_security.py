"""A server must not leak presence, whatever is sent to it (RFC 6121 §11; RFC 6120 §13.10.2, §13.11).

Two runs that differ only in whether the user is there give an entity that may not know of it the same stanzas.
"""

from __future__ import annotations

import itertools
from datetime import timedelta

from tests.blocking.commands import block
from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    STATES,
    account,
    after,
    child,
    ended,
    following,
    iq,
    message,
    outbound,
    presence,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.policy import Audience, Policy
from xmpp_im_core.roster import SharedItem
from xmpp_im_core.server import (
    Account,
    AccountRemoved,
    AdministratorRemovedItem,
    Deliver,
    Event,
    FanOut,
    Inbound,
    NoAccount,
    Outbound,
    Route,
    SessionId,
    SharedItemsChanged,
    State,
    Step,
    TimePassed,
    reduce,
)
from xmpp_im_core.stanza import IQ, Message, Presence, Stanza

ORCHARD = f"{ROMEO}/orchard"
FULL = f"{JULIET}/balcony"
ASKED = element("query", "urn:example:x")
UNAUTHORISED = [name for name, state in STATES.items() if not state.from_]
POLICIES = [Policy(), Policy(served=Policy().served.set("urn:example:x", Audience.SUBSCRIBER))]
"""A service that stores nothing is not among them: it has to bounce what it cannot deliver (§8.5.2.2.1)."""

ONLINE = {"balcony": 0, "chamber": -1}


def scenes(state: str) -> list[Account]:
    """Return Juliet here and there, with resources of each sort and without."""
    contacts = {ROMEO: state, NURSE: "Both"}
    return [
        account(JULIET, contacts),
        account(JULIET, contacts, connected=("balcony",), interested=("chamber",)),
        account(JULIET, contacts, available={"balcony": -1}),
        account(JULIET, contacts, available=ONLINE),
        following(
            account(JULIET, contacts, available=ONLINE), outbound("available", "lobby@chat.example", by="balcony")
        ),
        following(account(JULIET, contacts, available=ONLINE), ended("balcony"), ended("chamber")),
    ]


def everything() -> list[Message | Presence | IQ]:
    """Return each type of each kind of stanza from Romeo, to the bare JID and to full ones."""
    found: list[Message | Presence | IQ] = []
    for to in (JULIET, FULL, f"{JULIET}/nowhere"):
        found += [message(type, ORCHARD, to) for type in ("normal", "chat", "groupchat", "headline", "error", "bogus")]
        found += [iq(type, ASKED, from_=ORCHARD, to=to) for type in ("get", "set", "result", "error", "bogus")]
        found += [presence(type, ORCHARD, to) for type in ("available", "unavailable", "probe", "error", "bogus")]
        found += [presence(type, ROMEO, to) for type in ("probe", "subscribed", "unsubscribe", "unsubscribed")]
    return found


def heard(step: Step) -> list[Stanza]:
    """Return what leaves for anybody but the user's own sessions."""
    for effect in step.effects:
        assert not isinstance(effect, FanOut), "a fan-out in answer to one stanza"
    return [effect.stanza for effect in step.effects if isinstance(effect, Route)]


@rfc6121("11", quote="MUST NOT leak the user's network availability to entities who are not authorized to know")
@in_one_test("sent", everything(), ids=lambda each: f"{each.KIND}-{each.type}-{each.to}-{each.from_}")
@in_one_test("state", UNAUTHORISED)
def test_an_entity_that_may_not_know_hears_the_same_whether_the_user_is_there_or_not(
    state: str, sent: Message | Presence | IQ
) -> None:
    for policy in POLICIES:
        answers = [heard(reduce(given, Inbound(AT, "seq", sent), policy)) for given in scenes(state)]

        assert answers[1:] == answers[:-1]


@rfc6121("8.1", quote="directory harvesting attack does not apply if a contact is known to")
@in_one_test("sent", everything(), ids=lambda each: f"{each.KIND}-{each.type}-{each.to}-{each.from_}")
def test_a_stranger_hears_the_same_of_a_user_who_does_not_exist(sent: Message | Presence | IQ) -> None:
    nobody: State = NoAccount(parse_jid(JULIET))
    for policy in POLICIES:
        of_nobody = heard(reduce(nobody, Inbound(AT, "seq", sent), policy))
        for given in (account(JULIET), account(JULIET, available=ONLINE)):
            assert heard(reduce(given, Inbound(AT, "seq", sent), policy)) == of_nobody


@rfc6121("11", quote="MUST NOT reveal the user's presence if the sender is an entity that is not authorized to")
@in_one_test("state", STATES)
def test_a_probe_reveals_presence_exactly_to_those_who_are_subscribed(state: str) -> None:
    given = account(JULIET, {ROMEO: state}, available=("balcony",))

    for to in (JULIET, FULL):
        answers = heard(reduce(given, Inbound(AT, "seq", presence("probe", ROMEO, to))))
        assert [answer.type for answer in answers] == ([None] if STATES[state].from_ else ["unsubscribed"])


@rfc6121("11", quote="such presence information is not sent to entities that are not authorized to know such")
@in_one_test("state", STATES)
def test_outbound_presence_reaches_no_one_who_is_not_authorised(state: str) -> None:
    given = account(JULIET, {ROMEO: state}, connected=("balcony",))
    said: list[str] = []
    for event in (
        outbound("available", by="balcony"),
        outbound("available", None, child("show", "away"), by="balcony"),
        outbound("unavailable", by="balcony"),
        outbound("available", by="balcony"),
        ended("balcony"),
    ):
        step = reduce(given, event)
        given = after(step)
        said += [each for each in told(step) if FULL in each and ROMEO in each]

    assert len(said) == (5 if STATES[state].from_ else 0)


@rfc6121("8.5.3.2.2", quote="the server MUST ignore the stanza")
@in_one_test("type", ["subscribed", "unsubscribe", "unsubscribed"])
@in_one_test("state", STATES)
def test_no_answer_to_a_subscription_stanza_to_a_full_jid_tells_whether_the_resource_is_there(
    state: str, type: str
) -> None:
    there = account(JULIET, {ROMEO: state}, available={"balcony": 0})
    sent = Inbound(AT, "seq", presence(type, ROMEO, FULL))

    answers = [stanza for stanza in heard(reduce(there, sent)) if stanza.type != "unavailable"]

    assert answers == []


# --- never an error to an error --------------------------------------------------------------------------------------


ERRORS = [
    kind
    for to in (JULIET, FULL, f"{JULIET}/nowhere")
    for kind in (
        message("error", ORCHARD, to),
        presence("error", ORCHARD, to),
        iq("error", child("error"), from_=ORCHARD, to=to),
        iq("result", from_=ORCHARD, to=to),
        IQ(presence(None, None, to).to, presence(None, ORCHARD, None).from_, None, "error"),
    )
]


@in_one_test("sent", ERRORS, ids=lambda each: f"{each.KIND}-{each.type}-{each.to}-{each.id}")
@in_one_test("state", ["None", "Both"])
def test_no_error_and_no_result_is_ever_answered(state: str, sent: Message | Presence | IQ) -> None:
    policies = [*POLICIES, Policy(offline_messages=False), Policy(messaging=False)]
    states: list[State] = [*scenes(state), *[each.blocking((ROMEO,)) for each in scenes(state)]]
    for policy, given in itertools.product(policies, [*states, NoAccount(parse_jid(JULIET))]):
        step = reduce(given, Inbound(AT, "seq", sent), policy)

        assert heard(step) == []
        assert [stanza for stanza in stanzas(step) if stanza != sent] == []


@in_one_test("sent", ERRORS[:5], ids=lambda each: f"{each.KIND}-{each.type}-{each.id}")
@in_one_test("to", [None, JULIET, ROMEO, "@example.org"])
def test_no_error_or_answer_that_the_user_sends_is_answered(to: str | None, sent: Message | Presence | IQ) -> None:
    unaddressed = presence(None, None, to).to
    stanza = type(sent)(unaddressed, None, sent.id, sent.type, None, sent.payload)
    given = account(JULIET, {ROMEO: "Both"}, available=("balcony",))

    for policy in (Policy(), Policy(messaging=False)):
        step = reduce(given, Outbound(AT, "seq", SessionId("balcony", 1), stanza), policy)
        assert [effect for effect in step.effects if isinstance(effect, Deliver)] == []


# --- how many others there are ----------------------------------------------------------------------------------------


def sent_to(step: Step, entity: str) -> list[Stanza]:
    """Return what reaches an entity, complete with the ids."""
    sent: list[Stanza] = []
    for effect in step.effects:
        if isinstance(effect, Route) and effect.stanza.to_jid == parse_jid(entity):
            sent.append(effect.stanza)
        elif isinstance(effect, FanOut) and entity in effect.recipients:
            sent.append(effect.stanza.stamped(to=parse_address(entity)))
    return sent


SHOWN = SharedItemsChanged(AT, "seq", (SharedItem(ROMEO, STATES["Both"]),))
HAPPENINGS: dict[str, Event] = {
    "the account is removed": AccountRemoved(AT, "seq"),
    "time passes": TimePassed(AT + timedelta(days=30), "seq"),
    "the contact is blocked": block(ROMEO),
    "the item is removed": AdministratorRemovedItem(AT, "seq", ROMEO),
    "the item is shown no more": SharedItemsChanged(AT, "seq"),
}


@rfc6121("11", quote="MUST NOT leak the user's network availability to entities who are not authorized to know")
@in_one_test("event", HAPPENINGS.values(), ids=HAPPENINGS)
def test_no_contact_learns_how_many_contacts_and_resources_there_are(event: Event) -> None:
    state = "None" if event == SharedItemsChanged(AT, "seq") else "From + Pending Out"
    others = {f"a{n}@example.net": "From + Pending Out" for n in range(5)}
    alone = account(JULIET, {ROMEO: state}, available=("balcony", "terrace"))
    among_many = account(
        JULIET, {**others, ROMEO: state}, connected=("atrium", "hall"), available=("balcony", "terrace")
    )
    if state == "None":
        alone, among_many = following(alone, SHOWN), following(among_many, SHOWN)

    heard = sent_to(reduce(alone, event), ROMEO)

    assert heard != []
    assert heard == sent_to(reduce(among_many, event), ROMEO)
    assert len({each.id for each in heard}) == len(heard)
