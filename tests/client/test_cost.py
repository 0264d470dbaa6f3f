"""What the common steps of a client do not do, because nothing needs it. Calls and instructions are counted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import evolve

from tests.client.counting import calls, copies, work
from tests.client.stage import Scene, roster_of
from xmpp_im_core.client import (
    ClientPolicy,
    GiveUp,
    Inbound,
    Item,
    RosterCache,
    SendIQ,
    SendMessage,
    SessionEnded,
    SetItem,
    reduce,
)
from xmpp_im_core.client.content import Text, Thread, read_content
from xmpp_im_core.client.events import Asking
from xmpp_im_core.client.presence.strangers import reclassified
from xmpp_im_core.client.questions import sets_waiting
from xmpp_im_core.client.state import Client
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.copying import copied
from xmpp_im_core.element import element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.stanza import Message, Payload
from xmpp_im_core.subscription import BOTH, FROM

ROMEO = "romeo@montague.example"


def test_the_content_of_a_message_is_read_in_one_pass() -> None:
    message = parse_stanza(
        "<message xml:lang='en'><subject>S</subject><body>B</body><body xml:lang='de'>D</body><body>again</body>"
        "<x xmlns='urn:x'><body/></x><thread parent='p'>t</thread><thread>u</thread></message>"
    )
    assert isinstance(message, Message)
    read = partial(read_content, message)

    assert read().bodies == (Text("B", "en"), Text("D", "de"))
    assert read().subjects == (Text("S", "en"),)
    assert read().thread == Thread("t", "p")
    elements = vars(Payload)["elements"].fget
    assert calls(read, elements, Payload.all, Payload.first) == 0


def test_the_copies_of_common_steps_take_their_values_by_position() -> None:
    """``copied`` takes longer to collect its arguments than the copy of a client takes."""
    scene = Scene(roster_of(Item(ROMEO, BOTH)))
    item = f"<item jid='{ROMEO}' subscription='both' name='R'/>"
    chat = f"<message from='{ROMEO}/orchard' type='chat'><body>Soft!</body><thread>t</thread></message>"
    presence = f"<presence from='{ROMEO}/orchard'/>"
    push = f"<iq type='set' id='p'><query xmlns='jabber:iq:roster'>{item}</query></iq>"

    for xml in (presence, presence, chat, chat, push):
        assert calls(partial(scene.server, xml), copied) == 0, xml
    said = SendMessage(*scene.stamp(), parse_jid(ROMEO), bodies=(Text("Hi"),))
    assert calls(partial(scene.take, said), copied) == 0


def test_a_roster_without_full_jids_is_not_searched_for_them() -> None:
    plain = RosterCache(FrozenMap({ROMEO: Item(ROMEO)}))
    old = RosterCache(FrozenMap({ROMEO: Item(ROMEO), "a@b.example/c": Item("a@b.example/c")}))
    for roster in (plain, old):
        assert roster.at(ROMEO) == (Item(ROMEO),)

    assert 1.5 * work(partial(plain.at, ROMEO)) < work(partial(old.at, ROMEO))


def test_a_push_for_somebody_without_presence_leaves_the_strangers_alone() -> None:
    client = Scene(roster_of()).client

    after, effects = reclassified(client, (ROMEO,), ClientPolicy())

    assert (after is client, effects) == (True, ())
    assert calls(partial(reclassified, client, (ROMEO,), ClientPolicy()), Client.is_stranger) == 0


def test_a_push_for_an_item_copies_the_client_only_for_what_changes() -> None:
    scene = Scene(roster_of())
    push = (
        f"<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='{ROMEO}' subscription='both'/></query></iq>"
    )

    assert copies(partial(scene.server, push), Client) == 1
    assert scene.client.subscription(parse_jid(ROMEO).bare).to


def test_a_push_that_changes_an_item_neither_reclassifies_the_contact_nor_copies_the_client_twice() -> None:
    scene = Scene(roster_of(Item(ROMEO, BOTH)))
    scene.server(f"<presence from='{ROMEO}/orchard'/>")

    def push(attributes: str) -> Callable[[], object]:
        item = f"<item jid='{ROMEO}' {attributes}/>"
        return partial(scene.server, f"<iq type='set' id='p'><query xmlns='jabber:iq:roster'>{item}</query></iq>")

    looked = (Client.is_stranger, Client.subscription)
    assert calls(push("subscription='both' name='R'"), *looked) == 0
    assert copies(push("subscription='both' name='Romeo'"), Client) == 1
    assert calls(push("subscription='from'"), Client.subscription) == 1  # whether the presence is to be forgotten
    assert ROMEO not in scene.client.presences


def test_a_removed_contact_with_presence_is_classified_again() -> None:
    scene = Scene(roster_of(Item(ROMEO, FROM)))
    scene.server(f"<presence from='{ROMEO}/orchard'/>")
    item = f"<item jid='{ROMEO}' subscription='remove'/>"

    scene.server(f"<iq type='set' id='p'><query xmlns='jabber:iq:roster'>{item}</query></iq>")

    assert list(scene.client.strangers) == [ROMEO]


def test_a_push_does_not_search_the_sets_that_wait_for_answers() -> None:
    def push(waiting: int) -> int:
        scene = Scene(roster_of(), policy=ClientPolicy(questions=2_000))
        for number in range(waiting):
            scene.take(SetItem(*scene.stamp(), parse_jid(f"friend{number % 100}@x.example"), name=f"{number}"))
        xml = "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='friend3@x.example'/></query></iq>"
        inbound = Inbound(*scene.stamp(), parse_stanza(xml))
        return work(partial(reduce, scene.client, inbound, scene.policy))

    assert push(1_000) < 1.2 * push(100)


def test_the_sets_that_wait_are_those_of_the_questions_after_any_answers() -> None:
    scene = Scene(roster_of())
    jids = [parse_jid(f"friend{number}@x.example") for number in range(3)]

    def check(expected: dict[str, int]) -> None:
        kept = sets_waiting(scene.client)
        assert dict(kept) == expected
        assert sets_waiting(scene.client) is kept
        assert dict(sets_waiting(evolve(scene.client, sets=None))) == expected

    check({})
    for jid in (*jids, jids[0], jids[0]):
        scene.take(SetItem(*scene.stamp(), jid, name="N"))
    scene.take(SendIQ(*scene.stamp(), Asking.GET, element("ping", "urn:xmpp:ping")))
    ids = list(scene.client.questions)
    check({jids[0].full: 3, jids[1].full: 1, jids[2].full: 1})
    for number, id in enumerate(ids):
        change = scene.client.questions[id].change
        before = dict(sets_waiting(scene.client))
        if number % 2:
            scene.take(GiveUp(*scene.stamp(), id))
        else:
            scene.server(f"<iq type='{'result' if number else 'error'}' id='{id}'/>")
        if change is not None:
            before[change.jid] -= 1
        check({jid: each for jid, each in before.items() if each})
    assert not scene.client.questions


def test_the_sets_of_an_earlier_session_do_not_wait() -> None:
    scene = Scene(roster_of())
    scene.take(SetItem(*scene.stamp(), parse_jid(ROMEO), name="N"))
    assert dict(sets_waiting(scene.client)) == {ROMEO: 1}

    scene.take(SessionEnded(*scene.stamp()))

    assert dict(sets_waiting(scene.client)) == {}
