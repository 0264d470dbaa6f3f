"""Addresses that this client cannot make into JIDs: nothing that comes from them is swallowed."""

from __future__ import annotations

from tests.client.stage import Scene, changed_nothing, elements, message, presence, roster_of, sent, stanza, told
from tests.one_test import in_one_test
from xmpp_im_core.client import Item, RemoveItem, Reply, notifications
from xmpp_im_core.client.content import read_content
from xmpp_im_core.jid import received_jid
from xmpp_im_core.rules import client_roster as rules
from xmpp_im_core.snapshot import from_text, to_text
from xmpp_im_core.stanza import IQ
from xmpp_im_core.subscription import Subscription

HEART = "\u2665\ufe0f"
OCCUPANT = f"room@muc.example/e\u0301{HEART}"
ADDRESSES = ["@", "romeo@montague_family.example", "romeo@montague.example:5222", "\u2665@montague.example", "a@b/\x7f"]
EACH = in_one_test("address", ADDRESSES)
TYPO = Item("foo@bar.example:5222", Subscription.TO)


@EACH
def test_a_message_is_told(address: str) -> None:
    xml = f"<message from='{address}' type='chat'><body>Hi</body></message>"
    scene = Scene()
    before = scene.client

    step = scene.server(xml)

    assert told(step) == [notifications.MessageReceived(message(xml), read_content(message(xml)))]
    assert changed_nothing(before, step)
    assert sent(scene.take(Reply(*scene.stamp(), message(xml), "Hi"))) == []


@EACH
def test_an_error_is_told(address: str) -> None:
    xml = f"<message from='{address}' type='error' id='1'/>"

    assert told(Scene().server(xml)) == [notifications.MessageFailed(None, message(xml), None)]


@EACH
@in_one_test("type", ["", "type='unavailable'", "type='subscribe'", "type='error'"])
def test_presence_is_told(address: str, type: str) -> None:
    xml = f"<presence from='{address}' {type}/>"
    scene = Scene()
    before = scene.client

    step = scene.server(xml)

    assert told(step) == [notifications.Unaddressed(presence(xml))]
    assert changed_nothing(before, step)


@EACH
@in_one_test("type", ["get", "set", "result", "error"])
def test_an_iq_is_told_and_not_answered(address: str, type: str) -> None:
    xml = f"<iq from='{address}' type='{type}' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b'/></query></iq>"
    scene = Scene()
    before = scene.client

    step = scene.server(xml)

    iq = stanza(xml)
    assert isinstance(iq, IQ)
    assert told(step) == [notifications.Unaddressed(iq)]
    assert sent(step) == []
    assert changed_nothing(before, step)


def test_an_item_is_removed_under_its_address_as_written() -> None:
    scene = Scene(roster_of(TYPO))

    step = scene.take(RemoveItem(*scene.stamp(), TYPO.jid))
    push = "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='{}' subscription='remove'/></query></iq>"
    pushed = scene.server(push.format(TYPO.jid))

    assert sent(step) == elements(
        "<iq type='set' id='s1-remove'><query xmlns='jabber:iq:roster'>"
        f"<item jid='{TYPO.jid}' subscription='remove'/></query></iq>"
    )
    assert notifications.ItemRemoved(TYPO) in told(pushed)
    assert list(scene.client.roster.items) == []


def test_an_address_that_the_roster_does_not_show_is_not_removed() -> None:
    scene = Scene(roster_of(TYPO))

    assert sent(scene.take(RemoveItem(*scene.stamp(), "a@b@c"))) == []
    handed = "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='{}'/></query></iq>"
    assert sent(scene.hands_over(handed.format("a@b@c"))) == []
    assert len(sent(scene.hands_over(handed.format(TYPO.jid)))) == 1


def test_a_roster_and_a_removal_by_such_an_address_can_be_saved() -> None:
    scene = Scene(roster_of(TYPO))
    scene.server(f"<presence from='{OCCUPANT}'/>", f"<message from='{OCCUPANT}' type='chat'><body>Hi</body></message>")

    assert from_text(to_text(scene.client)) == scene.client
    for jid in (TYPO.jid, received_jid(OCCUPANT)):
        event = RemoveItem(*scene.stamp(), jid)
        assert from_text(to_text(event)) == event


# --- opaque resourceparts -------------------------------------------------------------------------------------


def test_an_occupant_with_an_odd_nickname_is_an_occupant_as_others_are() -> None:
    scene = Scene()
    jid = received_jid(OCCUPANT)

    step = scene.server(f"<presence from='{OCCUPANT}'/>")
    assert told(step) == [notifications.Available(jid, presence(f"<presence from='{OCCUPANT}'/>"))]
    question = f"<iq from='{OCCUPANT}' type='get' id='1'><x xmlns='urn:x'/></iq>"
    assert [each.get("to") for each in sent(scene.server(question))] == [OCCUPANT]
    composed = f"<presence from='room@muc.example/\u00e9{HEART}' type='unavailable'/>"
    assert told(scene.server(composed)) == [notifications.Unavailable(jid, presence(composed))]


def test_an_odd_resource_of_the_own_account_is_never_this_one() -> None:
    """The own full JID with a variation selector does not speak for the account (RFC 6121 §2.1.6)."""
    scene = Scene()
    push = "<iq type='set' id='p' from='juliet@capulet.example/balcony\ufe0f'><query xmlns='jabber:iq:roster'>"

    step = scene.server(f"{push}<item jid='tybalt@capulet.example'/></query></iq>")

    assert [effect.rule for effect in step.effects] == [rules.PUSH_IGNORED]


# --- items with a resourcepart -----------------------------------------------------------------------------------


def test_items_with_full_jids_count_for_their_bare_jid() -> None:
    one, other = "romeo@montague.example/orchard", "romeo@montague.example/garden"
    roster = roster_of(Item(one, Subscription.TO), Item(other, Subscription.FROM), Item("romeo@montague.example.net/x"))
    client = Scene(roster).client

    assert client.subscription("romeo@montague.example") is Subscription.BOTH
    assert not client.is_stranger("romeo@montague.example")
    assert client.is_stranger("romeo@montague.exampl")
    assert client.subscription("romeo@montague.exampl") is Subscription.NONE


def test_the_roster_counts_such_items_as_they_come_and_go() -> None:
    jid, bare = "romeo@montague.example/orchard", "romeo@montague.example"
    roster = roster_of(Item("nurse@capulet.example"))
    for item in (Item(jid), Item(jid, Subscription.TO), None, None, Item(jid)):
        roster = roster.having(jid, item, "v")

        assert roster.at(bare) == (() if item is None else (item,))
        assert roster == roster_of(*roster.items.values(), ver="v")
