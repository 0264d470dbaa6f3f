"""An entity that may not see a user's presence cannot find it out (RFC 6121 §8.1, §11; RFC 6120 §13.10.2, §13.11).

Two runs differ in one thing: in the first the user comes, shows presence, and goes; in the second nobody is
ever there. An entity that is not authorised sends the same to both, and must get the same from both.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_core.element import element
from xmpp_im_core.extensions import last_activity
from xmpp_im_core.extensions.last_activity import LAST
from xmpp_im_core.jid import Address, parse_address, parse_jid
from xmpp_im_core.policy import DEFAULT, ForeignRosterSet, Policy
from xmpp_im_core.server.accounts.machine import PLAIN
from xmpp_im_core.server.effects import FanOut, Route, Step
from xmpp_im_core.server.events import (
    Event,
    Inbound,
    Outbound,
    SessionBound,
    SessionDetached,
    SessionEnded,
    SessionResumed,
    StoreFailed,
)
from xmpp_im_core.server.state import Account, NoAccount, SessionId, State
from xmpp_im_core.server.visibility import Visibility, visibility
from xmpp_im_core.stanza import CLIENT, EMPTY, IQ, PRESENCE_TYPES, Message, Presence, Stanza, payload
from xmpp_im_core.testing.draw import choose
from xmpp_im_core.testing.draw_stanzas import draw_arriving
from xmpp_im_core.testing.state_strategies import ENTITIES, JULIET, NOON, PRESENCE_PAYLOADS, RESOURCES, accounts

STRANGER: Final = "stranger@unknown.example"
OWN: Final = (JULIET.bare, *[f"{JULIET.bare}/{resource}" for resource in RESOURCES], f"{JULIET.bare}/nowhere")

Trace = tuple[Event, ...]


def unauthorised(account: Account) -> list[str]:
    """Who may not see the user's presence, and has no approval that waits for a request; those who ask, twice."""
    contacts = account.roster.contacts
    return [
        entity
        for entity in (STRANGER, *ENTITIES, *account.roster.pending)
        if visibility(account, parse_jid(entity), None) is Visibility.NONE
        and not (entity in contacts and contacts[entity].approved)
    ]


def address(text: str) -> Address:
    parsed = parse_address(text)
    assert isinstance(parsed, Address)
    return parsed


BODY: Final = payload(element("body", CLIENT, {}, ["Art thou there?"]))
ASKED: Final = payload(element("ping", "urn:xmpp:ping"))
LAST_ASKED: Final = payload(element("query", LAST))


def inquiries(to: Address, sender: Address) -> tuple[Stanza, ...]:
    """The stanzas by which one may hope to find out whether somebody is there."""
    presence = [Presence(to, sender, "i", type) for type in (*sorted(PRESENCE_TYPES), None, "invisible")]
    messages = [Message(to, sender, "i", type, None, BODY) for type in ("chat", "normal", "groupchat", "headline")]
    iqs = [IQ(to, sender, "i", type, None, asked) for type in ("get", "set") for asked in (ASKED, LAST_ASKED, EMPTY)]
    return (*presence, *messages, *iqs, IQ(to, sender, None, "get", None, ASKED))


def sent_by(draw: st.DrawFn, entity: str, state: Account) -> Stanza:
    """A stanza from the entity to one of the user's addresses, be it bare, full, of a resource that is there or not."""
    sender = address(entity + choose(draw, ("", "/balcony", "/x")))
    there = [session.address for session in state.sessions]
    to = choose(draw, (state.address, *there, *map(address, OWN)))
    if choose(draw, (True, True, False)):
        return choose(draw, inquiries(to, sender))
    return draw_arriving(draw, state).stamped(from_=sender, to=to)


def life(draw: st.DrawFn, number: int) -> Event:
    """Something that the user's own clients do, and that is nobody else's business but the subscribers'."""
    at, seq = NOON + timedelta(seconds=number), f"own{number}"
    session = SessionId(choose(draw, RESOURCES), choose(draw, (0, 1, 2, 7)))
    kinds: tuple[type[SessionBound | SessionEnded | SessionDetached | SessionResumed] | None, ...] = (
        None,
        None,
        SessionBound,
        SessionEnded,
        SessionDetached,
        SessionResumed,
    )
    kind = choose(draw, kinds)
    if kind is not None:
        return kind(at, seq, session)
    content = choose(draw, PRESENCE_PAYLOADS)
    return Outbound(at, seq, session, Presence(type=choose(draw, (None, None, "unavailable")), payload=content))


ALONE: Final = "alone"
"""Storage fails, and this event has a separate commit."""
TOGETHER: Final = "together"
"""Storage fails, and this event was held with others, whose commit it shares."""


def is_theirs(event: Event) -> bool:
    return isinstance(event.event if isinstance(event, StoreFailed) else event, Inbound)


def is_withdrawal(event: Event) -> bool:
    event = event.event if isinstance(event, StoreFailed) else event
    return isinstance(event, Inbound) and isinstance(event.stanza, Presence) and event.stanza.type == "unsubscribe"


def is_request_not_stored(event: Event) -> bool:
    """Whether storage failed for a request, which is answered with an error: else it would be lost in silence."""
    return (
        isinstance(event, StoreFailed) and isinstance(event.event, Inbound) and event.event.stanza.type == "subscribe"
    )


@st.composite
def attempts(draw: st.DrawFn, account: Account, entity: str) -> Trace:
    """What the entity sends, in the midst of what the user does."""
    happened: list[Event] = []
    for number in range(choose(draw, range(1, 13))):
        if choose(draw, (True, True, False)):
            at = NOON + timedelta(seconds=number)
            sent = Inbound(at, f"theirs{number}", sent_by(draw, entity, account))
            happened.append(sent)
            failing = choose(draw, (None, None, ALONE, TOGETHER))
            if failing is not None:
                happened[-1] = StoreFailed(at, f"{failing}{number}", sent)
        else:
            happened.append(life(draw, number))
    return tuple(happened)


MACHINE: Final = last_activity(PLAIN)


def happens(state: State, event: Event, policy: Policy) -> Step:
    """Take an event. Where storage fails, it matters to what is to be stored alone, unless others share its fate."""
    if isinstance(event, StoreFailed) and event.seq.startswith(ALONE):
        step = MACHINE.reduce(state, event.event, policy)
        if not step.store:
            return step
    return MACHINE.reduce(state, event, policy)


def got(state: State, trace: Trace, entity: str, policy: Policy = DEFAULT) -> list[Stanza]:
    """Return all that the entity is sent in the course of a trace, storage failing now and then as the trace says.

    But for probes: the RFC has a server probe the contacts whose presence the user may see (§4.3.1). They ask the
    contact's server, and no client of the contact ever sees one.
    """
    received: list[Stanza] = []
    for event in trace:
        step = happens(state, event, policy)
        state = step.state
        for effect in step.effects:
            if isinstance(effect, Route) and effect.stanza.to_jid is not None:
                if effect.stanza.to_jid.bare == entity:
                    received.append(effect.stanza)
            elif isinstance(effect, FanOut):
                told = [each for each in effect.recipients if parse_jid(each).bare == entity]
                received += [effect.stanza.stamped(to=address(each)) for each in told]
    return [stanza for stanza in received if stanza.type != "probe"]


def without_life(trace: Trace) -> Trace:
    return tuple([event for event in trace if is_theirs(event)])


@given(accounts(), st.data())
def test_an_entity_that_may_not_see_the_user_does_not_learn_whether_the_user_is_online(
    account: Account, data: st.DataObject
) -> None:
    entity = data.draw(st.sampled_from(unauthorised(account)))
    trace = data.draw(attempts(account, entity))

    assert got(account, trace, entity) == got(account.with_sessions(()), without_life(trace), entity)


@given(accounts(), st.data())
def test_when_the_user_was_there_last_is_hidden_too(account: Account, data: st.DataObject) -> None:
    entity = data.draw(st.sampled_from(unauthorised(account)))
    trace = data.draw(attempts(account, entity))
    never_there = evolve(account.with_sessions(()), last_unavailable=None, moved=None)

    assert got(account, trace, entity) == got(never_there, without_life(trace), entity)


@given(accounts(), st.data())
def test_which_of_the_resources_are_there_is_hidden_too(account: Account, data: st.DataObject) -> None:
    entity = data.draw(st.sampled_from(unauthorised(account)))
    trace = data.draw(attempts(account, entity))
    some = account.with_sessions(account.sessions[:1])

    assert got(account, trace, entity) == got(some, trace, entity)


HIDING: Final = evolve(DEFAULT, foreign_roster_set=ForeignRosterSet.HIDDEN)


@given(accounts(), st.data())
def test_whether_an_account_exists_is_hidden_from_strangers_where_the_policy_says_so(
    account: Account, data: st.DataObject
) -> None:
    """Except an "unsubscribe": by Table A.3.2 the server answers it if a request waits, and an account that does not
    exist has no request. Except, too, a request that could not be stored.
    """
    trace = data.draw(attempts(account, STRANGER))
    trace = tuple([event for event in trace if not is_withdrawal(event) and not is_request_not_stored(event)])

    there = got(account, trace, STRANGER, HIDING)

    assert there == got(NoAccount(JULIET), without_life(trace), STRANGER, HIDING)


@given(accounts(), st.data())
def test_messages_bounce_alike_for_absent_and_for_missing_users(account: Account, data: st.DataObject) -> None:
    bouncing = evolve(HIDING, offline_messages=False)
    trace = without_life(data.draw(attempts(account, STRANGER)))
    trace = tuple([event for event in trace if not is_withdrawal(event) and not is_request_not_stored(event)])

    absent = got(account.with_sessions(()), trace, STRANGER, bouncing)

    assert absent == got(NoAccount(JULIET), trace, STRANGER, bouncing)


def is_probe(event: Event) -> bool:
    event = event.event if isinstance(event, StoreFailed) else event
    return isinstance(event, Inbound) and isinstance(event.stanza, Presence) and event.stanza.type == "probe"


@given(accounts(), st.data())
def test_a_blocked_entity_cannot_tell_whether_the_account_exists(account: Account, data: st.DataObject) -> None:
    """But for a probe: XEP-0191 §3.3 wants it to be ignored, where one of nobody's is answered like a stranger's."""
    entity = data.draw(st.sampled_from((STRANGER, *ENTITIES)))
    blocking = account.blocking(tuple(sorted({*account.blocked, entity})))
    trace = tuple([event for event in data.draw(attempts(account, entity)) if not is_probe(event)])

    assert got(blocking, trace, entity) == got(NoAccount(JULIET), without_life(trace), entity)
