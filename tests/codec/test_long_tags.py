"""A long tag that comes in small pieces: read as any other, and at a cost that grows with its length alone."""

from __future__ import annotations

from typing import Any, Final
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codec.readers import feed, header
from tests.one_test import in_one_test
from xmpp_im_core.codec import (
    CLIENT_TO_SERVER,
    BadFormat,
    CodecError,
    Limits,
    RestrictedXML,
    StreamParser,
    stream_parser,
)
from xmpp_im_core.stanza import Message

LONG: Final = 5000
"""More bytes than are read again for each piece."""

TAGS: Final = {
    "an attribute": b"<message id='" + b"x" * LONG + b"'/>",
    "an attribute full of ends": b"<message id='" + b">" * LONG + b"'/>",
    "the other quotes in quotes": b"<message id='" + b'">' * LONG + b"' from=\"" + b"'>'" * LONG + b'"/>',
    "whitespace": b"<message " + b" " * LONG + b"/>",
    "a name": b"<message><" + b"n" * LONG + b"/></message>",
    "the end of a name": b"<message><n:" + b"n" * LONG + b" xmlns:n='urn:n'></n:" + b"n" * LONG + b"></message>",
    "whitespace at the end": b"<message></message" + b" " * LONG + b">",
    "ends and quotes in text": b"<message><body>" + b"\"'>'" * LONG + b"</body></message>",
    "ends and quotes in CDATA": b"<message><body><![CDATA[" + b"'<!-- >\"" * LONG + b"]]></body></message>",
    "a tag behind text in one piece": b"<message><body>" + b"'" * LONG + b"</body></message>",
    "one behind another": b"<message id='" + b'">' * LONG + b"'><x a=\"" + b"'>" * LONG + b'"/></message>',
}
EACH_TAG = in_one_test("stanza", TAGS.values(), ids=TAGS)
SIZES = in_one_test("size", [1, 7, 1000, 1500])


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@EACH_TAG
@SIZES
def test_a_stanza_is_there_with_its_last_byte(stanza: bytes, size: int) -> None:
    (whole,) = feed(opened(), [stanza])
    assert isinstance(whole, Message)
    parser = opened()

    before = feed(parser, pieces(stanza[:-1], size))

    assert before == []
    assert parser.feed(stanza[-1:]) == (whole,)


@SIZES
def test_a_header_is_complete_with_its_last_byte(size: int) -> None:
    declaration = b"<?xml version='1.0'" + b" " * LONG + b"?>"
    opening = declaration + header(attributes=f"id='{'&gt;>' * LONG}'")
    (whole,) = StreamParser().feed(opening)
    parser = StreamParser()

    before = feed(parser, pieces(opening[:-1], size))

    assert before == []
    assert parser.feed(opening[-1:]) == (whole,)


@given(st.lists(st.text("x>'\"<& \n/", max_size=2000), max_size=3), st.lists(st.integers(1, 3000), min_size=1))
def test_every_attribute_reads_the_same_at_every_cut(values: list[str], sizes: list[int]) -> None:
    names = [f" a{n}='{value.replace('&', '&amp;').replace('<', '&lt;')}'" for n, value in enumerate(values)]
    data = f"<message{''.join(names)}><body>Soft!</body></message><presence/>".encode()
    expected, cut = outcome([data]), []
    while data:
        for size in sizes:
            cut.append(data[:size])
            data = data[size:]

    assert outcome(cut) == expected


def outcome(data: list[bytes], limits: Limits | None = None) -> object:
    """Return what is read, or the error and what came before it; behind it all there is more."""
    parser = opened(limits)
    events: list[object] = []
    try:
        for piece in [*data, b" " * 10_000]:
            events += parser.feed(piece)
    except CodecError as error:
        return [*events, *error.before], type(error)
    return events


def opened(limits: Limits | None = None) -> StreamParser:
    parser = StreamParser(limits=limits)
    parser.feed(header())
    return parser


# --- what it costs ----------------------------------------------------------------------------------------------------


class Counting:
    """Expat, and how many bytes it has had to look at: the new ones, and before them what was not yet finished."""

    read = 0

    def __init__(self, *arguments: Any) -> None:
        vars(self)["parser"] = expat.ParserCreate(*arguments)
        vars(self)["fed"] = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["parser"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(vars(self)["parser"], name, value)

    def Parse(self, data: bytes, final: bool) -> Any:
        unfinished = vars(self)["fed"] - max(self.CurrentByteIndex, 0)
        type(self).read += unfinished + len(data)
        vars(self)["fed"] += len(data)
        return vars(self)["parser"].Parse(data, final)


FLOODS: Final[dict[str, tuple[bytes, bytes]]] = {
    "an attribute": (b"<message id='", b"x"),
    "an attribute full of ends": (b"<message id='", b">"),
    "an attribute full of the other quotes": (b"<message id='", b'"">'),
    "whitespace": (b"<message ", b" "),
    "attributes": (b"<message ", b"a%d='>' "),
    "a name": (b"<message><", b"x"),
    "the end of a name": (b"<message><x></x", b"x"),
    "whitespace at the end": (b"<message></message", b" "),
    "a comment": (b"<message><!-- ", b">'"),
    "a processing instruction": (b"<message><?x ", b">'"),
    "a reference": (b"<message>&", b"x"),
    "text": (b"<message>", b"'>\""),
    "CDATA": (b"<message><![CDATA[", b"'>\""),
    "tags": (b"<message>", b"<x/>"),
    "long tags": (b"<message>", b"<x a='" + b">" * 2000 + b"'/>"),
}


@pytest.mark.parametrize(("begins", "goes_on"), FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("size", [1, 3])
def test_the_work_grows_linearly_with_the_length(
    begins: bytes, goes_on: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood = begins + b"".join(numbered(goes_on, n) for n in range(16_000 // len(goes_on)))
    monkeypatch.setattr(stream_parser, "ParserCreate", Counting)
    monkeypatch.setattr(Counting, "read", 0)
    parser = opened(CLIENT_TO_SERVER)

    with pytest.raises(CodecError):
        feed(parser, [*pieces(flood, size), b">", b"x" * (1 << 18)])

    for_short_things = (
        1024 * (len(flood) // size) // 2
    )  # what is read again of things shorter than a kilobyte, at worst
    assert Counting.read <= 4 * (len(flood) + (1 << 18)) + for_short_things


def numbered(text: bytes, n: int) -> bytes:
    return text % n if b"%" in text else text


REFUSED: Final[dict[str, tuple[bytes, type[CodecError]]]] = {
    "a comment": (b"<message><!-- " + b">" * LONG + b"--></message>", RestrictedXML),
    "a processing instruction": (b"<message><?x " + b">" * LONG + b"?></message>", RestrictedXML),
    "a tag in a tag": (b"<message " + b" " * LONG + b"<x/></message>", CodecError),
    "a bare attribute": (b"<message " + b"a" * LONG + b"></message>", CodecError),
    "a quoted end": (b"<message></message" + b" " * LONG + b"'>", CodecError),
    "text between stanzas": (b"x" * LONG, BadFormat),
}


@in_one_test(("data", "error"), REFUSED.values(), ids=REFUSED)
@SIZES
def test_what_is_refused_is_refused_when_as_much_again_has_come(
    data: bytes, error: type[CodecError], size: int
) -> None:
    with pytest.raises(error):
        feed(opened(), pieces(data + b" " * len(data), size))
    with pytest.raises(error):
        opened().feed(data)


@SIZES
@in_one_test("length", [9_998, 9_999, 10_000, 10_001])
def test_the_limit_is_the_same_however_it_is_cut(length: int, size: int) -> None:
    stanza = b"<message id='" + b">" * (length - len(b"<message id=''/>")) + b"'/>"
    limits = Limits(stanza_bytes=10_000)

    assert outcome(pieces(stanza, size), limits) == outcome([stanza], limits)
