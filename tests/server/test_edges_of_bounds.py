"""What lies exactly on a bound is taken, and what does not grow is not refused."""

from __future__ import annotations

from attrs import evolve

from tests.rfc6121.conversation import (
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    child,
    following,
    item,
    outbound,
    roster_set,
    told,
)
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Outbound, reduce
from xmpp_im_core.stanza import Payload

REFUSED = "deliver error policy-violation from None to balcony"


def on_its_way(event: Outbound) -> int:
    """Return the size of a stanza by the balcony with the address that the server gives it."""
    address = account(JULIET, available=("balcony",)).sessions[0].address
    return event.stanza.stamped(from_=address).size()


LEAVING = outbound("unavailable", None, child("status", "Good night, good night!"), by="balcony")
COMING = outbound("available", None, child("status", "Good night, good night!"), by="balcony")


def test_unavailable_presence_of_the_greatest_size_is_remembered_and_a_larger_one_only_that_it_came() -> None:
    juliet, size = account(JULIET, available=("balcony",)), on_its_way(LEAVING)

    whole = after(reduce(juliet, LEAVING, Policy(presence_size=size))).last_unavailable
    mere = after(reduce(juliet, LEAVING, Policy(presence_size=size - 1))).last_unavailable

    assert whole is not None
    assert whole.presence.payload == LEAVING.stanza.payload
    assert mere is not None
    assert (mere.presence.type, mere.presence.payload.children) == ("unavailable", ())


def test_available_presence_of_the_greatest_size_is_kept() -> None:
    juliet, size = account(JULIET, connected=("balcony",)), on_its_way(COMING)

    assert told(reduce(juliet, COMING, Policy(presence_size=size)))[0].startswith("deliver presence")
    assert told(reduce(juliet, COMING, Policy(presence_size=size - 1))) == [REFUSED]


def test_presence_that_fills_all_that_sessions_may_take_is_kept_and_then_replaced_by_one_of_its_size() -> None:
    juliet = account(JULIET, connected=("balcony",))
    full = after(reduce(juliet, COMING)).session_bytes
    again = evolve(COMING, stanza=evolve(COMING.stanza, payload=child_payload("Good night, good NIGHT!")))
    longer = evolve(COMING, stanza=evolve(COMING.stanza, payload=child_payload("Good night, good night!!")))

    kept = after(reduce(juliet, COMING, Policy(session_bytes=full)))
    assert kept.session_bytes == full
    assert told(reduce(juliet, COMING, Policy(session_bytes=full - 1))) == [REFUSED]
    replaced = after(reduce(kept, again, Policy(session_bytes=full - 1)))
    assert [presence.payload for presence in replaced.presences()] == [again.stanza.payload]
    assert after(reduce(kept, longer, Policy(session_bytes=full))) == kept


def child_payload(text: str) -> Payload:
    return outbound("available", None, child("status", text)).stanza.payload


def test_a_roster_beyond_its_limit_accepts_an_update_that_does_not_enlarge_it() -> None:
    set_by = roster_set(item(ROMEO, name="Romeo"), by="balcony")
    juliet = following(account(JULIET, connected=("balcony",)), set_by)
    full = juliet.roster.item_bytes

    assert told(reduce(account(JULIET, connected=("balcony",)), set_by, Policy(roster_bytes=full)))[0] == (
        "empty result to balcony"
    )
    smaller = Policy(roster_bytes=full - 1)
    assert told(reduce(juliet, roster_set(item(ROMEO, name="Meoro"), by="balcony"), smaller))[0] == (
        "empty result to balcony"
    )
    assert told(reduce(juliet, roster_set(item(ROMEO, name="Romeos"), by="balcony"), smaller))[0] == (
        "error policy-violation to balcony"
    )


def test_directed_presence_that_fills_the_bytes_is_routed_and_more_is_refused_but_to_own_resources() -> None:
    juliet = account(JULIET, connected=("balcony", "chamber"), available=("balcony",))
    to_romeo, to_nurse = outbound("available", ROMEO, by="balcony"), outbound("available", NURSE, by="balcony")
    full = after(reduce(juliet, to_romeo)).directed_bytes

    kept = after(reduce(juliet, to_romeo, Policy(directed_bytes=full)))
    assert kept.directed_bytes == full
    assert after(reduce(juliet, to_romeo, Policy(directed_bytes=full - 1))) == juliet
    assert after(reduce(kept, to_nurse, Policy(directed_bytes=full + 1))) == kept
    to_chamber = outbound("available", f"{JULIET}/chamber", by="balcony")
    assert told(reduce(kept, to_chamber, Policy(directed_bytes=full))) == [
        f"route presence from {JULIET}/balcony to {JULIET}/chamber"
    ]
