"""A payload that was read from a stream is built when somebody asks for it, and nothing else shows that."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count, pairwise
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.codec.readers import bytewise, feed, header
from xmpp_im_core.codec import (
    COMPONENT,
    SERVER,
    CodecError,
    Limits,
    StreamParser,
    Unwritable,
    parse_stanza,
    recording,
    stanza_writer,
    write_stanza,
)
from xmpp_im_core.codec.parser_common import Names
from xmpp_im_core.element import XML, Element, element
from xmpp_im_core.host import Host, MemoryStorage, Wire
from xmpp_im_core.jid import parse_address
from xmpp_im_core.payload_cache import PayloadCache
from xmpp_im_core.server import Deliver, SessionId, hosting
from xmpp_im_core.stanza import CLIENT, Message, Payload, Stanza, payload
from xmpp_im_core.testing.value_strategies import NAMESPACES, elements, stanzas, texts

CONTENT: Final = [CLIENT, SERVER, COMPONENT]
CHAT: Final = (
    b"<message to='juliet@capulet.example' type='chat' id='1'><body>Art thou not <![CDATA[Romeo]]>?</body>"
    b"<active xmlns='http://jabber.org/protocol/chatstates'/></message>"
)


def opened(namespace: str = CLIENT, limits: Limits | None = None) -> StreamParser:
    parser = StreamParser(namespace, limits)
    parser.feed(header(namespace))
    return parser


def lazy(data: bytes, namespace: str = CLIENT) -> Stanza:
    (stanza,) = opened(namespace).feed(data)
    assert isinstance(stanza, Stanza)
    return stanza


def eager(stanza: Stanza) -> Stanza:
    """The same stanza, made from elements."""
    content = Payload(stanza.payload.children)
    assert content.unread is None
    return type(stanza)(stanza.to, stanza.from_, stanza.id, stanza.type, stanza.lang, content, stanza.attributes)


# --- the lazy way and the eager way give the same ---------------------------------------------------------------------

LOOKS: Final[list[Callable[[Stanza], object]]] = [
    lambda stanza: stanza,
    hash,
    repr,
    Stanza.size,
    lambda stanza: stanza.payload.elements,
    lambda stanza: stanza.error,
    lambda stanza: (stanza.payload.has("a"), stanza.payload.text_of("a"), stanza.payload.text_of("a", "urn:b")),
    lambda stanza: stanza.payload.namespaces(),
    lambda stanza: pickle.loads(pickle.dumps(stanza)),
    copy.deepcopy,
    *[lambda stanza, to=to: write_stanza(stanza, to) for to in CONTENT],
]
"""What one can ask of a stanza. Each may be the first that needs the payload."""

WRITTEN: Final = st.lists(elements((*NAMESPACES, XML)) | texts(), max_size=3).map(
    lambda children: Message(payload=payload(*children))
)


@given(stanzas() | WRITTEN, st.sampled_from(CONTENT), st.lists(st.sampled_from(LOOKS), min_size=1, max_size=3))
def test_a_stanza_that_was_written_is_read_as_what_it_was(
    stanza: Stanza, namespace: str, looks: list[Callable[[Stanza], object]]
) -> None:
    data = write_stanza(stanza, namespace)
    expected, read = eager(parse_stanza(data, namespace)), lazy(data, namespace)

    for look in looks:
        assert look(read) == look(expected)
    assert read == expected


PIECES: Final = [
    "<a>", "</a>", "<b:a xmlns:b='urn:b' b:c='1' c='2'>", "</b:a>", "<a xmlns='jabber:client'>", "<a xmlns='urn:a'>",
    "<a xmlns='jabber:server'>", "<a xmlns=''>", "<xml:a>", "</xml:a>", "<a/>", "<body>", "</body>", "<b:a/>",
    "<a z='&lt;' y='\n' xml:lang='cs'/>", "<a z='1' z='2'/>", "<a xmlns='urn:{a'/>", "<a xmlns:c='urn:c' c:b=''/>",
    "text", " ", "\r\n", "&amp;", "&#13;", "&#x1F600;", "é", "]]>", "<![CDATA[<a>&]]>", "<!-- a -->", "<?a?>", "&b;",
    "&", "<", ">", '"',
]  # fmt: skip
MARKUP: Final = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
CUTS: Final = st.lists(st.integers(0, 400), max_size=6)


@st.composite
def nested(draw: st.DrawFn) -> str:
    """The text of a payload in which every tag is closed, with prefixes, CDATA and references."""

    def content(depth: int) -> str:
        parts = draw(st.lists(st.sampled_from(["text", "&amp;\r\n", "é<![CDATA[<&]]>", "<a/>", "tag"]), max_size=4))
        return "".join([tag(depth) if part == "tag" else part for part in parts])

    def tag(depth: int) -> str:
        opening = draw(st.sampled_from([each for each in PIECES if each.startswith(("<a", "<b")) and each[-2] != "/"]))
        closing = "</b:a>" if opening.startswith("<b:a") else f"</{opening[1:].split('>')[0].split(' ')[0]}>"
        return f"{opening}{content(depth - 1) if depth else ''}{closing}"

    return content(4)


@given(nested() | MARKUP, st.sampled_from(CONTENT), CUTS, st.sampled_from(LOOKS))
def test_bytes_that_are_cut_anywhere_are_read_or_refused_as_a_whole_document_is(
    text: str, namespace: str, cuts: list[int], look: Callable[[Stanza], object]
) -> None:
    assume("</message" not in text)
    data, limits = f"<message id='1'>{text}</message>".encode(), Limits(depth=4)
    at = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(at)]

    expected, refused = outcome(lambda: [eager(parse_stanza(data, namespace, limits))])
    read, error = outcome(lambda: feed(opened(namespace, limits), pieces))

    if error is not None or expected:
        assert error is refused
        assert list(map(look, read)) == list(map(look, expected))
        assert read == expected
    else:
        assert read == []  # the stanza did not end


def outcome(read: Callable[[], list[Any]]) -> tuple[list[Any], type[CodecError] | None]:
    try:
        return read(), None
    except CodecError as error:
        return [], type(error)


@pytest.mark.parametrize("namespace", CONTENT)
def test_the_children_that_are_there_are_found_by_name_and_namespace(namespace: str) -> None:
    names = ("body", "x", "absent")
    data = "".join(f"<body xmlns='{each}'>1<x>2</x>3</body>4<x>5<y/>6</x>" for each in (*CONTENT, "", "urn:x"))
    expected = lazy(f"<message>{data}</message>".encode(), namespace).payload.children

    assert lazy(f"<message>{data}</message>".encode(), namespace).payload.namespaces() == {*CONTENT, "", "urn:x"}
    for name in names:
        for wanted in (*CONTENT, "", "urn:x"):
            for way in (Payload.first, Payload.all, Payload.has, Payload.text_of):
                read = lazy(f"<message>{data}</message>".encode(), namespace).payload
                assert way(read, name, wanted) == way(Payload(expected), name, wanted)


def test_text_that_comes_in_pieces_is_joined() -> None:
    """What is kept of a stanza does not depend on how its bytes travelled."""
    (stanza,) = feed(opened(), bytewise("<message><body>a\n中&amp;</body>b<c/>d\n</message>".encode()))
    assert isinstance(stanza, Message)
    unread = stanza.payload.unread
    assert isinstance(unread, recording.Recorded)

    assert [each for each in unread if isinstance(each, str)] == ["a\n中&", "b", "d\n"]


@pytest.mark.parametrize("size", [1, 100, 16_384, 100_000])
def test_a_long_text_is_joined_wherever_expat_and_the_reads_cut_it(size: int) -> None:
    text = "x\n&é" * 3_000
    escaped = text.replace("&", "&amp;")
    data = f"<message><body>{escaped}</body>{escaped}<c/>{escaped}</message>".encode()

    (stanza,) = feed(opened(), [data[at : at + size] for at in range(0, len(data), size)])
    assert isinstance(stanza, Message)
    unread = stanza.payload.unread
    assert isinstance(unread, recording.Recorded)

    assert [each for each in unread if isinstance(each, str)] == [text, text, text]


def test_a_text_that_expat_joins_is_not_joined_again(monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[object] = []
    monkeypatch.setattr(recording.Recorder, "join_text", joined.append)

    (stanza,) = opened().feed("<message><body>a\n中&amp;<![CDATA[b]]></body>c&#65;\r\nd</message>".encode())

    assert isinstance(stanza, Message)
    assert stanza.payload == payload(element("body", CLIENT, {}, ["a\n中&b"]), "cA\nd")
    assert joined == []


def test_the_handlers_of_tags_look_nothing_up_on_the_recorder() -> None:
    recorder = recording.Recorder(Names(lambda raw: ("", raw)), 9, lambda *_: 1, lambda: None, lambda: None)
    start, end, records = recorder.start, recorder.end, recorder.records
    start("message", [])
    start("child", [])

    for each in recording.Recorder.__slots__:
        delattr(recorder, each)
    start("a", ["c", "2", "b", "1"])
    end("a")

    assert [record and (record[0], *record[3:]) for record in records] == [
        (("", "child"), (), ()),
        (("", "a"), ("b", "c"), ("1", "2")),
        None,
    ]


@pytest.fixture
def tags(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the elements that the writer of records makes tags for."""
    made: list[str] = []
    make = stanza_writer.tag

    def counting(name: str, namespace: str, declare: bool) -> tuple[str, str]:
        made.append(name)
        return make(name, namespace, declare)

    monkeypatch.setattr(recording, "tag", counting)
    return made


def children_of(parser: StreamParser, tags: Iterable[str]) -> Payload:
    (message,) = parser.feed(f"<message>{''.join(tags)}</message>".encode())
    assert isinstance(message, Message)
    return message.payload


def test_the_tags_of_a_name_are_made_once_for_a_stream(tags: list[str]) -> None:
    parser = opened()
    parser.feed(CHAT)
    assert sorted(tags) == ["active", "active", "body", "body"]  # for each of two namespaces around it
    tags.clear()

    (chat,) = parser.feed(CHAT.replace(b"Romeo", b"Juliet"))

    assert isinstance(chat, Message)
    assert b"<body>Art thou not Juliet?</body><active xmlns=" in write_stanza(chat)
    assert tags == []


@pytest.mark.parametrize(
    ("written", "ready"),
    [
        ([f"<a{number}/>" for number in range(300)], 128),
        (["<b xmlns='urn:" + "b" * 130 + "'/>"] * 300, 0),  # records of one stanza must not hold its text 300 times
    ],
)
def test_few_and_short_tags_are_ready_and_the_others_are_made_when_they_are_written(
    written: list[str], ready: int, tags: list[str]
) -> None:
    parser = opened()
    children_of(parser, written)
    assert len(tags) == 2 * ready
    tags.clear()

    content = children_of(parser, written)
    assert tags == []
    text = write_stanza(Message(payload=content))

    assert len(tags) == 300 - ready
    assert text == write_stanza(Message(payload=Payload(content.children)))


def test_a_namespace_that_cannot_be_written_is_refused_when_it_is_written() -> None:
    parser = StreamParser(strange_namespaces=True)
    parser.feed(header(CLIENT))

    content = children_of(parser, ["<a xmlns='urn:{a'><b/></a>"])

    with pytest.raises(Unwritable):
        write_stanza(Message(payload=content))
    assert content.elements == (element("a", "urn:{a", {}, [element("b", "urn:{a")]),)


# --- who builds it ----------------------------------------------------------------------------------------------------


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The payloads whose children were built."""
    found: list[object] = []
    build = recording.build

    def counting(records: Iterable[recording.Record]) -> tuple[Element | str, ...]:
        found.append(records)
        return build(records)

    monkeypatch.setattr(recording, "build", counting)
    return found


@pytest.mark.parametrize(("come", "go"), [(CLIENT, CLIENT), (CLIENT, SERVER), (SERVER, CLIENT)])
def test_a_chat_that_only_passes_through_is_not_built(come: str, go: str, built: list[object]) -> None:
    message = lazy(CHAT, come)

    written = write_stanza(message.stamped(from_=parse_address("romeo@capulet.example/r")), go)
    message.size()
    assert message.payload.first("delay", "urn:xmpp:delay") is None
    assert message.payload.all("subject") == ()
    assert message.payload.has("active", "http://jabber.org/protocol/chatstates")
    assert message.payload.text_of("body") == "Art thou not Romeo?"

    assert built == []
    assert b"<body>Art thou not Romeo?</body><active " in written


@pytest.mark.parametrize("come", CONTENT)
def test_the_size_is_that_of_the_elements_in_every_content_namespace(come: str) -> None:
    message = lazy(CHAT, come)

    assert message.size() == eager(lazy(CHAT, come)).size()


def test_who_asks_for_the_children_builds_them_once(built: list[object]) -> None:
    message = lazy(CHAT)
    stamped = message.stamped(to=parse_address("nurse@capulet.example"))

    for each in (message, stamped):
        assert each.payload.first("body") == element("body", CLIENT, {}, ["Art thou not Romeo?"])
        assert len(each.payload.children) == 2

    assert len(built) == 1
    assert message.payload.unread is None


class Wires(Wire):
    """Writes each stanza that is delivered."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        self.written.append(write_stanza(stanza))
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        raise AssertionError(condition)


def test_a_chat_from_client_to_client_through_a_server_is_not_built(built: list[object]) -> None:
    ids, wires = count(1), Wires()
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    host = Host(hosting("capulet.example"), MemoryStorage(), wires, lambda: noon, lambda: f"{next(ids):09}")
    sessions = {}
    for user in ("romeo@capulet.example", "juliet@capulet.example"):
        host.create(user)
        sessions[user] = host.bind(user, "r")
        host.receive(user, sessions[user], lazy(b"<presence/>"))

    wires.written.clear()
    host.receive("romeo@capulet.example", sessions["romeo@capulet.example"], lazy(CHAT))

    assert [b"<body>Art thou not Romeo?</body>" in each for each in wires.written] == [True]
    assert built == []


def test_children_that_another_thread_has_built_meanwhile_are_used() -> None:
    content = lazy(CHAT).payload
    children = content.children

    assert content.unread is None
    assert PayloadCache.__getattr__(content, "children") is children  # type: ignore[attr-defined]  # kept from types
    assert not hasattr(content, "nonsense")


def test_a_child_in_the_namespace_of_xml_does_not_change_the_namespace_of_its_children() -> None:
    stanza = lazy(b"<message to='juliet@capulet.example'><xml:note><body>Art</body></xml:note></message>")

    assert (
        write_stanza(stanza) == b'<message to="juliet@capulet.example"><xml:note><body>Art</body></xml:note></message>'
    )
    assert stanza == eager(stanza)
