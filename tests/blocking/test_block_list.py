"""The user's commands: the block list, block and unblock (XEP-0191 §3)."""

from __future__ import annotations

import pytest

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
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    STATES,
    account,
    after,
    contact,
    following,
    iq,
    outbound,
    presence,
    received_iq,
    roster,
    sent_iq,
    stanzas,
    told,
)
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    Account,
    AccountLoaded,
    Delete,
    FanOut,
    Kind,
    NoAccount,
    Put,
    reduce,
)
from xmpp_im_core.server.blocking import BLOCKING
from xmpp_im_core.stanza import Condition

IAGO = "iago@example.org"
TYBALT = "tybalt@example.com"
SUBSCRIBED = [name for name, state in STATES.items() if state.from_]


def juliet(state: str = "Both") -> Account:
    """Juliet with two available resources; "cellar" is connected only."""
    return account(JULIET, {ROMEO: state}, connected=("cellar",), available=("balcony", "chamber"))


def knowing(given: Account, *resources: str) -> Account:
    return following(given, *[asks_for_the_list(resource) for resource in resources])


def condition(given: Account, *children: Element, type: str = "set") -> Condition:
    """Return the condition with which a command is refused, which must change nothing."""
    step = reduce(given, sent_iq(type, *children, by="balcony"))
    (refusal,) = stanzas(step)
    assert (step.state, step.store) == (given, ())
    assert refusal.error is not None
    return refusal.error.condition


# --- the list (§3.2) -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jids", [(), (ROMEO,), (IAGO, ROMEO, "example.org")])
def test_the_list_is_shown_item_by_item_and_an_empty_one_is_empty(jids: tuple[str, ...]) -> None:
    step = reduce(blocking(juliet(), *jids), asks_for_the_list())

    (result,) = stanzas(step)
    assert told(step)[0].endswith("to balcony")
    assert result == iq("result", command("blocklist", *sorted(jids)), from_=None, to=f"{JULIET}/balcony")
    assert step.store == ()


def test_the_list_is_the_same_after_a_restart() -> None:
    step = reduce(juliet(), block(ROMEO, IAGO))
    stored = [Put(Kind.ROSTER, "", juliet().roster.head), *[each for each in step.store if isinstance(each, Put)]]

    restarted = reduce(NoAccount(parse_jid(JULIET)), AccountLoaded(AT, "loaded", tuple(stored))).state

    assert isinstance(restarted, Account)
    assert restarted.blocked == after(step).blocked == (IAGO, ROMEO)


# --- block (§3.3) ----------------------------------------------------------------------------------------------------


def test_blocking_is_stored_answered_pushed_and_then_taken_leave_with_from_each_resource() -> None:
    step = reduce(knowing(juliet(), "balcony", "cellar"), block(ROMEO))

    answer, push, *_ = stanzas(step)
    assert answer == iq("result", to=f"{JULIET}/balcony")
    assert (push.type, push.id) == ("set", "seq-push")
    assert pushed(step) == [(command("block", ROMEO), ("balcony", "cellar"))]
    assert presence_told(step) == [
        f"send unavailable from {JULIET}/balcony to {ROMEO}",
        f"send unavailable from {JULIET}/chamber to {ROMEO}",
    ]
    assert [type(effect).__name__ for effect in step.send] == ["Deliver", "Deliver", "FanOut", "FanOut"]
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


@pytest.mark.parametrize("state", STATES)
def test_only_whoever_may_see_the_user_is_sent_unavailable(state: str) -> None:
    step = reduce(juliet(state), block(ROMEO))

    assert bool(presence_told(step)) is STATES[state].from_
    assert following(juliet(state), block(ROMEO)).roster.state_of(ROMEO).from_ is STATES[state].from_


def test_resources_that_are_not_available_take_no_leave() -> None:
    offline = account(JULIET, {ROMEO: "Both"}, connected=("balcony",))

    assert presence_told(reduce(offline, block(ROMEO))) == []


def test_whoever_got_directed_presence_is_sent_unavailable_by_that_resource_and_struck_from_its_list() -> None:
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


def test_a_full_jid_whose_bare_jid_got_directed_presence_is_sent_unavailable_at_that_address() -> None:
    chatting = following(juliet("None"), outbound("available", ROMEO, by="chamber"))

    step = reduce(chatting, block(f"{ROMEO}/orchard"))
    left = reduce(after(step), outbound("unavailable", ROMEO, by="chamber"))

    assert presence_told(step) == [f"send unavailable from {JULIET}/chamber to {ROMEO}/orchard"]
    assert told(left) == [f"route unavailable from {JULIET}/chamber to {ROMEO}"], (
        "his other resources have not heard yet"
    )


@pytest.mark.parametrize(
    "jids", [(ROMEO,), (f"{ROMEO}/orchard", ROMEO), (f"{ROMEO}/orchard", "example.net")], ids=["bare", "both", "domain"]
)
def test_where_the_bare_jid_is_blocked_as_well_it_alone_hears_of_it(jids: tuple[str, ...]) -> None:
    chatting = following(juliet("None"), outbound("available", ROMEO, by="chamber"))

    assert presence_told(reduce(chatting, block(*jids))) == [f"send unavailable from {JULIET}/chamber to {ROMEO}"]


@pytest.mark.parametrize("to", [f"{ROMEO}/garden", IAGO])
def test_directed_presence_to_others_is_no_ground_to_tell_a_blocked_resource_anything(to: str) -> None:
    chatting = following(juliet("None"), outbound("available", to, by="chamber"))

    assert presence_told(reduce(chatting, block(f"{ROMEO}/orchard"))) == []


def test_several_are_blocked_at_once_and_each_only_once() -> None:
    given = blocking(account(JULIET, {ROMEO: "Both", NURSE: "From", IAGO: "Both"}, available=("balcony",)), IAGO)

    step = reduce(given, block(NURSE, IAGO, ROMEO, "ROMEO@example.net"))

    assert step.store == (Put(Kind.BLOCKED, NURSE, None), Put(Kind.BLOCKED, ROMEO, None))
    assert after(step).blocked == (IAGO, NURSE, ROMEO)
    assert presence_told(step) == [f"send unavailable from {JULIET}/balcony to {NURSE}, {ROMEO}"]


def test_whoever_is_blocked_already_is_not_taken_leave_of_again() -> None:
    step = reduce(after_blocking(juliet(), ROMEO), block(ROMEO))

    assert presence_told(step) == []
    assert step.store == ()


@pytest.mark.parametrize("already", ["example.net", f"{ROMEO}"])
def test_whoever_another_entry_blocks_already_is_not_taken_leave_of_either(already: str) -> None:
    given = blocking(juliet(), already)

    assert presence_told(reduce(given, block(f"{ROMEO}/orchard", "example.net"))) == []


def test_a_full_jid_of_a_subscriber_is_sent_unavailable_at_that_address() -> None:
    step = reduce(juliet(), block(f"{ROMEO}/orchard"))

    assert presence_told(step)[0] == f"send unavailable from {JULIET}/balcony to {ROMEO}/orchard"


def test_a_full_jid_of_a_stranger_is_sent_nothing() -> None:
    assert presence_told(reduce(juliet(), block(f"{TYBALT}/square"))) == []


@pytest.mark.parametrize(("entry", "hit"), [("example.net", True), (ROMEO, True), ("example.org", False)])
def test_a_request_that_waits_is_dropped_since_it_could_be_answered_no_more(entry: str, hit: bool) -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False)
    given = account(JULIET, [waiting], available=("balcony",))

    step = reduce(given, block(entry))

    assert (after(step).roster.pending == ()) is hit
    assert (Delete(Kind.CONTACT, ROMEO) in step.store) is hit


@pytest.mark.parametrize(
    ("state", "becomes"),
    [("To + Pending In", "To"), ("None + Pending Out+In", "None + Pending Out"), ("None + Pending In", "None")],
)
def test_of_a_contact_who_waits_only_the_request_goes(state: str, becomes: str) -> None:
    given = juliet(state)

    step = reduce(given, block(ROMEO))

    now = after(step).roster.contacts[ROMEO]
    assert (now.state, now.request, now.version) == (STATES[becomes], None, 1)
    assert roster(step.state) == roster(given)
    assert Put(Kind.CONTACT, ROMEO, now) in step.store
    assert after(step).roster.ver == given.roster.ver


@pytest.mark.parametrize("state", [name for name in STATES if not STATES[name].pending_in])
def test_subscriptions_stay_as_they_are(state: str) -> None:
    assert after_blocking(juliet(state), ROMEO).roster == juliet(state).roster


# --- unblock (§3.4, §3.5) --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_unblocking_is_stored_answered_pushed_and_whoever_may_see_the_user_is_greeted(state: str) -> None:
    step = reduce(knowing(blocking(juliet(state), ROMEO, IAGO), "cellar"), unblock(ROMEO))

    assert stanzas(step)[0] == iq("result", to=f"{JULIET}/balcony")
    assert pushed(step) == [(command("unblock", ROMEO), ("cellar",))]
    greeted = [
        f"send presence from {JULIET}/balcony to {ROMEO}",
        f"send presence from {JULIET}/chamber to {ROMEO}",
    ]
    assert presence_told(step) == (greeted if STATES[state].from_ else [])
    assert step.store == (Delete(Kind.BLOCKED, ROMEO),)
    assert after(step).blocked == (IAGO,)


def test_the_greeting_is_the_current_presence_in_full() -> None:
    show = element("show", "jabber:client", {}, ["away"])
    away = following(blocking(juliet(), ROMEO), outbound("available", None, show, by="balcony", id="pres1"))

    step = reduce(away, unblock(ROMEO))

    greetings = [effect.stanza for effect in step.send if isinstance(effect, FanOut)]
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


def test_whoever_another_entry_still_blocks_is_not_greeted() -> None:
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


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jid", ["@example.net", "romeo@", "a@b@c/ ", "", "romeo@example.net/"])
@pytest.mark.parametrize("name", ["block", "unblock"])
def test_what_is_no_jid_is_refused_and_nothing_of_the_command_is_done(name: str, jid: str) -> None:
    assert condition(juliet(), command(name, ROMEO, jid)) is Condition.JID_MALFORMED


def test_a_block_without_item_and_an_item_without_jid_are_bad_requests() -> None:
    nameless = [element("item", BLOCKING)]

    assert condition(juliet(), command("block")) is Condition.BAD_REQUEST
    assert condition(juliet(), element("block", BLOCKING, {}, nameless)) is Condition.BAD_REQUEST
    assert condition(juliet(), element("unblock", BLOCKING, {}, nameless)) is Condition.BAD_REQUEST


@pytest.mark.parametrize(
    ("type", "name"),
    [("set", "blocklist"), ("get", "block"), ("get", "unblock"), ("set", "list"), ("get", "list")],
)
def test_what_is_no_command_is_a_bad_request(type: str, name: str) -> None:
    assert condition(juliet(), command(name, ROMEO), type=type) is Condition.BAD_REQUEST


def test_items_of_another_namespace_do_not_count() -> None:
    foreign = element("block", BLOCKING, {}, [element("item", "urn:example:x", {"jid": ROMEO})])

    assert condition(juliet(), foreign) is Condition.BAD_REQUEST


def test_without_blocking_the_namespace_is_like_any_that_nobody_knows() -> None:
    step = reduce(juliet(), block(ROMEO), Policy(blocking=False))

    (refusal,) = stanzas(step)
    assert refusal.error is not None
    assert refusal.error.condition is Condition.SERVICE_UNAVAILABLE
    assert step.state == juliet()


@pytest.mark.parametrize("sender", [ROMEO, f"{ROMEO}/orchard"])
def test_nobody_else_reads_or_changes_the_list(sender: str) -> None:
    for type, name in (("get", "blocklist"), ("set", "block"), ("set", "unblock")):
        step = reduce(blocking(juliet(), IAGO), received_iq(type, command(name, IAGO), from_=sender, to=JULIET))

        assert told(step) == [f"route error service-unavailable from {JULIET} to {sender}"]
        assert step.state == blocking(juliet(), IAGO)
