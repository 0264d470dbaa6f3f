"""When the server experiences trouble (RFC 6121 §2.2, §2.3.3, §3.1.2): loading failed, storing failed, no account.

Unknown is not none: where an account could not be loaded, nothing leaves that changes a peer's state.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    bound,
    contact,
    ended,
    following,
    ignored,
    inbound,
    item,
    outbound,
    query,
    received_iq,
    received_message,
    rfc6121,
    roster,
    roster_get,
    roster_set,
    stanzas,
    told,
)
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.server import (
    OF_ACCOUNTS,
    AccountCreated,
    AccountLoaded,
    AccountRemoved,
    Clear,
    Deliver,
    Event,
    Kind,
    LoadFailed,
    NoAccount,
    Outbound,
    OwnershipLost,
    Put,
    Route,
    SessionDetached,
    SessionId,
    SessionResumed,
    StoreFailed,
    TimePassed,
    Unloaded,
    Unroutable,
    reduce,
)
from xmpp_im_core.server.accounts.loading import sound
from xmpp_im_core.stanza import Condition, ErrorType, Presence, stanza_error

NOBODY = NoAccount(parse_jid(JULIET))
LOAD_FAILED = LoadFailed(AT, "load")
TYPES = ["subscribe", "subscribed", "unsubscribe", "unsubscribed"]


def unloaded(*resources: str) -> Unloaded:
    state = reduce(NOBODY, LOAD_FAILED).state
    for resource in resources:
        state = reduce(state, bound(resource)).state
    assert isinstance(state, Unloaded)
    return state


def loaded(*records: Put) -> AccountLoaded:
    return AccountLoaded(AT, "loaded", (Put(Kind.ROSTER, "", RosterHead("v", 7, 0)), *records))


# --- loading ------------------------------------------------------------------------------------------------


@rfc6121("2.2", quote="<internal-server-error/> if the server experiences trouble processing or returning the")
def test_while_the_account_is_unloaded_a_roster_get_gets_an_error_to_try_again() -> None:
    (refusal,) = reduce(unloaded("balcony"), roster_get("balcony")).effects

    assert isinstance(refusal, Deliver)
    assert refusal.stanza.error is not None
    assert refusal.stanza.error.type is ErrorType.WAIT
    assert told(reduce(unloaded("balcony"), roster_get("balcony"))) == ["error internal-server-error to balcony"]


@rfc6121("2.3.3", quote="it MUST return a stanza error")
@in_one_test(
    "request_",
    [roster_set(item(NURSE), by="balcony"), *[outbound(type, ROMEO, by="balcony") for type in TYPES]],
    ids=["set", *TYPES],
)
def test_while_the_account_is_unloaded_its_own_requests_get_an_error(request_: Event) -> None:
    state = unloaded("balcony")

    step = reduce(state, request_)

    (said,) = told(step)
    assert said.removeprefix("deliver ").startswith("error internal-server-error")
    assert said.endswith("to balcony")
    assert (step.state, step.store) == (state, ())


@rfc6121("3.1.3", quote="the contact's server MUST auto-reply on behalf of the contact")
def test_while_the_account_is_unloaded_a_request_is_not_denied_but_asked_to_wait() -> None:
    step = reduce(unloaded(), inbound("subscribe", ROMEO, to=JULIET))

    assert told(step) == ["route error internal-server-error from juliet@example.com to romeo@example.net"]
    (answer,) = step.effects
    assert isinstance(answer, Route)
    assert answer.stanza.error is not None
    assert answer.stanza.error.type is ErrorType.WAIT


@in_one_test("type", ["subscribed", "unsubscribe", "unsubscribed", "probe", "available", "unavailable"])
def test_while_the_account_is_unloaded_all_other_presence_is_ignored(type: str) -> None:
    assert ignored(unloaded("balcony"), inbound(type, ROMEO, to=JULIET))


def test_sessions_that_were_bound_meanwhile_are_there_once_the_account_is_loaded() -> None:
    state = unloaded("balcony", "chamber")
    state_after = reduce(state, ended("chamber")).state

    juliet = after(reduce(state_after, loaded(Put(Kind.CONTACT, ROMEO, contact(ROMEO, "Both")))))

    assert roster(juliet) == ["romeo@example.net both"]
    assert [each.id for each in juliet.sessions] == [SessionId("balcony", 1)]
    assert told(reduce(juliet, roster_get("balcony"))) == ["roster [romeo@example.net both] to balcony"]


@rfc6121("2", quote="A user's roster is stored by the user's server on the user's behalf")
def test_an_account_is_what_was_stored_of_it() -> None:
    stored = account(JULIET, {NURSE: "None", ROMEO: "None + Pending In"}, version=7)
    records = [Put(Kind.CONTACT, each.jid, each) for each in stored.roster.contacts.values()]

    assert after(reduce(NOBODY, loaded(*records))) == stored


def test_there_is_no_account_without_a_record() -> None:
    assert ignored(NOBODY, AccountLoaded(AT, "loaded", ()))


def test_a_failed_load_of_an_account_that_is_there_takes_nothing_away() -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, interested=("balcony",))

    for event in (LOAD_FAILED, loaded(), AccountCreated(AT, "new", "w")):
        assert ignored(juliet, event)


@rfc6121("A.1", quote="thus yielding nine possible subscription states")
def test_what_a_store_cannot_mean_is_given_a_meaning() -> None:
    without_request = contact(ROMEO, "To + Pending In")
    unlisted = contact(ROMEO, "From", listed=False)

    assert sound(without_request) == contact(ROMEO, "To")
    assert sound(unlisted).listed


# --- storing ------------------------------------------------------------------------------------------------


@rfc6121("2.3.3", quote="if the server experiences an internal problem with processing")
@in_one_test(
    "request_",
    [
        roster_set(item(NURSE), by="balcony"),
        roster_set(item(ROMEO, subscription="remove"), by="balcony"),
        *[outbound(type, ROMEO, by="balcony") for type in TYPES],
    ],
    ids=["set", "removal", *TYPES],
)
def test_a_request_that_could_not_be_stored_changes_nothing_and_gets_an_error(request_: Event) -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, interested=("balcony",), available=("balcony",))

    step = reduce(juliet, StoreFailed(AT, "failed", request_))

    (said,) = told(step)
    assert said.removeprefix("deliver ").startswith("error internal-server-error")
    assert said.endswith("to balcony")
    assert step.state is juliet
    assert step.store == ()


PRESENCE = {
    "initial": outbound("available", by="balcony"),
    "directed": outbound("available", f"{ROMEO}/orchard", by="balcony"),
    "unknown": outbound("invisible", by="balcony"),
}


@rfc6121("4.2.2", quote="Upon receiving initial presence from a client, the user's server MUST send")
@in_one_test("sent", PRESENCE.values(), ids=PRESENCE)
@in_one_test("trouble", ["load", "store"])
def test_presence_that_could_not_be_processed_is_answered_to_wait(sent: Outbound, trouble: str) -> None:
    """Else the user takes the resource for available, which it is not."""
    there = account(JULIET, {ROMEO: "Both"}, connected=("balcony",))
    given, event = (unloaded("balcony"), sent) if trouble == "load" else (there, StoreFailed(AT, "failed", sent))

    step = reduce(given, event)

    (answer,) = stanzas(step)
    assert told(step) == [f"deliver error internal-server-error from {sent.stanza.to} to balcony"]
    assert answer.error == stanza_error(Condition.INTERNAL_SERVER_ERROR, ErrorType.WAIT)
    assert (answer.id, step.state, step.store) == (sent.stanza.id, given, ())


@pytest.mark.parametrize("type", ["probe", "error"])
def test_a_probe_or_an_error_that_could_not_be_processed_is_not_answered(type: str) -> None:
    sent = outbound(type, ROMEO, by="balcony")

    assert ignored(unloaded("balcony"), sent)
    assert ignored(account(JULIET, connected=("balcony",)), StoreFailed(AT, "failed", sent))


@rfc6121("4.6.3", quote="MUST locally deliver or remotely route the full XML of that presence stanza")
def test_directed_unavailable_presence_takes_effect_though_nothing_could_be_stored() -> None:
    juliet = following(account(JULIET, available=("balcony",)), outbound("available", ROMEO, by="balcony"))

    step = reduce(juliet, StoreFailed(AT, "failed", outbound("unavailable", ROMEO, by="balcony")))

    assert told(step) == [f"route unavailable from {JULIET}/balcony to {ROMEO}"]
    assert after(step).sessions[0].directed == ()
    assert ignored(unloaded("balcony"), outbound("unavailable", ROMEO, by="balcony"))


@rfc6121("4.4.3", quote="deliver the user's presence stanza to all of the contact's available resources")
@in_one_test("type", ["available", "unavailable", "probe", "error"])
def test_what_arrives_and_is_not_to_be_stored_is_processed_though_a_commit_failed(type: str) -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, available=("balcony",))
    arrived = inbound(type, f"{ROMEO}/orchard", to=JULIET)

    assert reduce(juliet, StoreFailed(AT, "failed", arrived)) == reduce(juliet, arrived)
    assert told(reduce(juliet, arrived)) != []


@pytest.mark.parametrize(
    "event",
    [SessionDetached(AT, "e", SessionId("balcony", 1)), SessionResumed(AT, "e", SessionId("chamber", 1))],
    ids=["detached", "resumed"],
)
def test_what_happens_to_a_stream_has_happened_though_a_commit_failed(event: Event) -> None:
    given = following(
        account(JULIET, available=("balcony", "chamber")), SessionDetached(AT, "e", SessionId("chamber", 1))
    )

    step = reduce(given, StoreFailed(AT, "failed", event))

    assert step == reduce(given, event)
    assert after(step) != given


@rfc6121("3.1.2", quote="then the user's server MUST return an appropriate error stanza to the user")
def test_what_could_not_be_routed_is_reported_though_a_commit_failed() -> None:
    asked = reduce(account(ROMEO, available=("foo",)), outbound("subscribe", JULIET))
    (routed,) = [effect for effect in asked.effects if isinstance(effect, Route)]
    lost = Unroutable(AT, "lost", routed)

    assert told(reduce(asked.state, StoreFailed(AT, "failed", lost))) == told(reduce(asked.state, lost)) != []


def test_a_request_that_is_due_and_could_not_be_stored_is_tried_again_after_a_minute() -> None:
    late = AT + timedelta(days=8)
    asked = following(account(JULIET, connected=("balcony",)), outbound("subscribe", ROMEO, by="balcony"))
    assert asked.wake_at is not None
    assert reduce(asked, TimePassed(late, "time")).store

    failed = reduce(asked, StoreFailed(late, "failed", TimePassed(late, "time")))

    assert (told(failed), failed.store) == ([], ())
    assert after(failed).wake_at == late + timedelta(minutes=1)
    assert after(failed).roster == asked.roster
    early = StoreFailed(AT, "failed", TimePassed(AT, "time"))
    assert reduce(asked, early).state is asked


@rfc6121("3.1.3", quote="MUST keep a record of the complete presence stanza")
def test_a_request_from_elsewhere_that_could_not_be_kept_is_asked_to_come_again() -> None:
    juliet = account(JULIET, available=("balcony",))

    step = reduce(juliet, StoreFailed(AT, "failed", inbound("subscribe", ROMEO, to=JULIET)))

    assert told(step) == ["route error internal-server-error from juliet@example.com to romeo@example.net"]
    assert step.state is juliet


@pytest.mark.parametrize("type", ["subscribed", "unsubscribe", "unsubscribed"])
def test_other_presence_that_could_not_be_stored_is_ignored(type: str) -> None:
    juliet = account(JULIET, {ROMEO: "From + Pending Out"}, interested=("balcony",), available=("balcony",))

    assert ignored(juliet, StoreFailed(AT, "failed", inbound(type, ROMEO, to=JULIET)))


def test_a_failure_of_a_failure_is_ignored() -> None:
    juliet = account(JULIET, connected=("balcony",))
    failed = StoreFailed(AT, "failed", roster_set(item(NURSE), by="balcony"))

    assert ignored(juliet, StoreFailed(AT, "again", failed))
    assert ignored(unloaded("balcony"), StoreFailed(AT, "again", failed))


def test_what_failed_together_with_other_events_is_answered_though_nothing_of_it_was_to_be_stored() -> None:
    asked = roster_set(item(NURSE), by="balcony")

    assert told(reduce(unloaded("balcony"), StoreFailed(AT, "failed", asked))) == told(
        reduce(unloaded("balcony"), asked)
    )
    bound_meanwhile = reduce(unloaded("balcony"), StoreFailed(AT, "failed", bound("chamber"))).state
    assert isinstance(bound_meanwhile, Unloaded)
    assert [each.id.resource for each in bound_meanwhile.sessions] == ["balcony", "chamber"]
    nobody = NoAccount(parse_jid(JULIET))
    for event in (bound("chamber"), received_message("groupchat", ROMEO, JULIET), inbound("probe", ROMEO, to=JULIET)):
        assert reduce(nobody, StoreFailed(AT, "failed", event)) == reduce(nobody, event)


@pytest.mark.parametrize(
    "event",
    [TimePassed(AT, "time"), roster_set(item(NURSE), by="nowhere"), AccountCreated(AT, "new", "w")],
    ids=["time", "unknown session", "creation"],
)
def test_an_event_that_nobody_waits_for_gets_no_error_if_it_could_not_be_stored(event: Event) -> None:
    assert ignored(account(JULIET, connected=("balcony",)), StoreFailed(AT, "failed", event))


@rfc6121("4.5.2", quote="user's server MUST NOT depend on receiving unavailable presence from an available resource")
@pytest.mark.parametrize(
    "event",
    [ended("balcony"), outbound("unavailable", by="balcony"), bound("balcony", epoch=2)],
    ids=["end", "unavailable", "replacement"],
)
def test_the_end_of_a_presence_session_takes_effect_though_nothing_could_be_stored(event: Event) -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, available=("balcony",))

    step = reduce(juliet, StoreFailed(AT, "failed", event))

    assert told(step)[0] == "send unavailable from juliet@example.com/balcony to romeo@example.net"
    assert after(step).available() == ()
    assert step.store == ()


@rfc6121("4.5.2", quote="The user's server MUST also send the unavailable notification")  # 6121-4.5.2-06
def test_an_end_while_the_account_was_in_doubt_is_told_to_the_other_resources_when_it_is_loaded() -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, available=("balcony", "chamber"), connected=("cell",))
    in_doubt = reduce(juliet, OwnershipLost(AT, "lost")).state
    noted = reduce(in_doubt, ended("balcony"))

    step = reduce(noted.state, loaded(Put(Kind.CONTACT, ROMEO, contact(ROMEO, "Both"))))

    assert told(noted) == []
    assert told(step) == [
        "send unavailable from juliet@example.com/balcony to romeo@example.net",
        "deliver unavailable from juliet@example.com/balcony to chamber",
    ]
    assert [each.id.resource for each in after(step).sessions] == ["cell", "chamber"]
    assert after(step).last_unavailable is None


@rfc6121("4.5.2", quote="The user's server MUST also send the unavailable notification")  # 6121-4.5.2-06
def test_the_end_of_a_resource_that_was_not_available_while_the_account_was_in_doubt_is_told_to_nobody() -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, available=("balcony",), connected=("cell",))
    in_doubt = reduce(juliet, OwnershipLost(AT, "lost")).state

    step = reduce(reduce(in_doubt, ended("cell")).state, loaded(Put(Kind.CONTACT, ROMEO, contact(ROMEO, "Both"))))

    assert told(step) == []
    assert [each.id.resource for each in after(step).sessions] == ["balcony"]


# --- no account ---------------------------------------------------------------------------------------------


@rfc6121("3.1.6", quote="that is, if the user does not exist")
@rfc6121("3.2.3", quote="that is, if the user does not exist")
@rfc6121("3.3.3", quote="that is, if the contact does not exist")
@in_one_test("type", TYPES)
def test_subscription_stanzas_to_an_account_that_does_not_exist_are_ignored(type: str) -> None:
    assert ignored(NOBODY, inbound(type, ROMEO, to=JULIET))


@rfc6121("2", quote="the server MUST restrict access to this data")
@pytest.mark.parametrize("type", ["get", "set"])
def test_roster_iqs_to_an_account_that_does_not_exist_get_service_unavailable(type: str) -> None:
    step = reduce(NOBODY, received_iq(type, query(item(NURSE)), from_="romeo@example.net/foo", to=JULIET))

    assert told(step) == ["route error service-unavailable from juliet@example.com to romeo@example.net/foo"]


@in_one_test(
    "event",
    [
        roster_get("balcony"),
        roster_set(item(NURSE), by="balcony"),
        outbound("subscribe", ROMEO, by="balcony"),
        ended("balcony"),
        TimePassed(AT, "time"),
        AccountRemoved(AT, "removed"),
        StoreFailed(AT, "failed", roster_get("balcony")),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_happens_to_an_account_that_does_not_exist_has_no_effect(event: Event) -> None:
    assert ignored(NOBODY, event)


def test_nobody_can_be_connected_to_an_account_that_does_not_exist() -> None:
    step = reduce(NOBODY, bound("balcony"))

    assert told(step) == ["end balcony with not-authorized"]
    assert step.state is NOBODY


@rfc6121("2.1.4", quote="If the roster exists but there are no contacts in the roster")
def test_a_new_account_has_an_empty_roster_with_a_new_lineage() -> None:
    step = reduce(NOBODY, AccountCreated(AT, "new", "w"))

    juliet = after(step)
    assert roster(juliet) == []
    assert juliet.roster.ver == "w:0"
    assert step.store == (Put(Kind.ROSTER, "", RosterHead("w", 0, 0)),)


@rfc6121("2.5.2", quote="the user's server might need to generate one or more subscription-related presence")
def test_a_removed_account_sends_unavailable_to_its_contacts_and_denies_waiting_requests() -> None:
    juliet = account(
        JULIET,
        {
            "a@example.net": "Both",
            "b@example.net": "From",
            "c@example.net": "To",
            "d@example.net": "None + Pending Out+In",
            "e@example.net": "None",
        },
        available=("balcony",),
    )

    step = reduce(juliet, AccountRemoved(AT, "seq"))

    assert told(step)[-7:] == [
        "end balcony with not-authorized",
        "route unsubscribe from juliet@example.com to a@example.net",
        "route unsubscribed from juliet@example.com to a@example.net",
        "route unsubscribed from juliet@example.com to b@example.net",
        "route unsubscribe from juliet@example.com to c@example.net",
        "route unsubscribe from juliet@example.com to d@example.net",
        "route unsubscribed from juliet@example.com to d@example.net",
    ]
    assert told(step)[0] == "send unavailable from juliet@example.com/balcony to a@example.net, b@example.net"
    assert step.state == NoAccount(NOBODY.jid, (SessionId("balcony", 1),))
    ids = [each.stanza.id for each in step.effects if isinstance(each, Route) and isinstance(each.stanza, Presence)]
    assert len(set(ids)) == len(ids)


def test_stored_addresses_are_prepared_and_malformed_ones_are_skipped() -> None:
    records = (
        Put(Kind.ROSTER, "", RosterHead("v", 1, 0)),
        Put(Kind.CONTACT, "no jid@@", contact("no jid@@", "From")),
        Put(Kind.CONTACT, "Romeo@Example.NET", contact("Romeo@Example.NET", "From")),
        Put(Kind.BLOCKED, "@@", None),
        Put(Kind.BLOCKED, "Nurse@Example.COM", None),
    )

    read = after(reduce(NOBODY, AccountLoaded(AT, "loaded", records)))

    assert list(read.roster.contacts) == ["romeo@example.net"]
    assert read.blocked == ("nurse@example.com",)


def test_an_account_that_cannot_be_read_can_be_removed() -> None:
    state = reduce(NOBODY, LOAD_FAILED).state
    state = reduce(state, bound("balcony")).state

    removed = reduce(state, AccountRemoved(AT, "removed"))

    assert told(removed) == ["end balcony with not-authorized"]
    assert removed.store == tuple(Clear(kind) for kind in OF_ACCOUNTS)
    assert isinstance(removed.state, NoAccount)
