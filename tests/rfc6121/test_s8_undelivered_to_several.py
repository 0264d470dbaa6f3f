"""Sessions that fail one after another: what one of them has got is not delivered again."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.rfc6121.conversation import (
    AT,
    JULIET,
    after,
    bound,
    child,
    delivery,
    following,
    ignored,
    message,
    rfc6121,
    told,
)
from tests.rfc6121.undelivered_stage import BALCONY, CHAMBER, FULL, ORCHARD, ended, fate, juliet, lost
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.delivery import PUSH_LOST
from xmpp_im_core.server import (
    AddressedAs,
    Deliver,
    Inbound,
    SessionDetached,
    SessionEnded,
    SessionId,
    SessionResumed,
    StoreFailed,
    Undelivered,
    reduce,
)

# --- several sessions that fail one after another -----------------------------------------------------------------


CHAT = message("chat", ORCHARD, JULIET, child("body", "Adieu!"))
BOTH = delivery(CHAT, BALCONY, CHAMBER)


@rfc6121("8.5.4", quote="delivering the message to all resources with")
@pytest.mark.parametrize("attached", [True, False], ids=["attached", "detached"])
def test_what_another_session_was_handed_as_well_is_not_delivered_again_when_one_ends(attached: bool) -> None:
    given = juliet(balcony=0, chamber=0, hall=0)
    if not attached:  # its stream may be resumed, and then brings what it has not got yet
        given = following(given, SessionDetached(AT, "detached", CHAMBER))

    step = reduce(given, SessionEnded(AT, "seq", BALCONY, (BOTH,)))

    assert [each for each in told(step) if "chat" in each] == []
    assert fate(step, CHAT) == "dropped"


@pytest.mark.parametrize(("first", "last"), [(BALCONY, CHAMBER), (CHAMBER, BALCONY)])
def test_the_last_of_two_sessions_that_end_without_it_gives_it_back(first: SessionId, last: SessionId) -> None:
    given = after(reduce(juliet(balcony=0, chamber=0, hall=-1), SessionEnded(AT, "first", first, (BOTH,))))

    step = reduce(given, SessionEnded(AT, "last", last, (BOTH,)))

    assert fate(step, CHAT) == "stored"


def test_it_is_processed_again_if_the_other_session_could_not_be_written_to() -> None:
    given = juliet(balcony=0, chamber=0)

    first = reduce(given, Undelivered(AT, "first", BOTH, (BALCONY,)))
    second = reduce(following(given, ended()), SessionEnded(AT, "second", CHAMBER, (BOTH,)))
    afterwards = reduce(
        following(given, SessionEnded(AT, "e", CHAMBER, (BOTH,))), Undelivered(AT, "u", BOTH, (BALCONY,))
    )

    assert fate(first, CHAT) == "dropped"
    assert (fate(second, CHAT), fate(afterwards, CHAT)) == ("stored", "stored")


def test_a_later_session_of_the_same_resource_did_not_receive_it() -> None:
    given = following(juliet(balcony=0, chamber=0), bound("chamber", epoch=2))

    step = reduce(given, SessionEnded(AT, "seq", BALCONY, (BOTH,)))

    assert fate(step, CHAT) == "stored"


def test_a_message_is_repeated_if_no_remaining_session_received_it() -> None:
    given = following(juliet(balcony=0, chamber=0), SessionEnded(AT, "first", CHAMBER))

    step = reduce(given, SessionEnded(AT, "last", BALCONY, (BOTH,)))

    assert fate(step, CHAT) == "stored"


def test_where_storage_fails_what_another_session_has_is_not_bounced() -> None:
    over = SessionEnded(AT, "seq", BALCONY, (BOTH,))

    step = reduce(juliet(balcony=0, chamber=0), StoreFailed(AT, "failed", over))

    assert fate(step, CHAT) == "dropped"


def test_a_push_that_came_back_with_the_session_is_lost_with_it() -> None:
    push = evolve(delivery(message("chat", ORCHARD, FULL), BALCONY), address=AddressedAs.FULL_JID)

    step = reduce(juliet(balcony=0, chamber=0), SessionEnded(AT, "seq", BALCONY, (push,)))

    assert PUSH_LOST in [effect.rule for effect in step.effects]
    assert fate(step, CHAT) == "dropped"


@rfc6121("8.5.2.1.1", quote='deliver the message to the "most available" resource or resources')
@pytest.mark.parametrize("priorities", [{"balcony": 1, "chamber": 0}, {"balcony": 0, "chamber": 0}])
def test_a_session_that_could_not_be_delivered_to_is_not_tried_again(priorities: dict[str, int]) -> None:
    """Neither end is known yet: the message must not go back and forth between the two."""
    first = reduce(juliet(**priorities), Inbound(AT, "seq", CHAT))
    tried: list[SessionId] = []
    deliveries = [effect for effect in first.effects if isinstance(effect, Deliver)]
    step = first
    while deliveries:
        (effect,) = deliveries
        assert not set(effect.sessions) & set(tried)
        tried += effect.sessions
        step = reduce(step.state, Undelivered(AT, f"again{len(tried)}", effect, effect.sessions))
        deliveries = [each for each in step.effects if isinstance(each, Deliver)]

    assert sorted(tried) == [BALCONY, CHAMBER]
    assert fate(step, CHAT) == "stored"


def test_a_session_that_cannot_be_written_to_does_not_count_as_one_that_has_it() -> None:
    """The balcony's failed delivery was reported; its end is still to come when the chamber gives the message back."""
    given = following(juliet(balcony=0, chamber=0), Undelivered(AT, "first", BOTH, (BALCONY,)))

    step = reduce(given, SessionEnded(AT, "second", CHAMBER, (BOTH,)))

    assert fate(step, CHAT) == "stored"


@pytest.mark.parametrize("back", [True, False], ids=["resumed", "still broken"])
def test_a_session_that_was_resumed_takes_deliveries_again(back: bool) -> None:
    given = juliet(balcony=0, chamber=5)
    given = following(given, Undelivered(AT, "first", delivery(CHAT, BALCONY), (BALCONY,)))
    if back:
        given = following(given, SessionResumed(AT, "back", BALCONY))

    step = lost(given, Inbound(AT, "seq", CHAT), CHAMBER)

    assert fate(step, CHAT) == ("deliver chat to balcony" if back else "stored")


@pytest.mark.parametrize("lost_by", ["late end", "late end after the new one's"])
def test_the_late_end_of_a_replaced_session_gives_back_what_it_did_not_get(lost_by: str) -> None:
    """RFC 6120 7.7.2.2: the old session is replaced; what it did not acknowledge is still undelivered."""
    given = following(juliet(balcony=0), bound("balcony", epoch=2))
    if lost_by != "late end":
        given = following(given, SessionEnded(AT, "new", SessionId("balcony", 2)))

    step = reduce(given, SessionEnded(AT, "late", BALCONY, (delivery(CHAT, BALCONY),)))

    assert fate(step, CHAT) == "stored"
    assert ignored(after(step), SessionEnded(AT, "twice", BALCONY, (delivery(CHAT, BALCONY),)))


def test_as_many_replaced_sessions_are_remembered_as_sessions_are_allowed() -> None:
    given, few = juliet(), Policy(sessions=3)
    for epoch in range(2, 12):
        given = after(reduce(given, bound("balcony", epoch=epoch), few))

    assert given.replaced == tuple([SessionId("balcony", epoch) for epoch in (8, 9, 10)])
