"""Last activity (XEP-0012), under the predicate of presence."""

from datetime import timedelta

from tests.one_test import in_one_test
from tests.rfc6121.conversation import AT, JULIET, MERCUTIO, ROMEO, STATES, account, iq, outbound, rfc6121, session
from xmpp_im_core.element import element
from xmpp_im_core.extensions import last_activity
from xmpp_im_core.extensions.last_activity import LAST
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import DEFAULT
from xmpp_im_core.server import (
    Account,
    Deliver,
    Inbound,
    NoAccount,
    Outbound,
    Route,
    SessionId,
    State,
    Visibility,
    visibility,
)
from xmpp_im_core.server.accounts.machine import PLAIN
from xmpp_im_core.stanza import IQ, Stanza

MACHINE = last_activity(PLAIN)
ASKED = element("query", LAST)


def away(contacts: dict[str, str], status: str | None = None) -> State:
    """Romeo, who left at AT."""
    state: State = account(ROMEO, contacts, available=("foo",))
    children = [] if status is None else [element("status", "jabber:client", {}, [status])]
    return MACHINE.reduce(state, outbound("unavailable", None, *children), DEFAULT).state


def asks(state: State, sender: str, type: str = "get", to: str = ROMEO, after: timedelta = timedelta()) -> Stanza:
    event = Inbound(AT + after, "seq", iq(type, ASKED, from_=sender, to=to))
    (effect,) = MACHINE.reduce(state, event, DEFAULT).effects
    assert isinstance(effect, Route | Deliver)
    return effect.stanza


def answer(stanza: Stanza) -> str:
    if stanza.error is not None:
        return stanza.error.condition.value
    query = stanza.payload.first("query", LAST)
    assert query is not None
    return f"{query.get('seconds')} {query.text}".strip()


@in_one_test("state", STATES)
def test_only_subscribers_are_told(state: str) -> None:
    expected = "90" if STATES[state].from_ else "service-unavailable"

    assert answer(asks(away({JULIET: state}), f"{JULIET}/balcony", after=timedelta(seconds=90))) == expected


def test_the_status_with_which_the_user_left_is_told() -> None:
    left = away({JULIET: "From"}, "Farewell!")

    assert answer(asks(left, f"{JULIET}/balcony", after=timedelta(days=1, microseconds=1))) == "86400 Farewell!"


def test_a_user_who_is_available_was_active_now() -> None:
    here = account(ROMEO, {JULIET: "From"}, available=("foo",))

    assert answer(asks(here, f"{JULIET}/balcony", after=timedelta(days=1))) == "0"


def test_a_user_who_never_was_available_has_no_last_activity() -> None:
    assert answer(asks(account(ROMEO, {JULIET: "From"}), f"{JULIET}/balcony")) == "service-unavailable"


def test_an_entity_that_got_only_directed_presence_is_not_told_of_the_account() -> None:
    state = MACHINE.reduce(account(ROMEO, available=("foo",)), outbound(None, f"{MERCUTIO}/x"), DEFAULT).state

    assert answer(asks(state, f"{MERCUTIO}/x")) == "service-unavailable"


def test_an_entity_that_may_not_know_cannot_tell_online_from_offline() -> None:
    here = account(ROMEO, {JULIET: "To"}, available=("foo",))

    assert asks(here, JULIET) == asks(away({JULIET: "To"}), JULIET)


@rfc6121("8.5.1", quote="For an IQ stanza, the server MUST return a <service-unavailable/> stanza error")
@in_one_test("state", [name for name in STATES if not STATES[name].from_])
def test_an_entity_that_may_not_know_cannot_tell_whether_an_account_exists(state: str) -> None:
    assert asks(away({JULIET: state}), JULIET) == asks(NoAccount(parse_jid(ROMEO)), JULIET)


def test_a_blocked_subscriber_is_refused_by_the_account_itself() -> None:
    left = away({JULIET: "Both"})
    assert isinstance(left, Account)

    assert answer(asks(left.blocking((JULIET,)), JULIET)) == "service-unavailable"


def test_the_own_client_asks_for_its_own_account() -> None:
    state = account(ROMEO, available=("foo",))

    (effect,) = MACHINE.reduce(state, Outbound(AT, "seq", SessionId("foo", 1), iq("get", ASKED)), DEFAULT).effects

    assert isinstance(effect, Deliver)
    assert answer(effect.stanza) == "0"


def test_it_cannot_be_set() -> None:
    assert answer(asks(account(ROMEO, {JULIET: "From"}), JULIET, "set")) == "bad-request"


def test_the_client_answers_a_request_to_its_full_jid_from_a_sender_that_may_see_it() -> None:
    state = account(ROMEO, {JULIET: "From"}, available=("foo",))
    event = Inbound(AT, "seq", iq("get", ASKED, from_=f"{JULIET}/balcony", to=f"{ROMEO}/foo"))

    (effect,) = MACHINE.reduce(state, event, DEFAULT).effects

    assert isinstance(effect, Deliver)
    assert effect.stanza is event.stanza
    assert answer(asks(state, f"{MERCUTIO}/x", to=f"{ROMEO}/foo")) == "service-unavailable"


def test_the_answer_agrees_with_the_predicate() -> None:
    state = account(ROMEO, {JULIET: "From", MERCUTIO: "To"}, available=("foo",))
    for jid in (JULIET, MERCUTIO):
        asked = iq("get", ASKED, from_=jid, to=ROMEO)
        assert isinstance(asked, IQ)
        assert asked.from_jid is not None
        seen = visibility(state, asked.from_jid, session(ROMEO, "foo")) is Visibility.SUBSCRIBED
        assert (answer(asks(state, jid)) == "0") is seen
