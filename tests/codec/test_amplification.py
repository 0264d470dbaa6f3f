"""What is small when it is read stays small in memory and when it is written (RFC 6120 §13.12)."""

from __future__ import annotations

import tracemalloc
from typing import Any, ClassVar, Final
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codec.readers import Reader, document, feed, header, stream
from xmpp_im_core.codec import (
    CLIENT_TO_SERVER,
    SERVER,
    SERVER_TO_CLIENT,
    SERVER_TO_SERVER,
    Limits,
    StreamParser,
    TooLarge,
    document_parser,
    parse_element,
    parse_stanza,
    stream_parser,
    write_element,
    write_stanza,
)
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.server.effects import Kind, Put
from xmpp_im_core.snapshot import dump_record, load_record
from xmpp_im_core.stanza import CLIENT, Message, Presence, Stanza, payload
from xmpp_im_core.testing.value_strategies import elements

MOST: Final = CLIENT_TO_SERVER.stanza_bytes


def cut(data: bytes, namespace: str = CLIENT, limits: Limits | None = None) -> Stanza:
    """In a stream that comes in short pieces."""
    pieces = [data[at : at + 700] for at in range(0, len(data), 700)]
    (stanza,) = feed(StreamParser(namespace, limits), [header(namespace), *pieces])[1:]
    assert isinstance(stanza, Stanza)
    return stanza


every_reader = pytest.mark.parametrize(
    "read", [stream, pytest.param(document, marks=pytest.mark.slow), pytest.param(cut, marks=pytest.mark.slow)]
)


def names(start: str, count: int) -> str:
    return " ".join(f"{start}{number}=''" for number in range(count))


def long(length: int) -> str:
    return "urn:" + "x" * (length - 4)


EMPTY: Final = "<b a:c=''/>"

GROWING: Final = {
    "a prefix of many elements": f"<message xmlns:a='{long(1000)}'>{'<a:b/>' * 15_000}</message>",
    "a prefix of every other level": f"<message xmlns:a='{long(1000)}'>{'<a:b><c/></a:b>' * 8_000}</message>",
    "a default namespace below a prefix": (
        f"<message><a:b xmlns:a='urn:a' xmlns='{long(1000)}'>{'<c/>' * 15_000}</a:b></message>"
    ),
    "a prefix of attributes of many elements": f"<message xmlns:a='{long(1000)}'>{EMPTY * 8_000}</message>",
    "a prefix of many attributes": f"<message><x xmlns:a='{long(1000)}' {names('a:b', 4000)}/></message>",
    "very many attributes with a prefix": f"<message><x xmlns:a='urn:a' {names('a:b', 4097)}/></message>",
    "very many, and the prefix declared before": f"<message xmlns:a='urn:a'><x {names('a:b', 4097)}/></message>",
    "a long namespace": f"<message xmlns='{CLIENT}' xmlns:a='{long(1025)}'><a:b/></message>",
    "a very long one": f"<message><a:b xmlns:a='{long(200_000)}'/></message>",
    "a very long one that is never used": f"<message xmlns:a='{long(200_000)}'/>",
    "a long one with references": f"<message xmlns:a='{'&#x41;' * 1025}'/>",
    "quotes": "<message id='{}'/>".format('"' * 70_000),
}


@every_reader
@pytest.mark.parametrize("form", GROWING.values(), ids=GROWING)
def test_a_document_that_grows_by_expansion_is_refused(form: str, read: Reader) -> None:
    assert len(form) < MOST

    with pytest.raises(TooLarge):
        read(form.encode(), limits=CLIENT_TO_SERVER)


KEPT: Final = {
    "a long namespace": f"<message><a:b xmlns:a='{long(1024)}'/></message>",
    "a long one with references": f"<message xmlns:a='{'&#x41;' * 1024}'><a:b/></message>",
    "many attributes with a prefix": f"<message><x xmlns:a='urn:a' {names('a:b', 4096)}/></message>",
    "many attributes without": f"<message><x {names('b', 10_000)}/></message>",
    "many elements of one namespace": f"<message><x xmlns='{long(1000)}'>{'<c/>' * 20_000}</x></message>",
    "what looks like a namespace in text": f"<message><body>&lt;x xmlns='{long(100_000)}'></body></message>",
    "what looks like one in CDATA": f"<message><body><![CDATA[<x xmlns='{long(100_000)}'>]]></body></message>",
    "what looks like one in a value": f"<message id=\"&lt;x xmlns:a='{long(100_000)}'\"/>",
    "a long body": f"<message><body>{'Soft! ' * 43_000}</body></message>",
}


@every_reader
@pytest.mark.parametrize("form", KEPT.values(), ids=KEPT)
def test_what_is_only_large_is_read(form: str, read: Reader) -> None:
    stanza = read(form.encode(), limits=CLIENT_TO_SERVER)

    assert len(write_stanza(stanza)) <= CLIENT_TO_SERVER.written_bytes
    assert parse_stanza(write_stanza(stanza)) == stanza


class Counting:
    """Expat, and how many bytes it has been fed."""

    fed: ClassVar[int] = 0

    def __init__(self, *arguments: Any) -> None:
        vars(self)["parser"] = expat.ParserCreate(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["parser"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(vars(self)["parser"], name, value)

    def Parse(self, data: bytes, final: bool) -> Any:
        Counting.fed += len(data)
        return vars(self)["parser"].Parse(data, final)


ATTACKS: Final = {
    "declared outside": f"<message xmlns:a='{long(100_000)}'><x {names('a:b', 9_000)}/></message>",
    "declared in the same tag": f"<message><x xmlns:a='{long(100_000)}' {names('a:b', 9_000)}/></message>",
}


@pytest.mark.parametrize("form", ATTACKS.values(), ids=ATTACKS)
def test_expat_never_gets_a_tag_that_multiplies_a_namespace(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expat puts the namespace into each attribute before it reports the tag: these bytes made gigabytes of it."""
    monkeypatch.setattr(stream_parser, "ParserCreate", Counting)
    monkeypatch.setattr(Counting, "fed", 0)
    parser = StreamParser(limits=CLIENT_TO_SERVER)

    with pytest.raises(TooLarge):
        parser.feed(header() + form.encode())
    assert Counting.fed < len(form) - 20_000


@pytest.mark.parametrize("form", ATTACKS.values(), ids=ATTACKS)
def test_a_document_is_looked_through_before_expat_gets_it(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(document_parser, "_parse")

    with pytest.raises(TooLarge):
        parse_element(form, limits=CLIENT_TO_SERVER)


@pytest.mark.slow
@pytest.mark.parametrize("form", GROWING.values(), ids=GROWING)
def test_what_is_refused_takes_no_memory_that_grows(form: str) -> None:
    """Elements take memory each, but no namespace is kept more often than the text is long."""
    parser = StreamParser(limits=CLIENT_TO_SERVER)
    parser.feed(header())
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            parser.feed(form.encode())
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < 400 * MOST


@pytest.mark.parametrize(
    ("here", "following"), [(CLIENT_TO_SERVER, SERVER_TO_SERVER), (SERVER_TO_SERVER, SERVER_TO_CLIENT)]
)
def test_what_one_server_takes_and_stamps_the_next_reader_takes(here: Limits, following: Limits) -> None:
    stamp = 3 * 6 * 3071  # 'from', 'to' and a language, of nothing but quotes

    assert here.written_bytes + stamp <= following.stanza_bytes


def test_a_stanza_as_large_as_can_be_written_reaches_the_next_server() -> None:
    data = "<message><x a='{}'>{}</x></message>".format('"' * 25_000, "y" * 230_000)
    stanza = parse_stanza(data, limits=CLIENT_TO_SERVER)
    stamped = stanza.stamped(from_=parse_address("r@example.net/" + '"' * 1000), to=parse_address("j@example.com"))

    assert len(write_stanza(stanza)) > 1.4 * MOST
    assert StreamParser(SERVER).feed(header(SERVER) + write_stanza(stamped, SERVER))[1:] == (stamped,)


def test_a_long_namespace_that_was_stored_is_still_loaded() -> None:
    notice = Put(Kind.NOTICE, "1", Presence(payload=payload(element("x", long(5000)))))

    assert load_record(notice.kind, notice.key, dump_record(notice)) == notice


PREFIXES = st.sampled_from(["", "a:", "b:"])


@st.composite
def prefixed(draw: st.DrawFn) -> str:
    """The text of a message with two prefixes and short elements below it, of the lengths that it is about."""
    lengths = draw(st.lists(st.integers(5, 1024), min_size=2, max_size=2))

    def tree(depth: int) -> str:
        name, attribute = draw(PREFIXES), draw(PREFIXES)
        inner = "".join(tree(depth - 1) for _ in range(draw(st.integers(0, 3)))) if depth else ""
        return f"<{name}x {attribute}y='1'>{inner}</{name}x>" * draw(st.integers(1, 3))

    first, second = (long(length) for length in lengths)
    return f"<message xmlns:a='{first}' xmlns:b='{second}'>{tree(3)}</message>"


@given(prefixed())
def test_a_stanza_is_refused_exactly_where_it_takes_more_than_the_limit_when_written(form: str) -> None:
    stanza = parse_stanza(form, limits=SERVER_TO_CLIENT)
    limits = Limits(stanza_bytes=len(form))
    fits = len(write_stanza(stanza)) <= limits.written_bytes

    assert accepted(form, limits) is fits


@given(elements())
def test_what_the_writer_has_written_is_never_refused(tree: Element) -> None:
    written = write_element(tree)

    assert parse_element(written, limits=Limits(stanza_bytes=len(written))) == tree


def accepted(form: str, limits: Limits) -> bool:
    try:
        read: Stanza = parse_stanza(form, limits=limits)
    except TooLarge:
        return False
    return bool(read)


def test_a_strange_namespace_is_read_also_where_the_written_size_is_counted() -> None:
    """What a program shows of a peer's stanza does not depend on its length."""
    parser = StreamParser(limits=Limits(stanza_bytes=500), strange_namespaces=True)
    parser.feed(header())

    for length in (1, 400):
        (stanza,) = parser.feed(f"<message><a xmlns='urn:{{a'/>{'x' * length}</message>".encode())
        assert isinstance(stanza, Message)
        assert stanza.payload.elements == (Element("a", "urn:{a"),)
