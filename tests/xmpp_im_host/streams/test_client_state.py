"""Client state indication (XEP-0352): what an inactive client gets later, or never because it is out of date."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.xmpp_im_host.streams.conversation import EASY, Conversation, ack, stanza_of
from xmpp_im_core.codec import write_stanza
from xmpp_im_host.streams import Acknowledged, Active, Inactive, StreamEnded
from xmpp_im_host.streams.client_state import HeldBack

ACTIVE = "<active xmlns='urn:xmpp:csi:0'/>"
INACTIVE = "<inactive xmlns='urn:xmpp:csi:0'/>"
COMPOSING = '<composing xmlns="http://jabber.org/protocol/chatstates"/>'
PAUSED = '<paused xmlns="http://jabber.org/protocol/chatstates"/>'


def presence(sender: str = "romeo@example.net/orchard", inner: str = "", type: str | None = None) -> str:
    kind = "" if type is None else f' type="{type}"'
    return f'<presence from="{sender}"{kind}>{inner}</presence>' if inner else f'<presence from="{sender}"{kind}/>'


def message(inner: str, sender: str = "romeo@example.net/orchard") -> str:
    return f'<message from="{sender}" type="chat">{inner}</message>'


BODY = message("<body>Ay me!</body>")


def inactive(*, managed: bool = False, held_back: int = 200) -> Conversation:
    talk = Conversation(evolve(EASY, held_back=held_back, ask_after=1000))
    assert (talk.manages() if managed else talk.binds()).says(INACTIVE) == ""
    return talk


def sends(talk: Conversation, *texts: str) -> str:
    for number, text in enumerate(texts):
        talk.stream.send(stanza_of(text), number)
    return talk.hears()


def test_a_client_is_active_until_it_says_otherwise() -> None:
    """§5: "The server MUST assume all clients to be in the 'active' state until the client indicates otherwise"."""
    talk = Conversation().binds()
    assert sends(talk, presence()) == presence()
    assert talk.says(ACTIVE) == ""
    talk.says(INACTIVE, INACTIVE)
    assert sends(talk, presence()) == ""
    assert talk.says(ACTIVE, ACTIVE) == presence()
    assert sends(talk, presence()) == presence()
    assert [type(event) for event in talk.events[-2:]] == [Inactive, Active]


def test_what_is_held_back_stays_when_the_client_says_again_that_it_is_inactive() -> None:
    talk = inactive()
    sends(talk, presence())
    assert talk.says(INACTIVE) == ""
    assert talk.says(ACTIVE) == presence()


def test_only_the_newest_presence_of_each_full_jid_is_sent() -> None:
    talk = inactive()
    other = presence("romeo@example.net/home")
    assert sends(talk, presence(inner="<show>away</show>"), other, presence(type="unavailable")) == ""
    assert talk.says(ACTIVE) == other + presence(type="unavailable")


def test_chat_states_are_held_back_and_everything_precedes_an_important_stanza() -> None:
    talk = inactive()
    assert sends(talk, message(COMPOSING), presence(), message(PAUSED)) == ""
    assert sends(talk, BODY, presence()) == presence() + message(PAUSED) + BODY
    assert talk.says(ACTIVE) == presence()


@pytest.mark.parametrize(
    "important",
    [
        BODY,
        message("<body>x</body>" + COMPOSING),
        message('<x xmlns="urn:x"/>'),
        message('<x xmlns="urn:x"/>' + COMPOSING),
        message("<subject>x</subject>" + COMPOSING),
        message(""),
        message(COMPOSING).replace('"chat"', '"error"'),
        presence(type="subscribe"),
        presence(type="subscribed"),
        presence(type="error"),
        presence(type="probe"),
        f"<message>{COMPOSING}</message>",  # from the own account
        "<presence/>",
        '<iq from="im.example.com" id="1" type="get"><ping xmlns="urn:xmpp:ping"/></iq>',
        '<iq from="im.example.com" id="1" type="result"/>',
    ],
)
def test_what_is_important_is_sent_at_once(important: str) -> None:
    talk = inactive()
    first = presence("a@example.net/x")
    assert sends(talk, first, important) == first + write_stanza(stanza_of(important)).decode()
    assert sends(talk, presence()) == ""


@pytest.mark.parametrize(
    "accompanied",
    [
        "<thread>t</thread>" + COMPOSING,
        COMPOSING + '<no-store xmlns="urn:xmpp:hints"/>',
        COMPOSING + '<origin-id id="1" xmlns="urn:xmpp:sid:0"/>',
    ],
)
def test_what_accompanies_a_chat_state_does_not_make_it_important(accompanied: str) -> None:
    assert sends(inactive(), message(accompanied)) == ""


def test_what_is_held_back_is_bounded() -> None:
    talk = inactive(held_back=2)
    first, second, third = [presence(f"{name}@example.net/x") for name in "abc"]
    assert sends(talk, first, second, second) == ""
    assert sends(talk, third) == first + second + third
    assert sends(talk, first) == ""


def test_a_server_without_it_does_not_know_the_elements() -> None:
    talk = Conversation(evolve(EASY, held_back=0))
    talk.binds()
    assert "unsupported-stanza-type" in talk.says(INACTIVE)


def test_a_replaced_stanza_needs_no_delivery() -> None:
    talk = inactive(managed=True)
    sends(talk, presence(), presence(), BODY)
    assert talk.of(Acknowledged) == [Acknowledged((0,))]
    assert talk.stream.unacknowledged == (1, 2)
    talk.says(ack(2))
    assert talk.last(Acknowledged) == Acknowledged((1, 2))


def test_what_is_held_back_is_part_of_what_a_broken_stream_leaves() -> None:
    talk = inactive(managed=True)
    sends(talk, BODY, presence())
    assert talk.stream.unacknowledged == (0, 1)
    talk.stream.disconnected()
    talk.pump()
    assert talk.last(StreamEnded).resumable
    assert talk.stream.management is not None
    assert talk.stream.management.unacknowledged == (0, 1)
    assert talk.stream.unacknowledged == (0, 1)


def test_what_is_held_back_is_sent_before_the_end() -> None:
    talk = inactive()
    sends(talk, presence())
    talk.stream.close("system-shutdown")
    assert talk.hears().startswith(presence())


def test_an_answer_follows_what_the_client_has_asked_for_before() -> None:
    """§5.1: "after the state has been restored to 'active' and all resulting stanzas have been put on the wire"."""
    talk = inactive(managed=True)
    sends(talk, presence())
    assert talk.says(ACTIVE + "<r xmlns='urn:xmpp:sm:3'/>") == presence() + '<a xmlns="urn:xmpp:sm:3" h="0"/>'


def released(held: HeldBack) -> list[int]:
    return [item for _, item in held.release() if isinstance(item, int)]


_SENDERS = ["a@example.net/x", "a@example.net/y", "b@example.net/x"]
_STANZAS = st.tuples(st.sampled_from(_SENDERS), st.sampled_from(["presence", "chat state", "body"]))


@given(stanzas=st.lists(_STANZAS, max_size=30), limit=st.integers(1, 4))
def test_order_is_kept_and_only_what_a_newer_one_replaces_is_lost(stanzas: list[tuple[str, str]], limit: int) -> None:
    held = HeldBack(limit)
    out: list[int] = []
    for number, (sender, kind) in enumerate(stanzas):
        inner = {"presence": None, "chat state": COMPOSING, "body": "<body>x</body>"}[kind]
        stanza = stanza_of(presence(sender) if inner is None else message(inner, sender))
        if held.hold(stanza, number) is None:
            out += released(held)
            out.append(number)
        assert len(held.items) <= limit
    out += released(held)
    assert out == sorted(out)
    for number, (sender, kind) in enumerate(stanzas):
        newer = [later for later in range(number + 1, len(stanzas)) if stanzas[later] == (sender, kind)]
        if number not in out:
            assert kind != "body"
            assert newer
    assert held.items == ()
