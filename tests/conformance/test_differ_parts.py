"""What counts as a difference, when two of them are the same, and what is left of a trace."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from xmpp_im_conformance.differ.choices import CHOICES, Choices
from xmpp_im_conformance.differ.likeness import Likeness, is_known
from xmpp_im_conformance.differ.ordering import disorder
from xmpp_im_conformance.differ.shrinking import shrunk
from xmpp_im_core.codec import parse_element, parse_stanza
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.testing import (
    REMOTE,
    USERS,
    Act,
    Connects,
    Difference,
    Disconnects,
    ModelAct,
    Observation,
    RemovesItem,
    SendsAvailable,
    SendsMessage,
    SendsProbe,
    SendsSubscribe,
    SendsSubscribed,
    SendsUnsubscribe,
    SetsItem,
    observation,
)

JULIET, ROMEO = USERS
BALCONY, ORCHARD, FOO = f"{JULIET}/balcony", f"{JULIET}/orchard", f"{ROMEO}/foo"
WARD = f"nurse@{REMOTE}/ward"


def seen(at: str, *stanzas: str) -> Observation:
    return observation({at: [parse_stanza(xml) for xml in stanzas]})


def push(jid: str, subscription: str) -> str:
    item = f"<item jid='{jid}' subscription='{subscription}'/>"
    return f"<iq type='set' id='p'><query xmlns='jabber:iq:roster'>{item}</query></iq>"


def overlooked(says: str, act: Act, at: str, xml: str, subscription: str | None = None) -> bool:
    """Whether a choice takes this stanza out of the comparison."""
    (choice,) = [each for each in CHOICES if each.says == says]
    query = parse_element(
        "<query xmlns='jabber:iq:roster'>"
        + ("" if subscription is None else f"<item jid='{JULIET}' subscription='{subscription}'/>")
        + "</query>"
    )
    stored = FrozenMap({ROMEO: query})
    scene = ModelAct(act, stored, stored, frozenset({BALCONY}))
    return not (Choices() + choice).counted(seen(at, xml), scene).received


UNAVAILABLE = f"<presence from='{ROMEO}' type='unavailable'/>"
FULL_UNAVAILABLE = f"<presence from='{FOO}' type='unavailable'/>"
UNSUBSCRIBED = f"<presence from='{ROMEO}' type='unsubscribed'/>"
ERROR = (
    f"<message from='{FOO}' type='error'><error type='cancel'>"
    "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
)


@in_one_test(
    ("says", "act", "at", "xml", "subscription", "expected"),
    [
        ("acknowledges requests", SendsSubscribe(BALCONY, ROMEO), BALCONY, UNAVAILABLE, None, True),
        ("acknowledges requests", SendsSubscribe(BALCONY, ROMEO), BALCONY, FULL_UNAVAILABLE, None, False),
        ("acknowledges requests", SendsUnsubscribe(BALCONY, ROMEO), BALCONY, UNAVAILABLE, None, False),
        (
            "sends presence to subscribers who ask again",
            SendsSubscribe(BALCONY, ROMEO),
            BALCONY,
            f"<presence from='{FOO}'/>",
            "from",
            True,
        ),
        (
            "sends presence to subscribers who ask again",
            SendsSubscribe(BALCONY, ROMEO),
            BALCONY,
            f"<presence from='{FOO}'/>",
            "to",
            False,
        ),
        (
            "sends presence to subscribers who ask again",
            SendsSubscribe(BALCONY, ROMEO),
            BALCONY,
            f"<presence from='{FOO}'/>",
            None,
            False,
        ),
        (
            "pushes to resources that have not asked for the roster",
            SetsItem(BALCONY, ROMEO),
            ORCHARD,
            push(ROMEO, "none"),
            None,
            True,
        ),
        (
            "pushes to resources that have not asked for the roster",
            SetsItem(BALCONY, ROMEO),
            BALCONY,
            push(ROMEO, "none"),
            None,
            False,
        ),
        ("tells them of approvals and cancellations", SendsSubscribed(FOO, JULIET), ORCHARD, UNSUBSCRIBED, None, True),
        ("tells them of approvals and cancellations", SendsSubscribed(FOO, JULIET), BALCONY, UNSUBSCRIBED, None, False),
        ("tells them of approvals and cancellations", SendsSubscribed(FOO, JULIET), REMOTE, UNSUBSCRIBED, None, False),
        (
            "sends unanswered requests again",
            SendsAvailable(BALCONY),
            REMOTE,
            f"<presence from='{JULIET}' type='subscribe'/>",
            None,
            True,
        ),
        (
            "sends unanswered requests again",
            SendsAvailable(BALCONY),
            BALCONY,
            f"<presence from='{ROMEO}' type='subscribe'/>",
            None,
            False,
        ),
        (
            "answers messages to a missing resource differently",
            SendsMessage(BALCONY, FOO, "headline"),
            BALCONY,
            ERROR,
            None,
            True,
        ),
        (
            "answers messages to a missing resource differently",
            SendsMessage(BALCONY, FOO, "chat"),
            BALCONY,
            ERROR,
            None,
            False,
        ),
        (
            "answers messages to a missing resource differently",
            SendsMessage(BALCONY, ROMEO, "headline"),
            BALCONY,
            ERROR,
            None,
            False,
        ),
        ("pushes differently if nothing changes", SetsItem(FOO, JULIET), FOO, push(JULIET, "from"), "from", True),
        ("answers probes for absent users differently", SendsProbe(WARD, ROMEO), REMOTE, UNAVAILABLE, None, True),
        ("answers probes for absent users differently", SendsProbe(WARD, ROMEO), REMOTE, FULL_UNAVAILABLE, None, False),
        ("answers probes of unauthorised users differently", SendsProbe(WARD, ROMEO), REMOTE, UNSUBSCRIBED, None, True),
        (
            "answers probes of unauthorised users differently",
            SendsSubscribe(WARD, ROMEO),
            REMOTE,
            UNSUBSCRIBED,
            None,
            False,
        ),
        (
            "shows a new resource the other ones differently",
            SendsAvailable(BALCONY),
            BALCONY,
            f"<presence from='{ORCHARD}'/>",
            None,
            True,
        ),
        (
            "shows a new resource the other ones differently",
            SendsAvailable(BALCONY),
            BALCONY,
            f"<presence from='{BALCONY}'/>",
            None,
            False,
        ),
        (
            "shows a new resource the other ones differently",
            SendsAvailable(BALCONY),
            ORCHARD,
            f"<presence from='{BALCONY}'/>",
            None,
            False,
        ),
        ("answers an unsubscribe differently", SendsUnsubscribe(WARD, ROMEO), REMOTE, UNSUBSCRIBED, None, True),
        ("answers an unsubscribe differently", SendsSubscribe(WARD, ROMEO), REMOTE, UNSUBSCRIBED, None, False),
        (
            "ends requests differently when an item is removed",
            RemovesItem(BALCONY, ROMEO),
            REMOTE,
            f"<presence from='{JULIET}' type='unsubscribe'/>",
            None,
            True,
        ),
        (
            "ends requests differently when an item is removed",
            SendsUnsubscribe(BALCONY, ROMEO),
            REMOTE,
            f"<presence from='{JULIET}' type='unsubscribe'/>",
            None,
            False,
        ),
    ],
)
def test_only_what_the_rfc_leaves_open_is_overlooked(
    says: str, act: Act, at: str, xml: str, subscription: str | None, expected: bool
) -> None:
    assert overlooked(says, act, at, xml, subscription) is expected


def test_the_type_normal_may_be_written_or_not_and_children_have_no_order() -> None:
    scene = ModelAct(SendsAvailable(BALCONY), FrozenMap(), FrozenMap(), frozenset())
    written = seen(BALCONY, "<message type='normal'><a xmlns='a'/><b xmlns='b'/></message>")
    left_out = seen(BALCONY, "<message><b xmlns='b'/><a xmlns='a'/></message>")

    assert Choices().counted(written, scene) == Choices().counted(left_out, scene)


# --- order ------------------------------------------------------------------------------------------------

APPROVAL = f"<presence from='{ROMEO}' to='{JULIET}' type='subscribed'/>"


def test_an_approval_comes_before_the_push_that_it_causes() -> None:
    expected, wrong = [seen(BALCONY, *each) for each in ((APPROVAL, push(ROMEO, "to")), (push(ROMEO, "to"), APPROVAL))]

    (difference,) = disorder(SendsSubscribed(FOO, JULIET), 3, expected, wrong)

    assert difference.model == difference.system[::-1]
    assert difference.where == BALCONY


def test_a_push_before_an_approval_that_causes_another_is_in_order() -> None:
    both = seen(BALCONY, push(ROMEO, "none"), APPROVAL, push(ROMEO, "to"))

    assert disorder(SendsSubscribe(BALCONY, ROMEO), 1, both, both) == ()


# --- likeness ---------------------------------------------------------------------------------------------


def difference(act: Act, where: str, model: str = "", system: str = "") -> Difference:
    return Difference(act, 1, where, (model,) if model else (), (system,) if system else ())


def item(jid: str, subscription: str) -> str:
    return f"<item xmlns='jabber:iq:roster' jid='{jid}' subscription='{subscription}'/>"


def test_the_same_difference_caused_by_another_user_is_known() -> None:
    one = Likeness.of((difference(SendsSubscribe(BALCONY, ROMEO), FOO, UNSUBSCRIBED),))
    other = Likeness.of((difference(SendsSubscribe(FOO, JULIET), BALCONY, UNSUBSCRIBED),))

    assert is_known(one, [other])


@pytest.mark.parametrize(
    "other",
    [
        difference(SendsUnsubscribe(BALCONY, ROMEO), FOO, UNSUBSCRIBED),
        difference(SendsSubscribe(BALCONY, ROMEO), FOO, "", UNSUBSCRIBED),
        difference(SendsSubscribe(BALCONY, ROMEO), FOO, UNAVAILABLE),
    ],
)
def test_another_act_or_stanza_is_another_difference(other: Difference) -> None:
    known = Likeness.of((difference(SendsSubscribe(BALCONY, ROMEO), FOO, UNSUBSCRIBED),))

    assert not is_known(Likeness.of((other,)), [known])


def test_a_known_difference_of_the_roster_is_recognised_in_a_push() -> None:
    known = Likeness.of((difference(SendsSubscribed(FOO, JULIET), JULIET, item(ROMEO, "from"), item(ROMEO, "both")),))
    pushed = difference(SendsAvailable(BALCONY), BALCONY, push(ROMEO, "from"), push(ROMEO, "both"))

    assert known.act is None
    assert is_known(Likeness.of((pushed,)), [known])


@in_one_test(
    ("act", "system", "expected"),
    [
        (SendsSubscribe, (UNSUBSCRIBED,), True),
        (SendsSubscribe, (UNSUBSCRIBED, UNAVAILABLE), True),
        (SendsSubscribe, (UNAVAILABLE,), False),
        (SendsUnsubscribe, (UNSUBSCRIBED,), False),
    ],
)
def test_differences_are_alike_only_if_act_and_observation_agree(
    act: type[SendsSubscribe] | type[SendsUnsubscribe], system: tuple[str, ...], expected: bool
) -> None:
    one = Likeness.of((difference(SendsSubscribe(BALCONY, ROMEO), FOO, "", UNSUBSCRIBED),))
    other = Likeness.of((Difference(act(BALCONY, ROMEO), 1, FOO, (), system),))

    assert one.resembles(other) is other.resembles(one) is expected


def test_what_a_roster_shows_in_the_end_may_be_what_a_push_has_shown() -> None:
    pushed = difference(SendsSubscribed(FOO, JULIET), BALCONY, push(ROMEO, "from"), push(ROMEO, "both"))
    stored = difference(SendsAvailable(BALCONY), JULIET, item(ROMEO, "from"), item(ROMEO, "both"))
    another = difference(SendsAvailable(BALCONY), JULIET, item(ROMEO, "none"), item(ROMEO, "to"))

    assert Likeness.of((pushed,)).resembles(Likeness.of((stored,)))
    assert not Likeness.of((pushed,)).resembles(Likeness.of((another,)))


# --- shrinking --------------------------------------------------------------------------------------------


def test_the_remaining_trace_is_minimal_and_as_plain_as_possible() -> None:
    trace = (
        Connects(FOO),
        Connects(BALCONY),
        Connects(ORCHARD),
        SendsAvailable(BALCONY, "away", 1),
        Disconnects(FOO, clean=False),
        SetsItem(ORCHARD, ROMEO, "Nurse", ("Friends",)),
        SendsAvailable(BALCONY),
    )

    def differs(candidate: tuple[Act, ...]) -> bool:
        return any(isinstance(act, SetsItem) for act in candidate) and any(
            isinstance(act, SendsAvailable) and act.priority == 1 for act in candidate
        )

    assert shrunk(trace, differs) == (Connects(BALCONY), SendsAvailable(BALCONY, priority=1), SetsItem(BALCONY, ROMEO))
