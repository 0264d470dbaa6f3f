"""Romeo and Juliet meet, and part: subscriptions and rosters through both halves (RFC 6121 §2, §3)."""

from __future__ import annotations

from tests.both_halves.stage import (
    BALCONY,
    CHAMBER,
    JULIET,
    ORCHARD,
    ROMEO,
    VERONA,
    available,
    befriend,
    names,
    subscribes,
    told,
)
from xmpp_im_core.client import (
    Approve,
    Client,
    Deny,
    GoUnavailable,
    Item,
    RemoveItem,
    SetItem,
    SetPresence,
    Show,
    Subscribe,
    Text,
    Unsubscribe,
    notifications,
)
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.server import State
from xmpp_im_core.snapshot import from_text, to_text
from xmpp_im_core.stanza import to_element
from xmpp_im_core.subscription import BOTH, FROM, NONE, NONE_IN, NONE_OUT, TO
from xmpp_im_core.testing.hosts import ClientHost
from xmpp_im_core.testing.world import World


def romeo_and_juliet() -> tuple[World[State], ClientHost, ClientHost]:
    world = World(*VERONA)
    return world, world.enter(ORCHARD.full), world.enter(BALCONY.full)


def test_a_request_is_shown_approved_and_followed_by_presence() -> None:
    world, romeo, juliet = romeo_and_juliet()
    juliet.wants(SetPresence, Show.CHAT)

    romeo.wants(Subscribe, JULIET, (Text("Soft! what light?"),))
    world.settle()

    assert romeo.client.subscription(JULIET.bare) is NONE_OUT
    assert juliet.client.subscription(ROMEO.bare) is NONE_IN
    (request,) = told(juliet, notifications.SubscriptionRequest)
    assert request.request.presence.payload.first("status") is not None
    assert available(romeo, JULIET) == []

    juliet.wants(Approve, ROMEO)
    world.settle()

    assert romeo.client.roster.items == FrozenMap({JULIET.bare: Item(JULIET.bare, TO)})
    assert juliet.client.roster.items == FrozenMap({ROMEO.bare: Item(ROMEO.bare, FROM)})
    assert juliet.client.requests == FrozenMap()
    assert [each.expected for each in told(romeo, notifications.Subscribed)] == [True]
    assert available(romeo, JULIET) == ["balcony"]
    assert available(juliet, ROMEO) == []


def test_both_subscribe_and_each_sees_the_other() -> None:
    world, romeo, juliet = romeo_and_juliet()

    befriend(world, romeo, juliet)

    assert romeo.client.subscription(JULIET.bare) is BOTH
    assert juliet.client.subscription(ROMEO.bare) is BOTH
    assert available(romeo, JULIET) == ["balcony"]
    assert available(juliet, ROMEO) == ["orchard"]

    juliet.wants(GoUnavailable)
    world.settle()

    assert available(romeo, JULIET) == []


def test_requests_that_cross_are_both_answered() -> None:
    world, romeo, juliet = romeo_and_juliet()

    romeo.wants(Subscribe, JULIET)
    juliet.wants(Subscribe, ROMEO)
    world.settle()
    romeo.wants(Approve, JULIET)
    juliet.wants(Approve, ROMEO)
    world.settle()

    assert romeo.client.subscription(JULIET.bare) is BOTH
    assert juliet.client.subscription(ROMEO.bare) is BOTH


def test_a_request_for_somebody_absent_is_shown_when_she_comes() -> None:
    world = World(*VERONA)
    world.create(JULIET.bare)
    romeo = world.enter(ORCHARD.full)

    romeo.wants(Subscribe, JULIET)
    world.settle()
    juliet = world.enter(BALCONY.full)

    assert [each.jid for each in told(juliet, notifications.SubscriptionRequest)] == [ROMEO]


def test_what_was_pre_approved_is_not_asked_again() -> None:
    world, romeo, juliet = romeo_and_juliet()

    juliet.wants(Approve, ROMEO)
    world.settle()

    assert juliet.client.roster.items == FrozenMap({ROMEO.bare: Item(ROMEO.bare, approved=True)})

    romeo.wants(Subscribe, JULIET)
    world.settle()

    assert told(juliet, notifications.SubscriptionRequest) == []
    assert romeo.client.subscription(JULIET.bare) is TO
    assert juliet.client.subscription(ROMEO.bare) is FROM
    assert available(romeo, JULIET) == ["balcony"]


def test_a_denied_request_leaves_nothing_but_the_item() -> None:
    world, romeo, juliet = romeo_and_juliet()
    romeo.wants(Subscribe, JULIET)
    world.settle()

    juliet.wants(Deny, ROMEO)
    world.settle()

    assert romeo.client.roster.items == FrozenMap({JULIET.bare: Item(JULIET.bare, NONE)})
    assert juliet.client.roster.items == FrozenMap()
    assert juliet.client.requests == FrozenMap()
    assert [each.jid for each in told(romeo, notifications.Unsubscribed)] == [JULIET]
    assert available(romeo, JULIET) == []


def test_a_cancelled_subscription_takes_the_presence_with_it() -> None:
    world, romeo, juliet = romeo_and_juliet()
    befriend(world, romeo, juliet)

    juliet.wants(Deny, ROMEO)
    world.settle()

    assert romeo.client.subscription(JULIET.bare) is FROM
    assert juliet.client.subscription(ROMEO.bare) is TO
    assert available(romeo, JULIET) == []
    assert available(juliet, ROMEO) == ["orchard"]


def test_who_unsubscribes_sees_no_more_and_is_still_seen() -> None:
    world, romeo, juliet = romeo_and_juliet()
    befriend(world, romeo, juliet)

    romeo.wants(Unsubscribe, JULIET)
    world.settle()

    assert romeo.client.subscription(JULIET.bare) is FROM
    assert juliet.client.subscription(ROMEO.bare) is TO
    assert [each.jid for each in told(juliet, notifications.Unsubscribe)] == [ROMEO]
    assert available(romeo, JULIET) == []
    assert available(juliet, ROMEO) == ["orchard"]


def test_a_removed_item_ends_both_subscriptions() -> None:
    world, romeo, juliet = romeo_and_juliet()
    befriend(world, romeo, juliet)

    romeo.wants(RemoveItem, JULIET)
    world.settle()

    assert romeo.client.roster.items == FrozenMap()
    assert juliet.client.roster.items == FrozenMap({ROMEO.bare: Item(ROMEO.bare, NONE)})
    assert available(romeo, JULIET) == available(juliet, ROMEO) == []


def test_all_resources_are_pushed_what_one_of_them_sets() -> None:
    world, _, balcony = romeo_and_juliet()
    chamber = world.enter(CHAMBER.full)

    names(world, chamber, ROMEO, "Romeo", "Friends")

    romeo = Item(ROMEO.bare, NONE, "Romeo", ("Friends",))
    assert balcony.client.roster.items == chamber.client.roster.items == FrozenMap({ROMEO.bare: romeo})


# --- roster versioning (§2.6) -------------------------------------------------------------------------------


def kept(client: Client) -> Client:
    """Return a client that was saved, and is loaded again."""
    loaded = from_text(to_text(client))
    assert isinstance(loaded, Client)
    return loaded


def test_a_roster_that_has_not_changed_is_not_sent_again() -> None:
    world, romeo, juliet = romeo_and_juliet()
    befriend(world, romeo, juliet)
    juliet.close()
    world.settle()
    world.said()

    again = world.enter(BALCONY.full, kept(juliet.client))

    answers = [to_element(line.stanza) for line in world.said() if line.stanza.type == "result"]
    assert [answer.elements for answer in answers] == [()]
    assert again.client.roster == juliet.client.roster
    assert available(again, ROMEO) == ["orchard"]


def test_what_has_changed_in_between_is_pushed() -> None:
    world, romeo, balcony = romeo_and_juliet()
    chamber = world.enter(CHAMBER.full)
    befriend(world, romeo, balcony)
    balcony.close()
    world.settle()
    names(world, chamber, ROMEO, "Romeo")
    names(world, chamber, ORCHARD, "Romeo", "Lovers")
    chamber.wants(SetItem, world.enter("nurse@capulet.example/kitchen").jid, "Nurse")
    world.settle()

    again = world.enter(BALCONY.full, kept(balcony.client))

    assert again.client.roster == chamber.client.roster
    assert set(again.client.roster.items) == {ROMEO.bare, "nurse@capulet.example"}
    assert again.client.roster.items[ROMEO.bare] == Item(ROMEO.bare, BOTH, "Romeo", ("Lovers",))


def test_a_client_that_comes_back_misses_no_removal() -> None:
    world, romeo, balcony = romeo_and_juliet()
    subscribes(world, romeo, balcony)
    balcony.close()
    world.settle()
    chamber = world.enter(CHAMBER.full)
    chamber.wants(RemoveItem, ROMEO)
    world.settle()

    again = world.enter(BALCONY.full, kept(balcony.client))

    assert again.client.roster.items == FrozenMap()
    assert [each.item.jid for each in told(again, notifications.ItemRemoved)] == [ROMEO.bare]
