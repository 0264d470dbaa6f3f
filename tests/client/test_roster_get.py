"""Retrieving the roster, with and without versions (RFC 6121 §2.1.3, §2.1.4, §2.2, §2.6)."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from tests.client.stage import (
    BALCONY,
    BOTH_FEATURES,
    JULIET,
    NOON,
    NURSE,
    ROMEO,
    Scene,
    changed_nothing,
    elements,
    is_silent,
    roster_of,
    rules_of,
    sent,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    About,
    Bound,
    Client,
    ClientPolicy,
    GetRoster,
    GiveUp,
    Item,
    Question,
    RosterCache,
    SessionBound,
    SessionEnded,
    notifications,
)
from xmpp_im_core.rules import client as session_rules
from xmpp_im_core.rules import client_roster as rules
from xmpp_im_core.stanza import Condition, stanza_error
from xmpp_im_core.subscription import Subscription

LOVER = Item(ROMEO.full, Subscription.BOTH)
SERVANT = Item(NURSE.full, Subscription.FROM, "Nurse", ("Servants",))


def asking(roster: RosterCache = RosterCache(), policy: ClientPolicy = ClientPolicy()) -> Scene:  # noqa: B008  # frozen values
    scene = Scene(roster, BOTH_FEATURES, policy)
    scene.take(GetRoster(*scene.stamp()))
    return scene


# --- what is sent -------------------------------------------------------------------------------------------


def test_without_the_feature_no_version_is_sent_even_with_a_cache() -> None:
    scene = Scene(roster_of(LOVER, ver="v1"))

    step = scene.take(GetRoster(*scene.stamp()))

    assert sent(step) == elements("<iq type='get' id='s1-roster'><query xmlns='jabber:iq:roster'/></iq>")
    assert rules_of(step) == [rules.GET_WITHOUT_VER]


def test_without_a_cache_an_empty_version_bootstraps_versioning() -> None:
    scene = Scene(features=BOTH_FEATURES)

    step = scene.take(GetRoster(*scene.stamp()))

    assert sent(step) == elements("<iq type='get' id='s1-roster'><query xmlns='jabber:iq:roster' ver=''/></iq>")


@in_one_test("ver", ["v1", "14", " 0x<>&'", "\u2665"])
def test_the_version_of_the_cache_is_echoed_as_it_is(ver: str) -> None:
    scene = Scene(roster_of(LOVER, ver=ver), BOTH_FEATURES)

    (get,) = sent(scene.take(GetRoster(*scene.stamp())))

    assert get.elements[0].get("ver") == ver


def test_a_client_that_does_not_want_versions_sends_none() -> None:
    scene = Scene(roster_of(LOVER, ver="v1"), BOTH_FEATURES, ClientPolicy(roster_versioning=False))

    (get,) = sent(scene.take(GetRoster(*scene.stamp())))

    assert get.elements[0].get("ver") is None


def test_a_second_get_waits_for_the_result_of_the_first() -> None:
    scene = asking()

    step = scene.take(GetRoster(*scene.stamp()))

    assert sent(step) == []
    assert rules_of(step) == [rules.ROSTER_ASKED_ALREADY]


# --- the three results (§2.6.3) -----------------------------------------------------------------------------


def test_a_full_result_is_all_there_is_and_stale_items_are_gone() -> None:
    scene = asking(roster_of(LOVER, SERVANT, ver="v1"))

    step = scene.server(
        "<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster' ver='v7'>"
        "<item jid='nurse@capulet.example' subscription='from' name='Angelica'><group>Servants</group></item>"
        "<item jid='tybalt@capulet.example' subscription='none'/></query></iq>"
    )

    angelica = Item(NURSE.full, Subscription.FROM, "Angelica", ("Servants",))
    tybalt = Item("tybalt@capulet.example")
    assert step.state.roster == roster_of(angelica, tybalt, ver="v7")
    assert told(step) == [
        notifications.RosterReceived(),
        notifications.ItemUpdated(SERVANT, angelica),
        notifications.ItemRemoved(LOVER),
        notifications.ItemAdded(tybalt),
    ]


def test_an_empty_query_means_an_empty_roster() -> None:
    scene = asking(roster_of(LOVER, ver="v1"))

    step = scene.server("<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster' ver='v2'/></iq>")

    assert step.state.roster == roster_of(ver="v2")
    assert told(step) == [notifications.RosterReceived(), notifications.ItemRemoved(LOVER)]


def test_an_empty_result_means_that_the_cache_is_current() -> None:
    scene = asking(roster_of(LOVER, ver="v1"))

    step = scene.server("<iq type='result' id='s1-roster'/>")

    assert step.state.roster == roster_of(LOVER, ver="v1")
    assert told(step) == [notifications.RosterReceived()]
    assert rules_of(step) == [rules.ROSTER_UNCHANGED]


@in_one_test(
    "children",
    [
        "<query xmlns='jabber:iq:roster' ver='v2'/><query xmlns='jabber:iq:roster' ver='v3'/>",
        "<query xmlns='jabber:iq:roster' ver='v2'/><x xmlns='urn:x'/>",
        "<x xmlns='urn:x'/>",
        "<query xmlns='jabber:iq:private'/>",
        "<roster xmlns='jabber:iq:roster'/>",
    ],
)
def test_what_is_neither_empty_nor_one_roster_is_told_and_keeps_what_is_known(children: str) -> None:
    scene = asking(roster_of(LOVER, ver="v1"))

    step = scene.server(f"<iq type='result' id='s1-roster'>{children}</iq>")

    assert told(step) == [notifications.RosterFailed(stanza_error(Condition.UNDEFINED_CONDITION))]
    assert rules_of(step) == [rules.ROSTER_RESULT_MALFORMED]
    assert step.state.roster == roster_of(LOVER, ver="v1")
    assert len(step.state.questions) == 0, "it can be asked for again"


def test_an_error_is_told_and_keeps_what_is_known() -> None:
    scene = asking(roster_of(LOVER, ver="v1"))

    step = scene.server(
        "<iq type='error' id='s1-roster'><error type='cancel'>"
        "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )

    assert told(step) == [notifications.RosterFailed(stanza_error(Condition.ITEM_NOT_FOUND))]
    assert step.state.roster == roster_of(LOVER, ver="v1")


def test_an_interim_push_is_a_push_like_any_other() -> None:
    scene = asking(roster_of(LOVER, ver="v1"))
    scene.server("<iq type='result' id='s1-roster'/>")

    step = scene.server(
        "<iq type='set' id='p1'><query xmlns='jabber:iq:roster' ver='v2'>"
        "<item jid='nurse@capulet.example' subscription='from' name='Nurse'><group>Servants</group></item></query></iq>"
    )

    assert sent(step) == elements("<iq type='result' id='p1'/>")
    assert step.state.roster == roster_of(LOVER, SERVANT, ver="v2")
    assert step.state.next_ver() == "v2"


def test_the_next_get_asks_with_the_version_of_the_last_push() -> None:
    scene = asking()
    scene.server("<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster' ver='ver1'/></iq>")
    scene.server(
        "<iq type='set' id='p'><query xmlns='jabber:iq:roster' ver='ver5'>"
        "<item jid='romeo@montague.example'/></query></iq>"
    )

    (get,) = sent(scene.take(GetRoster(*scene.stamp())))

    assert get.elements[0].get("ver") == "ver5"


def test_a_push_without_a_version_keeps_the_older_one_which_is_safe_to_ask_with() -> None:
    scene = Scene(roster_of(ver="v1"), BOTH_FEATURES)

    step = scene.server(
        "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='romeo@montague.example'/></query></iq>"
    )

    assert step.state.next_ver() == "v1"


def test_a_roster_from_a_server_without_versions_leaves_no_version_to_ask_with() -> None:
    scene = Scene(roster_of(LOVER, ver="v1"))
    scene.take(GetRoster(*scene.stamp()))

    step = scene.server("<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster'/></iq>")

    assert step.state.roster == roster_of()
    assert step.state.next_ver() is None


# --- results that do not come -------------------------------------------------------------------------------

PUSH = (
    "<iq type='set' id='p'><query xmlns='jabber:iq:roster' ver='v5'>"
    "<item jid='nurse@capulet.example' subscription='from' name='Nurse'><group>Servants</group></item></query></iq>"
)
FAILED = (
    "<iq type='error' id='s1-roster'><error type='wait'>"
    "<internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
)


def test_the_version_of_a_push_waits_for_the_result_that_is_due() -> None:
    scene = asking(roster_of(LOVER, ver="v1"))

    pushed = scene.server(PUSH)

    assert pushed.state.roster == roster_of(LOVER, SERVANT, ver="v1")
    assert scene.server("<iq type='result' id='s1-roster'/>").state.roster == roster_of(LOVER, SERVANT, ver="v5")


def test_a_result_that_the_session_did_not_live_to_see_is_asked_for_again() -> None:
    """With the version of the push the server would say nothing of what stood in the result alone."""
    scene = asking(roster_of(LOVER, ver="v1"))
    scene.server(PUSH)
    scene.take(SessionEnded(*scene.stamp()))
    scene.take(SessionBound(*scene.stamp(), Bound(BALCONY, BOTH_FEATURES)))

    (get,) = sent(scene.take(GetRoster(*scene.stamp())))

    assert get.elements[0].get("ver") == "v1"


@pytest.mark.parametrize("without_result", ["given up", "failed"])
def test_without_a_result_pushes_are_applied_and_their_versions_are_not_kept(without_result: str) -> None:
    scene = asking(roster_of(LOVER, ver="v1"))
    if without_result == "failed":
        scene.server(FAILED)
    else:
        step = scene.take(GiveUp(*scene.stamp(), "s1-roster"))
        assert told(step) == [
            notifications.Unanswered("s1-roster", Question(None, NOON + timedelta(seconds=1), About.ROSTER_GET))
        ]

    assert scene.server(PUSH).state.roster == roster_of(LOVER, SERVANT, ver="v1")
    assert is_silent(scene.server(RESULT), session_rules.ANSWER_UNASKED)
    assert scene.client.roster == roster_of(LOVER, SERVANT, ver="v1")


def test_after_giving_up_a_new_roster_result_overrules_older_pushes() -> None:
    scene = asking(roster_of(LOVER, ver="v1"))
    scene.server(PUSH)
    scene.take(GiveUp(*scene.stamp(), "s1-roster"))

    (get,) = sent(scene.take(GetRoster(*scene.stamp())))
    assert get.elements[0].get("ver") == "v1"
    step = scene.server(f"<iq type='result' id='{get.get('id')}'><query xmlns='jabber:iq:roster' ver='v7'/></iq>")

    assert step.state.roster == roster_of(ver="v7")


# --- rosters in the field (§2.1.2) --------------------------------------------------------------------------


@in_one_test("value", ["remove", "foo", "", "Both"])
def test_a_result_with_another_subscription_does_not_act_on_it(value: str) -> None:
    scene = asking(roster_of(LOVER, ver="v1"))

    step = scene.server(
        "<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster' ver='v2'>"
        f"<item jid='romeo@montague.example' subscription='{value}'/></query></iq>"
    )

    assert step.state.roster == roster_of(LOVER, ver="v2")


def test_a_result_still_lists_an_item_that_says_remove() -> None:
    """What "the client MUST ignore" are "values of the 'subscription' attribute" (§2.1.2.5), not items."""
    scene = asking()

    step = scene.server(
        "<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster'>"
        "<item jid='romeo@montague.example' subscription='remove' name='Romeo'/></query></iq>"
    )

    assert step.state.roster == roster_of(Item(ROMEO.full, name="Romeo"))


def test_the_last_of_two_items_for_one_jid_counts() -> None:
    scene = asking()

    step = scene.server(
        "<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster'>"
        "<item jid='romeo@montague.example' subscription='from' name='Romeo'/>"
        "<item jid='ROMEO@montague.example' subscription='both'/></query></iq>"
    )

    assert step.state.roster == roster_of(LOVER)
    assert told(step) == [notifications.RosterReceived(), notifications.ItemAdded(LOVER)]


UGLY = {
    "a domain": ("<item jid='icq.example' subscription='both'/>", Item("icq.example", Subscription.BOTH)),
    "a full JID": ("<item jid='room@muc.example/Nick'/>", Item("room@muc.example/Nick")),
    "another spelling": ("<item jid='ROMEO@Montague.Example'/>", Item(ROMEO.full)),
    "no subscription": ("<item jid='romeo@montague.example'/>", Item(ROMEO.full)),
    "none and asked": (
        "<item jid='romeo@montague.example' subscription='none' ask='subscribe'/>",
        Item(ROMEO.full, Subscription.NONE_OUT),
    ),
    "asked and both": (
        "<item jid='romeo@montague.example' subscription='both' ask='subscribe'/>",
        Item(ROMEO.full, Subscription.BOTH),
    ),
    "asked something else": ("<item jid='romeo@montague.example' ask='unsubscribe'/>", Item(ROMEO.full)),
    "pre-approved": ("<item jid='romeo@montague.example' approved='1'/>", Item(ROMEO.full, approved=True)),
    "groups twice and empty": (
        "<item jid='romeo@montague.example'><group>B</group><group/><group>A</group><group>B</group></item>",
        Item(ROMEO.full, groups=("A", "B")),
    ),
    "mojibake": ("<item jid='romeo@montague.example' name='RomÃ©o \u202e'/>", Item(ROMEO.full, name="RomÃ©o \u202e")),
}


@in_one_test(("xml", "item"), UGLY.values(), ids=UGLY.keys())
def test_ugly_items_are_read(xml: str, item: Item) -> None:
    scene = asking()

    step = scene.server(f"<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster'>{xml}</query></iq>")

    assert step.state.roster == roster_of(item)


@pytest.mark.parametrize("bad", ["<item/>", "<item jid=''/>"])
def test_an_item_without_a_jid_spoils_no_other(bad: str) -> None:
    scene = asking()

    step = scene.server(
        "<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster'>"
        f"{bad}<item jid='romeo@montague.example' subscription='both'/></query></iq>"
    )

    assert step.state.roster == roster_of(LOVER)
    assert [each.stanza.id for each in told(step) if isinstance(each, notifications.Unaddressed)] == ["s1-roster"]


# --- any order, one view ------------------------------------------------------------------------------------

RESULT = (
    "<iq type='result' id='s1-roster'><query xmlns='jabber:iq:roster' ver='v1'>"
    "<item jid='romeo@montague.example' subscription='both'/><item jid='nurse@capulet.example'/></query></iq>"
)
PUSHES = (
    "<iq type='set' id='p1'><query xmlns='jabber:iq:roster' ver='v2'>"
    "<item jid='romeo@montague.example' subscription='both' name='Romeo'/></query></iq>",
    "<iq type='set' id='p2'><query xmlns='jabber:iq:roster' ver='v3'>"
    "<item jid='nurse@capulet.example' subscription='remove'/></query></iq>",
)
PRESENCES = (
    "<presence from='romeo@montague.example/orchard'/>",
    "<presence from='mercutio@montague.example/street'/>",
)
ORDERS = [
    order
    for order in permutations([RESULT, *PUSHES, *PRESENCES])
    if order.index(PUSHES[0]) < order.index(PUSHES[1]) and order.index(PRESENCES[0]) < order.index(PRESENCES[1])
]


def final_view(order: tuple[str, ...]) -> Client:
    scene = asking()
    scene.server(*order)
    return scene.client


@in_one_test("order", ORDERS)
def test_result_pushes_and_presence_give_the_same_view_in_any_order(order: tuple[str, ...]) -> None:
    view = final_view(order)

    assert view.roster == roster_of(Item(ROMEO.full, Subscription.BOTH, "Romeo"), ver="v3")
    assert [resource.name for resource in view.resources(ROMEO.bare)] == ["orchard"]
    assert list(view.strangers) == ["mercutio@montague.example"]
    assert view == final_view(ORDERS[0])


def test_a_forged_result_before_the_real_one_is_ignored() -> None:
    scene = asking()
    before = scene.client

    step = scene.server(
        "<iq type='result' id='s1-roster' from='tybalt@capulet.example/hall'>"
        "<query xmlns='jabber:iq:roster'><item jid='tybalt@capulet.example' subscription='both'/></query></iq>"
    )

    assert is_silent(step, session_rules.ANSWER_FORGED)
    assert changed_nothing(before, step)
    assert scene.server(RESULT).state.roster.ver == "v1"


@pytest.mark.parametrize("from_", ["", "from='juliet@capulet.example'", "from='JULIET@capulet.example'"])
def test_the_result_may_come_from_the_account_in_either_form(from_: str) -> None:
    scene = asking()

    step = scene.server(f"<iq type='result' id='s1-roster' {from_}><query xmlns='jabber:iq:roster' ver='v'/></iq>")

    assert step.state.roster == roster_of(ver="v")


def test_the_roster_outlives_the_session_and_nothing_else_does() -> None:
    scene = asking(roster_of(LOVER, ver="v1"))
    scene.server("<presence from='romeo@montague.example/orchard'/>")

    assert scene.client.without_session() == Client(JULIET, roster_of(LOVER, ver="v1"))
