"""The content of a message is parsed when the application asks for it, and nothing else shows that."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.counting import calls
from tests.client.stage import BALCONY, JULIET, NOON, ORCHARD
from xmpp_im_core.client import Bound, Client, Inbound, SessionBound, Tell, read_content, reduce
from xmpp_im_core.client.content import thread_id
from xmpp_im_core.client.notifications import Carbon, MessageReceived, message_received
from xmpp_im_core.codec import StreamParser, recording, write_stream_header
from xmpp_im_core.element import element
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import CLIENT, Message, payload
from xmpp_im_core.testing.value_strategies import stanzas

CHAT: Final = (
    f"<message from='{ORCHARD}' to='{BALCONY}' type='{{}}' xml:lang='en'><body>Art thou not Romeo?</body>"
    "<thread>t<x/>1</thread><request xmlns='urn:xmpp:receipts'/></message>"
)
LOOKS: Final[list[Callable[[MessageReceived], object]]] = [
    lambda told: told.content,
    lambda told: (told.message, told.carbon),
    hash,
    repr,
    lambda told: pickle.loads(pickle.dumps(told)),
    copy.deepcopy,
]


def lazy(xml: str) -> Message:
    parser = StreamParser()
    parser.feed(write_stream_header())
    (stanza,) = parser.feed(xml.encode())
    assert isinstance(stanza, Message)
    return stanza


def bound(lang: str | None = None) -> Client:
    return reduce(Client(JULIET), SessionBound(NOON, "b", Bound(BALCONY, lang=lang))).state


@pytest.mark.parametrize("type", ["chat", "normal", "groupchat", "headline"])
def test_a_message_that_nobody_looks_into_is_neither_built_nor_parsed(type: str) -> None:
    """RFC 6121 §5.1: a chat session needs the sender and the thread of a message, and no other content."""
    message, client = lazy(CHAT.format(type)), bound()
    step = partial(reduce, client, Inbound(NOON, "e", message))

    assert calls(step, recording.build, read_content) == 0
    (effect,) = step().effects
    assert isinstance(effect, Tell)
    assert effect.rule is (rules.CHAT_RECEIVED if type == "chat" else rules.MESSAGE_RECEIVED)
    assert message.payload.unread is not None
    assert [chat.thread for chat in step().state.chats.values()] == (["t1"] if type == "chat" else [])


def test_the_content_is_parsed_once() -> None:
    told = message_received(lazy(CHAT.format("chat")), None)
    ask: Callable[[], object] = lambda: told.content  # noqa: E731

    assert calls(ask, read_content) == 1
    assert calls(ask, read_content) == 0


MESSAGES: Final = stanzas().filter(lambda stanza: isinstance(stanza, Message)) | st.lists(
    st.builds(
        element,
        st.sampled_from(["body", "subject", "thread", "x"]),
        st.sampled_from([CLIENT, "urn:x"]),
        st.just({}),
        st.lists(st.sampled_from(["a", "", element("thread", CLIENT, {}, ["b"])]), max_size=3),
    )
    | st.just("text"),
    max_size=4,
).map(lambda children: Message(payload=payload(*children)))


@given(
    MESSAGES,
    st.sampled_from([None, "", "en"]),
    st.sampled_from([None, *Carbon]),
    st.lists(st.sampled_from(LOOKS), min_size=1, max_size=3),
)
def test_a_notification_is_the_same_whenever_its_content_is_parsed(
    message: Message, lang: str | None, carbon: Carbon | None, looks: list[Callable[[MessageReceived], object]]
) -> None:
    parsed = MessageReceived(message, read_content(message, lang), carbon)
    told = message_received(message, lang, carbon)

    for look in looks:
        assert look(told) == look(parsed)
    assert told == parsed


@given(MESSAGES)
def test_the_thread_of_a_chat_session_is_that_of_the_content(message: Message) -> None:
    thread = read_content(message).thread

    assert thread_id(message) == (None if thread is None else thread.id)


@pytest.mark.parametrize(("stream", "stanza", "expected"), [("cs", "", "cs"), ("cs", "xml:lang='en'", "en")])
def test_the_content_has_the_language_of_the_stream_that_brought_it(stream: str, stanza: str, expected: str) -> None:
    """RFC 6120 §8.1.5: a stanza without xml:lang inherits the language of the stream."""
    message = lazy(f"<message from='{ORCHARD}' {stanza}><body>Hi</body></message>")

    (effect,) = reduce(bound(stream), Inbound(NOON, "e", message)).effects

    assert isinstance(effect, Tell)
    assert isinstance(effect.notification, MessageReceived)
    assert effect.notification.content.lang == expected


def test_another_name_is_not_found() -> None:
    assert not hasattr(message_received(Message(), None), "nonsense")
