"""What is wrong with a stream is the same wherever it is cut."""

from __future__ import annotations

from typing import Final

import pytest

from tests.codec.readers import bytewise, feed, header
from tests.one_test import in_one_test
from xmpp_im_core.codec import CodecError, Limits, NotWellFormed, StreamParser

BROKEN: Final = [
    "<message a=\N{CLOUD}/>".encode(),
    "<message><\N{CLOUD}/></message>".encode(),
    "<message><\N{GRINNING FACE}/></message>".encode(),
    "<message><a\N{GRINNING FACE}/></message>".encode(),
    "<message>&\N{CLOUD};</message>".encode(),
    "<message>&#\N{CLOUD};</message>".encode(),
    "<message a='1'\N{CLOUD}/>".encode(),
    "<message/\N{CLOUD}>".encode(),
    "</\N{CLOUD}>".encode(),
    "\N{CLOUD}".encode(),
    "<message>\ufffe</message>".encode(),
    b"x<!-- -->",
    b"x<?x ?>",
    b"x<a:b/>",
    b"<message>\xff</message>",
    b"<message>\xe2\x98</message>",
    b"<message>\xe2\x98\xe2\x98\x81</message>",
    b"<message>\xed\xa0\x80</message>",
    b"<message>\xf4\x90\x80\x80</message>",
    b"<message>\xc0\xaf</message>",
    b"<message a=\xff/>",
    b"<message a=\xe2(/>",
    b"<message a='" + b"x" * 3_000 + b"\xe2(' b=\xe2\x98\x81/>",
    b"<message " + b" " * 3_000 + b"<\xff/>",
    b"<message>" + b"\xe2\x98\x81" * 100 + b"]]></message>",
]


EACH = in_one_test("wrong", BROKEN, ids=lambda wrong: repr(wrong[:40]))


@EACH
def test_the_condition_of_an_error_does_not_depend_on_the_cuts(wrong: bytes) -> None:
    """RFC 6120 §4.9.3: each condition says what is wrong with the stream, and not how its bytes travelled."""
    assert len(conditions(wrong, Limits())) == 1


@pytest.mark.parametrize("limits", [range(140, 160, 4), pytest.param(range(140, 160), marks=pytest.mark.slow)])
@EACH
def test_the_cuts_do_not_change_the_condition_near_the_limit(wrong: bytes, limits: range) -> None:
    for limit in limits:
        assert len(conditions(b"<message><body>" + b"x" * 110 + wrong, Limits(limit))) == 1, limit


def conditions(wrong: bytes, limits: Limits) -> set[type[CodecError]]:
    """The errors that a stream ends with, whole, byte by byte, and cut at each of its first and last bytes."""
    data = wrong + b"</message>" + b" " * 8_000
    cuts = {*range(min(len(wrong), 60) + 1), *range(max(len(wrong) - 40, 0), len(wrong) + 1)}
    found = set()
    for pieces in ([data], bytewise(data), *[[data[:cut], data[cut:]] for cut in sorted(cuts)]):
        parser = StreamParser(limits=limits)
        parser.feed(header())
        try:
            feed(parser, pieces)
        except CodecError as error:
            found.add(type(error))
        else:
            pytest.fail("no error")
    return found


def test_a_character_may_be_cut_anywhere() -> None:
    for character in "\N{CLOUD}\N{GRINNING FACE}\xe9":
        assert conditions(f"<message><body>{character}</message>".encode(), Limits()) == {NotWellFormed}
