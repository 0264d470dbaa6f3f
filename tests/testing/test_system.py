"""Two systems side by side: alike where they do the same, and told apart by the shortest trace where not."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import Phase, given, settings

from tests.one_test import in_one_test
from xmpp_im_core.codec import parse_element, parse_stanza
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.testing import (
    USERS,
    Act,
    Connects,
    CoreSystem,
    Disconnects,
    GetsRoster,
    Observation,
    RemovesItem,
    SendsAvailable,
    SendsMessage,
    SendsPing,
    SendsSubscribe,
    SendsSubscribed,
    SendsUnavailable,
    SendsUnsubscribe,
    SendsUnsubscribed,
    SetsItem,
    comparing,
    differences,
    smallest_difference,
    traces,
    xml_of,
)
from xmpp_im_core.testing.normal_form import normal

JULIET, ROMEO = USERS
BALCONY, ORCHARD = f"{JULIET}/balcony", f"{ROMEO}/orchard"


slow = partial(pytest.param, marks=pytest.mark.slow)


def core() -> CoreSystem:
    return CoreSystem(*USERS)


def bouncing() -> CoreSystem:
    return CoreSystem(*USERS, policy=Policy(offline_messages=False))


class Deaf:
    """A server that loses what this act sends."""

    def __init__(self, lost: type[Act]) -> None:
        self.core = core()
        self.lost = lost

    def feed(self, act: Act) -> None:
        if not isinstance(act, self.lost):
            self.core.feed(act)

    def observe(self) -> Observation:
        return self.core.observe()


# --- acts -------------------------------------------------------------------------------------------------


@in_one_test(
    ("act", "xml"),
    [
        (GetsRoster(BALCONY), "<iq id='get' type='get'><query xmlns='jabber:iq:roster'/></iq>"),
        (
            SetsItem(BALCONY, ROMEO, "Romeo", ("Lovers",)),
            "<iq id='set' type='set'><query xmlns='jabber:iq:roster'>"
            f"<item jid='{ROMEO}' name='Romeo'><group>Lovers</group></item></query></iq>",
        ),
        (
            RemovesItem(BALCONY, ROMEO),
            "<iq id='remove' type='set'><query xmlns='jabber:iq:roster'>"
            f"<item jid='{ROMEO}' subscription='remove'/></query></iq>",
        ),
        (SendsSubscribe(BALCONY, ROMEO), f"<presence to='{ROMEO}' type='subscribe'/>"),
        (SendsSubscribed(BALCONY, ROMEO), f"<presence to='{ROMEO}' type='subscribed'/>"),
        (SendsUnsubscribe(BALCONY, ROMEO), f"<presence to='{ROMEO}' type='unsubscribe'/>"),
        (SendsUnsubscribed(BALCONY, ROMEO), f"<presence to='{ROMEO}' type='unsubscribed'/>"),
        (SendsAvailable(BALCONY, "away", -1), "<presence><show>away</show><priority>-1</priority></presence>"),
        (SendsAvailable(BALCONY, to=ORCHARD), f"<presence to='{ORCHARD}'/>"),
        (SendsUnavailable(BALCONY), "<presence type='unavailable'/>"),
        (SendsMessage(BALCONY, ROMEO, "chat", "O"), f"<message to='{ROMEO}' type='chat'><body>O</body></message>"),
        (SendsPing(BALCONY, ORCHARD), f"<iq id='ping' to='{ORCHARD}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"),
    ],
)
def test_an_act_is_what_the_client_writes(act: Act, xml: str) -> None:
    written = xml_of(act)

    assert written is not None
    assert parse_stanza(written) == parse_stanza(xml) == act.stanza()


@pytest.mark.parametrize("act", [Connects(BALCONY), Disconnects(BALCONY), Disconnects(BALCONY, clean=False)])
def test_arriving_and_leaving_are_not_stanzas(act: Act) -> None:
    assert xml_of(act) is None


# --- the normal form --------------------------------------------------------------------------------------


def stanza(xml: str) -> Stanza:
    return parse_stanza(xml)


@in_one_test(
    ("one", "other"),
    [
        ("<presence from='a@x/y' to='juliet@capulet.example'/>", f"<presence from='a@x/y' id='7' to='{BALCONY}'/>"),
        (
            f"<iq type='result' id='1' from='{JULIET}' to='{BALCONY}'/>",
            "<iq type='result' id='1'/>",
        ),
        (
            "<message type='error' from='a@x'><body>lost</body><error type='cancel' by='x'>"
            "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Sorry</text></error></message>",
            "<message type='error' from='a@x'><error type='modify'>"
            "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
        ),
        (
            "<iq type='set' id='1'><query xmlns='jabber:iq:roster' ver='a:1'><item jid='a@x' subscription='none'>"
            "<group>A</group><group>B</group></item></query></iq>",
            "<iq type='set' id='2'><query xmlns='jabber:iq:roster' ver='9'><item jid='a@x' name=''>"
            "<group>B</group><group>A</group></item></query></iq>",
        ),
        (
            "<presence type='unavailable' from='a@x'/>",
            "<presence type='unavailable' from='a@x'><status>Good night</status>"
            "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/></presence>",
        ),
    ],
)
def test_a_free_choice_makes_no_difference(one: str, other: str) -> None:
    assert normal(stanza(one), BALCONY) == normal(stanza(other), BALCONY)


@in_one_test(
    ("one", "other"),
    [
        ("<presence from='a@x/y'/>", "<presence from='a@x'/>"),
        ("<presence from='a@x/y'/>", "<presence from='a@x/y'><show>away</show></presence>"),
        (f"<message from='a@x' to='{JULIET}'/>", f"<message from='a@x' to='{BALCONY}'/>"),
        (
            "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@x' ask='subscribe'/></query></iq>",
            "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@x'/></query></iq>",
        ),
        (
            "<iq type='error' id='1'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
            "<iq type='error' id='1'><error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        ),
    ],
)
def test_a_relevant_change_makes_a_difference(one: str, other: str) -> None:
    assert normal(stanza(one), BALCONY) != normal(stanza(other), BALCONY)


# --- differences ------------------------------------------------------------------------------------------


@given(traces())
def test_the_core_behaves_like_itself(trace: tuple[Act, ...]) -> None:
    assert differences(core(), core(), trace, in_order=True) == ()


def test_what_differs_is_told_with_the_act_that_shows_it() -> None:
    trace = [Connects(BALCONY), GetsRoster(BALCONY), SendsMessage(BALCONY, ROMEO, body="O"), GetsRoster(BALCONY)]

    (difference,) = differences(core(), bouncing(), trace)

    assert (difference.number, difference.act, difference.where) == (2, trace[2], BALCONY)
    assert difference.model == ()
    (error,) = difference.system
    assert parse_element(error).get("type") == "error"


def test_a_roster_that_differs_is_told_of_its_owner() -> None:
    trace = [Connects(BALCONY), SetsItem(BALCONY, ROMEO)]

    (difference,) = differences(core(), Deaf(SetsItem), trace)[1:]

    assert difference.where == JULIET
    assert difference.system == ()


def test_an_order_counts_only_where_that_is_asked_for() -> None:
    class Backwards(CoreSystem):
        def observe(self) -> Observation:
            seen = super().observe()
            return Observation(
                FrozenMap({c: tuple(reversed(s)) for c, s in seen.received.items()}),
                seen.rosters,
            )

    trace = [Connects(BALCONY), GetsRoster(BALCONY), SetsItem(BALCONY, ROMEO)]

    assert differences(core(), Backwards(*USERS), trace) == ()
    assert [each.where for each in differences(core(), Backwards(*USERS), trace, in_order=True)] == [BALCONY]


# --- the search -------------------------------------------------------------------------------------------


def test_systems_that_behave_alike_are_not_told_apart() -> None:
    assert smallest_difference(core, core, examples=20) is None


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (lambda: Deaf(SendsPing), [Connects, SendsPing]),
        slow(lambda: Deaf(GetsRoster), [Connects, GetsRoster]),
        slow(bouncing, [Connects, SendsMessage]),
        slow(
            lambda: CoreSystem(*USERS, policy=Policy(pre_approval=PreApproval.UNSUPPORTED)), [Connects, SendsSubscribed]
        ),
        slow(lambda: Deaf(SendsUnsubscribe), [Connects, SendsSubscribe, SendsUnsubscribe]),
        slow(lambda: Deaf(RemovesItem), [Connects, RemovesItem]),
    ],
)
def test_the_shortest_trace_that_tells_two_systems_apart_is_found(other: object, expected: list[type]) -> None:
    assert callable(other)

    found = smallest_difference(core, other)

    assert found is not None
    assert [type(act) for act in found.acts] == expected
    assert found.differences == differences(core(), other(), found.acts)


def test_a_machine_compares_step_by_step() -> None:
    case = comparing(core, core).TestCase
    case.settings = settings(max_examples=5, stateful_step_count=10, deadline=None)

    case("runTest").runTest()


def test_a_machine_fails_with_what_differs() -> None:
    case = comparing(core, lambda: Deaf(GetsRoster)).TestCase
    case.settings = settings(max_examples=50, stateful_step_count=10, deadline=None, phases=[Phase.generate])

    with pytest.raises(AssertionError, match=r"act \d+, GetsRoster"):
        case("runTest").runTest()
