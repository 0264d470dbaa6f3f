"""The content of messages: subject, body and thread (RFC 6121 §5.2), read tolerantly and written strictly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs
from attrs import field, frozen

from xmpp_im_core.element import XML_LANG, Element, element, language_key, language_of
from xmpp_im_core.stanza import CLIENT, Message, Payload, payload
from xmpp_im_core.validators import is_optional_text, is_text, not_empty


@frozen
class Text:
    """Human-readable text in one language. None stands for the language of the stanza or stream (§5.2.3).

    The empty string stands for ``xml:lang=''``: the language is unknown, and none is inherited (XML 1.0 §2.12).
    """

    text: str = field(validator=is_text)
    lang: str | None = field(default=None, validator=is_optional_text)


@frozen
class Thread:
    """A conversation (§5.2.5). Its id is opaque: only exact comparisons can be made against it.

    :raises ValueError: for an empty id, and where the parent is the thread itself, or no token (RFC 6120 §A.5).
    """

    id: str = field(validator=not_empty)
    parent: str | None = field(default=None)
    """The thread that this one is an offshoot of."""

    @parent.validator
    def _is_another(self, attribute: attrs.Attribute[str | None], value: str | None) -> None:
        is_optional_text(self, attribute, value)
        if value is not None and not may_be_parent(value, self.id):
            raise ValueError(f"parent: {value!r} is no other thread (RFC 6121 §5.2.5)")


def may_be_parent(parent: str, thread: str) -> bool:
    """Whether a text names another thread: a token, neither empty nor with a space in it (§5.2.5)."""
    return parent != thread and len(parent.split()) == 1


@frozen
class Content:
    """What a message says."""

    type: str
    """The type to obey: absent and unknown types count as "normal" (§5.2.2)."""
    bodies: tuple[Text, ...] = ()
    """One a language, in the order they stand; the first where a language is repeated."""
    subjects: tuple[Text, ...] = ()
    thread: Thread | None = None
    lang: str | None = None
    """The language of the stanza, its own or that of its stream: the default of its texts (RFC 6120 §8.1.5)."""

    def body(self, *preferred: str) -> str | None:
        """Return the body in the first of these languages that there is.

        If there is no such body, return the one in the stanza's own language, else the first body, else None.
        """
        return choose(self.bodies, (*preferred, self.lang))

    def subject(self, *preferred: str) -> str | None:
        """Return the subject, as :meth:`body` chooses."""
        return choose(self.subjects, (*preferred, self.lang))


def choose(texts: tuple[Text, ...], preferred: Iterable[str | None]) -> str | None:
    """Return the text in the first of the languages that there is, else the first, else None."""
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
    return Content(
        message.kind,
        read_texts(message.payload.all("body"), inherited),
        read_texts(message.payload.all("subject"), inherited),
        _read_thread(message),
        inherited,
    )


def was_delayed(message: Message) -> bool:
    """Whether a message was stored, or held up otherwise, on its way (XEP-0203, and XEP-0091 before it)."""
    content = message.payload
    return content.first("delay", "urn:xmpp:delay") is not None or content.first("x", "jabber:x:delay") is not None


def read_texts(children: Iterable[Element], inherited: str | None) -> tuple[Text, ...]:
    """Read elements that differ by language alone; of two in one language the first counts."""
    by_language: dict[str, Text] = {}
    for child in children:
        lang = language_of(child, inherited)
        by_language.setdefault(language_key(lang), Text(child.text, lang))
    return tuple(by_language.values())


def _read_thread(message: Message) -> Thread | None:
    child = message.payload.first("thread")
    if child is None or not child.text:
        return None
    parent = child.get("parent")
    return Thread(child.text, parent if parent is not None and may_be_parent(parent, child.text) else None)


def write_texts(name: str, texts: Iterable[Text]) -> Iterator[Element]:
    """Yield the elements of this name that say these texts."""
    for text in texts:
        yield element(name, CLIENT, {} if text.lang is None else {XML_LANG: text.lang}, [text.text])


def write_thread(thread: Thread | None) -> Iterator[Element]:
    """Yield the thread element, if there is to be one."""
    if thread is not None:
        yield element("thread", CLIENT, {} if thread.parent is None else {"parent": thread.parent}, [thread.id])


def said(status: Iterable[Text], extensions: Iterable[Element]) -> Payload:
    """Return the payload of presence that carries a status and extended content, and no more (§4.7.2.2, §4.7.3)."""
    return payload(*write_texts("status", status), *extensions)
