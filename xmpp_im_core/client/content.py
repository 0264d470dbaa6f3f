"""The content of messages: subject, body and thread (RFC 6121 §5.2). Reading is tolerant, writing is strict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs
from attrs import field

from xmpp_im_core.element import XML_LANG, Element, element, language_key, language_of
from xmpp_im_core.record import record
from xmpp_im_core.stanza import CLIENT, Message, Payload, payload
from xmpp_im_core.validators import is_optional_text, is_text, not_empty

_DELAY: Final = "urn:xmpp:delay"
_OLD_DELAY: Final = "jabber:x:delay"


@record
class Text:
    """Human-readable text in one language. None means the language of the stanza or stream (§5.2.3).

    The empty string means ``xml:lang=''``: the language is unknown, and none is inherited (XML 1.0 §2.12).
    """

    text: str = field(validator=is_text)
    lang: str | None = field(default=None, validator=is_optional_text)


@record
class Thread:
    """A conversation (§5.2.5). Its id is opaque: only exact comparisons can be made against it.

    :raises ValueError: for an empty id, and for a parent that is the thread itself or not a token (RFC 6120 §A.5).
    """

    id: str = field(validator=not_empty)
    parent: str | None = field(default=None)
    """The thread from which this thread has branched off."""

    @parent.validator
    def _is_another(self, attribute: attrs.Attribute[str | None], value: str | None) -> None:
        is_optional_text(self, attribute, value)
        if value is not None and not may_be_parent(value, self.id):
            raise ValueError(f"parent: {value!r} is no other thread (RFC 6121 §5.2.5)")


def may_be_parent(parent: str, thread: str) -> bool:
    """Whether a text names another thread: it is not empty and has no space (§5.2.5)."""
    return parent != thread and len(parent.split()) == 1


@record
class Content:
    """The content of a message."""

    type: str
    """The effective type: absent and unknown types count as "normal" (§5.2.2)."""
    bodies: tuple[Text, ...] = ()
    """One for each language, in their order. If a language is repeated, the first body counts."""
    subjects: tuple[Text, ...] = ()
    thread: Thread | None = None
    lang: str | None = None
    """The default language of the texts: that of the stanza, else that of the stream (RFC 6120 §8.1.5)."""

    def body(self, *preferred: str) -> str | None:
        """Return the body in the first of these languages that has one.

        If there is no such body, return the one in the stanza's own language, else the first body, else None.
        """
        return text_in(self.bodies, (*preferred, self.lang))

    def subject(self, *preferred: str) -> str | None:
        """Return the subject, as :meth:`body` chooses."""
        return text_in(self.subjects, (*preferred, self.lang))


def text_in(texts: tuple[Text, ...], preferred: Iterable[str | None]) -> str | None:
    """Return the text in the first of the languages that has one, else the first text, else None."""
    by_language = {language_key(text.lang): text.text for text in reversed(texts)}
    for wanted in preferred:
        if language_key(wanted) in by_language:
            return by_language[language_key(wanted)]
    return texts[0].text if texts else None


def read_content(message: Message, stream_lang: str | None = None) -> Content:
    """Read a message.

    :param stream_lang: the language of the stream, which a stanza without xml:lang inherits (RFC 6120 §8.1.5).
    """
    inherited = stream_lang if message.lang is None else message.lang
    bodies: list[Element] = []
    subjects: list[Element] = []
    threads: list[Element] = []
    for child in message.payload.children:  # once: this is a third of the step that takes a chat message
        if isinstance(child, str) or child.namespace != CLIENT:
            continue
        name = child.name
        if name == "body":
            bodies.append(child)
        elif name == "subject":
            subjects.append(child)
        elif name == "thread":
            threads.append(child)
    thread = _read_thread(threads[0]) if threads else None
    return Content(message.kind, read_texts(bodies, inherited), read_texts(subjects, inherited), thread, inherited)


def thread_id(message: Message) -> str | None:
    """Return the id of the thread that :func:`read_content` would read, without reading the rest; None without one."""
    return message.payload.text_of("thread") or None


def was_delayed(message: Message) -> bool:
    """Whether a message was stored or delayed on its way (XEP-0203, or the older XEP-0091)."""
    content = message.payload
    namespaces = content.namespaces()  # one look for what few messages have
    return (_DELAY in namespaces and content.has("delay", _DELAY)) or (
        _OLD_DELAY in namespaces and content.has("x", _OLD_DELAY)
    )


def read_texts(children: Sequence[Element], inherited: str | None) -> tuple[Text, ...]:
    """Read elements that differ only by language. Of two elements in one language, the first counts."""
    if len(children) < 2:  # as in nearly every message: nothing is to be compared
        return tuple([Text(child.text, language_of(child, inherited)) for child in children])
    by_language: dict[str, Text] = {}
    for child in children:
        lang = language_of(child, inherited)
        by_language.setdefault(language_key(lang), Text(child.text, lang))
    return tuple(by_language.values())


def _read_thread(child: Element) -> Thread | None:
    id = child.text
    if not id:
        return None
    parent = child.get("parent")
    return Thread(id, parent if parent is not None and may_be_parent(parent, id) else None)


def write_texts(name: str, texts: Iterable[Text]) -> Iterator[Element]:
    """Yield one element of this name for each text."""
    for text in texts:
        yield element(name, CLIENT, {} if text.lang is None else {XML_LANG: text.lang}, [text.text])


def write_thread(thread: Thread | None) -> Iterator[Element]:
    """Yield the thread element, if there is a thread."""
    if thread is not None:
        yield element("thread", CLIENT, {} if thread.parent is None else {"parent": thread.parent}, [thread.id])


def said(status: Iterable[Text], extensions: Iterable[Element]) -> Payload:
    """Return the payload of presence with only a status and extended content (§4.7.2.2, §4.7.3)."""
    return payload(*write_texts("status", status), *extensions)
