"""Which of several resources gets a message to the bare JID (RFC 6121 §8.5.2.1.1, §8.5.4)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    child,
    ended,
    following,
    ignored,
    outbound,
    received_message,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.policy import MessagesToSeveral, Policy
from xmpp_im_core.server import Account, Event, SessionDetached, SessionId, SessionResumed, reduce

ORCHARD = f"{ROMEO}/orchard"
TO_ALL = Policy(normal_to_several=MessagesToSeveral.ALL, chat_to_several=MessagesToSeveral.ALL)
TYPES = in_one_test("type", ["normal", "chat", "headline"])


def recipients(given: Account, type: str = "chat", policy: Policy | None = None) -> str:
    """Return who gets a message to the bare JID, whose 'to' stays as it is."""
    event = received_message(type, ORCHARD, JULIET)
    step = reduce(given, event, policy or Policy())
    if step.store or not told(step):
        return ""
    (said,) = told(step)
    assert stanzas(step) == [event.stanza]
    return said.removeprefix(f"deliver {type} from {ORCHARD} to ")


def detached(given: Account, *resources: str) -> Account:
    return following(given, *[SessionDetached(AT, "seq", SessionId(each, 1)) for each in resources])


@rfc6121("8.5.2.1.1", quote="the resource or resources with the highest presence priority as")
@in_one_test(
    ("priorities", "chosen"),
    [
        ({"balcony": 1, "chamber": 0}, "balcony"),
        ({"balcony": 0, "chamber": 1}, "chamber"),
        ({"balcony": 127, "chamber": 126, "hall": 127}, "balcony, hall"),
        ({"balcony": 0, "chamber": 0, "hall": 0}, "balcony, chamber, hall"),
        ({"balcony": 0, "chamber": 0, "hall": -1}, "balcony, chamber"),
        ({"balcony": 5, "chamber": -5}, "balcony"),
    ],
)
@in_one_test("type", ["normal", "chat"])
def test_those_of_the_highest_priority_get_it_all_of_them(type: str, priorities: dict[str, int], chosen: str) -> None:
    assert recipients(account(JULIET, connected=("cellar",), available=priorities), type) == chosen


@rfc6121("8.5.2.1.1", quote="deliver the message to all of the non-negative resources")
@pytest.mark.parametrize("type", ["normal", "chat"])
def test_by_policy_all_that_are_not_negative_get_it(type: str) -> None:
    given = account(JULIET, available={"balcony": 5, "chamber": 0, "hall": -1})

    assert recipients(given, type, TO_ALL) == "balcony, chamber"


@rfc6121("8.5.2.1.1", quote="deliver the message to all of the non-negative resources")
def test_the_two_types_have_a_policy_each() -> None:
    given = account(JULIET, available={"balcony": 5, "chamber": 0})

    normal = Policy(normal_to_several=MessagesToSeveral.ALL)
    chat = Policy(chat_to_several=MessagesToSeveral.ALL)

    assert [recipients(given, type, normal) for type in ("normal", "chat")] == ["balcony, chamber", "balcony"]
    assert [recipients(given, type, chat) for type in ("normal", "chat")] == ["balcony", "balcony, chamber"]


@rfc6121("8.5.2.1.1", quote="MUST deliver the message to all of the non-negative resources")
def test_a_headline_reaches_all_that_are_not_negative_whatever_the_policy() -> None:
    given = account(JULIET, available={"balcony": 5, "chamber": 0, "hall": -1})

    assert recipients(given, "headline") == "balcony, chamber"


@rfc6121("8.5.2.1.1", quote="MUST NOT deliver the stanza to any available resource with a negative priority")
@TYPES
@in_one_test("policy", [Policy(), TO_ALL], ids=["most available", "all"])
def test_a_negative_priority_never_gets_it(policy: Policy, type: str) -> None:
    for priority in (-1, -128):
        assert recipients(account(JULIET, available={"balcony": priority}), type, policy) == ""
        assert recipients(account(JULIET, available={"balcony": priority, "hall": 0}), type, policy) == "hall"


@rfc6121("8.5.2.1.1", quote="If there is one available resource with a non-negative presence priority")
@TYPES
def test_zero_is_not_negative(type: str) -> None:
    assert recipients(account(JULIET, available={"balcony": 0}), type) == "balcony"


@TYPES
def test_a_resource_that_is_only_connected_never_gets_it(type: str) -> None:
    assert recipients(account(JULIET, connected=("cellar",), interested=("hall",)), type) == ""


@rfc6121("8.5.2.1.1", quote="MUST NOT deliver the stanza to any of the available resources but instead MUST return")
def test_a_groupchat_message_reaches_no_resource() -> None:
    step = reduce(account(JULIET, available=("balcony",)), received_message("groupchat", ORCHARD, JULIET))

    assert told(step) == [f"route error service-unavailable from {JULIET} to {ORCHARD}"]


# --- who is most available changes ------------------------------------------------------------------------------------


def test_a_change_of_priority_takes_effect_at_once() -> None:
    given = account(JULIET, available={"balcony": 5, "chamber": 0})

    lowered = following(given, outbound("available", None, child("priority", "-1"), by="balcony"))
    raised = following(lowered, outbound("available", None, child("priority", "7"), by="balcony"))

    assert [recipients(each) for each in (given, lowered, raised)] == ["balcony", "chamber", "balcony"]


@pytest.mark.parametrize("over", [outbound("unavailable", by="balcony"), ended("balcony")], ids=["unavailable", "end"])
def test_the_next_one_gets_it_when_the_first_has_left(over: Event) -> None:
    given = following(account(JULIET, available={"balcony": 5, "chamber": 0}), over)

    assert recipients(given) == "chamber"


# --- detached sessions (XEP-0198) ------------------------------------------------------------------------------------


def test_a_session_without_a_stream_is_less_available_than_one_with_a_stream_at_any_priority() -> None:
    given = detached(account(JULIET, available={"balcony": 5, "chamber": 0, "hall": -1}), "balcony")

    assert recipients(given) == "chamber"
    assert recipients(following(given, SessionResumed(AT, "seq", SessionId("balcony", 1)))) == "balcony"


def test_the_priority_decides_among_resources_without_a_stream() -> None:
    given = detached(account(JULIET, available={"balcony": 5, "chamber": 0}), "balcony", "chamber")

    assert recipients(given) == "balcony"


def test_of_resources_with_one_priority_only_attached_ones_get_it() -> None:
    given = detached(account(JULIET, available={"balcony": 1, "chamber": 1, "hall": 1}), "chamber")

    assert recipients(given) == "balcony, hall"


@TYPES
def test_the_only_resource_gets_it_though_it_is_detached(type: str) -> None:
    assert recipients(detached(account(JULIET, available=("balcony",)), "balcony"), type) == "balcony"


@pytest.mark.parametrize("policy", [Policy(), TO_ALL])
def test_detached_resources_get_it_if_all_resources_do(policy: Policy) -> None:
    given = detached(account(JULIET, available={"balcony": 0, "chamber": 0}), "chamber")

    assert recipients(given, "headline", policy) == "balcony, chamber"
    assert recipients(given, "chat", policy) == ("balcony, chamber" if policy is TO_ALL else "balcony")


def test_a_detached_resource_with_negative_priority_gets_no_headline() -> None:
    given = detached(account(JULIET, available={"balcony": -1}), "balcony")

    assert ignored(given, received_message("headline", ORCHARD, JULIET))
