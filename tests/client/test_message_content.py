"""What messages say (RFC 6121 §5.2)."""

from __future__ import annotations

import pytest

from tests.client.messages_stage import received
from tests.client.stage import (
    NOON,
    ORCHARD,
    ROMEO,
    Scene,
    elements,
    message,
    rules_of,
    sent,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    Content,
    MessageType,
    SendMessage,
    Text,
    Thread,
)
from xmpp_im_core.client.notifications import MessageReceived
from xmpp_im_core.rules import client_messages as rules

# --- what messages say (§5.2) -------------------------------------------------------------------------------


@in_one_test("type", ["normal", "chat", "groupchat", "headline"])
def test_a_message_of_each_type_is_told_with_its_content(type: str) -> None:
    xml = (
        f"<message from='{ORCHARD}' type='{type}' xml:lang='en'><subject>I implore you!</subject>"
        "<subject xml:lang='cs'>Úpěnlivě prosím!</subject><body>Wherefore art thou?</body>"
        "<body xml:lang='cs'>Pročež jsi ty?</body><thread parent='e0ffe42b'>0e3141cd</thread>"
        "<x xmlns='urn:x'/></message>"
    )

    notification = received(Scene(), xml)

    assert notification.content == Content(
        type,
        (Text("Wherefore art thou?", "en"), Text("Pročež jsi ty?", "cs")),
        (Text("I implore you!", "en"), Text("Úpěnlivě prosím!", "cs")),
        Thread("0e3141cd", "e0ffe42b"),
        "en",
    )
    assert notification.message == message(xml)
    assert notification.content.body("cs", "en") == "Pročež jsi ty?"
    assert notification.content.body("de") == "Wherefore art thou?"
    assert notification.content.subject("CS") == "Úpěnlivě prosím!"


@pytest.mark.parametrize("type", ["", "type='foo'", "type='Chat'"])
def test_a_message_without_a_type_or_of_an_unknown_one_is_normal(type: str) -> None:
    scene = Scene()

    step = scene.server(f"<message from='{ORCHARD}' {type}><body>Hi</body></message>")

    (notification,) = told(step)
    assert isinstance(notification, MessageReceived)
    assert notification.content.type == "normal"
    assert rules_of(step) == [rules.UNTYPED_MESSAGE_RECEIVED]


def test_a_body_without_a_language_has_that_of_the_stanza_or_of_the_stream() -> None:
    scene = Scene(lang="it")

    assert received(scene, f"<message from='{ROMEO}'><body>Ciao</body></message>").content.bodies == (
        Text("Ciao", "it"),
    )
    assert received(scene, f"<message from='{ROMEO}' xml:lang='en'><body>Hi</body></message>").content.bodies == (
        Text("Hi", "en"),
    )


@in_one_test(
    ("stanza", "stream", "bodies", "shown"),
    [
        ("xml:lang='en'", None, "<body xml:lang='fr'>a</body><body>b</body>", "b"),
        ("xml:lang='EN'", None, "<body xml:lang='fr'>a</body><body xml:lang='en'>b</body>", "b"),
        ("", "en", "<body xml:lang='fr'>a</body><body>b</body>", "b"),
        ("", None, "<body xml:lang='fr'>a</body><body>b</body>", "b"),
        ("xml:lang=''", "en", "<body xml:lang='en'>a</body><body>b</body>", "b"),
        ("xml:lang='en'", None, "<body xml:lang='fr'>a</body><body xml:lang='cs'>b</body>", "a"),
    ],
)
def test_the_default_body_is_in_the_language_of_the_stanza_or_is_the_first(
    stanza: str, stream: str | None, bodies: str, shown: str
) -> None:
    """ "The value of the 'xml:lang' attribute specifies the default language" (RFC 6120 §8.1.5)."""
    content = received(Scene(lang=stream), f"<message from='{ROMEO}' {stanza}>{bodies}</message>").content

    assert content.body() == shown
    assert content.body("de") == shown


@pytest.mark.parametrize("stream", [None, "en"])
def test_the_statement_that_a_text_is_in_no_language_is_kept(stream: str | None) -> None:
    """It "is considered that there is no language information available" (XML 1.0 §2.12)."""
    body = f"<message from='{ROMEO}' xml:lang='en'><body xml:lang=''>a</body><body>b</body></message>"
    whole = f"<message from='{ROMEO}' xml:lang=''><body>a</body></message>"

    assert received(Scene(lang=stream), body).content.bodies == (Text("a", ""), Text("b", "en"))
    assert received(Scene(lang=stream), whole).content.bodies == (Text("a", ""),)


def test_a_text_in_no_language_is_sent_with_that_statement() -> None:
    step = Scene().take(SendMessage(NOON, "s", ROMEO, (Text("a", ""), Text("b", "en")), MessageType.NORMAL))

    assert sent(step) == elements(
        f"<message to='{ROMEO}' id='s-message' type='normal'><body xml:lang=''>a</body>"
        "<body xml:lang='en'>b</body></message>"
    )


def test_the_first_of_two_bodies_in_one_language_counts() -> None:
    content = received(Scene(), f"<message from='{ROMEO}'><body>a</body><body>b</body></message>").content

    assert content.bodies == (Text("a"),)


@in_one_test("thread", ["A b", " a b ", "\u2665", "a"])
def test_threads_are_opaque_and_compared_exactly(thread: str) -> None:
    content = received(Scene(), f"<message from='{ROMEO}'><thread>{thread}</thread></message>").content

    assert content.thread == Thread(thread)
    assert content.thread != Thread(thread.swapcase() + " ")


def test_a_thread_without_an_id_is_no_thread() -> None:
    content = received(Scene(), f"<message from='{ROMEO}'><thread parent='t'/></message>").content

    assert content.thread is None


@pytest.mark.parametrize("parent", ["t", "", "a b"])
def test_a_thread_cannot_be_its_own_parent(parent: str) -> None:
    content = received(Scene(), f"<message from='{ROMEO}'><thread parent='{parent}'>t</thread></message>").content

    assert content.thread == Thread("t")
    with pytest.raises(ValueError, match="no other thread"):
        Thread("t", parent)
