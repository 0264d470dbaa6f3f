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
from xmpp_im_core.testing.network import Network
from xmpp_im_core.testing.network_hosts import NetworkClient


def romeo_and_juliet() -> tuple[Network[State], NetworkClient, NetworkClient]:
    network = Network(*VERONA)
    return network, network.enter(ORCHARD.full), network.enter(BALCONY.full)


def test_a_request_is_shown_approved_and_followed_by_presence() -> None:
    network, romeo, juliet = romeo_and_juliet()
    juliet.wants(SetPresence, Show.CHAT)

    romeo.wants(Subscribe, JULIET, (Text("Soft! what light?"),))
    network.settle()

    assert romeo.client.subscription(JULIET.bare) is NONE_OUT
    assert juliet.client.subscription(ROMEO.bare) is NONE_IN
    (request,) = told(juliet, notifications.SubscriptionRequest)
    assert request.request.presence.payload.first("status") is not None
    assert available(romeo, JULIET) == []

    juliet.wants(Approve, ROMEO)
    network.settle()

    assert romeo.client.roster.items == FrozenMap({JULIET.bare: Item(JULIET.bare, TO)})
    assert juliet.client.roster.items == FrozenMap({ROMEO.bare: Item(ROMEO.bare, FROM)})
    assert juliet.client.requests == FrozenMap()
    assert [each.expected for each in told(romeo, notifications.Subscribed)] == [True]
    assert available(romeo, JULIET) == ["balcony"]
    assert available(juliet, ROMEO) == []


def test_both_subscribe_and_each_sees_the_other() -> None:
    network, romeo, juliet = romeo_and_juliet()

    befriend(network, romeo, juliet)

    assert romeo.client.subscription(JULIET.bare) is BOTH
    assert juliet.client.subscription(ROMEO.bare) is BOTH
    assert available(romeo, JULIET) == ["balcony"]
    assert available(juliet, ROMEO) == ["orchard"]

    juliet.wants(GoUnavailable)
    network.settle()

    assert available(romeo, JULIET) == []


def test_requests_that_cross_are_both_answered() -> None:
    network, romeo, juliet = romeo_and_juliet()

    romeo.wants(Subscribe, JULIET)
    juliet.wants(Subscribe, ROMEO)
    network.settle()
    romeo.wants(Approve, JULIET)
    juliet.wants(Approve, ROMEO)
    network.settle()

    assert romeo.client.subscription(JULIET.bare) is BOTH
    assert juliet.client.subscription(ROMEO.bare) is BOTH


def test_a_request_for_somebody_absent_is_shown_when_she_comes() -> None:
    network = Network(*VERONA)
    network.create(JULIET.bare)
    romeo = network.enter(ORCHARD.full)

    romeo.wants(Subscribe, JULIET)
    network.settle()
    juliet = network.enter(BALCONY.full)

    assert [each.jid for each in told(juliet, notifications.SubscriptionRequest)] == [ROMEO]


def test_what_was_pre_approved_is_not_asked_again() -> None:
    network, romeo, juliet = romeo_and_juliet()

    juliet.wants(Approve, ROMEO)
    network.settle()

    assert juliet.client.roster.items == FrozenMap({ROMEO.bare: Item(ROMEO.bare, approved=True)})

    romeo.wants(Subscribe, JULIET)
    network.settle()

    assert told(juliet, notifications.SubscriptionRequest) == []
    assert romeo.client.subscription(JULIET.bare) is TO
    assert juliet.client.subscription(ROMEO.bare) is FROM
    assert available(romeo, JULIET) == ["balcony"]


def test_a_denied_request_leaves_nothing_but_the_item() -> None:
    network, romeo, juliet = romeo_and_juliet()
    romeo.wants(Subscribe, JULIET)
    network.settle()

    juliet.wants(Deny, ROMEO)
    network.settle()

    assert romeo.client.roster.items == FrozenMap({JULIET.bare: Item(JULIET.bare, NONE)})
    assert juliet.client.roster.items == FrozenMap()
    assert juliet.client.requests == FrozenMap()
    assert [each.jid for each in told(romeo, notifications.Unsubscribed)] == [JULIET]
    assert available(romeo, JULIET) == []


def test_a_cancelled_subscription_takes_the_presence_with_it() -> None:
    network, romeo, juliet = romeo_and_juliet()
    befriend(network, romeo, juliet)

    juliet.wants(Deny, ROMEO)
    network.settle()

    assert romeo.client.subscription(JULIET.bare) is FROM
    assert juliet.client.subscription(ROMEO.bare) is TO
    assert available(romeo, JULIET) == []
    assert available(juliet, ROMEO) == ["orchard"]


def test_a_user_who_unsubscribes_no_longer_sees_the_contact_and_is_still_seen() -> None:
    network, romeo, juliet = romeo_and_juliet()
    befriend(network, romeo, juliet)

    romeo.wants(Unsubscribe, JULIET)
    network.settle()

    assert romeo.client.subscription(JULIET.bare) is FROM
    assert juliet.client.subscription(ROMEO.bare) is TO
    assert [each.jid for each in told(juliet, notifications.ContactUnsubscribed)] == [ROMEO]
    assert available(romeo, JULIET) == []
    assert available(juliet, ROMEO) == ["orchard"]


def test_a_removed_item_ends_both_subscriptions() -> None:
    network, romeo, juliet = romeo_and_juliet()
    befriend(network, romeo, juliet)

    romeo.wants(RemoveItem, JULIET)
    network.settle()

    assert romeo.client.roster.items == FrozenMap()
    assert juliet.client.roster.items == FrozenMap({ROMEO.bare: Item(ROMEO.bare, NONE)})
    assert available(romeo, JULIET) == available(juliet, ROMEO) == []


def test_all_resources_are_pushed_what_one_of_them_sets() -> None:
    network, _, balcony = romeo_and_juliet()
    chamber = network.enter(CHAMBER.full)

    names(network, chamber, ROMEO, "Romeo", "Friends")

    romeo = Item(ROMEO.bare, NONE, "Romeo", ("Friends",))
    assert balcony.client.roster.items == chamber.client.roster.items == FrozenMap({ROMEO.bare: romeo})


# --- roster versioning (§2.6) -------------------------------------------------------------------------------


def kept(client: Client) -> Client:
    """Return a client that was saved, and is loaded again."""
    loaded = from_text(to_text(client))
    assert isinstance(loaded, Client)
    return loaded


def test_a_roster_that_has_not_changed_is_not_sent_again() -> None:
    network, romeo, juliet = romeo_and_juliet()
    befriend(network, romeo, juliet)
    juliet.close()
    network.settle()
    network.said()

    again = network.enter(BALCONY.full, kept(juliet.client))

    answers = [to_element(line.stanza) for line in network.said() if line.stanza.type == "result"]
    assert [answer.elements for answer in answers] == [()]
    assert again.client.roster == juliet.client.roster
    assert available(again, ROMEO) == ["orchard"]


def test_what_has_changed_in_between_is_pushed() -> None:
    network, romeo, balcony = romeo_and_juliet()
    chamber = network.enter(CHAMBER.full)
    befriend(network, romeo, balcony)
    balcony.close()
    network.settle()
    names(network, chamber, ROMEO, "Romeo")
    names(network, chamber, ORCHARD, "Romeo", "Lovers")
    chamber.wants(SetItem, network.enter("nurse@capulet.example/kitchen").jid, "Nurse")
    network.settle()

    again = network.enter(BALCONY.full, kept(balcony.client))

    assert again.client.roster == chamber.client.roster
    assert set(again.client.roster.items) == {ROMEO.bare, "nurse@capulet.example"}
    assert again.client.roster.items[ROMEO.bare] == Item(ROMEO.bare, BOTH, "Romeo", ("Lovers",))


def test_a_client_that_comes_back_misses_no_removal() -> None:
    network, romeo, balcony = romeo_and_juliet()
    subscribes(network, romeo, balcony)
    balcony.close()
    network.settle()
    chamber = network.enter(CHAMBER.full)
    chamber.wants(RemoveItem, ROMEO)
    network.settle()

    again = network.enter(BALCONY.full, kept(balcony.client))

    assert again.client.roster.items == FrozenMap()
    assert [each.item.jid for each in told(again, notifications.ItemRemoved)] == [ROMEO.bare]
