"""What a stream leaves behind in its parser: nothing that grows, wherever the reads end."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any, ClassVar, Final
from xml.parsers import expat

import pytest

from tests.codec.readers import feed, header
from xmpp_im_core.codec import (
    SERVER,
    BadFormat,
    Limits,
    NonStanza,
    NotWellFormed,
    RestrictedXML,
    StreamClosed,
    StreamParser,
    TooLarge,
    stream_parser,
    write_stanza,
)
from xmpp_im_core.element import element
from xmpp_im_core.stanza import CLIENT, IQ, Message, Presence, payload

BODY = element("body", CLIENT, {}, ["Wherefore art thou, Romeo?"])
CLOSE = b"</stream:stream>"


MADE_UP: Final = {
    "names": "<message {0}='1'><{0} xmlns='urn:{0:.1000}'/></message>",
    "prefixes": "<message xmlns:{0}='urn:x'/>",
    "prefixes that are used": "<message xmlns:{0}='urn:x'><{0}:a {0}:b='1'/></message>",
}
WORST: Final = ("prefixes that are used", "before the last byte")
"""The form of most names, cut where the parser never rests."""


CUTS: Final = {"between stanzas": 0, "behind the first byte": 1, "before the last byte": -1}
EVERY: Final = [
    pytest.param(form, cut, marks=[] if (name, where) == WORST else [pytest.mark.slow], id=f"{where}-{name}")
    for name, form in MADE_UP.items()
    for where, cut in CUTS.items()
]


@pytest.mark.parametrize(("form", "cut"), EVERY)
def test_a_long_stream_of_made_up_names_leaves_nothing_behind(form: str, cut: int) -> None:
    """RFC 6120 §13.12: what a peer makes an entity keep is bounded, wherever the reads end."""
    parser = StreamParser()
    parser.feed(header())
    rest = b""

    def made_up(numbers: range) -> int:
        nonlocal rest
        for number in numbers:
            data = form.format(f"n{number}" + "x" * 2_000).encode()
            parser.feed(rest + data[:cut] if cut else data)
            rest = data[cut:] if cut else b""
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = made_up(range(500))
        after = made_up(range(500, 2_500))
    finally:
        tracemalloc.stop()

    assert after - before < 2_000_000  # the names are 4 to 12 MB


class Fed:
    """Expat, and how many bytes each one has been fed."""

    each: ClassVar[list[int]] = []

    def __init__(self, *arguments: Any) -> None:
        vars(self)["parser"] = expat.ParserCreate(*arguments)
        vars(self)["number"] = len(self.each)
        self.each.append(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["parser"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(vars(self)["parser"], name, value)

    def Parse(self, data: bytes, final: bool) -> Any:
        self.each[vars(self)["number"]] += len(data)
        return vars(self)["parser"].Parse(data, final)


@pytest.mark.parametrize(
    "size", [1_000, 100_000, *[pytest.param(size, marks=pytest.mark.slow) for size in (1_001, 5_000_000)]]
)
def test_no_expat_reads_much_and_little_is_read_twice(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_parser, "ParserCreate", Fed)
    monkeypatch.setattr(Fed, "each", [])
    stanza = b"<message><body>Wherefore art thou, Romeo?</body></message>"
    data = stanza * 15_000
    parser = StreamParser()
    parser.feed(header())

    events = feed(parser, [data[at : at + size] for at in range(0, len(data), size)])

    assert len(events) == 15_000
    assert max(Fed.each) < 500_000 < len(data)
    assert sum(Fed.each) < 1.5 * len(data)


def test_a_stream_of_made_up_names_goes_on_as_it_began() -> None:
    parser = StreamParser(SERVER)
    parser.feed(b"<?xml version='1.0'?>" + header(SERVER, "xmlns:db='jabber:server:dialback' xml:lang='en' to='a>b'"))
    made_up = b"<message><a" + b"x" * 100_000 + b"/></message>"
    for cut in (0, 20, len(made_up) - 3, 0):
        for number in range(8):
            data = made_up.replace(b"<a", b"<a%d" % number)
            assert len(parser.feed(data[:cut]) + parser.feed(data[cut:])) == 1

        assert parser.feed(b" <db:result/><message><body>Wherefore art thou, Romeo?</body></message>") == (
            NonStanza(element("result", "jabber:server:dialback")),
            Message(lang="en", payload=payload(BODY)),
        )
    assert parser.feed(CLOSE) == (StreamClosed(),)
    assert parser.feed(b"\n") == ()
    with pytest.raises(NotWellFormed):
        parser.feed(header())


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize(
    "behind", [b"", b" ", b"<presence/>", b" \n<presence/><iq/> ", b"<r xmlns='urn:xmpp:sm:3'/> <pres"]
)
def test_what_follows_the_header_is_read_only_once(size: int, behind: bytes) -> None:
    parser = StreamParser()
    data = header(attributes="xml:lang='en'") + behind
    feed(parser, [data[at : at + size] for at in range(0, len(data), size)])
    if behind.endswith(b"<pres"):
        parser.feed(b"ence/>")

    for number in range(8):
        made_up = b"<message><a%d%s/></message>" % (number, b"x" * 100_000)
        assert len(parser.feed(made_up)) == 1

    assert parser.feed(b"<iq/>" + CLOSE) == (IQ(lang="en"), StreamClosed())


def test_whitespace_around_a_stream_is_not_kept() -> None:
    before, behind = StreamParser(limits=Limits(stanza_bytes=500)), StreamParser()
    behind.feed(header() + CLOSE)

    with pytest.raises(TooLarge):
        feed(before, [b" "] * 500)
    tracemalloc.start()
    try:
        feed(behind, [b" " * 1_000] * 1_000)
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()


def test_a_parser_that_goes_on_still_refuses() -> None:
    for attack, error in {b"</message>": NotWellFormed, b"O": BadFormat, b"<!-- -->": RestrictedXML}.items():
        parser = StreamParser()
        parser.feed(header())
        for number in range(4):
            parser.feed(b"<message><a%d%s/></message>" % (number, b"x" * 100_000))

        with pytest.raises(error):
            parser.feed(attack)


def test_a_stanza_that_is_longer_than_what_one_expat_reads_is_whole() -> None:
    body = element("body", CLIENT, {}, ["\N{CLOUD}" * 300_000])
    stanzas = (Message(payload=payload(body)), Presence(), Message(payload=payload(BODY)))
    data = b"".join(write_stanza(stanza) for stanza in stanzas)
    for size in (1_000, 70_001, len(data)):
        parser = StreamParser()
        parser.feed(header())

        assert tuple(feed(parser, [data[at : at + size] for at in range(0, len(data), size)])) == stanzas


def test_keepalives_do_not_count_towards_the_limit() -> None:
    parser = StreamParser(limits=Limits(stanza_bytes=200))
    parser.feed(header())

    for _ in range(300):
        assert parser.feed(b" ") == ()
    assert parser.feed(b"<presence/>") == (Presence(),)


def test_a_resting_parser_has_no_expat() -> None:
    """RFC 6120 §13.12: most streams are idle, and a server has to hold many of them."""

    def parsers(rest: bool) -> int:
        tracemalloc.start()
        try:
            made = [StreamParser() for _ in range(100)]
            for parser in made:
                parser.feed(header() + b"<presence/>")
                assert not rest or parser.rest()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert parsers(True) < parsers(False) / 4
