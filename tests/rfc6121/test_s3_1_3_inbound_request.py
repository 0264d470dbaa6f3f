"""Server processing of inbound subscription requests (RFC 6121 §3.1.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    MERCUTIO,
    NURSE,
    ROMEO,
    account,
    after,
    contact,
    fails_in_silence,
    following,
    ignored,
    inbound,
    item,
    outbound,
    presence,
    pushes,
    received_iq,
    rfc6121,
    roster,
    roster_get,
    roster_set,
    state_of,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    Account,
    Decision,
    Deliver,
    Event,
    Kind,
    NoAccount,
    Put,
    Route,
    SessionId,
    Undelivered,
    authorised_by,
    reduce,
)
from xmpp_im_core.stanza import CLIENT, Presence

HELLO = element("status", CLIENT, {}, ["Hi, it is Romeo"])
NICK = element("nick", "http://jabber.org/protocol/nick", {}, ["Romeo"])
REQUEST = inbound("subscribe", ROMEO, HELLO, NICK, to=JULIET, id="xk3h1v69")
LOGIN = outbound("available", by="balcony")

AUTO_REPLY = "route subscribed from juliet@example.com to romeo@example.net"
DELIVERED = "deliver subscribe from romeo@example.net to balcony"


def requests(account: Account, login: Event = LOGIN) -> list[str]:
    """Return the requests that a login brings."""
    return [said for said in told(reduce(account, login)) if said.startswith("deliver subscribe")]


# --- the 'to' address -----------------------------------------------------------------------------------------


@rfc6121("3.1.3", quote="directed to the contact's bare JID and modify the 'to' address accordingly")
@pytest.mark.parametrize("resource", ["balcony", "chamber", "nowhere"])
def test_a_full_jid_is_cut_to_the_bare_jid_whether_or_not_the_resource_is_there(resource: str) -> None:
    juliet = account(JULIET, available=("balcony",), connected=("chamber",))

    step = reduce(juliet, inbound("subscribe", ROMEO, to=f"{JULIET}/{resource}"))

    bare = reduce(juliet, inbound("subscribe", ROMEO, to=JULIET))
    assert (after(step).roster, step.effects, step.store) == (after(bare).roster, bare.effects, bare.store)


@rfc6121("3.1.3", quote="directed to the contact's bare JID and modify the 'to' address accordingly")
@pytest.mark.parametrize("resource", ["balcony", "nowhere"])
def test_to_a_full_jid_the_auto_reply_is_the_same(resource: str) -> None:
    juliet = account(JULIET, {ROMEO: "From"}, available=("balcony",))

    assert told(reduce(juliet, inbound("subscribe", ROMEO, to=f"{JULIET}/{resource}"))) == [AUTO_REPLY]


@rfc6121("3", quote="MUST stamp the outgoing presence stanza with the bare JID")
def test_a_request_from_a_full_jid_concerns_the_bare_jid() -> None:
    juliet = account(JULIET, {ROMEO: "From"}, available=("balcony",))

    assert told(reduce(juliet, inbound("subscribe", f"{ROMEO}/orchard", to=JULIET))) == [AUTO_REPLY]


# --- rule 1: the user decides -----------------------------------------------------------------------------------


@rfc6121("3.1.3", quote="MUST NOT automatically approve subscription requests on the contact's behalf")
@rfc6121("3.1.3", quote="the contact's server MUST send that subscription request to all available resources")
def test_a_request_is_delivered_to_all_available_resources_and_to_no_other() -> None:
    juliet = account(JULIET, available=("balcony", "chamber"), interested=("garden",), connected=("hall",))

    step = reduce(juliet, REQUEST)

    assert told(step) == ["deliver subscribe from romeo@example.net to balcony, chamber"]
    assert state_of(step.state, ROMEO) == "None + Pending In"


@rfc6121("3.1.3", quote="including any extended content contained therein")
def test_the_request_is_delivered_with_all_its_content() -> None:
    juliet = account(JULIET, available=("balcony",))

    delivered = reduce(juliet, REQUEST).effects[0]

    assert isinstance(delivered, Deliver)
    assert delivered.stanza == presence("subscribe", ROMEO, JULIET, HELLO, NICK, id="xk3h1v69")


@rfc6121("3.1.3", quote="to all available resources in accordance with Section 8")
def test_a_negative_priority_is_no_obstacle() -> None:
    away = outbound("available", None, element("priority", CLIENT, {}, ["-1"]), by="balcony")
    juliet = following(account(JULIET, connected=("balcony",)), away)

    assert told(reduce(juliet, REQUEST)) == [DELIVERED]


# --- rule 2: already subscribed ---------------------------------------------------------------------------------


@rfc6121("3.1.3", quote="the contact's server MUST auto-reply on behalf of the contact")
@in_one_test("state", ["From", "From + Pending Out", "Both"])
@in_one_test("available", [(), ("balcony",)], ids=["offline", "online"])
def test_one_who_is_subscribed_already_is_told_so_and_the_user_is_not_asked(
    state: str, available: tuple[str, ...]
) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("chamber",), available=available)

    step = reduce(juliet, REQUEST)

    assert told(step) == [AUTO_REPLY]
    assert step.state is juliet
    (reply,) = step.effects
    assert isinstance(reply, Route)
    assert reply.stanza == presence("subscribed", JULIET, ROMEO, id="seq-subscribed")


# --- rule 3: an acknowledgement ---------------------------------------------------------------------------------


@rfc6121("3.1.3", quote='MAY send a presence stanza of type "unavailable" from the bare JID of the contact')
def test_a_service_may_acknowledge_a_request_that_was_delivered() -> None:
    policy = Policy(acknowledge_requests=True)

    assert told(reduce(account(JULIET, available=("balcony",)), REQUEST, policy)) == [
        DELIVERED,
        "route unavailable from juliet@example.com to romeo@example.net",
    ]
    assert told(reduce(account(JULIET, interested=("balcony",)), REQUEST, policy)) == []


@rfc6121("3.1.3", quote='MAY send a presence stanza of type "unavailable" from the bare JID of the contact')
def test_no_answer_reveals_by_default_whether_the_user_is_online() -> None:
    online = reduce(account(JULIET, available=("balcony",)), REQUEST)
    offline = reduce(account(JULIET), REQUEST)

    assert not [each for each in (*online.effects, *offline.effects) if isinstance(each, Route)]


# --- rule 4: until the user decides -----------------------------------------------------------------------------


@rfc6121("3.1.3", quote="MUST keep a record of the complete presence stanza comprising the subscription request")
@pytest.mark.parametrize("available", [(), ("chamber",)], ids=["offline", "online"])
def test_the_complete_request_is_stored_whether_or_not_it_could_be_delivered(available: tuple[str, ...]) -> None:
    juliet = account(JULIET, available=available)

    step = reduce(juliet, REQUEST)

    kept = contact(
        ROMEO,
        "None + Pending In",
        listed=False,
        request=presence("subscribe", ROMEO, JULIET, HELLO, NICK, id="xk3h1v69"),
    )
    assert step.store == (Put(Kind.CONTACT, ROMEO, kept),)


@rfc6121("3.1.3", quote="then deliver the request when the contact next has an available resource")
def test_a_request_that_came_while_the_user_was_offline_is_delivered_in_full_at_login() -> None:
    juliet = following(account(JULIET, connected=("balcony",)), REQUEST)

    redelivered = [
        each for each in reduce(juliet, LOGIN).effects if isinstance(each, Deliver) and each.stanza.type == "subscribe"
    ]

    assert [(each.stanza, each.sessions) for each in redelivered] == [
        (presence("subscribe", ROMEO, JULIET, HELLO, NICK, id="xk3h1v69"), (SessionId("balcony", 1),))
    ]


@rfc6121("3.1.3", quote="MUST continue to deliver the subscription request whenever the contact creates")
def test_it_is_delivered_to_every_resource_that_becomes_available_and_to_it_alone() -> None:
    juliet = following(account(JULIET, connected=("balcony", "chamber")), REQUEST, LOGIN)

    assert requests(juliet, outbound("available", by="chamber")) == [
        "deliver subscribe from romeo@example.net to chamber"
    ]


@rfc6121("3.1.3", quote="MUST continue to deliver the subscription request whenever the contact creates")
def test_a_resource_that_becomes_available_again_gets_it_again() -> None:
    juliet = following(account(JULIET, available=("balcony",)), REQUEST, outbound("unavailable", by="balcony"))

    assert requests(juliet) == [DELIVERED]


@rfc6121("3.1.3", quote="whenever the contact creates an available resource")
def test_an_update_of_presence_brings_no_request() -> None:
    juliet = following(account(JULIET, connected=("balcony",)), REQUEST, LOGIN)

    assert requests(juliet, outbound("available", None, HELLO, by="balcony")) == []


@rfc6121("3.1.3", quote="until the contact either approves or denies the request")
@pytest.mark.parametrize(
    ("decision", "state"),
    [
        pytest.param(outbound("subscribed", ROMEO, by="balcony"), "From", id="approves"),
        pytest.param(outbound("unsubscribed", ROMEO, by="balcony"), "None", id="denies"),
        pytest.param(inbound("unsubscribe", ROMEO, to=JULIET), "None", id="withdrawn"),
    ],
)
def test_a_request_that_was_decided_or_withdrawn_is_not_delivered_again(decision: Event, state: str) -> None:
    juliet = following(account(JULIET, connected=("balcony", "chamber")), REQUEST, LOGIN, decision)

    assert state_of(juliet, ROMEO) == state
    assert requests(juliet, outbound("available", by="chamber")) == []


@rfc6121("3.1.3", quote="MUST deliver only one of the requests when the contact next has an available resource")
def test_the_first_of_several_requests_of_one_user_is_kept() -> None:
    again = inbound("subscribe", ROMEO, to=JULIET, id="again")
    juliet = following(account(JULIET, connected=("balcony",)), REQUEST)

    assert ignored(juliet, again)
    assert requests(juliet) == [DELIVERED]


@rfc6121("3.1.3", quote="MUST NOT deliver more than one subscription request from any given user")
def test_a_repeated_request_is_not_delivered_though_the_user_is_online() -> None:
    juliet = following(account(JULIET, available=("balcony",)), REQUEST)

    assert ignored(juliet, REQUEST)


@rfc6121("3.1.3", quote="from any given user when the contact next has an available resource")
def test_requests_of_several_users_are_all_delivered() -> None:
    juliet = following(account(JULIET, connected=("balcony",)), REQUEST, inbound("subscribe", MERCUTIO, to=JULIET))

    assert requests(juliet) == [
        "deliver subscribe from mercutio@example.net to balcony",
        "deliver subscribe from romeo@example.net to balcony",
    ]


@rfc6121("3.1.3", quote="MUST continue to deliver the subscription request whenever the contact creates")
def test_a_delivery_that_failed_is_made_good_at_the_next_login() -> None:
    step = reduce(account(JULIET, available=("chamber",), connected=("balcony",)), REQUEST)
    delivered = step.effects[0]
    assert isinstance(delivered, Deliver)

    assert fails_in_silence(after(step), Undelivered(AT, "lost", delivered, delivered.sessions))
    assert requests(after(step)) == [DELIVERED]


# --- no item for a mere requester -------------------------------------------------------------------------------


@rfc6121("3.1.3", quote="MUST NOT add an item for the user to the contact's roster")
def test_a_request_makes_no_item_and_causes_no_push() -> None:
    juliet = account(JULIET, {NURSE: "Both"}, interested=("balcony",), available=("balcony",))

    step = reduce(juliet, REQUEST)

    assert pushes(step) == []
    assert told(reduce(step.state, roster_get("balcony"))) == ["roster [nurse@example.com both] to balcony"]


@rfc6121(
    "A.1", quote="if the user has created a roster item for the contact then the server MUST maintain that roster item"
)
@pytest.mark.parametrize("state", ["None", "None + Pending Out", "To"])
def test_an_item_that_the_user_has_made_is_kept_as_it_is(state: str) -> None:
    mine = contact(ROMEO, state, name="Romeo", groups=("Friends",))
    juliet = account(JULIET, [mine], interested=("balcony",), available=("balcony",))

    step = reduce(juliet, REQUEST)

    assert told(step) == [DELIVERED]
    assert roster(step.state) == roster(juliet)
    assert after(step).roster.contacts[ROMEO].request == presence(
        "subscribe", ROMEO, JULIET, HELLO, NICK, id="xk3h1v69"
    )


@rfc6121(
    "A.1", quote="if the user has created a roster item for the contact then the server MUST maintain that roster item"
)
def test_a_removed_contact_may_ask_again_without_becoming_an_item() -> None:
    juliet = account(JULIET, {ROMEO: "None"}, connected=("balcony",), available=("chamber",))
    juliet = following(juliet, roster_set(item(ROMEO, subscription="remove"), by="balcony"), REQUEST)

    assert roster(juliet) == []
    assert requests(juliet) == [DELIVERED]


# --- the service decides ----------------------------------------------------------------------------------------

APPROVED = inbound("subscribe", ROMEO, HELLO, to=JULIET, decision=Decision.APPROVE)
DENIED = inbound("subscribe", ROMEO, HELLO, to=JULIET, decision=Decision.DENY)
DENIAL = "route unsubscribed from juliet@example.com to romeo@example.net"


@rfc6121("3.1.3", quote="configured its account to automatically approve subscription requests")
@in_one_test(
    ("state", "becomes", "shows"),
    [
        ("None", "From", "from"),
        ("None + Pending Out", "From + Pending Out", "from ask"),
        ("None + Pending In", "From", "from"),
        ("None + Pending Out+In", "From + Pending Out", "from ask"),
        ("To", "Both", "both"),
        ("To + Pending In", "Both", "both"),
    ],
)
def test_an_approval_by_the_service_is_an_approval_like_any_other(state: str, becomes: str, shows: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("chamber",), available=("balcony",))

    step = reduce(juliet, APPROVED)

    assert told(step) == [
        AUTO_REPLY,
        f"push romeo@example.net {shows} to chamber",
        "route presence from juliet@example.com/balcony to romeo@example.net",
    ]
    assert state_of(step.state, ROMEO) == becomes
    assert tuple(after(step).roster.pending) == ()


@rfc6121("3.1.3", quote="accepted an agreement with its service provider that allows automatic approval")
def test_an_approval_by_the_service_makes_the_item() -> None:
    juliet = account(JULIET, interested=("balcony",))

    assert roster(reduce(juliet, APPROVED).state) == ["romeo@example.net from"]


@rfc6121("3.1.3", quote="accepted an agreement with its service provider that allows automatic approval")
def test_the_service_approves_nobody_new_if_the_roster_is_full() -> None:
    juliet = account(JULIET, {NURSE: "None"}, interested=("balcony",))

    assert told(reduce(juliet, APPROVED, Policy(roster_items=2)))[0] == AUTO_REPLY
    assert ignored(juliet, APPROVED, Policy(roster_items=1))


@rfc6121("3.1.3", quote="if a subscription request requires approval")
@pytest.mark.parametrize("state", ["None", "None + Pending Out", "To"])
def test_a_denial_by_the_service_changes_nothing_and_asks_nobody(state: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("chamber",), available=("balcony",))

    step = reduce(juliet, DENIED)

    assert told(step) == [DENIAL]
    assert step.state is juliet


@rfc6121("3.1.3", quote="until the contact either approves or denies the request")
def test_a_denial_by_the_service_also_ends_the_request_that_the_user_was_still_to_answer() -> None:
    juliet = account(JULIET, {ROMEO: "To + Pending In"}, interested=("chamber",), available=("balcony",))

    step = reduce(juliet, DENIED)

    assert told(step) == [DENIAL]
    assert state_of(step.state, ROMEO) == "To"
    assert tuple(after(step).roster.pending) == ()
    assert len(step.store) == 1


@rfc6121("3.1.3", quote="the contact's server MUST auto-reply on behalf of the contact")
@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.DENY, Decision.ASK])
def test_no_decision_is_made_about_an_existing_subscriber(decision: Decision) -> None:
    juliet = account(JULIET, {ROMEO: "From"}, interested=("chamber",), available=("balcony",))

    step = reduce(juliet, inbound("subscribe", ROMEO, to=JULIET, decision=decision))

    assert told(step) == [AUTO_REPLY]
    assert step.state is juliet


@rfc6121("3.1.3", quote="MUST NOT automatically approve subscription requests")
@pytest.mark.parametrize("type", ["subscribed", "unsubscribe", "unsubscribed"])
def test_a_decision_counts_for_requests_alone(type: str) -> None:
    juliet = account(JULIET, {ROMEO: "None"}, interested=("chamber",), available=("balcony",))

    for decision in Decision:
        assert ignored(juliet, inbound(type, ROMEO, to=JULIET, decision=decision))


# --- limits -----------------------------------------------------------------------------------------------------


def waiting(*users: str) -> Account:
    return account(JULIET, dict.fromkeys(users, "None + Pending In"), available=("balcony",))


@rfc6121("3.1.3", quote="set limits on the number or size of inbound presence subscription requests")
def test_as_many_requests_as_the_limit_are_kept_and_one_more_is_ignored() -> None:
    policy = Policy(pending_requests=2)

    assert told(reduce(waiting(NURSE), REQUEST, policy)) == [DELIVERED]
    assert ignored(waiting(NURSE, MERCUTIO), REQUEST, policy)


@rfc6121("3.1.3", quote="set limits on the number or size of inbound presence subscription requests")
def test_as_many_requests_of_one_domain_as_the_limit_are_kept_and_one_more_is_ignored() -> None:
    policy = Policy(pending_requests_per_domain=2)

    assert told(reduce(waiting(MERCUTIO), REQUEST, policy)) == [DELIVERED]
    assert ignored(waiting(MERCUTIO, "benvolio@example.net"), REQUEST, policy)
    assert told(reduce(waiting(NURSE, "peter@example.com"), REQUEST, policy)) == [DELIVERED]


@rfc6121("3.1.3", quote="set limits on the number or size of inbound presence subscription requests")
def test_a_request_as_large_as_the_limit_is_kept_and_a_larger_one_is_ignored() -> None:
    size = REQUEST.stanza.size()
    juliet = account(JULIET, available=("balcony",))

    assert size > len("Hi, it is Romeo") + len("Romeo")
    assert told(reduce(juliet, REQUEST, Policy(request_size=size))) == [DELIVERED]
    assert ignored(juliet, REQUEST, Policy(request_size=size - 1))


@rfc6121("3.1.3", quote="the contact's server MUST auto-reply on behalf of the contact")
def test_no_limit_stops_an_auto_reply_or_an_approval_by_the_service() -> None:
    none = Policy(pending_requests=0, pending_requests_per_domain=0, request_size=0)
    juliet = account(JULIET, {ROMEO: "From"}, available=("balcony",))

    assert told(reduce(juliet, REQUEST, none)) == [AUTO_REPLY]
    assert told(reduce(account(JULIET), APPROVED, none)) == [AUTO_REPLY]


# --- the decision comes with the event --------------------------------------------------------------------------


@rfc6121("3.1.3", quote="configured its account to automatically approve subscription requests")
def test_a_host_puts_its_decision_into_the_event_by_the_complete_request_and_the_account() -> None:
    juliet = account(JULIET, {NURSE: "Both"})

    def capulets_only(request: Presence, asked: Account) -> Decision:
        assert request.payload.first("status") == HELLO
        assert asked is juliet
        return Decision.APPROVE if "capulet" in str(request.from_) else Decision.DENY

    decided = authorised_by(capulets_only)
    cousin = inbound("subscribe", "tybalt@capulet.example", HELLO, to=JULIET)

    assert decided(juliet, cousin) == inbound(
        "subscribe", "tybalt@capulet.example", HELLO, to=JULIET, decision=Decision.APPROVE
    )
    assert told(reduce(juliet, decided(juliet, REQUEST))) == [DENIAL]


@rfc6121("3.1.3", quote="configured its account to automatically approve subscription requests")
def test_the_host_is_asked_only_about_requests_to_an_account_that_exists() -> None:
    def never(request: Presence, asked: Account) -> Decision:
        raise AssertionError("not asked")

    decided, juliet = authorised_by(never), account(JULIET)

    for event in (
        inbound("subscribed", ROMEO, to=JULIET),
        outbound("subscribe", ROMEO, by="balcony"),
        received_iq("get", from_=ROMEO, to=JULIET),
    ):
        assert decided(juliet, event) is event
    assert decided(NoAccount(juliet.jid), REQUEST) is REQUEST
