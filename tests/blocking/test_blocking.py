"""Who is blocked is sent unavailable presence, and who is unblocked the current one (XEP-0191 §3.3 to §3.5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.blocking.block_list_stage import IAGO, juliet
from tests.blocking.commands import (
    after_blocking,
    asks_for_the_list,
    block,
    blocking,
    command,
    presence_told,
    pushed,
    unblock,
)
from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    STATES,
    account,
    after,
    contact,
    ended,
    following,
    ignored,
    inbound,
    iq,
    item,
    outbound,
    presence,
    rfc6121,
    roster,
    roster_set,
    sent_iq,
    stanzas,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.server import (
    Account,
    Delete,
    FanOut,
    Kind,
    Put,
    TimePassed,
    reduce,
)

TYBALT = "tybalt@example.com"


def knowing(given: Account, *resources: str) -> Account:
    return following(given, *[asks_for_the_list(resource) for resource in resources])


# --- block (§3.3) ----------------------------------------------------------------------------------------------------


def test_blocking_is_stored_answered_and_pushed_and_then_each_resource_sends_unavailable() -> None:
    step = reduce(knowing(juliet(), "balcony", "cellar"), block(ROMEO))

    answer, push, *_ = stanzas(step)
    assert answer == iq("result", to=f"{JULIET}/balcony")
    assert (push.type, push.id) == ("set", "seq-push")
    assert pushed(step) == [(command("block", ROMEO), ("balcony", "cellar"))]
    assert presence_told(step) == [
        f"send unavailable from {JULIET}/balcony to {ROMEO}",
        f"send unavailable from {JULIET}/chamber to {ROMEO}",
    ]
    assert [type(effect).__name__ for effect in step.effects] == ["Deliver", "Deliver", "FanOut", "FanOut"]
    assert step.store == (Put(Kind.BLOCKED, ROMEO, None),)
    ids = [stanza.id for stanza in stanzas(step)]
    assert len(set(ids)) == len(ids)


def test_only_resources_that_have_asked_for_the_list_get_the_push() -> None:
    assert pushed(reduce(juliet(), block(ROMEO))) == []
    assert pushed(reduce(knowing(juliet(), "chamber"), block(ROMEO))) == [(command("block", ROMEO), ("chamber",))]
    assert pushed(reduce(knowing(juliet(), "chamber"), unblock(ROMEO))) == [(command("unblock", ROMEO), ("chamber",))]


def test_a_resource_that_knows_the_list_is_a_new_one_when_it_is_bound_again() -> None:
    known = knowing(juliet(), "cellar")
    cellar = next(each for each in known.sessions if each.id.resource == "cellar")
    assert cellar.knows_blocklist

    updated = following(known, outbound("available", by="cellar"), outbound("unavailable", by="cellar"))

    assert pushed(reduce(updated, block(ROMEO))) == [(command("block", ROMEO), ("cellar",))]


@in_one_test("state", STATES)
def test_only_entities_that_may_see_the_user_are_sent_unavailable(state: str) -> None:
    step = reduce(juliet(state), block(ROMEO))

    assert bool(presence_told(step)) is STATES[state].from_
    assert following(juliet(state), block(ROMEO)).roster.state_of(ROMEO).from_ is STATES[state].from_


def test_resources_that_are_not_available_send_no_unavailable() -> None:
    offline = account(JULIET, {ROMEO: "Both"}, connected=("balcony",))

    assert presence_told(reduce(offline, block(ROMEO))) == []


def test_each_directed_recipient_is_sent_unavailable_and_removed_from_the_list() -> None:
    room = "lobby@chat.example.com/Juliet"
    chatting = following(
        juliet("None"),
        outbound("available", room, by="cellar"),
        outbound("available", f"{ROMEO}/orchard", by="chamber"),
        outbound("available", IAGO, by="chamber"),
    )

    step = reduce(chatting, block(ROMEO, "chat.example.com"))

    assert presence_told(step) == [
        f"send unavailable from {JULIET}/cellar to {room}",
        f"send unavailable from {JULIET}/chamber to {ROMEO}/orchard",
    ]
    assert {each.id.resource: each.directed for each in after(step).sessions} == {
        "balcony": (),
        "cellar": (),
        "chamber": (IAGO,),
    }


def test_where_the_bare_jid_got_directed_presence_it_hears_of_a_blocked_resource_and_then_nothing() -> None:
    """The end would reach the blocked resource too: presence to a bare JID reaches all (§8.5.2.1.2)."""
    chatting = following(
        juliet("None"), outbound("available", ROMEO, by="cellar"), outbound("available", f"{ROMEO}/hall", by="cellar")
    )

    step = reduce(chatting, block(f"{ROMEO}/orchard"))

    assert presence_told(step) == [f"send unavailable from {JULIET}/cellar to {ROMEO}"]
    assert presence_told(reduce(after(step), ended("cellar"))) == [
        f"send unavailable from {JULIET}/cellar to {ROMEO}/hall"
    ]


def test_a_blocked_room_hears_the_end_at_each_address_that_got_directed_presence() -> None:
    """A room and one's own occupant in it are two entities: the end at one is no end at the other."""
    room = "lobby@chat.example.com"
    addresses = [room, f"{room}/Juliet"]
    chatting = following(juliet("None"), *[outbound("available", to, by="balcony") for to in addresses])

    step = reduce(chatting, block(room))

    assert presence_told(step) == [f"send unavailable from {JULIET}/balcony to {', '.join(addresses)}"]
    assert after(step).sessions[0].directed == ()


def test_directed_presence_after_a_resource_was_blocked_is_owed_its_end() -> None:
    chatting = following(after_blocking(juliet("Both"), f"{ROMEO}/orchard"), outbound("available", ROMEO, by="balcony"))

    assert presence_told(reduce(chatting, ended("balcony"))) == [f"send unavailable from {JULIET}/balcony to {ROMEO}"]


@in_one_test("blocked", [ROMEO, "example.net", f"{ROMEO}/orchard", f"{ROMEO}/hall"])
@in_one_test("to", [ROMEO, f"{ROMEO}/orchard"])
def test_a_subscriber_who_got_directed_presence_too_is_told_once(to: str, blocked: str) -> None:
    chatting = following(juliet("From"), outbound("available", to, by="balcony"))

    step = reduce(chatting, block(blocked))

    assert presence_told(step) == [
        f"send unavailable from {JULIET}/balcony to {ROMEO}",
        f"send unavailable from {JULIET}/chamber to {ROMEO}",
    ]
    assert presence_told(reduce(after(step), ended("balcony"))) == []


@pytest.mark.parametrize(
    "jids", [(ROMEO,), (f"{ROMEO}/orchard", ROMEO), (f"{ROMEO}/orchard", "example.net")], ids=["bare", "both", "domain"]
)
def test_where_the_bare_jid_is_blocked_as_well_it_alone_hears_of_it(jids: tuple[str, ...]) -> None:
    chatting = following(juliet("None"), outbound("available", ROMEO, by="chamber"))

    assert presence_told(reduce(chatting, block(*jids))) == [f"send unavailable from {JULIET}/chamber to {ROMEO}"]


@pytest.mark.parametrize("to", [f"{ROMEO}/garden", IAGO])
def test_directed_presence_to_others_tells_a_blocked_resource_nothing(to: str) -> None:
    chatting = following(juliet("None"), outbound("available", to, by="chamber"))

    assert presence_told(reduce(chatting, block(f"{ROMEO}/orchard"))) == []


def test_several_are_blocked_at_once_and_each_only_once() -> None:
    given = blocking(account(JULIET, {ROMEO: "Both", NURSE: "From", IAGO: "Both"}, available=("balcony",)), IAGO)

    step = reduce(given, block(NURSE, IAGO, ROMEO, "ROMEO@example.net"))

    assert step.store == (Put(Kind.BLOCKED, NURSE, None), Put(Kind.BLOCKED, ROMEO, None))
    assert after(step).blocked == (IAGO, NURSE, ROMEO)
    assert presence_told(step) == [f"send unavailable from {JULIET}/balcony to {NURSE}, {ROMEO}"]


def test_an_entity_that_is_already_blocked_gets_no_second_unavailable() -> None:
    step = reduce(after_blocking(juliet(), ROMEO), block(ROMEO))

    assert presence_told(step) == []
    assert step.store == ()


@pytest.mark.parametrize("already", ["example.net", f"{ROMEO}"])
def test_an_entity_that_another_entry_blocks_gets_no_second_unavailable(already: str) -> None:
    given = blocking(juliet(), already)

    assert presence_told(reduce(given, block(f"{ROMEO}/orchard", "example.net"))) == []


def from_both(said: str, to: str = ROMEO) -> list[str]:
    return [f"send {said} from {JULIET}/{resource} to {to}" for resource in ("balcony", "chamber")]


def test_a_subscriber_of_whom_one_resource_is_blocked_sees_the_user_leave_and_sees_no_broadcast() -> None:
    step = reduce(juliet(), block(f"{ROMEO}/orchard"))
    left = after(step)

    assert presence_told(step) == from_both("unavailable")
    for event in (outbound("available", by="balcony"), ended("chamber")):
        assert presence_told(reduce(left, event)) == []
    assert presence_told(reduce(left, outbound("available", by="cellar"))) == [f"send probe from {JULIET} to {ROMEO}"]
    assert presence_told(reduce(left, block(f"{ROMEO}/hall"))) == []
    assert presence_told(reduce(left, block(ROMEO))) == []
    assert presence_told(reduce(left, unblock(f"{ROMEO}/orchard"))) == from_both("presence")
    assert presence_told(reduce(after_blocking(left, f"{ROMEO}/hall"), unblock(f"{ROMEO}/orchard"))) == []
    assert presence_told(reduce(after_blocking(left, ROMEO), unblock(ROMEO))) == []


@pytest.mark.parametrize("by", [ROMEO, f"{ROMEO}/hall"])
def test_a_subscriber_without_presence_sees_none_by_probing_and_keeps_the_subscription(by: str) -> None:
    given = after_blocking(juliet(), f"{ROMEO}/orchard")

    assert ignored(given, inbound("probe", by, to=JULIET))
    assert ignored(given, inbound("probe", by, to=f"{JULIET}/balcony"))
    seen = following(given, outbound("available", f"{ROMEO}/hall", by="balcony"))
    assert told(reduce(seen, inbound("probe", f"{ROMEO}/hall", to=JULIET))) == [
        f"route presence from {JULIET}/balcony to {ROMEO}/hall"
    ]


@pytest.mark.parametrize("state", ["From", "Both"])
def test_a_subscriber_without_presence_learns_of_no_resource_when_the_subscription_ends(state: str) -> None:
    given = after_blocking(juliet(state), f"{ROMEO}/orchard")

    cancelled = told(reduce(given, outbound("unsubscribed", ROMEO, by="balcony")))
    withdrawn = told(reduce(given, inbound("unsubscribe", ROMEO, to=JULIET)))

    assert cancelled[0] == f"route unsubscribed from {JULIET} to {ROMEO}"
    assert [said for said in withdrawn if said.startswith("route")] == [f"route unsubscribed from {JULIET} to {ROMEO}"]


def test_an_approval_shows_no_presence_to_an_entity_from_which_it_is_withheld() -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False)
    given = after_blocking(account(JULIET, [waiting], available=("balcony",)), f"{ROMEO}/orchard")

    approved = told(reduce(given, outbound("subscribed", ROMEO, by="balcony")))

    assert approved == [f"route subscribed from {JULIET} to {ROMEO}"]


def test_a_full_jid_of_a_stranger_is_sent_nothing() -> None:
    assert presence_told(reduce(juliet(), block(f"{TYBALT}/square"))) == []


@pytest.mark.parametrize(("entry", "hit"), [("example.net", True), (ROMEO, True), ("example.org", False)])
def test_a_waiting_request_is_dropped_if_it_can_no_longer_be_answered(entry: str, hit: bool) -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False)
    given = account(JULIET, [waiting], available=("balcony",))

    step = reduce(given, block(entry))

    assert (tuple(after(step).roster.pending) == ()) is hit
    assert (Delete(Kind.CONTACT, ROMEO) in step.store) is hit


@pytest.mark.parametrize(
    ("state", "becomes"),
    [("To + Pending In", "To"), ("None + Pending Out+In", "None + Pending Out"), ("None + Pending In", "None")],
)
def test_blocking_a_waiting_contact_removes_only_the_request(state: str, becomes: str) -> None:
    given = juliet(state)

    step = reduce(given, block(ROMEO))

    now = after(step).roster.contacts[ROMEO]
    assert (now.state, now.request, now.version) == (STATES[becomes], None, 1)
    assert roster(step.state) == roster(given)
    assert Put(Kind.CONTACT, ROMEO, now) in step.store
    assert after(step).roster.ver == given.roster.ver


@in_one_test("state", [name for name in STATES if not STATES[name].pending_in])
def test_subscriptions_stay_as_they_are(state: str) -> None:
    assert after_blocking(juliet(state), ROMEO).roster == juliet(state).roster


# --- unblock (§3.4, §3.5) --------------------------------------------------------------------------------------------


@in_one_test("state", STATES)
def test_unblocking_is_stored_answered_and_pushed_and_presence_is_sent_to_those_who_may_see_it(state: str) -> None:
    step = reduce(knowing(blocking(juliet(state), ROMEO, IAGO), "cellar"), unblock(ROMEO))

    assert stanzas(step)[0] == iq("result", to=f"{JULIET}/balcony")
    assert pushed(step) == [(command("unblock", ROMEO), ("cellar",))]
    greeted = [
        f"send presence from {JULIET}/balcony to {ROMEO}",
        f"send presence from {JULIET}/chamber to {ROMEO}",
    ]
    assert presence_told(step) == (greeted if STATES[state].from_ else [])
    assert step.store[0] == Delete(Kind.BLOCKED, ROMEO)
    assert {each.kind for each in step.store[1:]} == ({Kind.WAKE} if STATES[state].pending_out else set())
    assert after(step).blocked == (IAGO,)


def test_the_greeting_is_the_current_presence_in_full() -> None:
    show = element("show", "jabber:client", {}, ["away"])
    away = following(blocking(juliet(), ROMEO), outbound("available", None, show, by="balcony", id="pres1"))

    step = reduce(away, unblock(ROMEO))

    greetings = [effect.stanza for effect in step.effects if isinstance(effect, FanOut)]
    assert greetings[0] == presence("available", f"{JULIET}/balcony", None, show, id="pres1")


def test_an_empty_unblock_unblocks_all() -> None:
    given = account(JULIET, {ROMEO: "Both", NURSE: "From"}, available=("balcony",))

    step = reduce(knowing(blocking(given, IAGO, NURSE, ROMEO), "balcony"), unblock())

    assert after(step).blocked == ()
    assert pushed(step) == [(command("unblock"), ("balcony",))]
    assert presence_told(step) == [f"send presence from {JULIET}/balcony to {NURSE}, {ROMEO}"]
    assert step.store == tuple(Delete(Kind.BLOCKED, jid) for jid in (IAGO, NURSE, ROMEO))


def test_an_unblock_whose_children_are_no_items_unblocks_nobody() -> None:
    given = blocking(account(JULIET, {ROMEO: "Both"}, available=("balcony",)), ROMEO)
    odd = sent_iq(
        "set", element("unblock", "urn:xmpp:blocking", {}, [element("jid", "urn:xmpp:blocking")]), by="balcony"
    )

    step = reduce(given, odd)

    assert told(step) == ["error bad-request to balcony"]
    assert step.state == given


def test_an_entity_that_another_entry_still_blocks_gets_no_presence() -> None:
    given = blocking(juliet(), "example.net", ROMEO)

    assert presence_told(reduce(given, unblock(ROMEO))) == []
    assert presence_told(reduce(given, unblock("example.net"))) == []
    assert len(presence_told(reduce(given, unblock("example.net", ROMEO)))) == 2


def test_unblocking_whom_nobody_blocked_changes_nothing_and_greets_nobody() -> None:
    step = reduce(blocking(juliet(), IAGO), unblock(ROMEO))

    assert presence_told(step) == []
    assert (step.state, step.store) == (blocking(juliet(), IAGO), ())
    assert stanzas(step)[0].type == "result"


def test_an_absent_user_greets_nobody() -> None:
    given = blocking(account(JULIET, {ROMEO: "Both"}, connected=("balcony",)), ROMEO)

    assert presence_told(reduce(given, unblock(ROMEO))) == []


# --- requests that fall due (RFC 6121 §3.1.2) ------------------------------------------------------------------------


@rfc6121("3.1.2", quote="the user's server SHOULD resend the subscription request to the contact")
def test_a_request_that_fell_due_while_its_contact_was_blocked_is_sent_after_the_unblocking() -> None:
    late = AT + timedelta(days=30)
    asked = after_blocking(juliet("None + Pending Out"), ROMEO)
    waited = following(asked, TimePassed(late, "seq"))
    assert waited.wake_at is None

    freed = after(reduce(waited, unblock(ROMEO)))

    assert freed.wake_at is not None
    assert freed.wake_at <= late
    assert told(reduce(freed, TimePassed(late, "seq"))) == [f"route subscribe from {JULIET} to {ROMEO}"]


def test_unblocking_wakes_nobody_where_no_request_waits() -> None:
    assert after(reduce(after_blocking(juliet("None + Pending Out"), IAGO), unblock(IAGO))).wake_at is not None
    assert after(reduce(after_blocking(juliet("Both"), ROMEO), unblock(ROMEO))).wake_at is None
    still = after(reduce(after_blocking(juliet("None + Pending Out"), ROMEO, "example.net"), unblock(ROMEO)))
    assert still.wake_at is None


# --- removing a blocked contact's item (RFC 6121 §2.5.2) -------------------------------------------------------------


@in_one_test("state", STATES)
def test_a_blocked_contact_is_not_told_that_its_item_is_removed(state: str) -> None:
    removed = reduce(after_blocking(juliet(state), ROMEO), roster_set(item(ROMEO, subscription="remove"), by="balcony"))

    assert told(removed) == ["empty result to balcony"]
    assert ROMEO not in [each.jid for each in after(removed).roster.items()]
